#!/usr/bin/env python3
"""Sets Hear & See up and starts it: standard library only, the same on Linux, macOS and Windows.

    python3 bootstrap.py run  [flags of `hearsee perform`]    set up, then perform
    python3 bootstrap.py test [flags of pytest]               set up, then run all tests
    python3 bootstrap.py setup                                set up only

On Windows say `py bootstrap.py run`. Everything lands in `.venv`; delete that folder to start afresh.
"""

import ctypes
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHONS = ((3, 11), (3, 12), (3, 13))
COMMANDS = ("run", "test", "setup")
TESTERS = 4  # processes that test at most: each holds a PyTorch and an OpenGL
MIDI, BUILT = "python-rtmidi", (3, 13)  # from this Python on there are no wheels of it
MIDI_BUILD = ("g++", "pkg-config", "libasound2-dev", "libjack-jackd2-dev")  # what building it takes on Debian and Ubuntu
# What PyTorch is built on there, and no wheel brings
RUNTIME = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll")
RUNTIME_AT = "https://aka.ms/vc14/vc_redist.x64.exe"
TOO_OLD = ("WinError 1114", "WinError 126", "c10.dll")  # what PyTorch says where these are older than what it was built with
MACOS = 14  # from which on there are wheels of imgui-bundle
# PyPI's torch for Windows knows no GPU, those of PyTorch's own index do: (from this driver on, from this kind of card on, index).
# The newest are made for CUDA 13, whose compiler knows nothing older than Turing (7.5: GTX 16, RTX 20).
CUDA_WHEELS = "https://download.pytorch.org/whl/"
CUDA_KINDS = ((580, 7.5, "cu130"), (525, 7.5, "cu128"), (525, 5.0, "cu126"))

# Debian and Ubuntu packages. libportaudio2 brings libasound2, whose name changed to libasound2t64.
LIBRARIES = (
    "libegl1", "libegl-mesa0", "libgl1", "libgl1-mesa-dri", "libglx-mesa0", "libgles2", "libopengl0",
    "libportaudio2", "libasound2-plugins",
)
TEST_PACKAGES = ("xvfb", "pulseaudio", "pulseaudio-utils", "jackd2", "jack-midi-clock", "liblo-tools")
SHARED_OBJECTS = ("libEGL.so.1", "libGL.so.1", "libportaudio.so.2")  # what other Linuxes are asked for
PLUGINS = ("pipewire", "pulse")  # of ALSA: PortAudio reaches the desktop's sound server by one of these
MANAGERS = {  # of other Linuxes; the last word is the plugin, for PipeWire and for PulseAudio
    "dnf": ("dnf install mesa-libEGL mesa-libGL mesa-dri-drivers portaudio", "pipewire-alsa", "alsa-plugins-pulseaudio"),
    "pacman": ("pacman -S --needed mesa libglvnd portaudio", "pipewire-alsa", "pulseaudio-alsa"),
    "zypper": ("zypper install Mesa-libEGL1 Mesa-libGL1 Mesa-dri libportaudio2", "pipewire-alsa", "alsa-plugins-pulse"),
}
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120")

# Runs inside the venv: every file that a package says it installed is there, and torchvision fits torch.
# Only the venv's own folders: our checkout holds a hearsee.egg-info, which lists no files.
CHECK = """
import csv, importlib.metadata as metadata, importlib.util, sys, sysconfig
for package in metadata.distributions(path=[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]):
    rows = csv.reader((package.read_text("RECORD") or "").splitlines())
    names = [row[0] for row in rows if row and not row[0].endswith(".pyc")]
    lost = [name for name in names if not package.locate_file(name).exists()]
    if lost or not names:
        sys.exit(f"{package.metadata['Name'] or package._path} is incomplete")
if importlib.util.find_spec("torchvision"):
    import torchvision
"""


