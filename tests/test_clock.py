"""The beat clock, with time passed in by hand."""

import random
from itertools import pairwise

import pytest

from instrument.clock import BAR, BEATS, FREE, LOST, Clock


def tapped(bpm=120, taps=5, start=10.0):
    clock = Clock()
    for number in range(taps):
        clock.tap(start + number * 60 / bpm)
    return clock, start + (taps - 1) * 60 / bpm


def ticked(bpm=120, beats=4, start=10.0, jitter=0.0, clock=None):
    clock, draw = clock or Clock(), random.Random(1)
    clock.midi("start", start - 0.005)
    for number in range(24 * beats + 1):
        clock.midi("clock", start + number * 60 / bpm / 24 + draw.gauss(0, jitter))
    now = start + beats * 60 / bpm
    clock.update(now)
    return clock, now


def test_nothing_is_known_at_first():
    clock = Clock()
    clock.update(1.0)
    assert (clock.bpm, clock.phase(5.0), clock.source, clock.features(5.0)) == (0.0, 0.0, "", {BEATS: 5.0 * FREE / 60})
    assert clock.next_beat(5.0) == clock.next_beat(5.0, BAR) == 5.0


@pytest.mark.parametrize("bpm", [40, 90, 120, 174, 300])
def test_taps_set_tempo_and_phase(bpm):
    clock, now = tapped(bpm)
    assert clock.bpm == pytest.approx(bpm)
    assert clock.phase(now) == pytest.approx(0)
    assert clock.phase(now + 15 / bpm) == pytest.approx(0.25)
    assert clock.source == "tap"


def test_one_tap_is_no_tempo_but_later_sets_the_downbeat():
    clock = Clock()
    clock.tap(1.0)
    assert clock.bpm == 0
    clock, now = tapped(120, 6)
    clock.tap(now + 60.1)
    assert clock.bpm == pytest.approx(120)
    assert clock.beats(now + 60.1) % BAR == 0


NO_NUMBERS = [float("nan"), float("inf"), -float("inf"), 1e38, -1.0]


@pytest.mark.parametrize("odd", [{"beat.bpm": bpm, "beat.phase": 0.5} for bpm in (*NO_NUMBERS, 5e-324, 5e-3)]
                         + [{"beat.bpm": 120.0, "beat.phase": phase} for phase in NO_NUMBERS])
def test_what_is_no_tempo_or_no_phase_moves_nothing(odd):
    clock = Clock()
    clock.update(1.0, {"beat.bpm": 120.0, "beat.phase": 0.0})
    clock.update(1.25, odd)
    assert clock.bpm == pytest.approx(120) and clock.phase(1.25) == pytest.approx(0.5)
    assert 1.25 < clock.next_beat(1.25) < 2


def test_one_late_tap_does_not_spoil_the_tempo():
    clock = Clock()
    for time in (0.0, 0.5, 1.0, 1.7, 2.0, 2.5):
        clock.tap(time)
    assert clock.bpm == pytest.approx(120)


def test_after_a_pause_taps_count_anew():
    clock, now = tapped(120, 9)
    for number in range(2):
        clock.tap(now + 10 + number * 60 / 90)
    assert clock.bpm == pytest.approx(90)


def test_the_tempo_is_that_of_the_latest_taps():
    clock, now = tapped(120, 40)
    for number in range(1, 9):
        clock.tap(now + number * 60 / 100)
    assert clock.bpm == pytest.approx(100)


def test_a_bouncing_button_is_one_tap():
    clock, now = tapped()
    clock.tap(now + 0.02)
    assert clock.bpm == pytest.approx(120) and clock.phase(now) == pytest.approx(0)


@pytest.mark.parametrize("bpm", [60, 120, 180])
def test_midi_clock_sets_tempo_and_counts_from_start(bpm):
    clock, now = ticked(bpm)
    assert clock.source == "midi"
    assert clock.bpm == pytest.approx(bpm)
    assert clock.beats(now) == pytest.approx(4)


def test_jitter_of_midi_clock_is_smoothed():
    clock, now = ticked(120, 8, jitter=0.002)
    assert clock.bpm == pytest.approx(120, rel=0.01)
    assert clock.beats(now) == pytest.approx(8, abs=0.01)
    late = [ticked(120, beats, jitter=0.002)[0].beats(10 + beats / 2) - beats for beats in range(4, 40)]
    assert sum(map(abs, late)) / len(late) < 0.0015  # of a beat; a tick is as much as 0.003 off


