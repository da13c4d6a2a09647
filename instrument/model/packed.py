"""Convolutions of a frozen network on a CPU, their weights laid out once as oneDNN wants them.

A plain convolution lays its weights out anew each time it runs, forward and backward: in bfloat16 that is a fifth to a
third of its time where the picture is small and the channels are many (float32 gained nothing). The gradient to the input
of a convolution of stride 1 is a convolution too, with the weights turned round, so that both can be laid out here.
"""

import copy
from collections import OrderedDict
from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional as F

from .cpu import has_bf16, operation

LEAST = 16  # input channels; the first convolution of a network has a faster way of its own (stem.py)
KEPT = 12  # layouts of one convolution: all octaves of two sizes of picture
FEWEST = 4  # of one convolution of a large network: as many octaves, which take turns, so that with one fewer none would be found
ROOM = 512e6  # bytes of all layouts of a network


class Packed(nn.Module):
    """A convolution that `fits`, with the same output and the same gradient to its input; frozen."""

    def __init__(self, conv):
        super().__init__()
        weight = conv.weight.detach()
        back = weight.transpose(0, 1).flip(2, 3).contiguous(memory_format=torch.channels_last)
        turned = [d * (k - 1) - p for d, k, p in zip(conv.dilation, conv.kernel_size, conv.padding, strict=True)]
        self._ahead = Layout(weight, conv.bias, list(conv.padding), list(conv.dilation))
        self._back = Layout(back, None, turned, list(conv.dilation))

    def forward(self, x):
        return _Convolve.apply(x, self._ahead, self._back)

    def layouts(self):
        """All `Layouts` in it."""
        return [self._ahead.kept, self._back.kept]


class _Convolve(torch.autograd.Function):
    """The convolution of one `Layout`, with another as its gradient to the input."""

    @staticmethod
    def forward(ctx, x, ahead, back):
        ctx.back = back
        return ahead(x)

    @staticmethod
    def backward(ctx, grad):
        return ctx.back(grad), None, None


class Layouts:
    """Weights laid out for each size of input and number of threads that come along; those last used are kept.

    The layout of another size or number would do too, but oneDNN then changes it each time, which can cost ten times
    the convolution.
    """

    def __init__(self, nbytes, most=KEPT):
        """`nbytes` of each layout; at `most` so many are kept."""
        self.nbytes, self.most, self._kept = nbytes, most, OrderedDict()

    def __len__(self):
        return len(self._kept)

    def __deepcopy__(self, _):
        return Layouts(self.nbytes, self.most)  # what is laid out cannot be copied, and is laid out again

    def forget(self):
        """Keep none; whether there was any."""
        found = bool(self._kept)
        self._kept.clear()
        return found

    def of(self, size, make):
        """The layout for inputs of `size`, from `make()` where there is none yet."""
        key = (size, torch.get_num_threads())
        weight = self._kept.get(key)
        if weight is None:
            weight = self._kept[key] = make()
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return weight


class Layout:
    """A convolution of stride 1 that keeps the `Layouts` of its weights."""

    def __init__(self, weight, bias, padding, dilation):
        self._weight, self._bias, self._shape = weight, bias, (padding, [1, 1], dilation, 1)
        self.kept = Layouts(weight.nbytes)

    def __call__(self, x):
        weight = self.kept.of(x.shape, lambda: operation("mkldnn._reorder_convolution_weight.default")(
            self._weight, *self._shape, list(x.shape)))
        return operation("mkldnn._convolution_pointwise.default")(x, weight, self._bias, *self._shape, "none", [], "")


class Transposed:
    """The gradient to the input of a convolution of any stride with weights (o, i, h, w), laid out likewise."""

    def __init__(self, weight, stride, padding):
        self._weight, self._stride, self._padding = weight.contiguous(memory_format=torch.channels_last), stride, padding
        self._quick = weight.dtype == torch.bfloat16 and is_quicker()
        self.kept = Layouts(weight.nbytes if self._quick else 0)

    def __call__(self, grad, sides):
        """The gradient to an input of `sides` (h, w)."""
        spare = [side - ((g - 1) * s - 2 * p + k) for side, g, s, p, k in
                 zip(sides, grad.shape[2:], self._stride, self._padding, self._weight.shape[2:], strict=True)]
        if not self._quick:
            return F.conv_transpose2d(grad, self._weight, None, self._stride, self._padding, spare)
        shape = (self._padding, spare, self._stride, [1, 1], 1)
        weight = self.kept.of((grad.shape, *spare), lambda: operation("mkldnn._reorder_convolution_transpose_weight.default")(
            self._weight, *shape, list(grad.shape)))
        return operation("mkldnn._convolution_transpose_pointwise.default")(grad, weight, None, *shape, "none", [], "")


def packed(net):
    """The same network with a `Packed` for each convolution that fits, where that is quicker; else `net` itself.

    `net` stays as it is, and lends its other weights. All layouts have their share of ROOM.
    """
    if is_quicker() and next(net.parameters()).device.type == "cpu":
        net = _with_packed(net)
    every = kept_by(net)
    # As many of each: a picture goes through all of them, and would wait for those that are not there.
    most = ROOM // max(1, sum(each.nbytes for each in every))
    for each in every:
        each.most = max(FEWEST, min(KEPT, int(most)))
    return net


def _with_packed(net):
    net = copy.deepcopy(net, {id(tensor): tensor for tensor in net.parameters()})
    for name, module in list(net.named_modules()):
        if fits(module):
            parent, _, own = name.rpartition(".")
            setattr(net.get_submodule(parent), own, Packed(module))
    return net


def kept_by(net):
    """All `Layouts` in a network."""
    return [each for module in net.modules() if hasattr(module, "layouts") for each in module.layouts()]


def fits(module):
    """Whether `Packed` can stand for this module."""
    if not isinstance(module, nn.Conv2d) or isinstance(module.padding, str):
        return False
    reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    return (module.weight.dtype == torch.bfloat16 and module.in_channels >= LEAST and module.stride == (1, 1)
            and module.groups == 1 and module.padding_mode == "zeros"
            and all(far >= p for far, p in zip(reach, module.padding, strict=True)))


@lru_cache(1)
def is_quicker():
    """Whether this processor gains from it, and this PyTorch has the operations, which it keeps for its own compiler."""
    if not has_bf16():
        return False
    conv = nn.Conv2d(LEAST, LEAST, 3, padding=1).requires_grad_(False).to(torch.bfloat16)
    x = torch.ones(1, LEAST, 8, 8, dtype=torch.bfloat16)
    try:
        return torch.allclose(Packed(conv)(x), conv(x), rtol=0.05, atol=0.05)
    except (AttributeError, RuntimeError, TypeError):  # not there, not for this processor, or of another form
        return False
