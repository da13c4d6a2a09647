"""THE table of parameters: everything a person can turn is one row here.

Flags, OSC addresses, GLSL uniforms, MIDI numbers, presets, HUD texts and the table in the
README are made from these rows. Rename a row only by adding its old name to `OLD_NAMES`.
"""

import math
from dataclasses import dataclass

MODES = ("centre", "drift", "breathe", "strips", "tunnel", "rotate", "spiral")
SOURCES = ("off", "level", "low", "mid", "high", "pulse", "beat", "centroid", "known", "top", "bar", "sine", "random")
SWITCH = ("off", "on")
ROUNDING = 1e-9  # by which a position may be off for no other reason than that it was computed
FOLLOWING = object()  # an edit: of a stepped row the value after the one that it has when its turn comes


@dataclass(frozen=True, slots=True)
class Param:
    """One row: `lo`..`hi` in `unit`, bent by `curve` ("lin", "exp" or "step"; "circle": straight, and the ends are the same)."""

    name: str
    default: float
    lo: float
    hi: float
    unit: str
    curve: str
    cc: int | None
    doc: str
    labels: tuple[str, ...] = ()  # of a stepped row: labels[int(value)]
    key: str = ""  # a key that steps a stepped row on, wrapping round

    @property
    def group(self):
        return self.name.split(".")[0]

    @property
    def address(self):
        return "/hs/" + self.name.replace(".", "/")

    @property
    def unit_address(self):
        """Address of the 0..1 twin."""
        return "/hs/n/" + self.name.replace(".", "/")

    @property
    def flag(self):
        return "--" + self.name.replace(".", "-").replace("_", "-")

    @property
    def uniform(self):
        return "u_" + self.name.replace(".", "_")

    def clamp(self, value):
        """The nearest legal value; ValueError for what is not a finite number."""
        try:
            value = float(value)
        except (TypeError, ValueError, OverflowError):
            kind = "neither a label nor a number" if self.labels else "not a number"
            raise ValueError(f"{self.name}: {str(value)[:40]!r} is {kind}; legal is {self.range_text()}") from None
        if not math.isfinite(value):
            raise ValueError(f"{self.name}: {value} is not a finite number; legal is {self.range_text()}")
        value = min(max(value, self.lo), self.hi)
        return float(math.floor(value + 0.5)) if self.curve == "step" else value

    def at(self, position, grain=0.0):
        """Value at a knob position 0..1; of a two-sided row exactly 0 within half a `grain`, the smallest step of the knob, which
        might have no place there."""
        position = min(max(float(position), 0.0), 1.0)
        if self.lo < 0 < self.hi and abs(position - self.position(0.0)) <= grain / 2 + ROUNDING:
            return 0.0
        if self.curve == "exp":
            return self.clamp(self.lo * (self.hi / self.lo) ** position)
        return self.clamp(self.lo + (self.hi - self.lo) * position)

    def position(self, value):
        """Knob position 0..1 of a value: the inverse of `at`."""
        value = self.clamp(value)
        if self.curve == "exp":
            return math.log(value / self.lo) / math.log(self.hi / self.lo)
        return (value - self.lo) / (self.hi - self.lo)

    def text(self, value):
        """A value as the HUD, the log and the help show it."""
        if self.labels:
            return self.labels[int(self.clamp(value) - self.lo)]
        number = f"{value:.0f}" if self.curve == "step" or abs(value) >= 100 else f"{value:.3g}"
        return f"{number} {self.unit}".rstrip()

    def parse(self, text):
        """A value from text or a number: a label, in capitals or not,
        or a number inside the range (else ValueError saying the range)."""
        label = text.strip().lower() if isinstance(text, str) else None
        if label in self.labels:
            return self.lo + self.labels.index(label)
        if self._counts_in_labels:
            return self.lo + self._count(text)
        value = self.clamp(text)
        if not self.lo <= float(text) <= self.hi:
            raise ValueError(f"{self.name}: {text} is out of range; legal is {self.range_text()}")
        return value

    @property
    def _counts_in_labels(self):
        """Whether its labels are numbers themselves, so that a number is a label or a mistake, and no place among them."""
        return any(label[0].isdigit() for label in self.labels)

    def _count(self, number):
        """The place of the label that is this number."""
        try:
            return [float(label) for label in self.labels].index(float(number))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{self.name}: {str(number)[:40]!r} is none of its values; legal is {self.range_text()}") from None

    def following(self, value):
        """The value after `value` of a stepped row, round to the first."""
        return value + 1 if value + 1 <= self.hi else self.lo

    def range_text(self):
        if self.labels:
            return ", ".join(self.labels)
        return f"{self.lo:g} to {self.hi:g} {self.unit}".rstrip()


