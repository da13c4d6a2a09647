"""Ways: what a changing motion adds up to."""

import math
from itertools import pairwise

import pytest

from instrument.motion import LONGEST, NOWHERE, TRUE, Journey, Motion, added, between, motion
from instrument.params import DEFAULTS, MODES

ZOOM, PAN = Motion(expand=0.5), Motion(pan_x=1.0, turn=0.2)


def test_a_journey_adds_up_what_the_motion_was():
    journey = Journey()
    for now, field in ((0.0, ZOOM), (0.1, ZOOM), (0.3, PAN)):
        journey.advance(field, now)
    assert journey.here == (pytest.approx(0.3), pytest.approx(Motion(expand=0.05, pan_x=0.2, turn=0.04)))


def test_the_way_since_a_place_is_what_came_after_it():
    journey, places = Journey(), []
    for number in range(11):
        journey.advance(ZOOM if number <= 5 else PAN, number / 10)
        places.append(journey.here)
    assert journey.since(places[5]) == pytest.approx(Motion(pan_x=0.5, turn=0.1))
    assert journey.since(places[4]) == pytest.approx(Motion(expand=0.05, pan_x=0.5, turn=0.1))
    assert journey.since(places[10]) == pytest.approx(Motion())
    assert journey.since(NOWHERE) == Motion()


def test_what_stands_still_goes_nowhere_and_grows_no_older():
    journey = Journey()
    for number in range(6):
        journey.advance(ZOOM, number / 10)
    here = journey.here
    for number in range(6, 1000):
        journey.advance(ZOOM, number / 10, moving=False)
    assert journey.here == here
    journey.advance(ZOOM, 100.0)
    assert journey.here.time == pytest.approx(here.time + 0.1)


def test_what_hangs_comes_to_rest_and_a_new_dream_wakes_it():
    journey, seen = Journey(), []
    for number in range(600):
        journey.advance(ZOOM, number / 10)
        seen.append(journey.here.way.expand)
    steps = [b - a for a, b in pairwise(seen)]
    assert all(0 <= b <= a + 1e-9 for a, b in pairwise(steps)) and seen[-1] == pytest.approx((TRUE + 1) * ZOOM.expand, rel=1e-3)
    journey.land()
    journey.advance(ZOOM, 60.1)
    assert journey.here.way.expand - seen[-1] == pytest.approx(0.2 * ZOOM.expand)


def test_how_often_it_is_asked_does_not_matter():
    ways = []
    for often in (5, 7, 90):
        journey = Journey()
        for number in range(9 * often + 1):
            journey.advance(ZOOM, number / often)
        ways.append(journey.here.way.expand)
    assert ways == pytest.approx([ways[0]] * 3)


def test_after_a_stall_the_picture_does_not_leap():
    journey = Journey()
    for now in (0.0, 0.1, 5.0):
        journey.advance(ZOOM, now)
    assert journey.here.time <= 0.1 + LONGEST and journey.here.way.expand <= (0.1 + LONGEST) * ZOOM.expand
    here = journey.here
    journey.advance(ZOOM, 4.0)  # nor does it go back with its clock
    assert journey.here == here


def test_a_motion_about_another_middle_is_one_about_the_middle_and_a_push():
    elsewhere = Motion(0.3, -0.2, 0.5, 0.4, 0.1, -0.1, 0.2)
    way = added(Motion(), elsewhere, 1.0)
    assert (way.centre_x, way.centre_y) == (0.0, 0.0)
    for x, y in ((0.0, 0.0), (1.0, -0.5)):
        assert _velocity(way, x, y) == pytest.approx(_velocity(elsewhere, x, y))


def _velocity(field, x, y):
    x, y = x - field.centre_x, y - field.centre_y
    grow, turn = field.expand + field.tunnel * math.hypot(x, y), field.turn + field.spiral * (1 - math.hypot(x, y))
    return x * (grow + field.strips) - y * turn + field.pan_x, y * grow + x * turn + field.pan_y


def test_ways_are_told_apart():
    assert between(Motion(expand=1.0), Motion(expand=math.pi)) == Motion(expand=math.pi - 1)


def at(x, y, mode="centre", now=0.0, **zoom):
    """The velocity at a place with these rows of `zoom.`, the others at 0."""
    turned = {f"zoom.{name}": value for name, value in zoom.items()}
    return _velocity(motion({**DEFAULTS, "zoom.speed": 0.0, "zoom.mode": float(MODES.index(mode)), **turned}, now), x, y)


def test_speed_grows_rotate_turns_by_degrees_and_pan_moves_to_the_right_and_up():
    assert at(1, 0, speed=0.5) == (0.5, 0) and at(0, -1, speed=0.5) == (0, -0.5)
    assert at(1, 0, rotate=90.0) == pytest.approx((0, math.pi / 2)) and at(0, 1, rotate=90.0) == pytest.approx((-math.pi / 2, 0))
    assert at(0, 0, pan_x=0.3, pan_y=-0.2) == (0.3, -0.2)


@pytest.mark.parametrize("mode", MODES)
def test_a_negative_speed_is_the_way_back_in_every_mode(mode):
    forth, back = (at(0.7, -0.4, mode, now=1.0, speed=speed) for speed in (0.5, -0.5))
    assert forth == pytest.approx([-each for each in back]) and any(forth)


def test_what_breathes_is_where_it_was_after_a_breath():
    grown = [at(1, 0, "breathe", now=2 * math.pi / 0.8 * step / 100, speed=0.5)[0] for step in range(100)]
    assert sum(grown) == pytest.approx(0, abs=1e-6) and max(grown) == pytest.approx(0.5, abs=0.01)


def test_a_breath_begins_with_a_picture_at_rest_that_grows():
    starts = [at(1, 0, "breathe", now=now, speed=0.5)[0] for now in (0.0, 0.5, 1.0)]
    assert starts[0] == 0 < starts[1] < starts[2]


def test_strips_run_to_the_sides_and_a_tunnel_is_the_quicker_the_farther_out():
    to_the_side, up = at(1, 0, "strips", speed=0.5)[0], at(0, 1, "strips", speed=0.5)[1]
    assert to_the_side > 4 * up > 0
    near, far = (at(x, 0, "tunnel", speed=0.5)[0] / x for x in (0.2, 1.2))
    assert far > 2 * near > 0


def test_rotate_turns_with_its_speed_and_a_spiral_turns_its_middle_most():
    assert at(1, 0, "rotate", speed=0.5, rotate=30.0)[1] > at(1, 0, "rotate", speed=0.5)[1] > 0
    for zoom in ({"speed": 0.5}, {"rotate": 30.0}):
        middle, rim = (at(x, 0, "spiral", **zoom)[1] / x for x in (0.1, 1.0))
        assert middle > 2 * rim >= 0


def test_the_middle_of_a_drift_wanders_and_stays_in_the_picture():
    middles = [motion({**DEFAULTS, "zoom.mode": float(MODES.index("drift"))}, now)[:2] for now in range(1000)]
    for side in zip(*middles):
        assert -0.85 < min(side) < -0.4 and 0.4 < max(side) < 0.85
