"""Loops dreamed beforehand: they close, go on where they were stopped, and are played by class weights."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from helpers import frames, full_disk
from PIL import Image

from instrument.console import SHOWN
from instrument.dream import Scene
from instrument.dream.loop import Inbox
from instrument.dream.playback import (
    CARD,
    Ahead,
    Kept,
    Loops,
    Pace,
    Playback,
    cut,
    following,
    frame_path,
    open_picture,
    read_picture,
    side_by_side,
)
from instrument.dream.territory import Territories
from instrument.errors import left_out
from instrument.eyes import picture_files_of
from instrument.latest import Latest
from instrument.loopfiles import LOCK, Settings, close, folder_of, keep, ours, write_card
from instrument.loopfiles import made as number_made
from instrument.model.card import load_model, save_model
from instrument.model.net import HearSee
from instrument.motion import Journey, Motion, Place
from instrument.params import DEFAULTS, PARAMS
from instrument.prerender import _dreamt, _scene, prerender

torch.set_num_threads(1)
CALM = {"dream.octaves": 1.0, "dream.layer": 1.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A random network with two class pictures, dark and bright."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    save_model(folder, HearSee(2), {"classes": ["bell", "rain"]})
    row = np.linspace(0, 100, 160).astype(np.uint8)
    for name, level in {"bell": 10, "rain": 140}.items():
        picture = np.broadcast_to((row + level)[None, :, None], (160, 160, 3))
        Image.fromarray(picture.copy()).save(folder / "pictures" / f"{name}.png")
    return folder


def settings(model, out, **changes):
    return Settings(**{"out": str(out), "model": str(model), "size": (192, 160), "frames": 8, "fps": 10.0,
                       "values": CALM, **changes})


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    """A folder with both loops."""
    out = tmp_path_factory.mktemp("loops")
    prerender(settings(model, out))
    return out


def far(a, b):
    return float(np.abs(a.astype(float) - b).mean())


def test_a_loop_closes(made):
    frames = [read_picture(frame_path(made / "bell", number)) for number in range(8)]
    steps = [far(before, after) for before, after in pairwise(frames)]
    assert 0 < far(frames[-1], frames[0]) < 1.5 * max(steps)


def test_a_loop_begins_with_all_of_its_tail_which_goes_over_into_its_head(tmp_path):
    """So that the first frame follows the last one as any other does its own."""
    plain = Settings(out=str(tmp_path), size=(32, 16), frames=40)
    folder_of(plain, "bell").mkdir()
    for number in range(plain.frames + plain.fade):
        keep(plain, "bell", number, np.full((16, 32, 3), 200 if number >= plain.frames else 100, np.uint8))
    close(plain, "bell")
    levels = [read_picture(frame_path(tmp_path / "bell", number)).mean() for number in range(plain.fade + 1)]
    assert plain.fade > 3 and levels == pytest.approx(np.linspace(200, 100, plain.fade + 1), abs=1)


class Diary:
    """A dreamer whose dreams are the moments that they went through."""

    device = "cpu"

    def begin(self, picture, scene):
        return SimpleNamespace(picture=picture, moments=[scene.now])

    def go_by(self, dream, scene):
        dream.moments.append(scene.now)
        return dream

    def step(self, dream, scene):
        self.dream = self.go_by(dream, scene) if dream else self.begin(torch.zeros(1, 3, 16, 32), scene)
        return self.dream


@pytest.mark.parametrize("begin", (1, 2, 6))
def test_a_run_that_goes_on_has_gone_through_every_moment_of_one_that_was_not_stopped(tmp_path, begin):
    """What is remembered ages with each: else the class picture would be seen otherwise from there on."""
    plain, whole, stopped = Settings(out=str(tmp_path), size=(32, 16), frames=8, fps=10.0), Diary(), Diary()
    folder_of(plain, "bell").mkdir()
    for number, picture in enumerate(_dreamt(whole, plain, "bell", 0, 8)):
        keep(plain, "bell", number, picture)
    assert len([*_dreamt(stopped, plain, "bell", begin, 8)]) == 8 - begin
    assert stopped.dream.moments == whole.dream.moments


def test_nothing_but_the_loop_stays(made):
    assert sorted(path.name for path in (made / "rain").iterdir()) == [f"{number:04d}.png" for number in range(8)]


def test_the_video_has_all_frames(made):
    with av.open(str(made / "bell.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert float(video.streams.video[0].average_rate) == 10
        assert video.streams.video[0].codec_context.colorspace == 1  # BT.709, and it says so
    assert len(frames) == 8 and frames[0].shape == (160, 192, 3)
    assert far(frames[3], read_picture(frame_path(made / "bell", 3))) < 8


def test_a_stopped_run_keeps_what_there_is(model, tmp_path):
    bell = tmp_path / "bell"
    prerender(settings(model, tmp_path), ["bell"])
    whole = read_picture(frame_path(bell, 6))
    for path in (tmp_path / "bell.mp4", *(frame_path(bell, number) for number in (0, 1, 5, 6, 7))):
        path.unlink()
    kept, marked = read_picture(frame_path(bell, 4)), np.full_like(whole, 128)  # nothing that would be painted anew
    Image.fromarray(marked).save(frame_path(bell, 3))
    for number in (0, 1):
        Image.fromarray(kept).save(bell / f"head-{number:04d}.png")
    prerender(settings(model, tmp_path), ["bell"])
    assert far(marked, read_picture(frame_path(bell, 3))) == far(kept, read_picture(frame_path(bell, 4))) == 0
    assert far(whole, read_picture(frame_path(bell, 6))) < 12  # the same dream, another jitter
    assert (tmp_path / "bell.mp4").exists() and not list(bell.glob("head-*"))


@pytest.mark.parametrize("ruin", (lambda data: b"", lambda data: data[:len(data) // 2], lambda data: bytes(len(data))))
def test_a_damaged_frame_is_dreamed_anew(model, made, tmp_path, ruin):
    """As a machine that lost its power leaves it: empty, cut off, or full of nothing."""
    bell = tmp_path / "bell"
    prerender(settings(model, tmp_path), ["bell"])
    for path in (tmp_path / "bell.mp4", *(frame_path(bell, number) for number in (0, 1))):
        path.rename(path.with_name("head-" + path.name) if path.suffix == ".png" else path.with_name("old"))
    kept, path = frame_path(bell, 2).read_bytes(), frame_path(bell, 4)
    path.write_bytes(ruin(path.read_bytes()))
    prerender(settings(model, tmp_path), ["bell"])
    assert frame_path(bell, 2).read_bytes() == kept and read_picture(path).shape == (160, 192, 3)
    assert Loops(tmp_path).classes == ["bell"] and len(frames(tmp_path / "bell.mp4")) == 8


def test_a_finished_loop_of_which_a_frame_is_damaged_is_made_anew_as_a_whole(model, made, tmp_path, capfd):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    frame_path(tmp_path / "bell", 3).write_bytes(b"")
    prerender(settings(model, tmp_path))
    assert "bell: a frame of its loop is missing or damaged, so the loop is made anew" in capfd.readouterr().out
    for number in range(8):
        assert far(read_picture(frame_path(tmp_path / "bell", number)), read_picture(frame_path(made / "bell", number))) < 1


def test_a_loop_made_anew_that_is_stopped_is_not_taken_for_whole(model, made, tmp_path):
    """Neither are its old frames mixed with the new ones."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    frame_path(tmp_path / "bell", 3).write_bytes(b"")
    whole = settings(model, tmp_path)
    for number, picture in enumerate(np.full((4, 160, 192, 3), 90, np.uint8)):
        keep(whole, "bell", number, picture)
        assert number_made(whole, "bell") == number + 1


