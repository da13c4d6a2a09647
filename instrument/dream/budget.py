"""The governor: holds the wanted rate by dreaming less, in a declared order, and gives it back.

Order of what is given up: the sight, at which the network looks, in steps down to 192 px (the picture keeps its detail: it
is up to twice as high), then octaves down to one, then iterations down to one, then sight down to the smallest size of the
table, at last the picture's own size. Times come in as arguments.
"""

from typing import NamedTuple

from ..params import BY_NAME

SMALLEST = int(BY_NAME["dream.size"].lo)
HANDSOME = 192  # px; above it sight is given up first
SHRINK = 0.87  # one step of sight
WISHES = {"octaves": "dream.octaves", "iterations": "dream.iterations", "sight": "dream.size", "size": "dream.size"}
FINER = (2, 1.5, 1)  # how many times as high as the sight a picture may be; given up one after the other
PLAIN = 0.1  # what a pixel of the picture costs beside one that the network looks at (docs/benchmarks.md)
SLOW = 1.1  # a dream may take this much longer than its share
ROOMY = 0.85  # what is given back must fit this share of the time
PATIENCE = 4  # dreams over the budget before something is given up
TRUST = 24  # dreams inside the budget before something comes back


class Plan(NamedTuple):
    """What a dream is made with; `work` compares plans: picture areas looked at."""

    octaves: int
    iterations: int
    sight: int  # height in px at which the network looks
    size: int  # height of the picture in px

    def work(self, scale):
        looked = self.iterations * self.sight**2 * sum(scale ** (-2 * k) for k in range(self.octaves))
        return looked + PLAIN * self.size**2


def ladder(wanted):
    """All plans from `wanted` down, in the order in which things are given up."""
    sights = [wanted.sight]
    while sights[-1] > SMALLEST:
        sights.append(max(SMALLEST, round(sights[-1] * SHRINK)))
    first = [sight for sight in sights if sight >= HANDSOME] or sights[:1]
    plans = [wanted._replace(sight=sight) for sight in first]
    plans += [plans[-1]._replace(octaves=octaves) for octaves in range(wanted.octaves - 1, 0, -1)]
    plans += [plans[-1]._replace(iterations=iterations) for iterations in range(wanted.iterations - 1, 0, -1)]
    plans += [plans[-1]._replace(sight=sight) for sight in sights if sight < first[-1]]
    plans = [plan._replace(size=min(wanted.size, FINER[0] * plan.sight)) for plan in plans]
    least = plans[-1]
    return plans + [least._replace(size=int(finer * least.sight)) for finer in FINER if finer * least.sight < least.size]


class Governor:
    """Chooses the plan: `plan(values, most)` before a dream, `spent(seconds)` after it."""

    def __init__(self):
        self._rung = 0
        self._plans = [Plan(1, 1, SMALLEST, SMALLEST)]
        self._scale, self._rate = 1.4, 1.0
        self._cost = None  # s of the present plan, smoothed
        self._late = self._early = 0
        self._trust = TRUST
        self._most = int(BY_NAME["dream.octaves"].hi)

    def plan(self, values, most=6):
        """The plan for these values with at most `most` legal octaves."""
        most = min(most, self._most)
        size = int(values["dream.size"])
        wanted = Plan(min(int(values["dream.octaves"]), most), int(values["dream.iterations"]), size, size)
        self._rate = values["dream.rate"]
        scale = values["dream.octave_scale"]
        if wanted != self._plans[0] or scale != self._scale:
            self._turn_to(wanted, scale)
        return self._plans[self._rung]

    def _turn_to(self, wanted, scale):
        """Other wishes: keep what was learnt about this machine's speed."""
        before = self._plans[self._rung].work(self._scale)
        speed = before / self._cost if self._cost else None
        self._plans, self._scale, self._rung = ladder(wanted), scale, 0
        self._late = self._early = 0
        if speed:
            self._rung = next((i for i, plan in enumerate(self._plans) if plan.work(scale) / speed <= SLOW / self._rate),
                              len(self._plans) - 1)
            self._cost = self._plans[self._rung].work(scale) / speed

    def spent(self, seconds):
        """Learn what a dream of the present plan took."""
        # A stall of the machine is no reason to dream less: one long dream counts as three times the usual.
        cost = self._cost or seconds
        self._cost = cost + 0.3 * (min(seconds, 3 * cost) - cost)
        wanted = 1 / self._rate
        self._late = self._late + 1 if self._cost > SLOW * wanted else 0
        self._early = self._early + 1 if self._rung and self._costs(self._rung - 1) < ROOMY * wanted else 0
        if self._late >= PATIENCE and self._rung < len(self._plans) - 1:
            self._give_up(wanted)
        elif self._early >= self._trust:
            self._give_back(wanted)

    def _costs(self, rung):
        return self._cost * self._plans[rung].work(self._scale) / self._plans[self._rung].work(self._scale)

    def _give_up(self, wanted):
        rung = self._rung + 1
        while rung < len(self._plans) - 1 and self._costs(rung) > wanted:
            rung += 1
        self._move(rung)

    def _give_back(self, wanted):
        """All that there is room for; where memory was short one step, for nobody knows what fits."""
        first = 0 if self._trust == TRUST else self._rung - 1
        self._move(next(rung for rung in range(first, self._rung) if self._costs(rung) < ROOMY * wanted))

    def _move(self, rung):
        self._cost = self._cost and self._costs(rung)
        self._rung, self._late, self._early = rung, 0, 0

    def out_of_memory(self):
        """One octave fewer from now on; at a single octave, a smaller picture, and twice the trust until it grows again."""
        plan = self._plans[self._rung]
        self._most = max(1, plan.octaves - 1)
        if plan.octaves == 1 and self._rung < len(self._plans) - 1:
            self._move(self._rung + 1)
            self._trust *= 2

    def note(self, values):
        """What is overridden now, for the HUD; empty when nothing is."""
        plan = self._plans[self._rung]
        pairs = [(name, int(values[row]), getattr(plan, name)) for name, row in WISHES.items()]
        return ", ".join(f"{name} {wanted} > {given}" for name, wanted, given in pairs if wanted != given)
