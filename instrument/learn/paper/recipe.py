"""How the paper trains: all layers, SGD 0.001 with momentum 0.9 and decay 0.0005, 16 pictures a step, 5 epochs.

No augmentation, no class weights, no ImageNet normalisation, no choice by validation: the last step counts.
A run is cut into steps that depend on nothing before them but the weights, so it can stop and go on anywhere.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ..run import epoch_indices, generator, quick_bf16

SAVE_EVERY = 200  # steps


@dataclass(frozen=True)
class Recipe:
    """The paper's settings; `workers` draw pictures beside the training and change no result."""

    epochs: int = 5
    batch: int = 16  # of all processes together
    rate: float = 0.001
    momentum: float = 0.9
    decay: float = 0.0005
    seed: int = 0
    workers: int = 0


class Course:
    """A network in training: optimiser, curves, and the sums of the epoch under way."""

    def __init__(self, net, recipe, team):
        self.team, self.recipe = team, recipe
        self.net = net.to(team.device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(net.parameters(), recipe.rate, recipe.momentum, weight_decay=recipe.decay)
        self.precision = _precision(team.device)
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.precision is torch.float16)
        self.sums = torch.zeros(3, device=team.device)  # loss, right answers, pictures
        self.curves = []

    def start(self):
        """Join the processes; after the weights are in place."""
        self._shared = self.team.share(self.net)

    def learn(self, pictures, labels, step):
        """One step on this process's share of the batch."""
        # Dropout must not depend on the steps before a stop.
        torch.manual_seed(generator(self.recipe.seed, self.team.rank, step).initial_seed())
        labels = labels.to(self.team.device)
        with self._autocast():
            logits = self._shared.train()(self._input(pictures))
            loss = F.cross_entropy(logits.float(), labels)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        right = (logits.argmax(1) == labels).sum()
        self.sums += torch.stack([loss.detach() * len(labels), right.float(), right.new_tensor(len(labels)).float()])

    def judge(self, pictures, progress=True):
        """Log-probabilities of all `pictures` in order, float32 (n, classes); every process sees a share."""
        self.team.align(self.net)
        mine = range(self.team.rank, len(pictures), self.team.world)
        loader = DataLoader(pictures, 64, sampler=mine, num_workers=self.recipe.workers)
        batches = self.team.track(loader, "testing") if progress else loader
        found = [self._answers(batch) for batch, _ in batches]
        parts = self.team.gather(np.concatenate(found) if found else np.empty((0, 0), np.float32))
        out = np.empty((len(pictures), parts[0].shape[1]), np.float32)
        for rank, part in enumerate(parts):
            if len(part):  # there may be fewer pictures than processes
                out[rank::self.team.world] = part
        return out

    @torch.inference_mode()
    def _answers(self, pictures):
        with self._autocast():
            logits = self.net.eval()(self._input(pictures))
        return F.log_softmax(logits.float(), 1).cpu().numpy()

    def close_epoch(self, validation):
        """Write the epoch's figures into the curves."""
        answers, truth = self.judge(validation, progress=False), validation.truth
        self.collect()
        loss, right, count = self.sums.tolist()
        self.sums.zero_()
        self.curves.append({
            "train_loss": loss / max(count, 1), "train_accuracy": right / max(count, 1),
            "validation_loss": float(-answers[np.arange(len(truth)), truth].mean()),
            "validation_accuracy": float((answers.argmax(1) == truth).mean())})

    def collect(self):
        """Bring the sums of all processes to the first; every process calls it at the same step."""
        self.team.add(self.sums)
        if not self.team.first:
            self.sums.zero_()

    def note(self):
        return f"validation {self.curves[-1]['validation_accuracy']:.3f}" if self.curves else ""

    def _input(self, pictures):
        moved = pictures.to(self.team.device, memory_format=torch.channels_last, non_blocking=True)
        return moved.float() / 255

    def _autocast(self):
        return torch.autocast("cuda", self.precision) if self.precision else nullcontext()

    def state_dict(self):
        return {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict(),
                "scaler": self.scaler.state_dict(), "sums": self.sums, "curves": self.curves}

    def load_state_dict(self, state):
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        if state["scaler"]:  # none where it was saved without float16
            self.scaler.load_state_dict(state["scaler"])
        self.curves = list(state["curves"])
        self.sums = state["sums"].to(self.team.device) if self.team.first else torch.zeros_like(self.sums)


class Batches:
    """Lists of positions for this process, one per step from `first` on."""

    def __init__(self, count, steps, recipe, team):
        self.count, self.steps, self.recipe, self.team = count, steps, recipe, team

    def __len__(self):
        return len(self.steps)

    def __iter__(self):
        for step in self.steps:
            whole = epoch_indices(self.count, step, self.recipe.batch, self.recipe.seed)
            yield whole[self.team.rank::self.team.world].tolist()


def check_shares(recipe, team):
    """ValueError where a batch cannot be shared by all processes: before anything is drawn or written."""
    if recipe.batch % team.world:
        raise ValueError(f"a batch of {recipe.batch} can't be shared by {team.world} processes: "
                         "choose --batch as a multiple of them")


def train(course, pictures, validation, run, what):
    """Train `course` on `pictures` to the end of the recipe, from wherever `run` stands."""
    recipe, team, count = course.recipe, course.team, len(pictures)
    steps = ceil(count * recipe.epochs / recipe.batch)
    first = run.resume(course=course)
    course.start()
    ahead = range(first, steps)
    loader = DataLoader(pictures, batch_sampler=Batches(count, ahead, recipe, team), num_workers=recipe.workers)
    for step, batch in zip(team.track(ahead, what, first, course.note), loader):
        course.learn(*batch, step)
        ended = (step + 1) * recipe.batch // count > step * recipe.batch // count
        if ended:
            course.close_epoch(validation)
        if ended or (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            _save(course, run, step + 1)


def _save(course, run, step):
    course.collect()
    if course.team.first:
        run.save(step, course=course)


def _precision(device):
    """What CUDA computes in; None is plain float32."""
    if not device.startswith("cuda"):
        return None
    return torch.bfloat16 if quick_bf16(device) else torch.float16
