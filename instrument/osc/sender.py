"""What is heard, sent to any number of programs: features as OSC messages, made from the table of features."""

import math
import socket
import struct
import threading

from ..features import AT_ONCE, BEHIND, BY_NAME, CLASS, EVENTS, FEATURES, RAW, class_feature
from .wire import FULL, HEADER, PACKET, as_float, as_int, bundles, encode, resolve, send

REFRESH = 1.0  # seconds between two sendings of what has not changed
WEKINATOR = "/wek/outputs"


class Template:
    """Numbers of many features in ready-made packets: sending them again is patching and nothing else."""

    def __init__(self, rows, lists=()):
        """`rows`: features with kind "f" or "i"; `lists`: (feature name, address, length) of packed floats."""
        messages = [(row.name, encode(row.address, 0.0 if row.kind == "f" else 0), f">{row.kind}") for row in rows]
        messages += [(name, encode(address, *[0.0] * n), f">{n}f") for name, address, n in lists if n]
        messages = [m for m in messages if len(m[1]) + 20 <= PACKET]  # a list for over 300 classes fits no packet
        self.packets = [bytearray(packet) for packet in bundles([message for _, message, _ in messages])]
        self._slots = {}  # feature name -> [(packet, offset, format)]
        packet, offset = 0, len(HEADER)
        for name, message, form in messages:
            if offset + 4 + len(message) > len(self.packets[packet]):
                packet, offset = packet + 1, len(HEADER)
            offset += 4 + len(message)
            place = (self.packets[packet], offset - struct.calcsize(form), form)
            self._slots.setdefault(name, []).append(place)

    def patch(self, name, value):
        """Write the value of one feature; a name without a place is passed over."""
        for packet, offset, form in self._slots.get(name, ()):
            if form == ">f":
                struct.pack_into(form, packet, offset, as_float(value))
            elif form == ">i":
                struct.pack_into(form, packet, offset, as_int(value))
            elif struct.calcsize(form) == 4 * len(value):
                struct.pack_into(form, packet, offset, *map(as_float, value))


def carried(said, before, classes):
    """What was `said` of the classes `before`, {feature name: number}, as it holds for these: some are gone, the others may
    have other numbers. Where the top class is gone nothing is known."""
    at = said.get("top.index", -1)
    top = before[at] if 0 <= at < len(before) else None
    shares = dict(zip(before, said.get("raw", ()), strict=False))
    stays = {name: value for name, value in said.items() if not name.startswith(CLASS) or name.removeprefix(CLASS) in classes}
    if top not in classes:
        return {name: value for name, value in stays.items() if name not in ("top.index", "top.prob", "known", "raw")}
    return stays | {"top.index": classes.index(top), "raw": [shares.get(name, 0.0) for name in classes]}


class Sender:
    """Publishes features to any number of targets [(host, port)]. Any thread may call `publish`.

    `publish` keeps continuous values for the next `tick` and sends an event that hurries at once; `tick` sends one
    bundle of everything continuous, and behind it the events that speak of that. `wek` adds the probabilities as
    /wek/outputs, as Wekinator does.
    """

    def __init__(self, targets, classes=(), wek=False):
        self.targets = [resolve(target) for target in targets]
        self.lost = {}  # (address, port) of a target: why what was sent last did not reach it
        self._wek = wek
        self._lock = threading.Lock()
        self._waiting = {}
        self._said, self._classes = {}, ()  # the newest number of every feature; the classes that these speak of
        self._texts = {row.name: encode(row.address, "") for row in FEATURES if row.kind == "s"}
        self._events = {name: encode(BY_NAME[name].address, 1.0 if BY_NAME[name].kind == "f" else 1)
                        for name in EVENTS}
        self._frame, self._refreshed = 0, -math.inf
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # a full buffer loses a packet rather than time
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.rename(classes)

    def rename(self, classes):
        """Publish these classes from the next tick on; frames begin again, so that receivers forget the old ones. What was said
        of those that stay stands until the next decision."""
        classes = tuple(classes)
        plain = [row for row in FEATURES if not row.event and row.kind != "s"]
        lists = [("raw", RAW.address, len(classes))] + [("raw", WEKINATOR, len(classes))] * self._wek
        template = Template(plain + [class_feature(name) for name in classes], lists)
        template.patch("top.index", -1)
        with self._lock:
            waiting = self._numbers(self._waiting)  # they speak of the old ones, too
            self._waiting = {name: value for name, value in self._waiting.items() if name not in waiting}
            said, self._said = carried(self._said | waiting, self._classes, classes), {}
            self._say(said, template)
            self._template, self._frame, self._classes = template, 0, classes

    def _numbers(self, values):
        return {name: value for name, value in values.items() if name not in self._texts and name not in self._events}

    def _say(self, values, template):
        numbers = self._numbers(values)
        self._said |= numbers
        for name, value in numbers.items():
            template.patch(name, value)

    def publish(self, values):
        """Take {feature name: value}; the event that hurries leaves at once."""
        self._tell_events(values, AT_ONCE)
        with self._lock:
            self._waiting.update(values)

    def tick(self, now):
        """Send the newest value of every feature; texts when they changed, and every REFRESH seconds."""
        with self._lock:
            values, self._waiting = self._waiting, {}
            self._frame = (self._frame + 1) & 0x7FFFFFFF
            template = self._template
            self._say(values, template)
            template.patch("frame", self._frame)
        for packet in template.packets:
            self._send(packet)
        self._tick_texts(values, now)
        self._tell_events(values, BEHIND)

    def _tell_events(self, values, when):
        for name, message in self._events.items():
            if BY_NAME[name].event == when and values.get(name):
                self._send(message)

    def send(self, values, now):
        """`publish` and `tick` in one."""
        self.publish(values)
        self.tick(now)

    def _tick_texts(self, values, now):
        refresh = now - self._refreshed >= REFRESH
        if refresh:
            self._refreshed = now
        said = {name: encode(BY_NAME[name].address, values[name]) for name in self._texts if name in values}
        fresh = [message for name, message in said.items() if message != self._texts[name]]
        self._texts |= said
        for packet in bundles(list(self._texts.values()) if refresh else fresh):
            self._send(packet)

    def _send(self, packet):
        for target in self.targets:
            try:
                send(self._socket, packet, target)
                self.lost.pop(target, None)
            except OSError as problem:
                if problem.errno not in FULL:
                    self.lost[target] = problem.strerror or str(problem)

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
