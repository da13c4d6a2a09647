"""One gradient step: look, pull back to the picture, smooth, colour, move, limit.

Nothing here copies to the CPU, so a GPU never waits.
"""

import torch
from torch.nn import functional as F

from .objective import answer_weights, stage_direction, unit
from .octaves import resize

# Square root of the covariance of red, green and blue in 800 natural photographs (measured): a gradient
# multiplied by it moves colours together as nature does (Olah et al., "Feature Visualization", 2017).
COLOUR = ((0.774, 0.500, 0.381), (0.500, 0.681, 0.499), (0.381, 0.499, 0.778))
# Brightness, red against blue, green against both: nearly independent in nature (Reinhard et al., 2001).
OPPONENT = torch.tensor(((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))) / torch.tensor((3.0, 2.0, 6.0)).sqrt()[:, None]
BANDS = 5
KNEE = 0.8  # the limiter leaves this share of the range alone


def gradient(eye, picture, wanted, guides, shift):
    """Gradient (1, 3, h, w) of the pull `wanted` at a picture (1, 3, h, w) in 0..1.

    `guides(name)` gives a class's `Guide` per stage; `shift` (y, x) px rolls what the network
    looks at, so that its grid never rests on the same pixels.
    """
    x = picture.roll(shift, (2, 3)).requires_grad_()
    with torch.enable_grad():
        activations = eye.activations(x, wanted.deepest)
        root, direction = _inject(eye, activations, wanted, guides)
        grad, = torch.autograd.grad(root, x, direction)
    return grad.roll((-shift[0], -shift[1]), (2, 3))


def _inject(eye, activations, wanted, guides):
    """(root, its gradient): every shallower stage in use adds its direction on the way back.

    What comes from above is brought to unit size first, so a stage's weight is its share of the pull.
    """
    share = wanted.guided + wanted.energy + wanted.channel
    masses = [share * weight for weight in wanted.stages]
    directions = [_direction(activations, stage, wanted, guides, masses[stage]) if masses[stage] > 1e-3 else None
                  for stage in range(len(activations))]
    root, above = None, 0.0
    if wanted.answer:
        root = eye.logits(activations[-1])
        start = answer_weights(eye.answers, wanted.classes, root.shape[1], root)
        above = wanted.answer
    for stage in reversed(range(len(activations))):
        if directions[stage] is None:
            continue
        if root is None:
            root, start = activations[stage], directions[stage]
        else:
            activations[stage].register_hook(_adder(above, directions[stage]))
        above += masses[stage]
    return root, start


def _direction(activations, stage, wanted, guides, mass):
    with torch.no_grad():
        return unit(stage_direction(activations[stage].detach(), wanted, lambda name: guides(name)[stage]), mass)


def _adder(above, direction):
    return lambda grad: unit(grad, above) + direction


def refine(grad, smoothing, colour):
    """The gradient as a picture would change: natural spectrum, natural colours, mean size 1.

    `smoothing` 0 leaves its spectrum alone, 1 leaves little but broad shapes. `colour` is (3, 3).
    """
    grad = mix(grad, colour)
    if smoothing > 0:
        grad = spread(grad, smoothing)
    return grad / (grad.abs().mean() + 1e-12)


def spread(grad, smoothing):
    """Bands one octave wide brought to equal size, then tilted towards the coarse ones.

    Equal energy per octave is the 1/f of natural pictures. (The Laplacian normalisation of the
    DeepDream notebook, 2015, with a slope.)
    """
    bands, rest = [], grad
    while len(bands) < BANDS - 1 and min(rest.shape[2:]) >= 8:
        coarse = F.avg_pool2d(rest, 2, ceil_mode=True, count_include_pad=False)
        bands.append(rest - resize(coarse, rest.shape[2:]))
        rest = coarse
    tilt = 1 - 0.85 * smoothing
    total = unit(rest)
    for level in reversed(range(len(bands))):
        band = unit(bands[level], tilt ** (len(bands) - level - 1))
        total = resize(total, band.shape[2:]).add_(band)
    return total


def limit(picture):
    """Bend what nears black or white back inside 0..1; the middle stays as it is."""
    inner = picture.clamp((1 - KNEE) / 2, (1 + KNEE) / 2)
    over = picture - inner
    return over.div_(over.abs().mul_(2 / (1 - KNEE)).add_(1)).add_(inner)


def tones(picture):
    """Mean and spread of brightness and the two opponent colours, (2, 3), of a picture (..., 3, h, w)."""
    pixels = picture.reshape(3, -1)
    mean = pixels.mean(1, keepdim=True)
    covariance = (pixels @ pixels.T) / pixels.shape[1] - mean @ mean.T
    axes = OPPONENT.to(picture)
    return torch.stack(((axes @ mean)[:, 0], (axes @ covariance @ axes.T).diagonal().clamp_min(0).sqrt()))


def tone(picture, wanted, share):
    """Bring mean and spread of brightness and colours a `share` (3,) of the way towards `wanted` (2, 3).

    Contrast in the opponent colours is what keeps a dream from bleaching out.
    """
    axes = OPPONENT.to(picture)
    mean, spread = tones(picture)
    gain = 1 + (share * (wanted[1] / (spread + 1e-3) - 1)).clamp(-0.9, 2.0)
    offset = axes.T @ (mean + share * (wanted[0] - mean) - gain * mean)
    return mix(picture, axes.T @ (gain[:, None] * axes)) + offset.view(1, 3, 1, 1)


def mix(picture, matrix):
    """Colours of a picture (1, 3, h, w) through a matrix (3, 3)."""
    return (matrix @ picture.reshape(3, -1)).view_as(picture)


def sound(new, old):
    """(`new` if all of it is finite, else `old`; 1 or 0 steps lost), decided on the device."""
    good = new.sum().isfinite()
    return torch.where(good, new, old), (~good).long()
