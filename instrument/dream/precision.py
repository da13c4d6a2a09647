"""In which precision a network dreams: the lowest whose gradient is as good as that of float32.

On a GPU half precision is several times as fast. Which kind a network bears depends on the network: float16 is finer,
bfloat16 holds larger numbers (the squares that GoogLeNet's normalisation takes, for one).
"""

import copy

import torch

from . import objective, step
from .graphs import whole

HALVES = (torch.float16, torch.bfloat16)  # in the order in which they are tried
GOOD = 0.95  # cosine between the gradient and that of float32


def fitted(eye, pictures, device):
    """`eye` on `device`, on a GPU in the quickest good precision; `pictures` {name: (3, h, w) in 0..1} to look at."""
    eye = eye.to(device)
    if torch.device(device).type != "cuda":
        return eye
    picture = next(iter(pictures.values()), torch.linspace(0, 1, 3 * 128 * 128).view(3, 128, 128))
    return quickest(eye, picture.to(device))


def quickest(eye, picture, halves=HALVES):
    """A copy of `eye` in the first of `halves` that is good enough at `picture` (3, h, w), else `eye` itself."""
    return next((lower for _, lower, cosine in trials(eye, picture, halves) if cosine >= GOOD), eye)


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
