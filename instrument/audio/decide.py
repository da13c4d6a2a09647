"""From logits to a decision fit for a stage: smooth, steady, and silent when nothing known sounds.

Owns the smoothing, the hysteresis of the top class and `known`. Everything that can be turned
is a `hear.` row; time comes in by hand.
"""

import math
from dataclasses import dataclass

import numpy as np

LEAST = -12.0  # log-probabilities below this count as this, so that a class can come back quickly
FRESH = 1.0  # s in which a sound that has just begun is not doubted: it is soon known better
RISE, FALLS = 6.0, 2.0  # dB over the loudest that was where another sound begins; dB a second by which that is forgotten
CLEAR = 2  # times the margin that a lead counts at once
BACK, WAVERS = 6.0, 20.0  # s in which a class that was left is back; in which a sound that came back to one is doubted more,
TIMES, OFTEN, LONGEST = 3, 3, 8.0  # so many times longer for each time, up to so often and so many s
LASTING = 2  # times the doubt that what goes on unknown must be sure for: a humming room is, now and then
ENDS = 1e-3  # `known` closer than this to 0 or 1 is 0 or 1


@dataclass(frozen=True)
class Decision:
    """`raw` and `smooth` probabilities (classes,), number of the `top` class (-1: none yet), `known` 0..1."""

    raw: np.ndarray
    smooth: np.ndarray
    top: int
    top_prob: float
    known: float
    changed: bool


