"""Learning: clips in any layout, batches that do not depend on the past, a run that survives a stop, model folders."""

import json
import math
import os
import shutil
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from instrument.audio.frontend import LONG, FrontEnd, log_mel
from instrument.cli import main
from instrument.features import legal_class
from instrument.files import sole
from instrument.learn.augment import Sounds, TorchMel, _so_far, strangers
from instrument.learn.course import Course, settle
from instrument.learn.dataset import Clip, absent, classes_of, find_clips, fingerprint, folds_of, marks, repeat_to, told
from instrument.learn.distill import Settings as Seen
from instrument.learn.distill import distill
from instrument.learn.evaluate import Exam, evaluate, foreign_clips
from instrument.learn.paper.arrange import report
from instrument.learn.run import Run, epoch_indices, mixed
from instrument.learn.start import begin, lend_pictures
from instrument.learn.train import OUTS, Settings, _strangers, gather, note_learnt, read_all, train
from instrument.learn.tutor import to_teacher_rate
from instrument.model.card import DEFAULT, MARKS, Model, find_model, load_model, pictures_in, save_model
from instrument.model.net import STRETCH, HearSee, folded
from instrument.model.sound import as_picture
from instrument.model.zoo import list_models, show

RATE = FrontEnd().rate
pytestmark = pytest.mark.usefixtures("brief_training")


def tone(hz, seconds=0.6, seed=0):
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.02, len(time))
    return (0.3 * np.sin(2 * np.pi * hz * time) + noise).astype(np.float32)


def write_plain(folder, per_class=3):
    for label, hz in (("hum", 110), ("whistle", 2500)):
        (folder / label).mkdir(parents=True)
        for take in range(per_class):
            soundfile.write(folder / label / f"{take}.wav", tone(hz * (1 + 0.05 * take), seed=take), RATE)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_plain(tmp_path_factory.mktemp("plain"))


def test_a_bang_at_the_end_of_a_clip_is_what_is_learnt_of_it():
    chance = np.random.default_rng(0)
    clip = chance.normal(0, 0.002, int(1.4 * RATE)).astype(np.float32)
    clip[int(1.15 * RATE):] += tone(2000, 1.4)[:len(clip) - int(1.15 * RATE)]
    sounds = Sounds([clip], [0], 1)
    assert [start / RATE for start in sounds.starts(0, RATE)] == [0.0, pytest.approx(0.4, abs=1e-3)]
    beginning = sounds._beginning(0, RATE)
    assert len(beginning) == RATE and np.abs(beginning[:int(0.14 * RATE)]).max() > 0.5


def test_a_silent_take_is_left_out_and_said(plain, tmp_path, capsys):
    clips = find_clips(shutil.copytree(plain, tmp_path / "sounds"))
    soundfile.write(tmp_path / "sounds" / "hum" / "1.wav", np.random.default_rng(0).normal(0, 1e-4, RATE), RATE)  # -80 dBFS
    sounds = gather(clips, classes_of(clips))
    assert (sounds.labels == 0).sum() == 2 and (sounds.labels == 1).sum() == 3
    assert f"left out, as nothing sounds in it: {tmp_path / 'sounds' / 'hum' / '1.wav'}\n" in capsys.readouterr().out


def test_all_files_that_hold_no_sound_are_named_at_once(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "sounds")
    for name in ("1.wav", "2.wav"):
        (folder / "hum" / name).write_text("a text")
    with pytest.raises(ValueError, match=r"no sound in 2 of 6 files: .*1\.wav, .*2\.wav; convert them"):
        gather(clips := find_clips(folder), classes_of(clips))


def test_of_many_files_without_sound_ten_are_named(tmp_path):
    for number in range(13):
        (tmp_path / f"{number:02d}.wav").write_text("a text")
    with pytest.raises(ValueError, match=r"13 of 13 files: .*09\.wav and 3 more;"):
        read_all([Clip(path, "hum") for path in sorted(tmp_path.iterdir())])


def test_strangers_of_the_fold_that_is_left_out_are_left_out_too(plain, tmp_path):
    (tmp_path / "rain").mkdir()
    for name in ("1-100-A.wav", "2-200-A.wav", "drip.wav"):
        soundfile.write(tmp_path / "rain" / name, tone(300), RATE)
    left = [clip.path.name for clip in _strangers(Settings(str(plain), foreign=str(tmp_path), leave_out=2), ["hum"])]
    assert left == ["1-100-A.wav", "drip.wav"]
    assert len(_strangers(Settings(str(plain), foreign=str(tmp_path)), ["hum"])) == 3


def test_what_a_published_table_calls_otherwise_is_no_stranger(tmp_path, capsys):
    """ESC-50's dogs are no "none of these" for who learns UrbanSound8K's."""
    urban, esc = tmp_path / "urban", tmp_path / "esc"
    write_folds(urban / "audio")
    (urban / "metadata").mkdir()
    (urban / "metadata" / "UrbanSound8K.csv").write_text(URBAN.replace("siren", "engine_idling"))
    (esc / "meta").mkdir(parents=True)
    (esc / "audio").mkdir()
    rows = [("1-100-A", "dog"), ("1-200-A", "rain"), ("2-300-A", "rain"), ("2-400-A", "engine"), ("3-7-A", "wind")]
    (esc / "meta" / "esc50.csv").write_text("filename,fold,target,category,esc10,src_file,take\n" + "".join(
        f"{name}-0.wav,{name[0]},0,{label},True,{name.split('-')[1]},A\n" for name, label in rows))
    for number, (name, _) in enumerate(rows):
        soundfile.write(esc / "audio" / f"{name}-0.wav", tone(440 + number), RATE)
    left = _strangers(Settings(str(urban), foreign=str(esc)), ["dog_bark", "engine_idling"])
    assert [clip.label for clip in left] == ["rain", "rain"]
    assert capsys.readouterr().out.splitlines() == [
        f"1 of 3 foreign clips are left out: their recordings are in {urban}, too", "none of these: rain (2)"]
    assert classes_of(find_clips(esc)) == ["dog", "engine", "rain", "wind"]  # who learns them keeps their names
    assert {"dog_bark", "Engine idling"} < set(classes_of(find_clips(esc, ["dog_bark", "Engine idling"])))


def test_a_stranger_that_is_learnt_under_another_name_is_none(plain, tmp_path):
    (tmp_path / "noises").mkdir()
    shutil.copy(plain / "hum" / "1.wav", tmp_path / "noises" / "mine.wav")
    soundfile.write(tmp_path / "noises" / "other.wav", tone(300), RATE)
    assert [clip.path.name for clip in _strangers(Settings(str(plain), foreign=str(tmp_path)), ["hum", "whistle"])] == ["other.wav"]


