"""What a test may ask for by name."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import port_pair

from instrument.ticks import spin_briefly

spin_briefly()  # as the program does

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell leaves it to what it starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # and nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
sys.modules.setdefault("triton", None)  # training brings it; its LLVM crashes where a test before has loaded Mesa's


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory):
    """A home folder of the tests' own, as a show keeps its look there; what was fetched into the real one stays within reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"))
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def free_port():
    """A UDP port that nobody has, nor the next one."""
    return port_pair()


@pytest.fixture
def brief_training(monkeypatch):
    """A training listens to a few noises of its own in the place of 240, and takes its final statistics from few windows."""
    monkeypatch.setattr("instrument.learn.augment.NOISES", 2)
    monkeypatch.setattr("instrument.learn.course.SETTLED", 3)


@pytest.fixture
def display(monkeypatch):
    """An X server of our own on a display that it picks, ended by its process."""
    if not shutil.which("Xvfb"):
        pytest.skip("no Xvfb here")
    reading, writing = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "+extension", "GLX",
                               "-nolisten", "tcp", "-noreset"], pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with open(reading) as ready:
        number = ready.readline().strip()  # blocks until the server is ready
        if not number:
            pytest.skip("Xvfb does not start here")
        monkeypatch.setenv("DISPLAY", f":{number}")
        yield number
    server.terminate()
    server.wait()
