"""A sound teacher's lessons for every mixture that the student hears."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from ..audio.frontend import FrontEnd, band_centres
from ..files import put
from ..model.card import load_model
from . import sound_teacher
from .answers import believed, linear_head
from .augment import WINDOW, TorchMel
from .dataset import known_as
from .run import mixed, track
from .sound_teacher import EMBEDDING, RATE, TAG_OF, load_sound_teacher

FITTED = (WINDOW, 4.0)  # s; windows of the clips on which the teacher's head is fitted
AT_ONCE = 64  # windows that the teacher is asked about
EVIDENCE = 0.5  # of all of them, see `linear_head`: held back this strongly it tells recordings best that it was not fitted on,
SURE = 0.7  # and at this temperature its answers to those are likeliest (docs/hearing.md)


class Lesson(NamedTuple):
    """What the teacher says of a batch: answers softened at temperature 2 as probabilities, standardised features and
    AudioSet answers (n, EMBEDDING + TAGS), and maps of its features where they are heard, (n, channels, rows, times) of the
    middle and of the end: as many rows as the student's, of the same frequencies."""

    answers: torch.Tensor
    features: torch.Tensor
    maps: tuple


class Elder:
    """An older model of ours of the same classes, which knows what long runs have taught it: its answers to what the student
    hears (Furlanello et al., "Born-Again Neural Networks", ICML 2018).

    ValueError where its classes are others.
    """

    def __init__(self, folder, classes, device="cpu"):
        model = load_model(folder)
        if model.card["classes"] != classes:
            raise ValueError(f"--elder {folder} knows {', '.join(model.card['classes'])}: give a model of {', '.join(classes)}")
        self._net = model.net.use("sound").eval().to(device, memory_format=torch.channels_last)
        self._mel, self._device = TorchMel(model.front_end), device

    @torch.no_grad()
    def __call__(self, samples):
        """Answers softened as in a `Lesson` (n, classes + 1) to samples (n, length)."""
        log_mel = self._mel(samples).to(self._device, non_blocking=True)
        with mixed(self._device):
            embedding = self._net.embed(self._net.shown(log_mel))
        return (self._net.heads["sound"](embedding.float()) / 2.0).softmax(1)


class Tutor:
    """A sound teacher that hears the same mixtures as the student: its features of them, and a linear head on
    those for our classes, fitted once on whole clips.

    Hearing the same, however mangled, is what makes such lessons work (Beyer et al., "Knowledge distillation:
    a good teacher is patient and consistent", 2022). The fitted clips' features are kept in `cache` (a folder), by what they
    were made from: other clips of the same names, or another teacher, are asked about anew.
    """

    def __init__(self, path, sounds, classes, cache, device="cpu", elder=None):
        """`classes` are the names of those of `sounds`; `elder`, an Elder, has an equal say in the answers."""
        self._teacher, self._device, self._elder = load_sound_teacher(path).to(device), device, elder
        lessons = _lessons(self._ask, sounds, Path(cache) / f"said-{_digest(Path(path).read_bytes())[:12]}.npz")
        self._word = [_word(one[WINDOW], classes) for one in lessons]
        features = np.concatenate([one[seconds] for seconds in FITTED for one in lessons]).astype(np.float32)
        labels = np.concatenate([np.repeat(label, len(one[seconds])) for seconds in FITTED
                                 for label, one in zip(sounds.labels, lessons)])
        weights = np.concatenate([np.full(len(one[seconds]), share / len(one[seconds])) for seconds in FITTED
                                  for share, one in zip(sounds.shares, lessons, strict=True)])
        mean, std = features.mean(0), features.std(0) + 1e-3
        features = (features - mean) / std
        prior = believed(features, labels, _word(features, classes), weights)
        self._head = linear_head(features, labels, sounds.classes + 1, EVIDENCE, weights, prior).to(device)
        self._mean, self._std = torch.from_numpy(mean).to(device), torch.from_numpy(std).to(device)

    def say(self, clip, numbers):
        """The teacher's word, see `answers.believed`, for windows of a second of a clip."""
        return self._word[clip][list(numbers)]

    @torch.no_grad()
    def __call__(self, samples):
        """The `Lesson` of samples (n, length)."""
        middle, end = self._teacher.maps(self._as_teacher(samples))
        features = (self._tagged(end) - self._mean) / self._std
        answers = (self._head(features) / SURE / 2.0).softmax(1)
        if self._elder:
            answers = (answers + self._elder(samples)) / 2
        return Lesson(answers, features, (_even(as_student(middle)), _even(as_student(end))))

    def _as_teacher(self, samples):
        return to_teacher_rate(samples.to(self._device, non_blocking=True) * 0.1)

    @torch.no_grad()
    def _ask(self, samples):
        return self._tagged(self._teacher.maps(self._as_teacher(samples))[1])

    def _tagged(self, end):
        embedding = end.mean((2, 3))
        return torch.cat([embedding, self._teacher.tags(embedding)], 1)


