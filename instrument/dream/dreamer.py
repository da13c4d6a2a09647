"""The dreamer: one picture in, the next one out, carried by the zoom and pulled by what is heard."""

import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..model.compiled import ready
from ..model.cpu import give_back
from ..model.joined import joined
from ..model.packed import kept_by, packed
from ..motion import Motion, Place, added, between, motion
from ..params import DEFAULTS
from . import flow, objective, octaves, step
from .change import GREY, Ascent, Change, Climb, Form, Numbers, Parts, loudness, mixed, natural, sounding
from .graphs import finish, loading, player, stepping
from .memory import Memory
from .pace import pace
from .precision import fitted
from .territory import Territories, divided

REFERENCE = 12.0  # dreams per second at which `dream.step` and `dream.return` are meant
LONGEST = 0.25  # s; what a dream would have made in a longer pause is not made up for
GONE = 2.0  # s of a pause in which what is remembered goes on
NATURAL = ((0.753, 0.047, -0.009), (0.364, 0.078, 0.033))  # step.tones of 600 photographs
TURN_FROM, TURN_TO = 0.25, 0.06  # a new mixture of classes so far from the picture's own turns it, until so near
TURN = 0.14  # s in which a turn does two thirds of its way
HUSH = 6.0  # how much a turn quietens the dream, which would otherwise grow the old picture's ghost again
NEXT_TO_NONE = 1e-6
FADE = 3.0  # s in which the dream alone makes the picture one of the new classes


@dataclass(frozen=True)
class Scene:
    """What to dream: all values, class weights {name: 0..1}, time in s, width over height.

    `spectrogram` is the sound as a picture, uint8 (h, w, 3 or 4), row 0 on top, or None. `place` is where a motion.Journey
    is now, None where the field of now may stand for the time since the last scene. `sight` is the height in px at which
    the network looks, where that is less than `dream.size`: what is finer comes from what is remembered.
    """

    values: Mapping[str, float]
    weights: Mapping[str, float]
    now: float
    aspect: float = 16 / 9
    spectrogram: object = None
    place: Place | None = None
    sight: int | None = None


class Dream(NamedTuple):
    """A picture (1, 3, h, w) in 0..1 and what the next one needs of its past.

    A step makes a new one and leaves this as it is: one that fails has changed nothing, and another dreamer can go on
    from it.
    """

    picture: torch.Tensor
    scene: Scene  # that it was made for
    seed: int
    number: int  # steps since it began
    noise: tuple  # three of (1, 3, cells, 2 * cells), coarse to fine
    memory: Memory
    territories: Territories
    made: Mapping  # shares of the classes in the picture
    turning: bool = False  # whether it is turning to others


