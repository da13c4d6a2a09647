"""Seeing: a small distillation from a teacher of chance, stopped and gone on with, and taken up by a network that hears."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from test_learn import write_plain

from instrument.learn import distill as distilling
from instrument.learn.distill import Seeing, distill, divergence
from instrument.learn.pictures import read_squares
from instrument.learn.train import Settings, train
from instrument.model.card import load_model
from instrument.model.googlenet import GoogLeNet, load_googlenet, save_googlenet
from instrument.model.net import HearSee

SIDE = 64  # px; GoogLeNet halves it five times
pytestmark = pytest.mark.usefixtures("brief_training")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder, noise = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(8):
        Image.fromarray(noise.integers(0, 256, (SIDE, SIDE + 8, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("teacher") / "googlenet.safetensors"
    save_googlenet(GoogLeNet(), path)
    return path


def see(pictures, teacher, run, steps=3):
    torch.set_num_threads(1)
    return distill(distilling.Settings(str(pictures), str(teacher), steps, batch=4, side=SIDE), run).state_dict()


def logged(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_the_network_comes_to_see_as_its_teacher_does(pictures, teacher, tmp_path):
    def losses(run, steps):
        see(pictures, teacher, tmp_path / run, steps)
        seeing = Seeing(HearSee(), load_googlenet(teacher))
        seeing.load_state_dict(torch.load(tmp_path / run / "checkpoint.pt", weights_only=True)["model"])
        with torch.no_grad():
            return [float(loss) for loss in seeing.losses(read_squares(pictures, SIDE) / 255)]

    assert all(after < before for before, after in zip(losses("short", 1), losses("long", 16), strict=True))
    assert [line["step"] for line in logged(tmp_path / "long")] == [16]


def test_a_stopped_run_goes_on_where_it_was(pictures, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(distilling, "SAVED", 1)
    whole = see(pictures, teacher, tmp_path / "whole")
    batch_of = distilling.batch_of

    def torn(*given):
        if given[-1] == 2:
            raise KeyboardInterrupt
        return batch_of(*given)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(distilling, "batch_of", torn)
        see(pictures, teacher, tmp_path / "torn")
    resumed = see(pictures, teacher, tmp_path / "torn")
    assert [line["step"] for line in logged(tmp_path / "torn")] == [1, 2, 3]
    for name, tensor in whole.items():
        assert torch.allclose(tensor.float(), resumed[name].float(), atol=1e-4), name


def test_other_pictures_or_another_teacher_are_another_run_and_another_place_is_none(pictures, teacher, tmp_path):
    moved = shutil.copytree(pictures, tmp_path / "elsewhere")
    kept = shutil.copy(teacher, tmp_path / "teacher.safetensors")
    see(pictures, teacher, tmp_path / "run")
    see(moved, kept, tmp_path / "run")
    (moved / "more").mkdir()
    shutil.copy(moved / "0.png", moved / "more" / "0.png")
    save_googlenet(GoogLeNet(), tmp_path / "teacher.safetensors")
    for photographs, other, said in ((moved, teacher, "pictures"), (pictures, kept, "teacher")):
        with pytest.raises(ValueError, match=rf"other settings or sounds \({said}; see"):
            see(photographs, other, tmp_path / "run")


@pytest.mark.parametrize("name, content, words", [
    ("cut.png", b"\x89PNG\r\n", "cut.png is no whole picture"), ("cut.zip", b"PK\3\4", "cut.zip: no whole zip"), ("._mac.png", b"", "")])
def test_a_damaged_picture_is_named_in_one_line(pictures, tmp_path, name, content, words):
    folder = shutil.copytree(pictures, tmp_path / "pictures")
    (folder / name).write_bytes(content)
    if not words:
        assert len(read_squares(folder, 16)) == 8
        return
    with pytest.raises(ValueError, match=words) as caught:
        read_squares(folder, 16)
    assert "\n" not in str(caught.value)



def test_like_answers_diverge_least():
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    assert float(divergence(logits, logits + 3, 2.0)) == pytest.approx(0, abs=1e-5)  # the same answers
    assert float(divergence(-logits, logits, 2.0)) > float(divergence(0.5 * logits, logits, 2.0)) > 0.01


def test_a_network_that_learns_to_hear_goes_on_seeing(pictures, teacher, tmp_path):
    see(pictures, teacher, tmp_path / "see", 1)
    settings = dict(data=str(write_plain(tmp_path / "sounds")), start=str(tmp_path / "see"), batch=4, steps=2)
    eyes = dict(pictures=str(pictures), picture_teacher=str(teacher), picture_every=1)
    blind, seeing = (load_model(train(Settings(**settings, **more), tmp_path / name, tmp_path / "runs" / name)).net
                     for name, more in (("blind", {}), ("seeing", eyes)))
    assert "pictures" in (tmp_path / "runs" / "seeing" / "settings.json").read_text()
    one, other = blind.state_dict(), seeing.state_dict()
    assert any("picture" in name and not torch.equal(one[name], other[name]) for name in one)
