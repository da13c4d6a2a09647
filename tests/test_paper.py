"""The paper's experiment: its pictures, sets and splits have the properties it claims, or the faults it had."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from torch import nn
from torchvision import models

from instrument.cli import main
from instrument.files import sole
from instrument.learn.dataset import Clip, find_clips, read
from instrument.learn.paper.arrange import arrange, kept_name, report
from instrument.learn.paper.crew import Crew
from instrument.learn.paper.network import build
from instrument.learn.paper.pictures import decibels, jpeg, levels, magma, picture, squash
from instrument.learn.paper.recipe import Batches, Course, Recipe, _precision, check_shares, train
from instrument.learn.paper.sets import (
    PUBLISHED_TURNS,
    TURNS,
    Pictures,
    Shelf,
    fill_shelf,
    pad,
    roll,
    roll_as_published,
    turns_of,
)
from instrument.learn.paper.split import by_folds, by_recording, chosen, honest, leak, random, splits
from instrument.learn.run import Run

RATE = 22050
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TINY = ["--network", "shufflenet_v2_x0_5", "--weights", "none", "--epochs", "1", "--batch", "8"]


def tone(hz, seconds=0.3, seed=0):
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.02, len(time))
    return (0.3 * np.sin(2 * np.pi * hz * time) + noise).astype(np.float32)


def write_urban(folder, per_fold=12):
    """Two classes in folds 1 and 2, four clips from each recording; one row has no file."""
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for number, (label, hz) in enumerate((("dog_bark", 500), ("siren", 2000))):
        for fold in (1, 2):
            (folder / "audio" / f"fold{fold}").mkdir(parents=True, exist_ok=True)
            for take in range(per_fold):
                recording = 1000 * number + 100 * fold + take // 4
                name = f"{recording}-{number}-0-{take}"
                rows.append(f"{name}.wav,{recording},0,1,1,{fold},{number},{label}")
                path = folder / "audio" / f"fold{fold}" / f"{name}.flac"
                soundfile.write(path, tone(hz + recording % 100, seed=recording), RATE)
    rows.append("9-9-9-9.wav,9,0,1,1,7,0,dog_bark")
    (folder / "metadata").mkdir()
    (folder / "metadata" / "UrbanSound8K.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def urban(tmp_path_factory):
    return write_urban(tmp_path_factory.mktemp("urban"))


@pytest.fixture(scope="module")
def clips(urban):
    return find_clips(urban)


# Pictures


@pytest.mark.parametrize("seconds", [0.01, 0.055, 0.3, 4.0])
def test_decibels_are_librosas(seconds):
    samples = tone(700, seconds)
    power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=2048, hop_length=512, pad_mode="reflect")
    assert np.abs(decibels(samples) - librosa.power_to_db(power, ref=np.max, top_db=80)).max() < 0.01


def test_four_seconds_are_173_frames():
    assert levels(np.zeros(4 * RATE)).shape == (128, 173)


def test_the_quietest_is_black_and_the_loudest_pale():
    places = levels(tone(700))
    assert places.min() == 0 and places.max() == 255
    assert magma()[0].sum() < 10 and magma()[255].sum() > 600
    assert (np.diff(magma()[::5].astype(int) @ [2, 7, 1]) > 0).all()  # brighter and brighter


def test_silence_is_a_picture_too():
    assert (levels(np.zeros(1000)) == 0).all()


def test_low_bands_lie_below_and_every_clip_fills_the_width():
    places = np.zeros((128, 3), np.uint8)
    places[0, 0] = 255
    drawn = picture(places)
    assert drawn.shape == (440, 600, 3) and drawn[-1, :200].min() == 191 and drawn[:400].max() <= 4
    assert drawn[-1, 201:].max() <= 4


def test_the_network_sees_a_square():
    assert squash(picture(levels(tone(700)))).shape == (224, 224, 3)


def test_a_jpeg_is_nearly_the_picture():
    drawn = picture(levels(tone(700, 2.0)))
    assert 0 < np.abs(jpeg(drawn).astype(int) - drawn).mean() < 8


# Sets


def test_padding_holds_the_edge_values():
    samples = tone(700, 1.5)
    padded = pad(samples)
    before = (len(padded) - len(samples)) // 2
    assert abs(len(padded) - 4 * RATE) <= 1
    assert (padded[:before] == samples[0]).all() and (padded[-before:] == samples[-1]).all()
    assert np.array_equal(padded[before:before + len(samples)], samples)


def test_a_long_clip_is_not_padded():
    assert len(pad(tone(700, 5.0))) == 5 * RATE


def gradient():
    return np.arange(440 * 600 * 3).reshape(440, 600, 3)


@pytest.mark.parametrize("share, pixels", [(0.25, 150), (0.5, 300), (0.75, 450)])
def test_a_true_roll_keeps_every_row(share, pixels):
    drawn, rolled = gradient(), roll(gradient(), share)
    assert np.array_equal(rolled[:, pixels:], drawn[:, :-pixels])
    assert np.array_equal(rolled[:, :pixels], drawn[:, -pixels:])


@pytest.mark.parametrize("share, pixels", [(0.25, 50), (0.5, 100), (0.75, 150)])
def test_the_published_roll_goes_a_third_as_far_and_wraps_a_row_lower(share, pixels):
    drawn, rolled = gradient(), roll_as_published(gradient(), share)
    assert np.array_equal(rolled[:, pixels:], drawn[:, :-pixels])
    assert np.array_equal(rolled[1:, :pixels], drawn[:-1, -pixels:])
    back = roll_as_published(drawn, -share)
    assert np.array_equal(back[:, :-pixels], drawn[:, pixels:])


def test_four_true_turns_are_all_there_are():
    assert {tuple(roll(gradient(), share)[0, :, 0]) for share in PUBLISHED_TURNS} == {
        tuple(roll(gradient(), share)[0, :, 0]) for share in TURNS}
    assert len(turns_of("rolled", True)) == 7 and len(turns_of("padded", True)) == 1


def test_a_shelf_gives_back_every_clip(clips, tmp_path):
    fill_shelf(clips[:3], tmp_path, "padded")
    shelf = Shelf(tmp_path, "padded")
    assert len(shelf) == 3
    for i in range(3):
        assert np.array_equal(shelf[i], levels(pad(read(clips[i]))))


def test_a_rolled_set_has_every_turn_of_every_clip(clips, tmp_path):
    fill_shelf(clips[:2], tmp_path, "padded")
    rolled = Pictures(Shelf(tmp_path, "padded"), [0, 1], [1, 0], TURNS)
    assert len(rolled) == 8 and rolled.truth.tolist() == [1] * 4 + [0] * 4
    assert np.array_equal(rolled.drawing(5), roll(rolled.drawing(4), 0.25))
    pixels, label = rolled[7]
    assert pixels.shape == (3, 224, 224) and pixels.dtype == torch.uint8 and label == 0


# Splits


def test_the_random_split_deals_every_class_alike(clips):
    split = random(clips)
    assert sorted(split.train + split.validation + split.test) == list(range(48))
    for label in ("dog_bark", "siren"):
        sizes = [sum(clips[i].label == label for i in part) for part in (split.train, split.validation, split.test)]
        assert sizes == [20, 2, 2]  # a fifth of 24 is 4, half of it for the test
    assert random(clips) == split and random(clips, seed=1) != split


def test_the_random_split_leaks_and_the_others_do_not(clips):
    assert leak(clips, random(clips))["recording_seen"] == 1
    assert leak(clips, random(clips))["lookup_macro_f1"] == 1  # without hearing anything
    for split in (*by_folds(clips), by_recording(clips)):
        learnt = {clips[i].recording for i in split.train}
        for part in (split.validation, split.test):
            assert part and not learnt & {clips[i].recording for i in part}
        assert leak(clips, split)["recording_seen"] == 0 and leak(clips, split)["lookup_accuracy"] <= 0.5


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shared", [20, 17, 5])
def test_a_recording_of_two_classes_is_learnt_or_tested_but_never_both(seed, shared):
    both = [Clip(Path(f"{label}/{one}.wav"), label, 1 + one % 2, str(one)) for one in range(20)
            for label in ("speech", "dog")[:1 + (one < shared)]]
    for split in (by_recording(both, seed), *by_folds(both, seed=seed)):
        parts = [{both[i].recording for i in part} for part in (split.train, split.validation, split.test)]
        assert not parts[0] & parts[1] and not parts[1] & parts[2] and not parts[0] & parts[2]
        assert {both[i].label for i in split.train} == {"speech", "dog"} and leak(both, split)["recording_seen"] == 0
    assert len(by_recording(both, seed).test) <= 2 * 20 // 10


def test_where_a_recording_has_one_class_the_splits_are_those_of_before(clips):
    """Figures were made with them."""
    assert by_recording(clips).test == [*range(32, 36), *range(44, 48)]
    assert by_recording(clips, 3).validation == [*range(24, 28), *range(36, 40)]
    assert [split.validation for split in by_folds(clips)] == [[*range(24, 28), *range(36, 40)], [*range(4), *range(12, 16)]]


def test_a_fold_is_tested_whole(clips):
    for split in by_folds(clips):
        assert {clips[i].fold for i in split.test} == {split.fold} and len(split.test) == 24


def test_a_fold_that_is_not_here_is_named(clips):
    with pytest.raises(ValueError, match=r"fold 7 is not here; there are \[1, 2\]"):
        by_folds(clips, [7])


def test_clips_without_folds_ask_for_another_split(tmp_path):
    (tmp_path / "hum").mkdir()
    soundfile.write(tmp_path / "hum" / "a.wav", tone(100), RATE)
    with pytest.raises(ValueError, match="--splits random"):
        by_folds(find_clips(tmp_path))
    with pytest.raises(ValueError, match="too few clips"):
        splits(find_clips(tmp_path), ["random"])


def test_a_split_for_which_there_are_too_few_clips_bars_no_other(tmp_path, capfd):
    for label, hz in (("hum", 100), ("hiss", 3000)):
        (tmp_path / label).mkdir()
        for take in range(6):
            soundfile.write(tmp_path / label / f"{1 + take % 2}-{100 + take}-A.wav", tone(hz, seed=take), RATE)
    clips = find_clips(tmp_path)
    made, (line,) = splits(clips, ["random", "folds"])
    assert [split.name for split in made] == ["fold1", "fold2"] and line.startswith("too few clips for the random split (train 10,")
    with pytest.raises(SystemExit) as ended:
        main(["data", "split", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    told = capfd.readouterr().out
    assert ended.value.code == 0 and f"left out: {line}\n" in told and "fold2: train" in told
    with pytest.raises(SystemExit) as ended:
        main(["train", "--recipe", "paper", "--data", str(tmp_path), "--out", str(tmp_path / "paper"), "--sets", "baseline", *TINY])
    assert ended.value.code == 0 and f"left out: {line}" in "\n".join(json.loads((tmp_path / "paper" / "table.json").read_text())["data"])


def test_fewer_clips_per_class(clips):
    assert len(chosen(clips, 5)) == 10 and chosen(clips, 0) is clips


# Folders


def test_arranged_clips_keep_fold_and_recording(urban, clips, tmp_path):
    assert arrange(urban, tmp_path) == 48
    arranged = find_clips(tmp_path)
    assert {(c.label, c.fold, c.recording) for c in arranged} == {(c.label, c.fold, c.recording) for c in clips}
    assert len(arranged) == 48


def test_arranged_clips_of_any_table_keep_fold_and_recording(tmp_path):
    (tmp_path / "data" / "meta").mkdir(parents=True)
    (tmp_path / "data" / "audio").mkdir()
    names = {"bark": "yard-7", "1-100-A-0": "100", "2024-11-28": "2024", "1-100-far": "100"}
    rows = [f"{name}.wav;2;dog;{recording}" for name, recording in names.items()]
    (tmp_path / "data" / "meta" / "ours.csv").write_text("\n".join(["filename;fold;category;src_file", *rows]))
    for name in names:
        soundfile.write(tmp_path / "data" / "audio" / f"{name}.wav", tone(100), RATE)
    arrange(tmp_path / "data", tmp_path / "out")
    assert sorted((c.fold, c.recording) for c in find_clips(tmp_path / "out")) == sorted((2, one) for one in names.values())


def test_a_recording_of_any_name_is_arranged_beside_its_class_and_stays_one(tmp_path):
    """As tables have them: with folders, drives and dashes."""
    recordings = ("sess0/take.wav", "sess0_take.wav", "a--b", "a-b", "C:\\take", "..", "nul", "x" * 300, "Zürich", "end-")
    (tmp_path / "meta").mkdir()
    (tmp_path / "audio").mkdir()
    rows = [(f"{place}-{part}.wav", 2, "dog", recording) for place, recording in enumerate(recordings) for part in "ab"]
    (tmp_path / "meta" / "own.csv").write_text("filename,fold,category,src_file\n" + "".join(
        ",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    for name, *_ in rows:
        soundfile.write(tmp_path / "audio" / name, np.ones(9), RATE)
    arrange(tmp_path, tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert all(path.parent == tmp_path / "out" / "dog" and not set(path.name) & set('\\:*?"<>|') for path in files)
    found = find_clips(tmp_path / "out")
    groups = Counter(clip.recording for clip in found)
    assert len(found) == len(rows) == len(files) and list(groups.values()) == [2] * len(recordings)
    arrange(tmp_path / "out", tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again" / "dog").iterdir()) == sorted(path.name for path in files)


def test_what_is_missing_is_told(urban, clips):
    text = "\n".join(report(urban, clips))
    assert "missing: 3 4 5 6 7 8 9 10" in text and "1 (24 of 873 clips)" in text
    assert "1 rows of the table have no file" in text


def data(action, urban, out, *more):
    with pytest.raises(SystemExit) as ended:
        main(["data", action, "--data", str(urban), "--out", str(out), *more])
    assert ended.value.code == 0


def test_padded_files_are_a_data_set(urban, tmp_path, capfd):
    data("pad", urban, tmp_path)
    padded = find_clips(tmp_path)
    assert len(padded) == 48 and {clip.fold for clip in padded} == {1, 2}
    assert abs(len(read(padded[0])) - 4 * RATE) <= 1


@pytest.mark.parametrize("arranged", [True, False])
def test_no_recording_is_written_over(tmp_path, capfd, arranged):
    """Neither through a link of `arrange` nor where the clips lie themselves."""
    clips = tmp_path / "clips"
    for label in ("Müll", "a"):
        (clips / label).mkdir(parents=True)
        soundfile.write(clips / label / "1.wav", tone(300), RATE)
    before = {path: path.read_bytes() for path in clips.glob("*/*")}
    out = tmp_path / "out" if arranged else clips
    if arranged:
        data("arrange", clips, out)
    with pytest.raises(SystemExit) as ended:
        main(["data", "pad", "--data", str(clips), "--out", str(out)])
    assert ended.value.code == 2 and "holds the clips themselves (Mull/1.wav): choose another --out" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in clips.glob("*/*")} == before


def test_clips_that_differ_in_their_kind_alone_stay_two(tmp_path, capfd):
    (tmp_path / "clips" / "a").mkdir(parents=True)
    for kind in ("wav", "flac"):
        soundfile.write(tmp_path / "clips" / "a" / f"1.{kind}", tone(300), RATE)
    data("pad", tmp_path / "clips", tmp_path / "out")
    data("pad", tmp_path / "clips", tmp_path / "out")  # once more: the same files
    assert sorted(path.name for path in (tmp_path / "out" / "a").iterdir()) == ["1.flac.wav", "1.wav.wav"]


@pytest.mark.parametrize("more, turns, kind", [([], 4, "png"), (["--as-published"], 7, "jpg")])
def test_rolled_files_are_pictures(urban, clips, tmp_path, more, turns, kind, capfd):
    """As they were drawn, unless the original's way with JPEG is asked for."""
    data("roll", urban, tmp_path, *more)
    pictures = list(tmp_path.glob("*/*.*"))
    assert len(pictures) == 48 * turns and {path.suffix for path in pictures} == {"." + kind}
    turned = tmp_path / clips[0].label / f"{Path(kept_name(clips[0])).stem}+25.{kind}"
    as_drawn = np.array_equal(Image.open(turned), roll(picture(levels(pad(read(clips[0])))), 0.25))
    assert Image.open(turned).size == (600, 440) and as_drawn == (kind == "png")


