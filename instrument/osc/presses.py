"""What a number means that a controller sends to a command: a press, letting go, or nothing new."""

import math

SAME = 0.1  # s within which the same number is the same press: a frame of a slow controller, but no second press
STREAM = 1.0  # s of the same, once a number has come so often that no finger did it
MOST = 64  # remembered at most
NUMBERED = ("preset.load", "preset.morph")  # commands whose number says which


class Presses:
    """Tells a press from a button that is held, and sent with every frame of whoever sends."""

    def __init__(self):
        self._last = {}  # (command, sender) -> (number, time, how often it came)

    def meant(self, command, number, sender, now):
        """Name of the command that a number is: "" for 0, unless letting go is one too, and for what a held button sends
        all the time."""
        holds = bool(command.released)
        number = number if holds or command.name in NUMBERED else bool(number)  # a pad sends how hard it is pressed
        key = command.name, sender[0] if holds else sender  # some open a socket for each message
        last, then, count = self._last.pop(key, (0, -math.inf, 0))
        again = number == last and now - then < (STREAM if count > 2 else SAME)
        held = again or holds and 0 not in (last, number) and number != last  # harder or softer
        self._last[key] = (number, now, count + 1 if held else 1)
        if len(self._last) > MOST:
            del self._last[next(iter(self._last))]
        if held:
            return ""
        return command.name if number else command.released if last else ""
