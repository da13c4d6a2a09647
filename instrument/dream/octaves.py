"""Sizes of the dream: legal octaves, the climb from coarse to fine, and the warp of the zoom.

Numbers go into operations as they are, never as tensors made here: bringing those to a GPU would wait for it.
"""

import torch
from torch.nn import functional as F

MESH = 8  # px between the points of a followed field
STEPS = 6


def most_octaves(size, scale, smallest, wanted):
    """How many octaves a picture of short side `size` (px) allows, 1..`wanted`."""
    count = 1
    while count < wanted and size / scale**count >= smallest:
        count += 1
    return count


def octave_sizes(height, width, count, scale):
    """[(h, w)] of `count` octaves, coarse to fine; the last is the picture itself."""
    return [(round(height / scale**k), round(width / scale**k)) for k in reversed(range(count))]


def climb(picture, sizes, ascend):
    """Dream from coarse to fine, carrying the detail of each octave up to the next; a generator.

    `ascend(picture, octave)` dreams at one size, and is a generator too: both stop where a step may be cut. Only the
    change travels upwards, so nothing of the picture's own detail is lost (Mordvintsev et al., "Inceptionism", 2015).
    """
    change = None
    for octave, size in enumerate(sizes):
        base = resize(picture, size)
        start = base if change is None else base + resize(change, size)
        change = (yield from ascend(start, octave)) - base
    return picture + change


def resize(picture, size):
    """Picture (1, c, h, w) at another (h, w); smooth both ways, the same tensor if it fits already."""
    if tuple(picture.shape[2:]) == tuple(size):
        return picture
    smaller = size[0] * size[1] < picture.shape[2] * picture.shape[3]
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=smaller)


def plane(height, width, device):
    """Points (1, h, w, 2) of motion.py's plane: y in -1..1 upwards, x scaled by the aspect."""
    aspect = width / height
    x = (torch.arange(width, device=device) * 2 + 1) / width - 1
    y = 1 - (torch.arange(height, device=device) * 2 + 1) / height
    return torch.stack(torch.meshgrid(x * aspect, y, indexing="xy"), -1)[None]


def velocity(points, field):
    """The field of motion.py at `points` (..., 2), per second."""
    x, y = points[..., 0] - field.centre_x, points[..., 1] - field.centre_y
    radius = (x.square() + y.square()).sqrt()
    grow = field.expand + field.tunnel * radius
    turn = field.turn + field.spiral * (1 - radius)
    return torch.stack((x * grow - y * turn + field.pan_x + field.strips * x, y * grow + x * turn + field.pan_y), -1)


def carried(size, field, seconds, device):
    """Where every pixel of a picture (h, w) came from after each of n `seconds` of the field, (n, h, w, 2).

    Negative ones look ahead. Followed on a coarse mesh, in short steps: the field is smooth, the picture is not.
    """
    height, width = size
    x = torch.linspace(1 / width - 1, 1 - 1 / width, max(2, width // MESH), device=device) * width / height
    y = torch.linspace(1 - 1 / height, 1 / height - 1, max(2, height // MESH), device=device)
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    dt = torch.stack([torch.full((1, 1, 1), each / STEPS, device=device) for each in seconds])
    for _ in range(STEPS):
        points = points - velocity(points, field) * dt
    mesh = points.permute(0, 3, 1, 2).contiguous()  # read as it lies, it takes eight times as long
    fine = F.interpolate(mesh, size, mode="bilinear", align_corners=True)
    return fine.permute(0, 2, 3, 1)


def warp(picture, points, field, dt):
    """The picture (1, 3, h, w) carried along by the field for `dt` seconds, mirrored at its borders."""
    if dt == 0 or not any(field[2:]):
        return picture
    source = points - velocity(points, field) * dt
    return sample(picture, source, "bicubic")


def sample(picture, points, mode="bilinear"):
    """Picture (1, c, h, w) read at `points` (n, h', w', 2) of its plane, mirrored outside, (n, c, h', w')."""
    aspect = picture.shape[3] / picture.shape[2]
    grid = torch.stack((points[..., 0] / aspect, -points[..., 1]), -1)
    # A CPU shares the pictures of a batch out to its cores, never the rows of one.
    parts = torch.get_num_threads() if picture.device.type == "cpu" and len(grid) == 1 else 1
    strips = grid.unflatten(1, (parts, -1)).flatten(0, 1) if grid.shape[1] % parts == 0 else grid
    found = F.grid_sample(picture.expand(len(strips), -1, -1, -1), strips, mode, "reflection", align_corners=False)
    return found if len(strips) == len(grid) else found.transpose(0, 1).flatten(1, 2)[None]
