"""Who has asked to be told of changes, and what each of them knows."""

import math
import struct
import threading

from .wire import as_float

ECHO = 0.05  # least seconds between two echoes
RETURN = 0.25  # s within which what a controller was told may come back from it: a fader that sends what it is set to
HAND = 0.3  # s after its own last edit of a row in which a controller is not told of it: a fader must not fight its finger
MOST = 16  # registered at most; whoever has been silent the longest makes room


class Controllers:
    """Registered controllers, by where to answer them. Any thread."""

    def __init__(self):
        self._all = {}  # (host, port) -> Controller; last the one from where something came last
        self._lock = threading.Lock()
        self._echoed = -math.inf

    def __len__(self):
        return len(self._all)

    def register(self, peer, sender):
        """Whoever sends from `sender` is answered at `peer`, both (host, port)."""
        with self._lock:
            controller = self._all.pop(peer, None) or Controller()
            controller.sender = sender
            self._all[peer] = controller
            while len(self._all) > MOST:
                del self._all[next(iter(self._all))]

    def peers(self):
        """Where to answer each of them."""
        with self._lock:
            return list(self._all)

    def touch(self, sender):
        """Something has come from `sender`, which so is the last to make room."""
        with self._lock:
            for peer in [peer for peer, controller in self._all.items() if controller.sender == sender]:
                self._all[peer] = self._all.pop(peer)

    def edited(self, sender, name, value):
        """A row has come from `sender`; None: its value was corrected."""
        with self._lock:
            own = [controller for controller in self._all.values() if controller.sender == sender]
            beside = self._of_host(sender[0])
            for controller in own:
                controller.edited(name, value)
            if not own and len(beside) == 1:
                beside[0].moved(name)  # from another socket of its, or from another program there, of which it is told after

    def told(self, peer, values):
        """It is told these values of rows."""
        with self._lock:
            self._all[peer].known.update(values)

    def sent(self, peer, packets, now):
        """It is sent these {address: number} at `now`."""
        with self._lock:
            if peer in self._all:
                self._all[peer].sent(packets, now)

    def forget(self, sender, addresses):
        """A hand has moved what these say: what was told of it before comes back no more."""
        with self._lock:
            for controller in self._of_host(sender[0]):
                controller.forget(addresses)

    def returns(self, sender, address, number, now):
        """Whether this is what a controller of that host was told a moment ago, and so nobody's hand."""
        with self._lock:
            return any(controller.returns(address, number, now) for controller in self._of_host(sender[0]))

    def _of_host(self, host):
        return [controller for peer, controller in self._all.items() if peer[0] == host]

    def missed(self, peer, names):
        """It could not be told the rows of these names: they are for the next echo."""
        with self._lock:
            if peer in self._all:
                self._all[peer].missed(names)

    def news(self, values, now):
        """[(peer, {row name: value})] to be told at `now`: at most every ECHO seconds, and nobody their own edits."""
        if now - self._echoed < ECHO:
            return []
        self._echoed = now
        with self._lock:
            return [(peer, controller.news(values, now)) for peer, controller in self._all.items()]


class Controller:
    """What one registered controller has been told or has said itself, `known`, and where it last registered from, `sender`."""

    def __init__(self):
        self.sender, self.known = None, {}
        self._fresh, self._moved = set(), {}  # rows it has edited since the last echo; when it last did, by the echoes' clock
        self._sent = {}  # address -> [(number, when)] of the last RETURN seconds

    def edited(self, name, value):
        """It has sent a row's value; None: one that was corrected."""
        self.known[name] = value
        self._fresh.add(name)

    def moved(self, name):
        """A row is in its hand, perhaps: it is told what has become of it once that rests."""
        self._fresh.add(name)

    def sent(self, packets, now):
        """It is sent these {address: number}."""
        for address, number in packets.items():
            recent = [(old, when) for old, when in self._sent.get(address, ()) if now - when <= RETURN]
            self._sent[address] = [*recent, (_as_received(number), now)]

    def forget(self, addresses):
        for address in addresses:
            self._sent.pop(address, None)

    def returns(self, address, number, now):
        """Whether it was sent this number a moment ago."""
        return any(_as_received(number) == old and now - when <= RETURN for old, when in self._sent.get(address, ()))

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


def _as_received(number):
    """A number as OSC carries it: a float of four bytes."""
    return struct.unpack(">f", struct.pack(">f", as_float(number)))[0]
