"""The dream: objectives rise, mixtures keep their proportion, sizes are legal, pictures stay pictures."""

import copy
import math
from dataclasses import replace
from itertools import count, pairwise
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import warp
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from instrument.console import SHOWN
from instrument.dream import Dreamer, DreamLoop, Scene, change, flow, objective, octaves, step
from instrument.dream import loop as loop_module
from instrument.dream.budget import FURTHEST, PATIENCE, SLOW, TRUST, WAIT, Governor, Plan, Room, ladder
from instrument.dream.graphs import Graphs, Plain, whole
from instrument.dream.loop import Inbox, rgba
from instrument.dream.memory import Framing
from instrument.dream.pace import SIDE, pace
from instrument.latest import Latest
from instrument.model.eye import Eye, MeanHead
from instrument.motion import Motion, Place, added, motion
from instrument.params import BY_NAME, DEFAULTS, MODES
from instrument.rates import Rates

torch.set_num_threads(1)
TINY = {"dream.size": 32.0, "dream.octaves": 2.0, "dream.jitter": 2.0, "dream.layer": 3.0}


def values(**changes):
    """The defaults at a tiny size; `layers=2` stands for dream.layers, other groups are named: `**{"zoom.rotate": 20}`."""
    return {**DEFAULTS, **TINY, **{name if "." in name else f"dream.{name}": float(value) for name, value in changes.items()}}


def small_eye():
    torch.manual_seed(0)
    widths = (3, 8, 12, 16, 16)
    stages = [nn.Sequential(nn.Conv2d(before, width, 3, 2 if i < 3 else 1, 1), nn.ReLU())
              for i, (before, width) in enumerate(pairwise(widths))]
    return Eye(stages, ("one", "two", "three", "four"), MeanHead(nn.Linear(16, 2)), {"a": (0,), "b": (1,)})


def pictures(names="ab"):
    dice = torch.Generator().manual_seed(3)
    noise = torch.rand(len(names), 3, 5, 5, generator=dice)
    smooth = nn.functional.interpolate(noise, (40, 40), mode="bicubic", align_corners=False).clamp(0, 1)
    smooth[1] = smooth[1].flip(0)
    return dict(zip(names, smooth, strict=True))


@pytest.fixture(scope="module")
def eye():
    return small_eye()


@pytest.fixture
def dreamer(eye):
    return Dreamer(eye, pictures())


def dream(dreamer, count, weights, rate=12.0, **changes):
    """The last of `count` dreams with time fed by hand."""
    last = None
    for i in range(count):
        last = dreamer.step(last, Scene(values(**changes), weights, i / rate, 1.25))
    return last


# --- objectives

def gradient(eye, picture, wanted, side=32, guides=None, shift=(0, 0)):
    """`step.gradient` of a pull, all at once."""
    terms = objective.terms(wanted)
    names = [name for name, _ in wanted.classes] if terms.guided else []
    together = guides.together(names, [side], terms.stages)[0] if guides else ((),) * 4
    goal = objective.goal(eye.answers, wanted.classes, eye.logits_count, eye.dtype, "cpu")
    return whole(step.gradient(eye, picture, terms, step.Aims(objective.strengths(wanted), together, goal), shift))


def climbed(eye, score, amount=0.005, count=6, seed=5, size=(32, 40), **changes):
    """`score(picture)` before and after a few plain steps without jitter, smoothing or colour."""
    picture = 0.3 + 0.4 * torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))
    wanted = objective.pull(values(**changes), {"a": 1.0})
    guides = objective.Guides(eye, pictures())
    before = score(picture)
    for _ in range(count):
        grad = gradient(eye, picture, wanted, size[0], guides)
        picture = picture + amount * grad / grad.abs().mean()
    return before, score(picture)


def only(name):
    return {**dict.fromkeys(("guided", "energy", "channel", "class"), 0.0), name: 1.0}


def scores(eye, layer=3, side=32):
    """What each objective ascends, as a function of a picture."""
    guide = objective.Guides(eye, pictures()).at("a", side, layer)[layer - 1]
    places = lambda picture: eye.activations(picture, layer)[layer - 1]
    return {"energy": lambda p: float(places(p).var((2, 3)).mean()),
            "channel": lambda p: float(places(p)[:, 4].mean()),
            "guided": lambda p: float((guide.match @ places(p)[0].flatten(1) + guide.bias[:, None]).max(0).values.mean()),
            "class": lambda p: float(eye.logits(eye.activations(p, 4)[3])[0, 0])}


@pytest.mark.parametrize("size", ((32, 40), (47, 33), (64, 64)))
@pytest.mark.parametrize("layer", (1, 2, 3, 4))
@pytest.mark.parametrize("name", ("energy", "channel", "guided", "class"))
def test_an_objective_rises(eye, name, layer, size):
    """Whatever the picture, its size and the stage that pulls; the number of a channel wraps round."""
    widths, score = (8, 12, 16, 16), scores(eye, layer, size[0])[name]
    for seed in range(4):
        before, after = climbed(eye, score, seed=seed, size=size, **only(name), layer=float(layer),
                                channel_index=4 + widths[layer - 1])
        assert after > before, seed


TOGETHER = [("energy", "channel"), ("guided", "class"), ("guided", "channel"), ("energy", "class")]


def sharing(one, other, share):
    """Values with `share` of the weight on one objective and the rest on another."""
    return {**only(one), one: share, other: 1 - share, "channel_index": 4, "likeness": 0.0}


@pytest.mark.parametrize("one, other", TOGETHER)
def test_two_objectives_rise_together_each_more_than_where_the_other_is_alone(eye, one, other):
    for name, without in ((one, 0.0), (other, 1.0)):
        before, after = climbed(eye, scores(eye)[name], **sharing(one, other, 0.5))
        assert after > before and after > climbed(eye, scores(eye)[name], **sharing(one, other, without))[1], name


@pytest.mark.parametrize("one, other", TOGETHER)
def test_the_more_weight_an_objective_has_the_more_of_the_pull_is_its_own(eye, one, other):
    torch.manual_seed(5)
    picture, guides = 0.3 + 0.4 * torch.rand(1, 3, 32, 40), objective.Guides(eye, pictures())

    def pulled(share, total=1.0):
        weights = sharing(one, other, share)
        weights |= {name: total * weights[name] for name in (one, other)}
        return gradient(eye, picture, objective.pull(values(**weights), {"a": 1.0}), 32, guides).flatten()

    for alone, shares in ((1.0, (0.0, 0.2, 0.5, 0.8, 1.0)), (0.0, (1.0, 0.8, 0.5, 0.2, 0.0))):
        likeness = [float(torch.cosine_similarity(pulled(share), pulled(alone), 0)) for share in shares]
        assert all(more > less + 1e-4 for less, more in pairwise(likeness)) and likeness[-1] > 0.999
    assert torch.cosine_similarity(pulled(0.3), pulled(0.3, 0.4), 0) > 0.999  # only the shares count


def test_two_guides_pull_in_proportion(eye):
    torch.manual_seed(2)
    activation = torch.rand(1, 16, 4, 5)
    guides = {name: objective.prepare(torch.rand(16, 30)) for name in "ab"}

    def direction(a, b):
        wanted = objective.pull(values(guided=1, energy=0), {"a": a, "b": b})
        mine = [guides[name] for name, _ in wanted.classes]
        return objective.mixture(activation, objective.terms(wanted), objective.strengths(wanted), mine)

    alone_a, alone_b = direction(1.0, 0.0), direction(0.0, 1.0)
    assert torch.allclose(direction(0.75, 0.25), 0.75 * alone_a + 0.25 * alone_b, atol=1e-5)


def test_each_guide_pulls_in_its_own_land_and_as_much_as_one_alone():
    torch.manual_seed(2)
    activation = torch.rand(1, 16, 4, 6)
    guides = [objective.prepare(torch.rand(16, 30)) for _ in "ab"]
    west = torch.zeros(1, 1, 4, 6)
    west[..., :3] = 1

    def direction(weights, guides, lands=None):
        wanted = objective.pull(values(guided=1, energy=0), weights)
        return objective.mixture(activation, objective.terms(wanted), objective.strengths(wanted), guides, lands)

    both = direction({"a": 0.3, "b": 0.7}, guides, torch.cat((west, 1 - west), 1))
    for guide, land in zip(guides, (west, 1 - west)):
        assert torch.allclose(both * land, direction({"a": 1.0}, [guide]) * land, atol=1e-5)


def test_a_mixture_dreams_of_each_class_where_it_is_remembered(eye):
    """With all of the picture from memory, two plain class pictures give two countries; a guide of each reaches its own."""
    changes = {"return": 0.5, "step": 0.0, "wander": 0.0, "zoom.speed": 0.0}
    plain = {"a": torch.zeros(3, 48, 64), "b": torch.ones(3, 48, 64)}
    last = dream(Dreamer(eye, plain), 12, {"a": 0.5, "b": 0.5}, **changes)
    bright = last.picture.mean(1)
    assert bright.std() > 0.6 * bright.mean()  # land of each, not grey


def test_what_no_class_claims_goes_to_the_own_features():
    silent = objective.pull(values(guided=1, energy=0.25), {})
    half = objective.pull(values(guided=1, energy=0.25), {"a": 0.5})
    assert (silent.guided, silent.energy) == (0.0, 1.25)
    assert (half.guided, half.energy) == (0.5, 0.75)


def test_what_is_too_faint_to_guide_is_claimed_all_the_same():
    """A sound that is known dreams of itself, in however many classes."""
    many = objective.pull(values(guided=1, energy=0.05), {"a": 0.3, **{f"other {number}": 0.7 / 49 for number in range(49)}})
    assert [name for name, _ in many.classes] == ["a"]
    assert (many.guided, many.energy) == (pytest.approx(1.0), pytest.approx(0.05))


def test_of_many_alike_some_guide():
    flat = objective.pull(values(guided=1, energy=0), {f"class {number}": 0.05 for number in range(20)})
    assert len(flat.classes) == objective.SOME and flat.guided == pytest.approx(1.0)
    assert objective.heard({"a": 0.01}) == {} == objective.heard({})


@pytest.mark.filterwarnings("error")
def test_what_is_not_heard_at_all_has_no_part_in_a_faint_mixture(dreamer):
    """Its share would have no logarithm."""
    faint = {"a": 0.015, "b": 0.015, "c": 0.0}
    assert set(objective.heard(faint)) == {"a", "b"}
    dreamer.learn("c", pictures()["b"])
    assert dream(dreamer, 2, faint).picture.isfinite().all()


def test_the_layer_is_continuous():
    assert objective.stage_weights(3, 1) == (0, 0, 1, 0)
    assert objective.stage_weights(2.4, 1) == pytest.approx((0, 0.6, 0.4, 0))
    assert objective.stage_weights(3, 3) == (1, 1, 1, 0)
    assert objective.stage_weights(2.4, 2) == pytest.approx((0.6, 1, 0.4, 0))
    assert objective.stage_weights(1, 4) == (1, 0, 0, 0)


def test_only_stages_in_use_are_run():
    deepest = lambda **changes: objective.terms(objective.pull(values(**changes), {"a": 1.0})).deepest
    assert deepest(layer=2) == 2 and deepest(layer=2.1) == 3 and deepest(**{"layer": 2, "class": 1}) == 4
    assert deepest(**dict.fromkeys(("guided", "energy", "channel", "class"), 0)) == 0


def test_every_stage_has_its_share_of_the_pull(eye):
    torch.manual_seed(4)
    picture = torch.rand(1, 3, 32, 40)

    def grad(layer, layers):
        wanted = objective.pull(values(**only("energy"), layer=layer, layers=layers), {})
        return gradient(eye, picture, wanted).flatten()

    both = grad(3, 2)
    for alone in (grad(2, 1), grad(3, 1)):
        assert torch.cosine_similarity(both, alone, 0) > 0.3


def test_a_picture_matches_itself():
    """Every position of a guide finds itself as its best match."""
    torch.manual_seed(6)
    positions = torch.rand(16, 20)
    guide = objective.prepare(positions)
    assert torch.allclose(objective.guided(positions.view(1, 16, 4, 5), guide)[0].flatten(1).T, guide.pull)


