"""The picture of one frame: takes dream frames, runs the recipe of `passes`, draws into the bound framebuffer."""

import math

from ..motion import Journey, Place
from .passes import LINES, NEUTRAL, Memory, Stage, Stretch, keep, neutral, recipe
from .shader import Shaders, Uniforms
from .upload import Upload

LONGEST_FADE = 0.25  # s
LAP = 997.0  # s; the glitch counts its throws modulo 997, so that it goes on over the end of a lap


class Renderer:
    """Draws dream frames continued to the present, through all passes.

    `size` (width, height) in px. ValueError names file and line when a shader of `shader_folder` has a fault.
    """

    def __init__(self, ctx, size, shader_folder):
        self._ctx = ctx
        self.upload = Upload(ctx)
        self._fader, self.journey = Fader(), Journey()
        self.passes = recipe()
        self._uniforms = Uniforms(ctx)
        self._shaders = Shaders(ctx, shader_folder)
        for each in self.passes:
            for which in each.shaders():
                self._shaders.load(*which)
        self._stretch = Stretch(ctx)
        self._stage = Stage(ctx, size, self._shaders, self.upload, self._stretch)
        self._start = None
        self._drawn = self.journey.here  # at the last frame that was not held
        self._held = None  # what the last frame before a freeze was drawn with

    @property
    def size(self):
        return self._stage.size

    @property
    def messages(self):
        """Lines for the HUD: shader faults, a slower upload route."""
        return self._shaders.messages + ([self.upload.reason] if self.upload.reason else [])

    def resize(self, size):
        """Another picture size in px; what passes remember is stretched to it. Leaves the framebuffer bound."""
        if size == self.size:
            return
        screen = self._ctx.fbo
        self._stage.release()
        self._stage = Stage(self._ctx, size, self._shaders, self.upload, self._stretch)
        self._ctx.disable(self._ctx.BLEND)
        for each in self.passes:
            each.resize(self._stage)
        screen.use()

    def forget(self):
        """Drop what all passes remember: an own shader may have left there what is no number, and mixes would keep it for ever."""
        for each in self.passes:
            each.forget()

    def draw(self, values, frame, now, dt, motion, extras=()):
        """Draw into the framebuffer bound when called, and leave it bound.

        `frame` is a new dream, finished (pixels, the place of `journey` that it was made for, or None for here), or
        None; `now` and `dt` in s; `motion` the field of this frame, which `journey` adds up (unless that has been done
        for this `now`); `extras` {name of shader.HOST: number}, such as level and pulse.
        """
        screen = self._ctx.fbo
        self._start = now if self._start is None else self._start
        self._check_shaders(now)
        frozen = bool(values["show.freeze"]) and self._fader.landed  # there has to be something to hold
        self.journey.advance(motion, now, not frozen)
        self._fader.put(frame, self.upload, frozen, self.journey)
        if not frozen or self._held is None:
            motions = {"motion": self.journey.since(self._drawn), **self._fader.ways(self.journey)}
            self._held = values, self._host(values, now, dt, dict(extras)), motions
            self._drawn = self.journey.here
        self._paint(screen, values, frozen)
        screen.use()

    def _check_shaders(self, now):
        """Take up what was saved; another shader of a memory begins with none, as do the ones that remember what it drew."""
        remembering = {each.name for each in self.passes if isinstance(each, Memory)}
        if remembering.intersection(self._shaders.check(now)):
            self.forget()

    def _paint(self, screen, values, frozen):
        held, host, motions = self._held
        host = {**host, **self._shape()}  # it may have changed since
        gain = 0.0 if values["show.blackout"] else values["show.master"]  # these two work on a held picture too
        dither = not (gain == 0.0 or neutral({**held, "show.master": gain}))
        self._uniforms.put({**host, "gain": gain, "dither": dither}, motions, held)
        stage = self._stage
        stage.values, stage.host, stage.frozen, stage.screen = held, host, frozen, screen
        self._ctx.disable(self._ctx.BLEND)
        picture = None  # the first pass makes it
        for each in self.passes:
            if each.active(held):
                picture = each.draw(stage, picture)
            else:
                each.forget()

    def _shape(self):
        width, height = self.size
        field, before = self._fader.fields(self.upload, width / height)
        return {"width": width, "height": height, "aspect": width / height, "field": field, "field_before": before,
                "line": max(height / LINES, 1.0)}

    def _host(self, values, now, dt, extras):
        time = now - self._start
        return {
            **extras, **self._shape(), "fade": self._fader.share(self.journey), "time": time, "lap": time % LAP, "dt": dt,
            "keep_echo": keep(values["zoom.echo"], dt), "keep_trails": keep(values["post.trails"], dt),
            "hue_cos": math.cos(math.radians(values["post.hue"])),
            "hue_sin": math.sin(math.radians(values["post.hue"])),
        }

    def release(self):
        self.forget()
        for part in (self._stage, self._stretch, self._shaders, self._uniforms, self.upload):
            part.release()


class Fader:
    """Where the two newest dreams were made, and how far the newer one has come in.

    A dream that arrives during a fade waits for its end (the newest waits, older ones drop), so nothing
    ever jumps. A fade lasts about as long as dreams take to come, in the time of the journey:
    in a freeze it stands still.
    """

    def __init__(self):
        self._waiting = None
        self._made = self._made_before = Place()
        self._landed, self._length = -math.inf, 0.0

    @property
    def landed(self):
        """Whether any dream has come in."""
        return self._landed > -math.inf

    def put(self, frame, upload, frozen, journey):
        """Take in a dream frame (see `Renderer.draw`) or None; `frozen` lets it wait."""
        if frame is not None:
            self._waiting = frame, frame[1] or journey.here
        now = journey.here.time
        if self._waiting is None or frozen or now < self._landed + self._length:
            return
        (pixels, _), made = self._waiting
        self._waiting = None  # whatever comes of it: one that cannot be brought must not be tried for ever
        first = not self.landed
        upload.put(pixels)
        journey.land()
        self._length = 0.0 if first else min(0.8 * (now - self._landed), LONGEST_FADE)
        self._made_before, self._made = (made if first else self._made), made
        self._landed = now

    def share(self, journey):
        """How far the newest dream has come in, 0..1."""
        return 1.0 if self._length <= 0.0 else min((journey.here.time - self._landed) / self._length, 1.0)

    def fields(self, upload, screen):
        """Width over height of the two newest dreams where they are carried: of what was dreamed, which may be stretched on the
        screen; of one that nothing carries, and before the first, of the `screen`."""
        pairs = (upload.newest, self._made), (upload.previous, self._made_before)
        return [texture.width / texture.height if self.landed and made.way else screen for texture, made in pairs]

    def ways(self, journey):
        """The ways of the two newest dreams until now."""
        return {"newest": journey.since(self._made), "previous": journey.since(self._made_before)}


__all__ = ["NEUTRAL", "Renderer"]
