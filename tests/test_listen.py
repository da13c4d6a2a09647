"""`listen` with a network of one line on real files and sockets, and the supervisor with tiny children."""

import errno
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from pythonosc.osc_packet import OscPacket

from instrument.audio.engine import DECISION
from instrument.audio.ring import _path as ring_path
from instrument.audio.source import open_source
from instrument.heard import DEAF, FIRST, Watch, quiet
from instrument.hearing import Network
from instrument.listen import Listener, run
from instrument.options import ListenOptions
from instrument.osc import Receiver, Remote, Sender
from instrument.osc.wire import encode
from instrument.parent import Parent
from instrument.rates import Rates
from instrument.reach import BACK, Reach, Still
from instrument.supervisor import Supervisor

CLASSES = ("low", "high")
WAIT = 60  # seconds that a real process may take


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


def test_a_target_that_nothing_reaches_is_said_once_and_the_others_are_served(clip, free_port):
    packets = []
    with Receiver(0, on_features=packets.append) as receiver:
        targets = ("127.0.0.1", 0), ("127.0.0.1", receiver.port)  # no system sends to port 0
        with Listener(options(clip, free_port, *targets), network) as listener:
            listener.wait()
    told = {packet["teach.note"] for packet in packets if packet.get("teach.note")}
    assert len(told) == 1 and "OSC does not reach 127.0.0.1:0 (" in told.pop()
    assert packets[-1]["top.name"] == "high"


class Held:
    """A reader of lines that does not read, as a terminal after Ctrl-S."""

    def __init__(self):
        self.lines, self.goes_on = [], threading.Event()

    def __call__(self, line):
        self.goes_on.wait(WAIT)
        self.lines.append(line)


def test_whoever_reads_the_lines_holds_up_neither_classes_nor_the_lines_that_come_later(clip, free_port):
    packets, held = queue.SimpleQueue(), Held()
    with Receiver(0, on_features=packets.put) as receiver:
        with Listener(options(clip, free_port, ("127.0.0.1", receiver.port), loop=True), network, held):
            seen = {packets.get(timeout=WAIT).get("top.name") for _ in range(200)}
            while "high" not in seen:
                seen.add(packets.get(timeout=WAIT).get("top.name"))
            assert not held.lines
            held.goes_on.set()
    assert any(line["top"] == "high" for line in held.lines)


def test_a_sound_server_that_hangs_stops_the_ticks_is_said_and_does_not_hold_up_the_end(clip, free_port, monkeypatch):
    monkeypatch.setattr("instrument.listen.ENDING", 0.1)
    monkeypatch.setattr("instrument.listen.STUCK", 0.2)
    packets, hangs = queue.SimpleQueue(), threading.Event()
    with Receiver(0, on_features=packets.put) as receiver:
        with Listener(options(clip, free_port, ("127.0.0.1", receiver.port), loop=True), network) as listener:
            while not packets.get(timeout=WAIT).get("frame"):
                pass
            listener.source.read = lambda: hangs.wait() and np.zeros(0, np.float32)
            told = ""
            with pytest.raises(queue.Empty):  # no tick for so long: they have stopped
                for _ in range(60 * WAIT):
                    told = packets.get(timeout=2.0).get("teach.note", told)
            assert "does not answer" in told
        assert any(thread.name == "listen_hear" for thread in threading.enumerate())
    hangs.set()


def test_still_counts_looks_in_a_row():
    still = Still(2)
    assert [(still.at(number), still.news) for number in (1, 1, 1, 1, 1, 2, 2)] == [
        (False, False)] * 3 + [(True, True), (True, False)] + [(False, False)] * 2


