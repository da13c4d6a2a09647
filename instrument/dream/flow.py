"""The dream carried by the zoom: where each of its pixels came from, and reading it there.

A field is followed in short steps by the midpoint rule, as the shader does: one long step would crush the picture, and
Euler's rule part two dreams that were carried in other pieces. Without tunnel and spiral it is linear, and following it is
one small matrix; the others are followed on a coarse mesh. Numbers go into operations as they are, never as tensors made
here: bringing those to a GPU would wait for it.

Where to read is told in two planes, x and y, each as it lies in memory: side by side in pairs, as `grid_sample` has them, they take a
CPU many times as long to write.
"""

import numpy as np
import torch
from torch.nn import functional as F

from ..motion import Motion
from . import loops

STILL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # the frame that changes nothing
MESH = 8  # px between the points of a field that is followed
MARGIN, SHARP = 2, -0.75  # px that a cubic reading may reach outside; how PyTorch's overshoots
# A dream is read anew in each step, and such a reading makes waves of 6 px 1.5 % stronger each time: stripes grew round every edge.
# With this share of a plain one it is 0.1 %, and still sharper than Catmull and Rom's cubic, which overshoots by nothing.
SOFTENED = 0.23
LEAST = 1e-5  # half heights, of a way that brings something in
FARTHEST = 16.0  # half heights from the middle to which a field is followed: a tunnel would end nowhere
STEPS, FINE = 12, 64  # in which it is followed, as in shaders/lib/field.glsl; where it costs nothing


def course(way):
    """(kind, numbers) of a way, for `along`: ways of one kind take the same operations."""
    if not any(way[2:]):
        return "still", ()
    return ("straight", _line(_steps(way))) if is_linear(way) else ("bent", tuple(way))


def along(picture, kind, numbers, beyond=None):
    """The picture (1, 3, h, w) carried along a `course`, whose numbers are floats or tensors of one.

    From outside its borders comes what another one, `beyond`, shows there; without one a mirror: step by step that is the
    same row again and again.
    """
    if kind == "still":
        return picture
    size, device = tuple(picture.shape[2:]), picture.device
    upright = kind == "straight" and loops.fits(picture, numbers=numbers) and not (numbers[1] or numbers[3])
    places = None
    if not upright or beyond is not None:
        places = _straight(size, numbers, device) if kind == "straight" else _followed(size, Motion(*numbers), STILL, device)
    carried = _along_rows(picture, numbers) if upright else _softly(picture, places)
    return carried if beyond is None else carried.lerp_(beyond, _outside(places, size))


def _along_rows(picture, numbers):
    size = tuple(picture.shape[2:])
    xx, _, x0, _, yy, y0 = reading(numbers, size)
    sharp = loops.read(picture, loops.cubic(size[0], yy, y0, SHARP), loops.cubic(size[1], xx, x0, SHARP))
    return sharp.lerp_(loops.read(picture, loops.linear(size[0], yy, y0), loops.linear(size[1], xx, x0)), SOFTENED)


def _softly(picture, places):
    inside = _folded(places)  # to mirror takes a plain reading as long as to read
    return _read(picture, inside, "bicubic").lerp_(_read(picture, inside, "inside"), SOFTENED)


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


def courses(ways, frames):
    """(kind, numbers of each) of ways and their frames, for `along_all`: those of one kind take the same operations.

    Ways are motions already multiplied by their time, negative ones look ahead. Each is seen through its frame, a matrix
    ((xx, xy, x0), (yx, yy, y0)) on places.
    """
    if all(is_linear(way) for way in ways):
        return "straight", tuple(_line(_framed(frame) @ _steps(way)) for way, frame in zip(ways, frames, strict=True))
    return "bent", tuple((tuple(way), frame) for way, frame in zip(ways, frames, strict=True))


def along_all(picture, kind, numbers):
    """What the picture (1, c, h, w) shows after each of n `courses` (n, c, h, w)."""
    size, device = tuple(picture.shape[2:]), picture.device
    if kind == "straight":
        places = [_straight(size, line, device) for line in numbers]
    else:
        places = [_followed(size, Motion(*way), frame, device) for way, frame in numbers]
    return _read(picture, torch.cat(places), "bilinear")


def mirrored(picture, size):
    """The picture (1, c, h, w) whole in height at `size` (h, w) px, mirrored beyond its sides."""
    return _read(picture, _places(plane(*size, picture.device), tuple(picture.shape[2:])), "bilinear")


def is_linear(field):
    """Whether the velocity is a linear function of the place."""
    return not (field.tunnel or field.spiral)


