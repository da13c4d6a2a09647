"""No dead knobs: every row of the dream, the zoom and the post effects at both ends of its range (a choice: at each),
and how much that changes the picture beside what another seed changes.
"""

from itertools import combinations

from ..offline import Offline, script
from ..params import BY_NAME, PARAMS, SLOTS
from .looks import look, respects

SIZE = (284, 160)  # px; as high as the dream
SECONDS, FPS = 3.0, 12
SEEDS = (1, 2, 3)
ENOUGH = 3.0  # in some respect a row changes the picture at least so many times as much as another seed does
LEAST = 0.05  # of a plain difference; what seeds change less counts as this, so that nothing passes that nobody sees
GROUPS = ("dream", "zoom", "post")
YARDSTICK = "dream.seed"  # the row that all others are measured with
LOUD = 0.75  # of the one class that is heard: of several a seed would make another map
# Small and slow enough for two cores; no slot of `mod.` moves a row while it is measured, and no seed looks elsewhere.
BASE = {"dream.size": 160.0, "dream.rate": 6.0, "dream.wander": 0.0, **{f"{slot}.depth": 0.0 for slot in SLOTS}}
CHOICES = {"dream.channel_index": (100.0, 200.0, 300.0)}
# Rows that only show together with others, and those others. The leak to the class picture covers what a weak dream
# does, so the rows of the dream are measured with a strong one.
STRONG = {"dream.step": 0.06, "dream.return": 0.05}
NEEDS = {row.name: STRONG for row in PARAMS if row.group == "dream"} | {
    "dream.step": {}, "dream.rate": {},
    "dream.return": {"dream.step": 0.06, "dream.smoothing": 0.0},
    "dream.octaves": STRONG | {"dream.smoothing": 0.0},
    "dream.octave_scale": STRONG | {"dream.step": 0.12, "dream.octaves": 6.0, "dream.likeness": 0.0},
    "dream.jitter": {"dream.step": 0.15, "dream.return": 0.0, "dream.smoothing": 0.0, "dream.layer": 4.0, "dream.layers": 1.0,
                     "dream.iterations": 12.0, "dream.octaves": 1.0, "dream.likeness": 0.0, "zoom.speed": 0.0},
    "dream.guided": STRONG | {"dream.energy": 0.0},
    "dream.colour": {"dream.step": 0.12, "dream.return": 0.0},
    "dream.likeness": STRONG | {"dream.energy": 0.0},
    "dream.energy": STRONG | {"dream.guided": 0.0},
    "dream.channel": STRONG | {"dream.guided": 0.0, "dream.energy": 0.0},
    "dream.class": STRONG | {"dream.guided": 0.0, "dream.energy": 0.0},
    "dream.layers": STRONG | {"dream.layer": 4.0},
    "post.hue": {"post.saturation": 1.6}, "post.chroma": {"post.saturation": 1.6}, "post.tint_hue": {"post.tint": 1.0},
    "dream.channel_index": STRONG | {"dream.guided": 0.0, "dream.energy": 0.0, "dream.channel": 1.0},
}


def rows_of(names=()):
    """The rows that are measured, or those of them that are named; ValueError for another name."""
    legal = [row.name for row in PARAMS if row.group in GROUPS and row.name != YARDSTICK]
    unknown = [name for name in names if name not in legal]
    if unknown:
        raise ValueError(f"bench knobs does not measure {unknown[0]!r}; it measures {', '.join(legal)}")
    return [BY_NAME[name] for name in legal if not names or name in names]


def knob_rows(model, names=(), seconds=SECONDS, size=SIZE, progress=iter):
    """One dict per row: in which respect (a group of `looks.PLAIN`) it changes the picture most beside seeds.

    `change` is the largest difference there between its low end, its high end and its start value, `seeds` the
    largest between SEEDS, both in plain differences; `ratio` 1 is enough, and means ENOUGH times as much.
    """
    with Offline(model, size) as offline:
        bench = Bench(offline, seconds)
        return [bench.measure(row) for row in progress(rows_of(names))]


class Bench:
    """Looks of one scene on one `Offline`; what was looked at once is kept."""

    def __init__(self, offline, seconds):
        self._offline, self._seconds = offline, seconds
        self._scene = script({offline.classes[0]: LOUD})
        self._kept = {}

    def look(self, values, seed=SEEDS[0]):
        """The `looks.look` of {row: value} over BASE."""
        key = (tuple(sorted(values.items())), seed)
        if key not in self._kept:
            frames = self._offline.render({**BASE, **values}, self._seconds, FPS, self._scene, seed)
            self._kept[key] = look(list(frames))
        return self._kept[key]

    def measure(self, row):
        """The figures of one row, see `knob_rows`."""
        needs = NEEDS.get(row.name, {})
        change = widest([self.look(needs | {row.name: value}) for value in ends(row)] + [self.look(needs)])
        seeds = widest([self.look(needs, seed) for seed in SEEDS])
        ratios = {name: change[name] / (ENOUGH * max(seeds[name], LEAST)) for name in change}
        most = max(ratios, key=ratios.get)
        return {"row": row.name, "respect": most, "change": change[most], "seeds": seeds[most], "ratio": ratios[most],
                "with": ", ".join(f"{name} {BY_NAME[name].text(value)}" for name, value in needs.items())}


def ends(row):
    """The values that a row is measured at: a choice has no ends, so all of it, or of many a few."""
    if row.labels:
        return [row.lo + number for number in range(len(row.labels))]
    return [row.lo, row.hi, *CHOICES.get(row.name, ())]


def widest(looks):
    """{respect: the largest difference between any two of several looks}."""
    pairs = [respects(*pair) for pair in combinations(looks, 2)]
    return {name: max(pair[name] for pair in pairs) for name in pairs[0]}


def verdict(rows):
    """One line: which rows change too little."""
    weak = [f"{row['row']} ({ENOUGH * row['ratio']:.1f} times)" for row in rows if row["ratio"] < 1]
    end = f"too weak are {', '.join(weak)}" if weak else "none is dead"
    return f"{len(rows)} rows at both ends; each should change the picture {ENOUGH:g} times as much as another seed: {end}"
