"""Waits as short as they are asked for."""

import ctypes
import sys
from contextlib import contextmanager

FINEST = 1  # ms


@contextmanager
def fine_ticks():
    """Within, waits end when they should on Windows too, whose clock else ticks 64 times a second: a wait of 10 ms would
    take 16, and one of 17 ms would take 31."""
    if sys.platform != "win32":
        yield
        return
    timer = ctypes.WinDLL("winmm")
    timer.timeBeginPeriod(FINEST)
    try:
        yield
    finally:
        timer.timeEndPeriod(FINEST)
