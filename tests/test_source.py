"""Sources: files of every kind or one clear line, real-time pacing, the watchdog, a real capture."""

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from pulse import pulse  # noqa: F401  a fixture

from instrument.audio import inputs
from instrument.audio import source as sources
from instrument.audio.files import decode, open_sound
from instrument.audio.inputs import Device
from instrument.audio.player import AHEAD, Player
from instrument.audio.ring import Ring
from instrument.audio.source import Microphone, Paced, open_source
from instrument.devices import report


def tone(rate, seconds, channels=1, hz=440.0):
    t = np.arange(int(rate * seconds)) / rate
    return np.repeat(0.5 * np.sin(2 * np.pi * hz * t)[:, None], channels, axis=1).astype(np.float32)


@pytest.mark.parametrize("channels, level", [((), 0.3), ((1,), 0.1), ((2, 3), 0.4)])
def test_only_the_channels_chosen_of_a_file_are_heard(tmp_path, channels, level):
    soundfile.write(tmp_path / "a.wav", np.tile(np.float32([0.1, 0.2, 0.6]), (1000, 1)), 22050, subtype="FLOAT")
    source = open_source(str(tmp_path / "a.wav"), channels=channels)
    source.advance(0.02)
    assert source.ring.read(0)[0] == pytest.approx(level)
    source.ring.close()
    with pytest.raises(OSError, match="no channel 4: give --channels from 1 to 3"):
        open_source(str(tmp_path / "a.wav"), channels=(4,))


# files

@pytest.mark.parametrize("rate", [8000, 22050, 44100, 192000])
@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_wav_of_any_kind(tmp_path, rate, channels, subtype):
    soundfile.write(tmp_path / "a.wav", tone(rate, 0.1, channels), rate, subtype=subtype)
    samples, found = decode(tmp_path / "a.wav")
    assert found == rate and samples.dtype == np.float32
    assert np.abs(samples - tone(rate, 0.1)[:, 0]).max() < 0.02


@pytest.mark.parametrize("ending", ["flac", "ogg", "mp3", "m4a", "mp4"])
def test_compressed_and_video(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending in ("m4a", "mp4"):
        encode_with_av(path, tone(48000, 0.5)[:, 0])
    else:
        soundfile.write(path, tone(48000, 0.5), 48000)
    samples, rate = decode(path)
    assert rate == 48000
    assert samples.size >= 0.45 * 48000
    spectrum = np.abs(np.fft.rfft(samples[:21600] * np.hanning(21600)))
    assert abs(spectrum.argmax() * 48000 / 21600 - 440) < 3


def encode_with_av(path, samples):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        if path.suffix == ".mp4":
            picture = container.add_stream("mpeg4", rate=10)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            container.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            container.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("samples", [np.zeros(100), np.full(100, 0.7), tone(8000, 0.01)[:, 0], np.ones(1)])
def test_silence_dc_and_the_very_short(tmp_path, samples):
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    assert np.allclose(decode(tmp_path / "a.wav")[0], samples)


def test_what_is_no_number_becomes_silence(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, np.nan, np.inf, -np.inf, 3e38]), 8000, subtype="FLOAT")
    assert np.array_equal(decode(tmp_path / "a.wav")[0], [0.5, 0, 0, 0, 1000])


def test_the_name_does_not_matter(tmp_path):
    soundfile.write(tmp_path / "a.flac", tone(8000, 0.2), 8000)
    wrong = (tmp_path / "a.flac").rename(tmp_path / "a.wav")
    assert decode(wrong)[0].size == 1600


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_truncated_plays_what_is_there_or_is_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, tone(44100, 2.0), 44100)
    whole = path.read_bytes()
    for share in (0.9, 0.5, 0.1, 0.01):
        path.write_bytes(whole[: int(len(whole) * share)])
        try:
            samples, rate = decode(path)
        except ValueError as error:
            assert_one_line(error)
        else:
            assert rate == 44100 and 0 < samples.size <= 2.1 * 44100 and np.isfinite(samples).all()


