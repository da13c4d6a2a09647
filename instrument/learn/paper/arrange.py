"""Clips of any layout in one folder per class, without losing their folds; and what a data set lacks.

The original sorted clips by class and forgot the folds, which is where its leak began. Here the fold and the
recording stay in the name, which `learn.dataset.find_clips` reads back.
"""

import hashlib
import os
import re
import shutil
from collections import Counter
from pathlib import Path

from ...features import spelled
from ...files import put
from ..dataset import absent, absent_line, classes_of, find_clips, named, urban_table

URBAN_FOLDS = (873, 888, 925, 990, 936, 823, 838, 806, 816, 837)  # clips of the published UrbanSound8K
ESC_FOLDS = 5


def arrange(data, out):
    """Put every clip of `data` under `out` (hard links where the disk allows, else copies); returns how many."""
    clips = find_clips(data)
    for clip in clips:
        target = Path(out) / clip.label / kept_name(clip)
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(clip.path, target)
    return len(clips)


def kept_name(clip):
    """A file name that tells fold and recording; the plain name where the layout has no folds."""
    name, wanted = clip.path.name, (clip.fold, clip.recording)
    names = (name, f"{clip.fold}-{name}", f"fold{clip.fold}-{_fit(clip.recording)}--{name}")
    return next((each for each in names if named(Path(each).stem) == wanted), names[-1]) if clip.fold else name


def _fit(recording):
    """A recording as it can stand in a file's name before `--`; where that had to change it, with a hash, so that two stay two."""
    legal = re.sub("--+", "-", spelled(recording)).strip("-")
    return legal if legal == recording else f"{legal}-{hashlib.sha256(recording.encode()).hexdigest()[:6]}"


def _place(source, target):
    if target.exists():
        return
    part = target.with_name(f".{target.name}.part")  # else what breaks off would pass for done
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, part)
    put(part, target)


def report(data, clips):
    """Lines of text: clips per class, folds that are there and missing, table rows without a file."""
    counts = Counter(clip.label for clip in clips)
    lines = [f"{len(clips)} clips of {len(counts)} classes: "
             + ", ".join(f"{name} {counts[name]}" for name in classes_of(clips)), _folds(data, clips)]
    return lines + absent_line(absent(data))


def _folds(data, clips):
    found = Counter(clip.fold for clip in clips if clip.fold)
    if not found:
        return "no folds: split at random and by recordings"
    expected = _expected(data)
    there = ", ".join(f"{fold} ({_of(found[fold], expected.get(fold))})" for fold in sorted(found))
    missing = [str(fold) for fold in expected if fold not in found]
    return f"folds {there}" + (f"; missing: {' '.join(missing)}" if missing else "")


def _of(count, whole):
    return f"{count} of {whole} clips" if whole and count < whole else f"{count} clips"


def _expected(data):
    """{fold: clips of the published set, or None} of the layout in `data`."""
    if urban_table(Path(data)):
        return dict(enumerate(URBAN_FOLDS, 1))
    return dict.fromkeys(range(1, ESC_FOLDS + 1)) if (Path(data) / "meta").is_dir() else {}
