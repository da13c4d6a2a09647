"""The picture, pixel by pixel: neutral is exact, every row shows, feedback stays bounded, the field is motion.py's."""

import colorsys
import ctypes
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import screen_of, warp

from instrument.dream.loop import rgba
from instrument.dream.octaves import Shape
from instrument.motion import NOWHERE, Journey, Motion, added, motion
from instrument.params import BY_NAME, DEFAULTS, MODES, ROWS
from instrument.render import NEUTRAL, Renderer
from instrument.render import upload as upload_module
from instrument.render.passes import keep, neutral
from instrument.render.renderer import LAP, Fader
from instrument.render.shader import Shaders, Uniforms
from instrument.render.upload import CudaRoute, HostRoute, Upload
from instrument.render.window import EGL_CUDA_DEVICE, Window, _cuda_device, _egl_extension, _for_us, _key_name, _present
from instrument.stage import ASPECTS, aspect

FOLDER = Path(__file__).parent.parent / "shaders"
SIZE = WIDTH, HEIGHT = 96, 64
STILL = Motion()


screen = screen_of(SIZE)


@pytest.fixture
def renderer(screen):
    renderer = Renderer(screen.ctx, SIZE, FOLDER)
    yield renderer
    renderer.release()


def dream(seed=0, size=SIZE):
    """A picture with structure at all scales, dark and bright, as a dream frame."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[:height, :width] / height
    waves = [np.sin(rng.uniform(1, 40) * (x * np.cos(a) + y * np.sin(a)) + a) for a in rng.uniform(0, 6, 12)]
    pixels = np.full((height, width, 4), 255, np.uint8)
    for channel in range(3):
        mixed = sum(waves[channel::3])
        pixels[..., channel] = 127.5 + 127.5 * mixed / np.abs(mixed).max()
    return pixels


def values_of(**changes):
    return {**DEFAULTS, **NEUTRAL, **{name.replace("__", "."): value for name, value in changes.items()}}


def draw(screen, renderer, values, frame=None, now=0.0, dt=1 / 30, field=STILL, **extras):
    screen.begin()
    renderer.draw(values, frame, now, dt, field, extras)
    return seen(screen)


def seen(screen):
    return np.frombuffer(screen.framebuffer.read(components=3), np.uint8).reshape(HEIGHT, WIDTH, 3)[::-1].copy()


def test_neutral_is_the_dream_exactly(screen, renderer):
    picture = dream()
    shown = draw(screen, renderer, values_of(), (picture, None))
    assert np.array_equal(shown, picture[..., :3])
    assert renderer.upload.route == "host" and not renderer.messages


@pytest.mark.parametrize("changes", ({"post__saturation": 2.0}, {"post__hue": 100.0}, {"post__hue": -60.0, "post__saturation": 1.8},
                                     {"post__tint": 1.0, "post__tint_hue": 240.0}))
def test_no_colour_is_driven_into_black_or_white(screen, renderer, changes):
    picture = dream()
    picture[..., :3] = 30 + picture[..., :3] * (195 / 255)  # nothing near either end
    shown = draw(screen, renderer, values_of(**changes), (picture, None))
    assert np.abs(shown.astype(float) - picture[..., :3]).mean() > 8
    assert np.mean((shown <= 2) | (shown >= 253)) < 0.002
    luma = np.array((0.2126, 0.7152, 0.0722))
    assert np.abs(shown @ luma - picture[..., :3] @ luma).max() < 3


@pytest.mark.parametrize("degrees", [0, 40, 120, 208, 300])
def test_a_tinted_picture_has_one_hue(screen, renderer, degrees):
    shown = draw(screen, renderer, values_of(post__tint=1.0, post__tint_hue=degrees), (dream(), None)) / 255
    colours = [colorsys.rgb_to_hsv(*pixel) for pixel in shown.reshape(-1, 3)]
    away = [abs((360 * hue - degrees + 180) % 360 - 180) for hue, saturation, value in colours if saturation > 0.2 < value]
    assert len(away) > 0.5 * WIDTH * HEIGHT and np.median(away) < 1.5 and max(away) < 12


def test_a_little_tint_leaves_most_of_the_colours(screen, renderer):
    plain, little, full = (draw(screen, renderer, values_of(post__tint=tint, post__tint_hue=30), (dream(), None)).astype(float)
                           for tint in (0, 0.25, 1))
    assert np.abs(little - (0.75 * plain + 0.25 * full)).max() < 2


def test_before_the_first_dream_all_is_black(screen, renderer):
    assert draw(screen, renderer, values_of()).max() == 0


def test_another_size_of_dream_and_of_screen(screen, renderer):
    shown = draw(screen, renderer, values_of(), (dream(size=(48, 32)), None))
    assert abs(float(shown.mean()) - dream(size=(48, 32))[..., :3].mean()) < 2
    renderer.resize((48, 32))
    assert renderer.size == (48, 32)
    draw(screen, renderer, values_of(zoom__echo=0.9), None, 0.1)


@pytest.mark.parametrize("size", [(48, 32), (96, 96), (64, 36)])
def test_a_held_picture_stays_when_the_window_changes(screen, renderer, size):
    """Its echo and its trails too: full screen in the midst of a freeze."""
    look = dict(zoom__echo=0.95, post__trails=0.9)
    for number, level in enumerate((250, 250, 250, 10, 10, 10)):
        draw(screen, renderer, values_of(**look), (np.full((HEIGHT, WIDTH, 4), level, np.uint8), None), number / 10)
    draw(screen, renderer, values_of(**look), None, 0.6, dt=0.2)
    held = draw(screen, renderer, values_of(**look, show__freeze=1), None, 0.6)
    renderer.resize(size)
    target = screen.ctx.framebuffer([screen.ctx.texture(size, 4)])
    target.use()
    renderer.draw(values_of(**look, show__freeze=1), None, 0.7, 0.03, STILL)
    after = np.frombuffer(target.read(components=3), np.uint8)
    assert held.mean() > 60 and abs(float(after.mean()) - float(held.mean())) < 3
    screen.framebuffer.use()
    target.release()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (200, 3)])
def test_a_window_of_a_few_pixels_is_drawn(screen, renderer, size):
    renderer.resize(size)
    draw(screen, renderer, values_of(post__bloom=1.0, post__trails=0.5), (dream(), None), 0.0)


def test_trails_that_were_off_begin_anew(screen, renderer):
    black, white = dream() * 0, dream() * 0 + 255
    for number in range(3):
        draw(screen, renderer, values_of(post__trails=0.98), (white, None), number)
    for number in range(3, 6):
        draw(screen, renderer, values_of(), (black, None), number)
    assert draw(screen, renderer, values_of(post__trails=0.98), None, 6.0).max() < 3


def test_a_picture_is_neutral_only_with_every_row_where_it_changes_nothing():
    assert neutral(NEUTRAL) and not any(neutral({**NEUTRAL, name: value + 0.1}) for name, value in NEUTRAL.items())


def test_nothing_comes_round_from_the_opposite_edge(screen, renderer):
    picture = dream() * 0
    picture[:, WIDTH // 2:] = 255
    shown = draw(screen, renderer, values_of(post__chroma=1.0), (picture, None))
    assert shown[:, :4].max() < 3 and shown[:, -4:].min() > 252


def test_fringes_of_less_than_a_pixel_are_seen(screen, renderer):
    grey = dream()[..., :1].repeat(4, 2)
    shown = draw(screen, renderer, values_of(post__chroma=0.1), (grey, None)).astype(int)
    assert np.abs(shown[..., 0] - shown[..., 1])[:8, :8].max() > 5


def test_one_pass_after_another_leaves_what_the_first_has_made(screen, renderer):
    """A mirror image is one still when it has been sharpened."""
    shown = draw(screen, renderer, values_of(post__mirror=1.0, post__sharpen=1.0), (dream(), None)).astype(int)
    plain = draw(screen, renderer, values_of(post__mirror=1.0), None, 0.1).astype(int)
    assert np.abs(shown - shown[:, ::-1]).max() <= 2 < np.abs(shown - plain).max()


def shown_on(screen, lines, values, picture):
    """A picture of 360 lines drawn with so many, each pixel of it a square, and averaged to 360 again; levels (360, w, 3)."""
    times, size = lines // 360, (picture.shape[1] * lines // 360, lines)
    target = screen.ctx.framebuffer([screen.ctx.texture(size, 4)])
    renderer = Renderer(screen.ctx, size, FOLDER)
    target.use()
    renderer.draw(values, (np.ascontiguousarray(picture.repeat(times, 0).repeat(times, 1)), None), 0.0, 0.03, STILL)
    drawn = np.frombuffer(target.read(components=3), np.uint8).reshape(360, times, -1, times, 3)[::-1].mean((1, 3))
    renderer.release()
    target.color_attachments[0].release()
    target.release()
    screen.framebuffer.use()
    return drawn


def disc():
    """A white disc on structure, 360 lines."""
    picture = dream(7, (240, 360))
    y, x = np.mgrid[:360, :240]
    picture[..., :3] //= 2
    picture[np.hypot(x - 120, y - 180) < 36] = 255
    return picture


@pytest.mark.parametrize("row", ["post.bloom", "post.grain", "post.sharpen"])
@pytest.mark.parametrize("lines", [720, 1080, 2160])
def test_a_look_is_the_same_on_a_larger_screen(screen, row, lines):
    """Looks are made at 360 lines: a glow is as wide, grain as coarse, an edge as crisp, for whoever sits before it."""
    values = values_of(**{row.replace(".", "__"): 1.0})
    small, large, plain = (shown_on(screen, *each, disc()) for each in ((360, values), (lines, values), (360, values_of())))
    assert np.abs(large - small).max() <= 4 and np.abs(small - plain).max() > 20


@pytest.mark.parametrize("row, rate", [("post.grain", 60), ("post.glitch", 12)])
def test_what_is_thrown_anew_is_so_after_a_month(screen, row, rate):
    """An installation never ends; 32 bits have no 60th of a second left after a week."""
    renderer, values = Renderer(screen.ctx, SIZE, FOLDER), values_of(**{row.replace(".", "__"): 1.0})
    draw(screen, renderer, values, (dream(), None), 0.0)
    frames = [draw(screen, renderer, values, None, 30 * 86400 + (number + 0.5) / rate).tobytes() for number in range(20)]
    assert len(set(frames)) == 20
    renderer.release()


def test_a_glitch_goes_on_over_the_end_of_a_lap(screen, renderer):
    draw(screen, renderer, values_of(), (dream(), None), 0.0)
    first, over = ([draw(screen, renderer, values_of(post__glitch=1.0), None, start + (number + 0.5) / 12) for number in range(6)]
                   for start in (994 / 12, LAP - 3 / 12))
    assert np.array_equal(first, over) and not np.array_equal(over[2], over[3])


def rows_that_show():
    return [row for row in ROWS if row.group == "post"] + [row for row in ROWS if row.name == "show.master"]


def test_both_ends_of_every_row_change_the_picture(screen):
    for row in rows_that_show():
        before = values_of(post__tint=float(row.name == "post.tint_hue"))
        for end in {row.lo, row.hi} - {NEUTRAL.get(row.name)}:
            renderer = Renderer(screen.ctx, SIZE, FOLDER)
            changed = {**before, row.name: end}
            draw(screen, renderer, changed, (dream(1), None), 0.0)
            draw(screen, renderer, changed, (dream(2), None), 0.03)
            shown = draw(screen, renderer, changed, None, 0.1)
            plain = Renderer(screen.ctx, SIZE, FOLDER)
            draw(screen, plain, before, (dream(1), None), 0.0)
            draw(screen, plain, before, (dream(2), None), 0.03)
            as_it_was = draw(screen, plain, before, None, 0.1)
            difference = np.abs(shown.astype(float) - as_it_was).mean()
            assert difference > 1.0, f"{row.name} at {end}: {difference:.2f}"
            renderer.release()
            plain.release()


def velocity(x, y, field):
    qx, qy = x - field.centre_x, y - field.centre_y
    r = np.hypot(qx, qy)
    grow, turn = field.expand + field.tunnel * r, field.turn + field.spiral * (1 - r)
    return qx * grow - qy * turn + field.pan_x + field.strips * qx, qy * grow + qx * turn + field.pan_y


def test_the_field_is_the_formula_of_motion(screen, tmp_path):
    """Every mode: where field.glsl says a point came from, against the docstring of motion.py in numpy."""
    shutil.copytree(FOLDER / "lib", tmp_path / "lib")
    (tmp_path / "probe.frag").write_text(
        '#include "lib/field.glsl"\nvoid main() { vec2 p = carried(place(uv), MOTION(u_motion), u_dt); '
        "colour = vec4(p, mirrored(unplaced(p))); }\n")
    shaders, uniforms = Shaders(screen.ctx, tmp_path), Uniforms(screen.ctx)
    target = screen.ctx.framebuffer([screen.ctx.texture(SIZE, 4, dtype="f4")])
    shape, dt = WIDTH / HEIGHT, 0.06
    for mode in range(len(MODES)):
        field = motion({**DEFAULTS, "zoom.mode": mode, "zoom.speed": 1.1, "zoom.rotate": 50.0, "zoom.pan_x": 0.4,
                        "zoom.pan_y": -0.7}, 3.7)
        uniforms.put({"field": shape, "dt": dt}, {"motion": field}, DEFAULTS)
        shaders.run("probe", target)
        got = np.frombuffer(target.read(components=4, dtype="f4"), "f4").reshape(HEIGHT, WIDTH, 4)
        x = ((np.arange(WIDTH) + 0.5) / WIDTH * 2 - 1)[None] * shape + np.zeros((HEIGHT, 1))
        y = ((np.arange(HEIGHT) + 0.5) / HEIGHT * 2 - 1)[:, None] + np.zeros((1, WIDTH))
        fromx, fromy = x, y
        for _ in range(12):
            vx, vy = velocity(fromx, fromy, field)
            vx, vy = velocity(fromx - vx * dt / 24, fromy - vy * dt / 24, field)
            fromx, fromy = fromx - vx * dt / 12, fromy - vy * dt / 12
        assert np.allclose(got[..., 0], fromx, atol=1e-5) and np.allclose(got[..., 1], fromy, atol=1e-5), MODES[mode]
        at = (fromx / shape + 1) / 2, (fromy + 1) / 2
        for channel in (0, 1):
            folded = np.where(at[channel] < 0, -at[channel], np.where(at[channel] > 1, 2 - at[channel], at[channel]))
            assert np.allclose(got[..., 2 + channel], folded, atol=1e-5), MODES[mode]


def test_the_picture_goes_on_between_dreams_and_along_the_field(screen, renderer):
    """Half a picture of panning: what stood at the left stands in the middle."""
    picture = dream(3)
    draw(screen, renderer, values_of(), (picture, None), 0.0)
    pan = Motion(pan_x=0.5)
    first, *_, later = (draw(screen, renderer, values_of(), None, number / 5, field=pan) for number in range(1, 6))
    shift = round(0.5 * WIDTH / (WIDTH / HEIGHT * 2) * 1.0)  # 0.5 of a picture 2 * aspect wide, in 1 s
    assert np.array_equal(later[:, shift:], picture[:, :WIDTH - shift, :3])
    assert not np.array_equal(first, later)


def test_two_dreams_lie_on_each_other_though_the_motion_changed_between_them(screen, renderer):
    """A dream is carried by the motion that was, not by that of now: else each beat would draw it double."""
    first = dream(3)
    pixel = 2 / HEIGHT  # of motion.py's plane
    draw(screen, renderer, values_of(), (first, None), 0.0)
    draw(screen, renderer, values_of(), None, 0.1, field=Motion(pan_x=80 * pixel))
    second = np.roll(first, 8, 1)
    draw(screen, renderer, values_of(), (second, None), 0.1)
    during = draw(screen, renderer, values_of(), None, 0.14)
    assert np.abs(during[:, 8:].astype(int) - second[:, 8:, :3]).max() <= 1


def test_a_dream_that_hangs_comes_to_rest_and_the_next_one_sets_all_in_motion_again(screen, renderer):
    pan = Motion(pan_x=4 / HEIGHT)
    draw(screen, renderer, values_of(), (dream(3), None), 0.0, field=pan)
    resting, *_, still = [draw(screen, renderer, values_of(), None, now / 5, field=pan) for now in range(1, 100)][40:]
    assert np.abs(resting.astype(int) - still).max() <= 1
    moving = [draw(screen, renderer, values_of(), (dream(3), None) if not now else None, 20 + now / 5, field=pan)
              for now in range(12)]
    assert np.abs(moving[5].astype(int) - moving[-1]).max() > 8


@pytest.mark.parametrize("mode", MODES)
def test_a_dream_carried_by_the_dreamer_lies_on_the_one_carried_by_the_renderer(screen, renderer, mode):
    """One of two a second, fast: the older one is carried once here in one piece, there in two."""
    field = motion({**DEFAULTS, "zoom.mode": MODES.index(mode), "zoom.speed": 0.5, "zoom.rotate": 40.0}, 1.0)
    older = blobs()
    newer = warp(torch.from_numpy(older[..., :3]).permute(2, 0, 1)[None] / 255, field, 0.5)
    newer = np.dstack([(255 * newer[0].permute(1, 2, 0).clamp(0, 1)).round().numpy().astype(np.uint8), older[..., 3]])
    draw(screen, renderer, values_of(), (older, None), 0.0, field=field)
    for number in range(1, 11):
        frame = (newer, renderer.journey.here._replace(time=0.5, way=added(Motion(), field, 0.5))) if number == 10 else None
        begun = draw(screen, renderer, values_of(), frame, number / 10, field=field)  # the older one, for a second
    ended = [draw(screen, renderer, values_of(), None, 1.0 + number / 1e4) for number in (1, 2600, 2601)][-1]
    inner = (slice(8, -8), slice(12, -12))
    assert np.abs(begun.astype(int) - ended)[inner].mean() < 2.0


def waves(height, width):
    """A dream (1, 3, h, w) of nearly upright stripes: no two rows are rounded alike."""
    return (0.5 + 0.4 * torch.sin(0.4 * torch.arange(width) + torch.linspace(0, 3, height)[:, None])).expand(1, 3, -1, -1)


def speeds(screen, size, field):
    """How far (px across) each frame of `waves` carried by a field moves, in the upper half of a screen of `size` (width, height):
    30 a second, every fourth a new dream."""
    width, height = size
    dreamt, shown = waves(*Shape(aspect(*size), 64).size(160)), []
    renderer, target = Renderer(screen.ctx, size, FOLDER), screen.ctx.framebuffer([screen.ctx.texture(size, 4)])
    for number in range(20):
        renderer.journey.advance(field, number / 30)
        seconds = renderer.journey.here.time
        pixels = rgba(warp(dreamt, field, seconds)).numpy() if number % 4 == 0 else None
        target.use()
        renderer.draw(values_of(), (pixels, renderer.journey.here) if number % 4 == 0 else None, number / 30, 1 / 30, field)
        shown.append(np.frombuffer(target.read(components=1), np.uint8).reshape(height, width).astype(float))
    renderer.release()
    target.color_attachments[0].release()
    target.release()
    middle = (slice(5 * height // 8, 7 * height // 8), slice(3 * width // 8, 5 * width // 8))  # rows of OpenGL begin below
    return [shift(before[middle], after[middle]) for before, after in pairwise(shown)]


def shift(before, after):
    """How far (px across) a picture has moved, by least squares."""
    steep = np.gradient(before + after, axis=1) / 2
    return float(((before - after) * steep).sum() / np.square(steep).sum())


@pytest.mark.parametrize("size", [(640, 80), (64, 512), (90, 360), (160, 90)])
@pytest.mark.parametrize("field", [Motion(pan_x=0.2), Motion(turn=0.25)], ids=("pan", "rotate"))
def test_a_picture_stretched_over_the_screen_moves_on_between_dreams_as_fast_as_they_do(screen, size, field):
    """On a strip of LEDs or a pillar, of another shape than any dream has."""
    found = speeds(screen, size, field)
    assert abs(np.mean(found)) > 0.1 and np.ptp(found) < 0.1


def test_a_dream_of_another_shape_does_not_move_the_one_before(screen, renderer):
    """As when the window is turned: while the newer one fades in, the older one goes on as it was."""
    pan = Motion(pan_x=20 / HEIGHT)
    tall = dream(3, (HEIGHT, HEIGHT))
    draw(screen, renderer, values_of(), (tall, None), 0.0)
    before = [draw(screen, renderer, values_of(), None, now, field=pan) for now in (0.1, 0.2, 0.3)][-1]
    after = draw(screen, renderer, values_of(), (dream(1), None), 0.3, field=pan)
    assert np.abs(after.astype(int) - before).max() <= 1


def test_a_kaleidoscope_is_round_whatever_the_shape_of_the_dream(screen):
    shown = []
    for width in (HEIGHT // 2, WIDTH):
        ramp = np.broadcast_to((np.arange(width) + 0.5)[None, :, None] * (255 / width), (HEIGHT, width, 4)).astype(np.uint8)
        renderer = Renderer(screen.ctx, SIZE, FOLDER)
        shown.append(draw(screen, renderer, values_of(post__mirror=6.0), (ramp.copy(), None)).astype(int))
        renderer.release()
    assert np.abs(shown[0] - shown[1])[:, 8:-8].max() <= 4 < shown[0].std()


def blobs():
    """A soft picture (h, w, 4), as frame."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / HEIGHT
    pixels = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    for channel in range(3):
        pixels[..., channel] = 127.5 + 100 * np.sin(9 * x + channel) * np.cos(11 * y - channel)
    return pixels


