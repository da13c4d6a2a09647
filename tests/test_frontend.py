"""The front end: librosa's definition, and the same frames however the sound arrives."""

import numpy as np
import pytest
import torch

from instrument.audio.frontend import (
    LONG,
    RATES,
    FrontEnd,
    Resampler,
    Streaming,
    band_centres,
    level_resample,
    log_mel,
    mel_bank,
    resample,
)
from instrument.learn.augment import TorchMel


def sound(rate, seconds, seed=0):
    """Noise that swells, a sweep and clicks."""
    chance = np.random.default_rng(seed)
    t = np.arange(int(rate * seconds)) / rate
    samples = 0.2 * chance.standard_normal(t.size) * np.sin(np.pi * t) ** 2 + 0.4 * np.sin(2000 * t * (1 + t))
    samples[:: rate // 3] += 0.5
    return samples.astype(np.float32)


def sine(rate, hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def blocks(samples, seed):
    """`samples` cut into random pieces of 1 to 4,800."""
    chance = np.random.default_rng(seed)
    start = 0
    while start < samples.size:
        size = int(chance.integers(1, 4801))
        yield samples[start : start + size]
        start += size


@pytest.mark.parametrize("front_end", [FrontEnd(), FrontEnd(rate=32000, bands=64, low=50.0, high=14000.0)])
def test_bank_is_librosas(front_end):
    from librosa.filters import mel

    theirs = mel(sr=front_end.rate, n_fft=front_end.n_fft, n_mels=front_end.bands,
                 fmin=front_end.low, fmax=front_end.high)
    assert np.allclose(mel_bank(front_end), theirs, atol=1e-9)


def test_log_mel_is_librosas():
    import librosa

    samples = sound(22050, 2)
    for front in (FrontEnd(), LONG):
        power = librosa.feature.melspectrogram(y=samples, sr=22050, n_fft=front.n_fft, hop_length=front.hop, center=False, power=2.0)
        assert np.allclose(log_mel(samples, front, level=False), np.log(power + 1e-10), atol=1e-4)
        assert np.allclose(log_mel(samples, front)[2:], np.log(power + 1e-10)[2:], atol=1e-4)  # without what lies in the lowest


@pytest.mark.parametrize("front", (FrontEnd(), LONG))
def test_an_offset_is_no_sound(front):
    """Cheap microphones have one; and what a network learns from hears no more of it than the stage does."""
    samples = sound(22050, 2)
    there = log_mel(samples + np.float32(0.2), front)
    assert np.abs(there - log_mel(samples, front)).max() < 0.01
    assert np.abs(TorchMel(front)(torch.from_numpy(samples + np.float32(0.2))[None])[0].numpy() - there).max() < 0.01


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 192000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_blocks_give_the_frames_of_the_whole(rate, seed):
    samples = sound(rate, 2.3, seed)
    streaming = Streaming(rate)
    live = np.concatenate([streaming.push(block) for block in blocks(samples, seed)], axis=1)
    whole = log_mel(resample(samples, rate, 22050))[:, : live.shape[1]]
    assert live.shape[1] >= whole.shape[1] - 1 > 40
    assert np.abs(live - whole).max() < 1e-4


def test_single_samples_are_enough():
    samples = sound(44100, 0.2)
    one, all_at_once = Streaming(44100), Streaming(44100)
    live = np.concatenate([one.push(samples[i : i + 1]) for i in range(samples.size)], axis=1)
    assert np.abs(live - all_at_once.push(samples)).max() < 1e-4


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 44100, 44101, 48000, 96000, 192000, 768000])
def test_resampled_sine_is_the_sine(rate):
    out = resample(sine(rate, 997), rate, 22050)
    wanted = sine(22050, 997)
    assert out.size == 22050
    assert np.abs(out - wanted)[400:-400].max() < 1e-3


@pytest.mark.parametrize("rate", [44101, 47999, 11027, 767_999])
def test_an_odd_rate_needs_no_large_table_and_keeps_level_and_pitch(rate):
    assert Resampler(rate, 22050)._phases.nbytes < 2**21
    out = resample(sine(rate, 3000, 4.0), rate, 22050)
    # A frequency that is wrong by 1e-5 would be off by 0.75 in the end.
    assert np.abs(out - sine(22050, 3000, 4.0))[400:-400].max() < 1e-3


