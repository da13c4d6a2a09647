"""Teach the network to hear, without forgetting how to see.

Starts from a network that sees (`distill`), learns labelled clips with a teacher's help where one is given
(`tutor`), and goes on seeing pictures every few steps so that its dreams stay. Started from a finished model
and without pictures, it keeps every convolution as it is and learns scales and answers of the ear only: then
what is dreamed is what was dreamed before. Here a run is arranged, from the clips that it may learn to the model
folder that it leaves; what it starts from is `start`, its steps are `course`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..audio.engine import levels
from ..audio.frontend import FrontEnd
from ..files import sole, write_whole
from ..model.card import KEPT_BACK, MARKS, load_model, save_model
from ..params import DEFAULTS
from .ahead import ahead, in_threads, losses_told, usual_workers
from .answers import answer_anew
from .augment import WINDOW, Sounds, strangers
from .calibrate import calibrate, keep_back
from .course import Course, settle
from .dataset import (
    absent,
    absent_line,
    beside,
    classes_of,
    counted,
    find_clips,
    fingerprint,
    folds_of,
    kept_apart,
    note,
    read,
    told,
)
from .pictures import names_told
from .run import Run, digest, read_json, track
from .start import front_end_of, is_own, is_run, lend_pictures, lender_of, weights_file
from .teach import remember

SAVED = 50  # steps between two checkpoints
NAMED = 10  # files that an error names
OUTS = "models.txt"  # in a run's folder: the model folders that it has written


@dataclass(frozen=True)
class Settings:
    """What a training run is made of; stored beside its checkpoints."""

    data: str
    start: str = ""  # a run of `distill`, a model folder, or empty for random weights
    foreign: str = ""  # sounds of no class
    sound_teacher: str = ""
    elder: str = ""  # a model folder, whose answers are learnt too
    pictures: str = ""
    picture_teacher: str = ""
    leave_out: int = 0  # a fold kept for testing
    steps: int = 300
    batch: int = 32
    rate: float = 1e-3
    head_rate: float = 3e-3
    decay: float = 0.05
    labels: float = 0.5  # weight of the labels
    answers: float = 1.0  # weight of the sound teacher's answers
    features: float = 1.0  # weight of its features and AudioSet answers
    maps: float = 0.5  # weight of where it hears them
    picture_every: int = 2
    seed: int = 0


@losses_told()
def train(settings, out, run_folder, workers=None):
    """Train by `settings`, resuming from `run_folder`; writes the model folder `out` and returns it.

    `workers` processes make the batches ahead (None: as suits the device) and change no result. A finished model that
    learns other classes keeps some recordings back, to know how sure it may be.
    """
    clips = _learnable(settings)
    foreign = _strangers(settings, classes_of(clips))
    print("\n".join([told(settings.data, clips), *absent_line(absent(settings.data))]))
    _keep_others(out, run_folder)
    lender = lender_of(settings.start)
    learnt, back = keep_back(clips, lender.learnt, lender.kept_back) if is_own(settings) else (clips, [])
    with sole(run_folder):
        return _trained(settings, Path(out), run_folder, workers, _Material(clips, learnt, back, foreign, lender))


class _Material(NamedTuple):
    """What a run is made from: all clips, those of them that it learns and those kept back to judge it, the foreign ones, and the model
    that it starts from, or None."""

    clips: list
    learnt: list
    back: list
    foreign: list
    lender: object

    @property
    def known(self):
        """The marks of what the start has learnt."""
        return self.lender.learnt if self.lender else frozenset()


def _trained(settings, out, run_folder, workers, given):
    """The model folder, once all has been learnt and written; nobody else is in the run's."""
    classes = classes_of(given.clips)
    run = Run(run_folder, {**asdict(settings), "classes": classes, **_told_apart(settings, given)})
    torch.manual_seed(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    read_all(given.back)  # one that cannot be read would end the run when all has been learnt
    sounds = gather(given.learnt, classes, given.foreign, settings.seed, front_end_of(settings.start))
    course = Course(settings, sounds, device, run.folder.parent, classes)
    out.mkdir(parents=True, exist_ok=True)  # now, not when all has been learnt
    run.begin()
    _remember_out(out, run.folder)
    workers = usual_workers(device) if workers is None else workers
    done = run.resume(course=course)
    _learn(course, run, min(done, settings.steps), workers)
    _settle(course, run, done)
    answer_anew(course.averaged, sounds, workers, course.tutor and course.tutor.say)
    _leave(course, out, run, given)
    return out


def _leave(course, out, run, given):
    """Write all of the model folder."""
    settings, lender = course.settings, given.lender
    _keep(course.averaged, out, _card(settings, classes_of(given.clips), folds_of(given.clips)), given)
    note_learnt(out, [*given.learnt, *given.foreign], lender)
    if given.back:
        note(out / KEPT_BACK, given.back, lender.kept_back if lender else ())
    if not settings.steps:
        run.log(step=0)  # something has been learnt here, too: other sounds are another run
    remember(load_model(out), given.clips)
    if lender:
        lend_pictures(lender, out, given.clips)


def _told_apart(settings, given):
    """What says from which sounds, weights and pictures a run learns: others under the same names are another run, or what was kept
    back to judge it would have been learnt."""
    files = {"sound_teacher": settings.sound_teacher, "picture_teacher": settings.picture_teacher,
             **{name: weights_file(model) for name, model in (("start", settings.start), ("elder", settings.elder)) if model}}
    digests = {name: digest(file) for name, file in files.items() if file}
    if settings.pictures:
        digests["pictures"] = names_told(settings.pictures)
    return {"clips": [fingerprint(clips) for clips in (given.clips, given.foreign) if clips], "digests": digests,
            **({"kept_back": fingerprint(given.back)} if given.back else {})}


def _learn(course, run, first, workers):
    """All steps from number `first` on."""
    left = range(first, course.settings.steps)
    made = ahead(course.batches, left, workers, course.device == "cuda")
    for step, batch in zip(track(left, "hearing", first, lambda: str(course.losses)), made):
        course.learn(step, *batch)
        if (step + 1) % SAVED == 0 or step + 1 == course.settings.steps:
            run.save(step + 1, course=course)
            run.log(step=step + 1, **course.losses.read())


def _settle(course, run, done):
    """The final statistics, kept as one step more: what is stopped afterwards does not take them again. A finished model of which no
    step has changed a scale keeps its own, that many more sounds have made (docs/learning.md)."""
    after, settings = course.settings.steps + 1, course.settings
    course.averaged.eval()
    if done < after:
        if settings.steps or not settings.start or is_run(settings.start):
            settle(course.averaged, course.sounds)
        run.save(after, course=course)


def _keep(net, out, card, given):
    """Write weights and card; with clips kept back, how sure it may be."""
    save_model(out, net, card)
    found = calibrate(load_model(out), given.back, given.known)
    if found:
        save_model(out, net, {**card, "temperature": found.pop("temperature"), "kept_back": found})


def note_learnt(out, clips, start):
    """Note in the model folder `out` which clips it has learnt; what the model `start` had, it has too, and where that says
    nothing, neither does this."""
    if not start or start.learnt:
        note(Path(out) / MARKS, clips, start.learnt if start else ())


def _learnable(settings):
    """The clips of all folds but the one to leave out; ValueError where there is none such, or nothing is left."""
    found, out = find_clips(settings.data), settings.leave_out
    clips = [clip for clip in found if not out or clip.fold != out]
    if out and not 0 < len(clips) < len(found):
        there = ", ".join(str(fold) for fold in folds_of(found) if fold)
        raise ValueError(f"--leave-out {out}: {settings.data} has " + (f"the folds {there}; leave out one of several" if there
                         else "no folds; leave out nothing, and evaluate on other recordings"))
    return clips


def _strangers(settings, classes):
    """The clips of no class, of no recording that has one; where a fold is left out, without those that `kept_apart` keeps to judge
    on."""
    if not settings.foreign:
        return []
    named = [clip for clip in find_clips(settings.foreign, classes, foreign=True) if clip.label not in classes]
    found = beside(named, find_clips(settings.data))
    if len(found) < len(named):
        print(f"{len(named) - len(found)} of {len(named)} foreign clips are left out: their recordings are in {settings.data}, too")
    apart = set(kept_apart(found, (settings.leave_out,))) if settings.leave_out else ()
    if apart:
        print(f"{len(apart)} of {len(found)} foreign clips are kept for testing")
    kept = [clip for clip in found if clip not in apart]
    print(f"none of these: {counted(kept) or 'no clip'}")
    return kept


def _keep_others(out, run_folder):
    """ValueError if `out` is a model that this run has not made, or that has been taught since."""
    if (Path(out) / "card.json").exists() and not _has_made(Path(run_folder), Path(out)):
        raise ValueError(f"{out} is a model already, which this run ({run_folder}) has not made: choose another --out")
    if (Path(out) / "card.json").exists() and (taught := read_json(Path(out) / "card.json").get("taught")):
        raise ValueError(f"{out} has been taught {', '.join(taught)} since, which would be lost: choose another --out")


def _has_made(run_folder, out):
    if (run_folder / OUTS).exists():
        return str(out.resolve()) in _outs(run_folder)
    if not (run_folder / "settings.json").exists():
        return False
    # A run from before it noted that: the model tells what it was made with.
    settings, card = map(read_json, (run_folder / "settings.json", out / "card.json"))
    told = {"classes": card.get("classes"), **card.get("training", {})}
    return "training" in card and told.items() <= settings.items()


def _remember_out(out, run_folder):
    """Note that this run writes the model folder `out`."""
    outs = dict.fromkeys([*_outs(run_folder), str(Path(out).resolve())])
    write_whole(run_folder / OUTS, "".join(f"{each}\n" for each in outs))


def _outs(run_folder):
    path = run_folder / OUTS
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def gather(clips, classes, foreign=(), seed=0, front_end=FrontEnd()):
    """Sounds of labelled clips, noises of our own, and those of the clips `foreign` that have no class here."""
    others, noises = [clip for clip in foreign if clip.label not in classes], strangers()
    samples = read_all([*clips, *others])
    clips, heard = zip(*_sounding(clips, samples[:len(clips)], classes), strict=True)
    samples = [*heard, *samples[len(samples) - len(others):]]
    labels = [classes.index(clip.label) for clip in clips] + [len(classes)] * (len(others) + len(noises))
    recordings = [f"{clip.label} {clip.recording or clip.path}" for clip in (*clips, *others)]
    recordings += [f"noise {number}" for number in range(len(noises))]
    return Sounds([*samples, *noises], labels, len(classes), seed, recordings, front_end)


def read_all(clips):
    """Samples (float16) of each of the clips. ValueError that names all of them which cannot be read, not the first alone: of
    field recordings there may be many."""
    found = in_threads(_read_or_none, clips, lambda files: track(files, "reading clips"))
    faults = [str(clip.path) for clip, samples in zip(clips, found, strict=True) if samples is None]
    if faults:
        more = f" and {len(faults) - NAMED} more" * (len(faults) > NAMED)
        raise ValueError(f"no sound in {len(faults)} of {len(clips)} files: {', '.join(faults[:NAMED])}{more}; convert them to WAV, or "
                         "take them away")
    return found


def _read_or_none(clip):
    try:
        return read(clip).astype(np.float16)
    except ValueError:
        return None


def _sounding(clips, samples, classes):
    """The [(clip, samples)] in which something sounds: the hiss of a take that is silent would be learnt as its class.
    ValueError for a class of which nothing is left."""
    kept = [(clip, one) for clip, one in zip(clips, samples, strict=True)
            if levels(one, FrontEnd().rate).max(initial=-np.inf) >= DEFAULTS["hear.gate"]]
    for name in classes:
        if not any(clip.label == name for clip, _ in kept):
            raise ValueError(f"class {name}: nothing sounds in its {sum(clip.label == name for clip in clips)} clips that are to "
                             f"be learnt (louder than {DEFAULTS['hear.gate']:g} dBFS): record it louder, or take its folder away")
    for path in sorted({str(clip.path) for clip in clips} - {str(clip.path) for clip, _ in kept}):
        print(f"left out, as nothing sounds in it: {path}")
    return kept


def _card(settings, classes, folds):
    return {
        "network": "HearSee: residual, 4 stages of 2 basic blocks (64, 128, 256, 384), one normalisation per sense",
        "classes": classes, "scenes": 1000, "window_s": WINDOW,
        "training": {name: value for name, value in asdict(settings).items()
                     if name not in ("data", "start", "foreign", "sound_teacher", "elder", "pictures", "picture_teacher")},
        "folds": folds,
    }
