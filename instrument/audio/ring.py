"""The ring: the newest seconds of sound, one writer, any number of readers, in this process or shared by name.

Shared memory is a file mapped by both sides (in /dev/shm where there is one, which makes it plain shared
memory). multiprocessing.shared_memory is not used: until Python 3.13 its resource tracker removes a name when
any attached process ends, and after a crash it may remove the new writer's segment of the same name.
"""

import mmap
import os
import secrets
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

MAGIC = 0x4853_0001
LIVE, RETIRED = 1, 2
FIELDS = 8  # int64: magic, rate, capacity, samples written, state, mark of the writer, its process, one spare
_MAGIC, _RATE, _CAPACITY, _WRITTEN, _STATE, _WRITER, _PROCESS = range(7)


class Ring:
    """Mono float32 sound. Only one thread writes; `read`, `latest` may be called from anywhere."""

    def __init__(self, memory, path=None, owner=False):
        self._memory, self._path, self._owner = memory, path, owner
        self._header = np.frombuffer(memory, np.int64, FIELDS)
        self._samples = np.frombuffer(memory, np.float32, offset=8 * FIELDS)
        self._followed = self.writer  # whose positions the reader's are

    @classmethod
    def create(cls, name, rate, seconds=10.0):
        """A new ring; shared when it has a name. Whatever a dead writer left under that name is replaced."""
        size = 8 * FIELDS + 4 * max(1, int(rate * seconds))
        path = None if name is None else _path(name)
        memory = bytearray(size) if name is None else _new_map(path, size)
        capacity = (len(memory) - 8 * FIELDS) // 4
        ring = cls(memory, path, owner=True)
        ring._header[:] = (0, int(rate), capacity, 0, LIVE, secrets.randbits(62), os.getpid(), 0)
        ring._followed = ring.writer
        ring._samples[:] = 0
        ring._header[_MAGIC] = MAGIC  # last: until now nobody could attach
        return ring

    @classmethod
    def attach(cls, name):
        """A reader of the ring of that name; OSError when there is none."""
        path = _path(name)
        return cls(_old_map(path), path)

    @property
    def rate(self):
        return int(self._header[_RATE])

    @property
    def capacity(self):
        """Samples that are kept."""
        return self._samples.size

    @property
    def written(self):
        """Samples written since the ring was made."""
        return int(self._header[_WRITTEN])

    @property
    def writer(self):
        """A number that no other writer has: when it changes, positions begin again, perhaps at another `rate`."""
        return int(self._header[_WRITER])

    @property
    def live(self):
        """False once the writer has closed or another took its place."""
        return self._header[_STATE] == LIVE

    def write(self, block):
        """Append mono float32 samples; only the newest `capacity` of them are kept. Allocates nothing of size."""
        capacity, written = self._samples.size, self.written
        total, block = written + len(block), block[-capacity:]
        start = (total - len(block)) % capacity
        first = min(len(block), capacity - start)
        self._samples[start : start + first] = block[:first]
        self._samples[: len(block) - first] = block[first:]
        self._header[_WRITTEN] = total  # after the samples: readers trust this number

    def read(self, since):
        """(samples, position to ask for next, samples lost) of everything written after position `since`.

        A reader of a shared ring whose writer was replaced goes on with the new one, from its beginning.
        """
        if not self.live:
            self._reattach()
        if self.writer != self._followed:
            since, self._followed = 0, self.writer
        written = self.written
        start = max(min(since, written), written - self._samples.size)
        samples = self._copy(start, written)
        torn = min(max(0, self.written - self._samples.size - start), samples.size)  # overwritten while copying
        return samples[torn:], written, start - min(since, written) + torn

    def close(self):
        """Let go; the owner of a shared ring removes the name too."""
        self._header = np.array(self._header)
        if self._owner and self._path:
            _retire(self._path, self._memory)
        self._samples = np.zeros(1, np.float32)
        self._header[_STATE], self._header[_WRITTEN] = RETIRED, 0
        if isinstance(self._memory, mmap.mmap):
            self._memory.close()
        self._path = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _copy(self, start, stop):
        capacity = self._samples.size
        first, last = start % capacity, start % capacity + stop - start
        if last <= capacity:
            return self._samples[first:last].copy()
        return np.concatenate((self._samples[first:], self._samples[: last - capacity]))

    def _reattach(self):
        if self._owner or not self._path:
            return
        try:
            memory = _old_map(self._path)
        except OSError:
            return
        followed = self._followed
        self._header = self._samples = None  # frees the old map
        self.__init__(memory, self._path)
        self._followed = followed


