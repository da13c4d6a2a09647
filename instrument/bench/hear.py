"""How fast the ear is: real clips after silence through `listen`, timed from the moment their samples arrive.

`listen` runs as its own process, as on stage; its shared ring tells when each sample came in, its OSC packets
when it was said what it is.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from ..audio.ring import Ring
from ..osc import Receiver

RATE = 22050
SILENCE = 2.5  # s before each clip: the last one must be forgotten
TRIM = 0.03  # of the peak: where a clip begins to be heard


class Watch(threading.Thread):
    """Notes when samples arrive in the shared ring: [(time, samples so far)]."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.marks, self.ended, self._name = [], threading.Event(), name

    def run(self):
        ring = None
        while not self.ended.wait(0.001):
            try:
                ring = ring or Ring.attach(self._name)
            except OSError:
                continue
            if not self.marks or ring.written != self.marks[-1][1]:
                self.marks.append((time.perf_counter(), ring.written))

    def when(self, sample):
        """Time at which this sample had arrived, or None."""
        index = np.searchsorted([count for _, count in self.marks], sample)
        return self.marks[index][0] if index < len(self.marks) else None


def arrange(clips, folder):
    """Write one file of silence and clips, each from where it begins; (path, [(label, onset s, end s)])."""
    rng = np.random.default_rng(0)
    parts, events, length = [], [], 0
    for label, samples in clips:
        begin = int(np.argmax(np.abs(samples) > TRIM * np.abs(samples).max()))
        gap = np.zeros(int((SILENCE + rng.uniform(0, 0.2)) * RATE), np.float32)
        parts += [gap, samples[begin:]]
        start = length + len(gap)
        length = start + len(samples) - begin
        events.append((label, start / RATE, length / RATE))
    path = Path(folder) / "clips.wav"
    soundfile.write(path, np.concatenate([*parts, np.zeros(RATE, np.float32)]), RATE, subtype="FLOAT")
    return path, events


def latency_rows(clips, port=10071):
    """Play [(label, samples at 22,050 Hz)] through `listen`; one dict per clip with its latencies in ms."""
    packets = []
    name = f"hearsee-bench-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        path, events = arrange(clips, folder)
        watch = Watch(name)
        watch.start()
        with Receiver(port, lambda features: packets.append((time.perf_counter(), features))):
            subprocess.run([sys.executable, "-m", "instrument", "listen", "--audio", str(path), "--mute", "--ring",
                            name, "--port", str(port + 1), "--target", f"127.0.0.1:{port}",
                            "--parent", str(os.getpid())], check=True)
        watch.ended.set()
        watch.join()
    return [_judge(event, packets, watch) for event in events], _health(packets)


def _judge(event, packets, watch):
    label, start, end = event
    came, gone = watch.when(int(start * RATE)), watch.when(int(end * RATE))
    during = [(when, features) for when, features in packets if came <= when <= (gone or came + 10) + 0.5]
    before = [features for when, features in packets if when < came]
    onsets = before[-1].get("onset", 0) if before else 0
    first = next((when for when, features in during if features.get("onset", 0) > onsets), None)
    right = next((when for when, features in during
                  if features.get("top.name") == label and features.get("known", 0) > 0.5), None)
    return {"label": label, "packet_ms": _ms(first, came), "right_ms": _ms(right, came)}


def _ms(when, came):
    return None if when is None else 1000 * (when - came)


def _health(packets):
    rates = [features["stat.hops_per_s"] for _, features in packets if features.get("stat.hops_per_s")]
    overflows = max((features.get("stat.overflows", 0) for _, features in packets), default=0)
    return {"decisions_per_s": float(np.median(rates)) if rates else 0.0, "overflows": overflows}


def summary(rows):
    """Median and 95th percentile of both latencies, and the share never right."""
    found = {}
    for key in ("packet_ms", "right_ms"):
        times = [row[key] for row in rows if row[key] is not None]
        found[key + "_median"] = float(np.median(times)) if times else None
        found[key + "_p95"] = float(np.percentile(times, 95)) if times else None
    found["never_right"] = sum(row["right_ms"] is None for row in rows) / len(rows)
    found["no_onset"] = sum(row["packet_ms"] is None for row in rows) / len(rows)
    return found
