"""The MIDI ports of this machine, and what tells whether they are still there."""

import ctypes
import os
import re
import sys
from contextlib import contextmanager

from ..names import apart
from . import jack

LATE = 0.01  # s that a message may have waited until it was asked for
TRIES = 5  # looks at the list of ports, which may change under the eyes
CLIENT, JACK = "hearsee", "UNIX_JACK"
PULSE = (0xF0, 0x7D, 0xF7)  # what we send ourselves through JACK: a system exclusive message of no maker
MISSED = 5  # looks in a row without one after which JACK has gone
CARD = "/sys/class/sound/card{}"
PAUSES = 16  # looks between two tries to find it again, at most
_UNHEARD = ctypes.CFUNCTYPE(None)(lambda: None)  # takes none of what ALSA passes, and so looks at none
AWAY = "MIDI: the JACK server has gone; its devices are found again once it is back"


def device_name(port):
    """A port's name without what changes from one plugging in to the next: the ALSA client and port numbers, those that
    Windows begins it with ("2- ") and that RtMidi counts the ports there by (" 3"), and the number of one that is `apart`."""
    return re.sub(r"^\d+- | \d+$" if sys.platform == "win32" else r" \d+:\d+$| #\d+$", "", port)


def born(port):
    """What changes when a box is plugged out and in between two looks, though it gets its old name: on Linux the number of its
    card's node (sound card N is ALSA's client 16 + 4 N); elsewhere nothing."""
    client = re.search(r" (\d+):\d+$", port)
    try:
        return os.stat(CARD.format((int(client[1]) - 16) // 4)).st_ino if client else None
    except OSError:  # no card: a program
        return None


class RtPorts:
    """The MIDI ports of this machine, listed by one long-lived client: opening clients again and again exhausts ALSA.

    A JACK server that has ended leaves its last list behind, as if all were well; so there a `Pulse` tells. Once that
    has stopped, `names` looks for a new server, at growing pauses, and everything that was open is of the old one.
    """

    def __init__(self, api=""):
        api = api or os.environ.get("HEARSEE_MIDI_API", "")
        self._door = jack.Door(jack.load() if api == JACK else None)
        try:
            import rtmidi
        except ModuleNotFoundError:
            raise OSError("no MIDI: python-rtmidi is not installed (Python 3.13 needs a C++ compiler for it, 3.12 does not); "
                          "plays on without") from None
        except ImportError as error:  # a library of the system's that it needs
            raise OSError(f"no MIDI: {error} (on Debian and Ubuntu: apt-get install libasound2); plays on without") from None

        self._api = _api(rtmidi, api)
        self._wait = self._pause = 0  # looks until the next try to find JACK again, and looks between tries
        self._pulse = None
        self._open()

    def _open(self):
        import rtmidi

        if not self._door.answers():
            raise OSError("no MIDI: the JACK server is there but does not answer; plays on without; restart it")
        inputs, outputs = self._client(rtmidi.MidiIn), self._client(rtmidi.MidiOut)
        if inputs.get_current_api() == outputs.get_current_api() == rtmidi.API_UNIX_JACK:
            self._pulse = self._felt(inputs, outputs)
        self._inputs, self._outputs = inputs, outputs

    def _felt(self, inputs, outputs):
        import rtmidi

        try:
            return Pulse(inputs, outputs, proven=self._pulse is not None)
        except (SystemError, rtmidi.RtMidiError) as error:  # the server went while we came
            raise OSError(f"no MIDI: {str(error).rstrip('.')}; plays on without") from None

    def _client(self, kind):
        import rtmidi

        try:
            with _quietly():
                return kind(rtapi=self._api, name=CLIENT)
        except (SystemError, rtmidi.RtMidiError) as error:
            # rtmidi raises SystemError where ALSA or the JACK server is absent.
            raise OSError(f"no MIDI: {str(error).rstrip('.')}; plays on without (HEARSEE_MIDI_API picks a driver)") from None

    def names(self):
        """Names of the ports that can be listened to, our own left out. OSError while JACK is away."""
        import rtmidi

        self._see_to_jack()
        try:
            return [name for name in listed(self._inputs) if not name.startswith(CLIENT)]
        except (SystemError, rtmidi.RtMidiError):  # the sound server has gone: so have its devices
            return []

    def _see_to_jack(self):
        """Notice that JACK has gone; from the next look on, find it again. OSError until it is there."""
        if self._wait:
            self._wait -= 1
            if self._wait or not self._found():
                raise OSError(AWAY)
        elif self._pulse and not self._pulse.beats():
            self._wait = self._pause = 1
            raise OSError(AWAY)

    def _found(self):
        try:
            self._open()
        except OSError:
            self._wait = self._pause = min(2 * self._pause, PAUSES)
            return False
        return True

    def listen(self, name):
        """An `Ear` at a port. OSError if it cannot be opened."""
        import rtmidi

        port = self._connected(rtmidi.MidiIn, name)
        port.ignore_types(sysex=True, timing=False, active_sense=True)  # rtmidi drops MIDI clock unless told
        return Ear(port)

    def speak(self, matches, port):
        """The output of the box whose input is `port`, or a mute one: of those whose names `matches` accepts the one of
        that name, else, of two boxes alike, the second output for the second input."""
        import rtmidi

        outputs, inputs = ([name for name in listed(client) if matches(name) and not name.startswith(CLIENT)]
                           for client in (self._outputs, self._inputs))
        if not outputs:
            return Mute()
        place = inputs.index(port) if port in inputs else 0
        alike = port in outputs and sys.platform != "win32"  # where RtMidi counts inputs and outputs apart
        name = port if alike else outputs[min(place, len(outputs) - 1)]
        return Speaker(self._connected(rtmidi.MidiOut, name))

    def _connected(self, kind, name):
        """A client connected to the port `name`: rtmidi takes only its place in a list, which may change meanwhile."""
        for _ in range(TRIES):
            port = self._client(kind)
            if _connect(port, name):
                return port
            _end(port)
        raise OSError(f"MIDI: cannot open {name}: it comes and goes; plug it in again")


@contextmanager
def _quietly():
    """Within, ALSA prints nothing of its own: what it lacks is told by whoever asked, in one line."""
    try:
        hand_over = ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler
    except (OSError, AttributeError):  # another system
        yield
        return
    hand_over(_UNHEARD)
    try:
        yield
    finally:
        hand_over(None)


def _api(rtmidi, name):
    if not name:
        return rtmidi.API_UNSPECIFIED
    there = [attribute[4:] for attribute in dir(rtmidi)
             if attribute.startswith("API_") and getattr(rtmidi, attribute) in rtmidi.get_compiled_api()]
    if name not in there:
        raise ValueError(f"no MIDI driver {name!r}; this machine has {', '.join(there)}")
    return getattr(rtmidi, "API_" + name)


def listed(client):
    """All ports that `client` can be connected to, two of one name told apart by a number, as macOS does not."""
    import rtmidi

    for _ in range(TRIES - 1):
        try:
            return apart(client.get_ports())
        except rtmidi.InvalidPortError:
            continue  # one went between being counted and being named
    return apart(client.get_ports())


def _connect(port, name):
    """Connect to the port `name`; False if the list changed on the way, so that it may be another."""
    import rtmidi

    try:
        place = listed(port).index(name)
        port.open_port(place, "port")
        return listed(port)[place:place + 1] == [name]
    except (ValueError, SystemError, rtmidi.RtMidiError) as error:
        _end(port)
        hint = "; another program may hold it, as Windows lends a MIDI port to one only" if os.name == "nt" else ""
        raise OSError(f"MIDI: cannot open {name}: {error}{hint}") from None


def _end(port):
    """Close a port for good.

    A port of JACK is only let go of, and the server clears it away when we end: RtMidi frees what JACK's own thread may
    be reading at that moment (seen: a crash in `jack_ringbuffer_peek`), and after the end of a server what JACK itself
    has freed. One idle client for each time a device goes is cheaper.
    """
    import rtmidi

    if port.get_current_api() == rtmidi.API_UNIX_JACK:
        let_go(port)
    else:
        port.close_port()
        port.delete()


def let_go(port):
    """Leave a JACK port as it is for as long as the program runs: Python must not destroy it either,
    not even at its end."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(port))


class Pulse:
    """Tells whether a JACK server runs our two listing clients: whether what one sends comes to the other.

    One that is not `proven` and has never beaten tells nothing: perhaps no such connection can be made here.
    """

    def __init__(self, inputs, outputs, proven=False):
        let_go(inputs)
        let_go(outputs)
        self._inputs, self._outputs, self._proven, self._missed = inputs, outputs, proven, 0
        inputs.ignore_types(sysex=False)
        self._before, self._name = listed(inputs), f"pulse {os.getpid()}"
        self._joined = False
        outputs.open_virtual_port(self._name)
        self._join()

    def _join(self):
        """Connect the two, once the port is listed: with PipeWire that may be a moment after it was made."""
        own = [port for port in listed(self._inputs) if port not in self._before and port.endswith(self._name)]
        if own:
            self._joined = True
            _connect(self._inputs, own[0])

    def beats(self):
        """A look: False once nothing has come for MISSED looks in a row."""
        if not self._joined:
            self._join()
        came = self._inputs.get_message()
        while self._inputs.get_message():
            pass
        self._proven = self._proven or bool(came)
        self._missed = 0 if came else self._missed + self._proven
        self._outputs.send_message(PULSE)
        return self._missed < MISSED


class Ear:
    """An open input."""

    def __init__(self, port):
        self._port, self._last = port, 0.0

    def read(self, now):
        """[(bytes of a message, when it came)] since the last call, by the driver's own clock where that can be so."""
        heard = []
        while message := self._port.get_message():
            data, after = message
            self._last = min(max(self._last + after, now - LATE), now)
            heard.append((data, self._last))
        return heard

    def close(self):
        _end(self._port)


class Speaker:
    """An open output."""

    def __init__(self, port):
        self._port = port

    def send(self, data):
        import rtmidi

        try:
            self._port.send_message(data)
        except (SystemError, rtmidi.RtMidiError):
            pass  # unplugged a moment ago: the next look at the list of devices closes it

    def close(self):
        _end(self._port)


class Mute:
    """The output of a device that has none."""

    def send(self, data):
        pass

    def close(self):
        pass
