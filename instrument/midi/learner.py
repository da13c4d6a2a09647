"""MIDI learn: which control the player means, and how it speaks."""

from dataclasses import replace
from itertools import pairwise

from ..params import BY_NAME, SWITCH
from .bindings import Binding
from .moves import PRESSED

# What an encoder says that is turned slowly to the left, by its relative mode.
LEFT = {"signed_bit": range(65, 69), "signed_bit_2": range(1, 5), "binary_offset": range(60, 64),
        "twos_complement": range(124, 128)}
LONG = 20  # messages without one of the coarse half after which what may be a fine half is a knob
SURE = 6  # messages after which a control that never said the same twice running is absolute


class Search:
    """The control, of whatever device, that the player means: `Learner`s side by side, as two boxes may send the same."""

    def __init__(self, since, **target):
        self._target, self._learners = target, {}
        self.since = since  # s
        Learner(**target)  # refuses what cannot be learned

    def hear(self, port, move):
        """The binding of the device at a port as soon as it is clear, else None."""
        return self._learners.setdefault(port, Learner(**self._target)).hear(move)


class Learner:
    """Finds the control of one device that the player means for a target: row=..., command=... or preset=... ."""

    def __init__(self, **target):
        self._target = target
        self._heard = {}  # key of the physical control -> values
        self._last, self._behind = None, set()  # the CC heard last; those that came right behind the one 32 below
        self._touched = set()  # keys of notes since which nothing was moved: a pad, or a finger on a fader that feels it
        row = BY_NAME.get(target.get("row", ""))
        self._press = "absolute" if row and row.labels != SWITCH else "press"
        self._labelled = bool(row and row.labels)
        if "row" in target:
            Binding("cc", None, 0, **target).check()

    def hear(self, move):
        """The binding as soon as it is clear which control is meant and how it speaks, else None."""
        values = self._heard.setdefault(move.key, [])
        values.append(move.value)
        if move.kind == "cc":
            self._pair(move)
        if move.kind == "note":
            return self._note(move)
        self._touched.clear()
        if move.kind == "bend":
            return self._bind(move, "absolute")
        if move.kind not in ("cc", "nrpn"):
            return None
        if self._press == "press" or values[-2:] == [127, 0] and move.key not in self._behind:
            return self._button(move) if max(values) >= PRESSED else None
        return self._knob(move, values) if len(values) >= 3 else None

    def _note(self, move):
        """A button at once where only a button can be meant. Else once it is let go or, as some pads never say so, hit again, and
        nothing was moved meanwhile: the touch of a fader is told by a note too."""
        if self._press == "press":
            return self._button(move) if move.value else None
        if move.key in self._touched:
            return self._button(move)
        if move.value:
            self._touched.add(move.key)
        return None

    def _pair(self, move):
        if self._last == (*move.key[:2], move.number - 32):
            self._behind.add(move.key)
        self._last = move.key

    def _knob(self, move, values):
        coarse = move._replace(number=move.number - 32)
        for whole in (move, coarse) if move.key in self._behind else (move,):
            fine = whole._replace(kind=move.kind + "14")
            if len(self._heard.get(fine.key, ())) >= 2:
                return self._bind(fine, "absolute")
        # Of a knob that sends its coarse half only when that changes, or one by itself whose other number was sent before?
        if ("cc14", *coarse.key[1:]) in self._heard and move.kind == "cc" and len(values) < LONG:
            return None
        # An encoder can say that too, but labels are for pads, and many of those say nothing else.
        if self._labelled and set(values) == {127}:
            return self._button(move)
        mode = detect(values)
        return self._bind(move, mode) if mode else None

    def _button(self, move):
        row = BY_NAME.get(self._target.get("row", ""))
        return self._bind(move, "default" if row and row.curve != "step" else "press")

    def _bind(self, move, mode):
        return replace(Binding(*move.key), **self._target, mode=mode).check()


def detect(values):
    """"absolute", or the relative mode of an encoder that was turned slowly to the left; None where more must be heard."""
    mode = next((mode for mode, slow in LEFT.items() if all(value in slow for value in values)), None)
    if mode is None or len(set(values)) == len(values):
        return "absolute"
    if any(one == other for one, other in pairwise(values)):  # an absolute knob never says the same twice running,
        return mode
    return "absolute" if len(values) >= SURE else None  # though one that is moved to and fro comes back to it
