"""How steady the show is: frame times with hearing and dreaming running, untouched, with knobs turned, and with network
and model exchanged too; and how many dreams a second it can hold.
"""

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

TURNED = ("dream.octaves", "dream.iterations", "dream.layer", "dream.size", "dream.layers", "dream.guided",
          "dream.energy", "dream.channel", "dream.class")
TURNS = 20.0  # a second
GOLDEN = 0.618034  # of the range per turn: no knob comes back to the same place soon
STRETCH = 2.5  # s of one run before the other has its turn, so that both meet the same machine
ALLOWED = 1.5  # times the 99th percentile of the untouched frames
WARM = 3.0  # s before counting
LOADED = 60.0  # s in which another network must be there
EXCHANGED = "knobs, networks, models"
QUICK = {"dream.rate": 30.0, "dream.octaves": 1.0, "dream.layer": 3.0, "dream.layers": 1.0}
LARGE = {"dream.rate": 30.0, "dream.size": 768.0}  # the aim on a GPU


def show_rows(options, seconds=10.0):
    """Two runs of the same show in turn, `seconds` of each, then one with exchanges, one of a quick dream and, on a GPU, of a
    large one; one dict each. `dream` says what the governor made smaller or fewer to hold the rate."""
    from ..eyes import best_device
    from ..perform import Show, share_cores

    share_cores()
    rounds = max(2, round(seconds / STRETCH))
    rows = {"untouched": [], "knobs": []}
    with ExitStack() as stack:
        show = Show(options, stack)
        _play(show, WARM, turning=False)
        start = dict(show.values)
        for _ in range(rounds):
            for name, found in rows.items():
                found.append(_play(show, seconds / rounds, name == "knobs"))
                show.control.submit(start)  # the knobs go back to where they were
        others = Path(stack.enter_context(TemporaryDirectory()))
        rows[EXCHANGED] = [_play(show, seconds / 4, True, wish) for wish in _exchanges(show.eyes.now, others)]
        show.control.submit(start)
        wishes = {"30 dreams/s, one octave, stage 3": QUICK}
        wishes |= {"30 dreams/s of 768 px": LARGE} if best_device() == "cuda" else {}
        for name, wish in wishes.items():
            show.control.submit({**start, **wish})
            _play(show, WARM, turning=False)
            rows[name] = [_play(show, seconds, turning=False)]
        route = show.renderer.upload.route
    return [{"run": name, "upload": route, **_figures(found)} for name, found in rows.items()]


def _exchanges(now, folder):
    """Commands that dream with another network (BVLC GoogLeNet of random weights) and another model (a copy), and with the
    first ones again; both lie in `folder`."""
    from ..model.googlenet import GoogLeNet, save_googlenet

    save_googlenet(GoogLeNet(), folder / "googlenet.safetensors")
    shutil.copytree(now.model.folder, folder / now.model.folder.name)
    return (("show.network", str(folder / "googlenet.safetensors")), ("show.model", str(folder / now.model.folder.name)),
            ("show.network", now.network), ("show.model", str(now.model.folder)))


def _play(show, seconds, turning, wish=None):
    """(frame times in s, intervals in s, dreams a second, what was given up)
    of a stretch of the show at its own rate; with a `wish`, a command, until that is fulfilled, if that is longer."""
    fps = show.options.fps or 30.0
    began = last = time.perf_counter()
    dreams, work, gaps, turned, before = show.rates.dreams, [], [], 0, show.eyes.now
    if wish:
        show.control.command(*wish)
    while last - began < seconds or (wish and show.eyes.now is before and last - began < LOADED):
        time.sleep(max(0.0, last + 1 / fps - time.perf_counter()))
        now = time.perf_counter()
        if turning and (now - began) * TURNS > turned:
            turned += 1
            _turn(show.control, turned)
        show.frame(now, now - last)
        work.append(time.perf_counter() - now)
        gaps.append(now - last)
        last = now
    if wish and show.eyes.now is before:
        raise ValueError(f"bench show: {' '.join(wish)} did nothing for {LOADED:.0f} s; `hearsee perform` says why")
    return work, gaps[1:], (show.rates.dreams - dreams) / (last - began), show.rates.note


def _turn(control, count):
    from ..params import BY_NAME

    row = BY_NAME[TURNED[count % len(TURNED)]]
    control.submit({row.name: row.at(count * GOLDEN % 1)})


def _figures(found):
    work = 1000 * np.concatenate([each[0] for each in found])
    gaps = 1000 * np.concatenate([each[1] for each in found])
    return {"fps": 1000 / float(np.mean(gaps)), "frame_ms_median": float(np.median(work)),
            "frame_ms_p99": float(np.percentile(work, 99)), "interval_ms_p99": float(np.percentile(gaps, 99)),
            "dreams_per_s": float(np.mean([each[2] for each in found])), "dream": found[-1][3] or "as wished"}


def verdict(rows):
    """One line: how much longer frames take with knobs turned, and with networks and models exchanged meanwhile."""
    late = {row["run"]: row["frame_ms_p99"] for row in rows}
    knobs, exchanged = (late[name] / late["untouched"] for name in ("knobs", EXCHANGED))
    return (f"p99 frame with knobs turned {TURNS:.0f} times a second: {knobs:.2f} times the untouched one ({_within(knobs)}); "
            f"with networks and models exchanged too: {exchanged:.2f} times ({_within(exchanged)})")


def _within(ratio):
    return f"{'within' if ratio <= ALLOWED else 'beyond'} {ALLOWED}"
