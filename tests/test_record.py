"""Recording: what PyAV reads back has the frames, the duration and the sound; errors are one line."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from helpers import frames, full_disk, screen_of
from PIL import Image

from instrument.audio.files import open_sound
from instrument.audio.ring import Ring, _path
from instrument.console import Messages
from instrument.orders import Orders
from instrument.perform import Show
from instrument.render.record import NEXT, Recorder, number_at, prepare, screenshot
from instrument.signals import as_before, ended_in_order
from instrument.video import Track, Video

RATE = 22050
ROOT = Path(__file__).parents[1]


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


def sound(path):
    return np.concatenate([block[:, 0] for block in open_sound(path).blocks()])


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


@pytest.mark.parametrize("rate, channels, kept", [
    (44100, 2, (44100, 2)), (48000, 6, (48000, 6)), (48000, 8, (48000, 8)), (192_000, 1, (96_000, 1)), (6000, 2, (7350, 2)),
    (48000, 12, (48000, 1))])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_of_any_rate_and_channels_stays_in_step(screen, tmp_path, suffix, rate, channels, kept):
    """A click at 0.5 s; the pictures come at a constant rate, from 0 s on."""
    recorder = Recorder(tmp_path / f"show{suffix}", screen.size, 30, rate, channels, wait=True)
    samples = np.zeros((rate, channels), np.float32)
    samples[rate // 2:rate // 2 + rate // 100] = np.random.default_rng(0).uniform(-0.9, 0.9, (rate // 100, 1))
    for number in range(30):
        recorder.frame(screen.framebuffer, number / 30)
        recorder.sound(samples[number * rate // 30:(number + 1) * rate // 30], number * rate // 30)
    recorder.close()
    with av.open(str(recorder.path)) as file:
        assert (file.streams.audio[0].rate, file.streams.audio[0].channels) == kept
        assert [frame.time for frame in file.decode(video=0)] == pytest.approx(np.arange(30) / 30, abs=0.001)
    heard = np.abs(sound(recorder.path))
    assert np.flatnonzero(heard > 0.25)[0] / kept[0] == pytest.approx(0.5, abs=0.004)


def test_the_video_follows_the_clock(screen, tmp_path):
    path = tmp_path / "gap.mp4"
    record(screen, path, [0.0, 1 / 30, 1 / 29.9, 0.5, 1.0 - 1 / 60])
    pictures = frames(path)
    assert len(pictures) == 31  # two at once are one, gaps are filled
    assert pictures[10].mean() < 20 and pictures[16].mean() > 100  # by the picture before


def test_a_show_of_more_pictures_a_second_than_its_video_is_recorded_at_its_speed(screen, tmp_path):
    record(screen, tmp_path / "quick.mp4", np.arange(60) / 60)
    assert len(frames(tmp_path / "quick.mp4")) == 31


@pytest.mark.parametrize("rate, jitter", [(59.94, 0.0), (59.94, 0.001), (60.0, 0.001), (60.02, 0.001), (120.0, 0.001), (144.0, 0.001)])
def test_a_monitor_of_nearly_the_rate_is_recorded_without_judder(rate, jitter):
    """In 40 s as many pictures are repeated or left out as the rates differ by, and each is less than one picture off its time."""
    clock, numbers = random.Random(1), [-1]
    for shown in range(int(40 * rate)):
        at = 60 * (shown / rate + clock.gauss(0, jitter) * (shown > 0))
        if (number := number_at(at, numbers[-1])) > numbers[-1]:
            assert abs(number - at) <= NEXT
            numbers.append(number)
    repeated, left_out = numbers[-1] + 2 - len(numbers), int(40 * rate) + 1 - len(numbers)
    assert repeated <= max(40 * (60 - rate), 0) + 1 and left_out <= max(40 * (rate - 60), 0) + 1


@pytest.mark.parametrize("monitor, recorded", [(30.0, 30.0), (50.0, 50.0), (59.0, 60.0), (60.0, 60.0), (144.0, 60.0)])
def test_a_recording_has_the_rate_of_the_monitor_and_no_more_than_others_play(monitor, recorded):
    assert Show.recorded_fps.fget(SimpleNamespace(_fps=0.0, screen=SimpleNamespace(rate=monitor))) == recorded


def test_sound_is_what_it_was_when_it_was_given(screen, tmp_path):
    recorder, block = Recorder(tmp_path / "show.mp4", screen.size, rate=RATE, wait=True), np.zeros(RATE // 10, np.float32)
    recorder.frame(screen.framebuffer, 0.0)
    for number in range(10):
        block[:] = 0.5 * np.sin(np.arange(len(block)) * 0.2)
        recorder.sound(block, number * len(block))
        block[:] = 0.0  # its owner uses it again
    recorder.close()
    assert np.sqrt((sound(recorder.path)[RATE // 4:RATE * 3 // 4] ** 2).mean()) == pytest.approx(0.354, abs=0.03)


def test_colours_are_those_of_bt_709_and_the_file_says_so(screen, tmp_path):
    recorder = Recorder(tmp_path / "red.mp4", screen.size, wait=True)
    screen.begin()
    screen.framebuffer.clear(1.0, 0.0, 0.0, 1.0)
    recorder.frame(screen.framebuffer, 0.0)
    recorder.close()
    with av.open(str(recorder.path)) as file:
        picture = next(file.decode(video=0))
    assert (picture.color_range, picture.colorspace) == (1, 1)
    assert picture.to_ndarray()[5, 5] == pytest.approx(16 + 219 * 0.2126, abs=2)  # how bright red is, of 16 to 235


def test_a_long_gap_in_the_sound_is_as_long_in_the_video(screen, tmp_path):
    loud = np.full(RATE // 2, 0.5, np.float32) * np.sign(np.sin(np.arange(RATE // 2) * 0.2)).astype(np.float32)
    record(screen, tmp_path / "gap.mp4", np.arange(120) / 30, [(RATE * 7 // 2, loud)])
    assert loud_from(sound(tmp_path / "gap.mp4")) == pytest.approx(3.5, abs=0.02)


def test_of_more_channels_than_a_video_has_all_are_heard(screen, tmp_path):
    recorder = Recorder(tmp_path / "many.mp4", screen.size, 30, RATE, 12, wait=True)
    recorder.frame(screen.framebuffer, 0.0)
    recorder.sound(0.5 * np.sin(np.arange(RATE) * 0.2)[:, None] * (np.arange(12) != 0), 0)
    recorder.close()
    assert np.sqrt((sound(recorder.path)[RATE // 4:RATE * 3 // 4] ** 2).mean()) == pytest.approx(0.354 * 11 / 12, abs=0.03)


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
    assert not list(tmp_path.iterdir())  # nothing is left behind


def test_a_screenshot_is_the_picture(screen, tmp_path):
    screen.begin()
    screen.framebuffer.clear(1.0, 0.0, 0.0, 1.0)
    screen.framebuffer.clear(0.0, 0.0, 1.0, 1.0, viewport=(0, 24, 64, 24))  # upper half
    screenshot(screen.framebuffer, tmp_path / "shot.png")()
    picture = np.asarray(Image.open(tmp_path / "shot.png"))
    assert picture.shape == (48, 64, 3)
    assert (picture[0, 0] == (0, 0, 255)).all() and (picture[-1, -1] == (255, 0, 0)).all()
    with pytest.raises(OSError, match="screenshot not saved"):
        screenshot(screen.framebuffer, tmp_path / "shot.png" / "in a file.png")


def test_a_screenshot_that_cannot_be_saved_leaves_nothing_behind(screen, tmp_path):
    save = screenshot(screen.framebuffer, tmp_path / "shot.png")
    (tmp_path / "shot.png").mkdir()
    with pytest.raises(OSError, match="screenshot not saved"):
        save()
    assert [path.name for path in tmp_path.iterdir()] == ["shot.png"]


@pytest.fixture
def name(request):
    name = f"test-{os.getpid()}-{abs(hash(request.node.nodeid))}"
    yield name
    _path(name).unlink(missing_ok=True)


class Play:
    """A video played by hand: 30 pictures a second, and the sound that a writer gives meanwhile."""

    def __init__(self, screen, path, ring_name=None):
        self.screen, self.now, self.said, self.waits = screen, 0.0, [], True
        self.late = 0.0  # s after the time of a frame in which it is recorded
        self.video = Video(screen, ring_name, self.said.append, clock=lambda: self.now + self.late)
        self.path = self.video.start(path, 30.0)

    def run(self, frames, level=0.0, ring=None, sound=0.0):
        """So many frames of one grey and one loudness."""
        for _ in range(frames):
            paint(self.screen, level)
            if ring:
                count = ring.rate // 30
                ring.write(np.float32(sound) * np.sin(2 * np.pi * 500 * np.arange(count) / ring.rate, dtype=np.float32))
            self.frame()

    def frame(self):
        """What is on the screen, once more; this is faster than a show, yet while it `waits` no picture is dropped."""
        if self.video._recorder:
            self.video._recorder._wait = self.waits
        self.video.frame(self.now)
        self.now += 1 / 30


def loud_from(samples, rate=RATE):
    """Seconds at which the sound begins for good."""
    return np.flatnonzero(np.abs(samples) > 0.2)[0] / rate


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_sound_and_picture_stay_in_step_when_listen_is_started_again(screen, tmp_path, name, rate):
    """A flash and a tone at 3 s; `listen` dies at 1 s, is back at 2 s, and opens its device half a second later."""
    dead = Ring.create(name, RATE)
    dead.write(np.zeros(700, np.float32))
    play = Play(screen, tmp_path / "show.mp4", name)
    play.run(30, 0.2, dead)
    play.run(30, 0.2)
    with Ring.create(name, rate) as ring:  # the dead one was never closed
        play.run(15, 0.2)
        play.run(15, 0.2, ring)
        play.run(30, 1.0, ring, 0.5)
        play.video.stop()
    flash = next(i for i, picture in enumerate(frames(play.path)) if picture.mean() > 150) / 30
    heard = sound(play.path)
    assert flash == pytest.approx(3.0, abs=0.04) and loud_from(heard) == pytest.approx(flash, abs=0.07)
    assert np.sqrt((heard[int(3.3 * RATE):int(3.8 * RATE)] ** 2).mean()) == pytest.approx(0.354, abs=0.04)


def test_a_frame_that_is_slow_at_the_beginning_leaves_sound_and_picture_in_step(screen, tmp_path, name):
    """What came while it was drawn is not early: to lead it back would put a hole into the sound, and leave it late."""
    play, slow = Play(screen, tmp_path / "show.mp4", name), 0.25
    with Ring.create(name, RATE) as ring:
        play.run(20, 0.2, ring)
        ring.write(np.zeros(int((slow + 1 / 30) * RATE), np.float32))
        play.late = slow
        play.frame()
        play.late, play.now = 0.0, play.now + slow
        play.run(180, 0.2, ring)
        play.run(30, 1.0, ring, 0.5)
        play.video.stop()
    flash = next(i for i, picture in enumerate(frames(play.path)) if picture.mean() > 150) / 30
    assert loud_from(sound(play.path)) == pytest.approx(flash, abs=0.06)


class Device:
    """A ring that a sound device fills, in blocks: `speed` times as fast as it says, nothing within `away` (from, to) s."""

    rate, writer = RATE, 1

    def __init__(self, speed=1.0, away=(0.0, 0.0), block=512):
        self._speed, self._away, self._block, self.now = speed, away, block, 0.0

    @property
    def written(self):
        begun, back = self._away
        there = min(self.now, begun) + max(self.now - back, 0.0) if back else self.now
        return int(there * self._speed * RATE) // self._block * self._block

    def read(self, position):
        """Each sample says when it was heard, in s."""
        begun, back = self._away
        heard = np.arange(position, self.written) / self._speed / RATE
        return (heard + (back - begun) * (heard >= begun)).astype(np.float32), self.written, 0


def steps_off(device, seconds, hitches=0.0):
    """How far the sound was from its place (s), for each block: where it lies less when it was heard. `hitches`: so often a frame
    takes as long as six."""
    track, off, chance, there = Track(device, 0.0), [], random.Random(1), 0
    for frame in range(int(seconds * 60)):
        there = frame + 6 if chance.random() < hitches else there
        if frame < there:
            continue
        device.now = frame / 60
        samples, first = track.read(device.now)
        if len(samples):
            off.append(first / RATE - samples[0])
    return np.array(off)


@pytest.mark.parametrize("speed", (1.0, 1.0003, 0.9997))
def test_sound_stays_with_the_picture_whatever_clock_its_device_has(speed):
    off = steps_off(Device(speed), 300)
    assert np.ptp(off) < 0.05  # unled 0.09
    assert np.ptp(off[-1000:]) < 0.03 or speed != 1.0


@pytest.mark.parametrize("back", (10.4, 15.0))
def test_sound_whose_device_was_away_comes_back_to_the_picture(back):
    off = steps_off(Device(away=(10.0, back)), 60)
    assert np.ptp(off[-1000:]) < 0.01 and abs(np.median(off[-1000:]) - np.median(off[:500])) < 0.02


def test_a_show_that_hitches_leaves_sound_that_comes_in_large_blocks_as_it_is():
    assert np.ptp(steps_off(Device(block=2400), 60, hitches=0.1)) < 0.0001


def test_what_sounded_before_a_video_is_not_in_it():
    with Ring.create(None, RATE) as ring:
        ring.write(np.ones(5 * RATE, np.float32))
        track = Track(ring, 100.0)
        assert not len(track.read(100.1)[0])
        ring.write(np.full(1000, 0.5, np.float32))
        samples, first = track.read(100.5)
        assert set(samples) == {0.5} and first + len(samples) == RATE // 2  # its newest is heard now


def test_sound_that_nobody_fetched_in_time_leaves_a_gap_and_the_rest_is_in_its_place():
    with Ring.create(None, RATE) as ring:  # of 10 s
        track = Track(ring, 0.0)
        for now, count, begins in ((12.0, 12, 2.0), (13.0, 1, 12.0), (25.0, 12, 15.0)):
            ring.write(np.zeros(count * RATE, np.float32))
            samples, first = track.read(now)
            assert (first, first + len(samples)) == (begins * RATE, now * RATE)


def test_a_gap_is_as_long_whatever_the_rate_of_a_listen_that_was_started_again(name):
    with Ring.create(name, RATE):
        track = Track(Ring.attach(name), 0.0)
        with Ring.create(name, 2 * RATE) as again:
            again.write(np.zeros(2 * RATE, np.float32))
            track.read(1.0)
            again.write(np.zeros(24 * RATE, np.float32))
            samples, first = track.read(13.0)
            assert first == pytest.approx(3 * RATE, abs=100) and first + len(samples) == pytest.approx(13 * RATE, abs=100)


def test_a_sound_that_ends_before_the_picture_is_followed_by_silence(screen, tmp_path, name):
    play = Play(screen, tmp_path / "show.mp4", name)
    with Ring.create(name, RATE) as ring:
        play.run(30, 0.2, ring, 0.5)
        play.run(60, 0.2)
        play.video.stop()
    heard = sound(play.path)
    assert len(heard) / RATE == pytest.approx(3.0, abs=0.1) and np.abs(heard[RATE * 3 // 2:]).max() < 0.01


def test_a_recording_waits_for_sound_for_a_while_unless_there_will_be_none(screen, tmp_path, name):
    for number, over in enumerate((False, True)):
        video = Video(screen, name, print, lambda: over)
        video.start(tmp_path / f"{number}.mp4", 30.0)
        asked = time.perf_counter()
        waited = []
        for now in (asked, asked + 11.0, asked + 13.0):
            video.frame(now)
            waited.append(video.waits)
        video.stop()
        assert waited == ([False] * 3 if over else [True, True, False])


def test_a_recording_that_is_begun_by_name_finds_the_one_before_whole(screen, tmp_path):
    play = Play(screen, tmp_path / "one.mp4")
    play.run(10)
    play.video.start(tmp_path / "two.mp4", 30.0)
    assert len(frames(tmp_path / "one.mp4")) == 10
    play.video.stop()


@contextmanager
def held(play):
    """An encoder that stands still, as one on a disk that does not answer; the show goes on without it."""
    gate, write = threading.Event(), play.video._recorder._writer.frame

    def wait_and_write(*arguments):
        assert gate.wait(20), "the show waits for the encoder"
        write(*arguments)

    play.video._recorder._writer.frame, play.waits = wait_and_write, False
    try:
        yield
    finally:
        gate.set()
        play.waits = True


def see_off(video):
    """A frame once every recording on its way to its file has come there."""
    for recorder in video._ending:
        recorder._thread.join()
    video.frame(1000.0)


def test_an_encoder_that_stands_still_holds_no_frame_and_loses_no_sound(screen, tmp_path, name):
    """It stands still from 1 s to 3 s; a tone at 2 s, meanwhile, and a flash and a tone at 4 s."""
    with Ring.create(name, RATE) as ring:
        play = Play(screen, tmp_path / "show.mp4", name)
        play.run(30, 0.2, ring)
        with held(play):
            play.run(30, 0.2, ring)
            play.run(15, 0.2, ring, 0.5)
            play.run(15, 0.2, ring)
        play.run(30, 0.2, ring)
        play.run(30, 1.0, ring, 0.5)
        play.video.stop()
    pictures, heard = frames(play.path), sound(play.path)
    flash = next(i for i, picture in enumerate(pictures) if picture.mean() > 150) / 30
    assert len(pictures) == 150 and flash == pytest.approx(4.0, abs=0.04)
    assert loud_from(heard) == pytest.approx(2.0, abs=0.07)
    assert loud_from(heard[3 * RATE:]) + 3.0 == pytest.approx(flash, abs=0.07)
    for loud in ((2.1, 2.4), (4.1, 4.8)):
        part = heard[int(loud[0] * RATE):int(loud[1] * RATE)]
        assert np.sqrt((part**2).mean()) == pytest.approx(0.354, abs=0.04)
    (said,) = play.said
    assert "the encoder was too slow" in said and "pictures repeat the one before" in said and "silent" not in said


def test_sound_that_finds_no_room_is_said_at_once_and_what_follows_stays_in_step(screen, tmp_path, name, monkeypatch):
    """There is room for a second; the encoder stands still from 1 s to 4 s, with a tone all the time."""
    def caught_up():
        done = threading.Event()
        play.video._recorder._jobs.put((lambda *_: done.set(), None, None))
        assert done.wait(20)

    monkeypatch.setattr("instrument.render.record.SOUND", 1.0)
    with Ring.create(name, RATE) as ring:
        play = Play(screen, tmp_path / "show.mp4", name)
        play.run(30, 0.2, ring)
        caught_up()
        with held(play):
            play.run(90, 0.2, ring, 0.5)
            assert len(play.said) == 1 and "sound is left out until it has caught up" in play.said[0]
        caught_up()
        play.run(30, 0.2, ring)
        play.run(30, 1.0, ring, 0.5)
        play.video.stop()
    heard = sound(play.path)
    flash = next(i for i, picture in enumerate(frames(play.path)) if picture.mean() > 150) / 30
    assert flash == pytest.approx(5.0, abs=0.04) and loud_from(heard[3 * RATE:]) + 3.0 == pytest.approx(flash, abs=0.07)
    assert np.abs(heard[int(2.2 * RATE):int(4.8 * RATE)]).max() < 0.05 < np.abs(heard[:2 * RATE]).max()
    silent = float(re.search(r"([0-9.]+) s of sound are silent", play.said[-1])[1])
    assert len(play.said) == 2 and silent == pytest.approx(2.0, abs=0.1)


def test_a_recording_that_is_ended_holds_no_frame_and_is_told_once_it_is_whole(screen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    play = Play(screen, None)
    play.run(30, 0.2)
    with held(play):
        play.run(10, 0.5)
        assert play.video.finish() == play.path and not play.video.running
        play.run(10, 0.5)
        other = play.video.start(None, 30.0)  # while the first is not yet whole
        play.run(10, 0.7)
        assert other != play.path and not play.path.exists() and play.said == []
    first, = play.video._ending
    first._thread.join()
    play.run(20, 0.7)
    assert f"saved {play.path}" in play.said and play.video.stop() == other
    assert len(frames(play.path)) == 40 and len(frames(other)) == 30


def noise(play, until):
    """Pictures that no encoder makes small, until `until()`; the number of frames it took."""
    chance = np.random.default_rng(0)
    texture = play.screen.ctx.texture(play.screen.size, 4)
    play.video._screen = type("Noisy", (), {"size": play.screen.size, "framebuffer": play.screen.ctx.framebuffer([texture])})
    for count in range(3000):
        texture.write(chance.integers(0, 255, texture.width * texture.height * 4, np.uint8).tobytes())
        play.frame()
        if until():
            return count
    pytest.fail("waited in vain")


@pytest.mark.parametrize("limit", [3_000, 150_000])
def test_a_full_disk_is_said_at_once_and_what_there_is_plays(screen, tmp_path, limit):
    play = Play(screen, tmp_path / "show.mp4")
    with full_disk(limit):
        noise(play, lambda: play.said)
    assert not play.video.running
    (said,) = play.said
    assert "show.mp4: recording failed (" in said and "then record again" in said and "\n" not in said
    part = tmp_path / "show.part.mp4"
    if limit == 3_000:
        assert "none of it can be played" in said
    else:
        assert f"plays from {part}" in said
        with av.open(str(part)) as file:
            assert next(file.decode(video=0)).width == 64
    play.video.frame(1000.0)
    assert len(play.said) == 1  # said once
    with pytest.raises(OSError, match="recording failed"):  # a command that was to record must not end well
        play.video.stop()


def test_a_disk_that_is_full_from_the_start_is_said_and_does_not_end_the_show(screen, tmp_path):
    play = Play(screen, tmp_path / "show.mp4")
    with full_disk(1):
        noise(play, lambda: play.said)
    assert not play.video.running and "show.mp4: cannot record there (" in play.said[0]


def test_after_a_full_disk_the_next_recording_is_whole(screen, tmp_path):
    play = Play(screen, tmp_path / "show.mp4")
    with full_disk(150_000):
        noise(play, lambda: play.said)
    play.video._screen = screen
    play.video.start(tmp_path / "show.mp4", 30.0)
    assert "broken-off" in play.said[-1] and (tmp_path / "show.broken-off.mp4").exists()
    play.run(30, 0.5)
    assert play.video.stop() == play.path and len(frames(play.path)) == 30


@pytest.fixture
def sized(screen):
    """A framebuffer of any size, lit in the lower left quarter; as a minimised window where it has none."""
    def make(width, height):
        if not width * height:
            return type("Minimised", (), {"size": (width, height), "width": width, "height": height})
        made = screen.ctx.framebuffer([screen.ctx.texture((width, height), 4)])
        made.clear(0.5, 0.5, 0.5, 1.0)
        made.clear(1.0, 1.0, 1.0, 1.0, viewport=(0, 0, width // 2, height // 2))
        return made

    return make


@pytest.mark.parametrize("size, inner", [
    ((256, 192), (0, 64, 0, 48)), ((63, 47), (0, 64, 0, 48)), ((65, 49), (0, 64, 0, 48)),
    ((128, 48), (0, 64, 12, 36)), ((32, 48), (16, 48, 0, 48))])
def test_a_picture_of_another_size_is_scaled_whole_and_in_proportion(screen, sized, tmp_path, size, inner):
    pictures = resized_on_the_way(sized, tmp_path / "show.mp4", size, 10)
    assert len(pictures) == 10
    left, right, top, bottom = inner
    wanted = np.zeros((48, 64))
    wanted[top:bottom, left:right] = 127
    wanted[(top + bottom) // 2:bottom, left:(left + right) // 2] = 255
    near = np.abs(pictures[9].mean(2) - wanted) < 30
    assert near.mean() > 0.88  # but for the seams


def resized_on_the_way(sized, path, size, count):
    """The pictures of a recording of `count` frames, of another size from the sixth on."""
    recorder = Recorder(path, (64, 48), fps=30, wait=True)
    for number in range(count):
        recorder.frame(sized(64, 48) if number < 5 else sized(*size), number / 30)
    recorder.close()
    return frames(path)


@pytest.mark.parametrize("size", [(0, 0), (64, 1), (0, 48)])
def test_a_minimised_window_repeats_the_last_picture(sized, tmp_path, size):
    pictures = resized_on_the_way(sized, tmp_path / "show.mp4", size, 60)
    assert len(pictures) == 60
    assert np.abs(pictures[59].astype(int) - pictures[4]).mean() < 3 and pictures[59].mean() > 100


def test_a_video_asked_for_while_minimised_begins_with_the_window(screen, sized, tmp_path):
    play = Play(screen, tmp_path / "show.mp4")
    hidden = type("Hidden", (), {"size": (0, 0), "framebuffer": sized(0, 0)})
    play.video._screen = hidden
    play.video.frame(0.0)
    assert play.video.running and play.video.began is None
    with pytest.raises(OSError, match="screenshot not saved .the window has no size"):
        play.video.screenshot()
    play.video._screen = screen
    play.run(10, 0.5)
    play.video.stop()
    assert len(frames(play.path)) == 10 and not play.said


ENDED = """
import os, signal, sys
from contextlib import ExitStack
from instrument.signals import ended_in_order
from instrument.render.window import open_screen
from instrument.video import Video
number = getattr(signal, sys.argv[2])
screen = open_screen((64, 48), headless=True)
with ExitStack() as stack:
    video = Video(screen, None)
    stack.callback(video.stop)
    stack.callback(os.kill, os.getpid(), number)  # once more on the way out
    stack.enter_context(ended_in_order())
    video.start(sys.argv[1], 30.0)
    for frame in range(1000):
        screen.begin()
        video.frame(frame / 30)
        if frame == 60:
            os.kill(os.getpid(), number)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="ends by POSIX signal")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_closes_the_video(screen, tmp_path, number):
    path = tmp_path / "v.mp4"
    done = subprocess.run([sys.executable, "-c", ENDED, path, number], capture_output=True, text=True)
    assert "KeyboardInterrupt" in done.stderr  # cli.main ends with 130, as after Ctrl-C
    assert [file.name for file in tmp_path.iterdir()] == ["v.mp4"] and 55 < len(frames(path)) < 70


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGHUP")
def test_what_nohup_ignores_stays_ignored():
    with as_before():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with ended_in_order():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_console_of_windows_that_closes_waits_for_the_end(monkeypatch):
    """It tells a thread of its own, and ends the process as soon as that is back."""
    told, waiting = [], []

    class Windows:
        def SetConsoleCtrlHandler(self, handler, there):
            told.append((handler, there))

    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("ctypes.WINFUNCTYPE", lambda *_: lambda function: function, raising=False)
    monkeypatch.setattr("ctypes.WinDLL", lambda _: Windows(), raising=False)
    with pytest.raises(KeyboardInterrupt), as_before():
        try:
            with ended_in_order():
                assert not told[0][0](0)  # Ctrl-C is nothing new
                waiting.append(threading.Thread(target=told[0][0], args=(2,), daemon=True))
                waiting[0].start()
                while waiting[0].is_alive():
                    waiting[0].join(0.01)
        finally:
            assert waiting[0].is_alive()  # what is open is closed here
    waiting[0].join(5.0)
    assert not waiting[0].is_alive() and told[1] == (told[0][0], False)


