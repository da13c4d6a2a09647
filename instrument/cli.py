"""The command line. Flags of parameters come from the table; each command imports only what it runs."""

import argparse
import math
import os
import re
import sys
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path

from . import __version__
from .awake import awake
from .params import BY_NAME, EAR, PARAMS, SHOW, TOUCHDESIGNER
from .signals import BROKEN_OFF, leave
from .ticks import spin_briefly

END_OF_INPUT = "Ctrl-Z, Enter" if sys.platform == "win32" else "Ctrl-D"
LONGEST = 4  # s of a window: so many one answer looks at (model/sound.py)
SEEDS = 2**32 - 1  # what every generator of random numbers takes


def main(arguments=None):
    """Run `hearsee`; ends with status 2 and one line for a user's mistake."""
    _settle_in()
    alone = arguments is None
    arguments = sys.argv[1:] if alone else arguments
    top = parser()
    options, unknown = top.parse_known_args(arguments)
    command = top.commands.choices[options.command]
    if unknown:
        command.error(_unknown(unknown, command))
    if "" in arguments:
        before = ["", *arguments][arguments.index("")]
        command.error(f"an empty argument '' after {before}: is a variable of your shell not set?")
    (leave if alone else sys.exit)(_status(options))


def _status(options):
    """Run the command; its exit status."""
    try:
        return options.run(options) or 0
    except (ValueError, OSError) as mistake:
        print(f"hearsee: {_line(mistake)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return BROKEN_OFF


def _settle_in():
    """What systems need, before anything else is imported or printed."""
    spin_briefly()
    # PyTorch reads it when it is imported: what an Apple GPU lacks is done by the processor.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console or pipe of cp1252 has not every letter of a name
            stream.reconfigure(errors="backslashreplace")


def _line(mistake):
    if isinstance(mistake, OSError) and mistake.filename and mistake.strerror:
        return f"{mistake.filename}: {mistake.strerror.lower()}; check the name and your rights there"
    return " ".join(str(mistake).split())


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as the usage of some commands fills a screen."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` lists what is legal\n")


def _unknown(arguments, command):
    flags = sorted(set(re.findall(r"--[a-z0-9-]+", command.format_usage())))
    near = get_close_matches(arguments[0].partition("=")[0], flags, 1)
    return f"no such argument: {' '.join(arguments)}" + "".join(f"; did you mean {flag}?" for flag in near)


def parser():
    """The parser of every command: `COMMANDS` in the order of the help."""
    top = Parser(prog="hearsee", description="Hears sound, recognises it, dreams a picture of it.")
    top.add_argument("--version", action="version", version=f"hearsee {__version__}")
    top.commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (fill, run, text) in COMMANDS.items():
        command = top.commands.add_parser(name, help=text, description=text)
        fill(command)
        command.set_defaults(run=run, command=name)
    return top


def _nothing(command):
    pass


# --- playing

def _sound_flags(command):
    command.add_argument("--audio", metavar="DEVICE|FILE|demo", help="microphone (name or number), sound file or "
                         "'demo'; default: the microphone if there is one, else the demo scene")
    command.add_argument("--channels", type=_channels, metavar="N[,N]", help="hear these inputs of the device, or channels of the "
                         "file, from 1, such as 3 or 1,2 (default: the mean of all; of a device's more than 8 the first two)")
    command.add_argument("--loop", action="store_true", help="repeat a file for ever")
    command.add_argument("--mute", action="store_true", help="do not play a file aloud")
    command.add_argument("--model", metavar="FOLDER", help="model folder (default: the shipped one)")
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="hear on the processor or the "
                         "GPU (default auto: whichever is quicker); a GPU that fails hands over to the processor")
    command.add_argument("--scene-seed", type=_whole(0, SEEDS), default=1, metavar="N", help="shuffles the demo scene")


def _port_flags(command, port, legal):
    command.add_argument("--port", type=legal, default=port, help=f"receive OSC here (default {port})")
    command.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="receive on this address of the "
                         "machine (0.0.0.0: all); default: only from this machine")