@pytest.mark.parametrize("rate", [44101, 47999])
def test_an_hour_at_an_odd_rate_has_as_many_samples_as_it_must(rate, monkeypatch):
    monkeypatch.setattr(Resampler, "_filter", lambda _, held, count: np.zeros(count, np.float32))
    resampler = Resampler(rate, 22050)
    given = sum(len(resampler.push(np.zeros(60 * rate, np.float32))) for _ in range(60))
    assert given + len(resampler.flush()) == 3600 * 22050


@pytest.mark.parametrize("rate", [44100, 48000, 44101, 192000])
def test_what_fits_stays_as_it_is(rate):
    assert np.abs(resample(sine(rate, 10_000), rate, 22050) - sine(22050, 10_000))[400:-400].max() < 2e-3
    assert np.abs(resample(np.ones(rate, np.float32), rate, 22050) - 1)[400:-400].max() < 1e-6


@pytest.mark.parametrize("rate", [8000, 44100, 44101, 48000])
@pytest.mark.parametrize("count", [1, 2, 999, 1000])
def test_it_lasts_as_long_as_before_rounded_up(rate, count):
    assert len(resample(np.zeros(count, np.float32), rate, 22050)) == -(-count * 22050 // rate)


def test_an_offset_makes_no_click_at_the_ends():
    samples = np.full(48000, 0.4, np.float32)
    assert np.abs(level_resample(samples, 48000, 22050)).max() < 1e-6 < np.abs(resample(samples, 48000, 22050)[:20] - 0.4).max()


def test_the_middle_of_a_band_is_where_a_tone_sounds_in_it_most():
    centres = band_centres()
    for band in (40, 80, 127):
        assert log_mel(sine(22050, centres[band])).mean(1).argmax() == band


@pytest.mark.parametrize("hz", [11_200, 13_000, 20_000])
def test_what_does_not_fit_is_gone(hz):
    out = resample(sine(48000, hz), 48000, 22050)[400:-400]
    assert np.abs(out).max() < 1e-3  # -60 dB


@pytest.mark.parametrize("rate", [44100, 48000])
def test_a_click_comes_out_within_five_milliseconds(rate):
    """Wherever it falls: the output sample on the click is there `delay` after it."""
    for at in range(5000, 5100, 7):
        resampler, taken = Resampler(rate, 22050), 4800
        given = resampler.push(np.zeros(taken, np.float32)).size
        while given <= at * 22050 / rate:
            given += resampler.push(np.zeros(8, np.float32)).size
            taken += 8
        assert (taken - at) / rate < resampler.delay + 24 / rate < 0.005


@pytest.mark.parametrize("front", [FrontEnd(), LONG])
@pytest.mark.parametrize("seconds", [0.12, 0.5, 1.0, 4.0])
def test_a_front_end_knows_how_many_frames_there_are(front, seconds):
    assert front.frames(seconds) == log_mel(np.zeros(round(seconds * front.rate)), front).shape[1]
    out_of_silence = np.concatenate((np.zeros(front.n_fft // 2), np.ones(int(seconds * front.rate))))
    assert front.begun(seconds) == log_mel(out_of_silence, front).shape[1]


def test_silence_is_the_floor_and_short_sound_no_frame():
    assert np.allclose(log_mel(np.zeros(4096)), np.log(1e-10))
    for front in (FrontEnd(), LONG):
        assert log_mel(np.zeros(front.n_fft - 1), front).shape == (128, 0)
        assert log_mel(np.zeros(front.n_fft), front).shape == (128, 1)
    assert Streaming(48000).push(np.zeros(0, np.float32)).shape == (128, 0)


@pytest.mark.parametrize("rate", [RATES[0] - 1, RATES[1] + 1, 44100.5, 0, -1, float("nan")])
def test_illegal_rates_are_refused_with_the_range(rate):
    with pytest.raises(ValueError, match="legal are whole numbers from 4,000 to 768,000"):
        Streaming(rate)
