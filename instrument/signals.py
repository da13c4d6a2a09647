"""Signals from outside, such as `kill`, Ctrl-Break on Windows or a terminal that closes: the end they bring is one in order."""

import _thread
import ctypes
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress

from .console import complain

BROKEN_OFF = 130  # exit status after Ctrl-C, as a shell gives it
ENDS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
CLOSING = (2, 5, 6)  # what Windows tells a console that is closed, whose user logs off, whose machine is shut down,
PATIENCE = 4.5  # s; and how long it lets it wait
ENOUGH = 5  # presses of Ctrl-C while something is saved, of which the last one ends that


@contextmanager
def as_before():
    """On the way out a signal to end does again what it did before, for whoever goes on, and for its children.

    A thread other than the main one may not set what signals do: there nothing is put back.
    """
    may = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in ENDS if may}
    try:
        with _console_held():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_in_order():
    """Within, a signal to end is as good as Ctrl-C; on the way out it is passed over, so that the video is finished.

    A terminal that closes may send it twice. What is ignored from the start (nohup) stays so. When everything is
    closed, `as_before` ends the passing over.
    """
    heeded = [number for number in ENDS if signal.getsignal(number) == signal.SIG_DFL]
    for number in heeded:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _console_held():
    """Within, a console window of Windows that is closed is as good as a signal to end, and waits until that is done, for as
    long as Windows lets it. (Python itself takes note of it, and is ended at once.)"""
    if sys.platform != "win32":
        yield
        return
    done = threading.Event()

    def asked(event):
        if event in CLOSING:
            _thread.interrupt_main(ENDS[-1])
            done.wait(PATIENCE)
        return event in CLOSING

    handler, windows = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(asked), ctypes.WinDLL("kernel32")
    windows.SetConsoleCtrlHandler(handler, True)
    try:
        yield
    finally:
        done.set()
        windows.SetConsoleCtrlHandler(handler, False)


def leave(status, at_once=False):
    """End the process with this exit status, now that all is closed. A thread that is in the midst of a library, loading a
    network or waiting for a sound server, would abort Python's own end, or hold it for ever: then it ends without that.
    A second Ctrl-C is passed over: it would only leave a traceback of what libraries do at the end. `at_once`: without all that
    too, which takes seconds on a busy machine, for who would be taken for one that hangs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not at_once and not any(thread.daemon for thread in threading.enumerate()):
        sys.exit(status)
    with suppress(OSError, ValueError, AttributeError):  # a pipe whose reader has left; none, on Windows
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


@contextmanager
def undisturbed():
    """Within, Ctrl-C is passed over: what is finished here takes a moment, and would be lost. Whoever presses it ENOUGH times
    leaves without: a disk may have been pulled out. The main thread only."""
    with _on_ctrl_c(_Impatience()):
        yield


@contextmanager
def ignored():
    """Within, Ctrl-C is ignored, also by processes that are started here. The main thread only."""
    with _on_ctrl_c(signal.SIG_IGN):
        yield


@contextmanager
def _on_ctrl_c(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Impatience:
    """Counts how often Ctrl-C was pressed, and says how often more it takes."""

    def __init__(self):
        self._left = ENOUGH

    def __call__(self, *_):
        self._left -= 1
        if not self._left:
            os._exit(BROKEN_OFF)
        often = f"{self._left} times" if self._left > 1 else "once"
        complain(f"what was made is being saved; Ctrl-C {often} more leaves without it")