def test_a_network_that_goes_is_told_each_time_and_that_it_is_back_too(monkeypatch):
    down, told, reach = [], [], Reach()

    def send(sock, packet, target):
        if down:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("instrument.osc.sender.send", send)
    with Sender([("127.0.0.1", 9)]) as sender:
        for tick in range(60 * 170):
            second = tick / 60
            down[:] = [True] * (5 < second < 10 or 60 < second < 70 and tick % 90 < 45 or 120 < second < 125)
            sender.tick(second)
            told += [(round(second), line) for line in reach.news(dict(sender.lost), second)]
    gone = "OSC does not reach 127.0.0.1:9 (Network is unreachable): see to the network, or give another --target"
    back = "OSC reaches 127.0.0.1:9 again"
    assert told == [(5, gone), (10 + BACK, back), (60, gone), (70 + BACK, back), (120, gone), (125 + BACK, back)]


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


def test_a_terminal_is_told_what_is_heard_and_a_show_not(clip, free_port, capsys):
    from instrument.listen import _reporter

    for parent, told in ((None, " s  high ("), (os.getppid(), "")):
        asked = options(clip, free_port, parent=parent)
        with Listener(asked, network, _reporter(asked)) as listener:
            listener.wait()
        out, err = capsys.readouterr()
        assert told in out and bool(out) == bool(told) == ("listening to tone.wav" in err)


def test_an_ear_of_the_show_whose_port_is_taken_says_by_whom_it_may_be(clip, free_port):
    for parent, words in ((None, "^OSC port .* A show .* start it with --no-listen"),
                          (os.getpid(), "^the ear of the show: OSC port .* start the show with --no-listen")):
        with Receiver(free_port), pytest.raises(OSError, match=words):
            Listener(options(clip, free_port, parent=parent), network).__enter__()


def test_the_demo_scene_that_was_asked_for_is_heard(free_port):
    heard = queue.SimpleQueue()
    with Receiver(0, on_features=heard.put) as receiver:
        with Listener(options("demo", free_port, ("127.0.0.1", receiver.port), loop=True, scene_seed=3), network):
            until_told(heard, "audio.source", "demo scene 3")


def test_it_does_not_outlive_its_parent(clip, free_port):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with Listener(options(clip, free_port, loop=True, parent=child.pid), network) as listener:
        listener.wait()
    assert Parent(child.pid).gone() and not Parent(os.getppid()).gone() and not Parent(None).gone()


def test_what_is_listened_to_is_published_and_what_is_wrong_with_it(clip, free_port):
    heard = queue.SimpleQueue()
    with Receiver(0, on_features=heard.put) as receiver:
        with Listener(options(clip, free_port, ("127.0.0.1", receiver.port), loop=True), network) as listener:
            until_told(heard, "audio.source", "tone.wav")
            listener.source.note = "gives no sound"
            until_told(heard, "audio.source", "gives no sound")


def test_where_it_hears_is_published_and_printed_and_it_decides_as_often_as_that_allows(clip, free_port, capsys):
    heard, note = queue.SimpleQueue(), "hears on cuda: 0.9 ms (cpu 5.6)"
    with Receiver(0, on_features=heard.put) as receiver:
        listening = options(clip, free_port, ("127.0.0.1", receiver.port))
        with Listener(listening, lambda: Network(*network(), every=lambda: DECISION / 2, note=note)) as listener:
            until_told(heard, "teach.note", note)
            listener.wait()
    assert listener.engine.decisions + listener.engine.skipped > 60  # in 1.5 s
    assert note in capsys.readouterr().err.splitlines()


def until_told(heard, feature, word):
    """Until a text with that word comes; queue.Empty if it never does."""
    while word not in heard.get(timeout=WAIT).get(feature, ""):
        pass


def test_whoever_asks_an_ear_alone_is_answered_and_so_is_its_terminal(clip, free_port, capsys):
    remote, told = Remote(("127.0.0.1", free_port)), []
    with Listener(options(clip, free_port, loop=True), lambda: Network(*network())):
        told.append(remote.ask("teach.start", "rain"))
    remote.close()
    assert "there is no network yet that could learn" in told[0] and told[0] in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("argument", (None, 1.0))