def test_the_split_is_a_table_and_its_leak_is_said(urban, tmp_path, capfd):
    data("split", urban, tmp_path)
    head, *rows = (tmp_path / "split.csv").read_text().splitlines()
    assert head == "file,label,fold,recording,random,fold1,fold2,recordings" and len(rows) == 48
    said = capfd.readouterr().out
    assert "100.0 % of the test" in said and "fold1: train" in said


def test_a_clip_exchanged_for_one_of_its_size_is_drawn_anew(tmp_path):
    (tmp_path / "a").mkdir()
    drawn = []
    for hz in (300, 5000):
        soundfile.write(tmp_path / "a" / "1.wav", tone(hz), RATE)
        fill_shelf(find_clips(tmp_path), tmp_path / "shelf", "baseline")
        drawn.append(Shelf(tmp_path / "shelf", "baseline")[0].copy())
    assert drawn[0].shape == drawn[1].shape and not np.array_equal(*drawn)


def test_where_there_are_no_two_folds_the_honest_split_is_by_recordings(clips):
    assert honest(clips) == ("random", "folds")
    assert honest([clip for clip in clips if clip.fold == 1]) == ("random", "recordings")
    assert honest([*clips, replace(clips[0], fold=0)]) == ("random", "recordings")  # of none: it would be learnt nowhere