def test_in_whatever_blocks_places_are_matched_they_find_the_same(monkeypatch):
    torch.manual_seed(6)
    guide, there = objective.prepare(torch.rand(16, 20)), torch.rand(1, 16, 30, 40)
    whole_ = objective.guided(there, guide)
    monkeypatch.setattr(objective, "BLOCK", 70)
    assert torch.allclose(objective.guided(there, guide), whole_)


def test_at_full_likeness_what_is_like_the_guide_already_stays():
    torch.manual_seed(6)
    positions = torch.rand(16, 20)
    guide, there = objective.prepare(positions), positions.view(1, 16, 4, 5)
    assert float(objective.guided(there, guide, 1.0).abs().max()) < 1e-5
    half = objective.guided(there, guide, 0.5)[0].flatten(1).T
    assert torch.allclose(half, 0.5 * guide.pull, atol=1e-5)
    twice = (2 * positions - positions.mean(1, keepdim=True)).view(1, 16, 4, 5)  # twice as much of what is special
    assert float(objective.guided(twice, guide, 0.5).abs().max()) < 1e-5


def test_the_higher_the_likeness_the_nearer_a_picture_comes_to_what_is_in_its_guide(eye):
    guide = objective.Guides(eye, pictures()).at("a", 32, 3)[2]

    def distance(picture):
        """Of each place to the guide's nearest position, at the third stage."""
        places = eye.activations(picture, 3)[2][0].flatten(1).T
        return float(torch.cdist(places * guide.scale, guide.pull + guide.middle).min(1).values.mean())

    found = [climbed(eye, distance, count=30, **only("guided"), likeness=likeness) for likeness in (0.0, 0.5, 1.0)]
    before, after = found[0][0], [after for _, after in found]
    assert after == sorted(after, reverse=True) and after[-1] < before


def test_guides_of_a_mixture_share_the_positions_out():
    guides = objective.shared([objective.prepare(torch.rand(4, count)) for count in (1024, 600)])
    assert [len(guide.match) for guide in guides] == [512, 300]
    few = [objective.prepare(torch.rand(4, 20))] * 2
    assert [len(guide.match) for guide in objective.shared(few)] == [20, 20]


def test_in_a_recorded_mixture_no_guide_has_more_than_its_share_of_the_positions():
    counts = (1024, 100, 100, 100)
    kept = [-(-count // every) for count, every in zip(counts, objective.strides(counts), strict=True)]
    assert kept == [256, 50, 50, 50]


@pytest.mark.parametrize("likeness", (None, 0.5))
def test_positions_that_are_there_twice_change_no_match(likeness):
    torch.manual_seed(6)
    guide, there = objective.prepare(torch.rand(16, 20)), torch.rand(1, 16, 9, 7)
    even = objective.evened(guide, 64)
    assert [len(part) for part in even[:3]] == [64] * 3
    assert torch.equal(objective.guided(there, even, likeness), objective.guided(there, guide, likeness))


@pytest.mark.parametrize("names", ("a", "ab", "abc", "abcdefgh"))
def test_guides_of_recorded_steps_have_one_shape_whatever_their_pictures(eye, names):
    """And are the same tensors in every step."""
    shapes = ((40, 60), (60, 40), (40, 40), (33, 90), (50, 30), (64, 64), (40, 50), (70, 40))
    shown = {name: torch.rand(3, *shape) for name, shape in zip(names, shapes, strict=False)}
    guides = objective.Guides(eye, shown, even=True)
    (found,), (again,) = (guides.together(names, [48], (True,) * 4) for _ in range(2))
    assert all(len({guide.match.shape for guide in stage}) == 1 for stage in found)
    assert all(sum(len(guide.match) for guide in stage) <= objective.POSITIONS + len(names) for stage in found)
    assert all(one.match.data_ptr() == other.match.data_ptr() for stage, later in zip(found, again, strict=True)
               for one, other in zip(stage, later, strict=True))


def test_guide_positions_are_few():
    assert objective.few(torch.rand(1, 8, 64, 64), 1000).shape == (8, 1000)
    assert objective.few(torch.rand(1, 8, 4, 4), 1000).shape == (8, 16)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (40, 40)])
def test_a_guide_is_seen_as_large_as_the_picture_shows_it(eye, shape):
    """Whole in height, be it upright or not, in a window of any shape."""
    looks, look = [], eye.activations
    guides = objective.Guides(eye, {"a": torch.rand(3, *shape)})
    guides._eye = SimpleNamespace(smallest=eye.smallest, strides=eye.strides, beside=0,
                                  activations=lambda picture, deepest: looks.append(picture.shape[2:]) or look(picture, deepest))
    guides.at("a", 48, 2)
    assert looks[0] == (48, round(48 * shape[1] / shape[0]))


def test_guides_are_looked_at_once(eye):
    guides = objective.Guides(eye, pictures())
    assert guides.at("a", 32, 3) is guides.at("a", 33, 2)


@pytest.mark.parametrize("even", (False, True))
def test_guides_have_their_room_and_those_of_the_next_step_more_than_that_if_need_be(eye, monkeypatch, even):
    guides, looks, look = objective.Guides(eye, pictures(), even), [], objective.Guides._look
    monkeypatch.setattr(objective.Guides, "_look", lambda *asked: looks.append(asked[1:]) or look(*asked))
    guides.together("ab", [32, 48], (True,) * 4)
    one_step = sum(seen.nbytes for seen in guides._kept.values())
    for room, most in ((2.5 * one_step, 2.5 * one_step), (0, 2 * one_step)):
        monkeypatch.setattr(objective, "ROOM", room)
        for side in range(32, 208, 16):
            guides.together("a", [side], (True,) * 4)
        assert sum(seen.nbytes for seen in guides._kept.values()) <= most
        guides.together("ab", [32, 48], (True,) * 4)
        looks.clear()
        guides.together("ab", [32, 48], (True,) * 4)
        assert not looks


# --- one step

def test_a_roll_changes_nothing_but_the_place(eye):
    torch.manual_seed(4)
    wanted = objective.pull(values(**only("energy"), layer=1), {})
    picture = torch.rand(1, 3, 32, 40)
    still, rolled = gradient(eye, picture, wanted), gradient(eye, picture, wanted, shift=(8, -16))
    inner = (..., slice(4, 20), slice(20, 36))  # away from the borders of both
    assert torch.allclose(still[inner] / still.std(), rolled[inner] / still.std(), atol=0.2)


