"""The performer's desk: a window with a preview of the picture and the HUD, so that the picture has none.

Nothing that goes wrong here may harm the picture: the desk is given up with a line for the performer.
"""

import time
from contextlib import ExitStack

from .hud import Hud
from .preview import Preview

SIZE = (1120, 700)  # in the units of the screen
RATE = 30.0  # redraws a second, at most
SHARE = 0.2  # of all time that they may take: where the processor draws they come more seldom
TITLE = "Hear & See: HUD"


class Desk:
    """Opens beside `screen`; `notice(text)` is told, in one line, why it is not there. Main thread."""

    def __init__(self, screen, notice=print, clock=time.perf_counter):
        self._screen, self._notice, self._clock = screen, notice, clock
        self._window, self._open = None, ExitStack()
        self._picture, self._due = None, 0.0  # the newest preview, when the next redraw is due

    @property
    def is_open(self):
        return self._window is not None

    def toggle(self):
        if self.is_open:
            self.close()
        else:
            self.open()

    def open(self):
        """Open the window; a notice if there can be none."""
        try:
            with ExitStack() as stack:
                self._preview = Preview(self._screen.ctx)
                stack.callback(self._preview.release)
                window = self._screen.beside(SIZE, TITLE)
                stack.callback(window.close)
                with window.current():
                    self._hud = Hud(window.ctx)
                stack.callback(self._release_hud, window)
                self._open, self._window = stack.pop_all(), window
                self._picture, self._due = None, 0.0
        except Exception as error:  # noqa: BLE001 - drivers raise what they like, and the show goes on
            self._tell(error)

    def make_room(self):
        """Close a window that can no longer be seen, as the picture has come to fill the only monitor; a notice says so."""
        try:
            if self.is_open:
                self._screen.check_room()
        except OSError as error:
            self.close()
            self._tell(error)

    def draw(self, panel):
        """Show the picture that is drawn on the screen, small, and `panel` (None: the picture alone), if it is time.

        Whether the desk is open: else the HUD belongs over the picture.
        The screen's context and framebuffer stay current.
        """
        if self.is_open and not self._window.wanted:
            self.close()
        began = self._clock()
        if self.is_open and began >= self._due and not self._window.hidden:
            try:
                self._redraw(panel)
            except Exception as error:  # noqa: BLE001 - as above
                self._tell(error)
                self.close()
                self._screen.framebuffer.use()
            self._due = began + max(0.9 / RATE, (self._clock() - began) / SHARE)  # 0.9: frames come unevenly
        return self.is_open

    def _redraw(self, panel):
        if 0 not in self._screen.size:  # minimised, it leaves the last one
            picture = self._preview.take(self._screen.framebuffer)
            self._picture = self._picture if picture is None else picture
        with self._window.current():
            framebuffer = self._window.begin()
            self._hud.desk(panel, self._picture, framebuffer.size)
            self._window.present()

    def close(self):
        """Close the window if it is open; the HUD belongs over the picture again."""
        self._window, parts = None, self._open.pop_all()
        try:
            parts.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._tell(error)

    def _release_hud(self, window):
        with window.current():
            self._hud.release()

    def _tell(self, error):
        # The cures are for the picture's.
        reason = " ".join(str(error).partition("; ")[0].split()) or type(error).__name__
        self._notice(f"no HUD window ({reason}); the HUD is over the picture")