@pytest.mark.parametrize("frames", [10_000, 50_000])
@pytest.mark.parametrize("hole", [0, 500])
def test_a_torn_flac_plays_up_to_the_tear(tmp_path, frames, hole):
    noise = np.random.default_rng(0).normal(0, 0.1, frames).astype(np.float32)  # FLAC packs it in blocks of 4,096 of one size
    path = tmp_path / "a.flac"
    soundfile.write(path, noise, 44100)
    whole = path.read_bytes()
    tear = round(0.6 * len(whole))
    path.write_bytes(whole[:tear] + (bytes(hole) + whole[tear + hole:] if hole else b""))
    samples, _ = decode(path)
    assert 0.6 * frames - 4096 - 64 <= len(samples) <= 0.6 * frames
    assert np.allclose(samples, noise[:len(samples)], atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"not a sound at all", b"RIFF\x24\x00\x00\x00WAVEfmt ", bytes(5000)])
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw", "a"])
def test_rubbish_is_refused_in_one_line(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="no sound in .*legal are WAV") as refusal:
        open_source(str(tmp_path / name))
    assert_one_line(refusal.value)


def test_empty_odd_rate_missing_and_folder(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "slow.wav", np.zeros(100), 1000)
    for name, error in (("empty.wav", ValueError), ("slow.wav", ValueError), ("no.wav", OSError), (".", OSError)):
        with pytest.raises(error) as refusal:
            open_source(str(tmp_path / name))
        assert_one_line(refusal.value)


def assert_one_line(error):
    assert "\n" not in str(error) and 30 < len(str(error)) < 500


# pacing

def paced(path, **options):
    sound = open_sound(path)
    return Paced(sound.blocks, sound.path.name, sound.description, sound.rate, **options)


def test_a_file_comes_out_by_the_clock_then_silence(tmp_path):
    wave = tone(8000, 3.0, 2)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    source, got = paced(tmp_path / "a.wav"), []
    for now in (0.0, 0.0101, 0.5, 0.5, 1.7, 2.999, 3.5):
        source.advance(now)
        got.append(source.read(0))
        assert sum(map(len, got)) == int(now * 8000)
        assert source.ended == (now > 3)
    assert np.allclose(np.concatenate(got), np.pad(wave[:, 0], (0, 4000)))
    assert source.overflows == 0


def test_loop_has_no_seam(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.arange(80) / 100, 8000, subtype="FLOAT")  # 10 ms
    source = paced(tmp_path / "a.wav", loop=True)
    source.advance(1.0)
    assert np.allclose(source.read(0), np.tile(np.arange(80) / 100, 100))
    assert not source.ended


def test_a_looped_file_that_is_deleted_ends(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(8000, 0.1), 8000)
    source = paced(tmp_path / "a.wav", loop=True)
    (tmp_path / "a.wav").unlink()
    source.advance(1.0)
    assert source.read(0).size == 8000


def test_the_thread_plays_to_the_end(tmp_path):
    wave = tone(8000, 0.2)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    got = []
    with open_source(str(tmp_path / "a.wav")) as source:
        while not source.ended:
            got.append(source.read(timeout=5))
    heard = np.concatenate(got + [source.read(0)])
    assert np.allclose(heard[:1600], wave[:, 0])


def test_a_reader_that_slept_too_long_is_told(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(8000, 0.1), 8000)
    source = paced(tmp_path / "a.wav", loop=True)
    source.advance(25.0)  # the ring holds 10
    assert source.read(0).size == 80_000
    assert source.overflows == 1


def test_demo_knows_its_truth():
    with open_source("demo", seed=3) as source:
        assert len(source.truth) == 10 and source.rate == 22050
        assert source.read(timeout=5).size


# playing aloud

def test_all_channels_are_played_whichever_are_heard(tmp_path):
    stereo = np.stack([np.full(4000, 0.1), np.full(4000, 0.4)], 1).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", stereo, 8000, subtype="FLOAT")
    player, out = Player(8000, 2), np.zeros((100, 2), np.float32)
    source = paced(tmp_path / "a.wav", player=player, channels=(2,))
    source.advance(0.5)
    player.fill(out)
    assert np.allclose(source.read(0), 0.4) and np.allclose(out, stereo[:100])


