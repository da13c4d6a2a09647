"""The bench of dead knobs: it measures every row there is, sees what shows and names what does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from instrument.bench import knobs
from instrument.bench.looks import PLAIN
from instrument.cli import parser
from instrument.model.card import load_model, save_model
from instrument.model.net import HearSee
from instrument.offline import Offline
from instrument.params import BY_NAME, PARAMS

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A bench of half a second on a random network with two class pictures."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    save_model(folder, HearSee(2), {"classes": ["bell", "rain"]})
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    for name, picture in {"bell": pixels, "rain": pixels[::-1]}.items():
        Image.fromarray(picture).resize((96, 96)).save(folder / "pictures" / f"{name}.png")
    try:
        offline = Offline(load_model(folder), (80, 48))
    except OSError as error:
        pytest.skip(str(error))
    with offline:
        yield knobs.Bench(offline, 0.5)


def test_every_row_of_the_picture_is_measured():
    names = {row.name for row in knobs.rows_of()}
    assert {row.name for row in PARAMS if row.group in knobs.GROUPS} - names == {knobs.YARDSTICK}
    assert [row.name for row in knobs.rows_of(["post.hue"])] == ["post.hue"]


@pytest.mark.parametrize("name", ["show.master", "dream.seed", "post.nope"])
def test_other_rows_are_refused_in_one_line(name):
    with pytest.raises(ValueError, match=f"does not measure '{name}'; it measures dream.octaves, "):
        knobs.rows_of([name])


def test_rows_are_named_on_the_command_line():
    assert parser().parse_args(["bench", "knobs", "--rows", "post.hue", "zoom.speed"]).rows == ["post.hue", "zoom.speed"]


def test_what_a_row_needs_is_legal_and_leaves_it_alone():
    for name, needs in knobs.NEEDS.items():
        assert name not in needs or name in knobs.BASE, name
        for other, value in needs.items():
            assert BY_NAME[other].clamp(value) == value, (name, other)


def test_a_row_that_shows_passes_and_says_in_which_respect(bench):
    found = bench.measure(BY_NAME["post.gamma"])
    assert found["ratio"] > 1 and found["respect"] in PLAIN
    assert found["change"] == pytest.approx(found["ratio"] * knobs.ENOUGH * max(found["seeds"], knobs.LEAST))


def test_a_dead_row_is_named(bench):
    dead = replace(BY_NAME["post.gamma"], lo=1.0, hi=1.0)
    found = bench.measure(dead)
    assert found["change"] == 0 == found["ratio"]
    assert "too weak are post.gamma (0.0 times)" in knobs.verdict([found])
    assert "none is dead" in knobs.verdict([{**found, "ratio": 1.0}])
