"""One gradient step: look, pull back to the picture, smooth, colour, move, limit.

Nothing here copies to the CPU, so a GPU never waits.
"""

import math
from typing import NamedTuple

import torch

from . import loops
from .objective import Strengths, stage_direction, to_unit, unit
from .octaves import doubled, halved, resize
from .tensors import constant

# Square root of the covariance of red, green and blue in 800 natural photographs (measured): a gradient
# multiplied by it moves colours together as nature does (Olah et al., "Feature Visualization", 2017).
COLOUR = torch.tensor(((0.774, 0.500, 0.381), (0.500, 0.681, 0.499), (0.381, 0.499, 0.778)))
LIGHT = COLOUR.mean().expand(3, 3)  # the part of it that moves all three alike
# Brightness, red against blue, green against both: nearly independent in nature (Reinhard et al., 2001).
OPPONENT = torch.tensor(((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))) / torch.tensor((3.0, 2.0, 6.0)).sqrt()[:, None]
BANDS = 5
KNEE = 0.8  # the limiter leaves this share of the range alone


class Aims(NamedTuple):
    """What a gradient climbs to, beside its `Terms`."""

    strengths: Strengths
    guides: tuple  # guides[stage] has a `Guide` per class
    goal: torch.Tensor | None = None  # the gradient at the logits
    lands: torch.Tensor | None = None  # (1, classes, h, w) of any size: where each guides; None where all do


def gradient(eye, picture, terms, aims, shift):
    """Gradient (1, 3, h, w) of a pull at a picture (1, 3, h, w) in 0..1; a generator that stops between stages.

    `shift` (y, x) px rolls what the network looks at, so that its grid never rests on the same pixels.
    """
    there, back = rolls(shift, picture)
    seen, x = [], roll(picture, there)
    if aims.lands is not None:
        aims = aims._replace(lands=roll(resize(aims.lands, picture.shape[2:]), there))
    for number in range(terms.deepest):
        seen.append(_look(lambda x, number=number: eye.stage(number, x), x))
        x = seen[-1][1]
        yield
    grad = _back(_look(eye.logits, x), aims.goal) if terms.answer else None
    for number in reversed(range(terms.deepest)):
        if terms.stages[number]:
            grad = _joined(grad, seen[number][1], terms, aims, number)
        grad = _back(seen[number], grad)
        yield
    return roll(grad, back)


def _look(function, x):
    """(what went in, what came out), ready to go back through. Stage by stage, so that a step can stop between."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return x, function(x)


def _back(seen, grad):
    # Apple GPUs go back wrongly through a convolution with what does not lie in its own order (PyTorch's issue 142344).
    grad = grad.contiguous() if grad.device.type == "mps" else grad
    return torch.autograd.grad(seen[1], seen[0], grad)[0]


def _joined(grad, activation, terms, aims, stage):
    """What comes from above and what pulls here; brought to unit size, so that a weight is a share of the pull."""
    lands = aims.lands
    if lands is not None:
        lands = resize(lands, activation.shape[2:]).to(activation.dtype)
    direction = stage_direction(activation.detach(), terms, aims.strengths, aims.guides[stage],
                                aims.strengths.masses[stage], lands)
    return direction if grad is None else unit(grad, aims.strengths.above[stage]) + direction


def rolls(shift, picture):
    """What `roll` takes to roll pictures of one size by (y, x) px, and back: whole numbers as they are; of tensors of one, as inside
    a CUDA graph, the rows and columns to read."""
    if not isinstance(shift[0], torch.Tensor):
        return tuple(shift), (-shift[0], -shift[1])
    ways = constant(_to_and_fro, picture.device)
    rows, columns = (torch.addcmul(constant(_places, side, picture.device), ways, by).remainder_(side).long()
                     for side, by in zip(picture.shape[2:], shift, strict=True))
    return tuple(zip(rows, columns, strict=True))


def _to_and_fro(device):
    return torch.arange(-1.0, 2.0, 2.0, device=device)[:, None]


def _places(count, device):
    return torch.arange(count, device=device, dtype=torch.float32)


def roll(picture, by):
    """The picture (1, c, h, w) rolled, one way of `rolls`."""
    return picture[:, :, by[0][:, None], by[1]] if isinstance(by[0], torch.Tensor) else picture.roll(by, (2, 3))


def colouring(share, light=LIGHT, colour=COLOUR):
    """The matrix (3, 3) for `refine` that lets a gradient have this share of the colour that nature has: 0 light and dark alone,
    1 as photographs, more than they. `light` and `colour` on the gradient's device."""
    return torch.lerp(light, colour, share)


