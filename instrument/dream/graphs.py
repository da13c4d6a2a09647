"""Who plays the work of a dream: as it comes, or from CUDA graphs recorded in the background.

Work is a generator function `work(form, numbers, parts)` that returns tensors. `form` (hashable) says what is done,
`numbers` (nested tuples of floats; on a GPU of tensors of one) how much, `parts` (nested tuples of tensors) to what; it
stops, `yield`, where it may be cut. Work that goes by this rule does the same operations whenever form and shapes are the
same, so they can be recorded once and replayed with other numbers and parts: a launch of thousands of kernels becomes one.
"""

import logging
import threading
from collections import Counter, OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache
from statistics import median

import torch

from ..errors import lack, one_line
from ..model.joined import joining

log = logging.getLogger(__name__)
SETTLED = 8  # times that work was the same, of RECENT, before it is worth recording: a turning knob makes new work each time
RECENT = 2 * SETTLED
# Recordings. A preset takes three or four, by how many classes are heard, so that the last three or four presets' are there when they
# come back. Each keeps the memory of a whole step: 80 MB at 432 px, 250 at 768, 500 at 1080; where that is short, see `_collect`.
KEPT = 12
TRIES = 2  # of recording the same work: a thread that waits for the whole GPU spoils what another one records
WARM = 3  # times work is done before it is recorded, so that libraries have chosen and allocated
SLICE = 0.004  # s; longer work is cut, so that drawing comes in between
AHEAD = 1  # slices that wait on the GPU while one runs
POOL = 32  # streams that torch has of one priority on a device


def player(device):
    """The player for a device."""
    return Graphs(Recorder(device), Pace(device), recording_thread(device)) if device.type == "cuda" else Plain()


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

    note, settled, records = "", True, False

    def places(self, count):
        """For how many classes a step is made that hears `count`."""
        return count

    def play(self, work, form, numbers, parts):
        """What `work` returns."""
        return whole(work(form, brought(numbers, parts), parts))

    def forget(self):
        """Nothing is kept: False."""
        return False

    def settle(self):
        """Nothing is under way."""


class Graphs:
    """Plays work as it comes until a recording of it is ready, and from then on the recording.

    `record(work)` takes a generator function without arguments and returns (replay, output); it runs on the thread of
    `worker`, so the old path goes on meanwhile. What could not be recorded TRIES times is played as it comes for ever.
    """

    records = True  # whether it matters that few steps differ in form and shapes

    def __init__(self, record, between=lambda: None, worker=None):
        """`worker` is an executor of one thread, None one of its own."""
        self._record, self._between = record, between
        self._kept = OrderedDict()  # key: Recording
        self._failed = Counter()  # key: times that it could not be recorded
        self._worker = worker or ThreadPoolExecutor(1, "record")
        self._coming = None  # (key, future) of the recording under way
        self._recent = deque(maxlen=RECENT)  # hashes of keys
        self.settled = True  # whether the last step took the time that the next ones will: one about to be recorded does not
        self.note = ""

    def __del__(self):
        if self._coming:
            self._coming[1].cancel()  # unless it is begun: others wait for the thread

    def places(self, count):
        """For how many classes a step is made that hears `count`: a few numbers, so that few recordings serve them all."""
        return 1 << (count - 1).bit_length() if count else 0

    def play(self, work, form, numbers, parts):
        """What `work` returns, in new tensors."""
        key = (work.__name__, form, shape(numbers), shape(parts))
        self._collect()
        recording = self._kept.get(key)
        if recording:
            self._kept.move_to_end(key)
            self.settled = True
            return recording.play(numbers, parts, self._between)
        self._meet(key, work, form, numbers, parts)
        return whole(work(form, brought(numbers, parts), parts), self._between)

    def _meet(self, key, work, form, numbers, parts):
        hopeless, short = self._failed[key] >= TRIES, hash(key)
        self.settled = hopeless or not self._is_about_to_come(key, short)
        self._recent.append(short)
        if self._coming is None and not hopeless and self._recent.count(short) >= SETTLED:
            recording, record = Recording(numbers, parts), self._record  # not `self`, which nothing is to hold
            make = lambda: recording.make(record, lambda: work(form, recording.numbers, recording.parts))
            self._coming = key, self._worker.submit(make)

    def _is_about_to_come(self, key, short):
        """Whether this work is being recorded, or will soon be if it goes on so; where a hand goes on turning, all is new, and of
        several kinds in turn each may be too rare."""
        count = self._recent.count(short)
        return bool(self._coming and self._coming[0] == key or count and self._recent[-1] == short
                    or count * 2 >= len(self._recent) > 0)

    def _collect(self):
        """Take in a recording that is done."""
        if self._coming is None or not self._coming[1].done():
            return
        (key, future), self._coming = self._coming, None
        short = False
        try:
            self._kept[key] = future.result()
            del self._failed[key]
            self.note = self.note if any(tries >= TRIES for tries in self._failed.values()) else ""
        except Exception as error:  # noqa: BLE001 - drivers and libraries raise what they like; the show goes on
            short = bool(lack(error))
            self._missed(key, str(error))
        if short:
            del future  # its error held what is to be freed
            self._kept.clear()  # what was dreamed before gives way to what is dreamed now
            empty_cache()  # no thread can do so while one records
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _missed(self, key, error):
        """Work could not be recorded; what the error says."""
        log.warning("a step could not be recorded: %s", error)
        self._failed[key] += 1
        self._recent.clear()  # not at once again: what was in the way may stay a little
        if self._failed[key] >= TRIES:
            self.note = f"no CUDA graph ({one_line(error)})"

    def settle(self):
        """Wait for the recording under way."""
        if self._coming:
            self._coming[1].exception()
        self._collect()

    def forget(self):
        """Drop all recordings and their memory; whether there were any."""
        found = bool(self._kept)
        self._kept.clear()
        self._failed.clear()
        self._recent.clear()
        self.note = ""
        return found