LEAVES = """
import sys, threading
from instrument.signals import leave
print("said")
if sys.argv[1] == "busy":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
import atexit
atexit.register(print, "ended in order")
leave(3)
"""


@pytest.mark.parametrize("threads, said", (("none", "said\nended in order\n"), ("busy", "said\n")))
def test_a_thread_in_the_midst_of_something_does_not_hold_up_the_end(threads, said):
    done = subprocess.run([sys.executable, "-c", LEAVES, threads], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, said)


def test_what_a_crash_left_is_kept_and_said(screen, tmp_path):
    path = tmp_path / "killed.mp4"
    for times in (1, 2):
        subprocess.run([sys.executable, "-c", DIES, path], check=True)
        play = Play(screen, path)
        kept = tmp_path / ("killed.broken-off.mp4" if times == 1 else "killed.broken-off-2.mp4")
        assert play.said == [f"what a recording that broke off left is kept as {kept}"]
        play.run(5, 0.5)
        play.video.stop()
        assert len(frames(kept)) >= 30 and len(frames(path)) == 5
        path.unlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_broke_off_before_it_had_anything_is_no_loss(tmp_path):
    (tmp_path / "show.part.mp4").touch()
    assert prepare(tmp_path / "show.mp4") == (tmp_path / "show.mp4", None) and not list(tmp_path.iterdir())


