"""The scenes that the class pictures are drawn from."""

import numpy as np
import pytest
from helpers import full_disk
from PIL import Image

from instrument.cli import main
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


def paint(*arguments):
    """The status of `hearsee paint` with pictures so small that none takes long."""
    with pytest.raises(SystemExit) as ended:
        main(["paint", "--size", "96x64", *map(str, arguments)])
    return ended.value.code


@pytest.mark.parametrize("ending", ("jpg", "png"))
def test_a_picture_of_ones_own_is_not_painted_over(tmp_path, capfd, monkeypatch, ending):
    """Nor put in the shade: of two pictures of a class the newest is shown. It is said before the first is drawn."""
    monkeypatch.setattr("instrument.learn.scene.drawn", lambda *_: pytest.fail("drawn"))
    mine = tmp_path / f"siren.{ending}"
    mine.write_bytes(b"mine")
    assert paint("dog_bark", "siren", "--out", tmp_path) == 2
    assert list(tmp_path.iterdir()) == [mine] and mine.read_bytes() == b"mine"
    told = capfd.readouterr().err
    assert told.startswith(f"hearsee: {mine}: there already") and "--force" in told and told.count("\n") == 1


def test_a_picture_of_ones_own_is_painted_over_where_that_is_asked_for(small, tmp_path):
    (tmp_path / "siren.jpg").write_bytes(b"mine")
    assert paint("siren", "--out", tmp_path, "--force") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["siren.jpg"] and Image.open(tmp_path / "siren.jpg").size == SMALL


def test_all_names_are_looked_at_before_the_first_picture(tmp_path):
    assert paint("siren", "whale", "--out", tmp_path / "new") == 2 and not (tmp_path / "new").exists()


def test_a_picture_that_cannot_be_written_leaves_the_old_one(small, tmp_path):
    path = tmp_path / "siren.jpg"
    path.write_bytes(b"mine")
    with full_disk(100), pytest.raises(OSError, match="siren.jpg: picture not written .*make room"):
        save(small("siren")[0], path)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"mine"
