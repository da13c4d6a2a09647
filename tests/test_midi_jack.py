"""Real MIDI through a JACK server: knobs, hot plug, clock from another program."""

import queue
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jack
import pytest

from instrument.clock import Clock
from instrument.control import Control
from instrument.midi import Midi, RtPorts, port_names
from instrument.midi.ports import MISSED, PAUSES, let_go

rtmidi = pytest.importorskip("rtmidi")
WAIT = 60  # s until a test gives up on a message that never comes


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not hasattr(rtmidi, "API_UNIX_JACK") or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
        pytest.skip("python-rtmidi was built without JACK")
    with jack.server(tmp_path_factory.mktemp("jack") / "jack.log") as one:
        yield one


class Knobs:
    """A controller, plugged in while the block runs."""

    def __init__(self, name):
        self._command = [sys.executable, str(Path(__file__).with_name("knobs.py")), name]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, text=True)
        return self

    def send(self, *message):
        self._process.stdin.write(bytes(message).hex() + "\n")
        self._process.stdin.flush()

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(WAIT)


class Player:
    """A `Midi` on the JACK server that hands everything to queues."""

    def __init__(self, **options):
        self.control, self.edits, self.notices = Control(), queue.SimpleQueue(), queue.SimpleQueue()
        self.commands = queue.SimpleQueue()
        self.midi = Midi(self.submit, lambda *command: self.commands.put(command), self.control.frame,
                         api="UNIX_JACK", notice=self.notices.put, **options)

    def submit(self, edits):
        self.control.submit(edits)
        self.edits.put(edits)

    def until(self, text):
        """Wait for a notice that contains `text`."""
        while text not in (notice := self.notices.get(timeout=WAIT)):
            pass
        return notice

    def meet(self, knobs, name):
        """Wait until this device is heard: JACK connects a moment after it says so. Leaves echoes of `zoom.echo`."""
        assert "cannot" not in self.until(name)
        while not self.edits.empty():
            self.edits.get()
        for _ in range(WAIT * 10):
            knobs.send(0xB0, 45, 127)
            knobs.send(0xB0, 45, 0)
            try:
                return self.edits.get(timeout=0.1)
            except queue.Empty:
                continue
        raise AssertionError(f"{name} is not heard")


def test_a_knob_changes_a_row_by_the_next_frame(server):
    player = Player()
    with player.midi, Knobs("knobs A") as knobs:
        player.meet(knobs, "knobs A")
        for value in range(0, 128, 8):
            knobs.send(0xB0, 14, value)
        knobs.send(0xB0, 14, 127)
        while player.edits.get(timeout=WAIT) != {"dream.octaves": 6.0}:
            pass
        assert player.control.frame()["dream.octaves"] == 6


def test_a_pad_that_says_only_127_is_learned_and_steps_through_the_labels(server, tmp_path):
    player = Player(own=tmp_path / "midi.toml")
    with player.midi, Knobs("knobs L") as knobs:
        player.meet(knobs, "knobs L")
        player.midi.learn(row="zoom.mode")
        for _ in range(3):
            knobs.send(0xB0, 9, 127)
        assert "CC 9, channel 1 plays zoom.mode now (press)" in player.until("plays zoom.mode")
        first, seen = player.control.frame()["zoom.mode"], []
        for _ in range(3):
            knobs.send(0xB0, 9, 127)
            while "zoom.mode" not in player.edits.get(timeout=WAIT):
                pass
            seen.append(player.control.frame()["zoom.mode"])  # as a show between two presses
        assert seen == [first + 1, first + 2, first + 3]


def test_pads_and_program_changes_recall(server):
    player = Player()
    with player.midi, Knobs("knobs B") as knobs:
        player.meet(knobs, "knobs B")
        knobs.send(0x90, 38, 100)
        knobs.send(0xC0, 4)
        knobs.send(0xB0, 123, 0)
        heard = [player.commands.get(timeout=WAIT) for _ in range(3)]
        assert heard == [("preset.load", 3), ("preset.load", 5), ("show.calm", None)]


def test_devices_come_go_and_come_back(server):
    player = Player()
    with player.midi:
        for value in (10, 30):
            with Knobs("knobs C") as knobs:
                player.meet(knobs, "knobs C")
                knobs.send(0xB0, 48, 64)  # meets post.hue, which stands in the middle
                knobs.send(0xB0, 48, value)
                while player.edits.get(timeout=WAIT).get("post.hue", 1.0) > 0:
                    pass
                player.control.submit({"post.hue": 0.0})
            assert "is gone" in player.until("knobs C")
        assert not [port for port, _ in player.midi.devices() if "knobs C" in port]


