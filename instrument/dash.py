"""What the performer reads: the HUD over the picture, or on a desk of its own, made of what the show knows now."""

import logging

from .errors import one_line
from .features import CLASS
from .params import PARAMS, SWITCH

log = logging.getLogger(__name__)
COMMANDS = ("show.hud", "show.hud_window", "show.spectrogram", "show.help")
SWITCHES = [row for row in PARAMS if row.labels == SWITCH]
MESSAGES = 3  # the newest ones are shown
ARROWS = 3  # knobs that are to be turned until they take over


class Dash:
    """Draws for `show`, a `perform.Show`; `on`: begin with the HUD, `desk`: in a window of its own. Main thread."""

    def __init__(self, show, on, desk):
        from .render.desk import Desk
        from .render.hud import Hud

        self._show = show
        self.on, self.help, self.spectrogram = on, False, True
        self._fault = ""  # of the HUD, said last
        self.hud, self.desk = Hud(show.screen.ctx), Desk(show.screen, show.say)
        if desk:
            self.desk.open()

    def close(self):
        self.desk.close()
        self.hud.release()

    @property
    def shows_sound(self):
        """Whether anybody looks at the spectrogram here."""
        return self.on and self.spectrogram

    def carry_out(self, name):
        """One of COMMANDS: show or hide something."""
        if name == "show.hud_window":
            self.desk.toggle()
        else:
            part = "on" if name == "show.hud" else name.removeprefix("show.")
            setattr(self, part, not getattr(self, part))

    def draw(self, now, spectrogram):
        """Draw what is on; recordings, screenshots and the preview are taken before that.

        A HUD that fails is said; the picture goes on without it.
        """
        try:
            self._draw(now, spectrogram)
        except Exception as error:  # noqa: BLE001 - nothing that only the performer sees may end the show
            if self._fault != str(error):
                log.exception("the HUD failed")
            self._fault = str(error)
            self._show.say(f"the HUD failed: {one_line(error)}")
            self._show.screen.framebuffer.use()

    def _draw(self, now, spectrogram):
        panel, was_open = self.panel(now, spectrogram) if self.on or self.help else None, self.desk.is_open
        if self.desk.draw(panel):
            return
        if was_open and self._show.screen.is_full:  # gone without a key: the audience shall not see what it showed
            self.on = self.help = False
            self._show.say("the HUD window is gone and the picture stays without HUD; Tab shows it there")
        elif panel:
            self.hud.draw(panel, tuple(max(side, 1) for side in self._show.screen.size))

    def panel(self, now, spectrogram):
        """The `Panel` of this moment."""
        from .render.panel import Panel

        show, features = self._show, self._show.heard.features
        bars = tuple((name, features.get(CLASS + name, 0.0)) for name in show.teaching.classes)
        return Panel(bars=bars, top=features.get("top.name", ""), known=features.get("known", 0.0),
                     level=show.heard.level, preset=show.deck.name, lines=show.rates.lines(features),
                     messages=tuple(self._messages(now)), help=self.help, page=self._page(now),
                     spectrogram=spectrogram if self.spectrogram else None)

    def _messages(self, now):
        show = self._show
        arrows = [f"turn {name} {way}" for name, way in list(show.midi.hints().items())[:ARROWS]]
        return [*show.messages.fresh(now)[-MESSAGES:], *arrows, *self.states(), *show.renderer.messages]

    def states(self):
        """Lines about what lasts: a `listen` that is silent, rows that are switched on, a recording, what the governor overrode,
        dreams that fail."""
        show = self._show
        on = [row.name.partition(".")[2] for row in SWITCHES if show.values[row.name]] + ["recording"] * show.video.running
        return [text for text in (show.watch.state, ", ".join(on), *show.rates.notes()) if text]

    def _page(self, now):
        """The rows round the one that the player's fingers are on, for a while after they were."""
        from .render.panel import Page

        cursor, midi = self._show.cursor, self._show.midi
        if not cursor.shown(now) and not midi.learning:
            return None
        controls = ", ".join(midi.controls(cursor.row.name))
        asks = "Move the MIDI control that is to play what you chose." if midi.learning else ""
        return Page(cursor.row, self._show.values, tuple(filter(None, (cursor.row.doc, controls))), asks)
