"""Tensors made of numbers."""

import torch

from .graphs import finish


def vector(numbers, device):
    """Numbers, floats or tensors of one on a device, as a tensor (n,) there. Floats are brought to a GPU, which may have to wait."""
    return torch.stack(tuple(numbers)) if isinstance(numbers[0], torch.Tensor) else torch.tensor(numbers, device=device)


_CONSTANTS = {}


def constant(make, *key):
    """`make(*key)`, a small tensor, made when it is first asked for.

    Recordings read it where it lies, so it is never freed. The first to ask is a step played as it comes, or tried before it is
    recorded; as others read it on streams of their own, it is waited for.
    """
    if (make, *key) not in _CONSTANTS:
        made = make(*key)
        finish(made.device)
        _CONSTANTS.setdefault((make, *key), made)  # another thread may have been quicker
    return _CONSTANTS[make, *key]
