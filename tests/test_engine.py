"""The engine: every sample is analysed, decisions come on time, and nothing piles up."""

from itertools import pairwise

import numpy as np
import pytest

from instrument.audio.engine import DECISION, LEAST, Engine, Gate, History, Pace, amplified, choose_window, levels
from instrument.audio.files import LOUDEST
from instrument.audio.frontend import LONG, FrontEnd, log_mel
from instrument.features import BY_NAME, CLASS
from instrument.params import DEFAULTS

CLASSES = ("low", "high")
RATE = 22050
BLOCK = 441  # 20 ms


def hear(window):
    """A network of one line: which half of the bands is louder, and that it is one of the two."""
    return np.array([window[:64].mean(), window[64:].mean(), -99.0])


def tone(hertz, seconds, rate=RATE):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds):
    return np.zeros(int(seconds * RATE), np.float32)


def run(samples, block=BLOCK, **changes):
    """(engine, [(seconds of sound, published)]) with the clock standing at the sound."""
    out, now = [], [0.0]
    engine = Engine(RATE, changes.pop("hear", hear), CLASSES, lambda values: out.append((now[0], values)),
                    DEFAULTS | changes, clock=lambda: now[0])
    for start in range(0, len(samples), block):
        now[0] = min(start + block, len(samples)) / RATE
        engine.push(samples[start: start + block], now[0])
    return engine, out


def decisions(out):
    return [(at, values) for at, values in out if "known" in values]


def test_every_name_published_is_in_the_table():
    _, out = run(tone(200, 1.0))
    for name in {name for _, values in out for name in values}:
        assert name in BY_NAME or name == "raw" or name.removeprefix(CLASS) in CLASSES


def test_every_sample_is_analysed_and_every_fourth_frame_decided():
    engine, out = run(tone(200, 3.0))
    frames = log_mel(tone(200, 3.0)).shape[1]
    assert engine.analysed == 3 * RATE
    assert len(decisions(out)) == engine.decisions == frames // 4
    assert engine.skipped == 0


@pytest.mark.parametrize("broken", (1e25, -1e38, np.inf, np.nan))
def test_a_broken_sample_costs_a_window_and_no_more(broken):
    sound = tone(200, 4.0)
    sound[RATE] = broken
    _, out = run(sound)
    known = [values["known"] for at, values in decisions(out) if at > 3.0]
    assert known and min(known) == 1.0 and np.isfinite([list(values["raw"]) for _, values in decisions(out)]).all()


def test_a_quick_network_decides_twice_as_often_until_it_is_quick_no_more():
    """43 decisions a second; smoothing is in milliseconds, so that as much is known after as long."""
    every, out = [DECISION / 2], []
    engine = Engine(RATE, None, (), out.append)
    engine.attach(hear, CLASSES, every=lambda: every[0])
    counts = []
    for second in range(4):
        every[0] = DECISION / 2 if second < 2 else DECISION
        before = engine.decisions
        for start in range(0, RATE, BLOCK):
            engine.push(tone(200, 1.0)[start: start + BLOCK], second + (start + BLOCK) / RATE)
        counts.append(engine.decisions - before)
    assert counts[1] in (43, 44) and counts[2] in (21, 22) and engine.skipped == 0


def test_another_front_end_is_heard_from_the_next_sample_on():
    """Two networks in turn, one by each front end: the second hears the last second of the first one's once more."""
    windows, out, now = [], [], [0.0]
    engine = Engine(RATE, hear, CLASSES, out.append, clock=lambda: now[0])
    sound = np.concatenate([tone(150, 2.0), tone(6000, 2.0)])
    for start in range(0, len(sound), BLOCK):
        if start == 2 * RATE:
            assert named(out) == "low"
            engine.attach(lambda window: windows.append(window) or hear(window), CLASSES, LONG)
        now[0] = (start + BLOCK) / RATE
        engine.push(sound[start: start + BLOCK], now[0])
    latencies = [values["stat.latency_ms"] for values in out if "stat.latency_ms" in values]
    assert named(out) == "high" and max(latencies) < 60
    assert {window.shape for window in windows} == {(128, LONG.frames(1.0))}
    whole = log_mel(sound[RATE:], LONG)[:, :windows[0].shape[1]]
    assert np.abs(windows[0][:, :30] - whole[:, :30]).max() < 5 and windows[0][:64, :30].max() > windows[0][64:, :30].max() + 5


