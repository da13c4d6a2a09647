"""The course of a training run: the student, its batches, a gradient step, the averaged weights, the final statistics.

Where the sounds come from, and what becomes of the network, is `train`'s. Weights are averaged exponentially over
the steps (Izmailov et al., 2018, in its running form).
"""

import copy
from dataclasses import asdict

import torch
from torch import nn
from torch.nn import functional as F

from ..model.net import WIDTHS, SenseNorm
from ..model.zoo import open_googlenet
from .distill import ANSWER_WEIGHT, Seeing
from .pictures import crops, read_squares
from .run import Losses, epoch_indices, generator, mixed, track
from .sound_teacher import EMBEDDING, MIDDLE_CHANNELS, TAGS
from .start import begin, is_own, is_run, part_of
from .tutor import Elder, Tutor

ODD = 0.5  # share of what is heard that is mangled, where a teacher is there to say what it is
SETTLED = 40  # batches of clean windows for the final statistics
LEARNT = ("model", "average", "optimiser", "schedule")  # parts of a Course


class Course:
    """Everything that changes while training: student, optimiser, averaged weights."""

    def __init__(self, settings, sounds, device, cache, classes):
        self.settings, self.sounds, self.device = settings, sounds, device
        steps = max(1, settings.steps)
        net = begin(settings.start, sounds.classes)
        net.front_end = sounds.front_end
        if is_own(settings):
            _keep_convolutions(net)
        self.hearing = Hearing(net).to(device, memory_format=torch.channels_last)
        self.tutor = self._tutor(classes, cache)
        self.seeing, squares = self._see(net) if settings.pictures else (None, None)
        self.batches = Batches(settings, sounds, squares)
        self.model = nn.ModuleDict({"hearing": self.hearing, **({"seeing": self.seeing} if self.seeing else {})})
        self.average = Average(net, max(0.9, 1 - 20 / steps))
        self.optimiser = torch.optim.AdamW(self._groups(), settings.rate, weight_decay=settings.decay)
        rates = [group["lr"] for group in self.optimiser.param_groups]
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, rates, steps, pct_start=0.15)
        self.losses = Losses()
        self.model.train()

    def _tutor(self, classes, cache):
        elder, teacher = self.settings.elder, self.settings.sound_teacher
        if elder and not teacher:
            raise ValueError("--elder needs --sound-teacher FILE, which it teaches beside")
        if not teacher:
            return None
        elder = Elder(elder, classes, self.device) if elder else None
        return Tutor(teacher, self.sounds, classes, cache, self.device, elder)

    @property
    def averaged(self):
        """The network with the averaged weights, to be kept."""
        return self.average.module

    def _see(self, net):
        if not self.settings.picture_teacher:
            raise ValueError("--pictures needs --picture-teacher FILE, BVLC GoogLeNet, who says what is in them")
        teacher = open_googlenet(self.settings.picture_teacher).to(self.device, memory_format=torch.channels_last)
        seeing = Seeing(net, teacher)
        if is_run(self.settings.start):
            seeing.adaptors.load_state_dict(part_of(self.settings.start, "adaptors."))
        return seeing.to(self.device), read_squares(self.settings.pictures, progress=track)

    def _groups(self):
        fresh = [p for part in (self.hearing.net.heads["sound"], self.hearing.adaptor, self.hearing.places)
                 for p in part.parameters()]
        known = {id(p) for p in fresh}
        rest = {id(p): p for p in self.model.parameters() if p.requires_grad and id(p) not in known}
        return [{"params": list(rest.values()), "lr": self.settings.rate},
                {"params": fresh, "lr": self.settings.head_rate}]

    def learn(self, step, batch, pictures=None):
        """The step of what `batches` gives: a batch of sound, and every few steps a batch of pictures."""
        torch.manual_seed(generator(self.settings.seed, 6, step).initial_seed())  # dropout must not depend on those before a stop
        loss = self._sound_loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if pictures is not None:
            self._picture_loss(pictures).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.follow(self.hearing.net)

    def _sound_loss(self, batch):
        with mixed(self.device):
            logits, features, maps = self.hearing(self._here(batch.log_mel))
        logits = logits.float()
        losses = F.cross_entropy(logits, self._here(batch.target), label_smoothing=0.05, reduction="none")
        named = self._here(batch.named).float()
        loss = (losses * named).sum() / named.sum().clamp_min(1)
        self.losses.add("sound", loss)
        if self.tutor:
            loss = self.settings.labels * loss
            lesson = self.tutor(batch.samples)
            told = 4 * F.kl_div(F.log_softmax(logits / 2.0, 1), lesson.answers, reduction="batchmean")
            alike = F.mse_loss(features.float(), lesson.features)
            there = sum(_map_error(*pair, batch.whole) for pair in zip(maps, lesson.maps, strict=True))
            for name, part in (("answers", told), ("features", alike), ("maps", there)):
                self.losses.add(name, part)
                loss = loss + getattr(self.settings, name) * part
        return loss

    def _picture_loss(self, pictures):
        features, answers = self.seeing.losses(self._here(pictures).contiguous(memory_format=torch.channels_last))
        self.losses.add("pictures", features)
        return features + ANSWER_WEIGHT * answers

    def _here(self, tensor):
        return tensor.to(self.device, non_blocking=True)

    def state_dict(self):
        net = self.hearing.net
        return {"stretch": net.stretch, "front_end": asdict(net.front_end), **{name: getattr(self, name).state_dict() for name in LEARNT}}

    def load_state_dict(self, state):
        own = self.state_dict()
        if any(state.get(name) != own[name] for name in ("stretch", "front_end")):
            raise ValueError("this run was begun by an earlier version, which shows sounds otherwise: choose another --run, or go on "
                             "with that version")
        for name in LEARNT:
            getattr(self, name).load_state_dict(state[name])


