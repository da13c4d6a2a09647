"""The seeing side of a network, cut into four stages for dreaming: forward only as deep as asked.

An `Eye` is made from our own network, from a torchvision classifier or from BVLC GoogLeNet.
Its parameters are frozen and its normalisations folded into the convolutions where they stand
one behind the other; gradients flow to the picture only.
"""

import copy
import socket
import sys
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..errors import one_line
from .googlenet import RGB_MEAN
from .net import PICTURE_MEAN, PICTURE_STD, STAGES, folded
from .stem import pool_first, quicken

# ImageNet classes that show the sound classes of UrbanSound8K.
IMAGENET_ANSWERS = {
    "air_conditioner": (545,), "car_horn": (817, 581), "children_playing": (843, 476), "dog_bark": (207, 235),
    "drilling": (740,), "engine_idling": (670, 864), "gun_shot": (763, 764), "jackhammer": (517,),
    "siren": (555, 734, 407), "street_music": (889, 402),
}
# Where the `features` of networks with a shallow pyramid are cut; others are cut where the stride grows.
CUTS = {"squeezenet1_0": (6, 9, 11, 13), "squeezenet1_1": (5, 8, 11, 13), "alexnet": (2, 5, 8, 12)}
SILENT = 15.0  # s after which a server that says nothing more is given up
PROBES = (96, 160)  # sides of the pictures that measure a network; the deepest stride divides their difference
CAN = "alexnet, convnext, densenet, efficientnet, googlenet, inception, mnasnet, mobilenet, regnet, resnet, resnext, " \
    "shufflenet, squeezenet, swin, vgg and wide_resnet"
WHOLE = ("vit", "maxvit")  # families that look at pictures of one size
NO_STAGES = ("trunk_output", "AuxLogits", "avgpool", "dropout", "fc")  # parts of networks that are no layers before the mean
TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # orders of axes: channels before the plane, or after it


