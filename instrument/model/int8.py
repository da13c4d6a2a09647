"""The residual blocks of a frozen network in 8-bit integers on a CPU, there and back.

Where a processor multiplies bytes (AVX-512 VNNI, AVX-VNNI) a convolution of bytes takes half the time of one in bfloat16
and a quarter of one in float32. Forward it is the usual quantised inference: what a rectifier lets through as 0..255,
weights as -127..127 with a step for each channel (Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", 2018). The gradient to the input of a convolution is a convolution too, so
it goes back the same way, as bytes round 128 (Zhu et al., "Towards Unified INT8 Training", 2020). The network is frozen
and each gradient is brought to unit size before it goes in, so all ranges are measured once, on pictures, and stay.

A `step` is what one byte is worth, a `zero` the byte that stands for nothing.
"""

import copy
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from . import byte_loops
from .byte_loops import ZERO
from .compiled import ready
from .cpu import has_bf16, has_bytes, operation
from .net import Block
from .packed import Layouts, Transposed

CLIPS = torch.linspace(0.1, 1.0, 19)  # shares of the largest value that are tried as the end of a range
MARGIN = 1.3  # by which gradients may be larger than those that were measured
SAMPLES = 100_000  # values that a range is chosen by
KINDS = ("Block", "BasicBlock", "Bottleneck")  # of residual blocks: ours and torchvision's


class Range(NamedTuple):
    """The step of an activation, and that of a gradient which comes back to it."""

    ahead: float
    back: float


class Run(nn.Module):
    """Residual blocks one after the other, in bytes; activations come in and go out as floats."""

    def __init__(self, blocks, x, dtype):
        """`blocks` that `fit`, activations (n, c, h, w) before them to measure ranges on, the `dtype` of the floats."""
        super().__init__()
        self._first, self._blocks = measured(blocks, x, dtype)

    def forward(self, x):
        return _Pass.apply(x, self)

    def layouts(self):
        """All `Layouts` in it."""
        return [each for block in self._blocks for each in block.layouts()]

    def ahead(self, x):
        """(output, what all rectifiers but the last let through: bytes)."""
        passed, x = [], byte_loops.positive(x, self._first)
        for block in self._blocks[:-1]:
            x = block.ahead(x, passed)
        return self._blocks[-1].ahead_floats(x, passed), passed

    def back(self, grad, out, passed, sides):
        """The gradient to the input of `sides` (h, w), given the one to the output `out`."""
        size, left = byte_loops.size(grad, out) + 1e-20, list(passed)
        grad = byte_loops.signed(grad, out, size * self._blocks[-1].after.back)
        for block in reversed(self._blocks[1:]):
            grad = byte_loops.masked(block.back(grad, left), left.pop())
        return self._blocks[0].back_out(grad, left, sides, size)


class _Pass(torch.autograd.Function):
    """A `Run` with its gradient."""

    @staticmethod
    def forward(ctx, x, run):
        out, passed = run.ahead(x)
        ctx.run, ctx.sides = run, x.shape[2:]
        ctx.save_for_backward(out, *passed)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        out, *passed = ctx.saved_tensors
        return ctx.run.back(grad, out, passed, ctx.sides), None


