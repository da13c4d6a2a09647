"""MIDI devices: found, opened, lost and found again. `Midi` is one thread that plays all of them."""

import logging
import math
import queue
import threading
import time
from dataclasses import dataclass

import mido

from .learner import Search
from .mapping import Mapping
from .ports import Mute, RtPorts, born, device_name
from .profiles import Lights, Own, Profile, choose, shipped

log = logging.getLogger(__name__)
POLL = 1.0  # s between two looks at the list of devices: no library reports that one came or went
AGAIN = 5.0  # s between two tries to open a port that another program holds
LIGHTS = 0.1  # s between two looks at the lamps
HEAR = 0.002  # s between two looks at what devices have sent
PATIENCE = 5.0  # s to wait at the end for a driver that does not answer
GIVEN_UP = 15.0  # s after which nothing is learned any more: until then no box plays
LEARNABLE = ("control_change", "note_on", "note_off", "pitchwheel")
FINGER = 0.5  # s after its last move that a finger counts as being on a control


class Midi:
    """All MIDI devices, opened as they come, forgotten as they go. A context manager; its thread is the only one
    that touches messages. It asks the drivers for them: a driver that calls Python must wait for the interpreter, and
    whoever closes its port at that moment waits for the driver, for ever.

    submit({name: value}), command(name, argument): where edits and commands go. values(): the rows as they are,
    unmodulated. clock(kind, now, port, place): gets MIDI clock. presets(): how many there are. ports: `RtPorts` or its like;
    without one, those of this machine (`api` or HEARSEE_MIDI_API names the driver, as "UNIX_JACK"), and where there is no MIDI
    `reason` says why. own: TOML file of the player's own bindings. notice(text): devices that come and go, in one line.
    """

    def __init__(self, submit, command, values, clock=None, *, presets=lambda: 0, ports=None, api="", own=None,
                 notice=lambda text: None, now=time.perf_counter):
        self._feeds, self._clock, self._presets = (submit, command, values), clock, presets
        self._values, self._notice, self._now = values, notice, now
        self._profiles, self._own = shipped(), self._learned(own)
        self.reason = ""
        self._ports = ports or self._machine(api)
        self._devices = {}  # port -> Device
        self._refused = {}  # port that would not open, said once -> when it was last tried
        self._away = ""  # why there are no ports at all
        self._fault = ""  # what went wrong last
        self._looked = self._lit = -POLL  # when the ports and the lamps were last seen to
        self._search = None
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
        """Bind the next control moved, within GIVEN_UP, to row=NAME, command=NAME or preset=NUMBER; nothing: give up learning."""
        self._search = Search(self._now(), **target) if target else None

    @property
    def learning(self):
        return self._search is not None

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
        search = self._search
        if search and message.type in LEARNABLE:
            self._learn(search, device, message, when)
        else:
            for move in device.mapping.receive(message, when):
                if not move.value:
                    device.lights.let_go(move)

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
        self._give_up(now)
        if now - self._looked >= POLL:
            self._looked = now
            self.plug()
        if now - self._lit >= LIGHTS:
            self._lit = now
            self.show()
        self.hear()

    def _give_up(self, now):
        search = self._search
        if search and now - search.since >= GIVEN_UP:
            self._search = None
            self._notice(f"MIDI: no control was learned within {GIVEN_UP:.0f} s; gave up learning")

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
        mapping = Mapping([*profile.bindings, *self._own.of(name)], *self._feeds, self._clock_of(port), self._presets)
        ear = self._ports.listen(port)
        speaker = self._speak(profile, port)
        for data in profile.hello:
            speaker.send(data)
        lights = () if isinstance(speaker, Mute) else profile.lights  # which would count knobs as moved that are not
        return Device(port, name, profile, mapping, Lights(lights, speaker.send, mapping.put), ear, speaker, since)

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

    def _learn(self, search, device, message, when):
        for move in device.mapping.moves(message):
            device.mapping.overhear(move, when)
            binding = search.hear(device.port, move)
            if binding:
                self._search = None
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

    port: str
    name: str
    profile: Profile
    mapping: Mapping
    lights: Lights
    ear: object
    speaker: object
    born: object  # see `born`


def port_names(api=""):
    """A line for each MIDI port of this machine with the profile that fits it; OSError where there is no MIDI."""
    profiles = shipped()
    return [f"{name} ({choose(name, profiles).name})" for name in RtPorts(api).names()]
