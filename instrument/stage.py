"""Where a show is seen: a window, or without a screen a video of a first look."""

from dataclasses import replace
from pathlib import Path

from .console import tell

DEMO_SECONDS = 20.0
FIRST_VIDEO = Path("out") / "first-light.mp4"
WINDOW, HEADLESS = (1280, 720), (640, 360)  # px
ASPECTS = (0.25, 4.0)  # of dreams; a window of another shape shows one of these stretched


def aspect(width, height):
    """Width over height of the dream for a picture of so many px."""
    return min(max(width / height, ASPECTS[0]), ASPECTS[1])


def open_stage(options, stack):
    """The screen that `PerformOptions` ask for, closed by `stack`, and the options that follow from what there is.

    OSError where even a picture without a window cannot be drawn.
    """
    if options.headless and options.monitor:
        tell(f"--headless opens no window: nothing is shown on --monitor {options.monitor}")
    try:
        screen = _open(options)
    except OSError as error:
        if options.headless:
            raise
        tell(f"{error}\nno screen: performing headless" + f", not on --monitor {options.monitor}" * bool(options.monitor))
        options = _without_screen(options)
        screen = _open(replace(options, monitor=None))
    stack.callback(screen.close)
    return screen, options


def _open(options):
    from .render.window import open_screen

    size = options.size or (HEADLESS if options.headless else WINDOW)
    return open_screen(size, options.headless, monitor=options.monitor, mode=options.monitor and options.size)


def _without_screen(options):
    """A picture that nobody sees is recorded, unless it goes elsewhere."""
    options = replace(options, headless=True)
    if options.record or options.send or options.no_listen:
        return options
    limit = options.seconds or (None if options.ends_by_itself else DEMO_SECONDS)
    return replace(options, record=str(FIRST_VIDEO), seconds=limit)
