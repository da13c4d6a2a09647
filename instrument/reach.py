"""Whether who is listened to, and who is told, is still there."""

BACK = 30.0  # s; macOS accepts what it sends to a host that is off for some 5 s of every 25


class Still:
    """Whether a number has been the same for more than `most` looks in a row: looks and no time, of which importing torch
    takes some from all threads."""

    def __init__(self, most):
        self._most, self._number, self._looks = most, None, 0
        self.news = False  # whether it has just become so

    def at(self, number):
        """Another look."""
        self._looks = self._looks + 1 if number == self._number else 0
        self._number = number
        self.news = self._most < self._looks <= self._most + 1
        return self._looks > self._most


class Reach:
    """Which targets OSC does not reach; time is passed in (s). A network that comes and goes is not news each time: what was lost
    is back when it has been for BACK seconds."""

    def __init__(self):
        self._lost = {}  # target -> when it was out of reach last

    def news(self, lost, now):
        """Lines to say, of {(host, port): why} that are out of reach now."""
        new = [f"{host}:{port} ({why})" for (host, port), why in lost.items() if (host, port) not in self._lost]
        self._lost |= dict.fromkeys(lost, now)
        back = [target for target, then in self._lost.items() if now - then >= BACK]
        for target in back:
            del self._lost[target]
        lines = [f"OSC does not reach {', '.join(new)}: see to the network, or give another --target"] * bool(new)
        return lines + [f"OSC reaches {', '.join(f'{host}:{port}' for host, port in back)} again"] * bool(back)
