"""OSC: what `listen` publishes and what every part accepts, with addresses made from the two tables.

Owns the sockets, the encoding of our own packets and the decoding of everybody else's. Time tags are
never waited for (OSC does not synchronise clocks). A packet never exceeds PACKET bytes.
"""

import errno
import math
import re
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from functools import lru_cache, partial
from select import select

from pythonosc.osc_packet import OscPacket

from .features import BY_NAME, CLASS, EVENTS, FEATURES, RAW, class_feature, legal_class
from .params import BY_NAME as ROWS
from .params import COMMANDS, PARAMS

PACKET = 1400  # bytes; the payload of a usual network packet is 1472
REFRESH = 1.0  # seconds between two sendings of what has not changed
ECHO = 0.05  # least seconds between two echoes
HAND = 0.3  # s after its own last edit of a row in which a controller is not told of it: a fader must not fight its finger
CONTROLLERS = 16  # registered at most; the oldest makes room
MOST = 600  # classes at most: the longest list of sounds in use (AudioSet) has 527
ALONE = 0.5  # s without a feature after which another sender is listened to
SAME = 0.1  # s within which the same number is the same press: a frame of a slow controller, but no second press
STREAM = 1.0  # s of the same, once a number has come so often that no finger did it
PRESSES = 64  # remembered at most
LINE = 640  # characters of a reason: the labels of the longest row fit
SENT = 80  # characters of what was sent that a reason repeats
ANSWER = 3.0  # s in which a ping is answered, also by a program that is loading its network
AGAIN = 0.5  # s between two pings
LEARNT = 10.0  # s in which a class is learnt and saved, also on a slow disk
NOTE = BY_NAME["teach.note"].address
CLOSES = 1.0  # s after which a thread that nothing wakes sees that it is to end
NEWS = 1.0  # s between two refusals that are said
NUMBERED = ("preset.load", "preset.morph")  # commands whose number says which
PATTERN = re.compile(r"[?*\[\]{}]|//")
WIDE = 8  # parts of a pattern that may stand for more than one text
BUNDLE = b"#bundle\0"
HEADER = BUNDLE + struct.pack(">Q", 1)  # time tag 1: immediately
NESTED = 8  # bundles in bundles
FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)  # no room: the next tick says it all again
WEKINATOR = "/wek/outputs"
BY_FEATURE_ADDRESS = {row.address: row for row in (*FEATURES, RAW)}
CLASS_ADDRESS = class_feature("").address
WAKE = b"wake"


def decoded(packet):
    """The OSC messages in a packet, bundles opened, with `address` and `params`; whatever it cannot be read for is raised."""
    _walk(packet)
    return [timed.message for timed in OscPacket(packet).messages]


def _walk(packet, depth=0):
    """ValueError where a bundle does not hold what it says: python-osc follows a size below 0 back, for ever."""
    if not packet.startswith(BUNDLE):
        return
    if depth > NESTED:
        raise ValueError(f"more than {NESTED} bundles in one another")
    at = len(HEADER)
    while at < len(packet):
        (size,) = struct.unpack_from(">i", packet, at)
        at += 4
        if not 0 <= size <= len(packet) - at:
            raise ValueError(f"a part of {size} bytes where {len(packet) - at} are left")
        _walk(packet[at:at + size], depth + 1)
        at += size