class _Block:
    """One residual block in bytes. `ranges`: of the inputs of its convolutions; `after`: of its output; `shortcut`: the
    step of its shortcut where that is a convolution."""

    def __init__(self, block, ranges, after, shortcut, dtype):
        convs = convolutions(block)
        # From where it strides on the gradient is in floats: to stride back over more than single places there is no
        # convolution of bytes.
        self._strided = next((i for i, conv in enumerate(convs) if conv.stride != (1, 1)), 0)
        self._convs = [_Conv(conv, dtype, floats=i < self._strided) for i, conv in enumerate(convs)]
        self._down = None if block.downsample is None else _Conv(block.downsample[0], dtype)
        self._ranges, self.after, self._shortcut, self._dtype = ranges, after, shortcut, dtype

    def layouts(self):
        convs = self._convs + [self._down] * (self._down is not None)
        return [each for conv in convs for each in conv.layouts()]

    def ahead(self, x, passed):
        """Output for bytes `x`, which are used up; `passed` takes what its rectifiers let through."""
        x, short = self._ahead(x, passed)
        out = self._convs[-1].ahead_onto(x, self._ranges[-1].ahead, short, self.after.ahead)
        # The next block uses it up. Where PyTorch gives a copy of what it wrote to the shortcut, there are two already.
        passed.append(out.clone() if out.data_ptr() == short[0].data_ptr() else short[0])
        return out

    def ahead_floats(self, x, passed):
        """The same as floats; `passed` takes what the rectifiers inside let through."""
        x, short = self._ahead(x, passed)
        return self._convs[-1].ahead_floats(x, self._ranges[-1].ahead, byte_loops.floats(*short, self._dtype))

    def _ahead(self, x, passed):
        """(what goes into the last convolution, what its output comes on)."""
        short = (x, self._ranges[0].ahead, 0)
        if self._down is not None:
            short = (self._down.ahead(x, self._ranges[0].ahead, self._shortcut, ZERO, "none"), self._shortcut, ZERO)
        for conv, before, behind in zip(self._convs, self._ranges, self._ranges[1:], strict=False):
            x = conv.ahead(x, before.ahead, behind.ahead)
            passed.append(x)
        return x, short

    def back(self, grad, passed):
        """The gradient to the input, bytes, of a block whose shortcut is its input; takes what it let through from `passed`."""
        inside, step = self._inside(grad, passed, 1)
        return self._convs[0].back_onto(inside, step, (grad, self.after.back, ZERO), self._ranges[0].back)

    def back_out(self, grad, passed, sides, factor):
        """The gradient to the input of `sides` (h, w), floats, of any block, times a factor."""
        inside, step = self._inside(grad, passed, self._strided + 1)
        inside = self._convs[self._strided].back_floats(inside, step, sides)
        for conv in reversed(self._convs[:self._strided]):
            inside = conv.plain(byte_loops.masked(inside, passed.pop()), sides)
        if self._down is None:
            return byte_loops.summed(inside, grad, self.after.back, factor)
        return byte_loops.summed_apart(inside, *self._down.back_places(grad, self.after.back, sides), factor)

    def _inside(self, grad, passed, first):
        """(gradient as bytes, its step) once it has come back through the convolutions from number `first` on."""
        step = self.after.back
        for conv, behind in reversed(list(zip(self._convs, self._ranges, strict=True))[first:]):
            grad = byte_loops.masked(conv.back(grad, step, behind.back), passed.pop())
            step = behind.back
        return grad, step


class _Conv:
    """A frozen convolution in bytes, and the ways back to its input; a `short` is (bytes, step, zero) to be added.

    `plain`, the way back in floats of `dtype`, is there where it strides over more than single places, or if `floats`.
    """

    def __init__(self, conv, dtype, floats=False):
        weight = conv.weight.detach().float()
        bias = None if conv.bias is None else conv.bias.detach().float()
        stride, padding = list(conv.stride), list(conv.padding)
        turned = [k - 1 - p for k, p in zip(conv.kernel_size, conv.padding, strict=True)]
        # What strides over single places goes back as if it did not, and is set apart afterwards.
        in_bytes = stride == [1, 1] or conv.kernel_size == (1, 1)
        self._ahead = Weights(weight, bias, stride, padding)
        self._back = Weights(weight.transpose(0, 1).flip(2, 3), None, [1, 1], turned) if in_bytes else None
        self.plain = Transposed(weight.to(dtype), stride, padding) if floats or not in_bytes else None
        self._stride, self._dtype = stride, dtype

    def layouts(self):
        return [weights.kept for weights in (self._ahead, self._back, self.plain) if weights is not None]

    def ahead(self, x, step, after, zero=0, attr="relu"):
        """Output as bytes of the step `after`: rectified, or with the attr "none" round `zero`."""
        return self._ahead(x, step, 0, (after, zero, torch.uint8), attr)

    def ahead_onto(self, x, step, short, after):
        """Output on `short`, rectified, as bytes."""
        return self._ahead.onto(x, step, 0, short, (after, 0, torch.uint8), "relu")

    def ahead_floats(self, x, step, short):
        """Output on the floats `short`, rectified, as floats."""
        return self._ahead.onto(x, step, 0, (short, 1.0, 0), (1.0, 0, short.dtype), "relu")

    def back(self, grad, step, after):
        """The gradient to the input, bytes."""
        return self._back(grad, step, ZERO, (after, ZERO, torch.uint8), "none")

    def back_onto(self, grad, step, short, after):
        """The gradient to the input on `short`, bytes."""
        return self._back.onto(grad, step, ZERO, short, (after, ZERO, torch.uint8), None)

    def back_floats(self, grad, step, sides):
        """The gradient to the input of `sides` (h, w) as floats."""
        places, stride = self.back_places(grad, step, sides)
        if stride == [1, 1]:
            return places
        return byte_loops.summed_apart(_nothing(places, sides), places, stride, 1.0)

    def back_places(self, grad, step, sides):
        """(that gradient at its places, all others without any; how far these are apart)."""
        if self._back is None:
            return self.plain(byte_loops.floats(grad, step, ZERO, self._dtype), sides), [1, 1]
        return self._back(grad, step, ZERO, (1.0, 0, self._dtype), "none"), self._stride


