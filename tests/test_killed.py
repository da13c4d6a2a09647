"""A training that is killed goes on, given the same command, as if nothing had been."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_learn import write_plain

from instrument.learn import augment
from instrument.learn import train as training
from instrument.learn.train import Settings, train

STEPS = 3
SHORT = {"NOISES": (augment, 2), "SAVED": (training, 1), "settle": (training, lambda *_: None),
         "answer_anew": (training, lambda *_: None), "remember": (training, lambda *_: None)}
# Ends itself by a signal: in the second step, or while its second checkpoint has been written but not put in place.
CHILD = """
import os, sys
sys.path.insert(0, sys.argv[1])
from test_killed import learn, shorten
from instrument.learn import course, run
shorten(setattr)
calls, where, name = [], *{"step": (course.Course, "learn"), "save": (run, "put")}[sys.argv[4]]
before = getattr(where, name)
def killed(*arguments):
    calls.append(arguments)
    if len(calls) == 2:
        os.kill(os.getpid(), int(sys.argv[5]))
    return before(*arguments)
setattr(where, name, killed)
learn(sys.argv[2], sys.argv[3])
"""


def shorten(patch):
    """Of the training only the steps, with a checkpoint after each."""
    torch.set_num_threads(1)
    for name, (module, value) in SHORT.items():
        patch(module, name, value)


def learn(data, folder):
    """Train a network from chance; what was learnt, step by step logged in `folder`/run."""
    train(Settings(str(data), batch=2, steps=STEPS), Path(folder) / "model", Path(folder) / "run", workers=0)
    return torch.load(Path(folder) / "run" / "checkpoint.pt", weights_only=True)["course"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_plain(tmp_path_factory.mktemp("data"), 2)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch.setattr)
        return learn(data, tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.skipif(sys.platform == "win32", reason="ends by POSIX signal")
@pytest.mark.parametrize("where, how", [("step", signal.SIGTERM), ("save", getattr(signal, "SIGKILL", 9))])
def test_a_killed_training_goes_on_as_if_nothing_had_been(data, undisturbed, tmp_path, monkeypatch, where, how):
    here = Path(__file__).parent
    child = subprocess.run([sys.executable, "-c", CHILD, str(here), str(data), str(tmp_path), where, str(int(how))],
                           env={**os.environ, "PYTHONPATH": str(here.parent)}, capture_output=True, text=True)
    assert child.returncode == -how, child.stderr
    assert not (tmp_path / "model" / "card.json").exists()
    shorten(monkeypatch.setattr)
    resumed = learn(data, tmp_path)
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3]  # the one that was saved is not learnt again
    for part in ("model", "average"):
        for name, tensor in undisturbed[part].items():
            assert torch.allclose(tensor.float(), resumed[part][name].float(), atol=1e-6), name
