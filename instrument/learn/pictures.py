"""Natural pictures for teaching the network to see: read once, cropped fresh every step."""

import hashlib
import io
import zipfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from .ahead import in_threads

KINDS = (".jpg", ".jpeg", ".png")
LEARNT = "train"  # a folder
SMALLEST = 0.75  # of the edge that a crop has


def read_squares(folder, side=96, progress=lambda items, _: items):
    """Centre squares of every picture below `folder` (zip files included), as uint8 (n, 3, side, side).

    Where there are paths that name LEARNT, those alone; the rest is there to judge by.
    Raises ValueError where there is no picture.
    """
    kept = _kept(Path(folder))
    if not kept:
        raise ValueError(f"no pictures in {folder}: expected {', '.join(KINDS)} files or zips of them")
    squares = np.empty((len(kept), 3, side, side), np.uint8)
    with ExitStack() as open_files:
        zips = {path: open_files.enter_context(_opened(path)) for path in {archive for archive, _ in kept} - {None}}

        def read(place):
            squares[place] = _read(*kept[place], zips, side)

        in_threads(read, range(len(kept)), lambda places: progress(places, "reading pictures"))
    return torch.from_numpy(squares)


def names_told(folder):
    """A short text that is another one when a picture below `folder` comes, goes or is renamed; the folder may move."""
    names = [f"{archive.relative_to(folder).as_posix()} {name}" if archive else Path(name).relative_to(folder).as_posix()
             for archive, name in _kept(Path(folder))]
    return f"{len(names)}, {hashlib.sha256(chr(10).join(names).encode('utf-8', 'replace')).hexdigest()[:12]}"


def _kept(folder):
    """The pictures that are learnt, [(zip or None, name)], in an order that is always the same."""
    names = sorted(_names(folder), key=str)
    return [name for name in names if LEARNT in name[1].split("/")] or names


def _names(folder):
    for path in folder.rglob("[!.]*"):  # a Mac leaves files that begin with a dot beside its own
        if path.suffix == ".zip":
            with _opened(path) as archive:
                yield from ((path, name) for name in archive.namelist() if _is_picture(Path(name)))
        elif _is_picture(path):
            yield None, path.as_posix()


def _is_picture(path):
    return path.suffix.lower() in KINDS and not path.name.startswith(".")


def _opened(path):
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: no whole zip ({error}); fetch it again") from None


def _read(archive, name, zips, side):
    try:
        return _square(zips[archive].read(name) if archive else Path(name).read_bytes(), side)
    except (OSError, ValueError, SyntaxError, zipfile.BadZipFile, Image.DecompressionBombError) as error:  # what Pillow raises
        where = f"{archive}: {name}" if archive else name
        raise ValueError(f"{where} is no whole picture ({type(error).__name__}): take it away or put it right") from None


def _square(data, side):
    with Image.open(io.BytesIO(data)) as picture:
        picture = picture.convert("RGB")
        edge = min(picture.size)
        left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
        square = picture.resize((side, side), Image.Resampling.BICUBIC, (left, top, left + edge, top + edge))
    return np.asarray(square).transpose(2, 0, 1)


def crops(squares, indices, generator, side=96):
    """Random crops of SMALLEST..1 of the edge, flipped and brightened, float (n, 3, side, side) in 0..1, made where
    `squares` are."""
    n, device = len(indices), squares.device
    scale = torch.empty(n).uniform_(SMALLEST, 1, generator=generator)
    shift = torch.empty(n, 2).uniform_(-1, 1, generator=generator) * (1 - scale)[:, None]
    flip = torch.randint(0, 2, (n,), generator=generator) * 2 - 1
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = scale * flip, scale, shift
    batch = squares[indices.to(device)].float() / 255
    grid = F.affine_grid(theta.to(device), (n, 3, side, side), align_corners=False)
    batch = F.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)
    gain = torch.empty(n, 1, 1, 1).uniform_(0.7, 1.3, generator=generator)
    return (batch * gain.to(device)).clamp(0, 1)
