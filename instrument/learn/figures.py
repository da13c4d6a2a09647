"""Figures of a test as pictures, drawn with Pillow."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL, MARGIN, GAP = 44, 150, 12  # px
INK, PAPER = (30, 30, 34), (250, 250, 248)
LIGHT, DARK = np.array((250, 250, 248)), np.array((20, 76, 130))


def save_confusion(confusion, classes, path):
    """Draw a confusion matrix (truth, answer) of counts as PNG, each row coloured by its shares."""
    side = MARGIN + CELL * len(classes) + GAP
    picture = Image.new("RGB", (side, side), PAPER)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for row, counts in enumerate(np.asarray(confusion)):
        for column, count in enumerate(counts):
            _cell(pen, font, row, column, int(count), count / max(counts.sum(), 1))
    _names(picture, classes, font)
    pen.text((GAP, GAP), "rows: truth\ncolumns: heard", INK, font)
    picture.save(path)


def _cell(pen, font, row, column, count, share):
    x, y = MARGIN + CELL * column, MARGIN + CELL * row
    colour = tuple(int(part) for part in LIGHT + (DARK - LIGHT) * share)
    pen.rectangle((x, y, x + CELL - 2, y + CELL - 2), colour)
    if count:
        pen.text((x + CELL / 2 - 1, y + CELL / 2 - 1), str(count), PAPER if share > 0.5 else INK, font, anchor="mm")


def _names(picture, classes, font):
    """Truth to the left of its row, answers upright above their columns."""
    strip = Image.new("RGB", (MARGIN - GAP, CELL * len(classes)), PAPER)
    above = ImageDraw.Draw(strip)
    beside = ImageDraw.Draw(picture)
    for number, name in enumerate(classes):
        middle = CELL * number + CELL / 2 - 1
        beside.text((MARGIN - GAP, MARGIN + middle), name, INK, font, anchor="rm")
        above.text((0, middle), name, INK, font, anchor="lm")
    picture.paste(strip.rotate(90, expand=True), (MARGIN, 0))
