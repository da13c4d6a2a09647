"""What happens to the picture in one step of the dream: carried, led back, ascended, toned.

It is work as graphs.py plays it: `Form` says what is done, `Numbers` how much, `Parts` to what. The dreamer plans it.
"""

from typing import NamedTuple

import torch

from . import flow, loops, objective, octaves, step
from .memory import by_loops, recalled
from .tensors import vector
from .territory import divided

COLOURFUL = 0.24  # most spread of a colour, as a share of the spread of brightness
SETTLE = (0.3, 0.15, 0.15)  # s in which brightness and the two opponent colours come back
GREY = 0.45  # of a picture of nothing
SILENT, CLEAR = 0.1, 0.45  # brightest colour in a spectrogram of what is silent, and of what is heard clearly
COARSE = 8  # px of a picture for one of the map of who guides where


class Ascent(NamedTuple):
    """What the ascent of one step consists of."""

    sizes: tuple  # (height, width) of the octaves, coarse to fine
    iterations: int
    terms: objective.Terms


class Form(NamedTuple):
    """What one step consists of: steps of the same form share a CUDA graph."""

    way: str  # how the picture is carried, see flow.course
    reveals: bool  # whether what is remembered comes in from outside its borders
    leaks: bool  # whether it comes back to that
    memory: str  # how that is remembered, see flow.courses; "" where nobody asks
    ascent: tuple  # of one Ascent, or none


class Climb(NamedTuple):
    """How much an Ascent ascends: floats, or tensors of one number inside a CUDA graph."""

    amount: float
    colour: float  # see step.colouring
    smoothing: tuple  # of one, or none
    pull: objective.Strengths
    shifts: tuple  # (y, x) px of every iteration


class Numbers(NamedTuple):
    """How much of each in a step: floats, or tensors of one number on a GPU."""

    seconds: float
    way: tuple  # see flow.course
    odds: tuple  # of each class in what the dream comes back to, see Territories
    memory: tuple  # see Memory.course, or none
    leak: tuple  # its share, and how far a turn gets, nothing while there is none; or none
    sound: tuple  # of the spectrogram among what is seen, see `loudness`; or none
    tones: tuple  # mean and spread (3) each that the picture is brought to
    climb: tuple  # of one Climb, or none


class Parts(NamedTuple):
    """To what: tensors."""

    picture: torch.Tensor
    views: tuple  # of the class pictures, at the size of the picture
    fields: tuple  # chance of each, see Territories
    clouds: tuple  # where what is remembered changes sooner or later, and where a turn does, if it leaks; or none
    sound: tuple  # of one spectrogram, or none
    guides: tuple  # guides[octave][stage] has one `Guide` per class
    goal: tuple  # of one gradient at the logits, or none


