"""The paper's three sets: baseline (as long as they are), padded to 4 s, rolled in time.

Clips are kept as levels (128 x frames bytes) on disk; pictures are drawn from them when they are asked for.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from ...files import write_whole
from ..dataset import fingerprint, read
from .pictures import FRONT_END, jpeg, levels, picture, squash

SETS = ("baseline", "padded", "rolled")
SECONDS = 4.0
TURNS = (0.0, 0.25, 0.5, 0.75)  # a turn of -25 % is one of 75 %
PUBLISHED_TURNS = (0.0, 0.25, 0.5, 0.75, -0.25, -0.5, -0.75)


def pad(samples, seconds=SECONDS, rate=FRONT_END.rate):
    """Both ends held at their last value until the clip lasts `seconds`; longer clips are left alone.

    As in the original; what is held is one sample's value, so the flanks are silent.
    """
    missing = max(0, int((seconds - len(samples) / rate) * rate / 2))
    return np.pad(samples, missing, mode="edge")


def roll(drawn, share):
    """A picture turned in time by `share` of its width: what leaves on the right comes back on the left."""
    return np.roll(drawn, round(drawn.shape[1] * share), axis=1)


def roll_as_published(drawn, share):
    """The same as the original did it: by a third of that, and what leaves a row comes back one row lower.

    It turned the flat list of rows, pixels and colours by as many numbers as it meant pixels.
    """
    return np.roll(drawn, round(drawn.shape[1] * share))


class Shelf:
    """Levels of all clips: `shelf[i]` is uint8 (128, frames). Pixels come from the disk when they are needed."""

    def __init__(self, folder, name):
        index = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
        self._ends = np.cumsum([0, *index["frames"]])
        self._columns = np.load(Path(folder) / f"{name}.npy", mmap_mode="r")

    def __len__(self):
        return len(self._ends) - 1

    def __getitem__(self, i):
        return np.asarray(self._columns[self._ends[i]:self._ends[i + 1]]).T


def fill_shelf(clips, folder, name, progress=lambda items, what: items):
    """Make the shelf `name` ("baseline" or "padded") of `clips` in `folder`, unless it is there already."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    keys = [f"{clip.path} {fingerprint([clip])}" for clip in clips]
    index = folder / f"{name}.json"
    if index.exists() and json.loads(index.read_text(encoding="utf-8"))["clips"] == keys:
        return
    index.unlink(missing_ok=True)
    lengthen = pad if name == "padded" else np.asarray
    rows = [levels(lengthen(read(clip))) for clip in progress(clips, f"{name} pictures")]
    np.save(folder / f"{name}.npy", np.ascontiguousarray(np.concatenate(rows, axis=1).T))
    write_whole(index, json.dumps({"clips": keys, "frames": [row.shape[1] for row in rows]}))


class Pictures(Dataset):
    """Pictures of some clips of a shelf, each in every turn: (uint8 (3, 224, 224), label).

    Item i is turn i % turns of clip i // turns. `published` rolls as the original did and stores as JPEG.
    """

    def __init__(self, shelf, labels, members, turns=(0.0,), published=False):
        self.shelf, self.labels, self.members = shelf, labels, members
        self.turns, self.published = turns, published

    def __len__(self):
        return len(self.members) * len(self.turns)

    def __getitem__(self, i):
        member = self.members[i // len(self.turns)]
        small = np.ascontiguousarray(squash(self.drawing(i)).transpose(2, 0, 1))
        return torch.from_numpy(small), self.labels[member]

    def drawing(self, i):
        """The picture before it is squashed, uint8 (440, 600, 3)."""
        whole = picture(self.shelf[self.members[i // len(self.turns)]])
        share = self.turns[i % len(self.turns)]
        if not self.published:
            return roll(whole, share) if share else whole
        whole = jpeg(whole)
        return jpeg(roll_as_published(whole, share)) if len(self.turns) > 1 else whole

    @property
    def truth(self):
        """Labels of all items, int (n,)."""
        return np.repeat([self.labels[member] for member in self.members], len(self.turns))


def turns_of(name, published):
    """The turns that make up a set."""
    if name != "rolled":
        return (0.0,)
    return PUBLISHED_TURNS if published else TURNS
