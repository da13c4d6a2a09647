"""Whether the dream lasts: minutes of it with hand-fed time, as fast as it goes. Owns the figures of memory,
brightness, contrast and of whether a picture ever comes back.
"""

import math
import sys
import time
from pathlib import Path

import numpy as np

from ..dream.dreamer import Scene
from ..dream.loop import DreamLoop
from ..heard import Heard
from ..latest import Latest
from ..motion import Journey, motion
from ..offline import LAPTOP, script
from ..params import DEFAULTS
from .looks import clipped_share, luma, oklab, shrink

TURN = 15.0  # s of each class
EVERY = 0.5  # s between two looks
APART = 10.0  # s; what is nearer in time is the same moment
GRID = (18, 32)  # cells that a picture is remembered by
ASPECT = 16 / 9
BOUNDS = {"mean": (0.15, 0.75), "contrast": (0.08, 0.35), "clipped": (0.0, 0.02)}
GROWTH = 64.0  # MB that may be kept between the second minute and the last


class Diary:
    """Remembers small pictures with their times, to tell how near a picture comes to an earlier one."""

    def __init__(self):
        self._seen, self._times = [], []

    @property
    def megabytes(self):
        """What it holds itself: 7 KB a look, which is no growth of the dream."""
        return sum(small.nbytes for small in self._seen) / 1e6

    def add(self, frame, now):
        """(distance to the last one, to the nearest and in the median to all of `APART` s and more before) of a frame uint8 (h, w, 3).

        Root mean square over Oklab cells; infinite where there is none yet.
        """
        small = shrink(oklab(frame), *GRID).astype(np.float32).ravel()
        old = sum(then <= now - APART for then in self._times)
        (last,), far = _distances(self._seen[-1:], small), _distances(self._seen[:old], small)
        self._seen.append(small)
        self._times.append(now)
        return last, min(far), float(np.median(far))


def _distances(others, picture):
    return [float(np.sqrt(np.square(other - picture).mean())) for other in others] or [math.inf]


class Soak:
    """The dream loop on hand-fed time, the classes taking turns."""

    def __init__(self, dreamer, classes, values=DEFAULTS):
        self.now, self.minute = 0.0, 0
        self._dreamer, self._classes, self._values = dreamer, classes, values
        self._frames, self._heard, self._diary, self._journey = Latest(), Heard(), Diary(), Journey()
        self._loop = DreamLoop(dreamer, self._frames, clock=lambda: self.now)
        self._lost = int(dreamer.lost)  # steps, until now

    def stretch(self, seconds):
        """Dream for `seconds` of its own time; the row of that stretch."""
        began, end, steps, looks, due = time.perf_counter(), self.now + seconds, 0, [], self.now
        while self.now < end - 1e-6:
            frame = self._step()
            steps += 1
            if frame is not None and self.now >= due:
                looks.append(self._look(frame))
                due += EVERY
        self.minute += 1
        rate = steps / (time.perf_counter() - began)
        before, self._lost = self._lost, int(self._dreamer.lost) + self._loop.faults
        return {"minute": self.minute, "steps_per_s": rate, "memory_mb": memory() - self._diary.megabytes, **_summary(looks),
                "lost": self._lost - before}

    def _step(self):
        """One turn of the loop: pixels (h, w, 3), or None where it failed."""
        period = 1 / self._values["dream.rate"]
        name = self._classes[int(self.now // TURN) % len(self._classes)]
        self._heard.update(script({name: 0.9})(self.now), period)
        self._journey.advance(motion(self._values, self.now), self.now)
        weights = self._heard.dreamt(self._classes, self.now)
        self._loop.turn(Scene(self._values, weights, self.now, ASPECT, place=self._journey.here, sight=LAPTOP))
        self.now += period
        frame = self._frames.take()
        if frame is not None:
            self._journey.land()
        return None if frame is None else np.asarray(_main_memory(frame.pixels))[..., :3]

    def _look(self, frame):
        light = luma(frame)
        return light.mean(), light.std(), clipped_share(frame), *self._diary.add(frame, self.now)


def _main_memory(pixels):
    return pixels.cpu() if getattr(pixels, "is_cuda", False) else pixels


def _summary(looks):
    """`mean` and `contrast` (lowest and highest), `clipped` share, typical `moved`, `nearest` earlier picture, `apart`: from any."""
    if not looks:  # every step has failed
        return dict.fromkeys(("mean_low", "mean_high", "contrast_low", "contrast_high", "clipped", "moved", "nearest", "apart"), math.nan)
    mean, contrast, clipped, moved, nearest, apart = np.array(looks).T
    return {"mean_low": float(mean.min()), "mean_high": float(mean.max()), "contrast_low": float(contrast.min()),
            "contrast_high": float(contrast.max()), "clipped": float(clipped.mean()),
            "moved": float(np.median(moved)), "nearest": float(nearest.min()), "apart": float(np.median(apart))}


def soak_rows(dreamer, classes, minutes, values=DEFAULTS, progress=iter):
    """One dict a minute (or less) of `minutes` of the dream's own time; those that there are where Ctrl-C ends it before."""
    count, rows = math.ceil(minutes), []
    soak = Soak(dreamer, classes, values)
    try:
        for _ in progress(range(count)):
            rows.append(soak.stretch(60 * minutes / count))
    except KeyboardInterrupt:
        if not rows:
            raise
    return rows


def verdict(rows):
    """One line: what stayed in its bounds, and whether a picture came back."""
    seen = [row for row in rows if not math.isnan(row["moved"])]
    if not seen:
        return f"no picture at all: {sum(row['lost'] for row in rows)} steps lost"
    moved, apart = (float(np.median([row[name] for row in seen])) for name in ("moved", "apart"))
    nearest = min(row["nearest"] for row in seen)
    faults = [f"{name} leaves {low} to {high}" for name, (low, high) in BOUNDS.items() if _leaves(seen, name, low, high)]
    growth = rows[-1]["memory_mb"] - rows[min(1, len(rows) - 1)]["memory_mb"]
    faults += [f"memory grew by {growth:.0f} MB"] * (growth > GROWTH)
    faults += [f"{sum(row['lost'] for row in rows)} steps lost"] * any(row["lost"] for row in rows)
    # Half a second of the dream moves less than the way back to any earlier picture. Where it moves nearly as far as any two
    # pictures are apart that says nothing: then it has come back that is much nearer than they.
    faults += ["a picture came back"] * (nearest < min(moved, apart / 2))
    told = (f"nearest earlier picture {nearest:.3g}, {nearest / moved:.1f} times what {EVERY} s change, {nearest / apart:.1f} of how "
            f"far any two are apart" if nearest < math.inf else f"no picture is {APART:g} s older than another, to be compared with it")
    return f"{told}; memory {growth:+.0f} MB: {'; '.join(faults) or 'all in bounds'}"


def _leaves(rows, name, low, high):
    return any(not low <= value <= high for row in rows for key, value in row.items() if key.startswith(name))


def memory():
    """Main memory of this process in MB; the most so far where the system does not tell what is used now."""
    try:
        import os

        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return _peak()


def _peak():
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
