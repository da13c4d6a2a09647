"""The demo scene: ten street sounds of our own synthesis, one of each class, in an order that the seed shuffles.

Each class is one small function of (chance, count) that returns `count` samples at `RATE`, any level.
They were tuned by ear of several networks against the real thing: see tests/test_demo.py for what is kept.
"""

import numpy as np

from .frontend import resample
from .synthesis import (
    RATE,
    band,
    both,
    buzz,
    conv,
    lay,
    noise,
    peaks,
    ring,
    room,
    shaped,
    swell,
    tilt,
    time,
    tone,
    unit,
    wander,
)

SEED = 1
LEVEL = 0.12  # RMS of every event (-18 dBFS), unless its peaks would clip
PEAK = 0.9
SHARE = (0.80, 0.90)  # of its slot that an event fills
HUSH = 1e-5  # -100 dBFS between events: below every gate


def air_conditioner(chance, count):
    """A fan's rush, falling towards the highs, over mains hum and blade tone."""
    t = time(count)
    mains = chance.choice([100.0, 120.0])
    rush = noise(
        chance, count, both(tilt(-5.0), band(40, 7000, 2), peaks((chance.uniform(250, 500), 250, 1), floor=0.7))
    )
    hum = sum(
        np.sin(2 * np.pi * mains * k * t + chance.uniform(0, 6)) * a for k, a in ((1, 1), (2, 0.6), (3, 0.25), (4, 0.2))
    )
    return _across(chance, unit(rush) * wander(chance, count, 3, 0.04) + 0.5 * unit(hum), -3.0, 0.7, 4000)


def car_horn(chance, count):
    """Two trumpets a third apart, hard on and off: a short honk, then a long one, among traffic."""
    low = chance.uniform(380, 430) * wander(chance, count, 20, 0.002)
    high = low * chance.uniform(1.22, 1.27)
    weights = 1 / np.arange(1, 26) ** 0.4
    trumpets = peaks((1000, 700, 0.5), (2700, 1800, 1.0), floor=0.05)
    chord = unit(shaped(tone(low, weights) + 0.9 * tone(high, weights), both(trumpets, band(250, 5500, 2))))
    short, gap = int(count * chance.uniform(0.15, 0.25)), int(0.13 * RATE)
    press = [swell(short, 0.02, 0.04), np.zeros(gap), swell(count - short - gap, 0.02, 0.15)]
    honk = chord * np.concatenate(press) * wander(chance, count, 12, 0.08)
    return room(chance, honk, 0.6, 0.35) + _street(chance, count, 0.10)


def children_playing(chance, count):
    """A handful of high voices calling and laughing over one another in a yard."""
    yard = np.zeros(count)
    for _ in range(12):
        voice = _call(chance) if chance.random() < 0.7 else _laugh(chance)
        lay(yard, int(chance.uniform(0, 0.85) * count), voice * chance.uniform(0.25, 1.0))
    return room(chance, unit(yard), 0.9, 0.5, 3500) + _street(chance, count, 0.12)


def _call(chance):
    """A few sung-out syllables of one child."""
    syllables = [
        _vowel(chance, chance.uniform(0.12, 0.35), chance.uniform(320, 560)) for _ in range(chance.integers(2, 5))
    ]
    return np.concatenate(syllables)


def _laugh(chance):
    pitch = chance.uniform(380, 600)
    return np.concatenate([np.pad(_vowel(chance, 0.09, pitch * 0.97**k), (0, int(0.07 * RATE))) for k in range(5)])


def _vowel(chance, seconds, pitch):
    """Glottal pulses with a gliding pitch through a child's formants, a consonant's hiss in front."""
    count = int(seconds * RATE)
    x = np.linspace(-1, 1, count)
    glide = pitch * (1 + chance.normal(0, 0.12) * x - chance.uniform(0, 0.15) * x**2)
    glide = glide * wander(chance, count, 7, 0.012)
    first, second = chance.choice([(1000, 1700), (700, 2600), (430, 3100), (600, 1200), (900, 2200)])
    formants = peaks((first, 130, 1), (second, 200, 0.55), (3700, 350, 0.25), (4900, 500, 0.12), floor=0.01)
    voice = shaped(buzz(chance, glide, 0.02), both(tilt(-7.0), formants))
    breath = noise(chance, count, formants) * 0.06
    hiss = noise(chance, count, band(2500, 8000)) * np.exp(-time(count) / 0.02) * 0.15
    return (unit(voice) + breath) * swell(count, 0.03, 0.07) + hiss


