"""The first layers of a network, made quicker: its numbers stay the same.

The gradient of a convolution of stride 2 with three input channels is what CPU libraries do worst (a third of
their usual rate): it is done here as a plain convolution of stride 1 that makes the four pixels under each
place at once.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

COLOURS = 4  # one more than needed: 16 channels fill the vector units, 12 do not


class Stem(nn.Module):
    """A convolution that `fits`, with the same output and the same gradient; frozen."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv
        self.register_buffer("back", _back_kernel(conv.weight.detach()), persistent=False)

    def forward(self, x):
        if x.device.type != "cpu":
            return self.conv(x)
        return _Convolve.apply(x, self.conv.weight, self.conv.bias, self.back)


class _Convolve(torch.autograd.Function):
    """conv2d of stride 2 whose gradient to the picture is one convolution with `back`."""

    @staticmethod
    def forward(ctx, x, weight, bias, back):
        ctx.save_for_backward(back)
        ctx.size = x.shape[2:]
        return F.conv2d(x, weight, bias, 2, weight.shape[2] // 2)

    @staticmethod
    def backward(ctx, grad):
        back, = ctx.saved_tensors
        places = F.conv2d(grad, back, None, 1, back.shape[2] // 2)
        uneven = 1 - back.shape[2] % 2  # the kernel may look one place further ahead than back
        pixels = F.pixel_shuffle(places[:, :, uneven:, uneven:], 2)
        # Whole: to convert a part of a tensor to float32 takes seven times as long.
        return pixels[:, :3, :ctx.size[0], :ctx.size[1]].contiguous(), None, None, None


def _back_kernel(weight):
    """Kernel (4 * COLOURS, o, n, n) that takes gradients at the places of the output to 2 x 2 pixels each.

    Pixel 2a + r of the input met output a + t with the weight at centre + r - 2t.
    """
    outputs, _, side, _ = weight.shape
    centre = side // 2
    reach = range(-(centre // 2), (centre + 1) // 2 + 1)
    kernel = weight.new_zeros(COLOURS, 2, 2, outputs, len(reach), len(reach))
    taps = [(r, i, centre + r - 2 * t) for r in (0, 1) for i, t in enumerate(reach) if 0 <= centre + r - 2 * t < side]
    for r, i, u in taps:
        for s, j, v in taps:
            kernel[:3, r, s, :, i, j] = weight[:, :, u, v].T
    return kernel.flatten(0, 2).contiguous(memory_format=torch.channels_last)


def fits(conv):
    """Whether `Stem` can stand for this convolution."""
    side = conv.kernel_size[0]
    return (conv.in_channels == 3 and conv.stride == (2, 2) and conv.kernel_size == (side, side) and side % 2 == 1
            and conv.padding == (side // 2, side // 2) and conv.dilation == (1, 1) and conv.groups == 1
            and conv.padding_mode == "zeros")


def quicken(net):
    """Put a `Stem` in the place of the first convolution of `net`, if it fits; the same network."""
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            if fits(module):
                parent, _, own = name.rpartition(".")
                setattr(net.get_submodule(parent), own, Stem(module))
            break
    return net


def pool_first(net):
    """Put each rectifier of `net` behind the maximum that is taken of what it lets through: it has a quarter to do, and the
    numbers are the same; the same network."""
    for chain in [module for module in net.modules() if isinstance(module, nn.Sequential)]:
        for place, (one, other) in enumerate(pairwise(chain)):
            if type(one) is nn.ReLU and type(other) is nn.MaxPool2d:
                chain[place], chain[place + 1] = other, one
    return net