class AsCuda(TorchDispatchMode):
    """Multiplies as CUDA does: what has no dimension is brought to the type of the other one first."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "aten.mul" in str(function) and isinstance(args[1], torch.Tensor) and not args[1].dim() and args[0].dim():
            args = args[0], args[1].to(args[0].dtype)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [3e-6, 1.0, 1000.0])
def test_directions_have_the_size_that_is_asked_for_however_small_or_large_they_were(precision, size):
    """On a GPU in float16 too: the gradient of an answer is small, and that of none is nothing."""
    direction = (size * torch.randn(1, 8, 64, 64, generator=torch.Generator().manual_seed(0))).to(precision)
    with AsCuda():
        found = objective.unit(direction, 2.0)
        assert found.dtype == precision and abs(found.float().square().mean().sqrt() - 2.0) < 0.05
        assert not objective.unit(torch.zeros_like(direction), torch.tensor(2.0)).any()


def test_refined_gradients_have_a_natural_spectrum_and_natural_colours():
    torch.manual_seed(0)
    noise = torch.randn(1, 3, 64, 96)
    rough, smooth = step.refine(noise, step.COLOUR), step.refine(noise, step.COLOUR, 1.0)
    assert fine_share(smooth) < 0.1 < fine_share(rough)
    assert torch.corrcoef(rough[0].flatten(1)).min() > 0.5


def test_a_climb_brings_in_as_much_colour_as_is_asked():
    noise = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))

    def colourfulness(share):
        light, *colours = step.tones(step.refine(noise, step.colouring(share), 0.8))[1]
        return max(colours) / light

    assert colourfulness(0.0) < 1e-3 < colourfulness(0.3) < 0.5 * colourfulness(1.0) < 0.8 * colourfulness(2.0)
    assert torch.allclose(step.colouring(1.0), step.COLOUR)


@pytest.mark.parametrize("size", [(64, 96), (309, 549), (27, 48), (9, 8)])
def test_a_picture_is_halved_by_the_mean_of_four_pixels_whatever_its_size(size):
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    pooled = torch.nn.functional.avg_pool2d(picture, 2, ceil_mode=True, count_include_pad=False)
    assert torch.allclose(step.halved(picture), pooled, atol=1e-6)


@pytest.mark.parametrize("size", [(64, 96), (221, 393)])
def test_a_refined_gradient_pulls_at_the_sides_as_in_the_middle(size):
    noise = torch.randn(20, 3, *size, generator=torch.Generator().manual_seed(0))
    refined = torch.cat([step.refine(one[None], step.COLOUR, 0.7) for one in noise]).square().mean((0, 1)).sqrt()
    height, width = size
    middle = refined[3 * height // 8:5 * height // 8, 3 * width // 8:5 * width // 8].mean()
    sides = refined[height // 8:height // 4, width // 8:width // 4].mean()
    assert 0.8 < middle / sides < 1.25


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_a_picture_moves_as_far_as_is_asked_whatever_the_gradient(size):
    torch.manual_seed(0)
    grey, noise = torch.full((1, 3, 64, 96), 0.5), size * torch.randn(1, 3, 64, 96)
    there, stays = step.moved(grey, noise, 0.05)
    assert float((there - grey).abs().mean()) == pytest.approx(0.05, rel=1e-3) and not stays
    assert torch.corrcoef(torch.stack(((there - grey).flatten(), noise.flatten())))[0, 1] > 0.999


@pytest.mark.parametrize("fault", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_leaves_the_picture(fault):
    grad = torch.zeros(1, 3, 8, 8)
    grad[0, 1, 2, 3] = fault
    there, stays = step.moved(torch.full((1, 3, 8, 8), 0.4), grad, 0.05)
    assert stays and (there == 0.4).all()


def fine_share(picture):
    """Share of luminance energy above a quarter of Nyquist."""
    grey = picture[0].mean(0)
    power = torch.fft.fft2(grey - grey.mean()).abs().square()
    y, x = torch.fft.fftfreq(grey.shape[0])[:, None], torch.fft.fftfreq(grey.shape[1])[None]
    return float(power[(x.square() + y.square()).sqrt() > 0.125].sum() / power.sum())


def test_the_limiter_keeps_the_middle_and_bends_the_ends():
    picture = torch.linspace(-2, 3, 501).view(1, 1, 1, -1)
    bent = step.limit(picture)
    assert 0 <= float(bent.min()) and float(bent.max()) <= 1
    assert (bent.diff() >= 0).all()
    middle = (picture - 0.5).abs() < 0.39
    assert torch.allclose(bent[middle], picture[middle], atol=1e-6)


def test_a_step_that_is_not_finite_is_dropped():
    old = torch.rand(1, 3, 4, 4)
    bad = old.clone()
    bad[0, 0, 0, 0] = math.nan
    kept, lost = step.sound(bad, old)
    assert torch.equal(kept, old) and int(lost) == 1


def test_a_roll_takes_the_lands_of_guides_along(eye):
    """Each guides where it is to, from wherever the network looks."""
    torch.manual_seed(4)
    picture, west = torch.rand(1, 3, 32, 64), (torch.arange(64) < 32).float().expand(1, 1, 32, 64)
    wanted = objective.pull(values(**only("guided"), layer=1), {"a": 0.5, "b": 0.5})
    terms, guides = objective.terms(wanted), objective.Guides(eye, pictures()).together("ab", [32], (True,) * 4)[0]
    aims = step.Aims(objective.strengths(wanted), guides, None, torch.cat((west, 1 - west), 1))
    still, *rolled = (whole(step.gradient(eye, picture, terms, aims, shift)) for shift in ((0, 0), (0, 12), (0, -12)))
    for other in rolled:
        near = [torch.cosine_similarity(still[..., 4:28, columns].flatten(), other[..., 4:28, columns].flatten(), 0)
                for columns in (slice(16, 30), slice(34, 48))]
        assert min(near) > 0.99


def test_contrast_grows_threefold_at_once_and_no_more():
    """A picture of next to nothing would be all noise."""
    faint = 0.5 + 0.005 * torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    wanted = torch.tensor(((0.75, 0.0, 0.0), (0.4, 0.1, 0.1)))
    grown = step.tones(step.tone(faint, wanted, torch.ones(3)))[1] / step.tones(faint)[1]
    assert grown.max() < 3.05 and grown[0] > 2.9


# --- octaves and motion

@pytest.mark.parametrize("size", [16, 31, 64, 160, 333, 1024])
@pytest.mark.parametrize("scale", [1.2, 1.4, 2.0])
def test_octaves_are_legal_for_any_size(size, scale):
    count = octaves.most_octaves(size, scale, 64, 6)
    sizes = octaves.octave_sizes(size, 2 * size, count, scale)
    assert 1 <= count <= 6 and sizes[-1] == (size, 2 * size)
    assert all(min(pair) >= 63 for pair in sizes[:-1])
    assert count == 6 or size / scale**count < 64


def test_no_side_is_smaller_than_its_network_can_look_at():
    tall, wide = octaves.Shape(0.2, 75), octaves.Shape(16 / 9, 75)
    assert tall.size(300) == (300, 75) and wide.size(90) == (90, 160)
    assert tall.looked(300, 200) == (200, 75) and wide.looked(900, 300) == (300, 533) and wide.looked(90, 300) == (90, 160)
    assert tall.octaves(300, 300, 2.0, 6) == 1 and wide.octaves(300, 300, 2.0, 6) == 3


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (31, 54), (216, 384)])
def test_twice_as_large_is_what_pytorch_makes_of_it(size):
    for picture in (torch.rand(1, 3, *size), torch.rand(1, *size, 3).permute(0, 3, 1, 2), torch.rand(1, 3, *size[::-1]).transpose(2, 3)):
        wanted = F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
        assert torch.allclose(octaves.doubled(picture), wanted, atol=1e-6)


@pytest.mark.parametrize("size", [(20, 30), (21, 30), (20, 31), (21, 31)])
def test_what_was_halved_lies_over_what_it_was_halved_from(size):
    """Also at odd sizes: a slope comes back as it was, but at the borders."""
    picture, _ = places(*size)
    back = octaves.doubled(octaves.halved(picture))[..., :size[0], :size[1]]
    assert torch.allclose(back[..., 2:-2, 2:-2], picture[..., 2:-2, 2:-2], atol=1e-5)


def test_each_octave_is_made_of_the_picture_itself():
    """Made of each other they would get blurred."""
    picture, seen = torch.rand(1, 3, 64, 96), []

    def look(picture, octave):
        seen.append(picture)
        yield
        return picture

    whole(octaves.climb(picture, [(20, 30), (40, 60), (64, 96)], look))
    assert [tuple(each.shape[2:]) for each in seen] == [(20, 30), (40, 60), (64, 96)]
    assert all(torch.equal(each, octaves.resize(picture, each.shape[2:])) for each in seen)


def test_detail_is_carried_up():
    picture = torch.rand(1, 3, 32, 32)
    sizes = octaves.octave_sizes(32, 32, 3, 1.4)
    assert torch.allclose(whole(octaves.climb(picture, sizes, adding(0.0))), picture, atol=1e-5)
    assert torch.allclose(whole(octaves.climb(picture, sizes, adding(0.1))), picture + 0.1, atol=1e-4)
    finer = torch.rand(1, 3, 64, 64)  # than what the network looks at
    assert torch.allclose(whole(octaves.climb(finer, sizes, adding(0.1))), finer + 0.1, atol=1e-4)


@pytest.mark.parametrize("size", [(20, 30), (40, 37), (90, 120)])
def test_another_size_is_the_same_whichever_way_it_is_made(size):
    picture = torch.rand(1, 3, 60, 80)
    assert torch.allclose(octaves.resize(picture, size), octaves.resize(picture.double(), size).float(), atol=1e-4)


def adding(amount):
    """An ascent that adds so much at the coarsest octave, and stops once."""
    def ascend(picture, octave):
        yield
        return picture + amount if octave == 0 else picture

    return ascend


@pytest.mark.parametrize("rows, threads, strips", [(432, 1, 1), (432, 7, 6), (432, 11, 9), (431, 4, 1), (4, 16, 4)])
def test_a_picture_is_read_in_as_many_strips_as_there_are_threads_for(rows, threads, strips):
    assert flow._parts(rows, threads) == strips


def test_no_motion_changes_nothing():
    picture = torch.rand(1, 3, 24, 32)
    assert warp(picture, Motion(), 0.1) is picture
    assert torch.allclose(flow.along_all(picture, *flow.courses([Motion()], [Framing().matrix], 4 / 3)), picture, atol=1e-5)
    assert torch.allclose(flow.mirrored(picture, (24, 32)), picture, atol=1e-5)


BENT = Motion(0.1, -0.2, 0.5, 0.3, 0.2, -0.1, 0.4, 0.6, -0.5)
LINEAR = BENT._replace(tunnel=0.0, spiral=0.0)


def places(height, width):
    """A picture whose red is x and whose green is y, and its points."""
    points = flow.plane(height, width, torch.device("cpu"))
    return torch.cat((points.permute(0, 3, 1, 2), torch.zeros(1, 1, height, width)), 1), points


@pytest.mark.parametrize("field", (BENT, LINEAR), ids=("bent", "linear"))
def test_the_warp_follows_the_formula(field):
    dt = 0.1
    picture, points = places(48, 64)
    warped = warp(picture, field, dt)  # shows at p the values of p - v(p) dt
    for row, column in ((24, 32), (20, 40), (30, 25)):
        x, y = (float(value) for value in points[0, row, column])
        for _ in range(flow.STEPS):
            qx, qy = x - field.centre_x, y - field.centre_y
            radius = math.hypot(qx, qy)
            grow, turn = field.expand + field.tunnel * radius, field.turn + field.spiral * (1 - radius)
            x -= (qx * grow - qy * turn + field.pan_x + field.strips * qx) * dt / flow.STEPS
            y -= (qy * grow + qx * turn + field.pan_y) * dt / flow.STEPS
        seen = warped[0, :2, row, column]
        assert (float(seen[0]), float(seen[1])) == pytest.approx((x, y), abs=5e-3)


@pytest.mark.parametrize("field", (Motion(expand=1.0), Motion(turn=1.5), Motion(expand=0.5, tunnel=0.5)), ids=("zoom", "turn", "tunnel"))
def test_a_long_way_leads_where_many_short_ones_do(field):
    """A dream that takes a second must not crush its picture."""
    picture, _ = places(48, 64)
    once, often = warp(picture, field), picture
    for _ in range(12):
        often = warp(often, field, 1 / 12)
    inner = (..., slice(12, -12), slice(16, -16))
    assert once.std() > 0.2 * picture.std() and torch.allclose(once[inner], often[inner], atol=0.06)


def test_a_straight_way_and_a_followed_one_lead_to_the_same_place():
    picture, _ = places(64, 96)
    nearly = LINEAR._replace(tunnel=1e-9)
    assert flow.is_linear(LINEAR) and not flow.is_linear(nearly)
    frames = [Framing().matrix, Framing(0.8, 0.1, 0.1, -0.1, True).matrix]

    def inside(field):
        ways = [Motion(*(rate * seconds for rate in field)) for seconds in (0.4, -0.4)]
        return flow.along_all(picture, *flow.courses(ways, frames, 1.5))[..., 16:-16, 24:-24]

    straight, followed = inside(LINEAR), inside(nearly)
    assert torch.allclose(straight, followed, atol=1e-2)


def test_what_lies_outside_is_mirrored():
    picture, _ = places(32, 32)
    shifted = warp(picture, Motion(pan_x=1.0), 0.5)  # a quarter of the width from the left
    assert shifted[0, 0, 16, 0] == pytest.approx(float(picture[0, 0, 16, 7]), abs=0.02)
    assert shifted[0, 0, 16, 20] == pytest.approx(float(picture[0, 0, 16, 12]), abs=0.02)


def test_a_zoom_shows_the_middle_larger():
    picture = torch.zeros(1, 3, 33, 33)
    picture[..., 12:21, 12:21] = 1
    grown = warp(picture, motion({**DEFAULTS, "zoom.speed": 1.0}, 0.0), 0.2)
    assert grown.mean() > 1.3 * picture.mean()


# --- the dreamer

def test_a_dream_is_carried_by_the_way_since_the_last_one(dreamer, monkeypatch):
    ways, course = [], flow.course
    monkeypatch.setattr(flow, "course", lambda way, aspect: ways.append(way) or course(way, aspect))
    last = None
    for number, expand in enumerate((0.0, 0.1, 0.4, 0.45)):
        scene = Scene(values(), {"a": 1.0}, number / 4, 1.25, place=Place(number / 4, Motion(expand=expand)))
        last = dreamer.step(last, scene)
    assert [way.expand for way in ways] == pytest.approx([0.1, 0.3, 0.05])


def test_time_that_stands_still_dreams_nothing(dreamer):
    """The clock goes on in a freeze, the motion does not."""
    last = dream(dreamer, 3, {"a": 1.0})
    last = last._replace(scene=replace(last.scene, place=Place(5.0, Motion(expand=1.0))))
    still, later = (dreamer.step(last, replace(last.scene, now=60.0, place=Place(time, Motion(expand=1.0))))
                    for time in (5.0, 5.1))
    moved = [float((one.picture - last.picture).abs().mean()) for one in (still, later)]
    assert moved[0] < 0.2 * moved[1]


def test_a_step_changes_nothing_of_the_past(dreamer):
    """So a dream that fails loses nothing, and the same inputs give the same."""
    last, wild = dream(dreamer, 3, {"a": 0.6, "b": 0.4}), values(wander=1.0, step=0.06)
    later = replace(last.scene, values=wild, now=9.0, weights={"b": 1.0})
    one, again = dreamer.step(last, later), dreamer.step(last, later)
    assert torch.equal(one.picture, again.picture) and one.memory.copies == again.memory.copies
    assert one.made == again.made and one.made != last.made


def test_a_dream_goes_on_from_the_picture_that_it_is_given(dreamer, eye):
    one, other = (torch.full((1, 3, 32, 40), level) for level in (0.3, 0.7))
    scene = Scene(values(**{"return": 0.0}), {"a": 1.0}, 0.0, 1.25)
    later = replace(scene, now=1 / 12)
    seen = [Dreamer(eye, pictures()).step(dreamer.begin(picture, scene), later).picture for picture in (one, other)]
    assert float((seen[1] - seen[0]).mean()) > 0.05


def test_the_view_of_the_class_pictures_goes_on_with_another_dreamer(dreamer, eye):
    """The one that gave it over and the one that takes it up dream the same."""
    last = dream(dreamer, 5, {"a": 0.6, "b": 0.4})
    later = replace(last.scene, now=0.5)
    assert torch.equal(dreamer.step(last, later).picture, Dreamer(eye, pictures()).step(last, later).picture)


def test_every_step_looks_from_another_place(dreamer, monkeypatch):
    """Else the grid of the network would rest on the same pixels."""
    seen = []
    monkeypatch.setattr(step, "roll", lambda picture, shift: seen.append(shift) or picture)
    dream(dreamer, 6, {"a": 1.0})
    assert len({shift for shift in seen[::2]}) > 3


def test_a_turn_to_other_classes_ends_when_the_picture_is_made_of_them(dreamer):
    last, later = dream(dreamer, 3, {"a": 1.0}), []
    for i in range(60):
        last = dreamer.step(last, replace(last.scene, weights={"b": 1.0}, now=last.scene.now + 1 / 12))
        later.append((last.turning, last.made["b"]))
    assert later[0][0] and not later[-1][0] and later[-1][1] > 0.98
    turned = [made for turning, made in later if turning]
    assert turned[-1] > 0.9  # begun, it goes on until the picture is nearly made of them


def test_a_dream_that_turns_and_does_not_climb_says_nothing_of_what_dreams_take(dreamer):
    """It takes a tenth of the others: between two that are far too slow it would hide that they are."""
    last = dream(dreamer, 3, {"a": 1.0})
    told = [dreamer.settled]
    for _ in range(60):
        last = dreamer.step(last, replace(last.scene, weights={"b": 1.0}, now=last.scene.now + 1 / 12))
        told.append(dreamer.settled)
    assert told[:2] == [True, False] and all(told[-20:])


def test_where_nothing_pulls_every_dream_is_a_measure(dreamer):
    still = {"dream.guided": 0.0, "dream.energy": 0.0}
    last = dream(dreamer, 3, {"a": 1.0}, **still)
    dreamer.step(last, replace(last.scene, weights={"b": 1.0}, now=last.scene.now + 1 / 12))
    assert dreamer.settled


def test_a_turn_in_which_nothing_known_is_heard_any_more_is_over(dreamer):
    """Else every dream would be pulled to grey for as long as that lasts."""
    last = dream(dreamer, 3, {"a": 1.0})
    begun = dreamer.step(last, replace(last.scene, weights={"b": 1.0}, now=last.scene.now + 1 / 12))
    over = dreamer.step(begun, replace(begun.scene, weights={"nobody": 1.0}, now=begun.scene.now + 1 / 12))
    assert begun.turning and not over.turning and over.made == begun.made
    back = dreamer.step(over, replace(over.scene, weights={"b": 1.0}, now=over.scene.now + 1 / 12))
    assert back.turning


def test_silence_keeps_what_the_picture_is_made_of(dreamer):
    last = dream(dreamer, 3, {"a": 1.0})
    assert dreamer.step(last, replace(last.scene, weights={}, now=9.0)).made == last.made


def test_a_long_pause_is_not_made_up_for(dreamer, monkeypatch):
    """Neither in how far the picture is dreamed and carried, nor in what is remembered."""
    last, amounts, ways, course = dream(dreamer, 3, {"a": 1.0}), [], [], flow.course
    monkeypatch.setattr(flow, "course", lambda way, aspect: ways.append(way) or course(way, aspect))
    monkeypatch.setattr(step, "tone", lambda picture, wanted, share, axes: amounts.append(float(share[0])) or picture)
    for pause in (0.25, 60.0):
        dreamer.step(last, replace(last.scene, now=last.scene.now + pause))
    assert amounts[0] == amounts[1] and ways[0] == pytest.approx(ways[1])
    copies = [dreamer.go_by(last, replace(last.scene, now=last.scene.now + pause)).memory.copies[0] for pause in (2.0, 60.0)]
    assert copies[0].life == pytest.approx(copies[1].life) and copies[0].travelled == pytest.approx(copies[1].travelled)


def test_a_class_that_is_taught_anew_is_dreamed_anew(eye):
    dreamer, other = Dreamer(eye, pictures()), pictures()["b"]
    last = dream(dreamer, 2, {"a": 1.0})
    dreamer.learn("a", other)
    fresh = Dreamer(eye, {**pictures(), "a": other})
    later = replace(last.scene, now=1.0)
    assert torch.equal(dreamer.step(last, later).picture, fresh.step(last, later).picture)


def test_brightness_stays_bounded(dreamer):
    last, lows, highs = None, [], []
    for i in range(300):
        last = dreamer.step(last, Scene(values(step=0.06), {"a": 1.0}, i / 12, 1.0))
        picture = last.picture
        lows.append(float(picture.mean()))
        highs.append(float(picture.std()))
    assert 0.2 < min(lows) and max(lows) < 0.8
    assert 0.08 < min(highs) and max(highs) < 0.4
    assert float(((picture < 1 / 255) | (picture > 254 / 255)).float().mean()) < 0.02
    assert int(dreamer.lost) == 0


def test_a_broken_picture_recovers(dreamer):
    last = dream(dreamer, 1, {"a": 1.0})
    last.picture[0, 1, 5, 5] = math.nan
    for i in range(1, 5):
        last = dreamer.step(last, Scene(values(), {"a": 1.0}, i / 12, 1.25))
    assert torch.isfinite(last.picture).all()
    assert int(dreamer.lost) > 0


def test_same_seed_same_picture_other_seed_another(eye):
    first, again, other = (dream(Dreamer(eye, pictures()), 4, {"a": 0.6, "b": 0.4}, seed=seed).picture for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert float((first - other).abs().mean()) > 0.02


def test_a_picture_depends_on_what_is_heard(eye):
    one, two = (dream(Dreamer(eye, pictures()), 4, weights).picture for weights in ({"a": 1.0}, {"b": 1.0}))
    assert float((one - two).abs().mean()) > 0.05


def test_silence_still_dreams(dreamer):
    last = dream(dreamer, 3, {})
    moved = dreamer.step(last, Scene(values(), {}, 0.3, 1.25))
    assert float((moved.picture - last.picture).abs().mean()) > 1e-3


def test_the_network_looks_no_closer_than_its_sight_and_the_picture_keeps_its_size(eye):
    looked = []

    class Spy(Plain):
        def play(self, work, form, numbers, parts):
            looked.append(form.ascent[0].sizes[-1])
            return super().play(work, form, numbers, parts)

    dreamer = Dreamer(eye, pictures(), play=Spy())
    first = dreamer.step(None, Scene(values(size=64), {"a": 1.0}, 0.0, 1.25, sight=32))
    then = dreamer.step(first, replace(first.scene, now=1 / 12))
    assert looked == [(32, 40)] and then.picture.shape == first.picture.shape == (1, 3, 64, 80)
    assert not torch.equal(first.picture, then.picture)


def test_detail_finer_than_its_sight_stays(eye):
    fine = torch.arange(64).remainder(2).float().expand(3, 64, 64)  # stripes that only the full size can show
    changes = {"size": 64, "return": 0.5, "wander": 0.0, "zoom.speed": 0.0}
    last = None
    for i in range(6):
        last = Dreamer(eye, {"a": fine}).step(last, Scene(values(**changes), {"a": 1.0}, i / 12, 1.0, sight=32))
    assert last.picture.diff(dim=3).abs().mean() > 0.3


def test_a_new_size_keeps_the_picture(dreamer):
    last = dream(dreamer, 6, {"a": 1.0})
    larger = dreamer.step(last, replace(last.scene, values=values(size=48), now=last.scene.now + 1e-4))
    assert larger.picture.shape == (1, 3, 48, 60)
    assert float((octaves.resize(larger.picture, last.picture.shape[2:]) - last.picture).abs().mean()) < 0.05
    wide = dreamer.step(larger, Scene(values(), {"a": 1.0}, 0.5, 2.0))
    assert wide.picture.shape == (1, 3, 32, 64)


def sounding(share, weights, count=1, seed=0, spectrogram=True, **changes):
    """The last picture of `count` steps on the picture of a sound: bright below, dark above."""
    sound = np.zeros((16, 32, 4), np.uint8)
    sound[8:] = (255, 160, 80, 255)
    dreamer, last = Dreamer(small_eye(), pictures()), None
    for i in range(count):
        scene = Scene(values(spectrogram=share, seed=seed, **changes), weights, i / 12, 1.25, sound if spectrogram else None)
        last = dreamer.step(last, scene)
    return last.picture


def below_above(picture):
    half = picture.shape[2] // 2
    return float(picture[:, :, half:].mean() - picture[:, :, :half].mean())


def test_a_spectrogram_that_is_turned_off_changes_nothing():
    assert torch.equal(sounding(0.0, {"a": 0.7}, 3), sounding(0.0, {"a": 0.7}, 3, spectrogram=False))
    assert torch.equal(sounding(0.8, {"a": 0.7}, 3, spectrogram=False), sounding(0.0, {"a": 0.7}, 3))


def test_the_dream_starts_from_the_spectrogram_by_its_share():
    contrast = [below_above(sounding(share, {"a": 1.0})) for share in (0.0, 0.3, 0.7, 1.0)]
    assert contrast == sorted(contrast) and contrast[-1] > contrast[0] + 0.2


@pytest.mark.parametrize("weights", [{}, {"b": 1.0}])
def test_the_spectrogram_is_dreamt_on_in_a_look_that_never_returns(weights):
    before, after = (sounding(share, weights, 20, **{"return": 0.0}) for share in (0.0, 1.0))
    assert below_above(after) > below_above(before) + 0.1


@pytest.mark.parametrize("weights", [{}, {"b": 1.0}])
def test_the_dream_returns_to_the_spectrogram_whatever_is_known(weights):
    before, after = (sounding(share, weights, 20, **{"return": 0.4}) for share in (0.0, 1.0))
    assert below_above(after) > below_above(before) + 0.2


def test_nothing_is_dreamt_where_the_spectrogram_is_silent():
    rough = lambda picture: float(picture.diff(dim=3).abs().mean())
    dream = sounding(1.0, {"b": 1.0}, 12, step=0.3, **{"return": 0.0, "zoom.speed": 0.0})
    above, below = dream.split(dream.shape[2] // 2, 2)
    assert rough(below) > 8 * rough(above[:, :, :-4])  # but for the seam
    assert rough(above) < 0.5 * rough(sounding(0.0, {"b": 1.0}, 12, step=0.3, **{"return": 0.0, "zoom.speed": 0.0}))


def test_a_sound_of_few_and_dim_lines_stays_a_dark_picture():
    dim = step.tones(0.1 * torch.rand(3, 32, 32))
    assert change.natural(dim, least=0.0)[1][0] == dim[1][0] < 0.1 < change.natural(dim)[1][0]


def test_every_weight_at_zero_only_moves(dreamer):
    nothing = dict.fromkeys(("guided", "energy", "channel", "class", "return"), 0.0)
    still = {"zoom.speed": 0, "zoom.mode": MODES.index("centre")}
    before, after = (dream(dreamer, steps, {"a": 1.0}, **nothing, **still).picture for steps in (40, 60))
    assert torch.allclose(before, after, atol=0.02)  # its brightness and colour have settled, and all is at rest


def test_a_class_without_a_picture_is_left_out(dreamer):
    assert torch.equal(dream(dreamer, 2, {"nobody": 1.0}).picture, dream(dreamer, 2, {}).picture)


def planned(dreamer, last, seconds, weights=None, sound=None, **changes):
    """(dream, Numbers, Parts) of the step that would carry a dream on for so long."""
    scene = replace(last.scene, now=last.scene.now + seconds, weights=last.scene.weights if weights is None else weights,
                    spectrogram=sound, values={**last.scene.values, **{f"dream.{name}": float(value) for name, value in changes.items()}})
    turned, strange = dreamer._turned(dreamer.go_by(last, scene), seconds)
    return turned, *dreamer._plan(turned, Motion(), seconds, strange)[1:]


def test_a_second_climbs_and_returns_as_far_in_however_many_dreams(dreamer):
    last = dream(dreamer, 2, {"a": 1.0}, **{"return": 0.2})
    amounts, stays = [], []
    for rate in (6, 12, 24):
        _, numbers, _ = planned(dreamer, last, 1 / rate)
        amounts.append(rate * numbers.climb[0].amount)
        stays.append((1 - numbers.leak[0]) ** rate)
    assert amounts == pytest.approx([amounts[0]] * 3) and stays == pytest.approx([0.8**12] * 3)


def test_the_dream_is_quieter_the_further_it_has_to_turn(dreamer):
    """It would grow the ghost of the old picture again."""
    last = dream(dreamer, 2, {"a": 1.0})
    amounts = [planned(dreamer, last._replace(made={"a": 1 - far, "b": far}, turning=True), 1 / 12)[1].climb[0].amount
               for far in (0.0, 0.08, 0.12)]
    assert amounts[0] > 1.5 * amounts[1] > 2.25 * amounts[2] > 0


def test_a_dream_that_no_class_guides_turns_to_none(dreamer):
    last = dream(dreamer, 2, {"a": 1.0})
    assert not planned(dreamer, last, 1 / 12, {"b": 1.0}, guided=0)[0].turning
    assert planned(dreamer, last, 1 / 12, {"b": 1.0}, guided=0.1)[0].turning


def test_where_a_picture_turns_first_depends_on_its_own_seed_whatever_was_dreamed_before(dreamer, eye):
    def turned(dreamer, seed):
        last = dream(dreamer, 3, {"a": 1.0}, seed=seed)
        return dreamer.step(last, replace(last.scene, weights={"b": 1.0}, now=last.scene.now + 1 / 12)).picture

    turned(dreamer, 2)
    assert torch.equal(turned(dreamer, 1), turned(Dreamer(eye, pictures()), 1))


SOUND = np.zeros((8, 8, 4), np.uint8) + np.array((255, 0, 51, 255), np.uint8)


def test_a_sound_is_returned_to_in_a_look_that_returns_to_no_class(dreamer):
    last = dream(dreamer, 2, {"a": 1.0}, **{"return": 0.0})
    assert not planned(dreamer, last, 1 / 12)[1].leak
    assert planned(dreamer, last, 1 / 12, sound=SOUND, spectrogram=0.5)[1].leak[0] > 0


def test_a_sound_takes_of_what_is_seen_what_is_left_by_the_classes_and_shows_in_its_own_colours(dreamer):
    last = dream(dreamer, 2, {"a": 1.0})
    shares = [planned(dreamer, last, 1 / 12, {"a": heard}, SOUND, spectrogram=0.5)[1].sound[0] for heard in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([1.0, 2 / 3, 0.5])
    picture, = planned(dreamer, last, 1 / 12, sound=SOUND, spectrogram=0.5)[2].sound
    assert picture.mean((0, 2, 3)).tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_what_is_half_known_has_half_the_tones_of_its_class_and_half_those_of_nature(dreamer):
    last = dream(dreamer, 2, {"a": 1.0})
    none, half, all_ = (np.array(planned(dreamer, last, 1 / 12, weights)[1].tones) for weights in ({}, {"a": 0.5}, {"a": 1.0}))
    assert half == pytest.approx((none + all_) / 2) and np.abs(none - all_).max() > 0.05


def test_a_dream_is_looked_at_from_all_sides(dreamer):
    last = dream(dreamer, 2, {"a": 1.0}, jitter=3)
    shifts = [shift for number in range(40) for shift in planned(dreamer, last._replace(number=number), 1 / 12)[1].climb[0].shifts]
    for way in zip(*shifts, strict=True):
        assert set(way) == set(range(-3, 4))


def test_a_picture_comes_to_the_tones_of_a_sound_by_its_share(eye):
    picture = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    bright, grey = (0.9 + 0.1 * picture,), ((0.5, 0.0, 0.0), (0.36, 0.02, 0.02))

    def brightness(share):
        numbers = SimpleNamespace(seconds=9.0, tones=grey, sound=change.loudness(share))
        return float(change.Change(eye, "cpu")._settled(picture, numbers, SimpleNamespace(sound=bright)).mean())

    levels = [brightness(share) for share in (0.0, 0.5, 1.0)]
    assert levels[0] + 0.1 < levels[1] < levels[2] - 0.1


def test_what_is_loud_in_one_colour_shows_from_half_the_share_on():
    grey, red = torch.full((1, 3, 4, 4), 0.5), torch.tensor((1.0, 0.0, 0.0)).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert torch.allclose(change.sounding(grey, red, change.loudness(0.5)), red)
    assert torch.allclose(change.sounding(grey, 0 * red, change.loudness(0.5)), 0.75 * grey)  # silence stays clear


def test_the_colours_of_a_class_picture_are_kept_to_a_share_of_its_contrast():
    for contrast, kept in ((0.1, 0.36), (0.4, 0.4), (0.9, 0.42)):
        spread = change.natural(torch.tensor(((0.7, 0.1, 0.0), (contrast, 0.8, 0.05))))[1]
        assert spread.tolist() == pytest.approx([kept, change.COLOURFUL * kept, 0.05])


# --- the governor

WANTED = {**DEFAULTS, "dream.octaves": 3.0, "dream.iterations": 2.0, "dream.size": 256.0, "dream.rate": 10.0}


def test_a_plan_of_fewer_steps_goes_further_by_each():
    full = Plan(3, 2, 256, 256)
    assert [Plan(*each, 256, 256).further(full) for each in ((3, 2), (2, 2), (1, 1))] == pytest.approx([1, 1.5**0.5, FURTHEST])


def test_steps_go_further_where_octaves_were_given_up_and_not_where_there_is_no_room_for_them():
    governor, asked = Governor(), DEFAULTS["dream.step"]
    assert governor.plan(WANTED) == Plan(3, 2, 256, 256) and governor.step(WANTED) == asked
    assert spend(governor, 0.3, 30).octaves == 1 and asked < governor.step(WANTED) <= FURTHEST * asked
    assert governor.step({**WANTED, "dream.step": 0.25}) == BY_NAME["dream.step"].hi
    small = Governor()
    assert small.plan(WANTED, octaves.Shape(16 / 9, 200)).octaves < 3 and small.step(WANTED) == asked


def test_a_show_dreams_by_the_plan(dreamer):
    loop = DreamLoop(dreamer, Latest())
    loop._governor = SimpleNamespace(plan=lambda *_: Plan(1, 2, 160, 192), step=lambda values: 0.5)
    scene = loop._affordable(Scene(WANTED, {"a": 1.0}, 0.0, 1.25))
    changed = {name: value for name, value in scene.values.items() if value != WANTED[name]}
    assert changed == {"dream.octaves": 1, "dream.size": 192, "dream.step": 0.5} and scene.sight == 160


def spend(governor, seconds, count):
    for _ in range(count):
        governor.plan(WANTED)
        governor.spent(seconds)
    return governor.plan(WANTED)


def test_what_is_given_up_first():
    assert ladder(Plan(3, 2, 256, 256)) == [
        Plan(3, 2, 256, 256), Plan(3, 2, 223, 256), Plan(3, 2, 194, 256), Plan(2, 2, 194, 256), Plan(1, 2, 194, 256),
        Plan(1, 1, 194, 256), Plan(1, 1, 169, 256), Plan(1, 1, 160, 256), Plan(1, 1, 160, 240), Plan(1, 1, 160, 160)]
    assert ladder(Plan(2, 1, 160, 160)) == [Plan(2, 1, 160, 160), Plan(1, 1, 160, 160)]


@pytest.mark.parametrize("aspect", [0.25, 1.0, 16 / 9])
@pytest.mark.parametrize("scale", [1.2, 1.4, 2.0])
def test_plans_name_the_octaves_that_are_dreamed(eye, aspect, scale):
    """At the sight, where there is room for fewer than at the size; and each step down saves something."""
    shape = octaves.Shape(aspect, 64)
    plans = ladder(Plan(6, 2, 432, 432), lambda plan: shape.octaves(plan.size, plan.sight, scale, plan.octaves))
    assert [plan.work(scale) for plan in plans] == sorted({plan.work(scale) for plan in plans}, reverse=True)
    dreamer = Dreamer(eye, pictures())
    dreamer.eye = type("Eye", (), {"smallest": 64})
    for plan in plans:
        planned = values(octaves=plan.octaves, size=plan.size, octave_scale=scale)
        assert len(dreamer._octaves(Scene(planned, {}, 0.0, aspect, sight=plan.sight))) == plan.octaves


def test_fast_enough_stays_as_wanted():
    governor = Governor()
    assert spend(governor, 0.05, 50) == Plan(3, 2, 256, 256)
    assert governor.note(WANTED) == ""


def test_too_slow_gives_up_and_says_so():
    governor = Governor()
    assert spend(governor, 0.13, PATIENCE + 1).sight < 256
    assert governor.note(WANTED) == "network looks at 223 of 256 px (slow)"
    assert spend(governor, 0.15, 4 * PATIENCE).octaves == 1
    assert governor.note(WANTED).startswith("network looks at 194 of 256 px, octaves 1 of 3")


def test_the_picture_stays_finer_than_what_the_network_looks_at():
    plans = ladder(Plan(1, 1, 432, 432))
    *before, last = plans[:-2]
    assert all(plan.size == min(432, 2 * plan.sight) for plan in before)
    assert last == Plan(1, 1, 160, 320) and [plan.size for plan in plans[-2:]] == [240, 160]


def lived(governor, took, count, wanted=WANTED):
    """The plans of `count` dreams, `took(plan, number)` s each."""
    plans = []
    for number in range(count):
        plans.append(governor.plan(wanted))
        governor.spent(took(plans[-1], number))
    return plans


def test_far_too_slow_is_not_waited_for():
    first, *later = lived(Governor(), lambda plan, number: 14.0 if plan.sight > 200 else 0.09, 40)
    assert first == Plan(3, 2, 256, 256) and set(later) == {Plan(1, 1, 160, 160)}
    assert lived(Governor(), lambda plan, number: 2.0, 3)[2] == Plan(1, 1, 160, 160)


def test_far_too_slow_all_of_a_sudden_is_not_waited_for():
    governor = Governor()
    lived(governor, lambda plan, number: 0.06, 30)
    assert lived(governor, lambda plan, number: 0.5, 3)[2].sight < 200


@pytest.mark.parametrize("first", [0.4, 2.9])
def test_a_first_dream_that_has_everything_to_prepare_gives_up_nothing(first):
    plans = lived(Governor(), lambda plan, number: 0.06 if number else first, 60)
    assert set(plans) == {Plan(3, 2, 256, 256)}


def test_what_an_even_slower_first_dream_gave_up_comes_back_at_once():
    speed = 0.06 / Plan(3, 2, 256, 256).work(1.4)
    plans = lived(Governor(), lambda plan, number: 0.005 + speed * plan.work(1.4) if number else 9.0, 8)
    assert plans[0] == plans[-1] == Plan(3, 2, 256, 256) != plans[1]


def test_where_the_account_is_wrong_it_does_not_swing_fast():
    """A machine on which only the whole wish takes far too long."""
    plans = lived(Governor(), lambda plan, number: 0.5 if plan.sight > 200 else 0.01, 400)
    assert sum(plan.sight > 200 for plan in plans) < 60


@pytest.mark.parametrize("speed", [3.0, 1.0, 0.1])
def test_another_network_begins_as_the_one_before_and_soon_has_a_plan_of_its_own(speed):
    """So much slower; a rich plan of it could else stand still for half a minute."""
    governor = Governor()
    lived(governor, lambda plan, number: 1e-6 * plan.work(1.4), 60)
    known = governor.plan(WANTED)
    governor.meet()
    plans = lived(governor, lambda plan, number: 1e-6 * speed * plan.work(1.4) if number else 2.0, 80)
    alone = lived(Governor(), lambda plan, number: 1e-6 * speed * plan.work(1.4), 80)[-1]
    assert plans[0] == plans[1] == known != Plan(3, 2, 256, 256)
    assert 0.7 < plans[-1].work(1.4) / alone.work(1.4) < 1.4
    assert speed == 1.0 or (plans[7].work(1.4) < known.work(1.4)) == (speed > 1)


@pytest.mark.parametrize("aspect", [1.0, 16 / 9])
@pytest.mark.parametrize("pace", [1e-8, 1e-6, 3e-6, 1e-3])
def test_the_first_plan_goes_by_what_a_small_gradient_took(pace, aspect):
    governor, shape = Governor(), octaves.Shape(aspect, 64)
    governor.meet(pace)
    first = governor.plan(WANTED, shape)
    assert pace * aspect * first.work(1.4) <= SLOW / WANTED["dream.rate"] or first == ladder(Plan(3, 2, 256, 256))[-1]
    assert (first == Plan(3, 2, 256, 256)) == (pace == 1e-8)
    assert governor.plan(WANTED, shape) == first


@pytest.mark.parametrize("truly", [0.3, 1.0, 3.0])
def test_a_small_gradient_that_misled_counts_for_nothing_soon(truly):
    governor = Governor()
    governor.meet(4e-7)
    plans = lived(governor, lambda plan, number: 4e-7 * 16 / 9 * truly * plan.work(1.4) if number else 2.0, 80)
    alone = lived(Governor(), lambda plan, number: 4e-7 * 16 / 9 * truly * plan.work(1.4), 80)[-1]
    assert 0.7 < plans[-1].work(1.4) / alone.work(1.4) < 1.4
    assert truly == 1.0 or (plans[7].work(1.4) < plans[0].work(1.4)) == (truly > 1)


def test_the_pace_is_the_quicker_of_two_gradients_for_each_pixel(eye, monkeypatch):
    times = iter((0.0, 5.0, 5.0, 7.0))
    monkeypatch.setattr("instrument.dream.pace.time.perf_counter", lambda: next(times))
    assert pace(eye) == 2.0 / SIDE**2


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("out of memory"), RuntimeError("CUDNN_STATUS_NOT_INITIALIZED")])
def test_a_small_gradient_that_fails_says_nothing_of_a_network(eye, monkeypatch, error):
    """Whatever is wrong, the first dream tells it, and the thread goes on."""
    monkeypatch.setattr(eye, "stage", lambda *_: (_ for _ in ()).throw(error))
    assert pace(eye) is None


def test_where_steps_are_recorded_a_small_gradient_would_mislead(eye):
    assert Dreamer(eye, pictures(), play=Graphs(lambda work: None)).pace() is None and Dreamer(eye, pictures()).pace() > 0


@pytest.mark.parametrize("seconds", (0.06, 0.095, 0.1, 0.105))
def test_one_stall_gives_up_nothing(seconds):
    governor = Governor()
    spend(governor, seconds, 5)
    assert spend(governor, 5.0, 1) == Plan(3, 2, 256, 256)
    assert spend(governor, seconds, 30) == Plan(3, 2, 256, 256)


@pytest.mark.parametrize("fixed", (0.0, 0.03, 0.06))
def test_all_comes_back_after_a_stall_though_a_part_of_a_dream_does_not_depend_on_its_size(fixed):
    governor, wish = Governor(), Plan(3, 2, 256, 256)
    for number in range(20 * TRUST):
        plan = governor.plan(WANTED)
        governor.spent(1.0 if number in (30, 31) else fixed + (0.08 - fixed) * plan.work(1.4) / wish.work(1.4))
        assert number != 32 or plan != wish
    assert governor.plan(WANTED) == wish


@pytest.mark.parametrize("fixed", (0.0, 0.25, 0.5))
@pytest.mark.parametrize("load", (60, 600))
@pytest.mark.parametrize("octave_count, iterations", ((1.0, 1.0), (2.0, 2.0), (3.0, 6.0)))
def test_all_comes_back_after_a_load(fixed, load, octave_count, iterations):
    """A part of a dream does not depend on its plan, and beside a load nobody can tell how much."""
    wanted = {**WANTED, "dream.octaves": octave_count, "dream.iterations": iterations, "dream.size": 432.0}
    whole = Plan(int(octave_count), int(iterations), 432, 432)
    took = lambda plan, number: (2.0 if 100 <= number < 100 + load else 1.0) * 0.1 * (
        fixed + (0.8 - fixed) * plan.work(1.4) / whole.work(1.4))
    plans = lived(Governor(), took, 3000, wanted)
    assert plans[99] == whole != plans[99 + load] and plans[-1] == whole


def test_room_gives_back_all_that_fits_once_it_is_trusted():
    governor = Governor()
    spend(governor, 0.5, PATIENCE + 1)
    low = governor.plan(WANTED)
    assert spend(governor, 0.01, TRUST - 2) == low
    assert spend(governor, 0.01, 12).sight > low.sight
    assert spend(governor, 0.01, 40 * TRUST) == Plan(3, 2, 256, 256)


class Memory:
    """A governor on a machine that is quick, with memory for `most` (see Plan.held)."""

    def __init__(self, most):
        self.governor, self.most, self.shortages = Governor(), most, 0

    def dream(self, wanted, count=1):
        """The plan of the last of `count` dreams."""
        for _ in range(count):
            plan, scale = self.governor.plan(wanted), wanted["dream.octave_scale"]
            short = plan.held(scale) > self.most
            self.shortages += short
            self.governor.out_of_memory() if short else self.governor.spent(0.001)
        return plan


LARGE = {**WANTED, "dream.size": 1024.0, "dream.octaves": 1.0}


def test_where_memory_is_short_less_is_dreamed_and_the_hud_says_why():
    memory = Memory(Plan(1, 1, 400, 800).held(1.4))
    plan = memory.dream(LARGE, 20)
    assert memory.shortages < 8 and 256 < plan.sight <= 400
    assert memory.governor.note(LARGE) == (f"network looks at {plan.sight} of 1024 px, "
                                           f"picture {plan.size} of 1024 px (memory)")


def test_what_finds_memory_is_dreamed_whatever_did_not_before():
    memory = Memory(Plan(1, 1, 400, 800).held(1.4))
    memory.dream(LARGE, 20)
    many = {**WANTED, "dream.octaves": 6.0}
    assert memory.dream(many) == Plan(6, 2, 256, 256) and memory.governor.note(many) == ""


def test_a_turned_knob_does_not_forget_what_found_no_memory():
    memory = Memory(Plan(1, 1, 400, 800).held(1.4))
    memory.dream(LARGE, 20)
    known = memory.shortages
    for turn in range(100):
        memory.dream({**LARGE, "dream.octave_scale": 1.4 + turn / 1000, "dream.size": 1024.0 - turn % 7})
    assert memory.shortages == known


def test_what_comes_back_after_a_load_stays_within_what_finds_memory():
    memory = Memory(Plan(1, 1, 400, 800).held(1.4))
    known = memory.dream(LARGE, 20)
    assert lived(memory.governor, lambda plan, number: 1.0, 20, LARGE)[-1].sight < known.sight
    assert memory.governor.note(LARGE).endswith("(slow)")
    shortages = memory.shortages
    assert memory.dream(LARGE, 4 * TRUST) == known and memory.shortages == shortages
    assert memory.governor.note(LARGE).endswith("(memory)")


def test_after_a_long_time_without_trouble_a_turned_knob_has_what_it_asks_for():
    governor = Governor()
    spend(governor, 0.01, 3 * WAIT)
    assert governor.plan({**WANTED, "dream.octaves": 2.0}) == Plan(2, 2, 256, 256)


def test_of_another_network_it_is_not_known_what_finds_memory():
    memory = Memory(Plan(1, 1, 400, 800).held(1.4))
    memory.dream(LARGE, 20)
    memory.governor.meet()
    memory.most = math.inf
    assert memory.dream(LARGE, WAIT // 2).sight == 1024


def test_after_a_shortage_it_is_waited_anew():
    room, plans = Room(), [Plan(1, 1, size, size) for size in (640, 400, 300, 160)]
    for number in (0, 1):
        room.short(plans[number].held(1.4))
        allowed = room.first(plans, 1.4)
        for _ in range(WAIT - 1):
            room.found(plans[allowed - 1].held(1.4))
        assert room.first(plans, 1.4) == allowed
    room.found(plans[allowed - 1].held(1.4))
    assert room.first(plans, 1.4) == allowed - 1


def test_where_memory_was_short_it_comes_back_step_by_step():
    memory = Memory(Plan(1, 1, 400, 800).held(1.4))
    memory.dream(LARGE, 20)
    memory.most = math.inf  # another program has ended
    seen = [memory.dream(LARGE).sight for _ in range(20 * WAIT)]
    assert seen == sorted(seen) and seen[0] == seen[WAIT // 2] and seen[-1] == 1024


def test_where_memory_stays_short_it_is_tried_more_and_more_rarely():
    memory = Memory(Plan(1, 1, 400, 800).held(1.4))
    memory.dream(LARGE, 20)
    tries = []
    for _ in range(3):
        before = memory.shortages
        memory.dream(LARGE, 20 * WAIT)
        tries.append(memory.shortages - before)
    assert 1 <= tries[-1] <= 2 and tries[0] <= 6


def test_the_lateness_of_one_network_does_not_count_against_another():
    governor = Governor()
    before = lived(governor, lambda plan, number: 0.12, PATIENCE)[-1]
    governor.meet()
    assert lived(governor, lambda plan, number: 0.12, 3) == [before] * 3


def test_a_quicker_network_has_more_with_its_third_dream():
    governor = Governor()
    lived(governor, lambda plan, number: 2e-6 * plan.work(1.4), 60)
    known = governor.plan(WANTED)
    governor.meet()
    plans = lived(governor, lambda plan, number: 2e-7 * plan.work(1.4), 4)
    assert plans[3].work(1.4) > known.work(1.4)


def test_what_plans_took_with_one_network_says_nothing_of_another():
    """Else a part of what each takes, whatever the plan, would be expected of one that has none."""
    governor = Governor()
    lived(governor, lambda plan, number: 0.06 + 5e-7 * plan.work(1.4), 300)
    assert governor._measured
    governor.meet()
    assert not governor._measured


def test_a_step_that_is_tried_is_over_when_the_size_is_turned():
    """What comes after that is no trial in vain."""
    governor, plans = Governor(), []
    while not governor._trial:
        plans.append(governor.plan(WANTED))
        governor.spent(0.12 if not governor._rung else 0.08)
    assert len(plans) < 2 * WAIT
    governor.plan({**WANTED, "dream.size": 300.0})
    assert not governor._trial


def test_it_does_not_swing():
    """A machine just too slow for the whole wish settles."""
    governor, seen = Governor(), []
    for _ in range(300):
        plan = governor.plan(WANTED)
        governor.spent(0.125 * plan.work(1.4) / Plan(3, 2, 256, 256).work(1.4))
        seen.append(plan)
    assert len(set(seen[20:])) == 1


def test_what_was_easy_for_another_plan_says_nothing_of_this_one():
    """A step more is tried after WAIT dreams of one plan with time left, whatever there was before."""
    governor, seen = Governor(), []
    for _ in range(WAIT - 20):
        governor.plan(WANTED)
        governor.spent(0.2 if not governor._rung else 0.08)
    low = governor._rung
    governor._move(low + 1)
    for _ in range(40):
        governor.plan(WANTED)
        governor.spent(0.084)
        seen.append(governor._rung)
    assert low and set(seen) == {low + 1}


def test_a_trial_in_vain_makes_the_next_one_wait_twice_as_long():
    governor, seen = Governor(), []
    for _ in range(16 * WAIT):
        governor.plan(WANTED)
        seen.append(governor._rung)
        governor.spent(0.12 if not governor._rung else 0.08)
    tries = [number for number, (before, after) in enumerate(pairwise(seen)) if after < before]
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert len(gaps) >= 2 and all(later > 1.5 * earlier for earlier, later in pairwise(gaps))


def test_other_wishes_take_what_was_learnt_along():
    governor = Governor()
    spend(governor, 2.0, 10)
    assert governor.plan({**WANTED, "dream.octaves": 6.0}).octaves == 1


# --- the thread

def test_frames_are_rgba():
    pixels = rgba(torch.tensor([0.0, 0.5, 2.0]).view(1, 3, 1, 1).expand(1, 3, 4, 6))
    assert pixels.shape == (4, 6, 4) and pixels.is_contiguous()
    assert pixels[1, 2].tolist() == [0, 128, 255, 255]


def test_the_loop_dreams_what_it_is_given(dreamer):
    frames = Inbox()
    with DreamLoop(dreamer, frames, threads=1) as loop:
        loop.scene.put(Scene(values(), {"a": 1.0}, 3.5, 1.25, place=Place(2.0)))
        assert frames.wait(60)
    frame = frames.take()
    assert frame.pixels.shape == (32, 40, 4) and frame.pixels.flags["C_CONTIGUOUS"]
    assert frame.place == Place(2.0)


def test_a_slow_network_begins_with_what_it_can_dream(dreamer, monkeypatch):
    monkeypatch.setattr(type(dreamer), "pace", lambda self: 1e-3)
    frames = Inbox()
    with DreamLoop(dreamer, frames, threads=1) as loop:
        loop.scene.put(Scene(values(size=320, octaves=3), {"a": 1.0}, 0.0, 1.25))
        assert frames.wait(60)
    assert frames.take().note.startswith("network looks at 160 of 320 px, octaves 1 of")


def test_while_a_recording_makes_the_next_dreams_quicker_nothing_is_given_up(dreamer, monkeypatch):
    clock = count(step=10.0)  # s that each look at the time takes
    wanted = values(rate=10, size=64)
    for settled, given_up in ((False, False), (True, True)):
        loop = DreamLoop(dreamer, Latest(), clock=lambda: next(clock))
        monkeypatch.setattr(type(dreamer), "settled", settled)
        for number in range(2 * PATIENCE):
            loop.turn(Scene(wanted, {"a": 1.0}, number / 10, 1.25))
        assert bool(loop.note(wanted)) == given_up


def test_a_failing_dream_keeps_the_last_frame_and_is_counted(dreamer):
    frames = Latest()
    loop = DreamLoop(dreamer, frames)
    loop.turn(Scene(values(), {"a": 1.0}, 0.0, 1.0))
    assert frames.take() is not None
    loop.turn(Scene({**values(), "zoom.mode": 99.0}, {"a": 1.0}, 0.1, 1.0))
    assert frames.take() is None and loop.faults == 1
    loop.turn(Scene(values(), {"a": 1.0}, 0.2, 1.0))
    assert frames.take() is not None


def test_steps_that_are_left_out_are_said_while_that_lasts(dreamer):
    stage = Stage(dreamer)
    assert stage.play(1) == ""
    broken = dreamer.eye.stages[0].register_forward_hook(lambda module, x, out: out * float("inf"))
    try:
        assert "not finite" in stage.play(1)
    finally:
        broken.remove()
    assert "not finite" in stage.play(1) and stage.play(2 * SHOWN) == ""


class Stage:
    """What the performer sees of a loop, at hand-fed times."""

    def __init__(self, dreamer):
        self.now, self.frames, self.rates = 0.0, Latest(), Rates()
        self.rates._dreamt = 0.0
        self.loop = DreamLoop(dreamer, self.frames, clock=lambda: self.now)

    def play(self, seconds, rate=10, **changes):
        """Dream for some seconds, as often a second; the HUD's words afterwards."""
        for _ in range(round(seconds * rate)):
            self.now += 1 / rate
            self.loop.turn(Scene({**values(), **changes}, {"a": 1.0}, self.now, 1.25))
            self.rates.dreamt(self.frames.take(), self.loop.fault, self.now)
        return "; ".join(self.rates.notes())


