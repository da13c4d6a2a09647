"""How quick a network is, told from one small gradient before the first dream, which could stand still for half a minute."""

import time

import torch

from . import objective, step
from .graphs import finish, stepping, whole

SIDE = 128  # px of the picture looked at


@torch.no_grad()
def pace(eye):
    """Seconds that a gradient from the deepest stage takes for each px; None where that fails, which the first dream will tell.
    In the thread that will dream."""
    device, count, side = eye.mean.device, len(eye.stages), max(SIDE, eye.smallest)
    pull = objective.Pull(guided=0.0, likeness=0.0, energy=1.0, channel=0.0, answer=0.0, index=0,
                          stages=(0.0,) * (count - 1) + (1.0,), classes=())
    terms, aims = objective.terms(pull), step.Aims(objective.strengths(pull), ((),) * count)
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    try:
        with stepping(device):
            return min(_seconds(lambda: whole(step.gradient(eye, picture, terms, aims, (0, 0))), device) for _ in range(2)) / side**2
    except RuntimeError:
        return None


def _seconds(work, device):
    began = time.perf_counter()
    work()
    finish(device)
    return time.perf_counter() - began
