"""What MIDI messages say: messages -> moves of physical controls.

Decoder   mido messages -> Move: pairs of CCs and NRPN put together
Pairs     which CCs are but fine halves of others
"""

from typing import NamedTuple

FULL = {"cc": 127, "cc14": 16383, "nrpn": 127, "nrpn14": 16383, "note": 127, "bend": 16383}  # highest value by kind
PRESSED = 64
PAIRED = 3  # times that a CC right behind the one 32 below ran over, and never came else: it is that one's fine half
KNOB = PAIRED + 8  # so often running by itself, and it is a knob after all


class Move(NamedTuple):
    """A physical control has moved. channel: 1..16; value: 0..FULL[kind], or 1 and -1 of an "nrpn_step"."""

    kind: str
    channel: int
    number: int
    value: int

    @property
    def key(self):
        return self[:3]


class Decoder:
    """Puts together what MIDI spreads over several messages: 14-bit pairs of CCs, NRPN. One per device."""

    def __init__(self):
        self._coarse = {}  # (channel, CC or ("nrpn", parameter)) -> last MSB
        self._nrpn = {}  # channel -> [MSB, LSB] of the number selected

    def moves(self, message):
        """[Move] of a mido message; empty for one that is no control."""
        if message.type == "control_change":
            return self._controls(message.channel + 1, message.control, message.value)
        if message.type in ("note_on", "note_off"):
            pressed = message.velocity if message.type == "note_on" else 0
            return [Move("note", message.channel + 1, message.note, pressed)]
        if message.type == "pitchwheel":
            return [Move("bend", message.channel + 1, 0, message.pitch + 8192)]
        return []

    def _controls(self, channel, number, value):
        if number in (98, 99):
            self._select(channel, 99 - number, value)
            return []
        if number in (100, 101):  # RPN: none of ours
            self._nrpn.pop(channel, None)
            return []
        if channel in self._nrpn and number in (6, 38, 96, 97):
            return self._parameter(channel, number, value)
        return self._plain(channel, number, value)

    def _select(self, channel, half, value):
        self._nrpn.setdefault(channel, [0, 0])[half] = value
        if self._nrpn[channel] == [127, 127]:  # the null parameter: none is selected
            del self._nrpn[channel]

    def _plain(self, channel, number, value):
        moves = [Move("cc", channel, number, value)]
        if number < 32:
            self._coarse[channel, number] = value
        elif number < 64 and (channel, number - 32) in self._coarse:
            moves.append(Move("cc14", channel, number - 32, self._coarse[channel, number - 32] << 7 | value))
        return moves

    def _parameter(self, channel, number, value):
        coarse, fine = self._nrpn[channel]
        parameter = coarse << 7 | fine
        if number == 6:
            self._coarse[channel, ("nrpn", parameter)] = value
            return [Move("nrpn", channel, parameter, value)]
        if number == 38:
            return [Move("nrpn14", channel, parameter, self._coarse.get((channel, ("nrpn", parameter)), 0) << 7 | value)]
        return [Move("nrpn_step", channel, parameter, 1 if number == 96 else -1)]


class Pairs:
    """Which CCs are only sent right behind the one 32 below them, and run over where that goes on by one: fine halves, where nobody
    has said so. Two knobs that are turned together do not run over. One per device."""

    def __init__(self):
        self._last = {}  # channel -> CC of its last message, None for another kind
        self._values = {}  # (channel, CC) -> (its last value, the one before)
        self._found = {}  # (channel, CC) -> how often it ran over: PAIRED is a half; beyond, how often running it came alone; KNOB

    def hear(self, message):
        """Take in a mido message."""
        if not hasattr(message, "channel"):
            return
        number, channel = message.control if message.type == "control_change" else None, message.channel + 1
        before, self._last[channel] = self._last.get(channel), number
        if number is None:
            return
        self._values[channel, number] = message.value, self._values.get((channel, number), (message.value,))[0]
        if 32 <= number < 64:
            self._found[channel, number] = self._counted(channel, number, before == number - 32)

    def _counted(self, channel, number, behind):
        found = self._found.get((channel, number), 0)
        if not behind:
            return min(found + 1, KNOB) if found >= PAIRED else KNOB
        coarse, fine = (abs(new - old) for new, old in (self._values[channel, each] for each in (number - 32, number)))
        return KNOB if found == KNOB else min(found + (fine >= PRESSED and coarse <= 1), PAIRED)

    def is_half(self, channel, number):
        return PAIRED <= self._found.get((channel, number), 0) < KNOB
