"""Where sound comes from: a microphone, a file, the demo scene. All fill a ring in real time, all read alike.

`open_source(spec)` is a context manager; `read()` inside it waits for sound and gives all that came.
"""

import threading
from pathlib import Path
from time import perf_counter

import numpy as np

from . import demo, inputs
from .files import Frames, open_sound
from .inputs import BLOCK
from .player import mono, open_player
from .ring import Ring

MUTE = 5.0  # seconds of nothing but zeros after which it is told where to look
QUIET, RETRY = 0.5, 1.0  # seconds without a callback before a device counts as gone; between two tries to re-open it
WAKES, LOOKS = 3.0, 3  # s that one just opened may take to its first; looks at it in a row: not it but we may have been held up


class Source:
    """What every source has: `name`, `description`, `rate` (Hz), `overflows`, `ended`, `note`, `ring`, `truth`, and `spec`, by which
    `open_source` opens the same again, also when devices have got other numbers."""

    truth = ()  # (start, end, class name) of each event, where it is known

    def __init__(self, name, description, rate, ring_name=None, clock=perf_counter):
        self.name, self.description, self.rate = name, description, int(rate)
        self._dropped = self._missed = 0  # by the device; by a reader too slow for the ring
        self.ended = False  # a file that is over; silence follows
        self.spec = self.note = ""  # note: one line when something is wrong now
        self.ring = Ring.create(ring_name, self.rate)
        self._clock, self._position, self._news = clock, 0, threading.Event()

    @property
    def overflows(self):
        """Times that sound was lost, in the device or in the ring."""
        return self._dropped + self._missed

    def read(self, timeout=0.1):
        """All mono float32 samples since the last call; waits for the first. Empty after `timeout` seconds."""
        self._news.wait(timeout)
        self._news.clear()
        self.tick(self._clock())
        samples, self._position, lost = self.ring.read(self._position)
        self._missed += lost > 0
        return np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    def tick(self, now):
        """Look after the device; `read` does it."""

    def _write(self, block):
        self.ring.write(block)
        self._news.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ring.close()


class Microphone(Source):
    """A live input that is re-opened when it falls silent for good; until then it gives silence.

    `open_stream(heard)` opens the device and returns something to `close()`; `heard(block, overflowed)` is then
    called with mono float32 blocks. OSError while there is no device.
    """

    def __init__(self, open_stream, name, description, rate, ring_name=None, clock=perf_counter):
        super().__init__(name, description, rate, ring_name, clock)
        self._open_stream, self._stream = open_stream, None
        self._calls = self._seen = self._looks = self._before = 0  # before: calls of streams that were closed
        self._alive = self._silent_to = self._tried = self._opened = 0.0
        self._sounded = False  # whether anything but zeros has ever come
        self.reopened = 0

    def __enter__(self):
        try:
            self._open(self._clock())
        except BaseException:
            self.ring.close()
            raise
        return self

    def __exit__(self, *_):
        self._close()
        super().__exit__()

    def tick(self, now):
        """The watchdog: `now` in seconds. The worker's thread only."""
        if self._stream is None:
            self._silence(now)
            self._retry(now)
        elif self._calls != self._seen:
            self._seen, self._alive, self._looks = self._calls, now, 0
            self.note = self._muted(now)
        elif now - self._alive > QUIET:
            self.note = f"{self.name} gives no sound: silence until it is back"
            self._looks += 1
            if self._gone(now):
                self._close()
                self._silent_to, self._tried = self._alive, float("-inf")  # the first try is at once
                self.tick(now)

    def _gone(self, now):
        """Whether it has been silent for longer than a stream may be."""
        return self._looks >= LOOKS and now - self._alive > (WAKES if self._calls == self._before else QUIET)

    def _heard(self, block, overflowed):
        self._calls += 1
        self._sounded = self._sounded or bool(block.any())
        self._dropped += overflowed
        self._write(block)

    def _muted(self, now):
        """What to look at where nothing but zeros has ever come."""
        cure = inputs.allowed_by()
        if self._sounded or not cure or now - self._opened < MUTE:
            return ""
        return f"{self.name} gives nothing but silence: if it should not, {cure}"

    def _open(self, now):
        self._before, self._looks = self._calls, 0
        self._stream = self._open_stream(self._heard)
        self._opened = self._alive = max(now, self._clock())  # to open it may have taken long
        self._seen = self._calls

    def _close(self):
        # before anything else writes to the ring: it has one writer
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _silence(self, now):
        count = int((now - self._silent_to) * self.rate)
        self._silent_to += count / self.rate
        kept = min(max(0, count), self.ring.capacity)  # of hours that the machine slept the rest would be memory and nothing else
        self.ring.write(np.zeros(kept, np.float32))  # wakes nobody: `read` would spin

    def _retry(self, now):
        if now - self._tried < RETRY:
            return
        self._tried = now
        try:
            self._open(now)
        except OSError as reason:
            self.note = f"{self.name} gives no sound: silence until it is back ({reason})"
            return
        self.reopened += 1  # the note stays until sound comes: a sound server may open what it cannot connect


