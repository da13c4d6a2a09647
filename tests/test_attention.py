"""Transformers made for one size of picture, looking at any: nothing of a picture is lost, and no size is special."""

import copy

import pytest
import torch
from torchvision.models import VisionTransformer
from torchvision.models.maxvit import PartitionAttentionLayer

from instrument.dream.objective import Guides, guided
from instrument.model.attention import AnySize, Patches
from instrument.model.classifiers import classifier_eye

torch.set_num_threads(1)
SIDE = 7  # places in a window of MaxViT


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    net = VisionTransformer(64, 16, 8, 2, 32, 64, num_classes=5).eval()
    torch.nn.init.normal_(net.heads.head.weight)
    return net


def eye_of(net):
    return classifier_eye(net, "vit", mean=(0, 0, 0), std=(1, 1, 1))


def layer(kind, sides):
    torch.manual_seed(0)
    made = PartitionAttentionLayer(8, 4, SIDE, kind, sides, 2, torch.nn.GELU, torch.nn.LayerNorm, 0, 0, 0)
    return made.eval().requires_grad_(False)


def seen(kind, x):
    return AnySize(layer(kind, (SIDE, SIDE)))(x)


def test_a_vision_transformer_answers_as_torchvision_has_it_at_its_own_size(vit):
    picture = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        eye = eye_of(vit)
        assert torch.allclose(eye.logits(eye.activations(picture, 4)[-1]), vit(picture), atol=1e-5)


@pytest.mark.parametrize("size", [(48, 80), (50, 77), (33, 129)])
def test_a_vision_transformer_looks_at_every_pixel_of_any_size(vit, size):
    picture = torch.rand(1, 3, *size, requires_grad=True)
    outputs = eye_of(vit).activations(picture, 4)
    assert {tuple(output.shape[2:]) for output in outputs} == {tuple(round(edge / 16) for edge in size)}
    pull, = torch.autograd.grad(outputs[-1].square().sum(), picture)
    assert (pull.abs().sum(1) > 0).all()


@pytest.mark.parametrize("patch", (14, 16, 32))
def test_the_strides_of_a_vision_transformer_are_its_patches(patch):
    """Whatever they are, and the smallest picture has two of them a side."""
    eye = eye_of(VisionTransformer(4 * patch, patch, 4, 2, 32, 64, num_classes=5))
    assert eye.strides == (patch,) * 4 and eye.smallest == 2 * patch
    assert eye.activations(torch.rand(1, 3, eye.smallest, eye.smallest), 4)[-1].shape[2:] == (2, 2)


def test_a_guide_pulls_places_only(vit):
    """What is the same all over a picture is nothing special about it."""
    eye, shown = eye_of(vit), {"a": torch.rand(3, 64, 96)}
    for guide in Guides(eye, shown).at("a", 64, 4):
        parts = (*guide[:1], *guide[2:])
        assert eye.beside == 32 and all(part[..., -32:].abs().sum() == 0 and part[..., :32].abs().sum() > 0 for part in parts)
    activation = eye.activations(torch.rand(1, 3, 64, 80), 4)[-1]
    assert guided(activation, Guides(eye, shown).at("a", 64, 4)[-1], 0.5)[:, -32:].abs().sum() == 0


def test_positions_go_with_the_picture(vit):
    """Of a picture three times as wide the left third is on the left, and every row has the same columns."""
    net, nowhere = copy.deepcopy(vit), copy.deepcopy(vit)
    nowhere.encoder.pos_embedding.data.zero_()
    net.encoder.pos_embedding.data[0, 1:, 0] = torch.arange(4.0).repeat(4)  # the column of each place
    wide = torch.zeros(1, 3, 64, 192)
    columns = (Patches(net)(wide) - Patches(nowhere)(wide))[0, 0]
    assert torch.allclose(columns, columns[:1].expand(4, 12), atol=1e-5)
    asked = (torch.arange(12.0) + 0.5) / 3 - 0.5
    assert (columns[0] - asked).abs().max() < 0.4 and (columns[0, 2:-2] - asked[2:-2]).abs().max() < 0.1


@pytest.mark.parametrize("kind", ["window", "grid"])
@pytest.mark.parametrize("side", [7, 14, 28])
def test_a_layer_of_maxvit_is_as_torchvision_has_it(kind, side):
    x = torch.rand(2, 8, side, side)
    assert torch.allclose(seen(kind, x), layer(kind, (side, side))(x), atol=1e-5)


def test_windows_of_a_wide_picture_are_those_of_its_halves():
    x = torch.rand(1, 8, 14, 28)
    assert torch.allclose(seen("window", x), torch.cat([seen("window", half) for half in x.chunk(2, 3)], 3), atol=1e-5)


def test_grids_of_a_picture_stretched_are_those_of_the_picture():
    x = torch.rand(1, 8, 14, 14)
    assert torch.allclose(seen("grid", x.repeat_interleave(3, 3)), seen("grid", x).repeat_interleave(3, 3), atol=1e-5)


@pytest.mark.parametrize("kind", ["window", "grid"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 13)])
def test_what_fits_in_no_window_is_seen_with_its_edge_repeated(kind, size):
    x = torch.rand(1, 8, *size)
    high, wide = (edge + -edge % SIDE for edge in size)
    rows, columns = (torch.arange(whole).clamp(max=edge - 1) for whole, edge in zip((high, wide), size, strict=True))
    whole = seen(kind, x[:, :, rows[:, None], columns])
    assert torch.allclose(seen(kind, x), whole[:, :, :size[0], :size[1]], atol=1e-5)
