"""Recorded work: the same numbers as work played as it comes, other work is told apart, and what cannot be recorded
is played all the same. Recording here is doing the work again on tensors that stay where they are, as a GPU does.
"""

import threading
from dataclasses import replace

import pytest
import torch
from test_dream import pictures, small_eye, values
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from instrument.dream import Dreamer, Scene
from instrument.dream.graphs import SETTLED, Graphs, Plain, leaves, rebuilt, shape, whole
from instrument.dream.precision import GOOD, exact, quickest, trials

torch.set_num_threads(1)


def again(work):
    """Records by remembering the work: a replay writes into the tensors of the first output."""
    output = whole(work())

    def replay():
        fresh = yield from work()
        for still, new in zip(leaves(output), leaves(fresh), strict=True):
            still.copy_(new)

    return replay, output


class Counting:
    """A recorder that counts and, if wanted, waits or fails."""

    def __init__(self, fault=None, gate=None):
        self.count, self._fault, self._gate = 0, fault, gate

    def __call__(self, work):
        self.count += 1
        if self._gate:
            assert self._gate.wait(60)
        if self._fault:
            raise self._fault
        return again(work)


def scaled(form, numbers, parts):
    """Work that is easy to foretell."""
    yield
    return (parts[0] * numbers[0] + form,)


def play(graphs, count, factor=2.0, form=1, size=3):
    """The last of several equal plays, each with the recording of the one before if there is one."""
    for _ in range(count):
        found, = graphs.play(scaled, form, (factor,), (torch.full((size,), 5.0),))
        graphs.settle()
    return found.tolist()


# --- the player

def test_work_is_recorded_once_it_is_settled():
    record = Counting()
    graphs = Graphs(record)
    play(graphs, SETTLED - 1)
    assert record.count == 0
    play(graphs, 5)
    assert record.count == 1 and graphs.note == ""


def test_a_recording_takes_other_numbers_and_parts():
    graphs = Graphs(Counting())
    play(graphs, SETTLED)
    assert play(graphs, 1, factor=3.0) == [16.0] * 3
    assert graphs.play(scaled, 1, (2.0,), (torch.arange(3.0),))[0].tolist() == [1, 3, 5]


def test_what_was_played_is_never_written_again():
    graphs = Graphs(Counting())
    play(graphs, SETTLED)
    first, = graphs.play(scaled, 1, (2.0,), (torch.zeros(3),))
    play(graphs, 3, factor=9.0)
    assert first.tolist() == [1.0] * 3


def test_other_forms_and_shapes_are_other_work():
    record = Counting()
    graphs = Graphs(record)
    for form, size in ((1, 3), (2, 3), (1, 4)):
        assert play(graphs, SETTLED + 1, form=form, size=size) == [10.0 + form] * size
    assert record.count == 3
    play(graphs, 20)
    assert record.count == 3


def test_a_turning_knob_is_not_recorded():
    record = Counting()
    graphs = Graphs(record)
    for turn in range(5 * SETTLED):
        play(graphs, 1, size=turn % 5 + 1)
    assert record.count == 0


def test_the_old_path_goes_on_while_it_is_recorded():
    gate = threading.Event()
    graphs = Graphs(Counting(gate=gate))
    for _ in range(3 * SETTLED):
        assert graphs.play(scaled, 1, (2.0,), (torch.full((3,), 5.0),))[0].tolist() == [11.0] * 3
    gate.set()
    graphs.settle()
    assert play(graphs, 2) == [11.0] * 3


@pytest.mark.parametrize("fault", [RuntimeError("operation not permitted\nwhen stream is capturing"),
                                   torch.cuda.OutOfMemoryError("out of memory")])
def test_what_cannot_be_recorded_is_played_as_it_comes(fault):
    record = Counting(fault)
    graphs = Graphs(record)
    assert play(graphs, 4 * SETTLED) == [11.0] * 3
    assert record.count == 1
    assert graphs.note.startswith("no CUDA graph (o") and "\n" not in graphs.note


def test_it_stops_between_slices():
    stops = []
    graphs = Graphs(Counting(), lambda: stops.append(1))
    play(graphs, 3 * SETTLED)
    assert len(stops) == 3 * SETTLED


def test_what_is_forgotten_is_recorded_again():
    record = Counting()
    graphs = Graphs(record)
    play(graphs, SETTLED)
    graphs.forget()
    play(graphs, SETTLED)
    assert record.count == 2


