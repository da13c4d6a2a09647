"""The whole show, for real: `listen` in its own process, OSC between, the network dreaming, EGL drawing."""

import gc
import json
import logging
import os
import shutil
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from helpers import port_pair

from instrument.cursor import turned
from instrument.lastlook import EVERY
from instrument.model.card import DEFAULT
from instrument.options import PerformOptions
from instrument.orders import SURE, UNBEGUN
from instrument.osc import Remote
from instrument.osc.wire import bundles, decoded, encode
from instrument.params import COMMANDS
from instrument.perform import HOPELESS, Show, perform
from instrument.presets import LAST, read
from instrument.render.passes import Memory
from instrument.render.record import Recorder
from instrument.signals import BROKEN_OFF

ROOT = Path(__file__).parents[1]
PORT = port_pair()
SCENE = 2
FRAMES = 20_000  # more than any of this takes; the tests wait for things, not for times


@pytest.fixture(scope="module")
def show(tmp_path_factory):
    presets = tmp_path_factory.mktemp("presets")
    options = PerformOptions(audio="demo", scene_seed=SCENE, headless=True, size=(192, 108), port=PORT, target=[], no_hud=True,
                             presets=str(presets), values={"dream.size": 160.0})
    try:
        with ExitStack() as stack:
            yield Show(options, stack)
    except OSError as error:
        if "OpenGL" in str(error):
            pytest.skip(str(error))
        raise


def play(show, until):
    """Frames until `until()` is true; fails if it never is."""
    last = time.perf_counter()
    for _ in range(FRAMES):
        now = time.perf_counter()
        show.frame(now, now - last)
        last = now
        if until():
            return
    pytest.fail("waited in vain")


def tell(address, *arguments):
    remote = Remote(("127.0.0.1", PORT))
    remote._socket.sendto(encode(address, *arguments), ("127.0.0.1", PORT))
    remote.close()


def test_it_hears_the_demo_and_dreams(show):
    play(show, lambda: show.heard.events and show.rates.dreams > 3)
    assert show.heard.events[0][1] in show.classes
    assert f"demo scene {SCENE}" in show.heard.features["audio.source"]
    picture = np.frombuffer(show.screen.framebuffer.read(components=3), np.uint8)
    assert 10 < picture.mean() < 245 and picture.std() > 10


def test_an_osc_knob_turns_a_row(show):
    tell("/hs/dream/octaves", 5.0)
    play(show, lambda: show.values["dream.octaves"] == 5)
    tell("/hs/n/post/hue", 1.0)
    play(show, lambda: show.values["post.hue"] == 180)


@pytest.mark.parametrize("hold, dreamt", [(1.0, "siren"), (0.0, "drilling")])
def test_the_show_dreams_of_what_is_held(show, monkeypatch, hold, dreamt):
    monkeypatch.setattr(show.watch, "update", lambda *_: {"class.drilling": 1.0, "known": 1.0, "top.name": "siren", "top.prob": 0.0})
    show.control.apply({"hear.hold": hold})
    play(show, lambda: show.heard.weights.get(dreamt, 0.0) > 0.9)
    show.control.apply({"hear.hold": 0.0})


def test_who_turns_the_ear_of_the_show_is_told_to_turn_the_show(show):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(encode("/hs/hear/gain", 12.0), ("127.0.0.1", PORT + 1))
        play(show, lambda: f"send it to the show (port {PORT})" in show.heard.features.get("teach.note", ""))
        tell("/hs/hear/gain", 3.0)
        stranger.settimeout(10)
        while dict(asked(stranger)).get("/hs/hear/gain") != [3.0]:
            play(show, lambda: True)
    tell("/hs/hear/gain", 0.0)


def asked(stranger):
    """What the ear of the show answers to a query."""
    stranger.sendto(encode("/hs/query"), ("127.0.0.1", PORT + 1))
    return [(message.address, message.params) for message in decoded(stranger.recv(65536))]


