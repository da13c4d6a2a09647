"""What dreams: a model and the network that dreams for it, exchanged beside the show while the old ones dream on."""

import logging
import threading
from dataclasses import dataclass

import numpy as np

from .behind import step_back
from .console import tell
from .errors import one_line
from .files import photograph
from .latest import Latest
from .params import BY_NAME

log = logging.getLogger(__name__)
OWN = "own"  # the network of the model itself
ROOM = 5.0  # s that a network waits for memory of the one before: a dream of a weak GPU is over by then


@dataclass(frozen=True)
class Loaded:
    """A `dreamer` with the `model` it dreams for, the `network` it dreams with, and what to say of it."""

    model: object
    network: str
    dreamer: object
    news: str


class Eyes:
    """Loads a model and a network at once, and others later: `ask`, then `arrived`. One thread calls.

    `network`: a torchvision name, a GoogLeNet file, or None for that of the model; `pictures`: the player's own, see
    read_pictures. ValueError, OSError for mistakes.
    """

    def __init__(self, model, network=None, pictures=None):
        self.now, self._pictures = load(model, network, pictures), pictures
        self._pair = (self.now.model.folder, self.now.network)  # what was loaded last
        self._ready = Latest()
        self._loop = None
        self._lock = threading.Lock()
        self._wishes, self._loading = {}, False

    def loop(self, frames, threads=None, draw=None):
        """The dream thread, not yet started, that puts into the mailbox `frames`; `draw` as in DreamLoop."""
        from .dream.loop import DreamLoop
        from .model.cpu import cores

        # A core is left to hearing and drawing: threads that wait for each other at every layer wait for the slowest.
        self._loop = DreamLoop(self.now.dreamer, frames, threads or max(1, cores() - 1), draw=draw)
        return self._loop

    def ask(self, what, name, say):
        """Begin to load `name`, a "network" or a "model", beside the show; `say` tells mistakes, from a thread."""
        if not isinstance(name, str) or not name:
            raise ValueError(f"show.{what} needs a name: {EXAMPLES[what]}")
        with self._lock:
            self._wishes[what] = (what, name, say)  # the newest wish counts, of models and of networks
            if self._loading:
                return
            self._loading = True
        threading.Thread(target=self._fulfil, name="eyes", daemon=True).start()

    def _fulfil(self):
        step_back()
        while True:
            with self._lock:
                if not self._wishes:
                    self._loading = False
                    return
                wish = self._wishes.pop(next(iter(self._wishes)))
            self._load(*wish)

    def _load(self, what, name, say):
        wanted = (self._pair[0], name) if what == "network" else (name, self._pair[1])
        try:
            loaded = load(*wanted, self._pictures, self._make_room)
        except Exception as mistake:  # whatever a strange file does: this thread must live for the next wish
            say(str(mistake) or f"{name}: {type(mistake).__name__}")
        else:
            self._pair = (loaded.model.folder, loaded.network)
            self._ready.put(loaded)

    def _make_room(self):
        if self._loop:
            self._loop.make_room(ROOM)

    def arrived(self):
        """What was asked for, once it is there; it is then `now`. None before."""
        loaded = self._ready.take()
        self.now = loaded or self.now
        return loaded


EXAMPLES = {"network": "resnet50, bvlc_googlenet.caffemodel or own", "model": "urban, or a model folder"}


def load(model=None, network=None, pictures=None, room=lambda: None):
    """The Loaded of a model (name, folder, or None for the shipped one), a network and pictures (see Eyes); `room` as in
    `tried`."""
    from .dream.dreamer import Dreamer
    from .model.card import DEFAULT, load_model
    from .model.compiled import ready
    from .model.zoo import open_eye

    ready(tell)
    model, network = load_model(model or DEFAULT), network or OWN
    eye = open_eye(None if network == OWN else network, model)
    news = f"one network hears and dreams: {model.label}" if network == OWN else f"{model.label} hears, {network} dreams"
    dreamer, reason = tried(lambda device: Dreamer(eye, read_pictures(model, pictures), device), best_device(), room)
    news += _silent(model.classes, eye.answers)
    return Loaded(model, network, dreamer, news + (f", on the processor: the GPU cannot ({reason})" if reason else ""))