class Dreamer:
    """Dreams with `eye`, guided by class pictures {name: (3, h, w) in 0..1}, on `device`.

    Holds caches only: a `Dream` goes in, the next one comes out.
    """

    def __init__(self, eye, guides, device="cpu", play=None, fit=fitted):
        """`play` is a player of graphs.py, None the one for the device; `fit` chooses the precision (precision.py)."""
        self.device = torch.device(device)
        with loading(self.device):
            self._open(eye, guides, play, fit)

    def _open(self, eye, guides, play, fit):
        ready()  # also for another device: there are pictures in main memory, too
        self.eye = joined(packed(fit(eye, guides, self.device)))
        self.pictures = {name: picture.to(self.device, torch.float32) for name, picture in guides.items()}
        self.lost = torch.zeros((), dtype=torch.long, device=self.device)  # steps dropped for not being finite
        self._player = play or player(self.device)
        self._guides = objective.Guides(self.eye, self.pictures, self._player.records)
        self._work = Change(self.eye, self.device).change
        self._tones = {name: natural(step.tones(p)).tolist() for name, p in guides.items()}
        self._views, self._shapes, self._learnt = {}, {}, deque()
        self._hushed = False  # the last step would have climbed, were it not for a turn to other classes
        finish(self.device)

    def learn(self, name, picture):
        """Take the picture of a new class, (3, h, w) in 0..1. Any thread."""
        picture = torch.as_tensor(picture)
        tones = natural(step.tones(picture)).tolist()
        picture = picture.to(self.device, torch.float32)
        finish(self.device)
        self._learnt.append((name, picture, tones))

    def _take_up(self):
        """What was learnt is dreamed from here on: in the midst of a step it would be there for a part of it."""
        while self._learnt:
            name, picture, tones = self._learnt.popleft()
            self.pictures[name], self._tones[name] = picture, tones

    @property
    def note(self):
        """What the HUD should say of how it is played; empty as a rule."""
        return self._player.note

    @property
    def settled(self):
        """Whether the last step took the time that the next ones will: none is so quick as one that turns and does not climb."""
        return self._player.settled and not self._hushed

    def pace(self):
        """See pace.py; None where steps are recorded, which take a fraction of what they take as they come, and small ones no
        less time than large ones."""
        return None if self._player.records else pace(self.eye)

    def settle(self):
        """Wait for what is prepared in the background (benches)."""
        self._player.settle()

    def forget(self):
        """Free the memory of what was prepared, and comes again when it is needed; whether there was any. Between steps."""
        self._views, self._shapes = {}, {}
        found = [self._player.forget(), self._guides.forget(), *(layouts.forget() for layouts in kept_by(self.eye))]
        give_back()
        return any(found)

    def start(self, scene):
        """A first dream: the class pictures mixed, different with each seed."""
        size = self.size(scene)
        dream = self.begin(torch.full((1, 3, *size), GREY, device=self.device), scene)
        clouds = 0.06 * sum(_spread(noise, size) for noise in dream.noise)
        views, fields, odds = self._mixture(dream, size)
        memory = dream.memory.read(mixed(views, divided(fields, odds), dream.picture))
        sound, amounts = self._sound(scene)
        if sound:
            memory = sounding(memory, sound[0], amounts)
        return dream._replace(picture=step.limit(memory + clouds.to(self.device)))

    def begin(self, picture, scene):
        """The dream that begins with a picture (1, 3, h, w) in 0..1."""
        seed = int(scene.values["dream.seed"])
        noise = tuple(torch.randn(1, 3, cells, 2 * cells, generator=_generator(seed, f"noise {cells}")) for cells in (3, 6, 12))
        memory = Memory(seed, motion(scene.values, scene.now), scene.values["dream.wander"])
        return Dream(picture, scene, seed, 0, noise, memory, Territories(seed), _shares(self._known(scene.weights)))

    def _clouds(self, dream, size):
        """Soft shapes around 1 (1, 1, h, w): where the picture turns sooner or later. They stay through a dream."""
        key = dream.seed, tuple(size)
        if key not in self._shapes:
            self._shapes = {key: _spread(dream.noise[1][:, :1], size).mul(0.6).exp().to(self.device)}
        return self._shapes[key]

    def size(self, scene):
        """(height, width) of the picture of this scene."""
        return self.shape(scene.aspect).size(int(scene.values["dream.size"]))

    def shape(self, aspect):
        """The `Shape` of its dreams in this proportion."""
        return octaves.Shape(aspect, self.eye.smallest)

    def _octaves(self, scene):
        """Sizes at which the network looks at a scene, coarse to fine."""
        values, shape = scene.values, self.shape(scene.aspect)
        size, scale = int(values["dream.size"]), values["dream.octave_scale"]
        sight = scene.sight or size
        count = shape.octaves(size, sight, scale, int(values["dream.octaves"]))
        return tuple(octaves.octave_sizes(*shape.looked(size, sight), count, scale))

    @torch.no_grad()
    def step(self, past, scene):
        """The dream at the time of `scene`, `past` carried on to it; without one (None), or with another seed, the first.

        The same inputs give the same.
        """
        with stepping(self.device):
            return self._step(past, scene)

    def _step(self, past, scene):
        self._take_up()
        if past is None or past.seed != int(scene.values["dream.seed"]):
            return self.start(scene)
        way, dt = _way(past.scene, scene), min(_seconds(past.scene, scene), LONGEST)
        if not dt:
            return past
        dream, strange = self._turned(self.go_by(past, scene), dt)
        picture, lost = self._player.play(self._work, *self._plan(dream, way, dt, strange))
        self.lost += lost
        return dream._replace(picture=picture)

    def go_by(self, past, scene):
        """A dream of which all but the picture has come to the time of `scene`."""
        values, dt = scene.values, min(_seconds(past.scene, scene), GONE)
        memory = past.memory.advanced(_way(past.scene, scene), motion(values, scene.now), dt, values["dream.wander"])
        return past._replace(scene=scene, number=past.number + 1, memory=memory)

    def _plan(self, dream, way, dt, strange):
        """(Form, Numbers, Parts) of the step that carries a dream along its way to the time of its scene."""
        scene, size = dream.scene, self.size(dream.scene)
        aspect = size[1] / size[0]
        kind, numbers = flow.course(way, aspect)
        leak = self._leak(dream, dt)
        ascent, climb, guides, goal = self._ascent(dream, dt, strange)
        views, fields, odds = self._mixture(dream, size)
        sound, loudness = self._sound(scene)
        reveals = bool(views or sound) and self._reveals(way, aspect, leak)
        asked = leak or reveals or (ascent and ascent[0].terms.guided > 1)
        remembered, memory = dream.memory.course(aspect) if asked else ("", ())
        clouds = (dream.memory.clouds(size, self.device),) if asked else ()
        clouds += (self._clouds(dream, size),) if leak else ()
        picture = dream.picture.to(self.device)  # another dreamer may have made it where it is
        parts = Parts(octaves.resize(picture, size), views, fields, clouds, sound, guides, goal)
        return (Form(kind, reveals, bool(leak), remembered, ascent),
                Numbers(dt, numbers, odds, memory, leak, loudness, self._wanted(scene), climb), parts)

    def _reveals(self, way, aspect, leak):
        """Whether what is remembered comes in from outside the picture. What breathes has it come in now and then, of which one
        would need recordings of both; where it leaks in anyway, all that costs is to look at the borders, too."""
        return bool(leak) and self._player.records or flow.reveals(way, aspect)

    def _turned(self, dream, dt):
        """(the dream, turning to the classes heard, how far these are from those that its picture is made of: 0..1 while
        it turns, else 0)."""
        wanted = _shares(self._known(dream.scene.weights))
        if not wanted:
            return dream._replace(turning=False), 0.0
        far = _distance(wanted, dream.made)
        turning = far > (TURN_TO if dream.turning else TURN_FROM) and dream.scene.values["dream.guided"] > 0
        share = 1 - math.exp(-dt / (TURN if turning else FADE))
        made = {name: (1 - share) * dream.made.get(name, 0.0) + share * wanted.get(name, 0.0)
                for name in {**dream.made, **wanted}}
        return dream._replace(made=made, turning=turning), far if turning else 0.0

    def _leak(self, dream, dt):
        """How much the picture comes back to the class pictures, see Numbers; within a few frames, sooner here and later
        there, while the classes change."""
        known, sound = self._seen(dream.scene)
        back = max(dream.scene.values["dream.return"], sound * DEFAULTS["dream.return"])  # no other way leads to the sound's picture
        share = known * (1 - (1 - back) ** (dt * REFERENCE))
        return (share, dt / TURN if dream.turning else 0.0) if share > 0 or dream.turning else ()

    def _ascent(self, dream, dt, strange):
        """(of one Ascent, of one Climb, guides, goal) of a step, all of them empty where nothing pulls."""
        values = dream.scene.values
        wanted = objective.pull(values, self._known(dream.scene.weights), len(self.eye.stages))
        wanted = wanted._replace(classes=tuple(self._accompanied(dict(wanted.classes)).items()))
        amount = values["dream.step"] * dt * REFERENCE * max(0.0, 1 - HUSH * strange)
        terms = objective.terms(wanted)
        self._hushed = amount <= 0 and terms.deepest > 0
        if amount <= 0 or not terms.deepest:
            return (), (), (), ()
        ascent = Ascent(self._octaves(dream.scene), int(values["dream.iterations"]), terms)
        climb = Climb(amount, values["dream.colour"], _smoothing(values), objective.strengths(wanted), _shifts(dream, ascent))
        return (ascent,), (climb,), self._guiding(ascent, wanted), (self._goal(wanted.classes),) if terms.answer else ()

    def _guiding(self, ascent, wanted):
        names = [name for name, _ in wanted.classes] if ascent.terms.guided else []
        return self._guides.together(names, [size[0] for size in ascent.sizes], ascent.terms.stages)

    def _goal(self, classes):
        eye = self.eye
        return objective.goal(eye.answers, classes, eye.logits_count, eye.dtype, self.device)

    def _seen(self, scene):
        """(how much there is to see, 0..1; the spectrogram's share of that)."""
        heard = min(1.0, sum(self._known(scene.weights).values()))
        sound = 0.0 if scene.spectrogram is None else scene.values["dream.spectrogram"]
        total = heard + (1 - heard) * sound
        return total, sound / total if sound else 0.0

    def _sound(self, scene):
        """((the picture of the sound as it came, (1, 3, h, w) in 0..1), its `loudness`), both empty where none is seen."""
        share = self._seen(scene)[1]
        if not share:
            return (), ()
        pixels = torch.from_numpy(scene.spectrogram).to(self.device)[..., :3]
        return (pixels.permute(2, 0, 1)[None].float() / 255,), loudness(share)

    def _wanted(self, scene):
        """Brightness, contrast and colour of the classes that the picture is made of, as numbers ((3), (3))."""
        known = self._known(scene.weights)
        total = sum(known.values())
        parts = [(NATURAL, max(0.0, 1 - total)), *((self._tones[name], weight / max(total, 1.0)) for name, weight in known.items())]
        return tuple(tuple(sum(tones[row][axis] * share for tones, share in parts) for axis in range(3)) for row in range(2))

    def _known(self, weights):
        """The weights of classes that have a picture."""
        return {name: weight for name, weight in weights.items() if name in self.pictures}

    def _accompanied(self, shares):
        """Shares of classes, and next to none of others, until they are as many as the player makes a step for."""
        others = [name for name in self.pictures if name not in shares]
        wanted = self._player.places(len(shares)) - len(shares)
        return {**shares, **dict.fromkeys(others[:wanted], NEXT_TO_NONE)}

    def _mixture(self, dream, size):
        """(views, fields, odds) of the class pictures that are heard, for `mixed`."""
        known = objective.heard(self._known(dream.scene.weights))
        total, land = sum(known.values()), dream.territories
        known = self._accompanied({name: weight / total for name, weight in known.items()})
        odds = land.odds(known) if known else ()
        return tuple(self._view(name, tuple(size)) for name in known), land.fields(known, size, self.device), odds

    def _view(self, name, size):
        """A class picture at the size of the dream, whole in height, mirrored beyond its sides."""
        if next(iter(self._views), ("", size))[1] != size:
            self._views.clear()
        picture = self.pictures[name]
        if self._views.get((name, size), (None,))[0] is not picture:  # new, or taught anew
            shrunk = octaves.resize(picture[None], (size[0], round(picture.shape[2] * size[0] / picture.shape[1])))
            self._views[name, size] = picture, flow.mirrored(shrunk, size)
        return self._views[name, size][1]


