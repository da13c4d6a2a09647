"""Teach the network to hear, without forgetting how to see.

Starts from a network that sees (`distill`), learns labelled clips with a teacher's help where one is given
(soft answers of a linear head on the teacher's features, fitted on the same clips, and the features
themselves), and goes on seeing pictures every few steps so that its dreams stay. Weights are averaged
exponentially over the steps (Izmailov et al., 2018, in its running form).
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..audio.frontend import FrontEnd
from ..model.card import load_model, save_model
from ..model.googlenet import load_googlenet
from ..model.net import WIDTHS, HearSee
from ..model.sound import as_picture
from .augment import Sounds
from .dataset import classes_of, find_clips, folds_of, read
from .distill import ANSWER_WEIGHT, Seeing
from .pictures import crops, read_squares
from .run import Run, epoch_indices, generator, track
from .sound_teacher import EMBEDDING, RATE, load_sound_teacher
from .teach import remember

TAUGHT = (1.0, 2.0, 4.0)  # s; windows that the sound teacher is asked about


@dataclass(frozen=True)
class Settings:
    """What a training run is made of; stored beside its checkpoints."""

    data: str
    start: str = ""  # a run of `distill`, or empty for random weights
    sound_teacher: str = ""
    pictures: str = ""
    picture_teacher: str = ""
    leave_out: int = 0  # a fold kept for testing
    steps: int = 900
    batch: int = 32
    rate: float = 1e-3
    head_rate: float = 3e-3
    decay: float = 0.05
    answers: float = 1.0  # weight of the sound teacher's answers
    features: float = 0.5  # weight of its features
    picture_every: int = 6
    seed: int = 0


class Hearing(nn.Module):
    """The student with an adaptor from its embedding to its sound teacher's."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.adaptor = nn.Linear(WIDTHS[-1], EMBEDDING)

    def forward(self, log_mel):
        """(logits, predicted teacher features) of log-mel windows."""
        embedding = self.net.use("sound").embed(as_picture(log_mel))
        return self.net.heads["sound"](self.net.dropout(embedding)), self.adaptor(embedding)


class Tutor:
    """A sound teacher's lessons: its features of every window, and a linear head on them for our classes.

    Asked once per window and kept in `cache` (a folder): the teacher costs more than the student.
    A mixture of two windows is taught by the mixture of their lessons.
    """

    def __init__(self, path, names, sounds, cache):
        lessons = _lessons(path, names, sounds, Path(cache) / "lessons.npz")
        self._first = {seconds: np.cumsum([0] + [len(one[seconds]) for one in lessons]) for seconds in TAUGHT}
        features = {seconds: np.concatenate([one[seconds] for one in lessons]).astype(np.float32) for seconds in TAUGHT}
        labels = {seconds: np.repeat(sounds.labels, np.diff(self._first[seconds])) for seconds in TAUGHT}
        fitted = np.concatenate([features[1.0], features[4.0]])
        mean, std = fitted.mean(0), fitted.std(0) + 1e-3
        head = _fit_head((fitted - mean) / std, np.concatenate([labels[1.0], labels[4.0]]))
        scaled = {seconds: torch.from_numpy((one - mean) / std) for seconds, one in features.items()}
        self._answers = {seconds: (head(one) / 2.0).softmax(1) for seconds, one in scaled.items()}
        self._features = {seconds: one[:, :EMBEDDING] for seconds, one in scaled.items()}

    def __call__(self, batch):
        """(answers softened at temperature 2 as probabilities, standardised features), or None for short windows."""
        if batch.seconds not in TAUGHT:
            return None
        rows = torch.from_numpy(self._first[batch.seconds][batch.windows[..., 0]] + batch.windows[..., 1])
        shares = batch.shares.unsqueeze(2)
        return ((self._answers[batch.seconds][rows] * shares).sum(1), (self._features[batch.seconds][rows] * shares).sum(1))


