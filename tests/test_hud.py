"""The HUD draws what it is handed, in its corner only, headless as in a window."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import screen_of

from instrument.params import BY_NAME, COMMANDS, DEFAULTS, PARAMS
from instrument.render import fonts
from instrument.render.hud import Hud
from instrument.render.panel import Page, Panel, class_colour, keys

SIZE = WIDTH, HEIGHT = 640, 360
BARS = tuple((f"class_{number}", number / 10) for number in range(10))


screen = screen_of(SIZE)


@pytest.fixture(scope="module")
def hud(screen):
    hud = Hud(screen.ctx)
    yield hud
    hud.release()


def shown(screen, hud, panel):
    screen.begin()
    screen.framebuffer.clear(0.0, 0.0, 1.0, 1.0)
    hud.draw(panel, SIZE)
    return np.frombuffer(screen.framebuffer.read(components=3), np.uint8).reshape(HEIGHT, WIDTH, 3)[::-1].astype(int)


def test_the_panel_stays_in_its_corner(screen, hud):
    picture = shown(screen, hud, Panel(bars=BARS, top="class_9", level=0.5, lines=("60 /s",), preset="first"))
    painted = (picture != (0, 0, 255)).any(2)
    assert painted[HEIGHT // 2:, : WIDTH // 3].mean() > 0.4
    assert not painted[:, WIDTH // 2:].any() and not painted[: HEIGHT // 4].any()


def test_a_bar_grows_with_its_class_in_its_colour(screen, hud):
    def length(share):
        picture = shown(screen, hud, Panel(bars=(("siren", share), ("dog", 0.0)), top=""))
        return (np.abs(picture - np.array(class_colour(0)[:3]) * 255).max(2) < 30).sum()

    assert length(1.0) > 1.7 * length(0.5) > 1.7 * length(0.2)


def test_what_is_handed_changes_the_picture(screen, hud):
    plain = Panel(bars=BARS)
    before = shown(screen, hud, plain)
    for change in ({"top": "class_3"}, {"level": 1.0}, {"lines": ("60 /s",)}, {"preset": "glass"},
                   {"messages": ("a fault",)}, {"help": True}, {"top": "class_3", "known": 0.0}):
        assert not np.array_equal(shown(screen, hud, Panel(bars=BARS, **change)), before), change
    assert np.array_equal(shown(screen, hud, plain), before)


@pytest.mark.parametrize("count", (33, 50, 500))
def test_of_many_classes_the_strongest_show_and_leave_room(screen, hud, count):
    """The name, which is as bright as the class is known, the bar in its own colour, and three messages above."""
    bars = tuple((f"class_{number}", 0.9 if number == count - 2 else 0.01) for number in range(count))
    panel = Panel(bars=bars, top=bars[-2][0], messages=("first", "second", "third"))
    picture, unknown = (shown(screen, hud, replace(panel, known=known)) for known in (1.0, 0.0))
    assert (picture != unknown).any()
    assert (np.abs(picture - np.array(class_colour(count - 2)[:3]) * 255).max(2) < 30).sum() > 100
    without = shown(screen, hud, replace(panel, messages=panel.messages[1:]))
    changed = (picture != without).any((1, 2))
    assert changed.any() and not changed[0]


def test_a_long_message_is_all_there(screen, hud):
    """Its end changes the picture, however long it is."""
    words = "the disk is full: " + "make room " * 30
    ends = [shown(screen, hud, Panel(bars=BARS, messages=(words + end,))) for end in ("now", "later")]
    assert (ends[0] != ends[1]).any()


def test_the_spectrogram_runs_beside_the_panel(screen, hud):
    def painted(colour):
        return (np.abs(found - colour) < 20).all(2)

    sound = np.full((128, 256, 4), 255, np.uint8)
    sound[:64, :, 1:3], sound[64:, :, ::2] = 0, 0  # red above green
    found = shown(screen, hud, Panel(bars=BARS, spectrogram=sound))
    red, green = (np.argwhere(painted(colour)) for colour in ((242, 0, 12), (0, 242, 12)))
    assert len(red) > 2000 and len(green) > 2000
    assert WIDTH / 5 < red[:, 1].min() and HEIGHT / 2 < red[:, 0].min() and red[:, 0].max() < green[:, 0].min()
    found = shown(screen, hud, Panel(bars=BARS))
    assert not painted((242, 0, 12)).any()  # gone when there is none


def test_the_spectrogram_moves(screen, hud):
    first, second = np.full((2, 128, 256, 4), 255, np.uint8)
    second[:, :128, :3] = 0
    before, after = (shown(screen, hud, Panel(bars=BARS, spectrogram=sound)) for sound in (first, second))
    assert (before != after).any(2).sum() > 2000


@pytest.mark.parametrize("group", sorted({row.group for row in PARAMS}))
def test_the_page_of_a_group_fits_and_shows_the_row_selected(screen, hud, group):
    rows = [row for row in PARAMS if row.group == group]
    first, last = (shown(screen, hud, Panel(page=Page(row, DEFAULTS))) for row in (rows[0], rows[-1]))
    moved = np.argwhere((first != last).any(2))
    assert WIDTH / 2 < moved[:, 1].min() and moved[:, 0].max() < HEIGHT - 8  # top right, with all its lines
    turned = shown(screen, hud, Panel(page=Page(rows[0], DEFAULTS | {rows[0].name: rows[0].lo})))
    assert rows[0].default == rows[0].lo or (turned != first).any()


def test_a_note_longer_than_the_page_is_on_as_many_lines_as_it_needs(screen, hud):
    row = BY_NAME["dream.class"]
    assert len(row.doc) > 80
    page = shown(screen, hud, Panel(page=Page(row, DEFAULTS, notes=(row.doc,))))
    without = shown(screen, hud, Panel(page=Page(row, DEFAULTS)))
    written = np.argwhere((page != without).any(2))
    assert written[:, 1].max() < WIDTH - 8 and np.ptp(written[:, 0]) > 12  # within the box, and on two lines or more


def test_the_state_of_the_renderer_is_left_in_order(screen, hud):
    shown(screen, hud, Panel(bars=BARS))
    screen.framebuffer.clear(1.0, 0.0, 0.0, 1.0)
    whole = np.frombuffer(screen.framebuffer.read(components=3), np.uint8).reshape(-1, 3)
    assert (whole == (255, 0, 0)).all()  # no scissor is left
    assert screen.ctx.scissor is None or screen.ctx.scissor == (0, 0, *SIZE)


def on_desk(screen, hud, panel, preview=None, size=(1120, 700)):
    """What a window of the HUD's own of `size` shows."""
    texture = screen.ctx.texture(size, 3)
    target = screen.ctx.framebuffer([texture])
    target.use()
    hud.desk(panel, preview, size)
    picture = np.frombuffer(target.read(components=3), np.uint8).reshape(*size[::-1], 3)[::-1].astype(int)
    target.release()
    texture.release()
    return picture