def test_a_midi_clock_that_changes_its_tempo_is_followed_within_two_beats():
    clock, now = ticked(120, 16)
    for number in range(1, 49):
        clock.midi("clock", now + number * 60 / 150 / 24)
    clock.update(now + 0.8)
    assert clock.bpm == pytest.approx(150, rel=0.01) and clock.beats(now + 0.8) == pytest.approx(18, abs=0.05)


def test_midi_clock_is_lost_after_its_silence_and_the_beat_runs_on():
    clock, now = ticked()
    clock.update(now + LOST - 0.1)
    assert clock.source == "midi"
    clock.update(now + LOST + 0.1)
    assert clock.source == "" and clock.bpm == pytest.approx(120)
    assert clock.beats(now + 3.0) == pytest.approx(4 + 6)
    assert clock.features(now + 3.0) == {BEATS: pytest.approx(4 + 6)}  # what the sound says of itself stands


def test_midi_clock_keeps_its_beat_through_a_pause():
    clock, now = ticked()
    for number in range(24):  # comes back an exact second later
        clock.midi("clock", now + 1.0 + number / 48)
    clock.update(now + 1.5)
    assert clock.beats(now + 1.5) == pytest.approx(7, abs=0.01)


def test_of_two_ports_that_tick_one_leads_until_it_is_silent():
    clock = Clock()
    for number in range(49):
        for port, late in (("one", 0.0), ("other", 0.003)):
            clock.midi("clock", 10 + number / 48 + late, port)
    clock.update(11.0)
    assert clock.bpm == pytest.approx(120) and clock.beats(11.0) == pytest.approx(2, abs=0.01)
    for number in range(49):
        clock.midi("clock", 11 + LOST + number / 24, "other")
    clock.update(13 + LOST)
    assert clock.source == "midi" and clock.bpm == pytest.approx(60)


def test_who_does_not_tick_does_not_lead():
    clock = Clock()
    clock.midi("stop", 9.5, "box")
    clock.midi("start", 10.0, "daw")
    for number in range(49):
        clock.midi("clock", 10 + number / 48, "daw")
    clock.update(11.0)
    assert clock.beats(11.0) == pytest.approx(2, abs=0.01)


def running(clock, since, count):
    """`count` ticks at 120 beats a minute."""
    for number in range(count):
        clock.midi("clock", since + number / 48)
    clock.update(since + (count - 1) / 48)
    return since + count / 48


def test_continue_goes_on_where_stop_was_though_the_clock_ticks_on():
    clock = Clock()
    clock.midi("start", 10.0)
    now = running(clock, 10.0, 6 * 24)
    clock.midi("stop", now)
    now = running(clock, now, 61)
    clock.midi("continue", now)
    running(clock, now, 25)
    assert clock.beats(now + 0.5) == pytest.approx(7, abs=0.01)


def test_a_song_position_told_while_the_transport_runs_is_no_place_to_go_on_from():
    clock = Clock()
    clock.midi("start", 10.0)
    now = running(clock, 10.0, 24)
    clock.midi("songpos", now, place=16)
    now = running(clock, now, 5 * 24)
    clock.midi("stop", now)
    now = running(clock, now, 33)
    clock.midi("continue", now)
    running(clock, now, 25)
    assert clock.beats(now + 0.5) == pytest.approx(7, abs=0.01)


@pytest.mark.parametrize("place, beats", [(None, 6), (0, 0), (16, 4)])
def test_a_second_stop_keeps_the_place_where_continue_goes_on(place, beats):
    clock = Clock()
    clock.midi("start", 10.0)
    now = running(clock, 10.0, 6 * 24)
    clock.midi("stop", now)
    if place is not None:
        clock.midi("songpos", now, place=place)
    now = running(clock, now, 61)
    clock.midi("stop", now)
    now = running(clock, now, 33)
    clock.midi("continue", now)
    running(clock, now, 25)
    assert clock.beats(now + 0.5) == pytest.approx(beats + 1, abs=0.01)


def test_start_is_the_first_beat_though_the_same_music_is_heard():
    clock, sound = Clock(), lambda now: {"beat.bpm": 120.0, "beat.phase": (now * 2 + 0.6) % 1}
    clock.update(9.0, sound(9.0))
    now = running(clock, 9.0, 30)
    clock.midi("start", now)
    for tick in range(8):
        clock.midi("clock", now + tick / 48)
        clock.update(now + tick / 48, sound(now + tick / 48))
        assert clock.source == "midi" and clock.beats(now + tick / 48) == pytest.approx(tick / 24, abs=0.01)


