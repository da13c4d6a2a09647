"""The ear: on the processor it answers as the network does, on a GPU as on the processor, and a GPU that fails hands over.

The GPU is pretended: a graph notes each operation and where it wrote, and a replay does them again to the same places.
"""

from contextlib import contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from instrument.audio.engine import DECISION
from instrument.bench.hear import stage_rows
from instrument.cli import main
from instrument.hearing import load_network
from instrument.model import ear
from instrument.model.card import load_model
from instrument.model.ear import Ear, open_ear
from instrument.model.net import WIDTHS, folded
from instrument.model.sound import SECONDS

torch.set_num_threads(1)
COUNTS = range(1, SECONDS + 1)


@pytest.fixture(scope="module")
def net():
    return load_model().net


def windows(count, seed=0):
    """`count` seconds of random log-mel."""
    chance = np.random.default_rng(seed)
    front = load_model().front_end
    return chance.normal(-6, 4, (count, front.bands, front.frames(1.0))).astype(np.float32)


class Tape(TorchDispatchMode):
    """Notes operations; `play` does them again, to where they wrote the first time."""

    def __init__(self):
        super().__init__()
        self._notes = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        self._notes.append((function, args, kwargs or {}, output))
        return output

    def play(self):
        for function, args, kwargs, output in self._notes:
            for still, fresh in zip(tree_leaves(output), tree_leaves(function(*args, **kwargs)), strict=True):
                still.copy_(fresh)


class Graph:
    """In the place of torch's; `replays` and `modes` of all of them."""

    replays, modes, fault, broken = 0, [], None, None

    def capture_begin(self, capture_error_mode):
        if Graph.fault:
            raise Graph.fault
        self.modes.append(capture_error_mode)
        self._tape = Tape()
        self._tape.__enter__()

    def capture_end(self):
        if Graph.fault is None:
            self._tape.__exit__(None, None, None)

    def replay(self):
        if Graph.broken:
            raise Graph.broken
        Graph.replays += 1
        self._tape.play()


class Stream:
    """Numbered by priority."""

    def __init__(self, device, priority):
        self.priority = priority

    @staticmethod
    def priority_range():
        return 0, -5


@pytest.fixture
def cuda(monkeypatch):
    """A CUDA that is the processor; its Graph, and the streams that were worked on."""
    on = []

    @contextmanager
    def stream(one):
        on.append(one)
        yield

    nothing = lambda *_: None
    event = lambda blocking: SimpleNamespace(record=nothing, synchronize=nothing)
    for name, fake in (("is_available", lambda: True), ("Stream", Stream), ("stream", stream), ("CUDAGraph", Graph),
                       ("device", lambda _: nullcontext()), ("Event", event),
                       ("current_stream", lambda: SimpleNamespace(synchronize=nothing))):
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(ear, "_pinned", torch.empty)
    monkeypatch.setattr(ear, "Gpu", partial(place, ear.Gpu))
    for name, value in (("replays", 0), ("modes", []), ("fault", None), ("broken", None)):
        monkeypatch.setattr(Graph, name, value)
    return SimpleNamespace(graph=Graph, on=on)


def place(gpu, net, device):
    """A Gpu whose memory is the processor's."""
    assert device == "cuda"
    return gpu(net, "cpu")


def slow_on(monkeypatch, device):
    monkeypatch.setattr(ear, "seconds_of_call", lambda one: 0.0056 if one.device == device else 0.0009)


# --- the processor

def test_the_processor_answers_as_the_folded_network_to_the_last_bit(net):
    plain, hears = folded(net, "sound"), Ear(net)
    for count in COUNTS:
        seconds = windows(count)
        with torch.inference_mode():
            picture = plain.shown(torch.from_numpy(seconds)).contiguous(memory_format=torch.channels_last)
            features = plain.averages(picture).mean(0)
            logits = plain.heads["sound"](features[-WIDTHS[-1]:])
        found = hears(seconds)
        assert np.array_equal(found[0], logits.numpy()) and np.array_equal(found[1], features.numpy())