def _silent(classes, answers):
    """What to say of classes that a network has no answers for, such as those that were taught."""
    silent = [name for name in classes if not answers.get(name)]
    more = f" and {len(silent) - 3} more" if len(silent) > 3 else ""
    return f"; dream.class does nothing for {', '.join(silent[:3])}{more}: no answer of that network shows it" if silent else ""


def working(make, device):
    """`make(device)`, or `make("cpu")` where that GPU cannot dream, which the log says."""
    return tried(make, device)[0]


def tried(make, device, room=lambda: None):
    """What `working` makes, and why that GPU cannot dream ("" where it can). `room()` frees memory of the GPU, after which
    it is asked once more.

    A PyTorch of today has nothing for an old NVIDIA GPU, and lacks for Apple's what differs from version to version: those
    are tried before the show begins.
    """
    dreamer, reason = _attempt(make, device)
    if not dreamer:
        room()  # whatever it said: drivers have many names for too little memory
        dreamer, reason = _attempt(make, device)
    if not dreamer:
        dreamer = make("cpu")
        log.warning("the GPU cannot dream (%s): the processor does", reason)
    return dreamer, reason


def _attempt(make, device):
    """(what `make(device)` makes, "") or (None, why it cannot); no error is kept, as it would hold memory."""
    if device == "cpu":
        return make(device), ""
    try:
        dreamer = make(device)
        if device == "mps":
            try_out(dreamer)
        return dreamer, ""
    except Exception as error:  # noqa: BLE001 - drivers raise what they like; a mistake of the user's comes again
        return None, one_line(error)


def try_out(dreamer):
    """Gradients, and three small dreams of everything, straight on and bent; an error of PyTorch, or ValueError, where they
    are not as they should be."""
    from .dream.dreamer import Scene
    from .dream.precision import agrees, clouds
    from .params import BY_NAME, DEFAULTS

    if not agrees(dreamer.eye, clouds()):
        raise ValueError("its gradients are wrong")
    size, spectrogram = BY_NAME["dream.size"].lo, np.full((8, 8, 4), 128, np.uint8)
    values = {**DEFAULTS, "dream.size": size, "dream.energy": 1.0, "dream.channel": 0.5, "dream.class": 0.5, "dream.spectrogram": 0.5}
    weights, bent = dict.fromkeys(list(dreamer.pictures)[:2], 0.4), float(BY_NAME["zoom.mode"].labels.index("tunnel"))
    dream = None
    for now, mode in ((0.0, 0.0), (0.1, 0.0), (0.2, bent)):
        dream = dreamer.step(dream, Scene({**values, "zoom.mode": mode}, weights, now, spectrogram=spectrogram))
    if int(dreamer.lost) or not bool(dream.picture.isfinite().all()):
        raise ValueError("what it makes is not finite")


def best_device():
    """The fastest device there is: "cuda", "mps" or "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def read_pictures(model, own=None):
    """{class: (3, h, w) float tensor in 0..1} of a model's pictures, in whose place those in the folder `own` come that
    are named as a class.

    ValueError for a damaged picture, and for a folder without any.
    """
    import torch

    tallest = int(BY_NAME["dream.size"].hi)  # no dream looks closer: a dozen photographs of 24 million pixels would be gigabytes
    pixels = {name: photograph(path, tallest) / np.float32(255) for name, path in picture_files_of(model, own).items()}
    return {name: torch.from_numpy(each).permute(2, 0, 1).contiguous() for name, each in pixels.items()}


def picture_files_of(model, own=None):
    """{class: file} of a model's pictures, in whose place those in the folder `own` come that are named as a class."""
    from .model.card import pictures_in

    files = model.picture_files()
    if not own:
        return files
    found = pictures_in(own)
    if not found:
        raise ValueError(f"{own}: no pictures there; name one {next(iter(files))}.jpg, or as another class")
    mine = {name: path for name, path in found.items() if name in files}
    if strange := sorted(set(found) - set(mine)):  # no mistake where a model with other classes comes during a show
        log.warning("%s: %s is named as no class and shows nowhere; classes are %s", own, ", ".join(strange), ", ".join(files))
    return files | mine
