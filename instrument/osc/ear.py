"""Features as they come in from `listen`."""

import math

from ..features import CLASS, FEATURES, RAW, class_feature, legal_class
from .wire import sent

MOST = 600  # classes at most: the longest list of sounds in use (AudioSet) has 527
ALONE = 0.5  # s without a feature after which another sender is listened to
RIVALS = 16  # named at most
BY_ADDRESS = {row.address: row for row in (*FEATURES, RAW)}
CLASS_ADDRESS = class_feature("").address


def is_feature(address):
    """Whether a message to this address says what was heard."""
    return address in BY_ADDRESS or address.startswith(CLASS_ADDRESS)


class Ear:
    """All that one `listen` has said so far, `values` by feature name; an event's value is how often it has happened.

    Features are taken from one sender, the first, until it has been silent for ALONE seconds: two would
    make every level jump to and fro. `on_rival(first, other)` is told of each other who speaks in between.
    """

    def __init__(self, on_rival):
        self.values = {}
        self._on_rival = on_rival
        self._sender, self._heard, self._frame = None, -math.inf, 0  # who speaks, when it last did, its last tick
        self._rival, self._rivals = None, set()  # another who does; those that were named

    def take(self, address, arguments, sender, now):
        """Take one message at `now` (s); whether it changed anything. ValueError for what no feature can be."""
        return self._hears(sender, now) and self._keep(address, arguments)

    def _hears(self, sender, now):
        """Whether features of this sender are taken: of the first one, while it is alive."""
        if sender != self._sender and now - self._heard < ALONE:
            self._rival = sender
            return False
        if sender != self._sender:
            self._sender, self._frame = sender, math.inf  # its first tick begins anew
        elif self._rival and self._rival not in self._rivals:  # it spoke in between: both are alive
            self._name_rival()
        self._heard, self._rival = now, None
        return True

    def _name_rival(self):
        if len(self._rivals) < RIVALS:
            self._rivals.add(self._rival)
            self._on_rival(*(f"{host}:{port}" for host, port in (self._sender, self._rival)))

    def _keep(self, address, arguments):
        row = BY_ADDRESS.get(address) or class_feature(legal_class(address.removeprefix(CLASS_ADDRESS)))
        if row.name == "raw":
            self.values["raw"] = [_finite(value) for value in arguments]
            return True
        value = _value(row, arguments)
        if row.name == "frame":
            self._begin(value)
        elif row.name not in self.values and row.name.startswith(CLASS):
            self._make_room()
        self.values[row.name] = self.values.get(row.name, 0) + 1 if row.event else value
        return True

    def _make_room(self):
        if len(self.values) >= MOST + len(FEATURES):
            raise ValueError(f"more than {MOST} classes: end whatever makes them up")

    def _begin(self, frame):
        """A restarted `listen` may know other classes: what it does not publish again must not stay."""
        if frame < self._frame:
            self.values = {name: value for name, value in self.values.items() if not name.startswith(CLASS)}
        self._frame = frame


def _value(row, arguments):
    kinds = {"f": (int, float), "i": (int, float), "s": str}[row.kind]
    if len(arguments) != 1 or not isinstance(arguments[0], kinds):
        raise ValueError(f"takes one {'text' if row.kind == 's' else 'number'}; got {sent(arguments)}")
    if row.kind == "s":
        return arguments[0]
    value = _finite(arguments[0])
    value = min(max(value, 0.0), 1.0) if row.unit == "0..1" else value
    return int(value) if row.kind == "i" else value


def _finite(value):
    """A number as float; ValueError for what would stay in every sum for ever."""
    if not isinstance(value, (int, float)) or not abs(value) < 3e38:
        raise ValueError(f"takes finite numbers; got {value}")
    return float(value)
