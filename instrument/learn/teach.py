"""New classes from a few examples, learnt within a second on the frozen network.

Linear discriminants (Fisher, 1936) on the averages of its stages 2 to 4: a mean for each class, one spread
within classes for all. Of the network's own classes those features are remembered in its folder
(`memory.safetensors`, made by `remember`); they say how the own classes spread, and how far each new class
must lead them so that all but LOST of what is remembered keeps its answer. What it reaches: `hearsee bench teach`.
"""

import filecmp
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..audio.engine import level_block, levels
from ..audio.files import decode
from ..audio.frontend import FrontEnd, log_mel, resample
from ..features import RESERVED, simple
from ..files import aged, brought_back, numbered, photograph, put, set_aside
from ..model.card import KEPT_BACK, MARKS, OWN, PICTURES, pictures_in
from ..model.net import AVERAGES
from ..model.taught import FILE, Taught, leading, load_taught, save_taught
from ..params import DEFAULTS
from .dataset import Clip, named, note, read, repeat_to
from .run import track

WEIGHTS, MEMORY = "weights.safetensors", "memory.safetensors"
PARTS = (WEIGHTS, "card.json", "pictures", MEMORY, FILE, MARKS, KEPT_BACK)  # of a model folder
WINDOW = 1.0  # s of a view: what the stage listens by
HOP = 0.25  # s between two views of an example
MOST = 12  # views of an example alone, and as many of it with what is round it
KEPT, EACH = 400, 6  # remembered views of a class, and at most of one clip
LOUD = 35.0  # dB below the loudest 10 ms: what is above that, and above the gate, belongs to the sound
SHORTEST = 0.05  # s of what counts as an example
GATE = DEFAULTS["hear.gate"]
SHRINK = 0.05  # share of a round spread in the spread within classes (Ledoit and Wolf, 2004, name the idea)
LEAST = 1e-6  # of its variance, where every window of every class was the same
HUSH = -100.0  # dBFS; what is quieter is no room
ABOVE, FULL = 15.0, 6.0  # dB over the room that a sound is; dB below its loudest moment where it is in any case
SHARPNESS = 0.1  # of the taught answers: discriminants are surer than they should be
LOST = 0.02  # share of remembered views that the new classes may take


class Silence(ValueError):
    """An example in which nothing is heard."""