def main(arguments):
    """The command and everything after it; returns the exit status."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    if not arguments or arguments[0] not in COMMANDS:
        print(f"bootstrap: say one of {', '.join(COMMANDS)}, as in `python3 bootstrap.py run`", file=sys.stderr)
        return 2
    if set_up_by_another():
        return hand_over([venv_python(), __file__, *arguments])
    if sys.version_info[:2] not in PYTHONS:
        return other_python(arguments)
    python = found_python(lambda version: version < BUILT) if lacks_midi() and not VENV.exists() else None
    if python and is_like_this(python):
        return hand_over([*python, __file__, *arguments])
    if unfit := unfit_machine():
        print(f"bootstrap: {unfit}", file=sys.stderr)
        return 1
    command, rest = arguments[0], arguments[1:]
    setup(test=command == "test")
    if command == "run":  # in the folder where it was called: what is given to it are files there
        os.environ["PYTHONSAFEPATH"] = "1"  # but no module of ours
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return hand_over([venv_python(), "-m", "instrument", "perform", *rest])
    os.chdir(ROOT)
    return hand_over([venv_python(), "-m", "pytest", *(rest or side_by_side())]) if command == "test" else 0


def set_up_by_another():
    """Whether a finished set-up is that of another Python than this one, and works: what it has made stays."""
    version = noted().get("python")
    if version in (None, list(sys.version_info[:2])) or tuple(version) not in PYTHONS:
        return False
    done = quiet([venv_python(), "-c", "import sys; print(*sys.version_info[:2])"])
    return done.stdout.split() == [str(number) for number in version]


def side_by_side():
    """Flags of pytest that deal all tests out to some processes, those of a file to one of them."""
    return ["-n", str(min(os.cpu_count() or 1, TESTERS)), "--dist", "loadfile"]


def other_python(arguments):
    """Hands over to a Python on this machine that fits, or says in one line what is needed."""
    if python := found_python():
        return hand_over([*python, __file__, *arguments])
    have = ".".join(map(str, sys.version_info[:3]))
    print(f"bootstrap: this is Python {have}; Hear & See needs 3.11, 3.12 or 3.13: install one from python.org "
          "and run bootstrap.py with it", file=sys.stderr)
    return 1


def lacks_midi():
    """Whether this Python has no MIDI unless that is built, for which few have the tools; Debian and Ubuntu bring them."""
    return sys.version_info[:2] >= BUILT and not has_apt()


def found_python(fits=lambda version: True):
    """The command of another Python on this machine, None where there is none that fits."""
    for major, minor in sorted(filter(fits, PYTHONS), key=lambda each: (each < BUILT, each), reverse=True):  # with MIDI first
        version = f"{major}.{minor}"
        # On Windows none is called python3.12: there a launcher knows them all.
        for python in ([shutil.which(f"python{version}")], [shutil.which("py"), f"-{version}"]):
            # Version managers leave launchers of absent versions on the PATH: ask before trusting one.
            if python[0] and quiet([*python, "-c", "pass"]).returncode == 0:
                return python
    return None


def is_like_this(python):
    """Whether a Python is for the same processor as this one: beside it there may be one for Intel, or for 32 bits."""
    done = quiet([*python, "-c", "import ensurepip, platform, sys; print(platform.machine(), sys.maxsize)"])
    return done.stdout.split() == [platform.machine(), str(sys.maxsize)]


def unfit_machine():
    """One line saying why there are no packages for this Python, or an empty string."""
    cure = "install the one of python.org and run bootstrap.py with it"
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return ("this Python is for Intel, and PyTorch has ended its packages for Intel Macs. On a Mac with Apple silicon "
                f"{cure}")
    if sys.platform == "win32" and sysconfig.get_platform() != "win-amd64":
        return f"this Python is not for 64-bit Windows (x86-64), for which there are packages: {cure}"
    if sys.platform == "darwin" and int(platform.mac_ver()[0].split(".")[0] or MACOS) < MACOS:
        return f"this is macOS {platform.mac_ver()[0]}; Hear & See needs {MACOS} or later, for which there are packages: update it"
    if sys.platform == "win32" and not has_runtime():
        return f"Windows has no Visual C++ runtime, which PyTorch needs: install {RUNTIME_AT} and run bootstrap.py again"
    return ""


def has_runtime():
    """Whether Windows has the libraries that PyTorch finds there or not at all."""
    try:
        return all(ctypes.CDLL(name) for name in RUNTIME)
    except OSError:
        return False


def setup(test):
    """System libraries and Python packages, only what is missing."""
    began = time.perf_counter()
    system_libraries(LIBRARIES + (TEST_PACKAGES if test else ()))
    if is_ready(test):
        return
    say(f"installing the Python packages into {VENV} (PyTorch is large: some minutes the first time)")
    if not has_this_python():
        make_venv()
    elif noted().get("root", str(ROOT)) != str(ROOT):
        quiet([sys.executable, "-m", "venv", VENV])  # its scripts name the folder where it was
    if failed := install(test):
        if noted() and not test and not check():  # a stage may have no network, and what is there plays
            return say(f"{failed}; going on with what is there")
        raise SystemExit(f"bootstrap: {failed}")
    trouble = check()
    if any(sign in trouble for sign in TOO_OLD):
        raise SystemExit(f"bootstrap: PyTorch does not load ({trouble}): Windows' Visual C++ runtime is too old for it; install "
                         f"{RUNTIME_AT} and run bootstrap.py again")
    if trouble:  # a set-up that was cut short: begin again, once
        say(f"{trouble}: making .venv afresh")
        make_venv()
        if failed := install(test):
            raise SystemExit(f"bootstrap: {failed}")
        trouble = check()
    if trouble:
        raise SystemExit(f"bootstrap: the Python packages do not work: {trouble}. If pip's settings offer a CPU-only "
                         "torch (find-links), it breaks torchvision: switch them off and try again")
    stamp_file().write_text(json.dumps(stamp(test)))
    say(f"ready after {time.perf_counter() - began:.0f} s")


# Python packages


def venv_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp_file():
    return VENV / "hearsee.json"


def stamp(test):
    """What a finished set-up depends on; a moved folder or a new Python makes another one."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return {"pyproject": digest, "python": sys.version_info[:2], "root": str(ROOT), "test": test, "cuda": has_cuda()}


