"""What the show makes of the features it receives: class weights for the dream, news for the player,
and their absence."""

import math

from .features import CLASS

FADE = 0.35  # s in which the dream takes up a change of classes
FADED = 20.0  # s in which it lets go of a sound that has ended
FAINT = 0.05  # below this nothing is left of the last sound
IDLE = 15.0  # s that the dream stays with one class while there is nothing to hear
GONE = 1e-3  # weight below which a class that is heard of no more is forgotten
DEAF = 2.0  # s without a tick of `listen` after which there is nothing to hear
FIRST = 60.0  # s without a first word of `listen` after which that is said; to load torch may take half of it
AGAIN = 15.0  # s that a `listen` has to come up before it is started once more
HAIR = 1e-6  # by which the same probability may differ in two messages
HITCH = 0.25  # s that one frame counts at most: while the show itself stands still, nothing is received either


class Heard:
    """Follows the features of `listen`; time is passed in (s)."""

    def __init__(self):
        self.features = {}
        self.weights = {}
        self.events = []  # (time, class, probability) of every new known top class
        self._said = None

    def update(self, features, dt, hold=False):
        """Take the newest features (a mapping, or None where none came) and move the weights on by dt.

        `hold`: the top class is kept (`hear.hold`), so it is what is dreamt of, however the shares of the classes move on.
        """
        self.features = features or {}
        known, top = self.features.get("known", 0.0), self.features.get("top.name", "")
        if hold and top:
            wanted = {top: max(known, self.weights.get(top, 0.0))}  # held in silence, too
        else:
            wanted = {name.removeprefix(CLASS): value * known for name, value in self.features.items() if name.startswith(CLASS)}
        for name in {**self.weights, **wanted}:  # a set's order is another one in each process, and sums with it
            old, new = self.weights.get(name, 0.0), wanted.get(name, 0.0)
            # In silence the last dream fades slowly; a new sound takes over at once.
            time = FADE if new > old or known > 0.5 else FADED
            self.weights[name] = old + (new - old) * (1 - math.exp(-dt / time))
        self.weights = {name: weight for name, weight in self.weights.items() if name in wanted or weight > GONE}

    def news(self, now):
        """(class, probability) when another class is known than said last, else None."""
        top, known = self.features.get("top.name", ""), self.features.get("known", 0.0) > 0.5
        if not known:
            self._said = None
            return None
        if not top or top == self._said or not self._leads():  # the name comes in a message of its own, a tick after the number
            return None
        self._said = top
        self.events.append((now, top, self.features.get("top.prob", 0.0)))
        return self.events[-1][1:]

    def _leads(self):
        """Whether no class is likelier than the top one: one that is about to give way is no news. Nor is a name that comes
        behind its number, for the number is that of another class until then."""
        prob = self.features.get("top.prob", 0.0)
        shares = {name.removeprefix(CLASS): value for name, value in self.features.items() if name.startswith(CLASS)}
        named = shares.get(self.features["top.name"], prob)
        return abs(named - prob) <= HAIR and all(value <= prob + HAIR for value in shares.values())

    def dreamt(self, classes, now):
        """Class weights for the dream: what is heard, or in a long silence one class after the other."""
        if sum(self.weights.values()) >= FAINT or not classes:
            return dict(self.weights)
        return {classes[int(now // IDLE) % len(classes)]: 0.6}

    @property
    def level(self):
        return self.features.get("audio.level", 0.0)


class Watch:
    """Notices when `listen` falls silent, by its ticks; time is passed in (s).

    `ears` is its Supervisor, or None where it is not ours to start again; `say(text)` tells the player.
    """

    def __init__(self, ears, say):
        self._ears, self._say = ears, say
        self._tick, self._silent, self._due = None, 0.0, DEAF
        self._waited = 0.0  # for a first word
        self._restarts = 0
        self._killed = self._lost = False
        self._told = ""

    def update(self, features, dt):
        """The newest features (a mapping or None) after `dt` more seconds; of a `listen` that is silent, all quiet."""
        features = features or {}
        tick = features.get("frame")
        if self._ears and self._ears.restarts != self._restarts:
            self._restarted()
            self._tick = tick  # the last word of the old one
        if tick != self._tick:
            self._hears(tick)
        elif self._tick is not None:
            self._silent += min(dt, HITCH)
        else:
            self._wait(dt)
        if self._silent >= self._due and not self._excused(features):
            self._deaf()
        return quiet(features) if self._silent >= DEAF else features

    @property
    def state(self):
        """What lasts, in a line: "" while `listen` is heard, has said all that it had to say, or is not expected."""
        never = self._ears and self._tick is None and self._waited >= FIRST
        return "no word of `listen`" * bool(self._lost or never)

    def _excused(self, features):
        """Silent because its file has ended, or, before it publishes classes,
        because loading torch holds its threads."""
        ended = self._ears is not None and self._ears.ended
        return ended or self._silent < AGAIN and not any(name.startswith(CLASS) for name in features)

    def _wait(self, dt):
        """Nothing has ever come: perhaps it goes elsewhere."""
        before, self._waited = self._waited, self._waited + min(dt, HITCH)
        if before < FIRST <= self._waited and not self._restarts:
            cure = "see the terminal for why" if self._ears else "see whether it runs and sends here (--target, --port, --host)"
            self._say(f"no word of `listen` in {FIRST:g} s: {cure}")

    def _hears(self, tick):
        self._tick, self._silent, self._due = tick, 0.0, DEAF
        if self._lost:
            self._say("`listen` is heard again")
        self._lost, self._told = False, ""

    def _restarted(self):
        """It ended by itself, unless it was killed here, and is on its way again."""
        self._restarts, self._lost, self._due = self._ears.restarts, True, self._silent + AGAIN
        if not self._killed:
            self._tell(f"`listen` has ended ({self._ears.reason}) and is started again")
        self._killed = False

    def _deaf(self):
        self._due, self._lost = self._silent + AGAIN, True
        if self._ears is None:
            self._tell(f"no word of `listen` for {DEAF:g} s: see whether it runs and sends here")
        else:
            self._killed = self._ears.kill()
            self._tell(f"no word of `listen` for {DEAF:g} s: it is started again")

    def _tell(self, text):
        """Say it once until it hears again: a `listen` that cannot come up dies every few seconds."""
        if text != self._told:
            self._told = text
            self._say(text)


def quiet(features):
    """The features with all levels at 0, nothing known, no beat and no rates: what was last received no longer sounds, nor is
    anything decided."""
    silent = {name: 0.0 for name in features if name == "known" or name.startswith("audio.")}
    return {name: value for name, value in features.items() if not name.startswith(("beat.", "stat."))} | silent
