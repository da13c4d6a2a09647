"""A clip as the paper's picture: mel power in dB under the clip's own peak, in magma, 600 x 440, squashed to 224.

The chain of 2018 (librosa's defaults of that time, drawn by matplotlib) written with our own front end: 22,050 Hz,
periodic Hann of 2048 every 512, centred with reflection, 128 Slaney bands, range of 80 dB, colours stretched between
the least and the greatest value of the clip. Checked against librosa in the tests.
"""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

from ...audio.frontend import LONG, log_mel

FRONT_END = LONG
RANGE = 80.0  # dB
SIZE = (600, 440)  # pixels of the drawn picture, width and height
SIDE = 224  # pixels of what the network sees
# Every 15th colour of magma (S. van der Walt and N. Smith, 2015, CC0); between them lines, at most 2.7 of 255 off.
MAGMA = ("000004 090720 1a1042 311165 4a1079 621980 792282 912b81 aa337d c23b75 d9466b ec5860 f7725c fc8e64 feaa74 "
         "fec68a fde2a3 fcfdbf")


def decibels(samples):
    """dB under the clip's loudest cell, float (128, frames), -80 to 0; samples mono at 22,050 Hz."""
    around = FRONT_END.n_fft // 2
    nats = log_mel(np.pad(np.asarray(samples, np.float32), around, mode="reflect"), FRONT_END, level=False).astype(float)
    power = np.maximum(np.exp(nats) - FRONT_END.floor, FRONT_END.floor)
    return np.maximum(10 * np.log10(power / power.max()), -RANGE)


def levels(samples):
    """The same as places in the colour table, uint8 (128, frames), the clip's least value 0, its greatest 255."""
    values = decibels(samples)
    low, high = values.min(), values.max()
    return np.round((values - low) / (high - low or 1.0) * 255).astype(np.uint8)


@lru_cache
def magma():
    """The colour table, uint8 (256, 3)."""
    points = np.array([list(bytes.fromhex(colour)) for colour in MAGMA.split()])
    at = np.linspace(0, 255, len(points))
    return np.stack([np.round(np.interp(np.arange(256), at, column)) for column in points.T], 1).astype(np.uint8)


def picture(places):
    """The drawing, uint8 (440, 600, 3), of levels (128, frames): low bands below, the whole width filled."""
    return np.asarray(Image.fromarray(magma()[places[::-1]]).resize(SIZE, Image.Resampling.NEAREST))


def jpeg(drawn):
    """A picture after one JPEG file of matplotlib's quality, as the original stored them."""
    file = BytesIO()
    Image.fromarray(drawn).save(file, "jpeg", quality=75)
    return np.asarray(Image.open(file))


def squash(drawn):
    """uint8 (224, 224, 3): both sides to 224, whatever the aspect."""
    return np.asarray(Image.fromarray(drawn).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
