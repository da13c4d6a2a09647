"""Keeps `hearsee listen` running beside the show, in a process of its own."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

from .console import complain

ENDING = 4.0  # seconds in which a child ends by itself: it may be saving a lesson, or loading its network
STEADY = 5.0  # seconds after which a child counts as well started
PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # before the first, second ... restart of a child that keeps dying
MISTAKE = 2  # exit status of a user's mistake, such as a missing file


class Supervisor:
    """Keeps `listen` running as a child process with these command-line arguments: `with Supervisor(...)`.

    A child that dies is started again, at once the first time and then ever later. `restarts` counts,
    `reason` says why the last one ended. `ended`: it ended by itself with status 0, as at the end of a
    file. `failed`: it never came up because of a user's mistake, told in `reason`.
    """

    def __init__(self, arguments, program=(sys.executable, "-m", "instrument", "listen")):
        self._argv = [*program, *arguments]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._child = None
        self.restarts, self.reason = 0, ""
        self.ended = self.failed = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def pid(self):
        """Process id of the present child; None when it is not running."""
        child = self._child
        return child.pid if child and child.poll() is None else None

    def kill(self):
        """End a child that has gone silent at once, to be started again; whether there was one."""
        running = self.pid is not None
        self._child.kill()  # the only signal that a stopped process obeys
        return running

    def amend(self, flag, value):
        """Give the child this value of a flag from its next start on."""
        if flag in self._argv:
            self._argv[self._argv.index(flag) + 1] = value
        else:
            self._argv += [flag, value]

    def __enter__(self):
        self._start()
        self._thread.start()
        return self

    def __exit__(self, *error):
        with self._lock:  # after this no other child is started
            self._stop.set()
        self._ask_to_end()
        try:
            self._child.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._thread.join()

    def _ask_to_end(self):
        if sys.platform == "win32":  # to "terminate" is to kill there, and it may be saving a lesson
            with suppress(OSError):
                return self._child.send_signal(signal.CTRL_BREAK_EVENT)
        self._child.terminate()

    def _start(self):
        # In a group of its own, so that Ctrl-C in the terminal reaches us alone and we end it in order.
        group = ({"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if sys.platform == "win32"
                 else {"start_new_session": True})
        with self._lock:
            if not self._stop.is_set():
                self._child = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                               text=True, errors="replace", **group)

    def _run(self):
        quick = 0  # children in a row that died soon
        while not self._stop.is_set():
            began = time.perf_counter()
            said = self._last_words()
            status = self._child.wait()
            if self._stop.is_set() or self._final(status, said):
                return
            quick = 0 if time.perf_counter() - began > STEADY else quick + 1
            self.restarts += 1
            self.reason = said or f"exit status {status}"
            self._stop.wait(PAUSES[min(max(quick - 1, 0), len(PAUSES) - 1)])
            self._argv += ["--eager"] * ("--eager" not in self._argv)  # the show is on: levels first
            self._start_again()

    def _start_again(self):
        """Start it, as soon as the system has memory and a process for it."""
        while not self._stop.is_set():
            try:
                return self._start()
            except OSError as error:
                self._say_once(f"`listen` cannot be started again: {error}")
                self._stop.wait(PAUSES[-1])

    def _say_once(self, reason):
        if reason != self.reason:
            complain(reason)
        self.reason = reason

    def _last_words(self):
        """Pass on what the child says until it ends; the last line of it."""
        last = ""
        with self._child.stderr as lines:
            for line in lines:
                complain(line.rstrip("\n"))
                last = line.strip() or last
        return last

    def _final(self, status, said):
        self.ended = status == 0
        self.failed = status == MISTAKE and self.restarts == 0
        if self.failed:
            self.reason = said
        return self.ended or self.failed
