"""Ways: what a changing motion adds up to."""

import math
from itertools import pairwise

import pytest

from instrument.motion import LONGEST, TRUE, Journey, Motion, added, between

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
