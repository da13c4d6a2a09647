"""A screen that stays on, and a machine that does not go to sleep, while nobody touches the mouse."""

import ctypes
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager

STAY, DISPLAY, SYSTEM = 0x8000_0000, 2, 1  # of SetThreadExecutionState: until it is called again; what is to stay on


@contextmanager
def awake(screen=True):
    """Within, the machine does not go to sleep by itself, nor does its `screen`, if that is wanted.

    On Linux each desktop has a program of its own for it; where there is none, the desktop decides.
    """
    if sys.platform == "win32":
        tell = ctypes.WinDLL("kernel32").SetThreadExecutionState
        tell(STAY | SYSTEM | DISPLAY * screen)
        try:
            yield
        finally:
            tell(STAY)
        return
    with ExitStack() as stack:
        for line in _helpers(screen):
            if shutil.which(line[0]):
                stack.enter_context(_running(line))
        yield


def _helpers(screen):
    """The command lines that see to it, each of which ends with us whatever becomes of us."""
    me = str(os.getpid())
    if sys.platform == "darwin":
        return [["caffeinate", *["-d"] * screen, "-i", "-w", me]]
    wait = ["tail", f"--pid={me}", "-f", "/dev/null"]
    desktops = [["gnome-session-inhibit", "--inhibit", "idle", *wait], ["kde-inhibit", "--power", "--screenSaver", *wait]]
    return [*desktops * screen, ["systemd-inhibit", "--what=idle:sleep", "--who=Hear & See", "--why=it plays", *wait]]


@contextmanager
def _running(line):
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    try:
        program = subprocess.Popen(line, **quiet)
    except OSError:  # it cannot be started: no reason not to play
        yield
        return
    try:
        yield
    finally:
        program.terminate()
        program.wait()
