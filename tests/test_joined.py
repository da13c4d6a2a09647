"""Blocks with joined kernels are the same blocks. cuDNN's kernels are on a GPU only: here what they compute stands for them."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.models import resnet18, resnet50

from instrument.model import joined
from instrument.model.card import load_model
from instrument.model.classifiers import classifier_eye
from instrument.model.joined import Joined, joining, with_joined
from instrument.model.zoo import open_eye

torch.set_num_threads(1)
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")


@pytest.fixture
def kernels(monkeypatch):
    """How often each of cuDNN's kernels was asked for."""
    asked = {"relu": 0, "add": 0}

    def relu(x, weight, bias, *shape):
        asked["relu"] += 1
        return F.conv2d(x, weight, bias, *shape).relu_()

    def add_relu(x, weight, z, alpha, bias, *shape):
        asked["add"] += 1
        return F.conv2d(x, weight, bias, *shape).add_(z, alpha=alpha).relu_()

    monkeypatch.setattr(torch, "cudnn_convolution_relu", relu, raising=False)
    monkeypatch.setattr(torch, "cudnn_convolution_add_relu", add_relu, raising=False)
    return asked


def eyes():
    torch.manual_seed(0)
    return {"ours": open_eye(None, load_model()), "resnet18": classifier_eye(resnet18(), "resnet18"),
            "resnet50": classifier_eye(resnet50(), "resnet50")}


def pulled(eye, picture):
    """(what each stage sees, where all of them together would move the picture)."""
    with torch.enable_grad():
        picture = picture.clone().requires_grad_()
        seen = eye.activations(picture, 4)
        grad, = torch.autograd.grad(sum(one.square().mean().sqrt() for one in seen), picture)
    return [one.detach() for one in seen], grad


@pytest.mark.parametrize("name", ("ours", "resnet18", "resnet50"))
def test_a_network_of_joined_blocks_sees_and_pulls_the_same(kernels, name):
    eye = eyes()[name]
    picture = torch.rand(1, 3, 64, 80)
    seen, grad = pulled(eye, picture)
    with joining():
        seen_joined, grad_joined = pulled(with_joined(eye), picture)
    for one, other in zip(seen, seen_joined, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
    assert torch.cosine_similarity(grad.flatten(), grad_joined.flatten(), 0) > 0.9999
    assert kernels["add"] == {"ours": 8, "resnet18": 8, "resnet50": 16}[name]
    assert kernels["relu"] == {"ours": 8, "resnet18": 8, "resnet50": 32}[name]


def test_the_eye_that_is_joined_stays_as_it_was_and_lends_its_weights(kernels):
    eye = eyes()["ours"]
    other = with_joined(eye)
    assert not any(isinstance(module, Joined) for module in eye.modules())
    assert {id(one) for one in other.parameters()} == {id(one) for one in eye.parameters()}
    assert other.dtype == eye.dtype


def test_only_what_is_recorded_is_joined(kernels):
    """cuDNN takes seconds to choose such kernels for a new size: a turning knob must not wait for it."""
    eye = eyes()["ours"]
    picture, other = torch.rand(1, 3, 64, 80), with_joined(eye)
    assert all(torch.equal(*pair) for pair in zip(pulled(eye, picture)[0], pulled(other, picture)[0], strict=True))
    assert kernels == {"relu": 0, "add": 0}
    with joining():
        pulled(other, picture)
    pulled(other, picture)
    assert kernels == {"relu": 8, "add": 8}


def test_kernels_are_tried_before_they_are_trusted(kernels, monkeypatch):
    quick = lambda: joined.is_quicker.__wrapped__("cpu", torch.float32)
    assert quick()
    monkeypatch.setattr(torch, "cudnn_convolution_add_relu", lambda x, weight, z, *_: z.relu())
    assert not quick()
    monkeypatch.delattr(torch, "cudnn_convolution_relu")
    assert not quick()


def test_elsewhere_nothing_is_joined():
    eye = eyes()["ours"]
    assert joined.joined(eye) is eye


@CUDA
@pytest.mark.parametrize(("precision", "least"), ((torch.float32, 0.98), (torch.float16, 0.98), (torch.bfloat16, 0.9)))
@pytest.mark.parametrize("name", ("ours", "resnet50"))
def test_a_real_gpu_has_these_kernels(name, precision, least):
    eye = eyes()[name].cuda().lower(precision)
    assert joined.is_quicker(torch.device("cuda", 0), precision)
    picture = torch.rand(1, 3, 96, 128, device="cuda")
    _, grad = pulled(eye, picture)
    with joining():
        _, other = pulled(joined.joined(eye), picture)
    assert torch.cosine_similarity(grad.flatten().double(), other.flatten().double(), 0) > least
