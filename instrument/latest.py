"""A mailbox of one: the newest value wins, nothing ever queues."""

import threading


class Latest:
    """Holds the newest value put; safe between threads, never blocks for long."""

    def __init__(self, value=None):
        self._lock = threading.Lock()
        self._value = value
        self._fresh = value is not None

    def put(self, value):
        """Replace what is there. Do not write to `value` afterwards."""
        with self._lock:
            self._value, self._fresh = value, True

    def take(self):
        """The newest value if it was not taken yet, else None."""
        with self._lock:
            value = self._value if self._fresh else None
            self._fresh = False
            return value

    def peek(self):
        """The newest value, taken or not; None before the first."""
        with self._lock:
            return self._value
