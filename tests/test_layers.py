"""Who may import whom: the rules of the module map, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "instrument"
# Who wires things together, and may import across.
ACROSS = {"listen", "hearing", "school", "perform", "eyes", "offline", "film", "gallery", "prerender", "learn", "bench", "cli",
          "devices", "deck", "teaching", "__main__"}
TABLES = {"latest": set(), "params": set(), "features": set(), "files": set(), "errors": set(), "names": set(), "motion": {"params"}}
PARTS = {"audio", "dream", "render", "midi"}
NEVER = PARTS | {"osc", "control", "presets"}
ONLY = {"control": {"params"}, "presets": {"params", "features", "files"}, "modulation": {"params", "features", "clock"},
        "osc": {"params", "features", "latest"}, "clock": set(), "midi": {"params", "files", "names"}}
DEVICES = {"sounddevice", "rtmidi", "glfw", "cuda", "cupy"}
HOMES = {"torch": {"model", "dream", "learn"}, "moderngl": {"render"}, "glfw": {"render"}, "imgui_bundle": {"render"}}


def part(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path, tree):
    """(part of ours or None, foreign package or None, at module level) of every import of a file."""
    top = set(tree.body)
    depth = len(path.relative_to(ROOT).parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _named(alias.name, node in top)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from _named(node.module, node in top)
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            for name in [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]:
                yield name, None, node in top
        elif isinstance(node, ast.ImportFrom):
            yield part(path), None, node in top


def _named(module, top):
    first, *rest = module.split(".")
    yield (rest[0] if rest else None, None, top) if first == "instrument" else (None, first, top)


def faults(path, text):
    own = part(path)
    for ours, foreign, top in imported(path, ast.parse(text)):
        if ours not in (None, own, "__version__") and own not in ACROSS:
            if own in TABLES and ours not in TABLES[own] or own in ONLY and ours not in ONLY[own]:
                yield f"{own} imports {ours}"
            if own in PARTS and ours in NEVER or ours in ACROSS:
                yield f"{own} imports {ours}"
        if foreign in DEVICES and top:
            yield f"{own} imports {foreign} before it opens a device"
        if foreign in HOMES and own not in HOMES[foreign] | ACROSS:
            yield f"{own} imports {foreign}"


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_keep_the_rules(path):
    assert list(faults(path, path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name, text", [
    ("params.py", "from . import control"), ("midi/ports.py", "from ..osc import Sender"),
    ("render/hud.py", "import instrument.audio.ring"), ("audio/source.py", "import sounddevice"),
    ("presets.py", "from .render import window"), ("audio/onset.py", "import torch"),
    ("dream/step.py", "from ..perform import main"), ("osc/receiver.py", "def f():\n    import moderngl"),
])
def test_a_breach_is_caught(name, text):
    assert list(faults(ROOT / name, text))
