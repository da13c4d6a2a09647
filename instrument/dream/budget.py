"""The governor: holds the wanted rate, and what memory there is, by dreaming less, in a declared order, and gives it back.

Order of what is given up: the sight, at which the network looks, in steps down to 192 px, then octaves down to one, then
iterations down to one, then sight down to the smallest size of the table. The picture is up to twice as high as the sight:
one larger than 384 px shrinks with it before octaves are given up, a smaller one keeps its size until all else is at its
least. Where memory runs out that is the order, too: what a step holds is its largest octave, so that to look at less, which
takes that one away, is what helps; the small ones hold next to nothing. Times come in as arguments.
"""

import math
from typing import NamedTuple

from ..params import BY_NAME
from .octaves import Shape

SMALLEST = int(BY_NAME["dream.size"].lo)
HANDSOME = 192  # px; above it sight is given up first
SHRINK = 0.87  # one step of sight
FINER = (2, 1.5, 1)  # how many times as high as the sight a picture may be; given up one after the other
PLAIN = 0.1  # what a pixel of the picture costs beside one that the network looks at (docs/benchmarks.md)
FURTHEST = 1.5  # times as far as was asked for that a step goes where there are fewer
SLOW = 1.1  # a dream may take this much longer than its share
ROOMY = 0.85  # what is given back must fit this share of the time
PATIENCE = 4  # dreams over the budget before something is given up
TRUST = 24  # dreams inside the budget before something comes back
FAR = 3  # times over its share of the time, twice in a row, is no stall: something is given up at once
FIRST = 3.0  # s over which that goes for the first dream too, which has everything to prepare and else teaches nothing
STEADY = 6  # dreams of one plan after which what they take is known
MOST_FIXED = 0.9  # of what a dream takes may be there whatever its size
MOVED = 1 / 3  # of what a plan took before: by so much other plans, too, take something else now
DOUBT = 6  # dreams after that in which it comes back as quickly
LESS = 0.7  # of what found no memory may find some
WAIT = 240  # dreams without a shortage before more is tried, twice as many after each time that it was in vain,
LONGEST = 16 * WAIT  # up to so many
GRAIN = 0.05  # of the ratio of octaves; the sound may move it a little with each dream
ANY = Shape(16 / 9, 1)


class Plan(NamedTuple):
    """What a dream is made with."""

    octaves: int
    iterations: int
    sight: int  # height in px at which the network looks
    size: int  # height of the picture in px

    def work(self, scale):
        """What compares the time of plans: picture areas looked at."""
        return self._areas(scale, self.iterations)

    def held(self, scale):
        """What compares their memory, which is free again after each iteration."""
        return self._areas(scale, 1)

    def further(self, full):
        """How much further each step of this plan goes than one of the plan `full`, which has more, to keep most of the dream's strength.

        One octave of two leads two thirds as far; so much further by the root 0.84 as far (docs/benchmarks.md). To go all of the
        way in so few steps shows in the picture.
        """
        return min(math.sqrt(max(1.0, full.octaves * full.iterations / (self.octaves * self.iterations))), FURTHEST)

    def _areas(self, scale, times):
        return times * self.sight**2 * sum(scale ** (-2 * k) for k in range(self.octaves)) + PLAIN * self.size**2


def ladder(wanted, octaves=lambda plan: plan.octaves):
    """All plans from `wanted` down, in the order in which things are given up; `octaves(plan)` are those that are legal."""
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
    plans += [least._replace(size=int(finer * least.sight)) for finer in FINER if finer * least.sight < least.size]
    return list(dict.fromkeys(plan._replace(octaves=octaves(plan)) for plan in plans))


class Room:
    """How much finds memory, learnt from what did not; more is tried after a while without a shortage."""

    def __init__(self):
        self._most = math.inf  # see Plan.held
        self._safe = math.inf  # the most before more was tried
        self._wait, self._well = WAIT, 0

    def first(self, plans, scale):
        """Number of the first of `plans` that finds memory, else of the last."""
        return next((i for i, plan in enumerate(plans) if plan.held(scale) <= self._most), len(plans) - 1)

    def short(self, held):
        """So much did not find any."""
        if held > self._safe:
            self._most, self._wait = self._safe, min(2 * self._wait, LONGEST)
        else:
            self._most = LESS * held
        self._safe, self._well = math.inf, 0

    def found(self, more):
        """The most that is allowed did; next time `more` is."""
        self._well += 1
        if self._well >= self._wait:
            self._wait = WAIT if self._safe < math.inf else self._wait
            self._safe, self._most, self._well = self._most, more, 0