class Recording:
    """Work with numbers and parts that stay where they are: played by copying others in and replaying."""

    def __init__(self, numbers, parts):
        self.parts = rebuilt(parts, (part.clone() for part in leaves(parts)))
        self._still = leaves(self.parts)
        self._came = [(part, part._version) for part in leaves(parts)]  # what of the parts' last contents is there
        device = self._still[0].device
        self._numbers = _flat(numbers, device).to(device)
        self.numbers = rebuilt(numbers, self._numbers.unbind())
        self._ready = _event(device)

    def make(self, record, work):
        """Record `work()`; self."""
        if self._ready:
            self._ready.synchronize()  # what was copied here is there before another stream reads it
        self._replay, self._output = record(work)
        return self

    def play(self, numbers, parts, between):
        """The output for other numbers and parts."""
        self._numbers.copy_(_flat(numbers, self._numbers.device), non_blocking=True)
        for place, part in enumerate(leaves(parts)):
            self._bring(place, part)
        whole(self._replay(), between)
        return rebuilt(self._output, (tensor.clone() for tensor in leaves(self._output)))


    def _bring(self, place, part):
        """Copy a part in, unless it is there: guides are the same from step to step, and there are dozens of them."""
        last, version = self._came[place]
        if (part.data_ptr(), part.stride(), part._version) != (last.data_ptr(), last.stride(), version):
            self._still[place].copy_(part)
            self._came[place] = part, part._version


def _event(device):
    if device.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(device))  # of its own accord it takes that of the current device
    return event


def leaves(tree):
    """Everything in nested tuples that is no tuple, from left to right, as a list."""
    found = []
    _gather(tree, found)
    return found


def _gather(tree, found):
    """Add the leaves of a tree to a list; of all ways to walk trees of this size the quickest, and each step walks some."""
    if not isinstance(tree, tuple):
        found.append(tree)
        return
    for branch in tree:
        if isinstance(branch, tuple):
            _gather(branch, found)
        else:
            found.append(branch)


def rebuilt(tree, values):
    """Nested tuples like `tree` with other leaves."""
    values = iter(values)

    def build(branch):
        if not isinstance(branch, tuple):
            return next(values)
        parts = [build(each) for each in branch]
        return type(branch)(*parts) if hasattr(branch, "_fields") else tuple(parts)

    return build(tree)


def brought(numbers, parts):
    """Numbers as tensors of one where the parts are on a GPU, which is not waited for; else as they are."""
    device = leaves(parts)[0].device
    if device.type != "cuda":
        return numbers
    return rebuilt(numbers, _flat(numbers, device).to(device, non_blocking=True).unbind())


