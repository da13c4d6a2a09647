"""In which precision a network dreams: the quickest whose gradient is as good as that of float32.

On a GPU half precision is several times as fast, on a processor that multiplies in bfloat16 nearly twice. Which kind a
network bears depends on the network: float16 is finer, bfloat16 holds larger numbers (the squares that GoogLeNet's
normalisation takes, for one).
"""

import copy

import torch
from torch.nn import functional as F

from ..model.cpu import has_bf16
from . import objective, step
from .graphs import whole

HALVES = (torch.float16, torch.bfloat16)  # in the order in which they are tried
GOOD = 0.95  # cosine between the gradient and that of float32


def fitted(eye, pictures, device):
    """`eye` on `device`, in its quickest good precision; `pictures` {name: (3, h, w) in 0..1} to look at."""
    eye, halves = eye.to(device), quick_halves(device)
    if not halves:
        return eye
    picture = next(iter(pictures.values()), None)
    return quickest(eye, (clouds() if picture is None else picture).to(device), halves)


def exact(eye, pictures, device):
    """`eye` on `device` as it is; in the place of `fitted`."""
    return eye.to(device)


def quick_halves(device):
    """The precisions in which `device` is quicker than in float32, in the order in which they are to be tried."""
    kind = torch.device(device).type
    if kind == "cpu":
        return (torch.bfloat16,) if has_bf16() else ()
    return HALVES if kind == "cuda" else ()


def quickest(eye, picture, halves=HALVES):
    """A copy of `eye` in the first of `halves` that is good enough at `picture` (3, h, w), else `eye` itself."""
    return next((lower for _, lower, cosine in trials(eye, picture, halves) if cosine >= GOOD), eye)


def clouds(side=128):
    """A picture (3, side, side) in 0..1 with as much of every size as nature has: on a plain one nothing can be judged."""
    dice = torch.Generator().manual_seed(0)
    sizes = [2**power for power in range(2, side.bit_length())]
    noises = [torch.rand(1, 3, size, size, generator=dice) for size in sizes]
    return (sum(F.interpolate(noise, (side, side), mode="bilinear") for noise in noises) / len(sizes))[0]


def trials(eye, picture, halves=HALVES):
    """(precision, eye in it, cosine of its gradient) of each of `halves`; a gradient that is not finite has 0."""
    exact = _gradient(eye, picture)
    for half in halves:
        lower = copy.deepcopy(eye).lower(half)
        rough = _gradient(lower, picture)
        cosine = torch.cosine_similarity(exact, rough, 0).item() if rough.isfinite().all() else 0.0
        yield half, lower, cosine


@torch.no_grad()
def _gradient(eye, picture):
    """Where all stages but the deepest would move the picture, flat, in float64."""
    stages = tuple(float(stage < len(eye.stages) - 1) for stage in range(len(eye.stages)))
    pull = objective.Pull(0.0, 1.0, 0.0, 0.0, 0, stages, ())
    grad = whole(step.gradient(eye, picture[None], objective.terms(pull), objective.strengths(pull),
                               ((),) * len(stages), None, (0, 0)))
    return grad.flatten().double()
