"""Where sound comes from: a microphone, a file, the demo scene. All fill a ring in real time, all read alike.

`open_source(spec)` is a context manager; `read()` inside it waits for sound and gives all that came.
"""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from . import demo
from .files import Frames, decode, open_sound
from .frontend import RATES, Resampler
from .player import mono, open_player
from .ring import Ring

__all__ = ["Device", "Microphone", "Paced", "Source", "decode", "devices", "open_source"]

BLOCK = 0.01  # seconds between two blocks
# Windows offers each device by several host systems: those worth having, the quickest first. MME cuts names off.
APIS, CUT = ("Windows WASAPI", "Windows DirectSound", "MME"), 31
PINS = "Windows WDM-KS"  # lists the sockets of each card once more, with nothing in them too
MUTE = 5.0  # seconds of nothing but zeros after which it is told where to look
# macOS and Windows give zeros to a program that may not hear, a Linux sound server where there is no microphone at all.
HEARD_BY = {"darwin": "allow it in System Settings > Privacy & Security > Microphone, for the terminal, and begin again",
            "win32": "allow it in Settings > Privacy & security > Microphone, for desktop apps, and begin again",
            "linux": "plug in a microphone, or choose and unmute it in the sound settings of the desktop"}
QUIET, RETRY = 0.5, 1.0  # seconds without a callback before a device counts as gone; between two tries to re-open it
WAKES, LOOKS = 3.0, 3  # s that one just opened may take to its first; looks at it in a row: not it but we may have been held up
SERVERS = ("default", "sysdefault", "pulse", "pipewire")  # devices of ALSA's that are none
MANY = 8  # inputs of a device that are all heard, unless some are chosen


class Source:
    """What every source has: `name`, `description`, `rate` (Hz), `overflows`, `ended`, `note`, `ring`, `truth`, and `spec`, by which
    `open_source` opens the same again, also when devices have got other numbers."""

    truth = ()  # (start, end, class name) of each event, where it is known

    def __init__(self, name, description, rate, ring_name=None, clock=perf_counter):
        self.name, self.description, self.rate = name, description, int(rate)
        self._dropped = self._missed = 0  # by the device; by a reader too slow for the ring
        self.ended = False  # a file that is over; silence follows
        self.spec = self.note = ""  # note: one line when something is wrong now
        self.ring = Ring.create(ring_name, self.rate)
        self._clock, self._position, self._news = clock, 0, threading.Event()

    @property
    def overflows(self):
        """Times that sound was lost, in the device or in the ring."""
        return self._dropped + self._missed

    def read(self, timeout=0.1):
        """All mono float32 samples since the last call; waits for the first. Empty after `timeout` seconds."""
        self._news.wait(timeout)
        self._news.clear()
        self.tick(self._clock())
        samples, self._position, lost = self.ring.read(self._position)
        self._missed += lost > 0
        return np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    def tick(self, now):
        """Look after the device; `read` does it."""

    def _write(self, block):
        self.ring.write(block)
        self._news.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ring.close()


