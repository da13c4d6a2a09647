"""Which control does what: one `Binding` for each, and those of the parameter table."""

from dataclasses import dataclass, replace

from ..params import BY_NAME, COMMAND_NAMES, found
from .moves import FULL

# Endless encoders: value -> steps. Names as in the Ableton Live manual.
RELATIVE = {
    "signed_bit": lambda value: value if value <= 64 else 64 - value,
    "signed_bit_2": lambda value: -value if value <= 64 else value - 64,
    "binary_offset": lambda value: value - 64 if value else 0,
    "twos_complement": lambda value: value if value <= 64 else value - 128,
}
# "press" steps a labelled row on or fires, "hold" is the highest while pressed, "default" puts the row back.
MODES = ("absolute", *RELATIVE, "press", "hold", "default")
TAKEOVER = ("pickup", "jump")


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