def plane(height, width, device):
    """Points (1, h, w, 2) of motion.py's plane: y in -1..1 upwards, x scaled by the aspect."""
    aspect = width / height
    x, y = _centres(width, device), -_centres(height, device)
    return torch.stack(torch.meshgrid(x * aspect, y, indexing="xy"), -1)[None]


def velocity(points, field):
    """The field of motion.py at `points` (..., 2), per second."""
    return torch.stack(_speeds(points[..., 0], points[..., 1], field), -1)


def _speeds(x, y, field):
    """(across, up) of a field at numbers, arrays or tensors."""
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


def _line(matrix):
    """The numbers of a matrix (3, 3) that `_straight` takes."""
    return tuple(matrix[:2].ravel().tolist())


def reading(line, size):
    """A line on the plane, (xx x + xy y + x0, yx x + yy y + y0), as one on the places of a picture (h, w): -1..1 across and down."""
    aspect = size[1] / size[0]
    xx, xy, x0, yx, yy, y0 = line
    return xx, -xy / aspect, x0 / aspect, -yx * aspect, yy, -y0


def _straight(size, line, device):
    """The places (1, 2, h, w) that a line reads at for each pixel of a picture (h, w)."""
    xx, xy, x0, yx, yy, y0 = reading(line, size)
    across, down = _centres(size[1], device), _centres(size[0], device)
    columns, rows = torch.stack((across * xx, across * yx)), torch.stack((down * xy + x0, down * yy + y0))
    return (columns[:, None] + rows[:, :, None])[None]


def _steps(way):
    return np.linalg.matrix_power(_step(way, 1 / FINE), FINE)


def _framed(frame):
    return np.array((*frame, (0.0, 0.0, 1.0)))


def _followed(size, field, frame, device):
    """The places (1, 2, h, w) that the pixels of a picture (h, w) came from: the field is smooth, the picture is not, so it is
    followed on a coarse mesh, in short steps."""
    height, width = size
    x = torch.linspace(1 / width - 1, 1 - 1 / width, max(2, width // MESH), device=device) * width / height
    y = torch.linspace(1 - 1 / height, 1 / height - 1, max(2, height // MESH), device=device)
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    dt, farthest = 1 / STEPS, FARTHEST * max(width / height, 1.0)
    for _ in range(STEPS):
        halfway = (points - dt / 2 * velocity(points, field)).clamp(-farthest, farthest)
        points = (points - dt * velocity(halfway, field)).clamp(-farthest, farthest)
    return F.interpolate(_places(_through(points, frame), size), size, mode="bilinear", align_corners=True)


def _through(points, frame):
    """Points (1, h, w, 2) moved by a frame."""
    x, y = points.unbind(-1)
    return torch.stack([x * across + y * down + aside for across, down, aside in frame], -1)


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


def _read(picture, places, mode):
    """Picture (1, c, h, w) read at places (n, 2, h', w'), mirrored outside, (n, c, h', w'); "inside": bilinear, of places that are
    nowhere else."""
    mode, outside = ("bilinear", "border") if mode == "inside" else (mode, "reflection" if mode == "bilinear" else "border")
    if picture.device.type == "mps":
        return read_plainly(picture, places, mode)
    grid = (_folded(places) if mode == "bicubic" else places).permute(0, 2, 3, 1)
    # A CPU shares the pictures of a batch out to its cores, never the rows of one.
    parts = _parts(grid.shape[1], torch.get_num_threads()) if picture.device.type == "cpu" and len(grid) == 1 else 1
    strips = grid.unflatten(1, (parts, -1)).flatten(0, 1)
    found = F.grid_sample(picture.expand(len(strips), -1, -1, -1), strips, mode, outside, align_corners=False)
    return found if len(strips) == len(grid) else found.transpose(0, 1).flatten(1, 2)[None]


def _parts(rows, threads):
    """Into how many equal strips, at most one a thread, so many rows can be cut."""
    return max(count for count in range(1, threads + 1) if rows % count == 0)


# --- on an Apple GPU, where `grid_sample` refuses "bicubic" and "border" (PyTorch 2.6 to 2.12 at least)

def read_plainly(picture, places, mode):
    """The same as `_read`, by nothing but bilinear readings inside a picture."""
    size = picture.shape[2:]
    wide = F.pad(picture, (MARGIN,) * 4, mode="replicate").expand(len(places), -1, -1, -1)
    x, y = (((_folded(places[:, axis]) + 1) * size[1 - axis] - 1) / 2 + MARGIN for axis in (0, 1))  # px of `wide`
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
