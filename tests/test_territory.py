"""Where in a mixture each class is seen."""

import pytest
import torch

from instrument.dream.change import GREY, mixed
from instrument.dream.octaves import resize
from instrument.dream.territory import Territories, divided

SIZE = (90, 160)
MIXTURES = [{"dog": 0.5, "siren": 0.5}, {"dog": 0.9, "siren": 0.1}, {"dog": 0.6, "siren": 0.3, "drill": 0.1},
            {name: 0.1 for name in "abcdefghij"}]


def shown(shares, seed=0):
    """How much of each class is seen at each place, (classes, 1, h, w)."""
    territories = Territories(seed)
    return divided(territories.fields(shares, SIZE, "cpu"), territories.odds(shares))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", MIXTURES, ids=str)
def test_areas_are_as_large_as_the_shares(shares, seed):
    areas = shown(shares, seed).mean((1, 2, 3))
    assert torch.allclose(areas, torch.tensor(list(shares.values())), atol=0.02)


@pytest.mark.parametrize("shares", MIXTURES[:3], ids=str)
def test_nearly_everywhere_one_class_is_seen_and_not_a_mixture(shares):
    assert (shown(shares).amax(0) > 0.8).float().mean() > 0.7


def test_a_class_alone_has_no_map_and_one_of_next_to_nothing_next_to_none():
    assert shown({"dog": 1.0}) is None
    areas = shown({"dog": 1 - 1e-6, "siren": 1e-6}).mean((1, 2, 3))
    assert areas[0] > 0.999 and areas.isfinite().all()


def test_a_louder_class_takes_land_and_gives_none():
    quiet, loud = shown({"dog": 0.4, "siren": 0.6})[0], shown({"dog": 0.6, "siren": 0.4})[0]
    assert (loud >= quiet - 1e-6).all()


def test_a_place_keeps_its_class_while_shares_change_a_little():
    assert (shown({"dog": 0.5, "siren": 0.5}) - shown({"dog": 0.52, "siren": 0.48})).abs().max() < 0.1


def test_another_seed_divides_otherwise_and_the_same_the_same():
    assert torch.equal(shown(MIXTURES[0]), shown(MIXTURES[0]))
    assert (shown(MIXTURES[0]) - shown(MIXTURES[0], seed=1)).abs().mean() > 0.1
    assert (shown(MIXTURES[0]) - shown({"cat": 0.5, "bell": 0.5})).abs().mean() > 0.1  # and other classes have other lands


def test_another_size_is_divided_alike():
    shares, territories = MIXTURES[2], Territories(0)
    odds = territories.odds(shares)
    small, large = (divided(territories.fields(shares, size, "cpu"), odds) for size in ((45, 80), SIZE))
    assert torch.allclose(torch.nn.functional.avg_pool2d(large, 2), small, atol=0.05)


@pytest.mark.parametrize("size", [(432, 768), (768, 432), (1000, 250), (200, 900)])
def test_a_map_is_as_fine_as_it_need_be(size, monkeypatch):
    shares, territories = MIXTURES[2], Territories(0)
    coarse = divided(territories.fields(shares, size, "cpu"), territories.odds(shares))
    monkeypatch.setattr("instrument.dream.territory.FINEST", size)
    fine = divided(Territories(0).fields(shares, size, "cpu"), territories.odds(shares))
    assert coarse.numel() < 0.7 * fine.numel() and fine.shape[2:] == size
    assert (resize(coarse.transpose(0, 1), size) - fine.transpose(0, 1)).abs().max() < 0.05


def test_a_mixture_of_pictures_has_their_contrast():
    views = [torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    territories = Territories(0)
    lands = divided(territories.fields("abc", SIZE, "cpu"), territories.odds({name: 1 / 3 for name in "abc"}))
    assert mixed(views, lands, views[0]).std() > 0.9 * views[0].std()
    assert mixed(views[:1], None, views[0]) is views[0]
    assert torch.equal(mixed((), None, views[0]), torch.full_like(views[0], GREY))
