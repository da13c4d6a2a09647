"""Who plays the work of a dream: as it comes, or from CUDA graphs recorded in the background.

Work is a generator function `work(form, numbers, parts)` that returns tensors. `form` (hashable) says what is done,
`numbers` (nested tuples of floats) how much, `parts` (nested tuples of tensors) to what; it stops, `yield`, where it
may be cut. Work that goes by this rule does the same operations whenever form and shapes are the same, so they can be
recorded once and replayed with other numbers and parts: a launch of thousands of kernels becomes one.
"""

import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median

import torch

log = logging.getLogger(__name__)
SETTLED = 8  # times in a row that work was the same before it is worth recording: a turning knob makes new work each time
KEPT = 8  # recordings; each keeps the memory of a whole step
WARM = 3  # times work is done before it is recorded, so that libraries have chosen and allocated
SLICE = 0.004  # s; longer work is cut, so that drawing comes in between
AHEAD = 1  # slices that wait on the GPU while one runs


def player(device):
    """The player for a device."""
    return Graphs(Recorder(device), Pace(device)) if device.type == "cuda" else Plain()


def whole(work, between=lambda: None):
    """Run a generator to its end; what it returns. `between()` is called where it stops."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
        between()


class Plain:
    """Plays work as it comes."""

    note = ""

    def play(self, work, form, numbers, parts):
        """What `work` returns."""
        return whole(work(form, numbers, parts))

    def forget(self):
        """Nothing is kept."""

    def settle(self):
        """Nothing is under way."""


class Graphs:
    """Plays work as it comes until a recording of it is ready, and from then on the recording.

    `record(work)` takes a generator function without arguments and returns (replay, output); it runs on a thread of
    its own, so the old path goes on meanwhile. What cannot be recorded is played as it comes for ever.
    """

    def __init__(self, record, between=lambda: None):
        self._record, self._between = record, between
        self._kept = OrderedDict()  # key: Recording, or None for what cannot be recorded
        self._worker = ThreadPoolExecutor(1, "record")
        self._coming = None  # (key, future) of the recording under way
        self._last, self._met = None, 0
        self.note = ""

    def play(self, work, form, numbers, parts):
        """What `work` returns, in new tensors."""
        key = (work.__name__, form, shape(numbers), shape(parts))
        self._collect()
        recording = self._kept.get(key)
        if recording:
            self._kept.move_to_end(key)
            return recording.play(numbers, parts, self._between)
        self._meet(key, work, form, numbers, parts)
        return whole(work(form, numbers, parts), self._between)

    def _meet(self, key, work, form, numbers, parts):
        self._met = self._met + 1 if key == self._last else 1
        self._last = key
        if self._met >= SETTLED and self._coming is None and key not in self._kept:
            recording = Recording(numbers, parts)
            make = lambda: recording.make(self._record, lambda: work(form, recording.numbers, recording.parts))
            self._coming = key, self._worker.submit(make)

    def _collect(self):
        """Take in a recording that is done."""
        if self._coming is None or not self._coming[1].done():
            return
        (key, future), self._coming = self._coming, None
        try:
            self._kept[key] = future.result()
        except Exception as error:  # noqa: BLE001 - drivers and libraries raise what they like; the show goes on
            self._kept[key] = None
            self.note = f"no CUDA graph ({' '.join(str(error).split())[:80]})"
            log.warning("a step could not be recorded: %s", error)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def settle(self):
        """Wait for the recording under way."""
        if self._coming:
            self._coming[1].exception()
        self._collect()

    def forget(self):
        """Drop all recordings and their memory."""
        self._kept.clear()
        self._last = None


class Recording:
    """Work with numbers and parts that stay where they are: played by copying others in and replaying."""

    def __init__(self, numbers, parts):
        self.parts = rebuilt(parts, (part.clone() for part in leaves(parts)))
        self._still = list(leaves(self.parts))
        like = self._still[0]
        self._numbers = torch.tensor(list(leaves(numbers)), dtype=torch.float32).to(like.device)
        self.numbers = rebuilt(numbers, self._numbers.unbind())
        self._ready = _event(like.device)

    def make(self, record, work):
        """Record `work()`; self."""
        if self._ready:
            self._ready.synchronize()  # what was copied here is there before another stream reads it
        self._replay, self._output = record(work)
        return self

    def play(self, numbers, parts, between):
        """The output for other numbers and parts."""
        fresh = torch.tensor(list(leaves(numbers)), dtype=torch.float32)
        fresh = fresh.pin_memory() if self._numbers.is_cuda else fresh  # so that the copy need not wait
        self._numbers.copy_(fresh, non_blocking=True)
        for still, part in zip(self._still, leaves(parts), strict=True):
            still.copy_(part)
        whole(self._replay(), between)
        return rebuilt(self._output, (tensor.clone() for tensor in leaves(self._output)))


def _event(device):
    if device.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record()
    return event


def leaves(tree):
    """Everything in nested tuples that is no tuple, from left to right."""
    if not isinstance(tree, tuple):
        yield tree
        return
    for branch in tree:
        yield from leaves(branch)


def rebuilt(tree, values):
    """Nested tuples like `tree` with other leaves."""
    values = iter(values)

    def build(branch):
        if not isinstance(branch, tuple):
            return next(values)
        parts = [build(each) for each in branch]
        return type(branch)(*parts) if hasattr(branch, "_fields") else tuple(parts)

    return build(tree)


def shape(tree):
    """What of nested tuples has to be the same for one recording: how they nest, and the shapes of tensors."""
    if isinstance(tree, tuple):
        return tuple(shape(branch) for branch in tree)
    return (tuple(tree.shape), tree.dtype) if isinstance(tree, torch.Tensor) else None


# --- CUDA

class Pace:
    """Keeps the GPU's queue short: called after each slice, it waits while more than AHEAD are under way."""

    def __init__(self, device):
        self._device = device
        self._under_way = []

    def __call__(self):
        event = torch.cuda.Event(blocking=True)  # waiting must not keep a core busy
        event.record(torch.cuda.current_stream(self._device))
        self._under_way.append(event)
        while len(self._under_way) > AHEAD:
            self._under_way.pop(0).synchronize()