def forget(name):
    """Remove the ring of that name, if its writer has ended without doing so."""
    with suppress(OSError):  # Windows: somebody still reads it
        _path(name).unlink(missing_ok=True)


def forget_own(name, since):
    """Remove what this process has left under that name: an end by a signal may come before anybody can close the ring.

    A file that is no ring may be one that never got its header, if it was made after `since` (s, as of time.time()).
    """
    path = _path(name)
    try:
        memory = _old_map(path)
    except OSError:
        with suppress(OSError):
            if path.stat().st_mtime >= since:
                _unlinked(path)
        return
    if np.frombuffer(memory, np.int64, FIELDS)[_PROCESS] == os.getpid():
        _retire(path, memory)


def _path(name):
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"ring name {name!r}: legal are letters, digits, - and _")
    shm = Path("/dev/shm")
    folder = shm if os.access(shm, os.W_OK) else Path(tempfile.gettempdir())
    user = os.getuid() if hasattr(os, "getuid") else "me"
    return folder / f"hearsee-{user}-{name}.ring"


def _new_map(path, size):
    """A fresh file under that name, mapped; where Windows keeps the old one, that, whatever its size."""
    if sys.platform == "win32":
        _sweep(path.parent)
    kept = _clear(path) if os.path.lexists(path) else None
    if kept is not None:
        return kept
    try:
        # O_EXCL: never write through a link that someone else put there
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        raise OSError(f"shared sound {path} cannot be made ({error.strerror}): "
                      "end the program that holds it, or delete the file") from None
    try:
        os.ftruncate(handle, size)
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)


def _sweep(folder):
    """Remove what dead writers left: Windows ends `listen` before it can, and keeps only those files that are in use."""
    for path in folder.glob("hearsee-*.ring"):
        _unlinked(path)


def _clear(path):
    """Retire what has this name, so that its readers move on, and free the name.

    Windows keeps a file that readers have mapped: then the old map comes back, to be written over in place.
    """
    try:
        memory = _old_map(path)
    except OSError:  # not a ring of ours, or one that never got its header
        path.unlink(missing_ok=True)
        return None
    np.frombuffer(memory, np.int64, FIELDS)[_STATE] = RETIRED
    return None if _unlinked(path) else memory


def _old_map(path):
    try:
        with open(path, "r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
    except (OSError, ValueError):  # ValueError: an empty file, just being made
        raise OSError(f"no shared sound at {path}: start `hearsee listen` first") from None
    header = np.frombuffer(memory, np.int64, FIELDS) if len(memory) >= 8 * FIELDS else np.zeros(FIELDS)
    if header[_MAGIC] != MAGIC or len(memory) != 8 * FIELDS + 4 * header[_CAPACITY]:
        raise OSError(f"{path} holds no shared sound of this version: delete it and start `hearsee listen` again")
    return memory


def _retire(path, memory):
    """Tell the readers that no more will come, and free the name unless another ring has it by now."""
    header = np.frombuffer(memory, np.int64, FIELDS)
    if header[_STATE] == LIVE:
        header[_STATE] = RETIRED
        _unlinked(path)


def _unlinked(path):
    try:
        path.unlink(missing_ok=True)
    except OSError:  # Windows, while anybody has it mapped
        return False
    return True
