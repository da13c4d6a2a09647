"""MIDI devices: found, opened, lost and found again. `Midi` is one thread; `RtPorts` the ports of this machine."""

import ctypes
import logging
import math
import os
import queue
import re
import sys
import threading
import time
from dataclasses import dataclass

import mido

from ..names import apart
from . import jack
from .mapping import Learner, Mapping
from .profiles import Lights, Own, Profile, choose, shipped

log = logging.getLogger(__name__)
POLL = 1.0  # s between two looks at the list of devices: no library reports that one came or went
AGAIN = 5.0  # s between two tries to open a port that another program holds
LIGHTS = 0.1  # s between two looks at the lamps
HEAR = 0.002  # s between two looks at what devices have sent
LATE = 0.01  # s that a message may have waited for such a look
PATIENCE = 5.0  # s to wait at the end for a driver that does not answer
FINGER = 0.5  # s after its last move that a finger counts as being on a control
TRIES = 5  # looks at the list of ports, which may change under the eyes
CLIENT, JACK = "hearsee", "UNIX_JACK"
PULSE = (0xF0, 0x7D, 0xF7)  # what we send ourselves through JACK: a system exclusive message of no maker
MISSED = 5  # looks in a row without one after which JACK has gone
CARD = "/sys/class/sound/card{}"
PAUSES = 16  # looks between two tries to find it again, at most


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


