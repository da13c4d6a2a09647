"""The zoom field: one motion, shared by the dream (which carries its picture along) and the renderer
(which keeps moving between two dreams). Pure functions of values and time.

A point p = (x, y), y in -1..1 upwards and x scaled by the aspect of the dream's picture, moves with velocity

    q = p - (centre_x, centre_y)
    v = q * (expand + tunnel * |q|) + (-q.y, q.x) * (turn + spiral * (1 - |q|)) + (pan_x + strips * q.x, pan_y)

so a picture warped by a short dt shows at p what was at p - v(p) * dt; longer times are followed in such steps. From outside its
borders comes what the dream remembers, and between two dreams a mirror.
`shaders/lib/field.glsl` is the same formula.

A `way` is a Motion too: what a changing field adds up to over some time, as if it had all been in one second. Where a
picture is carried to now it is carried by its way, not by the field of now times its age: a field that changes with
every beat would throw it forth and back, and two pictures of different age apart.
"""

import math
from typing import NamedTuple

from .params import MODES


class Motion(NamedTuple):
    """Coefficients of the field, per second; radians for turns."""

    centre_x: float = 0.0
    centre_y: float = 0.0
    expand: float = 0.0
    turn: float = 0.0
    pan_x: float = 0.0
    pan_y: float = 0.0
    strips: float = 0.0
    tunnel: float = 0.0
    spiral: float = 0.0


TRUE = 3.0  # s without a new dream until motion comes to rest
LONGEST = 0.25  # s that a moment moves: after a stall the picture goes on, it does not leap


def added(way, field, seconds):
    """A way and `seconds` of a field more, about the middle, so that motions about different centres add up (of modes
    that bend, none has another centre)."""
    x, y = field.centre_x, field.centre_y
    pan_x = field.pan_x - (field.expand + field.strips) * x + field.turn * y
    pan_y = field.pan_y - field.expand * y - field.turn * x
    field = field._replace(centre_x=0.0, centre_y=0.0, pan_x=pan_x, pan_y=pan_y)
    return Motion(*(so_far + rate * seconds for so_far, rate in zip(way, field, strict=True)))


def between(then, now):
    """The way from one sum to a later one."""
    return Motion(*(b - a for a, b in zip(then, now, strict=True)))


class Place(NamedTuple):
    """Where a Journey was: seconds of motion, and the way, since its start (None: nowhere, what is there stands still)."""

    time: float = 0.0
    way: Motion | None = Motion()


NOWHERE = Place(way=None)  # of pictures that bring a motion of their own, which no other may carry on


class Journey:
    """The way since the start, which dreams and their renderer share.

    Without a new dream it comes to rest: one that hangs would be magnified without end. It is the journey that rests,
    and not what is drawn of each dream, so that ways still add up and two dreams lie on each other
    however slowly they come.
    """

    def __init__(self):
        self.here = Place()
        self._now = None  # s
        self._landed = 0.0  # s of motion until the newest dream came

    def advance(self, field, now, moving=True):
        """It is `now` (s); the field was the same since the last time, or, unless `moving`, everything stood still."""
        if self._now is not None and moving:
            seconds = min(max(now - self._now, 0.0), LONGEST)
            waited = self.here.time - self._landed
            pace = _awake(waited + seconds) - _awake(waited)
            self.here = Place(self.here.time + seconds, added(self.here.way, field, pace))
        self._now = now

    def land(self):
        """A new dream has come."""
        self._landed = self.here.time

    def since(self, place):
        """The way from a place to here."""
        return Motion() if place.way is None else between(place.way, self.here.way)


def _awake(seconds):
    """How long something moves in so many seconds without a new dream: all of TRUE,
    then coming to rest a second later."""
    return seconds if seconds <= TRUE else TRUE + 1.0 - math.exp(TRUE - seconds)


def motion(values, now):
    """The field at time `now` (s) for the values of `zoom.*`."""
    speed = values["zoom.speed"]
    turn = math.radians(values["zoom.rotate"])
    still = Motion(expand=speed, turn=turn, pan_x=values["zoom.pan_x"], pan_y=values["zoom.pan_y"])
    shape = _SHAPES[MODES[int(values["zoom.mode"])]]
    return still._replace(**shape(speed, turn, now))


def _drift(speed, turn, now):
    # Two incommensurable periods per axis: the centre never walks the same path again.
    return dict(centre_x=0.5 * math.sin(0.23 * now) + 0.3 * math.sin(0.61 * now + 1.3),
                centre_y=0.4 * math.sin(0.31 * now + 0.7) + 0.2 * math.sin(0.53 * now))


def _spiral(speed, turn, now):
    return dict(spiral=1.5 * speed + turn, turn=0.3 * turn)


_SHAPES = {
    "centre": lambda speed, turn, now: {},
    "drift": _drift,
    "breathe": lambda speed, turn, now: dict(expand=speed * math.sin(0.8 * now)),
    "strips": lambda speed, turn, now: dict(expand=0.15 * speed, strips=speed),
    "tunnel": lambda speed, turn, now: dict(expand=0.3 * speed, tunnel=0.9 * speed),
    "rotate": lambda speed, turn, now: dict(expand=0.3 * speed, turn=turn + 0.6 * speed),
    "spiral": _spiral,
}
