"""What may stand behind a flag: parsers for argparse, which say what is legal in one line."""

import argparse
import math
import re

from ..params import TOUCHDESIGNER

SEEDS = 2**32 - 1  # what every generator of random numbers takes
VIDEOS = (".mp4", ".mkv", ".mov", ".m4v")
LONGEST = 4  # s of a window: so many one answer looks at (model/sound.py)


def positive(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return value


def within(lo, hi):
    """A parser of numbers from `lo` to `hi`."""
    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not lo <= value <= hi:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lo:g} to {hi:g}")
        return value
    return parse


def whole(least=0, most=10**9):
    """A parser of whole numbers from `least` to `most`."""
    def parse(text):
        if not re.fullmatch("[0-9]{1,20}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)
    return parse


def size(text):
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 1280x720") from None
    if not (64 <= width <= 8192 and 64 <= height <= 8192):
        raise argparse.ArgumentTypeError(f"{text}: width and height are 64 to 8192")
    return width, height


def video(text):
    """A file that a video with sound can be written to piece by piece, so that what breaks off still plays."""
    if text and not text.lower().endswith(VIDEOS):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a video: end it with {', '.join(VIDEOS[:-1])} or {VIDEOS[-1]}")
    return text


def channels(text):
    parts = text.split(",")
    if not all(re.fullmatch("[0-9]{1,3}", part) and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers of inputs from 1 on, such as 1,2")
    return tuple(int(part) for part in parts)


def port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def port_before_another(text):
    """A port of `perform`: its `listen` takes the next one."""
    if port(text) == 65535:
        raise argparse.ArgumentTypeError("65535 leaves no port for `listen`, which takes the next one: 1 to 65534")
    return int(text)


def address(text):
    host, colon, number = text.rpartition(":")
    if not colon or not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:{TOUCHDESIGNER}")
    return host, port(number)


def output(text):
    from ..render.outputs import parse

    return said_by(parse)(text)


def said_by(parse):
    """A parser that says what the ValueError of `parse` says: argparse has a line of its own for that, which tells nothing."""
    def parsed(text):
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return parsed