def _keep_convolutions(net):
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.requires_grad_(False)


def _map_error(maps, wanted, whole):
    """Mean squared error of the student's maps, of the rows that hear as much as the teacher: `whole`, on the CPU."""
    wanted = F.adaptive_avg_pool2d(wanted, maps.shape[2:])
    rows = whole.nonzero()[:, 0].to(maps.device, non_blocking=True)
    return F.mse_loss(maps.float()[rows], wanted[rows]) if len(rows) else maps.sum() * 0.0


class Hearing(nn.Module):
    """The student with adaptors from its features to its sound teacher's."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.adaptor = nn.Linear(WIDTHS[-1], EMBEDDING + TAGS)
        channels = (MIDDLE_CHANNELS, EMBEDDING)
        self.places = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in zip(WIDTHS[2:], channels, strict=True))

    def forward(self, log_mel):
        """(logits, predicted teacher features and AudioSet answers, predicted maps of stages 3 and 4) of log-mel windows."""
        *_, middle, end = self.net.use("sound").stages(self.net.shown(log_mel))
        embedding = end.mean((2, 3))
        maps = [adaptor(stage) for adaptor, stage in zip(self.places, (middle, end), strict=True)]
        return self.net.heads["sound"](self.net.dropout(embedding)), self.adaptor(embedding), maps


class Batches:
    """What is learnt at a step: (`Batch` of sound, pictures in 0..1 or None), a function of the step alone."""

    def __init__(self, settings, sounds, squares=None):
        self._settings, self._sounds, self._squares = settings, sounds, squares

    def __call__(self, step):
        odd = ODD if self._settings.sound_teacher else 0.0
        return self._sounds.batch(step, self._settings.batch, odd), self._pictures(step)

    def _pictures(self, step):
        batch, seed = self._settings.batch, self._settings.seed
        if self._squares is None or step % self._settings.picture_every:
            return None
        return crops(self._squares, epoch_indices(len(self._squares), step, batch, seed), generator(seed, 3, step))


class Average(nn.Module):
    """A copy of a network, `module`, that follows it: exponentially averaged weights and statistics.

    What torch.optim.swa_utils.AveragedModel does, but that waits for the GPU at each step."""

    def __init__(self, net, decay):
        super().__init__()
        self.module, self._decay = copy.deepcopy(net), decay
        self.register_buffer("n_averaged", torch.tensor(0))

    @torch.no_grad()
    def follow(self, net):
        ours, theirs = _floats(self.module), _floats(net)
        if self.n_averaged == 0:
            torch._foreach_copy_(ours, theirs)
        else:
            torch._foreach_lerp_(ours, theirs, 1 - self._decay)
        self.n_averaged += 1


def _floats(net):
    return [tensor for tensor in (*net.parameters(), *net.buffers()) if tensor.is_floating_point()]


@torch.no_grad()
def settle(net, sounds):
    """Take the ear's normalisation statistics anew from clean windows: training's are of mixtures, noise and masks."""
    norms = [module.norms["sound"] for module in net.use("sound").modules() if isinstance(module, SenseNorm)]
    net.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    device = next(net.parameters()).device
    for step in track(range(SETTLED), "settling"):
        net.stages(net.shown(sounds.clean(step).to(device)))
    net.eval()
