"""What goes wrong in the dream's thread: on the HUD while it lasts and some seconds longer, in the log once."""

import logging
import math

from ..console import SHOWN
from ..errors import lack

log = logging.getLogger(__name__)


class Trouble:
    """The fault of one thread, which any other may read."""

    def __init__(self, clock):
        self._clock = clock
        self._last = "", 0.0  # what it is, and until when (s) it is to be seen
        self._logged = set()  # kinds of error

    @property
    def text(self):
        """What the performer should read; "" while nothing is wrong."""
        text, until = self._last
        return text if self._clock() < until else ""

    def came(self, text, error):
        """Something failed; without an error the picture goes on all the same."""
        if not self.text:  # the last time is over: this is another one
            self._logged.clear()
        self._last = text, math.inf
        if type(error) not in self._logged:  # by kind: what an error says may differ from one dream to the next
            self._logged.add(type(error))
            log.warning("%s%s", text, "; the last picture stays" if error else "", exc_info=None if _is_plain(error) else error)

    def passed(self):
        """Something succeeded."""
        text, until = self._last
        if until == math.inf:
            self._last = text, self._clock() + SHOWN


def _is_plain(error):
    """Whether the text says all that there is to know."""
    return isinstance(error, OSError) or bool(lack(error))
