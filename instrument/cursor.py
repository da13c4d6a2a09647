"""The row under the player's fingers: keys walk through the table of parameters and turn what they stand on."""

from .params import COMMAND_NAMES, PARAMS, found

TURNS = 128  # presses from end to end of a row's range, for rows in steps while the key is held
AGAIN = 0.2  # s; presses that follow each other so soon are those of a key that is held
HELD = 0.8  # s in which a key that is held turns rows in steps by single ones
SHOWN = 8.0  # s after the last press until the HUD hides the page
GROUPS = tuple(dict.fromkeys(row.group for row in PARAMS))
FIRST = "dream"  # the group that a show begins at


class Cursor:
    """Stands on one row (a `Param`, `row`). Main thread; time is passed in (s)."""

    def __init__(self):
        self.row = _members(FIRST)[0]
        self._until = self._pressed = self._began = float("-inf")

    def shown(self, now):
        """Whether the player has used it so lately that the HUD shows its page."""
        return now < self._until

    def carry_out(self, name, argument, values, now):
        """Carry out one of the row commands: the edits that it makes, {row: value}; ValueError for an unknown row."""
        shown, self._until = self.shown(now), now + SHOWN
        if name == "row.select":
            self.row = found(argument or "")
        elif name in ("row.next", "row.previous") and shown:  # the first press only shows where it stands
            self.row = _beside(PARAMS, self.row, 1 if name == "row.next" else -1)
        elif name == "row.group":
            self.row = _members(_beside(GROUPS, self.row.group, 1))[0]
        elif name == "row.default":
            return {self.row.name: self.row.default}
        elif name in ("row.more", "row.less"):
            return {self.row.name: turned(self.row, values[self.row.name], 1 if name == "row.more" else -1, self._held(now))}
        return {}

    def _held(self, now):
        """Whether the key of this press has been held for a while."""
        if now - self._pressed > AGAIN:
            self._began = now
        self._pressed = now
        return now - self._began > HELD


def turned(row, value, way, held=False):
    """The value one press (`way` 1 or -1) further: rows in steps one step, of a key that is held as many as make TURNS presses;
    none goes past 0 without stopping there."""
    if row.curve == "step":
        return row.clamp(value + way * (max(round((row.hi - row.lo) / TURNS), 1) if held else 1))
    new = row.at(row.position(value) + way / TURNS, grain=1 / TURNS)
    return new if value * new >= 0 else 0.0


def target(argument, row):
    """What a MIDI control is to be learned for, {"row" or "command" or "preset": ...}: the `row` if nothing is named.

    argument: None, the name of a row or a command, or the number of a preset. ValueError for any other.
    """
    if argument in (None, ""):
        return {"row": row.name}
    if argument in COMMAND_NAMES:
        return {"command": argument}
    try:
        number = int(argument)
    except ValueError:
        return {"row": found(argument).name}
    if number < 1:
        raise ValueError(f"no preset {number}: presets count from 1")
    return {"preset": number}


def _members(group):
    return [row for row in PARAMS if row.group == group]


def _beside(sequence, one, way):
    return sequence[(sequence.index(one) + way) % len(sequence)]