class Paced(Source):
    """Sound known beforehand, given out in real time by the clock. `blocks()` yields float32 (frames, channels)."""

    def __init__(self, blocks, name, description, rate, loop=False, player=None, ring_name=None, clock=perf_counter, channels=()):
        """All of it is played by `player`; of `channels`, from 1, the mean is heard, without them of all."""
        super().__init__(name, description, rate, ring_name, clock)
        self._heard = [number - 1 for number in channels] or slice(None)
        self._frames, self._player = Frames(blocks, loop), player
        self._given, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, name="hearsee-source", daemon=True)

    def __enter__(self):
        if self._player is not None:
            self._player = self._started(self._player)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self._player is not None:
            self._player.__exit__()
        super().__exit__()

    def advance(self, until):
        """Give out everything up to `until` seconds after the start; silence after the end. The pacer's thread."""
        while (due := min(int(until * self.rate) - self._given, self.rate)) > 0:
            frames = self._frames.take(due)
            self.ended = len(frames) < due
            self._write(np.pad(mono(frames[:, self._heard]), (0, due - len(frames))))
            if self._player is not None:
                self._player.put(frames)
            self._given += due

    def _run(self):
        start = self._clock()
        while not self._stop.wait(BLOCK):
            self.advance(self._clock() - start)

    def _started(self, player):
        try:
            return player.__enter__()
        except OSError as error:  # the show goes on without a loudspeaker
            self.note = str(error)
            return None


def open_source(spec=None, loop=False, aloud=False, ring_name=None, seed=demo.SEED, channels=()):
    """The source that `spec` names: None or "auto" (the microphone if there is one, else the demo), "mic", "demo",
    a file, or a device by number or name. `loop` repeats a file or the demo, `aloud` plays it where something can.
    `channels` (from 1) of a device or file are heard, averaged; without them all it has, of a device's more than MANY the first two.

    OSError: no such file, device or channel. ValueError: a file without sound, channels of the demo.
    """
    chosen, spec = spec in (None, "auto"), inputs.automatic(inputs.devices()) if spec in (None, "auto") else str(spec)
    if spec == "demo" and channels and not chosen:
        raise ValueError("the demo has one channel: leave --channels out, or name an input or a file with --audio")
    if spec == "demo":
        return _demo(loop, aloud, ring_name, seed, f" ({inputs.lacking() or 'no audio input was found'})" if chosen else "")
    if spec != "mic" and is_path(spec) and (Path(spec).exists() or not inputs.is_input(spec)):
        return _file(spec, loop, aloud, ring_name, channels)
    return _microphone(spec, ring_name, channels)


def is_path(spec):
    """Whether a sound is named by a file, be it there or not."""
    return Path(spec).exists() or _looks_like_a_file(spec)


def _looks_like_a_file(spec):
    return "/" in spec or "\\" in spec or (Path(spec).suffix[1:].isalnum() and " " not in spec)


def _file(path, loop, aloud, ring_name, channels):
    sound = open_sound(path)
    if max(channels, default=0) > sound.channels:
        raise OSError(f"{path} has no channel {max(channels)}: give --channels from 1 to {sound.channels}")
    player = open_player(sound.rate, sound.channels) if aloud else None
    source = Paced(sound.blocks, sound.path.name, sound.description, sound.rate, loop, player, ring_name, channels=channels)
    source.note = inputs.lacking() if aloud and not player else ""
    source.spec = str(path)
    return source


def _demo(loop, aloud, ring_name, seed, why):
    samples, truth = demo.scene(seed)
    player = open_player(demo.RATE, 1) if aloud else None
    source = Paced(lambda: [samples[:, None]], "demo", f"demo scene {seed}{why}", demo.RATE, loop, player, ring_name)
    source.truth, source.spec = tuple(truth), "demo"
    return source


def _microphone(spec, ring_name, channels):
    listed = inputs.devices()
    found = inputs.pick_input(spec, listed)

    def choose(listed):
        return inputs.pick_input(spec, listed) if spec == "mic" else inputs.same(found, listed)

    source = Microphone(lambda heard: inputs.open_input(choose, found.rate, heard, channels), found.name, found.text, found.rate, ring_name)
    alone = [device.full_name for device in listed].count(found.full_name) == 1
    source.spec = "mic" if spec == "mic" else found.full_name if alone else str(found.index)
    return source