def _perform_flags(command):
    _sound_flags(command)
    command.add_argument("--headless", action="store_true", help="no window (as where there is no screen); unless it sends (--send), is "
                         "fed (--no-listen), plays a file or is given --seconds, it ends after 20 s")
    command.add_argument("--record", metavar="FILE", help="write a video with sound (.mp4 or .mkv); "
                         "where a file has that name it stays, and the video gets the next number")
    command.add_argument("--send", action="append", type=_output, metavar="ndi|spout|syphon[:NAME]", help="give the "
                         "picture to other programs, under this name; repeat for more (see `hearsee devices`)")
    command.add_argument("--seconds", type=_positive, help="end after this time")
    command.add_argument("--size", type=_size, metavar="WxH", help="picture size (window 1280x720, headless 640x360); the monitor "
                         "that --monitor names is switched to it")
    command.add_argument("--fps", type=_within(1, 240), help="frames a second (window: as the monitor, headless: 30)")
    command.add_argument("--monitor", metavar="NAME", help="full screen on this monitor (see `hearsee devices`)")
    command.add_argument("--preset", metavar="NAME|N", help="begin with this preset")
    command.add_argument("--presets", metavar="FOLDER", help="your presets, and where S saves; made when it is "
                         "not there (default: .hearsee/presets in your home folder)")
    command.add_argument("--shaders", metavar="FOLDER", help="your copy of shaders/; edits take effect at once")
    command.add_argument("--dream-threads", type=_whole(1, os.cpu_count() or 1), metavar="N", help="threads of the dream on the CPU (default: one for each core but one)")
    command.add_argument("--network", metavar="NAME|FILE", help="dream another network: a torchvision classifier, "
                         "or a BVLC GoogLeNet file")
    command.add_argument("--pictures", metavar="FOLDER", help="dream of your own pictures: CLASS.jpg there is taken in the place of "
                         "the model's")
    command.add_argument("--dream", choices=("live", "prerendered"), help="prerendered: play the loops that "
                         "`hearsee prerender` made, for machines too weak to dream")
    command.add_argument("--frames", metavar="FOLDER", help="folder of these loops (default out/loops); with it "
                         "--dream is prerendered")
    command.add_argument("--no-listen", action="store_true", help="only receive: another `hearsee listen` sends")
    _port_flags(command, SHOW, _port_before_another)
    command.add_argument("--target", action="append", type=_address, metavar="HOST:PORT",
                         help=f"`listen` also sends here; default 127.0.0.1:{TOUCHDESIGNER} (TouchDesigner)")
    command.add_argument("--midi-api", metavar="NAME", help="rtmidi backend, such as UNIX_JACK")
    command.add_argument("--no-hud", action="store_true", help="begin without the HUD")
    command.add_argument("--hud-window", action="store_true", help="the HUD in a window of its own, with a preview; "
                         "with --monitor on another monitor")
    _row_flags(command, "start values of the table (see `hearsee params`)")


def _row_flags(command, about, rows=PARAMS):
    values = command.add_argument_group("parameters", about)
    for row in rows:
        values.add_argument(row.flag, dest=row.name, type=_parser_of(row), metavar="X",
                            help=f"{row.doc} {row.range_text()} (default {row.text(row.default)})".replace("%", "%%"))


def _parser_of(row):
    def parse(text):
        try:
            return row.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return parse


def _output(text):
    from .render.outputs import parse

    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _perform(options):
    from .perform import PerformOptions, perform

    options.dream = _dream(options)
    _check_ears(options)
    return perform(PerformOptions(**_given(options, PerformOptions), values=_row_values(options)))


def _check_ears(options):
    """What belongs to the `listen` of one's own is refused where there is none."""
    given = [flag for flag, value in (("--audio", options.audio), ("--channels", options.channels), ("--target", options.target),
                                       ("--loop", options.loop)) if value]
    if options.no_listen and given:
        raise ValueError(f"--no-listen hears nothing itself: leave out {', '.join(given)}, or give that to the `hearsee listen` "
                         "that sends here")


