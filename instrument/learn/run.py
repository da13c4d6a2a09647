"""What every training run shares: seeds per step, checkpoints that survive a kill, progress bars."""

import hashlib
import json
from contextlib import nullcontext
from pathlib import Path
from time import monotonic

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file

from ..files import put, write_whole
from ..model.cpu import has_bf16

PLACES = ("data", "foreign")  # settings that say where sounds lie
RESULTS = ("checkpoint.pt", "log.jsonl", "scores.json")  # any of which says that something has been learnt
SHORT = 12  # letters of a digest
SHOWN = 0.5  # s between two notes at the end of a progress bar: reading a loss has a GPU waited for


def generator(*seeds):
    """A random generator that depends on nothing but these integers, so that a resumed run goes on alike."""
    mixed = 0
    for seed in seeds:
        mixed = (mixed * 1_000_003 + seed + 1) % (2**63 - 1)
    return torch.Generator().manual_seed(mixed)


def epoch_indices(count, step, batch, seed):
    """Indices of the batch at `step` (any step, without the ones before): shuffled epochs, end to end."""
    wanted = range(step * batch, (step + 1) * batch)
    orders = {}
    for position in wanted:
        epoch = position // count
        if epoch not in orders:
            orders[epoch] = torch.randperm(count, generator=generator(seed, epoch))
    return torch.stack([orders[p // count][p % count] for p in wanted])


def quick_bf16(device):
    """Whether `device` computes faster in bfloat16; a GPU that only emulates it does not."""
    return torch.cuda.is_bf16_supported(including_emulation=False) if torch.device(device).type == "cuda" else has_bf16()


def mixed(device):
    """A context of mixed precision (autocast to bfloat16) where `device` computes that faster, else a plain one."""
    return torch.autocast(torch.device(device).type, torch.bfloat16) if quick_bf16(device) else nullcontext()


def digest(path):
    """What tells a file from others, wherever it lies; empty where there is none: who reads it will say so."""
    if not Path(path).is_file():
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:SHORT]


def _told(settings):
    """What makes a run another one; where something lies does not, its fingerprint is among `clips` or stands in its place."""
    digests = settings.get("digests", {})
    left_out = {"digests", *(PLACES if "clips" in settings else ())}
    return {name: value for name, value in {**settings, **digests}.items() if name not in left_out}


class Run:
    """A folder with a checkpoint, a log of JSON lines and the settings that started it, among them `digests` {name of a setting that
    is a place: what tells what lies there from other things}.

    ValueError where it holds a run with other settings. `begin` writes ours, when all that they name has been read: a
    mistake in them must not bar the way for what was meant.
    """

    def __init__(self, folder, settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self._settings_file = self.folder / "settings.json"
        self._check_settings()

    def _check_settings(self):
        path = self._settings_file
        if not self._is_under_way():
            return
        before, ours = read_json(path), self.settings
        if "digests" not in before:  # of an earlier version, which went by the places
            ours = {name: value for name, value in ours.items() if name != "digests"}
        told, asked = _told(before), _told(ours)
        if other := sorted(name for name in {*told, *asked} if told.get(name, path) != asked.get(name, path)):
            old = "" if asked.keys() <= told.keys() else ", of an earlier version, which did not note all of it"
            raise ValueError(f"{self.folder} holds a run with other settings or sounds ({', '.join(other)}; see {path}){old}: choose "
                             "another --out, or give the same to resume")

    def _is_under_way(self):
        """Whether something has been learnt here: what ended before its first result bars the way to nothing."""
        return self._settings_file.exists() and any((self.folder / name).exists() for name in RESULTS)

    def begin(self):
        """Write the settings; of several processes that share a run the first one does."""
        text, path = json.dumps(self.settings, indent=1), self._settings_file
        if not self._is_under_way() and not (path.exists() and path.read_text(encoding="utf-8") == text):
            write_whole(path, text)

    def save(self, step, **parts):
        """Write the checkpoint whole or not at all."""
        state = {name: part.state_dict() for name, part in parts.items()}
        part = self.folder / "checkpoint.part"
        torch.save({"step": step, **state}, part)
        put(part, self.folder / "checkpoint.pt")

    def resume(self, **parts):
        """Load the checkpoint into `parts`; returns the step to go on with, 0 for a new run."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return 0
        state = read_tensors(path)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return state["step"]

    def log(self, **values):
        """Append one JSON line to `log.jsonl`."""
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")


def read_tensors(path):
    """What a file of torch or safetensors holds, on the CPU; ValueError in one line where it is damaged or none."""
    try:
        return load_file(str(path)) if Path(path).suffix == ".safetensors" else \
            torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  safetensors, pickle and torch each raise their own kinds
        reason = (str(error) or type(error).__name__).strip().split("\n")[0]
        raise ValueError(f"{path} is damaged, or no file of weights ({reason}): restore it or give another") from None


def read_json(path):
    """What a file of JSON in a run or a model says; ValueError in one line where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): restore it or choose another --out") from None


class Losses:
    """Running means of losses by name, kept where they are computed: nobody waits for a GPU before they are read."""

    def __init__(self, kept=0.97):
        self._kept, self._means = kept, {}

    def add(self, name, loss):
        """Take in a loss, a tensor of one number."""
        old, new = self._means.get(name), loss.detach().double()
        self._means[name] = new if old is None else self._kept * old + (1 - self._kept) * new

    def read(self):
        """{name: mean}."""
        return dict(zip(self._means, torch.stack([*self._means.values()]).tolist())) if self._means else {}

    def __str__(self):
        return " ".join(f"{name} {value:.3f}" for name, value in self.read().items())


def track(items, what, start=0, note=lambda: ""):
    """Yield `items` behind a progress bar; `note()` gives the text at its end, asked now and then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
               TextColumn("{task.fields[note]}"))
    with Progress(*columns) as progress:
        task = progress.add_task(what, total=start + len(items), completed=start, note="")
        due = monotonic()
        for item in items:
            yield item
            progress.advance(task)
            if monotonic() >= due:
                progress.update(task, note=note())
                due = monotonic() + SHOWN
        progress.update(task, note=note())
