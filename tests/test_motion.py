"""Ways: what a changing motion adds up to."""

import math
from itertools import pairwise

import pytest

from instrument.motion import LONGEST, TRUE, Journey, Motion, added, between

ZOOM, PAN = Motion(expand=0.5), Motion(pan_x=1.0, turn=0.2)


def test_a_journey_adds_up_what_the_motion_was():
    journey = Journey()
    for now, field in ((0.0, ZOOM), (0.5, ZOOM), (1.0, PAN)):
        journey.advance(field, now)
    assert journey.here.way == pytest.approx(Motion(expand=0.25, pan_x=0.5, turn=0.1))


def since(journey, then):
    return journey.since(journey.at(then))


def test_the_way_since_a_moment_is_what_came_after_it():
    journey = Journey()
    for number in range(11):
        journey.advance(ZOOM if number <= 5 else PAN, number / 10)
    assert since(journey, 0.5) == pytest.approx(Motion(pan_x=0.5, turn=0.1))
    assert since(journey, 0.45) == pytest.approx(Motion(expand=0.025, pan_x=0.5, turn=0.1))
    assert since(journey, 1.0) == pytest.approx(Motion())


def test_what_stands_still_goes_nowhere_and_grows_no_older():
    journey = Journey()
    for number in range(6):
        journey.advance(ZOOM, number / 10)
    made, before = journey.at(0.3), since(journey, 0.3)
    for number in range(6, 1000):
        journey.advance(ZOOM, number / 10, moving=False)
    assert journey.here.way == pytest.approx(Motion(expand=0.25)) and journey.since(made) == before


def test_what_hangs_comes_to_rest_and_stays_there():
    journey = Journey()
    journey.advance(ZOOM, 0.0)
    made, seen = journey.at(0.0), []
    for number in range(1, 600):
        journey.advance(ZOOM, number / 10)
        seen.append(journey.since(made).expand)
    assert all(b >= a - 1e-9 for a, b in pairwise(seen)) and seen[-1] == pytest.approx((TRUE + 1) * ZOOM.expand, rel=1e-3)


def test_a_stall_does_not_lose_what_was_before_it():
    journey = Journey()
    for now in (4.9, 5.0, 9.0):
        journey.advance(ZOOM, now)
    assert journey.at(5.0).way.expand == pytest.approx(0.05) and since(journey, 5.0).expand > 0.9


def test_it_forgets_what_is_long_past():
    journey = Journey()
    for number in range(1000):
        journey.advance(ZOOM, number / 10)
    assert len(journey._log) <= 10 * LONGEST + 2
    assert journey.at(0.0).way.expand == pytest.approx(0.5 * (99.9 - LONGEST), abs=0.06)


def test_a_motion_about_another_middle_is_one_about_the_middle_and_a_push():
    elsewhere = Motion(0.3, -0.2, 0.5, 0.4, 0.1, -0.1, 0.2)
    way = added(Motion(), elsewhere, 1.0)
    assert (way.centre_x, way.centre_y) == (0.0, 0.0)
    for x, y in ((0.0, 0.0), (1.0, -0.5)):
        assert _velocity(way, x, y) == pytest.approx(_velocity(elsewhere, x, y))


def _velocity(field, x, y):
    x, y = x - field.centre_x, y - field.centre_y
    return (x * (field.expand + field.strips) - y * field.turn + field.pan_x,
            y * field.expand + x * field.turn + field.pan_y)


def test_ways_are_told_apart():
    assert between(Motion(expand=1.0), Motion(expand=math.pi)) == Motion(expand=math.pi - 1)
