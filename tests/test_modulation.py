"""Modulation: sound moves rows, and only where a slot says so."""

import pytest

from instrument.clock import BEATS
from instrument.features import SOURCE_FEATURES
from instrument.modulation import modulate, strength, strengths
from instrument.params import BY_NAME, DEFAULTS, SLOTS, SOURCES, TARGETS

OFF = {**DEFAULTS, **{f"{slot}.source": 0.0 for slot in SLOTS}}
ALL = dict.fromkeys(SOURCE_FEATURES.values(), 1.0)


def slot(number, source, target, depth):
    name = f"mod.{number}"
    return {f"{name}.source": SOURCES.index(source), f"{name}.target": TARGETS.index(target), f"{name}.depth": depth}


def test_slots_that_are_off_and_silence_change_nothing():
    assert modulate(OFF, ALL) == OFF
    assert modulate(DEFAULTS, {}) == DEFAULTS
    assert modulate({**OFF, **slot(1, "level", "post.hue", 0.0)}, ALL)["post.hue"] == 0


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_moves_in_knob_position_and_stays_in_range(target):
    row = BY_NAME[target]
    for depth in (-1.0, -0.3, 0.3, 1.0):
        values = {**OFF, **slot(1, "level", target, depth)}
        moved = modulate(values, {"audio.level": 0.5})
        place = row.position(row.default) + 0.5 * depth
        assert moved[target] == row.at(place % 1 if row.curve == "circle" else place)
        assert row.lo <= moved[target] <= row.hi
        assert {**moved, target: row.default} == values


@pytest.mark.parametrize("source", [source for source in SOURCE_FEATURES if source != "beat"])
def test_every_source_reads_its_feature(source):
    values = {**OFF, **slot(8, source, "post.glitch", 1.0)}
    assert modulate(values, {SOURCE_FEATURES[source]: 0.25})["post.glitch"] == 0.25


def test_slots_on_one_target_add_up_before_the_range_ends():
    values = {**OFF, **slot(1, "low", "post.glitch", 1.0), **slot(2, "high", "post.glitch", -0.5)}
    assert modulate(values, {"audio.low": 1.0, "audio.high": 1.0})["post.glitch"] == 0.5


def test_the_beat_falls_from_one_and_is_nothing_without_a_tempo():
    assert [strength("beat", {"beat.phase": phase}) for phase in (0.0, 0.25, 1.0)] == [1.0, 0.75, 0.0]
    assert strength("beat", {"beat.phase": 0.0, "beat.bpm": 0.0}) == 0.0
    assert strength("beat", {}) == 0.0


def test_waves_go_with_the_beat():
    at = lambda source: [round(strength(source, {BEATS: beats}), 6) for beats in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert at("bar") == [1.0, 0.75, 0.5, 0.25, 1.0]
    assert at("sine") == [0.0, 0.5, 1.0, 0.5, 0.0]
    chances = [strength("random", {BEATS: tick / 10}) for tick in range(1000)]
    held = [chances[beat * 10:beat * 10 + 10] for beat in range(100)]
    assert all(len(set(one)) == 1 for one in held) and len({one[0] for one in held}) == 100
    assert min(chances) < 0.05 and max(chances) > 0.95 and 0.4 < sum(chances) / 1000 < 0.6


def test_all_sources_are_there_for_shaders():
    told = strengths({"audio.level": 0.5, BEATS: 2.0})
    assert set(told) == set(SOURCES) - {"off"} and (told["level"], told["low"], told["sine"]) == (0.5, 0.0, 1.0)


def test_numbers_that_are_none_count_as_silence():
    values = {**OFF, **slot(1, "level", "post.glitch", 1.0)}
    for odd in (float("nan"), float("inf")):
        assert modulate(values, {"audio.level": odd}) == values


def test_it_is_pure():
    values, features = dict(DEFAULTS), dict(ALL)
    first = modulate(values, features)
    assert (values, features) == (DEFAULTS, ALL)
    assert modulate(values, features) == first != values
