"""The whole instrument: wires every part together and owns the frame loop."""

import gc
import logging
import os
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from .audio.source import is_path
from .awake import awake
from .clock import Clock
from .console import Messages, aside, tell
from .control import Control
from .cursor import Cursor, target
from .dash import COMMANDS as DASH
from .dash import Dash
from .deck import Deck
from .ears import Ears
from .eyes import Eyes
from .files import ROOT
from .heard import Heard, Watch
from .lastlook import hindrance
from .latest import Latest
from .midi import Midi
from .modulation import modulate, strengths
from .motion import motion
from .osc import Receiver
from .params import BY_NAME, COMMANDS, FOLLOWING, PARAMS, SHOW, TOUCHDESIGNER, UP
from .presets import open_bank
from .rates import Pace, Rates
from .signals import BROKEN_OFF, as_before, ended_in_order, undisturbed
from .spectrogram import Live
from .teaching import Teaching
from .ticks import fine_ticks
from .video import Video

log = logging.getLogger(__name__)
LEARNED = Path(".hearsee") / "midi.toml"  # in the home folder: what MIDI controls were learned for
DEMO_SECONDS = 20.0
FIRST_VIDEO = Path("out") / "first-light.mp4"
EAR = 15.0  # s that a short show waits for the first word of `listen`
ASPECTS = (0.25, 4.0)  # of dreams; a window of another shape shows one of these stretched
SURE = 2.0  # s in which the key that ends the show must be pressed again
HOPELESS = 5.0  # s of nothing but frames that fail, after which the show ends
USUAL = 60.0  # frames a second that every player plays; Windows calls a monitor of 59.94 Hz one of 59
REPORT = 5.0  # s between two printed lines of rates
UNBEGUN = "nothing recorded: it was ended before it began"
DIGITS = tuple("123456789")  # not `isdigit`: a French keyboard has a key for ²
KEYS = {row.key: row for row in PARAMS if row.key}
COMMAND_KEYS = {command.key: command.name for command in COMMANDS if command.key}
KEY_OF = {name: key for key, name in COMMAND_KEYS.items()}
COMMAND_KEYS |= {command.key + UP: command.released for command in COMMANDS if command.key and command.released}


@dataclass(frozen=True)
class PerformOptions:
    """What `hearsee perform` was asked for; the flags are those of cli/playing.py."""

    audio: str | None = None
    loop: bool = False
    channels: tuple = ()  # of the input device or file that are heard; all
    mute: bool = False
    model: str | None = None
    device: str = "auto"  # that `listen` hears on
    scene_seed: int = 1
    headless: bool = False
    record: str | None = None
    send: list = field(default_factory=list)
    seconds: float | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None
    monitor: str | None = None
    preset: str | None = None
    presets: str | None = None
    keep: bool = True  # the look as it last was, for the next show
    shaders: str | None = None
    dream_threads: int | None = None
    network: str | None = None
    pictures: str | None = None
    dream: str = "live"
    frames: str | None = None
    no_listen: bool = False
    host: str = "127.0.0.1"
    port: int = SHOW
    target: list = field(default_factory=lambda: [("127.0.0.1", TOUCHDESIGNER)])
    midi_api: str = ""
    no_hud: bool = False
    hud_window: bool = False
    values: dict = field(default_factory=dict)


def _identity(model):
    """What `listen` hears with: weights may be exchanged where they lie."""
    return model.classes, model.folder, model.weights_hash


@lru_cache
def _is_file(audio):
    """Whether a sound ends by itself; asked in every frame, looked up once."""
    return audio not in (None, "auto", "demo", "mic") and is_path(audio)


def aspect(width, height):
    """Width over height of the dream for a picture of so many px."""
    return min(max(width / height, ASPECTS[0]), ASPECTS[1])


