"""Figures as Markdown tables and JSON, with the machine they were measured on."""

import json
import math
import os
import platform
import statistics
import time
from pathlib import Path

from ..files import write_whole


def machine():
    """One line: processor, cores, GPU, Python, torch."""
    import torch

    gpu = f", {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else ", no GPU"
    return f"{_processor()}, {os.cpu_count()} cores{gpu}, Python {platform.python_version()}, torch {torch.__version__}"


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    level = "avx512_bf16" if "avx512_bf16" in flags else "avx512" if "avx512f" in flags else "avx2"
    return f"{names[0] if names else platform.machine()} ({level})"


def markdown(rows):
    """A Markdown table of dicts with the same keys."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_text(row[head]) for head in heads) + " |" for row in rows]
    return "\n".join(lines)


def _text(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def write(path, name, rows, **more):
    """Write {"bench", "machine", "rows", ...} to a JSON file; what is no number there is null."""
    told = _legal({"bench": name, "machine": machine(), "rows": rows, **more})
    write_whole(path, json.dumps(told, indent=1, allow_nan=False))


def _legal(tree):
    """The same without what JSON has no word for: infinity, and what could not be measured."""
    if isinstance(tree, dict):
        return {key: _legal(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_legal(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def median_seconds(action, repeats=7, warm=2):
    """Median time of `action()` in seconds; on a GPU the action must wait for its own work."""
    times = []
    for turn in range(warm + repeats):
        began = time.perf_counter()
        action()
        if turn >= warm:
            times.append(time.perf_counter() - began)
    return statistics.median(times)
