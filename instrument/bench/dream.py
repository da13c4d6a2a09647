"""How fast the dream is: steps a second by size and layer."""

from itertools import product

import torch

from ..dream.dreamer import Dreamer, Scene
from ..dream.graphs import SETTLED, Graphs, Plain, finish
from ..dream.precision import fitted, quick_precisions, shown, trials
from ..eyes import best_device
from ..params import DEFAULTS
from .ceiling import Ceilings, Work, label
from .report import median_seconds

OBJECTIVES = {"own": {"dream.guided": 0.0, "dream.energy": 1.0},
              "guided": {"dream.guided": 1.0, "dream.energy": 0.0, "dream.likeness": 0.0}}  # as in the paper


def versions(eye, guides, device):
    """(precision, eye in it, cosine of its gradient with that of float32): float32,
    and all that `device` is quicker in.

    What has less than `precision.GOOD` is not dreamed in a show.
    """
    eye = eye.to(device)
    return [(torch.float32, eye, 1.0), *trials(eye, shown(guides, device), quick_precisions(device)[::-1])]


class Steps:
    """Whole dreams of a picture one after the other (all octaves and iterations, jitter and zoom included): call it.

    Where the values are guided one class is heard, as in the paper, else none.
    """

    def __init__(self, eye, guides, size, values, aspect=1.0, play=None, fit=fitted):
        self.dreamer = Dreamer(eye, guides, best_device(), play, fit)
        self._values = {**DEFAULTS, "dream.size": float(size), **values}
        self._weights = {name: 1.0 for name in list(guides)[:1]} if self._values["dream.guided"] else {}
        self._aspect, self._last, self._now = aspect, None, 0.0

    @property
    def precision(self):
        """That in which is dreamed."""
        return self.dreamer.eye.precision

    def scene(self):
        """The scene of the next step."""
        self._now += 0.05
        return Scene(self._values, self._weights, self._now, self._aspect)

    def __call__(self):
        self._last = went_on(self.dreamer, self._last, self.scene())
        finish(self.dreamer.device)  # sync point: a step is timed

    def warm(self):
        """Begin, and on a GPU go on until steps are recorded; self."""
        self()
        record(self.dreamer, self)
        return self


def went_on(dreamer, last, scene):
    """The dream after the `last`; RuntimeError where it is the same: to do nothing takes no time, and would be the best of figures."""
    dream = dreamer.step(last, scene)
    if dream is last:
        raise RuntimeError("the dream does not go on, so that there is nothing to measure")
    return dream


def record(dreamer, step):
    """Go on on a GPU, `step()` by `step()`, until the steps of `dreamer` are recorded."""
    for _ in range(2 * SETTLED if dreamer.device.type == "cuda" else 0):
        step()
        dreamer.settle()


class AsRecorded(Plain):
    """Plays as it comes what is played from recordings: steps of few shapes."""

    records, places = True, Graphs.places


def work_of(eye, guides, size, values):
    """The `Work` of one of such `Steps` as it comes: in the replay of a recording none of it is to be seen."""
    steps = Steps(eye, guides, size, values, play=AsRecorded() if best_device() == "cuda" else Plain())
    steps()
    steps()  # the first ascent looks at the class picture too, which later ones remember
    return Work.of(steps)


def step_seconds(steps, repeats=7):
    """Median seconds of one whole dream, as soon as it is recorded where it can be."""
    return median_seconds(steps.warm(), repeats)


def dream_rows(eyes, guides, sizes=(200, 400), layers=(1, 2, 3), ceilings=None):
    """Steps a second for {name: eye}, one octave, one iteration, one layer pulling, in the quickest precision.

    `share` is that of the time which the operations or the bytes of a step take at the least; `ceilings` are measured
    where they are not given.
    """
    ceilings, rows = ceilings or Ceilings.on(best_device()), []
    for size, layer, (name, eye), objective in product(sizes, layers, eyes.items(), OBJECTIVES):
        values = {"dream.octaves": 1, "dream.iterations": 1, "dream.layer": layer, **OBJECTIVES[objective]}
        steps = Steps(eye, guides, size, values)
        seconds = step_seconds(steps)
        least, _ = ceilings.least(work_of(eye, guides, size, values), steps.precision)
        rows.append({"network": name, "size": size, "layer": layer, "objective": objective,
                     "precision": label(steps.precision), "ms": 1000 * seconds, "steps_per_s": 1 / seconds,
                     "share": least / seconds})
    return rows
