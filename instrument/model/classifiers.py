"""Torchvision's classifiers as eyes: each family cut into four stages, its weights fetched by torchvision itself."""

import copy
import os
import socket
import ssl
import sys
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import certifi
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..errors import one_line
from .attention import AnySize, Attended, Patches, TokenHead
from .eye import IMAGENET_ANSWERS, PROBES, Eye, MeanHead
from .net import PICTURE_MEAN, PICTURE_STD

# Where the `features` of networks with a shallow pyramid are cut; others are cut where the stride grows.
CUTS = {"squeezenet1_0": (6, 9, 11, 13), "squeezenet1_1": (5, 8, 11, 13), "alexnet": (2, 5, 8, 12)}
SILENT = 15.0  # s after which a server that says nothing more is given up
NO_STAGES = ("trunk_output", "AuxLogits", "avgpool", "dropout", "fc")  # parts of networks that are no layers before the mean
TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # orders of axes: channels before the plane, or after it


def torchvision_eye(name, weights="DEFAULT", answers=None):
    """Eye of a torchvision classifier by name; `weights=None` leaves it random.

    torchvision downloads and caches the weights. ValueError for a name that is none, or damaged weights,
    OSError where the weights cannot be fetched.
    """
    # torchvision brings triton where that is installed, whose LLVM crashes once Mesa's is loaded; nothing needs it here.
    sys.modules.setdefault("triton", None)
    from torchvision import models

    if name not in models.list_models(module=models):
        raise ValueError(f"no torchvision classifier {name!r}; try resnet50, googlenet, squeezenet1_1 or vgg16")
    return classifier_eye(_network(models, name, weights), name, answers, *_shown(models, name))


def _shown(models, name):
    """Mean and spread by which its weights were trained to see pictures."""
    weights = models.get_model_weights(name).DEFAULT.transforms()
    return tuple(weights.mean), tuple(weights.std)


def _network(models, name, weights):
    """The module of a torchvision classifier; what goes wrong with its weights in one line, with the cure."""
    _trust()
    own_start = weights is None and name in ("googlenet", "inception_v3")  # else they warn that it will change
    try:
        with _patience(SILENT):
            return models.get_model(name, weights=weights, **({"init_weights": True} if own_start else {}))
    except OSError as error:
        raise OSError(f"weights of {name}: {error}; connect once so that torchvision can cache them") from None
    except Exception as error:  # noqa: BLE001 - torch.hub, zip and pickle each raise their own kinds
        raise ValueError(f"weights of {name}: {one_line(error)}; {_cure(models, name)}") from None


def _trust():
    """Give python.org's Python for macOS, which has no certificates until a script beside it was run, those that pip uses."""
    if sys.platform == "darwin" and not ssl.get_default_verify_paths().cafile:
        os.environ.setdefault("SSL_CERT_FILE", certifi.where())