class Pupil:
    """A model that learns: `add` examples, `forget` classes, `save` into `folder`. Not for two threads at once.

    ValueError where `folder` holds something else than a model, which would be lost. `heard()` gives (hear, classes) for
    an engine; what it gave before goes on answering as before.
    """

    def __init__(self, model, folder):
        self.model, self.folder = model, Path(folder)
        _check_place(self.folder)
        self.taught = model.taught
        self._memory = None
        self._seen = self._counts()  # examples of each class in the folder that this pupil knows of

    @property
    def own(self):
        """The classes that the network was trained on."""
        return self.model.card["classes"]

    def heard(self):
        """(hear, classes): a function of log-mel windows (bands, frames) to logits (classes + 1,), and its names."""
        listen, taught = self.model.listen, self.taught
        return lambda window: taught.extend(*listen(window)), [*self.own, *taught.names]

    def add(self, name, samples, rate=FrontEnd().rate, gate=GATE):
        """Learn one example of a class, mono `samples` at `rate` Hz; how many examples it has now.

        ValueError for a bad name, a class the model was made with, or silence: nothing louder than `gate` dBFS.
        """
        name = self.check(name)
        features = np.stack([self.model.listen(view)[1] for view in views(samples, rate, self.model.front_end, gate)])
        examples = self._examples()
        examples[name] = [*examples.get(name, ()), features]
        self._learn(examples)
        return len(examples[name])

    def check(self, name):
        """The name as it is learnt; ValueError for one that is none, or that of a class the model was made with."""
        name = legal_name(name)
        if own := next((own for own in self.own if simple(own) == name), None):
            raise ValueError(f"{own} is a class of the model itself; choose another name")
        return name

    def forget(self, name):
        """Unlearn a taught class; ValueError names those there are."""
        name, examples = legal_name(name), self._examples()
        if name not in examples:
            raise ValueError(f"no class {name!r} was taught; taught are: {', '.join(examples) or 'none yet'}")
        del examples[name]
        self._learn(examples)

    def _examples(self):
        """{class: examples}, with what another pupil has taught the folder since, and without what it took away."""
        own, card = dict(self.taught.examples or {}), self.folder / "card.json"
        if not card.exists() or not filecmp.cmp(self.folder / WEIGHTS, self.model.folder / WEIGHTS, shallow=False):
            return own
        names = json.loads(card.read_text(encoding="utf-8-sig")).get("taught", ())
        there = load_taught(self.folder, names, len(self.model.card["classes"])).examples or {}
        own = {name: each for name, each in own.items() if name in there or name not in self._seen}
        return own | {name: [*own.get(name, ()), *each[self._seen.get(name, 0):]] for name, each in there.items()}

    def _counts(self):
        return {name: len(each) for name, each in (self.taught.examples or {}).items()}

    def _learn(self, examples):
        if self._memory is None:
            self._memory = read_memory(self.model)
        self.taught = fit(*self._memory, examples)

    def nearest(self, name):
        """The own class that a taught one sounds most like."""
        own, features = len(self.own), np.concatenate(self.taught.examples[name])
        return self.own[int((features @ self.taught.weight[:own].T + self.taught.bias[:own]).mean(0).argmax())]

    def save(self, pictures=()):
        """Write the whole model folder. `pictures` {class: file, or class whose picture to take}.

        A class without one keeps that of the folder, or gets that of the nearest old class. What else is in the folder
        stays there.
        """
        model, part = self.model, self.folder.with_name(f".{self.folder.name}.part")  # hidden: a user's own has no such name
        chosen = self._chosen(dict(pictures))
        shutil.rmtree(part, ignore_errors=True)
        (part / "pictures").mkdir(parents=True)
        for file in (WEIGHTS, MEMORY, *(marks for marks in (MARKS, KEPT_BACK) if (model.folder / marks).exists())):
            shutil.copyfile(model.folder / file, part / file)
        card = {**model.card, "taught": list(self.taught.names)}
        (part / "card.json").write_text(json.dumps(card, indent=1) + "\n")
        save_taught(self.taught, part)
        for name, path in chosen.items():
            copy = part / "pictures" / (name + path.suffix.lower())
            shutil.copyfile(path, copy)
            aged(copy)
        _put_in_place(part, self.folder)
        self._seen = self._counts()

    def _chosen(self, pictures):
        """{class: file} for all classes that can have a picture."""
        there = {**pictures_in(self.model.folder / "pictures"), **pictures_in(self.folder / "pictures")}
        for name, picture in pictures.items():
            path = Path(there.get(picture, picture))
            if path.suffix.lower() not in PICTURES or not path.is_file():
                raise ValueError(f"picture {picture}: give a file ({', '.join(PICTURES)}) or a class with a picture "
                                 f"({', '.join(there)})")
            photograph(path)  # now: a model with one that is none would not open
            there[legal_name(name)] = path
        there |= {name: there[self.nearest(name)] for name in self.taught.names
                  if name not in there and self.nearest(name) in there}
        return {name: there[name] for name in (*self.own, *self.taught.names) if name in there}


def fit(memory, labels, examples):
    """The Taught of `examples` {name: [features (views, n)]}, given remembered features (m, n) of own classes.

    Each example counts alike for the mean of its class. Each new class must lead so far that all of them
    together take no more than LOST of what is remembered; one that resembles nothing old needs no lead.
    """
    if not examples:
        return Taught()
    own = int(labels.max()) + 1
    means = [memory[labels == number].mean(0) for number in range(own)]
    means = np.stack([*means, *(np.mean([one.mean(0) for one in each], 0) for each in examples.values())])
    stray = [memory - means[labels]]
    stray += [np.concatenate(each) - mean for each, mean in zip(examples.values(), means[own:])]
    weight = SHARPNESS * np.linalg.solve(_spread(np.concatenate(stray)), means.T).T
    bias = -0.5 * (weight * means).sum(1)
    lead = np.quantile(leading(memory @ weight.T + bias, own), 1 - LOST / len(examples), axis=0).clip(min=0)
    return Taught(tuple(examples), *(part.astype(np.float32) for part in (weight, bias, lead)), dict(examples))


def _spread(stray):
    """Covariance (n, n) of deviations (m, n), made rounder so that it can be inverted."""
    spread = stray.T @ stray / len(stray)
    return (1 - SHRINK) * spread + SHRINK * max(np.trace(spread) / len(spread), LEAST) * np.eye(len(spread))


