"""The whole instrument: wires every part together and owns the frame loop."""

import gc
import logging
import os
import random
import time
from contextlib import ExitStack
from pathlib import Path

from .awake import awake
from .clock import Clock
from .console import Messages, aside, tell
from .control import Control
from .cursor import Cursor
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
from .orders import UNBEGUN, Orders
from .osc import Receiver
from .params import BY_NAME
from .presets import open_bank
from .rates import Pace, Rates
from .signals import BROKEN_OFF, as_before, ended_in_order, undisturbed
from .spectrogram import Live
from .stage import DEMO_SECONDS, aspect, open_stage
from .talk import Talk
from .teaching import Teaching
from .ticks import fine_ticks
from .video import Video

log = logging.getLogger(__name__)
LEARNED = Path(".hearsee") / "midi.toml"  # in the home folder: what MIDI controls were learned for
EAR = 15.0  # s that a short show waits for the first word of `listen`
HOPELESS = 5.0  # s of nothing but frames that fail, after which the show ends
USUAL = 60.0  # frames a second that every player plays; Windows calls a monitor of 59.94 Hz one of 59


def _identity(model):
    """What `listen` hears with: weights may be exchanged where they lie."""
    return model.classes, model.folder, model.weights_hash


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
    tell(show.talk.summary())
    return status


def load_ahead():
    """Load now what the first recording and the first preset that is saved would load in the midst of a frame: 0.3 s."""
    import tomlkit  # noqa: F401

    from .render import record  # noqa: F401


class Show:
    """Everything that is open during a performance; `stack` closes it."""

    def __init__(self, options, stack):
        self.options, self.control, self.messages = options, Control(options.values), Messages()
        self.clock, self.heard, self.cursor, self.features = Clock(), Heard(), Cursor(), Latest()
        self.orders, self.talk = Orders(self), Talk(self)
        self._failing, self._fault = None, ""  # since when frames fail, and why the last one did
        hindered = self._open_presets(stack)
        first = self._first(options.preset)  # a mistake ends it before it begins
        self._load_eyes()
        self.screen, self.options = open_stage(options, stack)
        if first:
            self.control.apply({**first.values, **options.values})
        self.deck.begin(first, self.values)  # before anything comes over OSC or MIDI
        self.talk.of_screen()
        self._tell_of_presets(hindered)
        self._open_hands(stack)
        self._open_ears(stack)
        self._open_eyes(stack)
        self.rates = Rates()  # from now on

    @property
    def values(self):
        """All values of the table as they are now, before modulation. Any thread."""
        return self.control.values

    def _open_presets(self, stack):
        """The bank and the deck; why the look is not kept for the next show, where it cannot be."""
        self.bank = open_bank(self.options.presets, new=True)
        hindered = self.options.keep and hindrance(self.bank, stack)
        self.deck = Deck(self.bank, self.control, self.clock, self.say, self.options.keep and not hindered)
        stack.callback(self._save_presets)
        return hindered

    def _first(self, name):
        """The preset to begin with, or None."""
        if name and self.bank.lacks_last(name):  # of a shortcut on a new machine
            self.say(f"no look is kept for --preset {name} yet (one is as soon as it has been changed): begins with the defaults")
            return None
        return self.bank.load(name) if name else None

    def _tell_of_presets(self, hindered):
        if self.options.presets and not self.bank.folders[-1].exists():
            self.say(f"{self.options.presets} is not there yet: the first preset that you save makes that folder")
        self.say(hindered)
        if self.deck.left and any(self.values[name] != value for name, value in self.deck.left.values.items()):
            self.say("the look that the last show ended with is kept: --preset last begins with it, /hs/preset/load last recalls it")
        for fault in self.bank.faults().values():  # now, not when it is called for on stage
            self.say(f"a preset that cannot be recalled: {fault}")

    def _open_hands(self, stack):
        self.receiver = stack.enter_context(Receiver(
            self.options.port, self.features.put, self.control.submit, self.control.command, lambda: self.values,
            host=self.options.host, notice=self.say))
        self.midi = stack.enter_context(Midi(
            self.control.submit, self.control.command, lambda: self.values, self.clock.midi,
            presets=lambda: len(self.bank.paths()), api=self.options.midi_api, own=Path.home() / LEARNED, notice=self.say))
        self.say(self.midi.reason)

    def _open_ears(self, stack):
        self.ears = stack.enter_context(Ears(self.options, self._taught, self.say))
        self.watch = Watch(self.ears.child, self.say)
        self.teaching = self._school(self.classes)
        stack.callback(lambda: self.teaching.close())  # another may have taken its place by then

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
    def recorded_fps(self):
        """Frames a second of a recording: those that are shown, but of a fast monitor no more than others play."""
        return self._fps or (USUAL if self.screen.rate > USUAL - 2 else self.screen.rate)

    def run(self):
        """Frames until the end; a frame that fails is said and passed over."""
        pace, last = Pace(self._fps), time.perf_counter()
        if self.options.record:
            self.video.start(self.options.record, self.recorded_fps)
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
        if self.orders.over or self.screen.closed or self.ears.failed:
            return True
        limit = self.options.seconds
        if limit is None and self.options.headless and self.ears.ended:
            return True
        if limit is None and self.options.is_demo:
            limit = DEMO_SECONDS
        began = self.video.began if self.options.record else self.rates.began
        return limit is not None and began is not None and now >= began + limit and not self._waits(now)

    def _waits(self, now):
        """Whether `listen` is still on its way up: a show that is over before could not tell that it has no ear."""
        return bool(self.ears.child) and not (self.ears.ended or self.heard.features) and now < self.rates.began + EAR

    def frame(self, now, dt):
        """One frame: take what came, change what was asked for, draw."""
        for key in self.screen.begin():
            self.orders.key(key, now)
        self.talk.of_screen()
        self.control.frame(lambda name, argument: self.orders.carry_out(name, argument, now))
        self.deck.update(now, self.values)
        self.heard.update(self.watch.update(self.features.peek(), dt), dt, self.values["hear.hold"])
        self.clock.update(now, self.heard.features)
        self.talk.of_taps(now)
        if self.eyes and (loaded := self.eyes.arrived()):
            self._take_up(loaded)
        self.teaching.follow(self.heard.features)
        self.ears.tell(self.values, now)
        self.ears.settle(self.heard.features.get("audio.spec"))
        features = {**self.heard.features, **self.clock.features(now)}
        self._draw(modulate(self.values, features), strengths(features), now, dt)
        self.receiver.echo(self.values, now)
        self.midi.preset = self.deck.number
        self.talk.frame(now)

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
        self.dash.draw(now, spectrogram)
        self.screen.present()

    def _look(self, values):
        """The picture of the sound; None where nobody looks at it, or `listen` runs on another machine."""
        wanted = values["dream.spectrogram"] or self.dash.shows_sound
        return self._sound.look(values["hear.gain"]) if wanted else None

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

    def say(self, text):
        """Show a line on the HUD for a while and print it; "" is nothing. Any thread."""
        if text:
            self.messages.say(text, time.perf_counter())
