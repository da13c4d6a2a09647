"""Fine ticks: asked for on Windows while something plays, given back whatever happens, no business of other systems. And short
spins: asked for before PyTorch is loaded, unless the user did."""

import os
import subprocess
import sys

import pytest

from instrument import ticks
from instrument.ticks import SPINS, fine_ticks, spin_briefly


class Winmm:
    """The timer of Windows: `asked` keeps what was asked for."""

    def __init__(self, name):
        self.asked = []
        Winmm.last = self

    def timeBeginPeriod(self, ms):
        self.asked.append(ms)

    def timeEndPeriod(self, ms):
        self.asked.remove(ms)


def test_windows_ticks_finely_until_the_end(monkeypatch):
    monkeypatch.setattr(ticks.sys, "platform", "win32")
    monkeypatch.setattr(ticks.ctypes, "WinDLL", Winmm, raising=False)
    with pytest.raises(RuntimeError), fine_ticks():
        assert Winmm.last.asked == [1]
        raise RuntimeError
    assert Winmm.last.asked == []


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(ticks.sys, "platform", "darwin")
    monkeypatch.setattr(ticks.ctypes, "WinDLL", None, raising=False)
    with fine_ticks():
        pass


SPIN = """
import os, sys
from instrument.cli import main
try:
    main(["params"])
except SystemExit:
    print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules)
"""


def test_the_program_asks_for_short_spins_before_pytorch_is_there():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    done = subprocess.run([sys.executable, "-c", SPIN], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{SPINS} False"


@pytest.mark.parametrize("name", ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"))
def test_who_has_said_how_to_wait_is_obeyed(name):
    environment = {name: "as I like"}
    spin_briefly(environment)
    assert environment == {name: "as I like"}
