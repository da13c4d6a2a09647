"""MIDI through a real PipeWire, in place of jackd: the same knobs, the same way back after a restart."""

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("rtmidi")
ROOT = Path(__file__).parents[1]
WAIT = 60  # s until a test gives up on a line that never comes
PLAYER = """
import sys, time
from instrument.control import Control
from instrument.midi import Midi
say = lambda text: print(text, flush=True)
with Midi(lambda edits: say(edits), lambda *command: None, Control().frame, api="UNIX_JACK", notice=say) as midi:
    say(midi.reason or "began")
    for line in sys.stdin:
        say(f"still here {line}")
"""


class Server:
    """PipeWire alone, without sound cards and session manager: MIDI needs neither."""

    def __init__(self, folder):
        self.environment = os.environ | {"XDG_RUNTIME_DIR": str(folder), "PIPEWIRE_RUNTIME_DIR": str(folder)}

    def start(self):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(["pipewire"], env=self.environment, **quiet)
        for _ in range(WAIT * 10):
            if self.process.poll() is not None:
                break
            if not subprocess.run(["pw-cli", "info", "0"], env=self.environment, check=False, **quiet).returncode:
                return
            time.sleep(0.1)
        pytest.skip("pipewire does not start here")

    def kill(self):
        self.process.kill()
        self.process.wait(20)


@pytest.fixture
def server():
    if not all(map(shutil.which, ("pipewire", "pw-cli", "pw-jack"))):
        pytest.skip("needs pipewire and pipewire-jack")
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:  # a socket's name may have only 107 characters
        one = Server(folder)
        try:
            one.start()
            yield one
        finally:
            one.kill()


@contextmanager
def program(server, *command):
    """A JACK client in a process of its own, told by `say`; `lines` is what it says."""
    with subprocess.Popen(["pw-jack", *command], env=server.environment, cwd=ROOT, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.lines = queue.SimpleQueue()
        threading.Thread(target=lambda: list(map(process.lines.put, process.stdout)), daemon=True).start()
        try:
            yield process
        finally:
            process.kill()


def say(process, text):
    process.stdin.write(text + "\n")
    process.stdin.flush()


def until(process, text):
    """The first line that contains `text`."""
    while text not in (line := process.lines.get(timeout=WAIT)):
        pass
    return line


def player(server):
    return program(server, sys.executable, "-c", PLAYER)


def knobs(server):
    # rtmidi's wheel would speak to jackd
    return program(server, "env", "LD_PRELOAD=libjack.so.0", sys.executable, "tests/knobs.py", "knobs P")


def turn(box, show):
    """Turn a knob until the show hears it."""
    for _ in range(WAIT * 10):
        say(box, "b02d7f")
        say(box, "b02d00")
        try:
            return until_edit(show)
        except queue.Empty:
            continue
    raise AssertionError("no knob is heard")


def until_edit(show):
    while "zoom.echo" not in show.lines.get(timeout=0.1):
        pass


def test_a_restart_is_noticed_and_the_knobs_come_back(server):
    with player(server) as show:
        until(show, "began")
        for _ in range(2):
            with knobs(server) as box:
                until(show, "knobs P")
                turn(box, show)
                server.kill()
                until(show, "JACK server has gone")
            server.start()


def test_a_server_that_is_stuck_holds_up_neither_the_show_nor_a_start(server):
    with player(server) as show, knobs(server) as box:
        until(show, "knobs P")
        turn(box, show)
        server.process.send_signal(signal.SIGSTOP)
        until(show, "JACK server has gone")
        with player(server) as other:
            until(other, "does not answer")
            say(other, "one")
            until(other, "still here one")
        say(show, "two")
        until(show, "still here two")
        server.process.send_signal(signal.SIGCONT)
        until(show, "knobs P")
        turn(box, show)