def dog_bark(chance, count):
    """Two to four barks of one dog: a rough yelp that jumps up and falls."""
    yard = np.zeros(count)
    pitch, size = chance.uniform(420, 620), chance.uniform(0.85, 1.2)
    at = 0.03
    while at < count / RATE - 0.25:
        lay(yard, int(at * RATE), _bark(chance, pitch * chance.uniform(0.94, 1.06), size) * chance.uniform(0.7, 1))
        at += chance.uniform(0.38, 0.6)
    return room(chance, yard / np.abs(yard).max() * 4, 0.4, 0.3) + _street(chance, count, 0.03)


def _bark(chance, pitch, size):
    count = int(chance.uniform(0.2, 0.28) * RATE)
    x = np.linspace(0, 1, count)
    glide = pitch * (0.65 + 0.5 * np.sin(np.pi * x**0.55)) * wander(chance, count, 40, 0.02)
    throat = both(
        peaks((700 * size, 450, 1), (1450 * size, 600, 0.8), (2800 * size, 1200, 0.25), floor=0.01), tilt(-3.0)
    )
    voice = unit(shaped(buzz(chance, glide, 0.06), throat))
    rasp = noise(chance, count, throat)
    return (voice + 0.35 * rasp) * np.sin(np.pi / 2 * np.minimum(1, x / 0.12)) * np.exp(-2.5 * x) * (1 - x**3)


def drilling(chance, count):
    """A hammer drill biting: a hard hiss in strokes over whining gears, the pitch giving way under load."""
    load = np.clip(time(count) / 0.15, 0, 1)
    pitch = chance.uniform(230, 320) * (0.75 + 0.25 * load) * wander(chance, count, 4, 0.015)
    whine = tone(pitch, [0.5, 1, 0.7, 0.9, 0.5, 0.6, 0.4, 0.5, 0.3, 0.3, 0.2, 0.2, 0.2, 0.15, 0.15])
    strokes = 1 + 0.8 * np.sin(2 * np.pi * np.cumsum(pitch / 5) / RATE)
    hiss = noise(chance, count, both(band(800, 9000, 2), peaks((3200, 1500, 1), (5200, 1800, 0.8), floor=0.3)))
    return (unit(whine) * 0.2 + hiss * strokes) * swell(count, 0.08, 0.1) * wander(chance, count, 6, 0.08)


def engine_idling(chance, count):
    """A four-stroke at idle: firing through a pipe that hums on one low note, valves ticking, a little hiss."""
    firing = chance.uniform(30, 37) * wander(chance, count, 3, 0.015)
    blows = buzz(chance, firing, 0.05)
    pipe = both(
        peaks((chance.uniform(65, 100), 80, 1), (170, 120, 0.1), (420, 250, 0.03), floor=0.002), band(30, 2000, 1)
    )
    clatter = both(
        peaks((chance.uniform(700, 1200), 500, 1), (chance.uniform(1800, 2600), 700, 0.8), (4200, 900, 0.4), floor=0.1),
        tilt(-3.0),
    )
    ticks = noise(chance, count, clatter) * (0.3 + conv(blows, np.exp(-time(2000) / 0.004)))
    hiss = noise(chance, count, both(tilt(-4.0), band(60, 6000, 1)))
    return _across(chance, unit(shaped(blows, pipe)) + 0.4 * unit(ticks) + 0.2 * hiss, -7.0, 0.7)


def gun_shot(chance, count):
    """One or two reports: a crack, a hot blast, and the echo rolling off the houses."""
    street = np.zeros(count)
    for at in (0.02, chance.uniform(0.75, 0.95)):
        lay(street, int(at * RATE), _report(chance))
    return street + _street(chance, count, 0.003)


def _report(chance):
    t = time(int(1.4 * RATE))
    crack = noise(chance, t.size) * np.exp(-t / 0.006)
    blast = noise(chance, t.size, both(tilt(-2.0), band(60, 5000, 1))) * np.exp(-t / chance.uniform(0.05, 0.08))
    roll = (
        noise(chance, t.size, both(tilt(-4.0), band(60, 3000, 1))) * np.exp(-t / chance.uniform(0.25, 0.4)) * (t > 0.03)
    )
    return np.tanh(2.5 * (crack + blast)) + 0.25 * roll * wander(chance, t.size, 12, 0.3)


def jackhammer(chance, count):
    """Some twenty uneven blows a second: chisel on concrete, a clanging body, air bursting out."""
    rate = chance.uniform(18, 22) * wander(chance, count, 2, 0.015)
    blows = buzz(chance, rate, 0.2)
    body = ring(chance, chance.uniform(1200, 6000, 30), 0.008)
    thump = ring(chance, chance.uniform(70, 180, 2), 0.02)
    grit = noise(chance, count, both(tilt(-2.0), band(300, 9000, 1))) * conv(blows, np.exp(-time(4000) / 0.006))
    air = noise(chance, count, both(tilt(-3.0), band(200, 6000, 1)))
    blow = 0.6 * unit(conv(blows, body)) + 0.2 * unit(conv(blows, thump)) + 0.5 * unit(grit) + 0.3 * air
    return _across(chance, blow, -3.0, 0.2)


