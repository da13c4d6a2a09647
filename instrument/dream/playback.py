"""Loops dreamed beforehand, played instead of dreaming on machines too weak for it. Owns their folder:

    loops.json            {"fps", "frames", "size", ...}: what all loops of the folder share
    CLASS/0000.png ...    one seamless loop a class
    CLASS.mp4             the same as a video, for other programs
"""

import json
import math
import random
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import one_line
from ..heard import FADE
from ..motion import NOWHERE
from .loop import Frame, Loop
from .objective import FEWEST

FOLDER = Path("out") / "loops"  # where loops are unless told otherwise
CARD = "loops.json"
LOOSE, FAR = 1.5, 3.4  # frames by which what is shown may lie beside what is due; by which it leaps
MEMORY = 400_000_000  # bytes of decoded pictures kept


class Loops:
    """The loops of a folder: `classes`, `fps`, `frames` of each. ValueError in one line where there are none."""

    def __init__(self, folder):
        self.folder = Path(folder)
        card = read_card(self.folder)
        self.fps, self.frames = card["fps"], card["frames"]
        self.classes = [path.stem for path in sorted(self.folder.glob("*.mp4"))
                        if frame_path(path.with_suffix(""), self.frames - 1).exists()]
        if not self.classes:
            raise ValueError(f"{self.folder}: no loop is finished; run `hearsee prerender --out {self.folder}` again")
        width, height = card["size"]
        self._read = lru_cache(max(2, MEMORY // (3 * width * height)))(read_picture)

    def picture(self, name, number):
        """One frame of a class, uint8 (h, w, 3)."""
        return self._read(frame_path(self.folder / name, number % self.frames))

    def mixture(self, shares, number):
        """The frames `number` of loops {class: share} blended."""
        shown = {name: share for name, share in shares.items() if share >= FEWEST}
        return blend([(self.picture(name, number), share / sum(shown.values())) for name, share in shown.items()])


class Playback(Loop):
    """Plays `Loops` in place of `DreamLoop`: cross-fades them by the class weights of the newest scene.

    They move as they were made to; `zoom.*` of now does not carry them, as the next picture would not go on from there.
    """

    def __init__(self, loops, frames, clock=time.perf_counter):
        super().__init__(frames, clock)
        self._loops = loops
        self._offset, self._shares = 0, {}
        self._number = None  # of the frame shown last
        self._aim = {loops.classes[0]: 1.0}  # where the shares lead
        self._played, self._last = None, None  # when, what

    def _turn(self, scene):
        """The frame that is due at the time of a scene, unless the picture is held."""
        if scene.values["show.freeze"] and self._last is not None:
            self._put = None  # what is held is no slow frame
            return
        if self._fresh.is_set():
            self._fresh.clear()
            self._offset = random.randrange(self._loops.frames)
        now = scene.place.time if scene.place else scene.now
        if now != self._played:  # else time stands still
            self._number = following(self._number, now * self._loops.fps)
        self._fade(scene.weights, now)
        self._last = cut(self._loops.mixture(self._shares, self._number + self._offset), scene.aspect)
        self._frames.put(Frame(opaque(self._last), self._rate(), "", NOWHERE))

    def _wanted(self, scene):
        return 1 / self._loops.fps

    def _complaint(self, error):
        return f"a frame cannot be played: {one_line(error)}"

    def _fade(self, weights, now):
        """Move the shares on, as `heard` lets a class into a live dream, to those of the classes heard; where most of what is heard
        has no loop, to what was wanted last."""
        known = {name: weight for name, weight in weights.items() if weight >= FEWEST and name in self._loops.classes}
        if known and sum(known.values()) >= sum(weights.values()) / 2:
            self._aim = {name: weight / sum(known.values()) for name, weight in known.items()}
        elapsed, self._played = (math.inf if self._played is None else max(0.0, now - self._played)), now
        kept = math.exp(-elapsed / FADE)
        self._shares = {name: kept * self._shares.get(name, 0.0) + (1 - kept) * self._aim.get(name, 0.0)
                        for name in {**self._shares, **self._aim}}


def following(number, due):
    """The frame to show after `number` when `due` (a fraction of one counts) would be: the next one as long as that is about
    there, for two clocks never tick alike, and a frame shown twice here for one left out there would be seen."""
    if number is None or abs(due - number) > FAR:
        return int(due)
    ahead = due - (number + 1)
    return number + (0 if ahead < -LOOSE else 2 if ahead > LOOSE else 1)


def blend(parts):
    """Pictures [(uint8 (h, w, 3), share)] mixed, shares adding up to 1, with the contrast that the parts have.

    A plain mean of unlike pictures is flat, so it is spread about its mean again.
    """
    if len(parts) == 1:
        return parts[0][0]
    mixed = sum(picture.astype(np.float32) * np.float32(share) for picture, share in parts)
    mean = mixed.mean((0, 1))
    wanted = sum(share * picture.std() for picture, share in parts)
    gain = wanted / max(float(mixed.std()), 1e-3)
    return ((mixed - mean) * np.float32(max(gain, 1.0)) + mean).clip(0, 255).round().astype(np.uint8)


def cut(picture, aspect):
    """The middle of a picture (h, w, 3), as wide as `aspect` times its height, or as high as that asks for."""
    height, width = picture.shape[:2]
    wide, high = min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))
    left, top = (width - wide) // 2, (height - high) // 2
    return picture[top:top + high, left:left + wide]


def opaque(picture):
    """uint8 (h, w, 3) as (h, w, 4)."""
    pixels = np.full((*picture.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = picture
    return pixels


def frame_path(folder, number):
    """File of a frame of the loop in `folder`."""
    return Path(folder) / f"{number:04d}.png"


def read_picture(path):
    """A picture file as uint8 (h, w, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def read_card(folder):
    """What all loops of a folder share; ValueError in one line."""
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        kept = {**card, "fps": float(card["fps"]), "frames": int(card["frames"]), "size": list(map(int, card["size"]))}
        if not min(kept["fps"], kept["frames"], *kept["size"]) > 0 or len(kept["size"]) != 2:
            raise ValueError("fps, frames and size are numbers above 0")
        return kept
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: no loops there; make them with `hearsee prerender --out "
                         f"{folder}`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): render into another folder") from None