def test_files_of_one_second_are_numbered(screen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: form.replace("%Y%m%d-%H%M%S", "20300101-120000"))
    paths, video = [], Video(screen, None)
    for level in (0.2, 0.5, 0.8):
        paint(screen, level)
        paths.append(video.screenshot())
    assert [path.name for path in paths] == [f"shot-20300101-120000{end}.png" for end in ("", "-2", "-3")]
    video.stop()
    assert [round(np.asarray(Image.open(path)).mean() / 255, 1) for path in paths] == [0.2, 0.5, 0.8]
    for count in range(2):
        play = Play(screen, None)
        play.run(5)
        play.video.stop()
    assert sorted(path.name for path in Path("out").glob("*.mp4")) == ["show-20300101-120000-2.mp4",
                                                                     "show-20300101-120000.mp4"]


@pytest.fixture
def readonly(tmp_path, monkeypatch):
    """A working folder in which nothing can be written, also by root."""
    if sys.platform == "win32":
        pytest.skip("folders have no such right there")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    tmp_path.chmod(0o555)
    (tmp_path / "out").chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.chown(tmp_path, 65534, -1)
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.mark.parametrize("act", [
    lambda video: video.start(None, 30.0), lambda video: video.start("new/show.mp4", 30.0),
    lambda video: video.screenshot()])
