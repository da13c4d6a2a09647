"""A model is a folder: `weights.safetensors`, `card.json`, `pictures/<class>.*`. This module reads and writes it.

Beside them may lie `learnt.txt`: marks of the clips that it has learnt, by which judging it tells them from others."""

import hashlib
import json
import math
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save_file

from ..audio.frontend import LONG, FrontEnd
from ..features import legal_class
from ..files import brought_back
from .ear import Ear, open_ear
from .net import HearSee
from .sound import seconds_of
from .taught import load_taught

DEFAULT = Path(__file__).parents[2] / "models" / "urban"
OWN = Path.home() / ".hearsee" / "models"  # of the player: what was taught
MARKS, KEPT_BACK = "learnt.txt", "kept_back.txt"  # files of their own, as a card is to be read
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
WIDEST = 4  # a stretch; more would cost decisions
WINDOWS, HOPS = (256, 512, 1024, 2048, 4096), (128, 256, 512, 1024)  # samples, of a front end


class Model:
    """A network with its card: names of the classes, answers to sound, pictures to dream of."""

    def __init__(self, folder, net, card, weights_hash=""):
        """`weights_hash`: first 12 digits of the weights' SHA-256, by which it is told that what hears and what is dreamed are the
        same file."""
        self.folder, self.net, self.card, self.weights_hash = Path(folder), net, card, weights_hash
        self.taught = load_taught(folder, card.get("taught", ()), len(card.get("classes", ())))
        self._ear = None

    @property
    def classes(self):
        """Its own classes, then those taught."""
        return [*self.card["classes"], *self.taught.names]

    @property
    def label(self):
        """What is said of it: the folder's name and the hash."""
        return f"{self.folder.name}, weights {self.weights_hash}"

    @cached_property
    def learnt(self):
        """Marks of the clips that it has learnt, see `learn.dataset.marks`; empty where nobody noted them."""
        return self._marks(MARKS)

    @cached_property
    def kept_back(self):
        """Marks of the clips that were kept back to judge it, or a model that it began with."""
        return self._marks(KEPT_BACK)

    def _marks(self, file):
        path = self.folder / file
        return frozenset(path.read_text(encoding="utf-8").split()) if path.exists() else frozenset()

    @property
    def front_end(self):
        """How sound is made into the log-mel that it hears."""
        return self.net.front_end

    @property
    def device(self):
        """Where it hears now: "cpu" or "cuda"."""
        return self._ear.device if self._ear else "cpu"

    def open_ear(self, device="auto"):
        """Hear on "cpu" or "cuda", or with "auto" where that is quicker; what was found, a line, or "" without a choice.

        ValueError for "cuda" where there is none.
        """
        self._ear, note = open_ear(self.net, device)
        return note

    def hear(self, log_mel):
        """Logits (classes + 1,) of one window of natural log-mel power (bands, frames) by its `front_end`, NumPy in and out.

        The last one stands for "none of these"."""
        return self.taught.extend(*self.listen(log_mel))

    def listen(self, log_mel):
        """(logits of its own classes and of none, features (AVERAGES,) that new classes are told by) of such a window.

        The network itself sees a second at a time, see `seconds_of`: the mean over those.
        """
        self._ear = self._ear or Ear(self.net)
        logits, features = self._ear(seconds_of(log_mel, self.front_end.frames(1.0)))
        return logits / self.card.get("temperature", 1.0), features

    def picture_files(self):
        """{class: path of its picture}; ValueError names the classes that have none."""
        found = pictures_in(self.folder / "pictures")
        missing = [name for name in self.classes if name not in found]
        if missing:
            raise ValueError(f"{self.folder / 'pictures'}: no picture for {', '.join(missing)}; "
                             f"put one there named {missing[0]}.jpg")
        return {name: found[name] for name in self.classes}


def pictures_in(folder):
    """{name without its ending: path} of the picture files in a folder; of two of one name rather a player's than one `aged`, and
    else the one that came later."""
    paths = sorted(filter(Path.is_file, Path(folder).glob("*")), key=lambda path: (*_came(path.stat()), path.name))
    found = {path.stem: path for path in paths if path.suffix.lower() in PICTURES and not path.name.startswith(".")}
    return dict(sorted(found.items()))


def _came(stat):
    """(whether a player may have put it there, when): what is moved or copied keeps the time when it was written."""
    return stat.st_mtime_ns > 0, max(stat.st_mtime_ns, stat.st_ctime_ns)


def find_model(name):
    """The folder of a model: the folder itself, or by its name a shipped one or one of the player's own."""
    named = [brought_back(folder / str(name)) for folder in (DEFAULT.parent, OWN)]
    return next((each for each in named if not Path(name).exists() and (each / "card.json").exists()), brought_back(Path(name)))


