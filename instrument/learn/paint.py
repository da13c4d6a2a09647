"""Paint the class pictures: feature visualisation of ImageNet classes, composed into a scene.

Every picture is made by ascent on the answers of BVLC GoogLeNet (Szegedy et al., 2014) from noise;
no photograph enters it. The picture is a set of Fourier coefficients scaled by 1/frequency with
decorrelated colours (Olah, Mordvintsev and Schubert, "Feature Visualization", 2017; Mordvintsev et
al., "Differentiable Image Parameterizations", 2018), seen through views of random place, size and
angle. It grows from coarse to fine: the first stage sees so little of it at once that one object
fills a view, the later ones draw into what is there. Channel means and deviations of natural
photographs, measured over a whole collection, hold texture, light and depth to what a camera gives
(the prior of Yin et al., "Dreaming to Distill", 2020).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from PIL import Image
from torch.nn import functional as F

from ..model.zoo import open_googlenet
from .pictures import read_squares
from .run import generator, track

SIZE = (768, 512)
# Square root of the colour covariance of ImageNet (Olah et al., 2017), rows R, G, B.
COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.4619
SLOPE = 1.1  # amplitude falls with frequency ** -SLOPE, as in photographs
NATURE = {"conv2": 1.0, "3a": 1.0, "3b": 1.0, "4a": 0.5, "4b": 0.3, "4c": 0.2, "4d": 0.1}  # layer: pull
NATURE_PULL = 10.0
LIGHT_PULL = 60.0
SPECKLE_PULL = 100.0
CLIPPING = 0.42  # distance from mid grey beyond which a value is pulled back


@dataclass(frozen=True)
class Thing:
    """An ImageNet class, where its middle stands (0..1 of width and height) and its size in heights."""

    index: int
    x: float = 0.5
    y: float = 0.5
    size: float = 0.95
    pull: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """What to paint, and the seed that came out best to the eye."""

    things: tuple
    seed: int = 0


@dataclass(frozen=True)
class Stage:
    """One size of the painting: its share of the final height, the side of a view, steps, learning rate."""

    share: float
    view: int
    steps: int
    rate: float


STAGES = (Stage(0.25, 128, 140, 0.05), Stage(0.5, 176, 45, 0.05), Stage(1.0, 208, 24, 0.04))

RECIPES = {
    "air_conditioner": Recipe((Thing(545, 0.48, 0.5, 1.0), Thing(545, 0.86, 0.45, 0.6), Thing(753, 0.14, 0.6, 0.6)), 1),
    "car_horn": Recipe((Thing(817, 0.48, 0.55, 1.0), Thing(581, 0.62, 0.6, 0.5), Thing(479, 0.3, 0.65, 0.5))),
    "children_playing": Recipe((Thing(843, 0.42, 0.5, 1.0), Thing(476, 0.85, 0.5, 0.7)), 1),
    "dog_bark": Recipe((Thing(235, 0.35, 0.5, 0.9), Thing(207, 0.74, 0.55, 0.8)), 1),
    "drilling": Recipe((Thing(740, 0.45, 0.5, 1.0), Thing(740, 0.86, 0.6, 0.6))),
    "engine_idling": Recipe((Thing(670, 0.42, 0.55, 0.95), Thing(864, 0.84, 0.45, 0.65)), 1),
    "gun_shot": Recipe((Thing(763, 0.47, 0.5, 1.0), Thing(471, 0.86, 0.6, 0.6)), 1),
    "jackhammer": Recipe((Thing(740, 0.42, 0.55, 0.95), Thing(517, 0.78, 0.4, 0.8)), 1),
    "siren": Recipe((Thing(555, 0.54, 0.5, 1.0), Thing(734, 0.13, 0.62, 0.55)), 2),
    "street_music": Recipe((Thing(889, 0.38, 0.5, 0.95), Thing(402, 0.68, 0.55, 0.9), Thing(401, 0.9, 0.6, 0.55))),
}


class Spectrum:
    """A picture as Fourier coefficients, in units in which all of them matter alike."""

    def __init__(self, width, height, coefficients):
        self.width, self.height = width, height
        self.coefficients = coefficients.requires_grad_()
        self.scale = _falloff(width, height).to(coefficients.device)

    @classmethod
    def noise(cls, width, height, random):
        """A dim cloud to start from."""
        return cls(width, height, 0.5 * torch.randn(3, height, width // 2 + 1, 2, generator=random))

    def grown(self, width, height):
        """The same picture with more pixels; the highest frequencies fade out, to be drawn anew and finer."""
        larger = torch.zeros(3, height, width // 2 + 1, 2, device=self.coefficients.device)
        half, columns = self.height // 2, self.width // 2
        fade = (2 - 4 * _cycles(self.width, self.height) / self.height).clamp(0, 1)  # from half of Nyquist on
        old = self.coefficients.detach() * fade.to(larger)[..., None]
        larger[:, :half, :columns] = old[:, :half, :columns]
        larger[:, 1 - half:, :columns] = old[:, 1 - half:, :columns]
        return Spectrum(width, height, larger)

    def picture(self):
        """The picture, (1, 3, height, width) in 0..1."""
        waves = torch.view_as_complex(self.coefficients) * self.scale
        planes = torch.fft.irfft2(waves, s=(self.height, self.width), norm="forward")
        return torch.einsum("cp,phw->chw", COLOURS.to(planes), planes).mul(2).sigmoid()[None]


def _falloff(width, height):
    """Amplitude of each coefficient: as in photographs, less where waves are finer."""
    return 0.17 * _cycles(width, height).clamp(min=0.7) ** -SLOPE


def _cycles(width, height):
    """Frequency of each coefficient in cycles per height, so that it does not change with the size."""
    rows = torch.fft.fftfreq(height)[:, None] * height
    columns = torch.fft.rfftfreq(width)[None] * height
    return (rows.square() + columns.square()).sqrt()


def view(picture, centre, side, pixels, angle):
    """A square of `side` pixels around `centre` (x, y in pixels), turned, as (1, 3, pixels, pixels)."""
    while side > 1.5 * pixels:  # averaged first: sampling alone would pick single pixels and make speckle
        picture = F.avg_pool2d(picture, 2)
        centre, side = (centre[0] / 2, centre[1] / 2), side / 2
    height, width = picture.shape[2:]
    along, across = side * math.cos(angle), side * math.sin(angle)
    theta = torch.tensor([[[along / width, -across / width, 2 * centre[0] / width - 1],
                           [across / height, along / height, 2 * centre[1] / height - 1]]], device=picture.device)
    grid = F.affine_grid(theta, (1, 3, pixels, pixels), align_corners=False)
    return F.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)


def statistics(activations):
    """Mean and deviation of every channel of every layer: {layer: (2, channels)}."""
    return {layer: torch.stack((a.mean((0, 2, 3)), a.std((0, 2, 3)))) for layer, a in activations.items()}


@lru_cache(1)
def nature(photographs, teacher, count=300, side=128):
    """Statistics of the teacher's layers, and of the pixels, over natural photographs below a folder."""
    squares = read_squares(photographs, side, limit=count).float() / 255
    with torch.no_grad():
        measured = statistics(open_googlenet(teacher).activations(squares))
    return {**measured, "pixels": statistics({"": squares})[""]}


