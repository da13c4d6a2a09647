"""The ears' front end: log-mel frames, whole or as they arrive, and the resampler before them.

One definition serves training, files and the live path. The spectrogram is the usual one (periodic Hann,
no padding, power, Slaney mel filters as in librosa.filters.mel, natural logarithm).

The resampler is our own polyphase FIR (Kaiser-windowed sinc; Crochiere and Rabiner, 1983) and not soxr,
because soxr.ResampleStream works in FFT blocks: measured, a click at 44.1 or 48 kHz leaves it 4 to 50 ms
late, depending on where in the block it falls. This one always takes `Resampler.delay`: 2.9 ms.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd

import numpy as np

BATCH = 256  # frames or kilo-outputs per turn: keeps an hour of sound from needing gigabytes at once
RATES = (4_000, 768_000)
FINEST = 2048  # places between two samples that the resampler tells apart: what it adds at odd rates lies some 70 dB below
PASS, STOP, BEYOND = 0.92, 1.0, 80.0  # of the lower Nyquist: passed up to, gone from; dB of attenuation


@dataclass(frozen=True)
class FrontEnd:
    """Hz, samples, samples, bands, Hz, Hz, power added before the logarithm.

    The blows of a jackhammer or an engine come 15 to 40 times a second: a window of 46 ms every 12 ms tells them apart.
    """

    rate: int = 22050
    n_fft: int = 1024
    hop: int = 256
    bands: int = 128
    low: float = 0.0
    high: float = 11025.0
    floor: float = 1e-10

    def frames(self, seconds):
        """Whole frames that so much sound has."""
        return 1 + (round(seconds * self.rate) - self.n_fft) // self.hop

    def begun(self, seconds):
        """Frames of so much sound that has come out of silence: from the one whose middle lies where it begins."""
        return 1 + int(seconds * self.rate - self.n_fft / 2) // self.hop


LONG = FrontEnd(n_fft=2048, hop=512)  # finer in frequency, half as fine in time: the paper's, and that of models from before


def log_mel(samples, front_end=FrontEnd(), level=True):
    """Natural log of mel power, float32 (bands, frames), of mono samples at the front end's rate.

    Frame i covers samples [i * hop, i * hop + n_fft); less than one frame of sound gives (bands, 0). `level`: each frame is
    taken without its mean, for a cheap microphone's offset would be the loudest band of all; librosa leaves it.
    """
    samples = np.asarray(samples, np.float32)
    if samples.size < front_end.n_fft:
        return np.zeros((front_end.bands, 0), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, front_end.n_fft)[:: front_end.hop]
    out = np.empty((front_end.bands, len(frames)), np.float32)
    for start in range(0, len(frames), BATCH):
        some = frames[start : start + BATCH]
        out[:, start : start + BATCH] = _log_mel_frames(some - some.mean(1, keepdims=True) if level else some, front_end)
    return out


def _log_mel_frames(frames, front_end):
    spectrum = np.fft.rfft(frames * hann(front_end.n_fft))
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    return np.log(mel_bank(front_end) @ power.T + np.float32(front_end.floor))


@lru_cache
def hann(length):
    """Periodic Hann window, float32."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@lru_cache
def mel_bank(front_end):
    """Slaney-normalised triangles, float32 (bands, n_fft // 2 + 1): librosa.filters.mel without its slow import."""
    bins, edges = np.fft.rfftfreq(front_end.n_fft, 1 / front_end.rate), _edges(front_end)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(0)
    return (triangles * 2 / (right - left)).astype(np.float32)


def band_centres(front_end=FrontEnd()):
    """Middle of each mel band in Hz, (bands,), ascending."""
    return _edges(front_end)[1:-1]


def _edges(front_end):
    return _hz(np.linspace(_mel(front_end.low), _mel(front_end.high), front_end.bands + 2))


# Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, then 27 steps for each factor of 6.4
_STEP, _KNEE, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _mel(hz):
    return hz / _STEP if hz < _KNEE else _KNEE / _STEP + np.log(hz / _KNEE) / _LOG_STEP


def _hz(mels):
    bent = _KNEE * np.exp(_LOG_STEP * np.maximum(mels - _KNEE / _STEP, 0))
    return np.where(mels < _KNEE / _STEP, mels * _STEP, bent)


