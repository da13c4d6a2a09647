"""What the experiment writes: the table of macro F1 with both splits side by side, and the figures behind it."""

import json
from collections import defaultdict

import numpy as np

from ...files import write_whole
from . import charts
from .pictures import SIZE

KINDS = {"random": "random split (the paper's)", "folds": "official folds", "recordings": "random by recording"}


def write(out, facts, results, training):
    """Write everything under `out` and return the lines of the table.

    `results` is a list of (Split, leak, {set: {"curves", "tests"}}); `training` is {set: {class: Pictures}}.
    """
    found = {**facts, "splits": summary(results)}
    write_whole(out / "table.json", json.dumps(found, indent=1))
    lines = markdown(found)
    write_whole(out / "table.md", "\n".join(lines) + "\n")
    _picture(found).save(out / "table.png")
    for split, _, models in results:
        for name, model in models.items():
            curves(out, f"{split.name}-{name}", model["curves"])
    for kind, models in _by_kind(results).items():
        _confusions(out, kind, models, facts["classes"])
    averages(out, training)
    return lines


def summary(results):
    """{kind: sizes, leak and figures, means over the folds tested; `spread` is their standard deviation}."""
    kinds = defaultdict(list)
    for split, leak, models in results:
        kinds[split.kind].append((split, leak, models))
    return {kind: _of_kind(some) for kind, some in kinds.items()}


def _of_kind(results):
    found = {"folds": [split.fold for split, _, _ in results if split.fold],
             "train": [len(split.train) for split, _, _ in results],
             "test": [len(split.test) for split, _, _ in results],
             "leak": {key: float(np.mean([leak[key] for _, leak, _ in results])) for key in results[0][1]}}
    for figure in ("macro_f1", "accuracy"):
        found[figure] = _over(results, figure, np.mean)
    found["spread"] = _over(results, "macro_f1", np.std)
    return found


def _over(results, figure, how):
    """{trained on: {tested on: `how` over the folds}}."""
    names = list(results[0][2])
    return {mine: {other: float(how([models[mine]["tests"][other][figure] for _, _, models in results]))
                   for other in names} for mine in names}


def markdown(found):
    """The table in Markdown, macro F1 in per cent, then what each split gives away."""
    kinds, sets = found["splits"], list(next(iter(found["splits"].values()))["macro_f1"])
    lines = [f"Network {found['network']}, weights: {found['weights']}"
             + ("; rolled and stored as published" if found["as_published"] else ""), "", *found["data"], "",
             "| trained on \\ tested on | " + " | ".join(f"{name}, {kind}" for name in sets for kind in kinds) + " |",
             "|---" * (1 + len(sets) * len(kinds)) + "|"]
    for mine in sets:
        cells = [_percent(kinds[kind], mine, other) for other in sets for kind in kinds]
        lines.append(f"| {mine} | " + " | ".join(cells) + " |")
    return lines + ["", *(_gives_away(kind, one) for kind, one in kinds.items())]


def _percent(kind, mine, other):
    spread = f" ± {100 * kind['spread'][mine][other]:.1f}" if len(kind["folds"]) > 1 else ""
    return f"{100 * kind['macro_f1'][mine][other]:.1f}{spread}"


def _gives_away(kind, one):
    sizes = ", ".join(f"{learnt}/{tested}" for learnt, tested in zip(one["train"], one["test"]))
    folds = f" {' '.join(map(str, one['folds']))}" if one["folds"] else ""
    seen, listed = (100 * one["leak"][key] for key in ("recording_seen", "lookup_macro_f1"))
    return (f"- {KINDS[kind]}{folds}: clips learnt/tested {sizes}; {seen:.1f} % of the tested clips come from a "
            f"recording that was learnt; a list of recordings, hearing nothing, scores macro F1 {listed:.1f}")


def _picture(found):
    sheets = []
    for kind, one in found["splits"].items():
        names = list(one["macro_f1"])
        values = [[one["macro_f1"][mine][other] for other in names] for mine in names]
        texts = [[f"{100 * value:.1f}" for value in row] for row in values]
        sheets.append(charts.matrix(values, texts, names, names, f"Macro F1 %, {KINDS[kind]}"))
    return charts.tiled(sheets, len(sheets))


def _by_kind(results):
    """{kind: {(trained on, tested on): [scores per fold]}}."""
    found = defaultdict(lambda: defaultdict(list))
    for split, _, models in results:
        for mine, model in models.items():
            for other, one in model["tests"].items():
                found[split.kind][mine, other].append(one)
    return found


def _confusions(out, kind, models, classes):
    folder = out / "confusion"
    for (mine, other), tests in models.items():
        counts = np.sum([one["confusion"] for one in tests], axis=0)
        path = folder / f"{kind}-{mine}-on-{other}.json"
        write_whole(path, json.dumps({"classes": classes, "confusion": counts.tolist(), "tests": tests}, indent=1))
        title = f"{kind}: trained on {mine}, tested on {other}, n = {counts.sum()}"
        charts.confusion(counts, classes, title).save(path.with_suffix(".png"))


def curves(out, name, epochs):
    """JSON and PNG of loss and accuracy per epoch."""
    path = out / "curves" / f"{name}.json"
    write_whole(path, json.dumps(epochs, indent=1))
    if epochs:
        panels = [_panel(name, epochs, figure) for figure in ("loss", "accuracy")]
        charts.tiled(panels, 2).save(path.with_suffix(".png"))


def _panel(name, epochs, figure):
    series = {part: [epoch[f"{part}_{figure}"] for epoch in epochs] for part in ("train", "validation")}
    return charts.lines(series, f"{name}: {figure}", 1.0 if figure == "accuracy" else None)


def averages(out, training):
    """One sheet per set with the mean picture of every class; JSON with its mean brightness by height (0 to 1)."""
    found = {}
    for name, classes in training.items():
        means = {label: _mean(pictures) for label, pictures in classes.items() if len(pictures)}
        found[name] = {label: {"pictures": len(classes[label]), "rows_from_below": _profile(mean)}
                       for label, mean in means.items()}
        sheets = [charts.captioned(mean, f"{label}, n = {len(classes[label])}") for label, mean in means.items()]
        (out / "averages").mkdir(parents=True, exist_ok=True)
        charts.tiled(sheets, 5).save(out / "averages" / f"{name}.png")
    write_whole(out / "averages" / "averages.json", json.dumps(found))


def _mean(pictures):
    total = np.zeros((SIZE[1], SIZE[0], 3))
    for i in range(len(pictures)):
        total += pictures.drawing(i)
    return np.round(total / len(pictures)).astype(np.uint8)


def _profile(mean):
    return [round(float(row.mean()) / 255, 4) for row in mean[::-1]]


def histograms(out, lengths):
    """{class: seconds of its clips} as ten bins each, JSON and one PNG."""
    found, sheets = {}, []
    for label, seconds in lengths.items():
        counts, edges = np.histogram(seconds, 10)
        found[label] = {"clips": len(seconds), "counts": counts.tolist(), "edges_s": edges.round(4).tolist()}
        sheets.append(charts.bars(counts.tolist(), edges.tolist(), f"{label}, n = {len(seconds)} (s)"))
    write_whole(out / "histograms.json", json.dumps(found, indent=1))
    charts.tiled(sheets, 2).save(out / "histograms.png")
