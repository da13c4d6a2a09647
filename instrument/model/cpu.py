"""What this machine's processor can do, and how PyTorch is told to do it."""

import ctypes
from contextlib import suppress
from functools import cache, reduce

import torch

BF16 = ("avx512_bf16", "amx_bf16")  # instructions that multiply in bfloat16
BYTES = ("avx512_vnni", "avx_vnni")  # instructions that multiply bytes


def has_bf16():
    """Whether bfloat16 is quicker than float32 here; False where PyTorch is too old to tell (before 2.12)."""
    return _has(BF16)


def has_bytes():
    """Whether bytes are multiplied quicker than floats here; False where PyTorch is too old to tell."""
    return _has(BYTES)


def _has(names):
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name, False) for name in names)


@cache
def operation(name):
    """The operation of PyTorch "space.name.overload"; AttributeError where there is none.

    One that is asked for without its overload looks for it each time, which takes longer than many operations here.
    """
    return reduce(getattr, name.split("."), torch.ops)


@cache
def cores():
    """Threads that PyTorch takes by itself: one for each core, not two where a core pretends to be two (both multiply on the
    same units; PyTorch's tuning guide). To be asked before PyTorch is told another number."""
    return torch.get_num_threads()


def give_back():
    """Give the system what was freed of main memory, gigabytes after many sizes of picture: where the C library is glibc, it
    keeps that for what may come."""
    with suppress(OSError, AttributeError):  # another library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
