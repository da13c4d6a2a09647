"""The preset in play: recalling, gliding, waiting for the beat, saving."""

from .params import DEFAULTS
from .presets import Glide, read

LEAST_MORPH = 2.0  # s; what `preset.morph` takes where show.morph is shorter


class Deck:
    """Recalls presets of `bank` into `control`. Main thread; time is passed in (s)."""

    def __init__(self, bank, control, clock):
        self.bank, self.path, self.message = bank, None, ""
        self._control, self._clock = control, clock
        self._waiting = None  # (due, path, seconds)
        self._glide = None

    @property
    def name(self):
        """Name of the preset in play, "" before the first."""
        from .presets import label

        return label(self.path) if self.path else ""

    @property
    def number(self):
        return self.bank.number(self.path) if self.path else 0

    def ask(self, name, argument, now, values):
        """Carry out one of the preset commands; ValueError or OSError in one line, and nothing has changed."""
        if name == "preset.save":
            self.path = self.bank.save(values, argument or "")
            self.message = f"saved {self.path}"
            return
        seconds = values["show.morph"]
        if name == "preset.morph":
            seconds = max(seconds, LEAST_MORPH)
        path = self._wanted(name, argument)
        read(path)  # a broken preset is refused now, not on the beat
        self._waiting = (self._clock.due(values["show.quantise"], now), path, seconds)

    def _wanted(self, name, argument):
        if name in ("preset.next", "preset.previous"):
            return self.bank.beside(self._waiting[1] if self._waiting else self.path, 1 if name == "preset.next" else -1)
        if argument in (None, ""):
            raise ValueError(f"{name} needs a preset's number or name")
        return self.bank.find(argument)

    def update(self, now, values):
        """Start what is due and move the glide on; edits go to the control. Call before `control.frame()`."""
        if self._waiting and now >= self._waiting[0]:
            _, path, seconds = self._waiting
            self._waiting = None
            self._begin(path, seconds, now, values)
        if self._glide:
            self._control.submit(self._glide.step(now, values))
            if self._glide.done(now):
                self._glide = None

    def _begin(self, path, seconds, now, values):
        wanted = read(path).values
        self._glide, self.path, self.message = None, path, ""
        if seconds <= 0:
            self._control.submit(wanted)
        else:
            self._glide = Glide(values, wanted, now, seconds)

    def panic(self):
        """All rows to their defaults at once; whatever was on its way is forgotten."""
        self._waiting = self._glide = self.path = None
        self._control.submit(DEFAULTS)
