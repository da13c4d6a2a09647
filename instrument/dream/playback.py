"""Loops dreamed beforehand, played instead of dreaming on machines too weak for it. Owns their folder:

    loops.json            {"fps", "frames", "size", ...}: what all loops of the folder share
    CLASS/0000.png ...    one seamless loop a class
    CLASS.mp4             the same as a video, for other programs
"""

import json
import math
import random
import statistics
import threading
import time
from collections import deque
from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from ..behind import step_back
from ..errors import one_line
from ..heard import FADE
from ..motion import NOWHERE
from .loop import Frame, Loop
from .objective import FEWEST
from .territory import Territories, divided

FOLDER = Path("out") / "loops"  # where loops are unless told otherwise
CARD = "loops.json"
LOOSE, FAR = 1.5, 3.4  # frames by which what is shown may lie beside what is due; by which it leaps
MEMORY = 400_000_000  # bytes of pictures kept: 800 to 1300 of 720p
PACKED = {"quality": 92, "subsampling": 0}  # how they are kept: nobody sees that it is not the PNG
FULL, EASY = 0.9, 0.8  # shares of the time that there is for a frame: who needs more leaves some out, who needs less takes them up
LAST = 5  # frames that say how long one takes: no hitch is the middle one of so many
LEAD = 4  # frames that are shown before the first that is read ahead: what is needed at once is read where it is needed
ASLEEP = 0.2  # s between two looks of who reads ahead, while there is nothing to read


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
        self.kept, self.territories = Kept(MEMORY), Territories(random.random())

    def picture(self, name, number):
        """One frame of a class, a picture of Pillow's."""
        number %= self.frames
        kept = self.kept.get(name, number)
        return Image.open(BytesIO(kept)) if kept else self.take_in(name, number)

    def take_in(self, name, number):
        """Read a frame, which is kept if there is room for it."""
        picture = open_picture(frame_path(self.folder / name, number))
        if not self.kept.full_for(name):
            packed = BytesIO()
            picture.save(packed, "JPEG", **PACKED)
            self.kept.put(name, number, packed.getvalue())
        return picture

    def mixture(self, shares, number):
        """The frames `number` of loops {class: share} side by side."""
        shown = {name: share for name, share in shares.items() if share >= FEWEST}
        self.kept.show(shown)
        shares = {name: share / sum(shown.values()) for name, share in shown.items()}
        return side_by_side({name: self.picture(name, number) for name in shown}, shares, self.territories)


class Kept:
    """Frames of loops in memory, as JPEG: opened in a sixth of the time that a PNG takes, in an eighth of the room of pixels.

    Loops go round: where they do not all fit, what was shown last is what is needed last. So the frames of a class that is
    shown stay, and give way to none but those of classes that are shown later. Any thread.
    """

    def __init__(self, room):
        self._room, self._size = room, 0
        self._frames, self._shown = {}, ()  # class -> {number: bytes}, the one shown longest ago first
        self._full = set()  # of whether a class is shown: for such there was no more room
        self._lock = threading.Lock()

    def get(self, name, number):
        """A frame, or None where it is not kept."""
        return self._frames.get(name, {}).get(number)

    def full_for(self, name):
        """Whether there is no room for more of this class, until others are shown."""
        return (name in self._shown) in self._full

    def show(self, names):
        """These classes are shown from now on."""
        if tuple(names) == self._shown:
            return
        with self._lock:
            self._shown = tuple(names)
            self._full.clear()
            for name in names:
                self._frames[name] = self._frames.pop(name, {})

    def put(self, name, number, frame):
        """Keep a frame, if there is room, which classes that are shown take from others."""
        with self._lock:
            if self.get(name, number):
                return
            while self._size + len(frame) > self._room:
                if name not in self._shown or not self._give_way():
                    self._full.add(name in self._shown)
                    return
            self._frames.setdefault(name, {})[number] = frame
            self._size += len(frame)

    def _give_way(self):
        """Drop the class that was shown longest ago; whether there is one."""
        name = next((name for name, frames in self._frames.items() if frames and name not in self._shown), None)
        self._size -= sum(map(len, self._frames.pop(name, {}).values()))
        return name is not None


class Ahead:
    """A thread that takes in frames before they are due: those to come of the classes shown, then all others while there is room."""

    def __init__(self, loops):
        self.due = (), 0, 1  # classes shown, the number of a frame that is to come, and how far one is from the next
        self._loops, self._lost = loops, set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loops", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        step_back()
        while not self._stop.wait(0 if self.take_in() else ASLEEP):
            pass

    def take_in(self):
        """Take in the frame that is needed next; whether there was one."""
        place = next(filter(self._lacks, self._order(*self.due)), None)
        if place is None:
            return False
        try:
            self._loops.take_in(*place)
        except Exception:  # noqa: BLE001 - whatever it is, whoever shows that frame says so
            self._lost.add(place)
        return True

    def _lacks(self, place):
        kept = self._loops.kept
        return place not in self._lost and not kept.full_for(place[0]) and kept.get(*place) is None

    def _order(self, shown, number, stride):
        frames = self._loops.frames
        further = chain.from_iterable(range(first, frames, stride) for first in range(stride))  # what is left out comes last
        yield from ((name, (number + each) % frames) for each in further for name in shown)
        yield from ((name, number) for name in self._loops.classes for number in range(frames))


