"""The compiled loops between the convolutions of bytes give what PyTorch gives, in any size and order and by any number of threads."""

import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from numba import njit

from instrument.model import byte_loops, compiled
from instrument.model.byte_loops import ZERO

SIZES = [(1, 5, 1, 1), (2, 3, 7, 9), (1, 64, 25, 25), (1, 16, 100, 57)]
FLOATS = [torch.float32, torch.bfloat16]


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(compiled, "SHARE", 50)  # small ones are shared out, too
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=SIZES, ids=str)
def size(request):
    return request.param


def last(x):
    """As it comes out of a convolution, channels last."""
    return x.contiguous(memory_format=torch.channels_last)


def floats(size, dtype=torch.float32, seed=0):
    return last(torch.randn(size, generator=torch.Generator().manual_seed(seed)).to(dtype))


def bytes_of(size, seed=0):
    return last(torch.randint(0, 256, size, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)))


def rectified(size, dtype=torch.float32):
    return floats(size, dtype, 1).clamp_min(0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_a_rectifier_let_through_is_rounded_to_bytes(size, dtype):
    x = 300 * rectified(size, dtype)
    assert torch.equal(byte_loops.positive(x, 2.0), (x.float() / 2).round().clamp(0, 255).to(torch.uint8))


@pytest.mark.parametrize("dtype", FLOATS)
def test_only_what_the_rectifier_let_through_comes_back(size, dtype):
    grad, passed = floats(size, dtype), rectified(size, dtype)
    wanted = torch.where(passed > 0, grad, 0).float()
    assert byte_loops.size(grad, passed) == pytest.approx(wanted.square().mean().sqrt().item(), rel=1e-4)
    signed = byte_loops.signed(grad, passed, 1 / 64)
    assert torch.equal(signed.int() - ZERO, (wanted * 64).round().clamp(-127, 127).int())


@pytest.mark.parametrize("dtype", FLOATS)
def test_bytes_stand_for_floats(size, dtype):
    x = bytes_of(size)
    assert torch.equal(byte_loops.floats(x, 0.25, ZERO, dtype), ((x.float() - ZERO) * 0.25).to(dtype))
    assert torch.equal(byte_loops.floats(x, 0.3, 0, dtype), (x.float() * torch.tensor(0.3)).to(dtype))  # rounded to the nearest


@pytest.mark.parametrize("dtype", FLOATS)
def test_nothing_comes_back_where_nothing_was_let_through(size, dtype):
    passed = bytes_of(size, 1) * (bytes_of(size, 2) > 99)
    grad, other = bytes_of(size), floats(size, dtype)
    assert torch.equal(byte_loops.masked(grad.clone(), passed), torch.where(passed > 0, grad, ZERO))
    assert torch.equal(byte_loops.masked(other.clone(), passed), torch.where(passed > 0, other, 0))


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_comes_back_by_the_shortcut_is_added(size, dtype):
    x, grad = floats(size, dtype), bytes_of(size)
    wanted = ((x.float() + (grad.float() - ZERO) * 0.125) * 3).to(dtype)
    assert torch.allclose(byte_loops.summed(x.clone(), grad, 0.125, 3.0), wanted, rtol=0.01, atol=1e-5)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (2, 3)])
def test_or_where_a_shortcut_strides_at_its_places(size, dtype, stride):
    x = floats(size, dtype)
    places = floats(x[:, :, ::stride[0], ::stride[1]].shape, dtype, 3)
    wanted = x.to(torch.float32, copy=True)
    wanted[:, :, ::stride[0], ::stride[1]] += places.float()
    found = byte_loops.summed_apart(x.clone(), places, stride, 0.5)
    assert torch.allclose(found, (wanted * 0.5).to(dtype), rtol=0.01, atol=1e-5)


