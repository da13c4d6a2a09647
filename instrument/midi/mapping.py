"""What the controls of a device do: their moves -> edits and commands.

Hand      one control on one row: pick-up, endless encoders
Mapping   all bindings of one device
"""

from ..params import BY_NAME, FOLLOWING, RELEASES, SWITCH
from .bindings import RELATIVE, TABLE
from .moves import FULL, PRESSED, Decoder, Move, Pairs

NEAR = 1.5 / 127  # a knob this close has met the value
SEEN = 0.2  # s after which the last value that a control gave has reached its row, and those before count no more
LINE = 128  # steps of an endless encoder from end to end


class Hand:
    """One physical control on one row: takes over only where it meets the value, so that nothing jumps."""

    def __init__(self, row):
        self.row = row
        self.place = None  # where the control stands, 0..1
        self._moved = False  # whether we move it ourselves
        self._given = []  # values given and not yet seen in the row, after the last one seen
        self._gave = 0.0  # when the last one was
        few = row.curve == "step" and row.hi - row.lo <= 32
        self._step = 1 / (3 * (row.hi - row.lo)) if few else 1 / LINE

    def move(self, place, value, now, jump=False, grain=0.0):
        """The row's new value with the control at `place` 0..1, in steps of `grain`, or None while it has not met `value`."""
        before, self.place = self.place, place
        if not (self._holds(value, now) or jump or self._meets(before, place, value)):
            return None
        return self._give(value, self.row.at(place, grain), now)

    def turn(self, steps, value, now):
        """The row's new value after some steps of an endless encoder."""
        if not self._holds(value, now):
            self.place = self.row.position(value)
        self.place = min(max(self.place + steps * self._step, 0.0), 1.0)
        return self._give(value, self.row.at(self.place, self._step), now)

    def put(self, value, full):
        """The control, in `full` steps, is to be moved by us to where the row is; False where it stands for `value` already."""
        if self.place is not None and (self.row.at(self.place, 1 / full) == value or
                                       round(self.place * full) == round(self.row.position(value) * full)):
            return False
        self.place, self._moved = self.row.position(value), True
        return True

    def wanted(self, value):
        """"up" or "down": where to turn to meet `value`; "" if it is held, stands nobody knows where, or is moved there by us."""
        if self.place is None or self._moved or self._met(self.place, value):
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
        self._held = {}  # key of a control that holds a row, that row -> the value before
        self._returned = {}  # row -> (the value that it was given back, when), which may still have to reach it
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
        """Act on a mido message that arrived at time `now`; the moves in it."""
        if message.type in ("clock", "start", "continue", "stop", "songpos"):
            if self._clock:
                self._clock(message.type, now, getattr(message, "pos", 0))
        elif message.type == "program_change":
            self._command("preset.load", self._program(message.channel + 1, message.program))
        else:
            self._pairs.hear(message)
            moves = self._decoder.moves(message)
            for move in moves:
                self.act(move, now)
            return moves
        return []

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

    def overhear(self, move, now):
        """Act on a move that is meant for a `Learner` as far as nothing else will tell of it: the release of a pad that is held, the
        bank of the next program."""
        if move.key in self._down and not move.value:
            self.act(move, now)
        elif self._selects(move) and self._bound(move) is None:
            self._select(move)

    def let_all_go(self, now):
        """The device has gone, and with it whatever was held there."""
        for key in list(self._down):
            self.act(Move(*key, 0), now)

    def put(self, key, row, value):
        """The control of this key, which goes where it is sent, is to go to where its row is: whether that is to be sent. Not where
        it stands for `value`, or else turning it slowly through a row in steps would never get on, nor where it plays another row."""
        binding = self._bound(Move(*key, 0))
        if binding is None or (binding.row, binding.mode) != (row, "absolute"):
            return False
        return self._hands.setdefault((key, row), Hand(BY_NAME[row])).put(value, FULL[key[0]])

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
        if self._selects(move):
            self._select(move)
        elif move.kind == "cc" and move.number in (120, 123):  # all sound off, all notes off
            self._command("show.calm", None)

    def _selects(self, move):
        return move.kind == "cc" and move.number in (0, 32)

    def _select(self, move):
        """Take in a half of the number of a bank."""
        bank = self._bank.get(move.channel, 0)
        self._bank[move.channel] = move.value << 7 | bank & 127 if move.number == 0 else bank & ~127 | move.value

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
            full = FULL[move.kind]
            new = hand.move(move.value / full, value, now, binding.takeover == "jump", 1 / full)
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
            (self._hold if pressed else self._end_hold)(BY_NAME[binding.row], move.key, now)
        elif pressed:
            self._press(binding, now)
        elif pressed is False and binding.command in RELEASES:
            self._command(RELEASES[binding.command], None)

    def _hold(self, row, key, now):
        value = self._values()[row.name]
        returned, then = self._returned.get(row.name, (value, now))
        if value == row.hi and now - then <= SEEN:  # hit again before it is back: a bounce, a roll
            value = returned
        if value != row.hi or (key, row.name) not in self._held:  # hit again, it goes back to where it was before the first
            self._held[key, row.name] = value
        self._edit(row.name, row.hi, now)

    def _end_hold(self, row, key, now):
        """Let go: a switch is off, another row goes back to where it was, unless something else has changed it meanwhile."""
        before = self._held.pop((key, row.name), row.lo)
        if row.labels == SWITCH:
            self._edit(row.name, row.lo, now)
        elif self._values()[row.name] in (row.hi, before):  # before: let go within the frame, and still to be pressed
            self._returned[row.name] = before, now
            self._edit(row.name, before, now)

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