def test_a_sound_is_heard_from_its_beginning_by_another_front_end_too():
    windows, engine = [], Engine(RATE, hear, CLASSES, lambda values: None)
    sound = np.concatenate([tone(150, 2.0), silence(0.6), tone(6000, 0.3)])
    for start in range(0, len(sound), BLOCK):
        if start == RATE:
            engine.attach(lambda window: windows.append(window) or hear(window), CLASSES, LONG)
        engine.push(sound[start: start + BLOCK], (start + BLOCK) / RATE)
    assert windows[-1][64:].max() > 0 and windows[-1][:20, 2:].max() < windows[0][:20].max() - 5


def test_what_was_decided_stands_when_another_network_comes_in_silence():
    out = []
    engine = Engine(RATE, hear, CLASSES, out.append)
    engine.push(tone(150, 1.0), 1.0)
    engine.attach(hear, ("new", *CLASSES))
    engine.push(silence(1.0), 2.0)
    assert (out[-1]["top.name"], out[-1]["top.index"]) == ("low", 1)


def named(out):
    return next(values["top.name"] for values in reversed(out) if "top.name" in values)


def test_the_same_front_end_goes_on_with_what_was_heard():
    windows = []
    engine = Engine(RATE, hear, CLASSES, lambda values: None)
    for start in range(0, RATE, BLOCK):
        engine.push(tone(150, 1.0)[start: start + BLOCK], (start + BLOCK) / RATE)
    engine.attach(lambda window: windows.append(window) or hear(window), CLASSES)
    for start in range(0, RATE // 10, BLOCK):
        engine.push(tone(6000, 0.1)[start: start + BLOCK], 1 + (start + BLOCK) / RATE)
    assert windows[0][:64, :40].max() > windows[0][64:, :40].max() + 5  # the low tone, from before


def test_smoothing_takes_as_long_however_often_it_decides():
    def known_at(every):
        out = []
        engine = Engine(RATE, None, (), out.append)
        engine.attach(hear, CLASSES, every=lambda: every)
        sound = np.concatenate([tone(150, 2.0), tone(6000, 2.0)])
        for start in range(0, len(sound), BLOCK):
            engine.push(sound[start: start + BLOCK], (start + BLOCK) / RATE)
            if out[-1].get("top.name") == "high":
                return start / RATE
    assert abs(known_at(DECISION / 2) - known_at(DECISION)) < 0.06


def test_at_least_20_decisions_a_second():
    _, out = run(tone(200, 4.0))
    assert 20 <= out[-1][1].get("stat.hops_per_s", decisions(out)[-1][1]["stat.hops_per_s"]) < 22


def test_the_fast_path_publishes_first():
    _, out = run(tone(200, 0.5))
    assert "audio.level" in out[0][1]
    for (_, before), (_, after) in pairwise(out):
        assert "known" not in after or "audio.level" in before


def test_the_right_class_is_named():
    for hertz, name in ((150, "low"), (6000, "high")):
        _, out = run(tone(hertz, 1.0))
        assert decisions(out)[-1][1]["top.name"] == name


def test_late_decisions_skip_to_the_newest_window_but_analyse_everything():
    windows = []
    engine = Engine(RATE, lambda window: windows.append(window) or np.zeros(3), CLASSES, lambda values: None)
    samples = np.concatenate([tone(200, 2.0), tone(6000, 2.0)])
    for start in range(0, len(samples), BLOCK):
        engine.analyse(samples[start: start + BLOCK], start / RATE)
    engine.decide()
    engine.decide()
    assert engine.analysed == len(samples) and engine.decisions == 1
    assert engine.skipped == log_mel(samples).shape[1] // 4 - 1
    newest = log_mel(samples)[:, -FrontEnd().frames(1.0):]
    np.testing.assert_allclose(windows[0][:, 2:-2], newest[:, 2:-2], atol=0.05)


def test_a_flood_of_sound_in_one_block_is_one_decision():
    engine, _ = run(tone(200, 10.0), block=10 * RATE)
    assert engine.decisions == 1 and engine.analysed == 10 * RATE
    assert engine.skipped == log_mel(tone(200, 10.0)).shape[1] // 4 - 1


def test_the_first_decision_after_silence_comes_long_before_the_window_is_full():
    _, out = run(np.concatenate([silence(2.0), tone(6000, 1.0)]))
    first = next(at for at, values in decisions(out) if "top.changed" in values)
    assert 2.1 < first < 2.25


def test_sound_before_the_silence_is_forgotten():
    windows = []
    run(np.concatenate([tone(150, 1.0), silence(0.6), tone(6000, 0.3)]),
        hear=lambda window: windows.append(window) or np.zeros(3))
    assert windows[-1][64:].max() > 0 and windows[-1][:20, 2:].max() < windows[0][:20].max() - 5


def test_silence_is_not_shown_to_the_network_and_is_not_known():
    heard = []
    engine, out = run(silence(2.0), hear=lambda window: heard.append(window) or np.zeros(3))
    assert heard == [] and engine.decisions > 30
    assert {values["known"] for _, values in decisions(out)} == {0.0}
    assert {values["top.index"] for _, values in decisions(out)} == {-1}


@pytest.mark.parametrize("index, seconds", list(enumerate((0.5, 1, 2, 4))))
def test_the_window_has_the_length_asked_for(index, seconds):
    shapes = []
    run(tone(300, 5.0), hear=lambda window: shapes.append(window.shape) or np.zeros(3), **{"hear.window": index})
    expected = log_mel(np.zeros(round(seconds * RATE), np.float32)).shape
    assert set(shapes) == {expected}


def test_a_short_sound_is_repeated_like_a_short_clip_in_training():
    front, least = FrontEnd(), FrontEnd().begun(LEAST)
    history = History(front)
    history.push(np.arange(20, dtype=np.float32)[None].repeat(128, 0))
    window = choose_window(history, since=20 - least, seconds=0.5)
    np.testing.assert_array_equal(window[0], np.resize(np.arange(20 - least, 20), front.frames(0.5)))
    assert choose_window(history, since=21 - least, seconds=0.5) is None


def test_the_gate_opens_at_the_sound_and_closes_after_it():
    gate = Gate(1000)
    for level, expected in ((0.0, False), (0.1, True), (0.0, True), (0.0, True), (0.0, False)):
        samples = level * np.tile([1.0, -1.0], 70)  # 140 ms
        gate.push(samples, -60.0)
        assert gate.open == expected
    assert gate.opened == pytest.approx(0.14)


def test_a_room_at_the_level_of_the_gate_opens_it_once():
    gate, opened, chance = Gate(1000), set(), np.random.default_rng(0)
    for _ in range(600):
        gate.push(10 ** (chance.uniform(-64, -58) / 20) * np.tile([1.0, -1.0], 50), -60.0)
        opened |= {gate.opened} if gate.open else set()
    assert len(opened) == 1
    gate.push(10 ** (-67 / 20) * np.tile([1.0, -1.0], 200), -60.0)
    assert not gate.open


def test_what_is_softer_than_the_gate_does_not_open_it():
    gate = Gate(1000)
    for level, expected in ((-61, False), (-59, True), (-65, True), (-67, False), (-61, False)):
        gate.push(10 ** (level / 20) * np.tile([1.0, -1.0], 200), -60.0)
        assert gate.open == expected


def test_the_offset_of_a_microphone_opens_no_gate():
    assert levels(np.full(RATE, 0.3, np.float32), RATE).max() < -100
    assert {values["known"] for _, values in decisions(run(silence(1.0) + np.float32(0.3))[1])} == {0.0}


def test_gain_is_in_decibels_and_nothing_becomes_louder_than_any_sound():
    assert amplified([0.5, -0.5], 20.0) == pytest.approx([5.0, -5.0])
    assert list(amplified([3e38, -3e38, np.nan, np.inf], 0.0)) == [LOUDEST, -LOUDEST, 0.0, 1.0]


def test_the_first_frame_of_a_sound_is_the_one_whose_middle_it_reaches():
    for front in (FrontEnd(), LONG):
        history = History(front)
        middle = (front.n_fft / 2 + 10 * front.hop) / front.rate
        assert [history.frame_at(middle + late * front.hop / front.rate) for late in (-0.9, -0.1, 0.1, 0.9)] == [10, 10, 11, 11]
        history.begin(5.0)
        assert history.frame_at(5.0 + middle - 1e-4) == 10


def test_how_often_it_decides_is_told_of_the_last_seconds():
    pace, now = Pace(), 0.0
    for every in [1 / 43] * 200 + [1 / 21] * 44:
        told = pace.tick(now := now + every)
    assert told == pytest.approx(21)


def test_time_is_told_from_the_start_and_with_it_what_was_lost():
    out = []
    engine = Engine(RATE, hear, CLASSES, out.append)
    engine.push(tone(150, 0.1), 1000.0)
    engine.overflows = 3
    engine.push(tone(150, 0.1), 1002.5)
    assert [(values["ms"], values["stat.overflows"]) for values in out if "ms" in values] == [(0, 0), (2500, 3)]


def test_gain_and_gate_act_before_the_decision():
    quiet = 0.001 * tone(150, 1.0)  # -73 dBFS
    assert decisions(run(quiet)[1])[-1][1]["known"] == 0.0
    assert decisions(run(quiet, **{"hear.gain": 30.0})[1])[-1][1]["known"] > 0.5


def test_without_a_network_the_fast_path_goes_on_and_the_network_joins_later():
    out = []
    engine = Engine(RATE, None, (), out.append)
    engine.push(tone(150, 1.0), 1.0)
    assert "audio.level" in out[-1] and not any("known" in values for values in out)
    engine.attach(hear, CLASSES)
    engine.push(tone(150, 1.0), 2.0)
    assert out[-1]["top.name"] == "low"


def test_latency_is_measured_from_the_end_of_the_window():
    now, out = [0.0], []
    engine = Engine(RATE, lambda w: now.__setitem__(0, now[0] + 0.015) or np.zeros(3), CLASSES, out.append,
                    clock=lambda: now[0])
    for start in range(0, RATE, BLOCK):
        now[0] = (start + BLOCK) / RATE
        engine.push(tone(150, 1.0)[start: start + BLOCK], now[0])
    latencies = [values["stat.latency_ms"] for values in out if "known" in values]
    assert 15 + 3 < np.median(latencies) <= 15 + 24 + 20  # compute, up to a hop, up to a block


def test_not_a_number_and_infinity_do_no_harm():
    bad = tone(150, 1.0)
    bad[1000:1010], bad[5000] = np.nan, np.inf
    _, out = run(bad)
    for _, values in out:
        assert np.isfinite([v for v in values.values() if isinstance(v, float)]).all()


def test_any_block_size_gives_the_same_decisions():
    samples = np.concatenate([silence(0.5), tone(6000, 1.5)])
    tops = [[values["top.index"] for _, values in decisions(run(samples, block)[1])] for block in (37, 100, 400)]
    assert [one[-1] for one in tops] == [1, 1, 1]
    assert tops[0] == tops[1] == tops[2]  # all of less than a hop
