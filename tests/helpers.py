"""What several test files need: a headless screen."""

import pytest

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
