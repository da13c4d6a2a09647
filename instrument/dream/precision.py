"""In which precision a network dreams: the quickest whose gradient is as good as that of float32.

On a GPU half precision is several times as fast. A processor that multiplies bfloat16 is nearly twice as fast in it, one
that multiplies bytes faster still (model/int8.py). Which of them a network bears depends on the network: float16 is finer,
bfloat16 holds larger numbers (the squares that GoogLeNet's normalisation takes, for one), bytes are for residual blocks.
"""

import copy
import logging

import torch
from torch.nn import functional as F

from ..errors import lack, one_line
from ..model import int8
from ..model.cpu import has_bf16
from . import objective, step
from .graphs import whole

log = logging.getLogger(__name__)
HALVES = (torch.float16, torch.bfloat16)  # in the order in which they are tried
GOOD = 0.95  # cosine between the gradient and that of float32
MEASURED = 4  # pictures that the ranges of bytes are measured on
SIDE = 192  # px of the pictures that are judged by


def fitted(eye, pictures, device):
    """`eye` on `device`, in its quickest good precision; `pictures` {name: (3, h, w) in 0..1} to look at."""
    eye, precisions = exact(eye, pictures, device), quick_precisions(device)
    return quickest(eye, shown(pictures, device), precisions) if precisions else eye


def exact(eye, pictures, device):
    """`eye` on `device` as it is; in the place of `fitted`."""
    # What PyTorch makes of channels last on an Apple GPU has failed or been wrong in one version after another (its issues
    # 140902, 142344, 188371).
    return eye.to(device).lie(torch.contiguous_format if torch.device(device).type == "mps" else torch.channels_last)


def agrees(eye, picture):
    """Whether the gradients of an eye, where it is, are those that the processor finds at a `picture` (3, h, w) in 0..1."""
    there = _gradients(eye, picture.to(eye.mean.device))
    return torch.cosine_similarity(there, _gradients(copy.deepcopy(eye).to("cpu"), picture), 1).min().item() >= GOOD


def shown(pictures, device):
    """Pictures (n, 3, SIDE, SIDE) to judge precisions by, of {name: (3, h, w) in 0..1}; clouds where there are none."""
    chosen = list(pictures.values())[:MEASURED + 1] or [clouds()]
    return torch.cat([F.interpolate(picture[None], (SIDE, SIDE), mode="bilinear", antialias=True) for picture in chosen]).to(device)


def quick_precisions(device):
    """The precisions in which `device` is quicker than in float32, in the order in which they are to be tried."""
    kind = torch.device(device).type
    if kind == "cpu":
        return (torch.int8,) * int8.is_quicker() + (torch.bfloat16,) * has_bf16()
    return HALVES if kind == "cuda" else ()


def quickest(eye, pictures, precisions=HALVES):
    """A copy of `eye` in the first of `precisions` that is good enough (see `trials`), else `eye` itself."""
    return next((lower for _, lower, cosine in trials(eye, pictures, precisions) if cosine >= GOOD), eye)


def clouds(side=128):
    """A picture (3, side, side) in 0..1 with as much of every size as nature has: on a plain one nothing can be judged."""
    dice = torch.Generator().manual_seed(0)
    sizes = [2**power for power in range(2, side.bit_length())]
    noises = [torch.rand(1, 3, size, size, generator=dice) for size in sizes]
    return (sum(F.interpolate(noise, (side, side), mode="bilinear") for noise in noises) / len(sizes))[0]


def trials(eye, pictures, precisions=HALVES):
    """(precision, eye in it, cosine of its gradient at the first of `pictures`) of each of `precisions` that there is for
    this eye.

    It is the least of those of every stage pulling alone: together, the shallow ones, which bear everything, hide the
    others. A gradient that is not finite has 0.
    """
    exact = _gradients(eye, pictures[0]) if precisions else None
    for precision in precisions:
        lower = lowered(eye, precision, pictures)
        rough = None if lower is None else _tried(lower, pictures[0])
        if rough is not None:
            cosine = torch.cosine_similarity(exact, rough, 1).min().item() if rough.isfinite().all() else 0.0
            yield precision, lower, cosine


def _tried(eye, picture):
    """Its gradients, or None where this GPU has nothing for its precision (before 2020 none has bfloat16 in cuDNN)."""
    try:
        return _gradients(eye, picture)
    except RuntimeError as error:
        if lack(error):  # that says nothing about the precision, and may be cured
            raise
        log.warning("no dreams in %s: %s", eye.precision, one_line(error))
        return None


def lowered(eye, precision, pictures):
    """A copy of `eye` in a lower precision; None where it cannot be in bytes."""
    if precision == torch.int8:
        return int8.in_bytes(eye, pictures[1:] if len(pictures) > 1 else pictures)  # judged by the first
    return copy.deepcopy(eye).lower(precision)


@torch.no_grad()
def _gradients(eye, picture):
    """Where every stage alone would move the picture, (stages, values), float64 in main memory: Apple GPUs have none."""
    count, found = len(eye.stages), []
    for number in range(count):
        alone = tuple(float(number == each) for each in range(count))
        pull = objective.Pull(guided=0.0, likeness=0.0, energy=1.0, channel=0.0, answer=0.0, index=0, stages=alone, classes=())
        aims = step.Aims(objective.strengths(pull), ((),) * count)
        grad = whole(step.gradient(eye, picture[None], objective.terms(pull), aims, (0, 0)))
        found.append(grad.flatten().cpu().double())
    return torch.stack(found)
