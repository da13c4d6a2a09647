"""Who learns and who is tested: the paper's random split, the official folds, and how much each leaks.

The random split deals clips; clips of one recording land on both sides. Official folds keep a recording
together. `by_recording` has the sizes of the random split and the honesty of the folds.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

import torch
from sklearn.metrics import f1_score

from ..dataset import folds_of
from ..run import generator

SPLITS = ("random", "folds", "recordings")


@dataclass(frozen=True)
class Split:
    """Three lists of positions in a list of clips; `kind` is one of SPLITS, `fold` 0 or the fold tested."""

    kind: str
    fold: int
    train: list
    validation: list
    test: list

    @property
    def name(self):
        return f"fold{self.fold}" if self.fold else self.kind


def honest(clips, kinds=("random", "folds")):
    """Those of `kinds` that the clips bear, with one at least that tells who has learnt by heart: where not every clip is of one of
    two folds or more, by recordings."""
    there = folds_of(clips)
    if len(there) > 1 and 0 not in there:
        return kinds
    return ("random", "recordings")


def splits(clips, kinds=("random", "folds"), folds=(), seed=0):
    """(the splits of every kind: one each, or one per fold (of `folds`; all if empty); a line of text for each that too few clips
    leave out). ValueError where they leave out all."""
    makers = {"random": lambda: [random(clips, seed)], "recordings": lambda: [by_recording(clips, seed)],
              "folds": lambda: by_folds(clips, folds, seed)}
    found = [split for kind in kinds for split in makers[kind]()]
    possible = [split for split in found if split.train and split.validation and split.test]
    lines = [_too_few(split) for split in found if split not in possible]
    if not possible:
        raise ValueError(lines[0])
    return possible, lines


def _too_few(split):
    return (f"too few clips for the {split.name} split (train {len(split.train)}, validation {len(split.validation)}, test "
            f"{len(split.test)}): give at least 10 clips of a class")


def random(clips, seed=0):
    """80/10/10 of every class by clip, with the paper's arithmetic: a fifth, and half of that."""
    parts = [], [], []
    for members in _by_class(clips).values():
        order = _shuffled(members, seed)
        away = len(order) // 5
        test = away // 2
        for part, some in zip(parts, (order[away:], order[test:away], order[:test])):
            part.extend(some)
    return Split("random", 0, *map(sorted, parts))


def by_recording(clips, seed=0):
    """80/10/10 of every class by recording: as large as the random split, without its leak."""
    rest, test = _hold_out(clips, range(len(clips)), 10, seed)
    train, validation = _hold_out(clips, rest, 9, seed + 1)
    return Split("recordings", 0, train, validation, test)


def by_folds(clips, folds=(), seed=0):
    """One split per fold tested; a ninth of the rest, by recording, is for validation."""
    there = [fold for fold in folds_of(clips) if fold]
    wrong = [fold for fold in folds if fold not in there]
    if wrong or len(there) < 2:
        raise ValueError(f"fold {wrong[0]} is not here; there are {there}" if wrong and there else
                         "a split by folds needs clips of two folds or more; use --splits random")
    return [_fold(clips, fold, seed) for fold in folds or there]


def _fold(clips, fold, seed):
    test = [i for i, clip in enumerate(clips) if clip.fold == fold]
    rest = [i for i, clip in enumerate(clips) if clip.fold not in (0, fold)]
    return Split("folds", fold, *_hold_out(clips, rest, 9, seed + fold), test)


def _hold_out(clips, members, share, seed):
    """(kept, held out): whole recordings, of whatever classes, that make up at most 1/`share` of each class, but one at least."""
    counts = {label: Counter(clips[i].recording for i in its) for label, its in _by_class(clips, members).items()}
    held = set()
    for count in counts.values():
        held |= _fill(_shuffled(list(count), seed), count, [(one, one.total() // share) for one in counts.values()], held)
    return [i for i in members if clips[i].recording not in held], [i for i in members if clips[i].recording in held]


def _fill(recordings, count, classes, held):
    """Recordings of a class of so many clips each (`count`), as many as may be held beside those that are: none from which any of
    `classes` [(its count, how many clips of it)] would have more held, and where none is, one small one that leaves some of each."""
    taken = set()
    for one in recordings:
        if one not in held and all(sum(each[other] for other in held | taken | {one}) <= most for each, most in classes if each[one]):
            taken.add(one)
    if taken or held & count.keys():
        return taken
    spare = [one for one in recordings if all(len(each.keys() - held) > 1 for each, _ in classes if each[one])]
    return {min(spare, key=count.get)} if spare else set()


def _by_class(clips, members=None):
    """{class: positions of its clips}, classes in alphabetical order."""
    groups = defaultdict(list)
    for i in range(len(clips)) if members is None else members:
        groups[clips[i].label].append(i)
    return dict(sorted(groups.items()))


def _shuffled(items, seed):
    return [items[i] for i in torch.randperm(len(items), generator=generator(seed, len(items)))]


def leak(clips, split):
    """What a split gives away: share of tested clips whose recording was learnt, and the score of a table that
    maps recording to class without hearing anything (accuracy, macro F1)."""
    told = defaultdict(Counter)
    for i in split.train:
        told[clips[i].recording][clips[i].label] += 1
    usual = Counter(clips[i].label for i in split.train).most_common(1)[0][0]
    truth = [clips[i].label for i in split.test]
    known = [told.get(clips[i].recording) for i in split.test]
    answers = [found.most_common(1)[0][0] if found else usual for found in known]
    return {
        "recording_seen": sum(map(bool, known)) / len(known),
        "lookup_accuracy": sum(map(str.__eq__, truth, answers)) / len(truth),
        "lookup_macro_f1": float(f1_score(truth, answers, labels=sorted(set(truth)), average="macro", zero_division=0)),
    }


def chosen(clips, per_class, seed=0):
    """At most `per_class` clips of every class, dealt at random; all for 0. Every split is made of the same ones."""
    if not per_class:
        return clips
    keep = sorted(i for members in _by_class(clips).values() for i in _shuffled(members, seed)[:per_class])
    return [clips[i] for i in keep]

