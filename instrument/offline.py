"""The show without clocks or threads: dream and renderer take turns, time is fed by hand, so that the same
values, features and seed always give the same frames. Owns what galleries and benches of looks are made with.

Features come as a function from time (s), which only grows, to {feature name: value} of `features.py`: `script` writes
one down, a `Hearing` listens to a sound file and has its spectrogram too; else that of the demo scene is dreamed on.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from .audio import demo
from .audio.engine import Engine
from .audio.files import Frames
from .audio.onset import HALF_LIFE
from .audio.player import mono
from .clock import Clock
from .eyes import best_device, read_pictures, working
from .features import CLASS, EVENTS
from .files import ROOT
from .heard import IDLE, Heard
from .modulation import modulate, strengths
from .motion import motion
from .params import DEFAULTS, checked
from .spectrogram import Played
from .stage import aspect

TICKS = 60  # feature packets a second, as `listen` sends
SURE = 0.5  # s after a sound is known until the ear no longer changes its mind
LAPTOP = 216  # px at which the network looks where a laptop holds the rate
HAIR = 1e-6  # s by which a moment that was added up or divided may miss what it is to be


class Offline:
    """A model's dreamer and a headless screen of `size` (width, height) px; close it, or use it in `with`.

    `sight` is that of its scenes, see dreamer.Scene; `pictures` is the folder of one's own, see eyes.read_pictures.
    ValueError for a damaged model or shader, OSError where there is no OpenGL.
    """

    def __init__(self, model, size=(640, 360), network=None, shaders=None, sight=None, pictures=None):
        from .dream.dreamer import Dreamer
        from .dream.graphs import Plain
        from .model.zoo import open_eye

        self.classes, self.sight = model.classes, sight
        self.shaders = Path(shaders or ROOT / "shaders")
        # Before OpenGL: a torchvision network brings triton's LLVM, which crashes where Mesa's was loaded first.
        # As it comes: what is recorded for replay is ready, and made of what algorithms, as time will have it.
        make = lambda device: Dreamer(open_eye(network, model), read_pictures(model, pictures), device, Plain())
        self.dreamer = working(make, best_device())
        self.screen = _screen(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.screen.close()

    def take(self, values, features, seed=0, **more):
        """A `Take` from its first moment; `values` {row: value} over the defaults, `seed` of the dream."""
        return Take(self, {**DEFAULTS, **checked(values), "dream.seed": float(seed)}, features, **more)

    def render(self, values, seconds, fps, features, seed=0):
        """The frames of a take of `seconds`, uint8 (h, w, 3), row 0 on top."""
        with self.take(values, features, seed) as take:
            for number in range(round(seconds * fps)):
                yield take.frame(number / fps)


class Take:
    """One playing of a look: `frame(now)` with `now` growing from 0. One at a time per `Offline`.

    `look(now, gain dB)` gives the spectrogram; `idle` are classes to dream of in a long silence, one after the other;
    `weights` {class: 0..1} is what was heard, and `before` the seconds that were dreamed, before time 0.
    """

    def __init__(self, offline, values, features, look=None, idle=(), weights=(), before=0.0):
        from .render.renderer import Renderer

        self._dreamer, self._screen, self._features, self._sight = offline.dreamer, offline.screen, features, offline.sight
        self.values = values
        self.heard, self._clock = Heard(), Clock()
        self.heard.weights = dict(weights)
        self._renderer = Renderer(self._screen.ctx, self._screen.size, offline.shaders)
        self._last = None  # the newest dream
        self._now = self._due = -before
        self._drawn = 0.0
        self._look, self._idle = look, idle
        self._lost = int(self._dreamer.lost)  # by those before

    @property
    def lost(self):
        """How many steps the dream went on without, as a gradient was not finite."""
        return int(self._dreamer.lost) - self._lost

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._renderer.release()

    def frame(self, now):
        """The picture at `now` (s), uint8 (h, w, 3)."""
        self.draw(now)
        return self.shot()

    def shot(self):
        """What was drawn last, uint8 (h, w, 3)."""
        width, height = self._screen.size
        frame = np.frombuffer(self._screen.framebuffer.read(), np.uint8).reshape(height, width, 3)
        return frame[::-1].copy()

    def draw(self, now):
        """Have the screen show the picture at `now` (s): dreams that were due until then, then one draw."""
        pixels = None
        while self._due <= now + HAIR:
            pixels = self._dream(min(self._due, now))
        self._draw(now, pixels)
        self._drawn = now

    def _hear(self, now):
        """The modulated values of this moment."""
        self.heard.update(self._features(now), now - self._now, self.values["hear.hold"])
        self._clock.update(now, self.heard.features)
        self._now = now
        features = {**self.heard.features, **self._clock.features(now)}
        values, self._sources = modulate(self.values, features), strengths(features)
        self._renderer.journey.advance(motion(values, now), now, not values["show.freeze"])
        return values

    def _dream(self, now):
        """The dream of a moment, (pixels, place); the next one comes due."""
        from .dream.dreamer import Scene
        from .dream.loop import rgba

        values = self._hear(now)
        width, height = self._screen.size
        weights = self.heard.dreamt(self._idle, max(now, 0.0))
        scene = Scene(values, weights, now, aspect(width, height), self._spectrogram(values, now),
                      self._renderer.journey.here, self._sight)
        self._last = self._dreamer.step(self._last, scene)
        self._due = now + 1 / values["dream.rate"]
        return rgba(self._last.picture).cpu().numpy(), scene.place

    def _spectrogram(self, values, now):
        """The picture of the sound, once the row asks for it."""
        if not values["dream.spectrogram"]:
            return None
        self._look = self._look or _demo()
        return self._look(now, values["hear.gain"])

    def _draw(self, now, frame):
        values = self._hear(now)
        self._screen.begin()
        self._renderer.draw(values, frame, now, now - self._drawn, motion(values, now), self._sources)
        self._screen.present()


def _demo():
    """The look of the demo scene, over and over."""
    return Played(_samples(lambda: [_demo_samples()[:, None]], loop=True), demo.RATE).look


@lru_cache(1)
def _demo_samples():
    return demo.scene()[0]


def _samples(blocks, loop=False):
    """take(count) of mono samples from `blocks()`."""
    frames = Frames(blocks, loop)
    return lambda count: mono(frames.take(count))


def _screen(size):
    from .render.window import open_screen

    return open_screen(size, headless=True)


def script(weights, level=0.6, bpm=120.0):
    """Features of a steady scene: class probabilities {name: 0..1}, an onset on every beat, level round `level`."""
    top = max(weights, key=weights.get, default="")
    still = {"known": float(bool(weights)), "top.name": top, "top.prob": weights.get(top, 0.0), "beat.bpm": bpm}
    still |= {CLASS + name: weight for name, weight in weights.items()}

    def features(now):
        beats = now * bpm / 60
        pulse = 0.5 ** ((beats % 1) * 60 / bpm / HALF_LIFE)
        sway = {"level": 0.7 + 0.3 * pulse, "low": 0.6 + 0.4 * pulse, "mid": 0.8 + 0.2 * pulse,
                "high": 0.5 + 0.5 * (0.5 - 0.5 * np.cos(np.pi * beats / 4)),
                "centroid": 0.5 + 0.3 * np.sin(np.pi * beats / 8)}
        sound = {f"audio.{name}": min(1.0, level * float(value)) for name, value in sway.items()}
        return {**still, **sound, "audio.pulse": pulse, "beat.phase": beats % 1}

    return features


class Hearing:
    """A sound (audio.files.Sound) heard without a clock: `features(now)` as `listen` would publish them then, and
    `look(now, gain)`, its spectrogram.

    The file is read as far as it is asked for: an hour takes no more memory than a minute.
    """

    def __init__(self, sound, model, values=DEFAULTS):
        self.look = Played(_samples(sound.blocks), sound.rate).look
        self._take, self._rate = _samples(sound.blocks), sound.rate
        self._newest, self._ticks, self._moment, self._ended = {}, 0, 0.0, False
        self._engine = Engine(sound.rate, model.hear, model.classes, self._newest.update, values,
                              clock=lambda: self._moment, front_end=model.front_end)

    def features(self, now):
        """{feature name: value} of the tick in which `now` (s) lies, with the events since the last call; empty before
        0 and after the end."""
        for event in EVENTS:
            self._newest.pop(event, None)
        while not self._ended and self._ticks <= (now + HAIR) * TICKS:
            self._tick()
        return {} if self._ended else dict(self._newest)

    def _tick(self):
        begin, end = (round(tick * self._rate / TICKS) for tick in (self._ticks, self._ticks + 1))
        block = self._take(end - begin)
        self._ticks += 1
        self._moment = self._ticks / TICKS
        self._ended = not len(block)
        if len(block):
            self._engine.push(block, self._moment)


def opening(sound, model, values=DEFAULTS):
    """The class weights of the first thing that is known in a sound, when the ear has become sure of it; empty where
    nothing is for IDLE seconds.

    A video that begins with them has no other picture before that of its first sound.
    """
    hearing, heard = Hearing(sound, model, values), Heard()
    for tick in range(int(IDLE * TICKS)):
        now = tick / TICKS
        heard.update(hearing.features(now), 1 / TICKS, values["hear.hold"])
        heard.news(now)
        if heard.events and now > heard.events[0][0] + SURE:
            break
    return heard.weights if heard.events else {}