def encode(address, *arguments):
    """One OSC message; float, int and str become f, i and s (a bool becomes i)."""
    tags, data = ",", b""
    for value in arguments:
        if isinstance(value, str):
            tags, data = tags + "s", data + _text(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", _int(value))
        else:
            tags, data = tags + "f", data + struct.pack(">f", _float(value))
    return _text(address) + _text(tags) + data


def bundles(messages):
    """Encoded `messages` as few bundles of at most PACKET bytes; one too large for that travels alone."""
    packets, packet = [], HEADER
    for message in messages:
        if len(packet) + 4 + len(message) > PACKET and packet != HEADER:
            packets.append(packet)
            packet = HEADER
        packet += struct.pack(">i", len(message)) + message
    return packets + [packet] if packet != HEADER else packets


def _send(sock, packet, target):
    """Send a packet. OSError where it cannot be."""
    try:
        sock.sendto(packet, target)
    except ConnectionError:  # Windows tells so that an earlier one met a closed port, and does not send this
        sock.sendto(packet, target)


def _text(text):
    data = text.encode("utf-8", "replace")  # as python-osc reads it: folders have names of all kinds
    return data + b"\0" * (4 - len(data) % 4)


def _float(value):
    value = float(value)
    return value if math.isfinite(value) and abs(value) < 3e38 else 0.0


def _int(value):
    return int(min(max(value, -(2**31)), 2**31 - 1))


def _resolve(target):
    host, port = target
    try:
        return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    except (OSError, UnicodeError) as problem:  # UnicodeError: dots or letters that no name has
        why = getattr(problem, "strerror", None) or problem
        raise OSError(f"OSC target {host}:{port}: no such host ({why}); give an IPv4 address or a name "
                      "that this machine can resolve") from None


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
                struct.pack_into(form, packet, offset, _float(value))
            elif form == ">i":
                struct.pack_into(form, packet, offset, _int(value))
            elif struct.calcsize(form) == 4 * len(value):
                struct.pack_into(form, packet, offset, *map(_float, value))


class Sender:
    """Publishes features to any number of targets [(host, port)]. Any thread may call `publish`.

    `publish` keeps continuous values for the next `tick` and sends events at once; `tick` sends one
    bundle of everything continuous. `wek` adds the probabilities as /wek/outputs, as Wekinator does.
    """

    def __init__(self, targets, classes=(), wek=False):
        self.targets = [_resolve(target) for target in targets]
        self.lost = {}  # (address, port) of a target: why it could not be reached
        self._wek = wek
        self._lock = threading.Lock()
        self._waiting = {}
        self._texts = {row.name: encode(row.address, "") for row in FEATURES if row.kind == "s"}
        self._events = {name: encode(BY_NAME[name].address, 1.0 if BY_NAME[name].kind == "f" else 1)
                        for name in EVENTS}
        self._frame, self._refreshed = 0, -math.inf
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # a full buffer loses a packet rather than time
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.rename(classes)

    def rename(self, classes):
        """Publish these classes from the next tick on; frames begin again, so that receivers forget the old ones."""
        plain = [row for row in FEATURES if not row.event and row.kind != "s"]
        lists = [("raw", RAW.address, len(classes))] + [("raw", WEKINATOR, len(classes))] * self._wek
        template = Template(plain + [class_feature(name) for name in classes], lists)
        template.patch("top.index", -1)
        self._template, self._frame = template, 0

    def publish(self, values):
        """Take {feature name: value}; events leave at once."""
        for name in EVENTS:
            if values.get(name):
                self._send(self._events[name])
        with self._lock:
            self._waiting.update(values)

    def tick(self, now):
        """Send the newest value of every feature; texts when they changed, and every REFRESH seconds."""
        with self._lock:
            values, self._waiting = self._waiting, {}
        self._frame = (self._frame + 1) & 0x7FFFFFFF
        template = self._template
        for name, value in values.items():
            if name not in self._texts:
                template.patch(name, value)
        template.patch("frame", self._frame)
        for packet in template.packets:
            self._send(packet)
        self._tick_texts(values, now)

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
                _send(self._socket, packet, target)
            except OSError as problem:
                if problem.errno not in FULL:
                    self.lost[target] = problem.strerror or str(problem)

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Remote:
    """Steers another program of ours: how `perform` turns the `hear.` rows of `listen` and teaches it."""

    def __init__(self, target):
        self._target = _resolve(target)
        self._socket, self._asking = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._asking.connect(self._target)  # so that a closed port is told at once

    def submit(self, edits):
        """Send {row name: value}."""
        for packet in bundles([encode(ROWS[name].address, float(value)) for name, value in edits.items()]):
            self._send(packet)

    def command(self, name, argument=None):
        """Send a command of the table, with a text or a number if there is one."""
        address = next(command.address for command in COMMANDS if command.name == name)
        self._send(encode(address, *[argument] * (argument is not None)))

    def _send(self, packet):
        _send(self._socket, packet, self._target)

    def answers(self, seconds=ANSWER):
        """Whether a program of ours is there: it answers a ping within so many seconds."""
        while select([self._asking], [], [], 0.0)[0]:  # what came too late is no answer to this
            with suppress(ConnectionError):
                self._asking.recv(65536)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._asking.settimeout(min(left, AGAIN))
            try:
                self._asking.send(encode("/hs/ping"))
                if self._asking.recv(65536).startswith(_text("/hs/pong")):
                    return True
            except TimeoutError:  # it may be on its way up: once more
                continue
            except ConnectionError:
                return False
        return False

    def ask(self, name, argument=None, seconds=LEARNT):
        """Send a command of teaching; the news that answers it within so many seconds, or ""."""
        for _ in self._news(0.0):  # what was told before is no answer
            pass
        self._send(encode("/hs/ping"))  # whoever has asked is told the news
        self.command(name, argument)
        return next(self._news(seconds), "")

    def _news(self, seconds):
        """Yield the news of teaching that come within so many seconds."""
        until = time.monotonic() + seconds
        while select([self._socket], [], [], max(until - time.monotonic(), 0.0))[0]:
            with suppress(ConnectionError):  # Windows tells so that an earlier one met a closed port
                for message in decoded(self._socket.recv(65536)):
                    if message.address == NOTE:
                        yield message.params[0]

    def close(self):
        self._socket.close()
        self._asking.close()


class Controller:
    """What one registered controller has been told or has said itself, `known`, and where it last registered from, `sender`."""

    def __init__(self):
        self.sender, self.known = None, {}
        self._fresh, self._moved = set(), {}  # rows it has edited since the last echo; when it last did, by the echoes' clock

    def edited(self, name, value):
        """It has sent a row's value; None: one that was corrected."""
        self.known[name] = value
        self._fresh.add(name)

    def missed(self, names):
        """It has not been told the rows of these names."""
        self.known |= dict.fromkeys(names)

    def news(self, values, now):
        """{row name: value} to tell it now, which it knows from then on."""
        self._moved |= dict.fromkeys(self._fresh, now)
        self._fresh.clear()
        news = {name: value for name, value in values.items()
                if self.known.setdefault(name, value) != value and now - self._moved.get(name, -math.inf) >= HAND}
        self.known |= news
        return news


class Receiver:
    """Receives features, parameters and commands on one UDP port, in one thread: `with Receiver(...)`.

    `on_features({name: value})`: everything received so far after each packet that held a feature, as a
    new mapping, so that a mailbox of one loses nothing; an event's value is how often it has happened.
    `submit({row name: legal value})` and `command(name, argument)` get the edits; ValueError refuses, and so
    does a `command` that returns False.
    `values()` gives all values for /hs/query. Rows and commands not listed are refused. All of these are
    called in the receiver's thread.

    A controller registers by /hs/query or /hs/ping; a number with it is the port it listens on, else
    answers go where the message came from. `refused` counts, `reason` says why the last one was, and
    `notice(reason)` is told, once of the same and at most every NEWS seconds.

    Features are taken from one sender, the first, until it has been silent for ALONE seconds: two would
    make every level jump to and fro.
    """

    def __init__(self, port, on_features=None, submit=None, command=None, values=dict,
                 rows=PARAMS, commands=COMMANDS, host="127.0.0.1", notice=lambda reason: None):
        self.refused = 0
        self.reason = ""
        self._notice, self._noticed = notice, ("", -math.inf)
        self._now = 0.0  # when the packet arrived that is being acted on, s
        self._ear, self._ear_time, self._frame = None, -math.inf, 0  # who sends features, since when, its last tick
        self._rival, self._rivals = None, set()  # another who does; those that were named
        self._presses = {}  # (command, sender) -> (number, time, how often it came)
        self._on_features, self._submit, self._command, self._values = on_features, submit, command, values
        self._rows = tuple(rows) if submit else ()
        self._methods = self._make_methods(commands if command else ())
        self._features = {}
        self._lock = threading.Lock()
        self._controllers = {}  # where to answer -> Controller; oldest first
        self._echo_time = -math.inf
        self._closing = False
        self._socket = _bind(host, port)
        self._socket.settimeout(CLOSES)
        # Answers go from the same port and never wait: a telephone that has left the Wi-Fi would hold up the frame.
        self._answers = self._socket.dup()
        self._answers.setblocking(False)
        self.host, self.port = self._socket.getsockname()
        self._thread = threading.Thread(target=self._run, name="osc", daemon=True)

    def _make_methods(self, commands):
        """Address -> function of (arguments, sender)."""
        methods = {"/hs/ping": self._ping, "/hs/query": self._query}
        for row in self._rows:
            methods[row.address] = self._setter(row, row.clamp, float, row.labels)
            methods[row.unit_address] = self._setter(row, row.at, row.position)
        for command in commands:
            methods[command.address] = self._trigger(command)
        return methods

    def _setter(self, row, legal, shown, labels=()):
        def edit(arguments, sender):
            given = arguments[0] if len(arguments) == 1 else None
            if labels and isinstance(given, str):
                given = row.parse(given)
            if not isinstance(given, (int, float)):
                kinds = f"number or label ({', '.join(labels)})" if labels else "number"
                raise ValueError(f"takes one {kinds}; got {_sent(arguments)}")
            value = legal(given)
            as_sent = abs(shown(value) - given) < 1e-6
            self._note(sender, row.name, value if as_sent else None)  # one that was corrected is told so
            self._submit({row.name: value})
        return edit

    def _note(self, sender, name, value):
        with self._lock:
            for controller in self._controllers.values():
                if controller.sender == sender:
                    controller.edited(name, value)

    def _trigger(self, command):
        def fire(arguments, sender):
            argument = arguments[0] if arguments else None
            if not isinstance(argument, (int, float, str, type(None))):
                raise ValueError(f"takes a number or a text; got {_sent(arguments)}")
            name = command.name
            if isinstance(argument, (int, float)):
                name = self._meant(command, argument, sender)
                argument = argument if command.name in NUMBERED else None
            if name and self._command(name, argument if command.named else None) is False:
                raise ValueError("too many commands at once: this one is not carried out")
        return fire

    def _meant(self, command, number, sender):
        """Name of the command that a number is: "" for 0, unless letting go is one too, and for what a held button sends
        all the time."""
        holds = bool(command.released)
        number = number if holds or command.name in NUMBERED else bool(number)  # a pad sends how hard it is pressed
        key = command.name, sender[0] if holds else sender  # some open a socket for each message
        last, then, count = self._presses.pop(key, (0, -math.inf, 0))
        again = number == last and self._now - then < (STREAM if count > 2 else SAME)
        held = again or holds and 0 not in (last, number) and number != last  # harder or softer
        self._presses[key] = (number, self._now, count + 1 if held else 1)
        if len(self._presses) > PRESSES:
            del self._presses[next(iter(self._presses))]
        if held:
            return ""
        return command.name if number else command.released if last else ""

    def _ping(self, arguments, sender):
        self._answer(self._register(arguments, sender), encode("/hs/pong", 1))

    def _query(self, arguments, sender):
        peer, values = self._register(arguments, sender), dict(self._values())
        with self._lock:
            self._controllers[peer].known.update(values)
        self._tell(peer, values)

    def _register(self, arguments, sender):
        port = int(arguments[0]) if arguments and isinstance(arguments[0], (int, float)) else 0
        peer = (sender[0], port) if 1 < port < 65536 else sender
        with self._lock:
            controller = self._controllers.pop(peer, None) or Controller()
            controller.sender = sender
            self._controllers[peer] = controller
            while len(self._controllers) > CONTROLLERS:
                del self._controllers[next(iter(self._controllers))]
        return peer

    def echo(self, values, now):
        """Tell each registered controller the rows that have other values than it knows. Call once a frame.

        `values` are those of the table, before modulation. At most one echo every ECHO seconds; the newest values
        always arrive, and nobody hears their own edit come back: a row is left alone for HAND seconds after it.
        """
        if now - self._echo_time < ECHO:
            return
        self._echo_time = now
        with self._lock:
            news = [(peer, controller.news(values, now)) for peer, controller in self._controllers.items()]
        for peer, changed in news:
            self._tell(peer, changed)

    def news(self, text):
        """Tell registered controllers what has become of a lesson. Any thread."""
        with self._lock:
            peers = list(self._controllers)
        for peer in peers:
            self._answer(peer, encode(NOTE, text))

    def _tell(self, peer, values):
        rows = [row for row in self._rows if row.name in values]
        plain = [encode(row.address, float(values[row.name])) for row in rows]
        twins = [encode(row.unit_address, row.position(values[row.name])) for row in rows]
        if not all([self._answer(peer, packet) for packet in bundles(plain + twins)]):
            with self._lock:
                if peer in self._controllers:
                    self._controllers[peer].missed(values)

    def _answer(self, peer, packet):
        """Send it, and whether there was room for it: where nobody takes it, it is for the next echo."""
        try:
            _send(self._answers, packet, peer)
        except OSError as problem:
            if problem.errno in FULL:
                return False
            self._refuse(f"{peer[0]}:{peer[1]}: {problem}")  # a controller that went away
        return True

    def _run(self):
        while not self._closing:
            try:
                data, sender = self._socket.recvfrom(65536)  # for CLOSES at most
            except OSError:  # Windows reports here that an earlier answer met a closed port
                continue
            if not self._closing:
                self.receive(data, sender)

    def receive(self, data, sender, now=None):
        """Act on one packet that came at `now` (s; None: this moment): what the thread does with each."""
        self._now = time.perf_counter() if now is None else now
        try:
            found = decoded(data)
        except Exception as problem:  # the parser raises many kinds; no packet may end the thread
            return self._refuse(f"packet of {len(data)} bytes from {sender[0]} is not OSC: {str(problem)[:SENT]}")
        heard = False
        for message in found:
            try:
                heard |= self._act(message.address, message.params, sender)
            except (ValueError, OverflowError, OSError) as problem:
                self._refuse(f"{message.address[:60]}: {problem}")
        if heard:
            self._on_features(dict(self._features))

    def _act(self, address, arguments, sender):
        """Carry one message out; True if it was a feature."""
        method = self._methods.get(address)
        if method:
            method(arguments, sender)
        elif self._on_features and (address in BY_FEATURE_ADDRESS or address.startswith(CLASS_ADDRESS)):
            return self._from_ear(sender) and self._feature(address, arguments)
        elif PATTERN.search(address):
            self._match(address, arguments, sender)
        elif address != WEKINATOR:
            raise ValueError("no such address; /hs/query sends all that there are")
        return False

    def _match(self, pattern, arguments, sender):
        matches = [method for address, method in self._methods.items() if matcher(pattern)(address)]
        if not matches:
            raise ValueError("the pattern matches no address")
        for method in matches:
            method(arguments, sender)

    def _from_ear(self, sender):
        """Whether features of this sender are taken: of the first one, while it is alive."""
        if sender != self._ear and self._now - self._ear_time < ALONE:
            self._rival = sender
            return False
        if sender != self._ear:
            self._ear, self._frame = sender, math.inf  # its first tick begins anew
        elif self._rival and self._rival not in self._rivals:  # it spoke in between: both are alive
            self._name_rival()
        self._ear_time, self._rival = self._now, None
        return True

    def _name_rival(self):
        here, there = (f"{host}:{port}" for host, port in (self._ear, self._rival))
        if len(self._rivals) < CONTROLLERS:
            self._rivals.add(self._rival)
            self._notice(f"two programs send what they hear to port {self.port}: {here}, which is listened to, and "
                         f"{there}; end one of them")

    def _feature(self, address, arguments):
        row = BY_FEATURE_ADDRESS.get(address) or class_feature(legal_class(address.removeprefix(CLASS_ADDRESS)))
        if row.name == "raw":
            self._features["raw"] = [_finite(value) for value in arguments]
            return True
        value = _feature_value(row, arguments)
        if row.name == "frame":
            self._begin(value)
        elif row.name not in self._features and row.name.startswith(CLASS):
            self._make_room()
        self._features[row.name] = self._features.get(row.name, 0) + 1 if row.event else value
        return True

    def _make_room(self):
        if len(self._features) >= MOST + len(FEATURES):
            raise ValueError(f"more than {MOST} classes: end whatever makes them up")

    def _begin(self, frame):
        """A restarted `listen` may know other classes: what it does not publish again must not stay."""
        if frame < self._frame:
            self._features = {name: value for name, value in self._features.items() if not name.startswith(CLASS)}
        self._frame = frame

    def _refuse(self, reason):
        self.refused += 1
        self.reason = reason = " ".join(reason[:LINE].split())
        said, then = self._noticed
        if reason != said and self._now - then >= NEWS:
            self._noticed = (reason, self._now)
            self._notice(reason)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._closing = True
        here = "127.0.0.1" if self.host == "0.0.0.0" else self.host
        with suppress(OSError):  # the address may have gone with its network: then the thread wakes by itself
            self._socket.sendto(WAKE, (here, self.port))
        self._thread.join()
        self._answers.close()
        self._socket.close()


def _sent(arguments):
    """What was sent, as a reason repeats it."""
    return str(list(arguments))[:SENT]


def _feature_value(row, arguments):
    kinds = {"f": (int, float), "i": (int, float), "s": str}[row.kind]
    if len(arguments) != 1 or not isinstance(arguments[0], kinds):
        raise ValueError(f"takes one {'text' if row.kind == 's' else 'number'}; got {_sent(arguments)}")
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


def _bind(host, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if sys.platform == "win32":  # there two programs could share the port, and one would hear nothing
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    try:
        sock.bind((host, port))
    except OSError as problem:
        sock.close()
        taken = problem.errno in (errno.EADDRINUSE, errno.EACCES)
        cure = ("end the program that uses it or choose another port" if taken
                else "give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all")
        raise OSError(f"OSC port {port} on {host} cannot be opened ({problem.strerror}): {cure}") from None
    return sock


@lru_cache(maxsize=256)
def matcher(pattern):
    """Function of an address: does it match this OSC address pattern? `*` stays within one part."""
    parts = re.findall(r"//+|\[[^\]]*\]|\{[^}]*\}|\*+|[^/*?\[{]+|.", pattern, re.DOTALL)
    wide = sum(part[0] in "*{" or part[:2] == "//" for part in parts)
    if len(pattern) > 255 or wide > WIDE:
        raise ValueError(f"pattern too long; at most 255 characters, and {WIDE} of *, // and {{}}")
    return partial(_matches, tuple(map(_step, parts)))


def _matches(steps, address):
    """Follows all ways through the pattern at once: to try one after the other may take for ever."""
    places = {0}  # in the address, up to which it matches so far
    for step in steps:
        places = {end for place in places for end in step(address, place)}
    return len(address) in places


def _step(part):
    """Function of (address, place): all the places to which this part of a pattern may lead from there."""
    if part[0] == "*":
        return lambda address, place: range(place, (address + "/").index("/", place) + 1)
    if part[:2] == "//":  # OSC 1.1: any number of parts
        return lambda address, place: [at + 1 for at in range(place, len(address))
                                       if address[at] == "/" == address[place]]
    if part[0] == "{":
        texts = set(part.strip("{}").split(","))
        return lambda address, place: [place + len(text) for text in texts if address.startswith(text, place)]
    if part == "?" or part[0] == "[" and len(part) > 2:
        one = _one(part)
        return lambda address, place: [place + 1] if one(address, place) else ()
    return lambda address, place: [place + len(part)] if address.startswith(part, place) else ()


def _one(part):
    """Function of (address, place): the match of the single character that `?` or `[...]` stands for, or None."""
    if part == "?":
        return re.compile("[^/]").match
    inside = part[1:-1]
    negated = inside.startswith("!")
    try:
        return re.compile("[" + "^" * negated + re.sub(r"([\\^\[\]])", r"\\\1", inside[negated:]) + "]").match
    except re.error as problem:
        raise ValueError(f"not an OSC address pattern: {problem}") from None