def test_a_fade_stands_still_in_a_freeze(screen, renderer):
    black, white = dream() * 0, dream() * 0 + 255
    draw(screen, renderer, values_of(), (black, None), 0.0)
    draw(screen, renderer, values_of(), (white, None), 0.2)
    held = draw(screen, renderer, values_of(), None, 0.25).mean()
    for number in range(30):
        draw(screen, renderer, {**values_of(), "show.freeze": 1.0}, None, 0.3 + number / 10)
    after = draw(screen, renderer, values_of(), None, 3.21).mean()
    assert 20 < held < 100 and held < after < held + 60


def test_the_echo_rests_with_the_picture(screen, renderer):
    zoom = motion({**DEFAULTS, "zoom.speed": 0.5}, 0.0)
    draw(screen, renderer, values_of(zoom__echo=0.9), (blobs(), None), 0.0, field=zoom)
    for number in range(1, 400):
        echoed = draw(screen, renderer, values_of(zoom__echo=0.9), None, number / 20, field=zoom)
    plain = draw(screen, renderer, values_of(), None, 20.0, field=zoom)
    assert np.abs(echoed.astype(int) - plain).max() <= 8


@pytest.mark.parametrize("period", (0.1, 1.0, 4.0, 9.0))
def test_two_dreams_lie_on_each_other_however_slowly_they_come(period):
    """What the older one is carried by is what the newer one was, and then both alike."""
    journey, fader, uploaded = Journey(), Fader(), []
    upload, places, now = SimpleNamespace(put=uploaded.append), [], 0.0
    for number in range(1, 400):
        now = number * period / 20
        journey.advance(Motion(expand=0.5), now)
        frame = None
        if number % 20 == 10:
            places.append(journey.here)
        if number % 20 == 0:  # half a period under way
            frame = number, places[-1]
        fader.put(frame, upload, False, journey)
        if len(uploaded) > 1:
            ways, newest = fader.ways(journey), places[len(uploaded) - 1].way.expand
            carried = newest - places[len(uploaded) - 2].way.expand
            assert ways["previous"].expand == pytest.approx(carried + ways["newest"].expand)
    assert len(uploaded) == 19


