"""`listen` with a network of one line on real files and sockets, and the supervisor with tiny children."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from instrument.listen import Listener, ListenOptions, Parent, Supervisor, run
from instrument.osc import Receiver, Remote

CLASSES = ("low", "high")
WAIT = 20  # seconds that a real process may take


def hear(window):
    """Which half of the mel bands is louder; and that it is one of the two."""
    return np.array([window[:64].mean(), window[64:].mean(), -99.0])


def network():
    return hear, CLASSES


@pytest.fixture
def clip(tmp_path):
    """Half a second of silence, then a second of a high tone."""
    rate = 44100
    tone = 0.3 * np.sin(2 * np.pi * 6000 * np.arange(rate) / rate)
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.concatenate([np.zeros(rate // 2), tone]), rate)
    return str(path)


@pytest.fixture
def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def options(clip, port, *targets, **more):
    return ListenOptions(audio=clip, mute=True, port=port, target=list(targets), **more)


def test_a_file_goes_through_to_the_packets_and_ends(clip, free_port):
    packets, lines = [], []
    with Receiver(0, on_features=packets.append) as receiver:
        listening = options(clip, free_port, ("127.0.0.1", receiver.port))
        with Listener(listening, network, lines.append) as listener:
            listener.wait()
    assert packets[-1]["top.name"] == "high" and packets[-1]["class.high"] > 0.5
    assert packets[-1]["top.changed"] == 1 and packets[-1]["onset"] >= 1
    assert max(packet.get("audio.level", 0) for packet in packets) > 0.7
    assert listener.engine.analysed >= 1.5 * 44100 and listener.source.overflows == 0
    assert lines[-1]["top"] == "high" and lines[-1]["known"] > 0.5 and set(lines[-1]["probabilities"]) == set(CLASSES)
    assert receiver.refused == 0


def test_levels_are_sent_before_there_is_a_network(clip, free_port):
    heard, ready = queue.SimpleQueue(), threading.Event()

    def load():
        ready.wait(WAIT)
        return network()

    with Receiver(0, on_features=heard.put) as receiver:
        with Listener(options(clip, free_port, ("127.0.0.1", receiver.port), loop=True, eager=True), load):
            while heard.get(timeout=WAIT).get("audio.level", 0) == 0:
                pass
            ready.set()
            while heard.get(timeout=WAIT).get("top.name") != "high":
                pass


def test_hear_rows_arrive_while_listening(clip, free_port):
    with Listener(options(clip, free_port, loop=True), network) as listener:
        remote = Remote(("127.0.0.1", free_port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(WAIT)
            remote.submit({"hear.margin": 0.5})
            while listener.engine.values["hear.margin"] != 0.5:
                asking.sendto(b"/hs/ping\0\0\0\0,\0\0\0", ("127.0.0.1", free_port))
                asking.recv(100)
        remote.close()


@pytest.mark.parametrize("what", ["no/such/file.wav", "broken.wav"])
def test_a_bad_file_is_one_line(tmp_path, free_port, what):
    (tmp_path / "broken.wav").write_bytes(b"RIFFnothing")
    with pytest.raises((OSError, ValueError)) as caught:
        run(options(str(tmp_path / what), free_port))
    assert "\n" not in str(caught.value)


def test_a_port_in_use_is_told_and_everything_is_closed_again(clip):
    with Receiver(0) as other:
        with pytest.raises(OSError, match=f"port {other.port}"):
            run(options(clip, other.port))


def test_a_damaged_model_ends_it_with_its_line(clip, free_port):
    def load():
        raise ValueError("weights.safetensors is damaged")

    for eager in (True, False):
        with pytest.raises(ValueError, match="damaged"):
            with Listener(options(clip, free_port, loop=True, eager=eager), load) as listener:
                listener.wait()


def test_a_file_waits_for_the_network_so_that_all_of_it_is_heard(clip, free_port):
    lines = []
    with Listener(options(clip, free_port), network, lines.append) as listener:
        listener.wait()
    assert lines[0]["time"] < 0.3


def test_json_lines_can_be_read(clip, free_port, capsys):
    from instrument.listen import _reporter

    with Listener(options(clip, free_port), network, _reporter(ListenOptions(json=True))) as listener:
        listener.wait()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) > 20 and lines[-1]["top"] == "high"
    assert all(before["time"] <= after["time"] for before, after in pairwise(lines))


def test_it_does_not_outlive_its_parent(clip, free_port):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with Listener(options(clip, free_port, loop=True, parent=child.pid), network) as listener:
        listener.wait()
    assert Parent(child.pid).gone() and not Parent(os.getppid()).gone() and not Parent(None).gone()


# the supervisor

CHILD = """
import os, socket, sys
home = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
home.connect(("127.0.0.1", int(sys.argv[1])))
home.send(str(os.getpid()).encode())
"""
LIVE = CHILD + "home.recv(1)\n"  # until it is ended
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LIVE


class Home:
    """Where children report their process id."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(WAIT)

    def supervisor(self, code):
        return Supervisor([str(self.socket.getsockname()[1])], (sys.executable, "-c", code))

    def pid(self):
        return int(self.socket.recv(100))


@pytest.fixture
def home():
    one = Home()
    yield one
    one.socket.close()


def test_a_killed_child_is_started_again(home):
    with home.supervisor(LIVE) as supervisor:
        first = home.pid()
        os.kill(first, signal.SIGTERM)
        second = home.pid()
        assert second != first and supervisor.pid == second
        assert supervisor.restarts == 1 and "status" in supervisor.reason
    assert supervisor.pid is None


def test_a_child_that_keeps_failing_is_counted_and_its_last_words_kept(home):
    with home.supervisor(CHILD + "sys.exit('no luck today')") as supervisor:
        assert len({home.pid() for _ in range(3)}) == 3
        assert supervisor.restarts >= 2 and supervisor.reason == "no luck today"


@pytest.mark.parametrize("status, ended, failed", [(0, True, False), (2, False, True)])
def test_an_end_and_a_mistake_are_final(home, status, ended, failed):
    with home.supervisor(CHILD + f"print('the file is missing', file=sys.stderr); sys.exit({status})") as supervisor:
        home.pid()
        supervisor._thread.join(WAIT)
    assert (supervisor.ended, supervisor.failed, supervisor.restarts) == (ended, failed, 0)
    assert not failed or supervisor.reason == "the file is missing"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot ignore terminate")
def test_a_child_that_will_not_end_is_killed(home):
    with home.supervisor(STUBBORN) as supervisor:
        home.pid()
    assert supervisor.pid is None
