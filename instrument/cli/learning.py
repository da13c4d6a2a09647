"""`distill`, `train`, `data`, `teach`, `evaluate` and `paint`: what a model is made of."""

import os
from pathlib import Path

from ..awake import awake
from ..params import DEFAULTS, EAR, SHOW
from .flags import fields_given, model_flag, workers_flag
from .legal import LONGEST, SEEDS, port, size, whole, within


def _check_alone(command):
    """ValueError where `torchrun` has started several of us for what is one process's work."""
    count = os.environ.get("WORLD_SIZE", "1")
    if count != "1":
        raise ValueError(f"torchrun has started {count} processes, and each would do all of `hearsee {command}` by itself: leave torchrun "
                         "out (`train --recipe paper` alone shares its work)")


def distill_flags(command):
    command.add_argument("--pictures", required=True, metavar="DIR", help="photographs: folders or zips of them")
    command.add_argument("--teacher", required=True, metavar="FILE", help="BVLC GoogLeNet: .caffemodel or .safetensors")
    command.add_argument("--out", required=True, metavar="RUN", help="run folder; give it again to resume")
    command.add_argument("--steps", type=whole(1), default=3000)
    command.add_argument("--batch", type=whole(2), default=32, help="crops a step; 128 suits a large GPU")
    command.add_argument("--side", type=whole(32, 512), default=96, help="crop size in pixels")
    command.add_argument("--seed", type=whole(0, SEEDS), default=0)
    workers_flag(command)


def run_distill(options):
    from ..learn.distill import Settings, distill

    _check_alone("distill")
    with awake(screen=False):
        distill(Settings(**fields_given(options, Settings)), options.out, options.workers)


def train_flags(command):
    command.add_argument("--data", required=True, metavar="DIR", help="labelled clips (UrbanSound8K, ESC or "
                         "label/*.wav layout)")
    command.add_argument("--out", required=True, metavar="MODEL", help="model folder to write")
    command.add_argument("--batch", type=whole(1), help="sounds a step (default 32); with --recipe paper pictures, of all "
                         "processes together (default 16)")
    command.add_argument("--seed", type=whole(0, SEEDS), default=0)
    workers_flag(command)
    command.add_argument("--recipe", choices=("own", "paper"), default="own", help="'paper' repeats the paper of 2018")
    command.set_defaults(flags_of={"own": _own_flags(command), "paper": _paper_flags(command)})


def _own_flags(command):
    add = command.add_argument_group("a model of your classes", "without --recipe paper").add_argument
    return (
        add("--run", dest="run_folder", metavar="RUN", help="run folder (default runs/NAME); resumes"),
        add("--start", metavar="MODEL", help="begin from this model (default: the shipped one), from a "
            "run of `hearsee distill`, or from 'none'"),
        add("--foreign", metavar="DIR", help="sounds of no class, to be told from yours; --leave-out keeps some of them for testing "
            "too"),
        add("--sound-teacher", metavar="FILE", help="EfficientAT mn04 weights"),
        add("--elder", metavar="MODEL", help="an older model of these classes, whose answers are learnt beside that teacher's"),
        add("--pictures", metavar="DIR", help="go on seeing these while learning to hear"),
        add("--picture-teacher", metavar="FILE", help="BVLC GoogLeNet: .caffemodel or .safetensors"),
        add("--leave-out", type=whole(0), metavar="FOLD", help="keep a fold for testing"),
        add("--steps", type=whole(0), help="0: the answers only, on the features that there are (default 300)"))


def _paper_flags(command):
    add = command.add_argument_group("the paper", "with --recipe paper: 3 sets, 2 splits, one table in --out; under "
                                     "`torchrun --nproc-per-node N -m instrument train` on N devices").add_argument
    return (
        add("--network", metavar="NAME", help="any torchvision classifier (default resnet50)"),
        add("--weights", metavar="FILE", help="its ImageNet weights, 'imagenet' (from torchvision, the default) or 'none'"),
        add("--splits", nargs="+", choices=("random", "folds", "recordings"),
            help="default: random folds; without folds random recordings"),
        add("--test-folds", dest="folds", type=whole(1), nargs="+", metavar="N", help="default: each in turn"),
        add("--sets", nargs="+", choices=("baseline", "padded", "rolled"), help="default: all three"),
        add("--as-published", action="store_true", default=None, help="with the original's rolling fault and its JPEGs"),
        add("--per-class", type=whole(1), metavar="N", help="at most N clips of a class"),
        add("--epochs", type=whole(1), help="default 5"))


def _paper(options):
    from ..learn.paper.recipe import Recipe
    from ..learn.paper.study import Paper, reproduce

    paper = Paper(**{**fields_given(options, Paper), "recipe": Recipe(**fields_given(options, Recipe))})
    for line in reproduce(paper, options.out):
        print(line)


