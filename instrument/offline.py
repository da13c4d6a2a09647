"""The show without clocks or threads: dream and renderer take turns, time is fed by hand, so that the same
values, features and seed always give the same frames. Owns what galleries and benches of looks are made with.

Features come as a function from time (s) to {feature name: value} of `features.py`: `script` writes
one down, `hear_file` listens to a sound file. The spectrogram that is dreamed on is that of the demo scene.
"""

from functools import lru_cache

import numpy as np

from .audio import demo
from .audio.engine import Engine
from .audio.files import decode
from .audio.onset import HALF_LIFE
from .clock import Clock
from .eyes import best_device, read_pictures
from .features import CLASS, EVENTS
from .heard import Heard
from .modulation import modulate, strengths
from .motion import motion
from .params import DEFAULTS, checked
from .perform import ROOT
from .spectrogram import Played

TICKS = 60  # feature packets a second, as `listen` sends


class Offline:
    """A model's dreamer and a headless screen of `size` (width, height) px; close it, or use it in `with`.

    ValueError for a damaged model, OSError where there is no OpenGL.
    """

    def __init__(self, model, size=(640, 360), network=None):
        from .dream.dreamer import Dreamer
        from .model.zoo import open_eye

        self.classes = model.classes
        # Before OpenGL: a torchvision network brings triton's LLVM, which crashes where Mesa's was loaded first.
        self.dreamer = Dreamer(open_eye(network, model), read_pictures(model), best_device())
        self.screen = _screen(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.screen.close()

    def take(self, values, features, seed=0):
        """A `Take` from its first moment; `values` {row: value} over the defaults, `seed` of the dream."""
        return Take(self, {**DEFAULTS, **checked(values), "dream.seed": float(seed)}, features)

    def render(self, values, seconds, fps, features, seed=0):
        """The frames of a take of `seconds`, uint8 (h, w, 3), row 0 on top."""
        with self.take(values, features, seed) as take:
            for number in range(round(seconds * fps)):
                yield take.frame(number / fps)


class Take:
    """One playing of a look: `frame(now)` with `now` growing from 0. One at a time per `Offline`."""

    def __init__(self, offline, values, features):
        from .render.renderer import Renderer

        self._dreamer, self._screen, self._features = offline.dreamer, offline.screen, features
        self.values = values
        self._heard, self._clock = Heard(), Clock()
        self._renderer = Renderer(self._screen.ctx, self._screen.size, ROOT / "shaders")
        self._last = None  # the newest dream
        self._now = self._drawn = self._due = 0.0
        self._sound = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._renderer.release()

    def frame(self, now):
        """The picture at `now` (s), uint8 (h, w, 3): dreams that were due until then, then one draw."""
        pixels = None
        while self._due <= now:
            pixels = self._dream(self._due)
        self._draw(now, pixels)
        self._drawn = now
        width, height = self._screen.size
        frame = np.frombuffer(self._screen.framebuffer.read(), np.uint8).reshape(height, width, 3)
        return frame[::-1].copy()

    def _hear(self, now):
        """The modulated values of this moment."""
        self._heard.update(self._features(now), now - self._now)
        self._clock.update(now, self._heard.features)
        self._now = now
        features = {**self._heard.features, **self._clock.features(now)}
        values, self._sources = modulate(self.values, features), strengths(features)
        self._renderer.journey.advance(motion(values, now), now, not values["show.freeze"])
        return values

    def _dream(self, now):
        """The dream of a moment, (pixels, place); the next one comes due."""
        from .dream.dreamer import Scene
        from .dream.loop import rgba

        values = self._hear(now)
        width, height = self._screen.size
        scene = Scene(values, dict(self._heard.weights), now, width / height, self._spectrogram(values, now),
                      self._renderer.journey.here)
        self._last = self._dreamer.step(self._last, scene)
        self._due = now + 1 / values["dream.rate"]
        return rgba(self._last.picture).cpu().numpy(), scene.place

    def _spectrogram(self, values, now):
        """The picture of the sound, once the row asks for it."""
        if not values["dream.spectrogram"]:
            return None
        self._sound = self._sound or Played(_demo(), demo.RATE)
        return self._sound.look(now)

    def _draw(self, now, frame):
        values = self._hear(now)
        self._screen.begin()
        self._renderer.draw(values, frame, now, now - self._drawn, motion(values, now), self._sources)
        self._screen.present()


def render(values, seconds, fps, features, seed=0, model=None, size=(640, 360)):
    """The frames of a look, uint8 (h, w, 3): opens the model (a folder; None is the shipped one) and a screen."""
    from .model.card import DEFAULT, load_model

    with Offline(load_model(model or DEFAULT), size) as offline:
        yield from offline.render(values, seconds, fps, features, seed)


@lru_cache(1)
def _demo():
    return demo.scene()[0]


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


def in_turn(scripts, seconds):
    """One script after the other, `seconds` each, the last one for ever."""
    return lambda now: scripts[min(int(now / seconds), len(scripts) - 1)](now)


def hear_file(path, model, values=DEFAULTS):
    """Features of a sound file as `listen` would publish them; silence after its end. Errors as `decode`."""
    samples, rate = decode(path)
    packets, newest, moment = [], {}, 0.0
    engine = Engine(rate, model.hear, model.classes, newest.update, values, clock=lambda: moment)
    size = rate / TICKS
    for tick in range(int(len(samples) / size)):
        moment = (tick + 1) / TICKS
        engine.push(samples[round(tick * size):round((tick + 1) * size)], moment)
        packets.append(dict(newest))
        for event in EVENTS:
            newest.pop(event, None)
    return lambda now: packets[int(now * TICKS)] if now * TICKS < len(packets) else {}
