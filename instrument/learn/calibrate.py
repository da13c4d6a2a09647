"""How sure a network may be: one temperature for its answers, fitted on recordings that it has not learnt.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).
"""

from collections import defaultdict

import numpy as np

from ..audio.files import decode
from .evaluate import among_known, cut, scores, softmax

EVERY = 5  # of so many recordings of a class one is kept back
TEMPERATURES = np.geomspace(0.25, 8, 201)  # as far as `hear.temperature` goes
SPREAD = 0.3  # of the log of a temperature round that of 1, before a clip was heard: two clips move it by less than a tenth, and from
# a hundred on it is what they say within two hundredths (ESC-10's windows, a head on folds 1 and 2 judged on the others)


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
    {"clips", "classes" (how many of them occur), "macro_f1", "ece", "temperature"}; empty where nothing sounds."""
    logits, truth, sounding = [], [], 0
    for clip in clips:
        heard = [model.hear(window) for window in cut(*decode(clip.path), 1.0, model.front_end) if window is not None]
        logits += heard
        truth += [model.classes.index(clip.label)] * len(heard)
        sounding += bool(heard)
    if not truth:
        return {}
    temperature = fit_temperature(np.array(logits), np.array(truth), len(truth) / sounding)
    found = scores(np.array(truth), among_known(softmax(np.array(logits) / temperature)), model.classes)
    return {"clips": sounding, "classes": len(found["per_class"]), "macro_f1": found["macro_f1"], "ece": found["ece"],
            "temperature": temperature}


def fit_temperature(logits, truth, each=1.0):
    """The likeliest temperature given `truth` (n,) and `logits` (n, classes), of which `each` say as much as one: windows of one
    clip are much alike. Before it has heard any it is 1, give or take SPREAD: who has made no mistake yet is not sure for ever,
    and two clips change nothing."""
    losses = [_loss(softmax(logits / one), truth) / each + np.log(one)**2 / (2 * SPREAD**2) for one in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _loss(shares, truth):
    """-log likelihood of the truth."""
    return -np.log(shares[np.arange(len(truth)), truth] + 1e-12).sum()


def _recording(clip):
    return clip.recording or str(clip.path)