def data_flags(command):
    command.add_argument("action", choices=("arrange", "split", "pad", "roll", "averages", "histograms"))
    command.add_argument("--data", required=True, metavar="DIR", help="labelled clips (UrbanSound8K, ESC or "
                         "label/*.wav layout)")
    command.add_argument("--out", required=True, metavar="DIR", help="write here")
    command.add_argument("--seed", type=whole(0, SEEDS), default=0, help="of the random split")
    command.add_argument("--as-published", action="store_true", help="roll with the original's fault")


def run_data(options):
    from ..learn.paper.command import prepare

    _check_alone("data")
    for line in prepare(options):
        print(line)


def _refuse_flags_of_the_other(options):
    """ValueError for flags that the recipe would not look at."""
    wrong = [flag.option_strings[0] for recipe, flags in options.flags_of.items() if recipe != options.recipe
             for flag in flags if getattr(options, flag.dest) is not None]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: not {'with' if options.recipe == 'paper' else 'without'} --recipe paper; "
                         "leave one or the other out")


def run_train(options):
    _refuse_flags_of_the_other(options)
    if options.recipe == "paper":
        with awake(screen=False):
            return _paper(options)
    _check_alone("train")
    from ..learn.train import Settings, train
    from ..model.card import DEFAULT, load_model

    given = fields_given(options, Settings)
    start = {None: str(DEFAULT), "none": ""}.get(options.start, options.start)
    settings = Settings(**{**given, "start": start})
    with awake(screen=False):
        out = train(settings, options.out, options.run_folder or Path("runs") / Path(options.out).name, options.workers)
    print(out)
    print(_kept_back(load_model(out).card))


def _kept_back(card):
    found = card.get("kept_back")
    if not found:
        return "no recording was kept back: `hearsee evaluate` says how good it is on others"
    there, every = found["classes"], len(card["classes"])
    of = f" of {there} of {every} classes" if there < every else ""
    known = f" ({found['learnt']} of {found['clips']} had been learnt by the start: of those no temperature is asked, and what is " \
            "said says little)" if found["learnt"] else ""
    return (f"on {found['clips']} clips of recordings that were kept back{known}: macro F1{of} {found['macro_f1']:.2f} on single seconds, "
            f"calibration error {found['ece']:.2f} at temperature {card['temperature']:.2f}")


def teach_flags(command):
    command.add_argument("name", nargs="?", help="the class, such as clock_tick")
    model_flag(command, "model folder for --from and --forget (default: the shipped one)")
    command.add_argument("--from", dest="files", nargs="+", default=(), metavar="FILE", help="sound files, one example "
                         "each; without them the instrument that is running is taught, by ear")
    command.add_argument("--out", metavar="FOLDER", help="write this model folder (default: a new one in "
                         ".hearsee/models of your home folder; a taught model is taught on)")
    command.add_argument("--picture", metavar="FILE|CLASS", help="its picture (default: that of the class most like it; by ear, the "
                         "dream of that moment)")
    command.add_argument("--forget", action="store_true", help="take the class out again: of the model in --model, else of the "
                         "instrument that is running")
    command.add_argument("--remember", metavar="DIR", help="labelled clips of the model's own classes: make the memory "
                         "that teaching needs")
    command.add_argument("--port", type=port, default=SHOW, help=f"of the running instrument (default {SHOW}; "
                         f"`listen` alone: {EAR})")
    command.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="of the machine where it runs, if it has one of "
                         "its own (its --host)")


def run_teach(options):
    from ..learn import teach
    from ..learn.dataset import find_clips
    from .by_ear import teach_by_ear

    _check_alone("teach")
    if options.name and not (options.files or options.remember or options.forget and (options.model or options.out)):
        return teach_by_ear(options)
    model = _to_be_taught(options)
    if options.remember:
        print(teach.remember(model, find_clips(options.remember, model.card["classes"])))
    if options.remember and not (options.files or options.forget):
        return
    if not options.name:
        raise ValueError("name the class: hearsee teach NAME, by ear while the instrument runs, or hearsee teach NAME --from FILE...")
    folder = Path(options.out or teach.own_folder(model))
    if options.forget:
        print(f"{teach.forget(model, options.name, folder)} is forgotten: --model {folder}")
    else:
        count = teach.from_files(model, options.name, options.files, folder, options.picture)
        print(f"{teach.legal_name(options.name)}: {count} example{'s' * (count > 1)}: --model {folder}")


def _to_be_taught(options):
    """The model of --model; a model that is in --out already is taught on, so that nothing taught before is lost."""
    from ..model.card import DEFAULT, find_model, load_model

    model, out = find_model(options.model or DEFAULT), Path(options.out or "")
    if not options.out or not (out / "card.json").exists() or out.resolve() == model.resolve():
        return load_model(model)
    if options.model:
        raise ValueError(f"--out {out} is a model already, which would be lost: choose another --out, or teach it on by "
                         f"--model {out}")
    return load_model(out)


