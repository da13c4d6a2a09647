"""The painter: its picture, its views, its prior and the whole command on a network of random weights."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from instrument.learn import paint as painting
from instrument.learn.paint import RECIPES, Painter, Recipe, Spectrum, Stage, Thing, paint, statistics, view
from instrument.model.googlenet import INCEPTIONS, GoogLeNet

SMALL = (Stage(0.5, 32, 3, 0.05), Stage(1.0, 32, 2, 0.05))
CONVOLUTIONS = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return GoogLeNet().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def files(tmp_path_factory, network):
    """A teacher file with Caffe names and a folder of photographs, both of our own making."""
    folder = tmp_path_factory.mktemp("paint")
    names = {"entry.conv1": "conv1/7x7_s2", "entry.reduce2": "conv2/3x3_reduce", "entry.conv2": "conv2/3x3",
             "classifier": "loss3/classifier"}
    for block in INCEPTIONS:
        for path in CONVOLUTIONS:
            names[f"inceptions.{block}.paths.{path}"] = f"inception_{block}/{path}"
    weights = {names[key.rpartition(".")[0]] + "." + key.rpartition(".")[2]: tensor.clone()
               for key, tensor in network.state_dict().items()}
    save_file(weights, str(folder / "teacher.safetensors"))
    random = np.random.default_rng(0)
    (folder / "photographs").mkdir()
    for i in range(4):
        pixels = random.integers(0, 255, (6, 6, 3), np.uint8)
        Image.fromarray(pixels).resize((48, 48)).save(folder / "photographs" / f"{i}.png")
    return folder / "teacher.safetensors", folder / "photographs"


def _noise(width, height, seed=0):
    return Spectrum.noise(width, height, torch.Generator().manual_seed(seed))


def test_a_picture_has_its_size_and_range():
    picture = _noise(48, 32).picture()
    assert picture.shape == (1, 3, 32, 48)
    assert 0 < picture.min() and picture.max() < 1


def test_growing_keeps_the_coarse_part():
    small = _noise(48, 32)
    with torch.no_grad():
        small.coefficients[:, 6:-5], small.coefficients[:, :, 6:] = 0, 0  # the finest waves fade
    large = small.grown(96, 64)
    assert torch.allclose(large.picture()[..., ::2, ::2], small.picture(), atol=1e-5)


def test_growing_smooths_the_finest_waves():
    noise = _noise(48, 32)
    large = noise.grown(96, 64).picture()[..., ::2, ::2]
    assert painting.speckle(large) < 0.9 * painting.speckle(noise.picture())


def test_a_straight_view_is_a_crop():
    picture = torch.rand(1, 3, 40, 60)
    seen = view(picture, (30, 20), 16, 16, 0.0)
    assert torch.allclose(seen, picture[..., 12:28, 22:38], atol=1e-5)


def test_a_far_view_averages():
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    seen = view(board.float().expand(1, 3, 64, 64), (32, 32), 64, 16, 0.0)
    assert torch.allclose(seen, torch.full_like(seen, 0.5))


def test_nature_is_natural(network):
    photographs = torch.rand(2, 3, 64, 64)
    activations = network.activations(photographs)
    assert painting.unnatural(activations, statistics(activations)) == 0
    assert painting.unnatural(network.activations(photographs * 0.2), statistics(activations)) > 0


def test_a_clipped_picture_is_badly_lit():
    natural = {"pixels": torch.tensor([[0.5] * 3, [0.25] * 3])}
    grey, white = torch.rand(1, 3, 32, 32) * 0.86 + 0.07, torch.ones(1, 3, 32, 32)
    assert painting.badly_lit(white, natural) > 10 * painting.badly_lit(grey, natural)


def test_painting_raises_the_answer_asked_for(network):
    natural = {**statistics(network.activations(torch.rand(2, 3, 32, 32))), "pixels": torch.full((2, 3), 0.4)}
    painter = Painter(Recipe((Thing(5),)), network, natural, torch.Generator().manual_seed(0))
    spectrum = _noise(48, 32)

    def answer():
        painter.random.manual_seed(1)
        with torch.no_grad():
            return painter.loss(spectrum.picture(), 32, 0).item()

    before = answer()
    painter.paint(spectrum, Stage(1.0, 32, 12, 0.05), lambda steps: steps)
    assert answer() < before


def test_the_same_seed_paints_the_same_file(files, tmp_path):
    first = paint("dog_bark", *files, tmp_path / "a" / "first.jpg", 3, (96, 64), SMALL)
    again = paint("dog_bark", *files, tmp_path / "again.jpg", 3, (96, 64), SMALL)
    other = paint("dog_bark", *files, tmp_path / "other.png", 4, (96, 64), SMALL)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert Image.open(tmp_path / "a" / "first.jpg").size == (96, 64)
    assert (tmp_path / "a" / "first.jpg").read_bytes() == (tmp_path / "again.jpg").read_bytes()


def test_an_unknown_class_is_explained(files, tmp_path):
    with pytest.raises(ValueError, match="no recipe for 'rain': expected one of .*siren"):
        paint("rain", *files, tmp_path / "rain.jpg")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_painted(name):
    for thing in RECIPES[name].things:
        assert 0 <= thing.index < 1000 and thing.pull > 0
        assert 0 <= thing.x <= 1 and 0 <= thing.y <= 1 and 0.3 <= thing.size <= 1.1
