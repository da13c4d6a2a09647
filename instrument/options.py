"""What `perform` and `listen` were asked for; the flags are those of cli/playing.py."""

from dataclasses import dataclass, field
from functools import lru_cache

from .audio.source import is_path
from .params import EAR, SHOW, TOUCHDESIGNER


@dataclass(frozen=True)
class PerformOptions:
    """What `hearsee perform` was asked for."""

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

    @property
    def ends_by_itself(self):
        """Whether the sound is a file; asked in every frame, looked up once."""
        return _is_file(self.audio)

    @property
    def is_demo(self):
        """Whether nobody sees or has asked for more than a first look."""
        return self.headless and not (self.send or self.no_listen or self.ends_by_itself)


@dataclass(frozen=True)
class ListenOptions:
    """What `hearsee listen` was asked for."""

    audio: str | None = None
    channels: tuple = ()  # of the input device or file that are heard; all
    loop: bool = False
    mute: bool = False
    model: str | None = None
    device: str = "auto"  # to hear on
    scene_seed: int = 1
    target: list = field(default_factory=lambda: [("127.0.0.1", TOUCHDESIGNER), ("127.0.0.1", SHOW)])
    host: str = "127.0.0.1"
    port: int = EAR
    json: bool = False
    wek: bool = False
    ring: str | None = None
    parent: int | None = None
    steered: int | None = None  # the port from which the show sends, whose ear it is
    eager: bool = False  # do not let a file wait for the network
    taught: str | None = None  # folder for classes taught here; where it is there already, it goes on from it
    values: dict = field(default_factory=dict)


@lru_cache
def _is_file(audio):
    return audio not in (None, "auto", "demo", "mic") and is_path(audio)
