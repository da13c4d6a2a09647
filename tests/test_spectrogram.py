"""The sound as a picture: tones have their height, time runs to the left, and nothing is late or costs a frame."""

import numpy as np
import pytest

from instrument.audio.files import Frames
from instrument.audio.ring import Ring, _path
from instrument.spectrogram import COLUMNS, PALETTE, Live, Played, Spectrogram

RATE = 22_050
HOP = 512


@pytest.fixture
def name(request):
    name = f"test-{abs(hash(request.node.nodeid))}"
    yield name
    _path(name).unlink(missing_ok=True)


def tone(hz, seconds=1.0, level=0.1, rate=RATE):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def noise(seconds, level=0.1, rate=RATE):
    return (level * np.random.default_rng(0).standard_normal(int(seconds * rate))).astype(np.float32)


def seen(samples, block=None, rate=RATE):
    spectrogram = Spectrogram(rate)
    for start in range(0, len(samples), block or len(samples)):
        spectrogram.push(samples[start:start + (block or len(samples))])
    return spectrogram.picture


def light(picture):
    """Brightness (h, w), 0..1."""
    return picture[..., :3].mean(2) / 255


def test_high_tones_lie_above_low_ones():
    rows = [light(seen(tone(hz)))[:, -1].argmax() for hz in (100, 440, 1000, 3000, 9000)]
    assert rows == sorted(rows, reverse=True) and rows[0] - rows[-1] > 80


def test_the_newest_is_on_the_right_and_the_old_moves_left():
    spectrogram = Spectrogram(RATE)
    spectrogram.push(noise(2.0))
    before = spectrogram.picture
    spectrogram.push(noise(10 * HOP / RATE))
    assert np.array_equal(spectrogram.picture[:, :-10], before[:, 10:])
    assert light(before)[:, -1].mean() > 3 * light(before)[:, 0].mean()
    assert before.shape == (128, COLUMNS, 4)


def test_a_picture_that_was_handed_out_stays_as_it_is():
    spectrogram = Spectrogram(RATE)
    handed = spectrogram.picture
    copy = handed.copy()
    spectrogram.push(noise(1.0))
    assert np.array_equal(handed, copy) and not np.array_equal(handed, spectrogram.picture)


@pytest.mark.parametrize("block", [1, 100, 1000, 5000])
def test_blocks_of_any_size_give_the_same_picture(block):
    sound = noise(0.3)
    assert np.abs(seen(sound, block).astype(int) - seen(sound)).max() <= 4


def test_a_whisper_shows_as_well_as_a_shout():
    shout, whisper = (light(seen(noise(1.0, level))) for level in (0.5, 0.02))
    assert np.abs(shout - whisper).mean() < 0.02


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_stays_dark(level):
    assert light(seen(noise(3.0, level))).max() < 0.1


def test_a_quiet_sound_after_a_loud_one_comes_up():
    spectrogram = Spectrogram(RATE)
    spectrogram.push(np.concatenate((noise(0.5, 0.9), noise(6.0, 0.003))))
    columns = light(spectrogram.picture).mean(0)
    assert columns[-1] > 2 * columns[-220]


def test_colours_grow_brighter_all_the_way():
    shades = PALETTE.view(np.uint8).reshape(-1, 4)
    assert (np.diff(shades[:, :3].sum(1).astype(int)) >= 0).all() and (shades[:, 3] == 255).all()


# --- live


def test_without_a_ring_there_is_nothing_to_see():
    assert Live(None).look() is None
    assert Live("never-made").look() is None


def test_it_follows_the_sound_that_is_shared(name):
    live = Live(name)
    assert live.look() is None
    with Ring.create(name, RATE) as ring:
        for block in np.split(tone(1000, 64 * HOP / RATE), 64):
            ring.write(block)
            picture = live.look()
        assert np.array_equal(picture, seen(tone(1000, 64 * HOP / RATE), HOP))
        assert live.look() is picture  # nothing came
        live.close()


def test_what_came_in_one_slow_frame_is_shown_in_that_frame(name):
    with Ring.create(name, RATE) as ring:
        live = Live(name)
        live.look()
        ring.write(noise(0.3))
        assert np.array_equal(live.look(), seen(noise(0.3), HOP))
        live.close()


def test_what_came_while_nobody_looked_is_caught_up_with(name):
    with Ring.create(name, RATE) as ring:
        ring.write(noise(8.0))
        live = Live(name)
        first = live.look()
        for _ in range(2 * COLUMNS):
            picture = live.look()
        assert np.array_equal(light(first)[:, 0], np.full(128, light(first)[0, 0]))  # one frame does not do it all
        assert np.array_equal(picture[:, -200:], seen(noise(8.0)[-int(6.0 * RATE):], HOP)[:, -200:])
        live.close()


def test_another_writer_at_another_rate_is_followed(name):
    with Ring.create(name, 48_000) as ring:
        ring.write(tone(440, 0.4, rate=48_000))
        live = Live(name)
        rows = [light(live.look())[:, -1].argmax()]
    with Ring.create(name, 8_000) as ring:
        ring.write(tone(440, 0.4, rate=8_000))
        rows.append(light(live.look())[:, -1].argmax())
        live.close()
    assert abs(rows[0] - rows[1]) <= 1 and 0 < rows[0] < 127


def test_gain_lifts_what_is_too_quiet(name):
    with Ring.create(name, RATE) as ring:
        live, louder = Live(name), Live(name)
        ring.write(noise(0.4, 3e-5))
        assert light(louder.look(40.0)).max() > 3 * light(live.look()).max()
        live.close()
        louder.close()


def test_numbers_that_are_none_do_no_lasting_harm(name):
    with Ring.create(name, RATE) as ring:
        live = Live(name)
        ring.write(np.array([np.nan, np.inf, -np.inf] * 1000, np.float32))
        live.look()
        ring.write(noise(0.4))
        assert 0.2 < light(live.look())[:, -1].mean() < 1
        live.close()


# --- played


def played(samples):
    """A `Played` of samples, over and over."""
    frames = Frames(lambda: [samples[:, None]], loop=True)
    return Played(lambda count: frames.take(count)[:, 0], RATE)


def test_played_sound_begins_again_and_needs_no_clock():
    sound = noise(0.5)
    endless = played(sound)
    pictures = [endless.look(now) for now in (0.0, 0.4, 1.0)]
    assert np.abs(pictures[-1].astype(int) - seen(np.tile(sound, 2))).max() <= 4
    assert np.array_equal(played(sound).look(0.4), pictures[1])


def test_who_looks_late_sees_what_others_see():
    sound = noise(2.5)
    watched, late = played(sound), played(sound)
    for now in (0.5, 1.0, 1.5, 2.0):
        watched.look(now)
    assert np.abs(watched.look(2.5).astype(int) - late.look(2.5)).max() <= 4


def test_gain_lifts_what_is_played():
    sound = noise(0.4, 3e-5)
    assert light(played(sound).look(0.4, 40.0)).max() > 3 * light(played(sound).look(0.4)).max()
