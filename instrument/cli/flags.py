"""Flags that several commands have, and what was given of them."""

from dataclasses import fields

from ..params import PARAMS
from .legal import SEEDS, channels, said_by, whole


def model_flag(command, about="model folder (default: the shipped one)"):
    command.add_argument("--model", metavar="FOLDER", help=about)


def sound_flags(command):
    """What is heard, and by which model."""
    command = command.add_argument_group("sound")
    command.add_argument("--audio", metavar="DEVICE|FILE|demo", help="microphone (name or number), sound file or "
                         "'demo'; default: the microphone if there is one, else the demo scene")
    command.add_argument("--channels", type=channels, metavar="N[,N]", help="hear these inputs of the device, or channels of the "
                         "file, from 1, such as 3 or 1,2 (default: the mean of all; of a device's more than 8 the first two)")
    command.add_argument("--loop", action="store_true", help="repeat a file for ever")
    command.add_argument("--mute", action="store_true", help="do not play a file aloud")
    model_flag(command)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="hear on the processor or the "
                         "GPU (default auto: whichever is quicker); a GPU that fails hands over to the processor")
    command.add_argument("--scene-seed", type=whole(0, SEEDS), default=1, metavar="N", help="shuffles the demo scene")


def port_flags(command, port, legal):
    command.add_argument("--port", type=legal, default=port, help=f"receive OSC here (default {port})")
    command.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="receive on this address of the "
                         "machine (0.0.0.0: all); default: only from this machine")


def row_flags(command, about, rows=PARAMS):
    """A flag for each of these rows of the table."""
    values = command.add_argument_group("parameters", about)
    for row in rows:
        values.add_argument(row.flag, dest=row.name, type=said_by(row.parse), metavar="X",
                            help=f"{row.doc} {row.range_text()} (default {row.text(row.default)})".replace("%", "%%"))


def fields_given(options, kind):
    """The fields of a dataclass of options that were given."""
    names = {field.name for field in fields(kind)} - {"values"}
    return {name: value for name, value in vars(options).items() if name in names and value is not None}


def row_values(options):
    """The values of the table's rows that were given, by name."""
    return {row.name: value for row in PARAMS if (value := getattr(options, row.name, None)) is not None}


def workers_flag(command):
    command.add_argument("--workers", type=whole(0), metavar="N", help="processes that make batches beside the training; "
                         "they change no result (default: 0; on CUDA, unless with --recipe paper, up to 8)")
