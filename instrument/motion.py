"""The zoom field: one motion, shared by the dream (which carries its picture along) and the renderer
(which keeps moving between two dreams). Pure functions of values and time.

A point p = (x, y), y in -1..1 upwards and x scaled by the aspect, moves with velocity

    q = p - (centre_x, centre_y)
    v = q * (expand + tunnel * |q|) + (-q.y, q.x) * (turn + spiral * (1 - |q|)) + (pan_x + strips * q.x, pan_y)

so a picture warped by dt shows at p what was at p - v(p) * dt, mirrored at its borders.
`shaders/lib/field.glsl` is the same formula.
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