def test_a_start_of_what_does_not_tick_leaves_the_beat_to_the_sound():
    clock, sound = Clock(), lambda now: {"beat.bpm": 120.0, "beat.phase": (now * 2 + 0.6) % 1}
    for frame in range(60):
        clock.update(9 + frame / 60, sound(9 + frame / 60))
    clock.midi("start", 10.0)
    clock.update(10.01, sound(10.01))
    assert clock.source == "sound" and clock.phase(10.01) == pytest.approx((10.01 * 2 + 0.6) % 1)


def test_a_song_that_begins_in_its_midst_has_its_bar_there():
    clock = Clock()
    now = running(clock, 10.0, 50)
    clock.midi("stop", now)
    clock.midi("songpos", now, place=66)
    clock.midi("continue", now)
    running(clock, now, 25)
    assert clock.beats(now + 0.5) == pytest.approx(66 / 4 + 1, abs=0.01)
    assert clock.next_beat(now + 0.5, BAR) == pytest.approx(now + 0.5 + 2.5 / 2, abs=0.01)


def test_what_ticks_without_ever_starting_gives_its_tempo():
    clock = Clock()
    clock.midi("stop", 9.0)
    running(clock, 10.0, 49)
    assert clock.source == "midi" and clock.bpm == pytest.approx(120)


def test_a_start_leaves_the_tapped_beat_where_it_is():
    clock, now = tapped(120)
    before = clock.beats(now + 0.75)
    clock.midi("start", now + 0.75)
    clock.update(now + 0.75)
    assert clock.beats(now + 0.75) == before


def test_the_sound_is_followed_and_forgotten():
    clock = Clock()
    for frame in range(60):
        now = 10 + frame / 60
        clock.update(now, {"beat.bpm": 120.0, "beat.phase": (now * 2) % 1})
    assert clock.source == "sound" and clock.bpm == pytest.approx(120)
    assert clock.phase(now) == pytest.approx((now * 2) % 1)
    assert clock.beats(now) == pytest.approx(2, abs=0.1)
    clock.update(now + LOST + 0.1, {"beat.bpm": 0.0})
    assert clock.source == ""


def test_a_sound_whose_phase_is_told_a_little_early_or_late_loses_no_beat():
    clock, draw = Clock(), random.Random(1)
    for frame in range(600):
        now = 10 + frame / 60
        clock.update(now, {"beat.bpm": 120.0, "beat.phase": (now * 2 + draw.gauss(0, 0.02)) % 1})
        assert clock.beats(now) == pytest.approx(2 * frame / 60, abs=0.15)


@pytest.mark.parametrize("bpm", [52, 120, 196])
@pytest.mark.parametrize("fps", [25, 30, 60, 75, 144])
def test_the_beat_of_the_sound_moves_on_evenly_at_every_frame_rate(fps, bpm):
    """It is told 60 times a second, whenever frames are drawn, and with what the packets are late."""
    clock, draw, beats = Clock(), random.Random(1), []
    for frame in range(fps * 10):
        told = int(frame / fps * 60 + draw.uniform(0, 0.1)) / 60
        clock.update(10 + frame / fps, {"beat.bpm": float(bpm), "beat.phase": (told * bpm / 60) % 1})
        beats.append(clock.beats(10 + frame / fps))
    steps = [(after - before) * fps * 60 / bpm for before, after in pairwise(beats[2 * fps:])]
    assert 0.75 < min(steps) and max(steps) < 1.25
    assert abs((beats[-1] - (len(beats) - 1) / fps * bpm / 60 + 0.5) % 1 - 0.5) < 0.1


def test_a_beat_told_late_is_glided_to_and_never_goes_back():
    clock, beats = Clock(), []
    for frame in range(288):
        now = 10 + frame / 144
        clock.update(now, {"beat.bpm": 50.0, "beat.phase": ((now - 0.1 * (frame > 144)) * 50 / 60) % 1})
        beats.append(clock.beats(now))
    assert all(after > before for before, after in pairwise(beats))
    assert beats[-1] % 1 == pytest.approx((now - 0.1) * 50 / 60 % 1, abs=0.01)


