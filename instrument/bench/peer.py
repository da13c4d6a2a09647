"""Our dream step beside that of gordicaleksa/pytorch-deepdream: the same ResNet-50, size and layer, step by step
in turn. The peer's code is imported from a folder that the user points to.
"""

import copy
import importlib.util
import sys
import time
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import median
from types import ModuleType, SimpleNamespace

import numpy as np
import torch

from ..dream.dreamer import Dreamer, Scene
from ..dream.graphs import finish
from ..dream.precision import exact
from ..eyes import best_device
from ..model.classifiers import classifier_eye
from ..params import DEFAULTS
from .ceiling import label
from .dream import OBJECTIVES, record, versions, went_on

CONFIG = {"num_gradient_ascent_iterations": 10, "smoothing_coefficient": 0.5, "lr": 0.09, "spatial_shift_size": 32}
UNUSED = ("cv2", "imageio", "matplotlib", "matplotlib.pyplot")  # the peer imports them, its step does not use them
PARTS = ("deepdream", "utils", "models")  # top names of the peer's modules


class Peer:
    """The peer's step on its own wrapping of a torchvision ResNet-50, on the device it chooses itself.

    ValueError where `folder` does not hold it.
    """

    def __init__(self, folder, net):
        folder = Path(folder)
        if not (folder / "deepdream.py").exists():
            raise ValueError(f"{folder}: no deepdream.py; `git clone https://github.com/gordicaleksa/pytorch-deepdream` "
                             "and give its folder as --peer")
        with _importable(folder):
            self._dream, self._utils = importlib.import_module("deepdream"), importlib.import_module("utils.utils")
            wrapper = importlib.import_module("models.definitions.resnets")
        # It would download weights: speed does not depend on them, and both should look with the same network.
        wrapper.models = SimpleNamespace(resnet50=lambda pretrained, progress: copy.deepcopy(net))
        self._net = wrapper.ResNet50("IMAGENET").to(self._dream.DEVICE)
        self._dice = np.random.default_rng(0)

    def start(self, size):
        """A grey noise picture as the peer prepares one."""
        noise = self._dice.uniform(0, 1, (size, size, 3)).astype(np.float32)
        return self._utils.pytorch_input_adapter(self._utils.pre_process_numpy_img(noise), self._dream.DEVICE)

    def step(self, picture, layer):
        """The inner loop of its `deep_dream_static_image`: shift, ascend at stage `layer`, shift back."""
        down, across = self._dice.integers(-CONFIG["spatial_shift_size"], CONFIG["spatial_shift_size"] + 1, 2).tolist()
        picture = self._utils.random_circular_spatial_shift(picture, down, across)
        self._dream.gradient_ascent(CONFIG, self._net, picture, [layer - 1], 0)
        return self._utils.random_circular_spatial_shift(picture, down, across, should_undo=True)


@contextmanager
def _importable(folder):
    """The peer's modules by their own names, only while they are imported."""
    absent = [name for name in UNUSED if name not in sys.modules and not _there(name)]
    sys.modules.update({name: ModuleType(name) for name in absent})
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name in absent or name.split(".")[0] in PARTS]:
            del sys.modules[name]


def _there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class Ours:
    """Our whole step at one stage on the same network, as an eye: zoom, smoothing, colour and settling included."""

    def __init__(self, eye, size, layer):
        self._dreamer = Dreamer(eye, {}, best_device(), fit=exact)
        self._values = {**DEFAULTS, **OBJECTIVES["own"], "dream.size": float(size), "dream.octaves": 1,
                        "dream.iterations": 1, "dream.layer": float(layer), "dream.layers": 1}
        self._last, self._now = None, 0.0

    def warm(self):
        """Go on until steps are recorded, where they can be."""
        record(self._dreamer, self.step)

    def step(self):
        self._now += 0.05
        self._last = went_on(self._dreamer, self._last, Scene(self._values, {}, self._now, 1.0))


def peer_rows(folder, net, sizes=(200, 400), layers=(1, 2, 3), repeats=15):
    """Both on `net`, a torchvision ResNet-50; one dict per size, layer and precision of ours (the peer has float32)
    with `ratio` = times as fast as the peer.

    The peer's layer 1 is the first block of that stage, ours the whole stage.
    """
    peer, rows = Peer(folder, net.eval()), []
    eyes = versions(classifier_eye(net, "resnet50"), {}, best_device())
    for size, layer, (precision, eye, cosine) in product(sizes, layers, eyes):
        rows.append({"size": size, "layer": layer, "precision": label(precision), "cosine": cosine,
                     **_pair(peer, Ours(eye, size, layer), size, layer, repeats)})
    return rows


def _pair(peer, ours, size, layer, repeats):
    picture, times = peer.start(size), {"peer": [], "ours": []}
    ours.warm()
    for _ in range(repeats + 2):
        began = _now()
        picture = peer.step(picture, layer)
        between = _now()
        ours.step()
        times["peer"].append(between - began)
        times["ours"].append(_now() - between)
    peer_s, ours_s = (median(times[name][2:]) for name in ("peer", "ours"))
    return {"peer_ms": 1000 * peer_s, "ours_ms": 1000 * ours_s, "ours_steps_per_s": 1 / ours_s, "ratio": peer_s / ours_s}


def _now():
    finish(torch.device(best_device()))  # sync point: a step is timed
    return time.perf_counter()
