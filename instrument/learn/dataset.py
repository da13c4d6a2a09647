"""Folders of labelled clips, in the layouts that people have.

UrbanSound8K (`metadata/UrbanSound8K.csv`, `audio/foldN/`), ESC (`meta/*.csv` with `audio/`, or `label/*` files
named FOLD-SOURCE-TAKE) and plain `label/*` folders (of UrbanSound8K's names only the recording is told). `.wav` names in
a table may be stored in another format. A label is spelled so that it can be part of an OSC address.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..audio.files import decode
from ..audio.frontend import FrontEnd, resample
from ..features import spelled

SOUNDS = (".wav", ".ogg", ".flac", ".mp3", ".aif", ".aiff", ".m4a", ".opus")


@dataclass(frozen=True)
class Clip:
    """One labelled file; `fold` is 0 and `recording` the file's own name where the layout has none."""

    path: Path
    label: str
    fold: int = 0
    recording: str = ""


def find_clips(folder):
    """All clips of a folder in any of the layouts above, sorted; ValueError if there are none."""
    folder = Path(folder)
    for layout in (_urbansound, _esc, _plain):
        clips = sorted(layout(folder), key=lambda clip: str(clip.path))
        if clips:
            names = _names({clip.label for clip in clips})
            return [replace(clip, label=names[clip.label]) for clip in clips]
    raise ValueError(f"no clips in {folder}: expected UrbanSound8K, ESC or label/*.wav folders of "
                     + ", ".join(SOUNDS))


def _names(labels):
    """{label: the name of its class}; ValueError where two would have the same."""
    names = {}
    for label in sorted(labels):
        if other := names.get(spelled(label)):
            raise ValueError(f"the classes {other!r} and {label!r} would both be called {spelled(label)}: rename the folder of one")
        names[spelled(label)] = label
    return {label: name for name, label in names.items()}


def folds_of(clips):
    """The folds that are present, ascending."""
    return sorted({clip.fold for clip in clips})


def classes_of(clips):
    """Class names in alphabetical order: for UrbanSound8K the official order."""
    return sorted({clip.label for clip in clips})


def read(clip, rate=FrontEnd().rate):
    """Samples of a clip, mono float32 at `rate`; ValueError names the file if it can't be read."""
    samples, found = decode(clip.path)
    return samples if found == rate else resample(samples, found, rate)


def repeat_to(samples, count):
    """Repeat a clip shorter than `count` samples until it fills them; a longer one is left alone."""
    return samples if len(samples) >= count else np.tile(samples, -(-count // len(samples)))[:count]


def _urbansound(folder):
    table = folder / "metadata" / "UrbanSound8K.csv"
    if not table.exists():
        return
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path = _stored(folder / "audio" / f"fold{row['fold']}" / row["slice_file_name"])
            if path:
                yield Clip(path, row["class"], int(row["fold"]), row["fsID"])


def _esc(folder):
    for table in (folder / "meta").glob("*.csv"):
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                path = _stored(folder / "audio" / row["filename"])
                if path:
                    yield Clip(path, row["category"], int(row["fold"]), row["src_file"])


def _plain(folder):
    for path in folder.glob("*/*"):
        if path.suffix.lower() in SOUNDS:
            yield Clip(path, path.parent.name, *_named(path.stem))


def _named(stem):
    """(fold, recording) by the file's name: FOLD-RECORDING-..., UrbanSound8K's four numbers, or any."""
    parts = stem.split("-")
    if len(parts) == 4 and all(part.isdigit() for part in parts):
        return 0, parts[0]
    return (int(parts[0]), parts[1]) if len(parts) > 2 and parts[0].isdigit() else (0, stem)


def _stored(path):
    """`path`, or the same name in another sound format; None where neither exists."""
    if path.exists():
        return path
    return next((other for kind in SOUNDS if (other := path.with_suffix(kind)).exists()), None)
