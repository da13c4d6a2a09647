"""Device profiles and the player's own mapping: TOML -> bindings and lights. Data in `profiles/*.toml`.

A profile:

    name = "What the HUD shows"
    ports = ["part of the port's name"]      # letter case does not matter; an empty list matches every device
    refuse = ["part of a name it is not"]
    table = true                             # every row on the CC of the parameter table
    hello = ["F0 ... F7"]                    # system exclusive sent when the device comes

    [[control]]                              # as many as wanted; lists run in parallel, "" or 0 leaves one free
    label = "knobs"                          # as the box calls them, for the documents
    kind = "cc"                              # cc, cc14, nrpn, nrpn14, note, bend
    numbers = [13, 14]
    channels = [1, 2]                        # 1 to 16, also a single one; left out: any
    rows = ["dream.octaves", ""]             # or commands = [...], or presets = [...]
    mode = "absolute"                        # absolute, press, hold, default or a relative mode
    takeover = "pickup"                      # or "jump"
    light = { kind = "note", shift = 0, channel = 1, off = 0, on = 127 }
    ring = { kind = "cc", shift = 8, channel = 1, low = 1, high = 13 }
"""

import tomllib
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path

from ..files import write_whole
from ..params import BY_NAME
from .bindings import Binding, table_bindings
from .moves import FULL

