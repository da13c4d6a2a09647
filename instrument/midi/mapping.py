"""What a MIDI message does: messages -> moves of physical controls -> edits and commands. No device, no clock.

Decoder   mido messages -> Move: pairs of CCs and NRPN put together
Binding   which control does what
Pairs     which CCs are but fine halves of others
Hand      one control on one row: pick-up, endless encoders
Mapping   all bindings of one device
Learner   which control the player means
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from ..params import BY_NAME, COMMAND_NAMES, FOLLOWING, RELEASES, SWITCH, found

FULL = {"cc": 127, "cc14": 16383, "nrpn": 127, "nrpn14": 16383, "note": 127, "bend": 16383}  # highest value by kind
NEAR = 1.5 / 127  # a knob this close has met the value
PRESSED = 64
SEEN = 0.2  # s after which the last value that a control gave has reached its row, and those before count no more
PAIRED = 3  # times that a CC right behind the one 32 below ran over, and never came else: it is that one's fine half
KNOB = PAIRED + 8  # so often running by itself, and it is a knob after all
LINE = 128  # steps of an endless encoder from end to end

# Endless encoders: value -> steps. Names as in the Ableton Live manual.
RELATIVE = {
    "signed_bit": lambda value: value if value <= 64 else 64 - value,
    "signed_bit_2": lambda value: -value if value <= 64 else value - 64,
    "binary_offset": lambda value: value - 64 if value else 0,
    "twos_complement": lambda value: value if value <= 64 else value - 128,
}
# "press" steps a labelled row on or fires, "hold" is on while pressed, "default" puts the row back.
MODES = ("absolute", *RELATIVE, "press", "hold", "default")
TAKEOVER = ("pickup", "jump")


class Move(NamedTuple):
    """A physical control has moved. channel: 1..16; value: 0..FULL[kind], or 1 and -1 of an "nrpn_step"."""

    kind: str
    channel: int
    number: int
    value: int

    @property
    def key(self):
        return self[:3]


@dataclass(frozen=True, slots=True)
class Binding:
    """One control and what it does to exactly one of `row`, `command`, `preset`. channel None: any."""

    kind: str
    channel: int | None
    number: int
    row: str = ""
    command: str = ""
    preset: int = 0
    mode: str = "absolute"
    takeover: str = "pickup"

    @property
    def key(self):
        return self.kind, self.channel, self.number

    def shares(self, other):
        """Whether it is the same physical control as that of another binding: a fine one is two coarse ones as well."""
        return self.channel == other.channel and not self._messages.isdisjoint(other._messages)

    @property
    def _messages(self):
        """What its control sends, as {(kind, number)}."""
        if self.kind == "cc14":
            return {("cc", self.number), ("cc", self.number + 32)}
        return {(self.kind.removesuffix("14"), self.number)}

    @property
    def target(self):
        """What it plays: the one of the three that is given."""
        return self.row or self.command or f"preset {self.preset}"

    @property
    def control(self):
        """The control as a maker's table names it, such as "CC 14, channel 2"."""
        name = {"cc": f"CC {self.number}", "cc14": f"CC {self.number} and {self.number + 32}", "note": f"note {self.number}",
                "bend": "pitch bend"}.get(self.kind, f"NRPN {self.number}")
        return name if self.channel is None else f"{name}, channel {self.channel}"

    def check(self):
        """The binding, its row by its name of now; ValueError in one line if it cannot work."""
        _one_of("kind", self.kind, FULL)
        for what in ("number", "channel", "preset"):
            value = getattr(self, what)
            if type(value) is not int and not (value is None and what == "channel"):
                raise ValueError(f"{what} {value!r} is no whole number")
        _one_of("mode", self.mode, MODES)
        _one_of("takeover", self.takeover, TAKEOVER)
        top = 16383 if self.kind.startswith("nrpn") else 31 if self.kind == "cc14" else 127
        if not 0 <= self.number <= top:
            raise ValueError(f"{self.kind} {self.number} is out of range; legal is 0 to {top}")
        if self.channel is not None and not 1 <= self.channel <= 16:
            raise ValueError(f"channel {self.channel} is out of range; legal is 1 to 16, or none for all")
        named = replace(self, row=found(self.row).name) if self.row else self
        named._check_target()
        return named

    def _check_target(self):
        if (self.row != "") + (self.command != "") + (self.preset > 0) != 1:
            raise ValueError(f"{self.kind} {self.number} needs exactly one of row, command, preset (from 1)")
        if self.command:
            _one_of("command", self.command, COMMAND_NAMES)
        if self.row and self.mode == "press" and BY_NAME[self.row].curve != "step":
            raise ValueError(f"{self.row} does not go in steps; press is for rows that do, hold or default for all")
        if not self.row and self.mode not in ("absolute", "press"):
            raise ValueError(f"mode {self.mode} is for rows; a command or a preset is pressed")


