"""Sound and the beat move rows: the eight `mod.` slots, as a pure function of values and features."""

import math
import random
from types import MappingProxyType

from .clock import BAR, BEATS
from .features import SOURCE_FEATURES
from .params import BY_NAME, SLOTS, SOURCES, TARGETS

# Waves on the beats since the first bar, 0..1.
WAVES = {
    "bar": lambda beats: 1 - beats / BAR % 1,  # falls from 1 at each bar
    "sine": lambda beats: 0.5 - 0.5 * math.cos(2 * math.pi * beats / BAR),  # rises and falls once a bar
    "random": lambda beats: random.Random(math.floor(beats)).random(),  # another value at each beat
}
_ROWS = tuple((f"{slot}.source", f"{slot}.target", f"{slot}.depth") for slot in SLOTS)


def modulate(values, features):
    """`values` with the targets of all slots moved by depth x feature, in knob position, kept inside the range; circles are gone round.

    features: {feature name: number}, `clock.BEATS` among them; a missing one counts as 0.
    Slots on the same target add up.
    """
    moves = {}
    for source, target, depth in _ROWS:
        if values[source] and values[depth]:
            name = TARGETS[int(values[target])]
            move = values[depth] * strength(SOURCES[int(values[source])], features)
            moves[name] = moves.get(name, 0.0) + move
    moved = {name: _moved(BY_NAME[name], values[name], move) for name, move in moves.items() if move}
    return MappingProxyType(values | moved) if moved else values


def _moved(row, value, move):
    place = row.position(value) + move
    return row.at(place % 1 if row.curve == "circle" else place)


def strengths(features):
    """{source: how strongly it pulls now, 0..1} of all sources."""
    return {source: strength(source, features) for source in SOURCES[1:]}


def strength(source, features):
    """How strongly a source of `params.SOURCES` pulls now, 0..1; "beat" falls from 1 at each beat."""
    if source in WAVES:
        return WAVES[source](features.get(BEATS, 0.0))
    value = features.get(SOURCE_FEATURES[source])
    if value is None or not math.isfinite(value):
        return 0.0
    if source != "beat":
        return value
    # Without a tempo the phase stands at 0, which is no beat.
    return 1.0 - value if features.get("beat.bpm", 1.0) > 0 else 0.0
