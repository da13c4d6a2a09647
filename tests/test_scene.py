"""The scenes that the class pictures are drawn from."""

import numpy as np
import pytest
from PIL import Image

from instrument.learn.scene import drawn, save, scenes
from instrument.model.card import DEFAULT, load_model

SMALL = (96, 64)


@pytest.fixture(scope="module")
def small():
    """Scenes drawn so far, {name: (picture, subject)}."""
    kept = {}

    def of(name):
        if name not in kept:
            kept[name] = drawn(name, SMALL)
        return kept[name]

    return of


def test_every_class_has_a_scene():
    assert scenes() == sorted(load_model(DEFAULT).classes)


@pytest.mark.parametrize("name", scenes())
def test_a_scene_is_lit_as_for_a_camera(small, name):
    picture = small(name)[0].astype(float) / 255
    assert picture.shape == (64, 96, 3)
    assert 0.2 < picture.mean() < 0.65 and picture.std() > 0.15
    assert (picture < 0.02).all(2).mean() < 0.1 and (picture > 0.98).all(2).mean() < 0.05


@pytest.mark.parametrize("name", scenes())
def test_the_things_of_a_class_fill_a_good_part_of_its_picture(small, name):
    assert 0.1 < small(name)[1].mean() < 0.95


@pytest.mark.parametrize("name", scenes())
def test_the_pictures_of_the_model_are_those_scenes(small, name):
    shipped = Image.open(DEFAULT / "pictures" / f"{name}.jpg").resize(SMALL, Image.Resampling.BOX)
    assert np.abs(np.asarray(shipped).astype(float) - small(name)[0]).mean() < 12


def test_a_scene_is_the_same_whenever_it_is_drawn(small):
    name = scenes()[0]
    assert (drawn(name, SMALL)[0] == small(name)[0]).all()


def test_a_file_has_the_size_asked_for(small, tmp_path):
    save(small(scenes()[0])[0], tmp_path / "a" / "one.png")
    assert Image.open(tmp_path / "a" / "one.png").size == SMALL


def test_an_unknown_scene_is_explained():
    with pytest.raises(ValueError, match="no scene 'whale': expected one of air_conditioner, "):
        drawn("whale", SMALL)
