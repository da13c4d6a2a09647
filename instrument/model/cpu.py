"""What this machine's processor can do."""

import torch

BF16 = ("avx512_bf16", "amx_bf16")  # instructions that multiply in bfloat16


def has_bf16():
    """Whether bfloat16 is quicker than float32 here; False where PyTorch is too old to tell (before 2.12)."""
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name, False) for name in BF16)
