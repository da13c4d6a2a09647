"""What the dream climbs: the gradient injected at each stage, and how objectives and stages are mixed.

An objective is a function of an activation (1, c, h, w) that returns the direction of ascent there.
Directions are brought to unit size before they are mixed, so the rows' weights are shares of the
pull whatever the layer or the network.
"""

import math
from collections import OrderedDict
from typing import NamedTuple

import torch
from torch.nn import functional as F

from .octaves import resize

POSITIONS = 1024  # guide positions that are compared, fewer at shallow stages where the picture has most:
FEWEST_POSITIONS = 256  # an exact match there costs ten times the whole step for the same look
BLOCK = 4096  # places that are matched at once: what they need stays near the processor;
MATCHED = 2**25  # on a GPU, which would wait for small work, as many as have so many matches: 64 MB in half precision
FEWEST = 0.02  # lighter classes are left out,
SHARE = 0.06  # as are those with less of the whole than this,
SOME = 4  # but so many where no other is left
LIGHTEST = 1e-3  # a stage with less is not looked at
ROOM = 512e6  # bytes of guides kept: of our network those of ten classes at eight sizes and more


class Pull(NamedTuple):
    """What pulls in one step: objective weights, stage weights (shallow to deep), class weights."""

    guided: float
    likeness: float
    energy: float
    channel: float
    answer: float
    index: int
    stages: tuple[float, ...]
    classes: tuple[tuple[str, float], ...]


class Terms(NamedTuple):
    """What a step consists of, whatever the weights: steps of the same terms do the same operations."""

    energy: bool
    channel: bool
    guided: int  # classes that guide
    likeness: bool
    answer: bool
    index: int
    stages: tuple[bool, ...]

    @property
    def deepest(self):
        """Number of stages to run forward; 0 where nothing pulls."""
        return len(self.stages) if self.answer else max((i + 1 for i, used in enumerate(self.stages) if used), default=0)


class Strengths(NamedTuple):
    """The numbers of `Terms`: floats, or tensors of one number inside a CUDA graph."""

    mix: tuple  # of the objectives in use, and of each class that guides
    likeness: float
    masses: tuple  # of each stage
    above: tuple  # what pulls from deeper than each stage


def stage_weights(layer, layers, count=4):
    """Weight of stages 1..count: a window `layers` long that ends at `layer`, both continuous.

    2.4 with one layer gives stage 2 0.6 and stage 3 0.4; 3 with two gives stages 2 and 3 one each.
    """
    return tuple(min(max(min(layer - s + 1, s - layer + layers), 0.0), 1.0) for s in range(1, count + 1))


def pull(values, classes, stages=4):
    """The pull of the rows `dream.*` for `classes` {name: weight}.

    The share that no class claims (silence, nothing known) goes to the picture's own features.
    """
    kept = heard(classes)
    total = sum(kept.values())
    claimed = min(sum(classes.values()), 1.0) if kept else 0.0  # those left out are heard, too
    guided = values["dream.guided"]
    return Pull(
        guided * claimed, values["dream.likeness"], values["dream.energy"] + guided * (1 - claimed), values["dream.channel"],
        values["dream.class"] * claimed, int(values["dream.channel_index"]),
        stage_weights(values["dream.layer"], values["dream.layers"], stages),
        tuple((name, weight / total) for name, weight in kept.items()),
    )


def terms(pull):
    """`Terms` of a `Pull`."""
    guides = len(pull.classes) if pull.guided > 0 else 0
    return Terms(pull.energy > 0, pull.channel > 0, guides, guides > 0 and pull.likeness > 0, pull.answer > 0,
                 pull.index if pull.channel > 0 else 0, tuple(mass > LIGHTEST for mass in _masses(pull)))


def strengths(pull):
    """`Strengths` of a `Pull`."""
    masses = _masses(pull)
    mix = [pull.energy, pull.channel] + [pull.guided * weight for _, weight in pull.classes]
    above = [pull.answer + sum(mass for mass in masses[stage + 1:] if mass > LIGHTEST) for stage in range(len(masses))]
    return Strengths(tuple(weight for weight in mix if weight > 0), pull.likeness, masses, tuple(above))


