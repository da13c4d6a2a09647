"""The fast path: what a sound does right now, without any network.

Owns level, peak, bands, centroid, flatness, onsets, pulse, tempo and beat phase. Works at the
rate of the source on windows of about 21 ms every 5 ms, so an onset is known within some 15 ms.
Onsets: positive spectral flux in decibels over logarithmic bands, two windows apart (after Boeck
and Widmer, "Maximum Filter Vibrato Suppression for Onset Detection", DAFx 2013), against the
running median. Tempo: autocorrelation of that flux with a preference for 130 beats a minute
(after Ellis, "Beat Tracking by Dynamic Programming", 2007), where it has a peak: one sound alone has a slope.
"""

import math
from collections import deque

import numpy as np

WINDOW = 0.0215  # seconds, rounded to a power of two samples
SHORT = 0.02  # seconds of level and peak
FLOOR_DB = -60.0  # what a published level of 0 means
QUIET_DB = -70.0  # changes below this are no onsets
BANDS = 24
LEAST_FLUX = 2.5  # dB, mean over the bands: less is never an onset
REFRACTORY = 0.08  # seconds between two onsets
HALF_LIFE = 0.1  # seconds of the pulse
MEMORY = 8.0  # seconds of flux that the tempo is read from
RETUNE = 0.5  # seconds between two looks at the tempo
TEMPI = (50.0, 200.0)
LIVELY = 0.25  # dB squared: a flux of less variance has no beat
ALIKE = 0.94  # of its repetition: that other lags repeat as much (off-beats 0.95 and more, triplets mostly less)
STEADY = 0.2  # least share of the flux that must repeat for a tempo to count
STANDS = 0.15  # by which the repetition after a beat, and after two, must stand out of what repeats between the beats


def decibels(power):
    """10 log10 of a mean square, floored at -200."""
    return 10.0 * np.log10(np.maximum(power, 1e-20))


def unit(level_db):
    """Published level 0..1 of `level_db` dBFS: linear in decibels from -60 to 0."""
    return float(min(max(1.0 - level_db / FLOOR_DB, 0.0), 1.0))


class FastPath:
    """Features of a mono stream at `rate` Hz; `push` takes blocks of any size."""

    def __init__(self, rate):
        self.rate = rate
        self.size = 2 ** round(math.log2(WINDOW * rate))
        self.hop = self.size // 4
        self._window = np.hanning(self.size + 1)[:-1]
        self._scale = 2.0 / (self.size * np.sum(self._window**2))
        self._hertz = np.fft.rfftfreq(self.size, 1.0 / rate)
        self._edges = _edges(self._hertz)
        self._cuts = np.searchsorted(self._hertz, (200, 2000))
        self._coloured = (self._hertz >= 50) & (self._hertz <= 11000)
        self._tail = np.zeros(self.size)  # the newest samples, one window
        self._waiting = 0  # of them not yet covered by a hop
        self._power = np.zeros(len(self._hertz))  # newest spectrum, and below its 50 ms average
        self._average = np.zeros(len(self._hertz))
        self.onsets = Onsets(self.hop / rate)
        self.tempo = Tempo(self.hop / rate)

    def push(self, block):
        """Features of `features.py` after `block` (float samples, -1..1); "onset" only when one happened."""
        samples = np.concatenate([self._tail, block])
        spectra = self._spectra(samples)
        began = [self._step(power) for power in spectra]
        self._tail = samples[-self.size:]
        values = self._levels() | self._colour() | self._beat()
        if any(began):
            values["onset"] = 1.0
        return values

    def _spectra(self, samples):
        """Power spectra of every hop that ends inside the new samples: (hops, bins)."""
        fresh = len(samples) - self.size + self._waiting
        hops, self._waiting = divmod(fresh, self.hop)
        if hops == 0:
            return ()
        ends = len(samples) - self._waiting - self.hop * np.arange(hops - 1, -1, -1)
        frames = samples[(ends - self.size)[:, None] + np.arange(self.size)]
        frames = (frames - frames.mean(1, keepdims=True)) * self._window  # an offset is no bass
        return np.abs(np.fft.rfft(frames)) ** 2 * self._scale

    def _step(self, power):
        self._power = power
        self._average += (power - self._average) * (1 - math.exp(-self.hop / self.rate / 0.05))
        bands = np.add.reduceat(power, self._edges)[:-1]
        flux = self.onsets.flux(np.maximum(decibels(bands), QUIET_DB))
        self.tempo.push(flux)
        return self.onsets.push(flux)

    def _levels(self):
        short = self._tail[-int(SHORT * self.rate):]
        low, mid, high = (unit(decibels(np.sum(part))) for part in np.split(self._power, self._cuts))
        return {
            "audio.level": unit(decibels(np.var(short))),
            "audio.peak": unit(decibels(np.max(np.abs(short)) ** 2)),
            "audio.low": low,
            "audio.mid": mid,
            "audio.high": high,
        }

    def _colour(self):
        """Centroid and flatness of the last 50 ms; both 0 in silence."""
        if decibels(np.sum(self._average)) < FLOOR_DB:
            return {"audio.centroid": 0.0, "audio.flatness": 0.0}
        power, hertz = self._average[self._coloured] + 1e-20, self._hertz[self._coloured]
        magnitude = np.sqrt(power)
        centroid = np.sum(hertz * magnitude) / np.sum(magnitude)
        flatness = math.exp(np.mean(np.log(power))) / np.mean(power)
        return {
            "audio.centroid": min(max(math.log(centroid / 50) / math.log(220), 0.0), 1.0),
            "audio.flatness": float(min(flatness / 0.8, 1.0)),  # what an average of white noise over 50 ms reaches
        }

    def _beat(self):
        return {"audio.pulse": self.onsets.pulse, "beat.bpm": self.tempo.bpm, "beat.phase": self.tempo.phase}


