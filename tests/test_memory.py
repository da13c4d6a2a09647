"""The remembered picture: carried by the zoom, never jumping, never framed twice the same."""

import math

import pytest
import torch
from helpers import warp
from torch import nn

from instrument.dream.memory import LIFE, REACH, SHORTEST, Framing, Memory
from instrument.motion import Motion, added, motion
from instrument.params import DEFAULTS, MODES

torch.set_num_threads(1)
SIZE, RATE = (48, 80), 12
ZOOM = motion(DEFAULTS, 0.0)


@pytest.fixture(scope="module")
def picture():
    noise = torch.rand(1, 3, 5, 8, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(noise, SIZE, mode="bicubic", align_corners=False).clamp(0, 1)


def go_on(memory, field, dt, wander):
    return memory.advanced(added(Motion(), field, dt), field, dt, wander)


def remembered(picture, seconds, wander=1.0, seed=0, field=lambda now: ZOOM):
    """What is remembered, every twelfth of a second."""
    memory = Memory(seed, field(0.0), wander)
    for number in range(round(seconds * RATE)):
        memory = go_on(memory, field(number / RATE), 1 / RATE, wander)
        yield memory.read(picture)


def apart(one, other):
    return float((one - other).square().mean().sqrt())


@pytest.mark.parametrize("mode", MODES)
def test_it_never_jumps(picture, mode):
    field = lambda now: motion({**DEFAULTS, "zoom.mode": float(MODES.index(mode))}, now)
    seen = list(remembered(picture, 3 * LIFE, field=field))
    assert max(apart(*pair) for pair in zip(seen, seen[1:])) < 0.05


def test_it_does_not_jump_with_every_beat(picture):
    field = lambda now: ZOOM._replace(expand=0.4 if now % 0.5 < 0.1 else 0.1)
    seen = list(remembered(picture, 2 * LIFE, field=field))
    assert max(apart(*pair) for pair in zip(seen, seen[1:])) < 0.07


def test_no_view_comes_back(picture):
    seen = list(remembered(picture, 180))[::RATE]
    later = [(a, b) for a in range(len(seen)) for b in range(a + 15, len(seen))]
    assert min(apart(seen[a], seen[b]) for a, b in later) > 0.05


def test_without_wandering_the_same_views_come_back(picture):
    seen = list(remembered(picture, 2.5 * LIFE, 0.0))
    assert apart(seen[-1], seen[-1 - round(LIFE * RATE)]) < 0.02


def test_without_wandering_a_copy_shows_the_whole_picture_in_the_middle_of_its_life(picture):
    memory, middles = Memory(0, ZOOM, 0.0), []
    for _ in range(round(2 * LIFE * 50)):
        memory = go_on(memory, ZOOM, 1 / 50, 0.0)
        if abs(memory.copies[0].life - 0.5) < 0.001:
            middles.append(memory.read(picture))
    assert middles and all(apart(middle, picture) < 0.01 for middle in middles)


@pytest.mark.parametrize("field", (ZOOM, Motion(0.3, -0.2, 0.2, 0.4, 0.1, -0.1), Motion(expand=0.1, tunnel=0.2)),
                         ids=("zoom", "turning about elsewhere", "tunnel"))
def test_it_moves_with_the_zoom(picture, field):
    """What is remembered a little later is what was remembered, warped: so it comes back without ghosts."""
    memory = in_the_middle_of_a_life(field)
    before = memory.read(picture)
    carried = warp(before, field, 0.2)
    memory = go_on(memory, field, 0.2, 0.5)
    inner = (..., slice(8, -8), slice(12, -12))
    moved = apart(memory.read(picture)[inner], before[inner])
    assert apart(memory.read(picture)[inner], carried[inner]) < 0.5 * moved


def in_the_middle_of_a_life(field):
    """A memory of which only one copy shows for the next moments."""
    memory = Memory(3, field, 0.5)
    while not 0.45 < memory.copies[0].life < 0.5:
        memory = go_on(memory, field, 1e-3, 0.5)
    return memory


def test_a_seed_decides_what_is_seen(picture):
    one, again, other = (list(remembered(picture, 12, seed=seed)) for seed in (1, 1, 2))
    assert all(torch.equal(*pair) for pair in zip(one, again))
    assert max(apart(*pair) for pair in zip(one, other)) > 0.05


@pytest.mark.parametrize("rate", (1, 4, 12))
@pytest.mark.parametrize("speed", (-1.0, 0.0, 0.12, 2.0))
def test_a_zoom_of_any_speed_carries_a_copy_only_so_far(speed, rate):
    """However few dreams there are a second."""
    field = motion({**DEFAULTS, "zoom.speed": speed}, 0.0)
    memory = Memory(0, field, 1.0)
    for _ in range(30 * rate):
        memory = go_on(memory, field, 1 / rate, 1.0)
        assert all(abs(copy.travelled.expand) <= max(REACH, abs(speed) * SHORTEST) for copy in memory.copies)


@pytest.mark.parametrize("rate", (0.5, 1, 2))
def test_a_view_outlasts_a_few_dreams_however_slow_they_are(rate):
    field = motion({**DEFAULTS, "zoom.speed": 2.0}, 0.0)
    memory, framings = Memory(0, field, 1.0), []
    for _ in range(40):
        memory = go_on(memory, field, 1 / rate, 1.0)
        framings.append(memory.copies[0].framing)
    assert len(set(framings)) <= 11


def test_a_frame_takes_places_to_where_it_looks():
    (xx, xy, x0), (yx, yy, y0) = Framing(0.5, math.pi / 2, 0.1, 0.2).matrix
    assert (xx * 1 + x0, yx * 1 + y0) == pytest.approx((0.1, 0.7))  # to the right of the middle is above it, half as far
    assert Framing(mirrored=True).matrix[0] == pytest.approx((-1, 0, 0))
