"""`hearsee prerender`: dreams one seamless loop a class into a folder that `perform --dream prerendered` plays.

A loop is dreamed a little longer than it lasts; its tail, which goes on from the last frame, is faded into its
head. Frames are kept as they come, so that a run that was stopped goes on where it was. The folder is described
in dream/playback.py.
"""

import hashlib
import json
import os
import signal
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from pathlib import Path

import numpy as np

from .awake import awake
from .dream.playback import CARD, FOLDER, blend, frame_path, read_picture
from .errors import enough_memory
from .eyes import picture_files_of
from .files import put, write_whole
from .params import BY_NAME, DEFAULTS, PARAMS, checked

FADE = 0.25  # of the frames: length of the cross-fade
SETTLE = 2.0  # s dreamed before the first frame is kept


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


def prerender(settings, classes=(), workers=1):
    """Make the loops of `classes` (none: all) that are not there yet; lines of text about them.

    Under torchrun each process makes its share of the classes. ValueError for an unknown class, a size
    that cannot be dreamed, or a folder of loops made otherwise.
    """
    from .model.card import DEFAULT, load_model

    model = load_model(settings.model or DEFAULT)
    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    mine = _known(classes, model)[rank::ranks]
    _check_size(settings.size)
    _write_card(settings, model, rank)
    undone = [name for name in mine if not _movie(settings, name).exists()]
    made = sum(_made(settings, name) for name in undone)
    frames = _in_processes(settings, undone, workers) if workers > 1 else _loops(settings, undone)
    with awake(screen=False):
        _follow(frames, len(undone) * _length(settings), made, rank)
    return [f"{_movie(settings, name)}  {settings.frames} frames" for name in mine]


def _known(classes, model):
    classes = list(dict.fromkeys(classes))
    unknown = [name for name in classes if name not in model.classes]
    if unknown:
        raise ValueError(f"{model.folder} has no class {', '.join(unknown)}; it has {', '.join(model.classes)}")
    return classes or model.classes


def _check_size(size):
    row, (width, height) = BY_NAME["dream.size"], size
    if not row.lo <= height <= row.hi or width % 2 or height % 2:
        raise ValueError(f"{width}x{height}: loops are {row.lo:.0f} to {row.hi:.0f} px high, and even both ways")


def _write_card(settings, model, rank):
    """The card of the folder, or ValueError where it says that other loops are there."""
    card, path = _card(settings, model), Path(settings.out) / CARD
    there = _read_card(path) if path.exists() else {}
    alike = _alike(there, card)
    if there and not alike and _any_made(path.parent):  # else the settings were a mistake
        raise ValueError(f"{settings.out} holds loops made otherwise (see {path}): choose another --out, or give "
                         "the same settings to go on")
    card["pictures"] = {**(there["pictures"] if alike else {}), **card["pictures"]}
    if rank == 0 and there != card:
        write_whole(path, json.dumps(card, indent=1) + "\n")


def _card(settings, model):
    """What loops are made of: of the pictures, and of a network in a file, what is in them."""
    network = settings.network and Path(settings.network)
    return {"fps": float(settings.fps), "frames": settings.frames, "size": list(settings.size), "seed": settings.seed,
            "weights": model.weights_hash, "network": settings.network, "values": _rows(settings.values),
            "pictures": {name: _digest(path) for name, path in picture_files_of(model, settings.pictures).items()},
            "network_file": _digest(network) if network and network.is_file() else None}


def _rows(values):
    """All rows of which loops are made: with another default they are other loops."""
    rows = {**DEFAULTS, **checked(values)}
    return {row.name: rows[row.name] for row in PARAMS if row.group in ("dream", "zoom", "mod")}


def _alike(there, card):
    """Whether loops by one card go on by the other: a class may have come since, but the picture of none changed."""
    ours, theirs = card["pictures"], there.get("pictures")
    if not isinstance(theirs, dict) or {**there, "pictures": ours} != card:  # until 29 November 2026 the name of their folder, or none
        return False
    return all(theirs.get(name, mine) == mine for name, mine in ours.items())


def _digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _any_made(folder):
    """Whether there is a frame or a loop."""
    return any(path.suffix in (".png", ".mp4") for path in folder.rglob("*"))


def _read_card(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): restore it or choose another --out") from None


def _follow(frames, total, made, rank):
    """Run through `frames`, the names of the classes a frame was made of, behind a progress bar."""
    from .learn.run import track

    if rank:
        return [*frames]  # one bar is enough
    newest = deque([""], 1)
    for _ in track(range(total - made), "dreaming loops", made, lambda: newest[0]):
        newest.append(next(frames))
    return [*frames]


# --- in processes

def _in_processes(settings, classes, workers):
    """`_loops` of each share of the classes in its own process."""
    workers = min(workers, len(classes))
    with _processes([(settings, classes[i::workers], i, workers) for i in range(workers)]) as running:
        while running:
            for pipe in connection.wait(list(running)):
                try:
                    news = pipe.recv()
                except EOFError:
                    _ended(running.pop(pipe))
                    continue
                if isinstance(news, Exception):
                    raise news
                yield news


@contextmanager
def _processes(jobs):
    """{pipe: process} of running jobs; what still runs at the end is stopped."""
    context, running = get_context("spawn"), {}
    try:
        for job in jobs:
            here, there = context.Pipe(duplex=False)
            running[here] = context.Process(target=_work, args=(there, *job), daemon=True)
            running[here].start()
            there.close()  # so that the end of the process is the end of the pipe
        yield running
    finally:
        for process in running.values():
            process.terminate()
            process.join()