def test_tensors_may_lie_in_memory_in_any_order(size):
    x, grad, passed = floats(size), bytes_of(size), bytes_of(size, 1)
    plain = x.contiguous(), grad.contiguous(), passed.contiguous()
    assert torch.equal(byte_loops.positive(x, 0.1), byte_loops.positive(plain[0], 0.1))
    assert torch.equal(byte_loops.signed(x, rectified(size), 0.1), byte_loops.signed(plain[0], rectified(size).contiguous(), 0.1))
    assert torch.equal(byte_loops.floats(grad, 0.1, 0, torch.bfloat16), byte_loops.floats(plain[1], 0.1, 0, torch.bfloat16))
    assert torch.equal(byte_loops.masked(grad.clone(), passed), byte_loops.masked(plain[1].clone(), plain[2]))
    assert torch.equal(byte_loops.summed(x.clone(), grad, 0.1, 1.0), byte_loops.summed(plain[0].clone(), plain[1], 0.1, 1.0))
    assert torch.equal(byte_loops.summed_apart(x.clone(), x, (1, 1), 1.0), byte_loops.summed_apart(plain[0].clone(), plain[0], (1, 1), 1.0))


@pytest.mark.parametrize("fault", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_not_finite_is_not_lost_sight_of(size, fault, dtype):
    grad, passed = floats(size, dtype), torch.ones(size, dtype=dtype)
    grad[0, 0, 0, 0] = fault
    found = byte_loops.size(grad, passed)
    assert not math.isfinite(found)
    assert not byte_loops.summed(floats(size, dtype), byte_loops.signed(grad, passed, found), 0.1, found).isfinite().all()


BEGIN = """
import torch
from instrument.model import byte_loops, compiled
compiled.trial(byte_loops._tried)
compiled.ready()
print(sum(bool(loop.stats.cache_hits) for loop in compiled.LOOPS))
x = torch.randn(1, 7, 33, 21, generator=torch.Generator().manual_seed(0)).bfloat16().contiguous(memory_format=torch.channels_last)
grad = byte_loops.signed(x, x, 0.02)
for found in (byte_loops.positive(x, 0.01), grad, byte_loops.floats(grad, 0.3, 128, x.dtype), byte_loops.summed(x.clone(), grad, 0.3, 0.7),
              byte_loops.summed_apart(x.clone(), x[:, :, ::2, ::2], (2, 2), 0.3), torch.tensor(byte_loops.size(x, x))):
    print(found.double().sum().item(), found.double().square().sum().item())
"""


def test_found_kept_they_give_the_same_to_the_last_bit(tmp_path):
    def begun():
        done = subprocess.run([sys.executable, "-c", BEGIN], env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}, capture_output=True,
                              text=True, check=True)
        hits, *found = done.stdout.split()
        return int(hits), found, done.stderr

    first, again = begun(), begun()
    assert first[0] == 0 and again[0] > 5
    assert first[1:] == again[1:] and not first[2]


@pytest.fixture
def news(monkeypatch):
    """What `ready` says of a trial that lasts until it has said something, if only one loop is there."""
    @njit
    def nothing():
        return None

    def lasting(soon):
        told, said = threading.Event(), []
        monkeypatch.setattr(compiled, "SOON", soon)
        monkeypatch.setattr(compiled, "LOOPS", [nothing])
        monkeypatch.setattr(compiled, "_TRIALS", [lambda: told.wait(10) if soon < 1 else None])
        compiled.ready(lambda text: said.append(text) or told.set())
        compiled.ready(said.append)
        return said

    return lasting


def test_what_takes_some_seconds_is_said_once_and_where_it_does_at_each_start(news):
    said, = news(soon=0.0)
    assert "the first time" in said and "each time" in said and "NUMBA_CACHE_DIR" in said


def test_of_what_was_brought_at_once_nothing_is_said(news):
    assert news(soon=1000.0) == []


def test_what_is_added_is_added_once_though_no_thread_can_be_started(monkeypatch):
    """Python puts work into its queue before it starts the thread that is to do it."""
    x, grad = floats((1, 16, 100, 57)), bytes_of((1, 16, 100, 57))
    wanted = byte_loops.summed(x, grad, 0.125, 3.0)

    class Half(ThreadPoolExecutor):
        def submit(self, *work):
            super().submit(*work).result()
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(compiled, "helpers", lambda: Half(1))
    assert torch.equal(byte_loops.summed(x, grad, 0.125, 3.0), wanted)
    assert torch.equal(byte_loops.summed_apart(x, x, (1, 1), 0.5), x)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_child_by_fork_waits_for_nobody():
    with compiled._READYING:
        child = os.fork()
        if not child:
            compiled.ready()
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
