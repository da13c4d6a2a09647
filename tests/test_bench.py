"""The benches, small: what they measure is there, and their verdicts say what the figures say."""

import json
import math
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from test_dream import small_eye
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.models import resnet50  # before OpenGL: its triton crashes where Mesa's LLVM was loaded first

from instrument.audio.frontend import FrontEnd
from instrument.bench import calm, ceiling, cuda, hear, looks, show, soak, table2
from instrument.bench.ceiling import Ceilings, Work, label, name_of
from instrument.bench.dream import Steps, dream_rows, record
from instrument.bench.peer import Ours, Peer, _now, _pair, peer_rows
from instrument.bench.report import markdown, write
from instrument.bench.run import BENCHES, VERDICTS, _few_of_each, bench
from instrument.bench.upload import upload_rows
from instrument.cli import parser
from instrument.control import Control
from instrument.dream import Dreamer
from instrument.dream import dreamer as dreaming
from instrument.dream.graphs import SETTLED, Plain
from instrument.dream.precision import quick_precisions
from instrument.learn.augment import room
from instrument.model.card import load_model
from instrument.model.zoo import open_eye
from instrument.params import DEFAULTS
from instrument.render.window import open_screen

torch.set_num_threads(1)
SMALL = {**DEFAULTS, "dream.size": 32.0, "dream.octaves": 1.0, "dream.jitter": 2.0, "dream.rate": 4.0}
PEER = {
    "deepdream.py": """
import cv2 as cv
import utils.utils as utils
DEVICE = utils.DEVICE
def gradient_ascent(config, model, picture, layers, iteration):
    model(picture)[layers[0]].square().mean().backward()
    picture.data += config["lr"] * picture.grad
    utils.steps.append(layers[0])
""",
    "utils/utils.py": """
import torch
import matplotlib.pyplot as plt
DEVICE, steps = torch.device("cpu"), []
def pre_process_numpy_img(picture):
    return picture - 0.5
def pytorch_input_adapter(picture, device):
    return torch.from_numpy(picture).permute(2, 0, 1)[None].requires_grad_()
def random_circular_spatial_shift(picture, down, across, should_undo=False):
    return picture.detach().roll((-down, -across) if should_undo else (down, across), (2, 3)).requires_grad_()
""",
    "models/definitions/resnets.py": """
import torch
from torchvision import models
class ResNet50(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.net = models.resnet50(pretrained=True, progress=False)
    def forward(self, x):
        net, found = self.net, []
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            found.append(x)
        return found
""",
}


@pytest.fixture(scope="module")
def dreamer():
    dice = torch.Generator().manual_seed(3)
    return Dreamer(small_eye(), {name: torch.rand(3, 40, 40, generator=dice) for name in "ab"})


@pytest.fixture
def peer_folder(tmp_path):
    for name, text in PEER.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


# --- soak

def test_a_soak_that_is_broken_off_tells_what_it_has_seen(dreamer):
    def turns(minutes):
        yield next(iter(minutes))
        raise KeyboardInterrupt

    def at_once(minutes):
        raise KeyboardInterrupt

    values = {**SMALL, "dream.rate": 1.0}
    assert [each["minute"] for each in soak.soak_rows(dreamer, ["a", "b"], 3, values, turns)] == [1]
    with pytest.raises(KeyboardInterrupt):
        soak.soak_rows(dreamer, ["a", "b"], 3, values, at_once)


def test_a_soak_has_a_row_a_minute(dreamer):
    dreamer.lost = dreamer.lost + 5  # before it began
    rows = soak.soak_rows(dreamer, ["a", "b"], 1.1, {**SMALL, "dream.rate": 2.0})
    assert [row["minute"] for row in rows] == [1, 2]
    for row in rows:
        assert all(math.isfinite(value) for value in row.values()), row
        assert 0 < row["mean_low"] <= row["mean_high"] < 1 and row["memory_mb"] > 10
        assert row["lost"] == 0 and row["moved"] > 0 and row["nearest"] > 0


def test_a_soak_in_which_every_step_fails_says_how_many_are_lost(dreamer, monkeypatch):
    def fail(past, scene):
        raise ValueError("odd")

    monkeypatch.setattr(dreamer, "step", fail)
    rows = soak.soak_rows(dreamer, ["a", "b"], 1 / 30, {**SMALL, "dream.rate": 2.0})
    assert rows[0]["lost"] == 4 and soak.verdict(rows) == "no picture at all: 4 steps lost"
    assert soak.verdict([row(), *rows]).endswith("4 steps lost")