def test_a_button_without_a_name_takes_no_model_away(clip, free_port, argument):
    with Listener(options(clip, free_port, loop=True), lambda: Network(*network())) as listener:
        with pytest.raises(ValueError, match="takes the name or the folder of a model"):
            listener._school.command("show.model", argument)


def told_of(asking, address):
    """Values that come to a socket under an address, until it falls silent."""
    with suppress(TimeoutError):
        while True:
            for timed in OscPacket(asking.recv(4096)).messages:
                if timed.message.address == address:
                    yield timed.message.params[0]


def test_who_has_asked_an_ear_alone_is_told_of_changes(clip, free_port):
    with Listener(options(clip, free_port, loop=True), lambda: Network(*network())), \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, closing(Remote(("127.0.0.1", free_port))) as other:
        asking.settimeout(WAIT)
        asking.sendto(encode("/hs/query"), ("127.0.0.1", free_port))
        told = told_of(asking, "/hs/hear/gain")
        assert next(told) == 0.0
        other.submit({"hear.gain": 6.0})
        assert next(told) == 6.0


def test_an_ear_begins_with_the_values_given(clip, free_port):
    given = replace(options(clip, free_port, loop=True), values={"hear.gain": 6.0})
    with Listener(given, lambda: Network(*network())) as listener:
        assert listener.engine.values["hear.gain"] == 6.0


def test_what_is_refused_is_published_as_news_of_teaching(clip, free_port):
    heard = queue.SimpleQueue()
    with Receiver(0, on_features=heard.put) as receiver:
        listening = options(clip, free_port, ("127.0.0.1", receiver.port), loop=True)
        with Listener(listening, lambda: Network(*network())) as listener:  # a network that cannot learn
            remote = Remote(("127.0.0.1", free_port))
            remote.command("teach.start", "rain")
            until_told(heard, "teach.note", "/hs/teach/start: there is no network yet")
            remote.close()
            listener.receiver.receive(encode("/hs/hear/gain", "loud"), ("127.0.0.1", 9), 1e9)
            until_told(heard, "teach.note", "/hs/hear/gain: takes one number")
            for _ in range(2):
                listener._school.note("listening: rain")
            until_told(heard, "teach.note", "listening: rain (again)")


@pytest.mark.skipif(sys.platform == "win32", reason="ends by POSIX signal")
@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_only_the_end_of_the_sound_is_an_end_by_itself(free_port, which):
    with Receiver(0, on_features=(heard := queue.SimpleQueue()).put) as receiver:
        child = subprocess.Popen([sys.executable, "-m", "instrument", "listen", "--audio", "demo", "--loop", "--mute",
                                  "--port", str(free_port), "--target", f"127.0.0.1:{receiver.port}",
                                  "--parent", str(os.getpid())], stdout=subprocess.DEVNULL)
        while "known" not in heard.get(timeout=WAIT) or heard.get(timeout=WAIT)["stat.hops_per_s"] == 0:
            pass
        child.send_signal(which)
        assert child.wait(WAIT) == 143


# the watch

HEARD = {"known": 1.0, "audio.level": 0.5, "audio.pulse": 0.5, "beat.phase": 0.25, "top.name": "bark", "class.bark": 0.9,
         "stat.hops_per_s": 21.0, "stat.latency_ms": 43.0}


class Ears:
    """What a watch asks of a supervisor."""

    def __init__(self):
        self.restarts, self.reason, self.ended, self.killed = 0, "", False, 0

    def kill(self):
        self.killed += 1
        return True


def watched(ears):
    """(watch, what it said, function that passes a time in s with ticks, or silence from a tick on)."""
    watch = Watch(ears, (told := []).append)

    def passing(seconds, tick, ticking=True):
        for frame in range(int(seconds * 50)):
            features = watch.update({**HEARD, "frame": tick + frame * ticking}, 0.02)
        return features

    return watch, told, passing