def test_a_beat_that_was_tapped_gives_way_to_the_one_told():
    clock, sound = Clock(), lambda now: {"beat.bpm": 120.0, "beat.phase": (now * 2) % 1}
    clock.update(10.0, sound(10.0))
    for tap in (10.2, 10.7, 11.2):
        clock.tap(tap)
        clock.update(tap, sound(tap))
    assert clock.source == "tap" and clock.phase(11.2) == pytest.approx(0)
    clock.forget()
    clock.update(11.3, sound(11.3))
    assert clock.source == "sound" and clock.phase(11.3) == pytest.approx(0.6)


def test_the_beat_goes_on_while_the_sound_has_no_tempo():
    """In a breakdown: what the sound tells of its phase stands still then."""
    clock, loud = Clock(), lambda now: {"beat.bpm": 120.0, "beat.phase": (now * 2) % 1}
    for frame in range(240):
        now = 10 + frame / 60
        lost = 1.0 <= frame / 60 < 2.5
        clock.update(now, {"beat.bpm": 0.0, "beat.phase": 0.3} if lost else loud(now))
        assert clock.beats(now) == pytest.approx(2 * frame / 60, abs=0.05)


def test_ticks_that_come_without_a_start_take_up_the_beat_that_runs():
    clock = Clock()
    for frame in range(121):
        now = 10 + frame / 60
        clock.update(now, {"beat.bpm": 120.0, "beat.phase": (now * 2) % 1})
    before = clock.beats(now)
    end = running(clock, now, 25)
    assert clock.source == "midi" and clock.beats(end) == pytest.approx(before + 2 * (end - now), abs=0.05)



def test_tap_goes_before_midi_before_sound_and_gives_way_when_forgotten():
    sound = {"beat.bpm": 90.0, "beat.phase": 0.0}
    clock, now = ticked(120)
    clock.update(now, sound)
    assert clock.source == "midi"
    for number in range(3):
        clock.tap(now + number * 0.4)
    clock.update(now + 0.8, sound)
    assert clock.source == "tap" and clock.bpm == pytest.approx(150)
    clock.forget()
    clock.tap(now + 1.0)  # one is no tempo
    clock.update(now + 1.0, sound)
    assert clock.source == "midi" and clock.bpm == pytest.approx(120)
    clock.update(now + 5.0, sound)
    assert clock.source == "sound" and clock.bpm == pytest.approx(90)


def test_it_is_known_whether_taps_keep_midi_clock_from_being_followed():
    clock, now = ticked(128)
    clock.update(now)
    assert not clock.outvotes(now)
    for tap in (now, now + 0.9):  # Space, brushed against
        clock.tap(tap)
        clock.update(now + 0.9)
    assert clock.outvotes(now + 0.9) and not clock.outvotes(now + LOST + 0.1)
    clock.forget()
    clock.update(now + 1.0)
    assert not clock.outvotes(now + 1.0) and clock.source == "midi" and clock.bpm == pytest.approx(128)
    assert not tapped()[0].outvotes(13.0)


def test_beats_and_bars_are_waited_for():
    clock, now = tapped(120, 1 + 4)  # the last tap is beat 4: a downbeat
    assert clock.next_beat(now + 0.1) == pytest.approx(now + 0.5)
    assert clock.next_beat(now + 0.1, BAR) == pytest.approx(now + 2.0)
    assert clock.next_beat(now) == pytest.approx(now)
    assert [clock.due(quantise, now + 0.1) for quantise in (0.0, 1.0, 2.0)] == pytest.approx(
        [now + 0.1, now + 0.5, now + 2.0])


@pytest.mark.parametrize("bpm", [61.7, 97.3, 133.1, 171.9])
def test_on_a_beat_it_is_that_beat_and_not_the_one_after(bpm):
    clock, now = tapped(bpm)
    for beat in range(400):
        at = now + beat * 60 / bpm
        assert clock.next_beat(at) == pytest.approx(at, abs=1e-4)


def test_beats_never_jump_back_by_a_beat_when_the_source_changes():
    clock, now = ticked(120)
    before = clock.beats(now)
    clock.tap(now + 0.2), clock.tap(now + 0.7)
    assert clock.beats(now + 0.7) > before


def test_features_carry_tempo_and_phase():
    clock, now = tapped(120)
    assert clock.features(now + 0.25) == pytest.approx({"beat.bpm": 120.0, "beat.phase": 0.5, BEATS: clock.beats(now + 0.25)})


def test_a_transport_that_goes_on_before_it_was_ever_stopped_changes_nothing():
    clock = Clock()
    clock.midi("continue", 9.0)
    for number in range(49):
        clock.midi("clock", 10 + number / 48)
    clock.update(11.0)
    assert clock.source == "midi" and clock.bpm == pytest.approx(120)
