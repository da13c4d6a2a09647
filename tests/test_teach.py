"""Teaching new classes: on features alone, on a tiny model, from files, and while listening."""

import json
import os
import queue
import shutil
import threading
from contextlib import suppress

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from instrument.audio.frontend import FrontEnd, log_mel
from instrument.bench.run import bench
from instrument.bench.teach import EXAMPLES, teach_rows, verdict
from instrument.cli import main, parser
from instrument.dream.loop import Frame
from instrument.features import REFUSED
from instrument.files import put
from instrument.hearing import Network
from instrument.latest import Latest
from instrument.learn import teach
from instrument.learn.dataset import find_clips
from instrument.learn.teach import (
    Pupil,
    _some_views,
    fit,
    from_files,
    legal_name,
    own_folder,
    remember,
    sounding,
    views,
)
from instrument.lesson import Lesson
from instrument.listen import Listener
from instrument.model.card import load_model, save_model
from instrument.model.net import AVERAGES, WIDTHS, HearSee
from instrument.options import ListenOptions
from instrument.osc import Receiver, Remote
from instrument.params import DEFAULTS, HELD
from instrument.school import School
from instrument.teaching import Teaching

RATE = 22050
WAIT = 60  # seconds that real threads may take


def tone(hz, seconds=1.2, seed=0, rate=RATE):
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
    return (0.3 * np.sin(2 * np.pi * hz * time) + noise).astype(np.float32)