def _masses(pull):
    share = pull.guided + pull.energy + pull.channel
    return tuple(share * weight for weight in pull.stages)


def heard(classes):
    """The classes {name: weight} that are worth dreaming of: where none stands out of many, some of the first."""
    total = sum(classes.values())
    kept = {name: weight for name, weight in classes.items() if weight >= max(FEWEST, SHARE * total)}
    some = [name for name, weight in classes.items() if weight > 0] if total > FEWEST and not kept else ()
    return kept or {name: classes[name] for name in sorted(some, key=classes.get, reverse=True)[:SOME]}


def energy(activation):
    """Ascend the variance of every channel over the picture: whatever is seen already, more of it, where it is."""
    return activation - mean(activation)


def mean(activation):
    """Mean of every channel (1, c, 1, 1), as a product with ones: a CPU sums up bfloat16 ten times slower."""
    places = activation[0].permute(1, 2, 0).flatten(0, 1)  # as a channels-last activation lies in memory
    return (places.new_full((1, len(places)), 1 / len(places)) @ places).view(1, -1, 1, 1)


def channel(activation, index):
    """Ascend the mean of one channel; `index` wraps round at the last."""
    direction = torch.zeros_like(activation)
    direction[:, index % activation.shape[1]].fill_(1)  # to assign it would make a tensor in main memory first
    return direction


class Guide(NamedTuple):
    """A guide's positions at one stage, made ready for matching."""

    match: torch.Tensor  # (positions, c)
    bias: torch.Tensor  # (positions,)
    pull: torch.Tensor  # (positions, c)
    scale: torch.Tensor  # (c,) that brings an activation to the size of `pull`,
    middle: torch.Tensor  # (c,) and where all of them have their middle then


def prepare(positions):
    """Guide of positions (c, n): centred on their mean and scaled by their spread.

    What all places have in common would pull every picture of every class to the network's one
    favourite pattern; without it a place pulls to what is special about its match.
    """
    precision, positions = positions.dtype, positions.float()
    mean = positions.mean(1, keepdim=True)
    spread = positions.std(1, keepdim=True) + 1e-2 * positions.std() + 1e-6
    special = (positions - mean) / spread.sqrt()
    match = (special / (special.norm(dim=0) + 1e-6) / spread.sqrt()).T.contiguous()
    scale, middle = 1 / spread[:, 0], (mean / spread)[:, 0]
    guide = Guide(match, -(match @ mean)[:, 0], (special / spread.sqrt()).T.contiguous(), scale, middle)
    return Guide(*(part.to(precision) for part in guide))


def guided(activation, guide, likeness=None):
    """Ascend the match with a `Guide`: at each place the guide's position that fits best.

    The match (largest dot product with the guide's unit vectors, so that no strong feature wins
    everywhere) is held fixed while ascending, as in the guided dreams of 2015. Those go on for ever, and end in the
    network's favourite pattern whatever the guide (here puppies). With `likeness` (0..1) what is there already counts
    against it: at 1 a place is pulled to its match and no further (as patches are in Li and Wand, "Combining Markov Random
    Fields and Convolutional Neural Networks for Image Synthesis", 2016), at a half to twice as much of what is special.
    """
    height, width = activation.shape[2:]
    places = activation[0].permute(1, 2, 0).flatten(0, 1)  # as a channels-last activation lies in memory
    match = torch.cat([_best(torch.addmm(guide.bias, block, guide.match.T)) for block in places.split(_block(guide))])
    pull = guide.pull if likeness is None else guide.pull + guide.middle * likeness
    pull = pull.index_select(0, match)
    if likeness is not None:
        pull.addcmul_(places, guide.scale * -likeness)
    return pull.view(height, width, -1).permute(2, 0, 1)[None]


