"""Batches of sound for training: random windows, mixtures, noise, tone colour, masks.

Everything is a function of (clips, settings, step): a resumed run sees the batches that it would have seen.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from librosa.filters import mel
from torch.nn import functional as F

from ..audio.engine import LEAST
from ..audio.frontend import FrontEnd
from .dataset import repeat_to
from .disturb import COLOURS, coloured
from .mangle import mangled, strange_speed
from .run import generator

WINDOW = 1.0  # s: what the network sees at once; its normalisations fit one length only
NEW = 0.3  # share of the windows whose sound has just come out of silence
AUDIBLE = 0.03  # of the peak: where a clip begins to be heard
STRANGERS = 0.15  # share of the sounds drawn that belong to no class
FASTEST = 1.2  # every second sound is played up to this much faster or slower
NOISES = 60  # clips of each kind of noise that we make ourselves


class Batch(NamedTuple):
    """One batch: log-mel (n, bands, frames), label shares (n, classes + 1; the last: none of them), the samples
    (n, length) before masks and tone colour, which is what a teacher hears, whether the student hears them
    whole (n,) or their beginning only, and whether the labels say what they are (n,): of mangled ones they do not."""

    log_mel: torch.Tensor
    target: torch.Tensor
    samples: torch.Tensor
    whole: torch.Tensor
    named: torch.Tensor


class TorchMel:
    """`audio.frontend.log_mel` for batches on any device."""

    def __init__(self, front_end=FrontEnd(), device="cpu"):
        self._fe = front_end
        self._window = torch.hann_window(front_end.n_fft, device=device)
        self._offset = torch.tensor((0.5, -0.25), device=device)[:, None] * front_end.n_fft  # what it makes of a one
        self._banks = torch.from_numpy(mel(sr=front_end.rate, n_fft=front_end.n_fft, n_mels=front_end.bands,
                                           fmin=front_end.low, fmax=front_end.high)).float().to(device)

    def __call__(self, samples):
        """Natural log-mel power (n, bands, frames) of samples (n, length)."""
        spectrum = torch.stft(samples, self._fe.n_fft, self._fe.hop, window=self._window, center=False,
                              return_complex=True)
        mean = F.avg_pool1d(samples[:, None], self._fe.n_fft, self._fe.hop)  # of each frame: a Hann window has it in two places
        spectrum[:, :2] -= mean * self._offset
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.matmul(self._banks, power).add(self._fe.floor).log()


class Sounds:
    """Clips held in memory, ready to be drawn as batches.

    `labels` are class indices; `classes` itself stands for a sound of no class. `recordings` says which clips are cut from
    one recording; without it each stands for itself.
    """

    def __init__(self, samples, labels, classes, seed=0, recordings=None, front_end=FrontEnd()):
        self.samples, self.labels, self.classes, self.seed = samples, np.asarray(labels), classes, seed
        self.front_end, self.mel = front_end, TorchMel(front_end)
        self._rate = front_end.rate
        self._silence = front_end.n_fft // 2  # samples: the first frame that is heard begins half a frame before its sound
        recordings = range(len(samples)) if recordings is None else recordings
        _, place, count = np.unique(np.asarray(recordings), return_inverse=True, return_counts=True)
        self.shares = 1 / count[place]  # of each clip in its recording
        self._odds = torch.from_numpy(_odds(self.labels, classes, self.shares))
        self._heard_of = {}  # clip -> numbers of its windows of a second in which something is heard

    def starts(self, index, length):
        """Where the windows of a clip begin, at half-window hops and, where those leave some over, at its end; one for a clip no
        longer than a window."""
        last = max(0, len(self.samples[index]) - length)
        hops = list(range(0, last + 1, length // 2))
        return hops if hops[-1] == last else [*hops, last]

    def window(self, index, number, length, shift=0):
        """Window `number` of a clip at unit RMS, `shift` samples later where the clip allows it."""
        clip = repeat_to(self.samples[index], length)
        start = min(max(self.starts(index, length)[number] + shift, 0), len(clip) - length)
        return _at_unit_power(clip[start:start + length])

    def windows(self, index, seconds, most=None):
        """All windows of a clip, see `starts`, (n, length), at unit RMS; or those of `numbers`."""
        length = int(seconds * self._rate)
        return torch.from_numpy(np.stack([self.window(index, number, length) for number in self.numbers(index, seconds, most)]))

    def numbers(self, index, seconds, most=None):
        """The numbers of all windows of a clip; or, of about `most` evenly spread ones, those in which something is heard beside
        the loudest."""
        length = int(seconds * self._rate)
        count = len(self.starts(index, length))
        return self._heard(index, range(0, count, math.ceil(count / most)), length) if most else range(count)

    def _heard(self, clip, numbers, length):
        powers = [self._power(clip, number, length) for number in numbers]
        return [number for number, power in zip(numbers, powers, strict=True) if power >= AUDIBLE**2 * max(powers)]

    def batch(self, step, size=32, odd=0.0):
        """The batch of `step`: `size` windows of a second, every second one a mixture of two sounds; of a share `odd` of
        them both are mangled."""
        chance, length = generator(self.seed, 2, step), int(WINDOW * self._rate)
        clips = torch.multinomial(self._odds, 2 * size, True, generator=chance).tolist()
        named = torch.rand(size, generator=chance) >= odd
        new = (torch.rand(size, generator=chance) < NEW / max(1 - odd, NEW)) & named  # what is mangled is heard whole
        sounds = torch.from_numpy(np.stack([
            self._moved(clip, length, chance, first) if known else self._mangled(clip, length, chance)
            for clip, first, known in zip(clips, new.tolist() * 2, named.tolist() * 2, strict=True)]))
        shares, samples = _mix(sounds[:size], sounds[size:], chance)
        labels = torch.eye(self.classes + 1)[torch.from_numpy(self.labels)[clips]]
        target = shares[:, :1] * labels[:size] + shares[:, 1:] * labels[size:]
        samples = _add_noise(samples, chance)
        log_mel = _so_far(self.mel(samples), self.front_end.begun(LEAST), new, chance)
        return Batch(_mask(_colour(log_mel, chance), chance), target, samples, ~new, named)

    def clean(self, step, size=32):
        """Log-mel (size, bands, frames) of windows of the labelled clips as they are."""
        chance, length = generator(self.seed, 5, step), int(WINDOW * self._rate)
        labelled = np.flatnonzero(self.labels < self.classes)
        clips = labelled[torch.randint(0, len(labelled), (size,), generator=chance)]
        draws = torch.rand(size, generator=chance).tolist()
        windows = [self.window(clip, self._sounding(clip, draw), length) for clip, draw in zip(clips, draws, strict=True)]
        return self.mel(torch.from_numpy(np.stack(windows)))

    def _sounding(self, clip, draw):
        """One of the windows of a second of a clip in which something is heard beside the loudest, by `draw` in 0..1."""
        if clip not in self._heard_of:
            length = int(WINDOW * self._rate)
            self._heard_of[clip] = self._heard(clip, range(len(self.starts(clip, length))), length)
        numbers = self._heard_of[clip]
        return numbers[int(draw * len(numbers))]

    def _pick(self, clip, length, chance):
        """The loudest of the windows in two random seconds in which something sounds: a labelled clip may be silent for long."""
        second, hop, last = int(WINDOW * self._rate), length // 2, len(self.starts(clip, length)) - 1
        places = [second // 2 * self._sounding(clip, draw) for draw in torch.rand(2, generator=chance).tolist()]
        tries = {min(round((place + more) / hop), last) for place in places for more in range(0, max(second - length, 0) + 1, hop)}
        return max(sorted(tries), key=lambda number: self._power(clip, number, length)) if last else 0

    def _power(self, clip, number, length):
        start = self.starts(clip, length)[number]
        part = self.samples[clip][start:start + length:16].astype(np.float32)
        return float(np.dot(part, part))

    def _moved(self, clip, length, chance, new=False):
        """A window from anywhere, often faster or slower. `new`: one that comes out of silence, half of the time where the
        clip itself begins."""
        span = round(length * _speed(chance))
        begins = new and torch.rand(1, generator=chance) < 0.5
        part = self._beginning(clip, span) if begins else self._anywhere(clip, span, chance)
        part = _as_long_as(part, length)
        return self._out_of_silence(part) if new else part

    def _mangled(self, clip, length, chance):
        """A window made into another sound, of quite another speed."""
        part = self._anywhere(clip, round(length * strange_speed(chance)), chance)
        return mangled(_as_long_as(part, length), self._rate, chance)

    def _anywhere(self, clip, span, chance):
        """A window up to an eighth earlier or later; of a repeated clip from anywhere."""
        shift = int(torch.randint(-span // 8, span // 8, (1,), generator=chance))
        part = self.window(clip, self._pick(clip, span, chance), span, shift)
        if len(self.samples[clip]) > span:
            return part
        return np.roll(part, int(torch.randint(0, span, (1,), generator=chance)))

    def _out_of_silence(self, part):
        return np.concatenate([np.zeros(self._silence, np.float32), part])[:len(part)]

    def beginnings(self, index, heard):
        """Log-mel (len(heard), bands, frames of a window) of a clip that has just begun, as on stage: of its first
        window so many seconds each, repeated."""
        part = self._out_of_silence(self._beginning(index, int(WINDOW * self._rate)))
        log_mel = self.mel(torch.from_numpy(part)[None])
        frames = torch.tensor([self.front_end.begun(seconds) for seconds in heard])
        return repeated(log_mel.expand(len(heard), -1, -1), frames)

    def _beginning(self, clip, length):
        """The first window of a clip, from where it begins to be heard, at unit RMS."""
        size = np.abs(self.samples[clip])
        onset = int(np.argmax(size > AUDIBLE * size.max()))
        if len(size) <= length:
            return np.roll(self.window(clip, 0, length), -onset)
        return _at_unit_power(repeat_to(self.samples[clip][onset:onset + length], length))


def _at_unit_power(part):
    """Samples at unit RMS, float32; silence stays what it is."""
    part = part.astype(np.float32)
    return part / max(float(np.sqrt(np.mean(part * part))), 1e-5)


def strangers(rate=FrontEnd().rate, seconds=4.0, each=None, seed=0):
    """Sounds that are no class of anybody's: noise of every colour, `each` so many (None: NOISES), and twice as many rooms with
    mains hum, [float16 samples at `rate`]."""
    chance, count, each = np.random.default_rng(seed), int(seconds * rate), each or NOISES
    noises = [coloured(count, fall, chance, rate) for fall in (0.0, *COLOURS.values()) for _ in range(each)]
    noises += [_humming(count, rate, chance) for _ in range(2 * each)]
    return [(noise / np.abs(noise).max()).astype(np.float16) for noise in noises]


def _humming(count, rate, chance):
    """Mains hum of an amplifier or a transformer, and the air of a room of any colour, up to 20 dB louder than it or quieter."""
    mains, time = chance.choice((50, 60)) * (1 + 0.002 * chance.standard_normal()), np.arange(count) / rate
    hum = sum(np.sin(2 * np.pi * (k * mains * time + chance.random())) / k ** chance.uniform(0.3, 2.5) for k in range(1, 12))
    return hum / hum.std() + 10 ** chance.uniform(-1, 1) * coloured(count, chance.uniform(0.25, 1.25), chance, rate)


def room(seconds, level, seed=0, hum=0.04, rate=FrontEnd().rate):
    """An empty room, float32 samples of RMS `level`: air (between pink and brown) that comes and goes, mains hum of this share of
    its power."""
    chance, count = np.random.default_rng(seed), round(seconds * rate)
    time = np.arange(count) / rate
    swell = 1 + 0.3 * np.sin(2 * np.pi * time / chance.uniform(7, 20))
    tone = sum(np.sin(2 * np.pi * (50 * k * time + chance.random())) / k**2 for k in range(1, 6))
    air = swell * coloured(count, 0.75, chance, rate)
    sound = math.sqrt(1 - hum) * air / air.std() + math.sqrt(hum) * tone / tone.std()
    return (level * sound / sound.std()).astype(np.float32)


def _odds(labels, classes, shares):
    """How often each clip is drawn: rare classes more often than they occur, clips of long recordings less often,
    strangers STRANGERS of all."""
    odds = np.sqrt(shares)
    of_class = np.bincount(labels, weights=odds, minlength=classes + 1)
    odds *= np.sqrt(np.bincount(labels, minlength=classes + 1)[labels]) / of_class[labels]
    strange = labels == classes
    if strange.any():
        odds[strange] *= STRANGERS / (1 - STRANGERS) * odds[~strange].sum() / odds[strange].sum()
    return odds


def _as_long_as(part, length):
    """Samples played so much faster or slower that they are `length`, float32."""
    return np.interp(np.linspace(0, len(part) - 1, length), np.arange(len(part)), part).astype(np.float32)


def _speed(chance):
    """1 for every second sound, else 1/FASTEST..FASTEST."""
    moved, place = torch.rand(2, generator=chance).tolist()
    return FASTEST ** (2 * place - 1) if moved < 0.5 else 1.0


def _so_far(log_mel, least, new, chance):
    """Of the rows that are `new` only the first frames, `least` or more, repeated, as the engine does while a sound is shorter than its
    window; the fewer the oftener. A teacher hears all of the window, and so teaches to guess what will come."""
    frames = log_mel.shape[2]
    heard = least + ((frames - least) * torch.rand(len(log_mel), generator=chance).square()).int()
    return repeated(log_mel, torch.where(new, heard, frames))


def repeated(log_mel, heard):
    """Of each row of log_mel (n, bands, frames) its first `heard` (n,) frames, repeated."""
    place = torch.arange(log_mel.shape[2])[None] % heard[:, None]
    return log_mel.gather(2, place[:, None].expand_as(log_mel))


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
