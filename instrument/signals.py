"""Signals from outside, such as `kill`, Ctrl-Break on Windows or a terminal that closes: the end they bring is one in order."""

import signal
import threading
from contextlib import contextmanager

BROKEN_OFF = 130  # exit status after Ctrl-C, as a shell gives it
ENDS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


@contextmanager
def as_before():
    """On the way out a signal to end does again what it did before, for whoever goes on, and for its children.

    A thread other than the main one may not set what signals do: there nothing is put back.
    """
    may = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in ENDS if may}
    try:
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
def undisturbed():
    """Within, Ctrl-C is passed over: what is finished here takes a moment, and would be lost. The main thread only."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
