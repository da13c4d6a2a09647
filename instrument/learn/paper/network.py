"""Any torchvision classifier with a new last layer, and where its weights came from."""

import re
from pathlib import Path

import torch
from torch import nn
from torchvision import models

from .pictures import SIDE

IMAGENET, NONE = "imagenet", "none"
CLASSES = 1000
# Torchvision's own files of DenseNet are of a time when modules could have dots in their names; it reads them so, too.
DENSE = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12])\.")


def build(name, classes, weights=IMAGENET, seed=0):
    """(network with `classes` answers, words about its weights). Its other layers keep what ImageNet taught them.

    `weights` is "imagenet" (torchvision's, downloaded and cached), "none", or a file that fits the 1000-class
    network strictly. ValueError for a name, OSError for weights that can't be had; one line each.
    """
    torch.manual_seed(seed)
    if name not in models.list_models(module=models):
        raise ValueError(f"no torchvision classifier {name!r}; try resnet50 (the paper's) or squeezenet1_1")
    net, words = _from_torchvision(name) if weights == IMAGENET else (models.get_model(name, weights=None), "random")
    if hasattr(net, "aux_logits"):
        raise ValueError(f"{name} has more than one answer; take one with a single output, such as resnet50")
    if getattr(net, "image_size", SIDE) != SIDE:
        raise ValueError(f"{name} looks at pictures of {net.image_size} px only, and the paper's have {SIDE}: take another")
    if weights not in (IMAGENET, NONE):
        _load(net, name, Path(weights))
        words = f"file {Path(weights).name}"
    _replace_last(net, classes)
    return net, words


def _from_torchvision(name):
    known = models.get_model_weights(name)
    chosen = getattr(known, "IMAGENET1K_V1", known.DEFAULT)  # those of the paper's day
    try:
        return models.get_model(name, weights=chosen), f"torchvision {chosen}"
    except (OSError, RuntimeError) as error:  # offline, or a damaged download
        raise OSError(f"ImageNet weights of {name} can't be had ({error}): connect once, give --weights FILE "
                      "(for example with --network squeezenet1_1), or begin with --weights none") from None


def _load(net, name, path):
    from safetensors.torch import load_file

    if not path.is_file():
        raise ValueError(f"{path}: no such weights file; give torchvision's weights of {name} as .safetensors or .pth")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
        for key in list(state):
            state[DENSE.sub(r"\1\2.", key)] = state.pop(key)  # in place: it says of which version it is
        net.load_state_dict(state)
    except Exception as error:  # noqa: BLE001  safetensors, pickle and torch each raise their own kinds
        reason = str(error).strip().splitlines()[-1].strip()
        raise ValueError(f"{path} does not hold torchvision's {name} ({reason}): give this network's file") from None


def _replace_last(net, classes):
    places = [(place, layer) for place, layer in net.named_modules()
              if CLASSES in (getattr(layer, "out_features", 0), getattr(layer, "out_channels", 0))]
    place, old = places[-1]
    if isinstance(old, nn.Conv2d):
        new = nn.Conv2d(old.in_channels, classes, old.kernel_size)
    else:
        new = nn.Linear(old.in_features, classes)
    parent, _, last = place.rpartition(".")
    setattr(net.get_submodule(parent), last, new)
