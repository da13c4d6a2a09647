"""The JACK library of this system: what rtmidi is made to play by, and a way to ask whether the server answers."""

import ctypes
import sys
import threading

PATIENCE = 2.0  # s that a server may take to answer
NO_START = 1  # JackNoStartServer: only ask, start nothing


def load():
    """The library, for rtmidi to use in place of the one that its wheel brings; None where there is none.

    That one knows jackd only. PipeWire answers by a library of its own, which `pw-jack` or the system puts first.
    Two libraries must not be mixed, so it is None too once rtmidi is loaded.
    """
    if not sys.platform.startswith("linux") or "rtmidi" in sys.modules:
        return None
    try:
        library = ctypes.CDLL("libjack.so.0", mode=ctypes.RTLD_GLOBAL)
        library.jack_client_open.restype = ctypes.c_void_p
        library.jack_client_close.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError):
        return None
    return library


class Door:
    """Tells whether a server that is there answers: one that is stuck would hold rtmidi, and with it all of Python."""

    def __init__(self, library):
        self._library, self._caller = library, None

    def answers(self, patience=PATIENCE):
        """False if no answer came within `patience` seconds; True too where there is no server, or no library."""
        if self._library is None:
            return True
        if not (self._caller and self._caller.is_alive()):  # one that waits is enough
            self._caller = threading.Thread(target=self._call, name="jack", daemon=True)
            self._caller.start()
        self._caller.join(patience)
        return not self._caller.is_alive()

    def _call(self):
        client = self._library.jack_client_open(b"hearsee", NO_START, None)
        if client:
            self._library.jack_client_close(client)
