"""What the HUD shows of one frame, and how it is painted: over a picture the panel in its corner, a page of rows, the strip
of sound and all keys; in a window of its own, the desk, the same beside a preview."""

import colorsys
from dataclasses import dataclass, replace

from ..params import COMMANDS, PARAMS, RECALLS
from .paint import ALARM, DARK, GREY, WHITE, clamp

PANEL, PAGE, STRIP = 250, 380, 108  # widths of the panel and of a page of rows, height of the spectrogram
KEYS = 112  # width of what stands beside the texts of the help
PAD = 14  # between the edge of a page and what stands on it
NARROW = PAGE + 40  # a picture of so many units has room for a page
ABOVE = 96  # room for three messages above the panel
EDGE, GAP, FOOT = 18, 10, 58  # in a window of its own: round all, between parts, for messages


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
    numbers: tuple = ()  # of each bar among all classes; (): these are all
    top: str = ""  # the class heard, big
    known: float = 1.0  # 0 dims the class: silence or unknown
    level: float = 0.0  # 0..1
    lines: tuple = ()  # such as rates
    preset: str = ""
    messages: tuple = ()  # overridden values, faults
    help: bool = False
    page: Page | None = None
    spectrogram: object = None  # the sound as a picture, uint8 RGBA (h, w, 4), row 0 on top; another one when it moved


def scale_of(size):
    """How many px a unit has over a picture: a page is as wide as it, or less high than it, whatever its shape."""
    return max(min(size[0] / NARROW, size[1] / 720), 0.55)