def test_player_waits_then_plays_in_order_and_skips_when_far_behind():
    player, rate = Player(1000, 2), 1000
    ahead, out = int(rate * AHEAD), np.ones((10, 2), np.float32)
    count = np.arange(1000, dtype=np.float32)[:, None] / 1000
    stereo = np.hstack((count, -count))
    player.put(stereo[: ahead - 1])
    player.fill(out)
    assert not out.any()  # not enough waiting yet
    player.put(stereo[ahead - 1 : ahead + 20])
    for start in (0, 10):
        player.fill(out)
        assert np.allclose(out, stereo[start : start + 10])
    player.put(stereo[ahead + 20 :])
    player.fill(out)
    assert np.allclose(out[0], stereo[1000 - ahead])


@pytest.mark.parametrize("outputs", [0, 1])
def test_a_loudspeaker_that_does_not_play_at_this_rate_is_said(tmp_path, monkeypatch, outputs):
    """Where there is none nobody misses it."""
    sounddevice = pytest.importorskip("sounddevice")

    def ask(kind=None):
        if not outputs:
            raise sounddevice.PortAudioError("Error querying device -1")
        return {"index": 0}

    def fail(**asked):
        raise sounddevice.PortAudioError("Invalid sample rate")

    monkeypatch.setattr(sounddevice, "query_devices", ask)
    monkeypatch.setattr(sounddevice, "check_output_settings", fail)
    monkeypatch.setattr(sounddevice, "OutputStream", fail)
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    with open_source(str(tmp_path / "a.wav"), aloud=True) as source:
        assert ("no output at 8000 Hz (Invalid sample rate)" in source.note and "--mute" in source.note) == bool(outputs)


def test_player_is_silent_when_starved_and_clips():
    player, out = Player(1000, 1), np.ones((70, 1), np.float32)
    player.put(np.full((100, 1), 2.0, np.float32))
    player.fill(out)
    assert np.all(out == 1.0)
    player.fill(out)
    assert not out.any()


# the microphone and its watchdog

class Jack:
    """A device that can be unplugged: `plugged`, and what is open."""

    def __init__(self):
        self.plugged, self.heard, self.closed = True, None, 0

    def open(self, heard):
        if not self.plugged:
            raise OSError("no such device")
        self.heard = heard
        return self

    def close(self):
        self.closed += 1
        self.heard = None


def microphone(jack):
    return Microphone(jack.open, "mic", "a test", 1000, clock=lambda: 0.0)


def test_microphone_passes_on_and_counts():
    jack = Jack()
    with microphone(jack) as source:
        jack.heard(np.ones(10, np.float32), False)
        jack.heard(np.repeat(np.float32([np.nan, np.inf, -np.inf]), 10), True)
        assert np.array_equal(source.read(0), np.repeat([1.0, 0.0, 0.0, 0.0], 10))
        assert source.overflows == 1
    assert jack.closed == 1


def test_unplugged_gives_silence_and_comes_back():
    jack = Jack()
    with microphone(jack) as source:
        jack.heard(np.ones(10, np.float32), False)
        source.tick(0.1)
        jack.plugged = False
        source.tick(0.5)
        assert jack.closed == 0 and not source.note
        for now in (0.65, 0.68, 0.7):  # 0.6 s without a callback
            assert jack.closed == 0
            source.tick(now)
        assert jack.closed == 1 and "silence" in source.note
        source.tick(1.0)
        assert source.ring.written == 10 + 900  # no hole in time: zeros since it fell silent
        jack.plugged = True
        source.tick(1.6)
        assert source.reopened == 0  # tries once a second
        source.tick(1.8)
        assert source.reopened == 1
        jack.heard(np.ones(10, np.float32), False)
        assert np.array_equal(source.ring.read(source.ring.written - 10)[0], np.ones(10))
        source.tick(1.9)
        assert jack.closed == 1 and not source.note