class Governor:
    """Chooses the plan: `plan(values, shape)` before a dream, `spent(seconds)` after it."""

    def __init__(self):
        self._plans, self._rung = [Plan(1, 1, SMALLEST, SMALLEST)], 0
        self._wish = None  # what the plans were made for
        self._scale, self._rate = 1.4, 1.0
        self._cost = None  # s of the present plan, smoothed
        self._pace = None  # s that a network which has not dreamed yet takes for each px
        self._before = None  # s of the dream before, 0 if it had another plan
        self._late = self._early = self._doubt = 0
        self._measured, self._since = {}, 0  # work of a plan -> s that it took; dreams of the present one
        self._calm = TRUST  # dreams since something was given up at once
        # Dreams with time left; after how many one step more is tried, whatever is expected of it; whether that is going on
        self._easy, self._wait, self._trial = 0, WAIT, False
        self._room = Room()

    def plan(self, values, shape=ANY):
        """The plan for these values and the `Shape` of the dream."""
        size = int(values["dream.size"])
        wanted = Plan(int(values["dream.octaves"]), int(values["dream.iterations"]), size, size)
        self._rate = values["dream.rate"]
        scale = round(values["dream.octave_scale"] / GRAIN) * GRAIN
        wish = wanted, scale, shape
        if wish != self._wish:
            first = self._rung if self._wish and (wanted, shape) == self._wish[::2] else 0  # a swaying ratio gives nothing back
            self._wish = wish
            self._turn_to(*wish, first)
        return self._plans[self._rung]

    def step(self, values):
        """`dream.step` for the plan of now: further where octaves or iterations were given up, but no further than the row goes."""
        step = values["dream.step"]
        return min(step * self._plans[self._rung].further(self._plans[0]), max(step, BY_NAME["dream.step"].hi))

    def _turn_to(self, wanted, scale, shape, first):
        """Other wishes: keep what was learnt about this machine's speed and memory; `first`: the rung to begin at."""
        before, speed = self._plans[self._rung], self._speed(shape)
        known = speed < math.inf
        self._plans = ladder(wanted, lambda plan: shape.octaves(plan.size, plan.sight, scale, plan.octaves))
        self._scale = scale
        self._rung = next((rung for rung in range(max(first, self._least), len(self._plans))
                           if self._plans[rung].work(scale) / speed <= SLOW / self._rate), len(self._plans) - 1)
        self._cost = self._plans[self._rung].work(scale) / speed if known else None
        if self._plans[self._rung] != before:
            self._trial = False
            self._begin()

    def _speed(self, shape):
        """Work done in a second, as far as anything is known of it."""
        pace, self._pace = self._pace, None
        if pace:
            return 1 / (pace * shape.aspect)
        return self._plans[self._rung].work(self._scale) / self._cost if self._cost else math.inf

    def meet(self, pace=None):
        """Another network, of which a gradient takes `pace` s for each px (None: as quick as the one before): its first dream
        teaches nothing either, and until the next ones do it goes by that, for all of a rich plan could stand still for half a
        minute. Of its memory nothing is known."""
        self._before, self._doubt, self._room = None, DOUBT, Room()
        if pace:
            self._pace, self._wish = pace, None  # to be planned anew
        self._late = self._early = 0
        self._measured.clear()

    @property
    def _least(self):
        """The first rung that finds memory."""
        return self._room.first(self._plans, self._scale)

    def spent(self, seconds):
        """Learn what a dream of the present plan took."""
        before, self._before = self._before, seconds
        wanted, self._calm = 1 / self._rate, self._calm + 1
        self._try_more()
        if before is None:
            if seconds > max(FIRST, FAR * wanted):
                self._hurry(seconds)
            return
        self._learn(seconds, wanted)
        if min(seconds, before) > FAR * wanted:
            self._hurry(min(seconds, before))
        elif self._late >= PATIENCE:
            self._measured[self._work(self._rung)] = self._cost
            self._give_up(wanted)
        elif self._early >= (1 if self._doubt else TRUST):
            self._give_back(wanted)
        elif self._easy >= self._wait:
            self._trial = True
            self._move(self._rung - 1)

    def _learn(self, seconds, wanted):
        # A stall of the machine is no reason to dream less: one long dream counts as three times the usual.
        cost = self._cost or seconds
        self._cost = seconds if self._doubt else cost + 0.3 * (min(seconds, 3 * cost) - cost)
        self._doubt = max(0, self._doubt - 1)
        # One stall makes the cost of the dreams after it look late as well.
        self._late = self._late + (seconds > SLOW * wanted) if self._cost > SLOW * wanted else 0
        self._measure(seconds)
        has_room = self._rung > self._least and self._expected(self._rung - 1) < ROOMY * wanted
        self._early = self._early + 1 if has_room else 0
        self._easy = self._easy + 1 if self._rung > self._least and self._cost < ROOMY * wanted else 0

    def _measure(self, seconds):
        """Keep what this plan takes, once that is steady."""
        self._since += 1
        if self._trial and self._since >= TRUST:  # it was not in vain
            self._trial, self._wait = False, WAIT
        if self._since >= STEADY and abs(seconds - self._cost) < 0.2 * self._cost:
            work = self._work(self._rung)
            if abs(self._cost - self._measured.get(work, self._cost)) > MOVED * self._cost:
                self._measured.clear()  # the machine does more now, or less
            self._measured[work] = self._cost

    def _costs(self, rung):
        """What a leaner plan would take; hoped, for a part may not depend on the plan at all."""
        return self._cost * self._work(rung) / self._work(self._rung)

    def _expected(self, rung):
        """What a richer plan would take, with that part as far as it has shown."""
        fixed = self._fixed()
        return fixed + (self._cost - fixed) * self._work(rung) / self._work(self._rung)

    def _fixed(self):
        """The part of the cost that any plan has, by the plan measured whose work is nearest to the present one's."""
        work = self._work(self._rung)
        others = [each for each in self._measured if abs(each - work) > 0.05 * work]
        if not others:
            return 0.0
        other = min(others, key=lambda each: abs(each - work))
        return min(max((self._cost * other - self._measured[other] * work) / (other - work), 0.0), MOST_FIXED * self._cost)

    def _work(self, rung):
        return self._plans[rung].work(self._scale)

    def _hurry(self, seconds):
        """A dream took so much too long that nothing more is waited for; nor where that was wrong, unless it was lately too."""
        if self._calm < TRUST:  # no stall: what was measured is true no more
            self._measured.clear()
        self._cost, self._doubt = seconds, DOUBT if self._calm >= TRUST else 0
        self._calm = 0
        self._give_up(1 / self._rate)

    def _give_up(self, wanted):
        if self._trial:
            self._trial, self._wait = False, min(2 * self._wait, LONGEST)
        rest = range(self._rung + 1, len(self._plans))
        if rest:
            self._move(next((rung for rung in rest if self._costs(rung) <= wanted), rest[-1]))

    def _give_back(self, wanted):
        """All that there is room for."""
        self._move(next(rung for rung in range(self._least, self._rung) if self._expected(rung) < ROOMY * wanted))

    def _move(self, rung):
        self._cost = self._cost and (self._costs(rung) if rung > self._rung else self._expected(rung))
        self._rung = rung
        self._begin()

    def _begin(self):
        """Of another plan nothing is counted yet."""
        self._late = self._early = self._easy = self._since = 0
        self._before = self._before and 0.0

    def out_of_memory(self):
        """Dream with less from now on, whatever is asked for, until more is tried after a while."""
        self._room.short(self._plans[self._rung].held(self._scale))
        if self._least > self._rung:
            self._move(self._least)

    def _try_more(self):
        if self._rung == self._least > 0:
            self._room.found(self._plans[self._rung - 1].held(self._scale))

    def note(self, values):
        """What is overridden now and why, for the HUD; empty when nothing is."""
        plan, size = self._plans[self._rung], int(values["dream.size"])
        pairs = [("network looks at", plan.sight, size, " px"), ("octaves", plan.octaves, int(values["dream.octaves"]), ""),
                 ("iterations", plan.iterations, int(values["dream.iterations"]), ""), ("picture", plan.size, size, " px")]
        cut = ", ".join(f"{name} {given} of {wanted}{unit}" for name, given, wanted, unit in pairs if given != wanted)
        return cut and f"{cut} ({self._reason()})"

    def _reason(self):
        if not self._rung:
            return "too small for more"
        return "memory" if self._rung == self._least else "slow"