class Change:
    """The work of an eye on its device: `change`."""

    def __init__(self, eye, device):
        self._eye, self._device = eye, torch.device(device)
        self._colours = step.LIGHT.to(self._device), step.COLOUR.to(self._device)
        self._axes = step.OPPONENT.to(self._device)
        self._settle_times = torch.tensor(SETTLE, device=self._device)

    @torch.no_grad()
    def change(self, form, numbers, parts):
        """(picture, steps lost) at the end of a step; a generator."""
        lands = divided(parts.fields, numbers.odds)
        mixture = mixed(parts.views, lands, parts.picture)
        picture, lost = step.sound(parts.picture, mixture)
        own, copies = _places(picture, form, numbers)
        memory = self._remembered(mixture, form, numbers, parts, copies) if form.reveals or form.leaks else None
        picture = flow.along(picture, form.way, numbers.way, memory if form.reveals else None, own)
        if form.leaks:
            picture = _leaked(picture, memory, numbers, parts)
        if form.ascent:
            lands = self._carried(lands, form, numbers, parts, copies)
            climbed, missed = yield from self._climbed(picture, form.ascent[0], numbers.climb[0], parts, lands)
            picture = audible(picture, climbed, parts.sound[0], numbers.sound) if parts.sound else climbed
            lost = lost.long() + missed
        return self._settled(picture, numbers, parts), lost

    def _remembered(self, mixture, form, numbers, parts, copies):
        """The class pictures as they are remembered, and the sound."""
        memory = recalled(mixture, form.memory, numbers.memory, parts.clouds[0], copies)
        return sounding(memory, parts.sound[0], numbers.sound) if parts.sound else memory

    def _settled(self, picture, numbers, parts):
        """The picture, its brightness, contrast and colour pulled towards those of what it is made of."""
        wanted = vector((*numbers.tones[0], *numbers.tones[1]), self._device).view(2, 3)
        if parts.sound:
            wanted = wanted.lerp(natural(step.tones(parts.sound[0], self._axes), least=0.0), numbers.sound[0])
        share = 1 - torch.exp(-numbers.seconds / self._settle_times)
        return step.tone(picture, wanted, share, self._axes)

    def _carried(self, lands, form, numbers, parts, copies):
        """Where in the picture each class guides, (1, classes, h, w): where it is remembered; None where one guides alone."""
        if form.ascent[0].terms.guided < 2:
            return None
        size = [max(1, side // COARSE) for side in parts.picture.shape[2:]]
        lands, clouds = (octaves.resize(each, size) for each in (lands.transpose(0, 1), parts.clouds[0]))
        return recalled(lands, form.memory, numbers.memory, clouds, None if copies is None else flow.fewer(copies, size))

    def _climbed(self, picture, ascent, climb, parts, lands):
        """(the picture, steps lost) after all octaves and iterations; a generator."""
        lost, goal = 0, parts.goal[0] if parts.goal else None
        colour = step.colouring(climb.colour, *self._colours)

        def ascend(picture, octave):
            nonlocal lost
            for turn in range(octave * ascent.iterations, (octave + 1) * ascent.iterations):
                aims = step.Aims(climb.pull, parts.guides[octave], goal, lands)
                grad = yield from step.gradient(self._eye, picture, ascent.terms, aims, climb.shifts[turn])
                grad = step.refine(grad, colour, *climb.smoothing)
                picture, missed = step.moved(picture, grad, climb.amount)
                lost = lost + missed
            return picture

        return (yield from octaves.climb(picture, ascent.sizes, ascend)), lost


def _places(picture, form, numbers):
    """`flow.places` of the way (1, 2, h, w) and of both copies of what is remembered (2, 2, h, w), found at once where they are of one
    kind; None of what need not be known, or is found as quickly by whoever reads there."""
    if not form.memory or by_loops(picture, form.memory, numbers.memory):
        return None, None
    own = (numbers.way,) if form.way == form.memory else ()
    found = flow.places(tuple(picture.shape[2:]), form.memory, (*own, *numbers.memory[0]), picture.device)
    return found[:1] if own else None, found[len(own):]


def _leaked(picture, memory, numbers, parts):
    """The picture, leaked back to what is remembered."""
    share, turned = numbers.leak
    if loops.fits(picture, numbers=numbers.leak) and not turned:
        return picture.lerp(memory, share)
    return picture.lerp(memory, 1 - (1 - share) * torch.exp(-turned * parts.clouds[1]))


def mixed(views, lands, like):
    """Class pictures (1, 3, h, w) where `lands` (classes, 1, h', w') say; one alone everywhere; where nothing is known natural
    grey, a picture `like` another."""
    if len(views) < 2:
        return views[0] if views else torch.full_like(like, GREY)
    lands = octaves.resize(lands.transpose(0, 1), like.shape[2:])
    if loops.fits(*views, lands):
        return loops.blended(views, lands)
    first, *others = [view * land for view, land in zip(views, lands.split(1, 1), strict=True)]
    return sum(others, start=first)


def loudness(share):
    """Numbers of `sounding` for the spectrogram's share of what is seen."""
    return share, share**2, min(1.0, 2 * share) - share**2


def sounding(picture, sound, loudness):
    """`picture`, made of the class pictures, under the spectrogram's share of the spectrogram.

    What is loud shows from half the share on; what is silent stays clear the longest, so as not to darken.
    """
    sound = octaves.resize(sound, picture.shape[2:])
    return picture.lerp(sound, loudness[1] + loudness[2] * sound.amax(1, keepdim=True))


def audible(before, climbed, sound, loudness):
    """The picture `climbed` where a spectrogram sounds; where that is silent, by its share, what it was `before`: of nothing
    the network dreams dust."""
    clear = octaves.resize(sound.amax(1, keepdim=True), before.shape[2:]).sub_(SILENT).div_(CLEAR - SILENT).clamp_(0, 1)
    return before.lerp(climbed, 1 - loudness[1] * (1 - clear))


def natural(tones, least=0.36):
    """Tones (2, 3) of a picture, its contrast and colour kept to what nature has; `least` 0: what is dark all over may be so."""
    spread = tones[1].clone()
    spread[0] = spread[0].clamp(least, 0.42)
    spread[1:] = spread[1:].clamp(max=COLOURFUL * spread[0])
    return torch.stack((tones[0], spread))