def test_a_sound_system_that_has_gone_is_tried_again_and_has_no_devices(monkeypatch):
    sounddevice = pytest.importorskip("sounddevice")

    def gone(*_, **__):
        raise sounddevice.PortAudioError("Error initializing PortAudio")

    for name in ("_initialize", "query_hostapis", "query_devices"):
        monkeypatch.setattr(sounddevice, name, gone)
    monkeypatch.setattr(sounddevice, "_initialized", 0)
    assert inputs.devices() == []
    with pytest.raises(OSError, match="does not answer"):
        inputs.open_input(lambda listed: inputs.pick_input("mic", listed), 44100, lambda *_: None)


def test_a_device_that_opens_but_says_nothing_is_tried_again():
    jack = Jack()
    with microphone(jack) as source:
        for now in np.arange(0, 20, 0.1):
            source.tick(now)
            assert bool(source.note) == (now > sources.QUIET)  # said all the while, though it opens
        assert source.reopened >= 5
        assert abs(source.ring.written - 19900) <= 1000 * sources.WAKES + 600


def test_a_device_that_is_slow_to_wake_is_waited_for():
    """A headset that changes its profile takes a second or two until its first block."""
    jack, now = Jack(), [0.0]

    def slowly(heard):
        now[0] += 0.6
        return jack.open(heard)

    with Microphone(slowly, "mic", "a test", 1000, clock=lambda: now[0]) as source:
        for now[0] in np.arange(0.6, 3.0, 0.1):
            source.tick(now[0])
        jack.heard(np.ones(10, np.float32), False)
        source.tick(3.0)
        assert jack.closed == source.reopened == 0 and not source.note


def test_a_device_that_comes_back_is_waited_for_too():
    jack = Jack()
    with microphone(jack) as source:
        jack.heard(np.ones(10, np.float32), False)
        for now in (0.1, *np.arange(0.6, 1.0, 0.05)):
            source.tick(now)
        assert jack.closed == source.reopened == 1
        for now in np.arange(1.0, 3.2, 0.1):
            source.tick(now)
        jack.heard(np.ones(10, np.float32), False)
        source.tick(3.2)
        assert jack.closed == source.reopened == 1 and not source.note


def test_a_device_that_is_gone_after_a_night_costs_no_night_of_zeros():
    """While the machine sleeps some clocks run on."""
    jack = Jack()
    with microphone(jack) as source:
        jack.heard(np.ones(10, np.float32), False)
        source.tick(0.1)
        jack.plugged, written = False, []
        source.ring.write = lambda block, write=source.ring.write: (written.append(len(block)), write(block))
        for look in range(5):
            source.tick(30_000 + look / 10)
        assert sum(written[:1]) == source.ring.capacity and written[1:] == pytest.approx([100] * len(written[1:]), abs=1)
        assert len(written) > 1 and not source.ring.read(0)[0].any()


def test_silence_takes_as_long_as_it_lasts_however_often_it_is_looked_after():
    jack = Jack()
    with microphone(jack) as source:
        jack.heard(np.ones(10, np.float32), False)
        source.tick(0.1)
        jack.plugged = False
        for frame in range(1, 60 * 60):
            source.tick(0.1 + frame / 61)
        assert source.ring.written == pytest.approx(10 + 1000 * frame / 61, abs=1)


def test_who_was_held_up_does_not_blame_the_device():
    """While Python loads PyTorch no callback comes, and the first look is late."""
    jack = Jack()
    with microphone(jack) as source:
        jack.heard(np.ones(10, np.float32), False)
        source.tick(0.1)
        source.tick(1.0)
        jack.heard(np.ones(10, np.float32), False)
        source.tick(1.01)
        assert jack.closed == 0 and not source.note


def test_no_device_at_the_start_is_an_error():
    jack = Jack()
    jack.plugged = False
    name = f"test-none-{os.getpid()}"
    with pytest.raises(OSError), Microphone(jack.open, "mic", "a test", 1000, name, clock=lambda: 0.0):
        pass
    with pytest.raises(OSError, match="no shared sound"):  # nor is a ring left
        Ring.attach(name)


# choosing