def test_a_label_means_the_class_that_it_is_spelled_most_like(tmp_path):
    for label in ("Clap", "Dog  Bark", "dog", "Müll", "rain"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.wav").touch()
    found = {clip.path.parent.name: clip.label for clip in find_clips(tmp_path, ["clap", "dog_bark", "mull"])}
    assert found == {"Clap": "clap", "Dog  Bark": "dog_bark", "dog": "dog_bark", "Müll": "mull", "rain": "rain"}
    assert {clip.label for clip in find_clips(tmp_path, ["Clap", "clap"])} >= {"Clap"}


@pytest.mark.parametrize("count", [1, 2, 12])
def test_strangers_without_folds_that_are_judged_were_not_learnt(plain, tmp_path, count):
    for take in range(count):
        (tmp_path / "rain").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "rain" / f"drip {take}.wav", tone(300), RATE)
    learnt = _strangers(Settings(str(plain), foreign=str(tmp_path), leave_out=2), ["hum"])
    judged = foreign_clips(SimpleNamespace(classes=["hum"]), Exam("", folds=(2,), foreign=str(tmp_path)))
    assert judged and not set(learnt) & set(judged) and len(learnt) + len(judged) == count
    assert len(judged) <= max(1, count // 2)


def test_what_a_mac_leaves_beside_sounds_is_passed_over(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "sounds")
    (folder / "hum" / "._0.wav").write_bytes(b"\0\5\26\7")
    (folder / ".Trashes").mkdir()
    shutil.copy(folder / "hum" / "0.wav", folder / ".Trashes" / "x.wav")
    assert [clip.path.name for clip in find_clips(folder)] == [clip.path.name for clip in find_clips(plain)]



def test_plain_folders_are_classes(plain):
    clips = find_clips(plain)
    assert classes_of(clips) == ["hum", "whistle"] and len(clips) == 6 and folds_of(clips) == [0]


def test_files_of_one_name_in_two_folders_are_two_recordings(plain):
    clips = find_clips(plain)
    assert len({clip.recording for clip in clips}) == len(clips) > len({clip.path.name for clip in clips})


def test_a_clip_exchanged_for_another_makes_another_run(tmp_path):
    """What was kept back to judge the first one would have been learnt by it."""
    folder = write_plain(tmp_path / "sounds")
    first = fingerprint(find_clips(folder))
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert fingerprint(find_clips(moved)) == first
    (folder / "hum" / "0.wav").rename(folder / "hum" / "new.wav")
    assert fingerprint(find_clips(folder)) != first
    shutil.copy(moved / "hum" / "1.wav", moved / "hum" / "0.wav")  # another take, as long
    assert fingerprint(find_clips(moved)) != first


def test_what_a_clip_has_of_silence_is_never_drawn():
    """ESC's clips are filled up with zeros."""
    clip = np.concatenate([np.zeros(2 * RATE, np.float32), tone(440, 1.0), np.zeros(2 * RATE, np.float32)])
    clips = Sounds([clip], [0], 1)
    empty = clips.mel(torch.zeros(1, RATE)).mean()
    for step in range(8):
        assert (clips.clean(step).mean((1, 2)) > empty + 0.5).all()
    chance = torch.Generator().manual_seed(0)
    for length in (RATE // 2, RATE, 2 * RATE):
        assert all(clips._power(0, clips._pick(0, length, chance), length) > 0 for _ in range(100))


def test_urbansound_layout_finds_names_in_another_format(tmp_path):
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text(
        "slice_file_name,fsID,start,end,salience,fold,classID,class\n1-3-0-0.wav,1,0,1,1,2,3,dog_bark\n"
        "9-3-0-0.wav,9,0,1,1,5,3,dog_bark\n")
    (tmp_path / "audio" / "fold2").mkdir(parents=True)
    soundfile.write(tmp_path / "audio" / "fold2" / "1-3-0-0.flac", tone(440), RATE)
    (clip,) = find_clips(tmp_path)
    assert (clip.label, clip.fold, clip.recording) == ("dog_bark", 2, "1")


URBAN = """slice_file_name,fsID,start,end,salience,fold,classID,class
1-3-0-0.wav,1,0,1,1,2,3,dog_bark
7-8-0-0.wav,7,0,1,1,3,8,siren
9-3-0-0.wav,9,0,1,1,5,3,dog_bark
"""


def write_folds(folder):
    """UrbanSound8K's folders of folds, without the table; one of the endings is in large letters."""
    for fold, name in ((2, "1-3-0-0.OGG"), (3, "7-8-0-0.wav")):
        (folder / f"fold{fold}").mkdir(parents=True)
        soundfile.write(folder / f"fold{fold}" / name, tone(440), RATE, format=name[-3:].upper())
    return folder


@pytest.mark.parametrize("table", ["../metadata", "metadata", "..", "."])
def test_the_folder_of_the_folds_is_understood_with_the_table_near_it(tmp_path, table):
    folds = write_folds(tmp_path / "data" / "audio")
    (folds / table).mkdir(exist_ok=True)
    (folds / table / "UrbanSound8K.csv").write_text(URBAN)
    found = find_clips(folds)
    assert [(clip.label, clip.fold, clip.recording) for clip in found] == [("dog_bark", 2, "1"), ("siren", 3, "7")]
    assert absent(folds) == 1 and "left out" not in told(folds, found)
    assert "1 rows of the table have no file" in report(folds, found)[-1] and "2 (1 of 888 clips)" in report(folds, found)[1]


def test_folders_of_folds_without_a_table_are_no_classes(tmp_path):
    with pytest.raises(ValueError, match="no UrbanSound8K.csv beside or above says the classes") as caught:
        find_clips(write_folds(tmp_path / "audio"))
    assert "\n" not in str(caught.value)
    (tmp_path / "audio" / "fold2").rename(tmp_path / "audio" / "bark")
    assert classes_of(find_clips(tmp_path / "audio")) == ["bark", "fold3"]


def write_esc(folder, table, encoding="utf-8"):
    """Four clips of two recordings in ESC's layout, and a row without a file."""
    (folder / "meta").mkdir()
    (folder / "meta" / "esc50.csv").write_text(table, encoding=encoding)
    (folder / "audio").mkdir()
    for name in ("1-100-A-0", "1-100-B-0", "5-200-A-1", "5-200-B-1"):
        soundfile.write(folder / "audio" / f"{name}.ogg", tone(440), RATE)
    return folder


ESC = """filename,fold,target,category,esc10,src_file,take
1-100-A-0.wav,1,0,dog,True,100,A
1-100-B-0.wav,1,0,dog,True,100,B
5-200-A-1.wav,5,1,"rain, heavy",False,200,A
5-200-B-1.wav,5,1,"rain, heavy",False,200,B
3-300-A-0.wav,3,0,dog,True,300,A
"""


@pytest.mark.parametrize("table, encoding", [
    (ESC, "utf-8"), (ESC, "utf-8-sig"), (ESC.replace('"rain, heavy"', "rain; heavy").replace(",", "\t"), "utf-8"),
    (ESC.replace('"rain, heavy"', "rain/ heavy").replace(",", ";").replace("/", ","), "utf-8-sig")])
def test_the_table_of_esc_is_read_however_a_spreadsheet_has_saved_it(tmp_path, table, encoding):
    clips = find_clips(write_esc(tmp_path, table, encoding))
    assert [(clip.fold, clip.recording) for clip in clips] == [(1, "100")] * 2 + [(5, "200")] * 2
    assert clips[0].label == "dog" and clips[3].label.startswith("rain") and folds_of(clips) == [1, 5]
    assert "1 rows of the table have no file" in "\n".join(report(tmp_path, clips))


@pytest.mark.parametrize("damage, said", [
    (("category", "class"), "esc50.csv has no column category .*filename, fold, target, class"),
    (("src_file", "source"), "has no column src_file"), ((",1,0,dog", ",one,0,dog"), "line 2: fold 'one' is no whole number"),
    (("1-100-A-0.wav,1,0,dog,True,100,A", "1-100-A-0.wav"), "line 2: nothing in column fold")])
def test_a_table_that_cannot_be_read_is_one_line(tmp_path, damage, said):
    with pytest.raises(ValueError, match=said) as caught:
        find_clips(write_esc(tmp_path, ESC.replace(*damage, 1)))
    assert "\n" not in str(caught.value)


def test_a_clip_of_two_tables_is_one_clip_and_hidden_tables_are_none(tmp_path):
    folder = write_esc(tmp_path, ESC)
    before = find_clips(folder)
    (folder / "meta" / "esc10.csv").write_bytes((folder / "meta" / "esc50.csv").read_bytes())
    (folder / "meta" / "._esc50.csv").write_bytes(b"\0\5\26\7\xff")
    assert find_clips(folder) == before
    assert report(folder, before)[-1] == "1 rows of the table have no file; they are left out"



def test_a_table_of_another_encoding_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="esc50.csv is not UTF-8"):
        find_clips(write_esc(tmp_path, ESC.replace("dog", "Hündin"), "latin-1"))


@pytest.mark.parametrize("name, fold, recording", [
    ("3-17367-A.wav", 3, "17367"), ("5-9032-B-12.wav", 5, "9032"), ("26173-8-0-4.wav", 0, "26173"),
    ("7-26173-8-0-4.wav", 7, "26173"), ("10-26173-8-0-4.wav", 10, "26173"),
    ("2024-11-28-101500.wav", 0, "2024-11-28-101500"), ("2024-11-28 take 3.wav", 0, "2024-11-28 take 3"),
    ("2024-11-28-2.wav", 0, "2024-11-28-2"), ("11-28-2024.wav", 0, "11-28-2024"), ("1-2-3-check.wav", 0, "1-2-3-check"),
    ("28-11-2024-1.wav", 0, "28-11-2024-1"), ("take-1-of-3.wav", 0, "take-1-of-3"), ("0-1-A.wav", 0, "0-1-A")])
def test_only_names_of_the_two_data_sets_tell_fold_and_recording(tmp_path, name, fold, recording):
    (tmp_path / "rain").mkdir()
    soundfile.write(tmp_path / "rain" / name, tone(440), RATE)
    (clip,) = find_clips(tmp_path)
    own = f"rain/{recording}" if name == f"{recording}.wav" else recording
    assert (clip.fold, clip.recording) == (fold, own)


def test_whatever_a_folder_is_called_its_class_has_an_address(tmp_path):
    for name in ("Müll", "Applaus & Jubel", "dog.bark", "犬", "_", "Dog Bark 2", "end_", "Aux", "x" * 80):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").touch()
    found = {clip.path.parent.name: legal_class(clip.label) for clip in find_clips(tmp_path)}
    assert found == {"Müll": "Mull", "Applaus & Jubel": "Applaus_Jubel", "dog.bark": "dog_bark", "犬": "u72ac", "_": "u5f",
                     "Dog Bark 2": "Dog_Bark_2", "end_": "end_", "Aux": "Aux_", "x" * 80: "x" * 64}
    (tmp_path / "dog_bark").mkdir()
    (tmp_path / "dog_bark" / "a.wav").touch()
    with pytest.raises(ValueError, match="'dog.bark' and 'dog_bark' would both be called dog_bark: rename"):
        find_clips(tmp_path)


def test_what_is_learnt_is_told_and_what_is_not_understood(tmp_path):
    for name in ("clap/1.wav", "clap/2.MP4", "hum/1.wave", "hum/notes.txt", "snap/1.xyz", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    line = told(tmp_path, find_clips(tmp_path))
    assert line.startswith("learns clap (2), hum (1); 2 files are left out, such as ") and "\n" not in line
    (tmp_path / "snap" / "1.xyz").unlink()
    (tmp_path / "hum" / "notes.txt").unlink()
    assert told(tmp_path, find_clips(tmp_path)) == "learns clap (2), hum (1)"


def test_an_empty_folder_is_explained(tmp_path):
    with pytest.raises(ValueError, match="expected UrbanSound8K"):
        find_clips(tmp_path)


def test_short_clips_are_repeated_not_padded():
    assert np.array_equal(repeat_to(np.arange(3), 8), [0, 1, 2, 0, 1, 2, 0, 1])


def test_training_features_are_the_live_features():
    samples = tone(700, 1.3)
    ours = TorchMel()(torch.from_numpy(samples)[None])[0].numpy()
    assert np.abs(ours - log_mel(samples)).max() < 1e-3


def test_a_louder_sound_looks_the_same():
    quiet = torch.from_numpy(log_mel(tone(700)))[None]
    loud = torch.from_numpy(log_mel(50 * tone(700)))[None]
    assert torch.allclose(as_picture(quiet), as_picture(loud), atol=1e-3)


@pytest.mark.parametrize("stretch", [2, 3])
def test_a_sound_may_be_shown_wider_and_nothing_else_changes(stretch):
    window = torch.from_numpy(log_mel(np.concatenate((tone(700, 0.5), tone(1500, 0.5)))))[None]
    narrow, wide = as_picture(window), as_picture(window, stretch)
    assert wide.shape == (*narrow.shape[:3], stretch * narrow.shape[3])
    back = wide.unflatten(3, (-1, stretch)).mean(4)
    assert torch.allclose(back[..., :15], narrow[..., :15], atol=0.3) and float((back - narrow).abs().mean()) < 0.1


def sounds():
    return Sounds([tone(110 * (i + 1), 0.3 + i) for i in range(4)], [0, 0, 1, 1], 2)


def test_a_batch_depends_on_its_step_only():
    first, again, other = sounds().batch(5, 6), sounds().batch(5, 6), sounds().batch(6, 6)
    assert torch.equal(first.log_mel, again.log_mel) and torch.equal(first.target, again.target)
    assert first.log_mel.shape != other.log_mel.shape or not torch.equal(first.log_mel, other.log_mel)
    assert torch.allclose(first.target.sum(1), torch.ones(6)) and torch.isfinite(first.log_mel).all()


def test_of_a_new_sound_the_first_frames_are_heard_again_and_again():
    whole, new, least = torch.randn(64, 8, 40), torch.arange(64) % 2 == 1, 4
    heard = _so_far(whole, least, new, torch.Generator().manual_seed(0))
    for before, after, first in zip(whole, heard, new, strict=True):
        period = next(p for p in range(least, 41) if torch.equal(after, before[:, torch.arange(40) % p]))
        assert first or period == 40
    assert torch.equal(heard[:, :, :least], whole[:, :, :least])


def test_a_batch_says_which_sounds_are_heard_whole():
    batch = sounds().batch(3, 64)
    half = FrontEnd().n_fft // 2
    silence = batch.samples[:, :half].abs().amax(1) < 0.5 * batch.samples[:, half:].abs().amax(1)
    assert 0.5 < batch.whole.float().mean() < 0.9
    assert silence[~batch.whole].float().mean() > silence[batch.whole].float().mean() + 0.3


def test_a_new_sound_comes_out_of_silence_and_half_the_time_from_its_beginning():
    ramp = np.concatenate([np.zeros(RATE), np.full(2 * RATE, 0.3)]).astype(np.float32)
    ramp[RATE:RATE + 100] = 1.0  # how the clip begins to be heard
    clips, chance = Sounds([ramp], [0], 1), torch.Generator().manual_seed(0)
    windows = np.stack([clips._moved(0, RATE, chance, new=True) for _ in range(60)])
    assert windows.shape == (60, RATE) and not windows[:, :512].any()
    beginnings = (windows[:, 518:528] > 2 * windows[:, 5000:5010]).all(1).mean()
    assert 0.3 < beginnings < 0.75


def test_strangers_are_drawn_as_often_as_said():
    clips = Sounds([tone(440)] * 100, [0] * 90 + [1] * 5 + [2] * 5, 2)
    drawn = sum(clips.batch(step, 16).target.sum(0) for step in range(40))
    assert 0.10 < drawn[2] / drawn.sum() < 0.20


def test_a_long_recording_does_not_drown_the_short_ones():
    clips = Sounds([tone(440)] * 100, [0] * 100, 1, recordings=["long"] * 81 + [f"short {i}" for i in range(19)])
    odds = clips._odds / clips._odds.sum()
    assert float(odds[:81].sum()) == pytest.approx(9 / (9 + 19)) and float(odds[81]) == pytest.approx(1 / 28)


def test_our_own_strangers_sound_and_differ():
    noises = strangers(seconds=0.1)
    assert all(np.isfinite(one).all() and np.abs(one).max() == 1 for one in noises)
    assert len({one.tobytes() for one in noises}) == len(noises)


def test_an_epoch_shows_everything_once():
    seen = torch.cat([epoch_indices(12, step, 4, seed=3) for step in range(3)])
    assert sorted(seen.tolist()) == list(range(12))


def test_teacher_rate_keeps_the_tone():
    time = torch.arange(22050) / 22050
    faster = to_teacher_rate(torch.sin(2 * torch.pi * 441 * time)[None])[0]
    assert len(faster) == 32000
    assert torch.allclose(faster, torch.sin(2 * torch.pi * 441 * torch.arange(32000) / 32000), atol=1e-2)


@pytest.mark.parametrize("before", [{}, {"stretch": 2}, {"stretch": STRETCH, "front_end": asdict(LONG)}])
def test_a_run_that_showed_sounds_otherwise_is_refused_in_one_line(plain, tmp_path, before):
    torch.set_num_threads(1)
    run_folder, settings = tmp_path / "runs" / "old", Settings(str(plain), batch=4, steps=2)
    stop_after_one(settings, run_folder)
    state = torch.load(run_folder / "checkpoint.pt", weights_only=True)
    del state["course"]["stretch"], state["course"]["front_end"]
    state["course"] |= before
    torch.save(state, run_folder / "checkpoint.pt")
    with pytest.raises(ValueError, match="begun by an earlier version, .* choose another --run") as caught:
        train(settings, tmp_path / "m", run_folder)
    assert "\n" not in str(caught.value)


def stop_after_one(settings, run_folder):
    """Train one step and keep a checkpoint, as a run that was stopped leaves it."""
    clips = find_clips(settings.data)
    run = Run(run_folder, {**asdict(settings), "classes": classes_of(clips), "clips": len(clips)})
    torch.manual_seed(settings.seed)
    classes = classes_of(clips)
    course = Course(settings, gather(clips, classes), "cpu", run.folder.parent, classes)
    course.learn(0, *course.batches(0))
    run.save(1, course=course)


def test_the_ear_settles_on_clean_sound_and_the_eye_stays():
    torch.manual_seed(0)
    net = HearSee(2)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    settle(net, sounds())
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved and all(".sound.running" in name or "num_batches" in name for name in moved)
    windows = net.shown(torch.cat([sounds().clean(step) for step in range(3)]))
    seen = net.stem[1](net.stem[0](windows)).detach()
    assert float(seen.mean((0, 2, 3)).abs().max()) < 0.05 and float((seen.var((0, 2, 3)) - 1).abs().max()) < 0.1


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_that_is_stopped_after_the_statistics_does_not_take_them_again(plain, tmp_path, monkeypatch, capsys, steps):
    torch.set_num_threads(1)
    monkeypatch.setattr("instrument.learn.train.remember", lambda *_: None)
    settings = Settings(str(plain), batch=4, steps=steps)
    whole = load_model(train(settings, tmp_path / "whole", tmp_path / "run"))
    assert "settling" in capsys.readouterr().out  # nobody takes it for hung
    with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
        stopping.setattr("instrument.learn.train.answer_anew", interrupted)
        train(settings, tmp_path / "stopped", tmp_path / "other run")
    monkeypatch.setattr("instrument.learn.train.settle", lambda *_: pytest.fail("taken again"))
    stopped = load_model(train(settings, tmp_path / "stopped", tmp_path / "other run"))
    assert stopped.weights_hash == whole.weights_hash


def interrupted(*_):
    raise KeyboardInterrupt


def test_new_classes_on_a_finished_model_leave_its_dream_as_it_was(plain, saved, tmp_path):
    """Only what the ear has to itself is learnt: the eye is the same to the last bit, pictures are lent."""
    torch.set_num_threads(1)
    for name in ("hum", "whistle"):
        (saved / "pictures" / f"{name}.jpg").write_bytes(name.encode())
    model = load_model(train(Settings(str(plain), str(saved), batch=4, steps=2), tmp_path / "m", tmp_path / "runs" / "m"))
    old, new = (one.net.state_dict() for one in (load_model(saved), model))
    changed = {name for name in old if not torch.equal(old[name], new[name]) and "num_batches" not in name}
    assert changed and all(".sound." in name for name in changed)
    assert {name: path.read_bytes() for name, path in model.picture_files().items()} == {
        "hum": b"hum", "whistle": b"whistle"}


@pytest.mark.parametrize("steps, parts", [(0, {"heads"}), (1, {"heads", "running"})])
def test_without_a_step_the_answers_alone_are_learnt(plain, saved, tmp_path, monkeypatch, steps, parts):
    torch.set_num_threads(1)
    monkeypatch.setattr("instrument.learn.train.remember", lambda *_: None)
    for name in ("hum", "whistle"):
        (saved / "pictures" / f"{name}.jpg").write_bytes(name.encode())
    train(Settings(str(plain), str(saved), batch=4, steps=steps), tmp_path / "m", tmp_path / "runs" / "m")
    old, new = (load_model(folder).net.state_dict() for folder in (saved, tmp_path / "m"))
    changed = {name for name in old if not torch.equal(old[name], new[name]) and "num_batches" not in name}
    assert {part for part in ("heads", "running") if any(part in name for name in changed)} == parts
    assert steps or all(name.startswith("heads.sound") for name in changed)


def test_a_class_without_a_picture_borrows_one(saved, tmp_path):
    for name in ("hum", "whistle"):
        (saved / "pictures" / f"{name}.jpg").write_bytes(name.encode())
    (tmp_path / "pictures").mkdir()
    data = write_plain(tmp_path / "data")
    (data / "hum").rename(data / "buzz")
    lent = lend_pictures(load_model(saved), tmp_path, find_clips(data))
    assert lent["whistle"] == "whistle" and lent["buzz"] in ("hum", "whistle")
    assert {path.stem for path in (tmp_path / "pictures").iterdir()} == {"buzz", "whistle"}


def test_a_start_that_is_nothing_is_explained(plain, tmp_path):
    with pytest.raises(ValueError, match="neither a run of `hearsee distill` nor a model folder"):
        train(Settings(str(plain), str(tmp_path)), tmp_path / "m", tmp_path / "run")


def test_other_settings_do_not_overwrite_a_run(tmp_path):
    Run(tmp_path, {"steps": 1}).begin()
    run = Run(tmp_path, {"steps": 2})  # nothing has been learnt: that one ended in a mistake
    run.begin()
    run.save(1)
    with pytest.raises(ValueError, match="other settings"):
        Run(tmp_path, {"steps": 1})
    assert json.loads((tmp_path / "settings.json").read_text()) == {"steps": 2}


def test_of_processes_that_begin_one_run_only_the_first_writes(tmp_path, monkeypatch):
    Run(tmp_path, {"steps": 1}).begin()
    monkeypatch.setattr("instrument.learn.run.write_whole", None)
    Run(tmp_path, {"steps": 1}).begin()


@pytest.mark.parametrize("result", ["checkpoint.pt", "scores.json", "log.jsonl"])
def test_whatever_was_learnt_keeps_other_settings_out(tmp_path, result):
    Run(tmp_path, {"steps": 1}).begin()
    (tmp_path / result).touch()
    with pytest.raises(ValueError, match="other settings"):
        Run(tmp_path, {"steps": 2})


def test_where_the_same_sounds_lie_makes_no_other_run(tmp_path):
    run = Run(tmp_path, {"data": "sounds", "clips": "2, abc"})
    run.begin()
    run.save(1)
    Run(tmp_path, {"data": "/elsewhere/sounds/", "clips": "2, abc"})
    with pytest.raises(ValueError, match="other settings"):
        Run(tmp_path, {"data": "sounds", "clips": "2, abd"})


def test_what_a_run_learns_from_makes_another_run_and_where_it_lies_does_not(tmp_path):
    run = Run(tmp_path, {"start": "models/a", "steps": 3, "digests": {"start": "abc"}})
    run.begin()
    run.save(1)
    Run(tmp_path, {"start": "/elsewhere/a", "steps": 3, "digests": {"start": "abc"}})
    for other, said in (({"start": "models/a", "steps": 3, "digests": {"start": "abd"}}, r"\(start; see"),
                        ({"start": "", "steps": 4, "digests": {}}, r"\(start, steps; see")):
        with pytest.raises(ValueError, match=said) as caught:
            Run(tmp_path, other)
        assert "\n" not in str(caught.value) and "earlier" not in str(caught.value)


def test_a_run_of_before_goes_on_by_its_places_or_is_refused_in_one_line(tmp_path):
    run = Run(tmp_path, {"start": "models/a", "steps": 3})
    run.begin()
    run.save(1)
    Run(tmp_path, {"start": "models/a", "steps": 3, "digests": {"start": "abc"}})
    with pytest.raises(ValueError, match=r"other settings or sounds \(start; see") as caught:
        Run(tmp_path, {"start": "/elsewhere/a", "steps": 3, "digests": {"start": "abc"}})
    with pytest.raises(ValueError, match=r"\(kept_back; see .*\), of an earlier version, which did not note all of it: choose") as caught:
        Run(tmp_path, {"start": "models/a", "steps": 3, "kept_back": "2, abc", "digests": {"start": "abc"}})
    assert "\n" not in str(caught.value)


def changed(settings_file, **values):
    """Write other settings into a run; those of None are taken out."""
    found = {**json.loads(settings_file.read_text()), **values}
    settings_file.write_text(json.dumps({name: value for name, value in found.items() if value is not None}))


@pytest.mark.usefixtures("unpolished")
@pytest.mark.parametrize("recordings, refused", [(6, True), (3, False)])
def test_a_run_from_another_start_or_of_before_that_keeps_some_back_is_another_run(saved, tmp_path, recordings, refused):
    plain = write_plain(tmp_path / "sounds", recordings)
    start, moved = (shutil.copytree(saved, tmp_path / name) for name in ("start", "moved"))
    for folder, name in ((folder, name) for folder in (start, moved) for name in ("hum", "whistle")):
        (folder / "pictures" / f"{name}.jpg").touch()
    settings = Settings(str(plain), str(start), steps=0)
    train(settings, tmp_path / "m", tmp_path / "run")
    train(replace(settings, start=str(moved)), tmp_path / "m", tmp_path / "run")
    torch.manual_seed(1)
    save_model(start, HearSee(2), {"classes": ["hum", "whistle"]})
    with pytest.raises(ValueError, match=r"other settings or sounds \(start; see"):
        train(settings, tmp_path / "m", tmp_path / "run")
    changed(tmp_path / "run" / "settings.json", digests=None, kept_back=None)  # as runs were begun before
    with pytest.raises(ValueError, match=r"\(kept_back; see .*, of an earlier version") if refused else nullcontext():
        train(settings, tmp_path / "m", tmp_path / "run")


def test_a_file_whose_name_is_no_text_is_refused(tmp_path):
    plain = write_plain(tmp_path)
    (plain / "hum" / "1.wav").rename(os.fsdecode(os.fsencode(plain / "hum") + b"/M\xfcll.wav"))
    with pytest.raises(ValueError, match=r"M\\udcfcll.wav': its name is not UTF-8; rename it"):
        find_clips(plain)


def test_a_mistake_does_not_bar_the_way_for_what_was_meant(plain, bare, tmp_path):
    (tmp_path / "hello").write_text("hello")
    torch.save({"features.0.0.weight": torch.zeros(1)}, tmp_path / "other")
    for mistake, words in (
            ({"start": "nowhere"}, "nowhere to start from: neither"),
            ({"sound_teacher": str(tmp_path / "hello")}, "hello is damaged, or no file of weights"),
            ({"sound_teacher": str(tmp_path / "other")}, "other is not EfficientAT mn04"),
            ({"elder": "urban"}, "--elder needs --sound-teacher FILE"),
            ({"pictures": str(plain)}, "needs --picture-teacher"),
            ({"pictures": str(plain), "picture_teacher": "nowhere.caffemodel"}, "nowhere.caffemodel: no such file"),
            ({"start": str(bare)}, "pictures: no picture for hum, whistle; put one there named hum.jpg")):
        with pytest.raises(ValueError, match=words) as caught:
            train(Settings(str(plain), **mistake), tmp_path / "m", tmp_path / "run")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="nowhere.safetensors: no such file"):
        distill(Seen(str(plain), "nowhere.safetensors"), tmp_path / "run")
    assert not (tmp_path / "m").exists() and list((tmp_path / "run").iterdir()) == []
    (tmp_path / "run" / "settings.json").write_text("{")
    (tmp_path / "run" / "checkpoint.pt").touch()
    with pytest.raises(ValueError, match="settings.json is damaged"):
        Run(tmp_path / "run", {})


@pytest.mark.parametrize("silence", [np.zeros(RATE), np.full(RATE, 0.1), np.full(20, 0.1)])
def test_a_class_that_never_sounds_is_named_before_anything_is_learnt(tmp_path, silence):
    data = write_plain(tmp_path / "data")
    for take in range(3):
        soundfile.write(data / "hum" / f"{take}.wav", silence, RATE)
    with pytest.raises(ValueError, match="class hum: nothing sounds in its 3 clips .* record it louder, or take") as caught:
        train(Settings(str(data)), tmp_path / "m", tmp_path / "run")
    assert "\n" not in str(caught.value) and not (tmp_path / "m").exists() and list((tmp_path / "run").iterdir()) == []


def test_two_processes_in_one_run_is_one_line(plain, tmp_path):
    with sole(tmp_path / "run"):
        for work in (lambda: train(Settings(str(plain)), tmp_path / "m", tmp_path / "run"),
                     lambda: distill(Seen(str(plain), "nowhere.safetensors"), tmp_path / "run")):
            with pytest.raises(ValueError, match="run: another process is at work there") as caught:
                work()
            assert "\n" not in str(caught.value)
    assert list((tmp_path / "run").iterdir()) == [] and not (tmp_path / "m").exists()


@pytest.mark.parametrize("command", ["train --data x --out m", "distill --pictures x --teacher y --out r", "evaluate --data x",
                                     "teach clap --from x", "data pad --data x --out y"])
def test_what_one_process_does_is_not_done_by_several(command, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and not list(tmp_path.iterdir())
    assert f"torchrun has started 2 processes, and each would do all of `hearsee {command.split()[0]}` by itself: leave" in said


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    (tmp_path / "checkpoint.pt").write_text("hello")
    with pytest.raises(ValueError, match="checkpoint.pt is damaged") as caught:
        Run(tmp_path, {}).resume()
    assert "\n" not in str(caught.value)


def test_where_no_model_can_be_written_nothing_is_learnt(plain, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        train(Settings(str(plain), steps=1), tmp_path / "file", tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_model_of_another_run_is_not_written_over(saved, tmp_path):
    before = (saved / "weights.safetensors").read_bytes()
    folder = tmp_path / "sounds" / "hum"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", np.sin(np.arange(22050)), 22050)
    with pytest.raises(ValueError, match="choose another --out"):
        train(Settings(str(tmp_path / "sounds")), saved, tmp_path / "run")
    assert (saved / "weights.safetensors").read_bytes() == before and not (tmp_path / "run").exists()


def test_a_fold_that_is_not_there_or_is_all_there_is_cannot_be_left_out(plain, tmp_path):
    with pytest.raises(ValueError, match="--leave-out 7: .* has no folds"):
        train(Settings(str(plain), leave_out=7), tmp_path / "m", tmp_path / "run")
    esc, one = write_esc(tmp_path, ESC), tmp_path / "one"
    (one / "hum").mkdir(parents=True)
    soundfile.write(one / "hum" / "3-1-A.wav", tone(110), RATE)
    for data, fold, said in ((esc, 7, "has the folds 1, 5"), (esc, 3, "has the folds 1, 5"), (one, 3, "has the folds 3; leave out one")):
        with pytest.raises(ValueError, match=f"--leave-out {fold}: .* {said}") as caught:
            train(Settings(str(data), leave_out=fold), tmp_path / "m", tmp_path / "run")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def unpolished(monkeypatch):
    """What comes after the steps is left out."""
    torch.set_num_threads(1)
    for name in ("settle", "answer_anew", "remember"):
        monkeypatch.setattr(f"instrument.learn.train.{name}", lambda *_: None)


@pytest.mark.usefixtures("unpolished")
def test_a_run_writes_over_its_own_model_and_over_no_other(plain, saved, tmp_path):
    before, settings = (saved / "weights.safetensors").read_bytes(), Settings(str(plain), steps=0)
    train(settings, tmp_path / "mine", tmp_path / "run")
    for own in ("mine", "more"):  # where nothing is yet, it may write as well
        train(settings, tmp_path / own, tmp_path / "run")
    with pytest.raises(ValueError, match="choose another --out"):
        train(settings, saved, tmp_path / "run")
    train(settings, tmp_path / "others", tmp_path / "other run")
    with pytest.raises(ValueError, match="choose another --out"):  # made with the same settings even
        train(settings, tmp_path / "others", tmp_path / "run")
    assert (saved / "weights.safetensors").read_bytes() == before


@pytest.mark.usefixtures("unpolished")
def test_a_run_of_before_knows_its_model_by_the_settings_that_made_it(plain, saved, tmp_path):
    settings = Settings(str(plain), steps=0)
    train(settings, tmp_path / "mine", tmp_path / "run")
    (tmp_path / "run" / OUTS).unlink()  # as runs were left before
    with pytest.raises(ValueError, match="choose another --out"):
        train(settings, saved, tmp_path / "run")
    train(settings, tmp_path / "mine", tmp_path / "run")


@pytest.mark.usefixtures("unpolished")
def test_a_model_knows_what_it_has_learnt_and_what_it_began_with_had(plain, tmp_path):
    (tmp_path / "sounds" / "drip").mkdir(parents=True)
    for fold in (1, 2, 3):
        soundfile.write(tmp_path / "sounds" / "drip" / f"{fold}-{fold}00-A.wav", tone(300, seed=fold), RATE)
    train(Settings(str(tmp_path / "sounds"), leave_out=2, steps=0), tmp_path / "first", tmp_path / "run")
    first = load_model(tmp_path / "first")
    assert [marks(clip) <= first.learnt for clip in find_clips(tmp_path / "sounds")] == [True, False, True]
    note_learnt(tmp_path / "second", find_clips(plain), first)
    second = Model(tmp_path / "second", None, {})
    assert second.learnt == first.learnt.union(*map(marks, find_clips(plain)))
    (tmp_path / "first" / MARKS).unlink()  # a model from before, which does not say
    note_learnt(tmp_path / "third", find_clips(plain), load_model(tmp_path / "first"))
    assert not (tmp_path / "third" / MARKS).exists()


@pytest.fixture
def own(saved, tmp_path, monkeypatch):
    """Train a model of six recordings a class from a finished one, no step long: a function of what `calibrate` finds, to (clips that
    were learnt, clips that were judged on, the model)."""
    data, start, learnt, judged = write_plain(tmp_path / "six", 6), shutil.copytree(saved, tmp_path / "start"), [], []
    (start / MARKS).write_text("01234567\n")
    for name in ("hum", "whistle"):
        (start / "pictures" / f"{name}.jpg").touch()

    def learn(found):
        monkeypatch.setattr("instrument.learn.train.gather", lambda clips, *more: learnt.extend(clips) or gather(clips, *more))
        monkeypatch.setattr("instrument.learn.train.calibrate", lambda _, clips, *__: judged.extend(clips) or found)
        model = load_model(train(Settings(str(data), str(start), steps=0), tmp_path / "m", tmp_path / "runs" / "m"))
        return learnt, judged, model

    return learn


@pytest.mark.usefixtures("unpolished")
def test_what_a_model_is_judged_on_it_has_not_learnt(own):
    learnt, judged, model = own({})
    assert {clip.label for clip in judged} == {clip.label for clip in learnt} == {"hum", "whistle"}
    assert not set(learnt) & set(judged) and len(learnt) + len(judged) == 12
    assert model.learnt == frozenset(["01234567"]).union(*map(marks, learnt)) and not model.learnt & set().union(*map(marks, judged))


@pytest.mark.usefixtures("unpolished")
def test_a_model_answers_at_the_temperature_that_was_fitted(own, tmp_path):
    *_, model = own({"clips": 2, "learnt": 0, "classes": 2, "macro_f1": 1.0, "ece": 0.0, "temperature": 4.0})
    window = log_mel(tone(700, 1.0))
    sure = Model(model.folder, model.net, {**model.card, "temperature": 1.0})
    assert model.card["kept_back"]["macro_f1"] == 1.0 and "temperature" not in model.card["kept_back"]
    assert np.allclose(4 * model.hear(window), sure.hear(window)) and np.ptp(sure.hear(window)) > 0


@pytest.mark.usefixtures("unpolished")
def test_rows_without_a_file_are_told_by_who_learns_and_by_who_judges(tmp_path, capsys):
    train(Settings(str(write_esc(tmp_path, ESC)), steps=0), tmp_path / "model", tmp_path / "run")
    assert "\n1 rows of the table have no file; they are left out\n" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["evaluate", "--data", str(tmp_path), "--model", str(tmp_path / "model")])
    told = capsys.readouterr().out
    assert "  1 rows of the table have no file; they are left out\n" in told
    assert "  4 of 4 clips were learnt by this model" in told


def test_a_mistake_in_the_data_leaves_no_run_behind(tmp_path):
    with pytest.raises((ValueError, OSError)):
        train(Settings(str(tmp_path / "nowhere")), tmp_path / "model", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def bare(saved, tmp_path_factory):
    """A model without pictures."""
    folder = tmp_path_factory.mktemp("bare")
    for path in saved.glob("*.*"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    save_model(folder, HearSee(2), {"classes": ["hum", "whistle"]})
    return folder


def test_a_model_comes_back_as_saved(saved):
    net = HearSee(2)
    torch.manual_seed(0)
    net = HearSee(2)
    loaded = load_model(saved)
    assert loaded.classes == ["hum", "whistle"] and len(loaded.weights_hash) == 12
    assert torch.allclose(loaded.net.stage1[0].conv1.weight, net.stage1[0].conv1.weight, atol=1e-3)
    assert not loaded.net.training
    assert {tensor.dtype for tensor in load_file(str(saved / "weights.safetensors")).values()} == {torch.float16}  # half the size


def test_a_model_keeps_the_hash_of_what_it_has_read(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "model")
    loaded = load_model(folder)
    weighed(folder, **{"heads.sound.bias": torch.ones(3)})
    assert loaded.weights_hash == load_model(saved).weights_hash != load_model(folder).weights_hash


def carded(saved, folder, **fields):
    """A copy of a model with other fields in its card."""
    shutil.copytree(saved, folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **fields}))
    return folder


def test_a_temperature_divides_what_a_model_says(saved, tmp_path):
    heard = np.random.default_rng(0).normal(-5, 2, (128, FrontEnd().frames(1.0))).astype(np.float32)
    plain, warm = (load_model(folder).hear(heard) for folder in (saved, carded(saved, tmp_path / "warm", temperature=2.0)))
    assert np.abs(plain).max() > 0 and warm == pytest.approx(plain / 2, rel=1e-4)


@pytest.mark.parametrize("fields, said", [
    ({"temperature": -1}, "temperature -1 is not a number above 0"), ({"temperature": True}, "temperature"),
    ({"temperature": math.inf}, "temperature"), ({"scenes": 0}, "scenes 0 is not a whole number"), ({"taught": "clap"}, "taught"),
    ({"taught": ["hum"]}, "names hum twice"), ({"taught": ["a/b"]}, "is no class name")])
def test_a_card_that_says_what_cannot_be_is_one_line(saved, tmp_path, fields, said):
    with pytest.raises(ValueError, match=said) as error:
        load_model(carded(saved, tmp_path / "odd", **fields))
    assert "\n" not in str(error.value)


def test_a_model_is_found_by_its_name_unless_a_folder_has_that(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("instrument.model.card.OWN", tmp_path / "own")
    (tmp_path / "own" / "mine").mkdir(parents=True)
    (tmp_path / "own" / "mine" / "card.json").touch()
    assert find_model("urban") == DEFAULT and find_model("mine") == tmp_path / "own" / "mine"
    (tmp_path / "urban").mkdir()
    assert find_model("urban") == Path("urban") and find_model("nowhere") == Path("nowhere")


def test_pictures_are_found_whatever_their_ending_and_what_macos_leaves_beside_them_is_none(tmp_path):
    for name in ("a.jpg", "b.PNG", "._a.jpg", "notes.txt", "c.jpeg"):
        (tmp_path / name).touch()
    assert {name: path.name for name, path in pictures_in(tmp_path).items()} == {"a": "a.jpg", "b": "b.PNG", "c": "c.jpeg"}


def test_of_two_pictures_of_a_class_the_one_that_came_later_counts_and_a_players_before_one_of_ours(tmp_path):
    for name, written in (("a.jpg", 1.5e9), ("a.png", 1e9), ("b.jpg", 1e9), ("b.png", 0)):  # copied here one after the other
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (written, written))
    assert {name: path.name for name, path in pictures_in(tmp_path).items()} == {"a": "a.png", "b": "b.jpg"}


def test_a_class_without_a_picture_is_named(saved, tmp_path):
    folder = carded(saved, tmp_path / "m")
    shutil.rmtree(folder / "pictures")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "hum.jpg").touch()
    with pytest.raises(ValueError, match=r"no picture for whistle; put one there named whistle\.jpg"):
        load_model(folder).picture_files()


@pytest.mark.parametrize("shown", [(1, FrontEnd()), (3, FrontEnd(n_fft=512, hop=128)), (2, LONG)])
def test_a_model_keeps_how_it_is_shown_a_sound_and_hands_it_on(tmp_path, shown):
    torch.set_num_threads(1)
    stretch, front_end = shown
    save_model(tmp_path, HearSee(2, stretch=stretch, front_end=front_end), {"classes": ["hum", "whistle"]})
    net, heir = load_model(tmp_path).net, begin(tmp_path, 4)
    assert shown == (net.stretch, net.front_end) == (heir.stretch, heir.front_end)


def test_a_network_that_begins_is_shown_sounds_as_is_best():
    assert (begin("", 4).stretch, begin("", 4).front_end) == (STRETCH, FrontEnd())


def test_a_model_from_before_there_was_a_choice_is_shown_sounds_as_it_was(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "old")
    card = json.loads((folder / "card.json").read_text())
    del card["stretch"], card["front_end"]
    (folder / "card.json").write_text(json.dumps(card))
    model = load_model(folder)
    assert model.net.stretch == 1 and model.front_end == LONG


FINE = asdict(FrontEnd())
ODD_WIDTHS = [0, 1.5, 9, "wide", None]
ODD_FRONTS = [None, "fine", [], {"window": 3}, {"hop": "256"}, {**FINE, "hop": 0}, {**FINE, "bands": 64}, {**FINE, "rate": 44100},
              {**FINE, "n_fft": [1024]}, {**FINE, "n_fft": 10**9}, {**FINE, "n_fft": 256, "hop": 512}, {**FINE, "n_fft": 1024.0},
              {**FINE, "rate": 22050.0}]


@pytest.mark.parametrize("name, value, told", [
    *(("stretch", width, "none of 1 to 4") for width in ODD_WIDTHS),
    *(("front_end", front, "front_end .* is none that we can hear by") for front in ODD_FRONTS)])
def test_a_card_that_cannot_be_heard_by_is_one_line(saved, tmp_path, name, value, told):
    folder = shutil.copytree(saved, tmp_path / "odd")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, name: value}))
    with pytest.raises(ValueError, match=told) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_folding_changes_no_answer(saved):
    net = load_model(saved).net
    x = torch.rand(2, 3, 64, 64)
    for sense in ("sound", "picture"):
        assert torch.allclose(net.use(sense).eval()(x), folded(net, sense)(x), atol=1e-4)