class Microphone(Source):
    """A live input that is re-opened when it falls silent for good; until then it gives silence.

    `open_stream(heard)` opens the device and returns something to `close()`; `heard(block, overflowed)` is then
    called with mono float32 blocks. OSError while there is no device.
    """

    def __init__(self, open_stream, name, description, rate, ring_name=None, clock=perf_counter):
        super().__init__(name, description, rate, ring_name, clock)
        self._open_stream, self._stream = open_stream, None
        self._calls = self._seen = self._looks = self._before = 0  # before: calls of streams that were closed
        self._alive = self._silent_to = self._tried = self._opened = 0.0
        self._sounded = False  # whether anything but zeros has ever come
        self.reopened = 0

    def __enter__(self):
        try:
            self._open(self._clock())
        except BaseException:
            self.ring.close()
            raise
        return self

    def __exit__(self, *_):
        self._close()
        super().__exit__()

    def tick(self, now):
        """The watchdog: `now` in seconds. The worker's thread only."""
        if self._stream is None:
            self._silence(now)
            self._retry(now)
        elif self._calls != self._seen:
            self._seen, self._alive, self._looks = self._calls, now, 0
            self.note = self._muted(now)
        elif now - self._alive > QUIET:
            self.note = f"{self.name} gives no sound: silence until it is back"
            self._looks += 1
            if self._gone(now):
                self._close()
                self._silent_to, self._tried = self._alive, float("-inf")  # the first try is at once
                self.tick(now)

    def _gone(self, now):
        """Whether it has been silent for longer than a stream may be."""
        return self._looks >= LOOKS and now - self._alive > (WAKES if self._calls == self._before else QUIET)

    def _heard(self, block, overflowed):
        self._calls += 1
        self._sounded = self._sounded or bool(block.any())
        self._dropped += overflowed
        self._write(block)

    def _muted(self, now):
        """What to look at where nothing but zeros has ever come."""
        if self._sounded or sys.platform not in HEARD_BY or now - self._opened < MUTE:
            return ""
        return f"{self.name} gives nothing but silence: if it should not, {HEARD_BY[sys.platform]}"

    def _open(self, now):
        self._before, self._looks = self._calls, 0
        self._stream = self._open_stream(self._heard)
        self._opened = self._alive = max(now, self._clock())  # to open it may have taken long
        self._seen = self._calls

    def _close(self):
        # before anything else writes to the ring: it has one writer
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _silence(self, now):
        count = int((now - self._silent_to) * self.rate)
        self._silent_to += count / self.rate
        kept = min(max(0, count), self.ring.capacity)  # of hours that the machine slept the rest would be memory and nothing else
        self.ring.write(np.zeros(kept, np.float32))  # wakes nobody: `read` would spin

    def _retry(self, now):
        if now - self._tried < RETRY:
            return
        self._tried = now
        try:
            self._open(now)
        except OSError as reason:
            self.note = f"{self.name} gives no sound: silence until it is back ({reason})"
            return
        self.reopened += 1  # the note stays until sound comes: a sound server may open what it cannot connect


class Paced(Source):
    """Sound known beforehand, given out in real time by the clock. `blocks()` yields float32 (frames, channels)."""

    def __init__(self, blocks, name, description, rate, loop=False, player=None, ring_name=None, clock=perf_counter, channels=()):
        """All of it is played by `player`; of `channels`, from 1, the mean is heard, without them of all."""
        super().__init__(name, description, rate, ring_name, clock)
        self._heard = [number - 1 for number in channels] or slice(None)
        self._frames, self._player = Frames(blocks, loop), player
        self._given, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, name="hearsee-source", daemon=True)

    def __enter__(self):
        if self._player is not None:
            self._player = self._started(self._player)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self._player is not None:
            self._player.__exit__()
        super().__exit__()

    def advance(self, until):
        """Give out everything up to `until` seconds after the start; silence after the end. The pacer's thread."""
        while (due := min(int(until * self.rate) - self._given, self.rate)) > 0:
            frames = self._frames.take(due)
            self.ended = len(frames) < due
            self._write(np.pad(mono(frames[:, self._heard]), (0, due - len(frames))))
            if self._player is not None:
                self._player.put(frames)
            self._given += due

    def _run(self):
        start = self._clock()
        while not self._stop.wait(BLOCK):
            self.advance(self._clock() - start)

    def _started(self, player):
        try:
            return player.__enter__()
        except OSError as error:  # the show goes on without a loudspeaker
            self.note = str(error)
            return None


@dataclass(frozen=True)
class Device:
    """One audio device as `hearsee devices` lists it."""

    index: int
    name: str
    api: str
    inputs: int
    outputs: int
    rate: float
    default_input: bool
    default_output: bool

    @property
    def full_name(self):
        """Unique where the same device is offered by several host systems, as on Windows."""
        return f"{self.name}, {self.api}"

    @property
    def text(self):
        kinds = [f"{self.inputs} in"] * bool(self.inputs) + [f"{self.outputs} out"] * bool(self.outputs)
        marks = " (default in)" * self.default_input + " (default out)" * self.default_output
        return f"{self.index}: {self.full_name}, {', '.join(kinds)}, {self.rate:g} Hz{marks}"


def devices():
    """All audio inputs and outputs, as PortAudio numbers them; none where there is no PortAudio."""
    try:
        import sounddevice
    except OSError:
        return []
    try:
        return _listed(sounddevice)
    except sounddevice.PortAudioError:  # the sound system has gone
        return []