def failing(monkeypatch, dreamer, error):
    """Let each dream fail."""
    def step(past, scene):
        raise error

    monkeypatch.setattr(dreamer, "step", step)


SHORT = [torch.cuda.OutOfMemoryError("too much"), RuntimeError("CUDA error: out of memory"),
         RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
         RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to")]


@pytest.mark.parametrize("error, words", [(ValueError("odd"), "dream failed: odd"), (SHORT[0], "out of GPU memory"),
                                          (SHORT[3], "out of memory")])
def test_the_performer_sees_that_dreams_fail_and_for_some_seconds_that_they_did(dreamer, monkeypatch, caplog, error, words):
    stage = Stage(dreamer)
    assert stage.play(2) == "" and stage.rates.dream_rate == pytest.approx(10)
    with monkeypatch.context() as broken:
        failing(broken, dreamer, error)
        assert words in stage.play(30)
    assert stage.rates.dream_rate < 0.1 and len(caplog.records) == 1 and words in caplog.text
    assert words in stage.play(SHOWN - 1)
    assert words not in stage.play(2)


def test_dreams_that_fail_again_later_are_logged_again(dreamer, monkeypatch, caplog):
    stage = Stage(dreamer)
    for _ in range(2):
        with monkeypatch.context() as broken:
            failing(broken, dreamer, ValueError("odd"))
            stage.play(1)
        stage.play(SHOWN + 1)
    assert len(caplog.records) == 2


def test_the_dream_after_one_that_failed_makes_up_for_its_way(dreamer, monkeypatch):
    ways, course = [], flow.course
    monkeypatch.setattr(flow, "course", lambda way, aspect: ways.append(way) or course(way, aspect))
    frames = Latest()
    loop = DreamLoop(dreamer, frames)
    for number, mode in enumerate((0.0, 99.0, 0.0)):
        place = Place(number / 4, Motion(expand=number / 10))
        loop.turn(Scene({**values(), "zoom.mode": mode}, {"a": 1.0}, number / 4, 1.0, place=place))
    assert loop.faults == 1 and ways[-1].expand == pytest.approx(0.2) and frames.take().place == place


def test_a_frame_that_cannot_be_made_is_a_dream_that_failed(dreamer, monkeypatch):
    """As where memory runs out after the dream, or a GPU tells late of what went wrong."""
    frames = Latest()
    loop = DreamLoop(dreamer, frames)
    loop.turn(Scene(values(), {"a": 1.0}, 0.0, 1.0))
    good, rgba = frames.take(), loop_module.rgba
    monkeypatch.setattr(loop_module, "rgba", lambda picture: 1 / 0)
    loop.turn(Scene(values(), {"a": 1.0}, 0.1, 1.0))
    assert frames.take() is None and loop.faults == 1
    monkeypatch.setattr(loop_module, "rgba", rgba)
    loop.turn(Scene(values(), {"a": 1.0}, 0.2, 1.0))
    assert good and frames.take() is not None


def test_what_is_kept_for_later_gives_way_before_an_octave_does(dreamer, monkeypatch):
    loop, wanted, kept, seen = DreamLoop(dreamer, Latest()), values(octaves=3, octave_scale=1.2), [True], []

    def step(past, scene):
        seen.append(int(scene.values["dream.octaves"]))
        raise torch.cuda.OutOfMemoryError("too much")

    monkeypatch.setattr(dreamer, "step", step)
    monkeypatch.setattr(dreamer, "forget", lambda: bool(kept))  # there is always something again, of what failed
    for number in range(3):
        loop.turn(Scene(wanted, {"a": 1.0}, number / 4, 1.25))
    assert seen[0] == seen[1] > seen[2]


def test_what_is_kept_for_later_can_be_forgotten_and_the_dream_goes_on(dreamer):
    last = dream(dreamer, 3, {"a": 0.6, "b": 0.4})
    later = replace(last.scene, now=0.5)
    wanted = dreamer.step(last, later).picture
    assert dreamer._guides._kept and dreamer.forget()
    assert not dreamer._guides._kept and not dreamer.forget()
    assert torch.equal(dreamer.step(last, later).picture, wanted)


def test_what_is_forgotten_goes_back_to_the_system_where_its_library_can_do_so(dreamer, monkeypatch):
    given = []
    for library in (SimpleNamespace(malloc_trim=given.append), SimpleNamespace()):
        monkeypatch.setattr("ctypes.CDLL", lambda name, library=library: library)
        dreamer.forget()
    monkeypatch.setattr("ctypes.CDLL", lambda name: open(""))
    dreamer.forget()
    assert given == [0]


@pytest.mark.parametrize("fault", SHORT, ids=("torch", "driver", "cuBLAS", "processor"))
def test_out_of_memory_gives_up_an_octave_and_goes_on(eye, monkeypatch, fault):
    """Whoever found none, and even where what is kept for later cannot be given back."""
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: (_ for _ in ()).throw(RuntimeError("captures_underway")))
    dreamer, frames = Dreamer(eye, pictures()), Latest()
    loop, wanted, octaves_seen = DreamLoop(dreamer, frames), values(octaves=3, octave_scale=1.2), []

    def step(past, scene):
        octaves_seen.append(int(scene.values["dream.octaves"]))
        if octaves_seen[-1] > 1:
            raise fault
        return Dreamer.step(dreamer, past, scene)

    monkeypatch.setattr(dreamer, "step", step)
    for number in range(4):
        loop.turn(Scene(wanted, {"a": 1.0}, number / 4, 1.25))
    assert octaves_seen == sorted(octaves_seen, reverse=True) and octaves_seen[-1] == 1
    assert frames.take() is not None and loop.faults == len([count for count in octaves_seen if count > 1]) > 0


