"""The remembered picture: what the dream comes back to, carried by the zoom and never framed twice the same.

Two copies of it, each strongest in the middle of its life, half a life apart (flow maps in two phases: Vlachos, "Water
Flow in Portal 2", 2010). One that begins anew, while nothing of it shows, is framed by chance: a dream that returned to
one and the same view would go round in circles.
"""

import math
import random
from typing import NamedTuple

import torch
from torch.nn import functional as F

from ..motion import Motion, added
from . import flow

LIFE, SHORTEST = 8.0, 1.0  # s of a copy; how fast a zoom may shorten it
REACH = 1.2  # how far the zoom may carry a copy in its life, as the logarithm of growth
CLOSEST = 0.55  # size of the closest framing, as a share of the whole picture
ASIDE = 0.35  # of the height: how far a framing may lie beyond the picture, which is mirrored there
TILT = 14.0  # degrees
EDGE = 2.0  # how many times faster a place passes from one copy to the other than their lives do
CLOUD = 0.45  # how much sooner or later than others, as a share of that


class Framing(NamedTuple):
    """A view of a picture, on motion.py's plane: turned, shrunk, mirrored, then moved."""

    size: float = 1.0
    tilt: float = 0.0  # rad
    x: float = 0.0
    y: float = 0.0
    mirrored: bool = False

    @property
    def matrix(self):
        """((xx, xy, x0), (yx, yy, y0)) that takes a place of the view to one of the picture."""
        across = -self.size if self.mirrored else self.size
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        return (across * cos, -self.size * sin, self.x), (across * sin, self.size * cos, self.y)


class Copy(NamedTuple):
    """One copy: how much of its life has passed (0..1), its framing, and the motion that it has seen, summed up."""

    life: float
    framing: Framing
    travelled: Motion


class Memory:
    """Two copies of a picture; `read` gives what they show of any."""

    def __init__(self, seed):
        self._chance = random.Random(seed)
        self._clouds = torch.randn(1, 1, 6, 12, generator=torch.Generator().manual_seed(self._chance.getrandbits(32)))
        self._spread = {}
        self._copies = []

    def advance(self, way, field, dt, wander):
        """`dt` seconds and their `way` go by, as the field is now; new framings are `wander` (0..1) from the whole picture."""
        if not self._copies:
            self._copies = [self._born(field, wander, life) for life in (0.5, 0.0)]
        share = dt / _life(field)
        self._copies = [self._older(copy, way, field, share, wander) for copy in self._copies]

    def _older(self, copy, way, field, share, wander):
        if copy.life + share >= 1:
            return self._born(field, wander, (copy.life + share) % 1)
        return copy._replace(life=copy.life + share, travelled=added(copy.travelled, way, 1.0))

    def _born(self, field, wander, life):
        """A copy that the zoom carries through its natural size in the middle of its life."""
        return Copy(life, self._framing(wander), added(Motion(), field, (life - 0.5) * _life(field)))

    def _framing(self, wander):
        near, tilt, x, y, side = (self._chance.random() for _ in range(5))
        size = 1 - wander * near * (1 - CLOSEST)
        room = 1 - size + wander * ASIDE
        return Framing(size, wander * math.radians(TILT) * (2 * tilt - 1), room * (2 * x - 1), room * (2 * y - 1),
                       side < wander / 2)

    def read(self, picture):
        """The picture (1, 3, h, w) as it is remembered."""
        fields = [copy.travelled for copy in self._copies]
        frames = [copy.framing.matrix for copy in self._copies]
        one, other = flow.carried(picture, fields, frames).split(1)
        return one.lerp_(other, self._share(tuple(picture.shape[2:]), picture.device))

    def _share(self, size, device):
        """How much of the second copy shows, (1, 1, h, w): the one in the middle of its life, sooner here, later there."""
        middle = 1 - abs(2 * self._copies[1].life - 1)
        return (self._cloud(size, device) + (EDGE * (middle - 0.5) + 0.5)).clamp_(0, 1)

    def _cloud(self, size, device):
        """Soft shapes (1, 1, h, w) between -CLOUD and CLOUD: nothing of a copy shows as it begins and as it ends."""
        if size not in self._spread:
            wide = F.interpolate(self._clouds, size, mode="bicubic", align_corners=False)
            self._spread = {size: (CLOUD * torch.tanh(wide)).to(device)}
        return self._spread[size]


def _life(field):
    """Seconds that a copy lives."""
    pace = sum(abs(rate) for rate in (field.expand, field.strips, field.tunnel, field.spiral))
    return max(SHORTEST, min(LIFE, REACH / max(pace, 1e-6)))
