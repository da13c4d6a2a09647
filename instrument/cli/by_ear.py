"""`hearsee teach NAME` by ear: talks with the person at the terminal and with the instrument that runs."""

import sys
from pathlib import Path

from ..features import FORGOTTEN
from ..osc import Remote
from ..params import EAR

END_OF_INPUT = "Ctrl-Z, Enter" if sys.platform == "win32" else "Ctrl-D"


def teach_by_ear(options):
    """Teach the instrument that is running: examples between two presses of Enter; or let it forget."""
    from ..learn.teach import legal_name  # with PyTorch, which no other command is to wait for

    if options.model or options.out:
        raise ValueError("--model and --out are for --from FILE...: the instrument that runs keeps what it is taught by ear in a "
                         "model folder of its own")
    name, pupil, picture = legal_name(options.name), Pupil(options.host, options.port), _found(options)
    pupil.check()
    if options.forget:
        print(_forgotten(pupil.ask("teach.forget", name)))
    else:
        _teach(pupil, name, picture)


def _forgotten(answer):
    """The answer; ValueError for one that says why nothing was forgotten."""
    if FORGOTTEN not in answer:
        raise ValueError(answer)
    return answer


def _found(options):
    """A file by its whole path, as the instrument may run in another folder; a class, what another machine has, or None, as it
    is. ValueError for a file that is not here, before a sound was made for it."""
    picture, here = options.picture, options.host in ("127.0.0.1", "localhost")
    if picture is None or Path(picture).is_file():
        return picture and str(Path(picture).resolve())
    if here and (len(Path(picture).parts) > 1 or Path(picture).suffix):
        raise ValueError(f"--picture {picture}: no such file; give one that is there, or a class whose picture to take")
    return picture


def _teach(pupil, name, picture):
    """Examples, until the input ends."""
    print(f"Teaching {name}: Enter, make the sound, Enter. Three to five times. {END_OF_INPUT} ends.")
    try:
        while True:
            _enter("ready? ")
            answer = pupil.ask("teach.start", name)
            if answer.startswith("listening"):
                _enter(f"{answer} ... ")
                answer = pupil.ask("teach.stop", picture)
            print(answer)
    except EOFError:
        print()


def _enter(prompt):
    """Wait for Enter; EOFError for the end of the input, also where it came as a letter: Windows knows another key for it."""
    if {"\x04", "\x1a"} & set(input(prompt)):
        raise EOFError


class Pupil:
    """The instrument that runs, asked over OSC."""

    def __init__(self, host, port):
        self._remote, self._port = Remote((host, port)), port

    def check(self):
        """OSError where nobody answers."""
        if not self._remote.answers():
            raise OSError(f"nobody answers on port {self._port}: start `hearsee perform` first (on an address of its own: --host), or "
                          f"`hearsee listen` and give --port {EAR}; or from files: teach by --from FILE..., forget by --model FOLDER")

    def ask(self, command, argument):
        """What it answers to a command of teaching; OSError where nobody is there."""
        self.check()
        return self._remote.ask(command, argument) or "it does not answer: see its HUD, or its terminal"
