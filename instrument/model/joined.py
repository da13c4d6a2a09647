"""Residual blocks of a frozen network on an NVIDIA GPU: one kernel for a convolution, its bias, what is added and the rectifier.

As PyTorch plays them each of those is a kernel of its own, and where pictures are small a kernel takes longer to begin than to
run. cuDNN has them joined, forward only; the way back to the input is written here. For each new size it takes cuDNN seconds to
choose them, so they are for what is recorded beside the show (`joining`), and not for the steps until then.
"""

import copy
import threading
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import nn

from ..errors import lack
from . import int8
from .net import Block

_HERE = threading.local()  # `is_joining`: whether this thread has blocks joined


@contextmanager
def joining():
    """Have the blocks that are `Joined` played so, in this thread."""
    _HERE.is_joining = True
    try:
        yield
    finally:
        _HERE.is_joining = False


class Joined(nn.Module):
    """A residual block that `int8.fit`s, and, where one is `joining`, the same in fewer kernels; frozen."""

    def __init__(self, block):
        super().__init__()
        self._block = block
        self._convs = int8.convolutions(block)
        self._down = None if block.downsample is None else block.downsample[0]

    def forward(self, x):
        return _Pass.apply(x, self) if getattr(_HERE, "is_joining", False) else self._block(x)

    def ahead(self, x):
        """What comes out of each rectifier, in turn."""
        short = x if self._down is None else torch.conv2d(x, self._down.weight, self._down.bias, *_shape(self._down))
        *convs, last = self._convs
        outs = [x]
        for conv in convs:
            outs.append(torch.cudnn_convolution_relu(outs[-1], conv.weight, conv.bias, *_shape(conv)))
        return [*outs[1:], torch.cudnn_convolution_add_relu(outs[-1], last.weight, short, 1.0, last.bias, *_shape(last))]

    def back(self, grad, x, outs):
        """The gradient to the input `x`, given that behind the block and what came out of each rectifier."""
        short = grad = _rectified(grad, outs[-1])
        for conv, before in reversed(list(zip(self._convs, [None, *outs[:-1]], strict=True))):
            grad = _moved(conv, grad, x if before is None else before)
            grad = grad if before is None else _rectified(grad, before)
        return grad.add_(short if self._down is None else _moved(self._down, short, x))


class _Pass(torch.autograd.Function):
    """A `Joined` block with its gradient."""

    @staticmethod
    def forward(ctx, x, block):
        outs = block.ahead(x)
        ctx.block = block
        ctx.save_for_backward(x, *outs)
        return outs[-1]

    @staticmethod
    def backward(ctx, grad):
        x, *outs = ctx.saved_tensors
        return ctx.block.back(grad, x, outs), None


def _shape(conv):
    return conv.stride, conv.padding, conv.dilation, conv.groups


def _moved(conv, grad, x):
    """The gradient to the input `x` of a convolution."""
    stride, padding, dilation, groups = _shape(conv)
    return torch.ops.aten.convolution_backward(grad, x, conv.weight, None, stride, padding, dilation, False, (0, 0), groups,
                                               (True, False, False))[0]


def _rectified(grad, let_through):
    return torch.ops.aten.threshold_backward(grad, let_through, 0)


def joined(eye):
    """The same eye with its residual blocks `Joined` where that is quicker; else `eye` itself, which stays as it is."""
    parameter = next(eye.parameters())
    if parameter.device.type != "cuda" or not is_quicker(parameter.device, parameter.dtype):
        return eye
    return with_joined(eye)


def with_joined(eye):
    """A copy of `eye`, its residual blocks `Joined`; it lends its weights."""
    eye = copy.deepcopy(eye, {id(tensor): tensor for tensor in eye.parameters()})
    for name, module in list(eye.stages.named_modules()):
        if int8.fit([module]) and all(conv.bias is not None for conv in int8.convolutions(module)):
            parent, _, own = name.rpartition(".")
            setattr(eye.stages.get_submodule(parent), own, Joined(module))
    return eye


@lru_cache
def is_quicker(device, dtype):
    """Whether a GPU has such kernels, and they compute what PyTorch's do."""
    blocks = _samples().to(device, dtype, memory_format=torch.channels_last)
    x = torch.rand(1, 16, 24, 24, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    try:
        with joining():
            found = [_seen_and_moved(layers, x) for layers in (blocks, nn.Sequential(*map(Joined, blocks)))]
    except (AttributeError, RuntimeError) as error:  # not there, or not for this GPU
        if lack(error):
            raise
        return False
    return all(torch.cosine_similarity(*pair, 0) > 0.999 for pair in zip(*found, strict=True))


def _samples():
    """A block that strides and one that does not, frozen."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        blocks = [Block(16, 32, 2), Block(32, 32)]
    for block in blocks:
        for conv in int8.convolutions(block):
            conv.bias = nn.Parameter(torch.full((32,), 0.1))
        block.bn1 = block.bn2 = nn.Identity()
        block.downsample = block.downsample and block.downsample[:1]
    return nn.Sequential(*blocks).requires_grad_(False)


def _seen_and_moved(layers, x):
    """(output, gradient to `x` of half its square), flat, float32."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        out = layers(x)
        grad, = torch.autograd.grad(out, x, out.detach())
    return out.detach().flatten().float(), grad.flatten().float()
