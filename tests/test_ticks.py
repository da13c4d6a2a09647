"""Fine ticks: asked for on Windows while something plays, given back whatever happens, no business of other systems."""

import pytest

from instrument import ticks
from instrument.ticks import fine_ticks


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
