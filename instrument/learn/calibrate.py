"""How sure a network may be: one temperature for its answers, fitted on recordings that it has not learnt.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).
"""

from collections import defaultdict

import numpy as np

from ..audio.files import decode
from .evaluate import among_known, cut, scores, softmax

EVERY = 5  # of so many recordings of a class one is kept back
TEMPERATURES = np.geomspace(0.25, 8, 201)  # as far as `hear.temperature` goes


def keep_back(clips):
    """(clips to learn, clips kept back): every fifth recording of each class that has so many."""
    recordings = defaultdict(set)
    for clip in clips:
        recordings[clip.label].add(_recording(clip))
    back = {(label, one) for label, found in recordings.items() for one in sorted(found)[EVERY // 2::EVERY]
            if len(found) >= EVERY}
    kept = [(clip.label, _recording(clip)) in back for clip in clips]
    return ([clip for clip, held in zip(clips, kept, strict=True) if not held],
            [clip for clip, held in zip(clips, kept, strict=True) if held])


def calibrate(model, clips):
    """The temperature that suits `model` on `clips`, and what it is worth there with it, on windows of a second:
    {"clips", "macro_f1", "ece", "temperature"}; empty where nothing sounds."""
    logits, truth, sounding = [], [], 0
    for clip in clips:
        heard = [model.hear(window) for window in cut(*decode(clip.path), 1.0, model.front_end) if window is not None]
        logits += heard
        truth += [model.classes.index(clip.label)] * len(heard)
        sounding += bool(heard)
    if not truth:
        return {}
    temperature = fit_temperature(np.array(logits), np.array(truth), len(truth) / sounding)  # one clip told wrongly
    found = scores(np.array(truth), among_known(softmax(np.array(logits) / temperature)), model.classes)
    return {"clips": sounding, "macro_f1": found["macro_f1"], "ece": found["ece"], "temperature": temperature}


def fit_temperature(logits, truth, mistakes=1.0):
    """The temperature at which `truth` (n,) is likeliest under `logits` (n, classes), and so many mistakes beside it: who has made
    none yet is not sure for ever (Laplace's rule)."""
    losses = [_loss(softmax(logits / one), truth, mistakes) for one in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _loss(shares, truth, mistakes):
    """-log likelihood of the truth, and of usual answers being wrong: that it was the second likeliest."""
    right, second = shares[np.arange(len(truth)), truth], np.sort(shares, 1)[:, -2]
    return -np.log(right + 1e-12).sum() - mistakes * np.log(second + 1e-12).mean()


def _recording(clip):
    return clip.recording or str(clip.path)