def test_a_silent_listen_is_noticed_made_quiet_and_started_again():
    ears = Ears()
    watch, told, passing = watched(ears)
    assert passing(60, 1)["audio.level"] == 0.5
    assert passing(DEAF - 0.1, 2999, False)["audio.level"] == 0.5 and told == []
    silent = passing(0.2, 2999, False)
    assert silent["audio.level"] == silent["audio.pulse"] == silent["known"] == 0 and "beat.phase" not in silent
    assert silent["class.bark"] == 0.9 and silent["top.name"] == "bark"
    assert ears.killed == 1 and told == ["no word of `listen` for 2 s: it is started again"]
    ears.restarts, ears.reason = 1, "exit status -9"
    passing(14.9, 2999, False)
    assert ears.killed == 1 and len(told) == 1  # it has time to come up
    passing(30, 2999, False)
    assert ears.killed in (2, 3) and len(told) == 1
    assert passing(1, 1)["audio.level"] == 0.5 and told[1:] == ["`listen` is heard again"]


def test_a_listen_that_never_says_a_word_is_said_once():
    for ears in (Ears(), None):
        watch, told, _ = watched(ears)
        for _ in range(int(FIRST * 50) - 5):
            assert watch.update(None, 0.02) == {}
        assert told == []
        for _ in range(1000):
            watch.update(None, 0.02)
        assert len(told) == 1 and "no word" in told[0] and (ears is None or ears.killed == 0)


def test_a_listen_that_never_comes_up_is_said_once():
    ears = Ears()
    watch, told, _ = watched(ears)
    for frame in range(int(4 * FIRST * 50)):
        ears.restarts, ears.reason = frame // 500, "exit status 1"
        watch.update(None, 0.02)
    assert told == ["`listen` has ended (exit status 1) and is started again"]


def test_a_restart_is_said_with_its_reason_and_so_is_its_success():
    ears = Ears()
    watch, told, passing = watched(ears)
    passing(1, 1)
    for number in (1, 2, 3):  # it dies three times before it hears
        ears.restarts, ears.reason = number, "exit status 143"
        passing(1.5, 60, False)  # its last tick
    assert told == ["`listen` has ended (exit status 143) and is started again"]
    passing(1, 1)
    assert told[1:] == ["`listen` is heard again"] and ears.killed == 0


def test_one_that_comes_up_is_left_alone_while_torch_holds_its_threads():
    ears = Ears()
    watch, told, _ = watched(ears)
    levels = {"frame": 1, "audio.level": 0.5}
    silent = [watch.update(levels, 0.1)["audio.level"] for _ in range(140)]
    assert silent[-1] == 0 and told == [] and ears.killed == 0
    for _ in range(20):
        watch.update(levels, 0.1)
    assert ears.killed == 1 and len(told) == 1


def test_the_end_of_a_file_and_the_time_before_the_first_tick_are_no_silence():
    ears = Ears()
    watch, told, passing = watched(ears)
    for _ in range(int(FIRST * 4)):
        assert watch.update(None, 0.1) == {} == watch.update({}, 0.1)
    passing(1, 1)
    ears.ended = True
    assert passing(60, 50, False)["audio.level"] == 0 and told == [] and ears.killed == 0


def test_a_show_that_stood_still_does_not_blame_its_listen():
    ears = Ears()
    watch, told, _ = watched(ears)
    for tick in (1, 2, 2, 3):
        watch.update({**HEARD, "frame": tick}, 10.0)
    assert told == [] and ears.killed == 0


def test_a_listen_elsewhere_that_falls_silent_is_said():
    watch, told, passing = watched(None)
    passing(1, 1)
    passing(10, 51, False)
    passing(1, 52)
    assert [text.split(":")[0] for text in told] == ["no word of `listen` for 2 s", "`listen` is heard again"]


