"""What the show makes of the features it receives: class weights for the dream, news for the player."""

import math

from .features import CLASS

FADE = 0.35  # s in which the dream takes up a change of classes
FADED = 20.0  # s in which it lets go of a sound that has ended
FAINT = 0.05  # below this nothing is left of the last sound
IDLE = 15.0  # s that the dream stays with one class while there is nothing to hear


class Heard:
    """Follows the features of `listen`; time is passed in (s)."""

    def __init__(self):
        self.features = {}
        self.weights = {}
        self.events = []  # (time, class, probability) of every new known top class
        self._changed = self._onsets = 0
        self._said = None

    def update(self, features, dt):
        """Take the newest features (a mapping, or None where none came) and move the weights on by dt."""
        self.features = features or {}
        known = self.features.get("known", 0.0)
        wanted = {name.removeprefix(CLASS): value * known for name, value in self.features.items()
                  if name.startswith(CLASS)}
        for name in wanted.keys() | self.weights.keys():
            old, new = self.weights.get(name, 0.0), wanted.get(name, 0.0)
            # In silence the last dream fades slowly; a new sound takes over at once.
            time = FADE if new > old or known > 0.5 else FADED
            self.weights[name] = old + (new - old) * (1 - math.exp(-dt / time))

    def news(self, now):
        """(class, probability) when another class is known than said last, else None."""
        top, known = self.features.get("top.name", ""), self.features.get("known", 0.0) > 0.5
        if not known:
            self._said = None
            return None
        if not top or top == self._said:  # the name comes in a message of its own, a tick after the number
            return None
        self._said = top
        self.events.append((now, top, self.features.get("top.prob", 0.0)))
        return self.events[-1][1:]

    def dreamt(self, classes, now):
        """Class weights for the dream: what is heard, or in a long silence one class after the other."""
        if max(self.weights.values(), default=0.0) >= FAINT or not classes:
            return dict(self.weights)
        return {classes[int(now // IDLE) % len(classes)]: 0.6}

    @property
    def pulse(self):
        return self.features.get("audio.pulse", 0.0)

    @property
    def level(self):
        return self.features.get("audio.level", 0.0)
