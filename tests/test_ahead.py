"""Work done ahead: processes make batches and threads read files, and no result is another one for it."""

import multiprocessing
import os
import pickle
import signal
import sys
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from instrument.audio.frontend import FrontEnd
from instrument.learn.ahead import GONE, ahead, in_threads, losses_told, usual_workers
from instrument.learn.course import Average, Batches
from instrument.learn.dataset import classes_of, find_clips
from instrument.learn.distill import batch_of
from instrument.learn.pictures import read_squares
from instrument.learn.run import Losses
from instrument.learn.train import Settings, gather, train
from instrument.model.net import HearSee

RATE = FrontEnd().rate
pytestmark = pytest.mark.usefixtures("brief_training")


def times_ten(number):
    return torch.tensor(10 * number), None


def die_at(last, number):
    if number == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return torch.tensor(number)


def fail_at(last, number):
    if number == last:
        raise ValueError(f"{number} is broken")
    return number


def flat(made):
    """The tensors of nested tuples."""
    if isinstance(made, torch.Tensor):
        return [made]
    return [tensor for part in made or () for tensor in flat(part)]


@pytest.fixture
def sounds(tmp_path):
    for label, hz in (("hum", 110), ("whistle", 2500)):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for take in range(3):
            tone = np.sin(2 * np.pi * hz * (1 + 0.05 * take) * np.arange(int(0.6 * RATE)) / RATE)
            soundfile.write(tmp_path / "sounds" / label / f"{take}.wav", 0.3 * tone, RATE)
    return tmp_path / "sounds"


@pytest.fixture
def pictures(tmp_path):
    chance = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(8):
        Image.fromarray(chance.integers(0, 256, (20 + number, 30, 3), np.uint8)).save(tmp_path / f"{number}.png")
    with ZipFile(tmp_path / "pictures" / "some.zip", "w") as archive:
        for number in range(8):
            archive.write(tmp_path / f"{number}.png", f"train/{number}.png")
    return tmp_path / "pictures"


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["course"]


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]) if torch.is_tensor(value) else value == other[name], name


@pytest.mark.parametrize("workers", (0, 1, 2))
def test_what_is_made_ahead_comes_in_order(workers):
    made = list(ahead(times_ten, range(4, 11), workers))
    assert [int(tensor) for tensor, _ in made] == list(range(40, 110, 10)) and {nothing for _, nothing in made} == {None}


def test_making_ahead_draws_no_random_number_of_the_training():
    torch.manual_seed(3)
    alone = torch.rand(2)
    torch.manual_seed(3)
    list(ahead(times_ten, range(3), 2))
    assert torch.equal(torch.rand(2), alone)


@pytest.mark.skipif(sys.platform == "win32", reason="ends by POSIX signal")
def test_a_process_that_was_killed_is_one_line_and_leaves_none_behind():
    """While there is one left, PyTorch may raise the loss again, wherever we are."""
    with pytest.raises(ValueError, match="give fewer --workers") as caught:
        list(ahead(partial(die_at, 2), range(4), 2))
    assert "\n" not in str(caught.value) and multiprocessing.active_children() == []


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="no such processes there")
def test_one_that_is_killed_while_something_else_is_done_is_one_line_too():
    @losses_told()
    def learn():
        for _ in ahead(times_ten, range(100), 2):
            child = multiprocessing.active_children()[0].pid
            os.kill(child, signal.SIGKILL)
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # until it is dead, which PyTorch is to find out

    with pytest.raises(ValueError, match="give fewer --workers"):
        learn()


@pytest.mark.parametrize("error", (EOFError(), ConnectionResetError()))
def test_what_a_killed_process_had_made_cannot_be_fetched_and_that_is_told_alike(error):
    with pytest.raises(ValueError, match="give fewer --workers"), losses_told(*GONE):
        raise error
    with pytest.raises(type(error)), losses_told():  # elsewhere it may be anything
        raise error


def test_threads_keep_the_order_and_the_first_error():
    assert in_threads(lambda number: number * number, range(50)) == [number * number for number in range(50)]
    with pytest.raises(ValueError, match="^7 is broken$"):
        in_threads(partial(fail_at, 7), range(20))


