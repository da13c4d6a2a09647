"""One network, two senses.

A residual network whose convolutions are shared by sound and picture, while every
normalisation keeps one set of statistics per sense. Shared convolutions are what makes
it *one* network; separate statistics are what lets it dream after learning sounds
(tuned with shared statistics, it dreams only stripes). The idea of one normalisation
per domain is from Chang et al., "Domain-Specific Batch Normalization" (CVPR 2019).
"""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..audio.frontend import FrontEnd
from .sound import as_picture

SENSES = ("sound", "picture")
WIDTHS = (64, 128, 256, 384)
STAGES = ("stage1", "stage2", "stage3", "stage4")
AVERAGES = sum(WIDTHS[1:])
STEM = 32
STRETCH = 1  # how many columns of its picture a frame of sound is: of a second the last stage, 32 times as coarse, has three

# Pictures in 0..1 are normalised with ImageNet's statistics.
PICTURE_MEAN = (0.485, 0.456, 0.406)
PICTURE_STD = (0.229, 0.224, 0.225)


class SenseNorm(nn.Module):
    """Batch normalisation with statistics and scales of its own for each sense."""

    def __init__(self, channels):
        super().__init__()
        self.norms = nn.ModuleDict({sense: nn.BatchNorm2d(channels) for sense in SENSES})
        self.sense = SENSES[0]

    @property
    def weight(self):
        """Scale of the sense in use, shape (channels,)."""
        return self.norms[self.sense].weight

    def forward(self, x):
        return self.norms[self.sense](x)


class Block(nn.Module):
    """The basic residual block (He et al., 2016), two 3x3 convolutions.

    Ours, not torchvision's: importing torchvision doubles the time in which a restarted `listen` is back.
    """

    def __init__(self, before, width, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = SenseNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = SenseNorm(width)
        self.downsample = None
        if stride != 1 or before != width:
            self.downsample = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), SenseNorm(width))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class HearSee(nn.Module):
    """The shipped network: stem, four named stages, a head per sense.

    `classes` sound classes and one more answer, "none of these", and `scenes` picture classes; both heads
    read the average of stage 4 (384 values). Input of either sense is (batch, 3, height, width). `stretch` is how wide a
    sound is shown, see `shown`, and `front_end` how it was made into log-mel.
    """

    def __init__(self, classes=10, scenes=1000, dropout=0.3, stretch=STRETCH, front_end=FrontEnd()):
        super().__init__()
        self.stretch, self.front_end = stretch, front_end
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM, 7, 2, 3, bias=False), SenseNorm(STEM), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)
        )
        inputs = (STEM, *WIDTHS)
        for name, before, width in zip(STAGES, inputs, WIDTHS):
            setattr(self, name, _stage(before, width, stride=1 if name == "stage1" else 2))
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({
            "sound": nn.Linear(WIDTHS[-1], classes + 1), "picture": nn.Linear(WIDTHS[-1], scenes)
        })
        self.use("sound")

    def use(self, sense):
        """Switch every normalisation to `sense` and return the network."""
        for module in self.modules():
            if isinstance(module, SenseNorm):
                module.sense = sense
        self.sense = sense
        return self

    def shown(self, log_mel):
        """Input (batch, 3, bands, stretch * frames) of natural log-mel power (batch, bands, frames)."""
        return as_picture(log_mel, self.stretch)

    def stages(self, x):
        """Activations after each stage, shallow to deep: strides 4, 8, 16, 32."""
        x = self.stem(x)
        outputs = []
        for name in STAGES:
            x = getattr(self, name)(x)
            outputs.append(x)
        return outputs

    def embed(self, x):
        """Average of the last stage, shape (batch, 384)."""
        return self.stages(x)[-1].mean((2, 3))

    def averages(self, x):
        """Averages of stages 2 to 4, shape (batch, AVERAGES); the last 384 are what `embed` gives."""
        return torch.cat([stage.mean((2, 3)) for stage in self.stages(x)[1:]], 1)

    def forward(self, x):
        """Logits of the sense in use."""
        return self.heads[self.sense](self.dropout(self.embed(x)))


def _stage(before, width, stride):
    return nn.Sequential(Block(before, width, stride), Block(width, width))


def folded(net, sense):
    """A copy of `net` for inference in one sense, its normalisations folded into the convolutions.

    The same numbers as `net.use(sense).eval()` to rounding, with about a third fewer operations
    on memory. Parameters are frozen: a dream needs gradients to the picture only.
    """
    plain = copy.deepcopy(net).use(sense).eval()
    plain.stem[0], plain.stem[1] = _fold(plain.stem[0], plain.stem[1]), nn.Identity()
    for name in STAGES:
        for block in getattr(plain, name):
            block.conv1, block.bn1 = _fold(block.conv1, block.bn1), nn.Identity()
            block.conv2, block.bn2 = _fold(block.conv2, block.bn2), nn.Identity()
            if block.downsample is not None:
                block.downsample = nn.Sequential(_fold(*block.downsample))
    return plain.requires_grad_(False).to(memory_format=torch.channels_last)


def _fold(conv, norm):
    return fuse_conv_bn_eval(conv, norm.norms[norm.sense])