def test_a_dream_that_cannot_be_brought_costs_one_frame():
    def put(pixels):
        if pixels == "broken":
            raise RuntimeError("the GPU has fallen off")
        uploaded.append(pixels)

    journey, fader, uploaded, failed = Journey(), Fader(), [], []
    for number, frame in enumerate(("good", "broken", None, None, None, None, "good")):
        journey.advance(Motion(expand=0.5), number * 1.0)
        try:
            fader.put(frame and (frame, None), SimpleNamespace(put=put), False, journey)
        except RuntimeError:
            failed.append(number)
    assert uploaded == ["good", "good"] and len(failed) == 1


def test_after_a_freeze_the_picture_goes_on_from_where_it_was_held(screen, renderer):
    pan = Motion(pan_x=40 / HEIGHT)
    draw(screen, renderer, values_of(), (dream(3), None), 0.0, field=pan)
    held = draw(screen, renderer, values_of(), None, 0.2, field=pan)
    for number in range(3, 100):
        draw(screen, renderer, {**values_of(), "show.freeze": 1.0}, None, number / 10, field=pan)
    assert np.array_equal(draw(screen, renderer, values_of(), None, 9.9, field=pan), held)


def test_a_dream_that_arrives_in_a_freeze_lands_where_it_belongs(screen, renderer):
    """Begun 0.2 s before the freeze, shown long after it: it has moved on by that and no more."""
    pan, frozen = Motion(pan_x=40 * 2 / HEIGHT), {**values_of(), "show.freeze": 1.0}
    draw(screen, renderer, values_of(), (dream(1), None), 0.0)
    draw(screen, renderer, values_of(), None, 0.1, field=pan)
    begun = renderer.journey.here
    for number in range(2, 90):
        values = values_of() if number < 4 else frozen
        draw(screen, renderer, values, (dream(3), begun) if number == 6 else None, number / 10, field=pan)
    shown = [draw(screen, renderer, values_of(), None, 9.0 + number / 10) for number in range(5)][-1]
    assert np.abs(shown[:, 8:].astype(int) - dream(3)[:, :-8, :3]).max() <= 1


