"""The HUD: what the performer reads in a corner of the picture, drawn with imgui through moderngl.

It is handed lines and values only (`Panel`). One path draws in a window and headless, so it can be recorded.
"""

import colorsys
import ctypes
from dataclasses import dataclass
from pathlib import Path

import moderngl
import numpy as np
from imgui_bundle import __file__ as BUNDLE
from imgui_bundle import imgui

from ..params import COMMANDS, PARAMS

_FONTS = Path(BUNDLE).parent / "assets" / "fonts" / "Roboto"
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
WHITE, GREY, DARK, ALARM = (1, 1, 1, 0.95), (1, 1, 1, 0.55), (0.02, 0.02, 0.03, 0.62), (1.0, 0.62, 0.25, 1.0)


@dataclass(frozen=True)
class Page:
    """The rows of one group and what they are."""

    row: object  # the `Param` that the player's fingers are on
    values: dict  # {name: value} of every row
    notes: tuple = ()  # lines below, such as what the row does
    asks: str = ""  # what the player is to do now


@dataclass(frozen=True)
class Panel:
    """What the HUD shows of one frame."""

    bars: tuple = ()  # (class name, probability 0..1), always in the same order
    top: str = ""  # the class heard, big
    known: float = 1.0  # 0 dims the class: silence or unknown
    level: float = 0.0  # 0..1
    lines: tuple = ()  # such as rates
    preset: str = ""
    messages: tuple = ()  # overridden values, faults
    help: bool = False
    page: Page | None = None
    spectrogram: object = None  # the sound as a picture, uint8 RGBA (h, w, 4), row 0 on top; another one when it moved


class Hud:
    """Draws a `Panel` over the framebuffer that is bound."""

    def __init__(self, ctx):
        self._ctx = ctx
        self._imgui = imgui.create_context()
        io = imgui.get_io()
        io.set_ini_filename("")  # no imgui.ini in the folder of the user
        io.backend_flags |= imgui.BackendFlags_.renderer_has_textures | imgui.BackendFlags_.renderer_has_vtx_offset
        self._plain = io.fonts.add_font_from_file_ttf(str(_FONTS / "Roboto-Regular.ttf"), 16.0)
        self._bold = io.fonts.add_font_from_file_ttf(str(_FONTS / "Roboto-Bold.ttf"), 16.0)
        self._textures = {}  # imgui's number -> texture
        self._program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._vertices, self._indices, self._array = None, None, None
        self._strip = self._spectrogram = None  # the texture that holds the newest spectrogram, and that picture

    def draw(self, panel, size):
        """Draw over a framebuffer of `size` px; text grows with the height."""
        imgui.set_current_context(self._imgui)
        io = imgui.get_io()
        io.display_size, io.delta_time = imgui.ImVec2(*size), 1 / 60
        imgui.new_frame()
        paint = _Paint(imgui.get_background_draw_list(), self._plain, self._bold, max(size[1] / 720, 0.55))
        _panel(paint, panel, size)
        if panel.spectrogram is not None:
            _strip(paint, self._shown(panel.spectrogram), size)
        if panel.help:
            _help(paint, size)
        elif panel.page:
            _page(paint, panel.page, size)
        imgui.render()
        self._render(imgui.get_draw_data(), size)

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
        self._ctx.scissor = None
        self._ctx.disable(moderngl.BLEND)

    def _one(self, command, size):
        left, top, right, bottom = (command.clip_rect[axis] for axis in range(4))
        if right <= left or bottom <= top or not command.elem_count:
            return
        self._ctx.scissor = (int(left), int(size[1] - bottom), int(right - left), int(bottom - top))
        self._textures[command.get_tex_id()].use(0)
        # first: indices are relative to nothing, as the HUD never reaches 65,536 vertices a list.
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

    def _shown(self, picture):
        """imgui's number of the texture with the spectrogram."""
        size = picture.shape[1::-1]
        if self._strip is None or self._strip.size != size:
            if self._strip:
                self._textures.pop(self._strip.glo).release()
            self._strip = self._ctx.texture(size, 4)
            self._strip.repeat_x = self._strip.repeat_y = False
            self._textures[self._strip.glo] = self._strip
        if picture is not self._spectrogram:
            self._strip.write(np.ascontiguousarray(picture))
            self._spectrogram = picture
        return self._strip.glo

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


class _Paint:
    """Rectangles and text in units of a 720-line picture."""

    def __init__(self, commands, plain, bold, scale):
        self._commands, self._fonts, self.scale = commands, (plain, bold), scale

    def box(self, x, y, width, height, colour, round_by=0.0):
        s = self.scale
        self._commands.add_rect_filled((x * s, y * s), ((x + width) * s, (y + height) * s), _packed(colour),
                                       round_by * s)

    def text(self, x, y, size, colour, words, bold=False):
        s = self.scale
        self._commands.add_text(self._fonts[bold], size * s, (x * s, y * s), _packed(colour), words)

    def image(self, x, y, width, height, texture, round_by=0.0):
        s = self.scale
        self._commands.add_image_rounded(imgui.ImTextureRef(texture), (x * s, y * s), ((x + width) * s, (y + height) * s),
                                         (0, 0), (1, 1), _packed(WHITE), round_by * s)

    def width(self, size, words, bold=False):
        imgui.push_font(self._fonts[bold], size * self.scale)
        width = imgui.calc_text_size(words).x / self.scale
        imgui.pop_font()
        return width


def class_colour(index, alpha=1.0):
    """The fixed colour of a class: golden-angle steps round the hue circle, so neighbours differ."""
    return (*colorsys.hsv_to_rgb((0.58 + index * 0.381966) % 1.0, 0.55, 1.0), alpha)


