"""Where in a mixture of class pictures each is seen: beside one another, like the countries of a map.

Pictures that shine through each other are murk, and the network sees neither. So at each place the class wins whose
logarithmic share, with chance of Gumbel's distribution added, is largest, which gives every class places in proportion to
its share (Maddison, Mnih and Teh, "The Concrete Distribution", 2017; Jang, Gu and Poole, "Categorical Reparameterization
with Gumbel-Softmax", 2017). Chance is a smooth field for each class, so that a place keeps its class until shares change.
"""

import math
import random

import numpy as np
import torch
from torch.nn import functional as F

CELLS = (4, 7)  # of chance, down and across
FINEST = (108, 192)  # places of a map, down and across: nothing on it is finer
COAST = 0.3  # temperature of the choice: how wide pictures pass into each other
SURVEY = (18, 32)  # places at which areas are measured
ROUNDS, STRIDE = 6, 0.7  # of measuring and correcting; longer strides miss, back and forth
SMALLEST = 1e-3  # area that is corrected for


class Territories:
    """The territories in one dream; the same seed gives the same."""

    def __init__(self, seed):
        self._seed, self._surveyed, self._kept = seed, {}, {}

    def fields(self, names, size, device):
        """The chance of each class on the map of a picture of `size` (h, w), (1, 1, h', w'): as large, or smaller with at least
        FINEST places."""
        scale = min(1.0, max(most / side for most, side in zip(FINEST, size, strict=True)))
        size = tuple(round(side * scale) for side in size)
        if next(iter(self._kept), ("", size))[1] != size:
            self._kept.clear()
        return tuple(self._field(name, size, device) for name in names)

    def odds(self, shares):
        """For shares {name: 0..1} that sum to 1, what `divided` is to add to each field, as floats.

        Corrected until the areas, by chance never quite so, are what the shares say.
        """
        wanted = np.array(list(shares.values()))
        odds = np.log(wanted)
        if len(shares) > 1:
            chance = np.stack([self._survey(name) for name in shares])
            for _ in range(ROUNDS):
                pulls = np.exp((chance + odds[:, None]) / COAST)
                areas = (pulls / pulls.sum(0)).mean(1)
                odds = odds + STRIDE * np.log(wanted / areas.clip(SMALLEST))
        return tuple(odds.tolist())

    def _field(self, name, size, device):
        if (name, size, device) not in self._kept:
            self._kept[name, size, device] = self._chance(name, size).to(device)
        return self._kept[name, size, device]

    def _survey(self, name):
        if name not in self._surveyed:
            self._surveyed[name] = self._chance(name, SURVEY).numpy().ravel()
        return self._surveyed[name]

    def _chance(self, name, size):
        seed = random.Random(f"{self._seed} territory {name}").getrandbits(32)
        noise = torch.randn(1, 1, *CELLS, generator=torch.Generator().manual_seed(seed))
        return _gumbel(F.interpolate(noise, size, mode="bicubic", align_corners=False))


def divided(fields, odds):
    """Lands (classes, 1, h, w): how much of each class is seen where, 0..1; None for fewer than two.

    `fields` are one (1, 1, h, w) a class, `odds` as many floats or tensors of one.
    """
    if len(fields) < 2:
        return None
    return torch.cat([(field + odd) / COAST for field, odd in zip(fields, odds, strict=True)]).softmax(0)


def _gumbel(field):
    """A field of normal chance as one of Gumbel's distribution."""
    rank = 0.5 * (1 + torch.erf(field / (field.std() * math.sqrt(2))))
    return -torch.log(-torch.log(rank.clamp(1e-4, 1 - 1e-4)))
