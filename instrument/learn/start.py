"""What a training run starts from (a run of `distill`, a finished model, or random weights) and what it takes over from
there: the network, the front end, pictures of classes."""

import shutil
from pathlib import Path

import numpy as np

from ..audio.files import decode
from ..audio.frontend import FrontEnd
from ..files import aged
from ..model.card import find_model, load_model
from ..model.net import HearSee
from .augment import WINDOW
from .dataset import classes_of
from .evaluate import cut
from .run import read_tensors
from .teach import few

ASKED = 8  # clips of a class, and windows of each, by which it is told what it sounds like


def begin(start, classes):
    """A HearSee of `classes` from a run of `distill`, from a model folder, or (empty) from random weights.

    ValueError where `start` is neither. The answers to sound begin anew.
    """
    if start and not is_run(start):
        state, own = _heard(start), load_model(start).net
        shown = {"stretch": own.stretch, "front_end": own.front_end}  # its normalisations are fitted to that
    else:
        state, shown = _seen(start) if start else {}, {}
    net = HearSee(classes, **shown)
    net.load_state_dict({name: value for name, value in state.items() if not name.startswith("heads.sound.")}, strict=False)
    return net


def front_end_of(start):
    """The front end to begin with: a model keeps its own."""
    return load_model(start).front_end if start and not is_run(start) else FrontEnd()


def is_own(settings):
    """Whether a finished model learns classes of its user's."""
    return bool(settings.start) and not settings.pictures and not is_run(settings.start)


def is_run(start):
    return bool(start) and (Path(start) / "checkpoint.pt").exists()


def weights_file(start):
    """Where the weights lie of what a run starts from, or of a model."""
    return Path(start) / "checkpoint.pt" if is_run(start) else find_model(start) / "weights.safetensors"


def _seen(run_folder):
    """The ear starts from what the eye has learnt, scales included."""
    state = part_of(run_folder, "net.")
    scales = {name.replace(".picture.", ".sound."): value.clone() for name, value in state.items()
              if ".picture." in name and "heads" not in name}
    return {**state, **scales}


def _heard(folder):
    return {name: value.float() for name, value in read_tensors(_weights(folder)).items()}


def part_of(run_folder, prefix):
    state = read_tensors(f"{run_folder}/checkpoint.pt")["model"]
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def lender_of(start):
    """The finished model to start from, which lends its pictures; None for another start. ValueError where it has none: now,
    not when all has been learnt."""
    if not start or is_run(start):
        return None
    _weights(start)
    model = load_model(start)
    model.picture_files()
    return model


def _weights(folder):
    path = weights_file(folder)
    if not path.exists():
        raise ValueError(f"{folder} to start from: neither a run of `hearsee distill` nor a model folder; give one, or 'none' "
                         "for random weights")
    return path


def lend_pictures(base, out, clips):
    """Give every class of the model folder `out` a picture of the model `base`: that of the class it sounds most like.

    A picture that is there already stays. Returns {class: class of `base`}.
    """
    files, lent = base.picture_files(), {}
    for label in classes_of(clips):
        if not list((Path(out) / "pictures").glob(f"{label}.*")):
            lent[label] = label if label in files else _nearest(base, [clip for clip in clips if clip.label == label])
            path = files[lent[label]]
            copy = Path(out) / "pictures" / (label + path.suffix)
            shutil.copyfile(path, copy)
            aged(copy)
    return lent


def _nearest(base, clips):
    """The class of `base` that a few clips sound most like."""
    heard = []
    for clip in few(clips, ASKED):
        windows = [window for window in cut(*decode(clip.path), WINDOW, base.front_end) if window is not None]
        heard += [base.hear(window) for window in few(windows, ASKED)]
    return base.classes[int(np.mean(heard, 0)[:-1].argmax())] if heard else base.classes[0]