@pytest.mark.parametrize("ears", [Ears, lambda: None], ids=["its own", "elsewhere"])
def test_as_long_as_listen_is_silent_that_stands_there_and_no_rate_does(ears):
    watch, _, passing = watched(ears())
    rates = Rates()
    assert watch.state == "" and "21 decisions/s   43 ms" in rates.lines(passing(10, 1))
    for _ in range(3):
        assert "0 decisions/s" in rates.lines(passing(20, 500, False)) and watch.state == "no word of `listen`"
    assert "21 decisions/s   43 ms" in rates.lines(passing(1, 501)) and watch.state == ""


def test_what_was_never_expected_or_has_ended_is_not_missed():
    for ears, missed in ((Ears(), True), (None, False)):
        watch, _, _ = watched(ears)
        for _ in range(int(FIRST * 10)):
            assert watch.state == ""
            watch.update(None, 0.1)
        watch.update(None, 0.1)
        assert bool(watch.state) == missed
    watch, _, passing = watched(ears := Ears())
    passing(1, 1)
    ears.ended = True
    passing(60, 50, False)
    assert watch.state == ""


def test_quiet_takes_nothing_but_the_sound():
    assert quiet({}) == {} and quiet({"top.prob": 0.5, "beat.bpm": 100.0}) == {"top.prob": 0.5}


# the supervisor

CALL = """
import os, socket, sys
home = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
home.connect(("127.0.0.1", int(sys.argv[1])))
"""
CHILD = CALL + "home.send(str(os.getpid()).encode())\n"
LIVE = CHILD + "home.recv(1)\n"  # until it is ended
TELLING = CALL + "home.send(' '.join(sys.argv[2:]).encode())\nhome.recv(1)\n"  # what it was started with
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LIVE


# Needs a second to end, as one does that is saving a lesson.
SAVING = """
import signal, time
def save(*_):
    time.sleep(1)
    home.send(b"1")
    raise SystemExit
signal.signal(signal.SIGTERM, save)
""" + LIVE


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
        assert second != first
        if sys.platform != "win32":  # there the venv's python starts another, which is ours
            assert supervisor.pid == second
        assert supervisor.restarts == 1 and "status" in supervisor.reason
    assert supervisor.pid is None


def test_a_child_started_again_gets_what_was_amended(home):
    with home.supervisor(TELLING) as supervisor:
        assert home.socket.recv(100) == b""
        supervisor.amend("--model", "mine")
        supervisor.amend("--model", "yours")
        assert supervisor.kill()
        assert home.socket.recv(100).startswith(b"--model yours")


@pytest.mark.skipif(sys.platform == "win32", reason="ends by POSIX signal")
def test_a_child_that_is_saving_may_finish(home):
    with home.supervisor(SAVING):
        home.pid()
    assert home.pid() == 1


@pytest.mark.skipif(sys.platform == "win32", reason="stands for it")
def test_on_windows_where_to_terminate_is_to_kill_a_child_is_asked_to_end(home, monkeypatch):
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", signal.SIGUSR1, raising=False)
    with home.supervisor(SAVING.replace("SIGTERM", "SIGUSR1")):
        home.pid()
        monkeypatch.setattr("instrument.supervisor.sys.platform", "win32")
    assert home.pid() == 1


def test_a_child_that_keeps_failing_is_counted_and_its_last_words_kept(home):
    with home.supervisor(CHILD + "sys.exit('no luck today')") as supervisor:
        assert len({home.pid() for _ in range(3)}) == 3
        assert supervisor.restarts >= 2 and supervisor.reason == "no luck today"


def test_a_child_that_cannot_be_started_again_is_tried_until_it_can(home, monkeypatch, capsys):
    monkeypatch.setattr("instrument.supervisor.PAUSES", (0.0,))
    with home.supervisor(LIVE):
        first, popen, tries = home.pid(), subprocess.Popen, []

        def short(*arguments, **options):
            tries.append(1)
            if len(tries) < 3:
                raise OSError(11, "Resource temporarily unavailable")
            return popen(*arguments, **options)

        monkeypatch.setattr("instrument.supervisor.subprocess.Popen", short)
        os.kill(first, signal.SIGTERM)
        assert home.pid() != first and len(tries) == 3
    assert capsys.readouterr().err.count("cannot be started again") == 1


