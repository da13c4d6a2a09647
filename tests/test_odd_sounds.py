"""Sounds as people have them, through the commands that learn: taken as they are or refused in one line."""

import av
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from instrument.audio.files import open_sound
from instrument.cli import main
from instrument.learn.dataset import find_clips
from instrument.learn.teach import remember
from instrument.model.card import load_model, save_model
from instrument.model.net import HearSee

RATE = 22050
pytestmark = pytest.mark.usefixtures("brief_training")


def tone(hz, seconds=0.5, rate=RATE):
    time = np.arange(int(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def written(samples, rate=RATE, kind="WAV", subtype="FLOAT"):
    return lambda path: soundfile.write(path, samples, rate, subtype, format=kind)


def torn(path):
    soundfile.write(path, tone(150), RATE)
    path.write_bytes(path.read_bytes()[:-10_000])


holes = tone(150)
holes[::7] = np.nan
SOUND = {"some NaN": written(holes), "8 channels": written(np.stack([tone(150)] * 8, 1)), "8 kHz": written(tone(150, rate=8000), 8000),
         "192 kHz": written(tone(150, rate=192_000), 192_000), "torn": torn,
         "wrongly named": written(tone(150), kind="FLAC", subtype="PCM_16")}
SILENT = {"10 ms": written(tone(150, 0.01)), "NaN": written(np.full(RATE, np.nan)), "an offset": written(np.full(RATE, 0.3))}
NONE = {"empty": lambda path: path.touch(), "no samples": written(np.zeros(0)), "text": lambda path: path.write_text("hello"),
        "a folder": lambda path: path.mkdir()}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model that tells hums from whistles, as far as chance has it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder, data = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("data")
    save_model(folder, HearSee(2), {"classes": ["hum", "whistle"]})
    for name, hz in (("hum", 150), ("whistle", 3000)):
        Image.new("RGB", (8, 8)).save(folder / "pictures" / f"{name}.png")
        (data / name).mkdir()
        soundfile.write(data / name / "a.wav", tone(hz), RATE)
    remember(load_model(folder), find_clips(data))
    return folder


def said(arguments, capsys):
    """Status and the one line of a mistake, "" without any."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (ended.value.code == 2), lines
    return ended.value.code, "".join(lines)


def write(data, kinds):
    """Folders of hums of these kinds and of one plain whistle."""
    for name in ("hum", "whistle"):
        (data / name).mkdir(parents=True)
    soundfile.write(data / "whistle" / "plain.wav", tone(3000), RATE)
    for number, kind in enumerate(kinds.values()):
        kind(data / "hum" / f"{number}.wav")
    return data


@pytest.mark.parametrize("kind", [*SOUND, *SILENT, *NONE])
def test_whatever_is_taught_or_judged_is_taken_or_refused_in_a_line(kind, base, tmp_path, capsys):
    data = write(tmp_path / "data", {kind: {**SOUND, **SILENT, **NONE}[kind]})
    status, line = said(["teach", "buzz", "--model", base, "--from", data / "hum" / "0.wav", "--out", tmp_path / "own"], capsys)
    assert status == (0 if kind in SOUND else 2)
    assert ("nothing sounds there" in line) == (kind in SILENT) and ("0.wav" in line) == (kind not in SOUND)
    assert (tmp_path / "own").exists() == (kind in SOUND)
    assert said(["evaluate", "--data", data, "--model", base], capsys)[0] == (2 if kind in NONE else 0)


@pytest.fixture
def quick(monkeypatch):
    """What takes long in a training, and asks nothing of the files, is left out."""
    monkeypatch.setattr("instrument.learn.train.settle", lambda *_: None)
    monkeypatch.setattr("instrument.learn.teach.KEPT", 8)


def test_a_training_takes_whatever_can_be_read(base, quick, tmp_path, capsys):
    data = write(tmp_path / "data", SOUND | SILENT)
    train = ["train", "--data", data, "--start", base, "--steps", "0", "--workers", "0", "--out", tmp_path / "m", "--run", tmp_path / "r"]
    assert said(train, capsys) == (0, "")
    model = load_model(tmp_path / "m")
    assert model.classes == ["hum", "whistle"] and all(tensor.isfinite().all() for tensor in model.net.state_dict().values())


@pytest.mark.parametrize("kind", NONE)
def test_a_training_refuses_what_is_no_sound_before_it_begins(kind, base, quick, tmp_path, capsys):
    data = write(tmp_path / "data", SOUND | {kind: NONE[kind]})
    train = ["train", "--data", data, "--start", base, "--steps", "0", "--workers", "0", "--out", tmp_path / "m", "--run", tmp_path / "r"]
    status, line = said(train, capsys)
    assert status == 2 and f"hum/{len(SOUND)}.wav" in line.replace("\\", "/") and not (tmp_path / "m").exists()


@pytest.mark.parametrize("layout, channels", (("5.1", 6), ("7.1", 8), ("hexadecagonal", 16)))
def test_a_film_with_sound_all_round_is_heard(tmp_path, layout, channels):
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as file:
        track = file.add_stream("pcm_s16le", rate=22050, layout=layout)
        steps = np.tile(1000 * np.arange(channels, dtype=np.int16), (2205, 1)).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(steps, format="s16", layout=layout)
        frame.sample_rate, frame.pts = 22050, 0
        file.mux([*track.encode(frame), *track.encode(None)])
    sound = open_sound(path)
    heard = np.concatenate(list(sound.blocks()))
    assert (sound.channels, heard.shape) == (channels, (2205, channels))
    assert (heard[100] * 32768).round().tolist() == [1000 * number for number in range(channels)]
