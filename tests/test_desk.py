"""The performer's desk: real windows on an X server of our own, and what becomes of the picture beside it."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import screen_of

from instrument.cli import parser
from instrument.options import PerformOptions
from instrument.render import window
from instrument.render.desk import RATE, SHARE, Desk
from instrument.render.preview import LARGEST, Preview

ROOT = Path(__file__).parents[1]

# A picture (green over blue, so that top and bottom can be told) with a desk beside it.
BEGIN = """
import numpy as np
from instrument.render.desk import Desk
from instrument.render.hud import Hud
from instrument.render.panel import Panel
from instrument.render.window import open_screen

screen, told, now = open_screen((320, 200), vsync=False), [], [0.0]
glfw, picture = screen._glfw, screen._handle
desk = Desk(screen, told.append, clock=lambda: now[0])
panel = Panel(bars=(("siren", 0.5), ("dog", 0.1)), top="siren", lines=("60 fps",))

def paint():
    screen.begin()
    screen.framebuffer.clear(0.0, 1.0, 0.0, 1.0)
    screen.framebuffer.clear(0.0, 0.0, 1.0, 1.0, viewport=(0, 0, screen.size[0], screen.size[1] // 2))

def frame(panel=panel):
    paint()
    now[0] += 1.0
    on_desk = desk.draw(panel)
    seen = pixels(screen.ctx.fbo)  # of what is current and bound: the picture, else this fails
    screen.present()
    return on_desk, seen

def pixels(framebuffer):
    width, height = framebuffer.size
    return np.frombuffer(framebuffer.read(components=3), np.uint8).reshape(height, width, 3)[::-1].astype(int)

def shown(panel=panel):
    # What the desk shows, read before it is presented: after that a window may have forgotten it.
    present, found = desk._window.present, []
    desk._window.present = lambda: found.append(pixels(desk._window.ctx.fbo)) or present()
    for _ in range(3):  # the preview is a frame late, a new size of the window too
        frame(panel)
    desk._window.present = present
    return found[-1]

def box(image, colour):
    # The middle of the pixels of a colour, and how many there are in a row and a column.
    where = np.argwhere((np.abs(image - colour) < 8).all(2))
    return where.mean(0), np.ptp(where, 0) + 1

def untouched(seen):
    top, bottom = seen[: len(seen) // 2], seen[-len(seen) // 2:]
    return seen.shape[:2] == screen.size[::-1] and (top == (0, 255, 0)).all() and (bottom == (0, 0, 255)).all()
"""


def played(code):
    """Run `code` after BEGIN in a process of its own, to its end."""
    ran = subprocess.run([sys.executable, "-c", BEGIN + code + "\nprint('the end')\n"], cwd=ROOT, capture_output=True,
                         text=True, timeout=240, check=False)
    assert ran.returncode == 0 and ran.stdout.endswith("the end\n"), ran.stdout + ran.stderr


def test_the_desk_shows_hud_and_picture_and_the_picture_has_no_hud(display):
    played("""
assert not desk.draw(panel) and not desk.is_open
desk.open()
assert glfw.get_current_context().contents is not None and not told
for _ in range(3):
    on_desk, seen = frame()
    assert on_desk and untouched(seen)
image = shown()
(top, _), green = box(image, (0, 255, 0))
(bottom, _), blue = box(image, (0, 0, 255))
assert top < bottom and abs(green[1] / (green[0] + blue[0]) - 320 / 200) < 0.02, (top, bottom, green, blue)
assert (image[:, : image.shape[1] // 4].max(2) > 200).sum() > 200  # words at the left
assert not told
desk.close()
screen.close()
""")


def test_without_a_panel_the_desk_shows_the_picture_alone(display):
    played("""
desk.open()
glfw.set_window_size(desk._window._handle, 900, 900)
while desk._window.size != (900, 900):
    frame(None)
image = shown(None)
colours = {tuple(colour) for colour in image.reshape(-1, 3)[::7].tolist()}
assert {(0, 255, 0), (0, 0, 255), (0, 0, 0)} <= colours, colours
_, green = box(image, (0, 255, 0))
assert green[1] == 900 and abs(green[0] - 900 * 200 / 320 / 2) < 5, green
""")


def test_keys_pressed_at_the_desk_play_in_the_order_in_which_they_come(display):
    played("""
desk.open()
at_desk = glfw.set_key_callback(desk._window._handle, None)  # returns the one that was set
at_picture = glfw.set_key_callback(picture, None)
for callback, key in ((at_desk, glfw.KEY_TAB), (at_picture, glfw.KEY_LEFT), (at_desk, glfw.KEY_F1)):
    callback(picture, key, 0, glfw.PRESS, 0)
assert screen.begin() == ["tab", "left", "f1"]
""")


def test_on_the_only_monitor_no_desk_covers_a_picture_that_fills_it(display):
    played("""
screen.fullscreen(True)
frame()  # the window grows with it
desk.toggle()
on_desk, seen = frame()
assert not on_desk and not desk.is_open and untouched(seen)
assert told == ["no HUD window (one monitor: the picture fills it, leave full screen first); the HUD is over the picture"], told
screen.fullscreen(False)
desk.toggle()
assert frame()[0] and len(told) == 1
""")


def test_a_desk_that_the_picture_covers_gives_way_and_says_why(display):
    played("""
desk.make_room()
desk.open()
desk.make_room()
assert frame()[0] and not told
screen.fullscreen(True)
desk.make_room()
on_desk, seen = frame()
assert not on_desk and not desk.is_open and len(told) == 1 and "one monitor: the picture fills it" in told[0], told
""")


def test_closing_the_desk_brings_the_hud_back_and_ends_nothing(display):
    played("""
hud = Hud(screen.ctx)
for _ in range(3):
    desk.toggle()
    assert frame()[0]
    glfw.set_window_should_close(desk._window._handle, True)
    on_desk, seen = frame()
    assert not on_desk and not desk.is_open and untouched(seen) and not screen.closed and not told
desk.toggle()
desk.toggle()
paint()
hud.draw(panel, screen.size)
assert not untouched(pixels(screen.ctx.fbo))  # the one over the picture still works
""")


def test_the_desk_follows_its_window_and_the_picture_its_own(display):
    played("""
desk.open()
for size in ((640, 400), (300, 700), (1200, 300)):
    glfw.set_window_size(desk._window._handle, *size)
    glfw.set_window_size(picture, size[0] // 2, 100)
    while desk._window.size != size or screen.size != (size[0] // 2, 100):
        frame()
    image = shown()
    assert image.shape[1::-1] == size
    _, green = box(image, (0, 255, 0))
    assert abs(green[1] / (2 * green[0]) / (size[0] / 200) - 1) < 0.15, (size, green)
    assert untouched(frame()[1])
assert not told
""")


def test_the_desk_never_waits_for_its_monitor(display):
    played("""
asked, swap_interval = [], glfw.swap_interval
def spy(interval):
    asked.append((interval, glfw.get_current_context().contents is not None and not same(picture)))
    swap_interval(interval)
import ctypes
same = lambda handle: ctypes.addressof(glfw.get_current_context().contents) == ctypes.addressof(handle.contents)
glfw.swap_interval = spy
desk.open()
assert asked == [(0, True)] and same(picture)
frame()
assert same(picture)
""")


def test_a_minimised_desk_or_picture_is_no_fault(display):
    played("""
desk.open()
frame()
screen.framebuffer._size = screen.size = (0, 0)
now[0] += 1
assert desk.draw(panel)
glfw.get_window_attrib = lambda handle, what: what == glfw.ICONIFIED
desk._redraw = None
assert frame()[0] and not told
""")


@pytest.mark.parametrize("fault", (
    "glfw.create_window = lambda *_: None",
    "import moderngl\nmoderngl.create_context = lambda **_: 1 / 0",
    "import instrument.render.desk\ninstrument.render.desk.Hud = lambda ctx: 1 / 0",
))
def test_where_no_second_window_opens_one_line_tells_and_the_picture_goes_on(display, fault):
    played("""
made, gone, create, destroy = [], [], glfw.create_window, glfw.destroy_window
glfw.create_window = lambda *given: made.append(create(*given)) or made[-1]
glfw.destroy_window = lambda handle: gone.append(handle) or destroy(handle)
""" + fault + """
for times in (1, 2):
    desk.open()
    on_desk, seen = frame()
    assert not on_desk and not desk.is_open and untouched(seen)
    assert len(told) == times and told[-1].startswith("no HUD window (") and "\\n" not in told[-1], told
assert len(made) == len(gone) and glfw.get_window_attrib(picture, glfw.VISIBLE)
""")


@pytest.mark.parametrize("fault", (
    "desk._window.present = lambda: 1 / 0",
    "desk._preview._small.read_into = lambda *_, **__: 1 / 0",
    "make, glfw.make_context_current = glfw.make_context_current, "
    "lambda handle: make(handle) if handle is None or glfw.get_window_title(handle) != 'Hear & See: HUD' else None",
))
def test_a_desk_that_fails_is_given_up_with_a_line_and_the_picture_goes_on(display, fault):
    played(f"""
glfw.get_window_title = lambda handle: 'Hear & See: HUD' if handle is desk_window else ''
desk.open()
desk_window = desk._window._handle
frame()
{fault}
on_desk, seen = frame()
assert not on_desk and not desk.is_open and untouched(seen)
assert told and all(line.startswith("no HUD window (") for line in told), told
""")


def test_the_desk_is_drawn_at_most_thirty_times_a_second():
    drawn = drawn_in(2.0, frames_per_s=240, cost=0.001)
    assert 0.8 * 2 * RATE < drawn <= 2 * RATE * 1.12


def test_a_slow_desk_takes_its_share_of_the_time_and_no_more():
    drawn = drawn_in(10.0, frames_per_s=60, cost=0.05)
    assert 0.7 * 10 * SHARE < drawn * 0.05 <= 10 * SHARE + 0.05


def drawn_in(seconds, frames_per_s, cost):
    """How often a desk is drawn where a redraw costs so many seconds."""
    now, drawn = [1.0], []
    desk = Desk(None, clock=lambda: now[0])
    desk._window = SimpleNamespace(wanted=True, hidden=False)

    def redraw(panel):
        drawn.append(panel)
        now[0] += cost

    desk._redraw = redraw
    while now[0] < 1.0 + seconds:
        assert desk.draw("panel")
        now[0] += 1 / frames_per_s
    return len(drawn)


screen = screen_of((96, 64))


def test_without_a_screen_one_line_tells(screen):
    told = []
    desk = Desk(screen, told.append)
    desk.open()
    assert told == ["no HUD window (there is no screen); the HUD is over the picture"]
    screen.begin()
    assert not desk.draw(None)


def test_the_preview_is_the_picture_of_the_time_before_with_its_top_on_top(screen):
    preview = Preview(screen.ctx)
    screen.begin()
    screen.framebuffer.clear(1.0, 0.0, 0.0, 1.0)
    screen.framebuffer.clear(0.0, 0.0, 1.0, 1.0, viewport=(0, 0, 96, 32))
    assert preview.take(screen.framebuffer) is None and screen.ctx.fbo is screen.framebuffer
    screen.framebuffer.clear(0.0, 1.0, 0.0, 1.0)
    copy = preview.take(screen.framebuffer)
    assert (copy[:32] == (255, 0, 0, 255)).all() and (copy[32:] == (0, 0, 255, 255)).all()
    assert (preview.take(screen.framebuffer) == (0, 255, 0, 255)).all()
    preview.release()


@pytest.mark.parametrize("size", ((3840, 2160), (1000, 2000), (9000, 90)))
def test_the_preview_of_a_large_picture_is_small_in_its_shape_and_smooth(screen, size):
    preview, texture = Preview(screen.ctx), screen.ctx.texture(size, 4)
    large = screen.ctx.framebuffer([texture])
    texture.write(np.random.default_rng(0).integers(0, 256, (*size[::-1], 4), np.uint8))  # grain, with a deviation of 74
    for _ in range(2):
        copy = preview.take(large)
    height, width = copy.shape[:2]
    assert width <= LARGEST[0] and height <= LARGEST[1] and abs(width / height / (size[0] / size[1]) - 1) < 0.05
    assert copy[..., :3].std() < 20
    for part in (large, texture, preview):
        part.release()


def monitors(*places):
    """A glfw with monitors, named by number from 1, at these (x, y, width, height)."""
    place = lambda number: places[number - 1]
    return SimpleNamespace(
        get_monitors=lambda: range(1, len(places) + 1), get_primary_monitor=lambda: 1,
        get_monitor_pos=lambda number: place(number)[:2],
        get_video_mode=lambda number: SimpleNamespace(size=place(number)[2:]), get_monitor_workarea=place)


def test_the_desk_goes_to_a_monitor_that_the_picture_does_not_fill():
    laptop_and_projector = monitors((0, 0, 1440, 900), (1440, 0, 1920, 1080))
    assert window._other_monitor(laptop_and_projector, 2) == 1
    assert window._other_monitor(laptop_and_projector, 1) == 2
    assert window._other_monitor(monitors((0, 0, 1440, 900)), 1) is None


@pytest.mark.parametrize("place, size, monitor", (((10, 10), (600, 400), 1), ((1500, 50), (600, 400), 2),
                                                  ((1200, 0), (600, 400), 2), ((9000, 0), (600, 400), 1)))
def test_full_screen_is_where_the_window_is(place, size, monitor):
    glfw = monitors((0, 0, 1440, 900), (1440, 0, 1920, 1080))
    glfw.get_window_pos, glfw.get_window_size = (lambda _: place), (lambda _: size)
    assert window._monitor_under(glfw, None) == monitor


def test_a_desk_on_another_monitor_lies_in_its_middle_and_fits():
    glfw, done = monitors((100, 50, 1000, 600)), {}
    glfw.get_window_size = lambda _: (1120, 400)
    glfw.set_window_size = lambda _, *size: done.update(size=size)
    glfw.set_window_pos = lambda _, *place: done.update(place=place)
    window._centre(glfw, None, 1)
    assert done == {"size": (1000, 400), "place": (100, 150)}


def test_the_flag_asks_for_the_desk():
    assert parser().parse_args(["perform", "--hud-window"]).hud_window and not PerformOptions().hud_window


SHOW = """
desk.close()
screen.close()
import sys, time
sys.modules.setdefault("triton", None)
from contextlib import ExitStack
from instrument.options import PerformOptions
from instrument.perform import Show

def seen():
    # Whether the frame drew anything after the picture was taken: the HUD.
    before = []
    show.video.frame = lambda now: before.append(pixels(show.screen.framebuffer))
    show.screen.present = lambda: before.append(pixels(show.screen.framebuffer))
    show.dash.desk._due = 0.0
    show.frame(time.perf_counter(), 0.03)
    return (before[0] != before[1]).any()

def settle(size):
    # An X server resizes when it comes to it, and what was drawn before is gone then.
    for _ in range(100):
        show.frame(time.perf_counter(), 0.03)
        if tuple(show.screen.size) == size:
            break
    show.frame(time.perf_counter(), 0.03)

def press(key):
    show.orders.key(key, time.perf_counter())

def close_desk():
    glfw.set_window_should_close(show.dash.desk._window._handle, True)

stack = ExitStack()
show = Show(PerformOptions(no_listen=True, size=(320, 200), port=port, target=[], hud_window=True, values={"dream.size": 160.0}), stack)
glfw = show.screen._glfw
whole = tuple(glfw.get_video_mode(glfw.get_primary_monitor()).size)
"""


def test_a_show_has_its_hud_on_the_desk_or_over_the_picture(display, free_port):
    """The whole of `perform` in real windows, without an ear."""
    played(f"port = {free_port}" + SHOW + """
assert show.dash.desk.is_open and not seen()
at_desk = glfw.set_key_callback(show.dash.desk._window._handle, None)
at_desk(None, glfw.KEY_F1, 0, glfw.PRESS, 0)
assert not seen() and show.dash.help  # the keys are shown at the desk
press("f1")
at_desk(None, glfw.KEY_W, glfw.get_key_scancode(glfw.KEY_W), glfw.PRESS, 0)
assert seen() and not show.dash.desk.is_open
press("w")
assert not seen() and show.dash.desk.is_open
close_desk()
assert seen() and not show._over(0.0)
show.control.command("show.hud_window")
assert not seen()
stack.close()
""")


def test_on_the_only_monitor_a_full_screen_picture_has_the_hud_unless_its_window_was_closed(display, free_port):
    played(f"port = {free_port}" + SHOW + """
show.screen._monitor = None
show.screen.fullscreen(True)
settle(whole)
close_desk()
show.frame(time.perf_counter(), 0.03)  # what the window covered is drawn by none
assert not seen() and not show.dash.on  # the audience sees no HUD because a window went
press("tab")
assert seen()
press("w")  # there is one monitor only
assert seen() and show.screen.is_full and not show.dash.desk.is_open
press("enter")
press("w")
settle((320, 200))
assert not seen() and not show.screen.is_full and show.dash.desk.is_open
press("enter")  # the picture covers the desk: what it showed must be somewhere
settle(whole)
assert seen() and show.screen.is_full and not show.dash.desk.is_open
assert "one monitor: the picture fills it" in show.messages.fresh(time.perf_counter())[-1]
stack.close()
""")