def test_lamps_of_a_known_device_follow(server):
    player = Player()
    lamps = rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name="MIDI Mix")
    lamps.open_virtual_port("in")
    with player.midi, Knobs("MIDI Mix"):
        assert "Akai" in player.until("MIDI Mix")
        player.midi.preset = 2
        until, heard = time.monotonic() + WAIT, None
        while heard != [0x90, 4, 127] and time.monotonic() < until:
            heard = (lamps.get_message() or [None])[0]
    let_go(lamps)
    assert heard == [0x90, 4, 127]


def test_own_ports_are_not_heard(server):
    player = Player()
    with player.midi, Knobs("knobs D"):
        player.until("knobs D")
        assert not any(line.startswith("hearsee") for line in port_names("UNIX_JACK"))
        assert any("knobs D" in line for line in port_names("UNIX_JACK"))


def test_clock_of_another_program(server):
    if not shutil.which("jack_midi_clock"):
        pytest.skip("jack_midi_clock is not installed")
    ticks, clock = queue.SimpleQueue(), Clock()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(["jack_midi_clock", "-b", "120"], **quiet) as peer:
        try:
            player = Player(clock=lambda *tick: ticks.put(tick))
            with player.midi:
                player.until("mclk_out")
                subprocess.run(["jack_transport"], input="play\n", text=True, capture_output=True, timeout=WAIT, check=True)
                heard = [ticks.get(timeout=WAIT) for _ in range(73)]
        finally:
            peer.kill()  # asked to end, it may wait for a JACK that does not answer, for ever
    assert heard[0][0] == "start"
    for tick in heard:
        clock.midi(*tick)
    now = heard[-1][1]
    clock.update(now)
    assert clock.source == "midi"
    # Under load the dummy driver's time runs slower than ours: compare with the ticks as they came.
    assert clock.bpm == pytest.approx(60 * 47 / 24 / (now - heard[-48][1]), rel=0.3)


class ByHand(Player):
    """A `Player` without its thread: looks are taken by hand."""

    def look_until(self, text):
        """Look, and nothing else, until a notice contains `text`; the notices on the way."""
        told = []
        for _ in range(WAIT * 10):
            self.midi.plug()
            while not self.notices.empty():
                told.append(self.notices.get())
            if any(text in notice for notice in told):
                return told
            time.sleep(0.2)  # whoever plugs in is another program
        raise AssertionError(f"no word of {text}: {told}")

    def turn(self, knobs):
        """Turn a knob until it is heard: the server has run every client by then."""
        for _ in range(WAIT * 10):
            knobs.send(0xB0, 45, 127)
            knobs.send(0xB0, 45, 0)
            time.sleep(0.05)
            self.midi.hear()
            if not self.edits.empty():
                break
        while not self.edits.empty():
            assert "zoom.echo" in self.edits.get()


def test_a_server_that_lives_is_not_given_up(server):
    player = ByHand()
    with Knobs("knobs E") as knobs:
        player.look_until("knobs E")
        for _ in range(3 * MISSED):
            player.turn(knobs)
            player.midi.plug()
        assert player.notices.empty() and len(player.midi.devices()) == 1


def test_a_server_that_ended_is_missed_and_found_again_when_it_is_back(server):
    player = ByHand()
    for _ in range(3):
        with Knobs("knobs F") as knobs:
            player.look_until("knobs F")
            player.turn(knobs)
            player.midi.plug()
            server.kill()
        told = player.look_until("is gone")
        assert [text for text in told if "JACK server has gone" in text] == told[:1] and player.midi.devices() == []
        for _ in range(2 * PAUSES):
            player.midi.plug()
        assert player.notices.empty()  # it is said once
        server.start()


def test_a_server_that_was_started_again_between_two_looks_is_found_again(server):
    player = ByHand()
    with Knobs("knobs G") as knobs:
        player.look_until("knobs G")
        player.turn(knobs)
        player.midi.plug()
    server.kill()
    server.start()
    with Knobs("knobs G") as knobs:  # by the same name: as if nothing had happened
        player.look_until("is gone")
        player.look_until("knobs G")
        player.turn(knobs)


def test_without_a_server_there_is_one_line_and_no_end(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "hs-nobody")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    if not hasattr(rtmidi, "API_UNIX_JACK") or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
        pytest.skip("python-rtmidi was built without JACK")
    with Player().midi as midi:
        assert "no MIDI" in midi.reason and "\n" not in midi.reason
        assert midi.devices() == [] and midi.hints() == {}


def test_an_unknown_driver_is_explained():
    with pytest.raises(ValueError, match="this machine has"):
        RtPorts("UNIX_TOASTER")
