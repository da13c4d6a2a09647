"""Weights out of a `.caffemodel`: as much of protobuf and of Caffe's messages as that takes.

The wire format is described at protobuf.dev/programming-guides/encoding; the field numbers are those of
`src/caffe/proto/caffe.proto` in BVLC/caffe.
"""

import math
from pathlib import Path

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4, groups, are in no Caffe file
# Field of NetParameter: (field of the layer's name, field of its blobs).
LAYERS = {100: (1, 7), 2: (4, 6)}  # layer (LayerParameter), layers (V1LayerParameter, until 2014)
# Fields of BlobProto, and the one field of its BlobShape.
SIDES, DATA, SHAPE = (1, 2, 3, 4), 5, 7  # num, channels, height, width; data; shape
DIM = 1
PARTS = ("weight", "bias")  # what the blobs of a layer are, in their order


def load_caffemodel(path):
    """{layer.weight or layer.bias: float32 array} of all layers that have blobs; ValueError for a damaged file."""
    arrays = {}
    for field, value in fields(memoryview(Path(path).read_bytes())):
        if field in LAYERS and not isinstance(value, int):
            arrays.update(_layer(value, *LAYERS[field]))
    if not arrays:
        raise ValueError("no layer with weights")
    return arrays


def fields(message):
    """(field number, value) of every field of a message: an int for a varint, else a view of its bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
        else:
            size, at = _size(kind, message, at)
            value, at = message[at:at + size], at + size
            if at > len(message):
                raise ValueError("the file ends early")
        yield key >> 3, value


def _size(kind, message, at):
    """(bytes of a value, where it begins)."""
    if kind == BYTES:
        return _varint(message, at)
    if kind not in (FIXED32, FIXED64):
        raise ValueError(f"wire type {kind} in it is not Caffe's")
    return (4 if kind == FIXED32 else 8), at


def _varint(message, at):
    """(number, where the next field begins): seven bits a byte, lowest first, the top bit says that more follow."""
    number = 0
    for place in range(10):
        if at + place >= len(message):
            raise ValueError("the file ends early")
        byte = message[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a number in it has no end")


def _layer(message, name_field, blobs_field):
    """{name.weight, name.bias: array} of one layer, empty where it has no blobs."""
    found = [(field, value) for field, value in fields(message) if not isinstance(value, int)]
    name = "".join(str(value, "utf-8", "replace") for field, value in found if field == name_field)
    blobs = [value for field, value in found if field == blobs_field]
    return {f"{name}.{part}": _blob(blob, name) for part, blob in zip(PARTS, blobs, strict=False)}


def _blob(message, name):
    """A blob as a float32 array of its shape; of an old file's blob, always four-dimensional."""
    sides, shape, pieces = {}, None, []
    for field, value in fields(message):
        if field in SIDES and isinstance(value, int):
            sides[field] = value
        elif field == SHAPE and not isinstance(value, int):
            shape = _dims(value)
        elif field == DATA and not isinstance(value, int):
            pieces.append(value)  # all at once if packed, else one number each
    shape = [sides.get(side, 1) for side in SIDES] if shape is None else shape
    data = b"".join(pieces)
    if len(data) != 4 * math.prod(shape):
        raise ValueError(f"layer {name!r} has {len(data) / 4:g} numbers where {' x '.join(map(str, shape))} are due")
    return np.frombuffer(data, "<f4").reshape(shape)


def _dims(message):
    """The sides of a BlobShape, packed or one by one."""
    dims = []
    for _, value in (pair for pair in fields(message) if pair[0] == DIM):
        if isinstance(value, int):
            dims.append(value)
            continue
        at = 0
        while at < len(value):
            dim, at = _varint(value, at)
            dims.append(dim)
    return dims
