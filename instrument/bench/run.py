"""`hearsee bench NAME`: runs one benchmark, prints Markdown, writes JSON on request."""

from importlib import import_module

from ..files import check_place
from .report import machine, markdown, write


def dream(options):
    """Steps a second of the shipped network and of ResNet-50."""
    from .dream import dream_rows

    eyes, guides = _eyes(options)
    return dream_rows(eyes, guides)


def table2(options):
    """The paper's Table 2 beside ours, on ResNet-50."""
    from .table2 import table2_rows

    eyes, guides = _eyes(options)
    return table2_rows(eyes["resnet50"], guides)


def hear(options):
    """Onset to packet and to the first right answer, on real clips after silence; alone and beside a busy renderer."""
    from ..learn.dataset import find_clips, read
    from ..model.card import DEFAULT, load_model
    from .hear import answered_right, hear_rows, stage_rows

    if not options.data:
        raise ValueError("bench hear needs --data DIR with labelled clips")
    model = load_model(options.model or DEFAULT)
    clips = [clip for clip in find_clips(options.data, model.classes)
             if clip.label in model.classes and (not options.folds or clip.fold in options.folds)]
    asked = [(clip.label, read(clip)) for clip in _few_of_each(clips, options.clips)]
    right = answered_right(model, asked)
    if not right:
        raise ValueError(f"bench hear: none of {len(asked)} clips of the model's classes ({', '.join(model.classes)}) is "
                         "answered right as a whole; give others")
    stages = stage_rows(model, right[0][1])
    print(f"{len(right)} of {len(asked)} clips are answered right as a whole: these are timed\n\n{markdown(stages)}\n")
    return hear_rows(right, model.folder), {"stages": stages}


def calm(options):
    """False events in room noise, and flips on steady real sounds (--data)."""
    from ..learn.dataset import find_clips, read
    from ..learn.run import track
    from ..model.card import DEFAULT, load_model
    from .calm import calm_rows

    clips = [clip for clip in find_clips(options.data) if not options.folds or clip.fold in options.folds] \
        if options.data else []
    steady = [(clip.label, read(clip)) for clip in _few_of_each(clips, options.clips)]
    return calm_rows(load_model(options.model or DEFAULT), steady, options.minutes or 3.0,
                     progress=lambda items: track(items, "listening"))


def show(options):
    """Frame times of the whole show: untouched, with knobs turned 20 times a second, and network and model exchanged too."""
    from ..options import PerformOptions
    from .show import show_rows

    return show_rows(PerformOptions(audio="demo", headless=True, size=options.size, fps=options.fps, no_hud=True, keep=False, port=10081,
                                    target=[], model=options.model, network=options.network), options.seconds)


def soak(options):
    """Minutes of the dream with hand-fed time: memory, brightness, contrast, whether a picture comes back."""
    from ..dream.dreamer import Dreamer
    from ..eyes import best_device, read_pictures
    from ..learn.run import track
    from ..model.card import DEFAULT, load_model
    from ..model.zoo import open_eye
    from ..params import DEFAULTS
    from ..presets import open_bank
    from .soak import soak_rows

    model = load_model(options.model or DEFAULT)
    look = open_bank().load(options.preset).values if options.preset else {}
    dreamer = Dreamer(open_eye(None, model), read_pictures(model), best_device())
    return soak_rows(dreamer, model.classes, options.minutes or 30.0, {**DEFAULTS, **look}, lambda items: track(items, "soaking"))


def upload(options):
    """From a dream frame to a texture, by route and size."""
    from ..render.window import open_screen
    from .upload import upload_rows

    screen = open_screen((64, 64), headless=True)
    try:
        return upload_rows(screen.ctx)
    finally:
        screen.close()


def peer(options):
    """gordicaleksa/pytorch-deepdream's step beside ours, on one random ResNet-50."""
    import torch
    from torchvision.models import resnet50

    from .peer import peer_rows

    if not options.peer:
        raise ValueError("bench peer needs --peer FOLDER: a copy of github.com/gordicaleksa/pytorch-deepdream")
    torch.manual_seed(0)
    return peer_rows(options.peer, resnet50())


def looks(options):
    """Noise, clipping, colour and steadiness of every shipped preset."""
    from .presets import look_rows

    return look_rows(*_looks(options))