def test_a_picture_that_comes_back_is_found():
    dice = np.random.default_rng(0)
    pictures = [dice.integers(0, 256, (36, 64, 3), np.uint8) for _ in range(30)]
    diary = soak.Diary()
    found = [diary.add(picture, float(second)) for second, picture in enumerate([*pictures, pictures[3]])]
    assert found[0] == (math.inf, math.inf, math.inf) and found[9][1:] == (math.inf, math.inf)
    assert all(nearest > 0.01 for _, nearest, _ in found[:-1]) and found[-1][1] == 0


def row(**changes):
    return {"minute": 1, "memory_mb": 900.0, "mean_low": 0.3, "mean_high": 0.4, "contrast_low": 0.15,
            "contrast_high": 0.2, "clipped": 0.001, "moved": 0.02, "nearest": 0.05, "apart": 0.1, "lost": 0, **changes}


@pytest.mark.parametrize("changes, words", [
    ({}, "all in bounds"), ({"nearest": 0.01}, "a picture came back"), ({"mean_high": 0.9}, "mean leaves 0.15 to 0.75"),
    ({"contrast_low": 0.01}, "contrast leaves"), ({"memory_mb": 1100.0}, "memory grew by 200 MB"),
    ({"lost": 3}, "3 steps lost"), ({}, "0.5 of how far any two are apart"),
])
def test_the_verdict_of_a_soak(changes, words):
    assert words in soak.verdict([row(), row(), row(**changes)])


def test_a_soak_of_seconds_compares_nothing():
    assert soak.verdict([row(nearest=math.inf, apart=math.inf)]).startswith("no picture is 10 s older than another")


@pytest.mark.parametrize("nearest, words", [(0.08, "all in bounds"), (0.04, "a picture came back")])
def test_a_fast_texture_comes_back_only_where_it_is_much_nearer_than_any_two_of_its_pictures(nearest, words):
    fast = row(moved=0.11, nearest=0.09, apart=0.12)
    assert words in soak.verdict([fast, fast, {**fast, "nearest": nearest}])


# --- upload

def test_every_route_is_timed():
    try:
        screen = open_screen((64, 64), headless=True)
    except OSError as error:
        pytest.skip(str(error))
    rows = upload_rows(screen.ctx, sizes=((64, 48), (128, 96)), repeats=2)
    screen.close()
    assert [row["size"] for row in rows if row["route"] == "host"] == ["64x48", "128x96"]
    assert all(0 < row["call_ms"] <= row["done_ms"] for row in rows if not row["note"])


# --- peer

def test_both_step_in_turn_on_the_same_network(peer_folder):
    torch.manual_seed(0)
    rows = peer_rows(peer_folder, resnet50(), sizes=(64,), layers=(1, 2), repeats=1)
    assert [(row["size"], row["layer"]) for row in rows if row["precision"] == "float32"] == [(64, 1), (64, 2)]
    assert {row["precision"] for row in rows} == {"float32", *(name_of(half) for half in quick_precisions("cpu"))}
    for row in rows:
        assert row["ratio"] == pytest.approx(row["peer_ms"] / row["ours_ms"])


def test_the_peer_takes_its_own_step_and_leaves_no_names(peer_folder):
    torch.manual_seed(0)
    peer = Peer(peer_folder, resnet50().eval())
    before = peer.start(64)
    after = peer.step(before, 2)
    assert peer._utils.steps == [1] and after.shape == before.shape and not torch.equal(after, before)
    assert not {"deepdream", "utils.utils", "models"} & set(sys.modules) and str(peer_folder) not in sys.path


def test_nothing_is_timed_before_it_is_recorded():
    done = []
    ours = SimpleNamespace(warm=lambda: done.append("warm"), step=lambda: done.append("ours"))
    peer = SimpleNamespace(start=lambda size: 0, step=lambda picture, layer: done.append("peer"))
    _pair(peer, ours, 64, 1, 1)
    assert done == ["warm"] + ["peer", "ours"] * 3


def ours(eye, pictures):
    each = Ours(eye, 32, 3)
    return each, each.step, lambda: each._dreamer


