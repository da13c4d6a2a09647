"""How many frames and dreams a second the show tells of."""

from types import SimpleNamespace

import pytest

from instrument.rates import Pace, Rates


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


class Stage:
    """A screen and a clock: `present` waits for the next of `rate` pictures a second, if it is to, and a sleep is a bit too long."""

    def __init__(self, rate, waits, size=(640, 360)):
        self.rate, self.size, self._waits, self.now = rate, size, waits, 1.0

    def sleep(self, seconds):
        self.now += seconds + 1e-4

    def present(self):
        if self._waits:
            self.now = (int(self.now * self.rate + 1e-6) + 1) / self.rate


def begun(stage, fps=0.0, drawing=0.002, seconds=10.0):
    """When the frames of so many seconds began."""
    pace, times = Pace(fps, lambda: stage.now, stage.sleep), []
    while stage.now < 1.0 + seconds:
        pace.wait(stage)
        times.append(stage.now)
        stage.now += drawing
        stage.present()
    return times


@pytest.mark.parametrize("rate", (30.0, 60.0, 144.0))
def test_where_nothing_waits_for_the_monitor_the_frames_are_few_all_the_same(rate):
    assert rate <= len(begun(Stage(rate, waits=False))) / 10 <= rate / 0.79
    assert len(begun(Stage(rate, waits=False, size=(0, 0)))) / 10 <= rate * 1.01  # a window that is minimised shows none


@pytest.mark.parametrize("drawing", (0.001, 0.008, 0.016))
def test_where_the_driver_waits_for_the_monitor_it_shows_a_frame_each_time(drawing):
    times = begun(Stage(60.0, waits=True), drawing=drawing)[6:]  # the first ones fall into step
    assert all(later - earlier == pytest.approx(1 / 60, abs=1e-4) for earlier, later in zip(times, times[1:]))


@pytest.mark.parametrize("waits", (False, True))
def test_frames_come_as_often_as_they_were_asked_for(waits):
    assert len(begun(Stage(60.0, waits), fps=30.0)) / 10 == pytest.approx(30, rel=0.02)


def test_a_frame_that_is_late_is_not_made_up_for():
    stage = Stage(60.0, waits=False)
    pace = Pace(30.0, lambda: stage.now, stage.sleep)
    stage.now += 5.0
    began = [pace.wait(stage) or stage.now for _ in range(3)]
    assert began[1] - began[0] > 0.03 and began[2] - began[1] > 0.03
