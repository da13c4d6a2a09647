"""The process that started this one, which it must not outlive."""

import os
import sys


class Parent:
    """The process that we must not outlive; None for no such process."""

    def __init__(self, pid):
        self._pid = pid
        self._ours = sys.platform != "win32" and os.getppid() == pid

    def gone(self):
        """True once it has ended."""
        if self._pid is None:
            return False
        if self._ours:  # an orphan gets another parent at once, even while the dead one is unburied
            return os.getppid() != self._pid
        return not (_windows_alive if sys.platform == "win32" else _posix_alive)(self._pid)


def _posix_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _windows_alive(pid):  # os.kill would end it there
    import ctypes

    synchronize, timed_out = 0x00100000, 0x102
    handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    alive = ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == timed_out
    ctypes.windll.kernel32.CloseHandle(handle)
    return alive
