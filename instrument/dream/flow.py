"""The dream carried by the zoom: where each of its pixels came from, and reading it there.

A field is followed in short steps by the midpoint rule, as the shader does: one long step would crush the picture, and
Euler's rule part two dreams that were carried in other pieces. Without tunnel and spiral it is linear, and following it is
one small matrix; the others are followed on a coarse mesh, several at once: on a GPU each of those many small operations takes
as long as a large one. What a way's numbers are to an operation is worked out before they come to a GPU.

Where to read is told in two planes, x and y, each as it lies in memory: side by side in pairs, as `grid_sample` has them, they take a
CPU many times as long to write.
"""

import numpy as np
import torch
from torch.nn import functional as F

from ..motion import Motion
from . import loops
from .tensors import constant, vector

STILL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # the frame that changes nothing
MESH = 8  # px between the points of a field that is followed
MARGIN, SHARP = 2, -0.75  # px that a cubic reading may reach outside; how PyTorch's overshoots
# A dream is read anew in each step, and such a reading makes waves of 6 px 1.5 % stronger each time: stripes grew round every edge.
# With this share of a plain one it is 0.1 %, and still sharper than Catmull and Rom's cubic, which overshoots by nothing.
SOFTENED = 0.23
LEAST = 1e-5  # half heights, of a way that brings something in
FARTHEST = 16.0  # half heights from the middle to which a field is followed: a tunnel would end nowhere
STEPS, FINE = 12, 64  # in which it is followed, as in shaders/lib/field.glsl; where it costs nothing


def course(way, aspect):
    """(kind, numbers) of a way, for pictures so many times as wide as high: ways of one kind take the same operations."""
    if not any(way[2:]):
        return "still", ()
    return ("straight", _line(_steps(way), aspect)) if is_linear(way) else ("bent", _bent(way, STILL, aspect))


def along(picture, kind, numbers, beyond=None, there=None):
    """The picture (1, 3, h, w) carried along a `course`, whose numbers are floats or tensors of one; `there` are its `places`, if
    they are known.

    From outside its borders comes what another one, `beyond`, shows there; without one a mirror: step by step that is the
    same row again and again.
    """
    if kind == "still":
        return picture
    size = tuple(picture.shape[2:])
    upright = kind == "straight" and loops.fits(picture, numbers=numbers) and not (numbers[1] or numbers[3])
    if there is None and (not upright or beyond is not None):
        there = places(size, kind, (numbers,), picture.device)
    carried = _along_rows(picture, numbers) if upright else _softly(picture, there)
    return carried if beyond is None else carried.lerp_(beyond, _outside(there, size))


def _along_rows(picture, numbers):
    size, (xx, _, x0, _, yy, y0) = tuple(picture.shape[2:]), numbers
    sharp = loops.read(picture, loops.cubic(size[0], yy, y0, SHARP), loops.cubic(size[1], xx, x0, SHARP))
    return sharp.lerp_(loops.read(picture, loops.linear(size[0], yy, y0), loops.linear(size[1], xx, x0)), SOFTENED)


def _softly(picture, places):
    inside = _folded(places)  # to mirror takes a plain reading as long as to read
    return _read(picture, inside, "bicubic", True).lerp_(_read(picture, inside, "bilinear", True), SOFTENED)


def _outside(places, size):
    """How much of each pixel (1, 1, h, w) is read outside a picture (h, w): all of it from half a pixel on."""
    across, down = (places[:, axis:axis + 1].abs() for axis in (0, 1))
    return (torch.maximum((across - 1) * (size[1] / 2), (down - 1) * (size[0] / 2)) + 0.5).clamp(0, 1)


def reveals(way, aspect):
    """Whether a way brings in what lies outside a picture, so many times as wide as high: somewhere along its borders, seen at
    their ends and middles, it leads inside."""
    for place in (-1.0, 0.0, 1.0):
        for side in (-1.0, 1.0):
            across, up = _speeds(side * aspect, place, way)[0], _speeds(place * aspect, side, way)[1]
            if min(across * side, up * side) < -LEAST:
                return True
    return False


def courses(ways, frames, aspect):
    """(kind, numbers of each) of ways and their frames, for `along_all`: those of one kind take the same operations.

    Ways are motions already multiplied by their time, negative ones look ahead. Each is seen through its frame, a matrix
    ((xx, xy, x0), (yx, yy, y0)) on places.
    """
    if all(is_linear(way) for way in ways):
        return "straight", tuple(_line(_framed(frame) @ _steps(way), aspect) for way, frame in zip(ways, frames, strict=True))
    return "bent", tuple(_bent(way, frame, aspect) for way, frame in zip(ways, frames, strict=True))


def along_all(picture, kind, numbers, there=None):
    """What the picture (1, c, h, w) shows after each of n `courses` (n, c, h, w); `there` are their `places`, if they are known."""
    if there is None:
        there = places(tuple(picture.shape[2:]), kind, numbers, picture.device)
    return _read(picture, there, "bilinear")


