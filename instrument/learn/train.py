"""Teach the network to hear, without forgetting how to see.

Starts from a network that sees (`distill`), learns labelled clips with a teacher's help where one is given
(`tutor`), and goes on seeing pictures every few steps so that its dreams stay. Started from a finished model
and without pictures, it keeps every convolution as it is and learns scales and answers of the ear only: then
what is dreamed is what was dreamed before. Weights are averaged exponentially over the steps
(Izmailov et al., 2018, in its running form).
"""

import copy
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..audio.engine import levels
from ..audio.files import decode
from ..audio.frontend import FrontEnd
from ..files import aged, write_whole
from ..model.card import MARKS, find_model, load_model, save_model
from ..model.net import WIDTHS, HearSee, SenseNorm
from ..model.zoo import open_googlenet
from ..params import DEFAULTS
from .ahead import ahead, in_threads, losses_told, usual_workers
from .answers import answer_anew
from .augment import WINDOW, Sounds, strangers
from .calibrate import calibrate, keep_back
from .dataset import absent, absent_line, classes_of, find_clips, fingerprint, folds_of, kept_apart, note, read, told
from .distill import ANSWER_WEIGHT, Seeing
from .evaluate import cut
from .pictures import crops, read_squares
from .run import Losses, Run, epoch_indices, generator, mixed, read_json, read_tensors, track
from .sound_teacher import EMBEDDING, MIDDLE_CHANNELS, TAGS
from .teach import few, remember
from .tutor import Elder, Tutor

ODD = 0.5  # share of what is heard that is mangled, where a teacher is there to say what it is
SAVED = 50  # steps between two checkpoints
SETTLED = 40  # batches of clean windows for the final statistics
LEARNT = ("model", "average", "optimiser", "schedule")  # parts of a Course
ASKED = 8  # clips of a class, and windows of each, by which it is told what it sounds like
OUTS = "models.txt"  # in a run's folder: the model folders that it has written


@dataclass(frozen=True)
class Settings:
    """What a training run is made of; stored beside its checkpoints."""

    data: str
    start: str = ""  # a run of `distill`, a model folder, or empty for random weights
    foreign: str = ""  # sounds of no class
    sound_teacher: str = ""
    elder: str = ""  # a model folder, whose answers are learnt too
    pictures: str = ""
    picture_teacher: str = ""
    leave_out: int = 0  # a fold kept for testing
    steps: int = 300
    batch: int = 32
    rate: float = 1e-3
    head_rate: float = 3e-3
    decay: float = 0.05
    labels: float = 0.5  # weight of the labels
    answers: float = 1.0  # weight of the sound teacher's answers
    features: float = 1.0  # weight of its features and AudioSet answers
    maps: float = 0.5  # weight of where it hears them
    picture_every: int = 2
    seed: int = 0


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


