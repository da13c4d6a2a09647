"""Judging a model: figures that can be counted by hand, the live path, disturbed clips, foreign sounds."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from instrument.audio.frontend import FrontEnd
from instrument.cli import main
from instrument.learn.dataset import find_clips, marks
from instrument.learn.disturb import Disturb, coloured
from instrument.learn.evaluate import (
    Exam,
    among_known,
    auroc,
    calibration_error,
    evaluate,
    foreign_clips,
    from_file,
    known_clips,
    scores,
    softmax,
    through_engine,
)
from instrument.model.card import save_model
from instrument.model.net import HearSee

RATE = 22050


class Ear:
    """A model in a few lines: how much of the loudness lies in the lower and in the upper bands."""

    classes, folder, weights_hash, front_end = ["low", "high"], SimpleNamespace(name="ear"), "0" * 12, FrontEnd()
    learnt = frozenset()

    def hear(self, log_mel):
        power = np.exp(log_mel)
        share = power[64:].sum() / power.sum()
        certain = 6 * abs(share - 0.5)
        return np.array([6 * (0.5 - share), 6 * (share - 0.5), 3 - 2 * certain])


def tone(hz, seconds, rate=RATE, level=0.3):
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    lengths = (0.01, 0.4, 1.3, 2.6)
    for label, hz, rates in (("low", 200, (RATE, 44100)), ("high", 6000, (RATE, 48000))):
        (folder / label).mkdir()
        for take, seconds in enumerate(lengths):
            rate = rates[take % 2]
            soundfile.write(folder / label / f"{take}.wav", tone(hz, seconds, rate), rate)
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    for label, hz in (("between", (200, 6000)), ("low", (200,))):
        (folder / label).mkdir()
        soundfile.write(folder / label / "1.wav", sum(tone(one, 1.0) for one in hz), RATE)
    return folder


def test_an_ear_that_is_always_right_scores_one(data):
    found = evaluate(Ear(), data)
    assert found["n"] == 8 and found["unit"] == "clips" and found["confusion"] == [[4, 0], [0, 4]]
    assert found["accuracy"] == found["macro_f1"] == found["macro_recall"] == found["macro_precision"] == 1
    assert found["per_class"]["low"]["n"] == 4


def test_windows_are_counted_at_half_hops(data):
    found = evaluate(Ear(), data, window=1.0)
    assert found["n"] == 2 * (1 + 1 + 1 + 4) and found["accuracy"] == 1  # each by the class of its clip


@pytest.mark.parametrize("window", [None, 0.5, 1.0])
def test_the_live_path_agrees_with_the_file_path(data, window):
    file, live = (evaluate(Ear(), data, window=window, live=live) for live in (False, True))
    assert live["confusion"] == file["confusion"] and live["live"] and live["n"] == file["n"]


@pytest.mark.parametrize("rate, seconds, length",
                         [(RATE, 1.0, 2.7), (44100, 1.0, 1.9), (48000, 4.0, 0.3), (8000, 2.0, 5)])
def test_each_live_window_is_answered_as_in_the_file(rate, seconds, length):
    low, high = tone(150, length, rate), tone(3500, length, rate)
    samples = low + high * np.linspace(0, 1, len(low), dtype=np.float32)
    ear = Ear()
    file, live = from_file(ear, samples, rate, seconds), through_engine(ear, samples, rate, seconds)
    assert file.shape == live.shape and np.abs(file - live).max() < 0.06


def test_where_no_window_sounds_that_is_one_line(data):
    with pytest.raises(ValueError, match="louder than hear.gate"):
        evaluate(Ear(), data, window=1, disturb=Disturb(level=-90.0))


@pytest.mark.parametrize("live", (False, True))
def test_windows_in_which_nothing_sounds_are_not_judged(tmp_path, live):
    for label, hz in (("low", 200), ("high", 6000)):
        (tmp_path / label).mkdir()
        soundfile.write(tmp_path / label / "1.wav", np.concatenate([tone(hz, 2.0), np.zeros(3 * RATE, np.float32)]), RATE)
    found = evaluate(Ear(), tmp_path, window=1, live=live)
    assert found["accuracy"] == 1.0 and found["n"] < 14


@pytest.mark.parametrize("path", [from_file, through_engine])
def test_silence_is_not_answered(path):
    half = np.concatenate([np.zeros(2 * RATE, np.float32), tone(6000, 2.0)])
    assert np.isnan(path(Ear(), half, RATE, 1.0)).any(1).tolist() == [True] * 3 + [False] * 4


@pytest.mark.parametrize("length", [0.12, 0.3, 0.5])
@pytest.mark.parametrize("path", [from_file, through_engine])
def test_a_short_sound_before_silence_is_answered(path, length):
    shot = np.concatenate([tone(6000, length), np.zeros(2 * RATE, np.float32)])
    answered = ~np.isnan(path(Ear(), shot, RATE, 1.0)).any(1)
    assert answered.tolist() == [True] + [False] * (len(answered) - 1)
    assert path(Ear(), shot, RATE, 1.0)[0].argmax() == 1


BREAKS = {"a new sound in its last moments": [(0.6, 0.44), (0.84, 0.0), (0.56, 0.2)],
          "a blip at its end": [(0.94, 0.0), (0.06, 0.2), (1, 0.0)],
          "one blip": [(1.48, 0.0), (0.012, 0.3), (1.6, 0.0)],
          "a blip at the very end": [(1.97, 0.0), (0.03, 0.3)],
          "long silences": [(0.3, 0.2), (1.3, 0.0), (0.9, 0.3), (2.2, 0.0), (0.05, 0.3)]}


@pytest.mark.parametrize("rate", [RATE, 48000])
@pytest.mark.parametrize("seconds", [0.5, 1.0])
@pytest.mark.parametrize("parts", BREAKS.values(), ids=BREAKS)
def test_both_paths_answer_the_same_windows(parts, seconds, rate):
    clip = np.concatenate([tone(6000, length, rate, level) for length, level in parts])
    file, live = (~np.isnan(path(Ear(), clip, rate, seconds)).any(1) for path in (from_file, through_engine))
    assert file.tolist() == live.tolist() and file.any()


def test_a_new_sound_is_not_answered_as_the_one_before():
    late = np.concatenate([tone(200, 1.0), np.zeros(round(3.44 * RATE), np.float32), tone(6000, 0.06)])
    *_, last = through_engine(Ear(), late, RATE, 1.0)
    assert np.isnan(last).all() or last.argmax() == 1


@pytest.mark.parametrize("live", [False, True])
def test_a_clip_in_which_nothing_sounds_is_left_out_and_counted(data, foreign, tmp_path, live):
    silent = shutil.copytree(data, tmp_path / "with")
    strange = shutil.copytree(foreign, tmp_path / "strange")
    for folder in (silent / "low", next(path for path in strange.iterdir() if path.name not in ("low", "high"))):
        soundfile.write(folder / "silent.wav", np.zeros(2 * RATE), RATE)
    before, after = (evaluate(Ear(), one, live=live, foreign=str(other)) for one, other in ((data, foreign), (silent, strange)))
    assert (before.pop("silent_n"), after.pop("silent_n")) == (0, 1)
    assert before["answered"] == after["answered"] == 8 == after["clips_n"] - 1
    assert all(after[name] == before[name] for name in ("n", "confusion", "foreign_n", "unknown_auroc"))


@pytest.mark.parametrize("live", [False, True])
def test_the_silence_of_a_clip_does_not_count(tmp_path, live):
    for label, part in (("low", tone(200, 1.5)), ("high", tone(6000, 1.5))):
        (tmp_path / label).mkdir()
        soundfile.write(tmp_path / label / "1.wav", np.concatenate([np.zeros(6 * RATE), part]), RATE)
    found = evaluate(Ear(), tmp_path, live=live)
    assert found["accuracy"] == 1 and found["ece"] < 0.1


@pytest.mark.parametrize("rate", [RATE, 44100, 48000, 11025])
@pytest.mark.parametrize("path", [from_file, through_engine])
def test_a_sound_at_the_very_end_is_heard_where_nothing_else_is(path, rate):
    late = np.concatenate([np.zeros(rate, np.float32), tone(3500, 0.4, rate)])
    heard, = path(Ear(), late, rate, 1.0)
    assert heard.argmax() == 1
    assert len(path(Ear(), tone(3500, 1.4, rate), rate, 1.0)) == 1
    silent, = path(Ear(), np.zeros(round(1.4 * rate), np.float32), rate, 1.0)
    assert np.isnan(silent).all()


def test_a_window_the_stage_does_not_have_is_refused(data):
    with pytest.raises(ValueError, match="0.5, 1, 2, 4"):
        evaluate(Ear(), data, window=3.0, live=True)


def test_foreign_sounds_are_less_sure(data, foreign):
    found = evaluate(Ear(), data, foreign=str(foreign))
    assert found["foreign_n"] == 1  # the model has a class for the other
    assert found["foreign_from"] == f"--foreign {foreign.name}"
    assert found["unknown_auroc"] == 1.0


def test_a_foreign_sound_is_told_by_being_none_of_the_classes_and_not_by_which_it_may_be(data, foreign):
    ear = Ear()

    def hear(log_mel):
        """Of what it knows it cannot say which it is; what it does not know is rather like the first."""
        share = np.exp(log_mel)[64:].sum() / np.exp(log_mel).sum()
        return np.log([0.6, 0.001, 0.399] if 0.1 < share < 0.9 else [0.45, 0.45, 0.1])

    ear.hear = hear
    assert evaluate(ear, data, foreign=str(foreign))["unknown_auroc"] == 1


def test_without_a_folder_of_foreign_sounds_noises_of_ours_are_foreign(data):
    first, again = (evaluate(Ear(), data, window=1.0) for _ in range(2))
    assert first["foreign_from"] == "noises and rooms of ours" and first["foreign_n"] > 20
    assert 0 <= first["unknown_auroc"] <= 1 and first == again  # the same noises each time


def test_clips_that_the_model_has_no_class_for_are_foreign_without_a_folder(data, foreign, tmp_path):
    both = shutil.copytree(data, tmp_path / "both")
    shutil.copytree(foreign / "between", both / "between")
    found = evaluate(Ear(), both)
    assert (found["foreign_from"], found["foreign_n"], found["left_out"]) == ("left out", 1, {"between": 1})
    assert found["unknown_auroc"] == evaluate(Ear(), data, foreign=str(foreign))["unknown_auroc"]


def test_clips_that_the_model_has_learnt_are_counted_whatever_they_are_called_now(data, foreign, tmp_path):
    assert evaluate(Ear(), data)["learnt_n"] is None  # a model from before says nothing
    ear = Ear()
    ear.learnt = frozenset().union(*(marks(clip) for clip in find_clips(data) if clip.path.stem == "2"))
    moved = shutil.copytree(data, tmp_path / "moved")
    (moved / "low" / "2.wav").rename(moved / "low" / "other.wav")
    found = evaluate(ear, moved, foreign=str(foreign))
    assert (found["learnt_n"], found["clips_n"], found["foreign_learnt_n"]) == (2, 8, 0)


def test_a_published_clip_that_was_learnt_is_known_in_another_encoding(data, tmp_path):
    """Others have them as the WAV files that were published."""
    ear = Ear()
    for name, ending in (("flac", ".flac"), ("wav", ".wav")):
        (tmp_path / name / "low").mkdir(parents=True)
        soundfile.write(tmp_path / name / "low" / f"100032-3-0-0{ending}", tone(200, 1.0), RATE)
    ear.learnt = frozenset().union(*map(marks, find_clips(tmp_path / "flac")))
    assert evaluate(ear, tmp_path / "wav")["learnt_n"] == 0  # a name without its fold says too little
    for name in ("flac", "wav"):
        next((tmp_path / name / "low").iterdir()).rename(tmp_path / name / "low" / f"fold2-100032--100032-3-0-0.{name}")
    ear.learnt = frozenset().union(*map(marks, find_clips(tmp_path / "flac")))
    assert evaluate(ear, tmp_path / "wav")["learnt_n"] == 1


def test_a_file_of_another_class_that_cannot_be_read_costs_no_figures(data, tmp_path):
    sounds = shutil.copytree(data, tmp_path / "sounds")
    (sounds / "notes").mkdir()
    (sounds / "notes" / "memo.wav").write_text("buy milk")
    found = evaluate(Ear(), sounds)
    assert found["left_out"] == {"notes": 1} and found["foreign_from"] == "noises and rooms of ours"


def test_a_class_whose_name_has_a_space_is_judged(data, foreign, tmp_path):
    ear = Ear()
    ear.classes = ["low hum", "high"]
    spaced = shutil.copytree(data, tmp_path / "spaced")
    strange = shutil.copytree(foreign, tmp_path / "strange")
    for folder in (spaced, strange):
        (folder / "low").rename(folder / "low hum")
    found = evaluate(ear, spaced, foreign=str(strange))
    assert found["per_class"]["low hum"]["recall"] == 1 and found["n"] == 8 and not found["left_out"] and found["foreign_n"] == 1


def test_a_class_is_judged_however_its_folder_is_spelled(data, foreign, tmp_path, capsys):
    """A taught class has small letters and no spaces."""
    ear = Ear()
    ear.classes = ["low_hum", "dog_bark"]
    for name, folder in (("data", data), ("strange", foreign)):
        shutil.copytree(folder, tmp_path / name)
        (tmp_path / name / "low").rename(tmp_path / name / "Low Hum")
    (tmp_path / "data" / "high").rename(tmp_path / "data" / "dog")
    found = evaluate(ear, tmp_path / "data", foreign=str(tmp_path / "strange"))
    assert found["n"] == 8 and found["accuracy"] == 1 and not found["left_out"]
    assert found["foreign_labels"] == {"between": 1}


def test_clips_that_are_left_out_are_told(tmp_path, capsys):
    save_model(tmp_path / "model", HearSee(2), {"classes": ["low", "high"]})
    for label in ("low", "high"):
        (tmp_path / "data" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "data" / label / "1.wav", tone(200, 1.0, level=0.3 * (label == "low")), RATE)
    with pytest.raises(SystemExit):
        main(["evaluate", "--data", str(tmp_path / "data"), "--model", str(tmp_path / "model")])
    assert "\n  1 of 2 clips left out: nothing sounds in them (hear.gate, -60 dBFS)\n" in capsys.readouterr().out


def test_the_figures_are_those_counted_by_hand():
    """Three dogs, of which one is called a siren, and one siren; no drill, but one siren is called so."""
    truth, said = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2])
    found = scores(truth, 0.8 * np.eye(3)[said] + 0.2 / 3, ("dog", "siren", "drill"))
    assert found["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]  # rows: what it is
    assert found["accuracy"] == pytest.approx(3 / 5) and found["n"] == 5
    dog, siren = found["per_class"]["dog"], found["per_class"]["siren"]
    assert dog == {"precision": 1.0, "recall": pytest.approx(2 / 3), "f1": pytest.approx(0.8), "n": 3}
    assert siren == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "n": 2} and set(found["per_class"]) == {"dog", "siren"}
    assert found["macro_recall"] == pytest.approx((2 / 3 + 1 / 2) / 2)  # of those that occur
    assert found["macro_precision"] == pytest.approx(0.75) and found["macro_f1"] == pytest.approx(0.65)


def test_the_calibration_error_is_how_far_certainty_is_from_being_right():
    sure, half = [1.0, 0.0], [0.55, 0.45]
    truth = np.array([0, 0, 0, 1, 1, 1])
    assert calibration_error(truth[:3], np.array([sure] * 3)) == 0 and calibration_error(truth[3:], np.array([sure] * 3)) == 1
    mixed = np.array([sure] * 2 + [half] + [sure] + [half] * 2)  # of the sure ones 2 of 3 are right, of the others 1 of 3
    assert calibration_error(truth, mixed) == pytest.approx(0.5 * (1 - 2 / 3) + 0.5 * (0.55 - 1 / 3))


def test_probabilities_of_any_logits_are_probabilities():
    assert softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3)]])) == pytest.approx(np.array([[0.5, 0.5], [0.25, 0.75]]))
    assert among_known(np.array([[0.3, 0.1, 0.6], [0.0, 0.0, 1.0]])) == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5]]))


@pytest.mark.parametrize("path", [from_file, through_engine])
def test_probabilities_are_those_that_the_stage_would_give(path):
    ear = Ear()
    ear.hear = lambda log_mel: np.log([0.2, 0.3, 0.5])
    assert path(ear, tone(200, 1.0), RATE, 1.0)[0] == pytest.approx([0.2, 0.3, 0.5])


def test_only_the_folds_asked_for_are_judged_and_of_foreign_sounds_too(tmp_path):
    for name in ("known/low/1-10-A", "known/low/2-20-A", "known/high/2-30-A", "known/high/bare",
                 "foreign/rain/1-40-A", "foreign/rain/2-50-A"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", tone(6000 if "high" in name else 200, 1.0), RATE)
    exam = Exam(str(tmp_path / "known"), (2,), foreign=str(tmp_path / "foreign"))
    assert [clip.path.stem for clip in known_clips(Ear(), exam)[0]] == ["2-30-A", "2-20-A"]
    assert [clip.path.stem for clip in foreign_clips(Ear(), exam)] == ["2-50-A"]
    with pytest.raises(ValueError, match=r"fold 9 is not here; there are \[1, 2\]"):
        known_clips(Ear(), replace(exam, folds=(9,)))


def test_auroc_is_a_chance():
    assert auroc([0.9, 0.8], [0.1, 0.2]) == 1 and auroc([0.5, 0.5], [0.5]) == 0.5 and auroc([0.1], [0.9]) == 0


@pytest.mark.parametrize("noise, fall", [("pink", 10.0), ("brown", 20.0)])
def test_coloured_noise_falls_as_its_name_says(noise, fall):
    spectrum = np.abs(np.fft.rfft(coloured(2**16, {"pink": 0.5, "brown": 1.0}[noise], np.random.default_rng(0), 22050))) ** 2
    decade = [10 * np.log10(spectrum[at:2 * at].mean()) for at in (200, 2000)]
    assert decade[0] - decade[1] == pytest.approx(fall, abs=0.7)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 300.0])
@pytest.mark.parametrize("fall", [0.0, 0.5, 1.0])
def test_all_of_a_coloured_noise_can_be_heard_however_long_it_is(fall, seconds):
    noise = coloured(round(seconds * 22050), fall, np.random.default_rng(0), 22050)
    power = np.abs(np.fft.rfft(noise)) ** 2
    audible = power[np.fft.rfftfreq(len(noise), 1 / 22050) > 15].sum() / power.sum()
    assert audible > 0.99 and noise.std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("snr", [0.0, 10.0, 20.0])
def test_noise_lies_as_far_below_as_asked(snr):
    clip = tone(440, 1.0)
    added = Disturb("pink", snr)(clip, RATE, seed=3) - clip
    assert 10 * np.log10(np.mean(clip**2) / np.mean(added**2)) == pytest.approx(snr, abs=0.1)
    assert np.array_equal(Disturb("pink", snr)(clip, RATE, 3), Disturb("pink", snr)(clip, RATE, 3))


def test_noise_from_a_folder_and_level_of_the_peak(foreign):
    clip = Disturb(str(foreign), 10.0, -20.0)(tone(440, 3.0, 44100), 44100)
    assert np.abs(clip).max() == pytest.approx(0.1, rel=1e-3) and len(clip) == 3 * 44100


def test_silence_stays_silence():
    assert not Disturb("brown", 10.0, 0.0)(np.zeros(100, np.float32), RATE).any()


def test_a_fold_that_is_not_there_is_named(data):
    with pytest.raises(ValueError, match="fold 9 is not here; leave out --folds"):
        evaluate(Ear(), data, (9,))



def test_a_folder_without_sounds_is_explained(data, tmp_path):
    with pytest.raises(ValueError, match="no sounds in .*pink or brown"):
        evaluate(Ear(), data, disturb=Disturb(str(tmp_path)))


@pytest.mark.parametrize("place, said", [("out.png", "give one that ends in .json"), ("folder", "folder is a folder: give"),
                                         ("busy.json", "busy.png is a folder"), ("file/out.json", "file/out.json can't be written")])
def test_where_figures_cannot_be_written_nothing_is_judged(data, tmp_path, capsys, monkeypatch, place, said):
    monkeypatch.setattr("instrument.learn.evaluate.evaluate", lambda *_, **__: pytest.fail("judged"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "busy.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--data", str(data), "--json", str(tmp_path / place)])
    told = capsys.readouterr().err
    assert ended.value.code == 2 and said in told and told.count("\n") == 1 and ".part" not in told


def test_the_command_writes_figures_and_picture(data, tmp_path, capsys):
    save_model(tmp_path / "model", HearSee(2), {"classes": ["low", "high"]})
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--data", str(data), "--window", "1", "--live", "--noise", "pink", "--snr", "30",
              "--level", "-3", "--model", str(tmp_path / "model"), "--json", str(tmp_path / "out.json")])
    found = json.loads((tmp_path / "out.json").read_text())
    said = capsys.readouterr().out
    assert ended.value.code == 0 and (tmp_path / "out.png").exists() and "accuracy" in said and "noises and rooms of ours)" in said
    assert found["unit"] == "windows" and found["snr_db"] == 30 and found["level_db"] == -3 and found["live"]
