"""The command line: flags are the table's, and a mistake is one line."""

import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import port_pair, udp

from instrument import __main__, __version__
from instrument.bench.run import BENCHES
from instrument.cli import COMMANDS, main, parser
from instrument.cli.by_ear import _enter
from instrument.cli.flags import fields_given
from instrument.cli.legal import LONGEST
from instrument.learn.paper.recipe import Recipe
from instrument.learn.paper.study import Paper
from instrument.learn.train import Settings
from instrument.osc import Receiver
from instrument.params import DEFAULTS, PARAMS
from instrument.presets import open_bank
from instrument.signals import BROKEN_OFF, ENDS, ENOUGH

ROOT = Path(__file__).parents[1]
PORT = port_pair()
SHORT = ["--headless", "--seconds", "0.1", "--size", "160x90", "--audio", "demo", "--port", str(PORT)]


def said(arguments, capfd):
    """Status and what a command wrote to stderr, but for what ALSA says, and a governor on a busy machine."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    lines = capfd.readouterr().err.splitlines()
    return ended.value.code, [line for line in lines if not line.startswith("ALSA") and not line.endswith("(slow)")]


@pytest.mark.parametrize("row", PARAMS, ids=lambda row: row.name)
def test_every_row_has_a_flag(row):
    options = parser().parse_args(["perform", row.flag, f"{row.hi:g}" if not row.labels else row.labels[-1]])
    assert getattr(options, row.name) == row.hi


def test_no_flags_leave_the_defaults_alone():
    options = parser().parse_args(["perform"])
    assert all(getattr(options, row.name) is None for row in PARAMS)


@pytest.mark.parametrize("flags, dream", [("", "live"), ("--dream live", "live"), ("--dream prerendered", "prerendered"),
                                          ("--frames x", "prerendered"), ("--frames x --dream prerendered", "prerendered")])
def test_whoever_names_a_folder_of_loops_sees_them(flags, dream, monkeypatch):
    asked = []
    monkeypatch.setattr("instrument.perform.perform", asked.append)
    with pytest.raises(SystemExit, match="0"):
        main(["perform", *flags.split()])
    assert asked[0].dream == dream and (asked[0].frames == "x") == ("--frames" in flags)


@pytest.mark.parametrize("flags", ("--pictures mine", "--network vgg16"))
def test_what_loops_cannot_be_given_is_refused(flags, capfd):
    status, lines = said(["perform", "--dream", "prerendered", *flags.split()], capfd)
    assert status == 2 and len(lines) == 1 and f"leave out {flags}" in lines[0]


def test_a_memory_alone_is_made_without_a_class(monkeypatch, capfd):
    """Whoever is told to make it while a class is taught names that class too: no model without it is written."""
    made = []
    monkeypatch.setattr("instrument.learn.teach.remember", lambda model, clips: made.append(clips) or "remembered")
    monkeypatch.setattr("instrument.learn.dataset.find_clips", lambda folder, classes: [folder])
    monkeypatch.setattr("instrument.learn.teach.from_files", lambda *_: pytest.fail("nothing is to be taught"))
    with pytest.raises(SystemExit, match="0"):
        main(["teach", "clock_tick", "--remember", "clips"])
    assert made == [["clips"]] and capfd.readouterr().out == "remembered\n"


@pytest.mark.parametrize("flag", ("--count", "--frames"))
def test_the_length_of_loops_is_a_count_and_is_understood_by_its_old_name(flag, monkeypatch, capfd):
    asked = []
    monkeypatch.setattr("instrument.prerender.prerender", lambda settings, *_: asked.append(settings.frames) or ["done"])
    with pytest.raises(SystemExit, match="0"):
        main(["prerender", flag, "120"])
    assert asked == [120]
    with pytest.raises(SystemExit):
        main(["prerender", "--help"])
    assert "--count N" in (told := capfd.readouterr().out) and "--frames" not in told


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capfd):
    status, _ = said([command, "--help"], capfd)
    assert status == 0


MISTAKES = [
    ("", "required: COMMAND"),
    ("perfrom", "choose from"),
    ("perform --dream-octavs 4", "did you mean --dream-octaves?"),
    ("perform --dream-octaves 99", "legal is 1 to 6"),
    ("perform --dream-octaves many", "not a number"),
    ("perform --zoom-mode spirale", "legal is centre, drift"),
    ("perform --size big", "WIDTHxHEIGHT"),
    ("perform --size 10x10", "64 to 8192"),
    ("perform --fps 0.001", "1 to 240"),
    ("perform --fps 1e9", "1 to 240"),
    ("perform --seconds nan", "no number above 0"),
    ("perform --port 0", "not a port"),
    ("perform --port 65535", "1 to 65534"),
    ("perform --dream-threads 100000", "whole number from 1 to"),
    ("perform --scene-seed -1", "whole number from 0"),
    ("perform --target nonsense", "HOST:PORT"),
    ("perform --record=", "an empty argument"),
    ("perform --host nonsense --headless", "give an address of this machine"),
    ("perform --host 192.0.2.1 --headless", "give an address of this machine"),
    ("perform --target nowhere.invalid:1 --headless", "no such host (Name"),
    ("perform --frames nowhere --headless", "nowhere"),
    ("perform --frames nowhere --dream live", "leave out --frames nowhere"),
    ("perform --no-listen --audio x.wav --loop", "leave out --audio, --loop"),
    ("perform --no-listen --hear-gain 6", "leave out --hear-gain"), ("perform --audio my song.wav", "quotes round a name with spaces"),
    ("perform --pictures docs --frames out/loops", "leave out --pictures docs"),
    ("perform --pictures tests --headless", "tests: no pictures there; name one air_conditioner.jpg"),
    ("render nowhere.wav --pictures tests", "nowhere.wav"),
    ("perform --network pyproject.toml --headless", "pyproject.toml is no network: give"),
    ("listen --sead 4", "no such argument: --sead 4"),
    ("listen --taught pyproject.toml --audio demo --port {port}", "pyproject.toml is no model"),
    ("devices x", "no such argument: x"),
    ("--preset 3 perform", "flags come behind it: hearsee perform --preset 3"),
    ("--audio demo", "flags come behind it: hearsee perform --audio demo"),
    ("--nonsense", "required: COMMAND"),
    ("perform pyproject.toml", "to hear that file: --audio pyproject.toml"),
    ("perform --record film.gif", "end it with .mp4, .mkv, .mov or .m4v"),
    ("render a.wav --out film", "end it with .mp4, .mkv, .mov or .m4v"),
    ("teach bell --picture bell.jpeg --port {port}", "--picture bell.jpeg: no such file"),
    ("models list nowhere", "nowhere: no such folder"),
    ("models show nowhere", "no torchvision classifier 'nowhere'"),
    ("prerender --count 5", "whole number from 100"),
    ("prerender --frames 5", "whole number from 100"),
    ("prerender --pictures tests --out {out}", "tests: no pictures there; name one air_conditioner.jpg"),
    ("prerender --seed 1.5", "whole number from 0"),
    ("gallery --out pyproject.toml", "pyproject.toml"),
    ("distill --pictures docs --teacher nowhere --out {out}", "nowhere: no such file; give BVLC GoogLeNet"),
    ("distill --pictures docs --teacher x --out {out} --side 1", "whole number from 32"),
    ("paint whale --out {out}", "no scene 'whale': expected one of air_conditioner, "),
    ("train --data nowhere --out {out} --run {out}", "no clips in nowhere"),
    ("train --data nowhere --out {out} --seed 99999999999999999999", "whole number from 0"),
    ("train --data nowhere --out {out} --steps -1", "whole number from 0"),
    ("train --data {sounds} --out {out} --epochs 9 --weights none", "--weights, --epochs: not without --recipe paper"),
    ("train --data {sounds} --out {out} --as-published", "--as-published: not without --recipe paper"),
    ("train --data {sounds} --out {out} --recipe paper --steps 0 --leave-out 1", "--leave-out, --steps: not with --recipe paper"),
    ("train --data {sounds} --out {out} --leave-out 7", "has no folds"),
    ("bench hear --data {sounds} --clips 0", "whole number from 1"),
    ("bench hear --data {sounds}", "none of 0 clips of the model's classes (air_conditioner"),
    ("teach", "name the class"),
    ("evaluate --data nowhere --snr nan", "not a number from -100 to 100"),
    ("evaluate --data nowhere --level 1e308", "not a number from -100 to 100"),
    ("evaluate --data nowhere --window 99999", "not a number from 0.1 to 4"),
    ("evaluate --data nowhere --folds 0", "whole number from 1"),
]


def test_every_benchmark_is_explained(capfd):
    with pytest.raises(SystemExit, match="0"):
        main(["bench", "--help"])
    told = " ".join(capfd.readouterr().out.split())
    assert all(f"{name} {' '.join(run.__doc__.split())}" in told for name, run in BENCHES.items())


@pytest.mark.parametrize("recipe", ["own", "paper"])
def test_what_is_not_asked_for_is_as_the_recipes_have_it(recipe):
    options = parser().parse_args(["train", "--recipe", recipe, "--data", "clips", "--out", "out"])
    assert fields_given(options, Settings) == {"data": "clips", "seed": 0}
    assert Paper(**{**fields_given(options, Paper), "recipe": Recipe(**fields_given(options, Recipe))}) == Paper("clips")


@pytest.mark.parametrize("line, words", MISTAKES, ids=[line or "nothing" for line, _ in MISTAKES])
def test_a_mistake_is_one_line(line, words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    for number in range(3):
        (tmp_path / "sounds" / "mine").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "sounds" / "mine" / f"{number}.wav", np.sin(np.arange(22050)), 22050)
    arguments = line.format(out=tmp_path / "out", sounds=tmp_path / "sounds", port=PORT).replace("=", " ").split(" ")
    status, lines = said(arguments if line else [], capfd)
    assert status == 2 and len(lines) == 1 and words in lines[0], lines


def test_the_version_is_told(capfd):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert __version__ in capfd.readouterr().out


def one_line(arguments, words, capfd):
    """A show that cannot begin ends with one line, and a signal to end then ends its caller as before."""
    before = [signal.getsignal(number) for number in ENDS]
    status, lines = said(["perform", *SHORT, *arguments], capfd)
    assert status == 2 and len(lines) == 1, lines
    for word in words:
        assert word in lines[0]
    assert [signal.getsignal(number) for number in ENDS] == before


def test_an_unknown_preset(capfd):
    one_line(["--preset", "no such look"], ["no preset 'no such look'"], capfd)


def test_a_preset_number_out_of_range(capfd):
    one_line(["--preset", "999"], ["no preset 999", "1 to"], capfd)


def test_a_preset_value_out_of_range(tmp_path, capfd):
    (tmp_path / "90-loud.toml").write_text("[dream]\noctaves = 99\n")
    one_line(["--presets", str(tmp_path), "--preset", "loud"], ["90-loud.toml", "dream.octaves", "1 to 6"], capfd)


def test_a_model_that_is_not_there(tmp_path, capfd):
    one_line(["--model", str(tmp_path)], ["card.json is missing"], capfd)


@pytest.mark.parametrize("field, value", [("classes", 10), ("classes", [0, 1]), ("taught", None), ("scenes", "1000"), ("scenes", None),
                                          ("temperature", "1.3"), ("temperature", 0), ("temperature", None)])
def test_a_card_of_a_model_with_a_wrong_field(tmp_path, capfd, field, value):
    shutil.copytree(ROOT / "models" / "urban", tmp_path / "m")
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    (tmp_path / "m" / "card.json").write_text(json.dumps({**card, field: value}))
    one_line(["--model", str(tmp_path / "m")], ["card.json", field], capfd)


def test_damaged_weights(tmp_path, capfd):
    shutil.copytree(ROOT / "models" / "urban", tmp_path / "m")
    (tmp_path / "m" / "weights.safetensors").write_bytes(b"\0" * 100)
    one_line(["--model", str(tmp_path / "m")], ["weights.safetensors", "damaged"], capfd)


def test_a_shader_with_a_fault_names_file_and_line(tmp_path, capfd):
    shutil.copytree(ROOT / "shaders", tmp_path / "s")
    broken = next(path for path in sorted((tmp_path / "s").glob("*.*")) if "void main" in path.read_text())
    broken.write_text(broken.read_text().replace("void main", "oops;\nvoid main"))
    one_line(["--shaders", str(tmp_path / "s")], [broken.name, "line "], capfd)


def test_ctrl_c_while_the_program_is_loaded_is_an_end_like_any_other(monkeypatch):
    class Loading:
        @property
        def main(self):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "instrument.cli", Loading())
    with pytest.raises(SystemExit) as end:
        __main__.main()
    assert end.value.code == BROKEN_OFF


def test_ctrl_c_while_the_program_leaves_is_passed_over():
    program = ("import atexit, signal; from instrument.signals import leave; "
               "atexit.register(signal.raise_signal, signal.SIGINT); leave(7)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


@pytest.mark.parametrize("at_once, told", [(False, "torn down\n"), (True, "")])
def test_who_is_waited_for_leaves_without_what_libraries_do_at_the_end(at_once, told):
    program = f"import atexit; from instrument.signals import leave; atexit.register(print, 'torn down'); leave(3, {at_once})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (3, told)


@pytest.mark.parametrize("flags, at_once", [((), False), (("--parent", "1"), True)])
def test_the_ear_of_a_show_leaves_at_once(monkeypatch, flags, at_once):
    """Else a show on a busy machine took it for one that hangs, and the file that had ended was played again."""
    left = []
    monkeypatch.setattr("sys.argv", ["hearsee", "listen", *flags])
    monkeypatch.setattr("instrument.cli._status", lambda options: 0)
    monkeypatch.setattr("instrument.cli.leave", lambda status, at_once: left.append((status, at_once)))
    main()
    assert left == [(0, at_once)]


@pytest.mark.parametrize("presses, status", [(1, 0), (ENOUGH - 1, 0), (ENOUGH, BROKEN_OFF)])
def test_what_is_being_saved_survives_an_impatient_ctrl_c_and_gives_way_to_a_desperate_one(presses, status):
    program = ("import signal; from instrument.signals import undisturbed\nwith undisturbed():\n"
               f"    for _ in range({presses}): signal.raise_signal(signal.SIGINT)\n    print('saved')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == status and ("saved" in done.stdout) == (status == 0)
    assert done.stderr.splitlines()[0] == f"what was made is being saved; Ctrl-C {ENOUGH - 1} times more leaves without it"


def test_a_port_in_use(capfd):
    with udp() as taken:
        taken.bind(("127.0.0.1", PORT))
        one_line([], [f"port {PORT}", "choose another port"], capfd)


def test_a_preset_folder_that_is_not_there_yet_is_said_and_made_by_the_first_preset(tmp_path, capfd):
    folder = tmp_path / "my" / "looks"
    with udp() as taken, pytest.raises(SystemExit):
        taken.bind(("127.0.0.1", PORT))  # so that the show ends soon
        main(["perform", *SHORT, "--presets", str(folder)])
    assert f"{folder} is not there yet: the first preset" in capfd.readouterr().out
    path = open_bank(str(folder), new=True).save(DEFAULTS, "mine")
    assert path.parent == folder and open_bank(str(folder)).names()[-1] == "mine"


def test_presets_are_listed_by_their_titles(tmp_path, capfd):
    (tmp_path / "40-a.toml").write_text('title = "夜の海"\n', encoding="utf-8")
    (tmp_path / "41-red-tunnel.toml").write_text('title = "Red tunnel"\n')
    (tmp_path / "42-torn.toml").write_text("[dream")
    with pytest.raises(SystemExit, match="1"):
        main(["presets", "--presets", str(tmp_path)])
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines[-3:-1]] == ["夜の海  (a)", "Red tunnel"] and "torn  cannot be recalled" in lines[-1]


@pytest.mark.parametrize("letter", ("\x04", "\x1a"))
def test_the_key_that_ends_teaching_elsewhere_ends_it_here_too(monkeypatch, letter):
    """Ctrl-D is a letter to Windows, and the next Enter would begin an example."""
    monkeypatch.setattr("builtins.input", lambda _: letter)
    with pytest.raises(EOFError):
        _enter("ready? ")


def test_no_longer_window_is_scored_than_an_answer_looks_at():
    from instrument.model.sound import SECONDS

    assert LONGEST == SECONDS


def test_a_drive_that_is_not_plugged_in_is_no_folder_of_presets(monkeypatch):
    """Of E:\\presets nothing exists then, not even what it begins with; of a path here `/` always does."""
    monkeypatch.setattr("pathlib.Path.exists", lambda _: False)
    with pytest.raises(OSError, match="no such folder"):
        open_bank("/presets", new=True)


@pytest.mark.parametrize("command, place", [
    (command, place) for command in ("perform", "presets", "gallery", "prerender")
    for place in ("look.toml", "look.toml/looks", "nowhere") if (command, place) != ("perform", "nowhere")])
def test_a_preset_folder_that_is_none_is_one_line(command, place, tmp_path, capfd):
    (tmp_path / "look.toml").touch()
    preset = ["--preset", "1"] if command == "prerender" else []
    status, lines = said([command, "--presets", str(tmp_path / place), *preset], capfd)
    assert status == 2 and len(lines) == 1 and str(tmp_path / place) in lines[0] and "folder" in lines[0]


@pytest.mark.parametrize("audio, words", [
    ("nowhere/nothing.wav", ["nothing.wav"]),
    ("no such microphone", ["no such microphone"]),
])
def test_sound_that_is_not_there(audio, words, capfd):
    one_line(["--audio", audio], words, capfd)


def test_a_file_that_is_no_sound(tmp_path, capfd):
    (tmp_path / "text.wav").write_text("this is not a sound")
    one_line(["--audio", str(tmp_path / "text.wav")], ["text.wav"], capfd)


def test_a_console_without_a_letter_ends_nothing(monkeypatch):
    """Windows gives a pipe or a file the letters of cp1252: a class or a device may have a name of others."""
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", console)
    with pytest.raises(SystemExit):
        main(["--version"])
    print("7.0 s  \u5504", file=console, flush=True)
    assert b"\\u5504" in console.buffer.getvalue()


def test_teaching_by_ear_where_nobody_is_there_says_what_to_start(free_port, capfd, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: pytest.fail("asked for a sound that nobody hears"))
    status, lines = said(["teach", "clap", "--port", str(free_port)], capfd)
    assert status == 2 and len(lines) == 1 and str(free_port) in lines[0] and "start `hearsee perform`" in lines[0]


@pytest.fixture
def instrument():
    """What a running instrument is told, and answers: news of `answers` for each command of teaching."""
    class Running(list):
        answers = {"teach.start": "listening: hand_clap", "teach.stop": "hand_clap: 1 example", "teach.forget": "clap is forgotten"}

        def told(self, name, argument):
            self.append((name, argument))
            self.receiver.news(self.answers[name])

    running = Running()
    with Receiver(0, command=running.told) as running.receiver:
        yield running


def printed(arguments, capfd):
    """Status and the lines that a command printed."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code, capfd.readouterr().out.splitlines()


