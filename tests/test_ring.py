"""The ring: what was written comes out, once, in order, here and in another process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from instrument.audio import ring as ring_module
from instrument.audio.ring import Ring, _path, forget_own


@pytest.fixture
def name(request):
    name = f"test-{abs(hash(request.node.nodeid))}"
    yield name
    _path(name).unlink(missing_ok=True)


def counting(start, stop):
    return np.arange(start, stop, dtype=np.float32)


def test_random_blocks_come_out_whole_and_in_order():
    chance = np.random.default_rng(0)
    ring, sent, position, got = Ring.create(None, 1000, 1.0), 0, 0, []
    while sent < 20_000:
        size = int(chance.integers(0, 700))
        ring.write(counting(sent, sent + size))
        sent += size
        if chance.random() < 0.7 or ring.written - position > 300:
            samples, position, lost = ring.read(position)
            assert lost == 0
            got.append(samples)
    got.append(ring.read(position)[0])
    assert np.array_equal(np.concatenate(got), counting(0, sent))


def test_a_slow_reader_is_told_what_it_lost():
    ring = Ring.create(None, 1000, 0.1)
    ring.write(counting(0, 60))
    ring.write(counting(60, 250))
    samples, position, lost = ring.read(30)
    assert np.array_equal(samples, counting(150, 250))
    assert (position, lost) == (250, 120)
    assert ring.read(position)[0].size == 0


READER = """
import sys
from instrument.audio.ring import Ring
ring = Ring.attach(sys.argv[1])
samples, position, lost = ring.read(0)
print(ring.rate, samples.size, float(samples.sum()), position, lost)
"""


def test_another_process_reads_the_same_and_leaves_no_trace(name):
    with Ring.create(name, 48000, 0.5) as ring:
        ring.write(counting(0, 100))
        for _ in range(2):  # the first reader's end must not take the name away
            done = subprocess.run([sys.executable, "-c", READER, name], capture_output=True, text=True, check=True)
            assert done.stdout.split() == ["48000", "100", "4950.0", "100", "0"]
            assert done.stderr == ""
    assert not _path(name).exists()


CRASH = """
import os, sys
from instrument.audio.ring import Ring
ring = Ring.create(sys.argv[1], 8000, 1.0)
ring.write([1.0, 2.0])
os._exit(9)
"""


def test_a_crashed_writer_is_replaced_and_its_readers_follow(name):
    subprocess.run([sys.executable, "-c", CRASH, name], check=False)
    reader = Ring.attach(name)
    assert np.array_equal(reader.read(0)[0], [1, 2])
    with Ring.create(name, 44100, 2.0) as writer:
        writer.write(counting(0, 5))
        samples, position, lost = reader.read(2)
        assert np.array_equal(samples, counting(0, 5))
        assert (position, lost, reader.rate) == (5, 0, 44100)
    assert not reader.live
    assert reader.read(5)[0].size == 0  # the writer is gone; the reader just hears nothing new
    reader.close()


def test_a_writer_can_be_told_from_the_next(name):
    with Ring.create(name, 8000) as first:
        reader = Ring.attach(name)
        assert reader.writer == first.writer
        with Ring.create(name, 8000) as second:
            second.write(counting(0, 5))
            reader.read(0)
            assert reader.writer == second.writer != first.writer
        reader.close()


def test_a_map_that_is_written_over_in_place_is_a_new_writer_too(name, monkeypatch):
    """As on Windows, which keeps a file that readers have mapped."""
    def held(path, missing_ok=False):
        raise PermissionError(13, "in use", str(path))

    old = Ring.create(name, 8000)
    old.write(counting(0, 3))
    reader = Ring.attach(name)
    position = reader.read(0)[1]
    with monkeypatch.context() as windows:
        windows.setattr("pathlib.Path.unlink", held)
        new = Ring.create(name, 8000)
        new.write(counting(10, 14))
        assert new.writer == reader.writer  # one map
        samples, position, lost = reader.read(position)
        assert np.array_equal(samples, counting(10, 14)) and (position, lost) == (4, 0)
        new.close()
        slower = Ring.create(name, 4000)  # a device of another rate
        slower.write(counting(20, 22))
        assert np.array_equal(reader.read(position)[0], counting(20, 22)) and reader.rate == 4000
        slower.close()


def test_what_dead_writers_left_is_swept_up_on_windows(name, monkeypatch, tmp_path):
    """There `listen` is ended before it can tidy up; what is in use cannot be removed."""
    monkeypatch.setattr(ring_module, "_path", lambda name: tmp_path / f"hearsee-me-{name}.ring")
    dead, used = (tmp_path / f"hearsee-me-{each}.ring" for each in ("dead", "used"))
    unlink = Path.unlink

    def windows(path, missing_ok=False):
        if path == used:
            raise PermissionError(32, "in use", str(path))
        unlink(path, missing_ok)

    for path in (dead, used):
        path.write_bytes(b"left")
    monkeypatch.setattr(ring_module.sys, "platform", "win32")
    monkeypatch.setattr("pathlib.Path.unlink", windows)
    with Ring.create(name, 8000) as ring:
        assert ring.live and used.exists() and not dead.exists()


def test_the_old_writers_late_close_does_not_hurt_the_new(name):
    old = Ring.create(name, 8000)
    new = Ring.create(name, 8000)
    old.close()
    assert Ring.attach(name).live
    new.close()


def test_what_this_process_left_goes_and_no_other_writers(name):
    left = Ring.create(name, 8000)
    forget_own(name, 0)
    assert not _path(name).exists() and not left.live
    forget_own(name, 0)
    subprocess.run([sys.executable, "-c", CRASH, name], check=False)
    forget_own(name, 0)
    assert Ring.attach(name).live


def test_a_file_that_was_there_before_is_no_ring_that_was_just_being_made(name):
    _path(name).write_bytes(b"mine")
    forget_own(name, time.time() + 10)
    assert _path(name).exists()
    forget_own(name, time.time() - 10)
    assert not _path(name).exists()


@pytest.mark.parametrize("content", [b"", b"short", bytes(4096)])
def test_a_foreign_file_is_no_ring(name, content):
    _path(name).write_bytes(content)
    with pytest.raises(OSError, match="start `hearsee listen`"):
        Ring.attach(name)
    Ring.create(name, 8000).close()  # and does not stand in a writer's way


def test_no_ring_and_no_such_name():
    with pytest.raises(OSError, match="start `hearsee listen` first"):
        Ring.attach("never-made")
    with pytest.raises(ValueError, match="legal are letters"):
        Ring.create("../up", 8000)


def test_an_old_writer_does_not_write_into_the_ring_of_the_new_one(name):
    with Ring.create(name, 1000, 1.0) as old, Ring.create(name, 1000, 1.0) as new:
        old.read(0)  # `listen` reads what it writes
        old.write(np.ones(10, np.float32))
        assert new.written == 0 and old.written == 10


@pytest.mark.skipif(sys.platform == "win32", reason="there no file can be cut short that somebody maps")
def test_a_ring_that_was_cut_short_is_no_ring(name):
    with Ring.create(name, 1000, 1.0):
        os.truncate(_path(name), 2000)
        with pytest.raises(OSError, match="no shared sound of this version"):
            Ring.attach(name)


def test_what_is_overwritten_while_it_is_read_is_counted_as_lost(monkeypatch):
    ring, copy = Ring.create(None, 1000, 0.1), Ring._copy
    ring.write(np.arange(100, dtype=np.float32))
    monkeypatch.setattr(Ring, "_copy", lambda *given: (copy(*given), ring.write(np.zeros(30, np.float32)))[0])
    samples, position, lost = ring.read(0)
    assert (samples[0], samples.size, position, lost) == (30.0, 70, 100, 30)


def test_a_closed_reader_takes_up_no_other_writer(name):
    with Ring.create(name, 1000, 1.0) as ring:
        reader = Ring.attach(name)
        ring.write(np.ones(10, np.float32))
        reader.close()
        assert reader.read(0)[0].size == 0 and not reader.live
