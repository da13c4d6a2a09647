"""Inputs and outputs of this machine: what there is, which is meant, and one opened. PortAudio, by sounddevice."""

import sys
from dataclasses import dataclass

import numpy as np

from .frontend import RATES, Resampler

BLOCK = 0.01  # seconds between two blocks
# Windows offers each device by several host systems: those worth having, the quickest first. MME cuts names off.
APIS, CUT = ("Windows WASAPI", "Windows DirectSound", "MME"), 31
PINS = "Windows WDM-KS"  # lists the sockets of each card once more, with nothing in them too
# macOS and Windows give zeros to a program that may not hear, a Linux sound server where there is no microphone at all.
HEARD_BY = {"darwin": "allow it in System Settings > Privacy & Security > Microphone, for the terminal, and begin again",
            "win32": "allow it in Settings > Privacy & security > Microphone, for desktop apps, and begin again",
            "linux": "plug in a microphone, or choose and unmute it in the sound settings of the desktop"}
SERVERS = ("default", "sysdefault", "pulse", "pipewire")  # devices of ALSA's that are none
MANY = 8  # inputs of a device that are all heard, unless some are chosen


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


def lacking():
    """What keeps this system from having any input or output, with the cure; "" where nothing does."""
    try:
        import sounddevice  # noqa: F401
    except OSError:
        cure = "sudo apt-get install libportaudio2 libasound2-plugins, or what this system calls them" if sys.platform == "linux" else \
            "set up anew (bootstrap.py)"
        return f"PortAudio is missing, without which nothing is heard or played: {cure}"
    return ""


def devices():
    """All audio inputs and outputs, as PortAudio numbers them; none where there is no PortAudio, see `lacking`."""
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


def automatic(listed):
    """What "auto" means with these devices."""
    return "mic" if any(device.inputs for device in listed) else "demo"


def is_input(spec):
    """Whether it is a part of an input's name, as "Line 1/2" may be."""
    return any(spec.lower() in device.full_name.lower() for device in devices() if device.inputs)


def allowed_by():
    """What lets a program hear on this system, where nothing but zeros comes; "" where nobody knows."""
    return HEARD_BY.get(sys.platform, "")


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
    listed = "; ".join(device.text for device in fitting or inputs) or lacking() or "none"
    raise OSError(f"{problem} {spec!r}; inputs are: {listed}. Name one of them, a file, or demo")


def ways(device, listed):
    """The same device by each of the host systems that Windows offers it by, the quickest first; elsewhere itself."""
    same = [other for other in listed if other.api in APIS and other.name[:CUT] == device.name[:CUT]]
    return sorted(same, key=lambda other: APIS.index(other.api)) if device in same else [device]


def open_input(choose, rate, heard, channels=()):
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
    off = f" If Windows' privacy settings keep it away: {allowed_by()}." * (sys.platform == "win32")
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