def _slot(number, cc, source, target, depth):
    """Three rows of one modulation slot: what moves which row, and how far."""
    name = f"mod.{number}"
    return (
        Param(f"{name}.source", SOURCES.index(source), 0, len(SOURCES) - 1, "", "step", cc,
              f"Slot {number}: what moves: a feature of the sound, or a wave on the beat.", SOURCES),
        Param(f"{name}.target", TARGETS.index(target), 0, len(TARGETS) - 1, "", "step", cc + 1,
              f"Slot {number}: the row that is moved.", TARGETS),
        Param(f"{name}.depth", depth, -1.0, 1.0, "", "lin", cc + 2,
              f"Slot {number}: how far, as a share of the row's range."),
    )


# name, default, low, high, unit, curve, CC, what it does
ROWS = (
    Param("hear.gain", 0.0, -24.0, 48.0, "dB", "lin", 66, "Gain before analysis."),
    Param("hear.gate", -60.0, -100.0, -10.0, "dBFS", "lin", 67, "Where sound begins; 6 dB below it has ended."),
    Param("hear.attack", 60.0, 1.0, 2000.0, "ms", "exp", 68, "How fast a class rises."),
    Param("hear.release", 400.0, 1.0, 5000.0, "ms", "exp", 69, "How fast a class falls."),
    Param("hear.margin", 0.25, 0.0, 0.9, "", "lin", 70, "Lead that a new top class needs."),
    Param("hear.dwell", 200.0, 0.0, 5000.0, "ms", "lin", 71, "Shortest stay of a top class."),
    Param("hear.doubt", 500.0, 0.0, 5000.0, "ms", "lin", 77,
          "How long a new class must lead while that is by less than twice the margin; an unknown sound must be sure for twice as long."),
    Param("hear.window", 1, 0, 3, "", "step", 72, "Seconds of sound per decision.", ("0.5", "1", "2", "4")),
    Param("hear.hold", 0, 0, 1, "", "step", 73, "Keep the present top class, and dream of it; /hs/class/* move on.", SWITCH, "h"),
    Param("hear.temperature", 1.0, 0.25, 8.0, "", "exp", 74, "Softens the probabilities of the classes among themselves."),
    Param("hear.unknown", 0.8, 0.0, 1.0, "", "lin", 75, "Less sure than this that it is one of its classes, and a sound is unknown."),
    Param("dream.octaves", 2, 1, 6, "", "step", 14, "Scales dreamed per step, coarse to fine."),
    Param("dream.octave_scale", 1.4, 1.2, 2.0, "", "lin", 15, "Size ratio of neighbouring octaves."),
    Param("dream.iterations", 1, 1, 12, "", "step", 16, "Gradient steps per octave."),
    Param("dream.layer", 3.25, 1.0, 4.0, "", "lin", 17, "How deep in the network it dreams, by stages; 2.5 mixes stages 2 and 3."),
    Param("dream.layers", 2, 1, 4, "", "step", 18, "How many stages pull at once."),
    Param("dream.step", 0.03, 0.002, 0.3, "", "exp", 19, "How far one gradient step moves the picture."),
    Param("dream.jitter", 16.0, 0.0, 64.0, "px", "lin", 20, "Random shift per step, against the grid of the network."),
    Param("dream.smoothing", 0.8, 0.0, 1.0, "", "lin", 21, "Smooths the gradient, against speckle."),
    Param("dream.guided", 1.0, 0.0, 1.0, "", "lin", 22, "Pull towards the pictures of the classes heard."),
    Param("dream.likeness", 0.5, 0.0, 1.0, "", "lin", 76, "How far guided dreams keep to what is in those pictures; 0 exaggerates."),
    Param("dream.energy", 0.05, 0.0, 1.0, "", "lin", 23, "Pull towards whatever the network already sees."),
    Param("dream.channel", 0.0, 0.0, 1.0, "", "lin", 24, "Pull of one channel."),
    Param("dream.channel_index", 0, 0, 1023, "", "step", 25, "Which channel; wraps round at the stage's last."),
    Param("dream.class", 0.0, 0.0, 1.0, "", "lin", 26,
          "Pull towards answers that show what is heard: the model's own, or ImageNet's; a taught class has none."),
    Param("dream.size", 432, 160, 1024, "px", "step", 27, "Height of the dreamed picture."),
    Param("dream.return", 0.18, 0.0, 0.5, "", "lin", 28, "Leak back to the class picture (awaken)."),
    Param("dream.rate", 12.0, 1.0, 60.0, "1/s", "exp", 29, "Dreams a second to aim for; a slow machine dreams smaller."),
    Param("dream.seed", 0, 0, 9999, "", "step", 30, "Seed of all chance in the dream; with 0 each fresh dream of a show draws its own."),
    Param("dream.spectrogram", 0.0, 0.0, 1.0, "", "lin", 31, "Dream on the picture of the sound that is heard."),
    Param("dream.wander", 0.5, 0.0, 1.0, "", "lin", 39, "How far the dream looks round in the class picture."),
    Param("dream.colour", 0.3, 0.0, 2.0, "", "lin", 93, "How much colour the climb brings in; 0 none, 1 as photographs have."),
    Param("zoom.speed", 0.12, -1.0, 2.0, "1/s", "lin", 40, "Growth of the picture."),
    Param("zoom.rotate", 0.0, -90.0, 90.0, "deg/s", "lin", 41, "Turn of the picture."),
    Param("zoom.pan_x", 0.0, -1.0, 1.0, "1/s", "lin", 42, "Drift to the side."),
    Param("zoom.pan_y", 0.0, -1.0, 1.0, "1/s", "lin", 43, "Drift upwards."),
    Param("zoom.mode", 0, 0, len(MODES) - 1, "", "step", 44, "Shape of the motion.", MODES, "z"),
    Param("zoom.echo", 0.0, 0.0, 0.98, "", "lin", 45, "How much of the last frame returns, zoomed."),
    Param("post.hue", 0.0, -180.0, 180.0, "deg", "circle", 48, "Hue rotation."),
    Param("post.saturation", 1.1, 0.0, 2.0, "", "lin", 49, "Colour strength."),
    Param("post.contrast", 1.05, 0.5, 2.0, "", "exp", 50, "Contrast round middle grey."),
    Param("post.gamma", 1.0, 0.4, 2.5, "", "exp", 51, "Brightness of the middle tones."),
    Param("post.bloom", 0.2, 0.0, 1.0, "", "lin", 52, "Glow of bright places."),
    Param("post.trails", 0.0, 0.0, 0.98, "", "lin", 53, "Afterimage."),
    Param("post.mirror", 0, 0, 8, "", "step", 54, "Kaleidoscope: 0 off, 1 halves, else segments."),
    Param("post.chroma", 0.0, 0.0, 1.0, "", "lin", 55, "Colour fringes towards the edge."),
    Param("post.glitch", 0.0, 0.0, 1.0, "", "lin", 56, "Torn lines and blocks."),
    Param("post.grain", 0.04, 0.0, 1.0, "", "lin", 57, "Film grain."),
    Param("post.vignette", 0.25, 0.0, 1.0, "", "lin", 58, "Darker corners."),
    Param("post.sharpen", 0.2, 0.0, 1.0, "", "lin", 59, "Crisper edges."),
    Param("post.tint", 0.0, 0.0, 1.0, "", "lin", 46, "One colour in place of all, from black to white."),
    Param("post.tint_hue", 40.0, 0.0, 360.0, "deg", "circle", 47, "Which colour that is: 0 red, 120 green, 240 blue."),
    Param("show.master", 1.0, 0.0, 1.0, "", "lin", 60, "Brightness of the whole picture."),
    Param("show.blackout", 0, 0, 1, "", "step", 61, "Black picture; everything goes on behind it.", SWITCH, "b"),
    Param("show.freeze", 0, 0, 1, "", "step", 62, "Hold the picture.", SWITCH, "f"),
    Param("show.morph", 0.0, 0.0, 30.0, "s", "lin", 63, "Time a preset takes to glide in; 0 cuts."),
    Param("show.quantise", 0, 0, 2, "", "step", 64, "Presets wait for the next ...", ("now", "beat", "bar")),
)