def test_a_freeze_holds_nothing_until_there_is_something_to_hold(screen, renderer):
    frozen = {**values_of(), "show.freeze": 1.0}
    assert draw(screen, renderer, frozen, None, 0.0).max() == 0
    assert np.abs(draw(screen, renderer, frozen, (dream(3), None), 0.1).astype(int) - dream(3)[..., :3]).max() <= 1
    assert np.abs(draw(screen, renderer, frozen, (dream(1), None), 5.0).astype(int) - dream(3)[..., :3]).max() <= 1


def test_a_new_dream_fades_in_without_a_jump(screen, renderer):
    black, white = dream() * 0, dream() * 0 + 255
    draw(screen, renderer, values_of(), (black, None), 0.0)
    draw(screen, renderer, values_of(), (black, None), 0.1)
    levels = [draw(screen, renderer, values_of(), (white, None) if now == 20 else None, now / 100).mean()
              for now in range(20, 32)]
    assert levels[0] == 0 and levels[-1] == 255
    assert max(b - a for a, b in pairwise(levels)) < 50 and levels == sorted(levels)


@pytest.mark.parametrize("name", ["zoom.echo", "post.trails"])
def test_feedback_neither_saturates_nor_dies(screen, renderer, name):
    picture = dream(4)
    values = {**values_of(), name: 0.98, "zoom.rotate": 40.0}
    field = motion({**values, "zoom.speed": 1.0}, 0.0)
    for number in range(1000):
        now = number / 30
        shown = draw_only(screen, renderer, values, (picture, None) if number % 3 == 0 else None, now, field)
    shown = seen(screen)
    assert 90 < shown.mean() < (165 if name == "zoom.echo" else 235) and shown.std() > 8 and shown.max() > 150


