"""New classes from a few examples, learnt within a second on the frozen network.

A class is a row of the sound head. The rows of taught classes are fitted by logistic regression on the
network's features of the examples, against features remembered of the classes it was trained on
(`memory.safetensors` of the model folder, made by `remember`); the old rows stay as they are, and the
remembered sounds keep a margin, so that the old classes keep their answers.
"""

import copy
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from ..audio.files import decode
from ..audio.frontend import FrontEnd, log_mel, resample
from ..model.card import PICTURES, load_model, save_model
from .dataset import find_clips, read, repeat_to
from .run import track

OWN = Path.home() / ".hearsee" / "models"  # where classes taught on stage are kept
MEMORY, TAUGHT = "memory.safetensors", "taught.safetensors"
WINDOWS = {1.0: 12, 4.0: 4}  # s of a view: how many views of one example at most
HOP = 0.25  # of a window, between two views of an example
KEPT = 150  # remembered views of a class
LOUD = 35.0  # dB below the loudest 10 ms, where an example begins and ends
SHORTEST, QUIETEST = 0.05, 1e-4  # s and amplitude of what counts as an example
MARGIN = 2.0  # logits by which a new class must beat a remembered sound's own
DECAY = 0.02  # pull of new rows towards nothing


class Pupil:
    """A model that learns: `add` examples, `forget` classes, `save` into `folder`. Not for two threads at once.

    `heard()` gives (hear, classes) for an engine; what it gave before goes on answering as before.
    """

    def __init__(self, model, folder):
        self.model, self.folder = model, Path(folder)
        self.lessons = _read_lessons(model)  # {class: [features (views, 384) of each example]}
        self._memory = None
        head = model.net.heads["sound"]
        self._old = [name for name in model.classes if name not in self.lessons]
        self._weight, self._bias = head.weight.detach().clone(), head.bias.detach().clone()

    @property
    def classes(self):
        """The classes it was made with, then those taught."""
        return [*self._old, *self.lessons]

    def heard(self):
        """(hear, classes): a function of log-mel windows (bands, frames) to logits (classes,), and its names."""
        embed, temperature = self.model.embed, self.model.card.get("temperature", 1.0)
        weight, bias = self._weight.numpy(), self._bias.numpy()
        return lambda window: (weight @ embed(window) + bias) / temperature, self.classes

    def add(self, name, samples, rate=FrontEnd().rate):
        """Learn one example of a class, mono `samples` at `rate` Hz; how many examples it has now.

        ValueError for a bad name, a class the model was made with, or silence.
        """
        name = legal_name(name)
        if name in self._old:
            raise ValueError(f"{name} is a class of the model itself; choose another name")
        features = np.stack([self.model.embed(view) for view in views(samples, rate)])
        self.lessons[name] = [*self.lessons.get(name, ()), features]
        self._fit()
        return len(self.lessons[name])

    def forget(self, name):
        """Unlearn a taught class; ValueError names those there are."""
        name = legal_name(name)
        if name not in self.lessons:
            known = ", ".join(self.lessons) or "none yet"
            raise ValueError(f"no class {name!r} was taught; taught are: {known}")
        del self.lessons[name]
        self._fit()

    def nearest(self, name):
        """The old class that a taught one sounds most like."""
        features = torch.from_numpy(np.concatenate(self.lessons[name]))
        count = len(self._old)
        answers = (features @ self._weight[:count].T + self._bias[:count]).softmax(1).mean(0)
        return self._old[int(answers.argmax())]

    def save(self, pictures=()):
        """Write the whole model folder. `pictures` {class: file, or class whose picture to take}.

        A class without one keeps that of the folder, or gets that of the nearest old class.
        """
        model, part = self.model, self.folder.with_name(self.folder.name + ".part")
        chosen = self._chosen(dict(pictures))
        shutil.rmtree(part, ignore_errors=True)
        net = copy.deepcopy(model.net)
        net.heads["sound"] = _linear(self._weight, self._bias)
        save_model(part, net, {**model.card, "classes": self.classes, "taught": list(self.lessons)})
        save_file({f"{name}/{number}": torch.from_numpy(features) for name, examples in self.lessons.items()
                   for number, features in enumerate(examples)}, str(part / TAUGHT))
        shutil.copyfile(model.folder / MEMORY, part / MEMORY)
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
        there |= {name: there[self.nearest(name)] for name in self.lessons
                  if name not in there and self.nearest(name) in there}
        return {name: there[name] for name in self.classes if name in there}

    def _fit(self):
        """Fit the rows of all taught classes anew."""
        if self._memory is None:
            self._memory = read_memory(self.model.folder)
        count = len(self._old)
        old = (self._weight[:count], self._bias[:count])
        examples = [[torch.from_numpy(one) for one in lesson] for lesson in self.lessons.values()]
        weight, bias = fit(self._memory, *old, examples)
        self._weight, self._bias = torch.cat([old[0], weight]), torch.cat([old[1], bias])