def steps(eye, pictures):
    each = Steps(eye, pictures, 32, SMALL, play=Plain())
    return each, each, lambda: each.dreamer


@pytest.mark.parametrize("kind", (ours, steps))
def test_each_step_that_is_timed_leaves_another_picture(dreamer, kind):
    each, step, _ = kind(small_eye(), dreamer.pictures)
    step()
    for _ in range(3):
        before = each._last
        step()
        assert each._last.number == before.number + 1 and not torch.equal(each._last.picture, before.picture)


@pytest.mark.parametrize("kind", (ours, steps))
def test_a_step_that_does_nothing_is_not_timed(dreamer, kind, monkeypatch):
    _, step, dreams = kind(small_eye(), dreamer.pictures)
    step()
    monkeypatch.setattr(dreams(), "step", lambda last, scene: last)
    with pytest.raises(RuntimeError, match="does not go on"):
        step()


def test_a_folder_without_the_peer_is_explained(tmp_path):
    with pytest.raises(ValueError, match="git clone"):
        Peer(tmp_path, None)


# --- looks

@pytest.mark.parametrize("name, value", (("fine", 0.21), ("clipped", 0.03), ("steady", 0.5), ("rgb_corr", 0.6)))
def test_the_verdict_of_looks_names_who_is_beyond_the_bounds(name, value):
    calm_look = {"preset": "Ember", "fine": 0.1, "clipped": 0.0, "rgb_corr": 0.85, "steady": 0.35}
    assert looks.verdict([calm_look, calm_look]).endswith("all 2 keep to it")
    assert looks.verdict([calm_look, {**calm_look, "preset": "Loud", name: value}]).endswith(f"beyond are Loud ({name} {value:.2g})")


# --- show, and what all share

def test_knobs_are_turned_through_legal_values():
    control, seen = Control(), {}
    for count in range(200):
        show._turn(control, count)
        for name, value in control.frame().items():
            seen.setdefault(name, set()).add(value)
    assert {name for name, values in seen.items() if len(values) > 1} == set(show.TURNED)


@pytest.mark.parametrize("p99, word", [(20.0, "within"), (40.0, "beyond")])
def test_the_verdict_of_the_show(p99, word):
    late = {"untouched": 20.0, "knobs": p99, show.EXCHANGED: p99 + 2}
    told = show.verdict([{"run": run, "frame_ms_p99": value} for run, value in late.items()])
    assert f"{p99 / 20:.2f} times the untouched one ({word} 1.5)" in told and f"{p99 / 20 + 0.1:.2f} times ({word} 1.5)" in told


def test_network_and_model_are_exchanged_and_come_back(tmp_path):
    model = load_model()
    for what, name in (wishes := show._exchanges(SimpleNamespace(model=model, network="own"), tmp_path)):
        assert name == "own" or (open_eye(name) if what == "show.network" else load_model(name).classes == model.classes)
    assert len(set(wishes)) == 4 and wishes[2:] == (("show.network", "own"), ("show.model", str(model.folder)))


def test_a_stretch_lasts_until_what_was_wished_for_is_there():
    asked, frames = [], []
    there = SimpleNamespace(now="first")
    control = SimpleNamespace(command=lambda *wish: asked.append(wish))

    def frame(now, dt):
        frames.append(now)
        there.now = "second" if len(frames) == 5 else there.now

    played = SimpleNamespace(options=SimpleNamespace(fps=1000.0), rates=SimpleNamespace(dreams=0, note=""), eyes=there,
                             control=control, frame=frame)
    show._play(played, 0.0, False, ("show.network", "own"))
    assert asked == [("show.network", "own")] and len(frames) == 5


def test_every_bench_has_a_command_and_a_text():
    for name, run in BENCHES.items():
        options = parser().parse_args(["bench", name])
        assert options.name == name and run.__doc__
    assert set(VERDICTS) <= set(BENCHES)


def test_a_bench_that_needs_a_folder_says_so():
    with pytest.raises(ValueError, match="--peer FOLDER"):
        bench(parser().parse_args(["bench", "peer"]))


@pytest.mark.parametrize("place", ["", "file/out.json"])
def test_where_figures_cannot_be_written_nothing_is_measured(tmp_path, monkeypatch, place):
    monkeypatch.setitem(BENCHES, "dream", lambda _: pytest.fail("measured"))
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="is a folder: give|can't be written") as caught:
        bench(parser().parse_args(["bench", "dream", "--json", str(tmp_path / place)]))
    assert str(tmp_path / place) in str(caught.value) and ".part" not in str(caught.value)