def has_cuda():
    return shutil.which("nvidia-smi") is not None


def noted():
    """What the last finished set-up depended on, see `stamp`; empty where there is none."""
    try:
        found = json.loads(stamp_file().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_ready(test):
    """Whether the venv was finished for the present pyproject.toml, with the test packages if `test`."""
    found = noted()
    wanted = json.loads(json.dumps(stamp(test or found.get("test", False))))
    new_card = has_cuda() and not found.get("cuda", sys.platform != "win32")  # set-ups of before did not note it
    return {**found, "cuda": wanted["cuda"]} == wanted and not new_card and venv_python().exists()


def has_this_python():
    """Whether the venv has a working pip under the Python version that runs this script."""
    done = quiet([venv_python(), "-c", "import pip, sys; print(*sys.version_info[:2])"])
    return done.stdout.split() == [str(number) for number in sys.version_info[:2]]


def make_venv():
    """An empty venv in place of whatever is there."""
    done = quiet([sys.executable, "-m", "venv", "--clear", VENV])
    if done.returncode:
        cure = ("is the folder writable, is there room, does a show still run from it?" if loads_ensurepip()
                else f"on Debian and Ubuntu: sudo apt-get install {venv_package()}")
        raise SystemExit(f"bootstrap: cannot make {VENV}: {last_line(done)} ({cure})")


def install(test):
    """One pip command, so that torch and torchvision are chosen to fit each other; a line about what failed, or ""."""
    extras = ["test"] * test + ["cuda"] * has_cuda()
    if has_cuda() and sys.platform == "win32" and not computes_on_gpu():
        install_for_gpu()
    if pip_install("-e", f".[{','.join(extras)}]" if extras else "."):
        return "pip could not install the packages (its reason stands above); is there a network, and room on the disk?"
    if sys.version_info >= BUILT and not builds_midi():
        say(f"no MIDI: {MIDI} has to be built for this Python, which failed; install {build_tools()}, delete {VENV} and run this "
            "again, or run it by Python 3.12")
    return ""


def builds_midi():
    """Whether this Python has rtmidi now: as a wheel, or built from its source with what Debian and Ubuntu have for that."""
    if quiet([*pip(), MIDI]).returncode == 0:
        return True
    if not has_apt():
        return False
    missing = missing_packages(build_packages())
    return (not missing or apt_install(missing)) and quiet([*pip(), MIDI]).returncode == 0


def build_packages():
    """Debian packages that rtmidi is built with; Pythons that are not Debian's bring their own header files."""
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return MIDI_BUILD if headers.exists() else (*MIDI_BUILD, f"python{sys.version_info[0]}.{sys.version_info[1]}-dev")


def build_tools():
    if sys.platform == "darwin":
        return "Apple's compiler (xcode-select --install)"
    if os.name == "nt":
        return "Microsoft's C++ Build Tools"
    named = f" (sudo apt-get install {' '.join(build_packages())})" if has_apt() else ""
    return f"a C++ compiler and the header files of Python, ALSA and JACK{named}"


def computes_on_gpu():
    """Whether the PyTorch that is there, if any, was built for NVIDIA's GPUs."""
    return quiet([venv_python(), "-c", "import torch; print(torch.version.cuda or '')"]).stdout.strip() != ""


def install_for_gpu():
    """PyTorch for NVIDIA's GPUs, which on Windows is no part of PyPI."""
    index = cuda_wheels()
    if not index:
        say(f"no dream on the NVIDIA GPU: no PyTorch is made for it and its driver; update the driver and delete {VENV} to try again")
    elif pip_install("torch", "torchvision", "--force-reinstall", "--index-url", index):
        say(f"no dream on the NVIDIA GPU: {index} gave no PyTorch (its reason stands above); to try again, delete {VENV}")


def cuda_wheels():
    """The index of the newest PyTorch that runs on the best card here with its driver, or an empty string."""
    lines = quiet(["nvidia-smi", "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]).stdout.splitlines()
    cards = [line.split(",") for line in lines if line.count(",") == 1] or [("525", "7.5")]  # older drivers do not tell
    fits = (kind for driver, card, kind in CUDA_KINDS
            if any(number(has) >= driver and number(can) >= card for has, can in cards))
    kind = next(fits, "")
    return kind and CUDA_WHEELS + kind


def number(text):
    """A version's first two parts as a number, 0 for what is none."""
    try:
        return float(".".join(text.strip().split(".")[:2]))
    except ValueError:
        return 0.0


def pip():
    return [venv_python(), "-m", "pip", "install", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]


def pip_install(*what):
    """Have pip install it and say how far it is; its exit status."""
    # Without a terminal there is nobody to look at bars and at warnings about pip's own settings.
    quietness = [] if sys.stdout.isatty() else ["-qq"]
    parts = VENV / "tmp"  # gigabytes, for which the system's own folder, often in memory, has no room
    parts.mkdir(exist_ok=True)
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(parts))
    try:
        return subprocess.call([*map(str, pip()), *quietness, *what], cwd=ROOT, stdin=subprocess.DEVNULL, env={**os.environ, **places})
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def check():
    """One line saying what is wrong with the packages, or an empty string."""
    done = quiet([venv_python(), "-c", CHECK])
    return last_line(done) if done.returncode else ""


# System libraries


def system_libraries(packages):
    """Installs what is missing where that needs no password; otherwise one line names it, and we go on."""
    if not sys.platform.startswith("linux"):
        return  # the wheels for macOS and Windows carry their libraries
    if not has_apt():
        missing = [name for name in SHARED_OBJECTS if not loads(name)]
        if not has_plugin():
            missing.append("ALSA's plugin for the sound server")
        if missing:
            say(f"please install Mesa (EGL, GL) and PortAudio{by_manager()}: {', '.join(missing)} missing")
        return
    missing = missing_packages(packages)
    if missing and not apt_install(missing):
        say(f"please install the missing system packages: sudo apt-get install -y {' '.join(missing)}")


def has_apt():
    """Whether this is Debian, Ubuntu or one of their kind."""
    return bool(shutil.which("apt-get") and shutil.which("dpkg-query"))


def by_manager():
    """The command that installs them on this Linux, as far as we know it."""
    manager = next(filter(shutil.which, MANAGERS), None)
    if not manager:
        return " by your package manager"
    command, *plugins = MANAGERS[manager]
    return f" by `sudo {command} {plugins[not shutil.which('pipewire')]}`"


def has_plugin():
    """Whether ALSA can reach PipeWire or PulseAudio; True too where its plugins are kept elsewhere."""
    folders = list(Path("/usr").glob("lib*/alsa-lib"))
    wanted = [f"libasound_module_pcm_{name}.so" for name in PLUGINS]
    return not folders or any((folder / name).exists() for folder in folders for name in wanted)


def missing_packages(packages):
    """Those Debian packages of `packages` that are not installed; that of venv too where Python lacks it."""
    wanted = list(packages)
    if shutil.which("pipewire") and "pulseaudio" in wanted:
        wanted.remove("pulseaudio")  # never push aside the sound server that a performer uses
    listed = quiet(["dpkg-query", "-W", "-f", "${Package}|${Status}\n", *wanted]).stdout.splitlines()
    present = {line.split("|")[0] for line in listed if line.endswith("|install ok installed")}
    missing = [name for name in wanted if name not in present]
    return missing if loads_ensurepip() or has_this_python() else [venv_package(), *missing]


def venv_package():
    """Debian's package with the venv of this Python, which need not be its python3."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"


def apt_install(packages):
    """True if apt-get installed them all; False too where it would need a password."""
    before = () if os.geteuid() == 0 else ("sudo", "-n")
    if before and (not shutil.which("sudo") or quiet([*before, "true"]).returncode):
        return False
    say(f"installing system packages: {' '.join(packages)}")
    # jackd2 asks about real-time priority unless told that nobody is there to answer.
    before += ("env", "DEBIAN_FRONTEND=noninteractive")
    quiet([*before, *APT, "update"])  # a foreign source that fails must not stop ours
    done = quiet([*before, *APT, "install", "-y", "--no-install-recommends", "--no-remove", *packages])
    if done.returncode:
        say(f"apt-get failed: {last_line(done)}")
    return done.returncode == 0


def loads(name):
    """Whether the dynamic linker finds a shared object."""
    import ctypes

    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def loads_ensurepip():
    """Debian cuts this module out of Python and puts it into a package of its own, see `venv_package`."""
    import importlib.util

    return importlib.util.find_spec("ensurepip") is not None


# Processes


def hand_over(command):
    """Becomes the command, so that Ctrl-C and the exit status are its own."""
    command = list(map(str, command))
    sys.stdout.flush()
    if os.name == "nt":  # exec on Windows returns to the prompt at once
        return subprocess.call(command)
    os.execv(command[0], command)


def quiet(command):
    """A finished process with its output as text; a program that is not there counts as failed."""
    try:
        return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace")  # a path may have letters that the console's code page has not
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def last_line(done):
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"


def say(text):
    print(f"bootstrap: {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
