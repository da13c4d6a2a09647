"""The show's side of teaching: hands the commands on to `listen`, and gives each new class a picture."""

import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from .features import AGAIN, CLASS, LISTENING, REFUSED, simple
from .files import aged, photograph, put
from .lesson import meant
from .params import BY_NAME, EAR

PATIENCE = 15.0  # s that another model is waited for


class Teaching:
    """`remote` sends to `listen` (None: there is none of ours), which saves taught models in `folder`.

    `frames` is the mailbox of dreams, `learn(name, picture)` takes the picture (3, h, w) of a new class.
    `classes` are those known now: at first the model's, then those that `listen` publishes. `say(text)`
    tells the player what went wrong. `over()`: whether the sound has ended, and `listen` with it.
    """

    def __init__(self, remote, folder, frames, learn, classes, say=print, awaits=(), clock=time.monotonic, over=lambda: False):
        """`awaits`: classes that `listen`, on its way to another model, will publish in the place of those of now; if it
        does not come there, those of now count."""
        self.classes, self._awaited = list(classes), set(awaits)
        self._clock, self._until = clock, clock() + PATIENCE
        self._remote, self._folder, self._frames, self._learn = remote, Path(folder), frames, learn
        self._say, self._over = say, over
        self._pictured = set(classes)
        self._there = False  # whether `listen` has a network that could learn
        self._holding, self._since = False, 0.0  # an example goes on; when it began
        self._snapshots = {}  # class, as it was called: the dream when its example ended
        self._note = ""  # the newest of `listen`
        self._listened = ""  # the class that `listen` has last listened to
        self._new = False  # whether `listen` was started again, and knows nothing of that
        self._saving = []  # threads, each with a picture
        self._asked = None  # the one before an example was ended: another is the answer

    def go_on(self, before):
        """Take over the example that goes on from the Teaching of the model before."""
        self._holding, self._since, self._listened = before._holding, before._since, before._listened

    def close(self):
        """Wait for the pictures that are being saved."""
        for thread in self._saving:
            thread.join()

    def carry_out(self, name, argument=None):
        """One of the teach commands, as `meant` takes it. ValueError if none can learn."""
        argument = argument if isinstance(argument, str) else None
        name = meant(name, argument, self._clock() - self._since if self._holding else None)
        if not name:
            return
        self._check()
        argument = self._reminded(name, argument)
        if name == "teach.start" and argument:
            if self._holding and argument != self._listened:  # `listen` learns that one first
                self._snapshots[self._listened] = self._dream()
            self._listened = argument
        if name in ("teach.start", "teach.stop"):
            self._holding, self._since = name == "teach.start", self._clock()
        if name == "teach.stop":
            self._asked = self._note
            self._snapshots[self._listened] = None if argument else self._dream()
        self._remote.command(name, argument)

    def _reminded(self, name, argument):
        """The argument, or where none is given to a `listen` that was started again the class that the one before had taught."""
        forgot, self._new = self._new, self._new and name == "teach.stop"
        return argument or (self._listened or None if forgot and name in ("teach.start", "teach.forget") else None)

    def _check(self):
        """ValueError if nobody can learn."""
        if self._remote is None:
            raise ValueError(f"the sound is heard elsewhere: send /hs/teach/... to that `hearsee listen` (port {EAR})")
        if self._over():
            raise ValueError("the sound has ended, and nobody listens any more: begin again with --loop, or a microphone")
        if not self._there:
            raise ValueError("`listen` has no network yet that could learn: try again when it names what it hears")

    def follow(self, features):
        """Take up the classes that `listen` publishes."""
        found = [name.removeprefix(CLASS) for name in features if name.startswith(CLASS)]
        self._there = bool(found)  # one that was started again publishes none until it is up
        self._new = self._new or not found
        self._answer(features.get("teach.note", ""))
        waits = not self._awaited <= set(found) and self._clock() < self._until
        if waits or features.get("frame", 2) < 2:  # the first tick may have come in part only
            return
        self._awaited = set()
        if found and found != self.classes:
            self.classes = found
            self._pictured &= set(found)  # what was forgotten may be taught anew
            for name in set(found) - self._pictured:
                self._picture(name)

    def _answer(self, note):
        """Whether an example that was begun or ended has come to something."""
        if not self._there and (self._holding or self._asked is not None):
            self._holding, self._asked, self._snapshots = False, None, {}
            self._say("the example is lost, as `listen` has ended: begin it anew once it hears again")
        self._asked = self._asked if note == self._asked else None
        self._holding = self._holding and not (note != self._note and note.startswith(REFUSED))
        self._note = note
        if note.startswith(LISTENING):
            self._listened = note.removeprefix(LISTENING).removesuffix(AGAIN)

    def _dream(self):
        """The dream as it is now, uint8 (h, w, 3), or None."""
        frame = self._frames.peek()
        if frame is None:
            return None
        pixels = frame.pixels if isinstance(frame.pixels, np.ndarray) else frame.pixels.cpu().numpy()  # sync point
        return pixels[..., :3].copy()

    def _picture(self, name):
        """Show a new class: the dream of the moment it was taught, or the picture that its folder has."""
        self._pictured.add(name)
        there, pixels = self._files(name), None
        if (called := self._called(name)) is not None:  # others may be taught elsewhere
            pixels = self._snapshots.pop(called)
        if pixels is None:
            pixels = _read(there[0], self._say) if there else None
        elif there:  # else it was saved elsewhere, or could not be. In a thread that may finish: a frame has no second for it
            self._saving = [*filter(threading.Thread.is_alive, self._saving),
                            threading.Thread(target=self._keep, args=(name, pixels, there), name="picture")]
            self._saving[-1].start()
        if pixels is not None:
            self._learn(name, np.asarray(pixels, np.float32).transpose(2, 0, 1) / 255)

    def _called(self, name):
        """What a class with a snapshot was called here that `listen` spells `name`; None for one taught elsewhere."""
        return next((called for called in self._snapshots if simple(called) == name), None)

    def _files(self, name):
        """Its pictures in the folder, by the names that a model's pictures have: there is one, or none."""
        from .model.card import PICTURES

        paths = [self._folder / "pictures" / (name + suffix) for suffix in PICTURES]
        return [path for path in paths if path.is_file()]

    def _keep(self, name, pixels, there):
        """Put `pixels` in the place of the files that are `there`; what cannot be written is dreamed all the same."""
        path = self._folder / "pictures" / f"{name}.png"
        part = self._folder.with_name(f".{self._folder.name}.{name}.png")  # nobody takes a half one for the picture
        try:
            Image.fromarray(pixels).save(part)
            aged(part)
            put(part, path)
            for other in there:
                if other != path:
                    other.unlink(missing_ok=True)
        except OSError as problem:
            part.unlink(missing_ok=True)
            self._say(f"{path}: the picture of {name} is not saved ({problem.strerror or problem}); it is dreamed until "
                      "the show ends: make the folder writable and teach once more")


def _read(path, say):
    """Pixels (h, w, 3), uint8, of a picture; None for a damaged one, which is said."""
    try:
        return photograph(path, int(BY_NAME["dream.size"].hi))
    except ValueError as problem:
        say(f"{problem}; until then {path.stem} is dreamed without one")
        return None
