"""Teach the network to see: distil an ImageNet network's features and answers on unlabelled pictures.

Loss: relative squared error of 1x1 adaptors on stages 2, 3, 4 against the teacher's `3b`, `4c`, `5b`
(feature hints: Romero et al., "FitNets", 2015), plus the divergence of the softened answers
(Hinton et al., "Distilling the Knowledge in a Neural Network", 2015). The teacher's weights are only
read; what is written is our own.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache, partial

import torch
from torch import nn
from torch.nn import functional as F

from ..files import sole
from ..model.net import PICTURE_MEAN, PICTURE_STD, WIDTHS, HearSee
from ..model.zoo import open_googlenet
from .ahead import ahead, losses_told, usual_workers
from .pictures import crops, names_told, read_squares
from .run import Losses, Run, digest, epoch_indices, generator, mixed, track

HINTS = {1: "3b", 2: "4c", 3: "5b"}  # student stage index -> teacher layer
HINT_CHANNELS = {"3b": 480, "4c": 512, "5b": 1024}
TEMPERATURE = 2.0
ANSWER_WEIGHT = 0.15  # features carry the dream, so they lead
RATE = 2e-3
SAVED = 100  # steps between two checkpoints


class Seeing(nn.Module):
    """The student with the adaptors that compare it to its teacher."""

    def __init__(self, net, teacher):
        super().__init__()
        self.net = net
        self.adaptors = nn.ModuleDict(
            {layer: nn.Conv2d(WIDTHS[i], HINT_CHANNELS[layer], 1) for i, layer in HINTS.items()})
        self._teacher = [teacher]  # in a list: not a part of our weights

    def losses(self, pictures):
        """(feature error, answer divergence) for pictures in 0..1."""
        with mixed(pictures.device):
            with torch.no_grad():
                hints = self._teacher[0].activations(pictures)
                answer = self._teacher[0].logits(hints)
            stages = self.net.use("picture").stages(normalise(pictures))
            copies = {layer: self.adaptors[layer](stages[i]) for i, layer in HINTS.items()}
            logits = self.net.heads["picture"](stages[-1].mean((2, 3)))
        errors = [_relative_error(copies[layer].float(), hints[layer].float()) for layer in copies]
        return sum(errors), divergence(logits.float(), answer.float(), TEMPERATURE)


def normalise(pictures):
    """ImageNet normalisation of pictures in 0..1, shape (batch, 3, h, w)."""
    mean, std = _statistics(pictures.device)
    return (pictures - mean) / std


@lru_cache
def _statistics(device):
    return [torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (PICTURE_MEAN, PICTURE_STD)]


def divergence(logits, target, temperature):
    """Kullback-Leibler divergence of softened answers, scaled by temperature squared."""
    answer = F.log_softmax(logits / temperature, 1)
    wanted = F.log_softmax(target / temperature, 1)
    return F.kl_div(answer, wanted, reduction="batchmean", log_target=True) * temperature**2


def _relative_error(student, teacher):
    if student.shape != teacher.shape:
        teacher = F.adaptive_avg_pool2d(teacher, student.shape[2:])
    return (student - teacher).square().mean() / teacher.square().mean()


def batch_of(squares, batch, seed, side, step):
    """The crops of `step`, a function of nothing but these."""
    return crops(squares, epoch_indices(len(squares), step, batch, seed), generator(seed, 1, step), side)


def _has_room(device, squares):
    """Whether all pictures fit on a GPU beside the training."""
    return device == "cuda" and squares.nbytes < torch.cuda.mem_get_info()[0] / 4


@dataclass(frozen=True)
class Settings:
    """What a run is made of; a run that resumes must have the same."""

    pictures: str  # folder of photographs, or of zips of them
    teacher: str  # file of BVLC GoogLeNet
    steps: int = 3000
    batch: int = 32
    side: int = 96  # px of a crop
    rate: float = RATE
    seed: int = 0


class Course:
    """Everything that changes while training, and what is said of it: `losses`."""

    def __init__(self, settings, device):
        steps, rate = settings.steps, settings.rate
        teacher = open_googlenet(settings.teacher).to(device, memory_format=torch.channels_last)
        self.model = Seeing(HearSee(), teacher).to(device, memory_format=torch.channels_last).train()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), rate, weight_decay=0.02)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, rate, steps, pct_start=min(max(0.05, 1.5 / steps), 0.9))
        self.losses = Losses(0.98)
        self._device = device

    @property
    def parts(self):
        """What a checkpoint holds, by name."""
        return {"model": self.model, "optimiser": self.optimiser, "schedule": self.schedule}

    def learn(self, pictures):
        """One step on a batch of pictures in 0..1."""
        pictures = pictures.to(self._device, non_blocking=True)
        features, answers = self.model.losses(pictures.contiguous(memory_format=torch.channels_last))
        self.optimiser.zero_grad(set_to_none=True)
        (features + ANSWER_WEIGHT * answers).backward()
        self.optimiser.step()
        self.schedule.step()
        self.losses.add("features", features)
        self.losses.add("answers", answers)


@losses_told()
def distill(settings, out, workers=None):
    """Train by `settings`, resuming from the run folder `out`; returns the network.

    `workers` processes make the batches ahead (None: as suits the device) and change no result.
    """
    with sole(out):
        run = Run(out, {**asdict(settings), "digests": {"pictures": names_told(settings.pictures), "teacher": digest(settings.teacher)}})
        torch.manual_seed(settings.seed)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        course = Course(settings, device)
        squares = read_squares(settings.pictures, settings.side, progress=track)
        run.begin()
        left = range(run.resume(**course.parts), settings.steps)
        _learn(course, run, left, _batches(settings, squares, left, workers, device))
        return course.model.net


def _learn(course, run, left, made):
    """The steps that are `left`, of batches `made` for them."""
    for step, batch in zip(track(left, "seeing", left.start, lambda: str(course.losses)), made):
        course.learn(batch)
        if (step + 1) % SAVED == 0 or step + 1 == left.stop:
            run.save(step + 1, **course.parts)
            run.log(step=step + 1, **course.losses.read())


def _batches(settings, squares, left, workers, device):
    """The crops of all steps that are left, made ahead."""
    workers = usual_workers(device) if workers is None else workers
    if _has_room(device, squares):
        squares, workers = squares.to(device), 0  # cropped there: 46 steps of 128 a second on an H200
    made = partial(batch_of, squares, settings.batch, settings.seed, settings.side)
    return ahead(made, left, workers, device == "cuda")
