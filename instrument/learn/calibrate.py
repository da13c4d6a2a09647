"""How sure a network may be: one temperature for its answers, fitted on recordings that it has not learnt.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from ..audio.files import decode
from .dataset import is_learnt, place_of, recording_of
from .evaluate import among_known, cut, scores, softmax

EVERY = 5  # of so many recordings of a class one is kept back
TEMPERATURES = np.geomspace(0.25, 8, 201)  # as far as `hear.temperature` goes
SPREAD = 0.3  # of the log of a temperature round that of 1, before a clip was heard: two clips move it by less than a tenth, and from
# a hundred on it is what they say within two hundredths (ESC-10's windows, a head on folds 1 and 2 judged on the others)


def keep_back(clips, learnt=frozenset(), before=frozenset()):
    """(clips to learn, clips kept back): of each class of EVERY recordings or more about every fifth, one at least and half of them
    at most, be it another class's too. First those that were kept back `before`, for a model that is the start, then a hash of
    its name says which; those that the start has not `learnt` come first. Both are marks, see `dataset.marks`."""
    known, again = ({recording_of(clip) for clip in clips if is_learnt(clip, marks)} for marks in (learnt, before))
    kept = _kept(clips, known, again - known)
    return ([clip for clip in clips if recording_of(clip) not in kept], [clip for clip in clips if recording_of(clip) in kept])


def _kept(clips, known, again):
    """The recordings kept back, as a set; those `known` only of a class that has no others, those kept `again` before all."""
    recordings, labels = defaultdict(set), defaultdict(set)
    for clip in clips:
        recordings[clip.label].add(recording_of(clip))
        labels[recording_of(clip)].add(clip.label)
    spare = {one for one, its in labels.items() if all(len(recordings[label]) >= EVERY for label in its)}
    pool = set().union(*((found & spare - known) or found & spare for found in recordings.values()))
    kept = set()
    for one in sorted(pool, key=lambda one: (one not in again, place_of(one) % EVERY > 0, place_of(one))):
        counts = [(len(recordings[label] & kept), len(recordings[label])) for label in labels[one]]
        wanted = one in again or place_of(one) % EVERY == 0 or not all(held for held, _ in counts)
        if wanted and all(2 * held + 2 <= every for held, every in counts):
            kept.add(one)
    return kept


def calibrate(model, clips, learnt=frozenset()):
    """The temperature that suits `model` on `clips`, and what it is worth there with it, on windows of a second: {"clips",
    "learnt" (how many of them a start had `learnt`: of those the temperature is not asked), "classes" (how many occur),
    "macro_f1", "ece", "temperature"}; empty where nothing sounds."""
    heard = [_Heard(model.classes.index(clip.label), rows, is_learnt(clip, learnt))
             for clip in clips if len(rows := _logits(model, clip))]
    if not heard:
        return {}
    fresh = [one for one in heard if not one.learnt]
    temperature = fit_temperature(*_together(fresh), len(fresh)) if fresh else 1.0
    logits, truth = _together(heard)
    found = scores(truth, among_known(softmax(logits / temperature)), model.classes)
    return {"clips": len(heard), "learnt": len(heard) - len(fresh), "classes": len(found["per_class"]),
            "macro_f1": found["macro_f1"], "ece": found["ece"], "temperature": temperature}


class _Heard(NamedTuple):
    """The number of a clip's class, the logits of its windows, and whether a start had learnt it."""

    truth: int
    logits: np.ndarray
    learnt: bool


def _logits(model, clip):
    return np.array([model.hear(window) for window in cut(*decode(clip.path), 1.0, model.front_end) if window is not None])


def _together(heard):
    """(logits, truth) of all windows."""
    return np.concatenate([one.logits for one in heard]), np.repeat([one.truth for one in heard], [len(one.logits) for one in heard])


def fit_temperature(logits, truth, clips):
    """The likeliest temperature given `truth` (n,) and `logits` (n, classes) of the windows of so many `clips`: as those of one are
    much alike, they say as much as one. Before any was heard it is 1, give or take SPREAD: who has made no mistake yet is not
    sure for ever, and two clips change nothing."""
    share = clips / len(truth)
    losses = [share * _loss(softmax(logits / one), truth) + np.log(one)**2 / (2 * SPREAD**2) for one in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _loss(shares, truth):
    """-log likelihood of the truth."""
    return -np.log(shares[np.arange(len(truth)), truth] + 1e-12).sum()