class Pace:
    """How many frames a machine goes on by: one, or as many as it takes to leave out the same number each time."""

    def __init__(self):
        self.stride = 1
        self._took = deque(maxlen=LAST)

    def took(self, seconds, period):
        """So many seconds went by for a frame, where they come every `period` s."""
        self._took.append(seconds)
        if len(self._took) < LAST:
            return
        needed = statistics.median(self._took) / period
        if needed > FULL * self.stride or needed < EASY * (self.stride - 1):
            self.stride = max(1, math.ceil(needed / FULL))
            self._took.clear()


class Playback(Loop):
    """Plays `Loops` in place of `DreamLoop`: cross-fades them by the class weights of the newest scene.

    They move as they were made to; `zoom.*` of now does not carry them, as the next picture would not go on from there.
    """

    def __init__(self, loops, frames, clock=time.perf_counter):
        super().__init__(frames, clock)
        self._loops, self._ahead, self._pace = loops, Ahead(loops), Pace()
        self._offset, self._shares = 0, {}
        self._number = None  # of the frame shown last
        self._aim = {loops.classes[0]: 1.0}  # where the shares lead
        self._played, self._shown = None, False  # when; whether anything was

    def __enter__(self):
        self._ahead.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._ahead.__exit__(*error)

    def _turn(self, scene):
        """The frame that is due at the time of a scene, unless the picture is held."""
        if scene.values["show.freeze"] and self._shown:
            self._put = None  # what is held is no slow frame
            return
        began = self._clock()
        if self._fresh.is_set():
            self._fresh.clear()
            self._offset, self._loops.territories = random.randrange(self._loops.frames), Territories(random.random())
        now = scene.place.time if scene.place else scene.now
        if now != self._played:  # else time stands still
            self._number = following(self._number, now * self._loops.fps, self._pace.stride)
        self._fade(scene.weights, now)
        number = self._number + self._offset
        self._ahead.due = tuple(self._aim), number + LEAD * self._pace.stride, self._pace.stride
        picture = cut(self._loops.mixture(self._shares, number), scene.aspect)
        self._frames.put(Frame(np.asarray(picture.convert("RGBA")), self._rate(), self._note(), NOWHERE))
        self._shown = True
        self._pace.took(self._clock() - began, 1 / self._loops.fps)

    def _wanted(self, scene):
        return self._pace.stride / self._loops.fps

    def _note(self):
        return f"1 of {self._pace.stride} frames of the loops (slow)" if self._pace.stride > 1 else ""

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


def following(number, due, stride=1):
    """The frame to show after `number` when `due` (a fraction of one counts) would be: `stride` further as long as that is about
    there, for two clocks never tick alike, and a frame shown twice here for one left out there would be seen."""
    if number is None or abs(due - number) > FAR + stride - 1:
        return int(due)
    ahead = due - (number + stride)
    return number + stride + (-1 if ahead < -LOOSE else 1 if ahead > LOOSE else 0)


def side_by_side(pictures, shares, territories):
    """Pictures {name: one of Pillow's} of one size as one, each in land of its own by its share (of 1 in all), as in a live dream:
    what shines through each other is murk."""
    (_, whole), *others = pictures.items()
    if not others:
        return whole
    lands = divided(territories.fields(pictures, whole.size[::-1], "cpu"), territories.odds(shares))[:, 0].numpy()
    for land, so_far, (_, picture) in zip(lands[1:], lands.cumsum(0)[1:], others, strict=True):
        mask = Image.fromarray((255 * land / so_far).round().astype(np.uint8))
        whole = Image.composite(picture, whole, mask.resize(whole.size, Image.Resampling.BILINEAR))
    return whole


def cut(picture, aspect):
    """The middle of a picture of Pillow's, as wide as `aspect` times its height, or as high as that asks for."""
    width, height = picture.size
    wide, high = min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))
    left, top = (width - wide) // 2, (height - high) // 2
    return picture.crop((left, top, left + wide, top + high))


def frame_path(folder, number):
    """File of a frame of the loop in `folder`."""
    return Path(folder) / f"{number:04d}.png"


def open_picture(path):
    """A picture file as Pillow has it, read, in red, green and blue."""
    with Image.open(path) as picture:
        return picture.convert("RGB")


def read_picture(path):
    """A picture file as uint8 (h, w, 3)."""
    return np.asarray(open_picture(path))


def read_card(folder):
    """What all loops of a folder share; ValueError in one line."""
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict):
            raise ValueError("not what prerender writes")
        kept = {**card, "fps": float(card["fps"]), "frames": int(card["frames"]), "size": list(map(int, card["size"]))}
        if not min(kept["fps"], kept["frames"], *kept["size"]) > 0 or len(kept["size"]) != 2:
            raise ValueError("fps, frames and size are numbers above 0")
        return kept
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: no loops there; make them with `hearsee prerender --out "
                         f"{folder}`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore it, or choose another --out for `hearsee prerender`") from None
