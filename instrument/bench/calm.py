"""How calm the ear is: what it claims to hear in an empty room, and how often it changes its mind about a steady sound.

Sound goes through the `Engine` of the stage in blocks, with time counted in samples, so an hour takes minutes. An
event is a class that becomes known, or another one while one is known: what the HUD and OSC announce.
"""

from itertools import pairwise, product

import numpy as np

from ..audio.engine import Engine
from ..audio.frontend import FrontEnd
from ..learn.augment import room
from ..params import DEFAULTS

RATE = FrontEnd().rate
BLOCK = round(0.02 * RATE)
LEVELS = (-60.0, -50.0, -40.0)  # dBFS (RMS) of the room
HUMS = {"room": 0.04, "humming room": 0.5}  # share of its power that is mains hum
SETTLE = 2.0  # s in which a sound may still be made out


def calm_rows(model, clips, minutes=3.0, values=DEFAULTS, progress=lambda items: items):
    """One row for each kind and level of room noise, then for each of `clips` [(label, samples at 22,050 Hz)] played in a loop.

    `minutes` of sound each; `per_hour` events of the room, `flips_per_minute` of the steady sounds after SETTLE.
    """
    rooms = [(name, level, lambda level=level, seed=seed, name=name: room(minutes * 60, 10 ** (level / 20), seed, HUMS[name]))
             for seed, (name, level) in enumerate(product(HUMS, LEVELS))]
    steady = [(label, None, lambda samples=samples: np.resize(samples, round(minutes * 60 * RATE))) for label, samples in clips]
    rows = []
    for label, level, sound in progress([*rooms, *steady]):
        told = events(model, sound(), values)  # made when its turn has come: an hour of each at once would be gigabytes
        labels = [name for when, name in told if when >= SETTLE]
        rows.append({"sound": label, "level_db": level, "minutes": minutes,
                     "per_hour": 60 * len(told) / minutes if level is not None else None,
                     "flips_per_minute": None if level is not None else flips(labels) / minutes,
                     "heard": ", ".join(dict.fromkeys(name for _, name in told)) or "nothing"})
    return rows


def flips(labels):
    """How often the label changes; the same one again after a pause is none."""
    return sum(one != other for one, other in pairwise(labels))


def events(model, samples, values=DEFAULTS):
    """[(time s, class)] that the ear announces in mono `samples` at 22,050 Hz."""
    told, said = [], None
    newest = {}
    engine = Engine(RATE, model.hear, model.classes, newest.update, values, front_end=model.front_end)
    for at in range(0, len(samples), BLOCK):
        now = (at + BLOCK) / RATE
        engine.push(samples[at:at + BLOCK], now)
        top = newest.get("top.name") if newest.get("known", 0.0) > 0.5 else None
        if top and top != said:
            told.append((now, top))
        said = top
    return told


def verdict(rows):
    """The two figures in one line; of steady sounds none where none were given."""
    hours = [row["per_hour"] for row in rows if row["per_hour"] is not None]
    flips = [row["flips_per_minute"] for row in rows if row["flips_per_minute"] is not None]
    steady = f"on steady sounds {np.mean(flips):.2f} flips a minute" if flips else "no steady sounds were given (--data)"
    return f"in an empty room {np.mean(hours):.1f} events an hour; {steady}"