@contextmanager
def _patience(seconds):
    """Within, a server that falls silent is an error after so many seconds: PyTorch would wait for ever, and with it every
    network that is asked for later."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _cure(models, name):
    """What to do about weights that came damaged: torch.hub keeps none of a wrong hash, but does not look at older ones."""
    url = models.get_model_weights(name).DEFAULT.url
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    return f"delete {kept} and try again" if kept.exists() else "the download was damaged: try again"


def classifier_eye(net, name, answers=None, mean=PICTURE_MEAN, std=PICTURE_STD):
    """Eye of a torchvision classifier given as a module. ValueError if its shape is unknown."""
    net = fuse(net)
    cut = next((cut for mark, cut in _CUTTERS if hasattr(net, mark)), None)
    if cut is None:
        raise ValueError(f"{name}: built like none of torchvision's classifiers, which are cut into four stages by the parts they have")
    stages, names, head = cut(net, name)
    # torchvision's googlenet was trained on -1..1 and converts ImageNet's normalisation back itself.
    own_range = ((0.5,) * 3, (0.5,) * 3) if getattr(net, "transform_input", False) else (mean, std)
    return Eye(stages, names, head, answers or IMAGENET_ANSWERS, *own_range)


def fuse(net):
    """A frozen copy of `net` in evaluation mode, batch normalisation folded into the convolution before it."""
    plain = copy.deepcopy(net).eval().requires_grad_(False)
    for module in list(plain.modules()):
        children = list(module.named_children())
        for (first, conv), (second, norm) in pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, first, fuse_conv_bn_eval(conv, norm))
                setattr(module, second, nn.Identity())
    return plain


def _cut_resnet(net, name):
    first = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    stages = [first, net.layer2, net.layer3, net.layer4]
    return stages, ("layer1", "layer2", "layer3", "layer4"), MeanHead(net.fc)


def _cut_googlenet(net, name):
    stages = [
        nn.Sequential(net.conv1, net.maxpool1, net.conv2, net.conv3),
        nn.Sequential(net.maxpool2, net.inception3a, net.inception3b),
        nn.Sequential(net.maxpool3, net.inception4a, net.inception4b, net.inception4c),
        nn.Sequential(net.inception4d, net.inception4e, net.maxpool4, net.inception5a, net.inception5b),
    ]
    return stages, ("conv3", "3b", "4c", "5b"), MeanHead(net.fc)


def _cut_parts(net, name):
    """Families whose parts follow one another as they are listed, before a mean and one layer."""
    parts = dict(net.named_children())
    parts |= dict(parts.get("trunk_output", nn.Module()).named_children())  # regnet's own list
    parts = {part: module for part, module in parts.items() if part not in NO_STAGES}
    stages, ends = _cut_at(list(parts.values()), _stride_ends(list(parts.values())))
    return stages, tuple(list(parts)[end - 1] for end in ends), MeanHead(net.fc)


def _cut_features(net, name, chain="features"):
    layers = list(getattr(net, chain))
    stages, ends = _cut_at(layers, CUTS.get(name) or _stride_ends(layers))
    # Each family ends in its own way: its own forward does that, with the layers that are left.
    setattr(net, chain, nn.Sequential(*layers[ends[-1]:]))
    return stages, tuple(f"{chain}.{end - 1}" for end in ends), net


def _cut_swin(net, name):
    """Swin transformers keep channels last inside; between two stages they come first, as everywhere."""
    stages, names, head = _cut_features(net, name)
    stages = [nn.Sequential(*[Permute(TO_LAST)] * (number > 0), stage, Permute(TO_FIRST)) for number, stage in enumerate(stages)]
    return stages, names, nn.Sequential(Permute(TO_LAST), head)


def _cut_vit(net, name):
    """Vision transformers see alike all the way: a quarter of their layers to a stage."""
    layers = list(net.encoder.layers)
    ends = [len(layers) * quarter // 4 for quarter in (1, 2, 3, 4)]
    first, *others = [Attended(layers[start:end]) for start, end in zip((0, *ends[:-1]), ends)]
    stages = [nn.Sequential(Patches(net), first), *others]
    return stages, tuple(f"encoder.layers.{end - 1}" for end in ends), TokenHead(net)


def _cut_maxvit(net, name):
    for module in list(net.modules()):
        for part, layer in module.named_children():
            if hasattr(layer, "partition_op"):
                setattr(module, part, AnySize(layer))
    first, *others = net.blocks
    return [nn.Sequential(net.stem, first), *others], tuple(f"blocks.{i}" for i in range(len(net.blocks))), net.classifier


def _cut_at(layers, ends):
    """The layers as stages, each up to one of `ends`; and these."""
    return [nn.Sequential(*layers[start:end]) for start, end in zip((0, *ends[:-1]), ends)], ends


class Permute(nn.Module):
    """The axes of a tensor in another order."""

    def __init__(self, order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return x.permute(self.order)


def _stride_ends(layers):
    """The last four places where a layer is about to shrink the picture, and the end."""
    x, ends, size = torch.zeros(1, 3, PROBES[0], PROBES[0]), [], PROBES[0]
    with torch.no_grad():
        for i, layer in enumerate(layers):
            x = layer(x)
            if x.shape[2] < size:
                ends, size = [*ends, i], x.shape[2]
    if isinstance(layers[-1], nn.MaxPool2d):
        return tuple(ends[-4:])  # vgg: what follows its last pooling is the classifier
    return (*ends[-3:], len(layers))


# By a part that no other family has.
_CUTTERS = (("layer4", _cut_resnet), ("inception5b", _cut_googlenet), ("Mixed_7c", _cut_parts), ("trunk_output", _cut_parts),
            ("stage4", _cut_parts), ("conv_proj", _cut_vit), ("blocks", _cut_maxvit),
            ("layers", partial(_cut_features, chain="layers")), ("permute", _cut_swin), ("features", _cut_features))
