"""The original BVLC GoogLeNet: the network of the first DeepDreams (Szegedy et al., 2014).

Weights come from Caffe's file or from a safetensors file with the Caffe layer names as keys. It is not
torchvision's `googlenet`, which has batch normalisation and other weights.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

# name: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
INCEPTIONS = {
    "3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}
RGB_MEAN = (123.0, 117.0, 104.0)
POOLED = ("3a", "4a", "5a")
# Caffe's names of our layers outside the inceptions.
CAFFE_NAMES = {"entry.conv1": "conv1/7x7_s2", "entry.reduce2": "conv2/3x3_reduce", "entry.conv2": "conv2/3x3",
               "classifier": "loss3/classifier"}


class Entry(nn.Module):
    """All before the first inception; input is RGB less the mean, in 0..255, output that of conv2."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
        self.reduce2 = nn.Conv2d(64, 64, 1)
        self.conv2 = nn.Conv2d(64, 192, 3, padding=1)

    def forward(self, x):
        x = _norm(_pool(F.relu(self.conv1(x.flip(1)))))
        return _norm(F.relu(self.conv2(F.relu(self.reduce2(x)))))


class Inception(nn.Module):
    """One inception module: four parallel paths, concatenated; some have a pooling before."""

    def __init__(self, before, one, reduce3, three, reduce5, five, pool, pooled=False):
        super().__init__()
        self.pooled = pooled
        self.paths = nn.ModuleDict({
            "1x1": nn.Conv2d(before, one, 1), "3x3_reduce": nn.Conv2d(before, reduce3, 1),
            "3x3": nn.Conv2d(reduce3, three, 3, padding=1), "5x5_reduce": nn.Conv2d(before, reduce5, 1),
            "5x5": nn.Conv2d(reduce5, five, 5, padding=2), "pool_proj": nn.Conv2d(before, pool, 1),
        })

    def forward(self, x):
        path, x = self.paths, _pool(x) if self.pooled else x
        branches = (
            path["1x1"](x),
            path["3x3"](F.relu(path["3x3_reduce"](x))),
            path["5x5"](F.relu(path["5x5_reduce"](x))),
            path["pool_proj"](F.max_pool2d(x, 3, 1, 1)),
        )
        return F.relu(torch.cat(branches, 1))


class GoogLeNet(nn.Module):
    """BVLC GoogLeNet without its auxiliary heads; input is RGB in 0..1, (batch, 3, h, w)."""

    def __init__(self):
        super().__init__()
        self.entry = Entry()
        self.inceptions = nn.ModuleDict({name: Inception(*shape, pooled=name in POOLED)
                                         for name, shape in INCEPTIONS.items()})
        self.classifier = nn.Linear(1024, 1000)
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)

    def activations(self, x):
        """Outputs of conv2 and of every inception by name ("conv2", "3a" ... "5b")."""
        x = self.entry(x * 255 - self.mean)
        outputs = {"conv2": x}
        for name, inception in self.inceptions.items():
            x = outputs[name] = inception(x)
        return outputs

    def logits(self, activations):
        """ImageNet logits, shape (batch, 1000), from the activations."""
        return self.classifier(activations["5b"].mean((2, 3)))

    def forward(self, x):
        return self.logits(self.activations(x))


def _pool(x):
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def _norm(x):
    """Local response normalisation over 5 channels.

    The same as `F.local_response_norm(x, 5, 1e-4, 0.75)`; its neighbourhood sum is a 1x1 convolution
    here, because that function's detour through 3-D pooling is several times slower on a CPU.
    """
    near = x.new_ones(x.shape[1], x.shape[1]).tril(2).triu(-2)[:, :, None, None]
    return x / (1 + 2e-5 * F.conv2d(x.square(), near)).pow(0.75)


def load_googlenet(path):
    """Read BVLC GoogLeNet from Caffe's own `.caffemodel`, or from safetensors with Caffe's layer names.

    What the file has besides (the auxiliary heads of the training) is left out. ValueError for what is missing.
    """
    weights = _caffe_weights(path) if Path(path).suffix == ".caffemodel" else _safetensors(path)
    net = GoogLeNet()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(_fitting(weights, _caffe_name(name), parameter.shape))
    return net.eval().requires_grad_(False)


def save_googlenet(net, path):
    """Write safetensors with Caffe's layer names."""
    from safetensors.torch import save_file

    save_file({_caffe_name(name): parameter.detach().contiguous() for name, parameter in net.named_parameters()}, str(path))


def _caffe_weights(path):
    from .caffemodel import load_caffemodel

    return {name: torch.from_numpy(array.copy()) for name, array in load_caffemodel(path).items()}


def _safetensors(path):
    from safetensors.torch import load_file

    return load_file(str(path))


def _fitting(weights, name, shape):
    """A weight in our shape: Caffe keeps biases and the classifier with sides of 1."""
    if name not in weights:
        raise ValueError(f"no {name}")
    tensor = weights[name]
    if [side for side in tensor.shape if side > 1] != [side for side in shape if side > 1]:
        raise ValueError(f"{name} is {tuple(tensor.shape)}, expected {tuple(shape)}")
    if not tensor.isfinite().all():
        raise ValueError(f"{name} is not finite")
    return tensor.reshape(shape)


def _caffe_name(name):
    """Caffe's name of one of our parameters: "inceptions.3a.paths.1x1.bias" is "inception_3a/1x1.bias"."""
    layer, kind = name.rsplit(".", 1)
    if layer in CAFFE_NAMES:
        return f"{CAFFE_NAMES[layer]}.{kind}"
    _, inception, _, path = layer.split(".")
    return f"inception_{inception}/{path}.{kind}"