@pytest.mark.parametrize("where", ("forget", "empty_cache"))
def test_where_memory_runs_out_and_none_can_be_freed_less_is_dreamed_and_the_show_goes_on(eye, monkeypatch, caplog, where):
    stage = Stage(dreamer := Dreamer(eye, pictures()))
    wanted = {"dream.octaves": 3.0, "dream.octave_scale": 1.2}
    assert stage.play(0.1, **wanted) == ""
    with monkeypatch.context() as broken:
        owner = dreamer if where == "forget" else loop_module
        broken.setattr(owner, where, lambda: (_ for _ in ()).throw(OSError("the driver is gone")))
        failing(broken, dreamer, MemoryError())
        said = stage.play(2, **wanted)
    assert "out of memory, and none could be freed: the driver is gone" in said and caplog.text.count("the driver is gone") == 1
    seen, step = [], dreamer.step
    monkeypatch.setattr(dreamer, "step", lambda past, scene: seen.append(scene) or step(past, scene))
    stage.play(2 * SHOWN, **wanted)
    assert seen[0].values["dream.octaves"] == 1.0 and stage.rates.dream_rate > 9 and stage.loop.fault == ""


@pytest.mark.parametrize("error, words", [(MemoryError(), "out of memory"), (ValueError("odd"), "dream failed: odd")])
def test_where_nobody_can_tell_how_quick_a_network_is_it_dreams_all_the_same(dreamer, monkeypatch, caplog, error, words):
    monkeypatch.setattr(dreamer, "pace", lambda: (_ for _ in ()).throw(error))
    frames = Inbox()
    with DreamLoop(dreamer, frames, threads=1) as loop:
        loop.scene.put(Scene(values(), {"a": 1.0}, 0.0, 1.25))
        assert frames.wait(60) and loop.fault == words
    other = copy.copy(dreamer)
    loop.change(other)
    loop.turn(Scene(values(), {"a": 1.0}, 0.1, 1.25))
    assert loop._dreamer is other and loop.faults == 0 and caplog.text.count(words) == 1


