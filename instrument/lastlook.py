"""The look as it last was: kept in the home folder while a show goes on, so that a crash costs seconds of it."""

from .files import held
from .presets import LOOK, read, save

EVERY = 10.0  # s between two savings of a look that changes


def hindrance(bank, stack):
    """Why this show cannot keep its look where `bank` looks for it, in a line; "" where it can: then no other may until `stack` ends."""
    path = bank.last
    other = next((each for each, name in zip(bank.paths(), bank.names(), strict=True) if name.casefold() == path.stem), None)
    if other:
        return f"the look of this show is not kept in {path}: your preset {other.name} is called so too, rename it"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = stack.enter_context(held(path.with_suffix(".in-use")))
    except OSError:
        return ""  # said when it is to be saved
    return "" if mine else f"the look of this show is not kept: another show keeps its own in {path}"


class LastLook:
    """Keeps the look in the file `path`. `submit(call, *arguments)` gives a future of what a thread does, one call after the other;
    `notice(text)` is told, in one line, what fails. Main thread; time is passed in (s)."""

    def __init__(self, path, submit, notice):
        self._path, self._submit, self._notice = path, submit, notice
        self.left = _left(path)  # the preset that the show before left there, or None
        self._kept = self._due = self._writing = None
        self._fault = ""

    def begin(self, values):
        """The look that the show begins with is nobody's work; without this that of the first update is."""
        self._kept = _look(values)

    def update(self, now, values):
        """Save the look every EVERY s where it has changed."""
        if self._due is None:
            self._kept, self._due = self._kept or _look(values), now + EVERY
        if now >= self._due:
            self._due = now + EVERY
            if not self._writing or self._writing.done():
                self._keep(_look(values))

    def close(self, values):
        """Save it a last time, and wait until it is."""
        if self._due is not None:
            self._keep(_look(values))
            self._see_written()

    def _keep(self, look):
        self._see_written()
        if look != self._kept:
            self._kept, self._writing = look, self._submit(save, self._path, look)

    def _see_written(self):
        """What became of the last saving: a fault is said once, and it is tried again."""
        fault = self._writing and self._writing.exception()
        self._writing = None
        if not fault:
            return
        self._kept = None
        text = f"{self._path}: the look is not kept for the next show ({getattr(fault, 'strerror', None) or fault}); see to that folder"
        if text != self._fault:
            self._notice(text)
        self._fault = text


def _left(path):
    try:
        return read(path)
    except (ValueError, OSError):
        return None


def _look(values):
    return {row.name: values[row.name] for row in LOOK}
