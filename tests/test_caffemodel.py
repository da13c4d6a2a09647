"""Caffe's own file: what was written comes back, however it was written; damaged ones get one line."""

import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from instrument.model.caffemodel import load_caffemodel
from instrument.model.googlenet import GoogLeNet, _caffe_name, load_googlenet
from instrument.model.zoo import open_eye

torch.set_num_threads(1)


# --- the wire format, written by hand

def varint(number):
    text = bytearray()
    while number > 0x7F:
        text.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*text, number])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def data(values, packed=True):
    if packed:
        return text(5, np.asarray(values, "<f4").tobytes())
    return b"".join(varint(5 << 3 | 5) + struct.pack("<f", value) for value in values)


def blob(shape, values, old=False, packed=True):
    """A BlobProto: `old` has four sides, as before 2014; otherwise a BlobShape."""
    if old:
        sides = b"".join(number(field, side) for field, side in enumerate([1] * (4 - len(shape)) + list(shape), 1))
    else:
        dims = b"".join(map(varint, shape))
        sides = text(7, text(1, dims) if packed else b"".join(number(1, side) for side in shape))
    return sides + data(values, packed)


def layer(name, blobs, old=False):
    """A layer with what else stands in one: its type, its bottom, a learning rate."""
    name_field, blobs_field = (4, 6) if old else (1, 7)
    kind = number(5, 4) if old else text(2, b"Convolution")
    rest = text(3, b"below") + kind + varint(8 << 3 | 5) + struct.pack("<f", 1.0)
    return text(2 if old else 100, text(name_field, name.encode()) + rest
                + b"".join(text(blobs_field, each) for each in blobs))


def two_layers(old, packed):
    weights = blob((2, 3, 1, 1), range(6), old, packed)
    return (text(1, b"net") + layer("data", [], old) + layer("conv", [weights, blob((2,), (0.5, -1), old, packed)], old)
            + layer("scale", [blob((2,), (7, 8), old, packed)], old))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("packed", [True, False])
def test_what_was_written_comes_back(tmp_path, old, packed):
    (tmp_path / "a.caffemodel").write_bytes(two_layers(old, packed))
    found = load_caffemodel(tmp_path / "a.caffemodel")
    assert list(found) == ["conv.weight", "conv.bias", "scale.weight"]
    assert found["conv.weight"].shape == (2, 3, 1, 1) and found["conv.weight"].ravel().tolist() == list(range(6))
    assert found["conv.bias"].ravel().tolist() == [0.5, -1] and found["scale.weight"].ravel().tolist() == [7, 8]
    assert found["conv.bias"].shape == ((1, 1, 1, 2) if old else (2,))


def test_a_file_cut_anywhere_is_damaged_or_has_fewer_layers(tmp_path):
    whole = two_layers(False, True)
    ends = [len(whole[:whole.index(name)]) for name in (b"conv", b"scale")]
    for end in range(1, len(whole)):
        (tmp_path / "a.caffemodel").write_bytes(whole[:end])
        try:
            assert "scale.weight" not in load_caffemodel(tmp_path / "a.caffemodel") and end > ends[0]
        except ValueError as mistake:
            assert str(mistake) and "\n" not in str(mistake)


@pytest.mark.parametrize("damage, words", [
    (b"", "no layer"), (layer("relu", []), "no layer"), (b"\xff" * 20, "no end"), (b"<html>", "wire type 4"),
    (layer("conv", [blob((3, 3), range(5))]), "layer 'conv' has 5 numbers where 3 x 3 are due"),
    (layer("conv", [text(7, text(1, varint(2))) + text(5, b"abc")]), "0.75 numbers where 2"),
])
def test_a_damaged_file_says_why(tmp_path, damage, words):
    (tmp_path / "a.caffemodel").write_bytes(damage)
    with pytest.raises(ValueError, match=words):
        load_caffemodel(tmp_path / "a.caffemodel")


# --- the whole network

@pytest.fixture(scope="module")
def weights():
    """Random weights by Caffe's names; the classifier as converters leave it, with sides of 1."""
    torch.manual_seed(0)
    found = {_caffe_name(name): parameter.detach().clone() for name, parameter in GoogLeNet().named_parameters()}
    found["loss3/classifier.weight"] = found["loss3/classifier.weight"][:, :, None, None].contiguous()
    return found


def write(path, weights, old=False):
    """The weights as a caffemodel, with an auxiliary head of the training."""
    names = dict.fromkeys(name.rpartition(".")[0] for name in weights)
    blobs = {name: [weights[f"{name}.weight"], weights[f"{name}.bias"]] for name in names}
    blobs["loss1/fc"] = [torch.zeros(2, 3), torch.zeros(2)]
    path.write_bytes(b"".join(layer(name, [blob(each.shape, each.flatten(), old) for each in tensors], old)
                              for name, tensors in blobs.items()))
    return path


@pytest.mark.parametrize("old", [False, True])
def test_both_kinds_of_file_give_the_same_network(tmp_path, weights, old):
    save_file(weights, tmp_path / "a.safetensors")
    one = load_googlenet(tmp_path / "a.safetensors")
    other = load_googlenet(write(tmp_path / "a.caffemodel", weights, old))
    for (name, mine), theirs in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs), name
        assert torch.equal(mine.flatten(), weights[_caffe_name(name)].flatten()), name
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(one(picture), other(picture))


def test_it_dreams(tmp_path, weights):
    eye = open_eye(str(write(tmp_path / "a.caffemodel", weights)))
    assert eye.names == ("conv2", "3b", "4c", "5b") and eye.channels == (192, 480, 512, 1024)


@pytest.mark.parametrize("change, words", [
    (lambda w: [w.pop(f"inception_4c/5x5.{part}") for part in ("weight", "bias")], "no inception_4c/5x5.weight"),
    (lambda w: w.update({"conv2/3x3.bias": torch.zeros(7)}), r"conv2/3x3.bias is \(7,\), expected \(192,\)"),
    (lambda w: w.update({"conv2/3x3.bias": torch.full((192,), torch.nan)}), "conv2/3x3.bias is not finite"),
])
def test_another_network_is_told_from_googlenet(tmp_path, weights, change, words):
    changed = dict(weights)
    change(changed)
    with pytest.raises(ValueError, match=rf"is not BVLC GoogLeNet \({words}\)"):
        open_eye(str(write(tmp_path / "a.caffemodel", changed)))


def test_a_file_that_is_not_there_is_explained():
    with pytest.raises(ValueError, match=r"no such file; give BVLC GoogLeNet as \.caffemodel"):
        open_eye("nowhere.caffemodel")