def first_pictures(dreamer, seeds, draw):
    """The first picture that the stage shows with each of `seeds`; before each but the first, R."""
    frames, shown = Latest(), []
    loop = DreamLoop(dreamer, frames, draw=draw)
    for seed in seeds:
        loop.turn(Scene(values(seed=seed), {"a": 1.0}, 0.0, 1.25))
        shown.append(frames.take().pixels)
        loop.reseed()
    return shown


def test_with_seed_0_each_dream_on_stage_is_another_and_can_be_had_again(dreamer):
    one, other, again = first_pictures(dreamer, (0, 0, 7), iter((7, 8)).__next__)
    assert (one == again).all() and not (one == other).all()


def test_with_any_other_seed_and_without_a_stage_each_dream_is_the_same(dreamer):
    for seed, draw in ((5, iter((7, 8)).__next__), (0, None)):
        one, again = first_pictures(dreamer, (seed, seed), draw)
        assert (one == again).all()


def test_a_seed_that_was_drawn_lasts_as_long_as_its_dream(dreamer):
    """Until R, and until the knob goes elsewhere and comes back."""
    drawn, numbers = [], count(7)
    loop = DreamLoop(dreamer, Latest(), draw=lambda: drawn.append(next(numbers)) or drawn[-1])
    for now, seed in enumerate((0, 0, 0, 3, 3, 0, 0)):
        loop.turn(Scene(values(seed=seed), {"a": 1.0}, now / 10, 1.25))
    assert drawn == [7, 8]