def test_trees_are_taken_apart_and_put_together():
    tree = (1.0, (), (torch.zeros(2), (3,)))
    assert [str(leaf) for leaf in leaves(rebuilt(tree, "abc"))] == ["a", "b", "c"]
    assert shape(tree) == (None, (), (((2,), torch.float32), (None,))) == shape(rebuilt(tree, (2.0, torch.ones(2), 4)))
    assert shape(tree) != shape((1.0, (), (torch.zeros(3), (3,))))


# --- the dream

CHANGES = [{}, {"class": 1.0, "octaves": 1}, {"guided": 0.0, "energy": 1.0, "layer": 2.4, "layers": 2},
           {"channel": 0.5, "channel_index": 5, "smoothing": 0.0, "iterations": 3}]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_recorded_dream_is_the_same_dream(changes):
    """Class weights, step and jitter go on changing: they are numbers of one recording."""
    def dreams(play):
        dreamer, last = Dreamer(small_eye(), pictures(), play=play, fit=exact), None
        for i in range(SETTLED + 7):
            scene = Scene(values(**{"step": 0.02 + 0.002 * i, "return": 0.0, **changes}), {"a": 0.6, "b": 0.4 - 0.01 * i},
                          i / 12, 1.25)
            last = dreamer.step(last, scene)
            dreamer.settle()
        return last.picture

    record = Counting()
    plain, recorded = dreams(Plain()), dreams(Graphs(record))
    assert record.count == 1
    assert torch.allclose(plain, recorded, atol=1e-4)


class Recordable(TorchDispatchMode):
    """Refuses what a CUDA graph cannot hold: a number read back, a tensor brought from main memory."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert "_local_scalar_dense" not in str(function) and "nonzero" not in str(function), function
        devices = {leaf.device.type for leaf in leaves(tuple(args)) if isinstance(leaf, torch.Tensor)}
        assert devices <= {"meta"}, function
        return function(*args, **(kwargs or {}))


class Unmade(TorchFunctionMode):
    """Refuses tensors made of Python's numbers: they come from main memory too."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        assert function not in (torch.tensor, torch.as_tensor, torch.from_numpy), function
        return function(*args, **(kwargs or {}))


class Checking(Plain):
    """Plays the work twice: as it comes, and with tensors for numbers where only recordable things may happen."""

    def play(self, work, form, numbers, parts):
        still = rebuilt(numbers, [torch.empty((), device="meta") for _ in leaves(numbers)])
        with Recordable(), Unmade():
            whole(work(form, still, parts))
        return super().play(work, form, numbers, parts)


@pytest.mark.parametrize("changes", CHANGES)
def test_nothing_in_a_step_waits_for_the_gpu(changes):
    dreamer = Dreamer(small_eye().to("meta"), {name: picture.to("meta") for name, picture in pictures().items()}, "meta",
                      play=Checking())
    scene = Scene(values(**changes), {"a": 0.6, "b": 0.4}, 0.0, 1.25)
    assert dreamer.step(dreamer.start(scene), replace(scene, now=1 / 12)).picture.shape == (1, 3, 32, 40)


def test_nothing_around_the_ascent_waits_for_the_gpu():
    dreamer = Dreamer(small_eye().to("meta"), {name: picture.to("meta") for name, picture in pictures().items()}, "meta")
    scene = Scene({**values(), "zoom.mode": 6.0, "zoom.rotate": 20.0}, {"a": 0.6, "b": 0.4}, 0.0, 1.25)
    last = dreamer.step(dreamer.start(scene), replace(scene, now=1 / 12))
    with Recordable(), Unmade():
        assert dreamer.step(last, replace(scene, now=2 / 12)).picture.shape == (1, 3, 32, 40)


# --- precision

def test_the_first_good_precision_is_taken():
    eye, picture = small_eye(), pictures()["a"][None]
    found = {half: cosine for half, _, cosine in trials(eye, picture)}
    assert found[torch.bfloat16] < found[torch.float16] < 1
    assert quickest(eye, picture).dtype == torch.float16 and eye.dtype == torch.float32
    assert quickest(eye, picture, []) is eye


def test_a_network_too_loud_for_float16_is_left_alone():
    eye, picture = small_eye(), pictures()["a"][None]
    with torch.no_grad():
        eye.stages[1][0].weight.mul_(1e5)
    (_, _, cosine), = trials(eye, picture, [torch.float16])
    assert cosine < GOOD and quickest(eye, picture, [torch.float16]) is eye