def test_figures_as_a_table_and_as_json(tmp_path):
    rows = [{"size": 200, "ms": 12.3456}, {"size": 400, "ms": 50.0}]
    assert markdown(rows).splitlines() == ["| size | ms |", "|---|---|", "| 200 | 12.3 |", "| 400 | 50 |"]
    write(tmp_path / "f.json", "dream", rows)
    assert json.loads((tmp_path / "f.json").read_text())["rows"] == rows


def test_every_table_that_is_printed_is_in_the_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "siren").mkdir()
    soundfile.write(tmp_path / "siren" / "a.wav", 0.3 * np.sin(np.arange(22050)), 22050)
    monkeypatch.setattr(hear, "answered_right", lambda model, clips: clips)
    monkeypatch.setattr(hear, "hear_rows", lambda *_: [{"renderer": "none", "clips": 1}])
    monkeypatch.setattr(hear, "stage_rows", lambda *_: [{"stage": "network", "ms": 2.5}])
    bench(parser().parse_args(["bench", "hear", "--data", str(tmp_path), "--json", str(tmp_path / "f.json")]))
    found, said = json.loads((tmp_path / "f.json").read_text()), capsys.readouterr().out
    for name, table in (("rows", [{"renderer": "none", "clips": 1}]), ("stages", [{"stage": "network", "ms": 2.5}])):
        assert found[name] == table and markdown(table) in said


def test_figures_that_are_no_numbers_are_legal_json(tmp_path):
    def refused(word):
        raise AssertionError(f"{word} is no JSON")

    write(tmp_path / "f.json", "soak", [{"nearest": math.inf, "apart": -math.inf, "ms": math.nan, "n": 1}], more=({"x": math.nan},))
    found = json.loads((tmp_path / "f.json").read_text(), parse_constant=refused)
    assert found["rows"] == [{"nearest": None, "apart": None, "ms": None, "n": 1}] and found["more"] == [{"x": None}]


@pytest.mark.parametrize("count, bells, horns", [(3, [0, 1], [0, 2, 4]), (2, [0, 1], [0, 3]), (9, [0, 1], [0, 1, 2, 3, 4, 5])])
def test_no_clip_is_taken_twice_and_few_are_spread_over_all(count, bells, horns):
    clips = [SimpleNamespace(label=label, at=at) for label, many in (("bell", 2), ("horn", 6)) for at in range(many)]
    taken = _few_of_each(clips, count)
    assert [clip.at for clip in taken if clip.label == "bell"] == bells
    assert [clip.at for clip in taken if clip.label == "horn"] == horns
    assert [clip.label for clip in taken[:4]] == ["bell", "horn"] * 2


def test_clips_are_laid_out_where_they_begin_to_be_heard(tmp_path):
    quiet, loud = np.zeros(500, np.float32), np.full(4000, 0.5, np.float32)
    path, ((label, start, end), _) = hear.arrange([("bark", np.concatenate([quiet, loud])), ("horn", loud)], tmp_path)
    samples, rate = soundfile.read(path)
    assert label == "bark" and start >= hear.SILENCE and end - start == pytest.approx(4000 / rate, abs=1e-6)
    assert np.argmax(np.abs(samples) > 0) == round(start * rate)


def test_latencies_are_counted_from_the_sound_and_only_for_the_right_answer():
    class Watch:
        def when(self, sample):
            return 10.0 + sample / hear.RATE

    packets = [(11.9, {"audio.peak": 0.0, "onset": 3}), (12.01, {"audio.peak": 0.4, "onset": 3}),
               (12.03, {"audio.peak": 0.5, "onset": 4, "top.name": "horn", "known": 1.0}),
               (12.30, {"audio.peak": 0.5, "onset": 4, "top.name": "bark", "known": 0.2}),
               (12.40, {"audio.peak": 0.5, "onset": 4, "top.name": "bark", "known": 0.9})]
    row = hear._judge(("bark", 2.0, 3.0), packets, Watch())
    assert [round(row[name]) for name in ("packet_ms", "onset_ms", "right_ms")] == [10, 30, 400]
    never = hear._judge(("siren", 2.0, 3.0), packets, Watch())
    assert never["right_ms"] is None and hear.summary([row, never])["never_right"] == 0.5


