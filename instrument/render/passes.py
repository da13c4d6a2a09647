"""The passes in their order, and the memory (previous pictures) that some of them have.

`recipe` reads from top to bottom. A pass whose parameters are neutral is not drawn at all, so software GL
pays only for what is seen. What is remembered is 16-bit float (an echo of 0.98 in 8 bits stands still); what
is passed on is 8 bits, and read without filtering where pixel meets pixel: half the time on software GL.
"""

from dataclasses import dataclass, field

import moderngl

from .shader import HEADER, TRIANGLE

LINEAR = (moderngl.LINEAR, moderngl.LINEAR)
NEAREST = (moderngl.NEAREST, moderngl.NEAREST)
LINES = 360  # of a picture that looks are made with; what has a size of its own keeps it on a larger one
KEEP_RATE = 30.0  # keep-shares (echo, trails) are per 1/30 s, whatever the frame rate

_STRETCHED = HEADER + "in vec2 uv;\nout vec4 colour;\nuniform sampler2D picture;\nvoid main() { colour = texture(picture, uv); }\n"

# A picture passes these values unchanged, to the bit.
NEUTRAL = {
    "zoom.echo": 0.0, "post.hue": 0.0, "post.saturation": 1.0, "post.contrast": 1.0, "post.gamma": 1.0,
    "post.bloom": 0.0, "post.trails": 0.0, "post.mirror": 0.0, "post.chroma": 0.0, "post.glitch": 0.0,
    "post.grain": 0.0, "post.vignette": 0.0, "post.sharpen": 0.0, "post.tint": 0.0, "show.master": 1.0,
}


def neutral(values):
    """Whether nothing of `values` changes the picture."""
    return all(values[name] == value for name, value in NEUTRAL.items())


def keep(share, dt):
    """Share that stays after `dt` seconds of what loses `1 - share` per 1/30 s."""
    return share ** (dt * KEEP_RATE) if share > 0.0 else 0.0


def of_lines(size, lines):
    """Another size in px of the same shape, with so many lines; never a larger one."""
    share = min(lines / size[1], 1.0)
    return tuple(max(round(side * share), 1) for side in size)


