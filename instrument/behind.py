"""Work behind the show: a thread that steps back where others want the processor."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

STEP = 10  # niceness: a tenth of the share of others


def step_back():
    """From now on the calling thread comes after others; there is no way back. On Linux, where niceness is a thread's own."""
    with suppress(OSError):  # what is not allowed to, goes on as before
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), STEP)


def behind(work):
    """What `work()` returns or raises, in a thread of its own that has stepped back."""
    with ThreadPoolExecutor(1, "behind", step_back) as thread:
        return thread.submit(work).result()
