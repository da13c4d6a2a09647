"""`hearsee render`: a video of a sound file, made without a clock: nothing is dropped, nothing is dreamed smaller.

The engine hears the file as `listen` would in real time, and every frame waits for its dreams. What is there of a video
when it is broken off plays.
"""

import math
import os
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from .audio.files import Frames, open_sound, seconds
from .awake import awake
from .console import tell
from .errors import enough_memory, left_out
from .offline import HAIR, Hearing, Offline, opening
from .params import DEFAULTS
from .presets import open_bank
from .signals import BROKEN_OFF, as_before, ended_in_order, undisturbed
from .video import FOLDER

BEFORE = 0.5  # s dreamed before the first frame: until then a dream has the colours of its seed's clouds


@dataclass(frozen=True)
class FilmOptions:
    """What `hearsee render` was asked for; the flags are those of cli/playing.py."""

    sound: str
    out: str | None = None
    preset: str | None = None
    presets: str | None = None
    model: str | None = None
    network: str | None = None
    shaders: str | None = None
    pictures: str | None = None
    size: tuple[int, int] = (1920, 1080)
    fps: float = 30.0
    seconds: float = math.inf
    values: dict = field(default_factory=dict)


def film(options):
    """Render until the sound or the time asked for is over; the exit status. ValueError and OSError for mistakes."""
    from .model.card import DEFAULT, load_model

    sound, look = open_sound(options.sound), _look(options)
    model = load_model(options.model or DEFAULT)
    path = _place(options)
    count = max(1, math.ceil((seconds(sound, options.seconds) - HAIR) * options.fps))
    _steady()
    smaller = "give a smaller --dream-size or fewer --dream-octaves"
    with as_before(), awake(screen=False), enough_memory(look["dream.size"], smaller), ExitStack() as stack:
        offline = stack.enter_context(Offline(model, options.size, options.network, options.shaders,
                                              pictures=options.pictures))
        hearing = Hearing(sound, model, look)
        take = stack.enter_context(offline.take(look, hearing.features, look["dream.seed"], look=hearing.look,
                                                idle=model.classes, weights=opening(sound, model, look), before=BEFORE))
        reel = Reel(path, offline.screen, sound, options.fps)
        _tell_other(path, reel.path)
        tell(f"{sound.description}: {_long(count / options.fps)} to {reel.path}")
        return _shoot(take, reel, count)


def _look(options):
    """All values: those of the preset, and over them those given."""
    preset = open_bank(options.presets).load(options.preset).values if options.preset else {}
    return {**DEFAULTS, **preset, **options.values}


def _place(options):
    """Where to write: the name asked for, or a number behind it where that is in use."""
    from .render.record import prepare

    wanted = Path(options.out or FOLDER / f"{Path(options.sound).stem}.mp4")
    path, kept = prepare(wanted)
    if kept:
        tell(f"what a video that broke off left is kept as {kept}")
    _tell_other(wanted, path)
    return path


def _tell_other(wanted, path):
    if path != wanted:
        tell(f"{wanted} is in use: this video becomes {path}")


def _steady():
    """Have cuDNN choose what gives the same again, not what happens to be quick."""
    import torch

    torch.backends.cudnn.deterministic = True


def _shoot(take, reel, count):
    """Film `count` frames; the exit status. However it ends, what there is of the video is finished."""
    status = BROKEN_OFF
    try:
        with ended_in_order():
            _roll(take, reel, count)
        status = 0
    except KeyboardInterrupt:
        pass
    finally:
        with undisturbed():
            path = reel.close()
        _report(take, reel, path, count)
    return status


def _roll(take, reel, count):
    """Every frame with its sound, behind a progress bar."""
    from .learn.run import track

    with closing(track(range(count), "rendering", note=lambda: _hears(take))) as numbers:
        for _ in numbers:
            take.draw(reel.time)
            take.heard.news(reel.time)
            reel.add()
            if reel.broken:
                return  # said when it is closed


def _hears(take):
    features = take.heard.features
    return features.get("top.name", "") if features.get("known", 0.0) > 0.5 else ""


def _report(take, reel, path, count):
    heard = ", ".join(dict.fromkeys(name for _, name, _ in take.heard.events)) or "nothing known"
    if reel.count == count:
        tell(f"video: {path}, {count} frames; heard {heard}{left_out(take.lost)}")
    elif path:
        tell(f"broken off after {_long(reel.time)} of {_long(count / reel.fps)}; what there is plays from {path}{left_out(take.lost)}")
    else:
        tell("broken off before the first frame: there is no video")


def _long(time):
    """A time (s) as a person reads it."""
    minutes, rest = divmod(time, 60)
    return f"{minutes:.0f} min {rest:.1f} s" if minutes else f"{rest:.1f} s"


class Reel:
    """The file: what `screen` shows, frame by frame, with the sound that belongs to it.

    Neither is ever dropped: where the encoder is slow, `add` waits.
    """

    def __init__(self, path, screen, sound, fps):
        from .render.record import FINE, Recorder

        self.fps, self.count = fps, 0
        self._screen, self._rate = screen, sound.rate
        self._frames, self._given = Frames(sound.blocks), 0
        self._recorder = Recorder(path, screen.size, fps, sound.rate, sound.channels, wait=True, coding=FINE)

    @property
    def path(self):
        """Where the video is to be: not the name asked for if another show has taken that meanwhile."""
        return self._recorder.path

    @property
    def time(self):
        """Seconds filmed."""
        return self.count / self.fps

    @property
    def broken(self):
        """Whether writing failed; `close` tells."""
        return bool(self._recorder.error)

    def add(self):
        """Film what the screen shows, and the sound until the next frame."""
        self._recorder.frame(self._screen.framebuffer, self.time)
        self.count += 1
        end = round(self.time * self._rate)
        self._recorder.sound(self._frames.take(end - self._given), self._given)
        self._given = end

    def close(self):
        """Finish the file; its path, None where nothing was filmed. OSError when writing failed."""
        self._recorder.close()
        if self.count:
            return self._recorder.path
        os.unlink(self._recorder.path)
        return None
