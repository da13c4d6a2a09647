"""The HUD: what the performer reads in a corner of the picture or in a window of its own,
drawn with imgui through moderngl.

It is handed lines and values only (`Panel`). One path draws in a window and headless, so it can be recorded. What is
painted is in `panel`; here it gets onto the GL context.
"""

import ctypes

import moderngl
import numpy as np
from imgui_bundle import imgui

from .fonts import Fonts
from .paint import Paint
from .panel import (
    Picture,
    desk_scale,
    draw_desk,
    draw_help,
    draw_monitor,
    draw_page_over,
    draw_panel,
    draw_strip,
    fitting,
    scale_of,
)

_VERTEX = """#version 330 core
uniform vec2 size;
in vec2 position, at;
in vec4 tint;
out vec2 uv;
out vec4 hue;
void main() {
    uv = at;
    hue = tint;
    gl_Position = vec4(position / size * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
}
"""
_FRAGMENT = """#version 330 core
uniform sampler2D glyphs;
in vec2 uv;
in vec4 hue;
out vec4 colour;
void main() { colour = hue * texture(glyphs, uv); }
"""
GROUND = (0.075, 0.08, 0.095, 1.0)  # behind all in a window of its own


class Hud:
    """Draws a `Panel` over the framebuffer that is bound."""

    def __init__(self, ctx):
        self._ctx = ctx
        self._imgui = imgui.create_context()
        imgui.set_current_context(self._imgui)  # imgui leaves that of another HUD current
        io = imgui.get_io()
        io.set_ini_filename("")  # no imgui.ini in the folder of the user
        io.backend_flags |= imgui.BackendFlags_.renderer_has_textures
        self._fonts = Fonts()
        self._textures = {}  # imgui's number -> texture
        self._program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._vertices, self._indices, self._array = None, None, None
        self._pictures = {}  # what is shown -> (its texture, the newest picture, which that holds)
        self._begun = False  # whether a frame was begun and not ended

    def draw(self, panel, size):
        """Draw over a framebuffer of `size` px; text grows with it."""
        paint = self._begin(size, scale_of(size))
        top = draw_panel(paint, fitting(panel, size[1] / paint.scale), size)
        if panel.spectrogram is not None:
            draw_strip(paint, self._shown(panel.spectrogram), size)
        if panel.help:
            draw_help(paint, size)
        elif panel.page:
            draw_page_over(paint, panel.page, size, top)
        self._end(size)

    def desk(self, panel, preview, size):
        """Fill a framebuffer of `size` px: `preview` (uint8 RGBA (h, w, 4), row 0 on top,
        or None) and `panel` beside it.

        Without a panel (None) there is the preview alone. Text grows with the window.
        """
        self._ctx.clear(*GROUND)
        paint = self._begin(size, desk_scale(panel, size))
        picture = Picture(self._shown(preview, "preview"), *preview.shape[1::-1]) if preview is not None else None
        if panel is None:
            draw_monitor(paint, picture, (0, 0, size[0] / paint.scale, size[1] / paint.scale))
        else:
            sound = None if panel.spectrogram is None else self._shown(panel.spectrogram)
            draw_desk(paint, panel, (picture, sound), size)
            if panel.help:
                draw_help(paint, size)
        self._end(size)

    def _begin(self, size, scale):
        """A new frame of `size` px to paint, in units of `scale` px."""
        imgui.set_current_context(self._imgui)
        if self._begun:  # the last one failed on its way
            imgui.end_frame()
        self._begun = True
        io = imgui.get_io()
        io.display_size, io.delta_time = imgui.ImVec2(*size), 1 / 60
        imgui.new_frame()
        return Paint(imgui.get_background_draw_list(), self._fonts, scale)

    def _end(self, size):
        imgui.render()
        self._begun = False
        try:
            self._render(imgui.get_draw_data(), size)
        finally:  # the picture wants neither
            self._ctx.scissor = None
            self._ctx.disable(moderngl.BLEND)

    def _render(self, data, size):
        for texture in imgui.get_platform_io().textures:
            self._update(texture)
        self._ctx.enable_only(moderngl.BLEND)
        self._ctx.blend_func = (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE,
                                moderngl.ONE_MINUS_SRC_ALPHA)
        self._program["size"].value = size
        for commands in data.cmd_lists:
            self._fill(commands)
            for command in commands.cmd_buffer:
                self._one(command, size)

    def _one(self, command, size):
        left, top, right, bottom = (command.clip_rect[axis] for axis in range(4))
        if right <= left or bottom <= top or not command.elem_count:
            return
        self._ctx.scissor = (int(left), int(size[1] - bottom), int(right - left), int(bottom - top))
        self._textures[command.get_tex_id()].use(0)
        self._array.render(moderngl.TRIANGLES, vertices=command.elem_count, first=command.idx_offset)

    def _fill(self, commands):
        """Bring one draw list's vertices and indices into buffers, grown when they are too small."""
        vertices = _bytes(commands.vtx_buffer, imgui.VERTEX_SIZE)
        indices = _bytes(commands.idx_buffer, imgui.INDEX_SIZE)
        if self._array is None or self._vertices.size < len(vertices) or self._indices.size < len(indices):
            self._grow(2 * len(vertices), 2 * len(indices))
        self._vertices.write(vertices)
        self._indices.write(indices)

    def _grow(self, vertices, indices):
        self._drop()
        self._vertices, self._indices = self._ctx.buffer(reserve=vertices), self._ctx.buffer(reserve=indices)
        layout = [(self._vertices, "2f 2f 4f1", "position", "at", "tint")]
        self._array = self._ctx.vertex_array(self._program, layout, self._indices, imgui.INDEX_SIZE)

    def _update(self, texture):
        """Imgui bakes glyphs as they are needed and asks for its textures to be made, renewed, dropped."""
        status = imgui.ImTextureStatus
        if texture.status == status.want_destroy and texture.unused_frames > 0:
            self._textures.pop(texture.tex_id).release()
            texture.set_tex_id(0)
            texture.status = status.destroyed
        elif texture.status in (status.want_create, status.want_updates):
            pixels = np.ascontiguousarray(texture.get_pixels_array()).tobytes()
            if texture.status == status.want_create:
                made = self._ctx.texture((texture.width, texture.height), 4)
                self._textures[made.glo] = made
                texture.set_tex_id(made.glo)
            self._textures[texture.tex_id].write(pixels)
            texture.status = status.ok

    def _shown(self, picture, what="spectrogram"):
        """imgui's number of the texture with the newest picture of `what`."""
        size = picture.shape[1::-1]
        texture, before = self._pictures.get(what, (None, None))
        if texture is None or texture.size != size:
            if texture:
                self._textures.pop(texture.glo).release()
            texture = self._ctx.texture(size, 4)
            texture.repeat_x = texture.repeat_y = False
            self._textures[texture.glo] = texture
        if picture is not before:
            texture.write(np.ascontiguousarray(picture))
            self._pictures[what] = texture, picture
        return texture.glo

    def _drop(self):
        for part in filter(None, (self._array, self._vertices, self._indices)):
            part.release()

    def release(self):
        imgui.set_current_context(self._imgui)
        for texture in imgui.get_platform_io().textures:
            texture.status = imgui.ImTextureStatus.destroyed
            texture.set_tex_id(0)
        imgui.destroy_context(self._imgui)
        self._drop()
        for part in (*self._textures.values(), self._program):
            part.release()


def _bytes(vector, size):
    return ctypes.string_at(vector.data_address(), vector.size() * size)
