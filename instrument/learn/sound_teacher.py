"""A teacher for the ears: EfficientAT mn04, an AudioSet tagger (Schmid et al., ICASSP 2023, MIT licence).

Only read while training; nothing of it is shipped. The layout is MobileNetV3-Large (Howard et al., 2019)
at width 0.4, its widths taken from the weights file; the front end is that of the AST family.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .run import read_tensors

RATE, N_FFT, WINDOW, HOP, BANDS = 32_000, 1024, 800, 320, 128
EMBEDDING, TAGS = 384, 527  # features, and answers that AudioSet has names for
MIDDLE, MIDDLE_CHANNELS = 13, 48  # blocks up to the last of stride 16, and what comes out of them

# AudioSet's number for what UrbanSound8K and ESC-10 call so; for other spellings see `dataset.known_as`
TAG_OF = {
    "air_conditioner": 413, "car_horn": 308, "children_playing": 71, "dog_bark": 75, "drilling": 425, "engine_idling": 352,
    "gun_shot": 427, "jackhammer": 420, "siren": 396, "street_music": 137,
    "rain": 289, "sea_waves": 295, "baby_cry": 23, "clock_tick": 408, "person_sneeze": 49, "helicopter": 339, "chainsaw": 347,
    "rooster": 101, "fire_crackling": 299,
}

# kernel, stride, squeeze-excitation, hard swish (else ReLU) of the fifteen blocks
BLOCKS = (
    (3, 1, False, False), (3, 2, False, False), (3, 1, False, False), (5, 2, True, False), (5, 1, True, False),
    (5, 1, True, False), (3, 2, False, True), (3, 1, False, True), (3, 1, False, True), (3, 1, False, True),
    (3, 1, True, True), (3, 1, True, True), (5, 2, True, True), (5, 1, True, True), (5, 1, True, True),
)


class SoundTeacher(nn.Module):
    """EfficientAT mn04; `embed` turns samples at 32 kHz into (batch, 384), `forward` into TAGS AudioSet logits."""

    def __init__(self, state):
        super().__init__()
        blocks = [_conv(state, "features.0", 2, nn.Hardswish())]
        blocks += [_Block(state, f"features.{i + 1}.block", *shape) for i, shape in enumerate(BLOCKS)]
        blocks.append(_conv(state, "features.16", 1, nn.Hardswish()))
        self.features = nn.Sequential(*blocks)
        self.hidden = _linear(state, "classifier.2")
        self.answer = _linear(state, "classifier.5")
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False))
        self.register_buffer("banks", _kaldi_banks())
        self.eval().requires_grad_(False)

    def spectrogram(self, samples):
        """Normalised log-mel, (batch, 1, 128, frames), of samples (batch, n) at 32 kHz."""
        sharp = samples[:, 1:] - 0.97 * samples[:, :-1]
        spectrum = torch.stft(sharp, N_FFT, HOP, WINDOW, self.window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return ((torch.matmul(self.banks, power) + 1e-5).log().add(4.5) / 5).unsqueeze(1)

    def maps(self, samples):
        """Features where they are heard: (batch, 48, 8, frames / 16) and (batch, 384, 4, frames / 32)."""
        middle = self.features[:MIDDLE](self.spectrogram(samples))
        return middle, self.features[MIDDLE:](middle)

    def embed(self, samples):
        return self.maps(samples)[1].mean((2, 3))

    def tags(self, embedding):
        """AudioSet logits from an embedding."""
        return self.answer(F.hardswish(self.hidden(embedding)))

    def forward(self, samples):
        return self.tags(self.embed(samples))


class _Block(nn.Module):
    def __init__(self, state, name, kernel, stride, squeeze, swish):
        super().__init__()
        act = nn.Hardswish() if swish else nn.ReLU()
        count = 1 + max(int(key.split(".")[3]) for key in state if key.startswith(name + "."))
        layers = []
        if count - squeeze == 3:  # the first block has no expansion
            layers.append(_conv(state, f"{name}.0", 1, act))
        layers.append(_conv(state, f"{name}.{len(layers)}", stride, act))
        if squeeze:
            layers.append(_Squeeze(state, f"{name}.{len(layers)}.conc_se_layers.0"))
        layers.append(_conv(state, f"{name}.{len(layers)}", 1, nn.Identity()))
        self.layers = nn.Sequential(*layers)
        first, last = state[f"{name}.0.0.weight"], state[f"{name}.{count - 1}.0.weight"]
        inside = first.shape[1] if count - squeeze == 3 else first.shape[0]
        self.residual = stride == 1 and inside == last.shape[0]

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


class _Squeeze(nn.Module):
    def __init__(self, state, name):
        super().__init__()
        self.down, self.up = _linear(state, name + ".fc1"), _linear(state, name + ".fc2")

    def forward(self, x):
        scale = self.up(F.relu(self.down(x.mean((2, 3)))))
        return x * scale.sigmoid()[:, :, None, None]


def _conv(state, name, stride, act):
    weight = state[f"{name}.0.weight"]
    out, inside, kernel, _ = weight.shape
    groups = out if inside == 1 and out > 8 or (inside == 1 and stride == 1) else 1
    conv = nn.Conv2d(inside * groups, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    norm = nn.BatchNorm2d(out, eps=1e-3)
    conv.weight.data = weight
    norm.load_state_dict({key.removeprefix(f"{name}.1."): value for key, value in state.items()
                          if key.startswith(f"{name}.1.")})
    return nn.Sequential(conv, norm, act)


def _linear(state, name):
    weight = state[name + ".weight"]
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.load_state_dict({"weight": weight, "bias": state[name + ".bias"]})
    return linear


def band_centres():
    """Middle of each of the teacher's mel bands in Hz, (128,), ascending."""
    return 700.0 * ((_edges()[1:-1] / 1127.0).exp() - 1)


def _edges(low=0.0, high=15_000.0):
    """Edges of the bands in mel, (130,); an HTK-like scale."""
    return torch.linspace(*(1127.0 * math.log(1 + hz / 700.0) for hz in (low, high)), BANDS + 2)


def _kaldi_banks():
    """Kaldi's triangular mel filters, (128, 513): triangles in mel, no area norm."""
    edges = _edges()
    bins = 1127.0 * torch.log(1 + torch.arange(N_FFT // 2) * (RATE / N_FFT) / 700.0)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangle = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clamp_min(0)
    return F.pad(triangle, (0, 1))


def load_sound_teacher(path):
    """Read EfficientAT mn04 from its `.pt` file of plain tensors; ValueError in one line for another file."""
    state = read_tensors(path)
    try:
        return SoundTeacher(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{path} is not EfficientAT mn04 ({str(error).splitlines()[0]}): give its weights as published") from None
