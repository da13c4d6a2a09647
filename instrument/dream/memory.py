"""The remembered picture: what the dream comes back to, carried by the zoom and never framed twice the same.

Two copies of it, each strongest in the middle of its life, half a life apart (flow maps in two phases: Vlachos, "Water
Flow in Portal 2", 2010). One that begins anew, while nothing of it shows, is framed by chance: a dream that returned to
one and the same view would go round in circles.
"""

import copy
import math
import random
from typing import NamedTuple

import torch
from torch.nn import functional as F

from ..motion import Motion, added
from . import flow, loops

LIFE, SHORTEST = 8.0, 1.0  # s of a copy; how fast a zoom may shorten it
AT_ONCE = 0.25  # most of a life that goes by at once: where dreams are slow a view outlasts a few
REACH = 1.2  # how far the zoom may carry a copy in its life, as the logarithm of growth
CORNER = 2.0  # a tunnel grows with the distance from the middle: how far, in half heights, the corners of a wide picture are
BENT_TURN = 0.3  # as much as this growth for each rad of a turn on a bent way: a life has 12 steps of it
# How far a framing may be from the whole picture. The zoom makes up for size, and of thousands of views two will always be
# near in place and tilt: it is stretch and lean that keep any from coming back.
CLOSEST = 0.45  # size of the closest, as a share of the whole
ASIDE = (1.0, 0.6)  # (x, y), in half heights, beyond the picture, which is mirrored there
TILT = 18.0  # degrees
STRETCH = 0.4  # in width against height, as a logarithm
LEAN = 0.4  # to the side, for each of height
EDGE = 4.0  # how many times faster a place passes from one copy to the other than their lives do
CLOUD = 1.2  # how much sooner or later than others, as a share of that


class Framing(NamedTuple):
    """A view of a picture, on motion.py's plane: stretched, leant, mirrored, turned, made smaller, then moved."""

    size: float = 1.0
    tilt: float = 0.0  # rad
    x: float = 0.0
    y: float = 0.0
    mirrored: bool = False
    stretch: float = 0.0
    lean: float = 0.0

    @property
    def matrix(self):
        """((xx, xy, x0), (yx, yy, y0)) that takes a place of the view to one of the picture."""
        wide, high = math.exp(self.stretch), math.exp(-self.stretch)
        across, lean = -wide if self.mirrored else wide, self.lean
        cos, sin = self.size * math.cos(self.tilt), self.size * math.sin(self.tilt)
        return ((cos * across, cos * lean - sin * high, self.x), (sin * across, sin * lean + cos * high, self.y))


class Copy(NamedTuple):
    """One copy: how much of its life has passed (0..1), its framing, and the motion that it has seen, summed up."""

    life: float
    framing: Framing
    travelled: Motion


class Memory:
    """Two copies of a picture; `read` gives what they show of any. A moment later it is another one (`advanced`).

    `clouds(size, device)` is a field (1, 1, h, w).
    """

    def __init__(self, seed, field, wander):
        """It begins in a `field` of motion; framings are `wander` (0..1) from the whole picture."""
        self._seed, self._born, self.clouds = seed, 0, Clouds(seed)
        self.copies = [self._begun(field, wander, life) for life in (0.5, 0.0)]

    def advanced(self, way, field, dt, wander):
        """What it is after `dt` seconds and their `way`, ending in the field of now."""
        other = copy.copy(self)
        wanted = min(max(dt / LIFE, _pace(way) / REACH), dt / SHORTEST)
        share = min(wanted, AT_ONCE)
        way = added(Motion(), way, share / max(wanted, 1e-9))
        other.copies = [other._older(one, way, field, share, wander) for one in self.copies]
        return other

    def _older(self, one, way, field, share, wander):
        if one.life + share >= 1:
            return self._begun(field, wander, (one.life + share) % 1)
        return one._replace(life=one.life + share, travelled=added(one.travelled, way, 1.0))

    def _begun(self, field, wander, life):
        """A copy that the zoom carries through its natural size in the middle of its life."""
        self._born += 1
        framing = _framing(random.Random(f"{self._seed} view {self._born}"), wander)
        return Copy(life, framing, added(Motion(), field, (life - 0.5) * _life(field)))

    def course(self, aspect):
        """(kind, numbers) of how a picture so many times as wide as high is remembered now, for `recalled`."""
        ways, frames = ([one.travelled for one in self.copies], [one.framing.matrix for one in self.copies])
        kind, numbers = flow.courses(ways, frames, aspect)
        return kind, (numbers, 1 - abs(2 * self.copies[1].life - 1))

    def read(self, picture):
        """The picture (1, 3, h, w) as it is remembered."""
        size = tuple(picture.shape[2:])
        return recalled(picture, *self.course(size[1] / size[0]), self.clouds(size, picture.device))


def recalled(picture, kind, numbers, clouds, there=None):
    """The picture (1, 3, h, w) as remembered by the `course` of a Memory, whose numbers are floats or tensors of one; `there` are its
    copies' `flow.places`, if they are known.

    `clouds` are the Memory's: how much of its second copy shows, sooner here, later there.
    """
    middle = EDGE * (numbers[1] - 0.5) + 0.5
    if by_loops(picture, kind, numbers):
        return loops.remembered(picture, numbers[0], clouds, middle)
    one, other = flow.along_all(picture, kind, numbers[0], there).split(1)
    return one.lerp_(other, (clouds + middle).clamp_(0, 1))


def by_loops(picture, kind, numbers):
    """Whether loops recall a picture by a `course`: they find its places as they read them."""
    return kind == "straight" and loops.fits(picture, numbers=(numbers[1], *numbers[0][0], *numbers[0][1]))


class Clouds:
    """Soft shapes (1, 1, h, w) between -CLOUD and CLOUD: nothing of a copy shows as it begins and as it ends."""

    def __init__(self, seed):
        chance = random.Random(f"{seed} clouds")
        self._noise = torch.randn(1, 1, 6, 12, generator=torch.Generator().manual_seed(chance.getrandbits(32)))
        self._kept = {}

    def __call__(self, size, device):
        if (size, device) not in self._kept:
            wide = F.interpolate(self._noise, size, mode="bicubic", align_corners=False)
            self._kept = {(size, device): (CLOUD * torch.tanh(wide)).to(device)}
        return self._kept[size, device]


def _framing(chance, wander):
    near, side = chance.random(), chance.random()
    tilt, x, y, stretch, lean = (wander * chance.uniform(-1.0, 1.0) for _ in range(5))
    size = 1 - wander * near * (1 - CLOSEST)
    return Framing(size, math.radians(TILT) * tilt, ASIDE[0] * x, ASIDE[1] * y, side < min(wander, 0.5),
                   STRETCH * stretch, LEAN * lean)


def _life(field):
    """Seconds that a copy lives in a field."""
    return max(SHORTEST, min(LIFE, REACH / max(_pace(field), 1e-6)))


def _pace(motion):
    """How much a motion grows, shrinks or shears a picture; where it bends, how far a turn may be followed in its few steps."""
    bent = CORNER * abs(motion.tunnel) + abs(motion.spiral)
    return abs(motion.expand) + abs(motion.strips) + bent + (BENT_TURN * abs(motion.turn) if bent else 0.0)
