"""Awake: asked of the system for the time of the show, given back whatever happens."""

import os
import stat

import pytest

from instrument import awake as module
from instrument.awake import awake


def test_windows_keeps_the_screen_on_until_the_end(monkeypatch):
    told = []
    library = type("Kernel", (), {"SetThreadExecutionState": staticmethod(told.append)})
    monkeypatch.setattr(module.sys, "platform", "win32")
    monkeypatch.setattr(module.ctypes, "WinDLL", lambda name: library, raising=False)
    with pytest.raises(RuntimeError), awake():
        assert told == [0x80000003]
        raise RuntimeError
    assert told == [0x80000003, 0x80000000]


@pytest.mark.skipif(os.name == "nt", reason="no shell scripts")
def test_on_macos_its_own_program_is_there_for_the_time_of_the_show(monkeypatch, tmp_path):
    program = tmp_path / "caffeinate"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(module.sys, "platform", "darwin")
    started, real = [], module.subprocess.Popen
    monkeypatch.setattr(module.subprocess, "Popen", lambda line, **more: started.append(real(line, **more)) or started[-1])
    with awake():
        assert started[0].poll() is None and str(os.getpid()) in started[0].args
    assert started[0].poll() is not None


def test_without_that_program_the_show_goes_on(monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "darwin")
    monkeypatch.setenv("PATH", "")
    with awake():
        pass


@pytest.mark.skipif(os.name == "nt", reason="no shell scripts")
@pytest.mark.parametrize("screen, wanted", [(True, {"gnome-session-inhibit", "systemd-inhibit"}), (False, {"systemd-inhibit"})])
def test_on_linux_the_programs_of_the_desktop_are_there_for_the_time_of_the_show(monkeypatch, tmp_path, screen, wanted):
    for name in ("gnome-session-inhibit", "systemd-inhibit"):  # this desktop has no kde-inhibit
        (tmp_path / name).write_text("#!/bin/sh\nexec /bin/sleep 60\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module.sys, "platform", "linux")
    started, real = [], module.subprocess.Popen
    monkeypatch.setattr(module.subprocess, "Popen", lambda line, **more: started.append(real(line, **more)) or started[-1])
    with awake(screen):
        assert {one.args[0] for one in started} == wanted and all(one.poll() is None for one in started)
        assert all(f"--pid={os.getpid()}" in one.args for one in started)  # they end with us, whatever becomes of us
    assert all(one.poll() is not None for one in started)