def crackle(seed, seconds=1.2):
    chance = np.random.default_rng(seed)
    return (chance.normal(0, 0.3, int(seconds * RATE)) * (chance.random(int(seconds * RATE)) > 0.98)).astype(np.float32)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model of two classes, its features random but fixed, its head fitted to hums and whistles."""
    torch.set_num_threads(1)
    folder, data = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("data")
    for name, hz in (("hum", 150), ("whistle", 3000)):
        (data / name).mkdir()
        for take in range(4):
            soundfile.write(data / name / f"{take}.wav", tone(hz * (1 + 0.03 * take), seed=take), RATE)
    torch.manual_seed(0)
    net = HearSee(2)
    save_model(folder, net, {"classes": ["hum", "whistle"]})
    model = load_model(folder)
    centres = [np.mean([model.listen(log_mel(tone(hz, seed=take)))[1][-WIDTHS[-1]:] for take in range(3)], 0)
               for hz in (150, 3000)]
    net.heads["sound"] = _telling_apart(*map(torch.from_numpy, centres))
    save_model(folder, net, {"classes": ["hum", "whistle"]})
    for name, colour in (("hum", "red"), ("whistle", "blue")):
        Image.new("RGB", (8, 8), colour).save(folder / "pictures" / f"{name}.png")
    remember(load_model(folder), find_clips(data))
    return folder


def _telling_apart(one, other):
    head = torch.nn.Linear(len(one), 3)
    way = 6 * (one - other) / (one - other).square().sum()
    head.weight.data = torch.stack([way, -way, 0 * way])
    middle = way @ (one + other) / 2
    head.bias.data = torch.stack([-middle, middle, torch.tensor(-20.0)])
    return head


def answer(pupil, samples):
    hear, classes = pupil.heard()
    return classes[int(np.argmax(hear(log_mel(samples))))]


@pytest.fixture
def taught(base, tmp_path):
    pupil = Pupil(load_model(base), tmp_path / "taught")
    for seed in range(3):
        pupil.add("crackle", crackle(seed))
    return pupil


def clusters(centres, count, seed=0):
    chance = np.random.default_rng(seed)
    return [chance.normal(centre, 0.3, (count, len(centre))).astype(np.float32) for centre in centres]


def test_taught_classes_win_their_own_sounds_and_leave_the_others():
    centres = 3 * np.eye(4, 16)
    labels = np.repeat([0, 1], 40)
    examples = {name: [one[:2], one[2:4], one[4:]] for name, one in zip("cd", clusters(centres[2:], 6, seed=1))}
    found = fit(np.concatenate(clusters(centres[:2], 40)), labels, examples)
    asked = np.concatenate([*clusters(centres[:2], 30, seed=2), *clusters(centres[2:], 30, seed=3)])
    answers = np.array([found.extend(np.append(centres[:2] @ one, -20), one).argmax() for one in asked])
    assert found.names == ("c", "d") and (answers == np.repeat(np.arange(4), 30)).mean() > 0.95


def test_remembered_sounds_are_lost_to_new_classes_as_rarely_as_said():
    centres = np.eye(3, 16)  # close together
    labels, memory = np.repeat([0, 1], 300), np.concatenate(clusters(0.4 * centres[:2], 300))
    found = fit(memory, labels, {"c": [one[None] for one in clusters(0.4 * centres[2:], 5, seed=1)[0]]})
    lost = np.mean([found.extend(np.array([20.0, 0.0, -20.0]), one).argmax() == 2 for one in memory])
    assert lost <= teach.LOST + 0.01


def test_a_class_whose_name_has_a_space_is_remembered(tmp_path):
    for name, hz in (("soft hum", 150), ("whistle", 3000)):
        (tmp_path / "data" / name).mkdir(parents=True)
        soundfile.write(tmp_path / "data" / name / "1.wav", tone(hz), RATE)
    save_model(tmp_path / "model", HearSee(2), {"classes": ["soft hum", "whistle"]})
    with pytest.raises(SystemExit) as ended:
        main(["teach", "--remember", str(tmp_path / "data"), "--model", str(tmp_path / "model")])
    assert ended.value.code == 0 and set(teach.read_memory(load_model(tmp_path / "model"))[1]) == {0, 1}


def test_classes_of_which_every_window_was_the_same_can_be_taught_beside():
    memory = np.repeat(np.eye(3, AVERAGES, dtype=np.float32)[:2], 4, axis=0)
    taught = fit(memory, np.repeat([0, 1], 4), {"new": [np.eye(3, AVERAGES, dtype=np.float32)[2:]]})
    assert all(np.isfinite(part).all() for part in (taught.weight, taught.bias, taught.lead))


def test_only_a_class_like_an_old_one_must_lead_it():
    centres = np.eye(4, 16)
    labels, memory = np.repeat([0, 1], 300), np.concatenate(clusters(0.5 * centres[:2], 300))
    near, far = clusters([0.7 * centres[0], 5 * centres[3]], 5, seed=1)
    found = fit(memory, labels, {"near": [one[None] for one in near], "far": [one[None] for one in far]})
    assert found.lead[0] > 0 == found.lead[1]


def test_many_windows_are_answered_as_one_by_one(taught):
    heard = [taught.model.listen(log_mel(sound)) for sound in (tone(150), tone(3000), crackle(5))]
    logits, features = map(np.stack, zip(*heard, strict=True))
    one_by_one = np.stack([taught.taught.extend(*one) for one in heard])
    assert np.allclose(taught.taught.extend(logits, features), one_by_one, atol=1e-4)


def test_what_the_head_reads_comes_last_in_the_averages():
    net, pictures = HearSee(2).eval(), torch.rand(2, 3, 64, 40)
    with torch.no_grad():
        averages = net.averages(pictures)
        assert averages.shape == (2, AVERAGES) and torch.equal(averages[:, -WIDTHS[-1]:], net.embed(pictures))


def test_nothing_taught_changes_nothing():
    nothing = fit(np.zeros((3, 5)), np.zeros(3, int), {})
    assert nothing.names == () and nothing.extend(np.ones(2), np.zeros(5)).tolist() == [1, 1]


def test_a_class_is_learnt_from_three_examples(taught):
    assert taught.heard()[1] == ["hum", "whistle", "crackle"]
    assert answer(taught, crackle(77)) == "crackle"
    assert answer(taught, tone(150, seed=9)) == "hum" and answer(taught, tone(3000, seed=9)) == "whistle"


def test_old_logits_stay_as_they_are(base, taught):
    window = log_mel(tone(400))
    assert np.allclose(taught.heard()[0](window)[:2], load_model(base).hear(window)[:2], atol=1e-3)


def test_an_ear_given_away_goes_on_as_before(base, tmp_path):
    pupil = Pupil(load_model(base), tmp_path / "taught")
    hear, classes = pupil.heard()
    pupil.add("crackle", crackle(0))
    assert len(hear(log_mel(tone(150)))) - 1 == len(classes) == 2


def test_what_was_taught_can_be_forgotten(base, taught):
    taught.forget("Crackle")
    assert taught.heard()[1] == ["hum", "whistle"]
    assert np.array_equal(taught.heard()[0](log_mel(crackle(1))), load_model(base).hear(log_mel(crackle(1))))
    with pytest.raises(ValueError, match="no class 'crackle' was taught; taught are: none yet"):
        taught.forget("crackle")


def test_the_saved_folder_is_a_model_that_can_be_taught_on(taught, tmp_path):
    taught.save()
    again = load_model(tmp_path / "taught")
    assert again.classes == ["hum", "whistle", "crackle"] and set(again.picture_files()) == set(again.classes)
    window = log_mel(crackle(5))
    assert np.allclose(again.hear(window), taught.heard()[0](window), rtol=1e-3)
    assert again.weights_hash == taught.model.weights_hash
    pupil = Pupil(again, own_folder(again))
    assert pupil.folder == again.folder and pupil.add("crackle", crackle(6)) == 4
    pupil.forget("crackle")
    pupil.save()
    assert load_model(tmp_path / "taught").classes == ["hum", "whistle"]
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.old"))


def test_a_taught_model_still_says_which_clips_it_has_learnt(base, tmp_path):
    copy = shutil.copytree(base, tmp_path / "model")
    (copy / "learnt.txt").write_text("0123abcd\n")
    pupil = Pupil(load_model(copy), tmp_path / "own")
    pupil.add("crackle", crackle(0))
    for _ in range(2):
        pupil.save()
        assert load_model(tmp_path / "own").learnt == {"0123abcd"}


def test_what_another_teaches_the_same_folder_meanwhile_stays(taught, tmp_path):
    """The instrument runs, and somebody teaches its model from files."""
    taught.save()
    other = Pupil(load_model(tmp_path / "taught"), tmp_path / "taught")
    other.add("beep", tone(1000))
    other.forget("crackle")
    other.save({"beep": "whistle"})
    assert taught.add("chirp", tone(600)) == 1
    taught.save()
    there = load_model(tmp_path / "taught")
    assert there.classes == ["hum", "whistle", "beep", "chirp"] and set(there.picture_files()) == set(there.classes)
    other = Pupil(there, tmp_path / "taught")
    assert other.add("chirp", tone(640)) == 2
    other.save()
    assert taught.add("chirp", tone(620)) == 3
    taught.forget("beep")
    taught.save()
    assert load_model(tmp_path / "taught").classes == ["hum", "whistle", "chirp"]


def test_what_another_network_was_taught_is_not_taken_over(taught, tmp_path):
    taught.save()
    card = tmp_path / "taught" / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "taught": ["crackle", "strange"]}))
    (tmp_path / "taught" / "weights.safetensors").write_bytes(b"others")
    assert taught.add("crackle", crackle(9)) == 4


def test_a_save_goes_on_where_somebody_opens_the_model_in_its_midst(taught, tmp_path, monkeypatch):
    taught.save()
    folder, opened = tmp_path / "taught", []

    def meanwhile(source, target):
        if target == folder and not opened:
            opened.append(load_model(folder))  # which brings the old one back
        put(source, target)

    monkeypatch.setattr(teach, "put", meanwhile)
    taught.save()
    assert opened and load_model(folder).card["taught"] == list(taught.taught.names) and not teach.set_aside(folder).exists()


@pytest.mark.parametrize("renames", (0, 1, 2))
def test_a_save_that_is_killed_after_so_many_renames_costs_nothing(taught, tmp_path, monkeypatch, renames):
    taught.save()
    folder, done = tmp_path / "taught", []
    (folder / "notes.txt").write_text("mine")

    def killed(*names):
        if len(done) == renames:
            raise KeyboardInterrupt
        done.append(put(*names))

    with monkeypatch.context() as no_cleaning_up:
        no_cleaning_up.setattr(teach, "put", killed)
        no_cleaning_up.setattr(teach, "_move_along", lambda folder: None)
        no_cleaning_up.setattr(teach, "brought_back", lambda folder: folder)
        with suppress(KeyboardInterrupt):
            taught.save()
    assert len(done) == renames and load_model(folder).card["taught"] == list(taught.taught.names)
    Pupil(load_model(folder), folder).save()
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.glob(".*") if path.name.endswith(".old")] == []


def test_a_picture_that_is_none_is_refused_before_it_is_saved(taught, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ValueError, match="torn.jpg is no whole picture"):
        taught.save({"crackle": str(tmp_path / "torn.jpg")})


def test_taught_classes_are_those_of_the_card_or_the_model_is_refused(taught, tmp_path):
    taught.save()
    card = tmp_path / "taught" / "card.json"
    told = json.loads(card.read_text())
    for names in (["ping"], [*told["taught"], "ping"], told["taught"][1:] or ["other"]):
        card.write_text(json.dumps({**told, "taught": names}))
        with pytest.raises(ValueError, match="card.json says .*; a taught class gets another name when it is forgotten"):
            load_model(tmp_path / "taught").taught


@pytest.mark.parametrize("name, numbers, said", [
    ("weight", np.ones((3, AVERAGES // 2), np.float32), r"its weight is \(3, \d+\), expected \(3, \d+\)"),
    ("weight", np.ones((4, AVERAGES), np.float32), "its weight is"),
    ("bias", np.ones(2, np.float32), r"its bias is \(2,\), expected \(3,\)"),
    ("bias", np.full(3, np.nan, np.float32), "its bias is not finite"),
    ("example/crackle/0", np.ones((2, 7), np.float32), r"its example/crackle/0 is \(2, 7\)"),
    ("example/crackle/0", np.float32(1), r"its example/crackle/0 is \(\)"),
    ("lead", np.full(1, np.inf, np.float32), "its lead is not finite")])
def test_what_was_taught_to_another_network_or_is_damaged_is_one_line(taught, tmp_path, name, numbers, said):
    taught.save()
    path = taught.folder / "taught.safetensors"
    save_file({**load_file(str(path)), name: np.asarray(numbers)}, str(path))
    with pytest.raises(ValueError, match=rf"taught.safetensors is missing or damaged \({said}.*: restore it or choose another") as error:
        load_model(path.parent)
    assert "\n" not in str(error.value)


def test_pictures_are_a_file_a_class_or_the_nearest(taught, tmp_path):
    Image.new("RGB", (8, 8), "green").save(tmp_path / "mine.png")
    colours = []
    for pictures in ({}, {"crackle": str(tmp_path / "mine.png")}, {}, {"crackle": "hum"}):
        taught.save(pictures)
        with Image.open(tmp_path / "taught" / "pictures" / "crackle.png") as picture:
            colours.append(picture.getpixel((0, 0)))
    red, green, blue = (255, 0, 0), (0, 128, 0), (0, 0, 255)
    assert colours[0] in (red, blue) and colours[1:] == [green, green, red]
    with pytest.raises(ValueError, match="give a file .* or a class with a picture"):
        taught.save({"crackle": "nothing.png"})


def test_what_the_user_put_beside_or_into_a_model_stays(taught, tmp_path):
    taught.save()
    folder = tmp_path / "taught"
    own = [tmp_path / "taught.old" / "copy.txt", tmp_path / "taught.part" / "half.txt", folder / "notes.txt",
           folder / "takes" / "1.wav", folder / "pictures" / "crackle-before.png"]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    taught.save()
    taught.forget("crackle")
    taught.save()
    assert all(path.read_text() == "mine" for path in own)
    assert not (folder / "taught.safetensors").exists() and not (folder / "pictures" / "crackle.png").exists()


def test_no_file_of_the_users_own_is_lost_among_the_pictures(taught, tmp_path):
    taught.save()
    pictures = tmp_path / "taught" / "pictures"
    dreamt = (pictures / "crackle.png").read_bytes()
    Image.new("RGB", (8, 8), (0, 200, 0)).save(pictures / "crackle.jpg")  # newer: it is shown from now on
    own = (pictures / "crackle.jpg").read_bytes()
    os.utime(pictures / "crackle.jpg", (9, 9))  # a photograph of long ago
    (pictures / "crackle-before.png").write_bytes(b"one more")
    (pictures / "crackle.gif").mkdir()
    (pictures / "crackle.psd").write_text("layers")
    taught.save()
    assert load_model(tmp_path / "taught").picture_files()["crackle"].read_bytes() == own
    assert (pictures / "crackle-before.png").read_bytes() == b"one more" and (pictures / "crackle.psd").read_text() == "layers"
    assert (pictures / "crackle-before-2.png").read_bytes() == dreamt


def test_a_file_without_sound_is_named(base, tmp_path):
    soundfile.write(tmp_path / "loud.wav", crackle(1), RATE)
    soundfile.write(tmp_path / "muted.wav", np.zeros(RATE), RATE)
    with pytest.raises(ValueError, match="muted.wav: nothing sounds there.*leave it out") as caught:
        from_files(load_model(base), "crackle", [tmp_path / "loud.wav", tmp_path / "muted.wav"], tmp_path / "taught")
    assert "start and stop" not in str(caught.value)


def test_a_memory_is_of_what_sounds(base):
    """ESC's clips are filled up with zeros: what the stage never asks about tells nothing of a class."""
    model = load_model(base)
    clip = np.concatenate([np.zeros(4 * RATE, np.float32), tone(440, 0.5), np.zeros(4 * RATE, np.float32)])
    views = list(_some_views(clip, 20, np.random.default_rng(0), model.front_end))
    assert len(views) == 20 and min(view.max() for view in views) > log_mel(np.zeros(RATE, np.float32)).max() + 1