def _flat(numbers, device):
    """All numbers in one tensor in main memory, on its way to a device."""
    flat = torch.tensor(leaves(numbers), dtype=torch.float32)
    return flat.pin_memory() if device.type == "cuda" else flat  # so that the copy need not wait


def shape(tree):
    """What of nested tuples has to be the same for one recording: how they nest, and the shapes of tensors."""
    if isinstance(tree, tuple):
        return tuple([shape(branch) for branch in tree])
    return (tree.shape, tree.dtype) if isinstance(tree, torch.Tensor) else None


def empty_cache():
    """Give back to the GPU what torch keeps for later. An error changes nothing: some versions of torch refuse while a
    graph is recorded."""
    try:
        torch.cuda.empty_cache()
    except RuntimeError as error:
        log.warning("memory of the GPU could not be given back: %s", error)


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


class Streams:
    """The streams of each device that dreams and recordings run on, each for one of them at a time.

    torch hands out its POOL in turn, so that a recording could come upon the stream of the dream.
    """

    def __init__(self, make):
        self._make = make  # of a device, one of torch's
        self._made, self._free = set(), {}
        self._lock = threading.RLock()  # Python may clear away recordings, which give, in the midst of `take`

    def take(self, device):
        """One that nobody has; rather one that was given back, for cuBLAS keeps memory for each that it ever saw."""
        with self._lock:
            free = self._free.setdefault(device, [])
            if not free:
                free.append(self._another(device))
            return free.pop()

    def give(self, device, stream):
        """Give back what was taken."""
        with self._lock:
            self._free[device].append(stream)

    def _another(self, device):
        for _ in range(POOL):
            stream = self._make(device)
            if stream not in self._made:
                self._made.add(stream)
                return stream
        raise RuntimeError(f"all streams of {device} are taken")


def _lowest(device):
    """A stream of the lowest priority, so that drawing never waits: graphs keep that of the stream they are captured on."""
    return torch.cuda.Stream(device, torch.cuda.Stream.priority_range()[0])


STREAMS = Streams(_lowest)
RECORDING = threading.Lock()  # cuDNN's settings are those of all threads: two that set and restore them may leave them set


@cache
def recording_thread(device):
    """The executor of the thread on which all that a device plays is recorded.

    cuDNN remembers for each thread which of its algorithms were quickest: another dreamer's thread would try them all again.
    When the interpreter ends it waits for the recording under way, as for any executor's.
    """
    return ThreadPoolExecutor(1, f"record {device}")


@cache
def _beside(device):
    """The stream of a device on which work is tried before it is captured on another."""
    return STREAMS.take(device)


class Calm:
    """Keeps captures of CUDA graphs apart from what may meet new kernels, in other threads.

    CUDA loads a kernel when it is first met, and waits for the whole GPU then; a capture anywhere makes that an error for both
    (cudaErrorStreamCaptureUnsupported; "Lazy Loading" in NVIDIA's CUDA programming guide). A capture takes some hundredths of
    a second, and what meets kernels waits for it; a capture waits for a step, and is not begun while a network loads.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._under_way = Counter()  # steps and loads
        self._is_held = False  # by a capture, or one that only waits for steps to end

    def step(self):
        """The context of what takes no longer than a dream. Not inside itself."""
        return self._counted("step")

    def load(self):
        """The context of what takes longer."""
        return self._counted("load")

    @contextmanager
    def _counted(self, kind):
        with self._changed:
            self._changed.wait_for(lambda: not self._is_held)
            self._under_way[kind] += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way[kind] -= 1
                self._changed.notify_all()

    @contextmanager
    def capture(self):
        """For a capture; one at a time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_held and not self._under_way["load"])
            self._is_held = True
            self._changed.wait_for(lambda: not self._under_way["step"])
        try:
            yield
        finally:
            with self._changed:
                self._is_held = False
                self._changed.notify_all()


CALM = Calm()


def stepping(device):
    """The context of what may meet new kernels of a device and is soon over."""
    return CALM.step() if device.type == "cuda" else nullcontext()


def loading(device):
    """The context of what may meet new kernels of a device for longer."""
    return CALM.load() if device.type == "cuda" else nullcontext()


