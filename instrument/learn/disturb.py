"""What a test does to a clip before it is judged: another level, noise under it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..audio.files import decode
from ..audio.frontend import resample
from .dataset import SOUNDS, repeat_to

LOWEST = 20.0  # Hz; noise of ours has nothing below it, where most of brown noise would lie and nobody hears it
COLOURS = {"pink": 0.5, "brown": 1.0}  # fall of the amplitude: 1 / frequency to this power


@dataclass(frozen=True)
class Disturb:
    """`noise`: "pink", "brown" or a folder of sounds, `snr` dB below the clip's power; `level` dBFS of the peak."""

    noise: str = ""
    snr: float = 10.0
    level: float | None = None

    def __call__(self, samples, rate, seed=0):
        """`samples` at `rate` Hz, disturbed; the same `seed` gives the same noise."""
        if self.noise:
            samples = under(samples, self._noise(len(samples), rate, seed), self.snr)
        peak = float(np.abs(samples).max())
        if self.level is None or peak == 0:
            return samples
        return samples * np.float32(10 ** (self.level / 20) / peak)

    def _noise(self, count, rate, seed):
        chance = np.random.default_rng(seed)
        if self.noise in COLOURS:
            return coloured(count, COLOURS[self.noise], chance, rate)
        files = sounds_in(self.noise)
        samples, found = decode(files[chance.integers(len(files))])
        samples = repeat_to(resample(samples, found, rate) if found != rate else samples, count)
        start = chance.integers(len(samples) - count + 1)
        return samples[start:start + count]


def coloured(count, fall, chance, rate):
    """Noise at `rate` Hz whose amplitude falls with frequency to the power of `fall`, from LOWEST on, of unit spread,
    float32 (count,)."""
    noise = chance.standard_normal(max(count, 2))
    hertz = np.fft.rfftfreq(len(noise), 1 / rate)
    shape = np.maximum(hertz, LOWEST) ** -fall * (hertz >= LOWEST)
    noise = np.fft.irfft(np.fft.rfft(noise) * shape, len(noise))
    return (noise / noise.std())[:count].astype(np.float32)


def under(samples, noise, snr):
    """Samples with noise `snr` dB below them in power; silence stays silence."""
    power = float(np.mean(np.square(noise, dtype=float)))
    if power == 0:
        return samples
    wanted = float(np.mean(np.square(samples, dtype=float))) / 10 ** (snr / 10)
    return samples + noise * np.float32(np.sqrt(wanted / power))


def sounds_in(folder):
    """All sound files below a folder, sorted; ValueError if there are none."""
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SOUNDS and not path.name.startswith("."))
    if not files:
        raise ValueError(f"no sounds in {folder}: noise is a folder of {', '.join(SOUNDS)} files, "
                         f"or {' or '.join(COLOURS)}")
    return files