def _dream(options):
    """live, prerendered or None (not said); whoever names a folder of loops wants them played."""
    if options.frames and options.dream == "live":
        raise ValueError(f"--dream live plays no loops: leave out --frames {options.frames}, or --dream live")
    found = "prerendered" if options.frames else options.dream
    if options.pictures and found == "prerendered":
        raise ValueError(f"loops made beforehand show their own pictures: leave out --pictures {options.pictures}, or dream live")
    if options.network and found == "prerendered":
        raise ValueError(f"loops made beforehand show the network that made them: leave out --network {options.network}, or dream "
                         "live")
    return found


def _given(options, kind):
    """The fields of a dataclass of options that were given."""
    names = {field.name for field in fields(kind)} - {"values"}
    return {name: value for name, value in vars(options).items() if name in names and value is not None}


def _row_values(options):
    return {row.name: value for row in PARAMS if (value := getattr(options, row.name, None)) is not None}


def _render_flags(command):
    command.add_argument("sound", metavar="SOUND", help="sound file, or a video with sound")
    command.add_argument("--out", metavar="FILE", help="write this video, .mp4 or .mkv (default out/ and the name of the "
                         "sound); where that name is in use, a number is added to it")
    command.add_argument("--size", type=_size, metavar="WxH", help="picture size (default 1920x1080)")
    command.add_argument("--fps", type=_within(1, 240), help="frames a second (default 30)")
    command.add_argument("--seconds", type=_positive, metavar="S", help="only the beginning of the sound")
    command.add_argument("--preset", metavar="NAME|N", help="look like this preset")
    command.add_argument("--presets", metavar="FOLDER", help="your presets (default: .hearsee/presets in your home folder)")
    command.add_argument("--shaders", metavar="FOLDER", help="your copy of shaders/")
    command.add_argument("--model", metavar="FOLDER", help="model folder (default: the shipped one)")
    command.add_argument("--network", metavar="NAME|FILE", help="dream another network (see `perform --network`)")
    command.add_argument("--pictures", metavar="FOLDER", help="dream of your own pictures (see `perform --pictures`)")
    command.add_argument("--seed", dest="dream.seed", type=_parser_of(BY_NAME["dream.seed"]), metavar="N",
                         help="short for --dream-seed")
    _row_flags(command, "values of the table (see `hearsee params`), over those of the preset")


def _render(options):
    from .film import FilmOptions, film

    return film(FilmOptions(**_given(options, FilmOptions), values=_row_values(options)))


def _listen_flags(command):
    _sound_flags(command)
    command.add_argument("--target", action="append", type=_address, metavar="HOST:PORT",
                         help=f"send here (repeat for more); default 127.0.0.1:{TOUCHDESIGNER} and 127.0.0.1:{SHOW}")
    _port_flags(command, EAR, _port)
    command.add_argument("--json", action="store_true", help="print one JSON line per decision")
    command.add_argument("--wek", action="store_true", help="also send /wek/outputs (Wekinator's convention)")
    command.add_argument("--ring", metavar="NAME", help="share the samples under this name")
    command.add_argument("--eager", action="store_true", help="do not let a file wait for the network")
    command.add_argument("--taught", metavar="FOLDER", help="keep classes taught here; go on from it if it is there "
                         "(default: a new folder in .hearsee/models of your home folder)")
    command.add_argument("--parent", type=_whole(1), metavar="PID", help="end when this process is gone")
    _row_flags(command, "start values of the table; OSC turns them too", [row for row in PARAMS if row.group == "hear"])


def _listen(options):
    from . import listen

    return listen.run(listen.ListenOptions(**_given(options, listen.ListenOptions), values=_row_values(options)))


# --- looking

def _devices(options):
    from .devices import report

    print("\n".join(report()))


def _params(options):
    for row in PARAMS:
        print(f"{row.name:22} {row.text(row.default):>12}   {row.range_text():32} CC {row.cc}  {row.doc}")


def _presets_flags(command):
    command.add_argument("--presets", metavar="FOLDER", help="your presets")


def _presets(options):
    from .perform import open_bank

    for number, name in enumerate(open_bank(options.presets).names(), 1):
        print(f"{number:3} {name}")


def _models_flags(command):
    command.add_argument("action", choices=("list", "show", "get"))
    command.add_argument("name", nargs="?", help="a model folder or a network's name")


