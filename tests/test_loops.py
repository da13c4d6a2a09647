"""The compiled loops give what PyTorch gives, in any size and by any number of threads."""

import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import torch
from torch.nn import functional as F

from instrument.dream import flow, loops, memory, octaves, step
from instrument.dream.change import mixed
from instrument.dream.memory import Memory
from instrument.model import compiled
from instrument.motion import Motion, added, motion
from instrument.params import DEFAULTS

SIZES = [(24, 40), (25, 41), (9, 8), (160, 284), (216, 384)]


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(compiled, "SHARE", 500)  # small pictures are shared out, too
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def plainly(monkeypatch):
    """Call something as where no loop fits."""
    def call(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(loops, "fits", lambda *tensors, numbers=(): False)
            return function(*arguments)
    return call


def picture(size, seed=0, channels=3):
    return torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wanted", [(50, 80), (48, 80), (10, 9), (24, 100), (7, 41), (300, 30)])
def test_another_size_is_pytorchs_smooth_one(size, wanted, threads):
    shown = picture(size, channels=4)
    smooth = F.interpolate(shown, wanted, mode="bilinear", align_corners=False, antialias=True)
    found = octaves.resize(shown, wanted)
    assert found.shape[2:] == wanted and torch.allclose(found, smooth, atol=2e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", [Motion(expand=0.3), Motion(expand=-0.4, pan_x=0.2), Motion(strips=0.5, pan_y=-3.0), Motion(expand=-2.0)])
def test_a_straight_way_leads_where_it_leads_without_loops(size, way, threads, plainly):
    kind, numbers = flow.course(way, size[1] / size[0])
    assert torch.allclose(flow.along(picture(size), kind, numbers), plainly(flow.along, picture(size), kind, numbers), atol=2e-3)


@pytest.mark.parametrize("way", [Motion(turn=0.3), Motion(tunnel=0.3, expand=0.1), Motion(spiral=0.4)])
def test_what_turns_or_bends_is_no_work_for_loops(way, threads, plainly):
    kind, numbers = flow.course(way, 40 / 24)
    assert torch.equal(flow.along(picture((24, 40)), kind, numbers), plainly(flow.along, picture((24, 40)), kind, numbers))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seconds", [0.0, 1.1, 1.9, 3.3])
def test_what_is_remembered_is_the_same_without_loops(size, seconds, threads, plainly):
    field = motion(DEFAULTS, 0.0)
    remembered = Memory(5, field, 1.0).advanced(added(Motion(), field, seconds), field, seconds, 1.0)
    shown = picture(size, channels=5)
    assert torch.allclose(remembered.read(shown), plainly(remembered.read, shown), atol=1e-3)


@pytest.mark.parametrize("middle", [-9.0, 0.3, 9.0])
def test_of_two_views_each_is_seen_where_the_clouds_are(middle, threads):
    shown, clouds = picture((24, 40)), torch.randn(1, 1, 24, 40)
    still, mirror = (1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0)
    wanted = shown.lerp(shown.flip(3), (clouds + middle).clamp(0, 1))
    assert torch.allclose(loops.remembered(shown, (still, mirror), clouds, middle), wanted, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("smoothing", [None, 0.0, 0.7, 1.0])
def test_a_gradient_is_refined_as_without_loops(size, smoothing, threads, plainly):
    grad, colour = 1e-3 * (picture(size) - 0.5), step.COLOUR
    assert torch.allclose(step.refine(grad, colour, smoothing), plainly(step.refine, grad, colour, smoothing), atol=1e-5)


def test_a_gradient_stays_as_it_was():
    grad = picture((24, 40))
    before = grad.clone()
    loops.spread(grad, 5, 0.5)
    assert torch.equal(grad, before)


def test_no_gradient_stays_none():
    assert not loops.spread(torch.zeros(1, 3, 24, 40), 5, 0.5).any()


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_moved_and_toned_as_without_loops(size, threads, plainly):
    shown, grad = picture(size), picture(size, 1) - 0.4
    (found, lost), (wanted, _) = step.moved(shown, grad, 0.3), plainly(step.moved, shown, grad, 0.3)
    assert torch.allclose(found, wanted, atol=1e-5) and not lost
    asked = torch.tensor(((0.5, 0.1, -0.2), (0.4, 0.1, 0.1))), torch.tensor((0.9, 0.5, 0.1))
    assert torch.allclose(step.tone(shown, *asked), plainly(step.tone, shown, *asked), atol=1e-4)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("size", SIZES)
def test_class_pictures_are_mixed_as_without_loops(count, size, threads, plainly):
    views, lands = [picture(size, seed) for seed in range(count)], torch.rand(count, 1, 5, 7).softmax(0)
    assert torch.allclose(mixed(views, lands, views[0]), plainly(mixed, views, lands, views[0]), atol=1e-5)


@pytest.mark.parametrize("fault", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_lost_sight_of(fault, threads):
    grad = picture((24, 40))
    grad[0, 1, 7, 39] = fault
    assert not math.isfinite(loops.size(grad))
    assert not torch.isfinite(loops.moments(grad)[0]).all()


def test_a_picture_may_lie_in_memory_in_any_order(threads):
    shown = picture((25, 41))
    other = shown.contiguous(memory_format=torch.channels_last)
    assert torch.equal(octaves.resize(shown, (40, 60)), octaves.resize(other, (40, 60)))
    assert torch.equal(loops.mixed(shown, step.COLOUR), loops.mixed(other, step.COLOUR))
    assert torch.equal(loops.moved(shown, other, 0.1, 0.8), loops.moved(shown, shown, 0.1, 0.8))


def test_threads_that_help_are_no_more_than_are_needed(monkeypatch):
    monkeypatch.setattr(compiled, "helpers", cache(lambda: ThreadPoolExecutor(os.cpu_count(), "helper")))
    monkeypatch.setattr(compiled, "SHARE", 100)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    for side in range(8, 80, 8):
        loops.mixed(picture((side, side)), torch.eye(3))
    assert 1 <= sum(thread.name.startswith("helper") for thread in threading.enumerate()) <= os.cpu_count()
    compiled.helpers().shutdown()
    assert torch.allclose(loops.mixed(picture((24, 40)), torch.eye(3)), picture((24, 40)))  # as Python ends


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_child_by_fork_has_helpers_of_its_own():
    compiled.helpers().submit(int).result()
    child = os.fork()
    if not child:
        os._exit(0 if compiled.helpers().submit(lambda: 7).result() == 7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


BEGIN = """
import torch
from instrument.dream import loops
from instrument.model import compiled
compiled.ready()
print(sum(bool(loop.stats.cache_hits) for loop in compiled.LOOPS))
shown, clouds = (torch.rand(1, count, 97, 171, generator=torch.Generator().manual_seed(0)) for count in (3, 1))
matrix, line = torch.tensor(((0.9, 0.1, 0.2), (0.1, 0.7, 0.2), (0.0, 0.3, 0.6))), (0.8, 0.1, 0.2, -0.1, 0.9, 0.3)
for found in (loops.resized(shown, (40, 200)), loops.remembered(shown, (line, line[::-1]), clouds, -0.2), loops.spread(shown - 0.5, 5, 0.5),
              loops.moved(shown, shown - 0.5, 0.1, 0.8), loops.mixed(shown, matrix, matrix[0], 0.8), loops.moments(shown)[1]):
    print(found.double().sum().item(), found.double().square().sum().item())
"""


def test_loops_that_were_kept_damaged_are_compiled_again(tmp_path):
    begin = [sys.executable, "-c", BEGIN]

    def begun():
        done = subprocess.run(begin, env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}, capture_output=True, text=True, check=True)
        hits, *found = done.stdout.split()
        return int(hits), found, done.stderr

    first, again = begun(), begun()
    assert first[0] == 0 < again[0] and first[1:] == again[1:] and not first[2]  # found kept they give the same, to the last bit
    kept = sorted(tmp_path.rglob("loops.*.nbi"))
    for number, file in enumerate(kept):
        file.write_bytes(b"" if number % 2 else file.read_bytes()[:200])
    assert len(kept) > 5 and begun() == first
    assert not list(tmp_path.rglob("loops.*.nbi"))  # the next start keeps them again


def test_a_way_that_leads_nowhere_is_no_work_for_loops():
    for number in (math.nan, math.inf, 1e30):
        assert not loops.fits(picture((2, 2)), numbers=(1.0, number))


def test_pictures_of_different_sizes_are_refused():
    one, other = picture((24, 40)), picture((12, 20))
    for call in (lambda: loops.moved(one, other, 0.1, 0.8), lambda: loops.blended([one, other], other[:, :2]),
                 lambda: loops.remembered(one, ((1, 0, 0, 0, 1, 0),) * 2, other[:, :1], 0.5)):
        with pytest.raises(ValueError, match=r"different sizes: \(1, 3, 24, 40\), \(1, \d, 12, 20\)"):
            call()


def test_loops_take_pictures_of_the_processor_alone():
    assert loops.fits(picture((2, 2)))
    assert not loops.fits(picture((2, 2)), picture((2, 2)).bfloat16())
    assert loops.fits(picture((2, 2)), numbers=(1.0, 2.0)) and not loops.fits(picture((2, 2)), numbers=(1.0, torch.ones(())))
    assert not loops.fits(picture((2, 2)).to("meta")) and not loops.fits(picture((2, 2)).requires_grad_())


def test_where_nothing_can_be_kept_loops_are_compiled_each_time(monkeypatch):
    tried = []

    def njit(**options):
        def compiled(function):
            tried.append(options)
            if options.get("cache"):
                raise RuntimeError("cannot cache function: no locator available")
            return function
        return compiled

    monkeypatch.setattr(compiled, "njit", njit)
    monkeypatch.setattr(compiled, "LOOPS", [])
    assert compiled.loop(memory.recalled) is memory.recalled and len(tried) == 2 and "cache" not in tried[1]