def _ended(process):
    process.join()
    if process.exitcode:
        raise OSError(f"a worker ended with status {process.exitcode}; run the same command again to go on")


def _work(pipe, settings, classes, index, workers):
    """One worker process: tells every frame, and a user's mistake."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of them: who has asked for them ends them
    import torch

    from .model.cpu import cores

    torch.set_num_threads(max(1, cores() // workers))
    try:
        for name in _loops(settings, classes, index, workers):
            pipe.send(name)
    except (ValueError, OSError) as mistake:
        pipe.send(mistake)


# --- one process

def _loops(settings, classes, index=0, workers=1):
    """Make the loops of `classes`, yielding the name of the class after every frame."""
    with enough_memory(settings.size[1], "give a smaller --size or fewer --workers"):
        dreamer = _dreamer(settings, index, workers) if classes else None
        for name in classes:
            yield from _loop(dreamer, settings, name)


def _dreamer(settings, index, workers):
    """A dreamer on the device of this process: GPUs are dealt out in turn."""
    import torch

    from .dream.dreamer import Dreamer
    from .eyes import best_device, read_pictures, working
    from .model.card import DEFAULT, load_model
    from .model.zoo import open_eye

    device = best_device()
    if device == "cuda":
        seat = int(os.environ.get("LOCAL_RANK", "0")) * workers + index
        device = f"cuda:{seat % torch.cuda.device_count()}"
    model = load_model(settings.model or DEFAULT)
    pictures = read_pictures(model, settings.pictures)
    return working(lambda device: Dreamer(open_eye(settings.network, model), pictures, device), device)


def _loop(dreamer, settings, name):
    """One class: what is missing of its frames, then the loop closed and the video."""
    made, length = _made(settings, name), _length(settings)
    _folder(settings, name).mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(_dreamt(dreamer, settings, name, made, length), made):
        _save(picture, _place(settings, name, number))
        if number < length - 1:
            yield name
    _close(settings, name)
    if made < length:
        yield name  # the last frame counts when the loop is whole


def _dreamt(dreamer, settings, name, made, length):
    """The pictures `made`..`length` of a dream, uint8 (h, w, 3); it goes on from the last one in its folder."""
    import torch

    from .dream.loop import rgba

    dream, first = None, -round(SETTLE * settings.fps)
    if made >= length:
        return
    if made:
        last = read_picture(_place(settings, name, made - 1)).astype(np.float32) / 255
        picture = torch.from_numpy(last).permute(2, 0, 1)[None].contiguous().to(dreamer.device)
        dream = dreamer.begin(picture, _scene(settings, name, first))
        for number in range(first + 1, made):  # the class picture is to be seen as it would have been
            dream = dreamer.go_by(dream, _scene(settings, name, number))
    for number in range(made or first, length):
        dream = dreamer.step(dream, _scene(settings, name, number))
        if number >= 0:
            yield rgba(dream.picture)[..., :3].cpu().numpy()


def _scene(settings, name, number):
    from .dream.dreamer import Scene

    width, height = settings.size
    values = {**DEFAULTS, **settings.values, "dream.size": float(height), "dream.seed": float(settings.seed)}
    return Scene(values, {name: 1.0}, number / settings.fps, width / height)


def _close(settings, name):
    """Fade the tail into the head, drop what is not needed any more, write the video."""
    folder = _folder(settings, name)
    for number in range(settings.fade):
        if not frame_path(folder, number).exists():
            _save(_seam(settings, name, number), frame_path(folder, number))
    for spare in (*folder.glob("head-*.png"), *folder.glob("tail-*.png")):
        spare.unlink()
    write_movie(_movie(settings, name), (read_picture(frame_path(folder, i)) for i in range(settings.frames)),
                settings.size, settings.fps)


def _seam(settings, name, number):
    """Frame `number` of the fade: at 0 all of the tail, which goes on from the last frame."""
    share = number / settings.fade
    tail = read_picture(_place(settings, name, settings.frames + number))
    head = read_picture(_place(settings, name, number))
    return blend([(tail, 1 - share), (head, share)])


def write_movie(path, pictures, size, fps):
    """H.264 of uint8 (h, w, 3) pictures of `size` (width, height), even; whole or not at all."""
    import av

    from .render.record import add_video, video_frame

    part = path.with_name(f"{path.stem}.part{path.suffix}")
    with av.open(str(part), "w") as file:
        video = add_video(file, size, fps)
        video.options = {"crf": "18"}
        for picture in pictures:
            file.mux(video.encode(video_frame(picture)))
        file.mux(video.encode(None))
    put(part, path)


# --- files

def _length(settings):
    return settings.frames + settings.fade


def _folder(settings, name):
    return Path(settings.out) / name


def _movie(settings, name):
    return Path(settings.out) / f"{name}.mp4"


def _place(settings, name, number):
    """Where a dreamed frame is kept until the loop is closed; the body of the loop is already in its place."""
    folder = _folder(settings, name)
    if settings.fade <= number < settings.frames:
        return frame_path(folder, number)
    return folder / f"{'head' if number < settings.fade else 'tail'}-{number:04d}.png"


def _made(settings, name):
    """How many frames of a dream are there."""
    folder = _folder(settings, name)
    if all(frame_path(folder, number).exists() for number in range(settings.frames)):
        return _length(settings)  # closed; only the video is missing
    return next((number for number in range(_length(settings)) if not _place(settings, name, number).exists()),
                _length(settings))


def _save(picture, path):
    """Write a PNG whole or not at all."""
    from PIL import Image

    part = path.with_name(path.name + ".part")
    Image.fromarray(picture).save(part, format="PNG", compress_level=3)
    put(part, path)