def share_cores():
    """Deal the cores out to drawing and dreaming, before either begins."""
    import torch

    from .model.cpu import cores

    cores()  # asked now, for the dream
    torch.set_num_threads(1)  # the dream thread alone may run OpenMP regions, else it loses 30 %
    # Where the processor draws too (Mesa's llvmpipe), half of the cores are for the dream.
    os.environ.setdefault("LP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) // 2)))


def perform(options):
    """Play until the window closes, the time is over, a file without a window has ended or Ctrl-C; the exit status."""
    share_cores()
    with aside(), as_before(), fine_ticks(), awake(not options.headless), ExitStack() as stack:
        load_ahead()
        show, status = Show(options, stack), 0
        gc.freeze()  # to look through all that was opened for what is no longer used takes 0.2 s, and holds every frame up
        stack.callback(gc.unfreeze)
        try:
            with ended_in_order():
                show.run()
        except KeyboardInterrupt:
            status = BROKEN_OFF
    if show.ears.failed:
        return 2
    tell(show.summary())
    return status


def load_ahead():
    """Load now what the first recording and the first preset that is saved would load in the midst of a frame: 0.3 s."""
    import tomlkit  # noqa: F401

    from .render import record  # noqa: F401


class Show:
    """Everything that is open during a performance; `stack` closes it."""

    def __init__(self, options, stack):
        self.control = Control(options.values)
        self.clock, self.heard, self.cursor = Clock(), Heard(), Cursor()
        self.bank = open_bank(options.presets, new=True)
        hindered = options.keep and hindrance(self.bank, stack)
        self.deck = Deck(self.bank, self.control, self.clock, self.say, options.keep and not hindered)
        stack.callback(self._save_presets)
        first = self.bank.load(options.preset) if options.preset else None  # a mistake ends it before it begins
        self.options = options
        self._load_eyes()
        self.screen, self.options = self._open_screen(options, stack)
        if first:
            self.deck.preset = first
            self.control.apply({**first.values, **options.values})
        self.features = Latest()
        self.messages = Messages()
        self._notes, self._told = {}, set()
        self._outvoted = False  # whether MIDI clock was, a frame ago
        self._pass_on_notice()
        if options.presets and not self.bank.folders[-1].exists():
            self.say(f"{options.presets} is not there yet: the first preset that you save makes that folder")
        if hindered:
            self.say(hindered)
        if self.deck.left and any(self.values[name] != value for name, value in self.deck.left.values.items()):
            self.say("the look that the last show ended with is kept: --preset last begins with it, /hs/preset/load last recalls it")
        for fault in self.bank.faults().values():  # now, not when it is called for on stage
            self.say(f"a preset that cannot be recalled: {fault}")
        self._open_hands(stack)
        self.ears = stack.enter_context(Ears(self.options, self._taught, self.say))
        self.watch = Watch(self.ears.child, self.say)
        self.teaching = self._school(self.classes)
        stack.callback(lambda: self.teaching.close())  # another may have taken its place by then
        self._open_eyes(stack)
        self.rates = Rates()
        self._report_due = REPORT
        self._quit, self._leaving, self._shot = False, -SURE, False

    @property
    def values(self):
        """All values of the table as they are now, before modulation. Any thread."""
        return self.control.values

    def _open_screen(self, options, stack):
        """A window, or without a screen a headless recording; and the options that follow from it."""
        from .render.window import open_screen

        size = options.size or ((640, 360) if options.headless else (1280, 720))
        if options.headless and options.monitor:
            tell(f"--headless opens no window: nothing is shown on --monitor {options.monitor}")
        try:
            screen = open_screen(size, options.headless, monitor=options.monitor, mode=options.monitor and options.size)
        except OSError as error:
            if options.headless:
                raise
            tell(f"{error}\nno screen: performing headless" + f", not on --monitor {options.monitor}" * bool(options.monitor))
            unasked = not (options.record or options.send or options.no_listen)  # then a look at what it does is wanted
            options = replace(options, headless=True)
            if unasked:
                limit = options.seconds or (None if _is_file(options.audio) else DEMO_SECONDS)
                options = replace(options, record=str(FIRST_VIDEO), seconds=limit)
            screen = open_screen(options.size or (640, 360), True)
        stack.callback(screen.close)
        return screen, options

    def _open_hands(self, stack):
        self.receiver = stack.enter_context(Receiver(
            self.options.port, self.features.put, self.control.submit, self.control.command, lambda: self.values,
            host=self.options.host, notice=self.say))
        self.midi = stack.enter_context(Midi(
            self.control.submit, self.control.command, lambda: self.values, self.clock.midi,
            presets=lambda: len(self.bank.paths()), api=self.options.midi_api, own=Path.home() / LEARNED, notice=self.say))
        if self.midi.reason:
            self.say(self.midi.reason)

    def _load_eyes(self):
        from .dream.dreamer import Scene
        from .learn.teach import own_folder
        from .model.card import DEFAULT, load_model
        from .model.ear import see_device

        see_device(self.options.device)  # as `listen` would, but before a window opens
        self._scene, self.frames = Scene, Latest()
        live, wanted = self.options.dream != "prerendered", (self.options.model, self.options.network, self.options.pictures)
        self.eyes = Eyes(*wanted) if live else None
        self._model = self.eyes.now.model if self.eyes else load_model(self.options.model or DEFAULT)
        self._heard_by = _identity(self._model)
        self.classes, self._taught = self._model.classes, own_folder(self._model)
        self.dream = self._dream_loop() if self.eyes else self._playback()

    def _playback(self):
        """Loops dreamed beforehand in place of the dream."""
        from .dream.playback import FOLDER, Loops, Playback

        loops = Loops(self.options.frames or FOLDER)
        lacking = [name for name in self.classes if name not in loops.classes]
        if len(lacking) == len(self.classes) and not self.options.no_listen:
            raise ValueError(f"{loops.folder} has loops of {', '.join(loops.classes)}, and of none that is heard "
                             f"({', '.join(self.classes)}): give the --model that they were made with")
        tell(f"plays loops of {', '.join(loops.classes)} from {loops.folder}"
             + f"; there is none of {', '.join(lacking)}" * bool(lacking))
        return Playback(loops, self.frames)

    def _dream_loop(self):
        tell(self.eyes.now.news)
        return self.eyes.loop(self.frames, self.options.dream_threads, self._draw_seed)

    def _draw_seed(self):
        """A seed by chance, told so that the player can have this dream again. The dream's thread."""
        seed = random.randint(1, int(BY_NAME["dream.seed"].hi))
        self.say(f"a fresh dream, dream.seed {seed}")
        return seed

    def _open_eyes(self, stack):
        from .render.outputs import Outputs
        from .render.renderer import Renderer

        self.renderer = Renderer(self.screen.ctx, self.screen.size, Path(self.options.shaders or ROOT / "shaders"))
        stack.callback(self.renderer.release)
        self.dash = Dash(self, not self.options.no_hud, self.options.hud_window)
        stack.callback(self.dash.close)
        self._sound = Live(self.ears.ring_name)
        stack.callback(self._sound.close)
        self.video = Video(self.screen, self.ears.ring_name, self.say, lambda: self.ears.ended)
        stack.callback(self._save_video)
        self.outputs = Outputs(self.options.send, self.screen, self.say)
        stack.callback(self.outputs.close)
        stack.enter_context(self.dream)

    def _save_video(self):
        """Finish what is recorded; an impatient second Ctrl-C must not cost it."""
        with undisturbed():
            waits = self.video.waits
            self.video.stop()
        if waits:
            self.say(UNBEGUN)

    def _save_presets(self):
        """See what is being saved to its end, likewise."""
        with undisturbed():
            self.deck.close()

    # --- the frame loop

    @property
    def _fps(self):
        """Frames a second; 0: those of the monitor."""
        return self.options.fps or (30.0 if self.options.headless else 0.0)

    @property
    def _recorded(self):
        """Frames a second of a recording: those that are shown, but of a fast monitor no more than others play."""
        return self._fps or (USUAL if self.screen.rate > USUAL - 2 else self.screen.rate)

    def run(self):
        """Frames until the end; a frame that fails is said and passed over."""
        pace, last = Pace(self._fps), time.perf_counter()
        self._failing, self._fault = None, ""
        if self.options.record:
            self.video.start(self.options.record, self._recorded)
        while not self._over(last):
            pace.wait(self.screen)
            now = time.perf_counter()
            self._pass_over(now, now - last)
            self.rates.drawn(time.perf_counter())
            last = now

    def _pass_over(self, now, dt):
        """A frame; one that fails is said, and the next one tried, unless for HOPELESS seconds none has come."""
        try:
            self.frame(now, dt)
            self._failing = None
        except Exception as error:  # the show goes on
            self._failing = now if self._failing is None else self._failing
            if now - self._failing > HOPELESS:
                raise
            if self._fault != str(error):
                log.exception("a frame failed; the show goes on")
            self._fault = str(error)
            self.say(f"a frame failed: {error}")

    def _over(self, now):
        if self._quit or self.screen.closed or self.ears.failed:
            return True
        limit = self.options.seconds
        if limit is None and self.options.headless and self.ears.ended:
            return True
        if limit is None and self._is_demo():
            limit = DEMO_SECONDS
        began = self.video.began if self.options.record else self.rates.began
        return limit is not None and began is not None and now >= began + limit and not self._waits(now)

    def _is_demo(self):
        """Whether nobody sees or has asked for more than a first look."""
        options = self.options
        return options.headless and not (options.send or options.no_listen or _is_file(options.audio))

    def _waits(self, now):
        """Whether `listen` is still on its way up: a show that is over before could not tell that it has no ear."""
        return bool(self.ears.child) and not (self.ears.ended or self.heard.features) and now < self.rates.began + EAR

    def frame(self, now, dt):
        """One frame: take what came, change what was asked for, draw."""
        for key in self.screen.begin():
            self._key(key)
        self._pass_on_notice()
        self.control.frame(lambda name, argument: self._carry_out(name, argument, now))
        self.deck.update(now, self.values)
        self.heard.update(self.watch.update(self.features.peek(), dt), dt, self.values["hear.hold"])
        self.clock.update(now, self.heard.features)
        self._tell_of_taps(now)
        if self.eyes and (loaded := self.eyes.arrived()):
            self._take_up(loaded)
        self.teaching.follow(self.heard.features)
        self.ears.tell(self.values, now)
        self.ears.settle(self.heard.features.get("audio.spec"))
        features = {**self.heard.features, **self.clock.features(now)}
        self._draw(modulate(self.values, features), strengths(features), now, dt)
        self.receiver.echo(self.values, now)
        self.midi.preset = self.deck.number
        self._print(now)

    def _draw(self, values, sources, now, dt):
        width, height = size = self.screen.size if all(self.screen.size) else self.renderer.size  # a minimised window has none
        self.renderer.resize(size)
        field = motion(values, now)
        self.renderer.journey.advance(field, now, not values["show.freeze"])
        weights = self.heard.dreamt(self.teaching.classes, now)
        spectrogram = self._look(values)
        self.dream.scene.put(self._scene(values, weights, now, aspect(width, height), spectrogram, self.renderer.journey.here))
        dreamt = self.frames.take()
        self.rates.dreamt(dreamt, self.dream.fault, now, held=bool(values["show.freeze"]))
        picture = (dreamt.pixels, dreamt.place) if dreamt else None
        self.renderer.draw(values, picture, now, dt, field, sources)
        self.video.frame(now)
        self.outputs.frame(self.screen.framebuffer)
        self._take_shot()
        self.dash.draw(now, spectrogram)
        self.screen.present()

    def _take_shot(self):
        """Save the picture if that was asked for: now, before anything is drawn over it."""
        wanted, self._shot = self._shot, False
        if wanted:
            try:
                self.video.screenshot()
            except OSError as mistake:
                self.say(str(mistake))

    def _look(self, values):
        """The picture of the sound; None where nobody looks at it, or `listen` runs on another machine."""
        wanted = values["dream.spectrogram"] or self.dash.shows_sound
        return self._sound.look(values["hear.gain"]) if wanted else None

    def _key(self, key):
        if key in KEYS:
            self.control.submit({KEYS[key].name: FOLLOWING})
        elif COMMAND_KEYS.get(key) == "show.quit" and time.perf_counter() - self._leaving > SURE:
            self._leaving = time.perf_counter()
            self.say(f"{key} once more ends the show")
        elif key in COMMAND_KEYS:
            self.control.command(COMMAND_KEYS[key])
        elif key in DIGITS:
            self.control.command("preset.load", int(key))

    def _carry_out(self, name, argument, now):
        try:
            if name.startswith("preset."):
                self.deck.ask(name, argument, now, self.values)
                self.deck.update(now, self.values)  # at once: an edit that came behind it is to change it
                self.say(self.deck.message)
            elif name.startswith("teach."):
                self.teaching.carry_out(name, argument)
            elif name.startswith("row."):
                self.control.apply(self.cursor.carry_out(name, argument, self.values, now))
            elif name.startswith("midi."):
                self._learn(name, argument)
            elif name in DASH:
                self.dash.carry_out(name)
            elif name in ("show.network", "show.model"):
                self._exchange(name.removeprefix("show."), argument)
            else:
                getattr(self, "_do_" + name.replace(".", "_"))(now)
        except (ValueError, OSError) as mistake:
            self.say(str(mistake))
            if name.startswith("teach."):
                self.receiver.news(str(mistake))
        except Exception as error:  # the show goes on
            log.exception("%s failed", name)
            self.say(f"{name} failed: {error}")

    def _learn(self, name, argument):
        """Let a MIDI control be learned for the row selected, or for what is named, or forget it."""
        if self.midi.learning and name == "midi.learn" and not argument:
            self.midi.learn()
            return self.say("MIDI: gave up learning")
        wanted = target(argument, self.cursor.row)
        what = wanted.get("row") or wanted.get("command") or f"preset {wanted['preset']}"
        if name == "midi.forget":
            self.midi.forget(what)
        elif not self.midi.devices():
            raise ValueError(f"MIDI: nothing is plugged in that could be learned for {what}")
        else:
            self.midi.learn(**wanted)
            self.say(f"MIDI: move the control that is to play {what} (an endless one slowly to the left)")

    def _exchange(self, what, name):
        if self.eyes is None:
            raise ValueError("the loops that are played were dreamed beforehand: no network can take their place")
        self.eyes.ask(what, name, self.say)
        self.say(f"{what} {name} is being loaded")

    def _take_up(self, loaded):
        """Dream, hear and teach with what was loaded beside the show."""
        self.say(loaded.news)
        self.dream.change(loaded.dreamer, loaded.model.classes != self._model.classes or loaded.model.folder != self._model.folder)
        if _identity(loaded.model) != self._heard_by:
            self._hear_with(loaded.model)

    def _school(self, classes, awaits=()):
        return Teaching(self.ears.remote, self._taught, self.frames, self.dream.learn, classes, self.say, awaits,
                        over=lambda: self.ears.ended)

    def _hear_with(self, model):
        from .learn.teach import own_folder

        self._model, self._heard_by, self._taught = model, _identity(model), own_folder(model, beside=self._taught)
        before, self.teaching = self.teaching, self._school(model.classes, model.classes if self.ears.child else ())
        self.teaching.go_on(before)
        self.ears.hear_with(model.folder, self._taught)

    def _do_tap(self, now):
        self.clock.tap(now)

    def _do_tap_forget(self, now):
        self.clock.forget()

    def _do_show_panic(self, now):
        self._panic(pressed=True)

    def _do_show_calm(self, now):
        self._panic(pressed=False)

    def _panic(self, pressed):
        self.deck.panic(self.values, pressed)
        if pressed or not self.values["show.freeze"]:  # what is held stays as it is
            self.renderer.forget()
        self.clock.forget()
        self.dream.reseed()

    def _do_show_reseed(self, now):
        self.dream.reseed()

    def _do_show_screenshot(self, now):
        self._shot = True

    def _do_show_record(self, now):
        if self.video.running:
            path = self.video.finish()
            self.say(f"finishing {path}" if path else UNBEGUN)
        else:
            self.say(f"recording {self.video.start(None, self._recorded)}")

    def _do_show_fullscreen(self, now):
        self.screen.fullscreen()
        self.dash.desk.make_room()

    def _do_show_quit(self, now):
        self._quit = True

    # --- speaking

    def say(self, text):
        """Show a line on the HUD for a while and print it. Any thread."""
        if text:
            self.messages.say(text, time.perf_counter())

    def _pass_on_notice(self):
        """Say what the screen has to tell, such as a monitor that was unplugged."""
        self.say(self.screen.notice)
        self.screen.notice = ""

    def _follow_faults(self):
        """Log each fault that the HUD goes on showing."""
        faults = set(self.renderer.messages) | {self.rates.note} - {""}
        for text in faults - self._told:
            log.warning("%s", text)
        self._told = faults

    def _tell_of_taps(self, now):
        """Say once that MIDI clock is not followed, as Space is brushed against without a look."""
        before, self._outvoted = self._outvoted, self.clock.outvotes(now)
        if self._outvoted and not before:
            self.say(f"the tempo is tapped ({self.clock.bpm:.0f} bpm); {KEY_OF['tap.forget'].upper()} gives it back to MIDI clock")

    def _print(self, now):
        self._follow_faults()
        news = self.heard.news(now)
        for name in ("audio.source", "teach.note"):
            note = self.heard.features.get(name, "")
            if note != self._notes.get(name, ""):
                self._notes[name] = note
                self.say(note)
                if name == "teach.note":
                    self.receiver.news(note)
        began = self.rates.began
        if news:
            tell(f"{now - began:6.1f} s  hears {news[0]} ({news[1]:.2f})")
        if now - began >= self._report_due:
            self._report_due += REPORT
            tell(f"{now - began:6.1f} s  {self.rates.text()}")

    def summary(self):
        """The last lines: rates, what was heard, where the video is."""
        heard = ", ".join(dict.fromkeys(name for _, name, _ in self.heard.events)) or "nothing known"
        lines = [f"{self.rates.text()}; heard {heard}"]
        if self.ears.restarts:
            lines.append(f"listen was restarted {self.ears.restarts} times")
        if self.video.path:
            lines.append(f"video: {self.video.path}")
        return "\n".join(lines)