@losses_told()
def train(settings, out, run_folder, workers=None):
    """Train by `settings`, resuming from `run_folder`; writes the model folder `out` and returns it.

    `workers` processes make the batches ahead (None: as suits the device) and change no result. A finished model that
    learns other classes keeps some recordings back, to know how sure it may be.
    """
    clips = _learnable(settings)
    classes, foreign = classes_of(clips), _strangers(settings, classes_of(clips))
    print("\n".join([told(settings.data, clips), *absent_line(absent(settings.data))]))
    _keep_others(out, run_folder)
    lender = _lender(settings.start)
    run = Run(run_folder, {**asdict(settings), "classes": classes, "clips": _met(clips, foreign)})
    torch.manual_seed(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    learnt, back = keep_back(clips) if _is_own(settings) else (clips, [])
    sounds = gather(learnt, classes, foreign, settings.seed, _front_end(settings.start))
    course = Course(settings, sounds, device, run.folder.parent, classes)
    Path(out).mkdir(parents=True, exist_ok=True)  # now, not when all has been learnt
    run.begin()
    _remember_out(out, run.folder)
    workers = usual_workers(device) if workers is None else workers
    done = run.resume(course=course)
    _learn(course, run, min(done, settings.steps), workers)
    _settle(course, run, done)
    answer_anew(course.averaged, sounds, workers, course.tutor and course.tutor.say)
    _keep(course.averaged, out, _card(settings, classes, folds_of(clips)), back)
    note_learnt(out, [*learnt, *foreign], lender)
    if not settings.steps:
        run.log(step=0)  # something has been learnt here, too: other sounds are another run
    remember(load_model(out), clips)
    if lender:
        lend_pictures(lender, out, clips)
    return out


def _met(clips, foreign):
    """What says which sounds a run learns: others under the same names are another run, or what was kept back to judge it
    would have been learnt."""
    return [fingerprint(clips), *([fingerprint(foreign)] if foreign else [])]


def _learn(course, run, first, workers):
    """All steps from number `first` on."""
    left = range(first, course.settings.steps)
    made = ahead(course.batches, left, workers, course.device == "cuda")
    for step, batch in zip(track(left, "hearing", first, lambda: str(course.losses)), made):
        course.learn(step, *batch)
        if (step + 1) % SAVED == 0 or step + 1 == course.settings.steps:
            run.save(step + 1, course=course)
            run.log(step=step + 1, **course.losses.read())


def _settle(course, run, done):
    """The final statistics, kept as one step more: what is stopped afterwards does not take them again."""
    after = course.settings.steps + 1
    course.averaged.eval()
    if done < after:
        settle(course.averaged, course.sounds)
        run.save(after, course=course)


def _keep(net, out, card, back):
    """Write the model folder; with clips kept `back`, how sure it may be."""
    save_model(out, net, card)
    found = calibrate(load_model(out), back)
    if found:
        save_model(out, net, {**card, "temperature": found.pop("temperature"), "kept_back": found})


def note_learnt(out, clips, start):
    """Note in the model folder `out` which clips it has learnt; what the model `start` had, it has too, and where that says
    nothing, neither does this."""
    if not start or start.learnt:
        note(Path(out) / MARKS, clips, start.learnt if start else ())


def _learnable(settings):
    """The clips of all folds but the one to leave out; ValueError where there is none such, or nothing is left."""
    found, out = find_clips(settings.data), settings.leave_out
    clips = [clip for clip in found if not out or clip.fold != out]
    if out and not 0 < len(clips) < len(found):
        there = ", ".join(str(fold) for fold in folds_of(found) if fold)
        raise ValueError(f"--leave-out {out}: {settings.data} has " + (f"the folds {there}; leave out one of several" if there
                         else "no folds; leave out nothing, and evaluate on other recordings"))
    return clips


def _strangers(settings, classes):
    """The clips of no class; where a fold is left out, without those that `kept_apart` keeps to judge on."""
    found = [clip for clip in find_clips(settings.foreign, foreign=True) if clip.label not in classes] if settings.foreign else []
    apart = set(kept_apart(found, (settings.leave_out,))) if settings.leave_out else ()
    if apart:
        print(f"{len(apart)} of {len(found)} foreign clips are kept for testing")
    return [clip for clip in found if clip not in apart]


def _keep_others(out, run_folder):
    """ValueError if `out` is a model that this run has not made, or that has been taught since."""
    if (Path(out) / "card.json").exists() and not _has_made(Path(run_folder), Path(out)):
        raise ValueError(f"{out} is a model already, which this run ({run_folder}) has not made: choose another --out")
    if (Path(out) / "card.json").exists() and (taught := read_json(Path(out) / "card.json").get("taught")):
        raise ValueError(f"{out} has been taught {', '.join(taught)} since, which would be lost: choose another --out")


def _has_made(run_folder, out):
    if (run_folder / OUTS).exists():
        return str(out.resolve()) in _outs(run_folder)
    if not (run_folder / "settings.json").exists():
        return False
    # A run from before it noted that: the model tells what it was made with.
    settings, card = map(read_json, (run_folder / "settings.json", out / "card.json"))
    told = {"classes": card.get("classes"), **card.get("training", {})}
    return "training" in card and told.items() <= settings.items()


def _remember_out(out, run_folder):
    """Note that this run writes the model folder `out`."""
    outs = dict.fromkeys([*_outs(run_folder), str(Path(out).resolve())])
    write_whole(run_folder / OUTS, "".join(f"{each}\n" for each in outs))


def _outs(run_folder):
    path = run_folder / OUTS
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _lender(start):
    """The finished model to start from, which lends its pictures; None for another start. ValueError where it has none: now,
    not when all has been learnt."""
    if not start or _is_run(start):
        return None
    _weights(start)
    model = load_model(start)
    model.picture_files()
    return model


def _sounding(clips, samples, classes):
    """The [(clip, samples)] in which something sounds: the hiss of a take that is silent would be learnt as its class.
    ValueError for a class of which nothing is left."""
    kept = [(clip, one) for clip, one in zip(clips, samples, strict=True)
            if levels(one, FrontEnd().rate).max(initial=-np.inf) >= DEFAULTS["hear.gate"]]
    for name in classes:
        if not any(clip.label == name for clip, _ in kept):
            raise ValueError(f"class {name}: nothing sounds in its {sum(clip.label == name for clip in clips)} clips that are to "
                             f"be learnt (louder than {DEFAULTS['hear.gate']:g} dBFS): record it louder, or take its folder away")
    for path in sorted({str(clip.path) for clip in clips} - {str(clip.path) for clip, _ in kept}):
        print(f"left out, as nothing sounds in it: {path}")
    return kept


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


def lend_pictures(base, out, clips):
    """Give every class of the model folder `out` a picture of the model `base`: that of the class it sounds most like.

    A picture that is there already stays. Returns {class: class of `base`}.
    """
    files, lent = base.picture_files(), {}
    for label in classes_of(clips):
        if not list((Path(out) / "pictures").glob(f"{label}.*")):
            lent[label] = label if label in files else _nearest(base, [clip for clip in clips if clip.label == label])
            path = files[lent[label]]
            copy = Path(out) / "pictures" / (label + path.suffix)
            shutil.copyfile(path, copy)
            aged(copy)
    return lent


def _nearest(base, clips):
    """The class of `base` that a few clips sound most like."""
    heard = []
    for clip in few(clips, ASKED):
        windows = [window for window in cut(*decode(clip.path), WINDOW, base.front_end) if window is not None]
        heard += [base.hear(window) for window in few(windows, ASKED)]
    return base.classes[int(np.mean(heard, 0)[:-1].argmax())] if heard else base.classes[0]


def gather(clips, classes, foreign=(), seed=0, front_end=FrontEnd()):
    """Sounds of labelled clips, noises of our own, and those of the clips `foreign` that have no class here."""
    others, noises = [clip for clip in foreign if clip.label not in classes], strangers()
    samples = in_threads(lambda clip: read(clip).astype(np.float16), [*clips, *others],
                         lambda files: track(files, "reading clips"))
    clips, heard = zip(*_sounding(clips, samples[:len(clips)], classes), strict=True)
    samples = [*heard, *samples[len(samples) - len(others):]]
    labels = [classes.index(clip.label) for clip in clips] + [len(classes)] * (len(others) + len(noises))
    recordings = [f"{clip.label} {clip.recording or clip.path}" for clip in (*clips, *others)]
    recordings += [f"noise {number}" for number in range(len(noises))]
    return Sounds([*samples, *noises], labels, len(classes), seed, recordings, front_end)


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


class Course:
    """Everything that changes while training: student, optimiser, averaged weights."""

    def __init__(self, settings, sounds, device, cache, classes):
        self.settings, self.sounds, self.device = settings, sounds, device
        steps = max(1, settings.steps)
        net = begin(settings.start, sounds.classes)
        net.front_end = sounds.front_end
        if _is_own(settings):
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
        if _is_run(self.settings.start):
            seeing.adaptors.load_state_dict(_part(self.settings.start, "adaptors."))
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


def _map_error(maps, wanted, whole):
    """Mean squared error of the student's maps, of the rows that hear as much as the teacher: `whole`, on the CPU."""
    wanted = F.adaptive_avg_pool2d(wanted, maps.shape[2:])
    rows = whole.nonzero()[:, 0].to(maps.device, non_blocking=True)
    return F.mse_loss(maps.float()[rows], wanted[rows]) if len(rows) else maps.sum() * 0.0


def begin(start, classes):
    """A HearSee of `classes` from a run of `distill`, from a model folder, or (empty) from random weights.

    ValueError where `start` is neither. The answers to sound begin anew.
    """
    if start and not _is_run(start):
        state, own = _heard(start), load_model(start).net
        shown = {"stretch": own.stretch, "front_end": own.front_end}  # its normalisations are fitted to that
    else:
        state, shown = _seen(start) if start else {}, {}
    net = HearSee(classes, **shown)
    net.load_state_dict({name: value for name, value in state.items() if not name.startswith("heads.sound.")}, strict=False)
    return net


def _front_end(start):
    """The front end to begin with: a model keeps its own."""
    return load_model(start).front_end if start and not _is_run(start) else FrontEnd()


def _is_own(settings):
    """Whether a finished model learns classes of its user's."""
    return bool(settings.start) and not settings.pictures and not _is_run(settings.start)


def _is_run(start):
    return bool(start) and (Path(start) / "checkpoint.pt").exists()


def _seen(run_folder):
    """The ear starts from what the eye has learnt, scales included."""
    state = _part(run_folder, "net.")
    scales = {name.replace(".picture.", ".sound."): value.clone() for name, value in state.items()
              if ".picture." in name and "heads" not in name}
    return {**state, **scales}


def _heard(folder):
    return {name: value.float() for name, value in read_tensors(_weights(folder)).items()}


def _weights(folder):
    path = find_model(folder) / "weights.safetensors"
    if not path.exists():
        raise ValueError(f"{folder} to start from: neither a run of `hearsee distill` nor a model folder; give one, or 'none' "
                         "for random weights")
    return path


def _keep_convolutions(net):
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.requires_grad_(False)


def _part(run_folder, prefix):
    state = read_tensors(f"{run_folder}/checkpoint.pt")["model"]
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _card(settings, classes, folds):
    return {
        "network": "HearSee: residual, 4 stages of 2 basic blocks (64, 128, 256, 384), one normalisation per sense",
        "classes": classes, "scenes": 1000, "window_s": WINDOW,
        "training": {name: value for name, value in asdict(settings).items()
                     if name not in ("data", "start", "foreign", "sound_teacher", "elder", "pictures", "picture_teacher")},
        "folds": folds,
    }
