"""Folders of labelled clips, in the layouts that people have.

UrbanSound8K (`metadata/UrbanSound8K.csv`, `audio/foldN/`), ESC (`meta/*.csv` with `audio/`) and plain `label/*` folders,
where files that are named as in those two tell their recording, ESC's their fold too. `.wav` names in a table may be stored
in another format. Of UrbanSound8K the folder of the folds will do, with the table in it, beside it or where it belongs. A label
is spelled so that it can be part of an OSC address.
"""

import csv
import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np

from ..audio.files import decode
from ..audio.frontend import FrontEnd, level_resample
from ..features import simple, spelled
from ..files import write_whole

SOUNDS = (".wav", ".ogg", ".flac", ".mp3", ".aif", ".aiff", ".m4a", ".opus", ".wave", ".aac", ".mp4", ".mov", ".mkv", ".webm")
END = 65536  # bytes
KNOWN_AS = {"dog": "dog_bark", "engine": "engine_idling", "crying_baby": "baby_cry", "sneezing": "person_sneeze",
            "crackling_fire": "fire_crackling"}  # what ESC-50's table calls otherwise than UrbanSound8K's, or the folders of ESC-10
APART = 5  # of so many recordings of foreign sounds one is kept for testing, where no fold is
NAMES = tuple(map(re.compile, (  # strict, as a date is numbers and dashes too
    r"(?P<fold>[1-9])-(?P<recording>\d{1,7})-[A-Z](-\d{1,2})?",  # ESC: fold, source, take, and in ESC-50 the class
    r"((?P<fold>[1-9]|10)-)?(?P<recording>\d{3,7})-\d-\d{1,3}-\d{1,3}",  # UrbanSound8K: recording, class, occurrence, slice
    r"fold(?P<fold>\d+)-(?P<recording>.+?)--.+")))  # of `kept_name`


@dataclass(frozen=True)
class Clip:
    """One labelled file; `fold` is 0 and `recording` the file's own, LABEL/NAME, where the layout has none."""

    path: Path
    label: str
    fold: int = 0
    recording: str = ""


def find_clips(folder, classes=(), foreign=False):
    """All clips of a folder in any of the layouts above, sorted; ValueError if there are none. Labels that mean one of `classes`
    (see `known_as`) are called like it. Of `foreign` sounds no label matters."""
    folder = Path(folder)
    for layout in (_tables, partial(_plain, foreign=foreign)):
        clips = sorted(layout(folder), key=lambda clip: str(clip.path))
        if clips:
            names = _names({clip.label for clip in clips})
            _check_text(clips)
            called = {label: _called(name, classes) for label, name in names.items()}
            return [replace(clip, label=called[clip.label]) for clip in clips]
    raise ValueError(f"no clips in {folder}: expected UrbanSound8K, ESC or label/*.wav folders of "
                     + ", ".join(SOUNDS))


def known_as(label):
    """The name by which labels count as one: whatever capitals, spaces and accents they have, and whether they are spelled as in
    ESC-50's table or as here."""
    return KNOWN_AS.get(simple(label), simple(label))


def _called(name, classes):
    """Which of `classes` a label means that is spelled so, rather the very same; the name itself where it means none."""
    alike = [own for own in classes if known_as(spelled(own)) == known_as(name)]
    return next((own for own in alike if spelled(own) == name), alike[0] if alike else name)


def beside(clips, others):
    """Those of foreign `clips` that are neither files nor of recordings of the clips `others`."""
    recordings, files = {recording_of(clip) for clip in others}, frozenset().union(*map(marks, others))
    return [clip for clip in clips if recording_of(clip) not in recordings and not is_learnt(clip, files)]


def counted(clips):
    """A text of labels and how many clips each has: "rain (40), rooster (38)"."""
    return ", ".join(f"{name} ({count})" for name, count in sorted(Counter(clip.label for clip in clips).items()))


def _check_text(clips):
    """ValueError for a file whose name is no text, as old disks have them: it could be written into no table."""
    for clip in clips:
        try:
            str(clip.path).encode()
        except UnicodeEncodeError:
            raise ValueError(f"{ascii(str(clip.path))}: its name is not UTF-8; rename it") from None


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