def test_the_senses_have_statistics_of_their_own():
    net = HearSee(2).train()
    net.use("sound")(torch.randn(4, 3, 64, 64) + 3)
    sound, picture = (net.stem[1].norms[sense].running_mean for sense in ("sound", "picture"))
    assert sound.abs().max() > 0 and picture.abs().max() == 0


def weighed(folder, **tensors):
    """Other tensors into the weights of a model."""
    path = folder / "weights.safetensors"
    save_file({**load_file(str(path)), **tensors}, str(path))


@pytest.mark.parametrize("value", (math.nan, math.inf))
def test_weights_that_are_no_numbers_are_not_opened(saved, tmp_path, value):
    folder = shutil.copytree(saved, tmp_path / "odd")
    weighed(folder, **{"heads.sound.bias": torch.tensor([0.0, value, 0.0])})
    with pytest.raises(ValueError, match="weights.safetensors: heads.sound.bias is not finite: restore it or choose another --model"):
        load_model(folder)


@pytest.mark.parametrize("value", (math.nan, 70000.0))
def test_weights_that_16_bits_cannot_hold_are_not_saved(saved, tmp_path, value):
    net, folder = load_model(saved).net, shutil.copytree(saved, tmp_path / "odd")
    net.heads["sound"].bias.data[1] = value
    with pytest.raises(ValueError, match="odd is left as it is: heads.sound.bias is not finite in 16-bit floats"):
        save_model(folder, net, {"classes": ["hum", "whistle"]})
    assert load_model(folder).classes == ["hum", "whistle"]


