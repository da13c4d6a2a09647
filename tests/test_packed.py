"""Convolutions whose weights are laid out once: the same answers, the same gradients."""

import copy

import pytest
import torch
from torch import nn

from instrument.bench.ceiling import Work
from instrument.model import packed as module
from instrument.model.card import load_model
from instrument.model.classifiers import torchvision_eye
from instrument.model.int8 import in_bytes
from instrument.model.packed import FEWEST, KEPT, Packed, fits, kept_by, packed
from instrument.model.zoo import open_eye

SHAPES = {"3x3": {"kernel_size": 3, "padding": 1}, "1x1": {"kernel_size": 1}, "5x5 without a border": {"kernel_size": 5},
          "wide": {"kernel_size": 3, "padding": 2, "dilation": 2}, "uneven": {"kernel_size": (1, 3), "padding": (0, 1)}}


needs_it = pytest.mark.skipif(not module.is_quicker(), reason="not for this processor")


def gradient(layer, x):
    x = x.detach().requires_grad_()
    seen = layer(x)
    return seen.detach(), torch.autograd.grad(seen.float().square().sum(), x)[0]


@needs_it
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("side", (7, 26))
def test_a_packed_convolution_answers_as_the_plain_one_and_has_its_gradient(shape, side):
    torch.manual_seed(0)
    conv = nn.Conv2d(32, 48, **shape).requires_grad_(False).to(torch.bfloat16, memory_format=torch.channels_last)
    x = torch.randn(1, 32, side, side).to(torch.bfloat16, memory_format=torch.channels_last)
    for ours, plain in zip(gradient(Packed(conv), x), gradient(conv, x), strict=True):
        assert torch.allclose(ours.float(), plain.float(), rtol=0.02, atol=0.02 * plain.float().abs().max().item())


@needs_it
@pytest.mark.parametrize("name", ("resnet18", "vgg11", "squeezenet1_1", "densenet121"))
def test_a_packed_network_dreams_as_the_plain_one_which_stays_as_it_was(name):
    torch.manual_seed(0)
    eye = torchvision_eye(name, None).lower()
    kinds = [type(each) for each in eye.modules()]
    ours, x = packed(eye), torch.rand(1, 3, 96, 96)
    assert any(isinstance(each, Packed) for each in ours.modules()) and [type(each) for each in eye.modules()] == kinds
    assert ours.dtype == eye.dtype
    for quick, plain in zip(*(gradient(lambda x, one=one: one.activations(x, 3)[-1], x) for one in (ours, eye)), strict=True):
        assert torch.cosine_similarity(quick.float().flatten(), plain.float().flatten(), 0) > 0.99


@needs_it
def test_each_size_and_number_of_threads_has_its_layout_and_few_are_kept():
    conv = nn.Conv2d(16, 16, 3, padding=1, dtype=torch.bfloat16).requires_grad_(False)
    ours, threads = Packed(conv), torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            for side in range(4, 4 + KEPT):
                x = torch.randn(1, 16, side, side).to(torch.bfloat16)
                assert torch.allclose(ours(x), conv(x), rtol=0.05, atol=0.05)
    finally:
        torch.set_num_threads(threads)
    assert len(ours._ahead.kept) == KEPT
    assert any([each.forget() for each in kept_by(ours)]) and not any(each.forget() for each in kept_by(ours))


def convolutions(*channels):
    return nn.Sequential(*(nn.Conv2d(each, each, 3, padding=1, dtype=torch.bfloat16) for each in channels)).requires_grad_(False)


def most(net):
    return {each.most for each in kept_by(packed(net))}


def test_large_convolutions_keep_fewer_layouts_than_small_ones_and_few_in_any_case(monkeypatch):
    monkeypatch.setattr(module, "is_quicker", lambda: True)
    monkeypatch.setattr(module, "ROOM", 2 * 2 * 9 * 64**2 * 10)  # bytes: there and back ten times, of 64 channels
    assert [most(convolutions(count)) for count in (32, 64, 512)] == [{KEPT}, {10}, {FEWEST}]
    assert most(convolutions(64, 64)) == {5}


def test_a_copy_keeps_as_many_layouts(monkeypatch):
    monkeypatch.setattr(module, "is_quicker", lambda: True)
    monkeypatch.setattr(module, "ROOM", 0)
    assert {each.most for each in kept_by(copy.deepcopy(packed(convolutions(32))))} == {FEWEST}


@pytest.mark.parametrize("lower", (lambda eye: eye.lower(), lambda eye: in_bytes(eye, torch.rand(1, 3, 96, 96))), ids=("bfloat16", "bytes"))
def test_the_network_that_is_shipped_keeps_the_layouts_of_two_sizes_of_picture(monkeypatch, lower):
    monkeypatch.setattr(module, "is_quicker", lambda: True)
    assert most(lower(open_eye(None, load_model()))) == {KEPT}


@needs_it
def test_the_work_of_a_packed_network_is_counted_alike():
    eye = torchvision_eye("resnet18", None).lower()
    plain, ours = (Work.of(lambda one=one: one.activations(torch.rand(1, 3, 64, 64), 3)) for one in (eye, packed(eye)))
    assert ours.operations == plain.operations > 0


def test_what_it_cannot_do_is_left_alone():
    others = ({"stride": 2}, {"groups": 2}, {"padding": "same"}, {"padding": 4}, {"padding_mode": "reflect"})
    assert not any(fits(nn.Conv2d(32, 32, 3, dtype=torch.bfloat16, **other)) for other in others)
    assert not fits(nn.Conv2d(3, 64, 3, dtype=torch.bfloat16)) and not fits(nn.ReLU())
    assert fits(nn.Conv2d(32, 32, 3, dtype=torch.bfloat16)) and not fits(nn.Conv2d(32, 32, 3))


def test_where_it_is_not_quicker_the_network_is_the_same_object(monkeypatch):
    monkeypatch.setattr(module, "is_quicker", lambda: False)
    net = nn.Conv2d(32, 32, 3)
    assert packed(net) is net


@pytest.mark.parametrize("mistake", (AttributeError, RuntimeError, TypeError))
def test_a_pytorch_without_the_operations_is_survived(monkeypatch, mistake):
    def gone(*_):
        raise mistake("gone")

    monkeypatch.setattr(module, "has_bf16", lambda: True)
    monkeypatch.setattr(module, "Layout", gone)
    assert not module.is_quicker.__wrapped__()
