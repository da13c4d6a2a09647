"""What the show says: lines for the console, and for a while on the HUD. Nothing here may end a show, or hold it up."""

import logging
import os
import queue
import sys
import threading
from contextlib import contextmanager, suppress

SHOWN = 6.0  # s that a line stays on the HUD
KEPT = 50  # lines; a flood of mistakes must not fill memory
WAITING = 1000  # lines


def tell(text):
    """Print a line; a console that is full, closed or without these letters is no reason to stop."""
    _say(text, "stdout")


def complain(text):
    """The same where errors are told."""
    _say(text, "stderr")


@contextmanager
def aside():
    """While it lasts a thread of its own prints: a terminal that is held (Ctrl-S, a line marked on Windows, an ssh that hangs)
    must not hold the picture. Of what it cannot print meanwhile the first WAITING lines are kept."""
    global _print
    lines, at_once = queue.Queue(WAITING), _print
    printer = threading.Thread(target=_print_all, args=(lines, at_once), name="console", daemon=True)
    handler = _Log()
    printer.start()
    _print = lambda *line: _offer(lines, line)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        _print = at_once
        lines.put(None)
        printer.join()


def _offer(lines, line):
    with suppress(queue.Full):
        lines.put_nowait(line)


def _print_all(lines, put):
    for line in iter(lines.get, None):
        put(*line)


class _Log(logging.Handler):
    """Log records of a show go the same way."""

    def emit(self, record):
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - whoever logs must not be ended by it
            return self.handleError(record)
        if record.levelno >= logging.WARNING:
            complain(text)


def _say(text, stream):
    _print(text, stream)


def _put(text, stream):
    out = getattr(sys, stream)
    if out is None:  # Windows without a console
        return
    try:
        print(text, file=out, flush=True)
    except UnicodeEncodeError:
        print(text.encode("ascii", "backslashreplace").decode(), file=out, flush=True)
    except (OSError, ValueError):  # the pipe is broken, the disk full, the file closed
        setattr(sys, stream, open(os.devnull, "w"))  # the last flush, at exit, would fail as well


_print = _put  # how lines are printed: at once, or `aside`


class Messages:
    """Lines that were said lately. Any thread."""

    def __init__(self):
        self._said = {}  # text -> s
        self._lock = threading.Lock()

    def say(self, text, now):
        """Keep a line said at `now` (s), and print it unless it is still to be seen."""
        shown = text.encode("utf-8", "replace").decode()  # a file's name may be of another encoding; the HUD is text
        with self._lock:
            before = self._said.pop(shown, None)
            self._said[shown] = now
            while len(self._said) > KEPT:
                self._said.pop(next(iter(self._said)))
        if before is None or now - before >= SHOWN:
            tell(text)

    def fresh(self, now):
        """The lines of the last SHOWN seconds, the newest last."""
        with self._lock:
            return [text for text, said in self._said.items() if now - said < SHOWN]