def _panel(paint, panel, size):
    """Bottom left, from the bottom up: level, lines, bars, preset, the class, and messages above the box."""
    width, row, pad = 250, 17, 14
    height = 92 + row * (len(panel.bars) + len(panel.lines))
    x, y = 18, size[1] / paint.scale - 18 - height
    paint.box(x, y, width, height, DARK, 8)
    for number, message in enumerate(reversed(panel.messages)):
        _message(paint, x, y - 28 - 26 * number, message)
    _title(paint, panel, x + pad, y + 10)
    _bars(paint, panel, x + pad, y + 66, width - 2 * pad, row)
    bottom = y + 72 + row * len(panel.bars)
    paint.box(x + pad, bottom, width - 2 * pad, 4, (1, 1, 1, 0.14), 2)
    paint.box(x + pad, bottom, max((width - 2 * pad) * _share(panel.level), 1), 4, WHITE, 2)
    for number, line in enumerate(panel.lines):
        paint.text(x + pad, bottom + 9 + row * number, 13, GREY, line)


def _strip(paint, texture, size):
    """To the right of the panel, along the bottom: the sound that scrolls by."""
    x, height, pad = 278, 108, 8
    width = max(min(size[0] / paint.scale - x - 18, 520), 3 * pad)
    y = size[1] / paint.scale - 18 - height
    paint.box(x, y, width, height, DARK, 8)
    paint.image(x + pad, y + pad, width - 2 * pad, height - 2 * pad, texture, 4)


def _page(paint, page, size):
    """Top right: a line for each row of the group, its value as a bar and as text; the one selected stands out."""
    rows = [row for row in PARAMS if row.group == page.row.group]
    notes = [(note, GREY) for note in page.notes] + [(page.asks, ALARM)] * bool(page.asks)
    width, line, pad = 380, 17, 14
    x, y = size[0] / paint.scale - 18 - width, 18
    paint.box(x, y, width, line * (len(rows) + len(notes)) + 26 + 3 * pad, (*DARK[:3], 0.82), 8)
    paint.text(x + pad, y + pad - 4, 18, WHITE, page.row.group, bold=True)
    top = y + pad + 24
    for number, row in enumerate(rows):
        _row(paint, row, page, (x + pad, top + line * number, width - 2 * pad))
    for number, (note, colour) in enumerate(notes, len(rows)):
        paint.text(x + pad, top + pad + line * number, 13, colour, note)


def _row(paint, row, page, place):
    x, y, width = place
    value, held = page.values[row.name], row == page.row
    if held:
        paint.box(x - 6, y, width + 12, 17, (1, 1, 1, 0.16), 4)
    paint.text(x, y, 13, WHITE if held else GREY, row.name.partition(".")[2], bold=held)
    paint.box(x + 112, y + 6, 100, 5, (1, 1, 1, 0.10), 2.5)
    paint.box(x + 112, y + 6, max(100 * row.position(value), 1), 5, ALARM if held else GREY, 2.5)
    paint.text(x + 224, y, 13, WHITE if held else GREY, row.text(value), bold=held)


def _title(paint, panel, x, y):
    names = [name for name, _ in panel.bars]
    colour = class_colour(names.index(panel.top)) if panel.top in names else WHITE
    paint.text(x, y, 28, (*colour[:3], 0.35 + 0.6 * _share(panel.known)), _spoken(panel.top) or "listening", bold=True)
    paint.text(x, y + 32, 14, GREY, panel.preset or "no preset")


def _bars(paint, panel, x, y, width, row):
    for index, (name, share) in enumerate(panel.bars):
        top = y + row * index
        strong = name == panel.top
        paint.text(x, top, 13, WHITE if strong else GREY, _spoken(name), bold=strong)
        paint.box(x + 112, top + 5, width - 112, 5, (1, 1, 1, 0.10), 2.5)
        paint.box(x + 112, top + 5, max((width - 112) * _share(share), 1), 5, class_colour(index, 0.95), 2.5)


def _message(paint, x, y, message):
    paint.box(x, y, paint.width(14, message) + 20, 22, DARK, 6)
    paint.text(x + 10, y + 3, 14, ALARM, message)


def _help(paint, size):
    """All keys in the middle of the picture, read from the tables."""
    lines, row = keys(), 22
    width = 100 + max(paint.width(14, doc) for _, doc in lines)
    x = (size[0] / paint.scale - width) / 2
    y = max((size[1] / paint.scale - row * len(lines) - 28) / 2, 0)
    paint.box(x, y, width, row * len(lines) + 28, (*DARK[:3], 0.82), 10)
    for number, (key, doc) in enumerate(lines):
        paint.text(x + 18, y + 14 + row * number, 14, WHITE, key, bold=True)
        paint.text(x + 82, y + 14 + row * number, 14, GREY, doc)


def keys():
    """Every key and what it does, from the tables: [(key, text)]."""
    found = [(command.key, command.doc) for command in COMMANDS if command.key]
    found += [(row.key, row.doc) for row in PARAMS if row.key]
    return [*found, ("1 to 9", "Recall one of the first nine presets.")]


def _packed(colour):
    red, green, blue, alpha = (int(_share(part) * 255 + 0.5) for part in colour)
    return alpha << 24 | blue << 16 | green << 8 | red


def _share(value):
    return min(max(float(value), 0.0), 1.0)


def _spoken(name):
    return name.replace("_", " ")


def _bytes(vector, size):
    return ctypes.string_at(vector.data_address(), vector.size() * size)
