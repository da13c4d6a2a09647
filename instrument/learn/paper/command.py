"""`hearsee data`: the paper's preparation of a data set, one step at a time, in files that can be looked at."""

import csv
from collections import Counter, defaultdict
from io import StringIO
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from ...files import put, write_whole
from ..dataset import classes_of, find_clips, read
from ..run import track
from . import arrange as arranging
from . import table
from .pictures import FRONT_END, jpeg, levels, picture
from .sets import SETS, Pictures, Shelf, fill_shelf, pad, roll, roll_as_published, turns_of
from .split import SPLITS, honest, leak, splits
from .study import SHELF

FORMATS = {"png": "PNG", "jpg": "JPEG"}


def prepare(options):
    """Run one step; yields lines of text. `options`: action, data, out, seed, as_published."""
    clips = find_clips(options.data)
    yield from arranging.report(options.data, clips)
    yield from STEPS[options.action](options, clips, Path(options.out))


def _arrange(options, clips, out):
    yield f"{arranging.arrange(options.data, out)} clips in {out}/CLASS, their folds and recordings in their names"


def _split(options, clips, out):
    made, lines = splits(clips, honest(clips, SPLITS), (), options.seed)
    yield from (f"left out: {line}" for line in lines)
    parts = [_parts(split) for split in made]
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "label", "fold", "recording", *(split.name for split in made)])
    for i, clip in enumerate(clips):
        name = clip.path.relative_to(options.data).as_posix()
        rows.writerow([name, clip.label, clip.fold or "", clip.recording, *(part.get(i, "") for part in parts)])
    write_whole(out / "split.csv", text.getvalue())
    for split in made:
        lost = leak(clips, split)
        yield (f"{split.name}: train {len(split.train)}, validation {len(split.validation)}, test {len(split.test)}; "
               f"{100 * lost['recording_seen']:.1f} % of the test comes from recordings in training; "
               f"a list of recordings, hearing nothing, scores macro F1 {100 * lost['lookup_macro_f1']:.1f}")
    yield str(out / "split.csv")


def _parts(split):
    return {i: part for part in ("train", "validation", "test") for i in getattr(split, part)}


def _pad(options, clips, out):
    _check_free(clips, out)
    for clip, stem in zip(track(clips, "padding"), _stems(clips, out), strict=True):
        _write(stem.with_name(f"{stem.name}.wav"),
               lambda part, clip=clip: soundfile.write(part, pad(read(clip)), FRONT_END.rate, "FLOAT", format="WAV"))
    yield f"{len(clips)} clips of 4 s or more in {out}"


def _roll(options, clips, out):
    turn, stored, kind = (roll_as_published, jpeg, "jpg") if options.as_published else (roll, np.asarray, "png")
    shares = turns_of("rolled", options.as_published)
    for clip, stem in zip(track(clips, "rolling"), _stems(clips, out), strict=True):
        drawn = stored(picture(levels(pad(read(clip)))))
        for share in shares:
            _write(stem.with_name(f"{stem.name}{100 * share:+.0f}.{kind}"), lambda part, drawn=drawn, share=share: Image.fromarray(
                turn(drawn, share)).save(part, FORMATS[kind], quality=75))  # of a JPEG
    yield f"{len(clips) * len(shares)} pictures in {out}: {len(clips)} clips, {len(shares)} turns each"


def _check_free(clips, out):
    """ValueError where the clips themselves lie in `out`: nothing may be written over them, or beside them as one more clip."""
    for clip in clips:
        path = out / clip.label / arranging.kept_name(clip)
        if path.exists() and (path.samefile(clip.path) or path.suffix != ".wav") or clip.path.resolve().is_relative_to(out.resolve()):
            raise ValueError(f"{out} holds the clips themselves ({clip.label}/{clip.path.name}): choose another --out")


def _stems(clips, out):
    """OUT/CLASS/NAME for each clip, without its kind of file, but for two names that differ in that alone."""
    kept = [out / clip.label / arranging.kept_name(clip) for clip in clips]
    often = Counter(path.with_suffix("") for path in kept)
    return [path if often[path.with_suffix("")] > 1 else path.with_suffix("") for path in kept]


def _write(path, write):
    """Have `write` make a file, whole or not at all; one of the same name is replaced, never written into: it may be a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    write(part)
    put(part, path)


def _averages(options, clips, out):
    classes = classes_of(clips)
    labels = [classes.index(clip.label) for clip in clips]
    for name in ("baseline", "padded"):
        fill_shelf(clips, out / "pictures", name, track)
    training = {name: {label: Pictures(Shelf(out / "pictures", SHELF[name]), labels,
                                       [i for i, clip in enumerate(clips) if clip.label == label],
                                       turns_of(name, options.as_published), options.as_published)
                       for label in classes} for name in SETS}
    table.averages(out, training)
    yield from (str(out / "averages" / f"{name}.png") for name in SETS)


def _histograms(options, clips, out):
    lengths = defaultdict(list)
    for clip in track(clips, "measuring"):
        lengths[clip.label].append(len(read(clip)) / FRONT_END.rate)
    table.histograms(out, dict(sorted(lengths.items())))
    yield str(out / "histograms.png")


STEPS = {"arrange": _arrange, "split": _split, "pad": _pad, "roll": _roll, "averages": _averages,
         "histograms": _histograms}
