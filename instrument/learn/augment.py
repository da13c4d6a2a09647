"""Batches of sound for training: random windows, mixtures, noise, tone colour, masks.

Everything is a function of (clips, settings, step): a resumed run sees the batches that it would have seen.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from librosa.filters import mel

from ..audio.frontend import FrontEnd
from .dataset import repeat_to
from .run import generator

WINDOWS = (0.5, 1.0, 2.0, 4.0)  # seconds
WINDOW_SHARES = (0.1, 0.65, 0.15, 0.1)  # one second is what the instrument listens by


@dataclass(frozen=True)
class Batch:
    """One batch: log-mel (n, bands, frames), label shares (n, classes), and where it came from.

    Each row mixes two windows: `windows` (n, 2, 2) holds (clip, number of the window) of both, `shares` (n, 2)
    their parts in power; `seconds` is the length of all.
    """

    log_mel: torch.Tensor
    target: torch.Tensor
    windows: np.ndarray
    shares: torch.Tensor
    seconds: float


class TorchMel:
    """`audio.frontend.log_mel` for batches on any device."""

    def __init__(self, front_end=FrontEnd(), device="cpu"):
        self._fe = front_end
        self._window = torch.hann_window(front_end.n_fft, device=device)
        self._banks = torch.from_numpy(mel(sr=front_end.rate, n_fft=front_end.n_fft, n_mels=front_end.bands,
                                           fmin=front_end.low, fmax=front_end.high)).float().to(device)

    def __call__(self, samples):
        """Natural log-mel power (n, bands, frames) of samples (n, length)."""
        spectrum = torch.stft(samples, self._fe.n_fft, self._fe.hop, window=self._window, center=False,
                              return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.matmul(self._banks, power).add(self._fe.floor).log()


class Sounds:
    """Clips held in memory, ready to be drawn as batches. `labels` are class indices."""

    def __init__(self, samples, labels, classes, seed=0, front_end=FrontEnd()):
        self.samples, self.labels, self.classes, self.seed = samples, np.asarray(labels), classes, seed
        self.mel = TorchMel(front_end)
        self._rate = front_end.rate
        counts = np.bincount(self.labels, minlength=classes)
        self._odds = torch.from_numpy(1 / np.sqrt(counts[self.labels]))

    def starts(self, index, length):
        """Where the windows of a clip begin, at half-window hops; one for a clip no longer than a window."""
        return range(0, max(1, len(self.samples[index]) - length + 1), length // 2)

    def window(self, index, number, length, shift=0):
        """Window `number` of a clip at unit RMS, `shift` samples later where the clip allows it."""
        clip = repeat_to(self.samples[index], length)
        start = min(max(self.starts(index, length)[number] + shift, 0), len(clip) - length)
        part = clip[start:start + length].astype(np.float32)
        return part / max(float(np.sqrt(np.mean(part * part))), 1e-5)

    def batch(self, step, size=32):
        """The batch of `step`: one window length, every second sound mixed with another."""
        chance = generator(self.seed, 2, step)
        seconds = WINDOWS[torch.multinomial(torch.tensor(WINDOW_SHARES), 1, generator=chance)]
        length = int(seconds * self._rate)
        clips = torch.multinomial(self._odds, 2 * size, True, generator=chance).tolist()
        windows = np.array([(clip, self._pick(clip, length, chance)) for clip in clips])
        sounds = torch.from_numpy(np.stack([self._moved(*window, length, chance) for window in windows]))
        shares, samples = _mix(sounds[:size], sounds[size:], chance)
        labels = torch.eye(self.classes)[torch.from_numpy(self.labels)[clips]]
        target = shares[:, :1] * labels[:size] + shares[:, 1:] * labels[size:]
        log_mel = _mask(_colour(self.mel(_add_noise(samples, chance)), chance), chance)
        return Batch(log_mel, target, np.stack((windows[:size], windows[size:]), 1), shares, seconds)

    def _pick(self, clip, length, chance):
        """The louder of two random windows: a labelled clip may be silent for long."""
        count = len(self.starts(clip, length))
        tries = torch.randint(0, count, (2,), generator=chance).tolist()
        return max(tries, key=lambda number: self._power(clip, number, length)) if count > 1 else 0

    def _power(self, clip, number, length):
        start = self.starts(clip, length)[number]
        part = self.samples[clip][start:start + length:16].astype(np.float32)
        return float(np.dot(part, part))

    def _moved(self, clip, number, length, chance):
        """A window up to an eighth earlier or later; that of a repeated clip begins anywhere."""
        shift = int(torch.randint(-length // 8, length // 8, (1,), generator=chance))
        part = self.window(clip, number, length, shift)
        if len(self.samples[clip]) > length:
            return part
        return np.roll(part, int(torch.randint(0, length, (1,), generator=chance)))


def _mix(first, second, chance):
    """Mixup on the waveform (Tokozume et al., 2018) for every second row: (shares in power, samples)."""
    n = len(first)
    part = 0.5 * torch.rand(n, 1, generator=chance) * (torch.rand(n, 1, generator=chance) < 0.5)
    power = torch.cat(((1 - part) ** 2, part**2), 1)
    return power / power.sum(1, True), (1 - part) * first + part * second


def _add_noise(samples, chance):
    """Noise of a random colour (white to brown) under four in ten sounds, 0 to 30 dB below them."""
    n, length = samples.shape
    spectrum = torch.fft.rfft(torch.randn(n, length, generator=chance))
    slope = 2 * torch.rand(n, 1, generator=chance)
    noise = torch.fft.irfft(spectrum / torch.arange(1, spectrum.shape[1] + 1) ** (slope / 2), n=length)
    noise = noise / noise.square().mean(1, True).sqrt()
    level = 10 ** (-30 * torch.rand(n, 1, generator=chance) / 20)
    return samples + noise * level * (torch.rand(n, 1, generator=chance) < 0.4)


def _colour(log_mel, chance, most=1.4):
    """A random smooth tone colour: microphones and rooms differ (`most` in natural log of power, 6 dB)."""
    n, bands, _ = log_mel.shape
    position = torch.linspace(0, math.pi, bands)
    curve = sum(torch.cos(k * position) * (torch.rand(n, 1, generator=chance) * 2 - 1) / k for k in (1, 2, 3))
    return log_mel + most * curve.unsqueeze(2)


def _mask(log_mel, chance):
    """Two bands and two spans of time fall to the mean (SpecAugment, Park et al., 2019)."""
    n, bands, frames = log_mel.shape
    mean = log_mel.mean((1, 2), keepdim=True)
    for axis, size, widest in ((1, bands, 0.12), (2, frames, 0.12)):
        for _ in range(2):
            width = torch.rand(n, generator=chance) * widest * size
            start = torch.rand(n, generator=chance) * (size - width)
            place = torch.arange(size)
            hidden = (place >= start[:, None]) & (place < (start + width)[:, None])
            hidden = hidden.unsqueeze(2 if axis == 1 else 1)
            log_mel = torch.where(hidden, mean, log_mel)
    return log_mel
