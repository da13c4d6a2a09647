"""A real PulseAudio server with a null sink, for tests that capture or play through PortAudio.

Import the fixture `pulse`: `from .pulse import pulse` or `from pulse import pulse`. Recipe measured on Debian 12;
norewinds=1 keeps the first low-latency capture from starting seconds late.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

SINK = "ci"


@pytest.fixture
def pulse(monkeypatch):
    """Runs a server for this test; yields its folder. PortAudio in this process sees it as `pulse` and `default`."""
    if not shutil.which("pulseaudio") or not shutil.which("pactl"):
        pytest.skip("needs pulseaudio and pulseaudio-utils")
    sounddevice = pytest.importorskip("sounddevice", reason="needs PortAudio", exc_type=OSError)
    # a short path of its own: a socket's name may have only 107 characters
    with tempfile.TemporaryDirectory(prefix="hs-") as folder, _server(Path(folder)) as server:
        monkeypatch.setenv("PULSE_SERVER", server)
        monkeypatch.setenv("PULSE_RUNTIME_PATH", folder)
        subprocess.run(["pactl", "set-default-sink", SINK], check=True, timeout=20)
        subprocess.run(["pactl", "set-default-source", SINK + ".monitor"], check=True, timeout=20)
        _fresh_list(sounddevice)
        if not any(row["name"] == "pulse" for row in sounddevice.query_devices()):
            pytest.skip("needs libasound2-plugins: PortAudio does not list pulse")
        yield Path(folder)
    monkeypatch.undo()
    _fresh_list(sounddevice)


class _server:
    """The process: ready on enter, gone on exit."""

    def __init__(self, folder):
        self.folder, self.address = folder, f"unix:{folder}/pulse.sock"

    def __enter__(self):
        (self.folder / "home").mkdir()
        environment = os.environ | {"XDG_RUNTIME_DIR": str(self.folder), "PULSE_RUNTIME_PATH": str(self.folder),
                                    "HOME": str(self.folder / "home")}
        environment.pop("PULSE_SERVER", None)
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                   "--log-target=stderr", "--log-level=info", "--realtime=no", "--high-priority=no",
                   "-L", f"module-native-protocol-unix socket={self.folder}/pulse.sock auth-anonymous=1",
                   "-L", f"module-null-sink sink_name={SINK} rate=48000 channels=2 norewinds=1"]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "Daemon startup complete" in line:
                # a full pipe would stop the server
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return self.address
        pytest.skip("pulseaudio does not start here")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def _fresh_list(sounddevice):
    sounddevice._terminate()
    sounddevice._initialize()