def of_colour(picture, colour):
    """(height, width) of what has a colour, px; (0, 0) if nothing has."""
    where = np.argwhere((np.abs(picture - colour) < 8).all(2))
    return tuple(np.ptp(where, 0) + 1) if len(where) else (0, 0)


def plain(width, height, colour=(255, 0, 255)):
    return np.full((height, width, 4), (*colour, 255), np.uint8)


WINDOWS = pytest.mark.parametrize("size", ((1120, 700), (1920, 1000), (700, 1000), (400, 300), (1200, 320)))


@WINDOWS
@pytest.mark.parametrize("shape", ((160, 90), (90, 160), (400, 100)))
def test_the_preview_keeps_its_shape_in_any_window(screen, hud, size, shape):
    for panel in (Panel(bars=BARS, lines=("60 /s",)), None):
        height, width = of_colour(on_desk(screen, hud, panel, plain(*shape), size), (255, 0, 255))
        assert abs(width - height * shape[0] / shape[1]) <= max(3, shape[0] / shape[1] * 2)
        assert height > 0.1 * size[1] or width > 0.3 * size[0]
        if panel is None:
            assert height >= size[1] - 2 or width >= size[0] - 2


@WINDOWS
def test_all_of_the_hud_fits_into_any_window_of_its_own(screen, hud, size):
    """The longest panel (its level in white at the bottom) and the longest messages leave the margins free."""
    many = tuple((f"class_{number}", 1.0) for number in range(24))
    picture = on_desk(screen, hud, Panel(bars=many, level=1.0, lines=("60 /s", "20 /s")), size=size)
    assert of_colour(picture, np.array(class_colour(23)[:3]) * 242)[1] > 20
    picture = on_desk(screen, hud, Panel(bars=BARS, messages=("a long story " * 12, "no end " * 25)), size=size)
    edge = max(int(0.005 * min(size)), 1)
    ground = picture[0, 0]
    for margin in (picture[:edge], picture[-edge:], picture[:, :edge], picture[:, -edge:]):
        assert (margin == ground).all()


