"""New classes from a few examples, learnt within a second on the frozen network.

Linear discriminants (Fisher, 1936) on the features that its sound head sees: a mean for each class, one
spread within classes for all. Of the network's own classes those features are remembered in its folder
(`memory.safetensors`, made by `remember`); they say how the own classes spread, and how far a new class
must lead them so that all but LOST of what is remembered keeps its answer.
"""

import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..audio.files import decode
from ..audio.frontend import FrontEnd, log_mel, resample
from ..model.card import PICTURES
from ..model.taught import Taught, leading, save_taught
from .dataset import read, repeat_to
from .run import track

OWN = Path.home() / ".hearsee" / "models"  # where classes taught on stage are kept
MEMORY = "memory.safetensors"
WINDOW = 1.0  # s of a view: what the stage listens by
HOP = 0.25  # s between two views of an example
MOST = 24  # views of one example
KEPT, EACH = 400, 6  # remembered views of a class, and at most of one clip
LOUD = 35.0  # dB below the loudest 10 ms, where an example begins and ends
SHORTEST, QUIETEST = 0.05, 1e-4  # s and amplitude of what counts as an example
SHRINK = 0.05  # share of a round spread in the spread within classes (Ledoit and Wolf, 2004, name the idea)
SHARPNESS = 0.1  # of the taught answers: discriminants are surer than they should be
LOST = 0.02  # share of remembered views that the new classes may take


class Pupil:
    """A model that learns: `add` examples, `forget` classes, `save` into `folder`. Not for two threads at once.

    `heard()` gives (hear, classes) for an engine; what it gave before goes on answering as before.
    """

    def __init__(self, model, folder):
        self.model, self.folder = model, Path(folder)
        self.taught = model.taught
        self._memory = None

    @property
    def own(self):
        """The classes that the network was trained on."""
        return self.model.card["classes"]

    def heard(self):
        """(hear, classes): a function of log-mel windows (bands, frames) to logits (classes + 1,), and its names."""
        listen, taught = self.model.listen, self.taught
        return lambda window: taught.extend(*listen(window)), [*self.own, *taught.names]

    def add(self, name, samples, rate=FrontEnd().rate):
        """Learn one example of a class, mono `samples` at `rate` Hz; how many examples it has now.

        ValueError for a bad name, a class the model was made with, or silence.
        """
        name = legal_name(name)
        if name in self.own:
            raise ValueError(f"{name} is a class of the model itself; choose another name")
        features = np.stack([self.model.listen(view)[1] for view in views(samples, rate)])
        examples = dict(self.taught.examples or {})
        examples[name] = [*examples.get(name, ()), features]
        self._learn(examples)
        return len(examples[name])

    def forget(self, name):
        """Unlearn a taught class; ValueError names those there are."""
        name, examples = legal_name(name), dict(self.taught.examples or {})
        if name not in examples:
            raise ValueError(f"no class {name!r} was taught; taught are: {', '.join(examples) or 'none yet'}")
        del examples[name]
        self._learn(examples)

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

        A class without one keeps that of the folder, or gets that of the nearest old class.
        """
        model, part = self.model, self.folder.with_name(self.folder.name + ".part")
        chosen = self._chosen(dict(pictures))
        shutil.rmtree(part, ignore_errors=True)
        (part / "pictures").mkdir(parents=True)
        for file in ("weights.safetensors", MEMORY):
            shutil.copyfile(model.folder / file, part / file)
        card = {**model.card, "taught": list(self.taught.names)}
        (part / "card.json").write_text(json.dumps(card, indent=1) + "\n")
        save_taught(self.taught, part)
        for name, path in chosen.items():
            shutil.copyfile(path, part / "pictures" / (name + path.suffix.lower()))
        _put_in_place(part, self.folder)

    def _chosen(self, pictures):
        """{class: file} for all classes that can have a picture."""
        there = {**_pictures(self.model.folder), **_pictures(self.folder)}
        for name, picture in pictures.items():
            path = Path(there.get(picture, picture))
            if path.suffix.lower() not in PICTURES or not path.is_file():
                raise ValueError(f"picture {picture}: give a file ({', '.join(PICTURES)}) or a class with a picture "
                                 f"({', '.join(there)})")
            there[legal_name(name)] = path
        there |= {name: there[self.nearest(name)] for name in self.taught.names
                  if name not in there and self.nearest(name) in there}
        return {name: there[name] for name in (*self.own, *self.taught.names) if name in there}


def fit(memory, labels, examples):
    """The Taught of `examples` {name: [features (views, 384)]}, given remembered features (n, 384) of own classes.

    Each example counts alike for the mean of its class. The lead is such that the new classes take no more
    than LOST of what is remembered.
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
    lead = max(0.0, np.quantile(leading(memory @ weight.T + bias, own).max(1), 1 - LOST))
    return Taught(tuple(examples), weight.astype(np.float32), bias.astype(np.float32), float(lead), dict(examples))


