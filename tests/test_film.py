"""Videos of sound files: nothing is dropped, sound and picture are in step, and what there is survives."""

import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from helpers import frames, full_disk

from instrument.audio import demo
from instrument.audio.files import BLOCK, Sound, seconds
from instrument.cli import main, parser
from instrument.errors import left_out
from instrument.film import FilmOptions
from instrument.params import PARAMS
from instrument.signals import ENDS

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
RATE, FPS = 44_100, 25
CLICKS = (0.23, 0.61)  # s
SECONDS = 0.77  # 19.25 frames
SMALL = ["--size", "96x64", "--fps", str(FPS), "--dream-size", "160", "--dream-octaves", "1", "--dream-layer", "1",
         "--dream-rate", "3"]
FLASH = ["--mod-1-source", "pulse", "--mod-1-target", "post.contrast", "--mod-1-depth", "1"]


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    """A stereo file; what clicks on the left is half as loud on the right."""
    samples = np.zeros((int(SECONDS * RATE), 2), np.float32)
    for click in CLICKS:
        start = int(click * RATE)
        samples[start:start + 300] = np.random.default_rng(0).uniform(-0.9, 0.9, (300, 1)) * (1.0, 0.5)
    path = tmp_path_factory.mktemp("sounds") / "clicks.wav"
    soundfile.write(path, samples, RATE)
    return path


def render(*flags):
    """The status of `hearsee render`."""
    with pytest.raises(SystemExit) as ended:
        main(["render", *SMALL, *map(str, flags)])
    return ended.value.code


@pytest.fixture(scope="module")
def made(clicks, tmp_path_factory):
    """A folder with the video of `clicks`."""
    out = tmp_path_factory.mktemp("made")
    status = render(clicks, *FLASH, "--seed", 5, "--out", out / "a.mp4")
    if status == 2:
        pytest.skip("there is no EGL here")
    assert status == 0
    return out


def sound(path):
    """(channels, n)"""
    with av.open(str(path)) as file:
        return np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], 1)


def lines(text):
    """What was printed, without the progress bar."""
    return [line for line in re.sub(r"\x1b[^A-Za-z]*[A-Za-z]", "", text).splitlines() if line and "━" not in line]


# --- the video

def test_it_has_every_frame_of_the_sound_at_its_time(made):
    with av.open(str(made / "a.mp4")) as file:
        video = file.streams.video[0]
        assert (video.width, video.height, float(video.average_rate)) == (96, 64, FPS)
        times = [frame.time for frame in file.decode(video=0)]
    assert times == pytest.approx(np.arange(20) / FPS, abs=1e-4)
    assert [path.name for path in made.glob("*.part*")] == []


def test_it_has_the_channels_and_the_rate_of_the_sound(made):
    with av.open(str(made / "a.mp4")) as file:
        assert (file.streams.audio[0].rate, file.streams.audio[0].channels) == (RATE, 2)
    left, right = np.sqrt((sound(made / "a.mp4") ** 2).mean(1))
    assert right / left == pytest.approx(0.5, abs=0.03)


def test_a_click_is_seen_in_the_frame_in_which_it_is_heard(made):
    heard = np.flatnonzero(np.abs(sound(made / "a.mp4")[0]) > 0.3) / RATE
    heard = [heard[heard > click - 0.1][0] for click in CLICKS]
    assert heard == pytest.approx(CLICKS, abs=0.005)
    rise = np.diff([picture.std() for picture in frames(made / "a.mp4")])
    seen = np.flatnonzero(rise > 0.5 * rise.max()) + 1
    assert [number / FPS for number in seen] == pytest.approx(heard, abs=1 / FPS)


def test_the_same_call_gives_the_same_frames_and_never_takes_a_name_in_use(made, tmp_path, capfd):
    """In another process too, where sets have another order."""
    soundfile.write(tmp_path / "bark.wav", demo.event("dog_bark", seconds=0.7), demo.RATE)
    path, flags = tmp_path / "a.mp4", [tmp_path / "bark.wav", "--out", tmp_path / "a.mp4"]
    assert render(*flags) == 0
    first = path.read_bytes()
    again = subprocess.run([sys.executable, "-m", "instrument", "render", *SMALL, *flags], cwd=ROOT, check=True, text=True,
                           env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}, capture_output=True)
    said = lines(again.stdout)
    assert said[0] == f"{path} is in use: this video becomes {tmp_path / 'a-2.mp4'}"
    assert said[-1] == f"video: {tmp_path / 'a-2.mp4'}, 18 frames; heard dog_bark"
    assert path.read_bytes() == first
    assert all(np.array_equal(*pair) for pair in zip(frames(path), frames(tmp_path / "a-2.mp4"), strict=True))


