"""Sounds made into other sounds, for a student to hear as its teacher hears them.

What nobody has a name for, a teacher can still describe: the more strange sounds a student imitates its answers to, the
closer it comes to the teacher itself, also on what neither has met (Beyer et al., "Knowledge distillation: a good teacher
is patient and consistent", CVPR 2022, who mix pictures for that until nothing can be recognised).
"""

import math

import numpy as np
import torch

FURTHEST = 2.0  # times as fast or as slow
TURNED, BEATEN, COLOURED = 0.3, 0.3, 0.6  # shares of the sounds that are turned round, beaten, coloured
SLOWEST, FASTEST = 2.0, 40.0  # beats a second: from an idling engine to a jackhammer
WAVES = 4  # of a colour, each up to 9 dB


def mangled(part, rate, chance):
    """Another sound of the float samples `part` at `rate` Hz, as long, float32 at unit RMS; a function of `chance`."""
    one = lambda: float(torch.rand(1, generator=chance))
    if one() < TURNED:
        part = part[::-1]
    if one() < BEATEN:
        part = part * _beats(len(part), rate, one)
    if one() < COLOURED:
        part = _coloured(part, one)
    return (part / max(float(np.sqrt(np.mean(part * part))), 1e-5)).astype(np.float32)


def strange_speed(chance):
    """1 / FURTHEST to FURTHEST, as often slower as faster."""
    return FURTHEST ** (2 * float(torch.rand(1, generator=chance)) - 1)


def _beats(count, rate, one):
    """A loudness (count,) that comes and goes, between soft waves and hard blows."""
    pace, depth, hardness = SLOWEST * (FASTEST / SLOWEST) ** one(), 0.5 + 0.5 * one(), 1 + 7 * one()
    wave = np.sin(2 * np.pi * (pace * np.arange(count) / rate + one()))
    return 1 - depth * (0.5 + 0.5 * np.tanh(hardness * wave) / math.tanh(hardness))


def _coloured(part, one):
    """Through a smooth curve of loudness over frequency, whose waves are narrower at the low end."""
    spectrum = np.fft.rfft(part)
    place = np.sqrt(np.linspace(0, 1, len(spectrum)))
    curve = sum((2 * one() - 1) * np.cos(np.pi * wave * place + 2 * np.pi * one()) for wave in range(1, WAVES + 1))
    return np.fft.irfft(spectrum * np.exp(curve), n=len(part))
