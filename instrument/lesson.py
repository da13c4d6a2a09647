"""The example that a class is being taught by."""

from itertools import chain, count

import numpy as np

from .params import HELD

LESSON = 30.0  # seconds of an example that are kept
UNNAMED = "new_class"  # a class taught before any was named


def meant(command, argument, seconds):
    """The command of teaching that one comes to, "" for none: a second start without a name ends the example, and so does
    letting go of one that was held. `seconds` of the example that goes on; None where none does."""
    if command == "teach.release":
        return "teach.stop" if seconds is not None and seconds >= HELD else ""
    return "teach.stop" if command == "teach.start" and seconds is not None and not argument else command


class Lesson:
    """The example that is going on: keeps the sound between `start` and `stop`, at most LESSON seconds."""

    def __init__(self):
        self.name = UNNAMED  # of the class taught last
        self._blocks = None
        self.seconds = 0.0  # of sound in it
        self._given = set()  # names of the examples so far, learnt or not yet

    @property
    def goes_on(self):
        """Whether an example has begun."""
        return self._blocks is not None

    def start(self, name=""):
        """Begin an example of a class, or of the one before; its name."""
        self.name, self._blocks, self.seconds = name or self.name, [], 0.0
        return self.name

    def push(self, block, rate):
        """Take sound at `rate` Hz."""
        blocks = self._blocks
        if blocks is not None and self.seconds < LESSON:
            blocks.append(block)
            self.seconds += len(block) / rate

    def stop(self):
        """End it: (name, samples)."""
        if self._blocks is None:
            raise ValueError("no example has begun: first comes /hs/teach/start with the name of the class")
        blocks, self._blocks, self.seconds = self._blocks, None, 0.0
        self._given.add(self.name)
        return self.name, np.concatenate([np.zeros(0, np.float32), *blocks])

    def anew(self, classes):
        """From the next example on another class, none of `classes`; its name."""
        if self._blocks is not None:
            raise ValueError("an example is going on: end it first")
        numbered = (f"{UNNAMED}_{number}" for number in count(2))
        self.name = next(name for name in chain([UNNAMED], numbered) if name not in {*classes, *self._given})
        return self.name
