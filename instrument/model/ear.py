"""The hearing side of a network, on the processor or on a GPU.

On a GPU each number of seconds is one CUDA graph: some hundred small kernels cost one launch. Only log-mel goes over
and averages come back; the last layer is so small that it stays here, and with it cuBLAS, whose workspace graphs of
one stream would share (see dream/graphs.py, which the model may not import).
"""

import copy
import logging
import threading
import time
from contextlib import contextmanager
from functools import partial
from statistics import median

import numpy as np
import torch

from ..errors import one_line
from .net import AVERAGES, WIDTHS, folded
from .sound import SECONDS

log = logging.getLogger(__name__)
WARM = 3  # times work is done before it is captured, so that libraries have chosen and allocated
TRIAL = 0.3  # s at most that a device is timed for: a restarted `listen` is waited for
CALLS = 100  # at most, of a trial


def open_ear(net, device="auto"):
    """(Ear, what was found) on "cpu" or "cuda"; "auto" times both where there is CUDA and takes the quicker one.

    Nothing is timed or said without CUDA or on "cpu". ValueError for "cuda" where there is none.
    """
    see_device(device)
    if device == "cpu" or not torch.cuda.is_available():
        return Ear(net), ""
    near, far = Ear(net), Ear(net, "cuda")
    far.warm()
    if far.device == "cpu":  # it has said why
        return far, ""
    return _compared([far, near] if device == "auto" else [far])


def see_device(device):
    """ValueError in one line for "cuda" where there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: no GPU that CUDA can use was found here; give --device cpu or auto")


def _compared(ears):
    """(the quickest ear, a line that says so)."""
    took = {ear: 1000 * seconds_of_call(ear) for ear in ears}
    best, *others = sorted(ears, key=took.get)
    beside = ", ".join(f"{ear.device} {took[ear]:.1f}" for ear in others)
    return best, f"hears on {best.device}: {took[best]:.1f} ms" + f" ({beside})" * bool(others)


def seconds_of_call(ear):
    """Median time of a call with one second of sound, s."""
    second, times = ear.silence(1), []
    ear(second)  # the first call is slow on any device
    end = time.perf_counter() + TRIAL
    while not times or (len(times) < CALLS and time.perf_counter() < end):
        before = time.perf_counter()
        ear(second)
        times.append(time.perf_counter() - before)
    return median(times)


class Ear:
    """Called with seconds of log-mel, float32 (1 to SECONDS, bands, frames of a second), it gives the mean answer to them in
    NumPy: (logits (classes + 1,), features (AVERAGES,)). Any thread.

    A GPU that fails is given up for good: the processor goes on, and the log says so once.
    """

    def __init__(self, net, device="cpu"):
        self._net = folded(net, "sound")
        self._lock = threading.Lock()
        self._gpu = None if device == "cpu" else self._reach(device)

    @property
    def device(self):
        """Where it hears now: "cpu" or "cuda"."""
        return "cuda" if self._gpu else "cpu"

    def warm(self):
        """Get ready for every number of seconds, so that no answer of the show waits for that."""
        for count in range(1, SECONDS + 1):
            self(self.silence(count))

    def silence(self, count):
        """`count` seconds of it, as the network is given sound."""
        front = self._net.front_end
        return np.zeros((count, front.bands, front.frames(1.0)), np.float32)

    def __call__(self, seconds):
        features = self._away(seconds)
        with torch.inference_mode():
            if features is None:
                features = averages(self._net, torch.from_numpy(seconds), torch.channels_last)
            logits = self._net.heads["sound"](features[..., -WIDTHS[-1]:])
        return logits.numpy(), features.numpy()

    def _reach(self, device):
        try:
            return Gpu(self._net, device)
        except Exception as error:  # noqa: BLE001 - drivers raise what they like; the show goes on
            return self._without(error)

    def _away(self, seconds):
        """What the GPU makes of seconds; None where there is none, or none any more."""
        with self._lock:  # what stays where it is on a GPU is for one thread at a time
            try:
                return self._gpu and self._gpu(seconds)
            except Exception as error:  # noqa: BLE001
                self._gpu = self._without(error)
        return None

    def _without(self, error):
        log.warning("the GPU cannot hear (%s): the processor does from now on", one_line(error))


def averages(net, seconds, layout):
    """Mean over seconds (n, bands, frames) of what the folded network has in its stages, (AVERAGES,)."""
    return net.averages(net.shown(seconds).contiguous(memory_format=layout)).mean(0)


# --- CUDA

class Gpu:
    """`averages` of seconds in main memory, made on a CUDA device, to main memory. For one thread at a time."""

    def __init__(self, net, device):
        self._device = torch.device(device)
        self._stream = _highest(self._device)
        self._takes = {}  # number of seconds: Take
        with self._on():  # so that whatever uses the weights comes after they have arrived
            # As NCHW: float32 without TF32 has more algorithms to choose from there.
            self._net = copy.deepcopy(net).to(self._device, memory_format=torch.contiguous_format)

    def __call__(self, seconds):
        with torch.inference_mode(), self._on():
            if len(seconds) not in self._takes:
                self._takes[len(seconds)] = Take(self._net, seconds.shape, self._device)
            return self._takes[len(seconds)](seconds)

    @contextmanager
    def _on(self):
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            yield


class Take:
    """Seconds of one shape, and all that stays where it is for them: buffers in main memory and on the GPU, a graph."""

    def __init__(self, net, shape, device):
        self._sent, self._back = _pinned(shape), _pinned((AVERAGES,))
        self._input = torch.zeros(shape, device=device)
        self._done = torch.cuda.Event(blocking=True)  # waiting must not keep a core busy
        self._work = partial(averages, net, self._input, torch.contiguous_format)
        self._replay = _captured(self._work) or self._work

    def __call__(self, seconds):
        self._sent.copy_(torch.from_numpy(seconds))
        self._input.copy_(self._sent, non_blocking=True)
        self._back.copy_(self._replay(), non_blocking=True)
        self._done.record()
        self._done.synchronize()
        return self._back.clone()


def _captured(work):
    """A function that does `work()` again as a CUDA graph and gives the same tensor; None if that cannot be captured."""
    with _CAPTURING, _choosing():
        for _ in range(WARM):
            work()
        torch.cuda.current_stream().synchronize()
        try:
            graph, output = _graph_of(work)
        except RuntimeError as error:
            log.warning("hearing is not captured (%s): it runs as it comes", one_line(error))
            return None

    def replay():
        graph.replay()
        return output

    return replay


def _graph_of(work):
    """(CUDA graph, output) of work on the present stream; other threads may go on with theirs."""
    graph = torch.cuda.CUDAGraph()
    graph.capture_begin(capture_error_mode="thread_local")
    try:
        output = work()
    finally:
        graph.capture_end()
    return graph, output


_CAPTURING = threading.Lock()  # cuDNN's settings are those of all threads


@contextmanager
def _choosing():
    """Let cuDNN try its algorithms; without TF32, so that a GPU answers as the processor does."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.allow_tf32
    cudnn.benchmark, cudnn.allow_tf32 = True, False
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32 = before


def _highest(device):
    """A stream of the highest priority, so that hearing comes before drawing and dreaming; graphs keep that of theirs."""
    return torch.cuda.Stream(device, torch.cuda.Stream.priority_range()[1])


def _pinned(shape):
    """A float32 tensor in main memory that a GPU copies from and to by itself."""
    return torch.empty(shape, pin_memory=True)