class Decider:
    """Decides about a stream of logits: those of `classes`, in their order, and last that of "none of these"."""

    def __init__(self, classes, before=None):
        """`before`: the decider in whose place it comes, whose decision stands as far as its classes are among these."""
        self.classes = tuple(classes)
        self._raw = self._smooth = np.full(len(self.classes), 1.0 / len(self.classes))
        self._certainty = 0.0
        self._state = None  # smoothed log-probabilities of the sound going on; None in silence
        self._top, self._since = -1, -math.inf
        self._began = self._leads_since = 0.0  # s: the sound going on, the lead of the rival
        self._sure_since = math.inf  # s since which it is sure to be known
        self._rose, self._loudest = 0.0, -math.inf  # s when it last became louder than it was; dBFS
        self._rival = -1  # the class that leads the top class
        self._left, self._returns = {}, []  # class -> when it was the top class last; when one of them became it again
        self._known, self._now = 0.0, None
        if before is not None and before._top >= 0 and before.classes[before._top] in self.classes:
            self._go_on(before)

    def _go_on(self, before):
        """A class taught or forgotten meanwhile is no reason to lose what is heard, or held."""
        shares = dict(zip(before.classes, before._smooth, strict=True))
        found = np.array([shares.get(name, 0.0) for name in self.classes])
        self._raw = self._smooth = found / found.sum()
        self._top, self._since = self.classes.index(before.classes[before._top]), before._since
        self._known, self._now = before._known, before._now

    def update(self, logits, level_db, values, now):
        """Decision at `now` seconds. `logits` (classes + 1,) or None: no answer, which counts as silence.

        `level_db` dBFS is that of the sound; `values` holds the `hear.` rows. In silence the
        probabilities stay as they were and only `known` falls.
        """
        elapsed = 0.0 if self._now is None else max(now - self._now, 0.0)
        self._now = now
        heard = logits is not None and bool(np.isfinite(logits).all())
        if heard:
            self._listen(logits, values, elapsed)
            self._follow(level_db, elapsed)
        else:
            self._state, self._sure_since, self._loudest = None, math.inf, -math.inf
        sure = heard and self._is_known(values)
        self._known = _known(self._known, sure, values, elapsed)
        self._rival = self._rival if sure else -1
        changed = sure and self._choose(values, now)
        return self._decision(changed)

    def _listen(self, logits, values, elapsed):
        log_prob = softened(np.asarray(logits, float), values["hear.temperature"])
        self._raw, _ = answers(log_prob)
        log_prob = np.maximum(log_prob, LEAST)
        if self._state is None:  # after silence the first answer counts at once
            self._state, self._began = log_prob, self._now
        else:
            gain = np.where(log_prob > self._state, share(elapsed, values["hear.attack"]),
                            share(elapsed, values["hear.release"]))
            self._state = self._state + gain * (log_prob - self._state)
        self._smooth, self._certainty = answers(self._state)

    def _follow(self, level_db, elapsed):
        """Something begins where it becomes louder than it was; what knocks as loudly again and again does not."""
        self._loudest -= FALLS * elapsed
        if level_db >= self._loudest + RISE:
            self._rose = self._now
        self._loudest = max(self._loudest, level_db)

    def _is_known(self, values):
        """Whether it is one of the classes: what begins or is clear is at once, what goes on unknown once it is sure for a while."""
        enough = values["hear.unknown"]
        if self._certainty < enough:
            self._sure_since = math.inf
            return False
        self._sure_since = min(self._sure_since, self._now)
        lasts = self._now - self._sure_since >= LASTING * values["hear.doubt"] / 1000
        clear = self._certainty >= (1 + enough) / 2 or self._now - self._rose < FRESH
        return lasts or clear or self._known >= 0.5

    def _choose(self, values, now):
        """Move to a new top class if it leads far or long enough, and the old one has stayed long enough."""
        best = int(np.argmax(self._smooth))
        leads = self._top < 0 or self._leads(best, values, now)
        holds = values["hear.hold"] and self._top >= 0
        if best == self._top or holds or not leads or now - self._since < values["hear.dwell"] / 1000:
            return False
        self._note_return(best, now)
        self._top, self._since, self._rival = best, now, -1
        return True

    def _note_return(self, best, now):
        came_back = now - self._left.get(best, -math.inf) < BACK
        self._returns = [when for when in self._returns if now - when < WAVERS] + [now] * came_back
        self._left[self._top] = now

    def _wavers(self, best, now):
        """How often the sound going on has lately come back to a class that it had left, if that is one of those."""
        if now - self._left.get(best, -math.inf) >= WAVERS:
            return 0
        return min(sum(when >= self._began and now - when < WAVERS for when in self._returns), OFTEN)

    def _leads(self, best, values, now):
        """Whether a class leads the top class clearly or, where that is in doubt, has done so for a while.

        What a network does not know well it takes now for one class, now for another, and each for a moment only. What goes to
        and fro between two has to lead the longer, or the clearer, the more often it does.
        """
        lead, margin = self._smooth[best] - self._smooth[self._top], values["hear.margin"]
        if best == self._top or lead < margin:
            self._rival = -1
            return False
        if best != self._rival:
            self._rival, self._leads_since = best, now
        wavers = self._wavers(best, now)
        clear = lead >= 1 - (1 - CLEAR * margin) / 2**wavers or now - self._began < FRESH
        return clear or now - self._leads_since >= min(values["hear.doubt"] / 1000 * TIMES**wavers, LONGEST)

    def _decision(self, changed):
        prob = float(self._smooth[self._top]) if self._top >= 0 else 0.0
        return Decision(self._raw, self._smooth, self._top, prob, self._known, changed)


def answers(logits):
    """(probabilities (..., classes) given that it is one of them, chance (...) that it is) of logits (...,
    classes + 1)."""
    known, none = logits[..., :-1], logits[..., -1]
    top = known.max(-1, keepdims=True)
    part = np.exp(known - top)
    total = part.sum(-1, keepdims=True)
    lead = (top + np.log(total))[..., 0] - none
    return part / total, 1 / (1 + np.exp(-lead))


def softened(logits, temperature):
    """Natural log of the probabilities of logits (classes + 1,), the classes softened among themselves: that it is one of
    them stays as sure as it is."""
    log_prob = log_softmax(logits)
    known = np.logaddexp.reduce(log_prob[:-1])
    return np.append(log_softmax(log_prob[:-1] / temperature) + known, log_prob[-1])


def log_softmax(x):
    """Natural log of the probabilities of logits (classes,)."""
    x = x - np.max(x)
    return x - np.log(np.sum(np.exp(x)))


def share(elapsed, milliseconds):
    """How far a one-pole filter with that time constant moves in `elapsed` seconds: 0..1."""
    return 1.0 - math.exp(-1000.0 * elapsed / milliseconds)


def _known(before, sure, values, elapsed):
    target = 1.0 if sure else 0.0
    known = before + share(elapsed, values["hear.attack" if sure else "hear.release"]) * (target - before)
    return target if abs(known - target) < ENDS else known