def legal_name(name):
    """A class name as OSC wants it: lower-case ASCII letters, digits and underscores; ValueError if that is nothing."""
    legal = simple(str(name or ""))
    if not legal or len(legal) > 40:
        raise ValueError(f"{name!r} is no class name: 1 to 40 letters, digits and underscores, such as clock_tick")
    if legal in RESERVED:
        raise ValueError(f"{legal} can be no class's name: Windows lets no file be called so; choose another, such as {legal}_in")
    return legal


def views(samples, rate, front, gate=GATE):
    """Log-mel windows (bands, frames) of one example: of the sound alone, and of all that holds some of it.

    The stage hears both: a sound after silence repeated until it fills the window, and later with what is
    round it. (Without the second kind a sneeze was known only while it filled the window.) Pauses are no
    views: taught from them, the class would be the empty room. ValueError for silence.
    """
    samples = np.nan_to_num(np.asarray(samples, np.float32))
    sounds = sounding(samples, rate, gate)  # of the samples as they came: resampled, an offset clicks at both ends
    first, last = np.flatnonzero(sounds)[[0, -1]] * front.rate // rate
    samples = resample(samples, rate, front.rate) if rate != front.rate else samples
    parts, limit = (_windows(samples[first:last + 1]), _windows(samples)), _above_room(levels(samples, front.rate))
    return [log_mel(window, front) for part in parts for window in few(_full(part, front.rate, limit), MOST)]


def _above_room(level):
    """The level (dBFS) from which on it is no room: that of an example's quiet moments is, unless it has none."""
    room = np.percentile(level[level > HUSH], 10)
    return min(max(level.max() - LOUD, room + ABOVE), level.max() - FULL)


def _full(windows, rate, limit):
    """Those windows in which it is louder than `limit` for SHORTEST at least, or as long as in any."""
    loud = np.stack([levels(window, rate) >= limit for window in windows]).sum(1)
    return [windows[at] for at in np.flatnonzero(loud >= min(loud.max(), round(SHORTEST * rate / level_block(rate))))]


def _windows(samples):
    """Windows (length,) at every HOP of a sound, which is repeated if it is shorter than one."""
    rate = FrontEnd().rate
    sound = repeat_to(samples, int(WINDOW * rate))
    return np.lib.stride_tricks.sliding_window_view(sound, int(WINDOW * rate))[:: int(HOP * rate)]


def few(items, most):
    """At most so many of them, evenly spread."""
    return [items[at] for at in np.linspace(0, len(items) - 1, min(len(items), most)).astype(int)]


def sounding(samples, rate, gate=GATE):
    """Whether each sample of an example is in a loud moment, bool; ValueError for silence."""
    level = levels(samples, rate)
    loudest = level.max(initial=-np.inf)
    if loudest < gate or len(samples) < SHORTEST * rate:
        raise Silence(f"nothing was heard in {len(samples) / rate:.2f} s: make the sound between start and stop, at least "
                         f"{SHORTEST} s long and louder than hear.gate ({gate:g} dBFS)")
    loud = np.repeat(level >= max(loudest - LOUD, gate), level_block(rate))
    return np.pad(loud, (0, len(samples) - len(loud)))


def remember(model, clips):
    """Keep features of the model's own classes in its folder, so that new ones can be told from them; the file."""
    chance = np.random.default_rng(0)
    kept = [_recall(model, [clip for clip in clips if clip.label == name], name, chance)
            for name in model.card["classes"]]
    labels = np.repeat(np.arange(len(kept)), [len(one) for one in kept])
    path = model.folder / MEMORY
    save_file({"features": np.concatenate(kept).astype(np.float16), "labels": labels}, str(path),
              metadata={"weights": model.weights_hash})
    return path


def _recall(model, clips, name, chance):
    """Features of KEPT windows of one class, evenly over its clips."""
    if not clips:
        raise ValueError(f"no clip of {name}: a memory needs some of every class of the model")
    counts = np.bincount(np.arange(KEPT) % len(clips)).clip(max=EACH)
    found = []
    for at, count in zip(track(chance.permutation(len(clips)), name), counts):
        found += [model.listen(view)[1] for view in _some_views(read(clips[at]), count, chance, model.front_end)]
    if not found:
        raise ValueError(f"{name}: nothing sounds in its clips (louder than {GATE:g} dBFS): a memory needs some of every class")
    return np.stack(found)


