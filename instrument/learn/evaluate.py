"""Judge a model on labelled clips: windows at half-window hops, probabilities averaged over the clip.

The figures of `evaluate`, also what `hearsee evaluate --json` writes:

    n, unit              how many were judged, and what: "clips" or "windows"
    accuracy, macro_precision, macro_recall, macro_f1      macro: over the classes that occur
    per_class            {class: {precision, recall, f1, n}}
    classes, confusion   names, and counts [truth][answer] in their order
    ece                  expected calibration error of the top answer, 15 bins
    silent_n             clips in which nothing sounds: they are in none of these figures
    left_out             {label: clips} that the model has no class for
    absent_n             how many rows of the data's table have no file
    clips_n, answered    how many clips were asked about, those in which nothing sounds too, and how many without them
    learnt_n             how many of those the model has learnt: what is said of them says little; null where it does not say
    unknown_auroc        chance that a known sound is surer than a foreign one; null where no foreign one sounds
    foreign_n            how many foreign ones were judged
    foreign_labels       {label: clips} of those: what counts as none of the model's classes
    foreign_learnt_n     how many of the foreign clips the model has learnt; null where it does not say
    foreign_from         where they are from: "--foreign FOLDER", "left out" (of the data), or "noises and rooms of ours"
    model, weights, data, folds, window_s, live, noise, snr_db, level_db      what was asked
"""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score, roc_auc_score

from ..audio.decide import answers
from ..audio.engine import Engine, level_block, levels
from ..audio.files import decode
from ..audio.frontend import FrontEnd, level_resample, log_mel
from ..params import BY_NAME, DEFAULTS
from .dataset import absent, find_clips, folds_of, is_learnt, kept_apart, repeat_to
from .disturb import Disturb
from .run import track

WHOLE = 1.0  # s; windows that whole clips are cut into: those that the instrument listens by
ENOUGH = 300  # clips of classes that the model has not, which nobody asked about
NOISES, LASTING, FRESH = 5, 2.0, 1  # noises of ours: how many of a kind, s, and a seed that training has not
FADED = 0.25  # s after the end of a sound: when the stage is asked about it for the last time, before its gate closes


@dataclass(frozen=True)
class Exam:
    """Which clips are judged and how; `folds` empty: all, `window` seconds or None: whole clips."""

    data: str
    folds: tuple = ()
    window: float | None = None
    live: bool = False
    disturb: Disturb = Disturb()
    foreign: str = ""  # a folder of sounds that belong to no class of the model


def evaluate(model, data, folds=(), window=None, **more):
    """The figures above, of an `Exam(data, folds, window, **more)`."""
    exam = Exam(str(data), tuple(folds), window, **more)
    clips, others = known_clips(model, exam)
    truth = np.array([model.classes.index(clip.label) for clip in clips])
    asked = ask(model, clips, exam, "known sounds")
    shares = np.concatenate(asked)
    if not len(shares):
        raise ValueError(f"{exam.data}: nothing there is louder than hear.gate ({DEFAULTS['hear.gate']:g} dBFS), so no window is "
                         "answered: give a higher --level")
    found = scores(np.repeat(truth, [len(one) for one in asked]), among_known(shares), model.classes)
    silent = sum(not len(one) for one in asked)
    return {**found, "unit": "windows" if window else "clips", "silent_n": silent, "answered": len(clips) - silent,
            "absent_n": absent(exam.data), "clips_n": len(clips), "learnt_n": _learnt(model, clips),
            "left_out": dict(Counter(clip.label for clip in others)), **_told_apart(model, exam, shares, others), **_asked(model, exam)}


def _asked(model, exam):
    return {"model": model.folder.name, "weights": model.weights_hash, "data": Path(exam.data).name,
            "folds": list(exam.folds), "window_s": exam.window, "live": exam.live, "level_db": exam.disturb.level,
            "noise": exam.disturb.noise or None, "snr_db": exam.disturb.snr if exam.disturb.noise else None}


def known_clips(model, exam):
    """(clips of the exam's folds that the model has a class for, those that it has none for); ValueError where the first are none."""
    found = find_clips(exam.data, model.classes)
    there = [fold for fold in folds_of(found) if fold]
    if wrong := sorted(set(exam.folds) - set(there)):
        raise ValueError(f"{exam.data}: fold {wrong[0]} is not here; " + (f"there are {there}" if there else "leave out --folds"))
    asked = [clip for clip in found if not exam.folds or clip.fold in exam.folds]
    clips = [clip for clip in asked if clip.label in model.classes]
    if not clips:
        of = f"no clip of folds {', '.join(map(str, exam.folds))}" if exam.folds else "no clip"
        raise ValueError(f"{exam.data}: {of} belongs to a class of the model ({', '.join(model.classes)}); the classes there are "
                         f"{', '.join(sorted({clip.label for clip in asked}))}")
    return clips, [clip for clip in asked if clip.label not in model.classes]


def _learnt(model, clips):
    return sum(is_learnt(clip, model.learnt) for clip in clips) if model.learnt else None