STAGE = """
import socket, sys, time
flags = dict(zip(sys.argv[2::1], sys.argv[3::1]))
with open("{log}", "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] in {broken}:
    sys.exit("hearsee: " + sys.argv[1] + " is broken")
if sys.argv[1] == "perform":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", int(flags["--port"])))
        while True:
            here.sendto(b"/hs/pong\\0\\0\\0\\0,i\\0\\0\\0\\0\\0\\1", here.recvfrom(999)[1])
"""


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """`stage(broken)` puts a program in the place of ours whose commands end at once, `perform` but for when it is told to;
    those that are broken fail. It returns the command lines so far."""
    log = tmp_path / "log"
    log.touch()

    def prepare(*broken):
        (tmp_path / "stage.py").write_text(STAGE.format(log=log.as_posix(), broken=broken))
        monkeypatch.setattr(hear, "PROGRAM", (sys.executable, str(tmp_path / "stage.py")))
        monkeypatch.setattr(hear, "_judge", lambda event, packets, watch: {
            "label": event[0], "packet_ms": 1.0, "onset_ms": 1.0, "right_ms": 1.0})
        monkeypatch.setattr(hear.subprocess, "Popen", kept := Kept())
        return kept, lambda: log.read_text().splitlines()

    return prepare


class Kept:
    """subprocess.Popen that remembers what it has started."""

    def __init__(self):
        self.started, self._popen = [], hear.subprocess.Popen

    def __call__(self, *arguments, **more):
        self.started.append(self._popen(*arguments, **more))
        return self.started[-1]


def test_the_busy_show_is_one_that_can_be_asked_for():
    options = parser().parse_args(["perform", *hear.BUSY])
    assert options.headless and options.fps == 240


CLIPS = [("bark", np.full(2000, 0.5, np.float32))]


def test_the_model_that_is_asked_for_is_the_one_that_listens(stage):
    _, told = stage()
    assert [row["renderer"] for row in hear.hear_rows(CLIPS, "my/model")] == ["none", "busy"]
    listening = [line for line in told() if line.startswith("listen")]
    assert len(listening) == 2 and all("--model my/model" in line for line in listening)


def test_a_row_beside_a_show_is_given_only_where_that_show_was_there(stage, capsys):
    kept, _ = stage("perform")
    assert [row["renderer"] for row in hear.hear_rows(CLIPS)] == ["none"]
    said = capsys.readouterr().out
    assert "beside a busy renderer: `perform` ended too early: perform is broken" in said
    assert all(one.poll() is not None for one in kept.started)


def test_a_listener_that_fails_is_one_line_and_leaves_nothing_running(stage):
    kept, told = stage("listen")
    for busy in (False, True):
        with pytest.raises(OSError, match="`listen` did not play the clips to their end: listen is broken") as caught:
            hear.latency_rows(CLIPS, busy=busy)
        assert "\n" not in str(caught.value)
    assert any(line.startswith("perform") for line in told()) and all(one.poll() is not None for one in kept.started)


class Ear:
    """Names what is loud in the upper half "hiss", claims nothing of anything else."""

    classes, front_end = ("hiss",), FrontEnd()

    def hear(self, window):
        return np.array([6.0 if window[64:].mean() > window[:64].mean() else -6.0, 0.0])


def test_an_event_is_a_class_that_becomes_known():
    chance = np.random.default_rng(0)
    hiss = np.diff(chance.normal(0, 0.3, 2 * calm.RATE), prepend=0).astype(np.float32)
    told = calm.events(Ear(), np.concatenate([hiss, np.zeros(4 * calm.RATE, np.float32), hiss]))
    assert [name for _, name in told] == ["hiss", "hiss"] and told[0][0] < 1 < 5 < told[1][0]


def test_an_empty_room_is_counted_by_the_hour_and_a_steady_sound_by_the_minute():
    rows = calm.calm_rows(Ear(), [("hiss", np.random.default_rng(0).normal(0, 0.1, 9000).astype(np.float32))], 0.1)
    assert [row["sound"] for row in rows] == ["room"] * 3 + ["humming room"] * 3 + ["hiss"]
    assert all(row["per_hour"] == 0 for row in rows[:6]) and rows[6]["flips_per_minute"] == 0
    assert "0.0 events an hour" in calm.verdict(rows) and "0.00 flips a minute" in calm.verdict(rows)
    assert "no steady sounds were given" in calm.verdict(rows[:6])


