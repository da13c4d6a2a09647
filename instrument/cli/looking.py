"""`devices`, `params`, `presets`, `models`, `gallery`, `prerender` and `bench`: what there is, and how it looks and runs."""

import argparse
from pathlib import Path

from ..params import PARAMS
from .flags import fields_given, model_flag
from .legal import SEEDS, positive, size, whole, within


def run_devices(options):
    from ..devices import report

    print("\n".join(report()))


def run_params(options):
    for row in PARAMS:
        print(f"{row.name:22} {row.text(row.default):>12}   {row.range_text():32} CC {row.cc}  {row.doc}")


def presets_flags(command):
    command.add_argument("--presets", metavar="FOLDER", help="your presets")


def run_presets(options):
    from ..presets import label, open_bank

    bank = open_bank(options.presets)
    faults = bank.faults()
    for number, path in enumerate(bank.paths(), 1):
        title, name = bank.title(path), label(path)
        called = f"  ({name})" if title.casefold() != name.casefold() else ""  # what it is recalled by, too
        print(f"{number:3} {title}{called}" + (f"  cannot be recalled: {faults[path]}" if path in faults else ""))
    return int(bool(faults))


def models_flags(command):
    command.add_argument("action", choices=("list", "show", "get"))
    command.add_argument("name", nargs="?", help="a model folder or a network's name")


def run_models(options):
    from ..model import zoo

    action = {"list": zoo.list_models, "show": zoo.show, "get": zoo.get}[options.action]
    print("\n".join(action(options.name)))


def gallery_flags(command):
    command.add_argument("--sheets", nargs="+", choices=("presets", "classes", "minute", "precisions", "networks"),
                         default=("presets", "classes"), help="which to draw (default presets and classes)")
    command.add_argument("--networks", nargs="+", default=("none", "urban"), metavar="START",
                         help="whose dreams the sheet of networks compares: runs, model folders, 'none' for random weights")
    command.add_argument("--out", default="out/gallery", metavar="FOLDER", help="write here (default out/gallery)")
    model_flag(command)
    command.add_argument("--presets", metavar="FOLDER", help="your presets")
    command.add_argument("--sound", metavar="CLASS", help="what all presets hear (default dog_bark)")
    command.add_argument("--data", metavar="DIR", help="labelled clips that a minute is made of")
    command.add_argument("--seed", type=whole(0, SEEDS), default=1, metavar="N", help="seed of the dream")


def run_gallery(options):
    from ..gallery import comparison, gallery, minute
    from ..model.card import DEFAULT, load_model
    from ..presets import open_bank, read

    if "minute" in options.sheets and not options.data:
        raise ValueError("--sheets minute needs --data DIR: a folder of labelled clips")
    Path(options.out).mkdir(parents=True, exist_ok=True)
    model = load_model(options.model or DEFAULT)
    presets = [read(path) for path in open_bank(options.presets).paths()]
    sound = options.sound or "dog_bark"
    if options.sound and sound not in model.classes:
        raise ValueError(f"--sound {options.sound}: the model has {', '.join(model.classes)}")
    if {"presets", "classes"} & set(options.sheets):  # these need OpenGL
        for path in gallery(model, presets, options.out, options.seed, sound, sheets=options.sheets):
            print(path)
    for path in minute(model, options.data, options.out, options.seed) if "minute" in options.sheets else ():
        print(path)
    for kind in ("precisions", "networks"):
        for path in comparison(model, kind, options.out, options.networks) if kind in options.sheets else ():
            print(path)


def prerender_flags(command):
    command.add_argument("--out", metavar="FOLDER", help="default out/loops; give it again to go on where it stopped")
    command.add_argument("--classes", nargs="+", default=(), metavar="CLASS", help="only these (default: all)")
    command.add_argument("--count", dest="frames", type=whole(100), metavar="N", help="frames of each loop, 100 or more "
                         "(default 100)")
    command.add_argument("--frames", type=whole(100), help=argparse.SUPPRESS)  # until 28 November 2026
    command.add_argument("--fps", type=within(1, 240), help="frames a second (default 20)")
    command.add_argument("--size", type=size, metavar="WxH", help="default 640x360")
    command.add_argument("--workers", type=whole(1), default=1, metavar="N", help="processes, each with its "
                         "classes and its GPU; or `torchrun --nproc-per-node N -m instrument prerender`")
    model_flag(command)
    command.add_argument("--network", metavar="NAME|FILE", help="dream another network (see `perform --network`)")
    command.add_argument("--pictures", metavar="FOLDER", help="dream of your own pictures (see `perform --pictures`)")
    command.add_argument("--preset", metavar="NAME|N", help="dream and move like this preset, by its dream.* and zoom.* as they "
                         "stand: a loop hears nothing, so that routes (mod.*) do not move it")
    command.add_argument("--presets", metavar="FOLDER", help="your presets")
    command.add_argument("--seed", type=whole(0, SEEDS), metavar="N", help="seed of the dream (default: that of the preset, or 0)")


def run_prerender(options):
    from ..loopfiles import Settings
    from ..prerender import prerender
    from ..presets import open_bank

    values = open_bank(options.presets).load(options.preset).values if options.preset else {}
    given = {"seed": int(values.get("dream.seed", 0)), **fields_given(options, Settings)}
    print("\n".join(prerender(Settings(**given, values=values), options.classes, options.workers)))


def bench_flags(command):
    from ..bench.run import BENCHES

    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = "benchmarks:\n" + "\n".join(f"  {name:8} {run.__doc__}" for name, run in BENCHES.items())
    command.add_argument("name", choices=BENCHES, metavar="NAME", help="one of those below")
    model_flag(command)
    command.add_argument("--data", metavar="DIR", help="labelled clips, for `hear`, `teach` and `calm`")
    command.add_argument("--new", metavar="DIR", help="labelled clips of other classes, for `teach`")
    command.add_argument("--classes", nargs="+", default=(), metavar="NAME", help="only these of the new classes, for `teach`")
    command.add_argument("--folds", type=whole(1), nargs="*", default=(), metavar="N", help="only these folds of --data")
    command.add_argument("--clips", type=whole(1), default=3, metavar="N", help="of each class, for `hear` and `calm` (default 3)")
    command.add_argument("--seconds", type=positive, default=10.0, help="length of each run, for `show` (default 10)")
    command.add_argument("--size", type=size, default=(640, 360), metavar="WxH", help="of the picture in `show` (default 640x360)")
    command.add_argument("--fps", type=within(1, 240), default=30.0, help="that `show` draws (default 30)")
    command.add_argument("--network", metavar="NAME|FILE", help="that `show` dreams with (see `perform --network`)")
    command.add_argument("--minutes", type=positive, help="of the time that passes in `soak` (default 30) and in each row of `calm` (3)")
    command.add_argument("--preset", metavar="NAME|N", help="shipped preset that `soak` dreams (default: the defaults)")
    command.add_argument("--rows", nargs="+", default=(), metavar="ROW", help="only these rows, for `knobs`")
    command.add_argument("--peer", metavar="FOLDER", help="a copy of gordicaleksa/pytorch-deepdream, for `peer`")
    command.add_argument("--json", metavar="FILE", help="write the figures here")


def run_bench(options):
    from ..bench.run import bench

    bench(options)
