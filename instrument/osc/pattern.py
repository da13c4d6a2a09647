"""OSC address patterns: `*`, `?`, `[...]`, `{...}` and `//` of OSC 1.1."""

import re
from functools import lru_cache, partial

PATTERN = re.compile(r"[?*\[\]{}]|//")
WIDE = 8  # parts of a pattern that may stand for more than one text


@lru_cache(maxsize=256)
def matcher(pattern):
    """Function of an address: does it match this OSC address pattern? `*` stays within one part."""
    parts = re.findall(r"//+|\[[^\]]*\]|\{[^}]*\}|\*+|[^/*?\[{]+|.", pattern, re.DOTALL)
    wide = sum(part[0] in "*{" or part[:2] == "//" for part in parts)
    if len(pattern) > 255 or wide > WIDE:
        raise ValueError(f"pattern too long; at most 255 characters, and {WIDE} of *, // and {{}}")
    return partial(_matches, tuple(map(_step, parts)))


def _matches(steps, address):
    """Follows all ways through the pattern at once: to try one after the other may take for ever."""
    places = {0}  # in the address, up to which it matches so far
    for step in steps:
        places = {end for place in places for end in step(address, place)}
    return len(address) in places


def _step(part):
    """Function of (address, place): all the places to which this part of a pattern may lead from there."""
    if part[0] == "*":
        return lambda address, place: range(place, (address + "/").index("/", place) + 1)
    if part[:2] == "//":  # OSC 1.1: any number of parts
        return lambda address, place: [at + 1 for at in range(place, len(address))
                                       if address[at] == "/" == address[place]]
    if part[0] == "{":
        texts = set(part.strip("{}").split(","))
        return lambda address, place: [place + len(text) for text in texts if address.startswith(text, place)]
    if part == "?" or part[0] == "[" and len(part) > 2:
        one = _one(part)
        return lambda address, place: [place + 1] if one(address, place) else ()
    return lambda address, place: [place + len(part)] if address.startswith(part, place) else ()


def _one(part):
    """Function of (address, place): the match of the single character that `?` or `[...]` stands for, or None."""
    if part == "?":
        return re.compile("[^/]").match
    inside = part[1:-1]
    negated = inside.startswith("!")
    try:
        return re.compile("[" + "^" * negated + re.sub(r"([\\^\[\]])", r"\\\1", inside[negated:]) + "]").match
    except re.error as problem:
        raise ValueError(f"not an OSC address pattern: {problem}") from None