def _edges(hertz):
    """First bins of up to BANDS logarithmic bands from 50 Hz to 11 kHz, and the last bin."""
    wanted = np.geomspace(50, min(11000, hertz[-1]), BANDS + 1)
    return np.unique(np.searchsorted(hertz, wanted).clip(1, len(hertz) - 1))


class Onsets:
    """Picks onsets out of the flux, one value every `step` seconds."""

    def __init__(self, step):
        self._step = step
        self._before = deque(maxlen=2)  # band levels of the last two windows
        self._recent = np.zeros(round(1.0 / step))  # the last second of flux, in no order
        self._heard = 0
        self._rest = 0.0
        self.pulse = 0.0  # 1 at an onset, halves every HALF_LIFE

    def flux(self, levels):
        """Mean rise in dB of the band `levels` against two windows before."""
        old = self._before[0] if self._before else np.full_like(levels, QUIET_DB)
        self._before.append(levels)
        return float(np.mean(np.maximum(levels - old, 0.0)))

    def push(self, flux):
        """True when this flux begins an onset."""
        usual = float(np.median(self._recent[: max(self._heard, 1)]))
        self._recent[self._heard % len(self._recent)] = flux
        self._heard += 1
        self._rest -= self._step
        self.pulse *= 0.5 ** (self._step / HALF_LIFE)
        if flux < LEAST_FLUX + 2.0 * usual or self._rest > 0:
            return False
        self._rest, self.pulse = REFRACTORY, 1.0
        return True