def evaluate_flags(command):
    command.add_argument("--data", required=True, metavar="DIR", help="labelled clips (UrbanSound8K, ESC or label/*.wav layout)")
    model_flag(command)
    command.add_argument("--folds", type=whole(1), nargs="*", default=(), metavar="N", help="only these folds")
    command.add_argument("--window", type=within(0.1, LONGEST), metavar="S",
                         help="score single windows instead of whole clips")
    command.add_argument("--live", action="store_true", help="through the real-time path instead of whole files")
    command.add_argument("--foreign", default="", metavar="DIR", help="sounds of other classes, for unknown_auroc; with "
                         "--folds those of the same folds or, where there are none such, every fifth recording (default: clips in "
                         "--data of other classes; without any, noises and rooms of ours)")
    command.add_argument("--noise", default="", metavar="DIR|pink|brown", help="put noise under every clip")
    command.add_argument("--snr", type=within(-100, 100), default=10.0, metavar="DB", help="the noise is so far below (default 10)")
    command.add_argument("--level", type=within(-100, 100), metavar="DB", help="bring every clip's peak to so many dBFS")
    command.add_argument("--json", metavar="OUT", help="write the figures here, and the confusion as .png beside")


def _check_figures(path):
    """ValueError or OSError where the figures, or the picture beside them, can't be written."""
    from ..files import check_place

    if path.suffix.lower() == ".png":
        raise ValueError(f"--json {path}: that would be the picture's name, which is written beside the figures; give one that ends "
                         "in .json")
    check_place(path)
    check_place(path.with_suffix(".png"))


def run_evaluate(options):
    import json

    from ..files import write_whole
    from ..learn.disturb import Disturb
    from ..learn.evaluate import evaluate
    from ..learn.paper.charts import confusion
    from ..model.card import DEFAULT, load_model

    _check_alone("evaluate")
    if options.json:
        _check_figures(Path(options.json))
    disturb = Disturb(options.noise, options.snr, options.level)
    found = evaluate(load_model(options.model or DEFAULT), options.data, options.folds, options.window,
                     live=options.live, disturb=disturb, foreign=options.foreign)
    print("\n  ".join([_figures(found), *_of_the_clips(found, options.foreign), *_by_class(found)]))
    if options.json:
        write_whole(options.json, json.dumps(found, indent=1))
        picture = confusion(found["confusion"], found["classes"], f"{found['model']}: truth, and what was heard")
        picture.save(Path(options.json).with_suffix(".png"))


def _figures(found):
    unknown = "" if found["unknown_auroc"] is None else (f", unknown AUROC {found['unknown_auroc']:.3f} (against {found['foreign_n']} "
                                                         f"{found['unit']}: {found['foreign_from']})")
    return (f"{found['model']}, weights {found['weights']}: {found['n']} {found['unit']}: accuracy {found['accuracy']:.3f}, "
            f"macro F1 {found['macro_f1']:.3f}, ECE {found['ece']:.3f}{unknown}")


def _of_the_clips(found, foreign):
    """Lines of text: which clips are in the figures, and how."""
    from ..learn.dataset import absent_line

    if silent := found["silent_n"]:
        yield f"{silent} of {found['clips_n']} clips left out: nothing sounds in them (hear.gate, {DEFAULTS['hear.gate']:g} dBFS)"
    if left := found["left_out"]:
        yield f"the model has no class for {_counts(left)}"
    if foreign:
        yield f"none of these: {_counts(found['foreign_labels'])}"
    yield from absent_line(found["absent_n"])
    for count, of in ((found["learnt_n"], f"{found['clips_n']} clips"), (found["foreign_learnt_n"], "the foreign clips")):
        if count:
            yield f"{count} of {of} were learnt by this model: what is said of those says little"


def _counts(clips):
    return ", ".join(f"{name} ({count})" for name, count in clips.items())


def _by_class(found):
    return [f"{name:18} precision {row['precision']:.2f}  recall {row['recall']:.2f}  F1 {row['f1']:.2f}"
            for name, row in found["per_class"].items()]


def paint_flags(command):
    command.add_argument("classes", nargs="*", metavar="CLASS", help="default: all ten")
    command.add_argument("--out", required=True, metavar="DIR", help="writes CLASS.jpg here")
    command.add_argument("--size", type=size, default=(1152, 768), metavar="WxH")
    command.add_argument("--force", action="store_true", help="draw in the place of a picture that is there already, your own "
                         "too (without it, that is refused)")


def run_paint(options):
    from ..learn.scene import drawn, places, save, scenes

    for name, path in places(options.classes or scenes(), options.out, options.force).items():
        save(drawn(name, options.size)[0], path)
        print(path, flush=True)
