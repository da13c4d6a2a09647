"""The picture in other programs: the right way up, opaque, of the right size; and no output ever ends a show.

NDI is tested for real where it is installed and announced. Else, and for Spout and Syphon, which this system may not
have, a double stands for the foreign library only.
"""

import importlib.machinery
import subprocess
import sys
import time
import tomllib
import types
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from helpers import screen_of

from instrument.cli import main, parser
from instrument.devices import report
from instrument.options import PerformOptions
from instrument.perform import Show
from instrument.render import outputs
from instrument.render.outputs import KINDS, SETTLED, Outputs, here, parse

TRIES = 3000  # of a hundredth of a second; far more than any of this takes
NAME = "Hear & See test"

screen = screen_of((64, 48))


@pytest.fixture
def other(screen):
    """The same screen when it has another size."""
    return types.SimpleNamespace(size=(96, 40), framebuffer=screen.ctx.framebuffer([screen.ctx.texture((96, 40), 4)]))


def paint(framebuffer):
    """Upper half red, lower half blue, all of it transparent: the picture that everybody must see opaque."""
    width, height = framebuffer.size
    framebuffer.use()
    framebuffer.clear(200 / 255, 0.0, 0.0, 0.0)
    framebuffer.clear(0.0, 0.0, 200 / 255, 0.0, viewport=(0, 0, width, height // 2))


def upright(size):
    """The same as an image (h, w, 4), the top row first, opaque."""
    width, height = size
    image = np.zeros((height, width, 4), np.uint8)
    image[: height - height // 2, :, 0] = image[height - height // 2 :, :, 2] = 200
    image[..., 3] = 255
    return image


def until(there, *show):
    """Call `show` again and again until `there()` is something; fails if it never is."""
    for _ in range(TRIES):
        if found := there():
            return found
        for each in show:
            each()
        time.sleep(0.01)
    pytest.fail("waited in vain")


def play(running, screen, there):
    return until(there, lambda: paint(screen.framebuffer), lambda: running.frame(screen.framebuffer))


@pytest.fixture
def said():
    return []


@pytest.fixture
def opened(said):
    """A function that opens outputs, which are closed at the end."""
    with ExitStack() as stack:
        def opened(screen, *wanted):
            running = Outputs([parse(each) if isinstance(each, str) else each for each in wanted], screen, said.append)
            stack.callback(running.close)
            return running

        yield opened


# NDI for real

for_real = pytest.mark.skipif(bool(outputs.trouble(KINDS["ndi"])), reason=outputs.trouble(KINDS["ndi"]))

RECEIVER = """
import sys, time
import numpy as np
from cyndilib import Finder, RecvColorFormat, Receiver, VideoFrameSync

finder, video = Finder(), VideoFrameSync()
finder.open()
while not (source := next((each for each in finder.iter_sources() if sys.argv[1] in each.name), None)):
    finder.wait_for_sources(0.2)
receiver = Receiver(color_format=RecvColorFormat.RGBX_RGBA)
receiver.frame_sync.set_video_frame(video)
receiver.set_source(source)
sizes = []
while len(sizes) < 2:
    receiver.frame_sync.capture_video()
    size = video.xres, video.yres
    if all(size) and size not in sizes:
        np.save(f"{sys.argv[2]}/{len(sizes)}.npy", np.array(video.get_array()).reshape(size[1], size[0], 4))
        sizes.append(size)
    time.sleep(0.01)
"""


@pytest.fixture
def receiver(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", RECEIVER, NAME, tmp_path])
    yield process
    process.kill()
    process.wait()


@for_real
def test_another_process_receives_the_picture_by_ndi_and_the_next_size(screen, other, opened, said, receiver, tmp_path):
    running = opened(screen, f"ndi:{NAME}")
    play(running, screen, (tmp_path / "0.npy").exists)
    play(running, other, lambda: receiver.poll() is not None)
    assert receiver.returncode == 0
    for number, each in enumerate((screen, other)):
        picture = np.load(tmp_path / f"{number}.npy").astype(int)
        wanted = upright(each.size)
        assert picture.shape == wanted.shape and (picture[..., 3] == 255).all()
        rows = [0, 5, -6, -1]  # it travels as YUV, blurred where the halves meet
        assert np.abs(picture[rows] - wanted[rows]).max() < 30
    assert len(said) == 1 and f"({NAME})" in said[0]


@for_real
def test_two_sources_of_one_name_are_told_apart(screen, opened, said):
    opened(screen, f"ndi:{NAME}", f"ndi:{NAME}", "ndi:" + 300 * "x")
    lines = [line for line in said if "left out" in line]
    assert len(lines) == 2 and all("--send ndi:NAME" in line for line in lines)


# NDI with a double of the library


class Senders:
    """A double of cyndilib: keeps what is sent as [(size, array as it was given, copy of it)]."""

    def __init__(self):
        self.sent, self.opened, self.watchers, self.fault = [], [], 1, None

    def module(self):
        module = types.ModuleType("cyndilib")
        module.__spec__ = importlib.machinery.ModuleSpec("cyndilib", None)
        module.FourCC = types.SimpleNamespace(RGBX="RGBX")
        module.VideoSendFrame, module.AudioSendFrame = Frame, object
        module.Sender = lambda name, clock_video: Sender(self, name)
        return module


class Frame:
    def set_resolution(self, *size):
        self.size = size

    def set_frame_rate(self, rate):
        self.rate = rate

    def set_fourcc(self, fourcc):
        assert fourcc == "RGBX"


class Sender:
    def __init__(self, all, name):
        self.all, self.name, self.running = all, f"TEST ({name})", False

    def set_video_frame(self, frame):
        assert not self.running
        self.frame = frame

    def set_audio_frame(self, frame):
        assert not self.running

    def open(self):
        if self.all.fault == "open":
            raise MemoryError
        self.running = True
        self.all.opened.append(self)

    def close(self):
        self.running = False

    def get_num_connections(self, timeout):
        return self.all.watchers

    def write_video_async(self, data):
        if self.all.fault:
            raise RuntimeError(self.all.fault)
        assert self.running and data.size == self.frame.size[0] * self.frame.size[1] * 4
        self.all.sent.append((self.frame.size, data, data.copy()))
        return True


@pytest.fixture
def senders(monkeypatch, tmp_path):
    """A double of NDI on a machine where it can be found."""
    senders = Senders()
    monkeypatch.setitem(sys.modules, "cyndilib", senders.module())
    monkeypatch.setattr(outputs, "AVAHI", tmp_path)
    return senders


def test_the_top_row_is_sent_first(screen, opened, senders):
    running = opened(screen, "ndi")
    play(running, screen, lambda: senders.sent)
    size, data, _ = senders.sent[0]
    assert size == screen.size
    assert (data.reshape(48, 64, 4)[..., :3] == upright(size)[..., :3]).all()


def test_what_was_sent_stays_as_it_was(screen, opened, senders):
    running = opened(screen, "ndi")
    level = iter(range(TRIES))

    def draw():
        screen.framebuffer.clear(next(level) % 256 / 255, 0.0, 0.0, 1.0)
        running.frame(screen.framebuffer)

    until(lambda: len(senders.sent) > 6, draw)
    assert all((data == copy).all() for _, data, copy in senders.sent)
    assert len({copy[0] for *_, copy in senders.sent}) > 3


def test_nobody_watches_nothing_is_sent_and_who_comes_sees_the_present(screen, opened, senders):
    running = opened(screen, "ndi")
    play(running, screen, lambda: senders.sent)
    senders.watchers = 0
    play(running, screen, lambda: not running._running[0]._watched)
    for _ in range(10):
        running.frame(screen.framebuffer)
    senders.sent.clear()
    running.frame(screen.framebuffer)
    senders.watchers = 1
    screen.framebuffer.clear(1.0, 1.0, 1.0, 1.0)
    until(lambda: senders.sent, lambda: running.frame(screen.framebuffer))
    assert (senders.sent[0][2] == 255).all()


def test_a_size_that_changes_while_nobody_watches_is_there_for_the_first_who_does(screen, other, opened, senders):
    running = opened(screen, "ndi")
    senders.watchers = 0
    play(running, other, lambda: len(senders.opened) == 2)
    senders.watchers = 1
    play(running, other, lambda: senders.sent)
    assert [each.frame.size for each in senders.opened] == [screen.size, other.size]
    assert {size for size, *_ in senders.sent} == {other.size}



def test_a_size_that_stays_is_taken_on_and_one_that_passes_is_not(screen, other, opened, senders):
    running = opened(screen, "ndi")
    play(running, screen, lambda: senders.sent)
    ndi = running._running[0]
    for _ in range(3):  # as while a window is dragged
        play(running, other, lambda: ndi._changed > SETTLED // 2)
        play(running, screen, lambda: ndi._changed == 0)
    assert len(senders.opened) == 1
    play(running, other, lambda: senders.sent[-1][0] == other.size)
    assert [each.frame.size for each in senders.opened] == [screen.size, other.size]
    assert not senders.opened[0].running
    assert (senders.sent[-1][2].reshape(40, 96, 4)[..., :3] == upright(other.size)[..., :3]).all()


def test_an_output_that_fails_is_said_once_and_the_others_go_on(screen, opened, senders, said):
    running = opened(screen, "ndi:first")
    senders.fault = "cable cut"
    play(running, screen, lambda: len(said) > 1)
    senders.fault = None
    for _ in range(10):
        running.frame(screen.framebuffer)
    assert screen.ctx.fbo is screen.framebuffer
    assert [line for line in said if "cable cut" in line] == [said[1]] and "\n" not in said[1]
    assert running._running == [] and not senders.opened[0].running


def test_a_name_that_is_taken_is_said_and_the_show_goes_on(screen, opened, senders, said):
    senders.fault = "open"
    running = opened(screen, "ndi:Left wall")
    running.frame(screen.framebuffer)
    assert len(said) == 1 and "'Left wall'" in said[0] and "--send ndi:NAME" in said[0]


def test_a_size_that_cannot_be_opened_drops_the_output(screen, other, opened, senders, said):
    running = opened(screen, "ndi")
    play(running, screen, lambda: senders.sent)
    senders.fault = "open"
    play(running, other, lambda: len(said) > 1)
    assert running._running == []


def test_closing_ends_the_thread_and_the_source(screen, opened, senders):
    running = opened(screen, "ndi")
    thread = running._running[0]._thread
    running.close()
    assert not thread.is_alive() and not senders.opened[0].running


def test_without_the_package_one_line_says_how_to_get_it(screen, opened, said, monkeypatch):
    monkeypatch.setattr(outputs, "installed", lambda kind: False)
    running = opened(screen, "ndi")
    running.frame(screen.framebuffer)
    assert len(said) == 1 and said[0].endswith('-m pip install "cyndilib"')


def test_a_package_that_does_not_load_is_said(screen, opened, said, senders, monkeypatch):
    broken = types.ModuleType("cyndilib")  # nothing of what it should have, as with a runtime that is missing
    broken.__spec__ = importlib.machinery.ModuleSpec("cyndilib", None)
    monkeypatch.setitem(sys.modules, "cyndilib", broken)
    opened(screen, "ndi").frame(screen.framebuffer)
    assert len(said) == 1 and said[0].startswith("NDI is left out")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux needs avahi")
def test_without_avahi_one_line_says_so_and_the_picture_is_sent_all_the_same(screen, opened, senders, said, monkeypatch,
                                                                              tmp_path):
    monkeypatch.setattr(outputs, "AVAHI", tmp_path / "socket")
    running = opened(screen, "ndi")
    play(running, screen, lambda: senders.sent)
    assert "apt-get install avahi-daemon" in said[0] and len(said) == 2


# Spout and Syphon with doubles of their libraries


def seen(screen, number, size):
    """The texture of that number as other programs see it, the bottom row first."""
    data = screen.ctx.external_texture(number, size, 4, 0, "f1").read()
    return np.frombuffer(data, np.uint8).reshape(size[1], size[0], 4)


class SpoutSender:
    """SpoutGL.SpoutSender, as its source has it: six arguments, False when the picture cannot be sent."""

    def __init__(self, screen, takes=True):
        self.screen, self.takes, self.sent, self.name = screen, takes, [], None

    def setSenderName(self, name):
        self.name = name

    def sendTexture(self, texture, target, width, height, invert, host):
        assert target == 0x0DE1 and invert is True
        self.sent.append(seen(self.screen, texture, (width, height)))
        self.screen.ctx.simple_framebuffer((4, 4)).use()  # it leaves another framebuffer bound
        return self.takes

    def releaseSender(self):
        self.name = None


def install(monkeypatch, name, **content):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(content)
    monkeypatch.setitem(sys.modules, name, module)


def test_spout_gets_an_opaque_texture_of_the_size_that_there_is(screen, opened, monkeypatch, said):
    double = SpoutSender(screen)
    install(monkeypatch, "SpoutGL", SpoutSender=lambda: double)
    running = opened(screen, ("spout", "Left wall"))
    assert double.name == "Left wall"
    for size in ((64, 48), (64, 48), (40, 30)):
        framebuffer = screen.ctx.framebuffer([screen.ctx.texture(size, 4)])
        paint(framebuffer)
        running.frame(framebuffer)
        assert screen.ctx.fbo is framebuffer
        assert (double.sent[-1][::-1] == upright(size)).all()  # GL begins at the bottom, and Spout is told so
    running.close()
    assert double.name is None and len(said) == 1


def test_spout_that_takes_no_picture_is_dropped(screen, opened, monkeypatch, said):
    install(monkeypatch, "SpoutGL", SpoutSender=lambda: SpoutSender(screen, takes=False))
    running = opened(screen, ("spout", NAME))
    paint(screen.framebuffer)
    running.frame(screen.framebuffer)
    assert screen.ctx.fbo is screen.framebuffer
    running.frame(screen.framebuffer)
    assert len(said) == 2 and "DirectX 11" in said[1]


def test_a_minimised_window_drops_nothing(screen, opened, monkeypatch, said):
    double = SpoutSender(screen)
    install(monkeypatch, "SpoutGL", SpoutSender=lambda: double)
    running = opened(screen, ("spout", NAME))
    running.frame(types.SimpleNamespace(size=(0, 0)))
    assert double.sent == [] and len(said) == 1
    running.frame(screen.framebuffer)
    assert len(double.sent) == 1


class SyphonServer:
    """syphon.SyphonOpenGLServer, as its source has it; what is flipped for Syphon begins at the top."""

    def __init__(self, screen, name):
        self.screen, self.name, self.sent, self.running = screen, name, [], True

    def publish_frame_texture(self, texture, region=None, size=None, is_flipped=False):
        assert region is None and not is_flipped
        self.sent.append(seen(self.screen, texture, size))

    def stop(self):
        self.running = False


def test_syphon_gets_an_opaque_texture(screen, opened, monkeypatch, said):
    servers = []
    install(monkeypatch, "syphon", SyphonOpenGLServer=lambda name: servers.append(SyphonServer(screen, name)) or servers[-1])
    running = opened(screen, ("syphon", "Left wall"))
    paint(screen.framebuffer)
    running.frame(screen.framebuffer)
    running.close()
    assert (servers[0].sent[0][::-1] == upright(screen.size)).all()
    assert servers[0].name == "Left wall" and not servers[0].running


def test_syphon_without_a_window_is_said(screen, opened, monkeypatch, said):
    def refuse(name):
        raise Exception("Could not get current NSOpenGLContext.")

    install(monkeypatch, "syphon", SyphonOpenGLServer=refuse)
    opened(screen, ("syphon", NAME)).frame(screen.framebuffer)
    assert len(said) == 1 and "without --headless" in said[0]


def test_syphon_without_pyopengl_says_how_to_get_it(screen, opened, monkeypatch, said):
    def refuse(name):
        raise ImportError("PyOpenGL unavailable")

    install(monkeypatch, "syphon", SyphonOpenGLServer=refuse)
    opened(screen, ("syphon", NAME)).frame(screen.framebuffer)
    assert len(said) == 1 and said[0].endswith('-m pip install "syphon-python[opengl]"')


# The flag, the list, the show


def test_a_name_may_follow():
    assert parse("ndi") == parse("ndi:") == ("ndi", "Hear & See")
    assert parse("ndi:Left wall: upper") == ("ndi", "Left wall: upper")
    options = parser().parse_args(["perform", "--send", "ndi", "--send", "ndi:2"])
    assert options.send == [("ndi", "Hear & See"), ("ndi", "2")]


@pytest.mark.parametrize("system, kinds", [("linux", ["ndi"]), ("win32", ["ndi", "spout"]), ("darwin", ["ndi", "syphon"])])
def test_each_system_has_its_own(system, kinds, monkeypatch):
    monkeypatch.setattr(outputs.sys, "platform", system)
    assert here() == kinds
    for kind in set(KINDS) - set(kinds):
        with pytest.raises(ValueError, match=f"is for (Windows|macOS) only; this system has {', '.join(kinds)}"):
            parse(kind)


@pytest.mark.parametrize("word", [next(kind for kind in KINDS if kind not in here()), "smoke signals"])
def test_what_this_system_has_not_is_refused_with_what_there_is(word, capfd):
    with pytest.raises(SystemExit) as ended:
        main(["perform", "--send", word])
    assert ended.value.code == 2
    assert f"'{word}'" in (line := capfd.readouterr().err.splitlines()[-1]) and "this system has ndi" in line


def test_devices_lists_the_outputs():
    lines = report()
    listed = lines[lines.index("send") + 1 :][: len(here())]
    assert [line.strip().split(":")[0] for line in listed] == here()


def test_the_help_and_the_package_name_all_outputs():
    pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = pyproject["project"]["optional-dependencies"]
    for name, kind in KINDS.items():
        (line,) = extras[name]
        assert line.startswith(kind.package + ">=")
        assert (f"sys_platform == '{kind.system}'" in line) == bool(kind.system)
    flags = next(action for action in parser()._subparsers._group_actions[0].choices["perform"]._actions
                 if "--send" in action.option_strings)
    assert flags.metavar == "|".join(KINDS) + "[:NAME]"


def test_the_picture_goes_out_without_the_hud(screen, senders, tmp_path, free_port):
    options = PerformOptions(headless=True, no_listen=True, size=(192, 108), port=free_port, presets=str(tmp_path),
                             send=[("ndi", NAME)], values={"dream.size": 160.0, "show.blackout": 1.0})
    with ExitStack() as stack:
        show = Show(options, stack)
        until(lambda: len(senders.sent) > 5, lambda: show.frame(time.perf_counter(), 0.03))
        on_screen = np.frombuffer(show.screen.framebuffer.read(components=3), np.uint8)
        assert on_screen.max() > 100  # the HUD over a black picture
        assert all(copy.reshape(-1, 4)[:, :3].max() == 0 for *_, copy in senders.sent)
    assert not senders.opened[0].running