def _block(guide):
    """How many places are matched with a guide at once."""
    return BLOCK if guide.match.device.type == "cpu" else max(BLOCK, MATCHED // len(guide.match))


def _best(matches):
    """The best of each row."""
    if matches.device.type == "cpu":  # which takes five times as long for it in bfloat16 where it need not find the largest, too
        return matches.max(1).indices
    return matches.argmax(1)


def unit(direction, size=1.0):
    """A direction at root mean square `size`; nothing stays nothing."""
    if direction.dtype == torch.float16:
        return _unit_in_half(direction, size)
    return direction * to_unit(direction, size)


def to_unit(direction, size=1.0):
    """The factor, float32, that brings a direction to root mean square `size`."""
    # To convert bfloat16 first takes a CPU eight times as long.
    norm, root = torch.linalg.vector_norm(direction).float(), direction.numel() ** 0.5
    return size * root / (norm + 1e-12 * root)


def _unit_in_half(direction, size):
    """`unit` of float16, which holds neither the norm of a large activation nor the inverse of a small gradient's."""
    root = direction.numel() ** 0.5
    factor = size * root / (torch.linalg.vector_norm(direction, dtype=torch.float32) + 1e-12 * root)
    # With no dimension CUDA would bring the factor to float16 first, where it may be infinite (pytorch#98691).
    return torch.mul(direction, factor.view(1), out=torch.empty_like(direction))


def few(activation, most):
    """At most `most` positions of an activation (1, c, h, w) as (c, n), evenly spread."""
    positions = activation[0].flatten(1)
    if positions.shape[1] <= most:
        return positions
    pick = torch.linspace(0, positions.shape[1] - 1, most, device=positions.device).long()
    return positions[:, pick].contiguous()


def most_positions(stride):
    """How many positions of a guide are compared, at most, at a stage of so many px from place to place."""
    return min(POSITIONS, max(FEWEST_POSITIONS, POSITIONS * stride // 16))


class Seen(NamedTuple):
    """What is kept of a class picture at one size."""

    picture: torch.Tensor
    guides: list  # of each stage
    even: dict  # `evened` ones, by stage, stride and count

    @property
    def nbytes(self):
        """At the most: even ones may share their parts with the others."""
        return sum(part.nbytes for guide in (*self.guides, *self.even.values()) for part in guide)


class Guides:
    """Activations of the class pictures, kept per class and size."""

    def __init__(self, eye, pictures, even=False):
        """`even`: give guides of any picture the same shapes, so that one recorded step serves them all."""
        self._eye = eye
        self._pictures = pictures
        self._is_even = even
        self._kept, self._has_grown = OrderedDict(), False

    def at(self, name, side, deepest):
        """Guides of stages 1..`deepest` for one class at a height of `side` px."""
        return self._seen(name, side, deepest).guides

    def _seen(self, name, side, deepest):
        # Steps of 16 px: a hand on the size knob must not run every guide through the network again.
        key, picture = (name, max(self._eye.smallest, 16 * round(side / 16))), self._pictures[name]
        seen = self._kept.get(key)
        if seen is None or seen.picture is not picture or len(seen.guides) < deepest:
            seen = self._kept[key] = Seen(picture, self._look(picture, key[1], deepest), {})
            self._has_grown = True
        self._kept.move_to_end(key)
        return seen

    def forget(self):
        """Keep none; whether there was any."""
        found = bool(self._kept)
        self._kept.clear()
        return found

    def together(self, names, sides, used):
        """For each of the heights `sides` in px, and each stage `used` (True or False): one `Guide` per class, with not too many
        positions together. Those of the next step, too, if it is alike, are kept whatever their size."""
        found = tuple(self._together(names, side, used) for side in sides)
        if self._has_grown:
            self._keep(len(names) * len(sides))
        return found

    def _together(self, names, side, used):
        deepest = max((stage + 1 for stage, use in enumerate(used) if use), default=0)
        seen = [self._seen(name, side, deepest) for name in names]
        return tuple(tuple(self._shared(seen, stage)) if use and names else () for stage, use in enumerate(used))

    def _keep(self, least):
        """Those used last: as many as have room, and `least` in any case."""
        total = sum(seen.nbytes for seen in self._kept.values())
        while total > ROOM and len(self._kept) > least:
            total -= self._kept.popitem(last=False)[1].nbytes
        self._has_grown = False

    def _shared(self, seen, stage):
        if not self._is_even:
            return shared([each.guides[stage] for each in seen])
        count = min(most_positions(self._eye.strides[stage]), math.ceil(POSITIONS / len(seen)))
        apart = strides(len(each.guides[stage].match) for each in seen)
        return [self._evened(each, stage, every, count) for each, every in zip(seen, apart, strict=True)]

    def _evened(self, seen, stage, every, count):
        """`evened`, made once: the same tensors in each step need not be brought to a recording anew."""
        if (stage, every, count) not in seen.even:
            seen.even[stage, every, count] = evened(thinned(seen.guides[stage], every), count)
            self._has_grown = True
        return seen.even[stage, every, count]

    def _look(self, picture, side, deepest):
        ratio = max(side / picture.shape[1], self._eye.smallest / min(picture.shape[1:]))  # as high as it is remembered
        size = tuple(round(edge * ratio) for edge in picture.shape[1:])
        activations = self._eye.activations(resize(picture[None], size), deepest)
        return [_prepared(activation, most_positions(stride), self._eye.beside)
                for activation, stride in zip(activations, self._eye.strides, strict=False)]


def _prepared(activation, most, beside):
    """The `Guide` of an activation. The planes `beside` the places (see Eye) pull nowhere: alike all over a picture, they would
    be taken for what is special about it."""
    places = few(activation[:, :activation.shape[1] - beside], most)
    guide = prepare(places)
    if beside:
        guide = guide._replace(**{name: F.pad(getattr(guide, name), (0, beside)) for name in ("match", "pull", "scale", "middle")})
    return guide


def stage_direction(activation, terms, strengths, guides, size, lands=None):
    """The direction of all objectives at one stage, of root mean square `size`; for the rest see `mixture`."""
    if len(strengths.mix) == 1 and lands is None:  # alone its weight is of no matter
        part, = _parts(activation, terms, strengths, guides)
        return unit(part(), size)
    return unit(mixture(activation, terms, strengths, guides, lands), size)


def mixture(activation, terms, strengths, guides, lands=None):
    """The mixed direction at one stage; `guides` has one `Guide` there per class that guides.

    With `lands` (1, classes, h, w), as large as the activation, each guides in its own and none with less than the whole pull.
    """
    parts, own = _parts(activation, terms, strengths, guides), terms.energy + terms.channel
    directions = [unit(part(), weight) for part, weight in zip(parts[:own], strengths.mix, strict=False)]
    weights = strengths.mix[own:]
    if lands is not None:
        weights = (lands * sum(weights)).split(1, 1)
    for part, weight in zip(parts[own:], weights, strict=True):
        directions.append(unit(part(), weight) if lands is None else unit(part()).mul_(weight))
    return sum(directions[1:], start=directions[0])


def _parts(activation, terms, strengths, guides):
    """Functions that give the direction of each objective in use, in the order of `Strengths.mix`."""
    likeness = strengths.likeness if terms.likeness else None
    own = [lambda: energy(activation)] * terms.energy + [lambda: channel(activation, terms.index)] * terms.channel
    return own + [lambda guide=guide: guided(activation, guide, likeness) for guide in guides]


def shared(guides):
    """The guides with at most about POSITIONS together: a mixture costs no more than one class."""
    every = math.ceil(sum(len(guide.match) for guide in guides) / POSITIONS)
    return [thinned(guide, every) for guide in guides]


def strides(counts):
    """Of guides with so many positions each, how far apart those are that a recorded mixture of them keeps: at most POSITIONS
    together, and none has more than its even share of these, which all are given."""
    counts = list(counts)
    return [math.ceil(max(sum(counts), len(counts) * count) / POSITIONS) for count in counts]


def thinned(guide, every):
    """Each `every`th position of a guide, without a copy."""
    return _picked(guide, slice(None, None, every))


def evened(guide, count):
    """A guide's positions repeated until there are `count`: one that is there twice changes no match."""
    own = len(guide.match)
    return guide if own == count else _picked(guide, torch.arange(count, device=guide.match.device) % own)


def _picked(guide, rows):
    return guide._replace(match=guide.match[rows], bias=guide.bias[rows], pull=guide.pull[rows])


def goal(answers, classes, count, dtype, device):
    """Gradient at the logits (1, count) that asks for the classes by weight."""
    wanted = torch.zeros(1, count)
    for name, weight in classes:
        for index in answers.get(name, ()):
            wanted[0, index] += weight / len(answers[name])
    return wanted.to(device, dtype)