@pytest.mark.parametrize("seconds", [2, 200])
@pytest.mark.parametrize("hum", [0.04, 0.5])
def test_an_empty_room_hums_as_much_as_asked_however_long_it_is(hum, seconds):
    sound = room(seconds, 0.01, 3, hum)
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / calm.RATE)
    lines = sum(power[abs(hertz - 50 * k) < 0.6].sum() for k in range(1, 6)) / power.sum()
    assert lines == pytest.approx(hum, abs=0.05) and sound.std() == pytest.approx(0.01)


# --- cuda: what of it can be seen without one

def test_operations_and_bytes_are_counted():
    one, other = torch.rand(8, 16), torch.rand(16, 4)
    work = Work.of(lambda: (one @ other).view(4, 8).T)
    assert work.operations == 2 * 8 * 16 * 4 and work.bytes == 4 * (8 * 16 + 16 * 4 + 8 * 4)


def test_a_step_has_work_and_a_least_time(dreamer):
    ceilings = Ceilings(64, "cpu", (torch.float32,))
    steps = Steps(small_eye(), dreamer.pictures, 32, SMALL, play=Plain())
    steps()
    work = Work.of(steps)
    least, most = ceilings.least(work, torch.float32)
    assert work.operations > 1e5 and work.bytes > 1e5 and 0 < least < 1 and most in ("operations", "bytes")