ECHOING = values_of(zoom__echo=0.9, post__trails=0.5)
NO_NUMBERS = "vec3(intBitsToFloat(%s) * c)"


@pytest.fixture
def own(screen, tmp_path):
    """A renderer with own shaders, and what saves another end of feedback.frag and draws until it is seen."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    renderer, times = Renderer(screen.ctx, SIZE, tmp_path), count(1)
    file = tmp_path / "feedback.frag"
    shipped = file.read_text()

    def ending(colour, text=shipped):
        now = next(times) * 2
        file.write_text(text.replace("vec4(c, 1.0)", f"vec4({colour}, 1.0)"))
        os.utime(file, (now, now))
        for part in range(20):
            draw_only(screen, renderer, ECHOING, (dream(), None), now + part / 30, STILL)
        assert not renderer.messages
        return seen(screen)

    yield SimpleNamespace(renderer=renderer, ending=ending, shipped=shipped, folder=tmp_path)
    renderer.release()


def unguarded(text):
    return text.replace("clamp(", "(").replace(".rgb, 0.0, 1.0)", ".rgb)")


@pytest.mark.parametrize("bits", ["0x7fc00000", "0x7f800000"])
def test_what_is_no_number_is_gone_when_the_shader_is_put_right(own, bits):
    """Not a number and infinite, in shaders that keep whatever they are given."""
    trails = own.folder / "trails.frag"
    trails.write_text(unguarded(trails.read_text()))
    own.ending("c")
    wrong = own.ending(NO_NUMBERS % bits, unguarded(own.shipped))
    right = own.ending("c", unguarded(own.shipped))
    assert np.abs(right.astype(int) - dream()[..., :3]).max() <= 2 < np.abs(wrong.astype(int) - right).mean()


@pytest.mark.parametrize("bits", ["0x7fc00000", "0x7f800000"])
def test_our_memories_drop_what_is_no_number(screen, own, bits):
    """What an own shader makes now and then does not stay."""
    wrong = own.ending(f"u_level > 0.5 ? {NO_NUMBERS % bits} : c")
    draw(screen, own.renderer, ECHOING, None, 3.0, level=1.0)
    for number in range(100):
        draw_only(screen, own.renderer, ECHOING, None, 3.1 + number / 30, STILL)
    assert np.abs(seen(screen).astype(int) - wrong).max() <= 2


def test_nothing_is_remembered_when_all_is_forgotten(screen, renderer):
    draw(screen, renderer, ECHOING, (dream() * 0 + 255, None), 0.0)
    draw(screen, renderer, ECHOING, (dream() * 0, None), 0.1)
    renderer.forget()
    assert draw(screen, renderer, ECHOING, None, 0.2).max() == 0


@pytest.mark.parametrize("rate", [24, 30, 60, 144])
def test_an_echo_sinks_as_quickly_at_any_rate_of_frames(rate):
    assert keep(0.8, 1 / rate) ** rate == pytest.approx(0.8**30)
    assert keep(0.0, 1 / rate) == 0.0 and keep(1.0, 1 / rate) == 1.0


def draw_only(screen, renderer, values, frame, now, field):
    screen.begin()
    renderer.draw(values, frame, now, 1 / 30, field)


def test_echo_converges_to_a_still_dream(screen, renderer):
    """8-bit feedback would stop short of the picture by 25 levels at 0.98."""
    picture = dream(5)
    values = values_of(zoom__echo=0.98)
    draw(screen, renderer, values, (dream(6), None), 0.0)
    draw(screen, renderer, values, (picture, None), 0.1)
    for number in range(4, 600):
        shown = draw(screen, renderer, values, None, number / 30)
    assert np.abs(shown.astype(int) - picture[..., :3]).max() <= 8


def test_freeze_holds_and_lets_go(screen, renderer):
    values = {**DEFAULTS, "post.glitch": 0.7, "post.trails": 0.8}
    field = motion(values, 0.0)
    held = draw(screen, renderer, values, (dream(1), None), 0.0, field=field)
    frozen = {**values, "show.freeze": 1.0}
    for number in range(1, 5):
        still = draw(screen, renderer, {**frozen, "post.hue": 90.0}, (dream(2), None), number / 5, field=field)
        assert np.array_equal(still, held)
    assert draw(screen, renderer, {**frozen, "show.blackout": 1.0}, None, 1.1, field=field).max() == 0
    assert not np.array_equal(draw(screen, renderer, values, None, 1.2, field=field), held)


def test_blackout_is_black_and_what_is_behind_goes_on(screen, renderer):
    draw(screen, renderer, dict(DEFAULTS), (dream(1), None), 0.0)
    assert draw(screen, renderer, {**DEFAULTS, "show.blackout": 1.0}, (dream(2), None), 0.1).max() == 0
    assert draw(screen, renderer, dict(DEFAULTS), None, 0.5).mean() > 60


def test_a_fault_at_the_start_is_one_line(screen, tmp_path):
    shutil.copytree(FOLDER, tmp_path / "shaders")
    (tmp_path / "shaders" / "chroma.frag").write_text("void main() {\n    oops;\n}\n")
    with pytest.raises(ValueError, match="chroma.frag, line 2: .*oops"):
        Renderer(screen.ctx, SIZE, tmp_path / "shaders")


def test_an_own_field_that_knows_the_shape_of_the_screen_only_is_drawn(screen, tmp_path):
    """One written before there was `u_field`."""
    shutil.copytree(FOLDER, tmp_path / "shaders")
    field = tmp_path / "shaders" / "lib" / "field.glsl"
    field.write_text(field.read_text().replace("u_field", "u_aspect"))
    renderer = Renderer(screen.ctx, SIZE, tmp_path / "shaders")
    shown = draw(screen, renderer, values_of(), (dream(1), None), 0.0)
    assert np.array_equal(shown, dream(1)[..., :3])
    renderer.release()


def test_a_picture_that_moves_by_itself_is_carried_nowhere(screen, renderer):
    """Loops made beforehand: a turn of now would be undone by each next picture."""
    renderer.upload.put(dream(1))
    field, seen = Motion(turn=2.0, expand=0.5), []
    for number in range(24):
        frame = (dream(1), NOWHERE) if number % 3 == 0 else None
        seen.append(draw(screen, renderer, {**DEFAULTS, **NEUTRAL}, frame, number / 60, field=field))
    assert all(np.array_equal(picture, seen[0]) for picture in seen)


def test_the_two_newest_pictures_are_kept(screen):
    upload = Upload(screen.ctx)
    for seed in (1, 2, 3):
        upload.put(dream(seed))
    for texture, seed in ((upload.previous, 2), (upload.newest, 3)):
        assert texture.read() == dream(seed).tobytes()
    upload.release()


class Broken:
    """A route that fails on the pictures (counted from 0) in `fails`, and counts how often it began anew; a `stuck` one
    fails then too."""

    name = "cuda-gl"

    def __init__(self, fails, stuck=False):
        self.fails, self.stuck, self.asked, self.released = fails, stuck, 0, 0

    def copy(self, ctx, pixels, texture):
        self.asked += 1
        if self.asked - 1 in self.fails:
            raise RuntimeError("no such device")
        texture.write(pixels)

    def release(self):
        self.released += 1
        if self.stuck:
            raise RuntimeError("no such device")


@pytest.mark.parametrize("stuck", (False, True))
def test_a_route_that_fails_twice_gives_way_and_says_why(screen, stuck):
    upload, route = Upload(screen.ctx), Broken(range(9), stuck)
    upload.put(dream(1))
    upload._routes.insert(0, route)
    assert upload.put(dream(2)).read() == dream(2).tobytes() and upload.route == "cuda-gl" and upload.reason == ""
    assert upload.put(dream(3)).read() == dream(3).tobytes()
    assert upload.route == "host" and "cuda-gl" in upload.reason and "no such device" in upload.reason
    assert upload.put(dream(4)).read() == dream(4).tobytes() and route.asked == route.released == 2
    upload.release()


class OnGpu(np.ndarray):
    """A picture that says it is on a GPU, from which it can only be brought plainly."""

    is_cuda = True

    def cpu(self):
        return np.array(self)


def test_where_the_gpu_gives_no_faster_way_its_pictures_come_plainly(screen):
    """Neither CUDA beside OpenGL nor page-locked memory: each is tried, and none costs a picture."""
    upload, routes = Upload(screen.ctx), []
    for seed in range(4):
        assert upload.put(dream(seed).view(OnGpu)).read() == dream(seed).tobytes()
        routes.append(upload.route)
    assert routes == ["cuda-gl", "pinned", "host", "host"] and upload.reason.startswith("pinned upload failed")
    upload.release()


def test_another_network_may_dream_elsewhere_though_the_gpu_cannot_be_let_go(screen, monkeypatch):
    monkeypatch.setattr(upload_module, "_routes", lambda on_gpu: [Broken((), stuck=True)] if on_gpu else [HostRoute()])
    upload = Upload(screen.ctx)
    upload.put(dream(1).view(OnGpu))
    assert upload.put(dream(2)).read() == dream(2).tobytes()
    upload.put(dream(3).view(OnGpu))
    upload.release()


def test_pictures_may_come_from_a_gpu_and_from_main_memory_in_turn(screen, monkeypatch):
    """Where another network finds no room on the GPU, the processor dreams on."""
    route = Broken(())
    monkeypatch.setattr(upload_module, "_routes", lambda on_gpu: [route] if on_gpu else [HostRoute()])
    upload = Upload(screen.ctx)
    for seed, name in enumerate(("cuda-gl", "cuda-gl", "host", "host", "cuda-gl")):
        pixels = dream(seed).view(OnGpu) if name == "cuda-gl" else dream(seed)
        assert upload.put(pixels).read() == dream(seed).tobytes() and upload.route == name and upload.reason == ""
    assert route.asked == 3 and route.released == 1
    upload.release()


def test_a_route_that_fails_now_and_then_stays(screen):
    upload, route = Upload(screen.ctx), Broken((0, 2, 4))
    upload.put(dream(1))
    upload._routes.insert(0, route)
    for seed in range(6):
        assert upload.put(dream(seed)).read() == dream(seed).tobytes()
    assert upload.route == "cuda-gl" and upload.reason == "" and route.asked == 6 and route.released == 3
    upload.release()


def test_the_stream_of_the_hand_over_waits_for_nothing_else(monkeypatch):
    asked = []
    device = SimpleNamespace(set_current=lambda: None, create_stream=lambda options: asked.append(options))
    core = SimpleNamespace(Device=lambda number: device, StreamOptions=dict,
                           GraphicsResource=SimpleNamespace(from_gl_buffer=lambda *_, **__: None))
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    context = SimpleNamespace(buffer=lambda reserve: SimpleNamespace(glo=0))
    CudaRoute()._register(context, torch.zeros(1), 4)
    assert asked == [{"nonblocking": True, "priority": -1}]


class Cuda:
    """What the hand-over asks of `cuda.core`, done by OpenGL on the context of `screen`; a diary of the copies."""

    StreamOptions = dict

    def __init__(self, screen):
        self.diary, self.buffers, self.registered = [], {}, 0
        self.context = SimpleNamespace(buffer=lambda reserve: self._buffer(screen.ctx.buffer(reserve=reserve)))
        self.Buffer = SimpleNamespace(from_handle=self._part)
        self.GraphicsResource = SimpleNamespace(from_gl_buffer=self._resource)
        stream = SimpleNamespace(record=lambda: self._event(next(self._numbers)), close=lambda: None)
        device = SimpleNamespace(set_current=lambda: None, create_stream=lambda options: stream)
        self.Device, self._numbers = lambda number: device, count()

    def _event(self, number):
        return SimpleNamespace(sync=lambda: self.diary.append(("copied", number)))

    def _buffer(self, buffer):
        self.buffers[buffer.glo] = buffer
        return buffer

    def _resource(self, name, flags):
        self.registered += 1
        return SimpleNamespace(map=lambda stream: self._mapped(name), close=lambda: None)

    @contextmanager
    def _mapped(self, name):
        yield SimpleNamespace(handle=name)

    def _part(self, place, size, owner):
        def copy_from(source, stream):
            assert source.size == size, "cuda.core copies between buffers of one size only"
            self.buffers[place].write(source.owner.numpy().tobytes())
            self.diary.append(("copy", int(source.owner.flatten()[0])))

        return SimpleNamespace(size=size, owner=owner, copy_from=copy_from)


@pytest.fixture
def cuda(screen, monkeypatch):
    there = Cuda(screen)
    monkeypatch.setitem(sys.modules, "cuda.core", there)
    return there


def test_a_picture_is_kept_until_it_has_been_copied(screen, cuda):
    """The dream gets its memory back then, and writes the next one there."""
    route, texture = CudaRoute(), screen.ctx.texture((1, 1), 4)
    for number in range(4):
        route.copy(cuda.context, torch.full((1, 1, 4), number, dtype=torch.uint8), texture)
    route.release()
    assert cuda.diary[:6] == [("copy", 0), ("copy", 1), ("copied", 0), ("copy", 2), ("copied", 1), ("copy", 3)]
    assert sorted(cuda.diary[6:]) == [("copied", 2), ("copied", 3)]
    texture.release()


def test_two_buffers_are_registered_and_tested_once_whatever_sizes_dreams_have(screen, cuda, monkeypatch):
    proofs, prove = [], upload_module._prove
    monkeypatch.setattr(upload_module, "_prove", lambda pixels, texture: (proofs.append(pixels.shape), prove(pixels, texture)))
    largest = int(BY_NAME["dream.size"].hi)
    route = CudaRoute()
    for size in ((7, 5), (456, 256), (64, 64), (int(largest * ASPECTS[1]), largest), (1, 1)):
        pixels, texture = torch.randint(0, 256, (size[1], size[0], 4), dtype=torch.uint8), screen.ctx.texture(size, 4)
        route.copy(cuda.context, pixels, texture)
        assert texture.read() == pixels.numpy().tobytes()
        texture.release()
    route.release()
    assert cuda.registered == 2 and len(proofs) == 1


def test_a_picture_larger_than_any_dream_gets_buffers_of_its_own(screen, cuda):
    route = CudaRoute()
    for size, registered in (((8, 8), 2), ((4097, 1024), 4), ((4097, 1025), 4), ((8, 8), 4)):
        texture = screen.ctx.texture(size, 4)
        route.copy(cuda.context, torch.zeros((size[1], size[0], 4), dtype=torch.uint8), texture)
        assert cuda.registered == registered
        texture.release()
    route.release()


@pytest.mark.parametrize("numbers, expected", (((1, 0), 1), ((None, 2, 0, 1), 2), ((0, 1), 0), ((None,), 0), ((), 0)))
def test_without_a_window_the_gpu_of_the_dream_draws(numbers, expected):
    """`numbers`: CUDA's, of each EGL device; None of one that CUDA does not know."""
    def query(most, devices, count):
        (ctypes.c_void_p * most).from_address(devices)[:len(numbers)] = range(100, 100 + len(numbers))
        ctypes.c_int.from_address(count).value = len(numbers)
        return True

    def attribute(device, name, value):
        number = numbers[device - 100]
        if name != EGL_CUDA_DEVICE or number is None:
            return False
        ctypes.c_ssize_t.from_address(value).value = number
        return True

    functions = {"eglQueryDevicesEXT": query, "eglQueryDeviceAttribEXT": attribute}
    assert _cuda_device(lambda name, *_: functions[name]) == expected
    assert _cuda_device(lambda name, *_: None) == 0