def test_a_model_that_cannot_take_its_place_leaves_the_one_before(taught, tmp_path, monkeypatch):
    """As on Windows, where a folder cannot be renamed while anything in it is open."""
    taught.save()
    before = sorted(path.name for path in taught.folder.rglob("*"))
    real = teach.put

    def put(source, target):
        if source.name.endswith(".part"):
            raise PermissionError(13, "in use", str(source))
        real(source, target)

    monkeypatch.setattr(teach, "put", put)
    with pytest.raises(PermissionError):
        taught.save()
    assert sorted(path.name for path in taught.folder.rglob("*")) == before


@pytest.mark.parametrize("make", [lambda path: path.write_text("mine"),
                                  lambda path: (path.mkdir(), (path / "song.wav").write_text("mine"))])
def test_a_place_that_is_no_model_is_refused_and_stays(base, tmp_path, make):
    make(tmp_path / "songs")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="songs is no model, and would be replaced by one: choose"):
        Pupil(load_model(base), tmp_path / "songs")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    (tmp_path / "empty").mkdir()
    assert Pupil(load_model(base), tmp_path / "empty").add("crackle", crackle(1)) == 1


def test_a_second_class_by_the_same_command_leaves_the_first(base, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("instrument.model.card.DEFAULT", base)
    soundfile.write(tmp_path / "crackle.wav", crackle(1), RATE)
    command = ["--from", str(tmp_path / "crackle.wav"), "--out", str(tmp_path / "mine")]
    for name in ("crackle", "rustle"):
        with pytest.raises(SystemExit, match="0"):
            main(["teach", name, *command])
    assert load_model(tmp_path / "mine").classes == ["hum", "whistle", "crackle", "rustle"]
    with pytest.raises(SystemExit, match="2"):
        main(["teach", "snap", *command, "--model", str(base)])
    assert "which would be lost" in capsys.readouterr().err
    assert load_model(tmp_path / "mine").classes == ["hum", "whistle", "crackle", "rustle"]


def test_a_fresh_model_is_saved_elsewhere(base, tmp_path):
    assert own_folder(load_model(base), tmp_path).parent == tmp_path


def test_the_name_of_a_taught_model_does_not_grow_with_each_exchange(base, tmp_path):
    place = tmp_path / "urban-2026-11-29"
    for _ in range(40):
        place = own_folder(load_model(base), beside=place)
    assert place.parent == tmp_path and place.name.startswith(f"urban-2026-11-29+{base.name}-")
    other = load_model(shutil.copytree(base, tmp_path / "elsewhere" / base.name))
    other.weights_hash = "0" * 12
    assert own_folder(other, beside=place) != place == own_folder(load_model(base), beside=place)


@pytest.mark.parametrize("name, legal", [("Clock Tick!", "clock_tick"), ("rain", "rain"), ("  Café 2 ", "cafe_2"), ("Tür", "tur"),
                                         ("犬 1", "u72ac_1")])
def test_names_are_made_fit_for_osc(name, legal):
    assert legal_name(name) == legal


@pytest.mark.parametrize("name", ["aux", "CON", "Com1"])
def test_what_no_file_of_windows_can_be_called_no_class_is(name):
    with pytest.raises(ValueError, match=f"such as {name.lower()}_in"):
        legal_name(name)


@pytest.mark.parametrize("name", ["", None, "!!", "x" * 41])
def test_what_cannot_be_a_name_is_refused(name):
    with pytest.raises(ValueError, match="no class name"):
        legal_name(name)


def test_own_classes_are_not_taught_again(taught):
    with pytest.raises(ValueError, match="hum is a class of the model itself"):
        taught.add("hum", tone(150))


def room(seconds, level=10 ** (-70 / 20), rate=RATE):
    """Noise of so many dBFS as a quiet room has."""
    return np.random.default_rng(5).normal(0, level, int(seconds * rate)).astype(np.float32)


def test_a_class_of_ones_own_is_the_model_s_however_it_is_written(taught, monkeypatch):
    monkeypatch.setitem(taught.model.card, "classes", ["Clap", "dog bark"])
    for name in ("clap", "Clap", "dog_bark"):
        with pytest.raises(ValueError, match="class of the model itself"):
            taught.check(name)
    assert taught.check("Rain drop") == "rain_drop"


def test_after_a_restart_of_listen_the_class_taught_last_is_taught_on(lesson):
    """One that has just begun would make another class of it."""
    teaching, *_ = lesson
    classes = {"class.a": 1.0, "frame": 3}
    teaching.follow(classes)
    teaching.carry_out("teach.start", "clap")
    teaching.carry_out("teach.stop")
    for features in ({}, classes):
        teaching.follow(features)
    for command in ("teach.start", "teach.stop", "teach.start", "teach.stop", "teach.new", "teach.start"):
        teaching.carry_out(command)
    assert teaching._remote[2:] == [("teach.start", "clap"), ("teach.stop", None), ("teach.start", None), ("teach.stop", None),
                                    ("teach.new", None), ("teach.start", None)]


def test_an_example_that_could_not_be_begun_is_not_ended_by_the_next_press(lesson):
    teaching, *_ = lesson
    teaching.follow({"teach.note": "", "class.a": 1.0, "frame": 3})
    teaching.carry_out("teach.start", "siren")
    teaching.follow({"teach.note": REFUSED + "siren is a class of the model itself", "class.a": 1.0, "frame": 4})
    teaching.carry_out("teach.start", "rain")
    teaching.carry_out("teach.start")
    assert [name for name, _ in teaching._remote] == ["teach.start", "teach.start", "teach.stop"]


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.zeros(0, np.float32), tone(300, 0.02),
                                     np.full(RATE, 0.01, np.float32), room(1)])
