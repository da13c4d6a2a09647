"""Sizes of the dream: legal octaves, and the climb from coarse to fine."""

from typing import NamedTuple

from torch.nn import functional as F

from . import loops


class Shape(NamedTuple):
    """What the sizes of a dream follow from: width over height, and the shortest side (px) that its network can look at."""

    aspect: float
    smallest: int

    def size(self, height):
        """(height, width) of a picture."""
        return height, max(self.smallest, round(height * self.aspect))

    def looked(self, height, sight):
        """(height, width) at which a network of this sight looks at a picture of this height."""
        full, sight = self.size(height), min(sight, height)
        return sight, max(min(self.smallest, full[1]), round(full[1] * sight / height))

    def octaves(self, height, sight, scale, wanted):
        """How many octaves of the `wanted` it can look at there."""
        return most_octaves(min(self.looked(height, sight)), scale, self.smallest, wanted)


def most_octaves(size, scale, smallest, wanted):
    """How many octaves a picture of short side `size` (px) allows, 1..`wanted`."""
    count = 1
    while count < wanted and size / scale**count >= smallest:
        count += 1
    return count


def octave_sizes(height, width, count, scale):
    """[(h, w)] of `count` octaves, coarse to fine; the last is (height, width) itself."""
    return [(round(height / scale**k), round(width / scale**k)) for k in reversed(range(count))]


def climb(picture, sizes, ascend):
    """Dream from coarse to fine, carrying the detail of each octave up to the next; a generator.

    `ascend(picture, octave)` dreams at one size, and is a generator too: both stop where a step may be cut. Only the
    change travels upwards, so nothing of the picture's own detail is lost (Mordvintsev et al., "Inceptionism", 2015), also
    where the picture is finer than the last octave.
    """
    change = None
    for octave, size in enumerate(sizes):
        base = resize(picture, size)  # of the picture, not of the next larger one: six times made smaller it would lose a third
        start = base if change is None else base + resize(change, size)
        change = (yield from ascend(start, octave)) - base
    return picture + resize(change, picture.shape[2:])


def resize(picture, size):
    """Picture (1, c, h, w) at another (h, w); smooth both ways, the same tensor if it fits already."""
    if tuple(picture.shape[2:]) == tuple(size):
        return picture
    if loops.fits(picture):
        return loops.resized(picture, tuple(size))
    smaller = any(wanted < side for wanted, side in zip(size, picture.shape[2:], strict=True))
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=smaller)


def halved(picture):
    """A picture (1, c, h, w) of half its sides, rounded up: the mean of each four pixels, at an odd end of two."""
    odd = [side % 2 for side in picture.shape[2:]]
    if any(odd):
        picture = F.pad(picture, (0, odd[1], 0, odd[0]), mode="replicate")
    return F.interpolate(picture, [side // 2 for side in picture.shape[2:]], mode="bilinear", align_corners=False)


def doubled(picture):
    """A picture (1, c, h, w) of twice its sides, bilinear."""
    return F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