@pytest.mark.parametrize("quick", ("aten.mm.default", "aten.convolution.default"))
@pytest.mark.parametrize("precision", (torch.float32, torch.bfloat16))
def test_the_ceiling_of_a_processor_is_that_of_the_quicker_of_a_product_and_the_same_as_a_convolution(monkeypatch, quick, precision):
    class Played(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            taken.append(1.0 if str(function) == quick else 2.0)
            return function(*args, **kwargs or {})

    def seconds(action, device):
        taken.clear()
        with Played():
            action()
        return sum(taken)

    taken = []
    monkeypatch.setattr(ceiling, "_seconds", seconds)
    assert Ceilings(64, "cpu", (precision,)).rate[precision] == 2 * 64**3


def test_the_share_is_that_of_the_work_even_where_steps_are_replayed(dreamer, monkeypatch):
    """A replay hides what it does: here it does nothing."""
    class Replayed(Plain):
        def play(self, work, form, numbers, parts):
            return parts.picture, torch.zeros((), dtype=torch.long)

    monkeypatch.setattr(dreaming, "player", lambda device: Replayed())
    works = []
    ceilings = SimpleNamespace(least=lambda work, precision: (works.append(work) or 0.001, "bytes"))
    rows = dream_rows({"small": small_eye()}, dreamer.pictures, (32,), (3,), ceilings)
    assert [row["share"] * row["ms"] for row in rows] == pytest.approx([1.0, 1.0])
    assert all(work.operations > 1e5 for work in works)


def test_steps_are_recorded_one_after_the_other_on_a_gpu_alone():
    for kind, expected in (("cuda", ["step", "settle"] * 2 * SETTLED), ("cpu", [])):
        done = []
        dreamer = SimpleNamespace(device=torch.device(kind), settle=lambda: done.append("settle"))
        record(dreamer, lambda: done.append("step"))
        assert done == expected


def test_what_is_timed_waits_for_its_own_stream_alone(dreamer, monkeypatch):
    """To wait for the whole GPU spoils what another thread records."""
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: pytest.fail("waited for the whole GPU"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: SimpleNamespace(synchronize=lambda: waited.append(1)))
    steps = Steps(small_eye(), dreamer.pictures, 32, SMALL, play=Plain())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    steps.dreamer = SimpleNamespace(device=torch.device("cuda"), step=lambda *_: object())
    steps()
    _now()
    assert waited == [1, 1]


@pytest.mark.parametrize("card, precision, expected", (
    ((9, 0), torch.float32, "float32 (convolutions in TF32)"), ((7, 5), torch.float32, "float32"),
    ((9, 0), torch.float16, "float16"), (None, torch.float32, "float32")))
def test_float32_is_called_what_it_is(monkeypatch, card, precision, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: card is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: card)
    assert label(precision) == expected


def test_the_verdict_on_a_gpu_names_what_is_missed():
    rows = [cuda.row("hand-over", 0.1, "ms", "0.2"), cuda.row("768 px", 25.0, "steps/s", "30"), cuda.row("copy", 4e3, "GB/s")]
    assert cuda.verdict(rows) == "1 of 2 aims met; missed: 768 px"
    assert cuda.verdict([cuda.row("hand-over", math.nan, "ms", "0.2")]).startswith("0 of 1")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so():
    with pytest.raises(ValueError, match="needs an NVIDIA GPU"):
        bench(parser().parse_args(["bench", "cuda"]))


def restless_steps(step):
    steps = lambda: step()
    steps.dreamer = SimpleNamespace(device=torch.device("cpu"))
    return steps


def test_a_dream_that_never_rests_is_counted():
    seen, enough = [], threading.Event()
    with cuda.restless(restless_steps(lambda: seen.append(1) or len(seen) < 3 or enough.set())) as made:
        assert enough.wait(60)
    assert len(made) == len(seen) >= 3


def test_what_goes_wrong_in_a_dream_that_never_rests_is_told():
    failed = threading.Event()

    def step():
        failed.set()
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"), cuda.restless(restless_steps(step)) as made:
        assert failed.wait(60)
    assert not made


# Table 2

def test_table_2_has_a_row_for_each_of_the_papers_and_every_way_of_ours_beside_it(dreamer, monkeypatch):
    monkeypatch.setattr(table2, "ROWS", table2.ROWS[:2])
    rows = table2.table2_rows(small_eye(), dreamer.pictures)
    assert [tuple(row[key] for key in ("size", "iterations", "octaves", "layers", "paper_s")) for row in rows] == list(table2.ROWS)
    for row in rows:
        assert row["ours_s"] == row[f"guided {row['precision']} s"] and row["ratio"] == row["paper_s"] / row["ours_s"]
        assert {key.split()[0] for key in row if key.endswith(" s")} == {"own", "guided"}


@pytest.mark.parametrize("there, wanted, taken", (
    ((torch.float32, torch.bfloat16, torch.float16), (torch.float16, torch.bfloat16), torch.float16),  # a GPU
    ((torch.float32, torch.float16), (torch.float16, torch.bfloat16), torch.float16),  # of before 2020
    ((torch.float32, torch.bfloat16, torch.int8), (torch.int8, torch.bfloat16), torch.bfloat16),  # a processor
    ((torch.float32,), (), torch.float32)))
def test_ours_in_table_2_is_what_a_show_takes_first(there, wanted, taken):
    assert table2.first(there, wanted) == taken


def test_on_a_gpu_ours_in_table_2_is_float16_and_float32_has_no_aim(monkeypatch):
    eye, columns = small_eye(), {f"guided {label(each)} s": 0.01 for each in (torch.float32, torch.float16)}
    precisions = (torch.float32, torch.bfloat16, torch.float16)
    monkeypatch.setattr(table2, "versions", lambda *_: [(each, eye, 1.0) for each in precisions])
    monkeypatch.setattr(table2, "quick_precisions", lambda _: (torch.float16, torch.bfloat16))
    monkeypatch.setattr(table2, "_seconds", lambda *_: 0.001)
    assert {row["precision"] for row in table2.table2_rows(eye, {})} == {"float16"}
    rows = [{"size": 200, "iterations": 1, "octaves": 1, "layers": 1, "paper_s": 0.2, **columns}]
    monkeypatch.setattr(cuda, "table2_rows", lambda *_: rows)
    assert [each["aim"] for each in cuda.table2({"resnet50": eye}, {})] == ["", "300"]


def test_table_2_is_summed_up_by_its_columns():
    rows = [{"paper_s": 1.0, "ours_s": ours, "ratio": 1 / ours, "precision": "bfloat16", "own float32 s": 0.2, "guided bfloat16 s": ours}
            for ours in (0.05, 0.1)]
    assert table2.verdict(rows) == ("own float32 5.0 to 5.0 times the paper's speed, 0 of 2 rows reach 15; guided bfloat16 10.0 to 20.0 "
                                    "times the paper's speed, 1 of 2 rows reach 15. `ours_s` is guided in bfloat16.")
