"""What a device can do at the most, measured, and what a piece of work asks of it."""

import math

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ..dream.graphs import finish
from ..dream.precision import quick_precisions
from ..model.int8 import Weights
from .report import median_seconds

SIDE = 8192  # of the matrices, and of the pictures that are copied, on a GPU
SMALL = 2048  # on a CPU
# Of model/packed.py, model/int8.py and model/joined.py, which torch's own count does not know: where the weights (out,
# in, ...) stand, and whether each value that comes out takes so many products, or each that goes in.
PACKED = {"mkldnn._convolution_pointwise.default": (1, "out"), "mkldnn._convolution_transpose_pointwise.default": (1, "in"),
          "aten.cudnn_convolution_relu.default": (1, "out"), "aten.cudnn_convolution_add_relu.default": (1, "out"),
          "onednn.qconv2d_pointwise.default": (3, "out"), "onednn.qconv2d_pointwise.binary": (3, "out")}
VIEWS = ("view", "reshape", "permute", "transpose", "expand", "slice", "select", "detach", "unbind", "split", "alias", "t.")


class Ceilings:
    """Measured rates: operations a second of a large matrix product per precision, bytes a second of a large copy."""

    def __init__(self, side=SIDE, device="cuda", precisions=(torch.float16, torch.bfloat16, torch.float32)):
        self.rate = {precision: self._product(side, device, precision) for precision in precisions}
        self.bytes = self._copy(side, device)

    @classmethod
    def on(cls, device):
        """The ceilings of "cuda" or "cpu" in the precisions that may be dreamed there."""
        if device == "cuda":
            return cls()
        return cls(SMALL, device, (torch.float32, *quick_precisions(device)))

    def _product(self, side, device, precision):
        return 2 * side**3 / min(_seconds(way, device) for way in _products(side, device, precision))

    def _copy(self, side, device):
        source = torch.rand(4, side, side, device=device)
        target = torch.empty_like(source)
        return 2 * source.nbytes / _seconds(lambda: target.copy_(source), device)

    def least(self, work, precision):
        """(seconds that `work` takes at the least, "operations" or "bytes": which of them)."""
        by = {"operations": work.operations / self.rate[precision], "bytes": work.bytes / self.bytes}
        most = max(by, key=by.get)
        return by[most], most


def _products(side, device, precision):
    """The ways in which a device may take the product of two matrices; the quickest is what it can."""
    if precision == torch.int8:
        x, weights = _pixels(side, device, torch.uint8), Weights(torch.randn(side, side, 1, 1), None, [1, 1], [0, 0])
        return [lambda: weights(x, 1.0, 0, (1.0, 0, torch.uint8), "none")]
    one, other = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
    if device != "cpu":
        return [lambda: one @ other]
    # Another library (oneDNN) takes convolutions than takes products (MKL, on an AMD half as quick in float32).
    x, weight = _pixels(side, device, precision), other[:, :, None, None]
    return [lambda: one @ other, lambda: F.conv2d(x, weight)]


def _pixels(side, device, dtype):
    """As many pixels as channels (1, side, 64, side / 64), as the dream's activations lie in memory."""
    return torch.ones(1, side, 64, side // 64, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)


class Work(TorchDispatchMode):
    """Counts the operations and the bytes read and written by what runs inside; views count nothing."""

    def __init__(self):
        super().__init__()
        self.operations = self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        found = function(*args, **kwargs)
        if str(function) in PACKED:
            place, end = PACKED[str(function)]
            values = found if end == "out" else args[0]
            self.operations += 2 * values.numel() * math.prod(args[place].shape[1:])
        # By torch's own formulas; its FlopCounterMode follows modules too, which a step that stops between them breaks.
        count = flop_registry.get(function.overloadpacket)
        self.operations += count(*args, **kwargs, out_val=found) if count else 0
        if not any(str(function).startswith(f"aten.{name}") for name in VIEWS):
            self.bytes += sum(tensor.nbytes for tensor in _tensors((args, found)))
        return found

    @classmethod
    def of(cls, action):
        """The work of `action()`."""
        with cls() as work:
            action()
        return work


def _tensors(tree):
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for branch in tree:
            yield from _tensors(branch)


def _seconds(action, device):
    def timed():
        action()
        finish(torch.device(device))  # sync point: it is timed

    return median_seconds(timed, 9)


def name_of(precision):
    """What PyTorch calls it, without the prefix: float32, bfloat16."""
    return str(precision).removeprefix("torch.")


def label(precision):
    """`name_of` what is dreamed in; says where cuDNN, left as it comes, takes float32 for TF32,
    which the ceilings do not."""
    return name_of(precision) + " (convolutions in TF32)" * (precision == torch.float32 and _has_tf32())


def _has_tf32():
    gpu = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    return gpu and torch.backends.cudnn.allow_tf32