def test_text_grows_with_the_window(screen, hud):
    panel = Panel(bars=BARS, top="class_3", messages=("",))
    small, large = (of_colour(on_desk(screen, hud, panel, size=size)[: size[1] // 6, : size[0] // 3],
                              np.array(class_colour(3)[:3]) * 242)[0] for size in ((560, 350), (1120, 700)))
    assert large > 1.6 * small > 5


def test_without_the_spectrogram_the_preview_has_its_room(screen, hud):
    sound = np.full((128, 256, 4), 255, np.uint8)
    beside, alone = (of_colour(on_desk(screen, hud, Panel(bars=BARS, spectrogram=each), plain(100, 100)), (255, 0, 255))
                     for each in (sound, None))
    assert alone[0] > 1.2 * beside[0]


def test_help_and_page_show_in_a_window_of_their_own(screen, hud):
    panel = Panel(bars=BARS)
    before = on_desk(screen, hud, panel)
    page = on_desk(screen, hud, replace(panel, page=Page(PARAMS[0], DEFAULTS)))
    assert (page[:, :490] != before[:, :490]).any(2).mean() > 0.01 and (page[:, 490:] == before[:, 490:]).all()
    for group in sorted({row.group for row in PARAMS}):
        rows = [row for row in PARAMS if row.group == group]
        first, last = (on_desk(screen, hud, Panel(page=Page(row, DEFAULTS))) for row in (rows[0], rows[-1]))
        assert np.argwhere((first != last).any(2))[:, 0].max() < 690, group
    helped = on_desk(screen, hud, replace(panel, help=True))
    assert (helped != before).any(2).mean() > 0.2


def test_a_frame_that_fails_spoils_no_later_one(screen, hud, monkeypatch):
    wanted = shown(screen, hud, Panel(bars=BARS))
    with pytest.raises(TypeError):
        shown(screen, hud, Panel(messages=("\udcff",)))  # no text: imgui is left in the middle of a frame
    assert np.array_equal(shown(screen, hud, Panel(bars=BARS)), wanted)
    monkeypatch.setattr(hud, "_array", None)
    monkeypatch.setattr(hud, "_fill", lambda commands: screen.ctx.__setattr__("scissor", (0, 0, 1, 1)))
    with pytest.raises(AttributeError):
        shown(screen, hud, Panel(bars=BARS))
    monkeypatch.undo()
    assert screen.ctx.scissor == (0, 0, *SIZE)
    assert np.array_equal(shown(screen, hud, Panel(bars=BARS)), wanted)


def test_two_huds_draw_side_by_side(screen, hud):
    panel = Panel(bars=BARS, top="class_3", lines=("60 /s",))
    alone = shown(screen, hud, panel)
    other = Hud(screen.ctx)
    both = [on_desk(screen, other, panel), shown(screen, hud, panel), on_desk(screen, other, panel)]
    other.release()
    assert np.array_equal(both[1], alone) and np.array_equal(both[0], both[2])
    assert np.array_equal(shown(screen, hud, panel), alone)


@pytest.mark.parametrize("size", ((540, 960), (480, 1920), (480, 640)))
def test_the_help_fits_into_a_narrow_picture(hud, screen, size):
    """Portrait: nothing of it beyond any edge."""
    with_help, without = (narrow(screen, hud, Panel(help=help), size) for help in (True, False))
    changed = (with_help != without).any(2)
    assert changed.any() and not changed[:, 0].any() and not changed[:, -1].any()
    assert not changed[0].any() and not changed[-1].any() and changed.any(1).mean() > 0.4  # on more lines, to be read at all


SHAPES = ((1280, 720), (640, 360), (480, 1920), (1280, 256), (3840, 1080), (540, 960))


@pytest.mark.parametrize("size", SHAPES)
def test_a_page_is_all_in_the_picture_whatever_its_shape(hud, screen, size):
    """The longest one, with what it asks for; beside or above the panel."""
    def picture(row, asks):
        return narrow(screen, hud, Panel(bars=BARS, page=Page(BY_NAME[row], DEFAULTS, ("a note",), asks)), size)

    without = narrow(screen, hud, Panel(bars=BARS), size)
    page = (picture("mod.1.source", "Move it.") != without).any(2)
    assert page.any() and not (page[0].any() or page[-1].any() or page[:, 0].any() or page[:, -1].any())
    assert (picture("mod.1.source", "Turn it.") != picture("mod.1.source", "Move it.")).any()
    panel = np.argwhere((without != (0, 0, 255)).any(2)).max(0)
    assert not page[: panel[0] + 1, : panel[1] + 1].any()


@pytest.mark.parametrize("size", ((1280, 720), (640, 360), (1280, 256), (3840, 1080)))
def test_no_message_runs_below_the_page_beside_the_panel(hud, screen, size):
    def picture(message, page):
        return narrow(screen, hud, Panel(bars=BARS, page=page, messages=message), size)

    page, long = Page(BY_NAME["mod.1.source"], DEFAULTS, ("a note",)), ("the disk is full: " + "make room " * 40,)
    covered = (picture((), page) != picture((), None)).any(2)
    assert covered.any() and (picture(long, page)[covered] == picture((), page)[covered]).all()
    assert (picture(long, page) != picture((long[0] + "now",), page)).any()


@pytest.mark.parametrize("size", SHAPES)
def test_names_of_any_length_stay_in_the_panel_and_off_the_bars(hud, screen, size):
    def picture(name):
        return narrow(screen, hud, Panel(bars=((name, 0.5), ("dog", 0.2)), top=name, preset=name), size)

    short, long = picture("iii"), picture("a_very_long_name_" * 5)
    panel = np.argwhere((short != (0, 0, 255)).any(2))
    written = np.argwhere((short != long).any(2))
    assert written[:, 1].max() < panel[:, 1].max() and len(written)
    bar = np.argwhere((np.abs(short - np.array(class_colour(0)[:3]) * 242).max(2) < 8))
    bar = bar[bar[:, 0] < panel[:, 0].min() + np.ptp(panel[:, 0]) / 2]  # of the first row, and not the title
    (top, left), (bottom, right) = bar.min(0), bar.max(0)
    assert (short[top:bottom + 1, left:right + 1] == long[top:bottom + 1, left:right + 1]).all() and right - left > 20


def test_scripts_that_the_font_lacks_are_drawn_with_those_of_the_system(screen, monkeypatch):
    """Here with a font of pictures in the place of a Japanese one, which not every system has."""
    def differ(paths):
        monkeypatch.setattr(fonts, "SYSTEM", paths)
        hud = Hud(screen.ctx)
        shown(screen, hud, Panel(preset="first"))
        one, other = (shown(screen, hud, Panel(preset=f"{letter} first", top=letter)) for letter in "\uf015\uf013")
        hud.release()
        return (one != other).any()

    pictures = fonts.ROBOTO.parent / "Font_Awesome_6_Free-Solid-900.otf"
    assert differ(["nowhere.ttf", str(pictures)]) and not differ(["nowhere.ttf"])


def narrow(screen, hud, panel, size):
    texture = screen.ctx.texture(size, 4)
    frame = screen.ctx.framebuffer([texture])
    frame.use()
    frame.clear(0.0, 0.0, 1.0, 1.0)
    hud.draw(panel, size)
    picture = np.frombuffer(frame.read(components=3), np.uint8).reshape(*size[::-1], 3).astype(int)
    frame.release(), texture.release()
    return picture


def test_every_key_of_the_tables_is_in_the_help():
    named = {key for key, _ in keys()}
    assert named >= {command.key for command in COMMANDS if command.key} | {row.key for row in PARAMS if row.key}
    assert len(named) == len(keys())


def test_neighbouring_classes_have_different_colours():
    colours = np.array([class_colour(index)[:3] for index in range(10)])
    distance = np.abs(colours[:, None] - colours[None]).sum(2) + 9 * np.eye(10)
    assert distance.min() > 0.15


def test_the_sound_on_the_desk_leaves_the_panel_free(screen, hud):
    sound = np.full((128, 256, 4), 255, np.uint8)
    with_it, without = (on_desk(screen, hud, Panel(bars=BARS, level=1.0, spectrogram=each)) for each in (sound, None))
    assert (with_it[:, :300] == without[:, :300]).all() and (with_it != without).any()


@pytest.mark.parametrize("words", range(6, 22))
def test_all_notes_of_a_page_stand_inside_its_box(screen, hud, words):
    page = shown(screen, hud, Panel(page=Page(BY_NAME["hear.gain"], DEFAULTS, notes=("so wide " * words,) * 6)))[:, WIDTH // 2:]
    painted, bright = np.argwhere((page != (0, 0, 255)).any(2)), np.argwhere(page[..., 0] > 90)
    assert bright[:, 0].max() + 4 < painted[:, 0].max() < HEIGHT - 1


def test_messages_stand_above_each_other(screen, hud):
    for count in (1, 2, 3):
        page = shown(screen, hud, Panel(messages=("a fault " * 60,) * count))
        painted = (page[:, WIDTH // 2] != (0, 0, 255)).any(1).astype(int)  # to the right of the panel
        assert (np.diff(painted, prepend=0) == 1).sum() == count