def test_a_function_that_egl_has_not_is_none(screen):
    if sys.platform.startswith("linux"):
        assert _egl_extension("eglQueryDevicesEXT") and _cuda_device() >= 0
    assert not _egl_extension("hearsee")


@pytest.mark.parametrize("key, printed, name", [
    ("KEY_1", "1", "1"), ("KEY_1", "&", "1"), ("KEY_6", "-", "-"), ("KEY_0", "à", "0"), ("KEY_EQUAL", "=", "+"), ("KEY_A", "Q", "q"),
    ("KEY_B", "и", "b"), ("KEY_F", "φ", "f"),
    ("KEY_W", "'", "'"), ("KEY_F1", None, "f1"), ("KEY_WORLD_1", "²", "²"), ("KEY_PAUSE", None, "")])
def test_keys_are_named_by_what_they_print_and_digits_by_their_place(key, printed, name):
    glfw = pytest.importorskip("glfw")
    keyboard = SimpleNamespace(**{each: getattr(glfw, each) for each in dir(glfw) if each.startswith("KEY_")},
                               get_key_name=lambda key, scancode: printed)
    assert _key_name(keyboard, getattr(glfw, key), 0) == name


@pytest.mark.parametrize("name", ["p", "s", "c", "1", "left", "tab", "f1", "enter", "escape"])
def test_a_key_that_is_pressed_with_ctrl_alt_super_or_cmd_is_not_for_the_show(name):
    glfw = pytest.importorskip("glfw")
    for locked in (0, glfw.MOD_SHIFT, glfw.MOD_CAPS_LOCK | glfw.MOD_NUM_LOCK):
        assert _for_us(glfw, name, locked)
        assert not any(_for_us(glfw, name, locked | held) for held in (glfw.MOD_CONTROL, glfw.MOD_SUPER, glfw.MOD_CONTROL | glfw.MOD_SUPER))
        assert _for_us(glfw, name, locked | glfw.MOD_ALT) == (name == "enter")


