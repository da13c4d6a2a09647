"""Work done ahead of who waits for it: batches by processes, files by threads. Neither changes a result."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import torch
from torch.utils.data import DataLoader, Dataset

MOST = 8  # processes beside a GPU; more gain nothing
GONE = (EOFError, ConnectionError)  # of fetching what a process had made before it was killed


def usual_workers(device):
    """How many processes make batches for `device` where nobody says: none beside a CPU, which computes itself, and none
    where they cannot be forked (Windows, macOS): each would get a copy of all clips."""
    return min(MOST, (os.cpu_count() or 1) - 1) if device == "cuda" and sys.platform == "linux" else 0


def ahead(make, items, workers=0, pin=False):
    """Yield make(item) of each of `items`, a sequence, in order: tensors, None, and tuples of those.

    `workers` processes make them ahead; with 0 each is made when it is asked for. `pin` puts what they made where a GPU
    can fetch it by itself. ValueError where a process was killed.
    """
    if not workers or not len(items):
        yield from map(make, items)
        return
    # Forked: they share the clips with us. The generator: else the loader draws from that of the weights and of dropout.
    loader = DataLoader(_Made(make, items), batch_size=None, collate_fn=_as_it_is, num_workers=min(workers, len(items)),
                        pin_memory=pin, generator=torch.Generator(),
                        multiprocessing_context="fork" if sys.platform == "linux" else None)
    batches = iter(loader)
    try:
        for _ in items:
            with losses_told(*GONE):
                made = next(batches)
            yield made
    finally:  # now: until then PyTorch raises the loss of a process again, wherever we are, whenever any other ends
        with suppress(RuntimeError):
            batches._shutdown_workers()


def in_threads(work, items, progress=lambda items: items):
    """[work(item)] of all `items`, by as many threads as there are cores; the error of the first that fails ends it."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            done = pool.map(work, items)
            return [next(done) for _ in progress(items)]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Made(Dataset):
    def __init__(self, make, items):
        self._make, self._items = make, items

    def __len__(self):
        return len(self._items)

    def __getitem__(self, place):
        return self._make(self._items[place])


def _as_it_is(made):
    return made


@contextmanager
def losses_told(*others):
    """ValueError where a process that makes batches was killed. Round all that uses them too: PyTorch raises it wherever we are.
    `others`: errors that mean it here as well."""
    try:
        yield
    except (RuntimeError, *others) as error:
        if not isinstance(error, others) and not str(error).startswith("DataLoader worker"):
            raise
        raise ValueError("a process that makes batches was killed, likely for want of (shared) memory: give fewer --workers, "
                         "0 for none; in Docker, --shm-size 1g") from error