class Recorder:
    """Records work as CUDA graphs, on a stream of its own."""

    def __init__(self, device):
        self._device = device
        self._stream = torch.cuda.Stream(device)

    def __call__(self, work):
        """(replay, output) of `work()`: one graph, or several if it takes longer than SLICE. Recording thread."""
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            with _choosing():
                stops = [sum(1 for _ in work()) for _ in range(WARM)][-1]
            self._stream.synchronize()
            graphs, output = self._graphs(work(), stops + 1)
            pieces = -(-self._seconds(graphs) // SLICE)
            if pieces > 1:
                graphs, output = self._graphs(work(), max(1, int(stops // pieces)))
            self._stream.synchronize()
        return lambda: _replays(graphs), output

    def _graphs(self, work, every):
        """(graphs, output) of a generator, cut at each `every`th of its stops."""
        pool = torch.cuda.graph_pool_handle()  # of this recording alone: others replay while this one is made
        graphs, output = [], None
        while output is None:
            graph = torch.cuda.CUDAGraph()
            # Not torch.cuda.graph: it empties the cache first, and the dream that goes on would have to fill it again.
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                output = _stretch(work, every)
            finally:
                graph.capture_end()
            graphs.append(graph)
        return graphs, output

    def _seconds(self, graphs):
        """Median time of a replay."""
        times = []
        for _ in range(WARM):
            began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            began.record()
            for _ in _replays(graphs):
                pass
            ended.record()
            ended.synchronize()
            times.append(began.elapsed_time(ended) / 1000)
        return median(times)


def _stretch(work, stops):
    """Go on with a generator for a number of stops; what it returns if it ends, else None."""
    for _ in range(stops):
        try:
            next(work)
        except StopIteration as end:
            return end.value
    return None


def _replays(graphs):
    for graph in graphs:
        graph.replay()
        yield


@contextmanager
def _choosing():
    """Let cuDNN try its algorithms: worth while for what is recorded, too slow for what is played as it comes."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def dream_stream(device):
    """A CUDA stream of the lowest priority as the present one, so that drawing never waits; elsewhere nothing."""
    if device.type != "cuda":
        yield
        return
    lowest, _ = torch.cuda.Stream.priority_range()
    with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device, lowest)):
        yield


def finish(device):
    """Wait for what the present thread has queued: the dream thread goes on with it on a stream of its own."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