def test_without_cuda_nothing_is_timed_or_said(net, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(ear, "seconds_of_call", lambda one: pytest.fail("timed"))
    assert all((found.device, note) == ("cpu", "") for found, note in (open_ear(net), open_ear(net, "cpu")))


@pytest.mark.parametrize("command", ["listen", "perform --headless"])
@pytest.mark.parametrize("flag, told", [("cuda", "--device cuda: no GPU"), ("tpu", "--device: invalid choice: 'tpu'")])
def test_a_device_that_is_not_there_is_one_line(command, flag, told, capsys, monkeypatch, free_port):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--audio", "demo", "--mute", "--port", str(free_port), "--device", flag])
    said = capsys.readouterr().err
    assert end.value.code == 2 and told in said and said.count("\n") == 1


# --- the GPU

def test_a_gpu_answers_as_the_processor_whatever_it_heard_before(net, cuda):
    near, far = Ear(net), Ear(net, "cuda")
    for count in (*COUNTS, *reversed(COUNTS)):
        for here, there in zip(near(windows(count, count)), far(windows(count, count)), strict=True):
            assert np.allclose(here, there, atol=1e-3)
    assert far.device == "cuda" and cuda.graph.replays == 2 * SECONDS


def test_each_number_of_seconds_is_captured_once_and_alone_before_the_show(net, cuda):
    far, _ = open_ear(net, "cuda")
    assert cuda.graph.modes == ["thread_local"] * SECONDS
    for count in COUNTS:
        far(windows(count))
    assert len(cuda.graph.modes) == SECONDS
    assert {stream.priority for stream in cuda.on} == {-5} and len(set(cuda.on)) == 1


def test_an_answer_is_never_written_again(net, cuda):
    far = Ear(net, "cuda")
    first = far(windows(1))
    kept = [part.copy() for part in first]
    far(windows(1, 7))
    assert all(np.array_equal(part, before) for part, before in zip(first, kept, strict=True))


def test_cudnn_chooses_without_tf32_and_is_left_as_it_was(net, cuda, monkeypatch):
    cudnn, seen = torch.backends.cudnn, []
    monkeypatch.setattr(cudnn, "benchmark", False)
    monkeypatch.setattr(cudnn, "allow_tf32", True)
    note = lambda: seen.append((cudnn.benchmark, cudnn.allow_tf32))
    monkeypatch.setattr(ear, "_graph_of", lambda work: note() or (SimpleNamespace(replay=int), work()))
    Ear(net, "cuda").warm()
    assert seen == [(True, False)] * SECONDS and (cudnn.benchmark, cudnn.allow_tf32) == (False, True)


def test_what_cannot_be_captured_is_heard_on_the_gpu_all_the_same(net, cuda, caplog):
    cuda.graph.fault = RuntimeError("operation not permitted\nwhen stream is capturing")
    far = Ear(net, "cuda")
    for seed in range(3):
        assert np.allclose(far(windows(2, seed))[0], Ear(net)(windows(2, seed))[0], atol=1e-3)
    assert far.device == "cuda" and cuda.graph.replays == 0
    assert len(caplog.messages) == 1 and "\n" not in caplog.text.rstrip()


@pytest.mark.parametrize("fault", [torch.cuda.OutOfMemoryError("out of memory"), RuntimeError("launch\nfailed"), ValueError("?")])
def test_a_gpu_that_fails_hands_over_for_good_and_says_so_once(net, cuda, caplog, fault):
    far = Ear(net, "cuda")
    far.warm()
    cuda.graph.broken = fault
    for count in COUNTS:
        assert np.array_equal(far(windows(count))[0], Ear(net)(windows(count))[0])
    cuda.graph.broken = None
    far(windows(1))
    assert far.device == "cpu" and cuda.graph.replays == SECONDS
    assert len(caplog.messages) == 1 and "processor" in caplog.text and "\n" not in caplog.text.rstrip()


def test_a_gpu_that_cannot_be_opened_hands_over(net, cuda, caplog, monkeypatch):
    def full(self, device, priority):
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(Stream, "__init__", full)
    far, note = open_ear(net, "auto")
    assert (far.device, note, len(caplog.messages)) == ("cpu", "", 1)
    assert np.array_equal(far(windows(1))[0], Ear(net)(windows(1))[0])


@pytest.mark.parametrize("slow, note", [("cpu", "hears on cuda: 0.9 ms (cpu 5.6)"), ("cuda", "hears on cpu: 0.9 ms (cuda 5.6)")])
def test_the_quicker_one_is_taken_and_said(net, cuda, monkeypatch, slow, note):
    slow_on(monkeypatch, slow)
    found, said = open_ear(net)
    assert found.device != slow and said == note


def test_a_wish_is_heard_even_if_it_is_slower(net, cuda, monkeypatch):
    slow_on(monkeypatch, "cuda")
    assert open_ear(net, "cuda")[1] == "hears on cuda: 5.6 ms"
    assert open_ear(net, "cpu")[1] == ""


def test_a_trial_ends_after_so_many_calls_or_so_much_time(monkeypatch):
    now, calls = [0.0], []

    class Call:
        def __init__(self, took):
            self.took = took

        def silence(self, count):
            return "second" * count

        def __call__(self, second):
            calls.append(second)
            now[0] += self.took

    monkeypatch.setattr(ear, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    for took, most in ((0.001, ear.CALLS + 1), (0.3, 6), (5.0, 2)):
        calls.clear()
        assert ear.seconds_of_call(Call(took)) == pytest.approx(took)
        assert len(calls) <= most and set(calls) == {"second"}


def test_a_gpu_decides_twice_as_often_until_it_fails(cuda, monkeypatch, tmp_path):
    slow_on(monkeypatch, "cpu")
    network = load_network(taught=tmp_path / "own", device="auto")
    assert network.every() == DECISION / 2 and "hears on cuda" in network.note
    window = windows(1)[0]
    before = network.hear(window)
    cuda.graph.broken = RuntimeError("gone")
    assert np.allclose(network.hear(window), before, atol=1e-3) and network.every() == DECISION
    assert load_network(taught=tmp_path / "own", device="cpu").every() == DECISION


def test_the_stages_are_timed_on_the_gpu_too(cuda, monkeypatch):
    monkeypatch.setattr("instrument.bench.hear.TURNS", 2)
    sound = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
    stages = lambda: [row["stage"] for row in stage_rows(load_model(), sound)]
    assert [name for name in stages() if "network" in name] == ["network on 1 s", "network on 1 s, cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [name for name in stages() if "network" in name] == ["network on 1 s"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_a_real_gpu_answers_as_the_processor(net):
    near, far = Ear(net), Ear(net, "cuda")
    far.warm()
    for seed in range(20):
        for count in COUNTS:
            seconds = windows(count, seed)
            for here, there in zip(near(seconds), far(seconds), strict=True):
                assert np.abs(here - there).max() < 1e-2
    assert far.device == "cuda"