class Eye(nn.Module):
    """Four stages that look at pictures in 0..1, shape (batch, 3, h, w).

    `stages` are modules applied one after the other, `head` maps the last activation to logits, and
    `answers` says which logits show a class: {class name: (indices)}. `smallest` is the shortest side
    of a picture that still leaves 2 positions a side at the deepest stage; shorter ones are no use to dream on.
    `precision` is the type in which most of it is multiplied.
    """

    def __init__(self, stages, names, head, answers=None, mean=PICTURE_MEAN, std=PICTURE_STD):
        super().__init__()
        self.stages = pool_first(quicken(nn.ModuleList(stages)))
        self.names = tuple(names)
        self.head = head
        self.answers = dict(answers or {})
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval().lie(torch.channels_last)
        self.precision = self.dtype
        self._measure()

    def _measure(self):
        """Channels and strides as they come out, whatever the network; also of one that does not pad its borders, of which
        one picture alone would not tell the strides."""
        with torch.no_grad():
            few, many = (self._seen(side) for side in PROBES)
            self.logits_count = self.logits(many[-1]).shape[1]
        self.channels = tuple(output.shape[1] for output in many)
        grown = PROBES[1] - PROBES[0]
        self.strides = tuple(grown // max(1, more.shape[2] - less.shape[2]) for less, more in zip(few, many, strict=True))
        self.smallest = PROBES[1] - (many[-1].shape[2] - 2) * self.strides[-1]
        while not self._answers_at(self.smallest) and self.smallest < PROBES[1]:
            self.smallest += self.strides[-1]

    @torch.no_grad()
    def _answers_at(self, side):
        """Whether the head takes what is left of so small a picture: that of AlexNet has a pooling of its own."""
        try:
            return self.logits(self._seen(side)[-1]) is not None
        except RuntimeError:
            return False

    def _seen(self, side):
        return self.activations(torch.full((1, 3, side, side), 0.5, device=self.mean.device), len(self.stages))

    def activations(self, x, deepest):
        """Outputs of stages 1..`deepest`, shallow to deep, in the precision of the weights."""
        outputs = []
        for number in range(deepest):
            x = self.stage(number, x)
            outputs.append(x)
        return outputs

    def stage(self, number, x):
        """Output of one stage, counted from 0, for that of the stage before; stage 0 takes the picture."""
        if number == 0:
            x = ((x - self.mean) / self.std).to(self.dtype, memory_format=self.layout)
        return self.stages[number](x)

    def logits(self, activation):
        """Answers of the head to the last stage's activation, shape (batch, answers)."""
        return self.head(activation)

    @property
    def dtype(self):
        return next(self.stages.parameters()).dtype

    def lie(self, layout):
        """The same eye, its weights and activations from now on in a memory format of PyTorch."""
        self.layout = layout
        return self.to(memory_format=layout)

    def lower(self, dtype=torch.bfloat16):
        """The same eye, from now on in a lower precision; the picture stays float32."""
        self.stages.to(dtype)
        self.head.to(dtype)
        self.precision = dtype
        return self


class MeanHead(nn.Module):
    """Global average, then a linear layer."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    def forward(self, x):
        return self.linear(x.mean((2, 3)))


def hearsee_eye(net, classes=()):
    """Eye of our own network, by its picture statistics; the class objective asks what hears: one logit per name in `classes`."""
    plain = folded(net, "picture")
    stages = [nn.Sequential(plain.stem, plain.stage1), plain.stage2, plain.stage3, plain.stage4]
    answers = {name: (i,) for i, name in enumerate(classes)}
    return Eye(stages, STAGES, MeanHead(plain.heads["sound"]), answers or IMAGENET_ANSWERS)


def googlenet_eye(net, answers=None):
    """Eye of BVLC GoogLeNet (model/googlenet.py): conv2, 3b, 4c (the look people know) and 5b."""
    groups = (("3a", "3b"), ("4a", "4b", "4c"), ("4d", "4e", "5a", "5b"))
    stages = [net.entry, *(nn.Sequential(*(net.inceptions[name] for name in group)) for group in groups)]
    names = ("conv2", *(group[-1] for group in groups))
    mean = tuple(level / 255 for level in RGB_MEAN)
    return Eye(stages, names, MeanHead(net.classifier), answers or IMAGENET_ANSWERS, mean, (1 / 255,) * 3)


def torchvision_eye(name, weights="DEFAULT", answers=None):
    """Eye of a torchvision classifier by name; `weights=None` leaves it random.

    torchvision downloads and caches the weights. ValueError for a name or a shape we cannot cut,
    OSError where the weights cannot be fetched.
    """
    # torchvision brings triton where that is installed, whose LLVM crashes once Mesa's is loaded; nothing needs it here.
    sys.modules.setdefault("triton", None)
    from torchvision import models

    if name not in models.list_models(module=models):
        raise ValueError(f"no torchvision classifier {name!r}; try resnet50, googlenet, squeezenet1_1 or vgg16")
    if name.startswith(WHOLE):  # now, before its weights are fetched
        raise ValueError(_uncut(name))
    return classifier_eye(_network(models, name, weights), name, answers, *_shown(models, name))


def _shown(models, name):
    """Mean and spread by which its weights were trained to see pictures."""
    weights = models.get_model_weights(name).DEFAULT.transforms()
    return tuple(weights.mean), tuple(weights.std)


def _network(models, name, weights):
    """The module of a torchvision classifier; what goes wrong with its weights in one line, with the cure."""
    own_start = weights is None and name in ("googlenet", "inception_v3")  # else they warn that it will change
    try:
        with _patience(SILENT):
            return models.get_model(name, weights=weights, **({"init_weights": True} if own_start else {}))
    except OSError as error:
        raise OSError(f"weights of {name}: {error}; connect once so that torchvision can cache them") from None
    except Exception as error:  # noqa: BLE001 - torch.hub, zip and pickle each raise their own kinds
        raise ValueError(f"weights of {name}: {one_line(error)}; {_cure(models, name)}") from None


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
        raise ValueError(_uncut(name))
    stages, names, head = cut(net, name)
    # torchvision's googlenet was trained on -1..1 and converts ImageNet's normalisation back itself.
    own_range = ((0.5,) * 3, (0.5,) * 3) if getattr(net, "transform_input", False) else (mean, std)
    return Eye(stages, names, head, answers or IMAGENET_ANSWERS, *own_range)


def _uncut(name):
    return f"{name}: cannot be cut into four stages that look at pictures of any size; these can: {CAN}"


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
            ("stage4", _cut_parts), ("layers", partial(_cut_features, chain="layers")), ("permute", _cut_swin),
            ("features", _cut_features))
