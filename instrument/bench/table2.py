"""The paper's Table 2 beside ours: own features and guided, in every precision that the device is quicker in."""

from itertools import product

import torch

from ..dream.precision import HALVES, exact, quick_precisions
from ..eyes import best_device
from .ceiling import label
from .dream import OBJECTIVES, Steps, step_seconds, versions

ROWS = (  # without its fixed 4.5 s of hearing: size px, iterations, octaves, layers (stages 1 to n pulling at once), seconds
    (200, 1, 1, 1, 0.2), (200, 1, 1, 2, 0.3), (200, 1, 1, 3, 0.5), (200, 2, 1, 1, 0.4), (200, 3, 1, 1, 0.5),
    (200, 2, 2, 3, 1.4), (200, 3, 2, 3, 2.0), (400, 1, 1, 1, 0.8), (400, 1, 1, 2, 1.2), (400, 1, 1, 3, 1.5),
    (400, 2, 1, 1, 1.8), (400, 2, 1, 2, 2.3), (400, 2, 1, 3, 3.1), (400, 1, 2, 1, 1.5), (400, 1, 3, 1, 1.8),
)
ASKED = 15  # times as fast as the paper, on two cores
SECONDS = " s"  # how the keys of columns end


def table2_rows(eye, guides):
    """One row for each of the paper's: `ours_s` guided, as the paper dreams, in the `precision` that a show takes first, of those
    that weights which have learnt something bear as a rule (of random ones that says nothing); and the seconds of every objective
    and precision."""
    eyes = versions(eye, guides, best_device())
    precision = label(first([each for each, *_ in eyes], quick_precisions(best_device())))
    return [_row(row, precision, {f"{objective} {label(each)}{SECONDS}": _seconds(lower, guides, row, objective)
                                  for objective, (each, lower, _) in product(OBJECTIVES, eyes)}) for row in ROWS]


def first(there, wanted):
    """The half precision of those `there` that comes first among those `wanted`; float32 where none does."""
    return next((each for each in wanted if each in HALVES and each in there), torch.float32)


def _row(row, precision, columns):
    size, iterations, octaves, layers, paper = row
    ours = columns[f"guided {precision}{SECONDS}"]
    return {"size": size, "iterations": iterations, "octaves": octaves, "layers": layers, "paper_s": paper, "ours_s": ours,
            "ratio": paper / ours, "precision": precision, **columns}


def _seconds(eye, guides, row, objective):
    size, iterations, octaves, layers, _ = row
    values = {"dream.octaves": octaves, "dream.iterations": iterations, "dream.layer": layers, "dream.layers": layers}
    return step_seconds(Steps(eye, guides, size, values | OBJECTIVES[objective], fit=exact), repeats=9)


def ratios(row):
    """{objective and precision: how many times as fast as the paper} of a row."""
    return {key.removesuffix(SECONDS): row["paper_s"] / value for key, value in row.items() if key.endswith(SECONDS)}


def verdict(rows):
    """One line: how fast the rows are in each column, and how many are as fast as is asked."""
    columns = {name: [ratios(row)[name] for row in rows] for name in ratios(rows[0])}
    told = [f"{name} {min(found):.1f} to {max(found):.1f} times the paper's speed, {sum(each >= ASKED for each in found)} of "
            f"{len(rows)} rows reach {ASKED}" for name, found in columns.items()]
    return f"{'; '.join(told)}. `ours_s` is guided in {rows[0]['precision']}."