def _lessons(path, names, sounds, cache):
    """[{seconds: (windows, 911)}] per clip: embedding and AudioSet answers (3 points better than without those)."""
    kept = dict(np.load(cache)) if cache.exists() else {}
    missing = [index for index, name in enumerate(names) if f"{name} 4.0" not in kept]
    teacher = load_sound_teacher(path) if missing else None
    for index in track(missing, "asking the teacher") if missing else ():
        for seconds in TAUGHT:
            kept[f"{names[index]} {seconds}"] = _ask(teacher, sounds, index, seconds)
    if missing:
        np.savez(cache, **kept)
    return [{seconds: kept[f"{name} {seconds}"] for seconds in TAUGHT} for name in names]


@torch.inference_mode()
def _ask(teacher, sounds, index, seconds):
    length = int(seconds * FrontEnd().rate)
    windows = [sounds.window(index, number, length) for number in range(len(sounds.starts(index, length)))]
    embedding = teacher.embed(to_teacher_rate(torch.from_numpy(np.stack(windows)) * 0.1))
    return torch.cat([embedding, teacher.tags(embedding)], 1).half().numpy()


def to_teacher_rate(samples, rate=FrontEnd().rate):
    """Resample (n, length) to the teacher's 32 kHz through the spectrum: exact for band-limited windows."""
    length = samples.shape[1]
    wanted = 2 * round(length * RATE / rate / 2)
    spectrum = torch.fft.rfft(samples)
    return torch.fft.irfft(F.pad(spectrum, (0, wanted // 2 + 1 - spectrum.shape[1])), n=wanted) * (wanted / length)


def _fit_head(features, labels):
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=0.003, max_iter=300, class_weight="balanced").fit(features, labels)
    head = nn.Linear(features.shape[1], len(fitted.classes_))
    head.weight.data = torch.from_numpy(fitted.coef_).float()
    head.bias.data = torch.from_numpy(fitted.intercept_).float()
    return head.requires_grad_(False)


def train(settings, out, run_folder):
    """Train by `settings`, resuming from `run_folder`; writes the model folder `out` and returns it."""
    run = Run(run_folder, asdict(settings))
    torch.manual_seed(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    clips = [clip for clip in find_clips(settings.data) if not settings.leave_out or clip.fold != settings.leave_out]
    classes = classes_of(clips)
    sounds = Sounds([read(clip).astype(np.float16) for clip in track(clips, "reading clips")],
                    [classes.index(clip.label) for clip in clips], len(classes), settings.seed)
    course = Course(settings, [clip.path.name for clip in clips], sounds, device, run.folder.parent)
    first = run.resume(course=course)
    for step in track(range(first, settings.steps), "hearing", first, course.note):
        course.learn(step)
        if (step + 1) % 50 == 0 or step + 1 == settings.steps:
            run.save(step + 1, course=course)
            run.log(step=step + 1, **course.losses)
    save_model(out, course.averaged, _card(settings, classes, folds_of(clips)))
    remember(load_model(out), clips)
    return out


class Course:
    """Everything that changes while training: student, optimiser, averaged weights."""

    def __init__(self, settings, names, sounds, device, cache):
        self.settings, self.sounds, self.device = settings, sounds, device
        net = _start(settings.start, sounds.classes)
        self.hearing = Hearing(net).to(device, memory_format=torch.channels_last)
        teacher = settings.sound_teacher
        self.tutor = Tutor(teacher, names, sounds, cache) if teacher else None
        self.seeing, self.squares = self._see(net) if settings.pictures else (None, None)
        self.model = nn.ModuleDict({"hearing": self.hearing, **({"seeing": self.seeing} if self.seeing else {})})
        self.average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True)
        self.optimiser = torch.optim.AdamW(self._groups(), settings.rate, weight_decay=settings.decay)
        rates = [group["lr"] for group in self.optimiser.param_groups]
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, rates, settings.steps, pct_start=0.15)
        self.losses = {}
        self.model.train()

    @property
    def averaged(self):
        """The network with the averaged weights, to be kept."""
        return self.average.module

    def _see(self, net):
        teacher = load_googlenet(self.settings.picture_teacher).to(self.device, memory_format=torch.channels_last)
        seeing = Seeing(net, teacher)
        if self.settings.start:
            seeing.adaptors.load_state_dict(_part(self.settings.start, "adaptors."))
        return seeing.to(self.device), read_squares(self.settings.pictures, progress=track)

    def _groups(self):
        fresh = [*self.hearing.net.heads["sound"].parameters(), *self.hearing.adaptor.parameters()]
        known = {id(p) for p in fresh}
        rest = {id(p): p for p in self.model.parameters() if id(p) not in known}
        return [{"params": list(rest.values()), "lr": self.settings.rate},
                {"params": fresh, "lr": self.settings.head_rate}]

    def learn(self, step):
        """One step: a batch of sound, and every few steps a batch of pictures."""
        loss = self._sound_loss(self.sounds.batch(step, self.settings.batch))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.seeing and step % self.settings.picture_every == 0:
            self._picture_loss(step).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.hearing.net)

    def _sound_loss(self, batch):
        logits, features = self.hearing(batch.log_mel.to(self.device))
        loss = F.cross_entropy(logits, batch.target.to(self.device), label_smoothing=0.05)
        self._remember("sound", loss)
        lesson = self.tutor and self.tutor(batch)
        if lesson:
            answers, wanted = (part.to(self.device) for part in lesson)
            told = 4 * F.kl_div(F.log_softmax(logits / 2.0, 1), answers, reduction="batchmean")
            alike = F.mse_loss(features, wanted)
            self._remember("answers", told)
            self._remember("features", alike)
            loss = loss + self.settings.answers * told + self.settings.features * alike
        return loss

    def _picture_loss(self, step):
        indices = epoch_indices(len(self.squares), step, self.settings.batch, self.settings.seed)
        pictures = crops(self.squares, indices, generator(self.settings.seed, 3, step)).to(self.device)
        features, answers = self.seeing.losses(pictures.contiguous(memory_format=torch.channels_last))
        self._remember("pictures", features)
        return features + ANSWER_WEIGHT * answers

    def _remember(self, name, loss):
        old, new = self.losses.get(name), loss.item()
        self.losses[name] = new if old is None else 0.97 * old + 0.03 * new

    def note(self):
        return " ".join(f"{name} {value:.3f}" for name, value in self.losses.items())

    def state_dict(self):
        parts = ("model", "average", "optimiser", "schedule")
        return {name: getattr(self, name).state_dict() for name in parts}

    def load_state_dict(self, state):
        for name, part in state.items():
            getattr(self, name).load_state_dict(part)


def _start(run_folder, classes):
    net = HearSee(classes)
    if run_folder:
        state = {name: value for name, value in _part(run_folder, "net.").items()
                 if not name.startswith("heads.sound.")}
        # The ear starts from what the eye has learnt, scales included.
        for name in list(state):
            if ".picture." in name and "heads" not in name:
                state[name.replace(".picture.", ".sound.")] = state[name].clone()
        net.load_state_dict(state, strict=False)
    return net


def _part(run_folder, prefix):
    state = torch.load(f"{run_folder}/checkpoint.pt", weights_only=True, map_location="cpu")["model"]
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _card(settings, classes, folds):
    return {
        "network": "HearSee: residual, 4 stages of 2 basic blocks (64, 128, 256, 384), one normalisation per sense",
        "classes": classes, "scenes": 1000, "front_end": asdict(FrontEnd()), "windows_s": [0.5, 1, 2, 4],
        "training": {name: value for name, value in asdict(settings).items()
                     if name not in ("data", "start", "sound_teacher", "pictures", "picture_teacher")},
        "folds": folds,
    }