def kept_apart(clips, folds):
    """Those of foreign clips that are for testing when `folds` are: of these folds, or, where there is none such, of every fifth
    recording. A hash of its name says which, so that training and testing agree and another file changes nothing."""
    if of_these := [clip for clip in clips if clip.fold in folds]:
        return of_these
    places = {clip.recording: place_of(clip.recording) for clip in clips}
    chosen = {name for name, place in places.items() if place % APART == 0} or {min(places, key=places.get, default=None)}
    return [clip for clip in clips if clip.recording in chosen]


def place_of(recording):
    """A number by which every fifth recording can be chosen: it follows from the name alone, so that another file changes nothing."""
    return int(_digest(recording.encode("utf-8", "replace")), 16)


def recording_of(clip):
    """The name of the recording that a clip is cut from: where nobody says, it stands for itself."""
    return clip.recording or str(clip.path)


def is_learnt(clip, learnt):
    """Whether a clip is among those whose `marks` are in the set `learnt`."""
    return bool(learnt) and not learnt.isdisjoint(marks(clip))


def fingerprint(clips):
    """A short text that is another one when a clip comes, goes or is exchanged; their folder may move."""
    parts = sorted(f"{clip.label}/{clip.path.name} {_ends(clip.path)}" for clip in clips)
    return f"{len(clips)}, {_digest(chr(10).join(parts).encode('utf-8', 'replace'))}"


def marks(clip):
    """What tells a clip from any other, each 8 letters and digits: by its file, wherever that lies and whatever it is called, and of a
    published one by its name too, for others have it in another encoding."""
    texts = [_ends(clip.path), *([f"{clip.fold} {clip.path.stem.rpartition('--')[2]}"] if clip.fold else [])]
    return {_digest(text.encode("utf-8", "replace"))[:8] for text in texts}


def note(path, clips, before=()):
    """Write the marks of clips, and those of `before`, into a file."""
    every = {*before, *(mark for clip in clips for mark in marks(clip))}
    write_whole(path, "".join(f"{mark}\n" for mark in sorted(every)))


def _ends(path):
    """What tells a file from another of its size: its beginning and its end."""
    with path.open("rb") as file:
        start = file.read(END)
        file.seek(-min(END, path.stat().st_size), os.SEEK_END)
        return f"{path.stat().st_size} {_digest(start + file.read())}"


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:12]


def classes_of(clips):
    """Class names in alphabetical order: for UrbanSound8K the official order."""
    return sorted({clip.label for clip in clips})


def read(clip, rate=FrontEnd().rate):
    """Samples of a clip, mono float32 at `rate`; ValueError names the file if it can't be read."""
    samples, found = decode(clip.path)
    return samples if found == rate else level_resample(samples, found, rate)