def _one_of(what, word, words):
    if word not in words:
        raise ValueError(f"unknown {what} {word!r}; legal is {', '.join(words)}")


def table_bindings():
    """The default mapping: every row on the CC of the table, on any channel."""
    return tuple(Binding("cc", None, row.cc, row=row.name) for row in BY_NAME.values() if row.cc is not None)


TABLE = frozenset(table_bindings())


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


class Hand:
    """One physical control on one row: takes over only where it meets the value, so that nothing jumps."""

    def __init__(self, row):
        self.row = row
        self.place = None  # where the control stands, 0..1
        self._given = []  # values given and not yet seen in the row, after the last one seen
        self._gave = 0.0  # when the last one was
        few = row.curve == "step" and row.hi - row.lo <= 32
        self._step = 1 / (3 * (row.hi - row.lo)) if few else 1 / LINE

    def move(self, place, value, now, jump=False):
        """The row's new value with the control at `place` 0..1, or None while it has not met `value`."""
        before, self.place = self.place, place
        if not (self._holds(value, now) or jump or self._meets(before, place, value)):
            return None
        return self._give(value, self.row.at(place), now)

    def turn(self, steps, value, now):
        """The row's new value after some steps of an endless encoder."""
        if not self._holds(value, now):
            self.place = self.row.position(value)
        self.place = min(max(self.place + steps * self._step, 0.0), 1.0)
        return self._give(value, self.row.at(self.place), now)

    def wanted(self, value):
        """"up" or "down": where to turn to meet `value`; "" if it is held, or stands nobody knows where."""
        if self.place is None or self._met(self.place, value):
            return ""
        return "up" if self.place < self.row.position(value) else "down"

    def _holds(self, value, now):
        """The row still has what this hand gave it, or had before: edits reach it a frame later."""
        if now - self._gave > SEEN:  # what a preset has put back meanwhile may be a value that the control only passed
            self._given = self._given[-1:]
        if value not in self._given:
            self._given = []
            return False
        del self._given[:self._given.index(value)]
        return True

    def _met(self, place, value):
        return self.row.at(place) == value or abs(place - self.row.position(value)) <= NEAR

    def _meets(self, before, place, value):
        target = self.row.position(value)
        # A fast knob skips over the window, so crossing counts as well.
        return self._met(place, value) or before is not None and (before - target) * (place - target) <= 0

    def _give(self, value, new, now):
        self._given, self._gave = self._given or [value], now
        if self._given[-1] != new:
            self._given = [*self._given[-255:], new]
        return new