@pytest.mark.parametrize("rate", [RATE, 48000])
def test_silence_is_no_example(taught, samples, rate):
    """What the gate keeps from the ear, a microphone's offset and the noise of a room, cannot be taught either."""
    with pytest.raises(ValueError, match="nothing was heard"):
        taught.add("silence", samples, rate)
    assert "silence" not in taught.heard()[1]


def test_what_sounds_is_what_the_gate_lets_through(taught):
    with pytest.raises(ValueError, match=r"louder than hear.gate \(-60 dBFS\)"):
        taught.add("rustle", 0.003 * crackle(1))
    assert taught.add("rustle", 0.003 * crackle(1), gate=-80.0) == 1
    with pytest.raises(ValueError, match=r"louder than hear.gate \(-10 dBFS\)"):
        taught.add("rustle", crackle(1), gate=-10.0)


@pytest.mark.parametrize("rate", [RATE, 48000])
@pytest.mark.parametrize("offset", [0.0, 0.05])
def test_an_example_is_cut_to_where_it_sounds(rate, offset):
    quiet = np.zeros(rate, np.float32)
    example = np.concatenate([quiet, tone(500, 0.33, rate=rate), 2 * quiet]) + np.float32(offset)
    assert sounding(example, rate).sum() == pytest.approx(0.33 * rate, abs=0.021 * rate)
    alone, *around = views(example, rate, FrontEnd())
    assert (alone.max(0) > alone.max() - 5).all() and 1 < len(around) < 10  # of ten windows few hold some of it


@pytest.mark.parametrize("seconds, rate", [(0.1, 8000), (1.0, 44100), (6.0, RATE), (40.0, RATE)])
def test_views_are_few_and_whole(seconds, rate):
    found = views(tone(300, seconds, rate=rate), rate, FrontEnd())
    assert {view.shape for view in found} == {(128, 83)} and len(found) <= 2 * teach.MOST