def test_what_was_taught_is_dreamed_by_the_next_dreamer_too(dreamer, eye):
    loop, taught = DreamLoop(dreamer, Latest()), pictures()["b"]
    other, another = Dreamer(eye, pictures()), Dreamer(eye, pictures())
    loop.learn("clap", taught)
    loop.change(other)
    loop.learn("snap", taught)  # while the other one waits
    loop.turn(Scene(values(), {"a": 1.0}, 0.0, 1.25))
    assert {"clap", "snap"} <= set(other.pictures)
    loop.change(another, other_classes=True)
    loop.turn(Scene(values(), {"a": 1.0}, 0.1, 1.25))
    assert set(another.pictures) == {"a", "b"}


def test_what_is_taught_in_the_midst_of_a_dream_is_in_the_next_one(eye):
    class Spy(Plain):
        def places(self, count):
            dreamer.learn("clap", pictures()["b"])
            return count

    dreamer = Dreamer(eye, pictures(), play=Spy())
    heard = {"a": 0.5, "b": 0.3, "clap": 0.2}
    first = dreamer.step(None, Scene(values(), heard, 0.0, 1.25))
    dreamer = Dreamer(eye, pictures(), play=Spy())
    then = dreamer.step(first, replace(first.scene, now=0.1))
    assert set(then.made) == {"a", "b"}
    assert set(dreamer.step(then, replace(first.scene, now=0.2)).made) == {"a", "b", "clap"}


def test_what_is_taught_while_another_dreamer_takes_over_is_not_lost(dreamer, eye, monkeypatch):
    loop, other, taught = DreamLoop(dreamer, Latest()), Dreamer(eye, pictures()), pictures()["b"]
    teacher = Thread(target=loop.learn, args=("snap", taught))

    def learn(name, picture):
        if not teacher.ident:
            teacher.start()
            teacher.join(0.2)
        Dreamer.learn(other, name, picture)

    monkeypatch.setattr(other, "learn", learn)
    loop.learn("clap", taught)
    loop.change(other)
    loop.turn(Scene(values(), {"a": 1.0}, 0.0, 1.25))
    teacher.join()
    loop.turn(Scene(values(), {"a": 1.0}, 0.1, 1.25))
    assert {"clap", "snap"} <= set(other.pictures)