@pytest.mark.parametrize("lost, gone", [("bell/head-0000.png", "bell/0000.png"), ("bell.mp4", "bell.mp4")])
def test_a_full_disk_is_one_line_and_leaves_no_parts(model, made, tmp_path, lost, gone):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (tmp_path / gone).unlink()
    with full_disk(4_000), pytest.raises(OSError, match=f"{lost}: not written .*make room, .*run the same command again"):
        prerender(settings(model, tmp_path), ["bell"])
    assert not [*tmp_path.rglob("*.part*")] and not [*tmp_path.rglob(LOCK)]
    prerender(settings(model, tmp_path), ["bell"])
    assert Loops(tmp_path).classes == ["bell", "rain"]


def test_what_is_beside_the_frames_of_a_loop_stays(model, tmp_path):
    mine = [tmp_path / "bell" / name for name in ("head-of-a-bell.png", "tail-lights.png", "poster.jpg")]
    mine[0].parent.mkdir()
    for path in mine:
        path.write_bytes(b"mine")
    prerender(settings(model, tmp_path, frames=4), ["bell"])
    assert [path.read_bytes() for path in mine] == [b"mine"] * 3


def test_finished_loops_are_left_alone(model, made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert len(prerender(settings(model, made))) == 2
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_other_settings_need_another_folder(model, made):
    with pytest.raises(ValueError, match="made otherwise.*another --out"):
        prerender(settings(model, made, seed=5))


def test_loops_of_other_defaults_are_other_loops(model, made, monkeypatch):
    monkeypatch.setitem(DEFAULTS, "dream.smoothing", 0.123)
    with pytest.raises(ValueError, match="made otherwise"):
        prerender(settings(model, made))


class Noting(Mapping):
    """Values that note which of them are read."""

    def __init__(self, values, read):
        self._values, self._read = values, read

    def __getitem__(self, name):
        self._read.add(name)
        return self._values[name]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)