def fitting(panel, height):
    """The panel with no more bars than fit below three messages in a picture of this height: the strongest, in their order."""
    most = max(int((height - 18 - _height(replace(panel, bars=())) - ABOVE) // 17), 3)
    if len(panel.bars) <= most:
        return panel
    # In tenths, so that those which are next to nothing do not take each other's place all the time.
    strongest = sorted(range(len(panel.bars)), key=lambda number: -round(panel.bars[number][1], 1))[:most]
    numbers = tuple(sorted(strongest))
    return replace(panel, bars=tuple(panel.bars[number] for number in numbers), numbers=numbers)


def draw_panel(paint, panel, size):
    """Bottom left, from the bottom up: level, lines, bars, preset, the class, and messages above the box.

    Where the uppermost of all that begins.
    """
    width, row, pad = PANEL, 17, 14
    height = _height(panel)
    x, y = 18, size[1] / paint.scale - 18 - height
    paint.box(x, y, width, height, DARK, 8)
    page = PAGE + 18 if panel.page and _beside(paint, size) else 0  # which would lie over the ends of long messages
    top = _messages(paint, panel.messages, (x, y - 6, size[0] / paint.scale - 2 * x - page))
    _title(paint, panel, x + pad, y + 10)
    _bars(paint, panel, x + pad, y + 66, width - 2 * pad, row)
    bottom = y + 72 + row * len(panel.bars)
    paint.box(x + pad, bottom, width - 2 * pad, 4, (1, 1, 1, 0.14), 2)
    paint.box(x + pad, bottom, max((width - 2 * pad) * clamp(panel.level), 1), 4, WHITE, 2)
    for number, line in enumerate(panel.lines):
        paint.text(x + pad, bottom + 9 + row * number, 13, GREY, line)
    return top


def _height(panel):
    return 92 + 17 * (len(panel.bars) + len(panel.lines))


def _title(paint, panel, x, y):
    names, room = [name for name, _ in panel.bars], PANEL - 2 * PAD
    numbers = panel.numbers or range(len(names))
    colour = class_colour(numbers[names.index(panel.top)]) if panel.top in names else WHITE
    paint.name(x, y, 28, (*colour[:3], 0.35 + 0.6 * clamp(panel.known)), _spoken(panel.top) or "listening", room, bold=True)
    paint.name(x, y + 32, 14, GREY, panel.preset or "no preset", room)


def class_colour(index, alpha=1.0):
    """The fixed colour of a class: golden-angle steps round the hue circle, so neighbours differ."""
    return (*colorsys.hsv_to_rgb((0.58 + index * 0.381966) % 1.0, 0.55, 1.0), alpha)


def _bars(paint, panel, x, y, width, row):
    for place, (name, share) in enumerate(panel.bars):
        top, index = y + row * place, panel.numbers[place] if panel.numbers else place
        strong = name == panel.top
        paint.name(x, top, 13, WHITE if strong else GREY, _spoken(name), 112 - 8, bold=strong)
        paint.box(x + 112, top + 5, width - 112, 5, (1, 1, 1, 0.10), 2.5)
        paint.box(x + 112, top + 5, max((width - 112) * clamp(share), 1), 5, class_colour(index, 0.95), 2.5)


def _spoken(name):
    return name.replace("_", " ")


def _messages(paint, messages, place):
    """From `place` (x, bottom, width) up, the newest below, on as many lines as they need; where the uppermost begins."""
    x, y, room = place
    for message in reversed(messages):
        width, height = paint.extent(14, message, wrap=room - 20)
        y -= height + 6
        paint.box(x, y, width + 20, height + 6, DARK, 6)
        paint.text(x + 10, y + 3, 14, ALARM, message, wrap=room - 20)
        y -= 4
    return y


def draw_strip(paint, texture, size):
    """To the right of the panel, along the bottom: the sound that scrolls by."""
    x, height = 278, STRIP
    width = max(min(size[0] / paint.scale - x - 18, 520), 24)
    _sound(paint, texture, (x, size[1] / paint.scale - 18 - height, width, height))


def _sound(paint, texture, area):
    x, y, width, height = area
    pad = 8
    paint.box(x, y, width, height, DARK, 8)
    paint.image(x + pad, y + pad, width - 2 * pad, height - 2 * pad, texture, 4)


def _beside(paint, size):
    """Whether a picture is wide enough for a page beside the panel."""
    return size[0] / paint.scale >= PANEL + PAGE + 3 * 18


def draw_page_over(paint, page, size, below):
    """At the upper right of the picture: beside the panel, or above what begins `below` where it is too narrow for both."""
    width, height = (side / paint.scale for side in size)
    room = height - 2 * 18
    if not _beside(paint, size):
        room = max(min(room, below - 2 * 18), room / 2)  # a page that is too small to be read helps nobody
    area = (18, 18, width - 2 * 18, room)
    brush = paint.within(area, PAGE, _page_height(paint, page))
    _page(brush, page, (area[2] * paint.scale / brush.scale - PAGE, 0))


def _page(paint, page, corner):
    """From its top left `corner`: a line for each row of the group, its value as a bar and as text;
    the one selected stands out."""
    rows, (x, y), width, line, pad = _rows(page), corner, PAGE, 17, PAD
    paint.box(x, y, width, _page_height(paint, page), (*DARK[:3], 0.82), 8)
    paint.text(x + pad, y + pad - 4, 18, WHITE, page.row.group, bold=True)
    top = y + pad + 24
    for number, row in enumerate(rows):
        _row(paint, row, page, (x + pad, top + line * number, width - 2 * pad))
    below = top + pad + line * len(rows)
    for note, colour in _notes(page):
        paint.text(x + pad, below, 13, colour, note, wrap=width - 2 * pad)
        below += _note_height(paint, note)


def _rows(page):
    return [row for row in PARAMS if row.group == page.row.group]


def _page_height(paint, page):
    return 17 * len(_rows(page)) + sum(_note_height(paint, note) for note, _ in _notes(page)) + 68


def _notes(page):
    """What stands below the rows: [(text, colour)]."""
    return [(note, GREY) for note in page.notes] + [(page.asks, ALARM)] * bool(page.asks)


def _note_height(paint, note):
    return max(17, paint.extent(13, note, wrap=PAGE - 2 * PAD)[1] + 2)


def _row(paint, row, page, place):
    x, y, width = place
    value, held = page.values[row.name], row == page.row
    if held:
        paint.box(x - 6, y, width + 12, 17, (1, 1, 1, 0.16), 4)
    paint.text(x, y, 13, WHITE if held else GREY, row.name.partition(".")[2], bold=held)
    paint.box(x + 112, y + 6, 100, 5, (1, 1, 1, 0.10), 2.5)
    paint.box(x + 112, y + 6, max(100 * row.position(value), 1), 5, ALARM if held else GREY, 2.5)
    paint.text(x + 224, y, 13, WHITE if held else GREY, row.text(value), bold=held)


def draw_help(paint, size):
    """All keys in the middle of the picture, read from the tables; on more lines where they are larger so."""
    area = (0, 0, *(side / paint.scale for side in size))
    longest = max(paint.width(14, doc) for _, doc in keys())
    rooms = longest, min(longest, max(area[2] - KEYS - 2 * GAP, KEYS))
    brush, wrap, heights = max((_help_brush(paint, area, room) for room in rooms), key=lambda each: each[0].scale)
    width, height = KEYS + wrap, sum(heights) + 28
    x, y = (size[0] / brush.scale - width) / 2, max((size[1] / brush.scale - height) / 2, 0)
    brush.box(x, y, width, height, (*DARK[:3], 0.82), 10)
    for (key, doc), line in zip(keys(), heights):
        brush.text(x + 18, y + 14, 14, WHITE, key, bold=True)
        brush.text(x + KEYS - 18, y + 14, 14, GREY, doc, wrap=wrap + GAP)  # smaller letters are a bit wider for their height
        y += line


def _help_brush(paint, area, room):
    """(brush, room, height of each line) with which the keys fit into the area, where what each does has so much room."""
    heights = [max(22, paint.extent(14, doc, wrap=room + 1)[1] + 5) for _, doc in keys()]
    return paint.within(area, KEYS + room + 2 * GAP, sum(heights) + 28 + 2 * GAP), room, heights


def keys():
    """Every key and what it does, from the tables: [(key, text)]."""
    return [*((each.key, each.doc) for each in (*COMMANDS, *PARAMS) if each.key), RECALLS]


@dataclass(frozen=True)
class Picture:
    texture: int  # imgui's number
    width: int  # px
    height: int


def desk_scale(panel, size):
    """How many px a unit has: all of the panel fits, and a preview of some size beside it."""
    needed = max(_height(panel) if panel else 0, 296) + FOOT + 2 * EDGE
    return max(min(size[0] / 560, size[1] / needed), 0.1)


def draw_desk(paint, panel, pictures, size):
    """The panel on the left, the picture where it is largest (beside it or above it), the sound,
    messages at the bottom."""
    picture, sound = pictures
    width, height = size[0] / paint.scale - 2 * EDGE, size[1] / paint.scale - 2 * EDGE - FOOT
    column, strip, tall = PANEL + GAP, (STRIP + GAP if sound else 0), _height(panel)
    beside = (EDGE + column, EDGE, width - column, height - strip)
    above = (EDGE, EDGE, width, height - tall - GAP)
    place = max(beside, above, key=lambda area: _fitted(picture, area)[2])
    bottom = EDGE + place[3] + GAP
    top, lower = (EDGE, STRIP) if place is beside else (bottom, tall)
    draw_monitor(paint, picture, place)
    if panel.page:
        area = (EDGE, top, PANEL, size[1] / paint.scale - EDGE - top)
        _page(paint.within(area, PAGE, _page_height(paint, panel.page)), panel.page, (0, 0))
    else:
        draw_panel(paint, replace(panel, messages=()), (size[0], (top + tall + EDGE) * paint.scale))
    if sound:
        _sound(paint, sound, (EDGE + column, bottom, width - column, lower))
    _foot(paint, panel.messages, size)


def draw_monitor(paint, picture, area):
    """The picture, as large as `area` (x, y, width, height) lets it be, on black."""
    paint.box(*area, (0, 0, 0, 1))
    if picture:
        paint.image(*_fitted(picture, area), picture.texture, tint=(1, 1, 1, 1))


def _fitted(picture, area):
    """The middle of `area` in the shape of the picture."""
    x, y, width, height = area
    aspect = picture.width / picture.height if picture else 16 / 9
    wide, high = max(min(width, height * aspect), 0), max(min(height, width / aspect), 0)
    return x + (width - wide) / 2, y + (height - high) / 2, wide, high


def _foot(paint, messages, size):
    """Along the bottom, from the bottom up: messages, on as many lines as they need, or how to get on."""
    wrap, y = size[0] / paint.scale - 2 * EDGE - 20, size[1] / paint.scale - EDGE
    if not messages:
        command = next(command for command in COMMANDS if command.name == "show.help")
        hint = f"{command.key.upper()}   {command.doc}"
        paint.text(size[0] / paint.scale - EDGE - paint.width(13, hint), y - 16, 13, GREY, hint)
    _messages(paint, messages, (EDGE, y, wrap + 20))