def test_a_preset_is_recalled_by_name_and_by_number(show):
    tell("/hs/preset/load", "galaxy")
    play(show, lambda: show.deck.name == "Galaxy" and show.values["zoom.mode"] == 6)
    tell("/hs/preset/load", 1)
    play(show, lambda: show.deck.number == 1)


@pytest.mark.parametrize("morph", (0.0, 0.2))
def test_a_value_sent_behind_a_preset_in_one_packet_is_the_preset_changed(show, morph):
    packet = bundles([encode("/hs/show/morph", morph), encode("/hs/preset/load", 2), encode("/hs/post/hue", 90.0)])
    for each in packet:
        show.receiver.receive(each, ("127.0.0.1", 9))
    play(show, lambda: show.deck.name == "Kaleidoscope" or show.deck.number == 2)
    ended = time.perf_counter() + 2 * morph
    play(show, lambda: time.perf_counter() > ended)
    assert show.deck.number == 2 and show.values["post.hue"] == 90.0
    show.control.apply({"show.morph": 0.0})


def test_a_shortcut_that_begins_with_the_last_look_begins_where_none_was_kept_yet(show, monkeypatch, tmp_path):
    monkeypatch.setattr(show.bank, "last", tmp_path / LAST.name)
    assert show._first("last") is None
    assert any("no look is kept for --preset last yet" in text for text in show.messages.fresh(time.perf_counter()))
    with pytest.raises(ValueError, match="no preset 'lats'"):
        show._first("lats")


def test_an_unknown_preset_is_said_and_the_look_stays(show):
    before = dict(show.values)
    tell("/hs/preset/load", "no such look")
    play(show, lambda: any("no preset 'no such look'" in text for text in show.messages.fresh(time.perf_counter())))
    assert dict(show.values) == before


def test_all_notes_off_leaves_a_held_picture_what_it_remembers(show, monkeypatch):
    forgotten = []
    monkeypatch.setattr(show.renderer, "forget", lambda: forgotten.append(show.values["show.freeze"]))
    for freeze in (1.0, 0.0):
        show.control.apply({"show.freeze": freeze})
        show.orders.carry_out("show.calm", None, 0.0)
    assert forgotten == [0.0]


def test_the_present_look_is_saved(show):
    show.control.submit({"post.hue": 77.0})
    show.control.command("preset.save", "my look")
    play(show, lambda: show.deck.name == "my look")
    assert show.bank.load("my look").values["post.hue"] == 77


@pytest.mark.parametrize("command", [c for c in COMMANDS
                                     if c.name.split(".")[0] not in ("preset", "teach") and c.name != "show.quit"],
                         ids=lambda c: c.name)
