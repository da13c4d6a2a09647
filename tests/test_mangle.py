"""Mangled sounds: other sounds, heard by teacher and student alike, and no label says what they are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from instrument.learn.augment import NEW, Sounds
from instrument.learn.course import ODD, Batches, Course
from instrument.learn.mangle import FURTHEST, mangled, strange_speed
from instrument.learn.train import Settings

RATE = 22050


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def tone(hz, seconds=1.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def sounds():
    return Sounds([tone(hz, 0.3 + hz / 500) for hz in (200, 300, 2000, 3000)], [0, 0, 1, 1], 2)


def test_a_mangled_sound_is_as_long_and_as_loud_and_follows_from_the_dice():
    for seed in range(40):
        found = mangled(tone(440), RATE, dice(seed))
        assert found.shape == (RATE,) and found.dtype == np.float32
        assert np.sqrt(np.mean(found**2)) == pytest.approx(1, abs=1e-3)
        assert np.array_equal(found, mangled(tone(440), RATE, dice(seed)))


def test_hardly_any_two_are_the_same_sound():
    noise = np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    found = np.stack([mangled(noise, RATE, dice(seed)) for seed in range(30)])
    alike = np.corrcoef(found) > 0.95
    assert alike.sum() < 0.3 * alike.size and (np.corrcoef(found)[0] < 0.7).any()


def test_silence_stays_silence():
    assert not any(mangled(np.zeros(500, np.float32), RATE, dice(seed)).any() for seed in range(10))


def test_speeds_are_as_often_slower_as_faster():
    chance = dice()
    speeds = np.log2([strange_speed(chance) for _ in range(400)])
    assert abs(speeds.mean()) < 0.1 and np.abs(speeds).max() <= np.log2(FURTHEST) and speeds.std() > 0.4


@pytest.mark.parametrize("odd, wanted", [(0.0, 1.0), (1.0, 0.0), (0.5, 0.5)])
def test_as_many_are_mangled_as_asked(odd, wanted):
    batch = sounds().batch(1, 64, odd)
    assert batch.named.float().mean().item() == pytest.approx(wanted, abs=0.2) and torch.isfinite(batch.log_mel).all()
    assert batch.whole[~batch.named].all()  # they do not come out of silence


@pytest.mark.parametrize("teacher, expected", [("", 0.0), ("teacher.pt", ODD)])
def test_without_a_teacher_nothing_is_mangled(teacher, expected, monkeypatch):
    asked = []
    source = SimpleNamespace(batch=lambda step, size, odd: asked.append(odd))
    Batches(Settings("data", sound_teacher=teacher), source)(3)
    assert asked == [expected]


def test_labels_are_learnt_of_what_they_name_alone():
    """Of two batches that differ in the labels of mangled sounds only, the loss is the same."""
    course = SimpleNamespace(
        device="cpu", tutor=None, losses=SimpleNamespace(add=lambda *_: None), _here=lambda tensor: tensor,
        hearing=lambda log_mel: (torch.arange(6.0).view(2, 3), None, None), settings=None)
    told = torch.eye(3)[[0, 1]]
    batch = SimpleNamespace(log_mel=None, target=told, named=torch.tensor([True, False]))
    other = SimpleNamespace(log_mel=None, target=told[[0, 0]], named=batch.named)
    both = SimpleNamespace(log_mel=None, target=told, named=torch.tensor([True, True]))
    loss = lambda one: Course._sound_loss(course, one).item()
    assert loss(batch) == loss(other) != loss(both)


@pytest.mark.parametrize("odd", [0.0, 0.5, 0.9])
def test_as_many_come_out_of_silence_whether_others_are_mangled_or_not(odd):
    short = Sounds([tone(200, 0.3), tone(900, 0.3)], [0, 1], 2)
    begun = torch.cat([~short.batch(step, 64, odd).whole for step in range(4)]).float().mean().item()
    assert begun == pytest.approx(min(NEW, 1 - odd), abs=0.1)