def halves(size):
    """The sizes in px on the way down from `size` to LINES, each half of the one before."""
    while size[1] > LINES:
        size = tuple(max(side // 2, 1) for side in size)
        yield size


class Target:
    """A picture that can be drawn into: an RGBA texture ("f1" 8 bits, "f2" 16-bit float) with its framebuffer."""

    def __init__(self, ctx, size, dtype="f1"):
        self.texture = ctx.texture(size, 4, dtype=dtype)
        self.texture.repeat_x = self.texture.repeat_y = False
        self.buffer = ctx.framebuffer([self.texture])

    def release(self):
        self.buffer.release()
        self.texture.release()


class Stretch:
    """Draws a picture into a target of another size."""

    def __init__(self, ctx):
        self._program = ctx.program(vertex_shader=TRIANGLE, fragment_shader=_STRETCHED)
        self._triangle = ctx.vertex_array(self._program, [])

    def __call__(self, texture, target):
        texture.filter = LINEAR
        texture.use(0)
        target.buffer.use()
        self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def release(self):
        self._triangle.release()
        self._program.release()


class Stage:
    """What the passes of one frame share: programs, dreams, two spare pictures, the glow, the values.

    `stretch` is a Stretch. The glow is a quarter of LINES high, so that it is as wide on every screen.
    """

    def __init__(self, ctx, size, shaders, upload, stretch):
        self.ctx, self.size, self.shaders, self.upload, self.stretch = ctx, size, shaders, upload, stretch
        self._spare = (Target(ctx, size), Target(ctx, size))
        self._halves = [Target(ctx, half) for half in halves(size)]
        self.glow = tuple(Target(ctx, of_lines(size, LINES // 4)) for _ in range(2))
        self.values, self.host, self.frozen, self.screen = {}, {}, False, None

    def draw(self, name, picture, filtered):
        """Run a shader over `picture` (a texture); the new picture."""
        picture.filter = LINEAR if filtered else NEAREST
        target = next(spare for spare in self._spare if spare.texture is not picture)
        self.shaders.run(name, target.buffer, picture=picture)
        return target.texture

    def halved(self, picture):
        """The picture (a texture) halved until it has no more than LINES: a small light counts wherever it stands."""
        for half in self._halves:
            self.stretch(picture, half)
            self.shaders.wait()
            picture = half.texture
        return picture

    def release(self):
        for target in (*self._spare, *self._halves, *self.glow):
            target.release()


@dataclass
class Pass:
    """A draw from picture to picture, skipped while the row `row` is 0; `filtered` reads between pixels."""

    name: str
    row: str = ""
    filtered: bool = False

    def shaders(self):
        """What to compile at the start: (shader, *texture keys)."""
        return [(self.name, "picture")]

    def active(self, values):
        return not self.row or values[self.row] != 0.0

    def draw(self, stage, picture):
        return stage.draw(self.name, picture, self.filtered)

    def resize(self, stage):
        """Another size of picture: what is remembered is stretched to it."""

    def forget(self):
        """Drop what was remembered, because the show changes."""


@dataclass
class Memory(Pass):
    """A pass that sees its own last picture as `u_history`; a frozen show leaves it as it is."""

    _targets: list = field(default_factory=list)
    remembers: bool = False

    def shaders(self):
        return [(self.name, "picture"), (self.name, "picture", "history")]

    def draw(self, stage, picture):
        if not (stage.frozen and self.remembers):
            self._advance(stage, picture)
        return self._targets[0].texture

    def _advance(self, stage, picture):
        if not self._targets:
            self._targets = [Target(stage.ctx, stage.size, "f2") for _ in range(2)]
        old, new = self._targets
        stage.shaders.run(self.name, new.buffer, **self.seen(stage, picture, old.texture))
        self._targets, self.remembers = [new, old], True

    def seen(self, stage, picture, history):
        """Textures of this draw; one that would not show is left out."""
        return {"picture": picture} | ({"history": history} if self.remembers else {})

    def resize(self, stage):
        if not self._targets:
            return
        before, self._targets = self._targets, [Target(stage.ctx, stage.size, "f2") for _ in range(2)]
        stage.stretch(before[0].texture, self._targets[0])
        for target in before:
            target.release()

    def forget(self):
        for target in self._targets:
            target.release()
        self._targets, self.remembers = [], False


@dataclass
class Feedback(Memory):
    """The newest dream, carried by the field, over the previous one while that fades, over the echo."""

    def shaders(self):
        return [(self.name, "newest", *more) for more in ((), ("previous",), ("history",), ("previous", "history"))]

    def seen(self, stage, picture, history):
        textures = {"newest": stage.upload.newest}
        if stage.host["fade"] < 1.0:
            textures["previous"] = stage.upload.previous
        if stage.host["keep_echo"] > 0.0 and self.remembers:
            history.filter = LINEAR
            textures["history"] = history
        return textures


@dataclass
class Glow(Pass):
    """The bloom: bright places in a small picture, blurred twice; `Finish` lays them over."""

    def shaders(self):
        return [(name, "picture") for name in ("glow", "blur_x", "blur_y")]

    def draw(self, stage, picture):
        first, second = stage.glow
        small = stage.halved(picture)
        small.filter = LINEAR
        stage.shaders.run("glow", first.buffer, picture=small)
        for _ in range(2):
            stage.shaders.run("blur_x", second.buffer, picture=first.texture)
            stage.shaders.run("blur_y", first.buffer, picture=second.texture)
        return picture


@dataclass
class Finish(Pass):
    """All that looks at one pixel only (bloom, colour, vignette, grain, master), onto the screen."""

    def shaders(self):
        return [(self.name, "picture"), (self.name, "picture", "glow")]

    def draw(self, stage, picture):
        glow = {"glow": stage.glow[0].texture} if stage.values["post.bloom"] else {}
        stage.shaders.run(self.name, stage.screen, picture=picture, **glow)
        return picture


def recipe():
    """The passes, in the order in which they are drawn."""
    return [
        Feedback("feedback"),  # the dream, carried by the field, cross-faded, echoed
        Memory("trails", "post.trails"),
        Pass("mirror", "post.mirror", filtered=True),
        Pass("glitch", "post.glitch"),
        Pass("sharpen", "post.sharpen"),
        Pass("chroma", "post.chroma", filtered=True),
        Glow("glow", "post.bloom"),
        Finish("finish"),
    ]