def _models(options):
    from .model import zoo

    action = {"list": zoo.list_models, "show": zoo.show, "get": zoo.get}[options.action]
    print("\n".join(action(options.name)))


def _gallery_flags(command):
    command.add_argument("--sheets", nargs="+", choices=("presets", "classes", "precisions", "networks"),
                         default=("presets", "classes"), help="which to draw (default presets and classes)")
    command.add_argument("--networks", nargs="+", default=("none", "urban"), metavar="START",
                         help="whose dreams the sheet of networks compares: runs, model folders, 'none' for random weights")
    command.add_argument("--out", default="out/gallery", metavar="FOLDER", help="write here (default out/gallery)")
    command.add_argument("--model", metavar="FOLDER", help="model folder (default: the shipped one)")
    command.add_argument("--presets", metavar="FOLDER", help="your presets")
    command.add_argument("--sound", metavar="CLASS", help="what all presets hear (default dog_bark)")
    command.add_argument("--seed", type=_whole(0, SEEDS), default=1, metavar="N", help="seed of the dream")


def _gallery(options):
    from .gallery import comparison, gallery
    from .model.card import DEFAULT, load_model
    from .perform import open_bank
    from .presets import read

    Path(options.out).mkdir(parents=True, exist_ok=True)
    model = load_model(options.model or DEFAULT)
    presets = [read(path) for path in open_bank(options.presets).paths()]
    sound = options.sound or "dog_bark"
    if options.sound and sound not in model.classes:
        raise ValueError(f"--sound {options.sound}: the model has {', '.join(model.classes)}")
    if {"presets", "classes"} & set(options.sheets):  # these need OpenGL
        for path in gallery(model, presets, options.out, options.seed, sound, sheets=options.sheets):
            print(path)
    for kind in ("precisions", "networks"):
        for path in comparison(model, kind, options.out, options.networks) if kind in options.sheets else ():
            print(path)


def _prerender_flags(command):
    command.add_argument("--out", metavar="FOLDER", help="default out/loops; give it again to go on where it stopped")
    command.add_argument("--classes", nargs="+", default=(), metavar="CLASS", help="only these (default: all)")
    command.add_argument("--count", dest="frames", type=_whole(100), metavar="N", help="frames of each loop, 100 or more "
                         "(default 100)")
    command.add_argument("--frames", type=_whole(100), help=argparse.SUPPRESS)  # until 28 November 2026
    command.add_argument("--fps", type=_within(1, 240), help="frames a second (default 20)")
    command.add_argument("--size", type=_size, metavar="WxH", help="default 640x360")
    command.add_argument("--workers", type=_whole(1), default=1, metavar="N", help="processes, each with its "
                         "classes and its GPU; or `torchrun --nproc-per-node N -m instrument prerender`")
    command.add_argument("--model", metavar="FOLDER", help="model folder (default: the shipped one)")
    command.add_argument("--network", metavar="NAME|FILE", help="dream another network (see `perform --network`)")
    command.add_argument("--pictures", metavar="FOLDER", help="dream of your own pictures (see `perform --pictures`)")
    command.add_argument("--preset", metavar="NAME|N", help="dream and move like this preset")
    command.add_argument("--presets", metavar="FOLDER", help="your presets")
    command.add_argument("--seed", type=_whole(0, SEEDS), metavar="N", help="seed of the dream (default: that of the preset, or 0)")


def _prerender(options):
    from .perform import open_bank
    from .prerender import Settings, prerender

    values = open_bank(options.presets).load(options.preset).values if options.preset else {}
    given = {"seed": int(values.get("dream.seed", 0)), **_given(options, Settings)}
    print("\n".join(prerender(Settings(**given, values=values), options.classes, options.workers)))


# --- learning

def _distill_flags(command):
    command.add_argument("--pictures", required=True, metavar="DIR", help="photographs: folders or zips of them")
    command.add_argument("--teacher", required=True, metavar="FILE", help="BVLC GoogLeNet: .caffemodel or .safetensors")
    command.add_argument("--out", required=True, metavar="RUN", help="run folder; give it again to resume")
    command.add_argument("--steps", type=_whole(1), default=3000)
    command.add_argument("--batch", type=_whole(2), default=32, help="crops a step; 128 suits a large GPU")
    command.add_argument("--side", type=_whole(32, 512), default=96, help="crop size in pixels")
    command.add_argument("--seed", type=_whole(0, SEEDS), default=0)
    _workers_flag(command)