def test_every_command_is_carried_out(show, command, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # what a command switches on, it switches off
        show.control.command(command.name)
        play(show, lambda: True)
    show.video.stop()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_tapped_tempo_that_outvotes_midi_clock_is_said_once_and_given_back_by_its_key(show, monkeypatch):
    """Without a panic, which would take the look."""
    said, look = [], show.control.frame()
    monkeypatch.setattr(show, "say", lambda text: text and said.append(text))
    begin = time.perf_counter()
    for number in range(49):
        show.clock.midi("clock", begin + (number - 48) / 48)
    for tap in (-0.9, 0.0):
        show.clock.tap(begin + tap)
    for _ in range(3):
        show.frame(begin, 0.01)
    assert [line for line in said if "tapped" in line] == ["the tempo is tapped (67 bpm); M gives it back to MIDI clock"]
    show.orders.key("m", time.perf_counter())
    show.frame(begin, 0.01)
    assert show.clock.source == "midi" and show.clock.bpm == pytest.approx(120) and show.control.frame() == look


def test_a_panic_leaves_nothing_remembered(show):
    """Whatever an own shader has left there: a look that is put right looks right."""
    memories = [each for each in show.renderer.passes if isinstance(each, Memory)]
    play(show, lambda: any(each.remembers for each in memories))
    show.orders.carry_out("show.panic", None, time.perf_counter())
    assert not any(each.remembers for each in memories)


def test_the_sound_is_looked_at_when_the_dream_wants_it(show):
    def dreamt():
        return show.dream.scene.peek().spectrogram

    play(show, lambda: True)
    assert dreamt() is None  # nobody wants it: no HUD, and the row is at 0
    show.control.submit({"dream.spectrogram": 0.5})
    play(show, lambda: dreamt() is not None and dreamt()[..., :3].max() > 200)
    show.control.submit({"dream.spectrogram": 0.0})
    play(show, lambda: dreamt() is None)


def test_blackout_is_black_and_comes_back(show):
    def mean():
        return np.frombuffer(show.screen.framebuffer.read(components=3), np.uint8).mean()

    show.control.submit({"show.blackout": 1})
    play(show, lambda: mean() == 0)
    show.control.submit({"show.blackout": 0})
    play(show, lambda: mean() > 10)


def test_a_recording_has_picture_and_sound(show, tmp_path):
    path = show.video.start(tmp_path / "show.mp4", 30.0)
    play(show, lambda: show.video.began and time.perf_counter() > show.video.began + 1.5)
    show.video.stop()
    with av.open(str(path)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    with av.open(str(path)) as video:
        loudest = max(np.abs(frame.to_ndarray()).max() for frame in video.decode(audio=0))
    assert len(frames) > 30 and frames[0].std() > 5 and not np.array_equal(frames[0], frames[-1])
    assert loudest > 0.01


@pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signal")
def test_a_killed_listen_comes_back_while_frames_go_on(show):
    os.kill(show.ears.child.pid, signal.SIGKILL)
    play(show, lambda: show.ears.restarts == 1 and show.ears.child.pid)
    play(show, lambda: 0 < show.heard.features.get("frame", 0) < 120)
    play(show, lambda: show.heard.features.get("stat.hops_per_s", 0) > 0)


@pytest.fixture
def squeezenet_file(tmp_path, monkeypatch):
    """Random weights where torchvision keeps those it has downloaded."""
    sys.modules.setdefault("triton", None)  # its LLVM crashes beside that of the show's Mesa
    from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

    torch.manual_seed(0)
    path = tmp_path / "hub" / "checkpoints" / Path(SqueezeNet1_1_Weights.DEFAULT.url).name
    path.parent.mkdir(parents=True)
    torch.save(squeezenet1_1().state_dict(), path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


def test_another_network_takes_over_while_the_show_goes_on(show, squeezenet_file):
    before = show.rates.dreams
    tell("/hs/show/network", "squeezenet1_1")
    play(show, lambda: show.eyes.now.network == "squeezenet1_1" and show.rates.dreams > before + 3)
    assert not show.dream.faults
    tell("/hs/show/network", "no_such_network")
    play(show, lambda: any("no_such_network" in text for text in show.messages.fresh(time.perf_counter())))
    assert show.eyes.now.network == "squeezenet1_1"
    tell("/hs/show/network", "own")
    play(show, lambda: show.eyes.now.network == "own")


def test_whoever_teaches_by_osc_is_answered(show):
    """What `listen` says, and what the show refuses itself."""
    play(show, lambda: show.teaching._there)
    remote = Remote(("127.0.0.1", PORT))
    with ThreadPoolExecutor(1) as pool:
        for heard_elsewhere, words in ((False, "no class 'clap' was taught"), (True, "the sound is heard elsewhere")):
            show.teaching._remote, before = None if heard_elsewhere else show.ears.remote, show.teaching._remote
            asked = pool.submit(remote.ask, "teach.forget", "clap", 60)
            play(show, asked.done)
            show.teaching._remote = before
            assert words in asked.result()
    remote.close()


def test_another_model_hears_and_dreams_while_the_show_goes_on(show, tmp_path):
    shutil.copytree(DEFAULT, tmp_path / "mine")
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    names = ["one", *card["classes"][1:]]
    (tmp_path / "mine" / "card.json").write_text(json.dumps({**card, "classes": names}))
    (tmp_path / "mine" / "pictures" / f"{card['classes'][0]}.jpg").rename(tmp_path / "mine" / "pictures" / "one.jpg")
    listening = show.ears.child.pid
    tell("/hs/show/model", str(tmp_path / "mine"))
    play(show, lambda: "class.one" in show.heard.features and show.teaching.classes == names)
    assert show.ears.child.pid == listening and not show.dream.faults  # the same process hears on
    tell("/hs/show/model", str(tmp_path / "nothing"))
    play(show, lambda: any("no model in" in text for text in show.messages.fresh(time.perf_counter())))
    assert show.teaching.classes == names


def test_a_frame_that_fails_is_said_and_the_next_one_drawn(show, monkeypatch):
    drawn, draw = [], show._draw

    def once(*given):
        drawn.append(given)
        if len(drawn) == 1:
            raise RuntimeError("a cable was pulled")
        draw(*given)

    monkeypatch.setattr(show, "_draw", once)
    show._failing = None
    for now in (1.0, 1.1):
        show._pass_over(now, 0.1)
    assert len(drawn) == 2 and show._failing is None
    assert "a frame failed: a cable was pulled" in show.messages.fresh(time.perf_counter())


def test_a_hud_that_fails_is_said_and_the_picture_goes_on(show, monkeypatch):
    shown = []
    monkeypatch.setattr(show.dash, "on", True)
    monkeypatch.setattr(show.dash.hud, "draw", lambda *_: 1 / 0)
    monkeypatch.setattr(show.screen, "present", lambda: shown.append(True))
    show.frame(time.perf_counter(), 0.03)
    assert shown and "the HUD failed: division by zero" in show.messages.fresh(time.perf_counter())


def test_a_show_of_which_no_frame_comes_ends(show, monkeypatch):
    def never(*_):
        raise RuntimeError("the graphics are gone")

    monkeypatch.setattr(show, "_draw", never)
    show._failing = None
    for since in (0.0, HOPELESS - 0.1):
        show._pass_over(100.0 + since, 0.1)
    with pytest.raises(RuntimeError, match="graphics are gone"):
        show._pass_over(100.0 + HOPELESS + 0.1, 0.1)


def test_a_command_that_fails_in_an_unforeseen_way_is_said(show, monkeypatch):
    monkeypatch.setattr(show.dash, "carry_out", lambda name: 1 / 0)
    show.orders.carry_out("show.hud", None, 0.0)
    assert any("show.hud failed" in text for text in show.messages.fresh(time.perf_counter()))


def test_what_the_screen_has_to_tell_is_said_and_no_key_ends_a_frame(show, monkeypatch):
    monkeypatch.setattr(show.screen, "begin", lambda: show.screen.framebuffer.use() or ["\u00b2"])
    show.screen.notice = "monitor unplugged, showing a window"
    show.frame(time.perf_counter(), 0.03)
    assert show.screen.notice == "" and "monitor unplugged, showing a window" in show.messages.fresh(time.perf_counter())


def test_a_minimised_window_has_no_size_and_ends_nothing(show, monkeypatch):
    before, scenes = show.renderer.size, []
    monkeypatch.setattr(show.dream.scene, "put", scenes.append)
    show.frame(time.perf_counter(), 0.03)
    monkeypatch.setattr(show.screen, "size", (0, 0))
    show.frame(time.perf_counter(), 0.03)
    assert show.renderer.size == before and scenes[0].aspect == scenes[1].aspect  # the dream stays as wide as it was


def test_another_network_keeps_what_was_taught(show, monkeypatch):
    """What was taught belongs to the model, which stays."""
    told = []
    monkeypatch.setattr(show, "_hear_with", told.append)
    monkeypatch.setattr(show.teaching, "classes", [*show.teaching.classes, "clap"])
    show._take_up(show.eyes.now)
    assert told == []


def test_the_key_that_ends_the_show_wants_to_be_sure(show, monkeypatch):
    monkeypatch.setattr(show.orders, "_leaving", -SURE)
    asked = []
    monkeypatch.setattr(show.control, "command", lambda *command: asked.append(command))
    show.orders.key("escape", time.perf_counter())
    assert asked == [] and any("ends the show" in text for text in show.messages.fresh(time.perf_counter()))
    show.orders.key("escape", time.perf_counter())
    assert asked == [("show.quit",)]


def test_a_key_that_counts_how_long_it_is_held_tells_when_it_is_let_go(show, monkeypatch):
    asked = []
    monkeypatch.setattr(show.control, "command", asked.append)
    for key in ("t", "t up", "b up"):
        show.orders.key(key, time.perf_counter())
    assert asked == ["teach.start", "teach.release"]


def test_keys_reach_every_row_and_the_hud_shows_its_page(show):
    now = time.perf_counter()  # the same all along: the page goes by itself after a while
    for keys in (["pagedown"], ["down"], ["+", "+"]):
        for key in keys:
            show.orders.key(key, time.perf_counter())
        show.frame(now, 0.03)
    row = show.cursor.row
    page = show.dash.panel(now, None).page
    assert page.row == row and row.group != "dream"
    assert page.values[row.name] == turned(row, turned(row, row.default, 1), 1)
    show.orders.key("delete", time.perf_counter())
    play(show, lambda: show.values[row.name] == row.default)


def test_the_hud_says_what_is_switched_on(show):
    show.control.submit({"show.blackout": 1.0, "hear.hold": 1.0})
    play(show, lambda: show.values["show.blackout"])
    assert "hold, blackout" in show.dash.panel(time.perf_counter(), None).messages
    show.control.submit({"show.blackout": 0.0, "hear.hold": 0.0})
    play(show, lambda: not show.values["show.blackout"])
    assert show.dash.states() == show.rates.notes()


def test_the_hud_says_as_long_as_it_lasts_that_listen_is_silent(show, monkeypatch):
    monkeypatch.setattr(show.watch, "_lost", True)
    assert "no word of `listen`" in show.dash.panel(time.perf_counter(), None).messages


def test_the_look_is_kept_in_the_home_folder(show):
    show.control.submit({"post.hue": 21.0})
    play(show, lambda: show.values["post.hue"] == 21.0)
    show.deck.update(time.perf_counter() + 2 * EVERY, show.values)
    show.deck._writer.submit(int).result()
    assert read(Path.home() / LAST).values["post.hue"] == 21.0
    show.control.submit({"post.hue": 0.0})


def test_r_brings_another_dream_and_tells_its_seed(show):
    seeds = lambda: {text for text in show.messages.fresh(time.perf_counter()) if "a fresh dream, dream.seed" in text}
    before = seeds()
    show.orders.key("r", time.perf_counter())
    play(show, lambda: seeds() - before)


def test_the_hud_says_that_dreams_fail(show, monkeypatch):
    def fail(past, scene):
        raise ValueError("odd")

    monkeypatch.setattr(show.dream._dreamer, "step", fail)
    play(show, lambda: "dream failed: odd" in show.dash.panel(time.perf_counter(), None).messages)
    monkeypatch.undo()
    before = show.rates.dreams
    play(show, lambda: show.rates.dreams > before)
    assert "dream failed: odd" in show.dash.panel(time.perf_counter(), None).messages


def test_learning_without_a_device_says_so(show, monkeypatch):
    monkeypatch.setattr(show.midi, "devices", lambda: [])
    show.orders.carry_out("midi.learn", "zoom.speed", 0.0)
    show.orders.carry_out("midi.learn", "no.row", 0.0)
    said = show.messages.fresh(time.perf_counter())
    assert any("nothing is plugged in" in text and "zoom.speed" in text for text in said)
    assert any("no parameter 'no.row'" in text for text in said)


def test_a_screenshot_is_the_picture_without_the_hud(show, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(show.dash, "on", True)
    pictures = []
    monkeypatch.setattr(show.video, "screenshot", lambda: pictures.append(show.screen.framebuffer.read()) or "shot.png")
    draw = show.dash.hud.draw
    monkeypatch.setattr(show.dash.hud, "draw", lambda *given: (draw(*given), pictures.append(show.screen.framebuffer.read())))
    show.control.command("show.screenshot")
    now = time.perf_counter()
    show.frame(now, 0.03)
    without, with_hud = pictures
    assert without != with_hud


def test_a_show_without_a_screen_says_that_it_has_no_hud_window_and_goes_on(show):
    show.control.command("show.hud_window")
    play(show, lambda: any("no HUD window" in text for text in show.messages.fresh(time.perf_counter())))
    assert not show.dash.desk.is_open


def test_without_an_ear_of_its_own_there_is_a_show(show, free_port):
    """Last here: another show makes its own graphics current."""
    options = replace(show.options, no_listen=True, port=free_port, values={"dream.size": 160.0})
    with ExitStack() as stack:
        deaf = Show(options, stack)
        deaf.frame(1.0, 0.1)
        assert deaf.ears.failed is False
        elsewhere = lambda: [text for text in deaf.messages.fresh(time.perf_counter()) if "the sound is heard elsewhere" in text]
        assert not elsewhere()
        for gain in (12.0, 6.0):  # said once
            deaf.control.submit({"hear.gain": gain})
            deaf.frame(2.0, 0.1)
        assert len(elsewhere()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_show_that_is_broken_off_however_impatiently_tells_where_its_video_is(show, tmp_path, monkeypatch, capfd, number, free_port):
    """Here for the same reason."""
    def frame(self, now, dt):
        draw(self, now, dt)
        if self.video._recorder and self.video._recorder._last > 2:
            signal.raise_signal(number)

    draw = Show.frame
    monkeypatch.setattr(Show, "frame", frame)
    close = Recorder.close
    monkeypatch.setattr(Recorder, "close", lambda self: signal.raise_signal(number) or close(self))
    path = tmp_path / "show.mp4"
    options = replace(show.options, no_listen=True, port=free_port, record=str(path), values={"dream.size": 160.0})
    assert perform(options) == BROKEN_OFF
    assert capfd.readouterr().out.splitlines()[-1] == f"video: {path}" and path.exists()


def test_a_video_that_was_ended_before_it_began_is_said(show, tmp_path, monkeypatch, capfd, free_port):
    monkeypatch.setattr(Show, "frame", lambda *_: signal.raise_signal(signal.SIGINT))
    path = tmp_path / "show.mp4"
    assert perform(replace(show.options, no_listen=True, port=free_port, record=str(path), values={"dream.size": 160.0})) == BROKEN_OFF
    assert UNBEGUN in capfd.readouterr().out and not list(tmp_path.iterdir())


def test_a_preset_that_cannot_be_recalled_is_said_at_the_start(show, tmp_path, capfd, free_port):
    (tmp_path / "01-far.toml").write_text("[dream]\noctaves = 77")
    with ExitStack() as stack:
        Show(replace(show.options, no_listen=True, port=free_port, presets=str(tmp_path)), stack)
    assert "cannot be recalled" in (told := capfd.readouterr().out) and "01-far.toml: dream.octaves: 77" in told


def test_what_was_opened_before_the_first_frame_is_never_looked_through_again(show, monkeypatch, free_port):
    """Python looks through all there is for what nobody uses any more: with PyTorch that takes as long as six frames."""
    frozen = []
    monkeypatch.setattr(Show, "frame", lambda self, now, dt: frozen.append(gc.get_freeze_count()))
    before = gc.get_freeze_count()
    perform(replace(show.options, no_listen=True, port=free_port, seconds=0.2, record=None, values={"dream.size": 160.0}))
    assert min(frozen) > 100_000 and gc.get_freeze_count() == before


@pytest.mark.parametrize("asked, ends", [({}, True), ({"audio": "mic"}, True), ({"headless": False}, False), ({"send": "ndi"}, False),
                                         ({"no_listen": True}, False), ({"loop": True}, True), ({"audio": "song.wav"}, False),
                                         ({"audio": "Scarlett"}, True)])
def test_only_a_first_look_ends_by_itself(asked, ends):
    """A show without a window may be for another program to see."""
    assert PerformOptions(**{"headless": True, **asked}).is_demo == ends