FOLDER = Path(__file__).parent / "profiles"
KEYS = ("name", "ports", "refuse", "table", "hello", "note", "control")
CONTROL_KEYS = ("label", "kind", "numbers", "channels", "rows", "commands", "presets", "mode", "takeover", "light", "ring")
LIGHT_KEYS = ("kind", "shift", "channel", "off", "on", "low", "high")
TARGETS = {"rows": "row", "commands": "command", "presets": "preset"}
PRESET_OFF = -1  # no preset


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp (off, on) or a ring (low..high) that shows what `binding` moves; sent as CC or note."""

    binding: Binding
    status: int
    number: int
    low: int
    high: int
    ring: bool

    @property
    def moves(self):
        """The key of the control that a ring moves as well, being sent what the control itself would say; else None."""
        key = ("cc", self.status - 0xB0 + 1, self.number)
        itself = self.binding.mode == "absolute" and self.binding.key in (key, ("cc", None, self.number))
        return key if self.ring and itself and (self.low, self.high) == (0, FULL["cc"]) else None

    def message(self, values, preset):
        """The three bytes that show these values and the number of the preset in use."""
        return self.status, self.number, self._level(values, preset)

    def _level(self, values, preset):
        row = BY_NAME.get(self.binding.row)
        if row is None:
            return self.high if self.binding.preset and self.binding.preset == preset else self.low
        share = row.position(values[row.name])
        return round(self.low + (self.high - self.low) * (share if self.ring else share > 0))


@dataclass(frozen=True)
class Profile:
    """What a device is and how its controls are used."""

    name: str
    ports: tuple
    refuse: tuple
    hello: tuple
    bindings: tuple
    lights: tuple

    def matches(self, port):
        port = port.lower()
        wanted = not self.ports or any(part.lower() in port for part in self.ports)
        return wanted and not any(part.lower() in port for part in self.refuse)


def read(path):
    """The profile in a TOML file; ValueError in one line that names the file."""
    try:
        return parse(tomllib.loads(Path(path).read_text(encoding="utf-8-sig")))
    except KeyError as error:
        raise ValueError(f"{path}: {error} is missing or unknown") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


def parse(tree):
    """A profile from parsed TOML; ValueError for what does not fit."""
    _known(tree, KEYS)
    bindings, lights = list(table_bindings()) if tree.get("table") else [], []
    for entry in tree.get("control", ()):
        for binding in _bindings(entry):
            bindings.append(binding)
            lights += _lights(entry, binding)
    _distinct(bindings)
    hello = tuple(tuple(bytes.fromhex(text)) for text in tree.get("hello", ()))
    return Profile(tree["name"], tuple(tree.get("ports", ())), tuple(tree.get("refuse", ())), hello,
                   tuple(bindings), tuple(lights))


def _known(table, keys):
    for key in table:
        if key not in keys:
            raise ValueError(f"unknown key {key!r}; legal is {', '.join(keys)}")


def _bindings(entry):
    _known(entry, CONTROL_KEYS)
    target = next((key for key in TARGETS if key in entry), None)
    if target is None:
        raise ValueError("a control needs rows, commands or presets")
    kind = entry.get("kind", "cc")
    mode = entry.get("mode", "press" if target != "rows" or kind == "note" else "absolute")
    common = {"mode": mode, "takeover": entry.get("takeover", "pickup")}
    for channel, number, what in _parallel(entry.get("channels"), entry.get("numbers", 0), entry[target]):
        if what:
            yield Binding(kind, channel, number, **{TARGETS[target]: what}, **common).check()


def _parallel(*columns):
    """Lists side by side; a single value goes with every item of the others."""
    lengths = {len(column) for column in columns if isinstance(column, list)}
    if len(lengths) > 1:
        raise ValueError(f"numbers, channels and targets of a control have different lengths: {sorted(lengths)}")
    columns = [column if isinstance(column, list) else repeat(column, *lengths or (1,)) for column in columns]
    return zip(*columns)


def _lights(entry, binding):
    for key in ("light", "ring"):
        if key in entry:
            spec = entry[key]
            _known(spec, LIGHT_KEYS)
            status = {"note": 0x90, "cc": 0xB0}[spec.get("kind", "note")]
            channel = spec.get("channel", binding.channel or 1)
            low, high = (spec.get("low", 0), spec.get("high", 127)) if key == "ring" else (spec["off"], spec["on"])
            yield Light(binding, status + channel - 1, binding.number + spec.get("shift", 0), low, high, key == "ring")


def _distinct(bindings):
    keys = [binding.key for binding in bindings]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{key[0]} {key[2]} on channel {key[1] or 'any'} is bound twice")


def shipped(folder=FOLDER):
    """All profiles that come with the program, the generic one (which matches anything) last."""
    profiles = [read(path) for path in sorted(Path(folder).glob("*.toml"))]
    return sorted(profiles, key=lambda profile: not profile.ports)


def choose(port, profiles):
    """The first profile that matches the name of a port."""
    return next(profile for profile in profiles if profile.matches(port))


class Lights:
    """Keeps the lamps of one device as the values say, sending only what changes. put(key, row, value): asked, and so told, before a
    control is moved: False leaves it where it is."""

    def __init__(self, lights, send, put=lambda key, row, value: True):
        self._lights, self._send, self._put = lights, send, put
        self._shown = {}

    def show(self, values, preset=PRESET_OFF, busy=()):
        """Show `values` and the preset in use, but leave alone the rings of rows that a finger is on."""
        for light in self._lights:
            status, number, level = light.message(values, preset)
            if self._is_left(light, values, busy):
                self._shown.pop((status, number), None)  # the box moves it by itself
                continue
            if self._shown.get((status, number)) != level:
                self._shown[status, number] = level
                self._send((status, number, level))

    def let_go(self, move):
        """A control was let go: some boxes put its lamp out by themselves then, so it is sent again."""
        for light in self._lights:
            if not light.ring and light.binding.key in (move.key, (move.kind, None, move.number)):
                self._shown.pop((light.status, light.number), None)

    def _is_left(self, light, values, busy):
        row = light.binding.row
        return light.ring and (row in busy or bool(light.moves) and not self._put(light.moves, row, values[row]))


class Own:
    """The player's own bindings, per device, in a TOML file that `learn` adds to. path None: only in memory."""

    def __init__(self, path=None):
        self.path = Path(path) if path else None
        self._bindings, self._read = [], None  # (port, Binding); when the file was written that they are from
        self.look()

    def of(self, port):
        return [binding for name, binding in self._bindings if name == port]

    def look(self):
        """Read the file again, if somebody has written it meanwhile. ValueError in one line, and nothing has changed."""
        written = self._written()
        if written not in (None, self._read):
            self._bindings, self._read = self._load(), written

    def _written(self):
        return self.path.stat().st_mtime_ns if self.path and self.path.is_file() else None

    def add(self, port, binding):
        """Keep a binding for a device; what that control did before, or what moved that target, gives way."""
        self._change(lambda kept: [
            *((name, old) for name, old in kept if name != port or not old.shares(binding) and old.target != binding.target),
            (port, binding)])

    def remove(self, target):
        """Forget what plays a row, a command or a "preset N" on any device; how many bindings that were."""
        before = self._change(lambda kept: [(name, old) for name, old in kept if old.target != target])
        return len(before) - len(self._bindings)

    def _change(self, change):
        """Change the bindings and the file; those of before. Where it is damaged it stays as it is, and they are changed all the
        same."""
        mistake = None
        try:
            self.look()
        except (ValueError, OSError) as error:
            mistake = error
        before, self._bindings = self._bindings, change(self._bindings)
        if mistake:
            raise mistake
        if self.path and before != self._bindings:
            self._save()
        return before

    def _load(self):
        try:
            tree = tomllib.loads(self.path.read_text(encoding="utf-8-sig"))
            _known(tree, ("binding",))
            return [_own(number, entry) for number, entry in enumerate(tree.get("binding", ()), 1)]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.path}: {error}") from None

    def _save(self):
        import tomlkit

        document = tomlkit.parse(self.path.read_text(encoding="utf-8-sig")) if self.path.is_file() else tomlkit.document()
        entries, left = document.get("binding"), list(self._bindings)
        if not isinstance(entries, tomlkit.items.AoT):  # none yet, or in one line, where no table has room
            entries = document["binding"] = tomlkit.aot()
        for at in reversed(range(len(entries))):  # what a player has written beside those that stay, stays
            own = _own(at + 1, entries[at].unwrap())
            if own in left:
                left.remove(own)
            else:
                del entries[at]
        for port, binding in left:
            said = {key: value for key, value in asdict(binding).items() if value not in (None, "") and value != 0}
            entries.append(tomlkit.item({"port": port, "number": 0, **said}))
        write_whole(self.path, tomlkit.dumps(document))
        self._read = self._written()


def _own(number, entry):
    """(port, Binding) of the entry of this number, from 1, in the player's file."""
    try:
        entry = dict(entry)
        if lacking := [name for name in ("port", "kind", "number") if name not in entry]:
            raise ValueError(f"{' and '.join(lacking)} is missing")
        port = entry.pop("port")
        if not isinstance(port, str):
            raise ValueError(f"port {port!r} is no text")
        _known(entry, Binding.__dataclass_fields__)
        return port, Binding(**{"channel": None, **entry}).check()
    except (ValueError, TypeError) as error:
        raise ValueError(f"binding {number}: {error}") from None