@pytest.mark.parametrize("system, name, kept", [
    ("win32", "-", True), ("win32", "+", True), ("win32", "left", False), ("win32", "delete", False), ("win32", "x", False),
    ("linux", "t", False), ("darwin", "p", False)])
def test_what_altgr_prints_on_windows_is_for_the_show(monkeypatch, system, name, kept):
    glfw = pytest.importorskip("glfw")
    monkeypatch.setattr(sys, "platform", system)
    assert _for_us(glfw, name, glfw.MOD_CONTROL | glfw.MOD_ALT) == kept
    assert not _for_us(glfw, name, glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER)


WINDOW = """
import sys
import numpy as np
from instrument.render.window import monitors, open_screen
print(monitors())
screen = open_screen((320, 200), monitor="nowhere", vsync=False)
assert screen.notice.startswith("no monitor 'nowhere'"), screen.notice
glfw, handle = screen._glfw, screen._handle
screen.begin()
screen.framebuffer.clear(0.0, 1.0, 0.0, 1.0)
assert np.frombuffer(screen.framebuffer.read(components=3), np.uint8).reshape(-1, 3).mean(0).tolist() == [0, 255, 0]
screen.present()
for key in (glfw.KEY_F1, glfw.KEY_TAB, glfw.KEY_LEFT, glfw.KEY_SPACE, glfw.KEY_ENTER, glfw.KEY_ESCAPE):
    screen._key(handle, key, 0, glfw.PRESS, 0)
for key in (glfw.KEY_B, glfw.KEY_1):
    screen._key(handle, key, glfw.get_key_scancode(key), glfw.PRESS, 0)
assert screen.begin() == ["f1", "tab", "left", "space", "enter", "escape", "b", "1"]
for key in (glfw.KEY_DOWN, glfw.KEY_EQUAL, glfw.KEY_KP_SUBTRACT, glfw.KEY_B, glfw.KEY_T):
    for action in (glfw.PRESS, glfw.REPEAT, glfw.RELEASE):  # only what may repeat does so while it is held
        screen._key(handle, key, glfw.get_key_scancode(key), action, 0)
assert screen.begin() == ["down", "down", "+", "+", "-", "-", "b", "t", "t up"]
for key in (glfw.KEY_P, glfw.KEY_EQUAL, glfw.KEY_T):
    for action in (glfw.PRESS, glfw.REPEAT, glfw.RELEASE):  # what began before Ctrl was held still ends
        screen._key(handle, key, glfw.get_key_scancode(key), action, glfw.MOD_CONTROL)
assert screen.begin() == ["t up"]
glfw.set_window_size(handle, 400, 300)
while screen.size != (400, 300):
    screen.begin()
    screen.present()
assert screen.framebuffer.size == (400, 300) and not screen.closed
asked, where = [], glfw.get_window_pos
glfw.get_window_pos = lambda window: asked.append(window) or where(window)
screen._rate_due = 0.0
assert {screen.rate for _ in range(9)} == {60.0} and len(asked) == 1  # an X server is not asked in every frame
pointer = lambda: glfw.get_input_mode(handle, glfw.CURSOR) == glfw.CURSOR_NORMAL
screen.fullscreen(True)  # by hand: the one that was named is not there, another is
assert screen.is_full
screen.fullscreen(False)
screen._monitor = None
seen = [pointer(), screen.fullscreen(True) or pointer(), screen.fullscreen(False) or pointer()]
assert seen == [True, False, True], seen
screen.fullscreen(True)
screen.notice = ""
screen._monitor_changed(None, glfw.DISCONNECTED)  # another monitor than the one that shows the picture
assert glfw.get_window_monitor(handle) and not screen.notice
glfw.set_window_monitor(handle, None, 0, 0, 320, 200, 0)  # as glfw does when it is that one
screen._monitor_changed(None, glfw.DISCONNECTED)
assert screen.notice == "monitor unplugged, showing a window" and pointer()
glfw.set_window_should_close(handle, True)
screen.begin()
assert screen.closed
screen.close()
print("closed")
"""


