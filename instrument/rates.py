"""How often frames and dreams come, and the pace of the frames."""

import time

SPARE = 0.8  # of the time of a frame of the monitor: before that is over no frame begins, and the driver, if it waits, sets the pace
LATE = 2.0  # times as long as from one dream to the next: then the next is late, and the rate falls


class Rates:
    """Frames a second over the last two seconds, and dreams."""

    def __init__(self):
        self.began = time.perf_counter()
        self._times = []
        self.dreams, self.dream_rate, self.note, self.fault = 0, 0.0, "", ""
        self._dreamt = self.began

    def drawn(self, now):
        self._times = [t for t in self._times if t > now - 2.0] + [now]

    def dreamt(self, frame, fault, now, held=False):
        """What came of the dream: a frame or None, and what is wrong with it, "" if nothing; while it is `held` nothing is late."""
        self.fault = fault
        if frame:
            self.dreams += 1
            self.dream_rate, self.note, self._dreamt = frame.steps_per_s, frame.note, now
        elif held:
            self._dreamt = now
        elif (now - self._dreamt) * self.dream_rate > LATE:
            self.dream_rate = 1 / (now - self._dreamt)

    def lines(self, features):
        """Two lines for the HUD."""
        latency = f"   {features['stat.latency_ms']:.0f} ms" if "stat.latency_ms" in features else ""
        return (f"{self.frame_rate:.0f} fps   {self.dream_rate:.1f} dreams/s",
                f"{features.get('stat.hops_per_s', 0.0):.0f} decisions/s{latency}")

    @property
    def frame_rate(self):
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / span if span else 0.0

    def text(self):
        notes = "; ".join(self.notes())
        return f"display {self.frame_rate:.1f} fps, dream {self.dream_rate:.1f} steps/s{notes and f' ({notes})'}"

    def notes(self):
        """What there is to say of the dream."""
        return [text for text in (self.note, self.fault) if text]


class Pace:
    """Holds the frames to `fps` a second, or (0) to those that the monitor of a screen shows: drivers may be told not to wait
    for it, and none waits for one that shows nothing. Beyond that each frame only takes the dream's core."""

    def __init__(self, fps, clock=time.perf_counter, sleep=time.sleep):
        self._fps, self._clock, self._sleep, self._due = fps, clock, sleep, clock()

    def wait(self, screen):
        """Sleep until the next frame; one that is late does not wait."""
        now = self._clock()
        self._due = max(self._due + self._period(screen), now)  # not from when it woke, which is always late
        if self._due > now:
            self._sleep(self._due - now)

    def _period(self, screen):
        if self._fps:
            return 1 / self._fps
        return (SPARE if all(screen.size) else 1.0) / screen.rate