def _seconds(then, now):
    """How long it moved from one scene to a later one, in s."""
    if then.place and now.place:
        return max(now.place.time - then.place.time, 0.0)
    return max(now.now - then.now, 0.0)


def _way(then, now):
    """The way from one scene to a later one."""
    if then.place and now.place:
        return between(then.place.way, now.place.way)
    return added(Motion(), motion(now.values, now.now), min(_seconds(then, now), LONGEST))


def _shifts(dream, ascent):
    """(y, x) px by which each iteration moves the picture."""
    chance, reach = random.Random(f"{dream.seed} step {dream.number}"), int(dream.scene.values["dream.jitter"])
    return tuple((chance.randint(-reach, reach), chance.randint(-reach, reach))
                 for _ in range(len(ascent.sizes) * ascent.iterations))


def _smoothing(values):
    return (values["dream.smoothing"],) if values["dream.smoothing"] > 0 else ()


def _generator(seed, what):
    return torch.Generator().manual_seed(random.Random(f"{seed} {what}").getrandbits(32))


def _spread(noise, size):
    return torch.nn.functional.interpolate(noise, tuple(size), mode="bicubic", align_corners=False)


def _shares(weights):
    """Weights as shares of one; empty where next to nothing is heard."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total > objective.FEWEST else {}


def _distance(one, other):
    """Half the summed difference of two mixtures, 0..1."""
    return 0.5 * sum(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in {**one, **other})
