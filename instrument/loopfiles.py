"""The folder that loops are dreamed into: its card, frames that are kept as they come, and the loops made of them.

What is in it when all is done is described in dream/playback.py.
"""

import hashlib
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from .dream.playback import CARD, FOLDER, frame_path, open_picture, read_card, read_picture, side_by_side
from .dream.territory import Territories
from .errors import one_line
from .files import encoded, held, put, write_whole
from .params import DEFAULTS, checked

# Rows on which no frame depends: what makes them so has a place of its own in the card, hears no sound, or plays live.
LIVE = ("dream.size", "dream.seed", "dream.rate", "dream.spectrogram", "zoom.echo")
LOCK = ".lock"  # of the folder, while its card is looked at; in the folder of a class, while its loop is made
PATIENCE = 10.0  # s to wait for the first; nobody has it for longer than it takes to write the card
GLANCE = 0.2  # s to wait for the other, which somebody may only have looked at
FADE = 0.25  # of the frames: length of the cross-fade
MADE = re.compile(r"(head-|tail-)?\d{4,}\.png|(?!.*\.part\.).*\.mp4")  # names of frames and loops


@dataclass(frozen=True)
class Settings:
    """What a loop is made with: `frames` at `fps`, `size` (width, height) px, rows of the table, the seed."""

    out: str = str(FOLDER)
    model: str | None = None
    network: str | None = None
    pictures: str | None = None
    size: tuple[int, int] = (640, 360)
    frames: int = 100
    fps: float = 20.0
    seed: int = 0
    values: dict = field(default_factory=dict)

    @property
    def fade(self):
        """Frames that are dreamed twice."""
        return max(1, int(self.frames * FADE))


# --- the card

def write_card(settings, model, pictures):
    """Write the card of the folder, and return it; ValueError where loops are there, or being made, that are made otherwise, or
    nobody knows how."""
    folder, card = Path(settings.out), _card(settings, model, pictures)
    if _there(folder) != _agreed(folder, card):  # else it may be a folder that nobody can write to
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            write_whole(folder / CARD, json.dumps(_agreed(folder, card), indent=1) + "\n")
    return card


@contextmanager
def ours(settings, name, card):
    """Within, nobody else makes the loop of this class: True, or False where somebody does. ValueError where `card` is not that of
    the folder any more: until the first loop is begun, another process may have written its own."""
    folder = folder_of(settings, name)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / LOCK, GLANCE) as mine:
        if mine:
            with _alone(folder.parent):
                _agreed(folder.parent, card)
        yield mine


@contextmanager
def _alone(folder):
    with held(folder / LOCK, PATIENCE) as mine:
        if not mine:
            raise OSError(f"{folder / LOCK}: another process has had it for {PATIENCE:g} s; see what it does, or choose another --out")
        yield


def _agreed(folder, card):
    """The card with what the one in the folder says of other classes; ValueError where that says that loops are made otherwise."""
    found = _any_made(folder)  # before the card is read: who makes loops has written it first
    there = _there(folder)
    alike = _alike(there, card)
    if found and not alike:  # else the settings were a mistake
        raise ValueError(_otherwise(found, folder / CARD))
    return {**there, "pictures": {**there["pictures"], **card["pictures"]}} if alike else card


def _there(folder):
    return read_card(folder) if (folder / CARD).exists() else {}


def _otherwise(found, path):
    if path.exists():
        return (f"{path.parent} holds loops made otherwise (see {path}): choose another --out, or give the same settings to go on")
    return (f"{path.parent} holds {found.relative_to(path.parent)}, and no {CARD} that says how it was made: choose another --out, or "
            "move it away")


def _card(settings, model, pictures):
    """What loops are made of: of the `pictures` {class: file}, and of a network in a file, what is in them."""
    network = settings.network and Path(settings.network)
    return {"fps": float(settings.fps), "frames": settings.frames, "size": list(settings.size), "seed": settings.seed,
            "weights": model.weights_hash, "network": settings.network, "values": _rows(settings.values),
            "pictures": {name: _digest(path) for name, path in pictures.items()},
            "network_file": _digest(network) if network and network.is_file() else None}


def _rows(values):
    """All rows of which loops are made: with another default they are other loops."""
    return _counted({**DEFAULTS, **checked(values)})


def _counted(values):
    return {name: value for name, value in values.items() if name.split(".")[0] in ("dream", "zoom") and name not in LIVE}


def _alike(there, card):
    """Whether loops by one card go on by the other: a class may have come since, but the picture of none changed."""
    ours, theirs, values = card["pictures"], there.get("pictures"), there.get("values")
    # Until 29 November 2026 pictures were the name of their folder, or none; until 30 November values were those of all rows.
    if not isinstance(theirs, dict) or not isinstance(values, dict) or {**there, "pictures": ours, "values": _counted(values)} != card:
        return False
    return all(theirs.get(name, mine) == mine for name, mine in ours.items())