def refine(grad, colour, smoothing=None):
    """The gradient as a picture would change: natural spectrum, natural colours; of any size.

    `smoothing` None leaves its spectrum alone, 1 leaves little but broad shapes. `colour` is (3, 3), see `colouring`.
    """
    grad = mix(grad, colour)
    if smoothing is None:
        return grad
    # Equal energy per octave is the 1/f of natural pictures.
    tilt = 1 - 0.85 * smoothing
    return loops.spread(grad, BANDS, tilt) if loops.fits(grad) else spread(grad, tilt)


def moved(picture, grad, amount):
    """(the picture, moved along a gradient by `amount` in the mean, inside 0..1; whether it stays, for the gradient was not
    finite), decided on the device."""
    if loops.fits(picture, grad, numbers=(amount,)):
        size = loops.size(grad)
        stays = not math.isfinite(size)
        return picture if stays else loops.moved(picture, grad, amount / (size + 1e-12), KNEE), torch.tensor(stays)
    size = grad.abs().mean()
    return _sound(size, lambda: limit(torch.addcmul(picture, grad, amount / (size + 1e-12))), picture)


def spread(grad, tilt):
    """Bands one octave wide of a gradient brought to equal size, then times `tilt` for each octave finer: the Laplacian
    normalisation of the DeepDream notebook (2015), with a slope."""
    bands, rest = [], grad
    while len(bands) < BANDS - 1 and min(rest.shape[2:]) >= 8:
        coarse = halved(rest)
        bands.append(rest - _over(coarse, rest))
        rest = coarse
    total = unit(rest)
    for level in reversed(range(len(bands))):
        total = _over(total, bands[level])
        total.addcmul_(bands[level], to_unit(bands[level], tilt ** (len(bands) - level - 1)))
    return total


def _over(half, picture):
    """What was halved, as large as the picture that it lies over."""
    return doubled(half)[..., :picture.shape[2], :picture.shape[3]]


def limit(picture):
    """Bend what nears black or white back inside 0..1; the middle stays as it is."""
    inner = picture.clamp((1 - KNEE) / 2, (1 + KNEE) / 2)
    over = picture - inner
    return inner.add_(over.div_(over.abs().mul_(2 / (1 - KNEE)).add_(1)))  # as `addcdiv_`, in half its time on a CPU


def tones(picture, axes=OPPONENT):
    """Mean and spread of brightness and the two opponent colours, (2, 3), of a picture (..., 3, h, w)."""
    return torch.stack(_tones(picture, axes.to(picture)))


def _tones(picture, axes):
    colours, products = loops.moments(picture) if loops.fits(picture) else _moments(picture)
    mean, squares = axes @ colours, axes @ products
    return mean, torch.addcmul((squares * axes).sum(1), mean, mean, value=-1).clamp_min_(0).sqrt_()


def _moments(picture):
    """Mean of each of three colours (3,), and of each product of two (3, 3)."""
    rows = picture.reshape(-1, *picture.shape[-2:]).transpose(0, 1)  # (h, 3, w): one product of all would keep a GPU waiting
    products = torch.bmm(rows, rows.transpose(1, 2)).sum(0).div_(rows.shape[0] * rows.shape[2])
    return rows.mean((0, 2)), products


def tone(picture, wanted, share, axes=OPPONENT):
    """Bring mean and spread of brightness and colours a `share` (3,) of the way towards `wanted` (2, 3); limited.

    Contrast in the opponent colours, `axes` on the picture's device, is what keeps a dream from bleaching out.
    """
    mean, spread = _tones(picture, axes)
    gain = (wanted[1] / (spread + 1e-3)).sub_(1).mul_(share).clamp_(-0.9, 2.0).add_(1)
    offset = axes.T @ torch.addcmul(mean.lerp(wanted[0], share), gain, mean, value=-1)
    matrix = axes.T @ (gain[:, None] * axes)
    if loops.fits(picture):
        return loops.mixed(picture, matrix, offset, KNEE)
    return limit(mix(picture, matrix).add_(offset.view(1, 3, 1, 1)))


def mix(picture, matrix):
    """Colours of a picture (1, 3, h, w) through a matrix (3, 3)."""
    if loops.fits(picture):
        return loops.mixed(picture, matrix)
    columns = matrix[:, :, None, None].unbind(1)  # one of red, green and blue to each: a product of so few rows is slow
    mixed = columns[0] * picture[:, :1]
    for column, colour in zip(columns[1:], picture.split(1, 1)[1:], strict=True):
        mixed.addcmul_(column, colour)
    return mixed


def sound(new, old):
    """(`new` if all of it is finite, else `old`; whether it is not), decided on the device."""
    return _sound(new.sum(), lambda: new, old)


def _sound(number, new, old):
    """(`new()` where a number is finite, else `old`; whether it is not), decided on the device."""
    good = (number - number) == 0  # what is not finite leaves no nought
    if number.device.type == "cpu":  # which need not wait for the answer
        return new() if good else old, ~good
    return torch.where(good, new(), old), ~good
