"""bootstrap.py: a real venv and a real pip, on a project so small that it needs no network."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A build backend inside the project: pip installs it in editable mode without fetching anything.
BACKEND = '''
import pathlib, zipfile

def build_editable(folder, settings=None, metadata=None):
    name = "hearsee-0.1-py3-none-any.whl"
    info = "hearsee-0.1.dist-info"
    files = {
        "hearsee.pth": str(pathlib.Path.cwd()),
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: hearsee\\nVersion: 0.1\\nProvides-Extra: test\\n"
                            "Provides-Extra: cuda\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
'''
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def load(path):
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bootstrap():
    return load(ROOT / "bootstrap.py")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of bootstrap.py beside a project whose `perform` prints its arguments, and a half-made venv."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "bootstrap.py", folder)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "instrument").mkdir()
    (folder / "instrument" / "__main__.py").write_text("import sys\nprint('performing', sys.argv[1:])\n")
    (folder / "hearsee.egg-info").mkdir()  # as setuptools leaves one in our checkout
    (folder / "hearsee.egg-info" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: hearsee\nVersion: 0.1\n")
    (folder / ".venv" / "bin").mkdir(parents=True)
    if os.name != "nt":  # links need rights on Windows
        (folder / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    return folder


def start(folder, *arguments):
    # An empty PATH: no apt-get and no nvidia-smi, so the test changes nothing outside its folder.
    environment = {**os.environ, "PATH": "", "PIP_NO_INDEX": "1"}
    command = [sys.executable, str(folder / "bootstrap.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)


def test_run_sets_up_once_and_passes_its_arguments_on(project):
    first = start(project, "run", "--seconds", "3")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1] == "performing ['perform', '--seconds', '3']"
    assert "installing the Python packages" in first.stdout
    again = start(project, "run")
    assert "performing ['perform']" in again.stdout
    assert "installing" not in again.stdout


def test_a_broken_set_up_is_repaired(project):
    start(project, "setup")
    (project / ".venv" / "hearsee.json").unlink()
    library = next((project / ".venv").rglob("site-packages"))
    (library / "ghost-1.dist-info").mkdir()
    (library / "ghost-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: ghost\nVersion: 1\n")
    (library / "ghost-1.dist-info" / "RECORD").write_text("ghost/__init__.py,,\n")
    done = start(project, "setup")
    assert done.returncode == 0, done.stderr
    assert "ghost is incomplete: making .venv afresh" in done.stdout
    assert not (library / "ghost-1.dist-info").exists()
    assert json.loads((project / ".venv" / "hearsee.json").read_text())["root"] == str(project)


def test_a_changed_project_is_installed_again(project):
    start(project, "setup")
    (project / "pyproject.toml").write_text(PROJECT + "# changed\n")
    assert "installing" in start(project, "setup").stdout


def test_without_a_network_what_is_there_plays(project):
    start(project, "setup")
    before = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(PROJECT.replace('"backend"', '"no_such_backend"') + "# pulled\n")
    played, tested = start(project, "run"), start(project, "test")
    assert "performing ['perform']" in played.stdout and "going on with what is there" in played.stdout
    assert tested.returncode == 1 and tested.stderr.splitlines()[-1].startswith("bootstrap: pip could not install")
    (project / "pyproject.toml").write_text(before)
    assert "installing" not in start(project, "run").stdout  # nothing was lost by it


def test_what_pip_unpacks_lies_where_there_is_room_and_goes_again(bootstrap, monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    seen = []
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda *_, env, **__: seen.append((env["TMPDIR"], Path(env["TEMP"]).is_dir())) or 0)
    assert bootstrap.pip_install("nothing") == 0 and seen == [(str(tmp_path / "tmp"), True)] and not list(tmp_path.iterdir())


@pytest.mark.parametrize("stamped, starts, handed", [((3, 12), True, True), ((3, 12), False, False), (None, True, False),
                                                     ((3, 9), True, False)])
def test_a_set_up_stays_with_the_python_that_has_made_it(bootstrap, monkeypatch, tmp_path, stamped, starts, handed):
    """Else the second start, by the usual Python, would throw gigabytes away and fetch others."""
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 13, 0))
    if stamped:
        bootstrap.stamp_file().write_text(json.dumps({"python": stamped}))
    monkeypatch.setattr(bootstrap, "quiet", lambda command: SimpleNamespace(returncode=0, stdout="3 12\n" if starts else ""))
    monkeypatch.setattr(bootstrap, "unfit_machine", lambda: "")
    monkeypatch.setattr(bootstrap, "lacks_midi", lambda: False)
    monkeypatch.setattr(bootstrap, "setup", lambda test: None)
    commands = []
    monkeypatch.setattr(bootstrap, "hand_over", lambda command: commands.append(command) or 0)
    assert bootstrap.main(["setup"]) == 0
    assert commands == [[bootstrap.venv_python(), bootstrap.__file__, "setup"]] * handed


@pytest.mark.parametrize("there, cure", [(True, "is the folder writable"), (False, "sudo apt-get install python3")])
def test_a_venv_that_cannot_be_made_names_debians_package_only_where_that_is_missing(bootstrap, monkeypatch, there, cure):
    monkeypatch.setattr(bootstrap, "quiet", lambda command: SimpleNamespace(returncode=1, stdout="", stderr="no"))
    monkeypatch.setattr(bootstrap, "loads_ensurepip", lambda: there)
    with pytest.raises(SystemExit, match=cure):
        bootstrap.make_venv()


def test_an_unknown_command_is_one_line():
    done = start(ROOT, "play")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1 and "run, test, setup" in done.stderr


def test_help_shows_the_commands():
    done = start(ROOT, "--help")
    assert done.returncode == 0 and "bootstrap.py test" in done.stdout


def test_an_unfit_python_is_one_line(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "PYTHONS", ((3, 99),))
    assert bootstrap.main(["setup"]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "3.11, 3.12 or 3.13" in said


def test_the_pythons_are_those_of_the_project(bootstrap):
    assert bootstrap.PYTHONS[0] == (3, 11)
    assert 'requires-python = ">=3.11' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("flags", [[], ["tests/test_osc.py", "-x"]])
def test_all_tests_run_side_by_side_and_chosen_ones_as_they_are_chosen(bootstrap, monkeypatch, flags):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(bootstrap, "setup", lambda test: None)
    monkeypatch.setattr(bootstrap, "hand_over", lambda command: command)
    _, *given = bootstrap.main(["test", *flags])
    assert given == ["-m", "pytest", *(flags or ["-n", str(min(os.cpu_count(), bootstrap.TESTERS)), "--dist", "loadfile"])]


@pytest.fixture
def no_wheel(bootstrap, monkeypatch):
    """A Python that no wheel of rtmidi is made for, and no source of it either: the packages that apt-get was to install."""
    asked = []
    monkeypatch.setattr(bootstrap, "BUILT", (3, 0))
    monkeypatch.setattr(bootstrap, "MIDI", "no-such-package-as-this")
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda *_, **__: 0)
    monkeypatch.setattr(bootstrap, "venv_python", lambda: sys.executable)
    monkeypatch.setattr(bootstrap, "has_apt", lambda: True)
    monkeypatch.setattr(bootstrap, "missing_packages", list)
    monkeypatch.setattr(bootstrap, "apt_install", asked.extend)
    return asked


def test_without_midi_one_line_says_so_and_the_rest_is_set_up(bootstrap, no_wheel, capsys):
    bootstrap.install(test=False)
    line = capsys.readouterr().out.strip()
    assert "no MIDI" in line and "Python 3.12" in line and "\n" not in line


def test_where_midi_has_to_be_built_apt_brings_what_that_takes(bootstrap, no_wheel, monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap.sysconfig, "get_path", lambda name: str(tmp_path))
    bootstrap.install(test=False)
    assert no_wheel == [*bootstrap.MIDI_BUILD, f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"]


def test_a_python_with_header_files_of_its_own_is_not_asked_for_debians(bootstrap, no_wheel, monkeypatch, tmp_path):
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(bootstrap.sysconfig, "get_path", lambda name: str(tmp_path))
    bootstrap.install(test=False)
    assert no_wheel == list(bootstrap.MIDI_BUILD)


@pytest.fixture
def on_windows(bootstrap, monkeypatch):
    """bootstrap.py as it is on 64-bit Windows; the command lines that it would run."""
    lines = []
    monkeypatch.setattr(bootstrap.sys, "platform", "win32")
    monkeypatch.setattr(bootstrap.sysconfig, "get_platform", lambda: "win-amd64")
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda command, **_: lines.append(list(map(str, command))) or 0)
    monkeypatch.setattr(bootstrap, "quiet", lambda command: lines.append(list(map(str, command))) or SimpleNamespace(returncode=0,
                                                                                                                           stdout=""))
    return lines


@pytest.mark.parametrize("found, there", [(True, False), (True, True), (False, False)])
def test_windows_gets_a_pytorch_that_knows_the_gpu_where_there_is_one(bootstrap, on_windows, monkeypatch, found, there):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"C:\\{name}.exe" if found else None)
    monkeypatch.setattr(bootstrap, "computes_on_gpu", lambda: there)
    bootstrap.install(test=False)
    fetched = [line for line in on_windows if "torch" in line]
    assert len(fetched) == (found and not there) and all("/whl/cu" in line[-1] for line in fetched)
    assert any("-e" in line for line in on_windows)


@pytest.mark.parametrize("told, kind", [
    ("581.15, 8.9\n", "cu130"), ("581.15, 6.1\n581.15, 8.6\n", "cu130"), ("552.44, 8.6\n", "cu128"), ("581.15, 6.1\n", "cu126"),
    ("Field \"compute_cap\" is not a valid field to query.\n", "cu128"), ("391.35, 6.1\n", "")])
def test_windows_gets_the_newest_pytorch_that_its_card_and_driver_run(bootstrap, monkeypatch, told, kind):
    monkeypatch.setattr(bootstrap, "quiet", lambda command: SimpleNamespace(stdout=told))
    assert bootstrap.cuda_wheels() == (kind and bootstrap.CUDA_WHEELS + kind)


def test_a_runtime_of_windows_that_is_too_old_is_named_and_nothing_is_fetched_twice(bootstrap, on_windows, monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "check", lambda: r"OSError: [WinError 1114] Error loading C:\torch\lib\c10.dll")
    monkeypatch.setattr(bootstrap, "has_this_python", lambda: True)
    monkeypatch.setattr(bootstrap, "install", on_windows.append)
    with pytest.raises(SystemExit, match="vc_redist.x64.exe"):
        bootstrap.setup(test=False)
    assert on_windows == [False]


@pytest.mark.parametrize("version, there, like, taken", [((3, 13, 1), False, True, True), ((3, 13, 1), True, True, False),
                                                         ((3, 12, 8), False, True, False), ((3, 13, 1), False, False, False)])
def test_a_python_with_midi_is_taken_where_one_is_there(bootstrap, on_windows, monkeypatch, tmp_path, version, there, like, taken):
    """Unless it is set up already: then what was chosen stays. And none for another processor."""
    monkeypatch.setattr(bootstrap, "is_like_this", lambda python: like)
    if there:
        (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap.sys, "version_info", version)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "C:\\py.exe" if name == "py" else None)
    monkeypatch.setattr(bootstrap, "unfit_machine", lambda: "")
    monkeypatch.setattr(bootstrap, "setup", lambda test: None)
    handed = []
    monkeypatch.setattr(bootstrap, "hand_over", lambda command: handed.append(command) or 0)
    bootstrap.main(["setup"])
    assert [command[:2] for command in handed] == [["C:\\py.exe", "-3.12"]] * taken


def test_a_python_is_like_itself_and_unlike_one_for_another_processor(bootstrap, monkeypatch):
    assert bootstrap.is_like_this([sys.executable])
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "VAX")
    assert not bootstrap.is_like_this([sys.executable])


def test_windows_finds_a_fitting_python_by_its_launcher(bootstrap, on_windows, monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "C:\\py.exe" if name == "py" else None)
    taken = []
    monkeypatch.setattr(bootstrap, "hand_over", lambda command: taken.append(command) or 0)
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 15, 0))
    assert bootstrap.main(["run"]) == 0
    assert taken[0][:2] == ["C:\\py.exe", "-3.12"] and taken[0][-1] == "run"


@pytest.mark.parametrize("system, machine, of", (("darwin", "x86_64", "macosx-10.9-universal2"), ("win32", "ARM64", "win-arm64"),
                                                 ("win32", "AMD64", "win32")))
def test_a_machine_without_packages_is_one_line(bootstrap, monkeypatch, capsys, system, machine, of):
    monkeypatch.setattr(bootstrap.sys, "platform", system)
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: machine)
    monkeypatch.setattr(bootstrap.sysconfig, "get_platform", lambda: of)
    assert bootstrap.main(["setup"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("system, machine, of", (("darwin", "arm64", "macosx-10.9-universal2"), ("win32", "ARM64", "win-amd64"),
                                                 ("linux", "x86_64", "linux-x86_64")))
def test_other_machines_have_packages(bootstrap, monkeypatch, system, machine, of):
    monkeypatch.setattr(bootstrap.sys, "platform", system)
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: machine)
    monkeypatch.setattr(bootstrap.sysconfig, "get_platform", lambda: of)
    monkeypatch.setattr(bootstrap, "has_runtime", lambda: True)
    assert not bootstrap.unfit_machine()


@pytest.mark.parametrize("lacking, told", ((None, ""), ("msvcp140.dll", "vc_redist.x64.exe")))
def test_a_windows_without_what_pytorch_is_built_on_says_where_to_get_it(bootstrap, monkeypatch, lacking, told):
    def load(name):
        if name == lacking:
            raise OSError("not found")
        return object()

    monkeypatch.setattr(bootstrap.sys, "platform", "win32")
    monkeypatch.setattr(bootstrap.sysconfig, "get_platform", lambda: "win-amd64")
    monkeypatch.setattr(bootstrap.ctypes, "CDLL", load)
    unfit = bootstrap.unfit_machine()
    assert told in unfit and bool(told) == bool(unfit)


@pytest.mark.parametrize("version, told", (("13.6.9", "needs 14"), ("14.0", ""), ("26.1", "")))
def test_a_macos_without_packages_is_told(bootstrap, monkeypatch, version, told):
    monkeypatch.setattr(bootstrap.sys, "platform", "darwin")
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(bootstrap.platform, "mac_ver", lambda: (version, ("", "", ""), "arm64"))
    unfit = bootstrap.unfit_machine()
    assert told in unfit and bool(told) == bool(unfit)


def test_only_missing_packages_are_named(bootstrap):
    missing = bootstrap.missing_packages(("dpkg", "no-such-package-of-hearsee"))
    assert missing[-1] == "no-such-package-of-hearsee" and "dpkg" not in missing


@pytest.mark.parametrize("there, told", [
    ({"dnf", "pipewire"}, "`sudo dnf install mesa-libEGL mesa-libGL mesa-dri-drivers portaudio pipewire-alsa`"),
    ({"pacman", "pipewire"}, "`sudo pacman -S --needed mesa libglvnd portaudio pipewire-alsa`"),
    ({"pacman"}, "pulseaudio-alsa`"),
    (set(), "by your package manager"),
])
def test_other_linuxes_are_told_their_own_command(bootstrap, monkeypatch, capsys, there, told):
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: name if name in there else None)
    monkeypatch.setattr(bootstrap, "loads", lambda name: name != "libportaudio.so.2")
    monkeypatch.setattr(bootstrap, "has_plugin", lambda: True)
    bootstrap.system_libraries(bootstrap.LIBRARIES)
    (line,) = capsys.readouterr().out.splitlines()
    assert told in line and line.endswith(": libportaudio.so.2 missing")
    monkeypatch.setattr(bootstrap, "loads", lambda name: True)
    bootstrap.system_libraries(bootstrap.LIBRARIES)
    assert not capsys.readouterr().out
    monkeypatch.setattr(bootstrap, "has_plugin", lambda: False)
    bootstrap.system_libraries(bootstrap.LIBRARIES)
    assert "plugin for the sound server missing" in capsys.readouterr().out


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian")
def test_pulseaudio_is_never_put_beside_pipewire(bootstrap, monkeypatch):
    wanted = ("pulseaudio", "no-such-package-of-hearsee")
    which = bootstrap.shutil.which
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: name if name == "pipewire" else which(name))
    monkeypatch.setattr(bootstrap, "quiet", lambda command: SimpleNamespace(stdout="", command=command))
    assert "pulseaudio" not in bootstrap.missing_packages(wanted)


def test_make_has_a_target_for_every_command(bootstrap):
    makefile = (ROOT / "Makefile").read_text()
    for command in bootstrap.COMMANDS:
        assert f"\n{command}:\n\t@$(PYTHON) bootstrap.py {command}" in makefile


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_the_ci_script_is_executable_and_parses():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0


@pytest.mark.parametrize("noted, card, ready", [
    ({}, False, True), ({}, True, True), ({"cuda": False}, False, True), ({"cuda": False}, True, False), ({"cuda": True}, True, True),
    ({"cuda": True}, False, True)])
def test_a_card_that_is_new_asks_for_a_new_set_up_and_one_that_has_gone_does_not(bootstrap, monkeypatch, tmp_path, noted, card, ready):
    """On a stage without a network nothing may be fetched that is there already."""
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}" if card else None)
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    bootstrap.venv_python().parent.mkdir()
    bootstrap.venv_python().touch()
    stamp = {name: value for name, value in bootstrap.stamp(True).items() if name != "cuda"}
    bootstrap.stamp_file().write_text(json.dumps({**stamp, **noted}))
    assert bootstrap.is_ready(test=False) == ready
