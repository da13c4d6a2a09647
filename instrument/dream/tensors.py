"""Tensors made of numbers."""

import torch


def vector(numbers, device):
    """Numbers, floats or tensors of one on a device, as a tensor (n,) there. Floats are brought to a GPU, which may have to wait."""
    return torch.stack(tuple(numbers)) if isinstance(numbers[0], torch.Tensor) else torch.tensor(numbers, device=device)