def _spread(stray):
    """Covariance (384, 384) of deviations (n, 384), made rounder so that it can be inverted."""
    spread = stray.T @ stray / len(stray)
    return (1 - SHRINK) * spread + SHRINK * np.trace(spread) / len(spread) * np.eye(len(spread))


def legal_name(name):
    """A class name as OSC wants it: lower-case ASCII letters, digits and underscores; ValueError if that is nothing."""
    legal = re.sub(r"[^a-z0-9]+", "_", str(name or "").lower()).strip("_")
    if not legal or len(legal) > 40:
        raise ValueError(f"{name!r} is no class name: 1 to 40 letters, digits and underscores, such as clock_tick")
    return legal


def views(samples, rate=FrontEnd().rate):
    """Log-mel windows (bands, frames) of one example, from where it sounds.

    Shorter sounds are repeated, as on stage. ValueError for silence.
    """
    front = FrontEnd()
    samples = samples if rate == front.rate else resample(samples, rate, front.rate)
    samples = sounding(np.nan_to_num(np.asarray(samples, np.float32)), front.rate)
    length = int(WINDOW * front.rate)
    sound = repeat_to(samples, length)
    starts = np.arange(0, len(sound) - length + 1, int(HOP * front.rate))
    if len(starts) > MOST:
        starts = starts[np.linspace(0, len(starts) - 1, MOST).astype(int)]
    return [log_mel(sound[start:start + length], front) for start in starts]


def sounding(samples, rate):
    """The part of an example from its first to its last loud moment; ValueError for silence."""
    block = rate // 100
    levels = np.square(samples[: len(samples) // block * block].reshape(-1, block)).mean(1)
    loudest = float(levels.max(initial=0.0))
    if loudest < QUIETEST**2 or len(samples) < SHORTEST * rate:
        raise ValueError(f"nothing was heard in {len(samples) / rate:.2f} s: make the sound between start and stop, "
                         f"at least {SHORTEST} s long")
    loud = np.flatnonzero(levels >= loudest * 10 ** (-LOUD / 10))
    return samples[loud[0] * block:(loud[-1] + 1) * block]


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
        found += [model.listen(view)[1] for view in _some_views(read(clips[at]), count, chance)]
    return np.stack(found)


def _some_views(samples, count, chance):
    """`count` windows at random places."""
    length = int(WINDOW * FrontEnd().rate)
    sound = repeat_to(samples, length)
    for start in chance.integers(len(sound) - length + 1, size=count):
        yield log_mel(sound[start:start + length])


def read_memory(model):
    """(features (n, 384), class numbers (n,)) of a model's own classes; ValueError where there are none."""
    path = model.folder / MEMORY
    try:
        with safe_open(str(path), "numpy") as kept:
            if (kept.metadata() or {}).get("weights") != model.weights_hash:
                raise ValueError(f"{path} is of other weights: make it anew with `hearsee teach --remember DIR`")
            return kept.get_tensor("features").astype(np.float32), kept.get_tensor("labels")
    except FileNotFoundError:
        raise ValueError(f"{path} is missing, and without it nothing new can be told from the old classes: make it "
                         "from labelled clips with `hearsee teach --remember DIR`") from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): make it anew with `hearsee teach --remember DIR`") from None


def own_folder(model_folder, root=None):
    """Where classes taught to this model are saved: itself if it was taught before, else a new folder of `root`."""
    path = Path(model_folder)
    if json.loads((path / "card.json").read_text()).get("taught"):
        return path
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    return (root or OWN) / f"{path.name}-{stamp}"


def from_files(model, name, files, folder, picture=None):
    """Teach a class from sound files and save the model folder; how many examples the class has now."""
    pupil = Pupil(model, folder)
    count = 0
    for file in files:
        count = pupil.add(name, *decode(file))
    pupil.save({name: picture} if picture else {})
    return count


def forget(model, name, folder):
    """Take a taught class out and save the model folder; its name."""
    pupil = Pupil(model, folder)
    pupil.forget(name)
    pupil.save()
    return legal_name(name)


def _pictures(folder):
    return {path.stem: path for path in sorted((Path(folder) / "pictures").glob("*"))
            if path.suffix.lower() in PICTURES}


def _put_in_place(part, folder):
    """Exchange a finished folder for the one there is."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