class Recorder:
    """Records work as CUDA graphs."""

    def __init__(self, device):
        self._device = device

    def __call__(self, work):
        """(replay, output) of `work()`: one graph, or several if it takes longer than SLICE. Recording thread."""
        with RECORDING, torch.cuda.device(self._device), torch.cuda.stream(_beside(self._device)), _alone(), joining():
            with _choosing():
                stops = [sum(1 for _ in work()) for _ in range(WARM)][-1]
            torch.cuda.current_stream().synchronize()
            captured = Captured(self._device, STREAMS.take(self._device))
            output = captured.all(work(), stops + 1)
            pieces = -(-_seconds(captured) // SLICE)
            if pieces > 1:
                captured = Captured(self._device, STREAMS.take(self._device))
                output = captured.all(work(), max(1, int(stops // pieces)))
        return captured.replays, output


class Captured:
    """The CUDA graphs of one recording, captured on a stream of STREAMS that is theirs until they are gone.

    Graphs captured on one stream share cuBLAS's workspace there, and since torch 2.12.1 the first of them that goes
    frees it under the others (pytorch#193402).
    """

    def __init__(self, device, stream):
        self._device, self._stream = device, stream
        self._pool = torch.cuda.graph_pool_handle()  # theirs alone: others replay while they are made
        self._graphs = []

    def __del__(self):
        for graph in self._graphs:
            graph.reset()  # before the stream is another's, whatever else still holds the graph
        STREAMS.give(self._device, self._stream)

    def all(self, work, every):
        """Capture a generator, cut at each `every`th of its stops; its output."""
        output = None
        with CALM.capture(), torch.cuda.stream(self._stream):
            while output is None:
                output = self._next(work, every)
        return output

    def _next(self, work, every):
        graph = torch.cuda.CUDAGraph()
        self._graphs.append(graph)
        # Not torch.cuda.graph: it empties the cache first, and the dream that goes on would have to fill it again.
        graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
        try:
            return _stretch(work, every)
        finally:
            _end(graph, self._pool)

    def replays(self):
        """Replay one after the other; stops after each."""
        for graph in self._graphs:
            graph.replay()
            yield


def _end(graph, pool):
    """End a capture; where CUDA broke it off, for torch's allocator too.

    Before pytorch#180395 nobody tells that one, which from then on gives no memory back to those that find none, and fails
    when it is asked to.
    """
    try:
        graph.capture_end()
    except Exception:
        _tell(torch.cuda.current_device(), pool)
        raise


def _tell(device, pool):
    """Tell torch's allocator that a capture into `pool` has ended."""
    end = getattr(torch._C, "_cuda_endAllocateToPool", None) or torch._C._cuda_endAllocateCurrentStreamToPool
    try:
        end(device, pool)
    except RuntimeError:  # it knows
        return
    torch._C._cuda_releasePool(device, pool)


def _seconds(captured):
    """Median time of a replay."""
    times = []
    for _ in range(WARM):
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        whole(captured.replays())
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


def _alone():
    """Backward on this thread: on autograd's own, which the dream uses too, cuDNN's choices would be kept for both."""
    return torch.autograd.set_multithreading_enabled(False)


@contextmanager
def _choosing():
    """Let cuDNN try its algorithms: worth while for what is recorded, too slow for what is played as it comes."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        with _filled():
            yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def _filled():
    """Keep cuDNN from emptying the cache after each search: the dream would have to fill it again.

    As torch/_inductor/cudagraph_trees.py does; where torch has no switch for it, it empties.
    """
    switch = getattr(torch._C, "_cudnn_set_conv_benchmark_empty_cache", lambda on: None)
    before = getattr(torch._C, "_cuda_get_conv_benchmark_empty_cache", lambda: True)()
    switch(False)
    try:
        yield
    finally:
        switch(before)


@contextmanager
def dream_stream(device):
    """A CUDA stream of the lowest priority as the present one, so that drawing never waits; elsewhere nothing."""
    if device.type != "cuda":
        yield
        return
    stream = STREAMS.take(device)
    try:
        with torch.cuda.device(device), torch.cuda.stream(stream):
            yield
    finally:
        STREAMS.give(device, stream)


def finish(device):
    """Wait for what the present thread has queued: the dream thread goes on with it on a stream of its own."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