def _digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _any_made(folder):
    """A frame or a loop that is there, as prerender names them, or the lock of one that is being made; None where there is none."""
    files = (path for path in (*folder.glob("*.mp4"), *folder.glob("*/*.png")) if MADE.fullmatch(path.name))
    return next(chain(files, filter(_is_held, folder.glob(f"*/{LOCK}"))), None)


def _is_held(lock):
    with held(lock) as free:
        return not free


# --- frames

def length(settings):
    return settings.frames + settings.fade


def folder_of(settings, name):
    return Path(settings.out) / name


def movie_path(settings, name):
    return Path(settings.out) / f"{name}.mp4"


def place(settings, name, number):
    """Where a dreamed frame is kept until the loop is closed; the body of the loop is already in its place."""
    folder = folder_of(settings, name)
    if settings.fade <= number < settings.frames:
        return frame_path(folder, number)
    return folder / f"{'head' if number < settings.fade else 'tail'}-{number:04d}.png"


def finished(settings, name):
    """Whether a loop is there, whole, with its video."""
    return movie_path(settings, name).exists() and _closed(settings, name)


def made(settings, name):
    """How many frames of a dream are there, whole; what comes after a damaged one is made anew."""
    if _closed(settings, name):
        return length(settings)  # only the video is missing
    return next((number for number in range(length(settings)) if not _whole(settings, place(settings, name, number))),
                length(settings))


def _closed(settings, name):
    """Whether the tail is in the head; the first frame of a dream that is not closed, or dreamed anew, says that it is not."""
    folder = folder_of(settings, name)
    return not place(settings, name, 0).exists() and all(_whole(settings, frame_path(folder, i)) for i in range(settings.frames))


def _whole(settings, path):
    """Whether a frame is there and undamaged, by the checksums in it; ValueError for one of another size."""
    try:
        with Image.open(path) as picture:
            size = picture.size
            picture.verify()
    except (OSError, SyntaxError, ValueError):  # what Pillow raises
        return False
    if size != tuple(settings.size):
        raise ValueError(f"{path} is {size[0]}x{size[1]} and no frame of a loop of {settings.size[0]}x{settings.size[1]}: move it away, "
                         "or choose another --out")
    return True


def keep(settings, name, number, picture):
    """Keep a frame of a dream. What is there after it is of an earlier one, with which no run that goes on is to go on."""
    place(settings, name, number + 1).unlink(missing_ok=True)
    save(picture, place(settings, name, number))


def save(picture, path):
    """Write a PNG whole or not at all."""
    with _room(path):
        write_whole(path, encoded(picture, "PNG", compress_level=3))


@contextmanager
def _room(path):
    """OSError in one line where a file cannot be written, or one that it is made of be read."""
    try:
        yield
    except OSError as error:  # PyAV's are such, too
        raise OSError(f"{path}: not written ({error.strerror or one_line(error)}); make room, or see to your rights there, and run the "
                      "same command again to go on") from None


# --- a loop

def close(settings, name):
    """Fade the tail into the head, drop what is not needed any more, write the video."""
    folder = folder_of(settings, name)
    if not _closed(settings, name):
        for number in range(settings.fade):
            save(_seam(settings, name, number), frame_path(folder, number))
    for number in (*range(settings.fade), *range(settings.frames, length(settings))):
        place(settings, name, number).unlink(missing_ok=True)
    write_movie(movie_path(settings, name), (read_picture(frame_path(folder, i)) for i in range(settings.frames)),
                settings.size, settings.fps)


def _seam(settings, name, number):
    """Frame `number` of the fade: at 0 all of the tail, which goes on from the last frame, and place by place more of the head."""
    share = number / settings.fade
    pictures = {"tail": open_picture(place(settings, name, settings.frames + number))}
    if share:
        pictures["head"] = open_picture(place(settings, name, number))
    return np.asarray(side_by_side(pictures, {"tail": 1 - share, "head": share}, Territories(settings.seed)))


def write_movie(path, pictures, size, fps):
    """H.264 of uint8 (h, w, 3) pictures of `size` (width, height), even; whole or not at all."""
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        with _room(path):
            _encode(part, pictures, size, fps)
            with open(part, "rb+") as file:
                os.fsync(file.fileno())  # else a name may be on the disk before what is in the file
            put(part, path)
    finally:
        part.unlink(missing_ok=True)


def _encode(path, pictures, size, fps):
    import av

    from .render.record import add_video, video_frame

    with av.open(str(path), "w") as file:
        video = add_video(file, size, fps)
        video.options = {"crf": "18"}
        for picture in pictures:
            file.mux(video.encode(video_frame(picture)))
        file.mux(video.encode(None))
