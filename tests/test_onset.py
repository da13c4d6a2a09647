"""The fast path: levels, colour, onsets and tempo of sounds whose answer is known beforehand."""

import numpy as np
import pytest

from instrument.audio import onset
from instrument.audio.onset import FastPath
from instrument.features import BY_NAME

RATES = (22050, 44100, 48000)


def run(samples, rate, block=None):
    """[(seconds, features)] after each block of 10 ms."""
    fast, block = FastPath(rate), block or rate // 100
    ends = range(block, len(samples) + 1, block)
    return [(end / rate, fast.push(samples[end - block: end])) for end in ends]


def last(samples, rate):
    return run(samples, rate)[-1][1]


def onsets(samples, rate):
    return [at for at, values in run(samples, rate) if "onset" in values]


def tone(hertz, rate, seconds=1.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def noise(rate, seconds=1.0, amplitude=0.1):
    return amplitude * np.random.default_rng(1).standard_normal(int(rate * seconds))


def bursts(times, rate, seconds):
    """Noise bursts at `times` over a quiet floor."""
    samples = noise(rate, seconds, 0.001)
    decay = np.exp(-np.arange(int(0.05 * rate)) / (0.015 * rate))
    for at in times:
        start = int(at * rate)
        samples[start: start + len(decay)] += 5 * noise(rate)[: len(decay)] * decay
    return samples


@pytest.mark.parametrize("rate", RATES)
def test_every_published_name_is_a_row_and_a_plain_number(rate):
    for name, value in last(noise(rate), rate).items():
        assert name in BY_NAME and type(value) is float


@pytest.mark.parametrize("rate", RATES)
def test_levels_are_linear_in_decibels(rate):
    loud, quiet = (last(tone(440, rate, amplitude=a), rate) for a in (1.0, 0.1))
    assert loud["audio.peak"] == pytest.approx(1.0, abs=0.01)
    assert loud["audio.level"] == pytest.approx(1 - 3.01 / 60, abs=0.01)  # a sine's mean power is half
    for name in ("audio.level", "audio.peak", "audio.mid"):
        assert loud[name] - quiet[name] == pytest.approx(20 / 60, abs=0.01)


def test_the_level_is_that_of_the_last_20_ms():
    """In which a bass has gone to and fro, so that it does not flicker."""
    heard = [values["audio.level"] for _, values in run(tone(100, 44100), 44100)][5:]
    assert max(heard) - min(heard) < 0.005
    click = np.zeros(44100)
    click[22050] = 1.0
    peaks = [at for at, values in run(click, 44100) if values["audio.peak"] > 0.9]
    assert peaks[0] == pytest.approx(0.51) and peaks[-1] == pytest.approx(0.52)


@pytest.mark.parametrize("hertz, loudest", [(80, "audio.low"), (130, "audio.low"), (270, "audio.mid"), (800, "audio.mid"),
                                            (1900, "audio.mid"), (2100, "audio.high"), (5000, "audio.high")])
@pytest.mark.parametrize("rate", RATES)
def test_a_tone_sounds_in_its_band_as_loud_as_it_is(rate, hertz, loudest):
    values = last(tone(hertz, rate), rate)
    assert max(("audio.low", "audio.mid", "audio.high"), key=values.get) == loudest
    assert values[loudest] == pytest.approx(values["audio.level"], abs=0.02)


@pytest.mark.parametrize("rate", RATES)
def test_higher_is_brighter_and_noise_is_flatter(rate):
    low, high = (last(tone(hertz, rate), rate) for hertz in (200, 4000))
    assert low["audio.centroid"] < high["audio.centroid"]
    assert last(tone(440, rate), rate)["audio.flatness"] < 0.1
    assert last(noise(rate), rate)["audio.flatness"] > 0.8


@pytest.mark.parametrize("rate", RATES)
def test_brightness_goes_with_the_octaves_from_50_hz_to_11_khz(rate):
    for share in (0.3, 0.5, 0.9):
        assert last(tone(50 * 220**share, rate), rate)["audio.centroid"] == pytest.approx(share, abs=0.03)
    two = tone(400, rate) + tone(4000, rate, amplitude=0.25)  # half as strong: it counts half
    assert last(two, rate)["audio.centroid"] == pytest.approx(np.log((400 + 4000 / 2) / 1.5 / 50) / np.log(220), abs=0.03)


@pytest.mark.parametrize("samples", [np.zeros(48000), np.full(48000, 0.3)], ids=["silence", "offset"])
def test_silence_and_a_constant_offset_have_no_level_and_no_tempo(samples):
    values = last(samples, 48000)
    assert [values[name] for name in ("audio.level", "audio.low", "audio.mid", "audio.high", "audio.flatness",
                                      "beat.bpm")] == [0.0] * 6


@pytest.mark.parametrize("rate", RATES)
def test_each_burst_is_one_onset_within_20_ms_of_sound(rate):
    times = np.arange(0.5, 8, 0.37)
    found = onsets(bursts(times, rate, 8.5), rate)
    assert len(found) == len(times)
    assert all(0 <= at - truth <= 0.02 for at, truth in zip(found, times))


def test_each_of_a_roll_is_an_onset():
    times = np.arange(0.5, 4, 0.1)  # sixteenths at 150 beats a minute
    assert len(onsets(bursts(times, 44100, 4.5), 44100)) == len(times)


@pytest.mark.parametrize("rate", RATES)
def test_a_steady_sound_begins_once(rate):
    assert len(onsets(tone(440, rate, 5), rate)) == 1
    assert len(onsets(noise(rate, 5), rate)) == 1


def test_a_slow_fade_has_no_onset():
    assert onsets(tone(440, 44100, 6) * np.linspace(0, 1, 6 * 44100), 44100) == []


def test_the_pulse_halves_every_100_ms():
    heard = [values["audio.pulse"] for _, values in run(bursts([0.5], 48000, 1.5), 48000)]
    top = int(np.argmax(heard))
    assert heard[top] > 0.9
    assert heard[top + 10] / heard[top] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("bpm", [72, 100, 128, 174])
def test_tempo_and_phase_of_a_click_track(bpm):
    times = np.arange(0.5, 10, 60 / bpm)
    at, values = run(bursts(times, 44100, 10.2), 44100)[-1]
    assert values["beat.bpm"] == pytest.approx(bpm, rel=0.001)
    error = (values["beat.phase"] - (at - times[0]) * bpm / 60 + 0.5) % 1 - 0.5
    assert abs(error) < 0.1


def test_a_beat_that_comes_late_from_now_on_is_glided_to():
    times = [*np.arange(0.5, 8, 0.5), *np.arange(8.07, 14, 0.5)]
    heard = run(bursts(times, 44100, 14.2), 44100)
    phases = np.unwrap([values["beat.phase"] for at, values in heard if at > 6], period=1.0)
    assert abs(np.diff(phases) - 0.01 * 2).max() < 0.1  # of a beat, in 10 ms
    assert abs((phases[-1] - (heard[-1][0] - times[-1]) * 2 + 0.5) % 1 - 0.5) < 0.1


def test_a_tempo_is_known_after_a_few_beats():
    assert last(bursts(np.arange(0.1, 5, 0.5), 44100, 5.0), 44100)["beat.bpm"] == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize("rate", RATES)
def test_the_slowest_tempo_is_found(rate):
    assert last(bursts(np.arange(0.5, 12, 60 / onset.TEMPI[0]), rate, 12.2), rate)["beat.bpm"] == pytest.approx(onset.TEMPI[0], rel=0.01)


@pytest.mark.parametrize("bpm", [110, 150, 165, 174])
def test_hats_between_the_beats_do_not_make_one_and_a_half_of_each(bpm):
    beat, rate = 60 / bpm, 44100
    samples = bursts(np.arange(0.5, 12, beat), rate, 12.2) + 0.4 * bursts(np.arange(0.5 + beat / 2, 12, beat), rate, 12.2)
    assert run(samples, rate)[-1][1]["beat.bpm"] == pytest.approx(bpm, rel=0.01)


def test_triplets_between_the_beats_leave_them_as_they_are():
    beat, rate = 0.5, 44100
    hats = [bursts(np.arange(0.5 + share * beat, 12, beat), rate, 12.2) for share in (1 / 3, 2 / 3)]
    samples = bursts(np.arange(0.5, 12, beat), rate, 12.2) + 0.3 * sum(hats)
    assert run(samples, rate)[-1][1]["beat.bpm"] == pytest.approx(120, rel=0.01)


def test_noise_has_no_tempo():
    assert last(noise(44100, 10), 44100)["beat.bpm"] == 0.0


def single(kind, rate=44100):
    """One sound in a quiet room: 6 s before it, 8 s behind it."""
    count = int(rate * 1.2)
    at = np.arange(count) / rate
    swell = {"cry": np.sin(np.pi * at / 1.2) ** 2,
             "sneeze": np.exp(-((at - 0.5) / 0.25) ** 2) + np.exp(-((at - 0.9) / 0.1) ** 2)}[kind]
    sound = 0.3 * swell * np.random.default_rng(4).standard_normal(count)
    samples = noise(rate, 15.2, 1e-4)
    samples[6 * rate: 6 * rate + count] += sound
    return samples


@pytest.mark.parametrize("kind", ["cry", "sneeze"])
def test_one_sound_is_no_beat(kind):
    assert {values["beat.bpm"] for _, values in run(single(kind), 44100)} == {0.0}


@pytest.mark.parametrize("snr", [30, 9])
@pytest.mark.parametrize("shares", [(0, 0.5), (0, 0.67), (0, 0.25, 0.5, 0.75)])
def test_music_in_a_room_with_people_keeps_its_tempo(shares, snr):
    """Straight, swung and in sixteenths, with echoes of half a second, and a crowd."""
    rate, beat = 44100, 0.5
    samples = sum((0.4 if share else 1.0) * bursts(np.arange(0.3 + share * beat, 14, beat), rate, 14.2) for share in shares)
    samples = sum(0.7 ** n * np.roll(samples, n * rate // 23) for n in range(12))
    samples += noise(rate, 14.2, float(np.sqrt(np.mean(samples**2))) * 10 ** (-snr / 20))
    told = [values["beat.bpm"] for at, values in run(samples, rate) if at > 9]
    assert told == pytest.approx([120.0] * len(told), rel=0.01)


def test_the_size_of_the_blocks_changes_nothing():
    samples = bursts([0.2, 0.7], 44100, 1.0)
    for block in (17, 90, 441, 4410):
        values = run(samples, 44100, block)[-1][1]
        assert values["audio.level"] == pytest.approx(last(samples, 44100)["audio.level"], abs=0.01)
        assert values["audio.pulse"] == pytest.approx(last(samples, 44100)["audio.pulse"], rel=0.05)


def test_a_peak_on_a_slope_stays_near():
    curve = np.array([0.0, 1.0, 2.0, 3.0, 3.9999, 5.0, 6.0, 7.0, 8.0, 9.0])
    assert all(abs(onset._peak(curve, near) - near) <= 2.5 for near in range(3, 6))


def test_tempo_survives_any_flux():
    chance = np.random.default_rng(0)
    for _ in range(200):
        flux = chance.standard_normal(600) * chance.choice([0, 1], 600, p=[0.95, 0.05]) * 50
        lag = onset.best_lag(flux - flux.mean(), 0.01)
        assert lag is None or lag > 1