def _distill(options):
    from .learn.distill import distill

    with awake(screen=False):
        distill(options.pictures, options.teacher, options.out, options.steps, options.batch, options.side, seed=options.seed,
                workers=options.workers)


def _train_flags(command):
    command.add_argument("--data", required=True, metavar="DIR", help="labelled clips (UrbanSound8K, ESC or "
                         "label/*.wav layout)")
    command.add_argument("--out", required=True, metavar="MODEL", help="model folder to write")
    command.add_argument("--batch", type=_whole(1), help="sounds a step (default 32); with --recipe paper pictures, of all "
                         "processes together (default 16)")
    command.add_argument("--seed", type=_whole(0, SEEDS), default=0)
    _workers_flag(command)
    command.add_argument("--recipe", choices=("own", "paper"), default="own", help="'paper' repeats the paper of 2018")
    command.set_defaults(flags_of={"own": _own_flags(command), "paper": _paper_flags(command)})


def _own_flags(command):
    add = command.add_argument_group("a model of your classes", "without --recipe paper").add_argument
    return (
        add("--run", dest="run_folder", metavar="RUN", help="run folder (default runs/NAME); resumes"),
        add("--start", metavar="MODEL", help="begin from this model (default: the shipped one), from a "
            "run of `hearsee distill`, or from 'none'"),
        add("--foreign", metavar="DIR", help="sounds of no class, to be told from yours"),
        add("--sound-teacher", metavar="FILE", help="EfficientAT mn04 weights"),
        add("--elder", metavar="MODEL", help="an older model of these classes, whose answers are learnt beside that teacher's"),
        add("--pictures", metavar="DIR", help="go on seeing these while learning to hear"),
        add("--picture-teacher", metavar="FILE", help="BVLC GoogLeNet: .caffemodel or .safetensors"),
        add("--leave-out", type=_whole(0), metavar="FOLD", help="keep a fold for testing"),
        add("--steps", type=_whole(0), help="0: the answers only, on the features that there are (default 300)"))


def _workers_flag(command):
    command.add_argument("--workers", type=_whole(0), metavar="N", help="processes that make batches beside the training; "
                         "they change no result (default: 0; on CUDA, unless with --recipe paper, up to 8)")


def _paper_flags(command):
    add = command.add_argument_group("the paper", "with --recipe paper: 3 sets, 2 splits, one table in --out; under "
                                     "`torchrun --nproc-per-node N -m instrument train` on N devices").add_argument
    return (
        add("--network", metavar="NAME", help="any torchvision classifier (default resnet50)"),
        add("--weights", metavar="FILE", help="its ImageNet weights, 'imagenet' (from torchvision, the default) or 'none'"),
        add("--splits", nargs="+", choices=("random", "folds", "recordings"),
            help="default: random folds; without folds random recordings"),
        add("--test-folds", dest="folds", type=_whole(1), nargs="+", metavar="N", help="default: each in turn"),
        add("--sets", nargs="+", choices=("baseline", "padded", "rolled"), help="default: all three"),
        add("--as-published", action="store_true", default=None, help="with the original's rolling fault and its JPEGs"),
        add("--per-class", type=_whole(1), metavar="N", help="at most N clips of a class"),
        add("--epochs", type=_whole(1), help="default 5"))


def _paper(options):
    from .learn.paper.recipe import Recipe
    from .learn.paper.study import Paper, reproduce

    paper = Paper(**{**_given(options, Paper), "recipe": Recipe(**_given(options, Recipe))})
    for line in reproduce(paper, options.out):
        print(line)


def _data_flags(command):
    command.add_argument("action", choices=("arrange", "split", "pad", "roll", "averages", "histograms"))
    command.add_argument("--data", required=True, metavar="DIR", help="labelled clips (UrbanSound8K, ESC or "
                         "label/*.wav layout)")
    command.add_argument("--out", required=True, metavar="DIR", help="write here")
    command.add_argument("--seed", type=_whole(0, SEEDS), default=0, help="of the random split")
    command.add_argument("--as-published", action="store_true", help="roll with the original's fault")


