"""The one place where values change: `submit` from any thread, `frame` once a frame."""

import queue
import threading
from types import MappingProxyType

from .params import BY_NAME, DEFAULTS, FOLLOWING, checked

EACH = 8  # commands carried out in a frame at most: one may take as long as saving a file
WAITING = 64  # commands that wait at most


class Control:
    """Holds the values of all parameters, and what waits to be done in the order in which it came: an edit that comes behind a
    preset changes that preset, also within one frame."""

    def __init__(self, values=()):
        self._values = MappingProxyType({**DEFAULTS, **checked(dict(values))})
        self._waiting = queue.SimpleQueue()  # edits, dicts; and commands, (name, argument)
        self._touched = set()  # rows submitted, also with the value that they had
        self._room = threading.Semaphore(WAITING)

    @property
    def values(self):
        """All values as they are now, as one mapping that never changes."""
        return self._values

    def submit(self, edits):
        """Change parameters at the next frame: {name: value or FOLLOWING}. Any thread; ValueError if one is no parameter."""
        self._waiting.put(checked(edits))

    def command(self, name, argument=None):
        """Ask for a command of `params.COMMANDS` at the next frame, with a number or a text. Any thread.

        False if so many wait already that it is passed over: nobody asks for so much by hand.
        """
        if not self._room.acquire(blocking=False):
            return False
        self._waiting.put((name, argument))
        return True

    def frame(self, carry_out=lambda name, argument: None):
        """Do what waits, and give the values then: edits change them, commands, EACH at most, go to `carry_out`. Main thread."""
        commands = 0
        for _ in range(self._waiting.qsize()):  # not "until empty": a flood must not hold the frame
            wanted = self._waiting.get_nowait()
            if isinstance(wanted, dict):
                self._touched |= wanted.keys()
                self._change(wanted)
                continue
            self._room.release()
            carry_out(*wanted)
            commands += 1
            if commands == EACH:
                break
        return self._values

    def touched(self):
        """The rows that were submitted and have come since the last call. Main thread."""
        touched, self._touched = self._touched, set()
        return touched

    def apply(self, edits):
        """Change parameters at once, before all that waits: what a command does. Main thread."""
        self._change(checked(edits))

    def _change(self, edits):
        now = self._values
        changed = {name: BY_NAME[name].following(now[name]) if value is FOLLOWING else value for name, value in edits.items()}
        if changed:
            self._values = MappingProxyType(now | changed)