def unnatural(activations, natural):
    """How far the layers are from photographs: weighted relative squared error of their statistics."""
    seen = statistics({layer: activations[layer] for layer in NATURE})
    error = 0.0
    for layer, pull in NATURE.items():
        wanted = natural[layer]
        error = error + pull * ((seen[layer] - wanted).square().sum(1) / wanted.square().sum(1)).sum()
    return error


def badly_lit(picture, natural):
    """How far brightness and contrast are from photographs, and how much is near black or white."""
    light = (statistics({"": picture})[""] - natural["pixels"]).square().sum(1)
    clipped = F.relu((picture - 0.5).abs() - CLIPPING) * 20
    return 4 * light[0] + 10 * light[1] + clipped.square().mean()


def speckle(picture):
    """Mean absolute step from pixel to pixel: total variation, which costs speckle more than edges."""
    return (picture.diff(dim=2).abs().mean() + picture.diff(dim=3).abs().mean()) / 2


class Painter:
    """Draws one stage of a recipe into a spectrum."""

    def __init__(self, recipe, teacher, natural, random):
        self.recipe, self.teacher, self.natural, self.random = recipe, teacher, natural, random

    def paint(self, spectrum, stage, progress):
        """`stage.steps` steps of Adam on the spectrum, the last third ever slower."""
        optimiser = torch.optim.Adam([spectrum.coefficients], stage.rate, betas=(0.9, 0.99))
        for step in progress(range(stage.steps)):
            optimiser.param_groups[0]["lr"] = stage.rate * min(1, 3 * (1 - step / stage.steps))
            optimiser.zero_grad()
            self.loss(spectrum.picture(), stage.view, step).backward()
            optimiser.step()

    def loss(self, picture, pixels, step):
        """What is asked of the picture: its things where they belong, nature and light everywhere."""
        things = self._things(step)
        views = [self._view_of(thing, picture, pixels) for thing in things] + [self._view_anywhere(picture, pixels)]
        activations = self.teacher.activations(torch.cat(views))
        logits = self.teacher.logits(activations)
        seen = torch.stack([thing.pull * logits[i, thing.index] for i, thing in enumerate(things)]).mean()
        return (NATURE_PULL * unnatural(activations, self.natural)
                + LIGHT_PULL * badly_lit(picture, self.natural) + SPECKLE_PULL * speckle(picture) - seen)

    def _things(self, step):
        first, *rest = self.recipe.things
        return (first, rest[step % len(rest)]) if rest else (first,)

    def _view_of(self, thing, picture, pixels):
        height, width = picture.shape[2:]
        nearness, right, down = torch.rand(3, generator=self.random).tolist()
        side = thing.size * height * (0.8 + 0.5 * nearness)
        centre = (thing.x * width + 0.25 * side * (right - 0.5), thing.y * height + 0.25 * side * (down - 0.5))
        return view(picture, centre, side, pixels, self._angle())

    def _view_anywhere(self, picture, pixels):
        height, width = picture.shape[2:]
        right, down, nearness = torch.rand(3, generator=self.random).tolist()
        return view(picture, (right * width, down * height), height * (0.4 + 0.6 * nearness), pixels, self._angle())

    def _angle(self):
        return 0.07 * torch.randn(1, generator=self.random).item()


