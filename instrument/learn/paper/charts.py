"""Figures drawn with Pillow: tables of coloured cells, curves, bars, pictures with captions."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, FAINT, PAPER = (30, 30, 30), (205, 205, 205), (255, 255, 255)
BLUE, ORANGE = (8, 48, 107), (214, 96, 20)
CELL, LEFT, TOP, MARGIN = 56, 150, 112, 24
PANEL = (420, 260)


def matrix(shares, texts, rows, columns, title):
    """A table of cells: `shares` (rows, columns) 0 to 1 from white to blue, `texts` in them."""
    shares = np.asarray(shares, float)
    height, width = shares.shape
    sheet, pen = _sheet(max(LEFT + width * CELL + 60, 20 + 9 * len(title)), TOP + height * CELL + MARGIN, title)
    for j, name in enumerate(columns):
        _slanted(sheet, name, (LEFT + j * CELL + 4, TOP - 4))
    for i, name in enumerate(rows):
        y = TOP + i * CELL
        pen.text((LEFT - 8, y + CELL / 2), name, INK, _font(13), anchor="rm")
        for j in range(width):
            _cell(pen, (LEFT + j * CELL, y), shares[i, j], str(texts[i][j]))
    return sheet


def confusion(counts, classes, title):
    """Rows the truth, columns the answers, coloured by the share of the row, counts as text."""
    counts = np.asarray(counts)
    return matrix(counts / np.maximum(counts.sum(1, keepdims=True), 1), counts.tolist(), classes, classes, title)


def _cell(pen, corner, share, text):
    x, y = corner
    share = min(max(float(share), 0.0), 1.0)
    colour = tuple(round(255 + (dark - 255) * share) for dark in BLUE)
    pen.rectangle((x, y, x + CELL - 2, y + CELL - 2), colour, FAINT)
    pen.text((x + CELL / 2, y + CELL / 2), text, PAPER if share > 0.5 else INK, _font(13), anchor="mm")


def _slanted(sheet, text, corner):
    label = Image.new("L", (110, 18))
    ImageDraw.Draw(label).text((0, 0), text, 255, _font(13))
    label = label.rotate(38, Image.Resampling.BICUBIC, expand=True)
    x, y = corner
    sheet.paste(INK, (x, y - label.height + 2), label)


def lines(series, title, top=None):
    """Curves over epochs 1, 2, ...: {name: values}, first name blue, second orange; y from 0 to `top`."""
    sheet, pen = _sheet(*PANEL, title)
    top = top or max(max(values) for values in series.values()) * 1.05 or 1.0
    box = (56, 48, PANEL[0] - MARGIN, PANEL[1] - 56)
    _axes(pen, box, top, max(len(values) for values in series.values()))
    for number, (name, values) in enumerate(series.items()):
        colour = (BLUE, ORANGE)[number % 2]
        points = [_place(box, i / max(len(values) - 1, 1), value / top) for i, value in enumerate(values)]
        pen.line(points, colour, 2)
        for x, y in points:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        pen.text((box[0] + 110 * number, PANEL[1] - 24), name, colour, _font(13))
    return sheet


def bars(counts, edges, title):
    """A histogram: `counts` (n,) between `edges` (n + 1)."""
    sheet, pen = _sheet(*PANEL, title)
    top = max(*counts, 1)
    box = (56, 48, PANEL[0] - MARGIN, PANEL[1] - 56)
    pen.text((box[0] - 6, box[1]), str(top), INK, _font(12), anchor="rm")
    for i, count in enumerate(counts):
        left, high = _place(box, i / len(counts), count / top)
        pen.rectangle((left + 1, high, _place(box, (i + 1) / len(counts), 0)[0] - 1, box[3]), BLUE)
    for i, edge in enumerate(edges):
        pen.text((_place(box, i / len(counts), 0)[0], box[3] + 12), f"{edge:.1f}", INK, _font(11), anchor="mm")
    return sheet


def _axes(pen, box, top, epochs):
    left, _, right, low = box
    for share in (0, 0.5, 1):
        _, y = _place(box, 0, share)
        pen.line((left, y, right, y), FAINT)
        pen.text((left - 6, y), f"{top * share:.2f}", INK, _font(12), anchor="rm")
    for i in range(epochs):
        pen.text((_place(box, i / max(epochs - 1, 1), 0)[0], low + 12), str(i + 1), INK, _font(12), anchor="mm")


def _place(box, across, up):
    left, high, right, low = box
    return left + (right - left) * across, low - (low - high) * up


def captioned(drawn, words, width=300):
    """A picture, uint8 (h, w, 3), `width` wide with words above it."""
    small = Image.fromarray(drawn).resize((width, round(width * drawn.shape[0] / drawn.shape[1])))
    sheet, _ = _sheet(width + 16, small.height + 40, words, 13)
    sheet.paste(small, (8, 32))
    return sheet


def tiled(sheets, columns):
    """Sheets of one size as one."""
    wide, high = (max(side) for side in zip(*(sheet.size for sheet in sheets)))
    whole = Image.new("RGB", (columns * wide, -(-len(sheets) // columns) * high), PAPER)
    for i, sheet in enumerate(sheets):
        whole.paste(sheet, (i % columns * wide, i // columns * high))
    return whole


def _sheet(width, height, title, size=16):
    sheet = Image.new("RGB", (int(width), int(height)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((10, 8), title, INK, _font(size))
    return sheet, pen


def _font(size):
    return ImageFont.load_default(size)
