"""A step as a GPU would play it, on tensors that only say that they are there: what lies in main memory is caught without one.

Torch's backward asks for the device itself, so what it would give is made up, its shape and type looked at.
"""

import numpy as np
import pytest
import torch
from test_dream import pictures, small_eye, values
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from instrument.dream import Dreamer, Scene, objective, step, tensors
from instrument.dream.change import Change
from instrument.dream.graphs import Graphs, Plain, brought, whole
from instrument.dream.precision import exact
from instrument.dream.territory import Territories

CUDA = torch.device("cuda")
BOTH, SOUND = {"a": 0.6, "b": 0.4}, np.zeros((12, 16, 4), np.uint8)
FORMS = (
    ({}, BOTH, None), ({"class": 1.0, "return": 0.1}, {"a": 1.0}, None),
    ({"zoom.mode": 4.0, "zoom.speed": -0.3, "return": 0.1}, BOTH, None),
    ({"zoom.mode": 5.0, "zoom.rotate": 20.0, "likeness": 0.0}, BOTH, None), ({"zoom.mode": 6.0, "zoom.rotate": 20.0}, {"a": 0.7}, None),
    ({"guided": 0.0, "energy": 1.0, "channel": 0.5, "smoothing": 0.0}, BOTH, None), ({"spectrogram": 1.0}, {}, SOUND),
    ({"spectrogram": 0.5, "return": 0.1, "octaves": 1, "iterations": 3}, BOTH, SOUND), ({"step": 0.0, "return": 0.1}, BOTH, None))


def faked():
    """A mode in which tensors on a GPU are there; skips where this torch has none."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    try:
        with mode:
            assert (torch.ones(2, device=CUDA) + 1).device.type == "cuda"
    except Exception as error:  # noqa: BLE001 - it depends on how torch was built
        pytest.skip(f"this torch cannot pretend to have a GPU: {error}")
    return mode


class Here(TorchDispatchMode):
    """Refuses tensors in main memory, and what reads a number back."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        there = {each.device.type for each in tree_leaves((args, kwargs, found)) if isinstance(each, torch.Tensor)}
        assert there <= {"cuda"}, f"{function} on {there}"
        assert "_local_scalar_dense" not in str(function) and "nonzero" not in str(function), function
        return found


class Watched(Plain):
    """Plays the work with numbers on the GPU, where nothing else may be."""

    places, records = Graphs.places, True

    def play(self, work, form, numbers, parts):
        there = brought(numbers, parts)
        with Here():
            return whole(work(form, there, parts))


def back(seen, grad):
    assert (grad.shape, grad.device, grad.dtype) == (seen[1].shape, seen[1].device, seen[1].dtype)
    return torch.empty_like(seen[0])


def really(function):
    """The same on real tensors, within a mode of others."""
    def call(*arguments):
        with unset_fake_temporarily():
            return function(*arguments)

    return call


@pytest.fixture
def gpu(monkeypatch):
    """The mode, within which a dreamer `on_gpu` dreams."""
    mode = faked()
    monkeypatch.setattr(step, "_look", lambda function, x: (x, function(x)))
    monkeypatch.setattr(step, "_back", back)
    monkeypatch.setattr(tensors, "finish", lambda device: None)
    monkeypatch.setattr(tensors, "_CONSTANTS", {})
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    monkeypatch.setattr(Territories, "_chance", really(Territories._chance))
    monkeypatch.setattr(Territories, "_survey", really(Territories._survey))
    return mode


def moved(eye):
    """An eye, all its tensors on the GPU of the present mode."""
    for module in eye.modules():
        for kept in (module._parameters, module._buffers):
            kept.update({name: tensor.detach().to(CUDA) for name, tensor in kept.items() if tensor is not None})
    return eye


def on_gpu(mode, precision):
    dreamer, eye = Dreamer(small_eye(), pictures(), play=Watched(), fit=exact), small_eye().lower(precision)
    with mode:
        dreamer.device, dreamer.eye = CUDA, moved(eye)
        dreamer.pictures = {name: picture.to(CUDA) for name, picture in dreamer.pictures.items()}
        dreamer.lost = dreamer.lost.to(CUDA)
        dreamer._guides = objective.Guides(dreamer.eye, dreamer.pictures, True)
        dreamer._work = Change(dreamer.eye, CUDA).change
    return dreamer


def dreamt(mode, dreamer, changes, weights, sound):
    last = None
    with mode:
        for number in range(2):
            last = dreamer.step(last, Scene(values(**changes), weights, number / 12, 1.25, sound))
    return last.picture


@pytest.mark.parametrize("precision, changes, weights, sound",
                         [*((torch.float16, *form) for form in FORMS), (torch.float32, *FORMS[0])])
def test_a_step_on_a_gpu_has_nothing_in_main_memory(gpu, precision, changes, weights, sound):
    picture = dreamt(gpu, on_gpu(gpu, precision), changes, weights, sound)
    assert (picture.shape, picture.device.type, picture.dtype) == ((1, 3, 32, 40), "cuda", torch.float32)


def test_what_lies_in_main_memory_is_caught(gpu):
    dreamer = on_gpu(gpu, torch.float16)
    dreamer._work.__self__._settle_times = torch.ones(3)
    with pytest.raises((AssertionError, RuntimeError), match="cpu|devices"):
        dreamt(gpu, dreamer, *FORMS[0])