def fit(memory, weight, bias, lessons):
    """Rows (weight (k, 384), bias (k,)) for k new classes; `lessons` holds their examples' features.

    Minimises the cross entropy over remembered and new features, old rows fixed. Each class counts alike
    and each of its examples too; remembered features see the new classes MARGIN logits better than they are.
    """
    if not lessons:
        return weight[:0], bias[:0]
    spread = memory.std(0) + 1e-3
    x = torch.cat([memory, *(view for lesson in lessons for view in lesson)])
    target = torch.tensor([number for number, lesson in enumerate(lessons) for view in lesson for _ in view])
    shares = [1 / len(lesson) / len(view) for lesson in lessons for view in lesson for _ in view]
    before = x @ weight.T + bias
    rows = torch.zeros(len(lessons), x.shape[1] + 1, requires_grad=True)
    scaled = torch.cat([(x - memory.mean(0)) / spread, torch.ones(len(x), 1)], 1)
    cost = _cost(before, scaled, target, torch.tensor(shares), len(memory), len(weight))
    _minimise(rows, lambda: cost(rows))
    found = rows.detach()[:, :-1] / spread
    return found, rows.detach()[:, -1] - found @ memory.mean(0)


def _cost(before, scaled, target, shares, remembered, old):
    """Function of the rows: what they cost on remembered and on new features."""
    def cost(rows):
        new = scaled @ rows.T
        kept = torch.logsumexp(torch.cat([before, new + MARGIN], 1)[:remembered], 1) - before[:remembered].logsumexp(1)
        logits = torch.cat([before, new], 1)[remembered:]
        learnt = F.cross_entropy(logits, target + old, reduction="none") @ shares
        return old * kept.mean() + learnt + DECAY * rows[:, :-1].square().sum()

    return cost


def _minimise(rows, cost):
    solver = torch.optim.LBFGS([rows], max_iter=60, line_search_fn="strong_wolfe")

    def again():
        solver.zero_grad()
        value = cost()
        value.backward()
        return value

    with torch.enable_grad():
        solver.step(again)


def legal_name(name):
    """A class name as OSC wants it: lower-case ASCII letters, digits and underscores; ValueError if that is nothing."""
    legal = re.sub(r"[^a-z0-9]+", "_", str(name or "").lower()).strip("_")
    if not legal or len(legal) > 40:
        raise ValueError(f"{name!r} is no class name: 1 to 40 letters, digits and underscores, such as clock_tick")
    return legal


def views(samples, rate=FrontEnd().rate):
    """Log-mel windows (bands, frames) of one example, cut to where it sounds: every length, several places.

    Shorter sounds are repeated, as on stage. ValueError for silence.
    """
    front = FrontEnd()
    samples = samples if rate == front.rate else resample(samples, rate, front.rate)
    samples = sounding(np.nan_to_num(np.asarray(samples, np.float32)), front.rate)
    found = []
    for seconds, most in WINDOWS.items():
        length = int(seconds * front.rate)
        sound = repeat_to(samples, length)
        starts = np.arange(0, len(sound) - length + 1, int(length * HOP))
        if len(starts) > most:
            starts = starts[np.linspace(0, len(starts) - 1, most).astype(int)]
        found += [log_mel(sound[start:start + length], front) for start in starts]
    return found


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


def remember(model, folder):
    """Keep features of the model's own classes in its folder, so that new ones can be told from them; the file."""
    clips, chance, kept = find_clips(folder), np.random.default_rng(0), []
    for name in model.classes:
        own = [clip for clip in clips if clip.label == name]
        if not own:
            raise ValueError(f"no clip of {name}: a memory needs some of every class of the model")
        picked = [own[at % len(own)] for at in chance.permutation(max(len(own), KEPT // 2))[: KEPT // 2]]
        for clip in track(picked, name):
            kept += [model.embed(view) for view in _some_views(read(clip), chance)]
    path = model.folder / MEMORY
    save_file({"features": torch.from_numpy(np.stack(kept)).half()}, str(path))
    return path


def _some_views(samples, chance):
    """One window of each length, at a random place."""
    for seconds in WINDOWS:
        length = int(seconds * FrontEnd().rate)
        sound = repeat_to(samples, length)
        start = chance.integers(len(sound) - length + 1)
        yield log_mel(sound[start:start + length])


def read_memory(folder):
    """Features (n, 384) remembered of the model's own classes; ValueError where there are none."""
    path = Path(folder) / MEMORY
    try:
        return load_file(str(path))["features"].float()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing, and without it nothing new can be told from the old classes: make it "
                         "from labelled clips with `hearsee teach --remember DIR`") from None
    except (SafetensorError, KeyError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): make it anew with `hearsee teach --remember DIR`") from None


def _read_lessons(model):
    names = model.card.get("taught", [])
    if not names:
        return {}
    try:
        found = load_file(str(model.folder / TAUGHT))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{model.folder / TAUGHT} is missing or damaged ({error}): restore it") from None
    counts = {name: sum(key.startswith(name + "/") for key in found) for name in names}
    return {name: [found[f"{name}/{number}"].numpy() for number in range(counts[name])] for name in names}


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


def _linear(weight, bias):
    head = torch.nn.Linear(weight.shape[1], len(weight))
    head.weight.data, head.bias.data = weight.clone(), bias.clone()
    return head


def _put_in_place(part, folder):
    """Exchange a finished folder for the one there is."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
