"""Contact sheets: every preset and every class at a few moments, rendered offline, as small JPEGs."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .offline import Offline, script

SIZE, TILE = (640, 360), (320, 180)  # px, rendered and shown
TIMES = (1.0, 2.5, 5.0)  # s
FPS = 12
DREAMS = 6.0  # a second: what a laptop holds
ROWS = 7  # of one sheet
MARGIN, CAPTION = 6, 22  # px
LARGEST = 400_000  # bytes of one file


def gallery(model, presets, folder, seed=1, sound="dog_bark", times=TIMES, size=SIZE):
    """Write sheets of all `presets` (hearing `sound`) and of all classes (first preset); yields each path."""
    sound = sound if sound in model.classes else model.classes[0]
    with Offline(model, size) as offline:
        rows = [(f"{number}  {preset.title}: {preset.note}", moments(offline, preset.values, sound, seed, times))
                for number, preset in enumerate(presets, 1)]
        yield from save_sheets(rows, Path(folder), "presets")
        rows = [(name.replace("_", " "), moments(offline, presets[0].values, name, seed, times))
                for name in model.classes]
        yield from save_sheets(rows, Path(folder), "classes")


def moments(offline, values, sound, seed, times=TIMES):
    """The frames at `times` (s) of a take that hears the class `sound`."""
    wanted, kept = {round(time * FPS) for time in times}, []
    values = {**values, "dream.rate": DREAMS}
    frames = offline.render(values, (max(wanted) + 1) / FPS, FPS, script({sound: 0.9}), seed)
    for number, frame in enumerate(frames):
        if number in wanted:
            kept.append(frame)
    return kept


def save_sheets(rows, folder, name):
    """Write rows [(caption, frames)] as `name`-1.jpg and so on; yields each path."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(rows), ROWS), 1):
        path = folder / f"{name}-{number}.jpg"
        save_small(sheet(rows[start:start + ROWS]), path)
        yield path


def sheet(rows, tile=TILE):
    """Rows [(caption, frames uint8 (h, w, 3))] as one picture."""
    columns = max(len(frames) for _, frames in rows)
    step = tile[1] + CAPTION + MARGIN
    picture = Image.new("RGB", (columns * (tile[0] + MARGIN) + MARGIN, len(rows) * step + MARGIN), (16, 16, 18))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for row, (caption, frames) in enumerate(rows):
        top = row * step + MARGIN
        pen.text((MARGIN, top), caption, (225, 225, 220), font)
        for column, frame in enumerate(frames):
            small = Image.fromarray(np.asarray(frame)).resize(tile, Image.Resampling.LANCZOS)
            picture.paste(small, (MARGIN + column * (tile[0] + MARGIN), top + CAPTION - 2))
    return picture


def save_small(picture, path, most=LARGEST):
    """Write a JPEG of at most `most` bytes, as good as fits."""
    for quality in range(92, 20, -4):
        picture.save(path, quality=quality, optimize=True, subsampling=2, progressive=True)
        if Path(path).stat().st_size <= most:
            return
