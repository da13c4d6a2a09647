"""Recordings and screenshots of the show, with the sound that `listen` shares."""

import math
import os
import threading
import time
from pathlib import Path

import numpy as np

from .audio.frontend import Resampler
from .audio.ring import Ring

PATIENCE = 12.0  # s to wait for sound before a recording begins without
FOLDER = Path("out")
SPAN = 2.0  # s over which it is watched how late sound comes
SLACK = 0.02  # s by which sound may leave the picture before it is led back, a sample in each block
TORN = 0.15  # s after which that would take too long: something was left out
LEAST = 256  # samples of a block that may become one longer or shorter
OTHER = "is what another show records to"  # why a name cannot be had


class Video:
    """Records the screen to files; attaches to the shared ring `ring_name` (None: no sound). Main thread.

    `notice(text)` is told, in one line, what nobody asked for: a recording that fails, a file that was kept. `over()`: there
    will be no more sound, so that a recording need not wait for it. `clock` is that of the times of frames.
    Nothing but `stop` waits for the encoder, or for a screenshot.
    """

    def __init__(self, screen, ring_name, notice=print, over=lambda: False, clock=time.perf_counter):
        self._screen, self._ring_name, self._notice, self._over, self._clock = screen, ring_name, notice, over, clock
        self._ring = self._recorder = self._asked = self._track = None
        self._ending = []  # recorders that finish their files
        self._shoots = False  # whether the next frame is to be saved as a picture
        self._shots = []  # threads that save screenshots
        self._failure = ""
        self.path = self.began = self._last = None  # the file, times of its first and its last frame

    @property
    def running(self):
        return self._asked is not None

    @property
    def waits(self):
        """Whether a recording was asked for that has not begun."""
        return self.running and self._recorder is None

    def start(self, path, fps):
        """Begin with the next frame that has sound (or soon without); the path.

        It is `path` (None: named by the time), or where a file has that name the next number that is free.
        OSError in one line when it cannot be written, or the recording that was running cannot be finished.
        """
        from .render.record import prepare, unused

        self._failure = ""
        self.stop() if path else self.finish()
        asked = Path(path) if path else unused(FOLDER / time.strftime("show-%Y%m%d-%H%M%S.mp4"))
        path, kept = prepare(asked)
        if kept:
            self._notice(f"what a recording that broke off left is kept as {kept}")
        if path != asked:
            why = "is there already and stays" if os.path.lexists(asked) else OTHER
            self._notice(f"{asked} {why}: this recording becomes {path}")
        self._asked = (path, fps, time.perf_counter())
        return path

    def frame(self, now):
        """Record what the screen shows now, and the sound since the last frame; says what is saved, or fails."""
        if self._shoots:
            self._shoot()
        try:
            for recorder in [one for one in self._ending if one.ended]:
                self._notice(f"saved {self._close(recorder)}")
            if self._asked and (self._recorder or self._begin(now)):
                self._record(now)
        except OSError as error:
            self._failure = str(error)
            self._notice(self._failure)

    def _record(self, now):
        self._last = now
        self._recorder.frame(self._screen.framebuffer, now)
        # Not the time of the frame: to draw it, and to open the encoder, may have taken long, in which sound came.
        samples, first = self._track.read(self._clock()) if self._track else ((), 0)
        if len(samples):
            self._sound(samples, first)
        if self._recorder.error:
            self.finish()

    def _sound(self, samples, first):
        lost = self._recorder.lost
        self._recorder.sound(samples, first)
        if self._recorder.lost and not lost:
            self._notice(f"{self._recorder.path}: the encoder is minutes behind, and sound is left out until it has caught up; "
                         "record to a faster disk")

    def _begin(self, now):
        from .render.record import Recorder

        path, fps, asked = self._asked
        self._ring = self._ring or self._attach()
        patient = self._ring_name and now - asked < PATIENCE and not self._over()
        if patient and not (self._ring and self._ring.written):
            return None
        if min(self._screen.size) < 2:
            return None  # minimised: the first picture gives the video its size
        self.began = now
        self._track = Track(self._ring, now) if self._ring else None
        try:
            self._recorder = Recorder(path, self._screen.size, fps, self._track.rate if self._track else 0)
        except OSError:
            self._asked = None
            raise
        self.path = self._recorder.path
        if self.path != path:
            self._notice(f"{path} {OTHER}: this recording becomes {self.path}")
        return self._recorder

    def _attach(self):
        try:
            return Ring.attach(self._ring_name) if self._ring_name else None
        except OSError:
            return None  # `listen` has not made it yet

    def finish(self):
        """End the recording; once its file is whole, that is said. The path it asked for; None if none had begun."""
        recorder, self._recorder, self._asked = self._recorder, None, None
        if recorder is None:
            return None
        if self._track:  # a sound that ended before the picture is followed by silence
            end = int((self._last - self.began) * self._track.rate)
            recorder.sound(np.zeros(1, np.float32), max(end, self._track.end))
        recorder.end()
        self._ending.append(recorder)
        return recorder.path

    def stop(self):
        """Finish all files, and wait for that; the last path, or None. OSError if writing failed, now or before."""
        self.finish()
        for shot in self._shots:
            shot.join()
        path = None
        for recorder in tuple(self._ending):
            try:
                path = self._close(recorder)
            except OSError as error:
                self._failure = str(error)
        failure, self._failure = self._failure, ""
        if failure:  # a command that was to make a video must not end as if there were one
            raise OSError(failure)
        return path

    def _close(self, recorder):
        """See a recorder off, and say what is not as it should be; the path of its file."""
        self._ending.remove(recorder)
        asked = recorder.path
        recorder.close()
        if recorder.path != asked:
            self._notice(f"another file took the name {asked} meanwhile and stays: the recording is {recorder.path}")
        if lost := recorder.losses():
            self._notice(f"{recorder.path}: the encoder was too slow, so {lost}; a smaller --size or a faster disk helps")
        self.path = recorder.path
        return recorder.path

    def shoot(self):
        """Save the next frame as a screenshot: what the screen shows then has no HUD over it."""
        self._shoots = True

    def _shoot(self):
        self._shoots = False
        try:
            self.screenshot()
        except OSError as mistake:
            self._notice(str(mistake))

    def screenshot(self):
        """Save what the screen shows as PNG, in a thread of its own, which says so; its path. OSError in one line where it cannot
        be written."""
        from .render.record import screenshot, unused

        path = unused(FOLDER / time.strftime("shot-%Y%m%d-%H%M%S.png"))
        save = screenshot(self._screen.framebuffer, path)
        self._shots = [*filter(threading.Thread.is_alive, self._shots), threading.Thread(target=self._save, args=(save, path))]
        self._shots[-1].start()
        return path

    def _save(self, save, path):
        try:
            save()
        except OSError as error:
            self._notice(str(error))
        else:
            self._notice(f"saved {path}")


