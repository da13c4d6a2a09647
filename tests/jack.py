"""A real JACK server without hardware, for MIDI tests: started here, stopped by its process id."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def server(log):
    """Runs jackd's dummy driver under a name of its own; JACK clients of this process connect to it."""
    if not shutil.which("jackd") or not shutil.which("jack_wait"):
        pytest.skip("jackd is not installed")
    name = f"hs{os.getpid()}"
    said = {"JACK_NO_AUDIO_RESERVATION": "1", "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    before = {key: os.environ.get(key) for key in said}
    os.environ.update(said)
    command = ["jackd", "--no-realtime", "-n", name, "-d", "dummy", "-r", "48000", "-p", "256"]
    with open(log, "w") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            waited = subprocess.run(["jack_wait", "-s", name, "-w", "-t", "20"], capture_output=True, timeout=60, check=False)
            if waited.returncode or process.poll() is not None:
                pytest.skip(f"jackd does not start here: {log.read_text()[-200:]}")
            yield name
        finally:
            process.terminate()
            process.wait(20)
            _restore(before)


def _restore(before):
    for key, value in before.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value
