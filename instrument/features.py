"""The table of what `listen` publishes: the second table beside `params`, read by sender and receiver."""

import re
import unicodedata
from dataclasses import dataclass

AT_ONCE, BEHIND = "at once", "behind the numbers and names that have changed"  # when an event is sent


@dataclass(frozen=True, slots=True)
class Feature:
    """One published value: OSC type `kind` ("f", "i" or "s"); an `event` is sent as 1 when it happens: AT_ONCE, or BEHIND."""

    name: str
    kind: str
    unit: str
    doc: str
    event: str = ""

    @property
    def address(self):
        return "/hs/" + self.name.replace(".", "/")


# Continuous 0..1 levels are linear in decibels: 0 at -60 dBFS, 1 at 0 dBFS.
FEATURES = (
    Feature("top.index", "i", "", "Number of the top class; -1 before the first decision."),
    Feature("top.prob", "f", "0..1", "Smoothed probability of the top class."),
    Feature("top.name", "s", "", "Name of the top class."),
    Feature("top.changed", "i", "", "The top class has changed.", BEHIND),
    Feature("known", "f", "0..1", "1 a known class, 0 silence or unknown."),
    Feature("audio.level", "f", "0..1", "Loudness of the last 20 ms (RMS)."),
    Feature("audio.peak", "f", "0..1", "Peak of the last 20 ms."),
    Feature("audio.low", "f", "0..1", "Level below 200 Hz."),
    Feature("audio.mid", "f", "0..1", "Level from 200 to 2,000 Hz."),
    Feature("audio.high", "f", "0..1", "Level above 2,000 Hz."),
    Feature("audio.centroid", "f", "0..1", "Brightness: spectral centroid on a logarithmic axis, 50 Hz to 11 kHz."),
    Feature("audio.flatness", "f", "0..1", "0 a tone, 1 noise."),
    Feature("audio.pulse", "f", "0..1", "1 at an onset, falling by half every 100 ms."),
    Feature("audio.source", "s", "", "What is listened to, and what is wrong with it."),
    Feature("audio.spec", "s", "", "The same as `--audio` would have to name it."),
    Feature("onset", "f", "", "A sound begins.", AT_ONCE),
    Feature("beat.bpm", "f", "1/min", "Tempo; 0 while unknown."),
    Feature("beat.phase", "f", "0..1", "Position within the beat."),
    Feature("teach.note", "s", "", "The news of teaching: a class and its examples, or what went wrong; and which weights hear, "
            "on what where there is a GPU."),
    Feature("frame", "i", "", "Number of the tick; begins again when the classes change."),
    Feature("ms", "i", "ms", "Capture time since start."),
    Feature("stat.latency_ms", "f", "ms", "From the end of the window to its decision."),
    Feature("stat.hops_per_s", "f", "1/s", "Decisions a second."),
    Feature("stat.overflows", "i", "", "Audio blocks lost since start."),
)

RAW = Feature("raw", "f", "0..1", "All class probabilities of this hop, unsmoothed, packed in one message.")
LISTENING = "listening: "  # teach.note while an example is made: then comes its class,
REFUSED = "not begun: "  # teach.note where none could be
FORGOTTEN = " is forgotten"  # teach.note once a class is: before it comes its name
AGAIN = " (again)"  # and this after what was said just before, so that it is news
CLASS = "class."  # + class name: smoothed probability, one address per class
CLASS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,63}")
# No file of Windows can be called so, and a class has a picture's file.
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}

BY_NAME = {row.name: row for row in FEATURES}
EVENTS = tuple(row.name for row in FEATURES if row.event)

# Modulation source (params.SOURCES) -> feature.
SOURCE_FEATURES = {
    "level": "audio.level", "low": "audio.low", "mid": "audio.mid", "high": "audio.high",
    "pulse": "audio.pulse", "beat": "beat.phase", "centroid": "audio.centroid", "known": "known", "top": "top.prob",
}


def class_feature(name):
    """Row of the smoothed probability of one class."""
    return Feature(CLASS + name, "f", "0..1", f"Smoothed probability of {name}.")


def legal_class(name):
    """`name`, where it can be the name of a class, of its address and of its picture's file; else ValueError.

    Wider than what is made of a name today, see `spelled`: models from before may have spaces in theirs.
    """
    if not CLASS_NAME.fullmatch(name):
        raise ValueError(f"{name[:40]!r} is no class name: 1 to 64 of a-z, A-Z, 0-9, _, - and space, such as dog_bark")
    return name


def spelled(name):
    """A class name made of any text, fit for an address, one that is so left as it is: without accents (Müll: Mull), other
    letters by their number (犬: u72ac), spaces and what is no letter as `_`; what Windows keeps for itself ends in one
    (aux: aux_)."""
    fit = CLASS_NAME.fullmatch(name) and " " not in name
    legal = name if fit else re.sub("[ _]* [ _]*", "_", in_ascii(name).strip("_ -"))[:64] or _numbered(name)[:64]
    return f"{legal}_" if legal.lower() in RESERVED else legal


def simple(name):
    """A name by which those count as one that differ in capitals, spaces or accents only: small letters, digits and `_`."""
    return re.sub(r"[^a-z0-9]+", "_", in_ascii(name).lower()).strip("_")


def in_ascii(text):
    """A text without accents, other letters by their number, what is no letter and no space as `_`."""
    return "".join(map(_spelled, unicodedata.normalize("NFKD", text)))


def _spelled(letter):
    if letter.isascii():
        return letter if CLASS_NAME.fullmatch("a" + letter) else "_"
    return _numbered(letter) if letter.isalnum() else "" if unicodedata.combining(letter) else "_"


def _numbered(text):
    return "".join(f"u{ord(letter):x}" for letter in text)
