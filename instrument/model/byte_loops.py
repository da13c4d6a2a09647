"""Loops over bytes and floats on a CPU: what lies between the convolutions of `int8.py`.

Tensors are (n, c, h, w), channels last, dense; floats are float32 or bfloat16. Bytes round `ZERO` are signed: 128 stands for
nothing.
"""

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiled import loop, shared, trial
from .cpu import has_bytes

F, U = np.float32, np.uint8
ZERO = 128
LIGHT = 8  # times as many values are worth a thread as in other loops: little is done with each
BLOCK = 4096  # values that are summed up in float32


# --- floats, also those that Numba has no type for

@intrinsic
def _number(_, value):
    """A float32, or bfloat16 as uint16, as float32."""
    def build(context, builder, signature, arguments):
        number, = arguments
        if value == types.float32:
            return number
        wide = builder.zext(number, ir.IntType(32))
        return builder.bitcast(builder.shl(wide, wide.type(16)), ir.FloatType())
    return types.float32(value), build


@intrinsic
def _as(_, number, kind):
    """A float32 as what `kind` is: float32, or uint16 that is the nearest bfloat16."""
    def build(context, builder, signature, arguments):
        value, _ = arguments
        if kind == types.float32:
            return value
        wide = builder.bitcast(value, ir.IntType(32))
        odd = builder.and_(builder.lshr(wide, wide.type(16)), wide.type(1))
        return builder.trunc(builder.lshr(builder.add(wide, builder.add(odd, wide.type(0x7fff))), wide.type(16)), ir.IntType(16))
    return kind(types.float32, kind), build


def _flat(x):
    """A tensor as an array, channels last, on the same memory where it lies so; bfloat16 as uint16."""
    x = x.permute(0, 2, 3, 1).reshape(-1)
    return x.view(torch.int16).numpy().view(np.uint16) if x.dtype == torch.bfloat16 else x.numpy()


def _like(x, dtype):
    return torch.empty_like(x, dtype=dtype, memory_format=torch.channels_last)


def _each(function, x, *arguments):
    """What a loop over all values of `x` returns for each part of them."""
    return shared(function, x.numel(), x.numel() // LIGHT, _flat(x), *arguments)


# --- loops

def positive(x, step):
    """What a rectifier let through, floats, as bytes."""
    found = _like(x, torch.uint8)
    _each(_positive, x, _flat(found), F(1 / step))
    return found


@loop
def _positive(x, found, factor, first, last):
    x, found = x[first:last], found[first:last]
    for i in range(x.size):
        found[i] = U(np.int32(np.rint(min(max(_number(x[i]) * factor, F(0)), F(255)))))


def size(grad, passed):
    """The root mean square of a gradient, floats, of which only what the rectifier behind it, `passed`, let through counts."""
    return (sum(_each(_squares, grad, _flat(passed))) / grad.numel()) ** 0.5


@loop
def _squares(grad, passed, first, last):
    total = 0.0
    for start in range(first, last, BLOCK):
        some, let_through, squares = grad[start:min(start + BLOCK, last)], passed[start:min(start + BLOCK, last)], F(0)
        for i in range(some.size):
            value = _number(some[i]) if _number(let_through[i]) > 0 else F(0)
            squares += value * value
        total += squares
    return total


def signed(grad, passed, step):
    """A gradient, floats, before the rectifier that let `passed`, floats, through: as bytes round `ZERO`."""
    found = _like(grad, torch.uint8)
    _each(_signed, grad, _flat(passed), _flat(found), F(1 / step))
    return found


@loop
def _signed(grad, passed, found, factor, first, last):
    grad, passed, found = grad[first:last], passed[first:last], found[first:last]
    for i in range(grad.size):
        value = np.int32(np.rint(min(max(_number(grad[i]) * factor, F(-127)), F(127))))
        found[i] = U(value + np.int32(ZERO)) if _number(passed[i]) > 0 else U(ZERO)


def floats(x, step, zero, dtype):
    """Bytes as floats."""
    found = _like(x, dtype)
    _each(_floats, x, _flat(found), F(step), F(zero))
    return found


@loop
def _floats(x, found, step, zero, first, last):
    x, found = x[first:last], found[first:last]
    for i in range(x.size):
        found[i] = _as((F(x[i]) - zero) * step, found[i])


def masked(grad, passed):
    """A gradient, bytes round `ZERO` or floats, before the rectifier that let the bytes `passed` through; in place
    where it lies in order."""
    grad = grad.contiguous(memory_format=torch.channels_last)
    _each(_mask_bytes if grad.dtype == torch.uint8 else _mask_floats, grad, _flat(passed))
    return grad


@loop
def _mask_bytes(grad, passed, first, last):
    grad, passed = grad[first:last], passed[first:last]
    for i in range(grad.size):
        grad[i] = grad[i] if passed[i] else U(ZERO)


@loop
def _mask_floats(grad, passed, first, last):
    grad, passed = grad[first:last], passed[first:last]
    for i in range(grad.size):
        grad[i] = grad[i] if passed[i] else _as(F(0), grad[i])


def summed(x, grad, step, factor):
    """(floats and what the bytes `grad` round `ZERO` stand for) times a factor."""
    found = _like(x, x.dtype)
    _each(_sum, x, _flat(grad), _flat(found), F(step), F(factor))
    return found


@loop
def _sum(x, grad, found, step, factor, first, last):
    x, grad, found = x[first:last], grad[first:last], found[first:last]
    for i in range(x.size):
        found[i] = _as((_number(x[i]) + (F(grad[i]) - F(ZERO)) * step) * factor, x[i])


def summed_apart(x, places, stride, factor):
    """(floats, and other floats that are `stride` (y, x) apart there) times a factor."""
    found = _like(x, x.dtype)
    arrays = [_flat(each).reshape(each.shape[0], *each.shape[2:], each.shape[1]) for each in (x, places, found)]
    shared(_sum_apart, x.shape[2], x.numel() // LIGHT, *arrays, *stride, F(factor))
    return found


@loop
def _sum_apart(x, places, found, rows, columns, factor, first, last):
    for n in range(x.shape[0]):
        for i in range(first, last):
            for j in range(x.shape[2]):
                one, out = x[n, i, j], found[n, i, j]
                if i % rows or j % columns:
                    for k in range(out.size):
                        out[k] = _as(_number(one[k]) * factor, one[k])
                else:
                    place = places[n, i // rows, j // columns]
                    for k in range(out.size):
                        out[k] = _as((_number(one[k]) + _number(place[k])) * factor, one[k])


def _tried():
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.zeros(1, 2, 2, 2, dtype=dtype).contiguous(memory_format=torch.channels_last)
        grad = signed(x, x, 1 + size(x, x))
        masked(floats(grad, 1.0, ZERO, dtype), masked(grad, positive(x, 1.0)))
        summed_apart(summed(x, grad, 1.0, 1.0), x[:, :, ::2, ::2], (2, 2), 1.0)


if has_bytes():  # elsewhere nobody is to wait for them
    trial(_tried)