def as_student(maps):
    """The teacher's maps (n, channels, rows, times), read at the frequencies of as many rows of the student's.

    The two hear on other mel scales: the teacher's last row of eight lies above all that the student hears.
    """
    return torch.einsum("sr,ncrt->ncst", _rows(maps.shape[2], maps.device), maps)


@lru_cache
def _rows(count, device):
    """What each of `count` rows of the student's takes of each of the teacher's, (count, count); kept on its device."""
    wanted = np.interp(_middles(count), np.arange(sound_teacher.BANDS), band_centres())
    found = np.interp(_middles(count), np.arange(sound_teacher.BANDS), sound_teacher.band_centres())
    place = np.interp(wanted, found, np.arange(count))
    return torch.from_numpy(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(count)))).float().to(device)


def _middles(count):
    """Bands in the middle of each of `count` rows; both have as many bands."""
    size = sound_teacher.BANDS / count
    return (np.arange(count) + 0.5) * size - 0.5


def _even(maps):
    """Every channel at mean 0 and spread 1 over the batch and all places."""
    centred = maps - maps.mean((0, 2, 3), keepdim=True)
    return centred / (centred.square().mean((0, 2, 3), keepdim=True).sqrt() + 1e-3)


def _word(features, classes):
    """What AudioSet's answers in features (n, EMBEDDING + TAGS) say of `classes` and of none of them: NaN where it has no word."""
    words = [*(TAG_OF.get(known_as(name)) for name in classes), None]
    nothing = np.full(len(features), np.nan)
    return np.stack([nothing if word is None else features[:, EMBEDDING + word] for word in words], 1).astype(np.float32)


def _lessons(ask, sounds, cache):
    """[{seconds: (windows, 911)}] per clip: embedding and AudioSet answers (3 points better than without those)."""
    kept = dict(np.load(cache)) if cache.exists() else {}
    names = [_digest(samples) for samples in sounds.samples]
    missing = [index for index, name in enumerate(names) if f"{name} {FITTED[-1]}" not in kept]
    for index in track(missing, "asking the teacher") if missing else ():
        for seconds in FITTED:
            kept[f"{names[index]} {seconds}"] = _asked(ask, sounds.windows(index, seconds))
    if missing:
        part = cache.with_suffix(f".{os.getpid()}.npz")
        np.savez(part, **kept)
        put(part, cache)
    return [{seconds: kept[f"{name} {seconds}"] for seconds in FITTED} for name in names]


def _asked(ask, windows):
    """What the teacher says of windows (n, length), float16; a few at a time, as an hour of sound has thousands."""
    return np.concatenate([ask(some).half().cpu().numpy() for some in windows.split(AT_ONCE)])


def _digest(data):
    return hashlib.sha256(data).hexdigest()


def to_teacher_rate(samples, rate=FrontEnd().rate):
    """Resample (n, length) to the teacher's 32 kHz through the spectrum: exact for band-limited windows."""
    length = samples.shape[1]
    wanted = 2 * round(length * RATE / rate / 2)
    spectrum = torch.fft.rfft(samples)
    return torch.fft.irfft(F.pad(spectrum, (0, wanted // 2 + 1 - spectrum.shape[1])), n=wanted) * (wanted / length)
