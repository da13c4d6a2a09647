"""The whole experiment: every split, every set to train on, every set to test on, one table at the end.

Each model is a run of its own in OUT/runs/SPLIT/SET; what is finished is not done again, only what is missing.
"""

import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ...files import sole, write_whole
from ..ahead import losses_told
from ..dataset import classes_of, find_clips, fingerprint
from ..evaluate import scores
from ..run import Run, digest
from .arrange import report
from .crew import crew
from .network import IMAGENET, build
from .recipe import Course, Recipe, check_shares, train
from .sets import SETS, Pictures, Shelf, fill_shelf, turns_of
from .split import chosen, honest, leak, splits
from .table import write

SHELF = {"baseline": "baseline", "padded": "padded", "rolled": "padded"}


@dataclass(frozen=True)
class Paper:
    """What to reproduce. `splits` empty: random and folds, or recordings where there are no two folds; `folds` empty: every fold
    is tested in turn; `per_class` 0: all clips."""

    data: str
    network: str = "resnet50"
    weights: str = IMAGENET
    splits: tuple = ()
    folds: tuple = ()
    sets: tuple = SETS
    as_published: bool = False
    per_class: int = 0
    recipe: Recipe = field(default_factory=Recipe)


@losses_told()
def reproduce(paper, out):
    """Do all that is missing under `out`; the first process writes the tables. Returns lines of text (or none)."""
    found = find_clips(paper.data)
    clips = chosen(found, paper.per_class, paper.recipe.seed)
    kinds = paper.splits or (("random", "folds") if paper.folds else honest(clips))  # who names folds is told that they are not there
    chances, lines = splits(clips, kinds, paper.folds, paper.recipe.seed)
    lacking = [f"left out: {line}" for line in lines]
    with crew() as team, ExitStack() as held:
        if team.first and lacking:
            print("\n".join(lacking))  # now, and in the table
        check_shares(paper.recipe, team)
        team.in_turn(lambda: build(paper.network, len(classes_of(clips)), paper.weights, paper.recipe.seed))  # a mistake is told now
        if team.first:
            held.enter_context(sole(out))
        study = Study(paper, clips, Path(out), team)
        results = [(split, leak(clips, split), {name: study.model(split, name) for name in paper.sets})
                   for split in chances]
    if not team.first:
        return []
    facts = {"network": paper.network, "weights": study.words, "device": team.device, "processes": team.world,
             "as_published": paper.as_published, "per_class": paper.per_class, "recipe": asdict(paper.recipe),
             "data": report(paper.data, found) + lacking, "classes": study.classes}
    return write(Path(out), facts, results, study.training_pictures(chances[0]))


class Study:
    """The clips, their pictures on disk, and the models made of them."""

    def __init__(self, paper, clips, out, team):
        self.paper, self.clips, self.out, self.team = paper, clips, out, team
        self.classes = classes_of(clips)
        self.labels = [self.classes.index(clip.label) for clip in clips]
        self.words = ""
        self.shelves = {name: self._shelf(name) for name in sorted({SHELF[name] for name in paper.sets})}

    def _shelf(self, name):
        folder = self.out / "pictures"
        self.team.in_turn(lambda: fill_shelf(self.clips, folder, name, self.team.track))
        return Shelf(folder, name)

    def pictures(self, name, members):
        """The set `name` made of some clips."""
        published = self.paper.as_published
        return Pictures(self.shelves[SHELF[name]], self.labels, members, turns_of(name, published), published)

    def training_pictures(self, split):
        """{set: {class: its pictures to learn from}} of a split."""
        return {name: {label: self.pictures(name, [i for i in split.train if self.clips[i].label == label])
                       for label in self.classes} for name in self.paper.sets}

    def model(self, split, name):
        """Train on set `name` of `split` and test on every set: {"curves", "tests": {set: scores}}."""
        run = self.team.in_turn(lambda: Run(self.out / "runs" / split.name / name, self._settings(split, name)))
        net, self.words = self.team.in_turn(self._network)
        self.team.in_turn(run.begin)
        done = run.folder / "scores.json"
        found = json.loads(done.read_text(encoding="utf-8")) if done.exists() else {"tests": {}}
        missing = [other for other in self.paper.sets if other not in found["tests"]]
        if missing:
            course = self._trained(net, run, split, name)
            tests = {other: self._test(course, other, split) for other in missing}
            found = {"curves": course.curves, "tests": {**found["tests"], **tests}}
            if self.team.first:
                write_whole(done, json.dumps(found))
        return {**found, "tests": {other: found["tests"][other] for other in self.paper.sets}}

    def _trained(self, net, run, split, name):
        """The course of a run at its end; one that is finished is only read."""
        course = Course(net, self.paper.recipe, self.team)
        # The paper's rolled model is validated on padded pictures.
        validation = self.pictures("padded" if name == "rolled" else name, split.validation)
        train(course, self.pictures(name, split.train), validation, run, f"{split.name}, {name}")
        return course

    def _network(self):
        return build(self.paper.network, len(self.classes), self.paper.weights, self.paper.recipe.seed)

    def _test(self, course, name, split):
        pictures = self.pictures(name, split.test)
        return scores(pictures.truth, np.exp(course.judge(pictures)), self.classes)

    def _settings(self, split, name):
        recipe = asdict(self.paper.recipe)
        recipe.pop("workers")
        return {"data": str(self.paper.data), "network": self.paper.network, "weights": self.paper.weights,
                "as_published": self.paper.as_published, "split": split.name, "set": name,
                "clips": fingerprint([self.clips[i] for i in (*split.train, *split.test)]), **recipe,
                "digests": {"weights": digest(self.paper.weights)} if Path(self.paper.weights).is_file() else {}}