def _data(options):
    from .learn.paper.command import prepare

    for line in prepare(options):
        print(line)


def _refuse_flags_of_the_other(options):
    """ValueError for flags that the recipe would not look at."""
    wrong = [flag.option_strings[0] for recipe, flags in options.flags_of.items() if recipe != options.recipe
             for flag in flags if getattr(options, flag.dest) is not None]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: not {'with' if options.recipe == 'paper' else 'without'} --recipe paper; "
                         "leave one or the other out")


def _train(options):
    _refuse_flags_of_the_other(options)
    if options.recipe == "paper":
        with awake(screen=False):
            return _paper(options)
    from .learn.train import Settings, train
    from .model.card import DEFAULT, load_model

    given = _given(options, Settings)
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
    return (f"on {found['clips']} clips of recordings that were kept back: macro F1 {found['macro_f1']:.2f} on single seconds, "
            f"calibration error {found['ece']:.2f} at temperature {card['temperature']:.2f}")


def _teach_flags(command):
    command.add_argument("name", nargs="?", help="the class, such as clock_tick")
    command.add_argument("--model", metavar="FOLDER", help="model folder for --from and --forget (default: the shipped one)")
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
    command.add_argument("--port", type=_port, default=SHOW, help=f"of the running instrument (default {SHOW}; "
                         f"`listen` alone: {EAR})")
    command.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="of the machine where it runs, if it has one of "
                         "its own (its --host)")


def _teach(options):
    from .learn import teach
    from .learn.dataset import find_clips

    if options.name and not (options.files or options.remember or options.forget and (options.model or options.out)):
        return _teach_by_ear(options)
    model = _to_be_taught(options)
    if options.remember:
        print(teach.remember(model, find_clips(options.remember)))
    if options.remember and not (options.files or options.forget):
        return
    if not options.name:
        raise ValueError("name the class: hearsee teach NAME --from FILE...")
    folder = Path(options.out or teach.own_folder(model))
    if options.forget:
        print(f"{teach.forget(model, options.name, folder)} is forgotten: --model {folder}")
    else:
        count = teach.from_files(model, options.name, options.files, folder, options.picture)
        print(f"{teach.legal_name(options.name)}: {count} example{'s' * (count > 1)}: --model {folder}")


def _to_be_taught(options):
    """The model of --model; a model that is in --out already is taught on, so that nothing taught before is lost."""
    from .model.card import DEFAULT, find_model, load_model

    model, out = find_model(options.model or DEFAULT), Path(options.out or "")
    if not options.out or not (out / "card.json").exists() or out.resolve() == model.resolve():
        return load_model(model)
    if options.model:
        raise ValueError(f"--out {out} is a model already, which would be lost: choose another --out, or teach it on by "
                         f"--model {out}")
    return load_model(out)


def _teach_by_ear(options):
    """Teach the instrument that is running: examples between two presses of Enter; or let it forget."""
    from .learn.teach import legal_name
    from .osc import Remote

    if options.model or options.out:
        raise ValueError("--model and --out are for --from FILE...: the instrument that runs keeps what it is taught by ear in a "
                         "model folder of its own")
    name, remote = legal_name(options.name), Remote((options.host, options.port))
    picture = options.picture
    if picture and Path(picture).is_file():
        picture = str(Path(picture).resolve())  # the instrument may run in another folder
    if options.forget:
        return print(_ask(remote, options.port, "teach.forget", name))
    _see_who_learns(remote, options.port)
    print(f"Teaching {name}: Enter, make the sound, Enter. Three to five times. {END_OF_INPUT} ends.")
    while True:
        try:
            _enter("ready? ")
            begun = _ask(remote, options.port, "teach.start", name)
            if begun.startswith("listening"):
                _enter(f"{begun} ... ")
                begun = _ask(remote, options.port, "teach.stop", picture)
            print(begun)
        except EOFError:
            return print()


def _enter(prompt):
    """Wait for Enter; EOFError for the end of the input, also where it came as a letter: Windows knows another key for it."""
    if {"\x04", "\x1a"} & set(input(prompt)):
        raise EOFError