def load_model(folder=DEFAULT):
    """Read a model folder; ValueError in one line for what is missing or damaged."""
    folder = find_model(folder)
    card = _read_card(folder / "card.json")
    path = folder / "weights.safetensors"
    try:
        content = path.read_bytes()
        state = {name: tensor.float() for name, tensor in load(content).items()}
        _check_count(folder, card["classes"], state.get("heads.sound.weight"))
        if broken := _not_finite(state):
            raise ValueError(f"{path}: {broken} is not finite: restore it or choose another --model")
        net = HearSee(len(card["classes"]), card.get("scenes", 1000), stretch=card.get("stretch", 1), front_end=_front_end(card))
        net.load_state_dict(state)  # PyTorch itself begins to count batches anew, where a file says nothing of them
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: a model folder holds weights.safetensors, card.json, pictures/") from None
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{path} is damaged or of another network ({reason}): restore it or choose "
                         "another --model") from None
    return Model(folder, net.eval(), card, hashlib.sha256(content).hexdigest()[:12])


def _check_count(folder, classes, head):
    """ValueError where the weights answer for more or fewer classes than the card names."""
    if head is not None and head.ndim == 2 and len(head) != len(classes) + 1:
        raise ValueError(f"{folder / 'card.json'} names {len(classes)} classes, and the weights know {len(head) - 1}: put the names "
                         "back, or choose another --model")


def _not_finite(state):
    """Name of a tensor with numbers that are none, "" where there is none: of such weights every answer is nothing."""
    return next((name for name, tensor in state.items() if not tensor.isfinite().all()), "")


def _read_card(path):
    try:
        card = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(f"no model in {path.parent}: card.json is missing; `hearsee models list` shows what "
                         "there is") from None
    except OSError as error:
        raise ValueError(f"{path} can't be read ({error.strerror}): restore it or choose another --model") from None
    except (ValueError, RecursionError) as error:  # the latter of a file of brackets
        raise ValueError(f"{path} is not JSON ({error}): restore it or choose another --model") from None
    if not isinstance(card, dict) or not card.get("classes") or not _are_names(card["classes"]):
        raise ValueError(f"{path} names no classes: it needs \"classes\": [\"name\", ...]")
    for key, legal, words in _FIELDS:
        if key in card and not legal(card[key]):
            raise ValueError(f"{path}: {key} {card[key]!r} is not {words}: restore it or choose another --model")
    if card.get("stretch", 1) not in range(1, WIDEST + 1):
        raise ValueError(f"{path}: stretch {card['stretch']} is none of 1 to {WIDEST}: restore it or choose another --model")
    if not _can_hear(card):
        raise ValueError(f"{path}: front_end {card['front_end']} is none that we can hear by (n_fft {WINDOWS}, hop {HOPS} and no "
                         f"longer than that, the rest as in {asdict(LONG)}): restore it or choose another --model")
    try:
        for name in (*card["classes"], *card.get("taught", ())):
            legal_class(str(name))
    except ValueError as error:  # it would be heard, and its address refused
        raise ValueError(f"{path}: {error}; rename it there, and its picture") from None
    every = (*card["classes"], *card.get("taught", ()))
    if twice := [name for name in every if every.count(name) > 1]:
        raise ValueError(f"{path} names {twice[0]} twice: give each class its own name")
    return card


def _are_names(value):
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


_FIELDS = (("taught", _are_names, "a list of names"), ("temperature", _is_number, "a number above 0"),
           ("scenes", lambda value: type(value) is int and value > 0, "a whole number above 0"))


def _front_end(card):
    """That of a card; a card from before it was told means LONG."""
    return FrontEnd(**card["front_end"]) if "front_end" in card else LONG


def _can_hear(card):
    try:
        front = _front_end(card)
        whole = type(front.n_fft) is type(front.hop) is type(front.rate) is int
        return (whole and front.n_fft in WINDOWS and front.hop in HOPS and front.hop <= front.n_fft
                and replace(front, n_fft=LONG.n_fft, hop=LONG.hop) == LONG)
    except TypeError:  # no table, or with names that a front end has not
        return False


def save_model(folder, net, card):
    """Write weights (16-bit floats: half the size, the same answers) and card into `folder`; ValueError where they can't be told so."""
    folder = Path(folder)
    state = {name: tensor.half() if tensor.is_floating_point() else tensor
             for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    if broken := _not_finite(state):
        raise ValueError(f"{folder} is left as it is: {broken} is not finite in 16-bit floats, which end at 65504; learn anew")
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, str(folder / "weights.safetensors"))
    (folder / "card.json").write_text(json.dumps({**card, "front_end": asdict(net.front_end), "stretch": net.stretch}, indent=1) + "\n")