def _told_apart(model, exam, shares, others):
    """The figures of foreign sounds beside the answers `shares` to known ones: of those of a folder, else the `others` of the data,
    else noises of our own."""
    clips = foreign_clips(model, exam) if exam.foreign else _some_readable(others)
    named = f"--foreign {Path(exam.foreign).name}" if exam.foreign else "left out" if clips else "noises and rooms of ours"
    asked = ask(model, clips, exam, "foreign sounds") if clips else _to_noises(model, exam)
    foreign = np.concatenate(asked)
    return {"unknown_auroc": auroc(-shares[:, -1], -foreign[:, -1]) if len(foreign) else None, "foreign_n": len(foreign),
            "foreign_labels": dict(Counter(clip.label for clip in clips)), "foreign_learnt_n": _learnt(model, clips),
            "foreign_from": named}


def _some_readable(clips):
    """Of clips that nobody asked about as many as a figure needs, without those that no sound can be read from."""
    chosen = [clips[at] for at in np.linspace(0, len(clips) - 1, min(len(clips), ENOUGH)).astype(int)]
    return [clip for clip in chosen if _is_readable(clip)]


def _is_readable(clip):
    try:
        return bool(len(decode(clip.path)[0]))
    except ValueError:
        return False


def foreign_clips(model, exam):
    """The foreign clips, with folds asked for those that training without them keeps apart; such as the model has a class for are
    left out."""
    clips = [clip for clip in find_clips(exam.foreign, model.classes, foreign=True) if clip.label not in model.classes]
    if not clips:
        raise ValueError(f"{exam.foreign}: every sound there belongs to a class of the model; give others")
    return kept_apart(clips, exam.folds) if exam.folds else clips


def _to_noises(model, exam):
    """Answers as of `ask` to noises and humming rooms of the kinds that training has, and other ones."""
    from .augment import strangers  # with librosa, which who teaches on stage need not wait for

    noises = strangers(seconds=LASTING, each=NOISES, seed=FRESH)
    return [_answers(model, noise.astype(np.float32), FrontEnd().rate, exam, number)
            for number, noise in enumerate(track(noises, "noises"))]


def ask(model, clips, exam, what):
    """Answers [(rows, classes + 1)] per clip: one row a window, or a single row for the whole clip.

    A row holds probabilities, the last of them that of "none of these". Windows and clips in which nothing sounds have no row: as on
    the stage nothing is answered there."""
    return [_answers(model, *decode(clip.path), exam, number) for number, clip in enumerate(track(clips, what))]


def _answers(model, samples, rate, exam, seed):
    path = through_engine if exam.live else from_file
    windows = path(model, exam.disturb(samples, rate, seed), rate, exam.window or WHOLE)
    return windows[np.isfinite(windows).all(1)] if exam.window else _over_the_clip(windows)


def _over_the_clip(windows):
    """The mean of the windows in which something sounds, (1, classes + 1), or (0, classes + 1) of none."""
    heard = windows[np.isfinite(windows).all(1)]
    return heard.mean(0, keepdims=True) if len(heard) else heard


def from_file(model, samples, rate, seconds):
    """Probabilities (windows, classes + 1) of a clip cut into windows of `seconds` at half-window hops.

    A clip shorter than a window is repeated until it fills it. Silent windows (never above `hear.gate`) are not
    answered, as on the stage: NaN.
    """
    silent = np.full(len(model.classes) + 1, np.nan)
    logits = [silent if window is None else model.hear(window) for window in cut(samples, rate, seconds, model.front_end)]
    return softmax(np.stack(logits) / DEFAULTS["hear.temperature"])


def cut(samples, rate, seconds, front):
    """Log-mel windows (bands, frames) of `seconds` of a clip, or None for the silent ones, at half-window hops; where none of
    them sounds, the one at the clip's end alone."""
    length, windows = round(seconds * front.rate), _windows(repeat_to(samples, round(seconds * rate)), rate, seconds)
    if not any(window.sounds for window in windows):
        return [None]
    samples = repeat_to(samples if rate == front.rate else level_resample(samples, rate, front.rate), length)
    ends = [min(max(round(window.end * front.rate / rate), length), len(samples)) for window in windows]
    return [log_mel(samples[end - length:end], front) if window.sounds else None for end, window in zip(ends, windows, strict=True)]


class _Window(NamedTuple):
    """Where a window of a clip ends, in samples, and whether anything sounds in it."""

    end: int
    sounds: bool


