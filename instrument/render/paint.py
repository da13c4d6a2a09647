"""The brush of the HUD: rectangles, texts and pictures into a list of imgui's, and the colours."""

from bisect import bisect_right

from imgui_bundle import imgui

WHITE, GREY, DARK, ALARM = (1, 1, 1, 0.95), (1, 1, 1, 0.55), (0.02, 0.02, 0.03, 0.62), (1.0, 0.62, 0.25, 1.0)


class Paint:
    """Rectangles and text in units of `scale` px, from `corner` (px): of a 720-line picture, as a rule."""

    def __init__(self, commands, fonts, scale, corner=(0.0, 0.0)):
        self._commands, self._fonts, self.scale, self._corner = commands, fonts, scale, corner

    def box(self, x, y, width, height, colour, round_by=0.0):
        self._commands.add_rect_filled(self._px(x, y), self._px(x + width, y + height), _packed(colour),
                                       round_by * self.scale)

    def text(self, x, y, size, colour, words, bold=False, wrap=0.0):
        """`wrap`: the width of a line; 0 for one line."""
        s = self.scale
        self._commands.add_text(self._fonts.of(words, bold), size * s, self._px(x, y), _packed(colour), words, wrap * s)

    def name(self, x, y, size, colour, words, room, bold=False):
        """A name of any length, with "…" where it is cut to `room`."""
        if self.width(size, words, bold) > room:
            fits = bisect_right(range(len(words)), room, key=lambda count: self.width(size, words[:count] + "…", bold))
            words = words[:max(fits - 1, 0)].rstrip() + "…"
        self.text(x, y, size, colour, words, bold)

    def image(self, x, y, width, height, texture, round_by=0.0, tint=WHITE):
        self._commands.add_image_rounded(imgui.ImTextureRef(texture), self._px(x, y), self._px(x + width, y + height),
                                         (0, 0), (1, 1), _packed(tint), round_by * self.scale)

    def width(self, size, words, bold=False):
        return self.extent(size, words, bold)[0]

    def extent(self, size, words, bold=False, wrap=-1.0):
        """(width, height) of a text; `wrap` as above, or negative for one line."""
        imgui.push_font(self._fonts.of(words, bold), size * self.scale)
        try:
            extent = imgui.calc_text_size(words, wrap_width=wrap * self.scale)
        finally:
            imgui.pop_font()
        return extent.x / self.scale, extent.y / self.scale

    def within(self, area, width, height):
        """A brush that begins at the corner of `area` (x, y, width, height),
        with units of which so many fit into it."""
        x, y, *room = area
        share = min(1.0, room[0] / width, room[1] / height)
        return Paint(self._commands, self._fonts, self.scale * max(share, 0.1), self._px(x, y))

    def _px(self, x, y):
        return self._corner[0] + x * self.scale, self._corner[1] + y * self.scale


def _packed(colour):
    red, green, blue, alpha = (int(clamp(part) * 255 + 0.5) for part in colour)
    return alpha << 24 | blue << 16 | green << 8 | red


def clamp(value):
    return min(max(float(value), 0.0), 1.0)
