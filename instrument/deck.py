"""The preset in play: recalling, gliding, waiting for the beat, saving."""

from concurrent.futures import ThreadPoolExecutor

from .lastlook import LastLook
from .params import BY_NAME, DEFAULTS
from .presets import LOOK, Glide, read

LEAST_MORPH = 2.0  # s; what `preset.morph` takes where show.morph is shorter
# What a panic brings back. How loud the room is, what the machine can, and whether the stage is dark, it leaves.
CALM = {row.name: float(row.default) for row in LOOK}
STAGE = {"show.freeze": 0.0, "show.master": DEFAULTS["show.master"]}  # what it brings back besides, where a player has pressed it
_OF_LOOK = frozenset(row.name for row in LOOK)


class Deck:
    """Recalls presets of `bank` into `control`. Main thread; time is passed in (s).

    `notice(text)` is told, in one line, where a preset was saved, or why not: no frame waits for a disk. `keep`: the look as it
    is goes into the file `bank.last`.
    """

    def __init__(self, bank, control, clock, notice=print, keep=False):
        self.bank, self.preset, self.message = bank, None, ""  # preset: the one in play, None before the first
        self._control, self._clock, self._notice = control, clock, notice
        self._writer = ThreadPoolExecutor(1, "presets")  # one after the other: each takes the next number
        self._last = LastLook(bank.last, self._writer.submit, notice) if keep else None
        self._saving = []  # (what is to become of it, the path of the preset that was in play)
        self._saved = None  # path of the last one that was
        self._waiting = None  # (due, Preset, seconds)
        self._glide = None
        # (preset, values, what was set) before the last recall or panic: values of the look, and of what else was set
        self._before = None
        self._numbered = None, 0, ""  # (preset, its number, its title): to look them up means to read folders

    @property
    def path(self):
        """File of the preset in play, None before the first."""
        return self.preset and self.preset.path

    @property
    def name(self):
        """Title of the preset in play, "" before the first."""
        return self._looked_up[2]

    @property
    def number(self):
        """Number of the preset in play, 0 before the first."""
        return self._looked_up[1]

    @property
    def _looked_up(self):
        if self._numbered[0] is not self.preset:
            known = (self.bank.number(self.path), self.bank.title(self.path)) if self.preset else (0, "")
            self._numbered = self.preset, *known
        return self._numbered

    @property
    def left(self):
        """The look that the show before left, a preset, or None."""
        return self._last and self._last.left

    def begin(self, preset, values):
        """The show begins with this preset, or None, and this look; what is turned from here on is worth keeping."""
        self.preset = preset
        if self._last:
            self._last.begin(values)

    def ask(self, name, argument, now, values):
        """Carry out one of the preset commands; ValueError or OSError in one line, and nothing has changed."""
        self.message = ""
        if name == "preset.save":
            self._saving.append((self._writer.submit(self._save, values, argument if isinstance(argument, str) else ""), self.path))
            self._glide = None  # what was saved stays
        elif name == "preset.back":
            self._go_back(values)
        else:
            self._recall(name, argument, now, values)

    def _save(self, values, name):
        """The preset that was saved. The writer's thread."""
        return read(self.bank.save(values, name))

    def _recall(self, name, argument, now, values):
        self._wait_for_saved()  # it may be the one that is asked for
        seconds = values["show.morph"]
        if name == "preset.morph":
            seconds = max(seconds, LEAST_MORPH)
        preset = self._wanted(name, argument)  # now, not on the beat: a broken one is refused at once
        due = self._clock.due(values["show.quantise"], now)
        self._waiting = due, preset, seconds
        if due > now and not self.message:
            unit = BY_NAME["show.quantise"].text(values["show.quantise"])
            self.message = f"{self.bank.title(preset.path)} comes with the {unit}, in {due - now:.1f} s"

    def _go_back(self, values):
        if self._waiting:  # not yet played: to go back is to leave all as it is
            self.message = f"{self.bank.title(self._waiting[1].path)} called off"
            self._waiting = None
            return
        if self._before is None:
            raise ValueError("nothing to go back to: no preset was recalled and no panic pressed yet")
        preset, before, came = self._before
        gliding = self._glide.end if self._glide else {}
        # What belongs to the room stays as a player has set it since.
        before = {name: value for name, value in before.items() if name in _OF_LOOK or name in gliding or values[name] == came[name]}
        self._keep(values, before)
        self._glide, self.preset = None, preset
        self._control.apply(before)

    def _keep(self, values, coming):
        """Remember the look and all rows of `coming` as they are, or as they were about to be, to go back to."""
        kept, gliding = {name: values[name] for name in (*_look(values), *coming)}, self._glide.end if self._glide else {}
        self._before = self.preset, {**kept, **gliding}, {**{name: values[name] for name in gliding}, **coming}

    def _leave(self, values, coming):
        """Remember what is there, unless it is the coming one already: pressing again must not lose the one before. Nor
        within the same frame, in which the values are still those of before: then only what else is to change."""
        if all(values[name] == value for name, value in coming.items()):
            return
        preset, before, came = self._before or (None, {}, {})
        if before and all(values[name] == value for name, value in before.items()):
            self._before = preset, {name: values[name] for name in (*before, *coming)}, {**came, **coming}
        else:
            self._keep(values, coming)

    def _wanted(self, name, argument):
        if name in ("preset.next", "preset.previous"):
            return self._beside(1 if name == "preset.next" else -1)
        if name == "preset.morph" and argument in (None, ""):  # from a pad, which says no more
            return self._beside(1)
        if argument in (None, ""):
            raise ValueError(f"{name} needs a preset's number or name")
        path = self.bank.find(argument)
        return self.left if self.left and path == self.left.path else read(path)  # the file has the look of this show by now

    def _beside(self, step):
        """The next preset that can be read, so that a broken one does not bar the way; it is said."""
        path, mistake = self._waiting[1].path if self._waiting else self.path, None
        for _ in self.bank.paths() or [None]:
            path = self.bank.beside(path, step)
            try:
                return read(path)
            except (ValueError, OSError) as error:
                mistake = error
                self.message = f"passed over: {error}"
        raise mistake

    def update(self, now, values):
        """Start what is due and move the glide on: the control has those values at once."""
        while self._saving and self._saving[0][0].done():
            self._see_saved(*self._saving.pop(0))
        if self._waiting and now >= self._waiting[0]:
            _, preset, seconds = self._waiting
            self._waiting = None
            self._begin(preset, seconds, now, values)
        if self._glide:
            self._glide.leave(self._control.touched())
            self._control.apply(self._glide.step(now, values))
            if self._glide.done(now):
                self._glide = None
        if self._last:
            self._last.update(now, self._control.values)

    def close(self):
        """Wait until all is saved, and say so."""
        self._wait_for_saved()
        if self._last:
            self._last.close(self._control.values)
        self._writer.shutdown()

    def _wait_for_saved(self):
        while self._saving:
            self._see_saved(*self._saving.pop(0))

    def _see_saved(self, saving, before):
        try:
            preset = saving.result()
        except (OSError, ValueError) as mistake:
            return self._notice(str(mistake))
        if self.path in (before, self._saved):  # nothing was recalled meanwhile
            self.preset, self._saved = preset, preset.path
        self._notice(f"saved {preset.path}")

    def _begin(self, preset, seconds, now, values):
        if not self._plays(preset, values):  # pressed twice: the look of before is the one before the first
            self._leave(values, preset.values)
        self._glide, self.preset = None, preset
        if seconds <= 0:
            self._control.apply(preset.values)
        else:
            self._control.touched()  # before
            self._glide = Glide(values, preset.values, now, seconds)

    def _plays(self, preset, values):
        """Whether the look is that of a preset, or on its way there; the room may be another by now."""
        look = {name: value for name, value in preset.values.items() if name in _OF_LOOK}
        return preset.path == self.path and (self._glide or all(values[name] == value for name, value in look.items()))

    def panic(self, values, pressed=True):
        """The look to its defaults at once, and the stage, if it was `pressed`; whatever was on its way is forgotten."""
        coming = {**CALM, **STAGE} if pressed else CALM
        changed = {name: values[name] for name, value in coming.items() if values[name] != value}
        if self._before and self.preset is None and not changed.keys() & CALM.keys():
            preset, before, came = self._before  # once more: the look before the first one stays, with the stage as it was by now
            self._before = preset, {**before, **changed}, {**came, **coming}
        else:
            self._leave(values, coming)
        self._waiting = self._glide = self.preset = None
        self._control.apply(coming)


def _look(values):
    return {row.name: values[row.name] for row in LOOK}