def test_a_real_window_opens_draws_reports_keys_and_closes(display):
    ran = subprocess.run([sys.executable, "-c", WINDOW], capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0 and ran.stdout.endswith("closed\n"), ran.stderr
    assert "640 x 480" in ran.stdout


def test_monitors_of_one_name_are_told_apart():
    glfw = SimpleNamespace(get_monitors=lambda: [1, 2, 3], get_monitor_name=lambda each: b"Generic PnP Monitor")
    wanted = "Generic PnP Monitor"
    assert _present(glfw) == [(wanted, 1), (f"{wanted} #2", 2), (f"{wanted} #3", 3)]


@pytest.mark.parametrize("asked, number", [("DP-1", 2), ("edp", 1), ("eDP-1", 1), ("hdmi", 3), ("VGA", None)])
def test_a_monitor_is_known_by_its_whole_name_before_a_part_of_it(asked, number):
    names = ["eDP-1", "DP-1", "HDMI-A-1"]
    glfw = SimpleNamespace(get_monitors=lambda: [1, 2, 3], get_monitor_name=lambda each: names[each - 1].encode())
    window = Window.__new__(Window)
    window._glfw, window._monitor, window.notice = glfw, asked, ""
    assert window._find_monitor() == number and bool(window.notice) == (number is None)


def test_without_a_display_one_line_tells(monkeypatch):
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems always have a display")
    environment = {name: text for name, text in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    code = ("from instrument.render.window import open_screen\ntry: open_screen()\n"
            "except OSError as error: print(error)")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=240,
                         check=False)
    assert "--headless" in ran.stdout and ran.stdout.count("\n") == 1 and not ran.stderr, ran.stdout + ran.stderr