class Mapping:
    """All controls of one device: `receive` turns messages into submit({name: value}) and command(name, argument).

    values: function that gives the rows as they are now (unmodulated). clock(kind, now, place) gets MIDI clock.
    presets(): how many there are; asked only where a bank is selected.
    """

    def __init__(self, bindings, submit, command, values, clock=None, presets=lambda: 0):
        self._submit, self._command, self._values, self._clock, self._presets = submit, command, values, clock, presets
        self._decoder, self._pairs = Decoder(), Pairs()
        self._hands = {}  # key of the physical control, row -> Hand
        self._down = {}  # key of the physical control -> value while pressed
        self._bank = {}  # channel -> bank selected
        self.touched = {}  # row -> when it was last moved from here
        self.bind(bindings)

    def bind(self, bindings):
        """Use these bindings from now on; of two for the same control the later one counts."""
        self._table = {binding.key: binding.check() for binding in bindings}
        self._halves = {(binding.channel, number) for binding in bindings if binding.kind == "cc14"
                        for number in (binding.number, binding.number + 32)}
        played = {(binding.number, binding.row) for binding in self._table.values()}
        # A control that plays its row no more has no hint either.
        self._hands = {(key, row): hand for (key, row), hand in self._hands.items() if (key[2], row) in played}

    def receive(self, message, now):
        """Act on a mido message that arrived at time `now`."""
        if message.type in ("clock", "start", "continue", "stop", "songpos"):
            if self._clock:
                self._clock(message.type, now, getattr(message, "pos", 0))
        elif message.type == "program_change":
            self._command("preset.load", self._program(message.channel + 1, message.program))
        else:
            self._pairs.hear(message)
            for move in self._decoder.moves(message):
                self.act(move, now)

    def _program(self, channel, program):
        """The number of the preset that a program recalls: in the bank that is selected where that has it. Many boxes select
        one before each program, and mean a bank of their own sounds."""
        number = self._bank.get(channel, 0) * 128 + program + 1
        return number if number <= 128 or number <= self._presets() else program + 1

    def moves(self, message):
        """The moves in a message, without acting on them: for a `Learner`."""
        return self._decoder.moves(message)

    def act(self, move, now):
        """Do what the move is bound to; unbound standard controllers keep their meaning."""
        binding = self._bound(move)
        if move.kind == "nrpn_step":
            self._count(move, now)
        elif self._is_half(move):
            return
        elif binding is None:
            self._standard(move)
        elif not binding.row or binding.mode in ("press", "hold", "default"):
            self._button(binding, move, now)
        else:
            self._knob(binding, move, now)

    def let_go(self, move, now):
        """Act on a move as far as it is the release of a pad that is held: nothing else will tell of it."""
        if move.key in self._down and not move.value:
            self.act(move, now)

    def let_all_go(self, now):
        """The device has gone, and with it whatever was held there."""
        for key in list(self._down):
            self.act(Move(*key, 0), now)

    def controls(self, target):
        """The controls that play a row, a command or a "preset N"."""
        return [binding.control for binding in self._table.values() if binding.target == target]

    def hints(self):
        """{row: "up" or "down"} for the knobs that were moved but stand elsewhere than their row."""
        values = self._values()
        wanted = {name: hand.wanted(values[name]) for (key, name), hand in list(self._hands.items()) if self._waits(key, name)}
        return {name: way for name, way in wanted.items() if way}

    def _waits(self, key, row):
        """Whether the control of this key plays the row, and must meet it before it takes over."""
        move = Move(*key, 0)
        binding = None if self._is_half(move) else self._bound(move)
        return binding is not None and (binding.row, binding.mode, binding.takeover) == (row, "absolute", "pickup")

    def _standard(self, move):
        if move.kind != "cc":
            return
        if move.number in (0, 32):
            bank = self._bank.get(move.channel, 0)
            self._bank[move.channel] = move.value << 7 | bank & 127 if move.number == 0 else bank & ~127 | move.value
        elif move.number in (120, 123):  # all sound off, all notes off
            self._command("show.panic", None)

    def _knob(self, binding, move, now):
        row = BY_NAME[binding.row]
        if row.labels == SWITCH and binding.mode == "absolute":
            # A button: on or off, and never in need of being picked up.
            return self._edit(row.name, row.hi if move.value * 127 >= PRESSED * FULL[move.kind] else row.lo, now)
        hand = self._hands.setdefault((move.key, binding.row), Hand(row))
        value = self._values()[binding.row]
        if binding.mode in RELATIVE:
            new = hand.turn(RELATIVE[binding.mode](move.value), value, now)
        else:
            new = hand.move(move.value / FULL[move.kind], value, now, binding.takeover == "jump")
        if new is not None:
            self._edit(binding.row, new, now)

    def _count(self, move, now):
        binding = self._bound(move._replace(kind="nrpn14")) or self._bound(move._replace(kind="nrpn"))
        if binding and binding.row:
            hand = self._hands.setdefault((move.key, binding.row), Hand(BY_NAME[binding.row]))
            self._edit(binding.row, hand.turn(move.value, self._values()[binding.row], now), now)

    def _bound(self, move):
        return self._table.get(move.key) or self._table.get((move.kind, None, move.number))

    def _is_half(self, move):
        """Whether it is but half of a fine control's word, which must not play what the table has under its number; a coarse
        control of this very channel goes before a fine one of any."""
        if move.kind != "cc":
            return False
        if self._pairs.is_half(move.channel, move.number) and self._bound(move) in TABLE:
            return True
        return (move.channel, move.number) in self._halves or (None, move.number) in self._halves and move.key not in self._table

    def _edit(self, name, value, now):
        self.touched[name] = now
        self._submit({name: value})

    def _button(self, binding, move, now):
        pressed = self._pressed(move)
        if binding.mode == "hold" and pressed is not None:
            row = BY_NAME[binding.row]
            self._edit(row.name, row.hi if pressed else row.lo, now)
        elif pressed:
            self._press(binding, now)
        elif pressed is False and binding.command in RELEASES:
            self._command(RELEASES[binding.command], None)

    def _press(self, binding, now):
        if binding.command:
            self._command(binding.command, None)
        elif binding.preset:
            self._command("preset.load", binding.preset)
        else:
            self._edit(binding.row, BY_NAME[binding.row].default if binding.mode == "default" else FOLLOWING, now)

    def _pressed(self, move):
        """True on a press, False on a release, None otherwise: a knob used as a button presses once on its way up."""
        limit = 1 if move.kind == "note" else PRESSED * FULL[move.kind] // 127
        before = self._down.pop(move.key, None)
        if move.value < limit:
            return None if before is None else False
        if move.kind == "note":  # each is a hit: not every pad says that it was released
            before = None
        self._down[move.key] = move.value
        # The same value again is a pad that never says it was released.
        return True if before in (None, move.value) else None