def siren(chance, count):
    """A wail up and down through a horn loudspeaker, between house fronts."""
    t = time(count)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * (t / chance.uniform(1.3, 1.9) + chance.uniform(0, 1)))
    pitch = 600 * (1450 / 600) ** swing
    wail = shaped(tone(pitch, [1, 0.35, 0.3, 0.12, 0.1, 0.05]), band(500, 5000, 2))
    return room(chance, unit(wail), 1.2, 0.5) * swell(count, 0.08, 0.1) + _street(chance, count, 0.05)


def street_music(chance, count):
    """An accordion on a corner: a beat of chords under a plucked tune and a drum."""
    beat = int(RATE * chance.uniform(0.26, 0.32))
    root = chance.choice([196.0, 220.0, 246.9, 261.6])
    minor = np.array([0, 2, 3, 5, 7, 8, 11, 12, 14, 15, 19])
    band_stand = np.zeros(count)
    for number in range(count // beat + 1):
        chord = (0, 3, 7) if number % 4 < 2 else (-5, -1, 2)
        note = root * 2 ** (minor[chance.integers(0, 11)] / 12)
        lay(band_stand, number * beat, 0.9 * _reed(chance, 2 * note, beat * 0.95))
        lay(band_stand, number * beat, 0.7 * _pluck(chance, note, 0.6))
        if number % 2:
            for step in chord:
                lay(band_stand, number * beat, 0.35 * _reed(chance, root * 2 ** (step / 12), beat * 0.6))
        else:
            lay(band_stand, number * beat, 1.2 * _pluck(chance, root / 2 * 2 ** (chord[0] / 12), 0.5))
        lay(band_stand, number * beat, 0.25 * noise(chance, 1500, band(3000, 9000)) * np.exp(-time(1500) / 0.015))
    return room(chance, unit(band_stand), 0.7, 0.4) + _street(chance, count, 0.06)


def _reed(chance, pitch, count):
    count = int(count)
    weights = 1 / np.arange(1, 20) ** 1.1
    voices = tone(np.full(count, pitch), weights) + tone(np.full(count, pitch * 1.006), weights)
    return 0.5 * voices * swell(count, 0.03, 0.05)


def _pluck(chance, pitch, seconds):
    """A string: harmonics that die the faster the higher."""
    t = time(int(seconds * RATE))
    return sum(
        np.sin(2 * np.pi * k * pitch * t) * np.exp(-t * (3 + 1.2 * k)) / k for k in range(1, 15) if k * pitch < 9000
    )


def _across(chance, machine, fall, wet, highest=9500):
    """A machine as it is heard across a street: its highs worn off by `fall` dB an octave, between house fronts."""
    return room(chance, unit(shaped(machine, both(tilt(fall), band(100, highest, 1)))), 0.5, wet)


def _street(chance, count, level):
    """What is always there outdoors: distant traffic."""
    return level * noise(chance, count, both(tilt(-5.0), band(40, 6000, 1)))


EVENTS = {
    make.__name__: make
    for make in (
        air_conditioner,
        car_horn,
        children_playing,
        dog_bark,
        drilling,
        engine_idling,
        gun_shot,
        jackhammer,
        siren,
        street_music,
    )
}


def event(name, seed=SEED, seconds=1.8):
    """One event, float32 (n,) at `RATE`, at its level in the scene."""
    chance = np.random.default_rng([seed, list(EVENTS).index(name)])
    count = int(seconds * RATE)
    x = EVENTS[name](chance, count) * swell(count, 0.005, 0.02)
    x = x * min(LEVEL / np.sqrt(np.mean(x**2)), PEAK / np.abs(x).max())
    return x.astype(np.float32)


def scene(seed=SEED, seconds=20.0, rate=RATE):
    """(float32 samples, [(start, end, class name)]) of all ten events, in seconds, with short gaps between."""
    chance = np.random.default_rng(seed)
    names = chance.permutation(list(EVENTS))
    slot = seconds / len(names)
    samples = HUSH * chance.standard_normal(int(seconds * RATE))
    truth = []
    for number, name in enumerate(names):
        x = event(str(name), seed, slot * chance.uniform(*SHARE))
        start = (number + 0.02) * slot
        lay(samples, int(start * RATE), x)
        truth.append((start, start + len(x) / RATE, str(name)))
    samples = samples.astype(np.float32)
    return (samples if rate == RATE else resample(samples, RATE, rate)), truth