def test_a_folder_that_cannot_be_written_is_one_line(screen, readonly, act):
    video = Video(screen, None)
    with pytest.raises(OSError, match="ermission denied") as caught:
        act(video)
    assert "can be written" in str(caught.value) and "\n" not in str(caught.value) and "Errno" not in str(caught.value)
    assert not video.running and video.stop() is None


def test_what_the_system_forbids_is_said_on_the_hud(screen, readonly):
    show = Show.__new__(Show)  # without ears and eyes
    show.messages, show.orders, show.video = Messages(), Orders(show), Video(screen, None, show.say)
    show.options = SimpleNamespace(fps=None, headless=True)
    for command, wanted in (("show.record", "cannot record there"), ("show.screenshot", "screenshot not saved")):
        show.orders.carry_out(command, None, 0.0)
        show.video.frame(0.0)
        assert any(wanted in text for text in said(show))
    Path(".").chmod(0o777)
    show.video.start("show.mp4", 30.0)
    paint(screen, 0.5)
    show.video.frame(0.0)
    Path(".").chmod(0o555)  # the file cannot get its name
    show.orders.carry_out("show.record", None, 1.0)
    see_off(show.video)
    assert any("complete in show.part.mp4" in text for text in said(show)) and not show.video.running


def said(show):
    return show.messages.fresh(time.perf_counter())