class Streaming:
    """Log-mel of sound that arrives in blocks of any size at `in_rate`; equals `log_mel` of the whole."""

    def __init__(self, in_rate, front_end=FrontEnd()):
        self.front_end = front_end
        self._resampler = Resampler(in_rate, front_end.rate)
        self._waiting = np.zeros(0, np.float32)  # resampled sound not yet behind the newest frame

    def push(self, block):
        """New frames, float32 (bands, n), n >= 0, that a mono float32 block completes."""
        self._waiting = np.concatenate((self._waiting, self._resampler.push(block)))
        frames = log_mel(self._waiting, self.front_end)
        self._waiting = self._waiting[frames.shape[1] * self.front_end.hop :]
        return frames


def resample(samples, from_rate, to_rate):
    """Mono float32 samples at another rate: as long as before (rounded up), in phase with the input."""
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate((resampler.push(samples), resampler.flush()))


def level_resample(samples, from_rate, to_rate):
    """The same without the samples' offset, which would begin and end with a click, as if something sounded there."""
    return resample(samples - np.float32(np.mean(samples)), from_rate, to_rate) if len(samples) else samples


class Resampler:
    """Streaming rational resampler of mono float32; rates are whole Hz. Output is in phase with the input."""

    def __init__(self, from_rate, to_rate):
        self._up, self._down = _ratio(from_rate, to_rate)
        self._same = self._up == self._down
        self._phases = _phases(self._up, self._down)  # (places, taps)
        self._taps = self._phases.shape[1]
        self.delay = 0.0 if self._same else (self._taps // 2) / from_rate  # seconds
        self._ahead = np.zeros(0 if self._same else (self._taps - 1) // 2, np.float32)  # silence before the start
        self._next = 0  # position of the next output, in 1/up of an input sample from the first in _ahead
        self._taken = self._given = 0

    def push(self, block):
        """All output samples that can be made now."""
        block = np.asarray(block, np.float32)
        self._taken += block.size
        if self._same:
            return block
        held = np.concatenate((self._ahead, block))
        count = max(0, ((held.size - self._taps + 1) * self._up - 1 - self._next) // self._down + 1)
        out = self._filter(held, count)
        self._next += self._down * count
        used = self._next // self._up  # fewer than are held: no step is as long as the filter
        self._ahead, self._next = held[used:], self._next - used * self._up
        self._given += count
        return out

    def flush(self):
        """The output still due at the end of the sound."""
        due = -(-self._taken * self._up // self._down) - self._given
        return self.push(np.zeros(self._taps, np.float32))[:due] if not self._same else np.zeros(0, np.float32)

    def _filter(self, held, count):
        """The next `count` outputs."""
        if not count:
            return np.zeros(0, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(held, self._taps)
        out = np.empty(count, np.float32)
        for first in range(0, count, BATCH * 16):
            at = self._next + self._down * np.arange(first, min(first + BATCH * 16, count))
            np.einsum("ij,ij->i", windows[at // self._up], self._phases[self._row(at)], out=out[first:first + len(at)])
        return out

    def _row(self, at):
        """The row of `_phases` that is nearest to each position: the positions stay exact, so that nothing drifts."""
        return at % self._up * len(self._phases) // self._up


def _ratio(from_rate, to_rate):
    low, high = RATES
    for rate in (from_rate, to_rate):
        if not (low <= rate <= high and rate == int(rate)):
            raise ValueError(f"sample rate {rate} Hz: legal are whole numbers from {low:,} to {high:,} Hz; "
                             "convert the sound, for example with ffmpeg -ar 48000")
    common = gcd(int(from_rate), int(to_rate))
    return int(to_rate) // common, int(from_rate) // common


@lru_cache(maxsize=8)
def _phases(up, down):
    """Kaiser-windowed sinc, one row of taps per position between two input samples, float32 (up, taps); where `up` is more than
    FINEST, fewer rows, each for the positions round it."""
    if up == down:
        return np.ones((1, 1), np.float32)
    scale = min(1.0, up / down)  # the lower Nyquist frequency, of the input's
    width = (STOP - PASS) * scale * np.pi
    half = ceil((BEYOND - 8) / (2.285 * width) / 2)
    beta = 0.1102 * (BEYOND - 8.7)
    cut = scale * (PASS + STOP) / 2
    # the window of output n starts half - 1 samples before it: tap k lies at k - (half - 1) - phase
    count = up if up <= FINEST else ceil(FINEST * scale)  # between closer samples fewer places are as fine
    phase = (np.arange(count) + (0.5 if count < up else 0.0)) / count
    at = np.arange(2 * half) - (half - 1) - phase[:, None]
    window = np.i0(beta * np.sqrt(np.clip(1 - (at / half) ** 2, 0, None))) / np.i0(beta)
    rows = cut * np.sinc(cut * at) * window
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)