class Tempo:
    """Tempo and beat phase from the flux, one value every `step` seconds."""

    def __init__(self, step):
        self._step = step
        self._flux = np.zeros(round(MEMORY / step))
        self._heard = 0  # values so far
        self._due = round(RETUNE / step)
        self.bpm = 0.0  # 0 while unknown
        self.phase = 0.0  # 0..1 within the beat

    def push(self, flux):
        """Take one value of the flux and move the phase on."""
        at = self._heard % len(self._flux)
        self._flux[at] = flux
        self._heard += 1
        self.phase = (self.phase + self._step * self.bpm / 60.0) % 1.0
        if self._heard % self._due == 0 and self._heard * self._step >= MEMORY / 2:
            self._retune()

    def _retune(self):
        flux = np.roll(self._flux, -(self._heard % len(self._flux)))  # oldest first
        lag = best_lag(flux - flux.mean(), self._step)
        if lag is None:
            self.bpm = 0.0
            return
        measured = beat_phase(flux, lag)
        self._pull(measured, 60.0 / (lag * self._step))

    def _pull(self, measured, bpm):
        """Jump to a new tempo, but glide to the phase of a known one: a picture must not stutter."""
        error = (measured - self.phase + 0.5) % 1.0 - 0.5
        known = abs(bpm - self.bpm) < 0.04 * bpm
        self.phase = (self.phase + error * (0.5 if known else 1.0)) % 1.0
        self.bpm = self.bpm + 0.3 * (bpm - self.bpm) if known else bpm


def best_lag(flux, step):
    """Beat length in steps (a fraction) of zero-mean `flux`, or None when nothing repeats."""
    total = float(flux @ flux)
    if total < LIVELY * len(flux):
        return None
    spectrum = np.fft.rfft(flux, 2 * len(flux))
    repeat = np.fft.irfft(np.abs(spectrum) ** 2)[: len(flux)] / total
    repeat *= len(flux) / (len(flux) - np.arange(len(flux)) * 0.999)  # long lags overlap less
    lags = np.arange(math.floor(60 / TEMPI[1] / step), math.ceil(60 / TEMPI[0] / step) + 1)
    prior = np.exp(-0.5 * (np.log2(60 / (lags * step) / 130) / 0.9) ** 2)
    smooth = np.convolve(repeat, (0.25, 0.5, 0.25), "same")
    lag = int(lags[np.argmax((smooth[lags] + 0.5 * smooth[2 * lags]) * prior)])
    lag = _without_dots(smooth, lag, lags[0])
    if smooth[lag] <= STEADY or min(_standing(smooth, lag), _standing(smooth, 2 * lag)) <= STANDS:
        return None
    return float(_summit(smooth, lag))


def _standing(curve, lag):
    """By how much the curve stands out of the valleys on both sides: a single sound repeats after all short times alike."""
    half = lag // 2
    return curve[lag] - max(curve[lag - half: lag].min(), curve[lag: lag + half + 1].min())


def _without_dots(curve, lag, least):
    """The beat of fast music, of which `lag` may be one and a half: off-beats repeat after a half, a whole and one and a half
    alike, and to the prior the longest is likeliest."""
    around = {share: round(share * lag) + _offset(curve, round(share * lag)) for share in (1 / 3, 2 / 3, 4 / 3)}
    alike = all(curve[at] > ALIKE * curve[lag] for at in around.values())
    return around[2 / 3] if alike and around[2 / 3] >= least else lag


def _offset(curve, near):
    """From `near` to the highest value within 2 of it."""
    return int(np.argmax(curve[near - 2: near + 3])) - 2


def _summit(curve, lag):
    """`lag` refined on its second and fourth repetition, where one step is a smaller share of it."""
    exact = float(lag)
    for times in (2, 4):
        near = round(exact * times)
        if near + 3 > len(curve) // 2:
            break
        exact = _peak(curve, near) / times
    return exact


def _peak(curve, near):
    """Place of the highest value within 2 of `near`, refined by a parabola."""
    at = near - 2 + int(np.argmax(curve[near - 2: near + 3]))
    left, middle, right = curve[at - 1: at + 2]
    bend = left - 2 * middle + right
    # On a slope the parabola's top is far away: half a step is all that a peak can be off.
    return at + (min(max(0.5 * (left - right) / bend, -0.5), 0.5) if bend < 0 else 0.0)


def beat_phase(flux, lag):
    """Phase 0..1 of the newest value of `flux` within beats of `lag` steps."""
    beats = min(8, int((len(flux) - 2) // lag) - 1)
    ago = np.arange(round(lag))
    places = len(flux) - 1 - np.round(ago[:, None] + lag * np.arange(beats)).astype(int)
    return float(np.argmax(flux[places].sum(1)) / lag) % 1.0
