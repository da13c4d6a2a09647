"""How well classes taught from a few examples are told, and what the model's own classes lose by it.

Every clip is listened to once. Each draw then teaches other examples and judges all clips that are not among them
as `evaluate` judges whole clips: by the mean of the answers to their windows.
"""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch

from ..audio.decide import answers
from ..audio.files import decode
from ..learn.evaluate import WHOLE, cut, softmax
from ..learn.run import track
from ..learn.teach import Pupil, fit, read_memory, views
from ..model.taught import Taught
from ..params import DEFAULTS

EXAMPLES = 5  # of each new class
NEEDED, ALLOWED = 0.80, 3.0  # share of new clips told rightly, and points that the own classes may lose
SOON = 1.0  # s after an example in which its class is to be there


def teach_rows(model, own, new, draws=10):
    """One row of figures a draw, for clips `own` of the model's classes and clips `new` of others.

    A new clip is told rightly if its class wins against all others and against "unknown". Own clips are judged
    by the best class alone, before and after. Of each draw one example of each class is learnt as on stage, and timed.
    """
    own, new = Ears(model, own), Ears(model, new)
    lessons = [study(model, clip) for clip in track(new.clips, "studying")]
    memory, before = read_memory(model), own.right(model.card["classes"]).mean()
    rows = []
    for draw in range(draws):
        chosen = choose(new, draw)
        taught = fit(*memory, {name: [lessons[at] for at in places] for name, places in chosen.items()})
        after = own.right([*model.card["classes"], *taught.names], taught).mean()
        times = learning_times(model, {name: new.clips[places[0]].path for name, places in chosen.items()})
        rows.append({"draw": draw + 1, **_told(new, chosen, model, taught), "own before": float(before),
                     "own after": float(after), "points lost": 100 * float(before - after),
                     "s to learn": median(times), "s at most": max(times)})
    return rows


def learning_times(model, examples):
    """Seconds from the end of each example {class: file} to its class being saved and heard for, in the thread of `listen`."""
    threads, times = torch.get_num_threads(), []
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        pupil = Pupil(model, Path(folder) / "taught")
        for name, path in examples.items():
            sound = decode(path)
            began = perf_counter()
            pupil.add(name, *sound)
            pupil.save()
            pupil.heard()
            times.append(perf_counter() - began)
    torch.set_num_threads(threads)
    return times


def _told(new, chosen, model, taught):
    """Shares of the clips told rightly whose recordings gave no example: of all "new" ones, and of each class."""
    told = new.right([*model.card["classes"], *taught.names], taught, strict=True)
    learnt = set(new.recordings[np.concatenate(list(chosen.values()))])
    told[[one in learnt for one in new.recordings]] = np.nan
    return {"new": float(np.nanmean(told)),
            **{name: float(np.nanmean(told[new.labels == name])) for name in taught.names}}


class Ears:
    """What the network makes of clips before anything is taught; silent clips are left out."""

    def __init__(self, model, clips):
        heard = [(clip, listen(model, clip)) for clip in track(clips, "listening")]
        self.clips, self._heard = zip(*((clip, windows) for clip, windows in heard if windows), strict=True)
        self.labels = np.array([clip.label for clip in self.clips])
        self.recordings = np.array([f"{clip.label} {clip.recording or clip.path}" for clip in self.clips])

    def right(self, classes, taught=Taught(), strict=False):
        """1 for every clip whose class is the answer, else 0; `strict`: "unknown" is an answer too."""
        shares = np.array([softmax(taught.extend(*heard) / DEFAULTS["hear.temperature"]).mean(0)
                           for heard in self._heard])
        among, known = answers(np.log(np.maximum(shares, 1e-12)))
        right = np.array(classes)[among.argmax(1)] == self.labels
        return (right & ((known >= DEFAULTS["hear.unknown"]) | (not strict))).astype(float)


def listen(model, clip):
    """(logits (windows, own + 1), features (windows, n)) where something sounds in a clip; () if nothing does."""
    heard = [model.listen(window) for window in cut(*decode(clip.path), WHOLE, model.front_end) if window is not None]
    return tuple(map(np.stack, zip(*heard, strict=True)))


def study(model, clip):
    """Features (views, n) of a clip as an example."""
    return np.stack([model.listen(view)[1] for view in views(*decode(clip.path), model.front_end)])


def choose(ears, draw):
    """{class: places of its EXAMPLES}; ValueError for a class that has no more recordings than that."""
    chance, chosen = np.random.default_rng(draw), {}
    for name in sorted(set(ears.labels)):
        places = np.flatnonzero(ears.labels == name)
        if (count := len(set(ears.recordings[places]))) <= EXAMPLES:
            raise ValueError(f"{name} has {count} recordings: {EXAMPLES} clips are taught, and others must be left to be told")
        chosen[str(name)] = chance.choice(places, EXAMPLES, replace=False)
    return chosen


def verdict(rows):
    """One line: the mean over the draws beside what is asked for."""
    new, lost = np.array([(row["new"], row["points lost"]) for row in rows]).T
    usual, slowest = median(row["s to learn"] for row in rows), max(row["s at most"] for row in rows)
    good = "reached" if new.mean() >= NEEDED and lost.mean() <= ALLOWED and slowest <= SOON else "missed"
    return (f"{EXAMPLES} examples of each, {len(rows)} draws: {new.mean():.3f} of the other clips told rightly "
            f"({new.min():.3f} to {new.max():.3f}), {lost.mean():.1f} points lost by the own classes (at most "
            f"{lost.max():.1f}), a class there {usual:.2f} s after its example (at most {slowest:.2f}); asked for are {NEEDED:.2f}, "
            f"{ALLOWED:g} and {SOON:g} s: {good}")