def _ask(remote, port, command, argument):
    """What the instrument that is running answers to a command of teaching."""
    _see_who_learns(remote, port)
    return remote.ask(command, argument) or "it does not answer: see its HUD, or its terminal"


def _see_who_learns(remote, port):
    if not remote.answers():
        raise OSError(f"nobody answers on port {port}: start `hearsee perform` first (on an address of its own: --host), or "
                      f"`hearsee listen` and give --port {EAR}; or from files: teach by --from FILE..., forget by --model FOLDER")


def _evaluate_flags(command):
    command.add_argument("--data", required=True, metavar="DIR")
    command.add_argument("--model", metavar="FOLDER", help="model folder (default: the shipped one)")
    command.add_argument("--folds", type=_whole(1), nargs="*", default=(), metavar="N", help="only these folds")
    command.add_argument("--window", type=_within(0.1, LONGEST), metavar="S",
                         help="score single windows instead of whole clips")
    command.add_argument("--live", action="store_true", help="through the real-time path instead of whole files")
    command.add_argument("--foreign", default="", metavar="DIR", help="sounds of other classes, for unknown_auroc; with "
                         "--folds those of the same folds, where there are such")
    command.add_argument("--noise", default="", metavar="DIR|pink|brown", help="put noise under every clip")
    command.add_argument("--snr", type=_within(-100, 100), default=10.0, metavar="DB", help="the noise is so far below (default 10)")
    command.add_argument("--level", type=_within(-100, 100), metavar="DB", help="bring every clip's peak to so many dBFS")
    command.add_argument("--json", metavar="OUT", help="write the figures here, and the confusion as .png beside")


def _evaluate(options):
    import json

    from .files import write_whole
    from .learn.disturb import Disturb
    from .learn.evaluate import evaluate
    from .learn.paper.charts import confusion
    from .model.card import DEFAULT, load_model

    disturb = Disturb(options.noise, options.snr, options.level)
    found = evaluate(load_model(options.model or DEFAULT), options.data, options.folds, options.window,
                     live=options.live, disturb=disturb, foreign=options.foreign)
    unknown = "" if found["unknown_auroc"] is None else f", unknown AUROC {found['unknown_auroc']:.3f}"
    print(f"{found['model']}, weights {found['weights']}: {found['n']} {found['unit']}: accuracy {found['accuracy']:.3f}, "
          f"macro F1 {found['macro_f1']:.3f}, ECE {found['ece']:.3f}{unknown}")
    if left := found["left_out"]:
        print("  the model has no class for " + ", ".join(f"{name} ({count})" for name, count in left.items()))
    for name, row in found["per_class"].items():
        print(f"  {name:18} precision {row['precision']:.2f}  recall {row['recall']:.2f}  F1 {row['f1']:.2f}")
    if options.json:
        write_whole(options.json, json.dumps(found, indent=1))
        picture = confusion(found["confusion"], found["classes"], f"{found['model']}: truth, and what was heard")
        picture.save(Path(options.json).with_suffix(".png"))


def _paint_flags(command):
    command.add_argument("classes", nargs="*", metavar="CLASS", help="default: all ten")
    command.add_argument("--out", required=True, metavar="DIR", help="writes CLASS.jpg here")
    command.add_argument("--size", type=_size, default=(1152, 768), metavar="WxH")


def _paint(options):
    from .learn.scene import drawn, save, scenes

    for name in options.classes or scenes():
        path = Path(options.out) / f"{name}.jpg"
        save(drawn(name, options.size)[0], path)
        print(path, flush=True)