@pytest.mark.parametrize("damage, said", [
    (lambda f: (f / "card.json").unlink(), "card.json is missing"),
    (lambda f: (f / "card.json").write_text("{"), "not JSON"),
    (lambda f: ((f / "card.json").unlink(), (f / "card.json").mkdir()), "card.json can't be read"),
    (lambda f: (f / "card.json").write_text("[" * 100_000), "not JSON"),
    (lambda f: weighed(f, **{"heads.sound.weight": torch.tensor(1.0)}), "damaged or of another"),
    (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors is missing"),
    (lambda f: (f / "weights.safetensors").write_bytes(b"nonsense"), "damaged"),
    (lambda f: (f / "card.json").write_text(json.dumps({"classes": ["a", "b", "c"]})), "names 3 classes, and the weights know 2"),
    (lambda f: (f / "card.json").write_text(json.dumps({"classes": ["a", "a"]})), "names a twice"),
    (lambda f: (f / "card.json").write_text(json.dumps({"classes": ["a", "b"], "scenes": 7})), "damaged or of another"),
    (lambda f: (f / "card.json").write_text(json.dumps({"classes": ["a", "dog.bark"]})), "'dog.bark' is no class name: .* rename"),
])
def test_a_damaged_model_is_one_clear_line(saved, tmp_path, damage, said):
    for path in saved.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damage(tmp_path)
    with pytest.raises(ValueError, match=said) as error:
        load_model(tmp_path)
    assert "\n" not in str(error.value)


def test_a_card_that_cannot_be_read_takes_no_other_model_from_the_list(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "whole")
    (tmp_path / "broken" / "card.json").mkdir(parents=True)
    told = list(list_models(tmp_path))
    assert "card.json can't be read" in told[0] and "2 classes: hum, whistle" in told[1]


def test_a_card_is_shown_whatever_a_player_wrote_into_it(saved, tmp_path):
    folder = carded(saved, tmp_path / "odd", trained={"a": [{"b": 1}, 2], "c": [{"d": 3}], "e": []})
    assert {"    a: {'b': 1}, 2", "      d: 3", "    e: "} <= set(show(str(folder)))


def test_evaluate_reads_real_files(saved, plain):
    found = evaluate(load_model(saved), plain, window=0.5)
    assert found["n"] >= 6 and set(found["per_class"]) == {"hum", "whistle"}


def test_a_gpu_that_would_only_play_bfloat16_learns_in_float32(monkeypatch):
    """PyTorch says of older ones too that they have it; cuDNN has no convolution for them."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert not isinstance(mixed("cuda"), torch.autocast)