class Gone:
    """Where errors are told, once its reader has left."""

    def write(self, text):
        raise BrokenPipeError

    flush = write


def test_a_terminal_that_has_gone_does_not_end_the_watch_over_the_ear(home, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Gone())
    with home.supervisor(CHILD + "sys.exit('no luck today')") as supervisor:
        assert len({home.pid() for _ in range(3)}) == 3 and supervisor._thread.is_alive()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
@pytest.mark.parametrize("number", [getattr(signal, "SIGHUP", 0), signal.SIGTERM])
def test_a_terminal_that_closes_leaves_no_shared_sound(clip, free_port, number):
    name = f"test-hup-{os.getpid()}-{int(number)}"
    child = subprocess.Popen([sys.executable, "-m", "instrument", "listen", "--audio", "demo", "--loop", "--mute", "--eager",
                              "--ring", name, "--port", str(free_port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + WAIT
    while not ring_path(name).exists() and time.monotonic() < until:
        time.sleep(0.05)
    child.send_signal(number)
    assert child.wait(WAIT) == 143 and not ring_path(name).exists()


class Ended(BaseException):
    """What a signal raises, wherever the program is."""


def ended_at(line, work):
    """`work` with an end by signal at its line of that number, counted through ring.py and source.py; whether it got so far."""
    left = line

    def trace(frame, event, _):
        nonlocal left
        if not frame.f_code.co_filename.endswith(("ring.py", "source.py")):
            return None
        left -= event == "line"
        if left == 0 and event == "line":
            raise Ended
        return trace

    def traced(*given, **more):
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            return work(*given, **more)
        finally:
            sys.settrace(before)
    return traced, lambda: left <= 0


def test_an_end_at_any_moment_of_the_opening_leaves_no_shared_sound(clip, free_port, monkeypatch):
    name = f"test-any-{os.getpid()}"
    line = made = 0
    while True:
        line += 1
        work, came = ended_at(line, open_source)
        monkeypatch.setattr("instrument.listen.open_source", work)
        try:
            with Listener(options(clip, free_port, ring=name, eager=True), network) as listener:
                assert listener.source.ring.live
        except Ended:
            made += 1
        assert not ring_path(name).exists(), line
        if not came():
            break
    assert made > 20


@pytest.mark.parametrize("status, ended, failed", [(0, True, False), (2, False, True)])
def test_an_end_and_a_mistake_are_final(home, status, ended, failed):
    with home.supervisor(CHILD + f"print('the file is missing', file=sys.stderr); sys.exit({status})") as supervisor:
        home.pid()
        supervisor._thread.join(WAIT)
    assert (supervisor.ended, supervisor.failed, supervisor.restarts) == (ended, failed, 0)
    assert not failed or supervisor.reason == "the file is missing"


@pytest.mark.skipif(sys.platform == "win32", reason="stops by POSIX signal")
def test_a_stopped_child_is_noticed_and_another_one_started(home):
    with home.supervisor(STUBBORN) as supervisor:  # like one with a handler, which does not run while it is stopped
        watch, told, passing = watched(supervisor)
        first = home.pid()
        os.kill(first, signal.SIGSTOP)
        passing(1, 1)
        passing(3, 50, False)
        second = home.pid()
        passing(1, 1)
        assert second != first and supervisor.pid == second and supervisor.restarts == 1
    assert told == ["no word of `listen` for 2 s: it is started again", "`listen` is heard again"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot ignore terminate")
def test_a_child_that_will_not_end_is_killed(home):
    with home.supervisor(STUBBORN) as supervisor:
        home.pid()
    assert supervisor.pid is None
