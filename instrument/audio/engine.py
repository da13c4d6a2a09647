"""From blocks of sound to published features: the fast path first, the class path after.

Owns the history of log-mel frames, the choice of the window to decide on, and the figures of
the chain (latency, decisions a second, decisions skipped). `analyse` sees every sample and never
waits; `decide` runs the network on the newest window, so that being late costs decisions but
never builds up delay. `listen` calls the two in two threads; `push` is both in one.
"""

import math
import threading
import time
from collections import deque
from typing import NamedTuple

import numpy as np

from ..features import CLASS
from ..params import BY_NAME, DEFAULTS
from .decide import Decider
from .files import LOUDEST
from .frontend import FrontEnd, Streaming
from .onset import FastPath, decibels

DECISION = 0.0464  # s from one to the next: what a processor does beside the dream
LEAST = 0.1162  # s of sound after silence that a decision needs; less is repeated into a false rhythm
SILENCE = 0.3  # seconds below the gate until a sound is over
CLOSES = 6.0  # dB
LEVEL_BLOCK = 0.01  # seconds per value of the level that the gate sees
RECALLED = 1.0  # seconds of sound that another front end hears once more


class _Ear(NamedTuple):
    """What decides: a network with its smoothing, the log-mel that it hears, and how many seconds from one to the next."""

    hear: object
    decider: object
    mel: Streaming
    history: object
    every: object


class Engine:
    """Hears a mono stream at `source_rate` Hz and publishes {feature name: value} of `features.py`.

    `hear` maps a window of natural-log mel by `front_end`, float32 (bands, frames), to logits (classes + 1,), the last of
    them for "none of these"; None until `attach` brings a network. `publish` is called from whichever thread runs
    `analyse` or `decide`. `values` holds the `hear.` rows; assign a new mapping to change them. Times are of `clock`.
    """

    def __init__(self, source_rate, hear, classes, publish, values=DEFAULTS, clock=time.perf_counter,
                 front_end=FrontEnd()):
        self.values = values
        self.analysed = 0  # samples
        self.decisions = self.skipped = 0
        self.overflows = 0  # counted by the source, published here
        self._publish, self._clock, self._rate = publish, clock, source_rate
        self._fast = FastPath(source_rate)
        self._gate = Gate(source_rate)
        self._pace = Pace()
        self._lock = threading.Lock()
        self._due = 0  # decisions that the sound so far asks for
        self._start = self._ended = None  # of the sound; of the newest frame
        self._attaching = threading.Lock()
        self._recent = np.zeros(0, np.float32)
        self._ear = _Ear(None, None, *self._begun(front_end), lambda: DECISION)
        self.attach(hear, classes, front_end)

    def attach(self, hear, classes, front_end=FrontEnd(), every=lambda: DECISION):
        """Decide with this network from now on, each time that `every()` seconds have come.
        It is asked at each block. Another front end hears the last second once more."""
        with self._attaching:
            now = self._ear
            decider = None if hear is None else Decider(classes, now.decider)
            mel, history = (now.mel, now.history) if now.mel.front_end == front_end else self._begun(front_end)
            self._ear = _Ear(hear, decider, mel, history, every)  # one assignment, so that who hears never sees half

    def _begun(self, front_end):
        return Streaming(self._rate, front_end), History(front_end)

    def push(self, block, now):
        """Analyse and decide in one thread."""
        if self.analyse(block, now):
            self.decide()

    def analyse(self, block, now):
        """Take mono samples whose last one was captured at `now`; True when a decision is due.

        Publishes the fast features before anything else is computed.
        """
        self._start = now if self._start is None else self._start
        block = amplified(block, self.values["hear.gain"])
        ms = int(1000 * (now - self._start)) & 0x7FFFFFFF
        self._publish(self._fast.push(block) | {"ms": ms, "stat.overflows": self.overflows})
        ear, before = self._ear, self._recent
        frames = ear.mel.push(block if ear.history.begun else np.concatenate((before, block)))
        ear.history.begin((self.analysed - len(before)) / self._rate)
        self.analysed += len(block)
        self._recent = np.concatenate((before, block))[-round(RECALLED * self._rate):]
        with self._lock:
            self._gate.push(block, self.values["hear.gate"])
            self._due += ear.history.push(frames, ear.every())
            self._ended = now - max(self.analysed / self._rate - ear.history.end, 0.0)
            return self._due > 0

    def decide(self):
        """Decide on the newest window if that is due; what came due meanwhile is skipped and counted."""
        ear = self._ear
        hear, decider = ear.hear, ear.decider
        with self._lock:
            due, self._due, captured = self._due, 0, self._ended
            if not due:
                return
            level_db = self._gate.level_db
            window = None if hear is None else self._window(ear.history)
        self.skipped += due - 1
        if hear is not None:
            logits = None if window is None else hear(window)
            decision = decider.update(logits, level_db, self.values, captured)
            self._report(decision, decider.classes, captured)

    def _window(self, history):
        """What the network hears now, or None in silence and in the first moments of a sound."""
        row = BY_NAME["hear.window"]
        seconds = float(row.labels[int(self.values["hear.window"])])
        if not self._gate.open:
            return None
        return choose_window(history, history.frame_at(self._gate.opened), seconds)

    def _report(self, decision, classes, captured):
        self.decisions += 1
        done = self._clock()
        values = {CLASS + name: float(p) for name, p in zip(classes, decision.smooth)}
        values |= {
            "raw": [float(p) for p in decision.raw],
            "top.index": decision.top,
            "top.prob": decision.top_prob,
            "top.name": classes[decision.top] if decision.top >= 0 else "",
            "known": decision.known,
            "stat.latency_ms": max(1000 * (done - captured), 0.0),
            "stat.hops_per_s": self._pace.tick(captured),
        }
        if decision.changed:
            values["top.changed"] = 1
        self._publish(values)


