"""The seeing side of a network, cut into four stages for dreaming: forward only as deep as asked.

An `Eye` is made from our own network, from a torchvision classifier or from BVLC GoogLeNet.
Its parameters are frozen and its normalisations folded into the convolutions where they stand
one behind the other; gradients flow to the picture only.
"""

import copy
import sys
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .googlenet import RGB_MEAN
from .net import PICTURE_MEAN, PICTURE_STD, STAGES, folded
from .stem import quicken

# ImageNet classes that show the sound classes of UrbanSound8K.
IMAGENET_ANSWERS = {
    "air_conditioner": (545,), "car_horn": (817, 581), "children_playing": (843, 476), "dog_bark": (207, 235),
    "drilling": (740,), "engine_idling": (670, 864), "gun_shot": (763, 764), "jackhammer": (517,),
    "siren": (555, 734, 407), "street_music": (889, 402),
}
# Where the `features` of networks with a shallow pyramid are cut; others are cut where the stride grows.
CUTS = {"squeezenet1_0": (6, 9, 11, 13), "squeezenet1_1": (5, 8, 11, 13)}
PROBE = 96  # side of the picture that measures a network


class Eye(nn.Module):
    """Four stages that look at pictures in 0..1, shape (batch, 3, h, w).

    `stages` are modules applied one after the other, `head` maps the last activation to logits, and
    `answers` says which logits show a class: {class name: (indices)}. `smallest` is the shortest side
    of a picture that still leaves 2 positions a side at the deepest stage; shorter ones are no use to dream on.
    `precision` is the type in which most of it is multiplied.
    """

    def __init__(self, stages, names, head, answers=None, mean=PICTURE_MEAN, std=PICTURE_STD):
        super().__init__()
        self.stages = quicken(nn.ModuleList(stages))
        self.names = tuple(names)
        self.head = head
        self.answers = dict(answers or {})
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval().lie(torch.channels_last)
        self.precision = self.dtype
        self._measure()

    def _measure(self):
        """Channels and strides as they come out, whatever the network."""
        device = self.mean.device
        with torch.no_grad():
            outputs = self.activations(torch.full((1, 3, PROBE, PROBE), 0.5, device=device), len(self.stages))
            self.logits_count = self.logits(outputs[-1]).shape[1]
        self.channels = tuple(output.shape[1] for output in outputs)
        self.strides = tuple(_power_of_two(PROBE / output.shape[2]) for output in outputs)
        self.smallest = 2 * self.strides[-1]

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


def hearsee_eye(net, classes=(), answers=None, head="sound"):
    """Eye of our own network, by its picture statistics.

    The class objective asks the head of `head`: "sound" (one logit per name in `classes`) or
    "picture" (the ImageNet answers it was taught, see `answers`).
    """
    plain = folded(net, "picture")
    stages = [nn.Sequential(plain.stem, plain.stage1), plain.stage2, plain.stage3, plain.stage4]
    if head == "sound":
        answers = answers or {name: (i,) for i, name in enumerate(classes)}
    return Eye(stages, STAGES, MeanHead(plain.heads[head]), answers or IMAGENET_ANSWERS)


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
    options = {"init_weights": True} if weights is None and name == "googlenet" else {}
    try:
        net = models.get_model(name, weights=weights, **options)
    except OSError as error:
        raise OSError(f"weights of {name}: {error}; connect once so that torchvision can cache them") from None
    return classifier_eye(net, name, answers)


def classifier_eye(net, name, answers=None):
    """Eye of a torchvision classifier given as a module. ValueError if its shape is unknown."""
    net = fuse(net)
    cut = next((cut for mark, cut in _CUTTERS if hasattr(net, mark)), None)
    if cut is None:
        raise ValueError(f"{name}: cannot be cut into stages; networks like resnet, googlenet, vgg or densenet can")
    stages, names, head = cut(net, name)
    # torchvision's googlenet was trained on -1..1 and converts ImageNet's normalisation back itself.
    own_range = ((0.5,) * 3, (0.5,) * 3) if getattr(net, "transform_input", False) else (PICTURE_MEAN, PICTURE_STD)
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


def _cut_features(net, name):
    layers = list(net.features)
    ends = CUTS.get(name) or _stride_ends(layers)
    starts = (0, *ends[:-1])
    stages = [nn.Sequential(*layers[start:end]) for start, end in zip(starts, ends)]
    # Each family ends in its own way: its own forward does that, with the features that are left.
    net.features = nn.Sequential(*layers[ends[-1]:])
    return stages, tuple(f"features.{end - 1}" for end in ends), net


def _stride_ends(layers):
    """The last four places where a layer is about to shrink the picture, and the end."""
    x, ends, size = torch.zeros(1, 3, PROBE, PROBE), [], PROBE
    with torch.no_grad():
        for i, layer in enumerate(layers):
            x = layer(x)
            if x.shape[2] < size:
                ends, size = [*ends, i], x.shape[2]
    if isinstance(layers[-1], nn.MaxPool2d):
        return tuple(ends[-4:])  # vgg: what follows its last pooling is the classifier
    return (*ends[-3:], len(layers))


_CUTTERS = (("layer4", _cut_resnet), ("inception5b", _cut_googlenet), ("features", _cut_features))


def _power_of_two(ratio):
    return 2 ** max(0, round(torch.tensor(float(ratio)).log2().item()))
