"""The seeing side of a network, cut into four stages for dreaming: forward only as deep as asked.

An `Eye` is made from our own network, from a torchvision classifier or from BVLC GoogLeNet.
Its parameters are frozen and its normalisations folded into the convolutions where they stand
one behind the other; gradients flow to the picture only.
"""

import torch
from torch import nn

from .attention import Patches
from .googlenet import RGB_MEAN
from .net import PICTURE_MEAN, PICTURE_STD, STAGES, folded
from .stem import pool_first, quicken

# ImageNet classes that show the sound classes of UrbanSound8K.
IMAGENET_ANSWERS = {
    "air_conditioner": (545,), "car_horn": (817, 581), "children_playing": (843, 476), "dog_bark": (207, 235),
    "drilling": (740,), "engine_idling": (670, 864), "gun_shot": (763, 764), "jackhammer": (517,),
    "siren": (555, 734, 407), "street_music": (889, 402),
}
PROBES = (96, 160)  # sides of the pictures that measure a network; the deepest stride divides their difference


class Eye(nn.Module):
    """Four stages that look at pictures in 0..1, shape (batch, 3, h, w).

    `stages` are modules applied one after the other, `head` maps the last activation to logits, and
    `answers` says which logits show a class: {class name: (indices)}. `smallest` is the shortest side
    of a picture that still leaves 2 positions a side at the deepest stage; shorter ones are no use to dream on.
    `precision` is the type in which most of it is multiplied. Of an activation's channels the last `beside` are the same all over
    the picture: what a transformer keeps of the whole.
    """

    def __init__(self, stages, names, head, answers=None, mean=PICTURE_MEAN, std=PICTURE_STD):
        super().__init__()
        self.stages = pool_first(quicken(nn.ModuleList(stages)))
        self.names = tuple(names)
        self.head = head
        self.beside = getattr(head, "planes", 0)
        self.answers = dict(answers or {})
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval().lie(torch.channels_last)
        self.precision = self.dtype
        self._measure()

    def _measure(self):
        """Channels and strides as they come out, whatever the network; also of one that does not pad its borders, of which
        one picture alone would not tell the strides."""
        # Of whole patches: a transformer brings what is none to the nearest size that is.
        patch = next((module.patch for module in self.stages.modules() if isinstance(module, Patches)), 1)
        probes = [round(side / patch) * patch for side in PROBES]
        with torch.no_grad():
            few, many = (self._seen(side) for side in probes)
            self.logits_count = self.logits(many[-1]).shape[1]
        self.channels = tuple(output.shape[1] for output in many)
        grown = probes[1] - probes[0]
        self.strides = tuple(grown // max(1, more.shape[2] - less.shape[2]) for less, more in zip(few, many, strict=True))
        self.smallest = probes[1] - (many[-1].shape[2] - 2) * self.strides[-1]
        while not self._answers_at(self.smallest) and self.smallest < probes[1]:
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
