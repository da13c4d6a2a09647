"""The workbench of the demo scene: noise, tones, pulses, rooms and spectral shapes, in numpy.

Everything is float64 (n,) at `RATE`; `chance` is a numpy Generator, so that a seed is a sound.
"""

import numpy as np

RATE = 22_050


def time(count):
    return np.arange(count) / RATE


def shaped(x, gain):
    """`x` with its spectrum multiplied by `gain(hz)`."""
    size = 1 << int(np.ceil(np.log2(len(x) + RATE // 4)))
    return np.fft.irfft(np.fft.rfft(x, size) * gain(np.fft.rfftfreq(size, 1 / RATE)), size)[: len(x)]


def noise(chance, count, gain=None):
    """Gaussian noise of the given spectral shape, RMS 1."""
    x = chance.standard_normal(count)
    x = x if gain is None else shaped(x, gain)
    return x / (np.sqrt(np.mean(x**2)) + 1e-12)


def band(low, high, steep=4):
    """Band-pass gain: Butterworth-like edges in Hz."""
    return lambda hz: 1 / np.sqrt((1 + (low / np.maximum(hz, 1e-3)) ** (2 * steep)) * (1 + (hz / high) ** (2 * steep)))


def tilt(db_per_octave, pivot=1000.0, low=40.0):
    """Straight slope in dB per octave; flat below `low`."""
    return lambda hz: 10 ** (db_per_octave * np.log2(np.maximum(hz, low) / pivot) / 20)


def peaks(*rows, floor=0.02):
    """Resonances: rows of (Hz, width in Hz, gain) on a floor."""
    return lambda hz: (
        floor + sum(gain / np.sqrt(1 + ((hz - centre) / (width / 2)) ** 2) for centre, width, gain in rows)
    )


def both(*gains):
    """Several gains one after the other."""
    return lambda hz: np.prod([gain(hz) for gain in gains], axis=0)


def wander(chance, count, hz, amount):
    """Slow random drift around 1: `amount` is its standard deviation."""
    return 1 + amount * noise(chance, count + RATE, band(0.02, hz, 2))[:count]


def tone(pitch, weights):
    """Harmonics of a gliding `pitch` (n,) in Hz; `weights[k]` is the amplitude of harmonic k + 1."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return sum(w * np.sin(k * phase) * (k * pitch < 0.48 * RATE) for k, w in enumerate(weights, 1))


def buzz(chance, pitch, roughness=0.0):
    """Unit impulses `pitch` (n,) times a second; roughness varies their height and time."""
    ahead = np.cumsum(pitch) / RATE + chance.random()
    at = np.flatnonzero(np.diff(np.floor(ahead)) > 0)
    at = at + np.round(chance.normal(0, roughness * 0.2, at.size) * RATE / pitch[at]).astype(int)
    x = np.zeros(len(pitch))
    np.add.at(x, np.clip(at, 0, len(pitch) - 1), np.exp(chance.normal(0, roughness, at.size)))
    return x


def conv(x, kernel):
    size = 1 << int(np.ceil(np.log2(len(x) + len(kernel))))
    return np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(kernel, size), size)[: len(x)]


def ring(chance, modes, decay):
    """Impulse response of a struck body: `modes` in Hz, each dying away in about `decay` seconds."""
    t = time(int(RATE * decay * 7))
    return sum(
        chance.uniform(0.3, 1) * np.sin(2 * np.pi * f * t) * np.exp(-t / (decay * chance.uniform(0.6, 1.4)))
        for f in modes
    )


def room(chance, x, seconds, wet, bright=4000.0):
    """Reverberation: exponentially decaying noise, duller as it dies; `wet` relative to the dry sound."""
    t = time(int(RATE * seconds))
    tail = noise(chance, t.size, band(150, bright, 1)) * np.exp(-6.9 * t / seconds) * (t > 0.012)
    return x + wet * conv(x, tail / np.sqrt(np.sum(tail**2)))


def swell(count, attack, release):
    """Envelope 0..1 that rises and falls in seconds, with rounded corners."""
    t = time(count)
    up, down = np.clip(t / attack, 0, 1), np.clip((count / RATE - t) / release, 0, 1)
    return np.sin(np.pi / 2 * up) ** 2 * np.sin(np.pi / 2 * down) ** 2


def unit(x):
    """`x` at RMS 1."""
    return x / (np.sqrt(np.mean(x**2)) + 1e-12)


def lay(out, at, x):
    """Add `x` into `out` from sample `at` on, as far as it fits."""
    room_left = min(len(x), len(out) - at)
    if room_left > 0:
        out[at : at + room_left] += x[:room_left]
    return out
