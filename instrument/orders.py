"""What hands ask of a show: keys, and the commands that come from keys, OSC and MIDI alike."""

import logging

from .cursor import target
from .dash import COMMANDS as DASH
from .params import COMMANDS, FOLLOWING, PARAMS, UP

log = logging.getLogger(__name__)
SURE = 2.0  # s in which the key that ends the show must be pressed again
UNBEGUN = "nothing recorded: it was ended before it began"
DIGITS = tuple("123456789")  # not `isdigit`: a French keyboard has a key for ²
KEYS = {row.key: row for row in PARAMS if row.key}
COMMAND_KEYS = {command.key: command.name for command in COMMANDS if command.key}
KEY_OF = {name: key for key, name in COMMAND_KEYS.items()}
COMMAND_KEYS |= {command.key + UP: command.released for command in COMMANDS if command.key and command.released}


class Orders:
    """Carries out on `show`, a `perform.Show`, what is asked of it; `over`: whether that was to end. Main thread; time is
    passed in (s)."""

    def __init__(self, show):
        self._show, self.over = show, False
        self._leaving = -SURE  # when the key that ends the show was pressed

    def key(self, key, now):
        """What a key stands for waits for its turn, as what comes over OSC and MIDI does."""
        control = self._show.control
        if key in KEYS:
            control.submit({KEYS[key].name: FOLLOWING})
        elif COMMAND_KEYS.get(key) == "show.quit" and now - self._leaving > SURE:
            self._leaving = now
            self._show.say(f"{key} once more ends the show")
        elif key in COMMAND_KEYS:
            control.command(COMMAND_KEYS[key])
        elif key in DIGITS:
            control.command("preset.load", int(key))

    def carry_out(self, name, argument, now):
        """One of `params.COMMANDS`, with a number or a text; a mistake is said."""
        try:
            self._carry_out(name, argument, now)
        except (ValueError, OSError) as mistake:
            self._show.say(str(mistake))
            if name.startswith("teach."):
                self._show.receiver.news(str(mistake))
        except Exception as error:  # the show goes on
            log.exception("%s failed", name)
            self._show.say(f"{name} failed: {error}")

    def _carry_out(self, name, argument, now):
        show, (group, _, what) = self._show, name.partition(".")
        if group == "preset":
            self._recall(name, argument, now)
        elif group == "teach":
            show.teaching.carry_out(name, argument)
        elif group == "row":
            show.control.apply(show.cursor.carry_out(name, argument, show.values, now))
        elif group == "midi":
            self._learn(name, argument)
        elif name in DASH:
            show.dash.carry_out(name)
        elif name in ("show.network", "show.model"):
            self._exchange(what, argument)
        else:
            getattr(self, "_" + name.replace(".", "_"))(now)

    def _recall(self, name, argument, now):
        deck, values = self._show.deck, self._show.values
        deck.ask(name, argument, now, values)
        deck.update(now, values)  # at once: an edit that came behind it is to change it
        self._show.say(deck.message)

    def _learn(self, name, argument):
        """Let a MIDI control be learned for the row selected, or for what is named, or forget it."""
        midi, say = self._show.midi, self._show.say
        if midi.learning and name == "midi.learn" and not argument:
            midi.learn()
            return say("MIDI: gave up learning")
        wanted = target(argument, self._show.cursor.row)
        what = wanted.get("row") or wanted.get("command") or f"preset {wanted['preset']}"
        if name == "midi.forget":
            midi.forget(what)
        elif not midi.devices():
            raise ValueError(f"MIDI: nothing is plugged in that could be learned for {what}")
        else:
            midi.learn(**wanted)
            say(f"MIDI: move the control that is to play {what} (an endless one slowly to the left)")

    def _exchange(self, what, name):
        if self._show.eyes is None:
            raise ValueError("the loops that are played were dreamed beforehand: no network can take their place")
        self._show.eyes.ask(what, name, self._show.say)
        self._show.say(f"{what} {name} is being loaded")

    def _tap(self, now):
        self._show.clock.tap(now)

    def _tap_forget(self, now):
        self._show.clock.forget()

    def _show_panic(self, now):
        self._calm_down(pressed=True)

    def _show_calm(self, now):
        self._calm_down(pressed=False)

    def _calm_down(self, pressed):
        show = self._show
        show.deck.panic(show.values, pressed)
        if pressed or not show.values["show.freeze"]:  # what is held stays as it is
            show.renderer.forget()
        show.clock.forget()
        show.dream.reseed()

    def _show_reseed(self, now):
        self._show.dream.reseed()

    def _show_screenshot(self, now):
        self._show.video.shoot()

    def _show_record(self, now):
        video, say = self._show.video, self._show.say
        if video.running:
            path = video.finish()
            say(f"finishing {path}" if path else UNBEGUN)
        else:
            say(f"recording {video.start(None, self._show.recorded_fps)}")

    def _show_fullscreen(self, now):
        self._show.screen.fullscreen()
        self._show.dash.desk.make_room()

    def _show_quit(self, now):
        self.over = True
