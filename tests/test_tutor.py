"""The sound teacher's lessons, with random weights in its layout: what it says, where it hears it, and a run with it."""

import json

import numpy as np
import pytest
import soundfile
import torch

from instrument.audio.frontend import FrontEnd, log_mel
from instrument.learn.augment import Sounds, TorchMel
from instrument.learn.course import Hearing, _map_error
from instrument.learn.sound_teacher import (
    BLOCKS,
    EMBEDDING,
    MIDDLE,
    MIDDLE_CHANNELS,
    TAG_OF,
    TAGS,
    band_centres,
    load_sound_teacher,
)
from instrument.learn.train import Settings, train
from instrument.learn.tutor import Elder, Tutor, _word, as_student, to_teacher_rate
from instrument.model.card import load_model, save_model
from instrument.model.net import HearSee

RATE = FrontEnd().rate
FIRST, NARROW = 8, 16


def teacher_state():
    """Random weights as in EfficientAT's file, most of its channels few."""
    chance, state = torch.Generator().manual_seed(0), {}

    def layer(name, out, inside, kernel, groups=1):
        state[f"{name}.0.weight"] = torch.randn(out, inside // groups, kernel, kernel, generator=chance) * 0.3
        state.update({f"{name}.1.{key}": torch.full((out,), value) for key, value in
                      (("weight", 1.0), ("bias", 0.1), ("running_mean", 0.0), ("running_var", 1.0))})

    def linear(name, out, inside):
        state[name + ".weight"], state[name + ".bias"] = torch.randn(out, inside, generator=chance) * 0.1, torch.zeros(out)

    layer("features.0", FIRST, 1, 3)
    inside = FIRST
    for number, (kernel, _, squeeze, _) in enumerate(BLOCKS):
        block, place = f"features.{number + 1}.block", 0
        out = MIDDLE_CHANNELS if number + 1 == MIDDLE - 1 else NARROW
        if number:
            layer(f"{block}.0", 2 * NARROW, inside, 1)
            place, inside = 1, 2 * NARROW
        layer(f"{block}.{place}", inside, inside, kernel, groups=inside)
        if squeeze:
            linear(f"{block}.{place + 1}.conc_se_layers.0.fc1", 8, inside)
            linear(f"{block}.{place + 1}.conc_se_layers.0.fc2", inside, 8)
        layer(f"{block}.{place + 1 + squeeze}", out, inside, 1)
        inside = out
    layer("features.16", EMBEDDING, inside, 1)
    linear("classifier.2", NARROW, EMBEDDING)
    linear("classifier.5", TAGS, NARROW)
    return state


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "teacher.pt"
    torch.save(teacher_state(), path)
    return path


def tone(hz, seconds=1.3):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


NAMES = ("siren", "squeak")  # AudioSet has a word for one of them


def sounds():
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    return Sounds([*(tone(hz) for hz in (200, 300, 2000, 3000)), noise], [0, 0, 1, 1, 2], 2)


def test_the_teacher_hears_where_things_are_and_its_embedding_is_their_mean(teacher):
    known, samples = load_sound_teacher(teacher), torch.randn(2, 32_000)
    middle, end = known.maps(samples)
    assert middle.shape == (2, MIDDLE_CHANNELS, 8, 7) and end.shape == (2, EMBEDDING, 4, 4)
    assert torch.allclose(known.embed(samples), end.mean((2, 3))) and known(samples).shape == (2, TAGS)


def test_a_lesson_is_of_the_samples_it_is_asked_for(teacher, tmp_path):
    tutor = Tutor(teacher, sounds(), NAMES, tmp_path)
    asked = torch.from_numpy(np.stack([tone(200, 1.0), tone(3000, 1.0)]))
    lesson = tutor(asked)
    assert lesson.answers.shape == (2, 3) and torch.allclose(lesson.answers.sum(1), torch.ones(2))
    assert lesson.answers[0, 0] > lesson.answers[0, 1] and lesson.answers[1, 1] > lesson.answers[1, 0]
    for maps in lesson.maps:
        assert torch.allclose(maps.mean((0, 2, 3)), torch.zeros(maps.shape[1]), atol=1e-4)
        assert (maps.square().mean((0, 2, 3)) < 1.01).all()
    again = tutor(asked)
    assert torch.equal(again.features, lesson.features)


def features(tutor):
    return tutor(torch.from_numpy(tone(200, 1.0))[None]).features


def test_lessons_are_kept_of_the_very_clips_and_the_very_teacher(teacher, tmp_path, monkeypatch):
    state = teacher_state()
    torch.save({**state, "classifier.5.bias": state["classifier.5.bias"] + 1}, tmp_path / "other.pt")
    others = Sounds([tone(hz) for hz in (250, 2500, 6000)], [0, 1, 2], 2)
    for path, heard in ((teacher, sounds()), (teacher, others), (tmp_path / "other.pt", others)):
        fresh = Tutor(path, heard, NAMES, make(tmp_path / f"{path.name} {len(heard.samples)}"))
        assert torch.equal(features(Tutor(path, heard, NAMES, make(tmp_path / "kept"))), features(fresh))
    monkeypatch.setattr(Tutor, "_ask", lambda *_: pytest.fail("asked again"))
    Tutor(teacher, sounds(), NAMES, tmp_path / "kept")


def make(folder):
    folder.mkdir(exist_ok=True)
    return folder


def test_the_teacher_is_asked_about_few_windows_at_a_time(teacher, tmp_path, monkeypatch):
    asked, ask = [], Tutor._ask
    monkeypatch.setattr(Tutor, "_ask", lambda self, windows: asked.append(len(windows)) or ask(self, windows))
    Tutor(teacher, Sounds([tone(200, 50.0), tone(2000), tone(6000)], [0, 1, 2], 2), NAMES, tmp_path)
    assert max(asked) <= 64 and sum(asked) == 99 + 24 + 2 * (2 + 1)


def test_the_teachers_word_for_a_window_is_what_it_says_by_the_name_of_the_class(teacher, tmp_path):
    heard = sounds()
    said = Tutor(teacher, heard, NAMES, tmp_path).say(2, [0])
    known = load_sound_teacher(teacher)
    asked = to_teacher_rate(heard.windows(2, 1.0)[:1] * 0.1)
    assert said.shape == (1, 3) and np.isnan(said[0, 1:]).all()
    assert said[0, 0] == pytest.approx(float(known(asked)[0, TAG_OF["siren"]]), abs=0.01)


def test_the_teacher_has_a_word_for_a_class_however_it_is_spelled():
    names = ("dog", "crying_baby", "crackling_fire", "sneezing", "Engine", "Clock tick", "my_machine")
    ours = ("dog_bark", "baby_cry", "fire_crackling", "person_sneeze", "engine_idling", "clock_tick")
    said = _word(np.arange(EMBEDDING + TAGS)[None], names)[0] - EMBEDDING
    assert said[:6].tolist() == [TAG_OF[name] for name in ours] and np.isnan(said[6:]).all()


def test_many_clips_of_one_recording_teach_the_teacher_no_more_than_one(teacher, tmp_path):
    tones, labels = [tone(hz) for hz in (200, 1500, 2000, 3000)], [0, 0, 1, 1]
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    asked = torch.from_numpy(tone(1700, 1.0)[None])

    def high(copies, recordings=None):
        """How sure the teacher is of a tone between the classes' once one clip of "high" is there `copies` times."""
        known = Sounds([*tones, *[tones[2]] * copies, noise], [*labels, *[1] * copies, 2], 2, recordings=recordings)
        return Tutor(teacher, known, NAMES, tmp_path)(asked).answers[0, 1]

    one, cut = high(0), high(8, ["a", "b", "c", "d", *"c" * 8, "e"])
    assert abs(cut - one) < 0.2 * abs(high(8) - one)


def elder(folder, classes=("low", "high")):
    """An older model of ours that knows next to nothing, as an Elder."""
    torch.manual_seed(1)
    save_model(folder, HearSee(2), {"classes": list(classes), "scenes": 1000})
    return Elder(folder, ["low", "high"])


def test_an_elder_has_an_equal_say_in_the_answers_and_none_in_the_rest(teacher, tmp_path):
    older = elder(tmp_path / "older")
    alone, both = (Tutor(teacher, sounds(), NAMES, tmp_path, elder=each) for each in (None, older))
    asked = torch.from_numpy(np.stack([tone(200, 1.0), tone(3000, 1.0)]))
    assert torch.allclose(both(asked).answers, (alone(asked).answers + older(asked)) / 2)
    assert torch.equal(both(asked).features, alone(asked).features)


def test_an_elder_answers_as_the_model_does_softer(tmp_path):
    older, asked = elder(tmp_path / "older"), tone(440, 1.0)
    heard = load_model(tmp_path / "older").hear(log_mel(asked))
    assert np.allclose(older(torch.from_numpy(asked)[None])[0], np.exp(heard / 2) / np.exp(heard / 2).sum(), atol=0.02)


def test_an_elder_of_other_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="knows rain, wind: give a model of low, high"):
        elder(tmp_path / "older", ("rain", "wind"))


