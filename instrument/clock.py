"""Tempo and position in the bar, from tapping, MIDI clock or the sound: the first of these that speaks.

Time is passed in (seconds of one steady clock). Everything belongs to the main thread but `midi`.
"""

import math
import queue
from collections import deque
from itertools import pairwise
from statistics import linear_regression, median

BAR = 4  # beats
BEATS = "clock.beats"  # a feature of the show alone
FREE = 120.0  # beats a minute of waves before there is a tempo
TICKS = 24  # MIDI clocks per beat
TAP_PAUSE = 2.0  # s; a longer pause begins a new series of taps
BOUNCE = 0.15  # s; nobody taps 400 beats a minute
BEGUN = 1.0  # s in which ticks must come after a start
LOST = 2.0  # s without a word after which MIDI clock or the sound no longer count
NEAR, GLIDE = 0.1, 0.2  # beats off that are the same beat, told early or late; the share of them made up for at a time
SLOWEST, FASTEST = 10.0, 1000.0  # beats a minute; what is told beyond is no tempo


class Clock:
    """Beats since the start of the first bar, running on through a change of source."""

    def __init__(self):
        self._taps = deque(maxlen=9)
        self._tap_period = 0.0
        self._ticks = deque(maxlen=2 * TICKS)  # (number of the tick, time)
        self._began = -math.inf  # when the transport last began or went on
        self._count = 0  # number of the next tick
        self._halted = None  # number of the tick with which "continue" goes on; None while no place is told
        self._running = False  # whether the transport is
        self._leader, self._led = None, -math.inf  # the port whose clock is followed, and its last word
        self._messages = queue.SimpleQueue()
        self._heard = -math.inf
        self._sound_period, self._told = 0.0, None  # s; the phase that the sound told last
        self._period = 0.0  # s per beat; 0 unknown
        self._anchor = (0.0, 0.0)  # (beats, time)
        self.source = ""  # "tap", "midi", "sound" or ""

    @property
    def bpm(self):
        """Beats a minute; 0 while unknown."""
        return 60.0 / self._period if self._period else 0.0

    def beats(self, now):
        """Beats since the first bar began; stands still while no tempo is known."""
        count, since = self._anchor
        return count + (now - since) / self._period if self._period else count

    def phase(self, now):
        """Position within the beat, 0..1."""
        return self.beats(now) % 1.0

    def next_beat(self, now, every=1):
        """Time of the next beat (`every` = BAR: of the next bar), `now` itself where no tempo is known."""
        if not self._period:
            return now
        beats = self.beats(now)
        return now + (math.ceil(beats / every - 1e-6) * every - beats) * self._period

    def due(self, quantise, now):
        """When something asked for now shall happen: `show.quantise` 0 now, 1 next beat, 2 next bar."""
        return self.next_beat(now, (0, 1, BAR)[int(quantise)]) if quantise else now

    def features(self, now):
        """Tempo and phase under the names of the feature table, to be laid over those of the sound, and BEATS.

        BEATS are those since the first bar; where no tempo was ever known, FREE a minute,
        so that waves run all the same.
        """
        told = {"beat.bpm": self.bpm, "beat.phase": self.phase(now)} if self.source else {}
        return {**told, BEATS: self.beats(now) if self._period else now * FREE / 60}

    def tap(self, now):
        """A tap: the first of a series is a downbeat; two or more set the tempo to the median interval."""
        if self._taps and now - self._taps[-1] < BOUNCE:
            return
        if self._taps and now - self._taps[-1] > TAP_PAUSE:
            self._taps.clear()
        self._taps.append(now)
        if len(self._taps) > 1:
            self._tap_period = median(b - a for a, b in pairwise(self._taps))
        if self._tap_period:
            self._period, self.source = self._tap_period, "tap"
        grid = BAR if len(self._taps) == 1 else 1
        self._anchor = (round(self.beats(now) / grid) * grid, now)

    def outvotes(self, now):
        """Whether a MIDI clock is there, and not followed because the tempo was tapped."""
        return self.source == "tap" and self._ticks_at(now)

    def forget(self):
        """Give the tempo back to MIDI clock or the sound."""
        self._taps.clear()
        self._tap_period = 0.0

    def midi(self, kind, now, port="", place=0):
        """A MIDI clock message: "clock", "start", "continue", "stop" or "songpos" with its `place` in sixteenths. Any thread.

        Two ports are not heard at once, or the tempo would double: the first to tick leads until it is silent for LOST.
        """
        self._messages.put((kind, now, port, place))

    def update(self, now, features=()):
        """Take in what arrived since the last frame; `features` may hold `beat.bpm` and `beat.phase`."""
        for _ in range(self._messages.qsize()):
            self._hear(*self._messages.get_nowait())
        features, phase = dict(features), None
        if SLOWEST <= features.get("beat.bpm", 0.0) <= FASTEST:
            self._heard, self._sound_period = now, 60.0 / features["beat.bpm"]
            phase = features.get("beat.phase")  # that of a sound without a tempo stands still
        self._choose(now, phase)

    def _choose(self, now, phase):
        if self._tap_period:
            self.source = "tap"  # its anchor is the last tap
        elif self._ticks_at(now):
            self.source = "midi"
            self._follow_midi(now)
        elif self._period and now - self._began < BEGUN and now - self._led < LOST:
            self.source = "midi"  # the beat runs on from there as fast as before, until there are more ticks
        elif now - self._heard < LOST:
            self.source = "sound"
            self._follow(self._sound_period, phase, now)
        else:
            self.source = ""  # the last tempo runs on

    def _ticks_at(self, now):
        """Whether MIDI clock tells a tempo."""
        return len(self._ticks) > TICKS // 4 and now - self._ticks[-1][1] < LOST

    def _hear(self, kind, now, port, place):
        if port != self._leader and now - self._led < LOST:
            return
        if kind == "clock":
            self._leader, self._led = port, now
        if kind == "start":
            self._go_on(0, now)
        elif kind == "continue" and self._halted is not None:
            self._go_on(self._halted, now)
        elif kind == "stop":
            if self._running or self._halted is None:  # pressed again, as to go to the beginning, it keeps the place that is set
                self._halted = self._count
            self._running = False
        elif kind == "songpos":
            self._halted = place * TICKS // 4
        elif kind == "clock":
            self._tick(now)

    def _go_on(self, count, now):
        """The next tick has this number. A tapped beat stays where it is."""
        self._ticks.clear()
        self._count, self._halted, self._began, self._running = count, None, now, True
        if not self._tap_period:
            self._anchor = (count / TICKS, now)

    def _tick(self, now):
        """Count a tick; while the transport stands still too, for the beat of the show goes on."""
        if now - self._ticks[-1][1] > LOST / 4 if self._ticks else self._began == -math.inf:
            self._ticks.clear()
            # On the nearest tick of the running beat, so that the phase outlives a pause, and a clock that was never started.
            self._count = round(self.beats(now) * TICKS)
        self._ticks.append((self._count, now))
        self._count += 1

    def _follow_midi(self, now):
        numbers, times = zip(*self._ticks)
        # Least squares against jitter (1.6 ms over JACK, where a tick is 20 ms).
        slope, start = linear_regression([number - numbers[-1] for number in numbers], times)
        if slope > 0:
            self._period = slope * TICKS
            self._anchor = (numbers[-1] / TICKS, start)

    def _follow(self, period, phase, now):
        """Run on, and take up a phase when it is told: until the next packet it is that of a moment ago."""
        beats = self.beats(now)
        if phase is not None and 0 <= phase <= 1 and phase != self._told:  # not a number is neither
            self._told = phase
            beats += self._correction(beats, phase)
        self._period, self._anchor = period, (beats, now)

    def _correction(self, beats, phase):
        """By how much the beat moves: at once where it is another, else it glides there and never goes back."""
        error = (phase - beats + 0.5) % 1 - 0.5
        return error if abs(error) >= NEAR else max(GLIDE * error, (self._anchor[0] - beats) / 2)
