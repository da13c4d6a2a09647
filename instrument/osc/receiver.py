"""Receives features, parameters and commands on one UDP port, and answers who asks."""

import math
import threading
import time
from contextlib import suppress

from ..features import BY_NAME
from ..params import COMMANDS, PARAMS, SHOW
from .controllers import Controllers
from .ear import Ear, is_feature
from .pattern import PATTERN, matcher
from .presses import NUMBERED, Presses
from .sender import WEKINATOR
from .wire import FULL, SENT, Foreign, bind, bundles, decoded, encode, returning, send, sent

LINE = 640  # characters of a reason: the labels of the longest row fit
CLOSES = 1.0  # s after which a thread that nothing wakes sees that it is to end
NEWS = 1.0  # s between two refusals that are said
AGAIN = 5.0  # s after which the same refusal is news once more
NOTE = BY_NAME["teach.note"].address
WAKE = b"wake"
CALLS = {command.address for command in COMMANDS}
ALL = {address for row in PARAMS for address in (row.address, row.unit_address)} | CALLS


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
    `notice(reason)` is told, of the same every AGAIN seconds and at most every NEWS seconds: then of the newest.

    `only`: the port of a show that sends its rows again and again, so that of no one else they would last. That show receives on
    the port before this one.
    """

    def __init__(self, port, on_features=None, submit=None, command=None, values=dict,
                 rows=PARAMS, commands=COMMANDS, host="127.0.0.1", notice=lambda reason: None, only=None):
        self.refused, self.reason = 0, ""
        self.controllers = Controllers()
        self._notice, self._noticed = notice, ("", -math.inf)
        self._kept = ""  # a refusal that is to be said when the one before is NEWS seconds old
        self._now = 0.0  # when the packet arrived that is being acted on, s
        self._is_cue = False  # whether a command is in it: then its values are meant, whatever was told
        self._presses, self._ear = Presses(), Ear(self._tell_of_rival)
        self._on_features, self._submit, self._command, self._values = on_features, submit, command, values
        self._rows, self._only = tuple(rows) if submit else (), only
        self._methods = self._make_methods(commands if command else ())
        self._open(host, port)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="osc", daemon=True)

    def _open(self, host, port):
        self._socket = bind(host, port)
        self._socket.settimeout(CLOSES)
        # Answers go from the same port and never wait: a telephone that has left the Wi-Fi would hold up the frame.
        self._answers = self._socket.dup()
        self._answers.setblocking(False)
        self.host, self.port = self._socket.getsockname()

    # --- what an address does

    def _make_methods(self, commands):
        """Address -> function of (arguments, sender)."""
        methods = {"/hs/ping": self._ping, "/hs/query": self._query}
        for row in self._rows:
            methods[row.address] = self._setter(row, row.address, row.clamp, float, row.labels)
            methods[row.unit_address] = self._setter(row, row.unit_address, row.at, row.position)
        for command in commands:
            methods[command.address] = self._trigger(command)
        return methods

    def _setter(self, row, address, legal, shown, labels=()):
        def edit(arguments, sender):
            if self._only not in (None, sender[1]):
                raise ValueError(f"this is the ear of a show, which turns it back: send it to the show (port {self.port - 1})")
            given = arguments[0] if len(arguments) == 1 else None
            if labels and isinstance(given, str):
                given = row.parse(given)
            if not isinstance(given, (int, float)):
                kinds = f"number or label ({', '.join(labels)})" if labels else "number"
                raise ValueError(f"takes one {kinds}; got {sent(arguments)}")
            value = legal(given)
            if self._comes_back(row, address, given, value, sender):
                return
            self.controllers.forget(sender, (row.address, row.unit_address))
            as_sent = abs(shown(value) - given) < 1e-6
            self.controllers.edited(sender, row.name, value if as_sent else None)  # one that was corrected is told so
            self._submit({row.name: value})
        return edit

    def _comes_back(self, row, address, given, value, sender):
        """Whether a fader sends what it was set to, which is no hand's doing and would end a glide; of steps only what is there
        already: a switch may be thrown to and fro as quickly."""
        if self._is_cue or not self.controllers.returns(sender, address, given, self._now):
            return False
        return row.curve != "step" or dict(self._values()).get(row.name) == value

    def _trigger(self, command):
        def fire(arguments, sender):
            argument = arguments[0] if arguments else None
            if not isinstance(argument, (int, float, str, type(None))):
                raise ValueError(f"takes a number or a text; got {sent(arguments)}")
            name = command.name
            if isinstance(argument, (int, float)):
                name = self._presses.meant(command, argument, sender, self._now)
                argument = argument if command.name in NUMBERED else None
            if name and self._command(name, argument if command.named else None) is False:
                raise ValueError("too many commands at once: this one is not carried out")
        return fire

    def _ping(self, arguments, sender):
        self._answer(self._register(arguments, sender), encode("/hs/pong", 1))

    def _query(self, arguments, sender):
        peer, values = self._register(arguments, sender), dict(self._values())
        self.controllers.told(peer, values)
        self._tell(peer, values, self._now)

    def _register(self, arguments, sender):
        port = int(arguments[0]) if arguments and isinstance(arguments[0], (int, float)) else 0
        peer = (sender[0], port) if 1 < port < 65536 else sender
        if returning([peer], self.host, [self.port]):
            raise ValueError(f"{port} is the port of this show: give the one that you listen on")
        self.controllers.register(peer, sender)
        return peer

    # --- what is told

    def echo(self, values, now):
        """Tell each registered controller the rows that have other values than it knows. Call once a frame.

        `values` are those of the table, before modulation. The newest values always arrive, and nobody hears their own
        edit come back (`controllers.py`).
        """
        for peer, changed in self.controllers.news(values, now):
            self._tell(peer, changed, now)

    def news(self, text):
        """Tell registered controllers what has become of a lesson. Any thread."""
        for peer in self.controllers.peers():
            self._answer(peer, encode(NOTE, text))

    def _tell(self, peer, values, now):
        rows = [row for row in self._rows if row.name in values]
        numbers = {row.address: float(values[row.name]) for row in rows}
        numbers |= {row.unit_address: row.position(values[row.name]) for row in rows}
        self.controllers.sent(peer, numbers, now)
        if not all([self._answer(peer, packet) for packet in bundles([encode(*each) for each in numbers.items()])]):
            self.controllers.missed(peer, values)

    def _answer(self, peer, packet):
        """Send it, and whether there was room for it: where nobody takes it, it is for the next echo."""
        try:
            send(self._answers, packet, peer)
        except OSError as problem:
            if problem.errno in FULL:
                return False
            self._refuse(f"{peer[0]}:{peer[1]}: {problem}")  # a controller that went away
        return True

    def _tell_of_rival(self, first, other):
        self._notice(f"two programs send what they hear to port {self.port}: {first}, which is listened to, and "
                     f"{other}; end one of them")

    # --- what comes in

    def _run(self):
        while not self._closing:
            try:
                data, sender = self._socket.recvfrom(65536)  # for CLOSES at most
            except OSError:  # Windows reports here that an earlier answer met a closed port
                self._say_kept(time.perf_counter())
                continue
            if not self._closing:
                self.receive(data, sender)

    def receive(self, data, sender, now=None):
        """Act on one packet that came at `now` (s; None: this moment): what the thread does with each."""
        self._now = time.perf_counter() if now is None else now
        self._say_kept(self._now)
        try:
            found = decoded(data, lambda problem: self._refuse_unread(problem, "message", sender))
        except Exception as problem:  # no packet may end the thread
            return self._refuse_unread(problem, f"packet of {len(data)} bytes", sender)
        heard = False
        self._is_cue = any(message.address in CALLS for message in found)
        for message in found:
            try:
                heard |= self._act(message.address, message.params, sender)
            except (ValueError, OverflowError, OSError) as problem:
                self._refuse(f"{message.address[:60]}: {problem}")
        if heard:
            self._on_features(dict(self._ear.values))

    def _act(self, address, arguments, sender):
        """Carry one message out; True if it was a feature."""
        method = self._methods.get(address)
        if method:
            self.controllers.touch(sender)
            method(arguments, sender)
        elif self._on_features and is_feature(address):
            return self._ear.take(address, arguments, sender, self._now)
        elif PATTERN.search(address):
            self._match(address, arguments, sender)
        elif address in ALL:
            raise ValueError(f"nothing that is turned here; `hearsee perform` takes it (port {SHOW})")
        elif address != WEKINATOR:
            raise ValueError("no such address; /hs/query sends all that there are")
        return False

    def _match(self, pattern, arguments, sender):
        matches = [method for address, method in self._methods.items() if matcher(pattern)(address)]
        if not matches:
            raise ValueError("the pattern matches no address")
        for method in matches:
            method(arguments, sender)

    def _refuse_unread(self, problem, what, sender):
        text = str(problem)
        self._refuse(text if isinstance(problem, Foreign) else f"{what} from {sender[0]} is not OSC: {text[:SENT]}")

    def _refuse(self, reason):
        self.refused += 1
        self.reason = reason = " ".join(reason[:LINE].split())
        said, then = self._noticed
        if reason != said or self._now - then >= AGAIN:
            self._kept = reason
            self._say_kept(self._now)

    def _say_kept(self, now):
        if self._kept and now - self._noticed[1] >= NEWS:
            self._noticed, self._kept = (self._kept, now), ""
            self._notice(self._noticed[0])

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
