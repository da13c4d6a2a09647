"""The one place where values change: `submit` from any thread, `frame` once a frame."""

import queue
from types import MappingProxyType

from .params import BY_NAME, DEFAULTS, FOLLOWING, checked

EACH = 8  # commands carried out in a frame at most: one may take as long as saving a file
WAITING = 64  # commands that wait at most


class Control:
    """Holds the values of all parameters and the commands that wait to be carried out."""

    def __init__(self, values=()):
        self._values = MappingProxyType({**DEFAULTS, **checked(dict(values))})
        self._edits = queue.SimpleQueue()
        self._commands = queue.SimpleQueue()

    def submit(self, edits):
        """Change parameters at the next frame: {name: value or FOLLOWING}. Any thread; ValueError if one is no parameter."""
        self._edits.put(checked(edits))

    def command(self, name, argument=None):
        """Ask for a command of `params.COMMANDS` at the next frame, with a number or a text. Any thread.

        False if so many wait already that it is passed over: nobody asks for so much by hand.
        """
        if self._commands.qsize() >= WAITING:
            return False
        self._commands.put((name, argument))
        return True

    def frame(self):
        """All values of this frame, as one mapping that never changes. Main thread."""
        changed = {}
        for _ in range(self._edits.qsize()):  # not "until empty": a flood must not hold the frame
            for name, value in self._edits.get_nowait().items():
                changed[name] = BY_NAME[name].following(changed.get(name, self._values[name])) if value is FOLLOWING else value
        if changed:
            self._values = MappingProxyType(self._values | changed)
        return self._values

    def commands(self):
        """The next commands that were asked for, EACH at most: [(name, argument)]. Main thread."""
        return [self._commands.get_nowait() for _ in range(min(self._commands.qsize(), EACH))]
