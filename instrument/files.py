"""Writing a file whole or not at all, and by one process at a time."""

import errno
import os
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import chain, count
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

ROOT = Path(__file__).parents[1]  # of what is shipped: shaders, presets, models
THINNEST = 20  # times as long as wide that a picture may be
QUIET = (110, 110, 110, 255)  # behind a cut-out
HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)  # what systems say of a lock that another process has
ORPHANED = 8.0  # s that the workers of a killed process may need to end: what it held, they hold
PAUSES = (0.01, 0.04, 0.1, 0.3)  # s between tries to give a name on Windows


def put(source, target):
    """Give the file or folder `source` the name `target`, in place of a file that has it.

    On Windows nothing that is open can be renamed, and a virus scanner opens what has just been written: that moment is
    waited for. OSError where it takes longer.
    """
    for pause in PAUSES if sys.platform == "win32" else ():
        try:
            return os.replace(source, target)
        except PermissionError:
            time.sleep(pause)
    os.replace(source, target)


def set_aside(folder):
    """Where a folder is while another takes its place."""
    return folder.with_name(f".{folder.name}.old")


def brought_back(folder):
    """The folder; of an exchange that was broken off in its midst, the old one again."""
    if folder.name and not folder.exists() and set_aside(folder).exists():
        put(set_aside(folder), folder)
    return folder


def part_of(path):
    """What `write_whole` fills before it becomes the file `path`."""
    return path.with_name(path.name + ".part")


def write_whole(path, content):
    """Put a text or bytes into `path`: after a crash or a full disk the old file is still there, complete."""
    path, content = Path(path), content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        with open(part, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        put(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def sole(folder):
    """Have a folder to write into for this process alone, which its death ends as well; ValueError where another one has it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / "in-use", ORPHANED) as mine:
        if not mine:
            raise ValueError(f"{folder}: another process is at work there; wait for its end, or choose another folder (--run or --out)")
        yield


@contextmanager
def held(path, patience=0.0):
    """Within, what the file `path` stands for is ours: True, or False where another process has it for `patience` s (from now).

    The file is there for as long; one that a killed process left bars nobody. On a disk without locks all have it.
    """
    file, end = _locked(path), time.monotonic() + patience
    while file is None and time.monotonic() < end:
        time.sleep(0.02)
        file = _locked(path)
    try:
        yield file is not None
    finally:
        if file is not None:
            _let_go(file)


def _locked(path):
    """The file `path`, open and locked, or None where another process has it."""
    while True:
        file = open(path, "ab")
        if not _lock(file):
            file.close()
            return None
        if _is_there(file):
            return file
        file.close()  # whoever had it deleted it meanwhile: another one may have that name


def _lock(file):
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        return error.errno not in HELD  # else a file system without locks
    return True


def _is_there(file):
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    return False


def _let_go(file):
    if fcntl:
        with suppress(OSError):
            os.unlink(file.name)  # while nobody else can have it
        return file.close()
    file.close()
    with suppress(OSError):  # Windows deletes nothing that is open, not even elsewhere
        os.unlink(file.name)


def encoded(pixels, kind, **options):
    """A picture, uint8 (h, w, 3), as the bytes of a file of that kind. Pillow does not notice when a disk that it writes to is full."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def check_place(path):
    """OSError in one line where no file `path` can be written: before the work for it, not after."""
    path = Path(path)
    if path.is_dir():
        raise OSError(f"{path} is a folder: give the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OSError(f"{path} can't be written ({error.strerror or error}): give a place that can be") from None


def aged(path):
    """Give a file that we have put there the time 0, where the disk takes it: whatever a player puts beside it is newer."""
    with suppress(OSError):
        os.utime(path, (0, 0))


def numbered(path):
    """`x`, `x-2`, `x-3` and so on: names for a file that may be there already."""
    return chain([path], (path.with_stem(f"{path.stem}-{number}") for number in count(2)))


def _in_colour(picture):
    """A picture of Pillow's in red, green and blue: of 16 bits the upper ones, what shines through before a quiet grey."""
    from PIL import Image

    if picture.mode == "F":
        raise ValueError("numbers that are no colours")
    if picture.mode.startswith("I"):
        return picture.point(lambda grey: grey / 256).convert("L").convert("RGB")
    if picture.has_transparency_data:
        return Image.alpha_composite(Image.new("RGBA", picture.size, QUIET), picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def photograph(path, tallest=None):
    """Pixels (h, w, 3), uint8, of a picture, upright as the camera noted it, made smaller where it is higher than `tallest` px;
    ValueError in one line for a damaged one."""
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            if max(picture.size) > THINNEST * min(picture.size):
                raise ValueError(f"{picture.width}x{picture.height} is thinner than 1:{THINNEST}")
            upright = _in_colour(ImageOps.exif_transpose(picture))
            if tallest and upright.height > tallest:
                upright = upright.resize((max(1, round(upright.width * tallest / upright.height)), tallest), Image.Resampling.LANCZOS)
            return np.asarray(upright)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # what Pillow raises
        raise ValueError(f"{path} is no whole picture ({error}): put another one there") from None