def press(monkeypatch, times):
    """Enter so often, then Ctrl-D; the prompts."""
    prompts = []

    def answer(prompt):
        prompts.append(prompt)
        if len(prompts) > times:
            raise EOFError
        return ""

    monkeypatch.setattr("builtins.input", answer)
    return prompts


def test_teaching_by_ear_reaches_the_instrument_that_runs_and_shows_its_answer(instrument, monkeypatch, capfd):
    prompts = press(monkeypatch, 4)
    instrument.receiver.news("an older lesson")
    status, lines = printed(["teach", "Hand Clap", "--picture", "siren", "--port", str(instrument.receiver.port)], capfd)
    assert status == 0 and instrument == 2 * [("teach.start", "hand_clap"), ("teach.stop", "siren")]
    assert "listening: hand_clap ... " in prompts and lines[1:3] == 2 * ["hand_clap: 1 example"]


def test_an_example_that_cannot_begin_is_not_waited_for(instrument, monkeypatch, capfd):
    instrument.answers = {"teach.start": "there is no network yet"}
    press(monkeypatch, 1)
    lines = printed(["teach", "clap", "--port", str(instrument.receiver.port)], capfd)[1]
    assert instrument == [("teach.start", "clap")] and lines[1] == "there is no network yet"


def test_the_instrument_that_runs_forgets(instrument, free_port, capfd):
    assert printed(["teach", "clap", "--forget", "--port", str(instrument.receiver.port)], capfd) == (0, ["clap is forgotten"])
    assert instrument == [("teach.forget", "clap")]
    status, lines = said(["teach", "clap", "--forget", "--port", str(free_port)], capfd)
    assert status == 2 and len(lines) == 1 and "forget by --model FOLDER" in lines[0]


def test_what_the_instrument_cannot_forget_is_a_mistake(instrument, capfd):
    instrument.answers = {"teach.forget": "no class 'clap' was taught; taught are: none yet"}
    status, lines = said(["teach", "clap", "--forget", "--port", str(instrument.receiver.port)], capfd)
    assert status == 2 and len(lines) == 1 and "taught are: none yet" in lines[0]


@pytest.mark.parametrize("flag", ["--model", "--out"])
def test_by_ear_no_model_can_be_named(flag, instrument, capfd):
    status, lines = said(["teach", "clap", flag, "x", "--port", str(instrument.receiver.port)], capfd)
    assert status == 2 and len(lines) == 1 and "--model and --out are for --from FILE" in lines[0] and instrument == []