def paint(class_name, teacher, photographs, out, seed=None, size=SIZE, stages=STAGES):
    """Paint one class and write it to `out` (a picture file); returns the picture, (3, height, width).

    `teacher` is the BVLC GoogLeNet file, `photographs` a folder of natural pictures (only channel
    statistics of all of them together are used), `size` (width, height) in multiples of 16. `seed`
    replaces the recipe's. The same arguments on the same machine give the same picture.
    Raises ValueError for a class without recipe.
    """
    if class_name not in RECIPES:
        raise ValueError(f"no recipe for {class_name!r}: expected one of {', '.join(RECIPES)}")
    recipe = RECIPES[class_name]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    natural = {layer: values.to(device) for layer, values in nature(str(photographs), str(teacher)).items()}
    random = generator(recipe.seed if seed is None else seed)
    teacher = open_googlenet(teacher).to(device, memory_format=torch.channels_last)
    painter = Painter(recipe, teacher, natural, random)
    spectrum = None
    for stage in stages:
        width, height = (round(edge * stage.share) for edge in size)
        spectrum = spectrum.grown(width, height) if spectrum else _start(width, height, random, device)
        painter.paint(spectrum, stage, lambda steps: track(steps, f"{class_name} {width}x{height}"))
    picture = spectrum.picture()[0].detach().cpu()
    _write(picture, Path(out))
    return picture


def _start(width, height, random, device):
    noise = Spectrum.noise(width, height, random)
    return Spectrum(width, height, noise.coefficients.detach().to(device))


def _write(picture, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path, **({"quality": 92} if path.suffix.lower() in (".jpg", ".jpeg") else {}))


def paint_all(teacher, photographs, out, classes=tuple(RECIPES)):
    """Paint several classes into the folder `out`, one `<class>.jpg` each."""
    for class_name in classes:
        paint(class_name, teacher, photographs, Path(out) / f"{class_name}.jpg")
