"""How fast the dream is: steps a second by size and layer, and the paper's Table 2 beside ours."""

import torch

from ..dream.dreamer import Dreamer, Scene
from ..params import DEFAULTS
from .report import median_seconds

# The paper's Table 2 without its fixed 4.5 s of hearing: size px, iterations, octaves, layers, seconds.
TABLE2 = (
    (200, 1, 1, 1, 0.2), (200, 1, 1, 2, 0.3), (200, 1, 1, 3, 0.5), (200, 2, 1, 1, 0.4), (200, 3, 1, 1, 0.5),
    (200, 2, 2, 3, 1.4), (200, 3, 2, 3, 2.0), (400, 1, 1, 1, 0.8), (400, 1, 1, 2, 1.2), (400, 1, 1, 3, 1.5),
    (400, 2, 1, 1, 1.8), (400, 2, 1, 2, 2.3), (400, 2, 1, 3, 3.1), (400, 1, 2, 1, 1.5), (400, 1, 3, 1, 1.8),
)
OBJECTIVES = {"own": {"dream.guided": 0.0, "dream.energy": 1.0}, "guided": {"dream.guided": 1.0, "dream.energy": 0.0}}


def device_of(eye):
    """"cuda", "mps" or "cpu": where the bench dreams."""
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def step_seconds(eye, guides, size, values, repeats=7):
    """Median seconds of one whole dream (all octaves and iterations) of a square picture, jitter and zoom included."""
    dreamer = Dreamer(eye, guides, device_of(eye))
    wanted = {**DEFAULTS, "dream.size": float(size), **values}
    state = {"picture": None, "now": 0.0}

    def dream():
        state["now"] += 0.05
        scene = Scene(wanted, {name: 0.5 for name in list(guides)[:2]}, state["now"], 1.0)
        state["picture"] = dreamer.step(state["picture"], scene, 0.05)
        if dreamer.device.type == "cuda":
            torch.cuda.synchronize()  # sync point: a step is timed

    return median_seconds(dream, repeats)


def dream_rows(eyes, guides, sizes=(200, 400), layers=(1, 2, 3)):
    """Steps a second for {name: eye}, one octave, one iteration, one layer pulling."""
    rows = []
    for size in sizes:
        for layer in layers:
            for name, eye in eyes.items():
                for objective, weights in OBJECTIVES.items():
                    values = {"dream.octaves": 1, "dream.iterations": 1, "dream.layer": layer, **weights}
                    seconds = step_seconds(eye, guides, size, values)
                    rows.append({"network": name, "size": size, "layer": layer, "objective": objective,
                                 "ms": 1000 * seconds, "steps_per_s": 1 / seconds})
    return rows


def table2_rows(eye, guides):
    """The fifteen rows of the paper's Table 2 beside ours, `layers` n = stages 1..n pulling at once."""
    rows = []
    for size, iterations, octaves, layers, paper in TABLE2:
        for objective, weights in OBJECTIVES.items():
            values = {"dream.octaves": octaves, "dream.iterations": iterations, "dream.layer": layers,
                      "dream.layers": layers, **weights}
            ours = step_seconds(eye, guides, size, values, repeats=5)
            rows.append({"size": size, "iterations": iterations, "octaves": octaves, "layers": layers,
                         "objective": objective, "paper_s": paper, "ours_s": ours, "ratio": paper / ours})
    return rows