def test_freeze_holds_the_picture(dreamer):
    frames = Latest()
    loop = DreamLoop(dreamer, frames)
    loop.turn(Scene(values(), {"a": 1.0}, 0.0, 1.0))
    frames.take()
    loop.turn(Scene({**values(), "show.freeze": 1.0}, {"a": 1.0}, 0.1, 1.0))
    assert frames.take() is None


def test_what_was_held_is_no_slow_dream(dreamer):
    now = [0.0]
    loop = DreamLoop(dreamer, frames := Latest(), clock=lambda: now[0])
    for turn in range(4):
        now[0] += 60.0 if turn == 2 else 0.1
        if turn == 2:
            loop.turn(Scene({**values(), "show.freeze": 1.0}, {"a": 1.0}, now[0], 1.0))
        loop.turn(Scene(values(), {"a": 1.0}, now[0], 1.0))
    assert frames.take().steps_per_s == pytest.approx(10, rel=0.01)


def test_a_fresh_dream_with_each_turn_of_the_seed_teaches_the_governor_nothing(dreamer, monkeypatch):
    loop, told = DreamLoop(dreamer, Latest()), []
    monkeypatch.setattr(loop._governor, "spent", told.append)
    for number in range(4):
        loop.turn(Scene({**values(), "dream.seed": float(number)}, {"a": 1.0}, number / 10, 1.0))
    assert told == []
    loop.turn(Scene({**values(), "dream.seed": 3.0}, {"a": 1.0}, 0.5, 1.0))
    assert len(told) == 1


def test_a_picture_that_cannot_be_taught_leaves_the_new_network_in_play(dreamer, monkeypatch):
    loop = DreamLoop(dreamer, Latest())
    for name in ("clap", "snap"):
        loop.learn(name, torch.rand(3, 32, 32))
    other, taught = copy.copy(dreamer), []
    monkeypatch.setattr(other, "learn", lambda name, _: taught.append(name) if name == "snap" else 1 / 0, raising=False)
    loop.change(other)
    for number in range(2):
        loop.turn(Scene(values(), {"a": 1.0}, number / 10, 1.0))
    assert loop._dreamer is other and loop.faults == 1 and loop._last is not None and taught == ["snap"]


def test_illegal_octaves_are_overridden_and_shown(dreamer):
    frames = Latest()
    loop = DreamLoop(dreamer, frames)
    wanted = values(octaves=6, octave_scale=2.0)
    loop.turn(Scene(wanted, {"a": 1.0}, 0.0, 1.0))
    assert "octaves 2 of 6 (too small for more)" in frames.take().note


# --- what an Apple GPU lacks


def as_on_mps(picture, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """`grid_sample` as PyTorch has it for Apple GPUs (aten/src/ATen/native/mps/operations/GridSampler.mm, 2.6 to 2.12 at least)."""
    if padding_mode == "border":
        raise RuntimeError("MPS: Unsupported Border padding mode")
    if mode == "bicubic":
        raise RuntimeError("MPS: Unsupported Bicubic interpolation")
    return torch.grid_sampler(picture, grid, ("bilinear", "nearest").index(mode), ("zeros", "border", "reflection").index(padding_mode),
                              bool(align_corners))


@pytest.mark.parametrize("mode, far", (("bilinear", 9.0), ("bicubic", 1.0)))
def test_an_apple_gpu_reads_a_picture_as_others_do(mode, far, monkeypatch):
    dice = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, 21, 34, generator=dice)
    places = far * (2 * torch.rand(1, 2, 40, 30, generator=dice) - 1)
    wanted = flow._read(picture, places, mode)
    monkeypatch.setattr(F, "grid_sample", as_on_mps)
    assert torch.allclose(flow.read_plainly(picture, places, mode), wanted, atol=1e-4)


@pytest.mark.parametrize("reach", (0.9, 1.5, 2.9, 11.0))
def test_what_is_read_outside_is_what_a_mirror_would_show(reach):
    picture = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    places = reach * (2 * torch.rand(1, 2, 40, 30, generator=torch.Generator().manual_seed(1)) - 1)
    wanted = F.grid_sample(picture, places.permute(0, 2, 3, 1), "bicubic", "reflection", align_corners=False)
    inner = (wanted - flow._read(picture, places, "bicubic")).abs()  # of four pixels at a border one does not see the mirror
    assert float(inner.mean()) < 0.01 and float(inner.median()) < 1e-5


@pytest.mark.parametrize("way", (Motion(turn=0.17), Motion(pan_x=0.15), Motion(expand=0.1, strips=-0.1), Motion(spiral=0.2)))
def test_a_picture_that_is_carried_for_long_grows_no_stripes(way):
    """Each step reads what the last one read: what a reading makes stronger grows without end."""
    picture = octaves.resize(torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0)), (100, 150))
    grain, carried = roughness(picture), picture
    kind, numbers = flow.course(added(Motion(), way, 1 / 60), 1.5)
    for _ in range(240):
        carried = flow.along(carried, kind, numbers)
    assert roughness(carried) < 1.1 * grain


@pytest.mark.parametrize("way, comes", (
    (Motion(), False), (Motion(expand=0.1), False), (Motion(expand=-0.01), True), (Motion(turn=0.1), True),
    (Motion(pan_x=0.05), True), (Motion(expand=0.1, pan_x=0.05), False), (Motion(tunnel=-0.1), True),
    (Motion(expand=0.3, spiral=0.1), False), (Motion(strips=-0.1), True)))
def test_what_lies_outside_comes_in_where_the_way_leads_there(way, comes):
    assert flow.reveals(way, 1.6) == comes
    black, white = torch.zeros(1, 3, 50, 80), torch.ones(1, 3, 50, 80)
    carried = flow.along(black, *flow.course(way, 1.6), white)
    assert (carried.max() > 0.02) == comes and carried[..., 20:30, 35:45].max() < 0.02


@pytest.mark.parametrize("way", (Motion(pan_x=0.1), Motion(pan_y=0.1), Motion(pan_x=-0.1), Motion(pan_y=-0.1)))
def test_as_much_comes_in_as_lies_outside_whichever_way_a_wide_picture_goes(way):
    """0.1 of half a height: 3 px of 60, all of each."""
    black, white = torch.zeros(1, 3, 60, 180), torch.ones(1, 3, 60, 180)
    assert flow.reveals(way, 3.0)
    came = flow.along(black, *flow.course(way, 3.0), white)[0, 0]
    assert float(came.sum()) == pytest.approx(3 * (60 if way.pan_x else 180), rel=0.02)


def test_a_bent_way_over_a_wide_picture_is_followed_to_its_sides():
    """As far as over one that is as high as wide, though they are many half heights from the middle."""
    picture, _ = places(20, 800)
    nearly = Motion(tunnel=1e-9)
    assert torch.allclose(warp(picture, nearly), picture, atol=0.1)


def test_what_comes_in_for_long_is_a_picture_and_no_smear():
    picture = octaves.resize(torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0)), (100, 150))
    carried, smeared, way = picture, picture, Motion(expand=-0.005, pan_x=0.01)
    for seconds in range(60):
        beyond = flow.along(picture, *flow.course(added(Motion(), way, seconds), 1.5))  # it is carried itself, and all at once
        carried, smeared = flow.along(carried, *flow.course(way, 1.5), beyond), flow.along(smeared, *flow.course(way, 1.5))
    rims = [float(each[..., :12].diff(dim=3).abs().mean()) for each in (picture, carried, smeared)]  # across the border
    assert rims[1] > 0.5 * rims[0] > rims[2]


def roughness(picture):
    return float(picture.diff(dim=3).abs().mean() + picture.diff(dim=2).abs().mean())


@pytest.mark.parametrize("aspect", (1.0, 16 / 9, 4.0))
@pytest.mark.parametrize("values", ({"zoom.mode": 4.0, "zoom.speed": -1.0}, {"zoom.mode": 6.0, "zoom.speed": 2.0, "zoom.rotate": 90.0}))
def test_however_long_a_way_is_it_ends_somewhere(values, aspect):
    """A tunnel runs away from the middle ever faster: followed without a bound it is nowhere after a second."""
    picture = torch.rand(1, 3, 60, round(60 * aspect), generator=torch.Generator().manual_seed(0))
    for seconds in (0.5, 1.0, 4.0, 20.0):
        way = added(Motion(), motion({**DEFAULTS, **values}, 0.0), seconds)
        carried = flow.along(picture, *flow.course(way, aspect))
        assert carried.isfinite().all() and carried.std() > 0.02


@pytest.mark.parametrize("way", ({"zoom.rotate": 20.0}, {"zoom.mode": 4.0}), ids=("straight", "tunnel"))
def test_a_dream_is_carried_on_an_apple_gpu_as_elsewhere(dreamer, monkeypatch, way):
    wanted = dream(dreamer, 4, {"a": 1.0}, **way, step=0.0).picture  # nothing climbs: rounding may change a match
    monkeypatch.setattr(F, "grid_sample", as_on_mps)
    monkeypatch.setattr(flow, "_read", flow.read_plainly)
    assert torch.allclose(dream(dreamer, 4, {"a": 1.0}, **way, step=0.0).picture, wanted, atol=1e-2)


def test_another_network_comes_while_the_picture_is_held(dreamer):
    loop = DreamLoop(dreamer, Latest())
    loop.turn(Scene(values(), {"a": 1.0}, 0.0, 1.0))
    held, other = loop._last, copy.copy(dreamer)
    loop.change(other)
    loop.turn(Scene({**values(), "show.freeze": 1.0}, {"a": 1.0}, 0.1, 1.0))
    assert loop._dreamer is other and loop._last is held


def test_a_ratio_of_octaves_that_the_sound_moves_lets_the_governor_count():
    """Each dream another wish: counted anew each time, lateness would never be seen."""
    swaying, governor, plans = Governor(), Governor(), []
    for turn in range(400):
        scale = 1.4 + 0.3 * math.sin(turn / 5)
        for each, values in ((governor, WANTED), (swaying, {**WANTED, "dream.octave_scale": scale})):
            plan = each.plan(values)
            each.spent(0.03 + 4e-7 * plan.work(1.4))
            plans.append(plan)
    changes = [sum(one != other for one, other in pairwise(plans[first::2])) for first in (0, 1)]
    assert changes[1] <= changes[0] + 12


def test_what_found_memory_and_then_does_not_is_given_up():
    room, plans = Room(), [Plan(1, 1, size, size) for size in (640, 400, 300, 160)]
    held = [plan.held(1.4) for plan in plans]
    room.short(held[0])
    for most in (held[1], held[0]):  # twice more is tried without a shortage
        for _ in range(WAIT):
            room.found(most)
    room.short(held[1])  # before the plan has moved up
    assert room.first(plans, 1.4) == 2


def test_where_the_account_says_no_one_step_more_is_tried_and_no_more():
    governor, seen = Governor(), []
    for _ in range(2 * WAIT):
        seen.append(ladder(Plan(3, 2, 256, 256)).index(governor.plan(WANTED)))
        governor.spent(0.2 if not seen[-1] else 0.08)
    ups = [before - after for before, after in pairwise(seen) if after < before]
    assert max(seen) > 1 and ups and ups[0] == 1


def test_a_stall_before_the_size_was_turned_does_not_count_against_the_new_plan():
    governor, turned = Governor(), {**WANTED, "dream.size": 258.0}
    for seconds in (0.06,) * 10 + (0.5,):
        governor.plan(WANTED)
        governor.spent(seconds)
    before = governor.plan(turned)
    governor.spent(0.5)  # the first of a size has something to prepare
    assert governor.plan(turned) == before and before.sight == 258


def test_a_picture_that_fits_is_not_copied():
    picture = torch.rand(1, 3, 8, 9)
    assert octaves.resize(picture, (8, 9)) is picture


def test_a_picture_turns_to_other_classes_as_fast_with_loops_as_without(eye, monkeypatch):
    def turned():
        dreamer, last = Dreamer(eye, pictures()), None
        first, second = list(pictures())[:2]
        for i in range(10):
            scene = Scene(values(**{"dream.step": 0.0}), {first if i < 6 else second: 1.0}, i / 12, 1.25)
            last = dreamer.step(last, scene)
        assert last.turning
        return last.picture

    found = turned()
    monkeypatch.setattr("instrument.dream.loops.fits", lambda *tensors, numbers=(): False)
    assert torch.allclose(found, turned(), atol=0.01)
