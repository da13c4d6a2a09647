"""Recordings and screenshots of the show, with the sound that `listen` shares."""

import time
from pathlib import Path

import numpy as np

from .audio.ring import Ring

PATIENCE = 12.0  # s to wait for sound before a recording begins without
FOLDER = Path("out")


class Video:
    """Records the screen to files; attaches to the shared ring `ring_name` (None: no sound). Main thread."""

    def __init__(self, screen, ring_name):
        self._screen, self._ring_name = screen, ring_name
        self._ring = self._recorder = self._asked = None
        self._position = self._origin = 0
        self.path = self.began = self._last = None  # the file, times of its first and its last frame

    @property
    def running(self):
        return self._asked is not None

    def start(self, path, fps):
        """Begin with the next frame that has sound (or soon without); the path. OSError if one is running."""
        self.stop()
        self.path = Path(path) if path else FOLDER / time.strftime("show-%Y%m%d-%H%M%S.mp4")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._asked = (self.path, fps, time.perf_counter())
        return self.path

    def frame(self, now):
        """Record what the screen shows now, and the sound since the last frame."""
        if not self._asked or not (self._recorder or self._begin(now)):
            return
        self._recorder.frame(self._screen.framebuffer, now)
        self._last = now
        if self._ring:
            samples, self._position, lost = self._ring.read(self._position)
            if len(samples):
                self._recorder.sound(samples, self._position - len(samples) - self._origin)

    def _begin(self, now):
        from .render.record import Recorder

        path, fps, asked = self._asked
        self._ring = self._ring or self._attach()
        if self._ring_name and now - asked < PATIENCE and not (self._ring and self._ring.written):
            return None
        self.began = now
        if self._ring:
            self._position = self._origin = self._ring.written
        self._recorder = Recorder(path, self._screen.size, fps, self._ring.rate if self._ring else 0)
        return self._recorder

    def _attach(self):
        try:
            return Ring.attach(self._ring_name) if self._ring_name else None
        except OSError:
            return None  # `listen` has not made it yet

    def stop(self):
        """Finish the file; its path, or None if none was running. OSError if writing failed."""
        recorder, self._recorder, self._asked = self._recorder, None, None
        if recorder is None:
            return None
        if self._ring:  # a sound that ended before the picture is followed by silence
            end = int((self._last - self.began) * self._ring.rate)
            recorder.sound(np.zeros(1, np.float32), max(end, self._position - self._origin))
        recorder.close()
        return self.path

    def screenshot(self):
        """Save what the screen shows as PNG; its path."""
        from .render.record import screenshot

        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / time.strftime("shot-%Y%m%d-%H%M%S.png")
        screenshot(self._screen.framebuffer, path)
        return path
