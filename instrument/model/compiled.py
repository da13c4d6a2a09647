"""Loops over tensors on a CPU, compiled by Numba: kept on disk from one start to the next, shared out to threads.

PyTorch goes through all of a tensor once for each operation, and writes to memory what the next one reads again; a loop goes
through it once. The loops themselves are where they are used: `dream/loops.py` and `byte_loops.py` here.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from numba import njit
from numba.core.caching import NullCache

# What may be reckoned in another order; what is not finite stays so. Numba does not see a change of this in what it keeps: delete that.
EXACT = {"reassoc", "contract", "arcp", "nsz"}
SHARE = 1 << 16  # values that are worth a thread of their own
SOON = 2.0  # s; to bring kept loops takes half a second
NEWS = "compiles loops for this processor: some ten seconds, the first time"
NOWHERE = ", and here each time, for there is no place to keep them: name one in NUMBA_CACHE_DIR"
LOOPS = []
_TRIALS = []  # functions that call each loop once, until they have
_READYING = threading.Lock()


def loop(function):
    """A compiled loop, kept on disk where there is a place for it."""
    try:
        made = njit(nogil=True, cache=True, fastmath=EXACT)(function)
    except RuntimeError:  # neither beside the source nor at the user's
        made = njit(nogil=True, fastmath=EXACT)(function)
    LOOPS.append(made)
    return made


# Written into the loops that call it: called, it was rounded otherwise in the process that compiled it than in those that found it kept.
part = njit(inline="always")


@cache
def helpers():
    """The threads that help; they begin as they are needed."""
    return ThreadPoolExecutor(os.cpu_count(), "loops")


def _alone():
    """A child by fork has no threads but the one that forked: none helps, and none is in `ready`."""
    global _READYING
    helpers.cache_clear()
    _READYING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)


def shared(function, rows, values, *arguments):
    """What the loop `function(*arguments, first, last)` returns for each part of the rows, which together have so many `values`."""
    parts = max(1, min(torch.get_num_threads(), values // SHARE, rows))
    ends = [rows * number // parts for number in range(parts + 1)]
    try:
        others = [helpers().submit(function, *arguments, *ends[number:number + 2]) for number in range(1, parts)]
    except RuntimeError:  # Python ends, and lets nobody help any more
        return [function(*arguments, 0, rows)]
    return [function(*arguments, *ends[:2]), *(other.result() for other in others)]


# --- made ready

def trial(function):
    """`function()` calls every loop of a module once, with what it will be called with: `ready` has it do so."""
    _TRIALS.append(function)
    return function


def ready(say=lambda text: None):
    """Have all loops of what was imported compiled, or brought from where they are kept; `say`, in another thread, tells what
    takes longer than that."""
    with _READYING:
        if not _TRIALS:
            return
        news = threading.Timer(SOON, say, [NEWS if all(each.stats.cache_path for each in LOOPS) else NEWS + NOWHERE])
        news.daemon = True
        news.start()
        try:
            while _TRIALS:
                _tried(_TRIALS[-1])
                _TRIALS.pop()
        finally:
            news.cancel()


def _tried(function):
    try:
        function()
    except Exception:  # noqa: BLE001 - what was kept is damaged, or nothing can be kept: Numba raises what it meets
        for each in LOOPS:
            _unkept(each)
            each._cache = NullCache()
        function()


def _unkept(made):
    """Delete what is kept of a loop, for the next start."""
    path, module = made.stats.cache_path, Path(made.py_func.__code__.co_filename).stem
    for file in Path(path).glob(f"{module}.{made.py_func.__name__}-*.nb*") if path else ():
        with suppress(OSError):
            file.unlink()