def presets(options):
    """How far the shipped presets are apart, beside two seeds of one."""
    from .presets import apart_rows

    return apart_rows(*_looks(options))


def knobs(options):
    """Every row of the dream, the zoom and the post effects at both ends, beside what another seed changes."""
    from ..learn.run import track
    from ..model.card import DEFAULT, load_model
    from .knobs import knob_rows

    return knob_rows(load_model(options.model or DEFAULT), options.rows, progress=lambda items: track(items, "turning"))


def cuda(options):
    """All about an NVIDIA GPU: ceilings, hand-over to OpenGL, graphs beside plain steps, Table 2, shares reached."""
    import torch

    from ..render.window import open_screen
    from .cuda import cuda_rows

    if not torch.cuda.is_available():
        raise ValueError("bench cuda needs an NVIDIA GPU, and torch sees none here")
    eyes, guides = _eyes(options)
    try:
        screen = open_screen((64, 64), headless=True)
    except OSError:
        return cuda_rows(eyes, guides, None)
    try:
        return cuda_rows(eyes, guides, screen.ctx)
    finally:
        screen.close()


def teach(options):
    """New classes from five examples each: how many of their other clips are told, and what the own classes lose."""
    from ..learn.dataset import find_clips
    from ..model.card import DEFAULT, load_model
    from .teach import teach_rows

    if not (options.data and options.new):
        raise ValueError("bench teach needs --data DIR with clips of the model's classes and --new DIR with others")
    model = load_model(options.model or DEFAULT)
    known = model.card["classes"]
    own = [clip for clip in find_clips(options.data, known) if clip.label in known
           and (not options.folds or clip.fold in options.folds)]
    new = [clip for clip in find_clips(options.new, known) if clip.label not in known
           and (not options.classes or clip.label in options.classes)]
    if not (own and new):
        raise ValueError(f"{options.data} needs clips of {', '.join(known)}, and {options.new} of "
                         f"{', '.join(options.classes) or 'others'}")
    return teach_rows(model, own, new)


# Each gives its rows, or (rows, {name: rows of another table that it has printed}).
BENCHES = {"dream": dream, "table2": table2, "hear": hear, "show": show, "soak": soak, "upload": upload, "calm": calm,
           "peer": peer, "looks": looks, "presets": presets, "knobs": knobs, "cuda": cuda, "teach": teach}
# Benches whose module of the same name sums up in one line.
VERDICTS = ("calm", "looks", "presets", "show", "soak", "knobs", "cuda", "teach", "table2")


def bench(options):
    """Run the benchmark that `options.name` says."""
    if options.json:
        check_place(options.json)
    found = BENCHES[options.name](options)
    rows, more = found if isinstance(found, tuple) else (found, {})
    print(f"{options.name} on {machine()}\n\n{markdown(rows)}")
    if options.name in VERDICTS:
        print(f"\n{import_module(f'.{options.name}', __package__).verdict(rows)}")
    if options.json:
        write(options.json, options.name, rows, **more)


def _eyes(options):
    """{name: eye} and the class pictures of the model."""
    import torch
    from torchvision.models import resnet50

    from ..eyes import read_pictures
    from ..model.card import DEFAULT, load_model
    from ..model.classifiers import classifier_eye
    from ..model.zoo import open_eye

    torch.manual_seed(0)
    model = load_model(options.model or DEFAULT)
    # Speed does not depend on the weights, so ResNet-50 needs no download here.
    eyes = {"ours": open_eye(None, model), "resnet50": classifier_eye(resnet50(), "resnet50")}
    return eyes, read_pictures(model)


def _looks(options):
    """The model and all shipped presets."""
    from ..files import ROOT
    from ..model.card import DEFAULT, load_model
    from ..presets import Bank, read

    return load_model(options.model or DEFAULT), [read(path) for path in Bank([ROOT / "presets"]).paths()]


def _few_of_each(clips, count):
    kept = {}
    for clip in clips:
        kept.setdefault(clip.label, []).append(clip)
    # Spread over the recordings rather than the first few slices of one, and never two of a class in a row.
    return [group[len(group) * i // min(count, len(group))] for i in range(count) for group in kept.values() if i < len(group)]
