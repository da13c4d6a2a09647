"""A real JACK server without hardware, for MIDI tests: started here, stopped by its process id."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest


class Server:
    """jackd's dummy driver under a name of its own, writing to `log`; it can be killed and started again."""

    def __init__(self, name, log):
        self.name, self._log = name, log
        self._process = None

    def start(self):
        command = ["jackd", "--no-realtime", "-n", self.name, "-d", "dummy", "-r", "48000", "-p", "256"]
        with open(self._log, "a") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        waited = subprocess.run(["jack_wait", "-s", self.name, "-w", "-t", "20"], capture_output=True, timeout=60, check=False)
        if waited.returncode or self._process.poll() is not None:
            pytest.skip(f"jackd does not start here: {self._log.read_text()[-200:]}")

    def kill(self):
        self._process.kill()
        self._process.wait(20)

    def stop(self):
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:  # it may wait for a client that was killed
                self.kill()


@contextmanager
def server(log):
    """Runs a `Server`; JACK clients of this process connect to it."""
    if not shutil.which("jackd") or not shutil.which("jack_wait"):
        pytest.skip("jackd is not installed")
    one = Server(f"hs{os.getpid()}", log)
    said = {"JACK_NO_AUDIO_RESERVATION": "1", "JACK_DEFAULT_SERVER": one.name, "JACK_NO_START_SERVER": "1"}
    before = {key: os.environ.get(key) for key in said}
    os.environ.update(said)
    try:
        one.start()
        yield one
    finally:
        one.stop()
        _restore(before)


def _restore(before):
    for key, value in before.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value
