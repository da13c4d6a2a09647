"""Teach the network to see: distil an ImageNet network's features and answers on unlabelled pictures.

Loss: relative squared error of 1x1 adaptors on stages 2, 3, 4 against the teacher's `3b`, `4c`, `5b`
(feature hints: Romero et al., "FitNets", 2015), plus the divergence of the softened answers
(Hinton et al., "Distilling the Knowledge in a Neural Network", 2015). The teacher's weights are only
read; what is written is our own.
"""

from functools import lru_cache, partial

import torch
from torch import nn
from torch.nn import functional as F

from ..model.net import PICTURE_MEAN, PICTURE_STD, WIDTHS, HearSee
from ..model.zoo import open_googlenet
from .ahead import ahead, losses_told, usual_workers
from .pictures import crops, read_squares
from .run import Losses, Run, epoch_indices, generator, mixed, track

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


@losses_told()
def distill(pictures, teacher, out, steps=3000, batch=32, side=96, seed=0, workers=None):
    """Train `steps` steps on the pictures below a folder; resumes from `out`; returns the network.

    `workers` processes make the batches ahead (None: as suits the device) and change no result.
    """
    settings = dict(pictures=str(pictures), teacher=str(teacher), steps=steps, batch=batch, side=side,
                    rate=RATE, seed=seed)
    run = Run(out, settings)
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    teacher = open_googlenet(teacher).to(device, memory_format=torch.channels_last)
    seeing = Seeing(HearSee(), teacher).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(seeing.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=min(max(0.05, 1.5 / steps), 0.9))
    squares = read_squares(pictures, side, progress=track)
    run.begin()
    first = run.resume(model=seeing, optimiser=optimiser, schedule=schedule)
    seeing.train()
    shown, left = Losses(0.98), range(first, steps)
    workers = usual_workers(device) if workers is None else workers
    if _has_room(device, squares):
        squares, workers = squares.to(device), 0  # cropped there: 46 steps of 128 a second on an H200
    made = ahead(partial(batch_of, squares, batch, seed, side), left, workers, device == "cuda")
    for step, picture in zip(track(left, "seeing", first, lambda: str(shown)), made):
        picture = picture.to(device, non_blocking=True)
        features, answers = seeing.losses(picture.contiguous(memory_format=torch.channels_last))
        optimiser.zero_grad(set_to_none=True)
        (features + ANSWER_WEIGHT * answers).backward()
        optimiser.step()
        schedule.step()
        shown.add("features", features)
        shown.add("answers", answers)
        if (step + 1) % SAVED == 0 or step + 1 == steps:
            run.save(step + 1, model=seeing, optimiser=optimiser, schedule=schedule)
            run.log(step=step + 1, **shown.read())
    return seeing.net