def test_steps_that_the_dream_went_on_without_are_said(made, clicks, tmp_path, monkeypatch, capfd):
    from instrument.dream.dreamer import Dreamer

    step, steps = Dreamer.step, []

    def losing(self, past, scene):
        steps.append(scene)
        self.lost += len(steps) % 2
        return step(self, past, scene)

    monkeypatch.setattr(Dreamer, "step", losing)
    assert render(clicks, "--seconds", 0.2, "--out", tmp_path / "a.mp4") == 0
    assert lines(capfd.readouterr().out)[-1].endswith(left_out((len(steps) + 1) // 2)) and len(left_out(1)) > 80


@pytest.mark.parametrize("most, read", [(0.5, 1), (5.0, 5), (30.0, 20), (math.inf, 20)])
def test_of_a_long_sound_only_the_beginning_that_is_asked_for_is_read(most, read):
    """A sound of 20 blocks of one second; what is looked at beyond is one block at most."""
    blocks = []

    def sound():
        for number in range(20):
            blocks.append(number)
            yield np.zeros((BLOCK, 1), np.float32)

    assert seconds(Sound(Path("long.wav"), BLOCK, 1, sound), most) == min(most, 20)
    assert read <= len(blocks) <= read + 1


def test_another_seed_gives_other_frames(made, clicks, tmp_path):
    assert render(clicks, *FLASH, "--dream-seed", 6, "--seconds", 0.2, "--out", tmp_path / "a.mp4") == 0
    here, other = frames(made / "a.mp4"), frames(tmp_path / "a.mp4")
    assert len(other) == 5 and np.abs(here[4].astype(float) - other[4]).mean() > 1


def test_a_name_that_is_taken_while_it_renders_stays_as_it_is(clicks, tmp_path, monkeypatch, made):
    path = tmp_path / "a.mp4"
    interrupt(monkeypatch, 2, lambda: path.write_text("mine"))
    assert render(clicks, "--seconds", 0.2, "--out", path) == 0
    assert path.read_text() == "mine" and len(frames(tmp_path / "a-2.mp4")) == 5


# --- broken off

def interrupt(monkeypatch, number, act):
    """Have `act` happen before the frame of that number."""
    def track(items, *_, **__):
        for item in items:
            if item == number:
                act()
            yield item

    monkeypatch.setattr("instrument.learn.run.track", track)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_what_there_is_of_a_video_that_is_broken_off_plays(made, clicks, tmp_path, monkeypatch, capfd, kind):
    before = [signal.getsignal(number) for number in (signal.SIGINT, *ENDS)]
    interrupt(monkeypatch, 10, lambda: signal.raise_signal(kind))
    path = tmp_path / "a.mp4"
    assert render(clicks, "--out", path) == 130
    assert lines(capfd.readouterr().out)[-1] == f"broken off after 0.4 s of 0.8 s; what there is plays from {path}"
    assert len(frames(path)) == 10 and sound(path).shape[1] / RATE == pytest.approx(0.4, abs=0.05)
    assert [signal.getsignal(number) for number in (signal.SIGINT, *ENDS)] == before


def test_impatience_does_not_cost_the_video(made, clicks, tmp_path, monkeypatch):
    from instrument.render.record import Recorder

    close = Recorder.close
    monkeypatch.setattr(Recorder, "close", lambda self: signal.raise_signal(signal.SIGINT) or close(self))
    interrupt(monkeypatch, 3, lambda: signal.raise_signal(signal.SIGINT))
    assert render(clicks, "--out", tmp_path / "a.mp4") == 130
    assert len(frames(tmp_path / "a.mp4")) == 3


def test_of_a_video_that_has_not_begun_nothing_is_left(made, clicks, tmp_path, monkeypatch, capfd):
    interrupt(monkeypatch, 0, lambda: signal.raise_signal(signal.SIGINT))
    assert render(clicks, "--out", tmp_path / "a.mp4") == 130
    assert "there is no video" in lines(capfd.readouterr().out)[-1] and list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_it_in_one_line(made, clicks, tmp_path, capfd):
    with full_disk(20_000):
        assert render(clicks, "--out", tmp_path / "a.mp4", "--post-grain", 1) == 2
    said = lines(capfd.readouterr().err)
    assert len(said) == 1 and "recording failed" in said[0] and "make room" in said[0]


@pytest.mark.parametrize("need", [lambda: torch.empty(1 << 52), lambda: np.empty(1 << 52)])
def test_too_little_memory_ends_it_in_one_line_and_what_there_is_plays(made, clicks, tmp_path, monkeypatch, capfd, need):
    interrupt(monkeypatch, 5, need)
    assert render(clicks, "--out", tmp_path / "a.mp4") == 2
    said = lines(capfd.readouterr().err)
    assert len(said) == 1 and "out of memory with dreams of 160 px: give a smaller --dream-size" in said[0], said
    assert len(frames(tmp_path / "a.mp4")) == 5


def test_another_fault_is_not_taken_for_it(made, clicks, tmp_path, monkeypatch):
    interrupt(monkeypatch, 1, lambda: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        main(["render", *SMALL, str(clicks), "--out", str(tmp_path / "a.mp4")])


# --- mistakes

def test_every_row_is_a_flag_and_the_seed_has_a_short_one():
    def parsed(*flags):
        return parser().parse_args(["render", "a.wav", *flags])

    options = parsed(*(text for row in PARAMS for text in (row.flag, row.text(row.hi).split()[0])))
    assert all(getattr(options, row.name) == row.hi for row in PARAMS)
    assert parsed("--seed", "7") == parsed("--dream-seed", "7")


def test_a_preset_is_laid_under_the_flags(tmp_path):
    from instrument.film import _look

    (tmp_path / "90-mine.toml").write_text("[post]\nhue = 20\ngamma = 2.0\n")
    look = _look(FilmOptions("a.wav", preset="mine", presets=str(tmp_path), values={"post.hue": 30.0}))
    assert look["post.hue"] == 30 and look["post.gamma"] == 2 and look["dream.octaves"] == 2


@pytest.mark.parametrize("flags, words", [
    (["nothing.wav"], ["nothing.wav does not exist"]),
    (["."], ["is a folder"]),
    (["text.wav"], ["no sound in text.wav"]),
    (["SOUND", "--preset", "no such look"], ["no preset 'no such look'"]),
    (["SOUND", "--preset", "999"], ["no preset 999"]),
    (["SOUND", "--preset", "1", "--presets", "nowhere"], ["--presets nowhere: no such folder"]),
    (["SOUND", "--model", "nowhere"], ["no model in nowhere"]),
    (["SOUND", "--shaders", "nowhere"], ["nowhere"]),
    (["SOUND", "--out", "a.xyz"], ["a.xyz", "end it with .mp4, .mkv, .mov or .m4v"]),
    (["SOUND", "--out", "a.wav"], ["a.wav", "end it with .mp4, .mkv, .mov or .m4v"]),
    (["SOUND", "--out", "text.wav/a.mp4"], ["cannot record there"]),
    (["SOUND", "--dream-octaves", "99"], ["legal is 1 to 6"]),
    (["SOUND", "--seed", "10000"], ["legal is 0 to 9999"]),
    (["SOUND", "--size", "big"], ["WIDTHxHEIGHT"]),
    (["SOUND", "--fps", "0"], ["1 to 240"]),
    ([], ["SOUND"]),
])
def test_a_mistake_is_one_line(flags, words, clicks, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("text.wav").write_text("this is not a sound")
    assert render(*(clicks if flag == "SOUND" else flag for flag in flags)) == 2
    said = lines(capfd.readouterr().err)
    assert len(said) == 1 and all(word in said[0] for word in words), said
    assert [path.name for path in tmp_path.rglob("*.*")] == ["text.wav"]
