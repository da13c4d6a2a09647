"""The command line. Flags of parameters come from the table; each command imports only what it runs."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path

from .. import __version__
from ..signals import BROKEN_OFF, leave
from ..ticks import spin_briefly
from . import learning, looking, playing

MANY = 25  # flags that a usage can name on half a screen


def main(arguments=None):
    """Run `hearsee`; ends with status 2 and one line for a user's mistake."""
    _settle_in()
    alone = arguments is None
    arguments = sys.argv[1:] if alone else arguments
    top = parser()
    if wrong := _misplaced(arguments, top.commands.choices):
        top.error(wrong)
    options, unknown = top.parse_known_args(arguments)
    command = top.commands.choices[options.command]
    if unknown:
        command.error(_unknown(unknown, command))
    if "" in arguments:
        before = ["", *arguments][arguments.index("")]
        command.error(f"an empty argument '' after {before}: is a variable of your shell not set?")
    status = _status(options)
    if not alone:
        sys.exit(status)
    leave(status, at_once=bool(getattr(options, "parent", None)))  # the show waits for its `listen`


def _status(options):
    """Run the command; its exit status."""
    try:
        return options.run(options) or 0
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
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


def _misplaced(arguments, commands):
    """What is wrong where a command's flag comes first, else "": argparse would complain of its value."""
    flag = next(iter(arguments), "").partition("=")[0]
    command = next((each for each in arguments if each in commands), "perform")
    if flag not in commands[command].flags:
        return ""
    flags = _quoted([each for each in arguments if each != command])
    return f"{flag} stands before the command; flags come behind it: hearsee {command} {flags}"


def _quoted(words):
    """Words as they are typed: cmd.exe knows no single quotes."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _unknown(arguments, command):
    first = arguments[0]
    if "--audio" in command.flags and Path(first).is_file():
        return f"no such argument: {first}; to hear that file: --audio {_quoted([first])}"
    near = get_close_matches(first.partition("=")[0], command.flags, 1)
    spaces = "" if first.startswith("-") else "; put quotes round a name with spaces"
    return f"no such argument: {' '.join(arguments)}{spaces}" + "".join(f"; did you mean {flag}?" for flag in near)


def parser():
    """The parser of every command: `COMMANDS` in the order of the help."""
    top = Parser(prog="hearsee", description="Hears sound, recognises it, dreams a picture of it.")
    top.add_argument("--version", action="version", version=f"hearsee {__version__}")
    top.commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (fill, run, text) in COMMANDS.items():
        command = top.commands.add_parser(name, help=text, description=text)
        fill(command)
        command.set_defaults(run=run, command=name)
        _shorten(command)
    return top


def _shorten(command):
    """Keep the names of its `flags`; where these would fill a screen, the usage leaves them to the list below it."""
    usage = command.format_usage()
    command.flags = sorted(set(re.findall(r"--[a-z0-9-]+", usage)))
    if len(command.flags) > MANY:
        command.usage = " ".join(["%(prog)s", *usage.rpartition("]")[2].split(), "[FLAG ...]"])


def _nothing(command):
    pass


COMMANDS = {
    "perform": (playing.perform_flags, playing.run_perform, "Hear, see and play: the whole instrument."),
    "listen": (playing.listen_flags, playing.run_listen, "Only hear, and say over OSC what is heard."),
    "devices": (_nothing, looking.run_devices, "List audio devices, MIDI ports, monitors, outputs and GPUs."),
    "params": (_nothing, looking.run_params, "List the parameter table."),
    "presets": (looking.presets_flags, looking.run_presets, "List the presets."),
    "models": (looking.models_flags, looking.run_models, "List model folders, show a network's stages, fetch ImageNet weights."),
    "render": (playing.render_flags, playing.run_render,
               "Render a video of a sound file: every frame at full quality, however long it takes."),
    "prerender": (looking.prerender_flags, looking.run_prerender, "Dream seamless loops of every class beforehand, for weak machines."),
    "gallery": (looking.gallery_flags, looking.run_gallery, "Draw contact sheets of presets and classes, or compare dreams."),
    "distill": (learning.distill_flags, learning.run_distill, "Teach a fresh network to see, from photographs and a teacher."),
    "paint": (learning.paint_flags, learning.run_paint, "Draw the class pictures anew, from the scenes in shaders/scenes."),
    "data": (learning.data_flags, learning.run_data, "Prepare clips as the paper did: folders, splits, sets, figures."),
    "train": (learning.train_flags, learning.run_train, "Teach a network to hear your classes, or repeat the paper."),
    "bench": (looking.bench_flags, looking.run_bench, "Measure speed on this machine."),
    "teach": (learning.teach_flags, learning.run_teach, "Teach a model a new class from a few examples, from files or by ear."),
    "evaluate": (learning.evaluate_flags, learning.run_evaluate, "Score a model on labelled clips."),
}
