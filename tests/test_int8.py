"""Residual blocks in bytes: they see and are moved as the exact ones, whatever the sizes, and know what they can't do."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from instrument.bench.ceiling import Work
from instrument.dream.dreamer import Dreamer, Scene
from instrument.dream.precision import GOOD, clouds, exact, fitted, lowered, quick_precisions, shown, trials
from instrument.eyes import read_pictures
from instrument.model import int8
from instrument.model.card import DEFAULT, load_model
from instrument.model.classifiers import classifier_eye, torchvision_eye
from instrument.model.eye import hearsee_eye
from instrument.model.int8 import Run, in_bytes, step_of
from instrument.model.net import HearSee
from instrument.model.packed import KEPT, Transposed, kept_by, packed
from instrument.model.zoo import open_eye
from instrument.params import DEFAULTS

needs_it = pytest.mark.skipif(not int8.is_quicker(), reason="not for this processor")
NETWORKS = {"own": lambda: hearsee_eye(HearSee(), ()), "basic blocks": lambda: torchvision_eye("resnet18", None),
            "bottlenecks": lambda: torchvision_eye("resnet50", None)}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS, scope="module")
def eye(request):
    torch.manual_seed(0)
    return request.param()


def pictures(sides=(96, 96)):
    return nn.functional.interpolate(clouds()[None], sides, mode="bilinear").roll((3, 5), (2, 3))


def seen(eye, x, deepest):
    """(what the stage `deepest` sees, the picture's gradient of its energy)."""
    x = x.clone().requires_grad_()
    found = eye.activations(x, deepest)[-1]
    return found.detach().float(), torch.autograd.grad(found, x, (found - found.mean((2, 3), keepdim=True)).detach())[0]


def alike(one, other):
    return torch.cosine_similarity(one.flatten(), other.flatten(), 0).item()


@needs_it
@pytest.mark.parametrize("sides", ((96, 96), (101, 67)), ids=str)
def test_bytes_see_and_are_moved_as_floats_at_every_size(eye, sides):
    quick, x = in_bytes(eye, pictures()), pictures(sides)
    for deepest in (1, 2):
        (saw, moved), (saw8, moved8) = seen(eye, x, deepest), seen(quick, x, deepest)
        assert saw8.shape == saw.shape and moved8.shape == moved.shape
        assert alike(saw, saw8) > 0.99 and alike(moved, moved8) > 0.93
        assert 0.95 < saw8.norm() / saw.norm() < 1.05 and 0.9 < moved8.norm() / moved.norm() < 1.1


@needs_it
def test_a_gradient_of_any_size_comes_back_as_large_as_it_should(eye):
    quick, x = in_bytes(eye, pictures()), pictures().requires_grad_()
    found = quick.activations(x, 2)[-1]
    pull = torch.randn_like(found)
    small, large = (torch.autograd.grad(found, x, pull * size, retain_graph=True)[0] for size in (2**-10, 2**10))
    assert torch.equal(small * 2**20, large) and large.abs().sum() > 0
    assert torch.autograd.grad(found, x, torch.zeros_like(found))[0].abs().sum() == 0


@needs_it
def test_every_block_of_a_residual_network_is_done_in_bytes_and_the_original_stays(eye):
    kinds = [type(module) for module in eye.modules()]
    quick = in_bytes(eye, pictures())
    assert sum(isinstance(module, Run) for module in quick.modules()) == 4
    assert quick.precision == torch.int8 and eye.precision == torch.float32
    assert [type(module) for module in eye.modules()] == kinds


@needs_it
def test_the_work_is_counted_alike(eye):
    quick, x = in_bytes(eye, pictures()), pictures()
    plain, ours = (Work.of(lambda one=one: one.activations(x, 3)) for one in (eye, quick))
    assert ours.operations == plain.operations > 0
    # Weights need no gradient, so there and back is twice the way there, and a little more in the first convolution.
    both = Work.of(lambda: seen(quick, x, 2)).operations
    there = Work.of(lambda: quick.activations(x, 2)).operations
    assert both == pytest.approx(2 * there, rel=0.1)


@needs_it
def test_each_size_and_number_of_threads_has_its_layout_and_few_are_kept(eye):
    quick, threads = in_bytes(eye, pictures()), torch.get_num_threads()
    run = next(module for module in quick.modules() if isinstance(module, Run))
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            for side in range(64, 64 + 8 * KEPT, 8):
                assert alike(*(seen(one, pictures((side, 64)), 1)[0] for one in (eye, quick))) > 0.98
    finally:
        torch.set_num_threads(threads)
    assert len(run._blocks[0]._convs[0]._ahead.kept) == KEPT
    assert all(map(len, kept_by(quick)[:2])) and any([each.forget() for each in kept_by(quick)])
    assert not any(map(len, kept_by(quick)))


@needs_it
def test_an_eye_that_has_looked_can_be_copied(eye):
    quick, x = in_bytes(eye, pictures()), pictures()
    before = seen(quick, x, 2)
    assert all(torch.equal(*pair) for pair in zip(before, seen(packed(copy.deepcopy(quick)), x, 2), strict=True))


@pytest.fixture(scope="module")
def shipped():
    model = load_model(DEFAULT)
    return open_eye(None, model), read_pictures(model)


@needs_it
def test_the_shipped_network_is_good_enough_in_bytes_and_is_tried_in_them_first(shipped):
    eye, pictures = shipped
    assert quick_precisions("cpu")[0] == torch.int8
    (_, _, cosine), = trials(eye, shown(pictures, "cpu"), [torch.int8])
    assert cosine > GOOD and fitted(eye, pictures, "cpu").precision == torch.int8


@needs_it
@pytest.mark.parametrize("pull", ({"dream.energy": 1.0, "dream.layer": 4.0}, {"dream.channel": 1.0, "dream.channel_index": 7.0},
                                  {"dream.class": 1.0}, {"dream.guided": 1.0}), ids=lambda pull: next(iter(pull)))
def test_every_objective_pulls_the_shipped_network_alike_in_bytes(shipped, pull):
    eye, pictures = shipped
    values = {**DEFAULTS, "dream.guided": 0.0, "dream.energy": 0.0, "dream.jitter": 0.0, "dream.octaves": 1.0, "zoom.speed": 0.0,
              "dream.return": 0.0, "dream.size": 160.0, "dream.step": 0.01, **pull}
    scene, moved = Scene(values, {"siren": 0.9}, 0.0, 1.0), []
    for one in (eye, lowered(eye, torch.int8, shown(pictures, "cpu"))):
        dreamer = Dreamer(one, pictures, fit=exact)
        before = dreamer.start(scene)
        moved.append((dreamer.step(before, replace(scene, now=1 / 12)).picture - before.picture).flatten())
    assert torch.cosine_similarity(*moved, 0) > 0.95


@needs_it
def test_a_network_that_does_not_bear_bytes_is_left_in_floats():
    torch.manual_seed(0)
    eye = torchvision_eye("resnet50", None)  # random weights: the deeper, the more chance there is in its gradient
    (_, _, cosine), = trials(eye, shown({}, "cpu"), [torch.int8])
    assert cosine < GOOD and fitted(eye, {}, "cpu").precision != torch.int8


@needs_it
def test_it_is_judged_by_another_picture_than_it_is_measured_on(monkeypatch):
    measured, one = [], clouds()
    monkeypatch.setattr(int8, "in_bytes", lambda _, pictures: measured.append(pictures))
    for count in (1, 2, 3, 9):
        list(trials(torchvision_eye("resnet18", None), shown({str(n): one * (n + 1) / 9 for n in range(count)}, "cpu"), [torch.int8]))
    assert [len(pictures) for pictures in measured] == [1, 1, 2, 4]
    brightest = [pictures.amax((1, 2, 3)) for pictures in measured]
    assert all(each.min() > one.max() / 9 * 1.5 for each in brightest[1:])


@needs_it
def test_without_bfloat16_the_rest_is_float32(monkeypatch, shipped):
    monkeypatch.setattr(int8, "has_bf16", lambda: False)
    eye, x = shipped[0], pictures()
    quick = in_bytes(eye, x)
    assert quick.dtype == torch.float32 and quick.precision == torch.int8
    (saw, moved), (saw8, moved8) = seen(eye, x, 3), seen(quick, x, 3)
    assert alike(saw, saw8) > 0.98 and alike(moved, moved8) > 0.95


def test_what_bytes_cannot_do_is_left_alone():
    for name in ("vgg11", "squeezenet1_1", "densenet121"):
        eye = torchvision_eye(name, None)
        assert in_bytes(eye, pictures()) is None and lowered(eye, torch.int8, pictures()) is None
        assert not list(trials(eye, pictures(), [torch.int8]))
    from torchvision.models import resnext50_32x4d

    assert in_bytes(classifier_eye(resnext50_32x4d(weights=None), "resnext50_32x4d"), pictures()) is None


def test_the_coarser_the_steps_the_more_of_what_is_rare_is_cut_off():
    values = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    shares = [step_of(values, levels) * levels / values.abs().max() for levels in (2, 8, 32, 127)]
    assert shares == sorted(shares) and shares[0] < 0.8 and 0.9 < shares[-1] <= 1.001
    assert step_of(torch.zeros(10), 127) > 0


@pytest.mark.parametrize("mistake", (AttributeError, RuntimeError, TypeError))
@pytest.mark.parametrize("owner, name", ((int8.Weights, "__call__"), (int8.Weights, "onto"), (Transposed, "__call__")), ids=str)
def test_a_pytorch_without_one_of_the_operations_is_survived(monkeypatch, owner, name, mistake):
    def gone(*_):
        raise mistake("gone")

    monkeypatch.setattr(int8, "has_bytes", lambda: True)
    monkeypatch.setattr(owner, name, gone)
    assert not int8.is_quicker.__wrapped__()


@needs_it
def test_to_ask_whether_it_is_quicker_rolls_no_dice():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    assert int8.is_quicker.__wrapped__() and torch.equal(torch.rand(1), expected)
