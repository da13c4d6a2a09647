"""How fast the dream is: steps a second by size and layer, and the paper's Table 2 beside ours."""

import torch

from ..dream.dreamer import Dreamer, Scene
from ..dream.graphs import SETTLED
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


class Steps:
    """Whole dreams of a picture one after the other (all octaves and iterations, jitter and zoom included): call it."""

    def __init__(self, eye, guides, size, values, aspect=1.0, play=None):
        self.dreamer = Dreamer(eye, guides, device_of(eye), play)
        self._values = {**DEFAULTS, "dream.size": float(size), **values}
        self._weights = {name: 0.5 for name in list(guides)[:2]}
        self._aspect, self._picture, self._now = aspect, None, 0.0

    def scene(self):
        """The scene of the next step."""
        self._now += 0.05
        return Scene(self._values, self._weights, self._now, self._aspect)

    def __call__(self):
        self._picture = self.dreamer.step(self._picture, self.scene(), 0.05)
        if self.dreamer.device.type == "cuda":
            torch.cuda.synchronize()  # sync point: a step is timed

    def warm(self):
        """On a GPU: until steps are recorded; self."""
        for _ in range(2 * SETTLED if self.dreamer.device.type == "cuda" else 0):
            self()
            self.dreamer.settle()
        return self


def step_seconds(eye, guides, size, values, repeats=7, aspect=1.0, play=None):
    """Median seconds of one whole dream, by default of a square picture, as soon as it is recorded where it can be."""
    return median_seconds(Steps(eye, guides, size, values, aspect, play).warm(), repeats)


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
