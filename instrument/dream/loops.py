"""Loops over the pixels of a picture on a CPU: what a step does beside the network.

By PyTorch's operations, one after the other, that took longer than the network on one thread. The numbers are PyTorch's but for
rounding (tests hold both side by side); the other ways, for whatever does not `fit`, are where these are called.

Pictures are float32 tensors (1, c, h, w). What is large is shared out to as many threads as PyTorch has.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from ..model.compiled import loop, part, shared, trial

FAR = 1e6  # numbers that are larger, or none, lead nowhere
F, U = np.float32, np.uint32  # unsigned, for Numba looks whether a signed place is counted from the end


def fits(*tensors, numbers=()):
    """Whether loops can take these, and these numbers: where a step is recorded they are tensors, and no loop looks whether a
    place is one."""
    if any(isinstance(each, torch.Tensor) or not abs(each) < FAR for each in numbers):
        return False
    return all(each.device.type == "cpu" and each.dtype == torch.float32 and not each.requires_grad for each in tensors)


def _planes(picture):
    """The picture as an array (c, h, w), on the same memory where that is in order."""
    return picture.contiguous().numpy().reshape(-1, *picture.shape[-2:])


def _like(picture):
    return torch.empty_like(picture, memory_format=torch.contiguous_format)


def _alike(*pictures):
    """ValueError unless all are of one height and width: loops do not look where a picture ends."""
    if len({each.shape[-2:] for each in pictures}) > 1:
        raise ValueError(f"pictures of different sizes: {', '.join(str(tuple(each.shape)) for each in pictures)}")


# --- read along rows and columns

class Taps(NamedTuple):
    """For each of n places along an axis the k that are read for it, uint32 (k, n), and how much of each, float32 (k, n)."""

    at: np.ndarray
    share: np.ndarray


@lru_cache(64)
def bilinear(count, wanted):
    """Taps that make `count` places `wanted`: between two where they become more, a mean weighted like a tent where fewer."""
    scale = count / wanted
    reach = max(scale, 1.0)
    centres = (np.arange(wanted) + 0.5) * scale
    first = np.floor(centres - reach + 0.5).astype(np.int64)
    at = first + np.arange(math.ceil(2 * reach) + 1)[:, None]
    share = np.maximum(0.0, 1 - np.abs(at + 0.5 - centres) / reach) * ((at >= 0) & (at < count))
    used = share.any(1)
    return Taps(at.clip(0, count - 1)[used].astype(U), (share / share.sum(0))[used].astype(np.float32))


def linear(count, scale, aside):
    """Taps of `count` places read between two others, where `scale` times the place (-1..1) and `aside` says, mirrored at the ends."""
    first, beyond = _between(count, scale, aside)
    return Taps((first + np.arange(2)[:, None]).clip(0, count - 1).astype(U), np.stack((1 - beyond, beyond)).astype(np.float32))


def _between(count, scale, aside):
    """For each of so many places the one before where to read, and how far beyond that it is (0..1)."""
    places = scale * ((np.arange(count) * 2 + 1) / count - 1) + aside
    places = 1 - np.abs((places + 1) % 4 - 2)
    at = ((places + 1) * count - 1) / 2
    first = np.floor(at)
    return first, at - first


def cubic(count, scale, aside, sharp):
    """The same between four others."""
    first, beyond = _between(count, scale, aside)
    far = np.abs(beyond - np.arange(-1, 3)[:, None])
    near = ((sharp + 2) * far - (sharp + 3)) * far * far + 1
    share = np.where(far <= 1, near, ((sharp * far - 5 * sharp) * far + 8 * sharp) * far - 4 * sharp)
    return Taps((first + np.arange(-1, 3)[:, None]).clip(0, count - 1).astype(U), share.astype(np.float32))


def resized(picture, size):
    """The picture at another (h, w)."""
    return read(picture, *(bilinear(count, wanted) for count, wanted in zip(picture.shape[2:], size, strict=True)))


def read(picture, rows, columns):
    """The picture read by `Taps` of its rows and columns."""
    found = picture.new_empty((*picture.shape[:2], rows.at.shape[1], columns.at.shape[1]))
    shared(_read, found.shape[2], found.numel(), _planes(picture), _planes(found), *rows, *columns)
    return found


@loop
def _read(x, found, rows, row_shares, columns, column_shares, first, last):
    between = np.empty(x.shape[2], F)
    for k in range(x.shape[0]):
        for i in range(first, last):
            between[:] = F(0)
            for tap in range(rows.shape[0]):
                row, share = x[k, rows[tap, i]], row_shares[tap, i]
                for j in range(x.shape[2]):
                    between[j] += row[j] * share
            for tap in range(0, columns.shape[0], 2):
                _add_columns(between, columns[tap:tap + 2], column_shares[tap:tap + 2], found[k, i], tap > 0)


@loop
def _add_columns(row, columns, shares, out, adds):
    """Two taps (or the last one) of all columns, put where the sum is to be or added to it."""
    one, other = columns[0], columns[-1]
    first, second = shares[0], shares[-1]
    if len(columns) == 1:
        for j in range(out.size):
            out[j] = row[one[j]] * first[j] + (out[j] if adds else F(0))
    elif adds:
        for j in range(out.size):
            out[j] += row[one[j]] * first[j] + row[other[j]] * second[j]
    else:
        for j in range(out.size):
            out[j] = row[one[j]] * first[j] + row[other[j]] * second[j]


# --- read anywhere

def remembered(picture, lines, clouds, middle):
    """Two views of a picture, each read between its pixels where a line says, the second as far as `clouds + middle` (0..1).

    A line (xx, xy, x0, yx, yy, y0) takes each place, -1..1 across and down, to the one to read at, mirrored outside. `clouds`
    is as large as the picture.
    """
    _alike(picture, clouds)
    found = _like(picture)
    shared(_remember, found.shape[2], 2 * found.numel(), _planes(picture), _planes(clouds)[0], _planes(found),
            np.array(lines, F), F(middle))
    return found


@loop
def _remember(x, clouds, found, lines, middle, first, last):
    count, height, width = x.shape
    flat = x.reshape(count, height * width)
    corner, right, down = np.empty(width, U), np.empty(width, U), np.empty(width, U)
    across, below, share = np.empty(width, F), np.empty(width, F), np.empty(width, F)
    for i in range(first, last):
        found[:, i] = F(0)
        for view in range(2):
            for j in range(width):
                second = min(max(clouds[i, j] + middle, F(0)), F(1))
                share[j] = second if view else F(1) - second
            start, end = _span(share)
            at, beside, under = corner[start:end], right[start:end], down[start:end]
            _places(lines[view], (i, start), (height, width), at, beside, under, across[start:end], below[start:end])
            for k in range(count):
                _add_between(flat[k], at, beside, under, across[start:end], below[start:end], share[start:end], found[k, i, start:end])


@part
def _span(shares):
    """From which to which there is any."""
    start, end = 0, shares.size
    while start < end and shares[start] == 0:
        start += 1
    while end > start and shares[end - 1] == 0:
        end -= 1
    return start, end


@part
def _places(line, begin, size, corner, right, down, across, below):
    """For places of a row: the pixel up left of where to read, how far the next ones are in memory, and how much of them."""
    height, width = size
    v = F(2 * begin[0] + 1) / F(height) - F(1)
    for j in range(corner.size):
        u = F(2 * (begin[1] + j) + 1) / F(width) - F(1)
        x = _inside(line[0] * u + line[1] * v + line[2], width)
        y = _inside(line[3] * u + line[4] * v + line[5], height)
        left, top = U(x), U(y)
        across[j], below[j] = x - F(left), y - F(top)
        corner[j] = top * U(width) + left
        right[j], down[j] = U(left + 1 < width), U(width if top + 1 < height else 0)


@part
def _inside(place, count):
    """A place (-1..1 between the ends) mirrored inside and in pixels."""
    away = place + F(1)
    away = F(1) - abs(away - F(4) * np.floor(away * F(0.25)) - F(2))
    return min(max(((away + F(1)) * F(count) - F(1)) * F(0.5), F(0)), F(count - 1))


@part
def _add_between(flat, corner, right, down, across, below, share, out):
    """Add a share of what is between four pixels."""
    for j in range(out.size):
        at, under = corner[j], corner[j] + down[j]
        one = flat[at] + (flat[at + right[j]] - flat[at]) * across[j]
        other = flat[under] + (flat[under + right[j]] - flat[under]) * across[j]
        out[j] += (one + (other - one) * below[j]) * share[j]


# --- spectrum

def spread(grad, bands, tilt):
    """At most so many bands, an octave wide each, of a gradient, brought to one size each, then times `tilt` for each octave finer."""
    rest, found = _planes(grad).copy(), []
    while len(found) < bands - 1 and min(rest.shape[1:]) >= 8:
        coarse = np.empty((len(rest), *((side + 1) // 2 for side in rest.shape[1:])), F)
        _halve(rest, coarse)
        found.append((rest, _unit(_band(rest, coarse), rest.size)))
        rest = coarse
    rest *= _unit(float(np.vdot(rest, rest)), rest.size)
    for finer, (band, unit) in enumerate(reversed(found)):
        _add(band, rest, F(unit * tilt ** finer))
        rest = band
    return torch.from_numpy(rest)[None]


def _unit(squares, count):
    """The factor that brings values of this sum of squares to root mean square 1; nothing stays nothing."""
    return F(count ** 0.5 / (squares ** 0.5 + 1e-12 * count ** 0.5))


@loop
def _halve(x, found):
    """The mean of each four pixels, at an odd end of two."""
    height, width = x.shape[1:]
    for k in range(x.shape[0]):
        for i in range(found.shape[1]):
            one, other, out = x[k, 2 * i], x[k, min(2 * i + 1, height - 1)], found[k, i]
            for j in range(width // 2):
                out[j] = F(0.25) * (one[2 * j] + one[2 * j + 1] + other[2 * j] + other[2 * j + 1])
            if width % 2:
                out[width // 2] = F(0.5) * (one[width - 1] + other[width - 1])


@part
def _double(half, k, i, column, row):
    """A row of what is twice as large, bilinear: a quarter of the way to the next one."""
    height, width = half.shape[1:]
    one, other = half[k, i // 2], half[k, min(max(i // 2 + (1 if i % 2 else -1), 0), height - 1)]
    for j in range(width):
        column[j] = F(0.75) * one[j] + F(0.25) * other[j]
    row[0], row[2 * width - 1] = column[0], column[width - 1]
    for j in range(1, width):
        row[2 * j - 1] = F(0.75) * column[j - 1] + F(0.25) * column[j]
        row[2 * j] = F(0.75) * column[j] + F(0.25) * column[j - 1]


@loop
def _band(x, coarse):
    """Take from a picture what is as coarse as its half; the sum of the squares of what is left."""
    column, row, total = np.empty(coarse.shape[2], F), np.empty(2 * coarse.shape[2], F), 0.0
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            _double(coarse, k, i, column, row)
            out, squares = x[k, i], F(0)
            for j in range(out.size):
                out[j] -= row[j]
                squares += out[j] * out[j]
            total += squares
    return total


@loop
def _add(band, coarse, factor):
    """A band, times a factor, on what is half as large."""
    column, row = np.empty(coarse.shape[2], F), np.empty(2 * coarse.shape[2], F)
    for k in range(band.shape[0]):
        for i in range(band.shape[1]):
            _double(coarse, k, i, column, row)
            out = band[k, i]
            for j in range(out.size):
                out[j] = row[j] + out[j] * factor


# --- colours

def size(grad):
    """The mean of all absolute values."""
    return sum(shared(_size, grad.shape[2], grad.numel(), _planes(grad))) / grad.numel()


@loop
def _size(x, first, last):
    total = 0.0
    for k in range(x.shape[0]):
        for i in range(first, last):
            row = F(0)
            for j in range(x.shape[2]):
                row += abs(x[k, i, j])
            total += row
    return total


def moved(picture, grad, amount, knee):
    """The picture along a gradient, what nears black or white bent back: see step.limit."""
    _alike(picture, grad)
    found = _like(picture)
    shared(_move, found.shape[2], found.numel(), _planes(picture), _planes(grad), _planes(found), F(amount), F(knee))
    return found


@loop
def _move(x, grad, found, amount, knee, first, last):
    for k in range(x.shape[0]):
        for i in range(first, last):
            for j in range(x.shape[2]):
                found[k, i, j] = _bent(x[k, i, j] + grad[k, i, j] * amount, knee)


@loop
def _bent(value, knee):
    inner = min(max(value, F(0.5) * (F(1) - knee)), F(0.5) * (F(1) + knee))
    over = value - inner
    return inner + over / (abs(over) * (F(2) / (F(1) - knee)) + F(1))


def moments(picture):
    """(mean of each of three colours (3,), of each product of two (3, 3)), float32."""
    sums = sum(shared(_moments, picture.shape[-2], picture.numel(), _planes(picture)))
    sums = torch.from_numpy(sums / (picture.numel() / 3)).float()
    return sums[0], sums[1:]


@loop
def _moments(x, first, last):
    """Sums (4, 3): of the colours, and of their products."""
    sums = np.zeros((4, 3))
    for i in range(first, last):
        for one in range(3):
            row = F(0)
            for j in range(x.shape[2]):
                row += x[one, i, j]
            sums[0, one] += row
            for other in range(one + 1):
                row = F(0)
                for j in range(x.shape[2]):
                    row += x[one, i, j] * x[other, i, j]
                sums[1 + one, other] += row
    for one in range(3):
        for other in range(one):
            sums[1 + other, one] = sums[1 + one, other]
    return sums


def mixed(picture, matrix, offset=None, knee=None):
    """Colours of a picture (1, 3, h, w) through a matrix (3, 3), with an offset (3,); with a `knee` bent as in `moved`."""
    found, offset = _like(picture), np.zeros(3, F) if offset is None else offset.numpy()
    shared(_mix, found.shape[2], found.numel(), _planes(picture), _planes(found), matrix.contiguous().numpy(), offset,
            knee is not None, F(knee or 0))
    return found


@loop
def _mix(x, found, matrix, offset, bends, knee, first, last):
    for k in range(3):
        red, green, blue, aside = matrix[k, 0], matrix[k, 1], matrix[k, 2], offset[k]
        for i in range(first, last):
            one, two, three, out = x[0, i], x[1, i], x[2, i], found[k, i]
            for j in range(out.size):
                out[j] = red * one[j] + green * two[j] + blue * three[j] + aside
            if bends:
                for j in range(out.size):
                    out[j] = _bent(out[j], knee)


def blended(pictures, lands):
    """The sum of pictures, each times its own of `lands` (1, n, h, w)."""
    _alike(*pictures, lands)
    found = _like(pictures[0])
    for number, (picture, land) in enumerate(zip(pictures, _planes(lands), strict=True)):
        shared(_blend, found.shape[2], found.numel(), _planes(picture), land, _planes(found), number > 0)
    return found


@loop
def _blend(x, land, found, adds, first, last):
    for k in range(x.shape[0]):
        for i in range(first, last):
            row, share, out = x[k, i], land[i], found[k, i]
            if adds:
                for j in range(out.size):
                    out[j] += row[j] * share[j]
            else:
                for j in range(out.size):
                    out[j] = row[j] * share[j]


# --- compiled

@trial
def _tried():
    picture, clouds = torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    read(picture, bilinear(16, 8), bilinear(16, 8))
    remembered(picture, ((1, 0, 0, 0, 1, 0),) * 2, clouds, 0.5)
    spread(picture, 2, 0.5)
    moved(picture, picture, 0.1 / (1 + size(picture)), 0.8)
    moments(picture)
    mixed(picture, torch.eye(3))
    blended((picture,), clouds)