def _listed(sounddevice):
    default_in, default_out = _default("input"), _default("output")
    apis = [api["name"] for api in sounddevice.query_hostapis()]
    return [
        Device(
            i,
            row["name"],
            apis[row["hostapi"]],
            row["max_input_channels"],
            row["max_output_channels"],
            row["default_samplerate"],
            i == default_in,
            i == default_out,
        )
        for i, row in enumerate(sounddevice.query_devices())
        if apis[row["hostapi"]] != PINS
    ]


def _default(kind):
    import sounddevice

    for api in sounddevice.query_hostapis():
        if api["name"] == APIS[0] and api[f"default_{kind}_device"] >= 0:
            return api[f"default_{kind}_device"]
    try:
        return sounddevice.query_devices(kind=kind)["index"]
    except (sounddevice.PortAudioError, ValueError):
        return None


def open_source(spec=None, loop=False, aloud=False, ring_name=None, seed=demo.SEED, channels=()):
    """The source that `spec` names: None or "auto" (the microphone if there is one, else the demo), "mic", "demo",
    a file, or a device by number or name. `loop` repeats a file or the demo, `aloud` plays it where something can.
    `channels` (from 1) of a device or file are heard, averaged; without them all it has, of a device's more than MANY the first two.

    OSError: no such file, device or channel. ValueError: a file without sound, channels of the demo.
    """
    chosen, spec = spec in (None, "auto"), automatic(devices()) if spec in (None, "auto") else str(spec)
    if spec == "demo" and channels and not chosen:
        raise ValueError("the demo has one channel: leave --channels out, or name an input or a file with --audio")
    if spec == "demo":
        return _demo(loop, aloud, ring_name, seed, " (no audio input was found)" if chosen else "")
    if spec != "mic" and is_path(spec) and (Path(spec).exists() or not _is_input(spec)):
        return _file(spec, loop, aloud, ring_name, channels)
    return _microphone(spec, ring_name, channels)


def automatic(listed):
    """What "auto" means with these devices."""
    return "mic" if any(device.inputs for device in listed) else "demo"


def is_path(spec):
    """Whether a sound is named by a file, be it there or not."""
    return Path(spec).exists() or _looks_like_a_file(spec)


def _is_input(spec):
    """Whether it is a part of an input's name, as "Line 1/2" may be."""
    return any(spec.lower() in device.full_name.lower() for device in devices() if device.inputs)


def _looks_like_a_file(spec):
    return "/" in spec or "\\" in spec or (Path(spec).suffix[1:].isalnum() and " " not in spec)


def _file(path, loop, aloud, ring_name, channels):
    sound = open_sound(path)
    if max(channels, default=0) > sound.channels:
        raise OSError(f"{path} has no channel {max(channels)}: give --channels from 1 to {sound.channels}")
    player = open_player(sound.rate, sound.channels) if aloud else None
    source = Paced(sound.blocks, sound.path.name, sound.description, sound.rate, loop, player, ring_name, channels=channels)
    source.spec = str(path)
    return source


def _demo(loop, aloud, ring_name, seed, why):
    samples, truth = demo.scene(seed)
    player = open_player(demo.RATE, 1) if aloud else None
    source = Paced(lambda: [samples[:, None]], "demo", f"demo scene {seed}{why}", demo.RATE, loop, player, ring_name)
    source.truth, source.spec = tuple(truth), "demo"
    return source


def _microphone(spec, ring_name, channels):
    listed = devices()
    found = pick_input(spec, listed)

    def choose(listed):
        return pick_input(spec, listed) if spec == "mic" else same(found, listed)

    source = Microphone(lambda heard: _open_input(choose, found.rate, heard, channels), found.name, found.text, found.rate, ring_name)
    alone = [device.full_name for device in listed].count(found.full_name) == 1
    source.spec = "mic" if spec == "mic" else found.full_name if alone else str(found.index)
    return source


def same(device, listed):
    """The device in a fresh list, where it may have another number; where two have its name the one that has its number still."""
    numbered = [other for other in listed if (other.index, other.full_name) == (device.index, device.full_name)]
    return numbered[0] if numbered else pick_input(device.full_name, listed)


