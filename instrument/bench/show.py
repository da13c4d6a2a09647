"""How steady the show is: frame times with hearing and dreaming running, untouched and with knobs turned; and how
many dreams a second it can hold.
"""

import time
from contextlib import ExitStack

import numpy as np

TURNED = ("dream.octaves", "dream.iterations", "dream.layer", "dream.size", "dream.layers", "dream.guided",
          "dream.energy", "dream.channel", "dream.class")
TURNS = 20.0  # a second
GOLDEN = 0.618034  # of the range per turn: no knob comes back to the same place soon
STRETCH = 2.5  # s of one run before the other has its turn, so that both meet the same machine
ALLOWED = 1.5  # times the 99th percentile of the untouched frames
WARM = 3.0  # s before counting
QUICK = {"dream.rate": 30.0, "dream.octaves": 1.0, "dream.layer": 3.0, "dream.layers": 1.0}
LARGE = {"dream.rate": 30.0, "dream.size": 768.0}  # the aim on a GPU


def show_rows(options, seconds=10.0):
    """Two runs of the same show in turn, `seconds` of each, then one of a quick dream and, on a GPU, of a large one;
    one dict each. `dream` says what the governor made smaller or fewer to hold the rate."""
    from ..eyes import best_device
    from ..perform import Show

    rounds = max(2, round(seconds / STRETCH))
    rows = {"untouched": [], "knobs": []}
    with ExitStack() as stack:
        show = Show(options, stack)
        _play(show, WARM, turning=False)
        start = dict(show.control.frame())
        for _ in range(rounds):
            for name, found in rows.items():
                found.append(_play(show, seconds / rounds, name == "knobs"))
                show.control.submit(start)  # the knobs go back to where they were
        wishes = {"30 dreams/s, one octave, stage 3": QUICK}
        wishes |= {"30 dreams/s of 768 px": LARGE} if best_device() == "cuda" else {}
        for name, wish in wishes.items():
            show.control.submit({**start, **wish})
            _play(show, WARM, turning=False)
            rows[name] = [_play(show, seconds, turning=False)]
        route = show.renderer.upload.route
    return [{"run": name, "upload": route, **_figures(found)} for name, found in rows.items()]


def _play(show, seconds, turning):
    """(frame times in s, intervals in s, dreams a second, what was given up)
    of a stretch of the show at its own rate."""
    fps = show.options.fps or 30.0
    began = last = time.perf_counter()
    dreams, work, gaps, turned = show.rates.dreams, [], [], 0
    while last - began < seconds:
        time.sleep(max(0.0, last + 1 / fps - time.perf_counter()))
        now = time.perf_counter()
        if turning and (now - began) * TURNS > turned:
            turned += 1
            _turn(show.control, turned)
        show.frame(now, now - last)
        work.append(time.perf_counter() - now)
        gaps.append(now - last)
        last = now
    return work, gaps[1:], (show.rates.dreams - dreams) / seconds, show.rates.note


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
    """One line: how much longer frames take with knobs turned."""
    untouched, knobs = ({row["run"]: row["frame_ms_p99"] for row in rows}[name] for name in ("untouched", "knobs"))
    ratio = knobs / untouched
    return (f"p99 frame with knobs turned {TURNS:.0f} times a second: {ratio:.2f} times the untouched one "
            f"({'within' if ratio <= ALLOWED else 'beyond'} {ALLOWED})")
