"""The sound as a picture that scrolls, for the HUD and for the dream to start from."""

import numpy as np

from .audio.frontend import LONG, Streaming
from .audio.ring import Ring

FRONT = LONG  # for eyes: a hum is a line, not a band
COLUMNS = 256  # 5.9 s of its frames
SPAN = 11.5  # natural log of power (50 dB) from the darkest colour to the brightest
LEAST = -5.0  # log power that the brightest colour stands for at least, so that silence stays dark
FALL = 0.02  # of log power a column (3.7 dB/s), by which the brightest colour follows a sound that grows quieter
MOST = 20  # columns of what has just come that are made at once, 0.3 ms each: frames are slower than 2 a second beyond
PATIENCE = 6.0  # s of sound that may wait; older sound is scrolled out anyway

# Night, violet, crimson, amber, pale gold; red, green, blue at places along the way.
STOPS = (0.0, 0.22, 0.45, 0.65, 0.82, 1.0)
COLOURS = ((0.030, 0.025, 0.075), (0.155, 0.070, 0.330), (0.470, 0.095, 0.470), (0.860, 0.220, 0.370),
           (1.000, 0.600, 0.260), (1.000, 0.960, 0.800))


def _palette():
    """256 colours, each uint8 RGBA in one number, so that a picture is one look-up."""
    shades = np.stack([np.interp(np.linspace(0, 1, 256), STOPS, channel) for channel in zip(*COLOURS)], 1)
    opaque = np.concatenate((shades, np.ones((256, 1))), 1)
    return np.ascontiguousarray((opaque * 255 + 0.5).astype(np.uint8)).view(np.uint32)[:, 0]


PALETTE = _palette()


class Spectrogram:
    """The newest COLUMNS frames of log-mel of a mono stream at `rate` Hz, in colours.

    `picture` is uint8 RGBA (bands, COLUMNS, 4): high tones on top, the newest on the right; another array when it has
    moved. Brightness is relative to the loudest band of late, so that a whisper shows as well as a shout.
    """

    def __init__(self, rate):
        self.rate = rate
        # Samples that complete one column: a product for two would wake numpy's threads, which the dream needs.
        self.step = max(1, FRONT.hop * rate // FRONT.rate)
        self._mel = Streaming(rate, FRONT)
        self._brightest = LEAST
        self._show(np.full((FRONT.bands, COLUMNS), PALETTE[0]))

    def push(self, samples):
        """Take mono float32 samples, as many as `step` or fewer at a time where time is short."""
        for frame in self._mel.push(samples).T:
            self._add(frame)

    def _add(self, frame):
        self._brightest = max(float(frame.max()), self._brightest - FALL, LEAST)
        shades = ((frame[::-1] - self._brightest) * (255 / SPAN) + 255).clip(0, 255).astype(np.uint8)
        self._show(np.concatenate((self._colours[:, 1:], PALETTE[shades][:, None]), 1))

    def _show(self, colours):
        self._colours = colours
        self.picture = colours.view(np.uint8).reshape(*colours.shape, 4)


class Live:
    """The spectrogram of the sound that `listen` shares as the ring `name`; None where nothing is shared."""

    def __init__(self, name):
        self._name = name
        self._ring = self._seen = None
        self._position, self._waiting = 0, np.zeros(0, np.float32)

    def look(self, gain=0.0):
        """`Spectrogram.picture` of the newest sound, `gain` dB louder; None while there is no ring. One thread.

        Sound that came while nobody looked catches up column by column, so that it never costs a frame.
        """
        if self._ring is None and not self._attach():
            return None
        samples, self._position, _ = self._ring.read(self._position)
        self._follow(self._ring.rate)
        louder = np.nan_to_num(samples, posinf=1.0, neginf=-1.0) * np.float32(10 ** (gain / 20))
        self._waiting = np.concatenate((self._waiting, louder))[-int(PATIENCE * self._seen.rate):]
        for _ in range(1 + min(-(-len(samples) // self._seen.step), MOST)):
            now, self._waiting = np.split(self._waiting, [self._seen.step])
            self._seen.push(now)
        return self._seen.picture

    def _attach(self):
        try:
            self._ring = Ring.attach(self._name) if self._name else None
        except OSError:
            pass  # `listen` has not made it yet
        return self._ring is not None

    def _follow(self, rate):
        """A `listen` that was restarted may hear at another rate."""
        if self._seen is None or self._seen.rate != rate:
            self._seen, self._waiting = Spectrogram(rate), self._waiting[:0]

    def close(self):
        if self._ring is not None:
            self._ring.close()


class Played:
    """The spectrogram of a mono stream at `rate` Hz that plays from 0 s on, without a clock.

    `take(count)` gives its next float32 samples, fewer at its end.
    """

    def __init__(self, take, rate):
        self._take = take
        self._seen = Spectrogram(rate)
        self._position = 0

    def look(self, now, gain=0.0):
        """`Spectrogram.picture` at `now` (s), which only grows, `gain` dB louder."""
        end = int(now * self._seen.rate)
        while self._position < end:
            count = min(end - self._position, self._seen.rate)  # a second: perhaps nobody has looked for an hour
            self._seen.push(self._take(count) * np.float32(10 ** (gain / 20)))
            self._position += count
        return self._seen.picture
