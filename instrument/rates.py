"""How often frames and dreams come, and the wait for the next frame."""

import time


class Rates:
    """Frames a second over the last two seconds, and dreams."""

    def __init__(self):
        self.began = time.perf_counter()
        self._times = []
        self.dreams, self.dream_rate, self.note = 0, 0.0, ""

    def drawn(self, now):
        self._times = [t for t in self._times if t > now - 2.0] + [now]

    def dreamt(self, frame):
        self.dreams += 1
        self.dream_rate, self.note = frame.steps_per_s, frame.note

    def lines(self, features):
        """Two lines for the HUD."""
        latency = features.get("stat.latency_ms", 0.0)
        return (f"{self.frame_rate:.0f} fps   {self.dream_rate:.1f} dreams/s",
                f"{features.get('stat.hops_per_s', 0.0):.0f} decisions/s   {latency:.0f} ms")

    @property
    def frame_rate(self):
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / span if span else 0.0

    def text(self):
        note = f" ({self.note})" if self.note else ""
        return f"display {self.frame_rate:.1f} fps, dream {self.dream_rate:.1f} steps/s{note}"


def pause(until):
    """Sleep until a moment of the frame clock; a frame that is late does not wait."""
    left = until - time.perf_counter()
    if left > 0:
        time.sleep(left)
