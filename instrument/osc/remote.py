"""Another program of ours, steered over OSC."""

import socket
import time
from contextlib import suppress
from select import select

from ..features import BY_NAME
from ..params import BY_NAME as ROWS
from ..params import COMMANDS
from .wire import bundles, decoded, encode, padded, resolve, send

ANSWER = 3.0  # s in which a ping is answered, also by a program that is loading its network
AGAIN = 0.5  # s between two pings
LEARNT = 10.0  # s in which a class is learnt and saved, also on a slow disk
NOTE = BY_NAME["teach.note"].address


class Remote:
    """Steers another program of ours: how `perform` turns the `hear.` rows of `listen` and teaches it."""

    def __init__(self, target):
        self._target = resolve(target)
        self._socket, self._asking = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._asking.connect(self._target)  # so that a closed port is told at once

    def bind(self):
        """The port that all is sent from, from now on: a program on this machine knows by it who steers it."""
        self._socket.bind(("127.0.0.1", 0))
        return self._socket.getsockname()[1]

    def submit(self, edits):
        """Send {row name: value}."""
        for packet in bundles([encode(ROWS[name].address, float(value)) for name, value in edits.items()]):
            self._send(packet)

    def command(self, name, argument=None):
        """Send a command of the table, with a text or a number if there is one."""
        address = next(command.address for command in COMMANDS if command.name == name)
        self._send(encode(address, *[argument] * (argument is not None)))

    def _send(self, packet):
        send(self._socket, packet, self._target)

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
                if self._asking.recv(65536).startswith(padded("/hs/pong")):
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