def places(size, kind, numbers, device):
    """Where in a picture (h, w) each of its pixels came from on n courses of one kind, (n, 2, h, w): -1..1 across and down."""
    table = vector([number for course in numbers for number in course], device).view(len(numbers), -1)
    return (_straight if kind == "straight" else _followed)(size, table)


def fewer(places, size):
    """Places (n, 2, h, w) as they are for a picture of another size (h', w')."""
    return F.interpolate(places, size, mode="bilinear", align_corners=False)


def mirrored(picture, size):
    """The picture (1, c, h, w) whole in height at `size` (h, w) px, mirrored beyond its sides."""
    return _read(picture, _places(plane(*size, picture.device), tuple(picture.shape[2:])), "bilinear")


def is_linear(field):
    """Whether the velocity is a linear function of the place."""
    return not (field.tunnel or field.spiral)


def plane(height, width, device):
    """Points (1, h, w, 2) of motion.py's plane: y in -1..1 upwards, x scaled by the aspect."""
    aspect = width / height
    x, y = constant(_centres, width, device), -constant(_centres, height, device)
    return torch.stack(torch.meshgrid(x * aspect, y, indexing="xy"), -1)[None]


def _speeds(x, y, field):
    """(across, up) of a field at a place, per second."""
    x, y = x - field.centre_x, y - field.centre_y
    radius = (x * x + y * y) ** 0.5
    grow = field.expand + field.tunnel * radius
    turn = field.turn + field.spiral * (1 - radius)
    return x * grow - y * turn + field.pan_x + field.strips * x, y * grow + x * turn + field.pan_y


def _step(field, dt):
    """One step back of `dt` seconds along a linear field, as a matrix (3, 3) on (x, y, 1)."""
    pull = np.array(((field.expand + field.strips, -field.turn), (field.turn, field.expand)))
    push = np.array((field.pan_x, field.pan_y)) - pull @ (field.centre_x, field.centre_y)
    rate = np.zeros((3, 3))
    rate[:2, :2], rate[:2, 2] = -dt * pull, -dt * push
    return np.eye(3) + rate + rate @ rate / 2


def _line(matrix, aspect):
    """The numbers that `_straight` takes of a matrix (3, 3): (xx, xy, x0, yx, yy, y0) that lead from each place of a picture, -1..1
    across and down, to the one to read."""
    (xx, xy, x0), (yx, yy, y0) = matrix[:2].tolist()
    return xx, -xy / aspect, x0 / aspect, -yx * aspect, yy, -y0


def _straight(size, lines):
    """`places` of lines (n, 6)."""
    across, down = (constant(_centres, count, lines.device) for count in (size[1], size[0]))
    by_column, by_row, aside = lines.view(-1, 2, 3, 1).unbind(2)
    return (by_column * across)[:, :, None] + torch.addcmul(aside, by_row, down)[..., None]


def _steps(way):
    return np.linalg.matrix_power(_step(way, 1 / FINE), FINE)


def _framed(frame):
    return np.array((*frame, (0.0, 0.0, 1.0)))


def _bent(way, frame, aspect):
    """The numbers that `_followed` takes: its middle, what it moves a place in one short step, and where that is to be read."""
    way, ((xx, xy, x0), (yx, yy, y0)) = Motion(*way), frame
    x, y, turn = way.centre_x, way.centre_y, way.turn + way.spiral
    rates = (way.expand + way.strips, way.expand, turn, way.tunnel, way.spiral, way.pan_x, way.pan_y)
    return (x, y, *(-rate / STEPS for rate in rates),
            xx / aspect, xy / aspect, (xx * x + xy * y + x0) / aspect, -yx, -yy, -(yx * x + yy * y + y0))


def _followed(size, bends):
    """`places` of numbers (n, 15): fields are smooth, the picture is not, so they are followed on a coarse mesh, in short steps, and
    about their middle."""
    numbers = bends.T[..., None, None]
    points, farthest = _mesh(size, numbers[:2]), FARTHEST * max(size[1] / size[0], 1.0)
    for _ in range(STEPS):
        halfway = torch.add(points, _moves(points, numbers[2:9]), alpha=0.5).clamp_(-farthest, farthest)
        points = (points + _moves(halfway, numbers[2:9])).clamp_(-farthest, farthest)
    by_x, by_y, aside = numbers[9:].unflatten(0, (2, 3)).unbind(1)
    seen = torch.addcmul(aside, by_x, points[0]).addcmul_(by_y, points[1])
    return F.interpolate(seen.transpose(0, 1), size, mode="bilinear", align_corners=True)


def _moves(points, rates):
    """What fields move points (2, n, h, w) about their middle in a short step; see motion.py for the formula."""
    x, y = points
    radius = torch.hypot(x, y)
    grow, turn = torch.addcmul(rates[:2], rates[3], radius), torch.addcmul(rates[2], rates[4], radius, value=-1)
    moves = torch.addcmul(rates[5:], points, grow)
    moves[0].addcmul_(y, turn, value=-1)
    moves[1].addcmul_(x, turn)
    return moves