LATE = ("dream.colour",)  # targets that came later stand last: the numbers of the others (not their positions) are in people's patches
TARGETS = tuple(sorted((row.name for row in ROWS if row.curve != "step" and row.group in ("dream", "zoom", "post")), key=LATE.__contains__))

PARAMS = ROWS + (
    _slot(1, 78, "pulse", "zoom.speed", 0.08)
    + _slot(2, 81, "low", "post.bloom", 0.3)
    + _slot(3, 84, "level", "dream.step", 0.02)
    + _slot(4, 87, "high", "post.chroma", 0.3)
    + _slot(5, 90, "off", "post.hue", 0.0)
    + _slot(6, 102, "off", "zoom.rotate", 0.0)
    + _slot(7, 105, "off", "dream.layer", 0.0)
    + _slot(8, 108, "off", "post.glitch", 0.0)
)
SLOTS = tuple(f"mod.{number}" for number in range(1, 9))


@dataclass(frozen=True, slots=True)
class Command:
    """Something that happens once: on a key, an OSC message or a pad.

    named: it takes a name or a number. repeats: again and again while its key is held. released: the command that it is to
    let go of its key, pad or button.
    """

    name: str
    key: str
    doc: str
    named: bool = False
    repeats: bool = False
    released: str = ""

    @property
    def address(self):
        return "/hs/" + self.name.replace(".", "/")