def _nothing(like, sides):
    return torch.empty((*like.shape[:2], *sides), dtype=like.dtype, memory_format=torch.channels_last).zero_()


class Weights:
    """Weights (o, i, h, w) of a convolution as bytes, that keeps their `Layouts`. `after`: (step, zero, dtype) of the output."""

    def __init__(self, weight, bias, stride, padding):
        self._steps = weight.abs().amax((1, 2, 3)).clamp_min(1e-12) / 127
        self._bytes = (weight / self._steps[:, None, None, None]).round().to(torch.int8)
        self._zeros = torch.zeros(len(weight), dtype=torch.int)
        self._bias, self._shape = bias, (stride, padding, [1, 1], 1)
        self.kept = Layouts(self._bytes.nbytes)

    def __call__(self, x, step, zero, after, attr):
        return operation("onednn.qconv2d_pointwise.default")(x, step, zero, *self._laid(x, step, zero), *after, attr, [], "")

    def onto(self, x, step, zero, short, after, attr):
        """The same on `short`, (tensor, step, zero), which is used up."""
        added, *of_short = short
        laid, *rest = self._laid(x, step, zero)
        steps, zeros, *shape = rest
        return operation("onednn.qconv2d_pointwise.binary")(
            x, step, zero, laid, steps, zeros, added, *shape, *after, *of_short, "sum", 1.0, attr, [], "")

    def _laid(self, x, step, zero):
        """The weights as oneDNN wants them, and all that follows them.

        It keeps what it found out about a size, and does not tell by the zero: on the way back it is asked for as many pictures
        and one more, else it would say what is right for the way ahead, and change the weights each time.
        """
        laid = self.kept.of(x.shape, lambda: operation("onednn.qconv_prepack.default")(
            self._bytes, self._steps, step, zero, *self._shape, [len(x) + bool(zero), *x.shape[1:]]))
        return laid, self._steps, self._zeros, self._bias, *self._shape


# --- ranges

def measured(blocks, x, dtype):
    """(step of the input, the blocks in bytes), ranges measured at activations `x` before the blocks."""
    with torch.enable_grad():
        x = x.detach().float().requires_grad_()
        inputs, shortcuts, h = [], [], x
        for block in blocks:
            inside, shortcut, h = _watched(block, h)
            inputs.append(inside)
            shortcuts.append(shortcut)
    direction = (h - h.mean((2, 3), keepdim=True)).detach() * (h > 0)
    direction = direction / direction.square().mean().sqrt()
    grads = iter(torch.autograd.grad(h, [one for inside in inputs for one in inside], direction))
    ranges = [[_range(one, next(grads)) for one in inside] for inside in inputs]
    afters = [*(each[0] for each in ranges[1:]), _range(h, direction)]
    return ranges[0][0].ahead, [
        _Block(block, own, after, None if shortcut is None else step_of(shortcut, 127), dtype)
        for block, own, after, shortcut in zip(blocks, ranges, afters, shortcuts, strict=True)]


def _watched(block, x):
    """(inputs of its convolutions, shortcut where that is a convolution, output) of a block."""
    inside = [x]
    *convs, last = convolutions(block)
    for conv in convs:
        inside.append(torch.relu(conv(inside[-1])))
    shortcut = None if block.downsample is None else block.downsample(x)
    return inside, shortcut, torch.relu(last(inside[-1]) + (x if shortcut is None else shortcut))