def test_beside_a_processor_nobody_works_ahead_unasked():
    assert usual_workers("cpu") == 0 and usual_workers("cuda") == min(8, os.cpu_count() - 1)


@pytest.mark.parametrize("system", ("win32", "darwin"))
def test_there_are_none_either_where_each_would_get_a_copy_of_all_clips(monkeypatch, system):
    monkeypatch.setattr("instrument.learn.ahead.sys.platform", system)
    assert usual_workers("cuda") == 0


def test_what_makes_batches_can_be_sent_to_a_process_that_is_not_forked(sounds):
    clips = find_clips(sounds)
    settings = Settings(str(sounds), steps=3, batch=4)
    made = Batches(settings, gather(clips, classes_of(clips)), None)
    sent = pickle.loads(pickle.dumps(made))
    assert all(torch.equal(one, other) for one, other in zip(flat(made(0)), flat(sent(0)), strict=True))


def test_workers_give_the_weights_that_none_give_and_may_change_on_the_way(sounds, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setattr("instrument.learn.train.settle", lambda *_: None)  # what comes after the steps is none of this
    settings = Settings(str(sounds), steps=3, batch=4)
    for name, workers in (("none", 0), ("two", 2)):
        train(settings, tmp_path / name, tmp_path / "runs" / name, workers)
    none, two = (weights(tmp_path / "runs" / name) for name in ("none", "two"))
    for part in ("model", "average"):
        assert_same(none[part], two[part])
    lines = [(tmp_path / "runs" / name / "log.jsonl").read_text() for name in ("none", "two")]
    assert lines[0] == lines[1] and '"sound"' in lines[0]
    train(settings, tmp_path / "two", tmp_path / "runs" / "two", 0)  # the number of workers is no setting of a run


def test_clips_are_read_in_their_order(sounds):
    clips = find_clips(sounds)
    for clip, samples in zip(clips, gather(clips, classes_of(clips)).samples):
        assert np.array_equal(samples, soundfile.read(clip.path)[0].astype(np.float16))


def test_pictures_are_read_in_their_order_also_from_zips(pictures, tmp_path):
    from_zip = read_squares(pictures, 16)
    for path in tmp_path.glob("*.png"):
        path.rename(pictures / path.name)
    Path(pictures / "some.zip").unlink()
    assert from_zip.shape == (8, 3, 16, 16) and torch.equal(from_zip, read_squares(pictures, 16))
    assert len({square.numpy().tobytes() for square in from_zip}) == 8
    one = Image.open(pictures / "3.png").resize((16, 16), Image.Resampling.BICUBIC, (3, 0, 26, 23))
    assert np.array_equal(from_zip[3].numpy().transpose(1, 2, 0), np.asarray(one))


def test_crops_made_ahead_are_the_same(pictures):
    torch.set_num_threads(1)
    make = partial(batch_of, read_squares(pictures, 32), 4, 0, 32)
    for here, beside in zip(ahead(make, range(5, 8)), ahead(make, range(5, 8), 2), strict=True):
        assert torch.equal(here, beside)


def test_losses_are_running_means_that_are_read_when_asked():
    losses, mean = Losses(0.9), 2.0
    assert str(losses) == "" and losses.read() == {}
    losses.add("sound", torch.tensor(2.0, requires_grad=True))
    for value in (1.0, 4.0):
        losses.add("sound", torch.tensor(value))
        mean = 0.9 * mean + 0.1 * value
    losses.add("pictures", torch.tensor(0.25))
    assert losses.read() == {"sound": pytest.approx(mean, rel=1e-12), "pictures": 0.25}
    assert str(losses) == f"sound {mean:.3f} pictures 0.250"


def test_the_average_follows_as_that_of_pytorch_does():
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    net = HearSee(2)
    ours, theirs = Average(net, 0.9), AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for step in range(3):
        with torch.no_grad():
            for tensor in net.parameters():
                tensor += 0.1 * torch.randn_like(tensor)
        net.use("sound").train()(torch.randn(2, 3, 64, 64))
        ours.follow(net)
        theirs.update_parameters(net)
    theirs, ours = theirs.state_dict(), ours.state_dict()
    assert ours.keys() == theirs.keys() and int(ours["n_averaged"]) == 3
    assert_same(*({name: value for name, value in one.items() if value.is_floating_point()} for one in (ours, theirs)))
