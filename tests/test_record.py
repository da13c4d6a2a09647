"""Recording: what PyAV reads back has the frames, the duration and the sound; errors are one line."""

import subprocess
import sys

import av
import numpy as np
import pytest
from helpers import screen_of
from PIL import Image

from instrument.render.record import Recorder, screenshot

RATE = 22050


screen = screen_of((64, 48))


def paint(screen, level):
    screen.begin()
    screen.framebuffer.clear(level, level, level, 1.0)


def record(screen, path, times, sound=()):
    recorder = Recorder(path, screen.size, fps=30, rate=RATE if sound else 0, wait=True)
    for now in times:
        paint(screen, (now % 1.0))
        recorder.frame(screen.framebuffer, 100.0 + now)
    for position, samples in sound:
        recorder.sound(samples, position)
    recorder.close()
    return recorder


def frames(path):
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def sound(path):
    with av.open(str(path)) as file:
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_recording_has_its_frames_duration_and_sound(screen, tmp_path, suffix):
    path = tmp_path / f"show{suffix}"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE).astype(np.float32)
    blocks = [(start, tone[start:start + 1000]) for start in range(0, len(tone), 1000)]
    record(screen, path, np.arange(60) / 30, blocks)
    pictures = frames(path)
    assert len(pictures) == 60
    assert abs(pictures[15].mean() - 127) < 4 and abs(pictures[25].mean() - 25 / 30 * 255) < 4
    with av.open(str(path)) as file:
        assert abs(file.duration / av.time_base - 2.0) < 0.1
    heard = sound(path)
    assert abs(len(heard) / RATE - 2.0) < 0.1
    assert abs(np.sqrt((heard[RATE // 2:RATE] ** 2).mean()) - 0.354) < 0.03
    assert not list(tmp_path.glob("*.part*"))


def test_the_video_follows_the_clock(screen, tmp_path):
    path = tmp_path / "gap.mp4"
    record(screen, path, [0.0, 1 / 30, 1 / 29.9, 0.5, 1.0 - 1 / 60])
    pictures = frames(path)
    assert len(pictures) == 31  # two at once are one, gaps are filled
    assert np.array_equal(pictures[5] > 60, pictures[10] > 60) and pictures[16].mean() > 100


def test_the_position_of_sound_decides(screen, tmp_path):
    path = tmp_path / "late.mp4"
    loud = np.full(RATE // 2, 0.5, np.float32) * np.sign(np.sin(np.arange(RATE // 2) * 0.2)).astype(np.float32)
    record(screen, path, np.arange(30) / 30, [(-100, loud[:100]), (RATE // 2, loud), (RATE // 2, loud)])
    heard = sound(path)
    assert np.abs(heard[: RATE // 2 - 2048]).max() < 0.05 and np.abs(heard[RATE * 6 // 10:RATE * 9 // 10]).max() > 0.3
    assert abs(len(heard) / RATE - 1.0) < 0.15


DIES = """
import os, sys
from instrument.render.record import Recorder
from instrument.render.window import open_screen
screen = open_screen((64, 48), headless=True)
recorder = Recorder(sys.argv[1], screen.size, fps=30, wait=True)
for number in range(150):
    screen.begin()
    screen.framebuffer.clear(0.5, 0.5, 0.5)
    recorder.frame(screen.framebuffer, number / 30)
os._exit(0)  # as a killed process: nothing is closed
"""


def test_what_a_killed_process_leaves_plays(screen, tmp_path):
    subprocess.run([sys.executable, "-c", DIES, tmp_path / "killed.mp4"], check=True)
    assert len(frames(tmp_path / "killed.part.mp4")) >= 30
    assert not (tmp_path / "killed.mp4").exists()


def test_a_bad_path_is_one_line(screen, tmp_path):
    for path in (tmp_path / "no" / "such.mp4", tmp_path / "what.xyz"):
        with pytest.raises(OSError, match="cannot record there") as caught:
            Recorder(path, screen.size)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_screenshot_is_the_picture(screen, tmp_path):
    screen.begin()
    screen.framebuffer.clear(1.0, 0.0, 0.0, 1.0)
    screen.framebuffer.clear(0.0, 0.0, 1.0, 1.0, viewport=(0, 24, 64, 24))  # upper half
    screenshot(screen.framebuffer, tmp_path / "shot.png")
    picture = np.asarray(Image.open(tmp_path / "shot.png"))
    assert picture.shape == (48, 64, 3)
    assert (picture[0, 0] == (0, 0, 255)).all() and (picture[-1, -1] == (255, 0, 0)).all()
    with pytest.raises(OSError, match="screenshot not saved"):
        screenshot(screen.framebuffer, tmp_path / "no" / "shot.png")