def amplified(block, gain_db):
    """What is heard of mono samples: float32, finite, no louder than any sound, `gain_db` louder."""
    block = np.nan_to_num(np.asarray(block, np.float32), posinf=1.0, neginf=-1.0)
    return np.clip(block, -LOUDEST, LOUDEST) * np.float32(10 ** (gain_db / 20))


def levels(samples, rate):
    """dBFS of every 10 ms of mono samples, by which all of us tell whether something sounds: above `hear.gate`.

    The offset of a microphone is no sound, hence the variance.
    """
    size = level_block(rate)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return decibels(np.var(blocks, axis=1, dtype=float))


def level_block(rate):
    """Samples in one of the `levels`."""
    return max(round(LEVEL_BLOCK * rate), 1)


def choose_window(history, since, seconds):
    """The newest `seconds` of `history`, from frame `since` on, shape (bands, frames); None if that is too short.

    A sound shorter than the window is repeated until it fills it, as short clips are in training:
    so a sound after silence is answered before it is as long as the window.
    """
    length = history.front_end.frames(seconds)
    sound = history.newest(min(length, history.total - since))
    if sound.shape[1] < history.front_end.begun(LEAST):
        return None
    repeats = -(-length // sound.shape[1])
    return np.ascontiguousarray(np.tile(sound, repeats)[:, :length])


class History:
    """The last seconds of log-mel frames."""

    def __init__(self, front_end):
        self.front_end = front_end
        longest = max(float(label) for label in BY_NAME["hear.window"].labels)
        self._frames = np.zeros((front_end.bands, front_end.frames(longest)), np.float32)
        self.total, self._before = 0, None

    @property
    def begun(self):
        """Whether it is known after how much sound it begins."""
        return self._before is not None

    def begin(self, seconds):
        """What is pushed first comes after so much sound that was not; told again, it changes nothing."""
        self._before = seconds if self._before is None else self._before

    def push(self, frames, every=DECISION):
        """Keep the newest `frames` (bands, n) and return how many decisions came due, one for each `every` seconds."""
        every = max(round(every * self.front_end.rate / self.front_end.hop), 1)
        before = self.total // every
        self.total += frames.shape[1]
        kept = frames[:, -self._frames.shape[1]:]
        if kept.shape[1]:
            self._frames = np.concatenate([self._frames[:, kept.shape[1]:], kept], axis=1)
        return self.total // every - before

    @property
    def end(self):
        """Seconds of sound up to the end of the newest frame."""
        front = self.front_end
        return (self._before or 0.0) + (((self.total - 1) * front.hop + front.n_fft) / front.rate if self.total else 0.0)

    def newest(self, count):
        """The last `count` frames, shape (bands, count or fewer)."""
        count = min(max(count, 0), self.total, self._frames.shape[1])
        return self._frames[:, self._frames.shape[1] - count:]

    def frame_at(self, seconds):
        """Number of the first frame whose middle lies at or after `seconds` of sound."""
        front = self.front_end
        return max(math.ceil(((seconds - (self._before or 0.0)) * front.rate - front.n_fft / 2) / front.hop), 0)


class Gate:
    """Open while there is sound: the loudest 10 ms of the last SILENCE seconds are above the gate, and once it is open not CLOSES
    below it, for a room whose level is just that of the gate would begin anew ten times a minute."""

    def __init__(self, rate):
        self._rate = rate
        self._recent = deque([-math.inf], maxlen=round(SILENCE / LEVEL_BLOCK))
        self._rest = np.zeros(0, np.float32)
        self._blocks = 0
        self.open = False
        self.opened = 0.0  # seconds of sound when it last opened

    @property
    def level_db(self):
        """Loudest 10 ms of the last SILENCE seconds, dBFS."""
        return max(self._recent)

    def push(self, block, gate_db):
        """Take samples; `gate_db` dBFS is where sound begins."""
        samples = np.concatenate([self._rest, block])
        self._rest = samples[len(samples) - len(samples) % level_block(self._rate):]
        for level in levels(samples, self._rate):
            self._step(float(level), gate_db)

    def _step(self, level, gate_db):
        self._recent.append(level)
        was, self.open = self.open, self.level_db >= gate_db - CLOSES * self.open
        if self.open and not was:
            self.opened = self._blocks * level_block(self._rate) / self._rate
        self._blocks += 1


class Pace:
    """Events a second, over the last 44."""

    def __init__(self):
        self._times = deque(maxlen=44)

    def tick(self, now):
        """Count an event at `now` and return the rate."""
        self._times.append(now)
        elapsed = now - self._times[0]
        return (len(self._times) - 1) / elapsed if elapsed > 0 else 0.0
