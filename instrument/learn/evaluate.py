"""Judge a model on labelled clips: windows at half-window hops, softmax averaged over the clip."""

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from ..audio.frontend import FrontEnd, log_mel
from .dataset import find_clips, read, repeat_to
from .run import track


def window_logits(model, samples, seconds, front_end=FrontEnd()):
    """Logits (windows, classes) of a clip cut into windows of `seconds` at half-window hops."""
    length = int(seconds * front_end.rate)
    samples = repeat_to(samples, length)
    starts = range(0, len(samples) - length + 1, length // 2)
    return np.stack([model.hear(log_mel(samples[start:start + length], front_end)) for start in starts])


def softmax(logits):
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def collect(model, folder, folds=(), seconds=1.0):
    """(clips, list of window logits per clip) for the clips of `folds` (all if empty) that the model has a class for."""
    clips = [clip for clip in find_clips(folder) if (not folds or clip.fold in folds) and clip.label in model.classes]
    if not clips:
        raise ValueError(f"{folder}: no clip of folds {list(folds)} belongs to a class of the model")
    return clips, [window_logits(model, read(clip), seconds) for clip in track(clips, f"{seconds:g} s windows")]


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
        "per_class": {classes[i]: {"precision": float(precision[i]), "recall": float(recall[i]), "f1": float(each[i])}
                      for i in present},
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


def evaluate(model, folder, folds=(), window=None):
    """Scores on whole clips (windows of 4 s, softmax averaged), or on every single window of `window` seconds."""
    clips, logits = collect(model, folder, folds, window or 4.0)
    truth = np.array([model.classes.index(clip.label) for clip in clips])
    if window:
        counts = [len(one) for one in logits]
        return scores(np.repeat(truth, counts), softmax(np.concatenate(logits)), model.classes)
    return scores(truth, np.stack([softmax(one).mean(0) for one in logits]), model.classes)
