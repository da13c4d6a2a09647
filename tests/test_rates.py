"""How many frames and dreams a second the show tells of."""

from types import SimpleNamespace

import pytest

from instrument.rates import Rates


def test_the_rate_of_dreams_falls_while_the_next_one_is_late():
    rates = Rates()
    rates.dreamt(SimpleNamespace(steps_per_s=10.0, note=""), "", rates.began + 1)
    rates.dreamt(None, "", rates.began + 1.1)
    assert rates.dream_rate == 10.0
    rates.dreamt(None, "", rates.began + 5)
    assert rates.dream_rate == pytest.approx(1 / 4)


def test_a_picture_that_is_held_makes_no_dream_late():
    rates = Rates()
    rates.dreamt(SimpleNamespace(steps_per_s=10.0, note=""), "", rates.began + 1)
    for second in range(2, 30):
        rates.dreamt(None, "", rates.began + second, held=True)
    rates.dreamt(None, "", rates.began + 29.1)
    assert rates.dream_rate == 10.0


def test_frames_are_counted_over_the_last_two_seconds():
    rates = Rates()
    assert rates.frame_rate == 0.0
    for frame in range(601):
        rates.drawn(frame / 60 if frame < 300 else 5 + (frame - 300) / 30)
    assert rates.frame_rate == pytest.approx(30, rel=0.02)