HELD = 0.5  # s; what is let go sooner was a tap

COMMANDS = (
    Command("preset.load", "", "Recall a preset by number or name; keys 1 to 9 recall the first nine.", named=True),
    Command("preset.next", "right", "Recall the next preset."),
    Command("preset.previous", "left", "Recall the preset before."),
    Command("preset.save", "s", "Save the present look as a new preset, or under the name given (with a number where that is in use).",
            named=True),
    Command("preset.morph", "", "Glide to a preset, or else to the next one, in the time of show.morph, at least 2 s.", named=True),
    Command("preset.back", "backspace", "Back to the look before the last recall or panic; once more: forth again. Calls off a recall that "
            "still waits."),
    Command("row.next", "down", "Select the next row for + and -; the first press only shows the HUD's page.", repeats=True),
    Command("row.previous", "up", "Select the row before.", repeats=True),
    Command("row.group", "pagedown", "Select the first row of the next group."),
    Command("row.select", "", "Select the row named.", named=True),
    Command("row.more", "+", "Turn the row selected up; rows in steps by a step.", repeats=True),
    Command("row.less", "-", "Turn the row selected down.", repeats=True),
    Command("row.default", "delete", "Put the row selected back to its default."),
    Command("midi.learn", "l", "The next MIDI control moved plays the row selected, or the row, command or preset named; "
            "once more: give up.", named=True),
    Command("midi.forget", "", "Forget what was learned for the row selected, or the row, command or preset named.",
            named=True),
    Command("show.panic", "p", "The look to its defaults, a fresh dream, and no tapped tempo; what belongs to the room stays as it is."),
    Command("show.calm", "", "As panic, but show.master and show.freeze stay as they are: what all notes off by MIDI is."),
    Command("show.reseed", "r", "A fresh dream with the values as they are, another one where dream.seed is 0."),
    Command("show.screenshot", "c", "Save the picture as PNG."),
    Command("show.record", "v", "Start or stop recording a video."),
    Command("show.fullscreen", "enter", "Full screen and back."),
    Command("show.hud", "tab", "Show or hide the HUD."),
    Command("show.hud_window", "w", "Move the HUD to a window of its own, with a preview, or back into the picture."),
    Command("show.spectrogram", "g", "Show or hide the spectrogram in the HUD."),
    Command("show.network", "", "Dream with another network: a torchvision name, a GoogLeNet file, or own.", named=True),
    Command("show.model", "", "Hear and dream with another model: its name or folder.", named=True),
    Command("show.help", "f1", "Show or hide the keys."),
    Command("show.quit", "escape", "End the show; on the key, the second time within two seconds."),
    Command("tap", "space", "Tap the tempo."),
    Command("tap.forget", "m", "The tempo tapped counts no more: back to that of MIDI clock or of the sound."),
    Command("teach.start", "t", "An example of the class named, or of the last one, while it is held (at most 30 s) or until once more.",
            named=True, released="teach.release"),
    Command("teach.release", "", f"End the example, unless it began less than {HELD:g} s ago: what letting go of teach.start is."),
    Command("teach.stop", "", "End the example and learn it; for a new class with the picture of the class named.", named=True),
    Command("teach.new", "n", "The next examples are of another class: new_class, new_class_2 and so on."),
    Command("teach.forget", "", "Forget the class named, or the one taught last.", named=True),
)

RECALLS = ("1 .. 9", "Recall one of the first nine presets.")  # keys, and what they do
TOUCHDESIGNER, SHOW, EAR = 10000, 10001, 10002  # UDP ports on which OSC is received

OLD_NAMES: dict[str, str] = {}

BY_NAME = {row.name: row for row in PARAMS}
DEFAULTS = {row.name: float(row.default) for row in PARAMS}
COMMAND_NAMES = tuple(command.name for command in COMMANDS)
RELEASES = {command.name: command.released for command in COMMANDS if command.released}
UP = " up"  # behind the name of a key: it is let go


def found(name):
    """The row of a name, be it one of before; ValueError, with the nearest name, for one that is none."""
    name = OLD_NAMES.get(name, name)
    if name not in BY_NAME:
        raise ValueError(f"no parameter {name!r}: {_nearest(str(name))}")
    return BY_NAME[name]


def checked(edits):
    """`edits` with every value made legal, or FOLLOWING; ValueError names an unknown row or a value that is no number."""
    legal = {}
    for name, value in edits.items():
        row = found(name)
        legal[row.name] = value if value is FOLLOWING else row.clamp(value)
    return legal


def _nearest(name):
    from difflib import get_close_matches

    near = get_close_matches(name, BY_NAME, 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else "`hearsee params` lists them all"
