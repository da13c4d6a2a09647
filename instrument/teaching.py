"""The show's side of teaching: hands the commands on to `listen`, and gives each new class a picture."""

from pathlib import Path

import numpy as np
from PIL import Image

from .features import CLASS


class Teaching:
    """`remote` sends to `listen` (None: there is none of ours), which saves taught models in `folder`.

    `frames` is the mailbox of dreams, `learn(name, picture)` takes the picture (3, h, w) of a new class.
    `classes` are those known now: at first the model's, then those that `listen` publishes.
    """

    def __init__(self, remote, folder, frames, learn, classes):
        self.classes = list(classes)
        self._remote, self._folder, self._frames, self._learn = remote, Path(folder), frames, learn
        self._pictured = set(classes)
        self._holding, self._snapshot = False, None

    def carry_out(self, name, argument=None):
        """One of the teach commands; a second start without a name ends the example. ValueError without a `listen`."""
        if self._remote is None:
            raise ValueError("the sound is heard elsewhere: send /hs/teach/... to that `hearsee listen` (port 10002)")
        argument = argument if isinstance(argument, str) else None
        if name == "teach.start" and self._holding and not argument:
            name = "teach.stop"
        self._holding = name == "teach.start"
        if name == "teach.stop":
            self._snapshot = None if argument else self._dream()
        self._remote.command(name, argument)

    def follow(self, features):
        """Take up the classes that `listen` publishes."""
        found = [name.removeprefix(CLASS) for name in features if name.startswith(CLASS)]
        if found and found != self.classes:
            self.classes = found
            self._pictured &= set(found)  # what was forgotten may be taught anew
            for name in set(found) - self._pictured:
                self._picture(name)

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
        there = sorted((self._folder / "pictures").glob(f"{name}.*"))
        if self._snapshot is not None and there:
            for path in there:
                path.unlink()
            there = [self._folder / "pictures" / f"{name}.png"]
            Image.fromarray(self._snapshot).save(there[0])
            self._snapshot = None
        if there:
            with Image.open(there[0]) as picture:
                self._learn(name, np.asarray(picture.convert("RGB"), np.float32).transpose(2, 0, 1) / 255)
