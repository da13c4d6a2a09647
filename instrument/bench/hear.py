"""How fast the ear is: real clips after silence through `listen`, timed from the moment their samples arrive.

`listen` runs as its own process, as on stage; its shared ring tells when each sample came in, its OSC packets
when it was said what it is. `packet_ms` is the first packet in which the sound shows at all, `onset_ms` the onset
event, `right_ms` the first known and right top class.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket

import numpy as np
import soundfile
import torch

from ..audio.decide import Decider
from ..audio.frontend import Streaming, log_mel
from ..audio.onset import FastPath
from ..audio.ring import Ring
from ..learn.augment import AUDIBLE
from ..learn.evaluate import WHOLE, from_file
from ..model.card import Model
from ..osc import Receiver, Remote, Sender
from ..params import DEFAULTS

RATE = 22050
SILENCE = 2.5  # s before each clip: the last one must be forgotten
SHOWS = 0.05  # rise of the published peak (3 dB) by which a sound shows in a packet
PROGRAM = (sys.executable, "-m", "instrument")
PATIENCE = 60.0  # s in which a show comes up, or ends
AGAIN = 0.2  # s between two looks whether it has
SPARE = 60.0  # s that it goes on after the sound: `listen` loads its network before that
BLOCK = 0.01  # s of sound that a stage is given at once
TURNS = 200  # of each stage
BUSY = ("--audio", "demo", "--mute", "--headless", "--size", "1280x720", "--fps", "240")  # draws all it can


class Watch(threading.Thread):
    """Notes when samples arrive in the shared ring: [(time, samples so far)], `with Watch(name)`."""

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

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.join()

    def when(self, sample):
        """Time at which this sample had arrived, or None."""
        index = np.searchsorted([count for _, count in self.marks], sample)
        return self.marks[index][0] if index < len(self.marks) else None


def arrange(clips, folder):
    """Write one file of silence and clips, each from where it begins; (path, [(label, onset s, end s)])."""
    rng = np.random.default_rng(0)
    parts, events, length = [], [], 0
    for label, samples in clips:
        begin = int(np.argmax(np.abs(samples) > AUDIBLE * np.abs(samples).max()))
        gap = np.zeros(int((SILENCE + rng.uniform(0, 0.2)) * RATE), np.float32)
        parts += [gap, samples[begin:]]
        start = length + len(gap)
        length = start + len(samples) - begin
        events.append((label, start / RATE, length / RATE))
    path = Path(folder) / "clips.wav"
    soundfile.write(path, np.concatenate([*parts, np.zeros(RATE, np.float32)]), RATE, subtype="FLOAT")
    return path, events


def hear_rows(clips, model=None):
    """Of [(label, samples at 22,050 Hz)] through `listen` with a model folder (None: the shipped one): a row alone, and one
    beside a show that draws and dreams as fast as it can; without that one, and a line why, where there is no such show."""
    rows = [_row("none", clips, model)]
    try:
        rows.append(_row("busy", clips, model))
    except OSError as reason:
        print(f"nothing is measured beside a busy renderer: {reason}\n")
    return rows


def _row(renderer, clips, model):
    rows, health = latency_rows(clips, model, renderer == "busy")
    return {"renderer": renderer, "clips": len(rows), **summary(rows), **health}


def latency_rows(clips, model=None, busy=False):
    """One dict per clip with its latencies in ms, and the health of the whole; OSError where it can't be measured."""
    packets = []
    name = f"hearsee-bench-{os.getpid()}"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        path, events = arrange(clips, folder)
        take = lambda features: packets.append((time.perf_counter(), features))
        receiver = stack.enter_context(Receiver(0, take))
        if busy:
            stack.enter_context(_rival(events[-1][2] + SPARE, Path(folder) / "rival.txt"))
        watch = stack.enter_context(Watch(name))
        _listen(path, name, receiver.port, model)
    return [_judge(event, packets, watch) for event in events], _health(packets)


def _listen(path, ring, port, model):
    """Play the file through `listen` to its end."""
    flags = {"--audio": path, "--ring": ring, "--port": free_port(), "--target": f"127.0.0.1:{port}", "--parent": os.getpid()}
    flags |= {"--model": model} if model else {}
    done = subprocess.run([*PROGRAM, "listen", "--mute", *(str(part) for flag in flags.items() for part in flag)],
                          stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode:
        raise OSError(f"`listen` did not play the clips to their end: {_last_line(done.stderr, done.returncode)}")


@contextmanager
def _rival(seconds, told):
    """A show that draws all it can, within from when it answers; it ends by itself even if this process is killed.

    OSError, with the last line that it wrote to the file `told`, where it does not come up or has not lasted."""
    port = free_port()
    with told.open("w", encoding="utf-8") as errors:
        show = subprocess.Popen([*PROGRAM, "perform", *BUSY, "--port", str(port), "--seconds", str(round(seconds))],
                                stdout=subprocess.DEVNULL, stderr=errors)
    try:
        _await(show, port, told)
        yield
        _see_alive(show, told)
    finally:
        _end(show)


def _await(show, port, told):
    until = time.monotonic() + PATIENCE
    with closing(Remote(("127.0.0.1", port))) as remote:
        while not remote.answers(AGAIN):
            _see_alive(show, told)
            if time.monotonic() > until:
                raise OSError(f"`perform` did not answer within {PATIENCE:g} s")
            time.sleep(AGAIN)  # a closed port is told at once


def _see_alive(show, told):
    if show.poll() is not None:
        raise OSError(f"`perform` ended too early: {_last_line(told.read_text('utf-8', 'replace'), show.returncode)}")


def _end(show):
    show.terminate()
    try:
        show.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        show.kill()
        show.wait()


def _last_line(text, status):
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("hearsee: ") if lines else f"status {status}"


def free_port():
    """A UDP port that nobody has, nor the next one, which `perform` gives to its `listen`."""
    while True:
        with socket(AF_INET, SOCK_DGRAM) as one, socket(AF_INET, SOCK_DGRAM) as neighbour:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                neighbour.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):  # taken, or beyond 65535
                continue