def pick_input(spec, listed):
    """The input of that number or name (a part of the name will do if only one fits), or "mic", the default.

    OSError lists the choice.
    """
    inputs = [device for device in listed if device.inputs]
    named = [device for device in inputs if device.name == spec]
    choices = (
        [device for device in inputs if device.default_input] or inputs[:1] if spec == "mic" else [],
        [device for device in inputs if str(device.index) == spec],
        [device for device in inputs if device.full_name == spec],
        ways(named[0], named)[:1] if named else [],
        [device for device in inputs if spec.lower() in device.name.lower()],
    )
    fitting = next((some for some in choices if some), [])
    if fitting and len(ways(fitting[0], fitting)) == len(fitting):
        return ways(fitting[0], fitting)[0]
    problem = "several audio inputs fit" if fitting else "no audio input or file"
    listed = "; ".join(device.text for device in fitting or inputs) or "none"
    raise OSError(f"{problem} {spec!r}; inputs are: {listed}. Name one of them, a file, or demo")


def ways(device, listed):
    """The same device by each of the host systems that Windows offers it by, the quickest first; elsewhere itself."""
    same = [other for other in listed if other.api in APIS and other.name[:CUT] == device.name[:CUT]]
    return sorted(same, key=lambda other: APIS.index(other.api)) if device in same else [device]


def _open_input(choose, rate, heard, channels=()):
    """Open and start the device that `choose` finds in a fresh list of PortAudio's. OSError when it is not there."""
    import sounddevice

    try:
        if sounddevice._initialized:
            sounddevice._terminate()  # PortAudio sees plugged devices only on initialising
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise OSError(f"no audio input: the sound system does not answer ({error})") from None
    listed = devices()
    chosen = choose(listed)
    if max(channels, default=0) > chosen.inputs:
        raise OSError(f"audio input {chosen.text} has no channel {max(channels)}: give --channels from 1 to {chosen.inputs}")
    found_ways = [chosen, *(other for other in ways(chosen, listed) if other.inputs and other != chosen)]
    # Its clock may have been switched meanwhile: then it refuses the rate that it had.
    others = [(device, int(device.rate)) for device in found_ways if RATES[0] <= device.rate <= RATES[1]]
    tries = [(device, rate) for device in found_ways] + [(device, own) for device, own in others if own != rate]
    for device, own in tries:
        try:
            return _started(device, own, heard if own == rate else _resampled(heard, own, rate), channels)
        except sounddevice.PortAudioError as problem:
            error = problem
    # Windows tells of microphones that are switched off by failing alike in every way; macOS gives zeros (see `_muted`).
    off = f" If Windows' privacy settings keep it away: {HEARD_BY['win32']}." * (sys.platform == "win32")
    raise OSError(f"audio input {chosen.text} cannot be opened: {error}; is it in use? `hearsee devices` lists others.{off}")


def _resampled(heard, from_rate, to_rate):
    """`heard`, given blocks of another rate."""
    resampler = Resampler(from_rate, to_rate)
    return lambda block, overflowed: heard(resampler.push(block), overflowed)


def _opened(device, channels):
    """How many channels to open: of fewer than there are some systems make a mixture.

    Sound servers offer 32 or more, nearly all silent, whatever they have: averaging those would only make it quieter.
    """
    if device.inputs <= MANY or channels and device.name not in SERVERS:
        return device.inputs
    return max(2, *channels) if channels else 2


def _started(device, rate, heard, channels=()):
    """A running stream of a device, at `rate` Hz; sounddevice.PortAudioError where it does not open."""
    import sounddevice

    opened = _opened(device, channels)
    chosen = [number - 1 for number in channels] or slice(None)
    average = np.zeros(int(rate), np.float32)

    def copy(block, frames, time, status):
        np.mean(block[:, chosen], axis=1, out=average[:frames])
        heard(average[:frames], status.input_overflow)

    # WASAPI takes the rate and the channels of the device only, unless it is asked to convert.
    extra = sounddevice.WasapiSettings(auto_convert=True) if device.api == APIS[0] else None
    stream = sounddevice.InputStream(
        samplerate=rate,
        blocksize=int(rate * BLOCK),
        device=device.index,
        channels=opened,
        dtype="float32",
        latency="low",
        callback=copy,
        extra_settings=extra,
    )
    try:
        stream.start()
    except sounddevice.PortAudioError:
        stream.close()
        raise
    return stream