def _range(activation, grad):
    return Range(step_of(activation, 255), MARGIN * step_of(grad, 127))


@torch.no_grad()
def step_of(values, levels):
    """The step with which bytes of at most `levels` lose least of `values`: a few large ones may be cut off."""
    values = values.flatten()
    values = values[:: max(1, len(values) // SAMPLES)].abs()
    steps = (CLIPS * values.max() / levels).clamp_min(1e-12)
    lost = [((values / step).round().clamp_(max=levels) * step - values).square().sum() for step in steps]
    return steps[int(torch.stack(lost).argmin())].item()


# --- networks

def convolutions(block):
    """The convolutions of a residual block that follow each other."""
    return [conv for name in ("conv1", "conv2", "conv3") if (conv := getattr(block, name, None)) is not None]


def fit(blocks):
    """Whether these modules are residual blocks that a `Run` can stand for, normalisations folded into convolutions."""
    return len(blocks) > 0 and all(_fits(block, first=i == 0) for i, block in enumerate(blocks))


def _fits(block, first):
    if type(block).__name__ not in KINDS or not hasattr(block, "downsample"):
        return False
    convs = convolutions(block) + ([block.downsample[0]] if block.downsample is not None else [])
    normed = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in block.modules())
    return not normed and (first or block.downsample is None) and all(_is_plain(conv, first) for conv in convs)


def _is_plain(conv, first):
    side = conv.kernel_size[0]
    return (conv.groups == 1 and conv.dilation == (1, 1) and conv.padding_mode == "zeros" and conv.kernel_size == (side, side)
            and conv.padding == (side // 2, side // 2) and side % 2 == 1 and conv.stride in ((1, 1), (2, 2))
            and (first or conv.stride == (1, 1)))


def in_bytes(eye, pictures):
    """A copy of `eye`, its residual blocks in bytes and the rest in the quickest floats; None where there are none.

    `pictures` (n, 3, h, w) in 0..1 are what ranges are measured on, as they are.
    """
    eye, seen = copy.deepcopy(eye), {}
    runs = {name: module for name, module in eye.stages.named_modules() if isinstance(module, nn.Sequential) and fit(module)}
    if not runs:
        return None
    hooks = [module.register_forward_pre_hook(lambda _, x, name=name: seen.update({name: x[0]})) for name, module in runs.items()]
    eye.activations(pictures, len(eye.stages))
    for hook in hooks:
        hook.remove()
    dtype = torch.bfloat16 if has_bf16() else torch.float32
    for name, blocks in runs.items():
        parent, _, own = name.rpartition(".")
        setattr(eye.stages.get_submodule(parent), own, Run(list(blocks), seen[name], dtype))
    eye.lower(dtype).precision = torch.int8
    return eye


@lru_cache(1)
def is_quicker():
    """Whether this processor multiplies bytes, and this PyTorch has the operations, which it keeps for its own compiler."""
    if not has_bytes():
        return False
    ready()
    try:
        return _tried()
    except (AttributeError, RuntimeError, TypeError):  # not there, not for this processor, or of another form
        return False


def _tried():
    """Whether a block that strides and one that does not see and are moved in bytes as in floats."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        blocks, x = [Block(16, 32, 2), Block(32, 32)], torch.rand(1, 16, 9, 9)
    for block in blocks:
        block.bn1 = block.bn2 = nn.Identity()
        block.downsample = block.downsample and block.downsample[:1]
    exact = nn.Sequential(*blocks).requires_grad_(False)
    quick = Run(blocks, x, torch.bfloat16 if has_bf16() else torch.float32)
    return all(torch.cosine_similarity(one.flatten(), other.flatten(), 0) > 0.9
               for one, other in zip(_seen_and_moved(exact, x), _seen_and_moved(quick, x), strict=True))


def _seen_and_moved(layers, x):
    """(output, gradient to `x` of half its square), float32."""
    with torch.enable_grad():
        x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
        out = layers(x)
    return out.detach().float(), torch.autograd.grad(out, x, out.detach())[0].float()