def _judge(event, packets, watch):
    label, start, end = event
    came, gone = watch.when(int(start * RATE)), watch.when(int(end * RATE))
    during = [(when, features) for when, features in packets if came <= when <= (gone or came + 10) + 0.5]
    before = [features for when, features in packets if when < came]
    onsets, quiet = (before[-1].get(name, 0) if before else 0 for name in ("onset", "audio.peak"))
    shown = next((when for when, features in during if features.get("audio.peak", 0) > quiet + SHOWS), None)
    onset = next((when for when, features in during if features.get("onset", 0) > onsets), None)
    right = next((when for when, features in during
                  if features.get("top.name") == label and features.get("known", 0) > 0.5), None)
    return {"label": label, "packet_ms": _ms(shown, came), "onset_ms": _ms(onset, came), "right_ms": _ms(right, came)}


def _ms(when, came):
    return None if when is None else 1000 * (when - came)


def _health(packets):
    rates = [features["stat.hops_per_s"] for _, features in packets if features.get("stat.hops_per_s")]
    overflows = max((features.get("stat.overflows", 0) for _, features in packets), default=0)
    return {"decisions_per_s": float(np.median(rates)) if rates else 0.0, "overflows": overflows}


def summary(rows):
    """Median and 95th percentile of the latencies, the share without an onset and the share never right."""
    found = {}
    for key in ("packet_ms", "onset_ms", "right_ms"):
        times = [row[key] for row in rows if row[key] is not None]
        found[key + "_median"] = float(np.median(times)) if times else None
        found[key + "_p95"] = float(np.percentile(times, 95)) if times else None
    found["never_right"] = sum(row["right_ms"] is None for row in rows) / len(rows)
    found["no_onset"] = sum(row["onset_ms"] is None for row in rows) / len(rows)
    return found


def answered_right(model, clips):
    """Those of [(label, samples)] that the model names when it has heard the whole clip."""
    def answer(samples):
        shares = from_file(model, samples, RATE, WHOLE)
        return int(np.nanmean(shares[:, :-1], 0).argmax()) if np.isfinite(shares).any() else -1

    return [clip for clip in clips if model.classes.index(clip[0]) == answer(clip[1])]


def stage_rows(model, samples):
    """Median and 95th percentile in ms of every stage on the way from sound to packet; one thread, no other load."""
    count = round(BLOCK * RATE)
    blocks = [samples[at:at + count] for at in range(0, len(samples) - count, count)]
    fast, mel, decider = FastPath(RATE), Streaming(RATE, model.front_end), Decider(model.classes)
    window = log_mel(np.resize(samples, RATE), model.front_end)
    logits = model.hear(window)
    with closing(Sender([("127.0.0.1", 9)], model.classes)) as sender:
        steps = {
            "fast features of 10 ms": lambda turn: sender.publish(fast.push(blocks[turn % len(blocks)])),
            "log-mel of 10 ms": lambda turn: mel.push(blocks[turn % len(blocks)]),
            "network on 1 s": lambda turn: model.hear(window),
            **_on_gpu(model, window),
            "decision": lambda turn: decider.update(logits, -20.0, DEFAULTS, turn * 0.05),
            "packet": lambda turn: sender.tick(turn / 60),
        }
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as `listen` hears
        try:
            return [{"stage": name, **_timed(step)} for name, step in steps.items()]
        finally:
            torch.set_num_threads(threads)


def _on_gpu(model, window):
    """The same network on a GPU; nothing where none hears."""
    if not torch.cuda.is_available():
        return {}
    other = Model(model.folder, model.net, model.card, model.weights_hash)
    other.open_ear("cuda")
    return {"network on 1 s, cuda": lambda turn: other.hear(window)} if other.device == "cuda" else {}


def _timed(step):
    took = []
    for turn in range(TURNS):
        before = time.perf_counter()
        step(turn)
        took.append(1000 * (time.perf_counter() - before))
    return {"median_ms": float(np.median(took)), "p95_ms": float(np.percentile(took, 95))}
