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
WINDOW_SHARES = (0.08, 0.42, 0.2, 0.3)


@dataclass(frozen=True)
class Batch:
    """One batch: samples (n, length) at the front end's rate, log-mel (n, bands, frames), label shares (n, classes)."""

    samples: torch.Tensor
    log_mel: torch.Tensor
    target: torch.Tensor


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

    def batch(self, step, size=32):
        """The batch of `step`: one window length, every second sound mixed with another."""
        chance = generator(self.seed, 2, step)
        seconds = WINDOWS[torch.multinomial(torch.tensor(WINDOW_SHARES), 1, generator=chance)]
        picks = torch.multinomial(self._odds, 2 * size, True, generator=chance)
        length = int(seconds * self._rate)
        sounds = torch.stack([self._window(int(i), length, chance) for i in picks])
        labels = torch.eye(self.classes)[torch.from_numpy(self.labels)[picks]]
        samples, target = _mix(sounds[:size], sounds[size:], labels[:size], labels[size:], chance)
        samples = _add_noise(samples, chance)
        return Batch(samples, _mask(_colour(self.mel(samples), chance), chance), target)

    def _window(self, index, length, chance):
        """A random window at unit RMS; the louder of two tries, since a label may be silent for long."""
        clip = repeat_to(self.samples[index], length)
        spare = len(clip) - length
        starts = [int(torch.randint(0, spare + 1, (1,), generator=chance)) for _ in range(2)] if spare else [0]
        tries = [clip[start:start + length] for start in starts]
        window = max(tries, key=lambda part: float(np.dot(part, part)))
        window = np.roll(window, int(torch.randint(0, length, (1,), generator=chance))) if not spare else window
        window = torch.from_numpy(np.ascontiguousarray(window, dtype=np.float32))
        return window / window.square().mean().sqrt().clamp_min(1e-5)


def _mix(first, second, first_label, second_label, chance):
    """Mixup on the waveform (Tokozume et al., 2018): shares of the sum become shares of the label."""
    n = len(first)
    share = 0.5 * torch.rand(n, 1, generator=chance)  # of the second
    share = share * (torch.rand(n, 1, generator=chance) < 0.5)
    mixed = (1 - share) * first + share * second
    power_share = share**2 / (share**2 + (1 - share) ** 2)
    return mixed, (1 - power_share) * first_label + power_share * second_label


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