def test_a_short_sound_is_seen_alone_and_with_the_silence_round_it():
    quiet = np.zeros(2 * RATE, np.float32)
    found = views(np.concatenate([quiet, tone(500, 0.3), quiet]), RATE, FrontEnd())
    silent = [float((view.max(0) < view.max() - 10).mean()) for view in found]  # share of frames
    assert min(silent) < 0.1 and max(silent) > 0.5
    assert all(share < 1 for share in silent)  # no view without any of the sound


def test_pauses_are_no_part_of_a_class():
    """Of one take with three sounds in it, and a room of 20 dB less round them, only windows with such a sound are taught."""
    chance = np.random.default_rng(0)
    take = 0.003 * chance.standard_normal(RATE * 13).astype(np.float32)
    for second in (1, 5, 9):
        take[second * RATE:second * RATE + RATE // 4] += tone(500, 0.25)
    take[9 * RATE + RATE // 4:] *= 2  # and somebody stirs
    found = np.stack(views(take, RATE, FrontEnd()))
    loudest = found.max((1, 2))
    assert len(found) > 12 and np.ptp(loudest) < 0.2 * np.ptp(found)


def test_not_a_number_does_no_harm(taught):
    bad = crackle(8)
    bad[100:200] = np.nan
    taught.add("crackle", bad)
    assert answer(taught, crackle(9)) == "crackle"


def test_a_model_without_memory_says_how_to_get_one(tmp_path):
    save_model(tmp_path / "bare", HearSee(2), {"classes": ["a", "b"]})
    with pytest.raises(ValueError, match="--remember"):
        Pupil(load_model(tmp_path / "bare"), tmp_path / "out").add("c", tone(300))


def test_a_memory_of_other_weights_is_refused(base, tmp_path):
    save_model(tmp_path / "other", HearSee(2), {"classes": ["hum", "whistle"]})
    (tmp_path / "other" / teach.MEMORY).write_bytes((base / teach.MEMORY).read_bytes())
    with pytest.raises(ValueError, match="is of other weights"):
        Pupil(load_model(tmp_path / "other"), tmp_path / "out").add("c", tone(300))


def test_a_memory_of_other_features_is_refused(base, tmp_path):
    shutil.copytree(base, tmp_path / "old")
    save_file({"features": np.zeros((4, 384), np.float16), "labels": np.repeat([0, 1], 2)},
              str(tmp_path / "old" / teach.MEMORY), metadata={"weights": load_model(base).weights_hash})
    with pytest.raises(ValueError, match="is of an earlier version: make it anew"):
        Pupil(load_model(tmp_path / "old"), tmp_path / "out").add("c", tone(300))


def test_the_bench_teaches_draws_of_examples_and_judges_the_rest(base, tmp_path):
    sounds = {"own": {"hum": lambda take: tone(150, seed=take), "whistle": lambda take: tone(3000, seed=take)},
              "new": {"crackle": crackle, "beep": lambda take: tone(800, 0.3, take)}}
    for part, classes in sounds.items():
        for name, sound in classes.items():
            (tmp_path / part / name).mkdir(parents=True)
            for take in range(EXAMPLES + 2):
                soundfile.write(tmp_path / part / name / f"{take}.wav", sound(take), RATE)
    model, own, new = load_model(base), find_clips(tmp_path / "own"), find_clips(tmp_path / "new")
    rows = teach_rows(model, own, new, draws=2)
    assert [row["draw"] for row in rows] == [1, 2]
    for row in rows:
        assert row["new"] == pytest.approx((row["crackle"] + row["beep"]) / 2)  # as many of each are left
        assert row["points lost"] == pytest.approx(100 * (row["own before"] - row["own after"]))
        assert row["crackle"] == 1 and row["own before"] == 1
        assert 0 < row["s to learn"] <= row["s at most"]
    with pytest.raises(ValueError, match="beep has 5 recordings: 5 clips are taught"):
        teach_rows(model, own, [clip for clip in new if int(clip.path.stem) < EXAMPLES or clip.label == "crackle"])


@pytest.mark.parametrize("new, lost, slowest, word", [(0.9, 1.0, 0.8, "reached"), (0.7, 1.0, 0.8, "missed"),
                                                      (0.9, 4.0, 0.8, "missed"), (0.9, 1.0, 1.2, "missed")])
def test_the_verdict_of_the_bench(new, lost, slowest, word):
    said = verdict([{"new": new, "points lost": lost, "s to learn": 0.3, "s at most": slowest}])
    assert said.endswith(word) and f"0.30 s after its example (at most {slowest:.2f})" in said


def test_the_bench_says_what_it_needs():
    with pytest.raises(ValueError, match="--data DIR .* and --new DIR"):
        bench(parser().parse_args(["bench", "teach"]))


def test_the_command_teaches_and_forgets_files(base, tmp_path, capsys):
    files = []
    for seed in range(3):
        files.append(str(tmp_path / f"{seed}.wav"))
        soundfile.write(files[-1], crackle(seed), RATE)
    out = str(tmp_path / "own")
    assert said(["teach", "Crackle", "--model", str(base), "--from", *files, "--out", out, "--picture", "hum"]) == 0
    assert load_model(out).classes == ["hum", "whistle", "crackle"]
    assert "crackle: 3 examples" in capsys.readouterr().out
    assert said(["teach", "crackle", "--model", out, "--forget"]) == 0
    assert load_model(out).classes == ["hum", "whistle"]
    assert said(["teach", "crackle", "--model", out, "--from", str(tmp_path / "none.wav")]) == 2


def said(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def test_from_files_counts_examples(base, tmp_path):
    soundfile.write(tmp_path / "a.wav", crackle(0), RATE)
    assert from_files(load_model(base), "crackle", [tmp_path / "a.wav"] * 2, tmp_path / "own") == 2


def test_a_lesson_keeps_what_sounds_between_start_and_stop():
    lesson = Lesson()
    lesson.push(np.ones(5, np.float32), RATE)
    assert lesson.start("rain") == "rain"
    lesson.push(np.full(3, 2, np.float32), RATE)
    name, samples = lesson.stop()
    assert (name, samples.tolist()) == ("rain", [2, 2, 2]) and lesson.start() == "rain"
    with pytest.raises(ValueError, match="no example has begun"):
        Lesson().stop()


def test_a_lesson_knows_how_long_it_has_lasted():
    lesson, second = Lesson(), np.zeros(RATE, np.float32)
    lesson.push(second, RATE)
    assert lesson.seconds == 0
    lesson.start("rain")
    for _ in range(40):
        lesson.push(second, RATE)
    assert lesson.seconds == 30 and len(lesson.stop()[1]) == 30 * RATE
    assert lesson.seconds == 0


def test_another_class_is_begun_without_a_name():
    lesson = Lesson()
    assert lesson.anew(["hum"]) == lesson.anew(["hum"]) == lesson.start() == "new_class"
    with pytest.raises(ValueError, match="an example is going on: end it first"):
        lesson.anew(["hum"])
    lesson.stop()
    assert lesson.anew(["hum"]) == "new_class_2"  # also while the other is still being learnt
    assert lesson.anew(["new_class_2", "new_class_3"]) == lesson.start() == "new_class_4"


def test_what_is_too_long_for_an_example_is_said(taught, free_port):
    network = Network(*taught.heard(), taught)
    with Listener(ListenOptions(audio="demo", mute=True, port=free_port), lambda: network) as listener:
        listener._take(network)
        school = listener._school
        long = int(31 * listener.source.rate)
        for samples, cut in ((crackle(4), False), (np.resize(crackle(4), long), True)):
            assert ("only the first 30 s" in school.learn("crackle", samples)) == cut


def test_an_example_that_ends_before_any_sound_has_come_is_refused_and_the_next_one_learnt(taught):
    said = []
    school = School(RATE, lambda network: None, said.append, lambda: -60.0)
    school.network = Network(*taught.heard(), taught)
    school.command("teach.start", "rattle")
    school.command("teach.stop", None)
    school.command("teach.start", "rattle")
    school.hear(crackle(4))
    school.command("teach.stop", None)
    school.stop()
    school.work()
    assert said[0].startswith("listening: rattle") and said[-1] == "rattle: 1 example" and len(said) == 4, said


def test_a_lesson_that_cannot_be_kept_is_learnt_all_the_same_and_the_answer_says_both(taught, free_port, monkeypatch):
    network = Network(*taught.heard(), taught)
    with Listener(ListenOptions(audio="demo", mute=True, port=free_port), lambda: network) as listener:
        listener._take(network)
        school = listener._school
        told = school.learn("Crackle!", crackle(4), "nothing.png")
        assert told.startswith("crackle: 4 examples, with the picture of the class most like it: picture nothing.png: ")
        assert (taught.folder / "card.json").exists()

        def full(pictures):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(taught, "save", full)
        told = school.learn("crackle", crackle(5))
        assert told.startswith(f"crackle: 5 examples, for this show only: {taught.folder} cannot be written (No space left")
        assert "crackle" in school.network.classes and school.forget("crackle").startswith("crackle is forgotten, for this show")


def test_an_ear_alone_is_taught_by_taps_too(taught, free_port):
    network = Network(*taught.heard(), taught)
    with Listener(ListenOptions(audio="demo", mute=True, port=free_port), lambda: network) as listener:
        listener._take(network)
        for name, goes_on in (("teach.start", True), ("teach.release", True), ("teach.start", False), ("teach.release", False)):
            listener._school.command(name, None)
            assert listener._school.lesson.goes_on == goes_on
        for _ in range(2):  # with a name it is begun anew
            listener._school.command("teach.start", "crackle")
        assert listener._school.lesson.goes_on


def test_whoever_taps_one_pad_after_the_other_has_taught_both(taught, free_port, monkeypatch):
    network, told = Network(*taught.heard(), taught), queue.SimpleQueue()
    with Listener(ListenOptions(audio="demo", mute=True, port=free_port), lambda: network) as listener:
        listener._take(network)
        monkeypatch.setattr(listener._school, "_say", told.put)
        listener._school.command("teach.start", "Rustle!")
        listener._school.lesson.push(crackle(4), RATE)
        listener._school.command("teach.start", "hum")  # a class of the model itself: refused, and the other goes on
        listener._school.command("teach.start", "clink")
        said = [told.get(timeout=60) for _ in range(4)]
        assert said[0] == "listening: rustle" and said[1].startswith(REFUSED) and listener._school.lesson.goes_on
        assert sorted(said[2:]) == ["listening: clink", "rustle: 1 example"] and "rustle" in listener._school.network.classes


@pytest.mark.parametrize("level, gain, end", [(1.0, 0.0, "teach.stop"), (0.003, 48.0, "teach.release")])
def test_a_class_is_taught_by_osc_while_listening(base, tmp_path, free_port, level, gain, end):
    """Hold, sound, release: the class is published, decided for, saved; then forgotten. As loud as it is heard."""
    soundfile.write(tmp_path / "crackle.wav", level * crackle(3, 3.0), RATE)
    heard = queue.SimpleQueue()
    pupil = Pupil(load_model(base), tmp_path / "own")
    with Receiver(0, on_features=heard.put) as receiver:
        options = ListenOptions(audio=str(tmp_path / "crackle.wav"), loop=True, mute=True, port=free_port,
                                target=[("127.0.0.1", receiver.port)], values={**DEFAULTS, "hear.gain": gain})
        with Listener(options, lambda: Network(*pupil.heard(), pupil)):
            remote = Remote(("127.0.0.1", free_port))
            until(heard, lambda f: "class.hum" in f)
            remote.command("teach.start", "crackle")
            begun = until(heard, lambda f: f.get("teach.note") == "listening: crackle")["ms"]
            until(heard, lambda f: f["ms"] > begun + 1500)
            remote.command(end, "whistle")
            until(heard, lambda f: f.get("teach.note") == "crackle: 1 example")
            until(heard, lambda f: f.get("top.name") == "crackle" and f["class.crackle"] > 0.5)
            assert json.loads((tmp_path / "own" / "card.json").read_text())["taught"] == ["crackle"]
            remote.command("teach.forget", "crackle")
            until(heard, lambda f: "class.hum" in f and "class.crackle" not in f)
            remote.close()


class Told(list):
    """A remote that keeps what it is told."""

    def command(self, *what):
        self.append(what)


def test_the_show_hands_on_and_gives_the_dream_as_picture(tmp_path):
    (tmp_path / "pictures").mkdir()
    for name, colour in (("rain", "red"), ("clock", "blue")):
        Image.new("RGB", (4, 2), colour).save(tmp_path / "pictures" / f"{name}.jpg")
    told, learnt = Told(), {}
    frames = Latest(Frame(np.full((2, 4, 4), 255, np.uint8), 0.0, ""))
    teaching = Teaching(told, tmp_path, frames, learnt.__setitem__, ["hum"])
    teaching.follow({"class.hum": 0.0})
    teaching.carry_out("teach.start", "rain")
    teaching.carry_out("teach.start")  # the key once more
    assert told == [("teach.start", "rain"), ("teach.stop", None)]
    teaching.follow({"class.hum": 0.0, "class.rain": 1.0, "known": 1.0})
    assert teaching.classes == ["hum", "rain"] and learnt["rain"].shape == (3, 2, 4) and learnt["rain"].min() == 1
    teaching.close()
    assert [path.name for path in (tmp_path / "pictures").glob("rain.*")] == ["rain.png"]
    teaching.carry_out("teach.start", "clock")
    teaching.carry_out("teach.stop", "hum")  # a picture was chosen
    teaching.follow({"class.hum": 0.0, "class.rain": 1.0, "class.clock": 1.0})
    assert learnt["clock"][2].min() > 0.9 > learnt["clock"][0].max()
    teaching.follow({"class.hum": 0.0})
    assert teaching.classes == ["hum"]


@pytest.mark.parametrize("seconds, ends", ((0.6 * HELD, False), (1.2 * HELD, True)))
def test_what_is_held_ends_when_it_is_let_go_and_a_tap_goes_on(tmp_path, seconds, ends):
    now, told = [5.0], Told()
    teaching = Teaching(told, tmp_path, Latest(), lambda *what: None, ["hum"], clock=lambda: now[0])
    teaching.follow({"class.hum": 0.0})
    teaching.carry_out("teach.release")  # of what could not begin
    teaching.carry_out("teach.start")
    now[0] += seconds
    teaching.carry_out("teach.release")
    assert told == [("teach.start", None)] + [("teach.stop", None)] * ends
    teaching.carry_out("teach.start")  # ends what goes on
    now[0] += 2 * HELD
    teaching.carry_out("teach.release")
    assert told == [("teach.start", None), ("teach.stop", None)] + [("teach.start", None), ("teach.stop", None)] * ends


def test_an_example_goes_on_while_another_model_comes(tmp_path):
    now, told = [0.0], Told()
    before, after = (Teaching(told, tmp_path, Latest(), lambda *what: None, ["hum"], clock=lambda: now[0]) for _ in range(2))
    for teaching in (before, after):
        teaching.follow({"class.hum": 0.0})
    before.carry_out("teach.start")
    after.go_on(before)
    now[0] = 2 * HELD
    after.carry_out("teach.release")
    assert told == [("teach.start", None), ("teach.stop", None)]


def test_nobody_is_told_that_what_was_let_go_had_not_begun(tmp_path):
    Teaching(None, tmp_path, Latest(), None, []).carry_out("teach.release")


def test_a_first_tick_that_has_come_in_part_takes_no_picture_away(lesson, tmp_path):
    teaching, learnt, _ = lesson
    teaching.carry_out("teach.start", "rain")
    teaching.carry_out("teach.stop")
    teaching.follow({"frame": 1, "class.rain": 1.0})  # "hum" comes in the second packet
    assert not learnt and teaching.classes == ["hum"]
    teaching.follow({"frame": 2, "class.hum": 0.0, "class.rain": 1.0})
    assert list(learnt) == ["rain"] and teaching.classes == ["hum", "rain"]


def test_until_another_model_is_heard_with_the_classes_of_before_are_passed_over(tmp_path):
    """Else a class that both know would lose the picture that the player has given it."""
    learnt = {}
    teaching = Teaching(Told(), tmp_path, Latest(), learnt.__setitem__, ["hum", "cough"], awaits=["hum", "cough"])
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (4, 2)).save(tmp_path / "pictures" / "cough.jpg")
    for features in ({"class.hum": 0.0, "class.siren": 1.0}, {}, {"class.hum": 0.0, "class.cough": 1.0}):
        teaching.follow(features)
    assert not learnt and teaching.classes == ["hum", "cough"]
    teaching.follow({"class.hum": 0.0})  # from here on all counts
    assert teaching.classes == ["hum"]


def test_a_model_that_is_never_heard_with_is_not_waited_for_for_ever(tmp_path):
    now = [0.0]
    teaching = Teaching(Told(), tmp_path, Latest(), None, ["bell"], awaits=["bell"], clock=lambda: now[0])
    teaching.follow({"class.hum": 0.0})
    assert teaching.classes == ["bell"]
    now[0] = 60.0
    teaching.follow({"class.hum": 0.0})
    assert teaching.classes == ["hum"]


def test_the_dream_becomes_the_picture_of_the_class_that_was_taught_and_of_no_other(lesson, tmp_path):
    """Somebody teaches another class from files meanwhile, which shows with the next lesson."""
    teaching, learnt, _ = lesson
    Image.new("RGB", (4, 2), "blue").save(tmp_path / "pictures" / "beep.png")
    for name in ("zip", "rain"):
        Image.new("RGB", (4, 2), "blue").save(tmp_path / "pictures" / f"{name}.png")
    teaching.follow({"class.hum": 0.0, "teach.note": "listening: Rain (again)"})
    teaching.carry_out("teach.start")
    teaching.carry_out("teach.stop")
    teaching.follow({"class.hum": 0.0, "class.beep": 0.0, "class.rain": 1.0, "class.zip": 0.0})
    assert {name: float(picture.mean()) == 1 for name, picture in learnt.items()} == {"beep": False, "rain": True, "zip": False}
    assert Image.open(tmp_path / "pictures" / "beep.png").getpixel((0, 0)) == (0, 0, 255)


def test_the_class_of_the_pad_tapped_before_has_the_dream_of_that_moment(lesson):
    teaching, learnt, _ = lesson
    teaching.carry_out("teach.start", "rain")
    teaching.carry_out("teach.start", "zip")
    teaching.carry_out("teach.stop", "hum")  # sooner than the first is learnt; its own picture is chosen
    teaching.follow({"class.hum": 0.0, "class.rain": 1.0, "class.zip": 0.0})
    assert float(learnt["rain"].mean()) == 1 and "zip" not in learnt  # not the red file


def test_what_is_asked_in_between_does_not_end_an_example(tmp_path):
    remote = Told()
    teaching = Teaching(remote, tmp_path, Latest(), lambda *what: None, ["hum"])
    teaching.follow({"class.hum": 0.0})
    for name in ("teach.start", "teach.new", "teach.start"):
        teaching.carry_out(name)
    assert [name for name, _ in remote] == ["teach.start", "teach.new", "teach.stop"]


def test_what_was_forgotten_and_is_taught_anew_has_a_new_picture(tmp_path):
    (tmp_path / "pictures").mkdir()
    told, learnt, frames = Told(), [], Latest()
    teaching = Teaching(told, tmp_path, frames, lambda name, picture: learnt.append((name, round(float(picture.mean()), 1))), ["hum"])
    teaching.follow({"class.hum": 0.0})
    for level in (51, 204):
        Image.new("RGB", (4, 2)).save(tmp_path / "pictures" / "rain.jpg")
        frames.put(Frame(np.full((2, 4, 4), level, np.uint8), 0.0, ""))
        teaching.carry_out("teach.start", "rain")
        teaching.carry_out("teach.stop")
        teaching.follow({"class.hum": 0.0, "class.rain": 1.0})
        teaching.follow({"class.hum": 0.0})
    assert learnt == [("rain", 0.2), ("rain", 0.8)]


@pytest.fixture
def lesson(tmp_path):
    """A show's teaching of "rain", which has a picture in its folder; what it learnt, and what it said."""
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (4, 2), "red").save(tmp_path / "pictures" / "rain.jpg")
    learnt, said, frames = {}, [], Latest(Frame(np.full((2, 4, 4), 255, np.uint8), 0.0, ""))
    teaching = Teaching(Told(), tmp_path, frames, learnt.__setitem__, ["hum"], said.append)
    teaching.follow({"class.hum": 0.0})
    return teaching, learnt, said


def test_a_strange_class_name_touches_no_file(lesson, tmp_path):
    teaching, learnt, _ = lesson
    (tmp_path / "rain.png").write_bytes(b"outside")
    for name in ("*", "?ain", "[r]ain", "**x", "r*"):
        teaching.carry_out("teach.start", "x")
        teaching.carry_out("teach.stop")
        teaching.follow({"class.hum": 0.0, f"class.{name}": 1.0})
        assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["rain.jpg"]
    assert (tmp_path / "rain.png").read_bytes() == b"outside"


def test_a_damaged_picture_is_said_and_the_class_goes_on(lesson, tmp_path):
    teaching, learnt, said = lesson
    (tmp_path / "pictures" / "rain.jpg").write_bytes(b"no picture")
    teaching.follow({"class.hum": 0.0, "class.rain": 1.0})
    assert teaching.classes == ["hum", "rain"] and not learnt
    assert len(said) == 1 and str(tmp_path / "pictures" / "rain.jpg") in said[0] and "put another one there" in said[0]


def test_a_picture_has_its_name_only_once_it_is_whole(lesson, tmp_path, monkeypatch):
    teaching, _, said = lesson
    goes_on = threading.Event()
    monkeypatch.setattr("instrument.teaching.put", lambda *names: goes_on.wait(60) and put(*names))
    teaching.carry_out("teach.start", "rain")
    teaching.carry_out("teach.stop")
    teaching.follow({"class.hum": 0.0, "class.rain": 1.0})  # is back at once: the picture of a frame waits for nothing
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["rain.jpg"]
    goes_on.set()
    teaching.close()
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["rain.png"] and not said


def test_a_picture_that_cannot_be_saved_is_said_and_dreamed(lesson, tmp_path):
    teaching, learnt, said = lesson
    (tmp_path / "pictures" / "rain.png").mkdir()  # even root cannot write there
    teaching.carry_out("teach.start", "rain")
    teaching.carry_out("teach.stop")
    teaching.follow({"class.hum": 0.0, "class.rain": 1.0})
    teaching.close()
    assert learnt["rain"].min() == 1 and (tmp_path / "pictures" / "rain.jpg").exists()
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.*"))
    assert len(said) == 1 and "rain.png" in said[0] and "make the folder writable" in said[0] and "\n" not in said[0]


def test_nobody_teaches_an_ear_without_a_network(tmp_path):
    said = []
    teaching = Teaching(Told(), tmp_path, Latest(), None, ["hum"], said.append)
    for _ in range(2):
        with pytest.raises(ValueError, match="no network yet"):
            teaching.carry_out("teach.start", "rain")
        teaching.follow({"audio.level": 0.5})  # the levels come first
    assert teaching._remote == said == []
    teaching.follow({"class.hum": 0.5})
    teaching.carry_out("teach.start")
    assert teaching._remote == [("teach.start", None)]


@pytest.mark.parametrize("ended", [False, True])
def test_an_example_that_is_lost_with_its_listen_is_said(lesson, ended):
    teaching, _, said = lesson
    teaching.follow({"class.hum": 0.5, "teach.note": ""})
    teaching.carry_out("teach.start", "rain")
    teaching.follow({"class.hum": 0.5, "teach.note": "listening: rain"})
    if ended:  # the key came when nobody was there
        teaching.carry_out("teach.stop")
    teaching.follow({"class.hum": 0.5, "teach.note": "listening: rain"})
    for _ in range(3):
        teaching.follow({"audio.level": 0.5, "teach.note": ""})
    assert len(said) == 1 and "the example is lost" in said[0] and "anew" in said[0]
    teaching.follow({"class.hum": 0.5})
    teaching.carry_out("teach.start")
    assert teaching._remote[-1] == ("teach.start", "rain")  # the next one begins, of the same class


def test_an_example_that_was_answered_is_not_lost(lesson):
    teaching, _, said = lesson
    teaching.follow({"class.hum": 0.5, "teach.note": "listening: rain"})
    teaching.carry_out("teach.start", "rain")
    teaching.carry_out("teach.stop")
    teaching.follow({"class.hum": 0.5, "teach.note": "rain: 1 example"})
    teaching.follow({"teach.note": ""})
    assert said == []


def test_without_a_listen_of_its_own_the_show_says_where_to_send(tmp_path):
    with pytest.raises(ValueError, match="port 10002"):
        Teaching(None, tmp_path, Latest(), None, []).carry_out("teach.start", "rain")


def test_once_the_sound_has_ended_that_is_said_of_whoever_would_teach(tmp_path):
    teaching = Teaching(Told(), tmp_path, Latest(), None, ["hum"], over=lambda: True)
    teaching.follow({"class.hum": 0.5})
    with pytest.raises(ValueError, match="the sound has ended.*--loop"):
        teaching.carry_out("teach.start", "rain")



def until(heard, true):
    """The first features for which it is true; what comes before is thrown away."""
    while not true(features := heard.get(timeout=WAIT)):
        pass
    return features