def test_the_card_lists_the_rows_on_which_a_loop_depends_and_no_others(model, tmp_path, monkeypatch):
    read = set()
    monkeypatch.setattr("instrument.prerender._scene", lambda *what: (found := _scene(*what)) and replace(
        found, values=Noting(found.values, read)))
    everything = {"dream.energy": 0.5, "dream.channel": 0.5, "dream.class": 0.5, "dream.octaves": 2.0, "dream.spectrogram": 1.0,
                  "zoom.pan_x": 0.1}
    prerender(settings(model, tmp_path, frames=4, values=everything), ["bell"])
    assert read - {"dream.size", "dream.seed"} == set(json.loads((tmp_path / CARD).read_text())["values"])


@pytest.mark.parametrize("row, value", [("dream.rate", 25.0), ("dream.seed", 7.0), ("dream.size", 512.0), ("zoom.echo", 0.5),
                                        ("mod.1.depth", -0.5), ("dream.spectrogram", 1.0), ("post.hue", 90.0)])
def test_a_row_on_which_no_loop_depends_makes_no_other_loops(model, made, row, value):
    before = (made / CARD).read_text()
    assert len(prerender(settings(model, made, values={**CALM, row: value}))) == 2 and (made / CARD).read_text() == before


def test_a_card_of_an_earlier_version_is_accepted_and_stays(model, made, tmp_path):
    """Until 30 November 2026 it listed all rows of its groups."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    card = json.loads((made / CARD).read_text())
    rows = {**{row.name: row.default for row in PARAMS if row.group in ("dream", "zoom", "mod")}, **CALM, "mod.1.depth": 0.7}
    text = json.dumps({**card, "values": rows})
    (tmp_path / CARD).write_text(text)
    assert "bell.mp4" in prerender(settings(model, tmp_path))[0] and (tmp_path / CARD).read_text() == text
    (tmp_path / CARD).write_text(json.dumps({**card, "values": {**rows, "dream.step": 0.2}}))
    with pytest.raises(ValueError, match="made otherwise"):
        prerender(settings(model, tmp_path))


def test_a_mistake_does_not_bar_the_way_for_what_was_meant(model, tmp_path):
    for network in ("nosuch", "nothing"):
        with pytest.raises(ValueError, match=f"no torchvision classifier '{network}'"):
            prerender(settings(model, tmp_path, network=network), ["bell"])


@pytest.mark.parametrize("text", ("{", "[]", "7", "null", '"fps"', '{"fps": 20}', '{"fps": "x", "frames": 1, "size": [2, 2]}'))
def test_a_damaged_card_is_explained_to_whoever_makes_loops_and_to_whoever_plays_them(model, tmp_path, text):
    (tmp_path / CARD).write_text(text)
    for use in (lambda: prerender(settings(model, tmp_path), ["bell"]), lambda: Loops(tmp_path)):
        with pytest.raises(ValueError, match=f"{CARD} is damaged .*choose another --out") as told:
            use()
        assert "\n" not in str(told.value)
    assert (tmp_path / CARD).read_text() == text


def test_loops_show_ones_own_pictures_and_do_not_go_on_with_others(model, made, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    Image.new("RGB", (160, 160), (255, 0, 0)).save(own / "bell.png")
    prerender(settings(model, tmp_path / "loops", pictures=str(own)), ["bell"])
    mine, theirs = (read_picture(frame_path(folder / "bell", 0)) for folder in (tmp_path / "loops", made))
    assert mine[..., 0].mean() > mine[..., 2].mean() + 50 > theirs[..., 0].mean() - theirs[..., 2].mean() + 50
    with pytest.raises(ValueError, match="made otherwise"):
        prerender(settings(model, tmp_path / "loops"), ["bell"])


def test_loops_do_not_go_on_with_a_picture_exchanged_under_its_name(model, tmp_path):
    own, loops = tmp_path / "own", tmp_path / "loops"
    own.mkdir()
    Image.new("RGB", (160, 160), (255, 0, 0)).save(own / "bell.png")
    prerender(settings(model, loops, frames=4, pictures=str(own)), ["bell", "bell"])
    Image.new("RGB", (160, 160), (0, 0, 255)).save(own / "rain.png")
    with pytest.raises(ValueError, match="made otherwise"):
        prerender(settings(model, loops, frames=4, pictures=str(own)), ["rain"])
    (own / "rain.png").unlink()
    prerender(settings(model, loops, frames=4, pictures=str(own)), ["rain"])


def test_loops_of_which_nobody_knows_what_they_show_do_not_go_on(model, tmp_path):
    """An earlier version noted where the pictures were, and not what was in them."""
    prerender(settings(model, tmp_path, frames=4), ["bell"])
    card = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps({**card, "pictures": "some/folder"}))
    with pytest.raises(ValueError, match="made otherwise"):
        prerender(settings(model, tmp_path, frames=4), ["rain"])


def test_pictures_and_loops_of_which_no_card_says_how_they_were_made_are_left_alone(model, made, tmp_path):
    for kept in ("bell/0003.png", "bell.mp4", "rain/head-0000.png"):
        out = tmp_path / kept.replace("/", "-")
        (out / kept).parent.mkdir(parents=True)
        (out / kept).write_bytes(b"mine")
        with pytest.raises(ValueError, match=f"holds {kept}, and no {CARD} .*choose another --out"):
            prerender(settings(model, out), ["bell"])
        assert (out / kept).read_bytes() == b"mine" and not (out / CARD).exists()


def test_what_is_no_loop_bars_nothing(model, tmp_path):
    (tmp_path / "poster.png").write_bytes(b"mine")
    (tmp_path / "bell.part.mp4").write_bytes(b"broken off")
    prerender(settings(model, tmp_path, frames=4), ["bell"])
    assert Loops(tmp_path).classes == ["bell"] and (tmp_path / "poster.png").read_bytes() == b"mine"


def test_a_frame_of_another_size_is_named(model, tmp_path):
    prerender(settings(model, tmp_path, frames=4), ["bell"])
    strange = frame_path(tmp_path / "bell", 2)
    Image.new("RGB", (96, 80)).save(strange)
    with pytest.raises(ValueError, match="0002.png is 96x80 and no frame of a loop of 192x160: move it away"):
        prerender(settings(model, tmp_path, frames=4), ["bell"])
    assert Image.open(strange).size == (96, 80)


def test_an_unknown_class_and_an_odd_size_are_explained(model, tmp_path):
    with pytest.raises(ValueError, match="no class whale; it has bell, rain"):
        prerender(settings(model, tmp_path), ["whale"])
    with pytest.raises(ValueError, match="160 to 1024"):
        prerender(settings(model, tmp_path, size=(64, 64)))


def test_steps_that_a_dream_went_on_without_are_said_of_its_loop(model, tmp_path, monkeypatch):
    from instrument.dream.dreamer import Dreamer

    step = Dreamer.step

    def losing(self, past, scene):
        self.lost += scene.now >= 0 and "bell" in scene.weights
        return step(self, past, scene)

    monkeypatch.setattr(Dreamer, "step", losing)
    bell, rain = prerender(settings(model, tmp_path, frames=4))
    assert bell.endswith("4 frames" + left_out(5)) and rain.endswith("rain.mp4  4 frames")


def test_too_little_memory_is_one_line_with_the_cure(model, tmp_path, monkeypatch):
    def loop(*_):
        raise MemoryError
        yield

    monkeypatch.setattr("instrument.prerender._loop", loop)
    with pytest.raises(ValueError, match="out of memory with dreams of 160 px: give a smaller --size"):
        prerender(settings(model, tmp_path))


def test_torchrun_shares_the_classes_out(model, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, name in ((0, "bell"), (1, "rain")):
        monkeypatch.setenv("RANK", str(rank))
        lines = prerender(settings(model, tmp_path, frames=4))
        assert len(lines) == 1 and name in lines[0]
    assert Loops(tmp_path).classes == ["bell", "rain"]


def test_workers_make_the_same_loops(model, made, tmp_path):
    prerender(settings(model, tmp_path), workers=2)
    for name in ("bell", "rain"):
        assert far(read_picture(frame_path(tmp_path / name, 5)), read_picture(frame_path(made / name, 5))) < 1


# --- several processes on one folder

TWIN = """
import sys
sys.path.insert(0, sys.argv[1])
from test_prerender import prerender, settings
print("begins", flush=True)
sys.stdin.readline()
print(*prerender(settings(sys.argv[2], sys.argv[3])), sep="\\n")
"""


def twin(model, out):
    """Another process that makes the loops of a folder, when it is told to."""
    here = Path(__file__).parent
    return subprocess.Popen([sys.executable, "-c", TWIN, str(here), str(model), str(out)], text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(here.parent)})


def test_two_processes_share_the_work_on_a_folder(model, made, tmp_path):
    twins = [twin(model, tmp_path) for _ in range(2)]
    for each in twins:
        assert each.stdout.readline() == "begins\n", each.stderr.read()
    for each in twins:
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.communicate() for each in twins]
    assert [each.returncode for each in twins] == [0, 0] and not any("Traceback" in errors for _, errors in said), said
    for name in ("bell", "rain"):
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == [f"{number:04d}.png" for number in range(8)]
        for number in (0, 3, 7):
            assert far(read_picture(frame_path(tmp_path / name, number)), read_picture(frame_path(made / name, number))) < 1
        assert sum(str(tmp_path / f"{name}.mp4") in lines for lines, _ in said) >= 1
    assert Loops(tmp_path).classes == ["bell", "rain"] and not [*tmp_path.rglob(".lock")]


def test_a_loop_that_somebody_else_makes_is_left_to_them(model, tmp_path):
    whole = settings(model, tmp_path, frames=4)
    with ours(whole, "bell", write_card(whole, load_model(model), picture_files_of(load_model(model)))):
        lines = prerender(settings(model, tmp_path, frames=4))
        assert lines[0].startswith("bell: another prerender is at work on it") and "rain.mp4  4 frames" in lines[1]
    assert Loops(tmp_path).classes == ["rain"] and "bell.mp4" in prerender(settings(model, tmp_path, frames=4))[0]


def test_nobody_writes_another_card_while_the_first_loop_is_begun(model, tmp_path):
    whole = settings(model, tmp_path, frames=4)
    card = write_card(whole, load_model(model), {})
    with ours(whole, "bell", card) as mine:
        assert mine
        with pytest.raises(ValueError, match="made otherwise"):
            prerender(replace(whole, seed=5), ["rain"])


def test_who_finds_another_card_when_a_loop_is_to_begin_does_not_begin_it(model, tmp_path):
    whole = settings(model, tmp_path, frames=4)
    card = write_card(whole, load_model(model), {})
    write_card(replace(whole, seed=5), load_model(model), {})
    with pytest.raises(ValueError, match="made otherwise"):
        with ours(whole, "bell", card):
            pass


def test_a_lock_that_a_killed_process_left_bars_nobody(model, tmp_path):
    write_card(settings(model, tmp_path, frames=4), load_model(model), {})
    (tmp_path / "bell").mkdir()
    for folder in (tmp_path, tmp_path / "bell"):
        (folder / LOCK).touch()
    prerender(settings(model, tmp_path, frames=4), ["bell"])
    assert Loops(tmp_path).classes == ["bell"] and not [*tmp_path.rglob(LOCK)]


@pytest.mark.skipif(sys.platform == "win32", reason="ends by POSIX signal")
@pytest.mark.parametrize("how, status", [("SIGTERM", 130), ("SIGKILL", -9)])
def test_workers_end_with_who_asked_for_them(model, tmp_path, how, status):
    """They share its output: that it ends is the end of all of them."""
    out = tmp_path / "out"
    command = ["prerender", "--out", out, "--model", model, "--size", "192x160", "--fps", "5", "--count", "9999", "--workers", "2"]
    shown = subprocess.Popen([sys.executable, "-m", "instrument", *map(str, command)], cwd=Path(__file__).parents[1], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 240
    while len([*out.glob("*/head-*.png")]) < 3 and shown.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    shown.send_signal(getattr(signal, how))
    said, _ = shown.communicate(timeout=120)
    assert shown.returncode == status and "Traceback" not in said, said
    assert how == "SIGKILL" or not [*out.rglob("*.part")] + [*out.rglob(LOCK)]


# --- playing

def scene(weights, now, **changes):
    return Scene({**DEFAULTS, **{f"show.{name}": value for name, value in changes.items()}}, weights, now, 192 / 160)


def test_loops_are_mixed_by_class_weights(made):
    loops = Loops(made)
    loops.territories = Territories(1)
    means = [np.asarray(loops.mixture({"bell": 1 - share, "rain": share}, 3)).mean() for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert means == sorted(means) and means[0] < means[-1] - 20
    assert abs(means[2] - (means[0] + means[-1]) / 2) < 8  # each has half, but not of every part of its picture


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.15, 0.85), (0.5, 0.3, 0.2), (0.001, 0.999)])
def test_in_a_mixture_each_picture_has_land_of_its_own_by_its_share(shares):
    colours = dict(zip("abc"[:len(shares)], np.eye(3, dtype=np.uint8) * 255))
    pictures = {name: Image.new("RGB", (160, 90), tuple(colour)) for name, colour in colours.items()}
    mixed = np.asarray(side_by_side(pictures, dict(zip(pictures, shares)), Territories(4))) / 255
    assert mixed.mean((0, 1))[:len(shares)] == pytest.approx(shares, abs=0.02)
    assert (mixed.max(2) > 0.9).mean() > 0.5  # there one is seen alone: a plain mixture of halves has 0.5 everywhere


def test_one_picture_is_no_mixture():
    alone = Image.new("RGB", (16, 9))
    assert side_by_side({"a": alone}, {"a": 1.0}, Territories(4)) is alone


def test_playback_follows_time_and_goes_round(made):
    frames = Latest()
    player = Playback(Loops(made), frames)
    seen = []
    for now in (0.05, 0.35, 0.85):
        player.turn(scene({"bell": 1.0}, now))
        frame = frames.take()
        assert frame.pixels.shape == (160, 192, 4) and frame.pixels.flags["C_CONTIGUOUS"]
        seen.append(frame.pixels[..., :3])
    assert far(seen[1], read_picture(frame_path(made / "bell", 3))) == 0
    assert far(seen[2], seen[0]) < 3  # 0.8 s later it began again


def test_a_loop_moves_as_it_was_made_to_whatever_the_zoom_of_now(made):
    """A journey that turns a whole round between two pictures carries neither of them."""
    frames, journey = Latest(), Journey()
    player = Playback(Loops(made), frames)
    for now in (0.0, 0.1, 0.2):
        journey.advance(Motion(turn=2 * math.pi, expand=1.0), now)
        player.turn(replace(scene({"bell": 1.0}, now), place=journey.here))
        journey.advance(Motion(turn=2 * math.pi, expand=1.0), now + 0.05)
        assert journey.since(frames.take().place) == Motion()


def test_after_a_freeze_a_loop_goes_on_where_it_was(made):
    frames = Latest()
    player, seen = Playback(Loops(made), frames), []
    for now, moved, freeze in ((0.05, 0.05, 0.0), (30.0, 0.05, 1.0), (30.1, 0.15, 0.0)):
        player.turn(replace(scene({"bell": 1.0}, now, freeze=freeze), place=Place(moved)))
        frame = frames.take()
        seen += [frame.pixels[..., :3]] if frame else []
    assert far(seen[1], read_picture(frame_path(made / "bell", 1))) == 0


@pytest.mark.parametrize("stride", (2, 3, 5))
@pytest.mark.parametrize("display", (24.0, 60.0))
def test_a_slow_machine_leaves_out_the_same_number_of_frames_each_time(display, stride):
    number, shown, fps = None, [], 20.0
    for turn in range(200):
        seen = math.floor(turn * stride / fps * display) / display
        number = following(number, seen * fps, stride)
        shown.append(number)
    steps = [after - before for before, after in pairwise(shown)]
    assert abs(shown[-1] - 199 * stride) <= 3 and steps.count(stride) > 190 and max(steps) <= stride + 1


def test_the_pace_is_what_the_machine_can_keep_and_a_hitch_does_not_change_it():
    pace, strides = Pace(), []
    for took in (*[0.01] * 20, 0.4, *[0.01] * 20, *[0.12] * 20, *[0.07] * 20, *[0.01] * 20):
        pace.took(took, 0.05)
        strides.append(pace.stride)
    assert set(strides[:41]) == {1} and strides[60] == 3 and strides[80] == 2 and strides[-1] == 1


def test_of_how_long_frames_took_at_another_pace_nothing_is_kept():
    """Five of the new pace say whether it can be kept, and none of those that led to it."""
    pace, strides = Pace(), []
    for took in (*[0.12] * 5, *[0.07] * 5):
        pace.took(took, 0.05)
        strides.append(pace.stride)
    assert strides == [1] * 4 + [3] * 5 + [2]


class Slow:
    """Loops whose frames take so many seconds of a clock of ours."""

    def __init__(self, loops, takes):
        self.loops, self.takes, self.now = loops, takes, 0.0

    def __getattr__(self, name):
        return getattr(self.loops, name)

    def mixture(self, *what):
        self.now += self.takes
        return self.loops.mixture(*what)


def test_a_playback_too_slow_for_all_frames_is_even_and_says_so(made):
    slow, frames, shown = Slow(Loops(made), 0.17), Latest(), []
    player = Playback(slow, frames, clock=lambda: slow.now)
    for _ in range(40):
        began = slow.now
        player.turn(scene({"bell": 1.0}, slow.now))
        shown.append(player._number)
        slow.now = max(slow.now, began + player._wanted(None))
    assert {after - before for before, after in pairwise(shown[12:])} == {2}  # of 0.1 s each
    assert frames.take().note == "1 of 2 frames of the loops (slow)"
    slow.takes = 0.01
    for _ in range(10):
        player.turn(scene({"bell": 1.0}, slow.now))
    assert frames.take().note == "" and player._wanted(None) == 0.1


def test_frames_are_read_ahead_in_the_order_in_which_they_are_needed(made):
    loops = Loops(made)
    ahead, order = Ahead(loops), []
    loops.take_in = lambda *place: order.append(place) or loops.kept.put(*place, b"frame")
    ahead.due = ("rain",), 6, 2
    while ahead.take_in():
        pass
    rain, bell = [("rain", number) for number in (6, 0, 2, 4, 7, 1, 3, 5)], [("bell", number) for number in range(8)]
    assert order == rain + bell  # of those shown the next first, and last what a slow machine leaves out


def test_a_damaged_frame_does_not_end_the_reading_ahead(made, tmp_path):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    frame_path(tmp_path / "bell", 3).write_bytes(b"")
    loops = Loops(tmp_path)
    ahead = Ahead(loops)
    while ahead.take_in():
        pass
    assert [number for number in range(8) if not loops.kept.get("bell", number)] == [3] and loops.kept.get("rain", 7)


def test_each_frame_of_a_circle_is_read_once(made, monkeypatch):
    loops, files = Loops(made), []
    wanted = [read_picture(frame_path(made / "bell", number)) for number in range(8)]
    monkeypatch.setattr("instrument.dream.playback.open_picture", lambda path: files.append(path) or open_picture(path))
    for number in range(24):
        assert far(np.asarray(loops.mixture({"bell": 1.0}, number)), wanted[number % 8]) < 3
    assert len(files) == 8


def test_where_memory_is_short_what_is_shown_stays_and_takes_room_from_what_was_shown_longest_ago():
    kept, frame = Kept(10), b"four"
    for name in "abc":
        kept.put(name, 0, frame)
    assert kept.get("b", 0) and not kept.get("c", 0) and kept.full_for("c")  # none is shown: all may be needed
    for name in "bac":
        kept.show([name])
    kept.put("c", 0, frame)
    assert kept.get("c", 0) and kept.get("a", 0) and not kept.get("b", 0)
    for number in (1, 2):
        kept.put("c", number, frame)
    assert kept.get("c", 0) and kept.get("c", 1) and not kept.get("a", 0)
    assert not kept.get("c", 2) and kept.full_for("c")  # a circle that is longer keeps what it has


def test_who_reads_ahead_rests_where_there_is_no_more_room(made):
    loops = Loops(made)
    loops.kept = Kept(len(b"frame") * 3)
    ahead, order = Ahead(loops), []
    loops.take_in = lambda *place: order.append(place) or loops.kept.put(*place, b"frame")
    for name in ("bell", "rain"):
        loops.kept.show([name])
        ahead.due = (name,), 0, 1
        while ahead.take_in():
            assert len(order) < 20
        assert loops.kept.get(name, 2) and not loops.kept.get(name, 3)


@pytest.mark.parametrize("display", (24.0, 25.0, 30.0, 50.0, 60.0))
@pytest.mark.parametrize("fps", (12.5, 20.0, 30.0))
def test_loops_move_evenly_whatever_the_clocks(display, fps):
    """The thread takes the newest scene at its own rate: what is due then beats with the rate of the display."""
    number, shown, rate = None, [], min(fps, display)
    for turn in range(400):
        seen = math.floor(turn / rate * display) / display  # the time of the newest scene
        number = following(number, seen * fps)
        shown.append(number)
    steps = [after - before for before, after in pairwise(shown)]
    assert abs(shown[-1] - 399 * fps / rate) <= 3
    assert set(steps) <= ({1} if display >= fps else {1, 2}) | ({0} if steps.count(0) < 4 else set())


def test_a_loop_leaps_where_time_did():
    assert [following(10, due) for due in (11.2, 11.9, 20.0, 2.0)] == [11, 11, 20, 2] and following(None, 7.9) == 7


def test_playback_holds_and_remembers(made):
    frames = Latest()
    player = Playback(Loops(made), frames)
    player.turn(scene({"rain": 1.0}, 0.0))
    assert frames.take()
    player.turn(scene({"rain": 1.0}, 0.3, freeze=1.0))
    assert frames.take() is None
    unknown = {}, {"whale": 1.0}, {"whale": 0.9, "bell": 0.1}  # of none there is a loop, of the last only of a little
    for now, weights in zip((0.9, 1.8, 2.7), unknown):
        player.turn(scene(weights, now))
        assert far(frames.take().pixels[..., :3], read_picture(frame_path(made / "rain", round(now * 10) % 8))) < 3


def test_another_class_fades_in(made):
    frames, level = Latest(), []
    player = Playback(Loops(made), frames)
    for number in range(24):
        player.turn(scene({"bell": 1.0} if number < 4 else {"rain": 0.05}, number * 0.8 / 10))
        level.append(float(frames.take().pixels[..., :3].mean()))
    steps = np.abs(np.diff(level))
    assert level[-1] > level[3] + 60 and steps.max() < 0.3 * (level[-1] - level[3])


@pytest.mark.parametrize("aspect, shape", [(192 / 160, (160, 192)), (2.0, (96, 192)), (0.5, (160, 80))])
def test_a_loop_is_cut_to_the_shape_of_the_window(made, aspect, shape):
    frames = Latest()
    Playback(Loops(made), frames).turn(replace(scene({"bell": 1.0}, 0.0), aspect=aspect))
    assert frames.take().pixels.shape == (*shape, 4)


def test_a_loop_is_cut_alike_on_both_sides():
    """Its middle stays in the middle, as it was dreamed."""
    quarter = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    half = np.concatenate((quarter, quarter[:, ::-1]), 1)
    picture = Image.fromarray(np.concatenate((half, half[::-1])))
    for aspect in (2.0, 1.0, 0.5):
        kept = np.asarray(cut(picture, aspect))
        assert np.array_equal(kept, kept[::-1, ::-1]) and kept.shape != (60, 80, 3)


def test_a_class_of_next_to_nothing_has_no_part_in_a_mixture(made):
    """As in a live dream, also where all that is heard is faint."""
    frames = Latest()
    Playback(Loops(made), frames).turn(scene({"bell": 0.05, "rain": 0.019}, 0.0))
    assert far(frames.take().pixels[..., :3], read_picture(frame_path(made / "bell", 0))) == 0


def test_a_fresh_start_is_another_place_in_the_loop(made):
    frames, shown = Latest(), set()
    player = Playback(Loops(made), frames)
    for _ in range(30):
        player.reseed()
        player.turn(scene({"bell": 1.0}, 0.0))
        shown.add(frames.take().pixels.tobytes())
    assert len(shown) > 2


def test_a_lost_frame_does_not_end_the_show(made, tmp_path):
    frames, loops = Latest(), Loops(made)
    loops.folder = tmp_path
    player = Playback(loops, frames)
    player.turn(scene({"bell": 1.0}, 0.0))
    assert frames.take() is None and player.faults == 1


def test_the_performer_sees_that_a_frame_is_lost_and_for_some_seconds_that_it_was(made, tmp_path):
    frames, loops, now = Latest(), Loops(made), 0.0
    player = Playback(loops, frames, clock=lambda: now)
    loops.folder = tmp_path
    player.turn(scene({"bell": 1.0}, 0.0))
    assert player.fault.startswith("a frame cannot be played: ")
    loops.folder = made
    for now in (0.1, SHOWN):
        player.turn(scene({"bell": 1.0}, now))
        assert player.fault and frames.take()
    now = SHOWN + 0.2
    player.turn(scene({"bell": 1.0}, now))
    assert player.fault == "" and frames.take().note == ""


def test_playback_is_a_thread_like_the_dream(made):
    frames = Inbox()
    with Playback(Loops(made), frames) as player:
        player.reseed()
        player.scene.put(scene({"bell": 1.0}, 0.0))
        assert frames.wait(60)


@pytest.mark.parametrize("changes", ({"size": None}, {"size": [0, 90]}, {"fps": 0}, {"frames": -1}))
def test_a_card_of_loops_that_lacks_something_is_explained(made, tmp_path, changes):
    card = {**json.loads((made / CARD).read_text()), **changes}
    (tmp_path / CARD).write_text(json.dumps({name: value for name, value in card.items() if value is not None}))
    with pytest.raises(ValueError, match="is damaged"):
        Loops(tmp_path)


def test_a_folder_without_loops_is_explained(made, tmp_path):
    with pytest.raises(ValueError, match="hearsee prerender --out"):
        Loops(tmp_path)
    (tmp_path / CARD).write_text(json.dumps({"fps": 20}))
    with pytest.raises(ValueError, match="damaged.*frames"):
        Loops(tmp_path)
    (tmp_path / CARD).write_text((made / CARD).read_text())
    with pytest.raises(ValueError, match="no loop is finished"):
        Loops(tmp_path)