def test_without_portaudio_it_is_said_what_is_missing_and_not_that_there_is_no_microphone(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setattr(inputs, "lacking", lambda: "PortAudio is missing: get it")
    monkeypatch.setattr(inputs, "devices", list)
    assert "PortAudio is missing: get it" in open_source().description
    with pytest.raises(OSError, match="PortAudio is missing: get it"):
        inputs.pick_input("Scarlett", [])
    soundfile.write(tmp_path / "a.wav", np.zeros(800, np.float32), 8000)
    monkeypatch.setattr(sources, "open_player", lambda *_: None)
    assert "PortAudio is missing" in open_source(str(tmp_path / "a.wav"), aloud=True).note
    assert not open_source(str(tmp_path / "a.wav")).note


def test_what_is_missing_is_portaudio_where_its_library_does_not_load(monkeypatch, tmp_path):
    assert inputs.lacking() == ""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice")
    assert inputs.lacking().startswith("PortAudio is missing")


def device(index, name, inputs=2, default=False, api="ALSA"):
    return Device(index, name, api, inputs, 0, 48000.0, default, False)


THREE = [device(0, "Scarlett 2i2 USB"), device(1, "Loopback", default=True), device(2, "Loopback 2"),
         device(3, "HDMI", inputs=0)]


@pytest.mark.parametrize("spec, index", [("mic", 1), ("0", 0), ("2", 2), ("scarlett", 0), ("Loopback", 1),
                                         ("Loopback 2, ALSA", 2), ("oopback 2", 2)])
def test_devices_are_found_by_number_and_name(spec, index):
    assert inputs.pick_input(spec, THREE).index == index


def test_the_same_device_under_two_host_systems():
    twice = [device(0, "Mic", api="Core Audio"), device(1, "Mic", api="ALSA")]
    assert inputs.pick_input("Mic", twice).index == 0
    assert inputs.pick_input(twice[1].full_name, twice).index == 1


TWINS = [device(4, "USB PnP Sound Device", api="Core Audio"), device(5, "USB PnP Sound Device", api="Core Audio")]


def test_of_two_of_one_name_a_number_chooses():
    assert [inputs.same(inputs.pick_input(spec, TWINS), TWINS).index for spec in ("4", "5")] == [4, 5]


def test_a_device_is_found_again_under_another_number():
    moved = [device(0, "Webcam"), device(1, "Scarlett 2i2 USB")]
    assert inputs.same(THREE[0], moved).index == 1
    with pytest.raises(OSError, match="no audio input"):
        inputs.same(THREE[1], moved)


@pytest.mark.parametrize("listed, spec, again", [
    (THREE, None, "mic"), (THREE, "0", THREE[0].full_name), (THREE, "scarlett", THREE[0].full_name), (TWINS, "5", "5"), ([], None, "demo")])
def test_a_source_tells_how_to_open_it_again(monkeypatch, listed, spec, again):
    monkeypatch.setattr(inputs, "devices", lambda: listed)
    source = open_source(spec)
    source.ring.close()
    assert source.spec == again


LONG = "Microphone (Scarlett 2i2 USB Audio)"
WINDOWS = [device(0, "Microsoft Sound Mapper - Input", api="MME"), device(1, LONG[:31], api="MME", default=True),
           device(2, LONG, api="Windows DirectSound"), device(3, "Line (Other)", api="Windows DirectSound"),
           device(4, LONG, api="Windows WASAPI"), device(5, LONG, api="Windows WASAPI", inputs=0)]


@pytest.mark.parametrize("spec, index", [("scarlett", 4), (LONG, 4), (WINDOWS[1].full_name, 1), ("line", 3), ("2", 2), ("mic", 1)])
def test_windows_lists_a_device_once_for_each_host_system_and_one_of_them_is_taken(spec, index):
    """A name, or a part of one, takes the quickest; a number or a full name takes what it says."""
    assert inputs.pick_input(spec, WINDOWS).index == index


def test_the_sockets_that_windows_lists_once_more_are_no_devices(monkeypatch):
    import sounddevice

    rows = [("PC Speaker (Realtek)", "Windows WDM-KS"), ("CABLE Output (VB-Audio)", "Windows WASAPI"), ("CABLE Output", "Windows WDM-KS")]
    apis = sorted({api for _, api in rows})
    monkeypatch.setattr(inputs, "_default", lambda kind: None)
    monkeypatch.setattr(sounddevice, "query_hostapis", lambda: [{"name": api} for api in apis])
    monkeypatch.setattr(sounddevice, "query_devices", lambda: [
        {"name": name, "hostapi": apis.index(api), "max_input_channels": 2, "max_output_channels": 0, "default_samplerate": 48000.0}
        for name, api in rows])
    assert [device.index for device in inputs.devices()] == [1]
    assert inputs.pick_input("CABLE Output", inputs.devices()).index == 1


def test_on_windows_the_default_is_that_of_the_quickest_host_system(monkeypatch):
    import sounddevice

    apis = [{"name": "MME", "default_input_device": 0}, {"name": "Windows WASAPI", "default_input_device": 2}]
    rows = [{"name": f"Mic {at}", "hostapi": at == 2, "max_input_channels": 2, "max_output_channels": 0, "default_samplerate": 48000.0}
            for at in range(3)]
    monkeypatch.setattr(sounddevice, "query_hostapis", lambda: [{"default_output_device": -1, **api} for api in apis])
    monkeypatch.setattr(sounddevice, "query_devices", lambda kind=None: {"index": 0} if kind else rows)
    assert [device.index for device in inputs.devices() if device.default_input] == [2]


@pytest.mark.parametrize("spec, again", [("mic", "Scarlett 2i2 USB"), ("loopback", "Loopback")])
def test_a_device_that_is_opened_again_is_the_same_and_the_microphone_the_one_that_is_it_then(monkeypatch, spec, again):
    opened = []
    monkeypatch.setattr(inputs, "devices", lambda: THREE[:2])
    monkeypatch.setattr(inputs, "open_input", lambda choose, *_: opened.append(choose) or SimpleNamespace(close=lambda: None))
    with open_source(spec):
        pass
    plugged = [device(0, "Webcam"), device(1, "Scarlett 2i2 USB", default=True), device(2, "Loopback")]
    assert [opened[0](listed).name for listed in (THREE, plugged)] == ["Loopback", again]


@pytest.fixture
def streams(monkeypatch):
    """What was asked for of the streams that were opened; `refuses(asked)` is why one is not, or nothing."""
    import sounddevice

    class Stream:
        asked, refuses, starts, closed = [], staticmethod(lambda asked: ""), staticmethod(lambda: None), 0

        def __init__(self, **asked):
            self.asked.append(asked)
            if reason := Stream.refuses(asked):
                raise sounddevice.PortAudioError(reason)

        def start(self):
            if reason := Stream.starts():
                raise sounddevice.PortAudioError(reason)

        def close(self):
            Stream.closed += 1

    for name in ("_terminate", "_initialize"):
        monkeypatch.setattr(sounddevice, name, lambda: None)
    monkeypatch.setattr(sounddevice, "InputStream", Stream)
    monkeypatch.setattr(inputs, "devices", lambda: WINDOWS)
    return Stream


def open_scarlett(heard):
    return inputs.open_input(lambda listed: inputs.pick_input("scarlett", listed), 48000, heard)


def test_on_windows_a_way_that_does_not_open_leaves_it_to_the_next(streams):
    streams.refuses = lambda asked: "Invalid device" * (asked["device"] == 4)
    assert open_scarlett(lambda *_: None)
    assert [asked["device"] for asked in streams.asked] == [4, 2]
    assert [asked["extra_settings"] is not None for asked in streams.asked] == [True, False]  # only the first converts when asked to


def test_a_stream_that_does_not_start_is_closed_and_the_next_one_tried(streams):
    streams.starts = lambda: "busy"
    with pytest.raises(OSError, match="cannot be opened: busy; is it in use?"):
        open_scarlett(lambda *_: None)
    assert streams.closed == len(streams.asked) == 3  # by each host system


def test_a_device_of_an_absurd_rate_is_one_line(streams, monkeypatch):
    monkeypatch.setattr(inputs, "devices", lambda: [replace(each, rate=1e6) for each in WINDOWS])
    streams.refuses = lambda asked: "Invalid sample rate"
    with pytest.raises(OSError, match="cannot be opened"):
        open_scarlett(lambda *_: None)


@pytest.mark.parametrize("name, count, channels, opened, level", [
    ("Scarlett", 2, (), 2, 0.15), ("Delta", 8, (), 8, 0.45), ("X32", 32, (), 2, 0.15), ("X32", 32, (5,), 32, 0.5),
    ("pulse", 32, (), 2, 0.15), ("pulse", 32, (1,), 2, 0.1), ("pulse", 32, (5,), 5, 0.5)])
def test_so_many_channels_are_opened_and_those_chosen_are_heard(streams, monkeypatch, name, count, channels, opened, level):
    monkeypatch.setattr(inputs, "devices", lambda: [device(0, name, count)])
    heard = []
    inputs.open_input(lambda listed: listed[0], 48000, lambda block, overflowed: heard.append(float(block[0])), channels)
    assert streams.asked[-1]["channels"] == opened
    block = np.tile(np.arange(1, opened + 1, dtype=np.float32) / 10, (480, 1))
    streams.asked[-1]["callback"](block, 480, None, SimpleNamespace(input_overflow=False))
    assert heard == [pytest.approx(level)]


def test_a_device_that_comes_back_with_another_rate_is_heard_at_the_one_it_had(streams, monkeypatch):
    monkeypatch.setattr(inputs, "devices", lambda: [replace(each, rate=44100.0) for each in WINDOWS])
    streams.refuses = lambda asked: "Invalid sample rate" * (asked["samplerate"] == 48000)
    heard = []
    assert open_scarlett(lambda block, overflowed: heard.append(block))
    block = np.full((441, streams.asked[-1]["channels"]), 0.5, np.float32)
    for _ in range(100):
        streams.asked[-1]["callback"](block, 441, None, SimpleNamespace(input_overflow=False))
    assert sum(map(len, heard)) == pytest.approx(48000, abs=100) and heard[-1] == pytest.approx(0.5, abs=1e-3)


def test_why_a_device_does_not_open_is_said(monkeypatch):
    jack = Jack()
    with microphone(jack) as source:
        jack.heard(np.ones(10, np.float32), False)
        source.tick(0.1)
        jack.plugged = False
        for now in (0.65, 0.68, 0.7, 1.0):
            source.tick(now)
        assert source.note == "mic gives no sound: silence until it is back (no such device)"


@pytest.mark.parametrize("system, told", (("darwin", True), ("win32", True), ("linux", True), ("other", False)))
def test_a_microphone_of_nothing_but_zeros_is_told_where_to_look(monkeypatch, system, told):
    """macOS gives silence, and no error, to a program that may not hear; PipeWire where nothing is plugged in."""
    monkeypatch.setattr(inputs.sys, "platform", system)
    jack = Jack()
    with microphone(jack) as source:
        for now in (0.0, 4.0, 6.0):
            jack.heard(np.zeros(10, np.float32), False)
            source.tick(now)
            assert bool(source.note) == (told and now > 5)
        for now, level in ((6.1, 1e-6), (30.0, 0.0)):  # what sounded once may be silent
            jack.heard(np.full(10, level, np.float32), False)
            source.tick(now)
            assert source.note == ""


@pytest.mark.parametrize("spec", ["7", "3", "HDMI", "loop", "nothing"])
def test_a_device_that_is_not_there_lists_those_that_are(spec):
    with pytest.raises(OSError, match="inputs are: .*Loopback") as refusal:
        inputs.pick_input(spec, THREE)
    assert_one_line(refusal.value)


def test_devices_are_listed_in_words(monkeypatch):
    monkeypatch.setattr(inputs, "devices", lambda: THREE)
    lines = report()
    assert lines[1:1 + len(THREE)] == [f"  {device.text}" for device in THREE]


def test_without_a_microphone_it_is_the_demo():
    assert inputs.automatic(THREE) == "mic"
    assert inputs.automatic(THREE[3:]) == "demo"
    with pytest.raises(OSError, match="inputs are: none"):
        inputs.pick_input("mic", [])


def test_of_the_demo_no_channels_can_be_chosen():
    with pytest.raises(ValueError, match="the demo has one channel: leave --channels out"):
        open_source("demo", channels=(2,))


# the real thing

def test_a_sine_through_pulseaudio_and_portaudio(pulse):  # noqa: F811
    soundfile.write(pulse / "sine.wav", tone(48000, 6.0, 2, 1000.0), 48000)
    heard = np.zeros(0, np.float32)
    with open_source("pulse") as source:
        player = subprocess.Popen(["paplay", "--latency-msec=200", str(pulse / "sine.wav")])
        try:
            while np.count_nonzero(np.abs(heard) > 0.4) < 16_000 and player.poll() is None:
                heard = np.concatenate((heard, source.read(timeout=5)))
        finally:
            player.terminate()
            player.wait(20)
    loud = np.flatnonzero(np.abs(heard) > 0.4)
    sine = heard[loud[0] + 500 : loud[-1] - 10]
    assert source.rate in (44100, 48000) and sine.size > 30_000
    # of a sine, every sample follows from the two before it: a lost or repeated block would show
    turn = 2 * np.cos(2 * np.pi * 1000 / source.rate)
    assert np.abs(sine[2:] - turn * sine[1:-1] + sine[:-2]).max() < 1e-3
    assert abs(np.abs(sine).max() - 0.5) < 0.01
    assert source.overflows == 0


def test_only_the_channels_chosen_are_heard(pulse):  # noqa: F811
    """A tone on the right alone, in a device of two: the mean has half of it."""
    right = tone(48000, 2.0, 2, 1000.0) * (0, 1)
    soundfile.write(pulse / "right.wav", right, 48000)
    loudest = {}
    for channels in ((), (1,), (2,), (1, 2)):
        with open_source("pulse", channels=channels) as listener, open_source(str(pulse / "right.wav"), aloud=True):
            heard = np.concatenate([listener.read(timeout=5) for _ in range(120)])
            loudest[channels] = float(np.abs(heard).max())
    assert loudest[1,] < 0.01 and loudest[2,] == pytest.approx(0.5, abs=0.02)
    assert loudest[()] == pytest.approx(0.25, abs=0.02) == loudest[1, 2]
    with pytest.raises(OSError, match="no channel 99"), open_source("pulse", channels=(99,)):
        pass


def test_a_file_is_played_aloud(pulse):  # noqa: F811
    soundfile.write(pulse / "sine.wav", tone(48000, 1.0, 1, 1000.0), 48000)
    heard = np.zeros(0, np.float32)
    with open_source("pulse") as listener, open_source(str(pulse / "sine.wav"), aloud=True) as played:
        while np.count_nonzero(np.abs(heard) > 0.4) < 10_000 and heard.size < 5 * listener.rate:
            heard = np.concatenate((heard, listener.read(timeout=5)))
        spectrum = np.abs(np.fft.rfft(heard))
    assert played.note == ""
    assert abs(spectrum.argmax() * listener.rate / heard.size - 1000) < 5
    assert np.count_nonzero(np.abs(heard) > 0.4) >= 10_000


@pytest.mark.parametrize("spec, file", [("Line 1/2", False), ("songs/none.wav", True)])
def test_an_input_may_have_a_slash_in_its_name(monkeypatch, spec, file):
    line = Device(3, "Line 1/2 (M-Audio Delta)", "ALSA", 2, 0, 44100.0, False, False)
    monkeypatch.setattr("instrument.audio.inputs.devices", lambda: [line])
    opened = []
    monkeypatch.setattr("instrument.audio.source._microphone", lambda spec, *_: opened.append(spec))
    if file:
        with pytest.raises(OSError, match="does not exist"):
            open_source(spec)
    else:
        open_source(spec)
    assert opened == ([] if file else [spec])
