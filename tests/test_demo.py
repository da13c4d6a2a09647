"""The demo scene: every class once, shuffled by the seed, at level, and each sound with the marks of its kind."""

from functools import cache

import numpy as np
import pytest

from instrument.audio import demo
from instrument.audio.demo import EVENTS, RATE
from instrument.audio.frontend import log_mel

CLASSES = ["air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
           "jackhammer", "siren", "street_music"]
SEEDS = (1, 2, 3)

event, scene = cache(demo.event), cache(demo.scene)


@pytest.mark.parametrize("seed", SEEDS)
def test_scene_holds_every_class_once_with_gaps(seed):
    samples, truth = scene(seed)
    assert samples.dtype == np.float32 and samples.size == 20 * RATE
    assert sorted(name for _, _, name in truth) == CLASSES
    ends = [0.0] + [end for _, end, _ in truth]
    for (start, end, _), before in zip(truth, ends):
        assert 0.03 <= start - before <= 0.5 and 1.55 <= end - start <= 2.0
        assert level(samples[int(start * RATE) : int(end * RATE)]) > -30
    for before, (start, _, _) in zip(ends, truth):
        assert level(samples[int(before * RATE) + 2 : int(start * RATE)]) < -80
    assert np.abs(samples).max() <= 0.91


def level(x):
    return 20 * np.log10(np.sqrt(np.mean(np.square(x, dtype=float))) + 1e-12)


def test_seeds_shuffle_and_differ_and_repeat():
    orders = {tuple(name for _, _, name in scene(seed)[1]) for seed in SEEDS}
    assert len(orders) == 3
    assert np.array_equal(demo.scene(1)[0], scene(1)[0])
    for name in EVENTS:
        assert not np.allclose(event(name, 1), event(name, 2))


def test_scene_at_another_rate_and_length():
    samples, truth = scene(1, seconds=10.0, rate=48000)
    assert samples.size == 480_000
    assert truth[-1][1] <= 10.0


@pytest.mark.parametrize("name", CLASSES)
def test_every_event_is_finite_and_at_level(name):
    for seed in SEEDS:
        x = event(name, seed)
        assert np.isfinite(x).all() and np.abs(x).max() <= 0.9
        assert -32 < level(x) <= -18


def pitch_track(x):
    """The strongest frequency of each 46 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(x, 1024)[::512] * np.hanning(1024)
    return np.abs(np.fft.rfft(frames)).argmax(axis=1) * RATE / 1024


def beats(x, low, high):
    """Share of the envelope's changes that lie between `low` and `high` Hz."""
    envelope = np.sqrt(np.convolve(np.square(x, dtype=float), np.ones(64) / 64)[::64])
    power = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2
    hz = np.fft.rfftfreq(envelope.size, 64 / RATE)
    return power[(hz >= low) & (hz < high)].sum() / power.sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_marks_of_each_kind(seed):
    sounds = {name: event(name, seed) for name in EVENTS}
    siren = pitch_track(sounds["siren"])[4:-4]
    assert np.percentile(siren, 90) > 1.5 * np.percentile(siren, 10)  # it wails
    assert beats(sounds["jackhammer"], 10, 120) > 0.5  # blows
    assert beats(sounds["air_conditioner"], 0, 10) + beats(sounds["air_conditioner"], 10, 120) < 0.9
    shot = np.square(sounds["gun_shot"], dtype=float)
    assert shot.max() > 20 * shot.mean()  # it cracks
    quiet = log_mel(sounds["dog_bark"]).mean(axis=0)
    assert quiet.max() - quiet.min() > 2  # it pauses
    steady = log_mel(sounds["air_conditioner"]).mean(axis=0)
    assert steady.std() < 0.3


def brightness(x):
    power = np.exp(log_mel(x)).mean(axis=1)
    return (power * np.arange(power.size)).sum() / power.sum()


def test_an_engine_is_dark_and_a_drill_is_bright():
    for seed in SEEDS:
        assert brightness(event("engine_idling", seed)) < 15
        assert brightness(event("drilling", seed)) > 40
