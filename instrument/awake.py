"""A screen that stays on while nobody touches the mouse."""

import ctypes
import os
import subprocess
import sys
from contextlib import contextmanager

STAY, DISPLAY, SYSTEM = 0x8000_0000, 2, 1  # of SetThreadExecutionState: until it is called again; what is to stay on


@contextmanager
def awake():
    """Within, neither the screen nor the machine goes to sleep on Windows and macOS. Elsewhere the desktop decides; there,
    and on Windows, the window of glfw sees to it in full screen."""
    if sys.platform == "win32":
        tell = ctypes.WinDLL("kernel32").SetThreadExecutionState
        tell(STAY | DISPLAY | SYSTEM)
        try:
            yield
        finally:
            tell(STAY)
    elif sys.platform == "darwin":
        with _caffeinated():
            yield
    else:
        yield


@contextmanager
def _caffeinated():
    """macOS has a program for it, which ends with us whatever becomes of us."""
    try:
        program = subprocess.Popen(["caffeinate", "-d", "-i", "-w", str(os.getpid())], stdin=subprocess.DEVNULL)
    except OSError:  # no such program: no reason not to play
        yield
        return
    try:
        yield
    finally:
        program.terminate()
        program.wait()