def repeat_to(samples, count):
    """Repeat a clip shorter than `count` samples until it fills them; a longer one is left alone."""
    return samples if len(samples) >= count else np.tile(samples, -(-count // len(samples)))[:count]


def _tables(folder):
    """The clips that a table tells of, so far as their files are there."""
    return [clip for clip in _wanted(folder).values() if clip]


def absent(folder):
    """How many rows of a table have no file."""
    return sum(clip is None for clip in _wanted(Path(folder)).values())


def absent_line(count):
    """What is said of so many of them: a list of one line, or of none."""
    return [f"{count} rows of the table have no file; they are left out"] * bool(count)


def _wanted(folder):
    """{path that a table says: its Clip, or None where there is no such file}, of UrbanSound8K or else of ESC."""
    listed, found = _Listed(), {}  # a clip may stand in two tables, as ESC-10's do in ESC-50
    for rows in (_urbansound, _esc):
        for path, *more in rows(folder):
            stored = _stored(path, listed)
            found[path] = Clip(stored, *more) if stored else None
        if any(found.values()):
            break
    return found


def urban_table(folder):
    """The table of UrbanSound8K in a folder, or of the folder of its folds; None where there is none."""
    metadata, name = Path("metadata"), "UrbanSound8K.csv"
    above = Path(os.path.abspath(folder)).parent
    places = [folder / metadata / name, *([folder / name, above / metadata / name, above / name] if _folds_alone(folder) else [])]
    return next(filter(Path.exists, places), None)


def _folds_alone(folder):
    """Whether all folders there are called fold1, fold2 and so on: classes are not."""
    names = [path.name for path in folder.glob("[!.]*") if path.is_dir() and path.name != "metadata"]
    return bool(names) and all(map(re.compile(r"fold\d+").fullmatch, names))


def _urbansound(folder):
    """(path, label, fold, recording) of each row."""
    table, audio = urban_table(folder), folder if _folds_alone(folder) else folder / "audio"
    for row in rows_of(table, ("slice_file_name", "fsID", "fold", "class")) if table else ():
        yield audio / f"fold{row['fold']}" / row["slice_file_name"], row["class"], int(row["fold"]), row["fsID"]


def _esc(folder):
    """The same of ESC's tables."""
    for table in sorted((folder / "meta").glob("[!.]*.csv")):
        for row in rows_of(table, ("filename", "fold", "category", "src_file")):
            yield folder / "audio" / row["filename"], row["category"], int(row["fold"]), row["src_file"]


def rows_of(table, needed=()):
    """The rows, as dicts, of a table as spreadsheets save it: commas, semicolons or tabs, a byte order mark or none.

    ValueError where a column of those `needed` is missing, is empty in a row, or is a `fold` and no number.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{table} is not UTF-8: save it as CSV in UTF-8") from None
    rows = csv.DictReader(StringIO(text, newline=""), delimiter=max(",;\t", key=text.partition("\n")[0].count))
    there = rows.fieldnames or ()
    if missing := [name for name in needed if name not in there]:
        raise ValueError(f"{table} has no column {', '.join(missing)} (there are {', '.join(there) or 'none'}): it needs "
                         f"{', '.join(needed)} in its first line")
    for row in rows:
        if any(row.values()):  # a spreadsheet leaves empty rows behind
            yield _checked(row, needed, f"{table}, line {rows.line_num}")


def _checked(row, needed, place):
    for name in needed:
        if not row[name]:
            raise ValueError(f"{place}: nothing in column {name}; fill it in or take the row out")
        if name == "fold" and not row[name].isdecimal():
            raise ValueError(f"{place}: fold {row[name]!r} is no whole number, such as 1")
    return row


def told(folder, clips):
    """A line of text: how many clips there are of each class, and what beside them is not understood."""
    line = f"learns {counted(clips)}"
    if (Path(folder) / "audio").exists() or urban_table(Path(folder)):  # a table says what belongs to it
        return line
    others = [path for path in Path(folder).glob("[!.]*/[!.]*") if path.suffix.lower() not in SOUNDS]
    return line + (f"; {len(others)} files are left out, such as {min(others)}: sounds are {', '.join(SOUNDS)}, beside each other in "
                   "a folder for each class" if others else "")


def _plain(folder, foreign=False):
    if not foreign and _folds_alone(folder) and any(path.suffix.lower() in SOUNDS for path in folder.glob("[!.]*/[!.]*")):
        table = urban_table(folder)
        says = f"{table} names none of the files" if table else "no UrbanSound8K.csv beside or above says the classes of what is"
        raise ValueError(f"{folder}: its folders are folds, and {says} in them; give clips in a folder for each class, or a table "
                         "that names them")
    for path in folder.glob("[!.]*/[!.]*"):  # a Mac leaves files that begin with a dot beside its own
        if path.suffix.lower() in SOUNDS:
            fold, recording = named(path.stem)
            # Two folders may both have a file 001: a name of no layout says nothing beyond its folder.
            yield Clip(path, path.parent.name, fold, recording if recording != path.stem else f"{path.parent.name}/{path.stem}")


def named(stem):
    """(fold, recording) by a file's name: ESC's, UrbanSound8K's with or without a fold before it, or that of `kept_name`;
    any other is a recording of its own."""
    found = next(filter(None, (pattern.fullmatch(stem) for pattern in NAMES)), None)
    return (int(found["fold"] or 0), found["recording"]) if found else (0, stem)


class _Listed(dict):
    """{folder: {name with its ending in small letters: path}} of what is there, each folder read once."""

    def __missing__(self, folder):
        self[folder] = {_small(path): path for path in sorted(folder.glob("*"))}
        return self[folder]


def _small(path):
    return path.stem + path.suffix.lower()


def _stored(path, listed):
    """`path`, or the same name in another sound format, whether its ending is in large letters or small; None where neither is
    `listed`."""
    if path.exists():  # on some disks whatever letters are large
        return path
    there = listed[path.parent]
    return next((there[name] for name in (_small(path), *(path.stem + kind for kind in SOUNDS)) if name in there), None)
