"""Where in a mixture of class pictures each is seen: beside one another, like the countries of a map.

Pictures that shine through each other are murk, and the network sees neither. So at each place the class wins whose
logarithmic share, with chance of Gumbel's distribution added, is largest, which gives every class places in proportion to
its share (Maddison, Mnih and Teh, "The Concrete Distribution", 2017; Jang, Gu and Poole, "Categorical Reparameterization
with Gumbel-Softmax", 2017). Chance is a smooth field for each class, so that a place keeps its class until shares change.
"""

import math
import random

import torch
from torch.nn import functional as F

CELLS = (4, 7)  # of chance, down and across
COAST = 0.3  # temperature of the choice: how wide pictures pass into each other
SURVEY = (18, 32)  # places at which areas are measured
ROUNDS = 4  # of measuring and correcting


class Territories:
    """The territories of one dream; they are the same for the same seed."""

    def __init__(self, seed):
        self._seed, self._kept = seed, {}

    def fields(self, names, size, device):
        """The chance of each class, (1, 1, h, w)."""
        return tuple(self._field(name, tuple(size)).to(device) for name in names)

    def odds(self, shares):
        """For shares {name: 0..1} that sum to 1, what `divided` is to add to each field, as floats.

        Corrected until the areas, of few countries by chance never quite so, are what the shares say.
        """
        chance = torch.stack([self._field(name, SURVEY) for name in shares])
        wanted = torch.tensor(list(shares.values()))
        odds = wanted.log()
        for _ in range(ROUNDS if len(shares) > 1 else 0):
            areas = divided(chance, odds.view(-1, 1, 1, 1, 1)).mean((1, 2, 3, 4))
            odds = odds + (wanted / areas.clamp(min=1e-3)).log()
        return tuple(odds.tolist())

    def _field(self, name, size):
        if (name, size) not in self._kept:
            seed = random.Random(f"{self._seed} territory {name}").getrandbits(32)
            noise = torch.randn(1, 1, *CELLS, generator=torch.Generator().manual_seed(seed))
            self._kept[name, size] = _gumbel(F.interpolate(noise, size, mode="bicubic", align_corners=False))
        return self._kept[name, size]


def divided(fields, odds):
    """How much of each class is seen where, (classes, 1, 1, h, w), of fields (classes, 1, 1, h, w) and their odds."""
    return ((fields + odds) / COAST).softmax(0)


def _gumbel(field):
    """A field of normal chance as one of Gumbel's distribution."""
    rank = 0.5 * (1 + torch.erf(field / (field.std() * math.sqrt(2))))
    return -torch.log(-torch.log(rank.clamp(1e-4, 1 - 1e-4)))
