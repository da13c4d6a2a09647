"""Waits as short as they are asked for, and no more work than waiting is worth."""

import ctypes
import os
import sys
from contextlib import contextmanager

FINEST = 1  # ms
SPINS = 1000  # looks of a thread whether the one that it waits for has come


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


def spin_briefly(environment=os.environ):
    """Have PyTorch's threads on Linux sleep soon while they wait for each other; to be said before torch is loaded.

    GNU's OpenMP has them look 300,000 times (15 ms). Beside another program that keeps the cores busy, as a VJ's does, they
    so burn the time that the one they wait for would need: a step of 20 ms takes seconds. Who has set it is obeyed.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", str(SPINS))