class Midi:
    """All MIDI devices, opened as they come, forgotten as they go. A context manager; its thread is the only one
    that touches messages. It asks the drivers for them: a driver that calls Python must wait for the interpreter, and
    whoever closes its port at that moment waits for the driver, for ever.

    submit({name: value}), command(name, argument): where edits and commands go. values(): the rows as they are,
    unmodulated. clock(kind, now, port, place): gets MIDI clock. ports: `RtPorts` or its like; without one, those of this machine
    (`api` or HEARSEE_MIDI_API names the driver, as "UNIX_JACK"), and where there is no MIDI `reason` says why.
    own: TOML file of the player's own bindings. notice(text): devices that come and go, in one line.
    """

    def __init__(self, submit, command, values, clock=None, *, ports=None, api="", own=None,
                 notice=lambda text: None, now=time.perf_counter):
        self._feeds, self._clock = (submit, command, values), clock
        self._values, self._notice, self._now = values, notice, now
        self._profiles, self._own = shipped(), self._learned(own)
        self.reason = ""
        self._ports = ports or self._machine(api)
        self._devices = {}  # port -> Device
        self._refused = {}  # port that would not open, said once -> when it was last tried
        self._away = ""  # why there are no ports at all
        self._fault = ""  # what went wrong last
        self._looked = self._lit = -POLL  # when the ports and the lamps were last seen to
        self._learner = None
        self._forgotten = queue.SimpleQueue()  # targets that are to be forgotten
        self._thread, self._going = None, True
        self.preset = 0  # number of the preset in use, for the lamps; set it from any thread
        self.malformed = 0

    def _learned(self, path):
        """The player's own bindings; where the file is damaged, none, and it stays as it is."""
        try:
            return Own(path)
        except (ValueError, OSError) as error:
            self._notice(f"{error}; plays on without what was learned, and keeps nothing that is learned now")
            return Own()

    def _machine(self, api):
        try:
            return RtPorts(api)
        except OSError as error:
            self.reason = str(error)
            return None

    def __enter__(self):
        if self._ports:
            self._thread = threading.Thread(target=self._run, name="midi", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_):
        if self._thread:
            self._going = False
            self._thread.join(PATIENCE)
            if self._thread.is_alive():
                return  # a driver that does not answer must not hold up the end; its ports end with the process
        for port in list(self._devices):
            self._lose(port)

    def devices(self):
        """[(port, name of the profile)] of the devices open now."""
        return [(port, device.profile.name) for port, device in list(self._devices.items())]

    def hints(self):
        """{row: "up" or "down"}: which way to turn a knob until it takes its row over."""
        return {row: way for device in list(self._devices.values()) for row, way in device.mapping.hints().items()}

    def learn(self, **target):
        """Bind the next control moved to row=NAME, command=NAME or preset=NUMBER; nothing: give up learning."""
        self._learner = Learner(**target) if target else None

    @property
    def learning(self):
        return self._learner is not None

    def forget(self, target):
        """Forget every control learned for a row, a command or a "preset N"."""
        self._forgotten.put(target)
        if not self._ports:  # nobody else will
            self.hear()

    def controls(self, target):
        """The controls of all open devices that play a row, a command or a "preset N", as text."""
        found = (device.mapping.controls(target) for device in list(self._devices.values()))
        return list(dict.fromkeys(control for controls in found for control in controls))

    def plug(self):
        """Open what has come, close what has gone. Midi thread (or a test)."""
        names = self._names()
        for port in [port for port, device in self._devices.items() if port not in names or device.born != born(port)]:
            self._lose(port)
            self._notice(f"MIDI: {port} is gone")
        self._refused = {port: when for port, when in self._refused.items() if port in names}
        for port in names:
            if port not in self._devices and self._now() - self._refused.get(port, -math.inf) >= AGAIN:
                self._find(port)

    def _names(self):
        """The ports that are there; none while the sound server is away, which is said once."""
        try:
            names, away = self._ports.names(), ""
        except OSError as error:
            names, away = [], str(error)
        if away and away != self._away:
            self._notice(away)
        self._away = away
        return names

    def hear(self):
        """Act on all that has been sent. Midi thread (or a test)."""
        while not self._forgotten.empty():
            self._forget(self._forgotten.get())
        for device in self._devices.values():
            for data, when in device.ear.read(self._now()):
                self._receive(device, data, when)

    def _receive(self, device, data, when):
        try:
            message = mido.Message.from_bytes(data)
        except (ValueError, IndexError):  # of another length than its kind has
            self.malformed += 1
            return
        learner = self._learner
        if learner and not message.is_realtime and message.type != "songpos":
            self._learn(learner, device, message, when)
        else:
            device.mapping.receive(message, when)

    def show(self):
        """Bring all lamps up to date. Midi thread (or a test)."""
        now, values = self._now(), self._values()
        for device in self._devices.values():
            busy = [row for row, when in device.mapping.touched.items() if now - when < FINGER]
            device.lights.show(values, self.preset, busy)

    def _run(self):
        while self._going:
            self.round()
            time.sleep(HEAR if self._devices else LIGHTS)

    def round(self):
        """See to all that is due. What goes wrong is said once, and tried again the next time.
        Midi thread (or a test)."""
        try:
            self._see_to(self._now())
        except Exception as error:  # noqa: BLE001 - drivers raise what they like, and the show goes on
            if str(error) != self._fault:
                log.exception("MIDI failed; it goes on")
                self._notice(f"MIDI: {error}; plays on")
            self._fault = str(error)

    def _see_to(self, now):
        if now - self._looked >= POLL:
            self._looked = now
            self.plug()
        if now - self._lit >= LIGHTS:
            self._lit = now
            self.show()
        self.hear()

    def _find(self, port):
        try:
            self._devices[port] = self._open(port)
            self._refused.pop(port, None)
            self._notice(f"MIDI: {port} ({self._devices[port].profile.name})")
        except OSError as error:
            if port not in self._refused:
                self._notice(str(error))
            self._refused[port] = self._now()

    def _open(self, port):
        name, since = device_name(port), born(port)  # first: it may be plugged out meanwhile
        profile = choose(port, self._profiles)
        mapping = Mapping([*profile.bindings, *self._own.of(name)], *self._feeds, self._clock_of(port))
        ear = self._ports.listen(port)
        speaker = self._speak(profile, port)
        for data in profile.hello:
            speaker.send(data)
        return Device(name, profile, mapping, Lights(profile.lights, speaker.send), ear, speaker, since)

    def _clock_of(self, port):
        return self._clock and (lambda kind, when, place: self._clock(kind, when, port, place))

    def _speak(self, profile, port):
        try:
            return self._ports.speak(profile.matches, port) if profile.ports else Mute()
        except OSError as error:  # knobs without lamps are better than none
            self._notice(str(error))
            return Mute()

    def _lose(self, port):
        device = self._devices.pop(port)
        device.mapping.let_all_go(self._now())
        device.ear.close()
        device.speaker.close()

    def _learn(self, learner, device, message, when):
        for move in device.mapping.moves(message):
            device.mapping.let_go(move, when)
            binding = learner.hear(move)
            if binding:
                self._learner = None
                self._keep(lambda: self._own.add(device.name, binding))
                self._notice(f"MIDI: {binding.control} plays {binding.target} now ({binding.mode})")
                return

    def _forget(self, target):
        gone = self._keep(lambda: self._own.remove(target))
        if gone is not None:
            self._notice(f"MIDI: forgot {gone} control{'s' * (gone != 1)} of {target}" if gone else
                         f"MIDI: nothing was learned for {target}; a box's own numbers stay")

    def _keep(self, change):
        """Change the player's own bindings, for all devices at once; what cannot be saved acts all the same."""
        try:
            return change()
        except (OSError, ValueError) as error:
            self._notice(f"MIDI: not kept for next time: {error}")
            return None
        finally:
            for device in self._devices.values():
                device.mapping.bind([*device.profile.bindings, *self._own.of(device.name)])


@dataclass(frozen=True)
class Device:
    """What belongs to one open device."""

    name: str
    profile: Profile
    mapping: Mapping
    lights: Lights
    ear: object
    speaker: object
    born: object  # see `born`


AWAY = "MIDI: the JACK server has gone; its devices are found again once it is back"


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


def port_names(api=""):
    """A line for each MIDI port of this machine with the profile that fits it; OSError where there is no MIDI."""
    profiles = shipped()
    return [f"{name} ({choose(name, profiles).name})" for name in RtPorts(api).names()]


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
