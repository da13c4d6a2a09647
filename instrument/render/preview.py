"""A small copy of the picture in main memory, for a window whose context shares nothing with that of the picture.

It is made on the GPU and read through a pixel buffer when the next one is asked for, so that nothing waits for it.
"""

import moderngl
import numpy as np

from .shader import HEADER, TRIANGLE
from .software import is_software

LARGEST = (1024, 480)  # px; half of it where the processor draws

# As many filtered looks per pixel as let no line of the picture slip through; the first row is the top one.
_SMALLER = HEADER + """uniform sampler2D picture;
in vec2 uv;
out vec4 colour;
void main() {
    vec2 part = vec2(dFdx(uv.x), dFdy(uv.y)), corner = vec2(uv.x, 1.0 - uv.y) - part / 2.0;
    ivec2 looks = max(ivec2(ceil(part * textureSize(picture, 0) / 2.0 - 0.01)), 1);
    vec3 sum = vec3(0.0);
    for (int y = 0; y < looks.y; y++)
        for (int x = 0; x < looks.x; x++)
            sum += textureLod(picture, corner + part * (vec2(x, y) + 0.5) / looks, 0.0).rgb;
    colour = vec4(sum / (looks.x * looks.y), 1.0);
}
"""


class Preview:
    """Copies of what a framebuffer of `ctx` shows, at most LARGEST."""

    def __init__(self, ctx):
        self._ctx = ctx
        self._most = tuple(side // 2 for side in LARGEST) if is_software(ctx) else LARGEST
        self._program = ctx.program(vertex_shader=TRIANGLE, fragment_shader=_SMALLER)
        self._triangle = ctx.vertex_array(self._program, [])
        self._whole = self._small = self._pixels = None  # framebuffers of both sizes, the pixel buffer

    def take(self, framebuffer):
        """Ask for a copy of what `framebuffer` shows; the copy asked for last time: uint8 (h, w, 4), row 0 on top,
        or None.

        Leaves `framebuffer` bound.
        """
        before = self._read()
        if self._whole is None or self._whole.size != framebuffer.size:
            self._fit(framebuffer.size)
        self._ctx.copy_framebuffer(self._whole, framebuffer)
        self._ctx.disable(moderngl.BLEND)
        self._small.use()
        self._whole.color_attachments[0].use(0)
        self._triangle.render(moderngl.TRIANGLES, vertices=3)
        self._small.read_into(self._pixels, components=4, alignment=1)
        framebuffer.use()
        return before

    def _read(self):
        if self._pixels is None:
            return None
        width, height = self._small.size
        return np.frombuffer(self._pixels.read(), np.uint8).reshape(height, width, 4)

    def _fit(self, size):
        self._drop()
        share = min(1.0, *(most / side for most, side in zip(self._most, size)))
        small = tuple(max(round(side * share), 1) for side in size)
        self._whole, self._small = (self._ctx.framebuffer([self._texture(each)]) for each in (size, small))
        self._pixels = self._ctx.buffer(reserve=small[0] * small[1] * 4)

    def _texture(self, size):
        texture = self._ctx.texture(size, 4)
        texture.repeat_x = texture.repeat_y = False
        return texture

    def _drop(self):
        for target in filter(None, (self._whole, self._small)):
            target.color_attachments[0].release()
            target.release()
        if self._pixels:
            self._pixels.release()
        self._whole = self._small = self._pixels = None

    def release(self):
        self._drop()
        self._triangle.release()
        self._program.release()