def test_what_cannot_be_shared_is_told_before_anything_is_drawn():
    check_shares(Recipe(batch=16), Crew())
    with pytest.raises(ValueError, match="a batch of 16 can't be shared by 3 processes"):
        check_shares(Recipe(batch=16), SimpleNamespace(world=3))


def test_averages_and_histograms_are_drawn(urban, tmp_path, capfd):
    data("averages", urban, tmp_path)
    data("histograms", urban, tmp_path)
    found = json.loads((tmp_path / "averages" / "averages.json").read_text())
    assert found["rolled"]["siren"]["pictures"] == 96 and len(found["padded"]["siren"]["rows_from_below"]) == 440
    assert json.loads((tmp_path / "histograms.json").read_text())["siren"]["clips"] == 24
    for name in ("averages/baseline.png", "averages/rolled.png", "histograms.png"):
        assert Image.open(tmp_path / name).size[0] > 300


# Networks


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "mobilenet_v3_small"])
def test_any_classifier_gets_a_new_last_layer(name):
    net, words = build(name, 7, "none")
    assert net.eval()(torch.rand(1, 3, 224, 224)).shape == (1, 7) and words == "random"


def test_weights_of_a_file_are_kept_below_the_last_layer(tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(3)
    theirs = models.squeezenet1_1(weights=None)
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    net, words = build("squeezenet1_1", 3, str(tmp_path / "w.safetensors"))
    assert torch.equal(net.features[0].weight, theirs.features[0].weight) and words == "file w.safetensors"
    with pytest.raises(ValueError, match="does not hold torchvision's resnet18"):
        build("resnet18", 3, str(tmp_path / "w.safetensors"))


def test_weights_that_cannot_be_had_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(OSError, match="give --weights FILE"):
        build("resnet50", 10)


def test_weights_that_torchvision_has_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    theirs = models.squeezenet1_1(weights=None)
    torch.save(theirs.state_dict(), tmp_path / "hub" / "checkpoints" / name)
    net, words = build("squeezenet1_1", 3)
    assert torch.equal(net.features[0].weight, theirs.features[0].weight) and "IMAGENET1K_V1" in words


@pytest.mark.parametrize("name, said", [("resnet", "no torchvision classifier"), ("inception_v3", "single output")])
def test_networks_that_do_not_fit(name, said):
    with pytest.raises(ValueError, match=said):
        build(name, 3, "none")


# Training


class Torn(Pictures):
    """Pictures that break off after some, as a run that is stopped."""

    left = 1_000_000

    def __getitem__(self, i):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__getitem__(i)


def little():
    torch.manual_seed(0)
    return nn.Sequential(nn.AvgPool2d(28), nn.Flatten(), nn.Dropout(0.2), nn.Linear(192, 2))


def taught(clips, folder, left=1_000_000, team=Crew()):
    """A course of two epochs in `folder`/run, its pictures breaking off after `left`."""
    team.in_turn(lambda: fill_shelf(clips, folder, "baseline"))
    labels = [clip.label == "siren" for clip in clips]
    split = random(clips)
    pictures = Torn(Shelf(folder, "baseline"), list(map(int, labels)), split.train)
    validation = Pictures(pictures.shelf, pictures.labels, split.validation)
    pictures.left = left
    course = Course(little(), Recipe(epochs=2, batch=8), team)
    train(course, pictures, validation, Run(folder / "run", {}), "test")
    return course


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(clips, tmp_path):
    whole = taught(clips, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        taught(clips, tmp_path / "stopped", left=60)  # in the second epoch of 40
    resumed = taught(clips, tmp_path / "stopped", left=60)  # all over again it would want 80
    for name, tensor in whole.net.state_dict().items():
        assert torch.equal(tensor, resumed.net.state_dict()[name]), name
    assert whole.curves == resumed.curves and len(whole.curves) == 2


# What each of two processes does: a run, and another one that is stopped and goes on.
SHARED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import pytest
import torch
from instrument.learn.dataset import find_clips
from instrument.learn.paper.crew import crew
from test_paper import kept, taught
torch.set_num_threads(1)
clips, folder = find_clips(sys.argv[2]), Path(sys.argv[3])
with crew() as team:
    taught(clips, folder / "whole", team=team)
    with pytest.raises(KeyboardInterrupt):
        taught(clips, folder / "stopped", 30, team)  # in the second epoch: each has half of the pictures
    assert kept(folder / "stopped")["step"] == 5
    taught(clips, folder / "stopped", 30, team)  # all over again each would want 40
"""


def kept(folder):
    """What the run in a folder has saved."""
    return torch.load(folder / "run" / "checkpoint.pt", weights_only=True)


def test_two_processes_that_were_stopped_go_on_as_if_they_had_not_been(urban, tmp_path):
    here = Path(__file__).parent
    (tmp_path / "shared.py").write_text(SHARED)
    done = subprocess.run([*TORCHRUN, str(tmp_path / "shared.py"), str(here), str(urban), str(tmp_path)],
                          cwd=here.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    one, other = kept(tmp_path / "whole"), kept(tmp_path / "stopped")
    assert one["step"] == other["step"] == 10 and one["course"]["curves"] == other["course"]["curves"]
    for name, tensor in one["course"]["net"].items():
        assert torch.equal(tensor, other["course"]["net"][name]), name


def test_training_lowers_the_loss(clips, tmp_path):
    first, last = taught(clips, tmp_path).curves
    assert last["train_loss"] < first["train_loss"]


@pytest.mark.parametrize("emulated", [False, True])
def test_a_gpu_that_only_plays_bfloat16_learns_in_float16(monkeypatch, emulated):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or not emulated)
    assert _precision("cuda:0") is (torch.float16 if emulated else torch.bfloat16) and _precision("cpu") is None


def test_processes_share_every_batch():
    shares = [list(Batches(10, range(5), Recipe(batch=4), Crew(rank, 2))) for rank in (0, 1)]
    (alone,) = [list(Batches(10, range(5), Recipe(batch=4), Crew()))]
    assert [sorted(a + b) for a, b in zip(*shares)] == [sorted(whole) for whole in alone]


# The whole


def paper(urban, out, *more):
    with pytest.raises(SystemExit) as ended:
        main(["train", "--recipe", "paper", "--data", str(urban), "--out", str(out), *TINY, *more])
    assert ended.value.code == 0


def test_one_table_has_both_splits_side_by_side(urban, tmp_path, capfd):
    torch.set_num_threads(1)
    paper(urban, tmp_path, "--test-folds", "1", "--per-class", "10", "--sets", "baseline", "rolled")
    found = json.loads((tmp_path / "table.json").read_text())
    assert list(found["splits"]) == ["random", "folds"] and found["weights"] == "random"
    for kind in found["splits"].values():
        assert list(kind["macro_f1"]) == list(kind["macro_f1"]["rolled"]) == ["baseline", "rolled"]
    assert found["splits"]["random"]["leak"]["recording_seen"] > found["splits"]["folds"]["leak"]["recording_seen"] == 0
    lines = (tmp_path / "table.md").read_text()
    assert "baseline, random | baseline, folds | rolled, random | rolled, folds" in lines and "shufflenet" in lines
    confusion = json.loads((tmp_path / "confusion" / "folds-rolled-on-baseline.json").read_text())
    assert np.sum(confusion["confusion"]) == found["splits"]["folds"]["test"][0]
    drawn = ("table.png", "confusion/random-baseline-on-rolled.png", "curves/fold1-rolled.png", "averages/rolled.png")
    for name in drawn:
        assert Image.open(tmp_path / name).size[0] > 200


def test_two_experiments_in_one_folder_is_one_line(urban, tmp_path, capsys):
    with sole(tmp_path), pytest.raises(SystemExit) as ended:
        main(["train", "--recipe", "paper", "--data", str(urban), "--out", str(tmp_path), *TINY])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and "another process is at work there" in said


def test_what_a_network_is_tested_on_it_has_not_learnt(urban, tmp_path, capfd, monkeypatch):
    torch.set_num_threads(1)
    seen = []
    monkeypatch.setattr("instrument.learn.paper.study.train", lambda _, learnt, validation, *__: seen.append((learnt, validation)))
    monkeypatch.setattr(Course, "judge", lambda _, pictures: seen.append((pictures,)) or np.zeros((len(pictures), 2)))
    paper(urban, tmp_path, "--sets", "baseline")
    clips, parts = find_clips(urban), [[set(pictures.members) for pictures in one] for one in seen]
    for (learnt, validation), (tested,), split in zip(parts[::2], parts[1::2], splits(clips)[0], strict=True):
        assert [sorted(part) for part in (learnt, validation, tested)] == [split.train, split.validation, split.test]
        assert not learnt & tested and not learnt & validation and not validation & tested


def write_esc(folder, takes=6):
    """Two classes in folds 1 and 2 as ESC-50 has them, two takes of each recording; every recording lies in one fold."""
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    (folder / "meta").mkdir()
    (folder / "audio").mkdir()
    for target, (label, hz) in enumerate((("dog", 500), ("rain", 2000))):
        for fold in (1, 2):
            for take in range(takes):
                source, letter = 1000 * target + 100 * fold + take // 2 + 100, "AB"[take % 2]
                name = f"{fold}-{source}-{letter}-{target}.wav"
                rows.append(f"{name},{fold},{target},{label},False,{source},{letter}")
                soundfile.write(folder / "audio" / name, tone(hz + source % 100, seed=source), RATE)
    (folder / "meta" / "esc50.csv").write_text("\n".join(rows))
    return folder


def test_the_experiment_on_esc_tests_its_folds(tmp_path, capfd):
    torch.set_num_threads(1)
    esc = write_esc(tmp_path)
    paper(esc, tmp_path / "out", "--splits", "folds", "--sets", "baseline")
    found = json.loads((tmp_path / "out" / "table.json").read_text())
    assert found["classes"] == ["dog", "rain"] and any("missing: 3 4 5" in line for line in found["data"])
    folds = found["splits"]["folds"]
    assert folds["folds"] == [1, 2] and folds["test"] == [12, 12] and folds["leak"]["recording_seen"] == 0
    arrange(esc, tmp_path / "plain")
    kept = [(clip.label, clip.fold, clip.recording) for clip in find_clips(tmp_path / "plain")]
    assert sorted(kept) == sorted((clip.label, clip.fold, clip.recording) for clip in find_clips(esc))


def test_the_experiment_on_plain_folders_is_the_random_split(tmp_path, capfd):
    torch.set_num_threads(1)
    for label, hz in (("hum", 110), ("whistle", 2500)):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for take in range(10):
            soundfile.write(tmp_path / "sounds" / label / f"2024-11-28 take {take}.wav", tone(hz, seed=take), RATE)
    paper(tmp_path / "sounds", tmp_path / "out", "--splits", "random", "--sets", "baseline")
    found = json.loads((tmp_path / "out" / "table.json").read_text())
    assert found["splits"]["random"]["test"] == [2] and found["splits"]["random"]["leak"]["recording_seen"] == 0
    assert "no folds: split at random and by recordings" in found["data"]


def test_a_set_that_comes_later_is_tested_by_what_is_trained_already(urban, tmp_path, capfd):
    torch.set_num_threads(1)
    few = ["--splits", "random", "--per-class", "10", "--sets"]
    paper(urban, tmp_path, *few, "baseline")
    trained = (tmp_path / "runs" / "random" / "baseline" / "checkpoint.pt").read_bytes()
    before = json.loads((tmp_path / "table.json").read_text())["splits"]["random"]["macro_f1"]["baseline"]["baseline"]
    paper(urban, tmp_path, *few, "baseline", "padded")
    found = json.loads((tmp_path / "table.json").read_text())["splits"]["random"]["macro_f1"]
    assert list(found) == list(found["baseline"]) == ["baseline", "padded"] and found["baseline"]["baseline"] == before
    assert (tmp_path / "runs" / "random" / "baseline" / "checkpoint.pt").read_bytes() == trained


def test_two_processes_train_one_network(urban, clips, tmp_path):
    work = ["-m", "instrument", "train", "--recipe", "paper", "--data", str(urban), "--out", str(tmp_path), *TINY]
    few = ["--splits", "random", "--sets", "baseline", "--per-class", "10"]
    root = Path(__file__).parents[1]
    done = subprocess.run([*TORCHRUN, *work, *few], cwd=root, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "table.json").read_text())
    assert found["processes"] == 2 and done.stdout.count("Network shufflenet") == 1
    # One process with the weights that the two have made gives their answers.
    net, _ = build("shufflenet_v2_x0_5", 2, "none")
    net.load_state_dict(torch.load(tmp_path / "runs" / "random" / "baseline" / "checkpoint.pt", weights_only=True)
                        ["course"]["net"])
    some = chosen(clips, 10)
    pictures = Pictures(Shelf(tmp_path / "pictures", "baseline"), [int(clip.label == "siren") for clip in some],
                        random(some).test)
    alone = Course(net, Recipe(), Crew()).judge(pictures, progress=False)
    told = json.loads((tmp_path / "runs" / "random" / "baseline" / "scores.json").read_text())["tests"]["baseline"]
    assert told["n"] == len(pictures) == 2 and told["accuracy"] == (alone.argmax(1) == pictures.truth).mean()