LEFT = {"signed_bit": range(65, 69), "signed_bit_2": range(1, 5), "binary_offset": range(60, 64),
        "twos_complement": range(124, 128)}


LONG = 20  # messages without one of the coarse half after which what may be a fine half is a knob
SURE = 6  # messages after which a control that never said the same twice running is absolute


def detect(values):
    """"absolute", or the relative mode of an encoder that was turned slowly to the left; None where more must be heard."""
    mode = next((mode for mode, slow in LEFT.items() if all(value in slow for value in values)), None)
    if mode is None or len(set(values)) == len(values):
        return "absolute"
    if any(one == other for one, other in pairwise(values)):  # an absolute knob never says the same twice running,
        return mode
    return "absolute" if len(values) >= SURE else None  # though one that is moved to and fro comes back to it


class Learner:
    """Finds the control that the player means for a target: row=..., command=... or preset=... ."""

    def __init__(self, **target):
        self._target = target
        self._heard = {}  # key of the physical control -> values
        self._last, self._behind = None, set()  # the CC heard last; those that came right behind the one 32 below
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
        if move.kind == "note" and move.value:
            return self._button(move)
        if move.kind == "bend":
            return self._bind(move, "absolute")
        if move.kind not in ("cc", "nrpn"):
            return None
        if self._press == "press" or values[-2:] == [127, 0] and move.key not in self._behind:
            return self._button(move) if max(values) >= PRESSED else None
        return self._knob(move, values) if len(values) >= 3 else None

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
