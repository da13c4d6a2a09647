"""`hearsee prerender`: dreams one seamless loop a class into a folder that `perform --dream prerendered` plays.

A loop is dreamed a little longer than it lasts; its tail, which goes on from the last frame, is faded into its
head. Frames are kept as they come (loopfiles.py), so that a run that was stopped goes on where it was.
"""

import os
import signal
from collections import deque
from contextlib import closing, contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from threading import Thread
from time import sleep

import numpy as np

from .awake import awake
from .console import tell
from .dream.playback import read_picture
from .errors import enough_memory, left_out
from .eyes import picture_files_of
from .loopfiles import close, finished, keep, length, made, movie_path, ours, place, write_card
from .params import BY_NAME, DEFAULTS
from .parent import Parent
from .signals import as_before, ended_in_order, ignored

SETTLE = 2.0  # s dreamed before the first frame is kept


def prerender(settings, classes=(), workers=1):
    """Make the loops of `classes` (none: all) that are not there yet; lines of text about them.

    Processes, on several machines too, may share a folder: each loop is made by the one that comes first. Under torchrun
    each has its share of the classes. ValueError for an unknown class, a size that cannot be dreamed, or a folder of loops
    made otherwise.
    """
    from .model.card import DEFAULT, load_model

    model = load_model(settings.model or DEFAULT)
    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    mine = _known(classes, model)[rank::ranks]
    _check_size(settings.size)
    card = write_card(settings, model, picture_files_of(model, settings.pictures))
    undone = _undone(settings, mine)
    there = sum(made(settings, name) for name in undone)
    frames = _in_processes(settings, card, undone, workers) if workers > 1 else _loops(settings, card, undone)
    with as_before(), awake(screen=False), closing(frames), ended_in_order():
        lost = _follow(frames, len(undone) * length(settings) - there, there, rank)
    return [_line(settings, name, lost.get(name, 0)) for name in mine]


def _undone(settings, classes):
    undone = [name for name in classes if not finished(settings, name)]
    for name in undone:
        if movie_path(settings, name).exists():
            tell(f"{name}: a frame of its loop is missing or damaged, so the loop is made anew")
    return undone


def _line(settings, name, lost):
    if finished(settings, name):
        return f"{movie_path(settings, name)}  {settings.frames} frames{left_out(lost)}"
    return f"{name}: another prerender is at work on it; where that ends before it is done, run the same command again to go on"


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


def _follow(frames, count, made, rank):
    """Run through `frames`, `count` at most, behind a progress bar: (class that one was made of, how many steps its dream went on
    without so far). {class: the last of these}."""
    from .learn.run import track

    newest = deque([""], 1)
    if rank:
        return dict(frames)  # one bar is enough
    lost = {}
    for name, steps in track(_Counted(frames, count), "dreaming loops", made, lambda: newest[0]):
        newest.append(name)
        lost[name] = steps
    return lost


class _Counted:
    """What comes out of a generator, with how many there will be at most."""

    def __init__(self, items, count):
        self._items, self._count = items, count

    def __len__(self):
        return self._count

    def __iter__(self):
        return self._items


# --- in processes

def _in_processes(settings, card, classes, workers):
    """`_loops` of each share of the classes in its own process."""
    workers = min(workers, len(classes))
    with _processes([(settings, card, classes[i::workers], i, workers) for i in range(workers)]) as running:
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
            with ignored():  # Ctrl-C goes to all of them: who has asked for them ends them
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


def _work(pipe, *job):
    """One worker process: tells every frame, and a user's mistake; it ends with who has asked for it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows that is not inherited
    import torch

    from .model.cpu import cores

    *_, workers = job
    torch.set_num_threads(max(1, cores() // workers))
    Thread(target=_watch, args=(Parent(parent_process().pid),), daemon=True).start()
    with suppress(KeyboardInterrupt, BrokenPipeError), ended_in_order(), closing(_loops(*job)) as frames:
        try:
            for news in frames:
                pipe.send(news)
        except BrokenPipeError:  # nobody is there to be told
            raise
        except (ValueError, OSError) as mistake:
            pipe.send(mistake)


def _watch(parent):
    while not parent.gone():
        sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


# --- one process

def _loops(settings, card, classes, index=0, workers=1):
    """Make the loops of `classes` that nobody else makes, yielding after every frame what `_follow` is told."""
    with enough_memory(settings.size[1], "give a smaller --size or fewer --workers"):
        dreamer = _dreamer(settings, index, workers) if classes else None
        for name in classes:
            before = int(dreamer.lost)
            with ours(settings, name, card) as mine:
                for _ in _loop(dreamer, settings, name) if mine and not finished(settings, name) else ():
                    yield name, int(dreamer.lost) - before


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
    """One class: what is missing of its frames, then the loop closed and the video; yields after every frame."""
    begin, end = made(settings, name), length(settings)
    for number, picture in enumerate(_dreamt(dreamer, settings, name, begin, end), begin):
        keep(settings, name, number, picture)
        if number < end - 1:
            yield
    close(settings, name)
    if begin < end:
        yield  # the last frame counts when the loop is whole


def _dreamt(dreamer, settings, name, begin, end):
    """The pictures `begin`..`end` of a dream, uint8 (h, w, 3); it goes on from the last one in its folder."""
    import torch

    from .dream.loop import rgba

    dream, first = None, -round(SETTLE * settings.fps)
    if begin >= end:
        return
    if begin:
        last = read_picture(place(settings, name, begin - 1)).astype(np.float32) / 255
        picture = torch.from_numpy(last).permute(2, 0, 1)[None].contiguous().to(dreamer.device)
        dream = dreamer.begin(picture, _scene(settings, name, first))
        for number in range(first + 1, begin):  # the class picture is to be seen as it would have been
            dream = dreamer.go_by(dream, _scene(settings, name, number))
    for number in range(begin or first, end):
        dream = dreamer.step(dream, _scene(settings, name, number))
        if number >= 0:
            yield rgba(dream.picture)[..., :3].cpu().numpy()


def _scene(settings, name, number):
    from .dream.dreamer import Scene

    width, height = settings.size
    values = {**DEFAULTS, **settings.values, "dream.size": float(height), "dream.seed": float(settings.seed)}
    return Scene(values, {name: 1.0}, number / settings.fps, width / height)