def _bench_flags(command):
    from .bench.run import BENCHES

    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = "benchmarks:\n" + "\n".join(f"  {name:8} {run.__doc__}" for name, run in BENCHES.items())
    command.add_argument("name", choices=BENCHES, metavar="NAME", help="one of those below")
    command.add_argument("--model", metavar="FOLDER", help="model folder (default: the shipped one)")
    command.add_argument("--data", metavar="DIR", help="labelled clips, for `hear`, `teach` and `calm`")
    command.add_argument("--new", metavar="DIR", help="labelled clips of other classes, for `teach`")
    command.add_argument("--classes", nargs="+", default=(), metavar="NAME", help="only these of the new classes, for `teach`")
    command.add_argument("--folds", type=_whole(1), nargs="*", default=(), metavar="N", help="only these folds of --data")
    command.add_argument("--clips", type=_whole(1), default=3, metavar="N", help="of each class, for `hear` and `calm` (default 3)")
    command.add_argument("--seconds", type=_positive, default=10.0, help="length of each run, for `show` (default 10)")
    command.add_argument("--size", type=_size, default=(640, 360), metavar="WxH", help="of the picture in `show` (default 640x360)")
    command.add_argument("--fps", type=_within(1, 240), default=30.0, help="that `show` draws (default 30)")
    command.add_argument("--network", metavar="NAME|FILE", help="that `show` dreams with (see `perform --network`)")
    command.add_argument("--minutes", type=_positive, help="of the time that passes in `soak` (default 30) and in each row of `calm` (3)")
    command.add_argument("--preset", metavar="NAME|N", help="shipped preset that `soak` dreams (default: the defaults)")
    command.add_argument("--rows", nargs="+", default=(), metavar="ROW", help="only these rows, for `knobs`")
    command.add_argument("--peer", metavar="FOLDER", help="a copy of gordicaleksa/pytorch-deepdream, for `peer`")
    command.add_argument("--json", metavar="FILE", help="write the figures here")


def _bench(options):
    from .bench.run import bench

    bench(options)


def _positive(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return value


def _within(lo, hi):
    """A parser of numbers from `lo` to `hi`."""
    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not lo <= value <= hi:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lo:g} to {hi:g}")
        return value
    return parse


def _whole(least=0, most=10**9):
    """A parser of whole numbers from `least` to `most`."""
    def parse(text):
        if not re.fullmatch("[0-9]{1,20}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)
    return parse


def _size(text):
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 1280x720") from None
    if not (64 <= width <= 8192 and 64 <= height <= 8192):
        raise argparse.ArgumentTypeError(f"{text}: width and height are 64 to 8192")
    return width, height


def _channels(text):
    parts = text.split(",")
    if not all(re.fullmatch("[0-9]{1,3}", part) and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers of inputs from 1 on, such as 1,2")
    return tuple(int(part) for part in parts)


def _port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def _port_before_another(text):
    """A port of `perform`: its `listen` takes the next one."""
    if _port(text) == 65535:
        raise argparse.ArgumentTypeError("65535 leaves no port for `listen`, which takes the next one: 1 to 65534")
    return int(text)


def _address(text):
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:{TOUCHDESIGNER}")
    return host, _port(port)


COMMANDS = {
    "perform": (_perform_flags, _perform, "Hear, see and play: the whole instrument."),
    "listen": (_listen_flags, _listen, "Only hear, and say over OSC what is heard."),
    "devices": (_nothing, _devices, "List audio devices, MIDI ports, monitors, outputs and GPUs."),
    "params": (_nothing, _params, "List the parameter table."),
    "presets": (_presets_flags, _presets, "List the presets."),
    "models": (_models_flags, _models, "List model folders, show a network's stages, fetch ImageNet weights."),
    "render": (_render_flags, _render, "Render a video of a sound file: every frame at full quality, however long it takes."),
    "prerender": (_prerender_flags, _prerender, "Dream seamless loops of every class beforehand, for weak machines."),
    "gallery": (_gallery_flags, _gallery, "Draw contact sheets of presets and classes, or compare dreams."),
    "distill": (_distill_flags, _distill, "Teach a fresh network to see, from photographs and a teacher."),
    "paint": (_paint_flags, _paint, "Draw the class pictures anew, from the scenes in shaders/scenes."),
    "data": (_data_flags, _data, "Prepare clips as the paper did: folders, splits, sets, figures."),
    "train": (_train_flags, _train, "Teach a network to hear your classes, or repeat the paper."),
    "bench": (_bench_flags, _bench, "Measure speed on this machine."),
    "teach": (_teach_flags, _teach, "Teach a model a new class from a few examples, from files or by ear."),
    "evaluate": (_evaluate_flags, _evaluate, "Score a model on labelled clips."),
}