def _some_views(samples, count, chance, front):
    """`count` windows at random places where something sounds: of others the stage asks nobody."""
    length, block = int(WINDOW * front.rate), level_block(front.rate)
    sound = repeat_to(samples, length)
    loud = np.append(levels(sound, front.rate), -np.inf)[:len(sound) // block] >= GATE
    starts = [start for start in range(0, len(sound) - length + 1, block) if loud[start // block:(start + length) // block].any()]
    for start in chance.choice(starts, size=count) if starts else ():
        yield log_mel(sound[start:start + length], front)


def read_memory(model):
    """(features (m, AVERAGES), class numbers (m,)) of a model's own classes; ValueError where there are none."""
    path = model.folder / MEMORY
    try:
        with safe_open(str(path), "numpy") as kept:
            if (kept.metadata() or {}).get("weights") != model.weights_hash:
                raise ValueError(f"{path} is of other weights: make it anew with `hearsee teach --remember DIR`")
            features = kept.get_tensor("features").astype(np.float32)
            if features.shape[1] != AVERAGES:
                raise ValueError(f"{path} is of an earlier version: make it anew with `hearsee teach --remember DIR`")
            return features, kept.get_tensor("labels")
    except FileNotFoundError:
        raise ValueError(f"{path} is missing, and without it nothing new can be told from the old classes: make it "
                         "from labelled clips with `hearsee teach --remember DIR`") from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): make it anew with `hearsee teach --remember DIR`") from None


def own_folder(model, root=None, beside=None):
    """Where classes taught to this model are saved: its own folder if it was taught before, else a new one of `root`.

    `beside`: the folder of the model that this one takes the place of; then the name follows from both, so that
    `listen` and the show come to the same.
    """
    if "taught" in model.card:  # be it of nothing any more
        return model.folder
    if beside:  # of all that came before only the first: else the name would grow with each exchange
        return Path(beside).with_name(f"{Path(beside).name.partition('+')[0]}+{model.folder.name}-{model.weights_hash[:6]}")
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    return (root or OWN) / f"{model.folder.name}-{stamp}"


def from_files(model, name, files, folder, picture=None):
    """Teach a class from sound files and save the model folder; how many examples the class has now."""
    pupil = Pupil(model, folder)
    count = 0
    for file in files:
        sound = decode(file)
        try:
            count = pupil.add(name, *sound)
        except Silence:
            raise ValueError(f"{file}: nothing sounds there for {SHORTEST} s, louder than hear.gate ({GATE:g} dBFS); leave it "
                             "out, or record it louder") from None
    pupil.save({name: picture} if picture else {})
    noted = Path(folder) / MARKS
    if noted.exists():
        clips = [Clip(Path(file), name, *named(Path(file).stem)) for file in files]
        note(noted, clips, noted.read_text(encoding="utf-8").split())
    return count


def forget(model, name, folder):
    """Take a taught class out and save the model folder; its name."""
    pupil = Pupil(model, folder)
    pupil.forget(name)
    pupil.save()
    return legal_name(name)


def _check_place(folder):
    """ValueError where a model folder would take the place of something else."""
    if folder.exists() and not (folder / "card.json").exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"{folder} is no model, and would be replaced by one: choose a folder that is new or empty")


def _put_in_place(part, folder):
    """Exchange a finished folder for the one there is; what the user has put there comes along."""
    _move_along(brought_back(folder))  # one before may have been broken off
    try:
        _exchange(part, folder)
    except OSError:  # somebody who opened it in that moment may have brought the old one back
        _exchange(part, folder)
    _move_along(folder)


def _exchange(part, folder):
    if folder.exists():
        put(folder, set_aside(folder))
    try:
        put(part, folder)
    finally:
        brought_back(folder)


def _move_along(folder):
    """Take what the user had put into the folder that was here before, and remove that."""
    old = set_aside(folder)
    for path, name in _besides(old):
        path.rename(next(free for free in numbered(folder / name) if not os.path.lexists(free)))
    shutil.rmtree(old, ignore_errors=True)


def _besides(folder):
    """[(path, where it belongs in the folder)] of what is in a model folder besides the model: pictures of a class that are not
    those in use too, under another name."""
    if not (folder / "card.json").exists():
        return []
    card = json.loads((folder / "card.json").read_text(encoding="utf-8-sig"))
    names, used = (*card["classes"], *card.get("taught", ())), pictures_in(folder / "pictures")
    kept = [(path, path.name) for path in folder.iterdir() if path.name not in PARTS]
    for path in (folder / "pictures").glob("*"):
        if path.stem not in names or path.suffix.lower() not in PICTURES:
            kept.append((path, f"pictures/{path.name}"))
        elif path != used.get(path.stem):
            kept.append((path, f"pictures/{path.stem}-before{path.suffix}"))
    return kept
