"""Writes the tables of the README, of docs/ and of models/ from the tables of the code and the model card, between marks.

A block starts with `<!-- made by instrument/docs.py: NAME -->` and ends with `<!-- end -->`; what stands
between is replaced. `python -m instrument.docs` (or `make docs`) does all files.
"""

import json
import re
import tomllib

from . import presets
from .features import CLASS, FEATURES, RAW, Feature
from .files import ROOT
from .params import BY_NAME, COMMANDS, PARAMS, RECALLS, ROWS, SLOTS, SOURCES, TARGETS

FILES = ("README.md", "docs/osc.md", "docs/midi.md", "models/README.md")
MARK = re.compile(r"(<!-- made by instrument/docs\.py: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
KNOBS_PER_ROW = 8  # as on most boxes
GROUPS = tuple(dict.fromkeys(row.group for row in ROWS))
KEY_NAMES = {"right": "→", "left": "←", "enter": "Enter", "tab": "Tab", "f1": "F1", "escape": "Esc",
             "space": "Space", "up": "↑", "down": "↓", "pagedown": "Page Down", "delete": "Delete",
             "backspace": "Backspace"}


def fill(text):
    """`text` with every block made anew; ValueError names a block that nobody makes."""
    def block(match):
        start, name, end = match.groups()
        if name not in BLOCKS:
            raise ValueError(f"no block {name!r}; legal are {', '.join(BLOCKS)}")
        return f"{start}\n{BLOCKS[name]()}\n\n{end}"

    return MARK.sub(block, text)


def table(head, rows):
    """A Markdown table of cells that are already text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text):
    return f"`{text}`"


def key(name):
    return KEY_NAMES.get(name, name.upper())


# Blocks


def parameters():
    """Every row but the modulation slots, then the slots, one line each."""
    head = ("name", "what it does", "default", "range", "CC")
    rows = [
        (code(row.name), row.doc, row.text(row.default), row.range_text(), "" if row.cc is None else row.cc)
        for row in ROWS
    ]
    return f"{table(head, rows)}\n\n{modulation()}"


def modulation():
    """The slots: what moves which row how far by default, and their three controllers."""
    rows = []
    for slot in SLOTS:
        source, target, depth = (BY_NAME[f"{slot}.{part}"] for part in ("source", "target", "depth"))
        cells = [row.text(row.default) for row in (source, target, depth)]
        rows.append((code(slot), *cells, f"{source.cc}, {target.cc}, {depth.cc}"))
    slots = table(("slot", ".source", ".target", ".depth", "CC"), rows)
    return (f"{slots}\n\n`.source` is one of {', '.join(SOURCES)} (`beat` and `bar` fall from 1 at each, `sine` rises "
            "and falls once a bar, `random` is another value at each beat; without a tempo these three last run at 120 a "
            "minute); `.depth` is -1 to 1 of the target's range; "
            f"`.target` is one of {', '.join(map(code, TARGETS))}.")


def knobs():
    """Controller numbers by group, eight knobs a row."""
    rows = []
    for group in GROUPS:
        members = [row for row in ROWS if row.group == group and row.cc is not None]
        for start in range(0, len(members), KNOBS_PER_ROW):
            cells = [f"**{row.cc}** {row.name.split('.')[1]}" for row in members[start:start + KNOBS_PER_ROW]]
            rows.append([code(group + ".") if start == 0 else "", *cells, *[""] * (KNOBS_PER_ROW - len(cells))])
    return table(["", *map(str, range(1, KNOBS_PER_ROW + 1))], rows)


def keys():
    """Keys of commands and of rows that a key steps on."""
    found = [(key(command.key), command.doc) for command in COMMANDS if command.key]
    found += [(key(row.key), f"{row.doc} ({code(row.name)})") for row in PARAMS if row.key]
    return table(("key", "what it does"), [RECALLS, *found])


def looks():
    """The presets that ship, by number, with the note each has; those a player saved here have none."""
    found = [presets.read(path) for path in presets.Bank([ROOT / "presets"]).paths()]
    rows = [(number, look.title, look.note) for number, look in enumerate(found, 1) if look.note]
    return table(("", "preset", "look"), rows)


def published():
    """What `listen` sends."""
    classes = Feature(CLASS + "<name>", "f", "0..1", "Smoothed probability of a class; one address for each.")
    rows = [
        (code(row.address), row.kind + ("..." + row.kind if row is RAW else ""), row.unit,
         row.doc + (f" Event: sent {row.event}, as 1." if row.event else ""))
        for row in (classes, RAW, *FEATURES)
    ]
    return table(("address", "type", "range or unit", "what it says"), rows)


def settable():
    """What `perform` takes: one number or label each."""
    rows = [
        (code(row.address), f"{row.lo:g} .. {row.hi:g} {row.unit}".rstrip(), numbered(row), code(row.unit_address))
        for row in PARAMS
    ]
    return table(("address", "range", "meaning", "0..1 twin"), rows)


def numbered(row):
    """What a row does; of a short stepped one, what its numbers stand for too."""
    if not row.labels or row.name.startswith("mod."):
        return row.doc
    return f"{row.doc} " + ", ".join(f"{row.lo + i:g} {label}" for i, label in enumerate(row.labels))


def commands():
    """What `perform` does on a message, and the key that does the same."""
    rows = [(code(command.address), key(command.key) if command.key else "", command.doc) for command in COMMANDS]
    return table(("address", "key", "what it does"), rows)


def controllers():
    """All controllers by number."""
    rows = [
        (row.cc, code(row.name), f"{row.text(row.lo)} .. {row.text(row.hi)}", row.curve)
        for row in sorted((row for row in PARAMS if row.cc is not None), key=lambda row: row.cc)
    ]
    return table(("CC", "name", "left .. right", "curve"), rows)


def boxes():
    """The MIDI profiles that ship."""
    return table(("box", "how to set it"), [(each["name"], each.get("note", "")) for each in _profiles()])


def _profiles():
    files = sorted((ROOT / "instrument" / "midi" / "profiles").glob("*.toml"))
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in files]


def layouts():
    """What the controls of each profile play, as the box has them from left to right."""
    return "\n\n".join(_layout(tree) for tree in _profiles() if not tree.get("table"))


def _layout(tree):
    rows, label = [], ""
    for control in tree["control"]:
        label = control.get("label", label)
        rows.append((f"{label} ({_numbers(control)})", _played(control)))
    return f"**{tree['name']}**\n\n{table(('controls', 'what they play'), rows)}"


def _numbers(control):
    """The numbers of a control of a profile: "CC 16 to 23", "note 36"."""
    kind = {"cc": "CC", "note": "note"}.get(control.get("kind", "cc"), control.get("kind", "cc"))
    numbers, channels = control.get("numbers", 0), control.get("channels")
    where = f", channel {_listed(channels)}" if channels else ""
    return f"{kind} {_listed(numbers)}{where}"


def _listed(numbers):
    numbers = numbers if isinstance(numbers, list) else [numbers]
    runs = len(numbers) > 2 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return f"{numbers[0]} to {numbers[-1]}" if runs else ", ".join(map(str, numbers))


def _played(control):
    if presets := control.get("presets"):
        return f"presets {_listed(presets)}"
    return " ".join(code(name) if name else "-" for name in control.get("rows") or control["commands"])


def heard():
    """How well the shipped model hears folds that were left out, and the gain of each step."""
    card = json.loads((ROOT / "models" / "urban" / "card.json").read_text(encoding="utf-8"))["cross_validation"]
    head = ("step", *(f"{what}, fold {fold}" for what in ("whole clips", "1 s") for fold in card["folds"]), "mean of whole clips", "of 1 s")
    rows = []
    for step in card["gain of each step"]:
        found = [step.get(what) for what in ("whole clips", "1 s")]
        folds = [score for scores in found for score in scores or [None] * len(card["folds"])]
        means = [sum(scores) / len(scores) if scores else None for scores in found]
        rows.append((step["step"], *("-" if score is None else f"{score:.3f}" for score in folds + means)))
    return table(head, rows)


BLOCKS = {
    "parameters": parameters, "knobs": knobs, "keys": keys, "presets": looks, "published": published,
    "settable": settable, "commands": commands, "controllers": controllers, "boxes": boxes,
    "layouts": layouts, "heard": heard,
}


def main():
    for name in FILES:
        path = ROOT / name
        path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{name} is up to date")


if __name__ == "__main__":
    main()