def _mesh(size, middle):
    """Points (2, n, h', w') of motion.py's plane about a middle (2, n, 1, 1), MESH px of a picture (h, w) apart, from its first pixels
    to its last."""
    x, y = (constant(_row, count, middle.device) for count in (size[1], size[0]))
    return torch.stack(torch.broadcast_tensors(x * (size[1] / size[0]) - middle[0], -y[:, None] - middle[1]))


def _row(count, device):
    """Places in -1..1, from the centre of the first of so many pixels to that of the last, MESH apart."""
    return torch.linspace(1 / count - 1, 1 - 1 / count, max(2, count // MESH), device=device)


def _centres(count, device):
    """The centres of `count` pixels in -1..1."""
    return (torch.arange(count, device=device) * 2 + 1) / count - 1


def _places(points, size):
    """Points (n, h', w', 2) of the plane as places (n, 2, h', w') in a picture of `size` (h, w): -1..1 across and down."""
    return torch.stack((points[..., 0] * (size[0] / size[1]), -points[..., 1]), 1)


def _folded(places):
    """Places mirrored into the picture. A bicubic reading would do that for each of its sixteen pixels."""
    if places.device.type == "cpu":  # which need not wait for the answer; most ways stay inside
        reach = float(torch.stack(torch.aminmax(places)).abs().max())
        if reach <= 3:
            return places if reach <= 1 else places.clamp(-1, 1).mul_(2).sub_(places)
        away = places + 1
        return 1 - (away - 4 * (away / 4).floor_()).sub_(2).abs_()  # what `remainder` gives, in less than half its time
    return 1 - (places + 1).remainder_(4).sub_(2).abs_()


def _read(picture, places, mode, inside=False):
    """Picture (1, c, h, w) read at places (n, 2, h', w'), mirrored outside, (n, c, h', w'); `inside`: there are no such places."""
    if picture.device.type == "mps":
        return read_plainly(picture, places, mode, inside)
    outside = "border" if inside or mode == "bicubic" else "reflection"
    grid = (_folded(places) if mode == "bicubic" and not inside else places).permute(0, 2, 3, 1)
    # A CPU shares the pictures of a batch out to its cores, never the rows of one.
    parts = _parts(grid.shape[1], torch.get_num_threads()) if picture.device.type == "cpu" and len(grid) == 1 else 1
    strips = grid.unflatten(1, (parts, -1)).flatten(0, 1)
    found = F.grid_sample(picture.expand(len(strips), -1, -1, -1), strips, mode, outside, align_corners=False)
    return found if len(strips) == len(grid) else found.transpose(0, 1).flatten(1, 2)[None]


def _parts(rows, threads):
    """Into how many equal strips, at most one a thread, so many rows can be cut."""
    return max(count for count in range(1, threads + 1) if rows % count == 0)


# --- on an Apple GPU, where `grid_sample` refuses "bicubic" and "border" (PyTorch 2.6 to 2.12 at least)

def read_plainly(picture, places, mode, inside=False):
    """The same as `_read`, by nothing but bilinear readings inside a picture."""
    size = picture.shape[2:]
    wide = F.pad(picture, (MARGIN,) * 4, mode="replicate").expand(len(places), -1, -1, -1)
    places = places if inside else _folded(places)
    x, y = (((places[:, axis] + 1) * size[1 - axis] - 1) / 2 + MARGIN for axis in (0, 1))  # px of `wide`
    if mode != "bicubic":
        return _inside(wide, x, y)
    rows, columns = _cubic(y), _cubic(x)
    return sum(_inside(wide, column, row) * (across * down)[:, None] for row, down in rows for column, across in columns)


def _cubic(at):
    """Three (px, share) whose bilinear readings add up to a cubic one of four pixels: those of the middle are read at once."""
    first = at.floor()
    part = at - first
    before, after = _outer(1 + part), _outer(2 - part)
    middle = 1 - before - after
    next_ = ((SHARP + 2) * (1 - part) - (SHARP + 3)) * (1 - part).square() + 1
    return (first - 1, before), (first + next_ / middle, middle), (first + 2, after)


def _outer(far):
    """The share of a pixel 1 to 2 px away in the cubic of PyTorch."""
    return ((SHARP * far - 5 * SHARP) * far + 8 * SHARP) * far - 4 * SHARP


def _inside(picture, x, y):
    """Pictures (n, c, h, w) read between pixels, at px (n, h', w') that are none of them outside."""
    places = [(at * 2 + 1) / count - 1 for at, count in zip((x, y), (picture.shape[3], picture.shape[2]), strict=True)]
    return F.grid_sample(picture, torch.stack(places, -1), "bilinear", "zeros", align_corners=False)
