"""What several test files need: a headless screen, a mailbox that tells when something came."""

import threading

import pytest

from instrument.latest import Latest
from instrument.render.window import open_screen


def screen_of(size):
    """A fixture: a headless screen of `size` for the module; its tests are skipped where there is no EGL."""
    @pytest.fixture(scope="module")
    def screen():
        try:
            screen = open_screen(size, headless=True)
        except OSError as error:
            pytest.skip(str(error))
        yield screen
        screen.close()

    return screen


class Signalling(Latest):
    """A mailbox that says when something came."""

    def __init__(self):
        super().__init__()
        self.came = threading.Event()

    def put(self, value):
        super().put(value)
        self.came.set()