class Track:
    """The sound of a shared ring on the clock of a video that began at `began` (s), at the `rate` it has then.

    A `listen` that is started again begins a new ring, perhaps at another rate. The newest of the first samples
    that come from each belongs to the moment in which they are read; what is missing before them is a gap. From then on
    samples are counted, and kept in step with the clock: a device's own runs up to some 100 millionths faster or slower.
    """

    def __init__(self, ring, began):
        self._ring, self._began, self.rate = ring, began, ring.rate
        self._position = ring.read(ring.written)[1]
        self.end = 0  # samples of the video that have sound or were passed over
        self._follow()

    def _follow(self):
        self._writer, self._fresh, self._drift = self._ring.writer, True, Drift()
        self._resampler = Resampler(self._ring.rate, self.rate)

    def read(self, now):
        """(samples since the last call, number of the first one since the start of the video)."""
        samples, self._position, lost = self._ring.read(self._position)
        if self._ring.writer != self._writer:
            self._follow()
        samples = self._resampler.push(samples)
        if self._fresh and len(samples):
            self._fresh, lost = False, 0
            self.end = int((now - self._began) * self.rate) - len(samples)
        first = self.end + lost * self.rate // self._ring.rate
        if len(samples):
            first, samples = self._kept_in_step(first, samples, now)
        self.end = first + len(samples)
        return samples, first

    def _kept_in_step(self, first, samples, now):
        """(number of the first, samples): moved where the device left some out, else a sample longer or shorter."""
        behind = self._drift.of(now, now - self._began - (first + len(samples)) / self.rate)
        if abs(behind) > TORN:
            return first + round(self._drift.repaid(behind) * self.rate), samples
        if abs(behind) * self.rate < 1 or len(samples) < LEAST:
            return first, samples
        self._drift.repaid(math.copysign(1 / self.rate, behind))
        return first, _stretched(samples, len(samples) + int(math.copysign(1, behind)))


class Drift:
    """How far a sound has come to lie behind the clock since it began, told from how late its newest samples are read.

    They are read when the show comes to it, so only the least late of SPAN seconds say something.
    """

    def __init__(self):
        self._first = None  # the least lateness of the first SPAN
        self._least, self._until = math.inf, None
        self._owed = 0.0

    def of(self, now, late):
        """Seconds that it is to be moved on, negative back; 0 while it is within SLACK."""
        self._until = self._until or now + SPAN
        self._least = min(self._least, late)
        if now >= self._until:
            self._first = self._least if self._first is None else self._first
            off = self._least - self._first
            self._owed = off if abs(off) > SLACK else 0.0
            self._least, self._until = math.inf, now + SPAN
        return self._owed

    def repaid(self, seconds):
        """So much of it has been done."""
        self._owed -= seconds
        self._least -= seconds
        return seconds


def _stretched(samples, count):
    """Samples (n,) or (n, channels) as `count` of them, read between."""
    at, there = np.linspace(0, len(samples) - 1, count), np.arange(len(samples))
    columns = samples[:, None] if samples.ndim == 1 else samples
    found = np.stack([np.interp(at, there, column) for column in columns.T], 1).astype(np.float32)
    return found.reshape(count, *samples.shape[1:])