@pytest.mark.parametrize("name", ["show", "show.xyz", "file/show.mp4"])
def test_what_cannot_be_recorded_is_said_before_it_begins(screen, tmp_path, name):
    (tmp_path / "file").touch()
    video = Video(screen, None)
    with pytest.raises(OSError, match="cannot record there .* name an .mp4 or .mkv file in a folder"):
        video.start(tmp_path / name, 30.0)
    assert not video.running and [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_recording_replaces_a_file(screen, tmp_path):
    path = tmp_path / "show.mp4"
    for count in (1, 2, 3):
        play = Play(screen, path)
        play.run(10 * count, 0.5)
        play.video.stop()
        assert play.path == play.video.path == (path if count == 1 else tmp_path / f"show-{count}.mp4")
        assert play.said == [f"{path} is there already and stays: this recording becomes {play.path}"] * (count > 1)
    assert [len(frames(tmp_path / name)) for name in ("show.mp4", "show-2.mp4", "show-3.mp4")] == [10, 20, 30]
    assert len(list(tmp_path.iterdir())) == 3


def test_two_shows_that_record_to_one_name_get_two_whole_files(screen, tmp_path):
    path = tmp_path / "show.mp4"
    first = Play(screen, path)
    first.run(10, 0.2)
    second = Play(screen, path)  # while the first one records
    assert second.path == tmp_path / "show-2.mp4"
    assert second.said == [f"{path} is what another show records to: this recording becomes {second.path}"]
    second.run(20, 0.8)
    first.run(10, 0.2)
    for play, name, count, level in ((second, "show-2.mp4", 20, 0.8), (first, "show.mp4", 20, 0.2)):
        assert play.video.stop() == tmp_path / name
        assert [round(picture.mean() / 255, 1) for picture in frames(tmp_path / name)] == [level] * count
    assert len(list(tmp_path.iterdir())) == 2


def test_two_shows_that_ask_for_one_name_before_either_records_get_two_whole_files(screen, tmp_path):
    path = tmp_path / "show.mp4"
    first, second = Play(screen, path), Play(screen, path)
    assert first.path == second.path == path
    for play, level in ((first, 0.2), (second, 0.8)):
        play.run(10, level)
    assert not first.said and second.said == [
        f"{path} is what another show records to: this recording becomes {tmp_path / 'show-2.mp4'}"]
    for play, name, level in ((first, "show.mp4", 0.2), (second, "show-2.mp4", 0.8)):
        assert play.video.stop() == play.video.path == tmp_path / name
        assert [round(picture.mean() / 255, 1) for picture in frames(tmp_path / name)] == [level] * 10
    assert len(list(tmp_path.iterdir())) == 2


def test_many_recordings_at_once_have_names_of_their_own(screen, tmp_path):
    """From many threads, as from many processes: a lock is an open file's."""
    with ThreadPoolExecutor(8) as threads:
        made = [*threads.map(lambda _: Recorder(tmp_path / "show.mp4", screen.size), range(8))]
    assert len({recorder.path for recorder in made}) == 8
    for recorder in made:
        recorder.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["show-2.mp4", *(f"show-{n}.mp4" for n in range(3, 9)), "show.mp4"]


def test_what_another_process_records_is_not_taken_for_what_broke_off(screen, tmp_path):
    recorder = Recorder(tmp_path / "show.mp4", screen.size, wait=True)
    code = "import sys, pathlib; from instrument.render.record import prepare; print(*prepare(pathlib.Path(sys.argv[1])))"
    asked = subprocess.run([sys.executable, "-c", code, recorder.path], capture_output=True, text=True, check=True, cwd=ROOT)
    recorder.frame(screen.framebuffer, 0.0)
    recorder.close()
    assert asked.stdout.split() == [str(tmp_path / "show-2.mp4"), "None"]
    assert [path.name for path in tmp_path.iterdir()] == ["show.mp4"]


@pytest.mark.parametrize("take", [lambda path: path.write_text("mine"), lambda path: path.mkdir()])
def test_what_took_the_name_meanwhile_stays_too(screen, tmp_path, take):
    play = Play(screen, tmp_path / "show.mp4")
    play.run(30, 0.5)
    take(play.path)
    assert play.video.stop() == play.video.path == tmp_path / "show-2.mp4"
    assert play.said == [f"another file took the name {play.path} meanwhile and stays: the recording is {play.video.path}"]
    assert len(frames(play.video.path)) == 30 and (play.path.is_dir() or play.path.read_text() == "mine")
