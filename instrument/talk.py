"""What a show says by itself: what it hears, how fast it draws, what is wrong and what lasts."""

import logging

from .console import tell
from .orders import KEY_OF

log = logging.getLogger(__name__)
REPORT = 5.0  # s between two printed lines of rates


class Talk:
    """Follows `show`, a `perform.Show`, frame by frame, and says what is new. Main thread; time is passed in (s)."""

    def __init__(self, show):
        self._show = show
        self._notes, self._faults = {}, set()  # what `listen` last noted, what the HUD goes on showing
        self._outvoted = False  # whether MIDI clock was, a frame ago
        self._due = REPORT

    def frame(self, now):
        """Say what is new in this frame."""
        self._of_faults()
        self._of_sounds(now)
        self._of_notes()
        self._of_rates(now)

    def of_screen(self):
        """Say what the screen has to tell, such as a monitor that was unplugged."""
        screen = self._show.screen
        self._show.say(screen.notice)
        screen.notice = ""

    def of_taps(self, now):
        """Say once that MIDI clock is not followed, as Space is brushed against without a look."""
        clock = self._show.clock
        before, self._outvoted = self._outvoted, clock.outvotes(now)
        if self._outvoted and not before:
            self._show.say(f"the tempo is tapped ({clock.bpm:.0f} bpm); {KEY_OF['tap.forget'].upper()} gives it back to MIDI clock")

    def _of_faults(self):
        """Log each fault that the HUD goes on showing."""
        faults = set(self._show.renderer.messages) | {self._show.rates.note} - {""}
        for text in faults - self._faults:
            log.warning("%s", text)
        self._faults = faults

    def _of_sounds(self, now):
        if news := self._show.heard.news(now):
            tell(f"{now - self._show.rates.began:6.1f} s  hears {news[0]} ({news[1]:.2f})")

    def _of_notes(self):
        for name in ("audio.source", "teach.note"):
            note = self._show.heard.features.get(name, "")
            if note == self._notes.get(name, ""):
                continue
            self._notes[name] = note
            self._show.say(note)
            if name == "teach.note":
                self._show.receiver.news(note)

    def _of_rates(self, now):
        rates = self._show.rates
        if now - rates.began >= self._due:
            self._due += REPORT
            tell(f"{now - rates.began:6.1f} s  {rates.text()}")

    def summary(self):
        """The last lines: rates, what was heard, where the video is."""
        show = self._show
        heard = ", ".join(dict.fromkeys(name for _, name, _ in show.heard.events)) or "nothing known"
        lines = [f"{show.rates.text()}; heard {heard}"]
        if show.ears.restarts:
            lines.append(f"listen was restarted {show.ears.restarts} times")
        if show.video.path:
            lines.append(f"video: {show.video.path}")
        return "\n".join(lines)