def test_the_student_answers_on_the_same_map_as_the_teacher():
    hearing = Hearing(HearSee(2)).eval()
    logits, features, (middle, end) = hearing(TorchMel()(torch.randn(2, RATE)))
    assert logits.shape == (2, 3) and features.shape == (2, EMBEDDING + TAGS)
    assert middle.shape == (2, MIDDLE_CHANNELS, 8, 6) and end.shape == (2, EMBEDDING, 4, 3)


def test_a_tone_is_on_the_same_row_of_both_maps():
    for hz in (300, 700, 1500, 3500, 8500):
        ours = TorchMel()(torch.from_numpy(tone(hz, 1.0))[None]).exp().mean(2)[0].unflatten(0, (8, 16)).sum(1)
        bands = np.abs(band_centres().numpy() - hz).argmin() // 16
        theirs = as_student(torch.eye(8)[bands].view(1, 1, 8, 1))[0, 0, :, 0]
        assert abs(int(ours.argmax()) - int(theirs.argmax())) <= 1 and theirs[ours.argmax()] > 0
    assert torch.allclose(as_student(torch.ones(2, 3, 4, 5)), torch.ones(2, 3, 4, 5))  # what is the same everywhere stays so


def test_only_who_hears_everything_is_asked_where():
    maps, wanted = torch.zeros(3, 4, 8, 3), torch.zeros(3, 4, 8, 6)
    wanted[1] = 5.0
    assert _map_error(maps, wanted, torch.tensor([True, True, True])) > 0
    assert _map_error(maps, wanted, torch.tensor([True, False, True])) == 0
    assert _map_error(maps, wanted, torch.tensor([False, False, False])) == 0


def test_a_run_with_a_teacher_learns_what_it_says(teacher, tmp_path, brief_training):
    for label, hz in (("hum", 110), ("whistle", 2500)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for take in range(2):
            soundfile.write(tmp_path / "data" / label / f"{take}.wav", tone(hz * (1 + 0.05 * take)), RATE)
    settings = Settings(str(tmp_path / "data"), sound_teacher=str(teacher), steps=2, batch=4)
    train(settings, tmp_path / "model", tmp_path / "runs" / "run")
    told = json.loads((tmp_path / "runs" / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert all(np.isfinite(told[name]) and told[name] > 0 for name in ("sound", "answers", "features", "maps"))
    optimiser = torch.load(tmp_path / "runs" / "run" / "checkpoint.pt", weights_only=True)["course"]["optimiser"]
    fresh = optimiser["param_groups"][1]["params"]  # weights and biases of the answers and of three adaptors
    assert len(fresh) == 8 and all(optimiser["state"][each]["exp_avg"].abs().sum() > 0 for each in fresh)
    assert (tmp_path / "model" / "weights.safetensors").exists() and list((tmp_path / "runs").glob("said-*.npz"))