def _windows(samples, rate, seconds):
    """[_Window] of a clip no shorter than one of `seconds`; where none of them sounds, the one at the clip's end alone.

    What sounds is above `hear.gate` for one of the 10 ms that the stage counts from the clip's beginning.
    """
    size, length = level_block(rate), round(seconds * rate)
    loud = np.append(0, np.cumsum(levels(samples, rate) >= DEFAULTS["hear.gate"]))
    windows = [_Window(end, bool(loud[end // size] > loud[-(-(end - length) // size)]))
               for end in (*range(length, len(samples) + 1, length // 2), len(samples))]
    return windows[:-1] if any(window.sounds for window in windows[:-1]) else windows[-1:]


def through_engine(model, samples, rate, seconds):
    """The same through the path of the stage: blocks into an `Engine`, asked where each window ends.

    Time is that of the samples, so it runs as fast as it can. After silence the windows begin where the sound
    does, as on stage; where it has ended before the window has, its last answer stands, and where it has only just begun, its
    first one does, which comes a moment later.
    """
    samples = repeat_to(samples, round(seconds * rate))
    stage = _Stage(model, samples, rate, seconds)
    return softmax(np.array([stage.answer(window) for window in _windows(samples, rate, seconds)]) / DEFAULTS["hear.temperature"])


class _Stage:
    """An `Engine` that is fed a clip and asked in between, and last when a sound has faded."""

    def __init__(self, model, samples, rate, seconds):
        self._rate, self._fed, self._block = rate, 0, level_block(rate)
        self._length, self._later = round(seconds * rate), round(FADED * rate)  # samples
        self._samples = np.pad(samples, (0, self._later))  # after a clip it is quiet
        self._loud = np.flatnonzero(levels(samples, rate) >= DEFAULTS["hear.gate"]) * self._block  # where the loud 10 ms begin
        self._heard, self._logits = -math.inf, None  # the last of them that the newest answer is about, and the answer
        self._silent = np.full(len(model.classes) + 1, np.nan)
        values = {**DEFAULTS, "hear.window": _window_row(seconds)}
        self._hear = model.hear
        self._engine = Engine(rate, self._keep, model.classes, dict, values, front_end=model.front_end)

    def answer(self, window):
        """Logits for a window once it has been heard; NaN where nothing sounds in it."""
        if not window.sounds:
            return self._silent
        self._feed(window.end)
        self._engine.decide()
        while not self._is_answered(window) and self._fed < window.end + self._later:
            self._feed(min(self._fed + self._block, window.end + self._later))
            self._engine.decide()
        return self._logits if self._is_answered(window) else self._silent

    def _is_answered(self, window):
        """Whether the newest answer is about something in the window, not about the sound before."""
        return self._heard >= window.end - self._length

    def _keep(self, window):
        self._heard, self._logits = self._last(), self._hear(window)
        return self._logits

    def _last(self):
        """Where the last loud moment begins that has been heard whole."""
        before = np.searchsorted(self._loud, self._fed - self._block, "right")
        return self._loud[before - 1] if before else -math.inf

    def _feed(self, end):
        """Hear on to a sample, asking when a sound has faded."""
        while self._fed < end:
            part = self._samples[self._fed:min(self._fed + self._block, end)]
            self._fed += len(part)
            self._engine.analyse(part, self._fed / self._rate)
            if 0 <= self._fed - self._last() - self._later < len(part):
                self._engine.decide()


def _window_row(seconds):
    labels = BY_NAME["hear.window"].labels
    for number, label in enumerate(labels):
        if float(label) == seconds:
            return number
    raise ValueError(f"the live path has no window of {seconds:g} s; legal are {', '.join(labels)}")


def among_known(shares):
    """Probabilities (n, classes) given that it is one of them, of rows (n, classes + 1)."""
    return answers(np.log(np.maximum(shares, 1e-12)))[0]


def softmax(logits):
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def scores(truth, probabilities, classes):
    """The figures of a test: truth (n,) indices, probabilities (n, classes)."""
    answer = probabilities.argmax(1)
    labels = range(len(classes))
    common = dict(labels=labels, zero_division=0)
    recall = recall_score(truth, answer, average=None, **common)
    precision = precision_score(truth, answer, average=None, **common)
    each = f1_score(truth, answer, average=None, **common)
    present = np.unique(truth)
    return {
        "n": len(truth), "accuracy": float((answer == truth).mean()),
        "macro_precision": float(precision[present].mean()), "macro_recall": float(recall[present].mean()),
        "macro_f1": float(each[present].mean()),
        "per_class": {classes[i]: {"precision": float(precision[i]), "recall": float(recall[i]),
                                   "f1": float(each[i]), "n": int((truth == i).sum())} for i in present},
        "classes": list(classes),
        "confusion": confusion_matrix(truth, answer, labels=labels).tolist(),
        "ece": calibration_error(truth, probabilities),
    }


def calibration_error(truth, probabilities, bins=15):
    """Expected calibration error of the top answer (Guo et al., 2017), equal-width bins."""
    top, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [abs(right[place == i].mean() - top[place == i].mean()) * (place == i).mean()
            for i in range(bins) if (place == i).any()]
    return float(sum(gaps))


def auroc(known, foreign):
    """Chance that a known sound scores higher than a foreign one (area under the ROC curve)."""
    truth = np.repeat([1, 0], [len(known), len(foreign)])
    return float(roc_auc_score(truth, np.concatenate([known, foreign])))
