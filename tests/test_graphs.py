"""Recorded work: the same numbers as work played as it comes, other work is told apart, and what cannot be recorded
is played all the same. Recording here is doing the work again on tensors that stay where they are, as a GPU does.
"""

import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from test_dream import pictures, small_eye, values
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from instrument.dream import Dreamer, Scene, flow, graphs, objective, step, tensors
from instrument.dream.graphs import POOL, SETTLED, TRIES, Graphs, Plain, Recorder, leaves, rebuilt, shape, whole
from instrument.dream.precision import GOOD, exact, quickest, trials
from instrument.dream.tensors import constant

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
    """A recorder that counts and, if wanted, waits or fails, always or so many times."""

    def __init__(self, fault=None, gate=None, faults=None):
        self.count, self._fault, self._gate, self._faults = 0, fault, gate, faults

    def __call__(self, work):
        self.count += 1
        if self._gate:
            assert self._gate.wait(60)
        if self._fault and (self._faults is None or self.count <= self._faults):
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


def test_only_what_has_changed_is_brought():
    """Guides are the same from step to step; one that was written to is not, nor is another one in its place."""
    graphs, part = Graphs(Counting()), torch.ones(3)
    for _ in range(SETTLED + 1):
        graphs.play(scaled, 0, (1.0,), (part,))
        graphs.settle()
    still, = next(iter(graphs._kept.values()))._still
    still.fill_(7.0)
    assert graphs.play(scaled, 0, (1.0,), (part,))[0].tolist() == [7.0] * 3
    part.add_(1.0)
    assert graphs.play(scaled, 0, (1.0,), (part,))[0].tolist() == [2.0] * 3
    for other in (torch.zeros(3), torch.full((6,), 4.0)[::2]):
        assert torch.equal(graphs.play(scaled, 0, (1.0,), (other,))[0], other)


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


def test_work_that_changes_to_and_fro_is_recorded():
    record = Counting()
    graphs = Graphs(record)
    for turn in range(3 * SETTLED):
        play(graphs, 1, size=turn % 2 + 1)
    assert record.count == 2


def test_a_step_that_is_about_to_be_recorded_says_nothing_of_the_next_ones():
    graphs = Graphs(Counting())
    for _ in range(SETTLED):  # it is recorded at the end of the last of these
        graphs.play(scaled, 1, (2.0,), (torch.zeros(3),))
    assert not graphs.settled
    graphs.settle()
    play(graphs, 1)
    assert graphs.settled


def test_steps_that_will_never_be_recorded_say_what_the_next_ones_take():
    turning, hopeless = Graphs(Counting()), Graphs(Counting(RuntimeError("no")))
    assert all(play(turning, 1, size=turn + 1) and turning.settled for turn in range(4 * SETTLED))
    play(hopeless, 4 * SETTLED)
    assert hopeless.settled


@pytest.mark.parametrize("kinds", (3, 5, 8))
def test_steps_of_too_many_kinds_in_turn_say_what_the_next_ones_take(kinds):
    graphs, said = Graphs(Counting()), []
    for turn in range(10 * SETTLED):
        play(graphs, 1, size=turn % kinds + 1)
        said.append(graphs.settled)
    assert all(said[SETTLED:])


def test_what_could_not_be_recorded_is_forgotten_with_the_rest():
    record = Counting(RuntimeError("no"))
    graphs = Graphs(record)
    play(graphs, 4 * SETTLED)
    assert graphs.note
    graphs.forget()
    assert graphs.note == ""


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
    assert record.count == TRIES
    assert graphs.note.startswith("no CUDA graph (o") and "\n" not in graphs.note


def test_where_memory_is_short_what_was_recorded_before_gives_way(monkeypatch):
    """All that can be is free when the cache is emptied; what the failed recording held too."""
    class Held:
        pass

    held, emptied = [], []

    def record(work):
        if not held:
            mine = Held()
            held.append(weakref.ref(mine))
            raise RuntimeError("CUDA error: out of memory")
        return again(work)

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(held[0]() is None and not graphs_._kept))
    graphs_ = Graphs(Counting())
    play(graphs_, SETTLED + 1)
    graphs_._record = record
    for _ in range(SETTLED + 1):
        graphs_.play(scaled, 2, (2.0,), (torch.full((3,), 5.0),))
        graphs_._worker.submit(int).result()  # the worker has let go of what was before
    assert emptied == [True]
    assert play(graphs_, 2 * SETTLED, form=2) == [12.0] * 3
    assert graphs_.note == "" and len(graphs_._kept) == 1


def test_what_failed_once_is_recorded_the_next_time():
    record = Counting(RuntimeError("operation not permitted when stream is capturing"), faults=1)
    graphs = Graphs(record)
    play(graphs, SETTLED)
    assert record.count == 1 and graphs.note == ""
    assert play(graphs, 4 * SETTLED) == [11.0] * 3
    assert record.count == 2 and graphs.note == ""


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
           {"channel": 0.5, "channel_index": 5, "smoothing": 0.0, "iterations": 3}, {"likeness": 0.0},
           {"return": 0.1, "zoom.rotate": 20.0}, {"return": 0.1, "step": 0.0, "zoom.speed": 0.5, "zoom.mode": 6.0}]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_recorded_dream_is_the_same_dream(changes):
    """Class weights, step, likeness, jitter and the way go on changing: they are numbers of one recording."""
    def dreams(play):
        dreamer, last = Dreamer(small_eye(), pictures(), play=play, fit=exact), None
        for i in range(SETTLED + 4):  # long enough to be replayed, too short for rounding to change a match
            turned = {"step": 0.02 + 0.002 * i, "likeness": 0.3 + 0.02 * i, "return": 0.0, "zoom.speed": 0.02 * i, **changes}
            scene = Scene(values(**turned), {"a": 0.6, "b": 0.4 - 0.01 * i}, i / 12, 1.25)
            last = dreamer.step(last, scene)
            dreamer.settle()
        return last.picture

    record = Counting()
    plain, recorded = dreams(Plain()), dreams(Graphs(record))
    assert record.count == 1
    assert torch.allclose(plain, recorded, atol=1e-4)


def dreamt_from_one_recording(shown, scene):
    """Whether dreams of `scene(number)` are the same from recordings as they come, and one recording is all they take."""
    def last(play):
        dreamer, dream = Dreamer(small_eye(), shown, play=play, fit=exact), None
        for number in range(3 * SETTLED):
            dream = dreamer.step(dream, scene(number))
            dreamer.settle()
        return dream.picture

    record = Counting()
    plain, recorded = last(Plain()), last(Graphs(record))
    return record.count == 1 and (plain - recorded).abs().mean() < 0.1 * plain.std()


def test_few_recordings_serve_however_many_are_heard():
    """Others than those heard have next to nothing."""
    def scene(number):
        weights = {"a": 0.5, "b": 0.3, "c": 0.2, **({"d": 0.1} if number % 3 else {})}
        return Scene(values(**{"return": 0.1}), weights, number / 12, 1.25)

    assert dreamt_from_one_recording(pictures("abcde"), scene)


def test_one_recording_serves_class_pictures_of_any_shape():
    """Own photographs are wide, upright and square."""
    shown = pictures("abcd")
    shown = {"a": shown["a"], "b": shown["b"][:, :, :20], "c": shown["c"][:, :24], "d": shown["d"][:, :, :33]}

    def scene(number):
        weights = dict.fromkeys(("abc", "bcd", "dca")[number // SETTLED], 1 / 3)
        return Scene(values(likeness=0.5, step=0.02), weights, number / 12, 1.25)

    assert dreamt_from_one_recording(shown, scene)


def test_one_recording_serves_a_dream_that_breathes():
    """The border lets in what is remembered where the way leads inside, and nowhere else."""
    def scene(number):
        breath = 0.4 if number // 3 % 2 else -0.4
        return Scene(values(**{"return": 0.1, "step": 0.02, "zoom.speed": breath}), {"a": 1.0}, number / 12, 1.25)

    assert dreamt_from_one_recording(pictures(), scene)


@pytest.mark.parametrize("count", range(11))
def test_a_step_is_made_for_no_fewer_than_are_heard(count):
    assert Plain().places(count) == count
    assert count <= Graphs(Counting()).places(count) < max(2 * count, 1)


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
    """Plays the work with tensors for numbers, as a GPU has them, where only recordable things may happen."""

    def play(self, work, form, numbers, parts):
        still = rebuilt(numbers, [torch.empty((), device="meta") for _ in leaves(numbers)])
        with Recordable(), Unmade():
            return whole(work(form, still, parts))


def dreamer_of_nothing(player=Checking):
    """One whose tensors have no values, as if nobody could read them back."""
    return Dreamer(small_eye().to("meta"), pictures(), "meta", player())


class Kernels(TorchDispatchMode):
    """Names what a GPU would be told to do; a view of a tensor is nothing to do."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        known = {leaf.untyped_storage()._cdata for leaf in leaves(tuple(args)) if isinstance(leaf, torch.Tensor)}
        is_new = isinstance(result, torch.Tensor) and result.untyped_storage()._cdata not in known
        self.names += [str(function)] * ((is_new or function._schema.is_mutable) and "empty" not in str(function))
        return result


class Naming(Plain):
    """Plays the work with tensors for numbers, and names its kernels."""

    records = True

    def play(self, work, form, numbers, parts):
        still = rebuilt(numbers, [torch.empty((), device="meta") for _ in leaves(numbers)])
        with Kernels() as kernels:
            found = whole(work(form, still, parts))
        self.names = kernels.names
        return found


def kernels_of(heard="ab", **changes):
    """The kernels of a step in which these classes are heard, as good as equally."""
    dreamer = dreamer_of_nothing(Naming)
    scene = Scene(values(**changes), {name: 1 / len(heard) for name in heard}, 0.0, 1.25)
    dreamer.step(dreamer.start(scene), replace(scene, now=1 / 12))
    return dreamer._player.names


def test_constants_are_made_once_and_never_freed():
    """Recordings read them where they lie."""
    made = weakref.ref(constant(torch.zeros, 7))
    gc.collect()
    assert made() is constant(torch.zeros, 7)


def test_what_makes_a_constant_waits_for_its_stream(monkeypatch):
    """Other threads read it on other streams."""
    waited = []
    monkeypatch.setattr(tensors, "finish", waited.append)
    for _ in range(2):
        constant(torch.ones, 11)
    assert waited == [torch.device("cpu")]


def test_a_step_makes_no_constant_anew():
    for mode in (0.0, 4.0, 5.0):
        changes = {"zoom.mode": mode, "zoom.speed": 0.3, "zoom.rotate": 20.0, "return": 0.1}
        kernels_of(**changes)
        assert not [name for name in kernels_of(**changes) if "arange" in name or "linspace" in name]


@pytest.mark.parametrize("shift", ((0, 0), (3, -7), (-40, 25)))
def test_a_roll_by_tensors_is_a_roll_and_so_is_the_way_back(shift):
    picture = torch.rand(1, 3, 17, 23)
    there, back = step.rolls(tuple(map(torch.tensor, map(float, shift))), picture)
    rolled = step.roll(picture, there)
    assert torch.equal(rolled, picture.roll(shift, (2, 3))) and torch.equal(step.roll(rolled, back), picture)


def test_a_gradient_finds_its_places_once():
    shift, picture = tuple(torch.zeros(2, device="meta")), torch.rand(1, 3, 16, 20, device="meta")
    step.rolls(shift, picture)
    with Kernels() as kernels:
        step.rolls(shift, picture)
    assert len(kernels.names) <= 6


@pytest.mark.parametrize("positions, products", ((256, 1), (1024, 2)))
def test_a_gpu_matches_many_places_at_once(positions, products):
    """As many as memory bears; and finds no value that nobody asks for."""
    guide = objective.prepare(torch.rand(8, positions, device="meta"))
    with Kernels() as kernels:
        objective.guided(torch.rand(1, 8, 200, 320, device="meta"), guide)
    assert sum("addmm" in name for name in kernels.names) == products
    assert not any("max.dim" in name for name in kernels.names)


def test_places_are_mirrored_into_a_picture_once():
    picture, there = torch.rand(1, 3, 16, 20, device="meta"), torch.rand(1, 2, 16, 20, device="meta")
    with Kernels() as kernels:
        flow._softly(picture, there)
    assert len(kernels.names) <= 8


def mixture_of(classes):
    """Kernels of a mixture of so many classes, each in its own land."""
    terms, lands = objective.Terms(False, False, classes, False, False, 0, (True,)), torch.rand(1, classes, 6, 5, device="meta")
    guide, mix = objective.prepare(torch.rand(8, 10, device="meta")), tuple(torch.empty((), device="meta") for _ in range(classes))
    strengths, activation = objective.Strengths(mix, 0.0, (1.0,), (0.0,)), torch.rand(1, 8, 6, 5, device="meta")
    with Kernels() as kernels:
        objective.mixture(activation, terms, strengths, [guide] * classes, lands)
    return len(kernels.names)


def test_what_classes_weigh_together_is_summed_up_once():
    few, some, many = (mixture_of(classes) for classes in (2, 4, 8))
    assert many - some == 2 * (some - few)


def test_to_follow_all_that_bends_takes_few_kernels():
    """The picture's own way and what is remembered of it and of who guides where, all at once."""
    straight, bent = (len(kernels_of(**{"zoom.mode": mode, "zoom.speed": 0.3, "return": 0.1})) for mode in (0.0, 4.0))
    assert straight < bent < straight + 250


@pytest.mark.parametrize("changes", CHANGES)
def test_nothing_in_a_step_waits_for_the_gpu(changes):
    dreamer, scene = dreamer_of_nothing(), Scene(values(**changes), {"a": 0.6, "b": 0.4}, 0.0, 1.25)
    assert dreamer.step(dreamer.start(scene), replace(scene, now=1 / 12)).picture.shape == (1, 3, 32, 40)


def test_nothing_around_the_ascent_waits_for_the_gpu():
    dreamer = dreamer_of_nothing()
    scene = Scene({**values(), "zoom.mode": 6.0, "zoom.rotate": 20.0}, {"a": 0.6, "b": 0.4}, 0.0, 1.25)
    last = dreamer.step(dreamer.start(scene), replace(scene, now=1 / 12))
    with Recordable(), Unmade():
        assert dreamer.step(last, replace(scene, now=2 / 12)).picture.shape == (1, 3, 32, 40)


def test_a_dream_goes_on_on_another_device():
    """A network may find no room on the GPU where the last one dreamed."""
    scene = Scene(values(**{"return": 0.1}), {"a": 0.6, "b": 0.4}, 0.0, 1.25)
    here, there = Dreamer(small_eye(), pictures(), fit=exact), dreamer_of_nothing()
    last = here.step(here.start(scene), replace(scene, now=1 / 12))
    for weights in ({"a": 0.6, "b": 0.4}, {"b": 1.0}):  # and while it turns
        assert there.step(last, replace(scene, now=2 / 12, weights=weights)).picture.is_meta


def test_a_precision_that_a_gpu_has_nothing_for_is_passed_over():
    class Older(type(small_eye())):
        def stage(self, number, x):
            if self.dtype == torch.bfloat16:
                raise RuntimeError("GET was unable to find an engine to execute this computation")
            return super().stage(number, x)

    eye, picture = small_eye(), torch.rand(1, 3, 64, 64)
    eye.__class__ = Older
    assert [precision for precision, *_ in trials(eye, picture, (torch.bfloat16, torch.float16))] == [torch.float16]
    assert quickest(eye, picture, (torch.bfloat16,)) is eye


def test_too_little_memory_says_nothing_of_a_precision():
    """Whoever tries it may make room and try again."""
    class Full(type(small_eye())):
        def stage(self, number, x):
            if self.dtype == torch.float16:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().stage(number, x)

    eye = small_eye()
    eye.__class__ = Full
    with pytest.raises(torch.cuda.OutOfMemoryError):
        quickest(eye, torch.rand(1, 3, 64, 64), (torch.float16,))


# --- CUDA, pretended

class Graph:
    """In the place of torch's: what becomes of it goes to its `diary`."""

    diary, stream, loud, broken, awaited = [], [None], False, False, []

    def capture_begin(self, pool, capture_error_mode):
        self.on, self.pool = self.stream[-1], pool
        self.awaited.append(pool)
        if self.loud:
            raise RuntimeError("no capture")

    def capture_end(self):
        assert self.stream[-1] == self.on
        if self.broken:
            raise RuntimeError("operation failed due to a previous error during capture")
        self.awaited.remove(self.pool)

    def replay(self):
        self.diary.append(("replay", self.on))

    def reset(self):
        self.diary.append(("reset", self.on))


@pytest.fixture
def cuda(monkeypatch):
    """A CUDA of streams that are numbers: (diary of graphs and streams, seconds of a replay)."""
    @contextmanager
    def on(stream):
        Graph.stream.append(stream)
        yield
        Graph.stream.pop()

    class Given(graphs.Streams):
        def give(self, device, stream):
            Graph.diary.append(("given", stream))
            super().give(device, stream)

    def ended(device, pool):
        if pool not in Graph.awaited:
            raise RuntimeError("not currently recording to mempool_id")
        Graph.awaited.remove(pool)

    seconds, handed = [0.001], count()
    event = lambda **_: SimpleNamespace(record=lambda: None, synchronize=lambda: None, elapsed_time=lambda _: 1000 * seconds[0])
    for name, fake in (("device", lambda _: nullcontext()), ("stream", on), ("CUDAGraph", Graph), ("Event", event),
                       ("graph_pool_handle", object), ("current_stream", lambda *_: SimpleNamespace(synchronize=lambda: None))):
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", ended)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", lambda _, pool: Graph.diary.append(("released", pool)))
    monkeypatch.setattr(graphs, "STREAMS", Given(lambda _: next(handed) % POOL))
    graphs._beside.cache_clear()
    Graph.diary.clear()
    Graph.awaited.clear()
    yield Graph.diary, seconds
    graphs._beside.cache_clear()


def sliced():
    """Work with three stops."""
    yield from range(3)
    return torch.zeros(1),


def streams_of(replay):
    """The streams that the graphs of a replay were captured on."""
    Graph.diary.clear()
    whole(replay())
    return [stream for what, stream in Graph.diary if what == "replay"]


def test_graphs_that_live_together_have_no_stream_in_common(cuda):
    """Else cuBLAS's workspace of one is freed with another: pytorch#193402."""
    record = Recorder("gpu")
    kept = [record(sliced) for _ in range(6)]
    streams = [streams_of(replay) for replay, _ in kept]
    assert all(len(each) == 1 for each in streams)
    assert len({stream for stream, in streams} | {graphs._beside("gpu")}) == 7


def test_long_work_is_cut_and_what_was_whole_has_gone(cuda):
    diary, seconds = cuda
    seconds[0] = 0.012
    replay, _ = Recorder("gpu")(sliced)
    gone, = (stream for what, stream in diary if what == "reset")
    streams = streams_of(replay)
    assert len(streams) > 1 and set(streams) != {gone} and len(set(streams)) == 1


def test_a_stream_is_given_back_after_its_graphs_are_reset_and_used_again(cuda):
    diary, _ = cuda
    record = Recorder("gpu")
    for _ in range(3 * POOL):
        replay, _ = record(sliced)
        stream, = streams_of(replay)
        diary.clear()
        del replay
        assert diary == [("reset", stream), ("given", stream)]
    assert stream < 4


def test_what_cannot_be_captured_gives_its_stream_back(cuda, monkeypatch):
    diary, _ = cuda
    monkeypatch.setattr(Graph, "loud", True)
    for _ in range(3 * POOL):
        with pytest.raises(RuntimeError, match="no capture"):
            Recorder("gpu")(sliced)
    assert sum(what == "given" for what, _ in diary) == 3 * POOL


def test_of_a_capture_that_cuda_broke_off_nothing_is_left(cuda, monkeypatch):
    """Torch's allocator would wait for its end for ever, and give no memory back any more (pytorch#180395)."""
    diary, _ = cuda
    monkeypatch.setattr(Graph, "broken", True)
    with pytest.raises(RuntimeError, match="capture"):
        Recorder("gpu")(sliced)
    assert not Graph.awaited and [kind for kind, _ in diary].count("released") == 1


def test_a_capture_that_ended_is_released_once_whatever_failed_in_it(cuda):
    """By torch itself."""
    diary, turns = cuda[0], count()

    def failing():
        yield
        if next(turns) >= graphs.WARM:
            raise RuntimeError("no memory")
        return torch.zeros(1),

    with pytest.raises(RuntimeError, match="no memory"):
        Recorder("gpu")(failing)
    assert not Graph.awaited and "released" not in [kind for kind, _ in diary]


def in_thread(context, inside, leave):
    """A thread that enters a context, says so by the event `inside`, and stays until `leave`."""
    def stay():
        with context():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=stay, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("first, second", (("step", "capture"), ("load", "capture"), ("capture", "step"), ("capture", "load"),
                                           ("capture", "capture")))
def test_a_capture_is_kept_apart_from_what_may_meet_new_kernels(first, second):
    calm, events = graphs.Calm(), [threading.Event() for _ in range(3)]
    one_inside, other_inside, leave = events
    one = in_thread(getattr(calm, first), one_inside, leave)
    assert one_inside.wait(60)
    other = in_thread(getattr(calm, second), other_inside, leave)
    assert not other_inside.wait(0.05)
    leave.set()
    assert other_inside.wait(60)
    for thread in (one, other):
        thread.join(60)


def test_steps_and_loads_do_not_wait_for_each_other_nor_for_a_capture_that_waits_for_a_load():
    calm, leave, loaded, captured = graphs.Calm(), *(threading.Event() for _ in range(3))
    threads = [in_thread(calm.load, loaded, leave)]
    assert loaded.wait(60)
    threads.append(in_thread(calm.capture, captured, leave))
    for _ in range(3):
        with calm.step():
            assert not captured.is_set()
    leave.set()
    assert captured.wait(60)
    for thread in threads:
        thread.join(60)


def test_what_captures_and_what_dreams_are_kept_apart(cuda, monkeypatch):
    """The recorder's captures, whole and cut, and the dreamer's steps on a GPU."""
    seen = []

    class Watched(graphs.Calm):
        @contextmanager
        def capture(self):
            seen.append("capture")
            with super().capture():
                yield

        @contextmanager
        def step(self):
            seen.append("step")
            with super().step():
                yield

    monkeypatch.setattr(graphs, "CALM", Watched())
    cuda[1][0] = 0.012
    Recorder("gpu")(sliced)
    assert seen == ["capture", "capture"]
    with graphs.stepping(torch.device("cuda")):
        pass
    assert seen == ["capture", "capture", "step"]
    dreamer = Dreamer(small_eye(), pictures(), fit=exact)
    monkeypatch.setattr(dreamer, "device", torch.device("cuda"))
    with suppress(Exception):  # there is none
        dreamer.step(None, Scene(values(), {"a": 1.0}, 0.0, 1.25))
    assert seen[3:] == ["step"]


def test_no_stream_is_handed_out_twice():
    handed = count()
    streams = graphs.Streams(lambda _: next(handed) % POOL)
    taken = [streams.take("gpu") for _ in range(POOL)]
    assert len(set(taken)) == POOL
    with pytest.raises(RuntimeError, match="all streams"):
        streams.take("gpu")
    streams.give("gpu", taken[5])
    assert streams.take("gpu") == taken[5]


def test_a_stream_may_be_given_back_while_one_is_taken():
    handed = count()

    def make(device):
        number = next(handed)
        if number:
            streams.give(device, 0)  # as where a recording is cleared away there
        return number

    streams = graphs.Streams(make)
    streams.take("gpu")
    taking = threading.Thread(target=streams.take, args=("gpu",), daemon=True)
    taking.start()
    taking.join(5)
    assert not taking.is_alive()


def test_the_dream_has_a_stream_that_no_recording_gets(cuda):
    with graphs.dream_stream(torch.device("cuda")):
        own = Graph.stream[-1]
        kept = [Recorder(torch.device("cuda"))(sliced) for _ in range(POOL - 3)]
        assert own not in [stream for replay, _ in kept for stream in streams_of(replay)]


def test_all_players_of_a_device_record_on_one_thread():
    """cuDNN remembers for each thread what it found quickest."""
    ones, others = [graphs.player(torch.device("cuda", 0)) for _ in range(2)], graphs.player(torch.device("cuda", 1))
    threads = [player._worker.submit(threading.get_ident).result() for player in (*ones, others)]
    assert threads[0] == threads[1] != threads[2]


def test_a_player_that_is_gone_records_nothing_more():
    """Another one's recording would have to wait for it."""
    worker, gate, record = ThreadPoolExecutor(1), threading.Event(), Counting()
    worker.submit(gate.wait, 60)
    gone = Graphs(record, worker=worker)
    for _ in range(SETTLED):
        gone.play(scaled, 1, (2.0,), (torch.full((3,), 5.0),))
    coming = gone._coming[1]
    del gone
    gate.set()
    worker.submit(int).result(60)
    assert coming.cancelled() and record.count == 0


def test_the_recording_thread_keeps_no_process_alive():
    """It idles, or is in the midst of a recording, which is waited for."""
    program = """
import time
import torch
from instrument.dream.graphs import recording_thread
idle, busy = (recording_thread(torch.device("cuda", number)) for number in range(2))
idle.submit(int).result()
busy.submit(lambda: (time.sleep(0.5), print("recorded", flush=True)))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "recorded\n", "")


def test_two_that_record_take_turns_and_leave_the_settings_as_they_were(cuda):
    inside, most, meeting = [], [], threading.Barrier(2)

    def slow():
        inside.append(1)
        most.append(len(inside))
        with suppress(threading.BrokenBarrierError):  # nobody comes while one is inside
            meeting.wait(0.02)
        inside.pop()
        yield
        return torch.zeros(1),

    threads = [threading.Thread(target=Recorder("gpu"), args=(slow,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and torch.backends.cudnn.benchmark is False


def test_work_is_tried_on_one_thread_and_the_cache_stays_full(cuda):
    """Backward on autograd's threads would leave cuDNN's choices with those of the dream."""
    seen = []

    class Look(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            seen.append((torch.autograd.is_multithreading_enabled(), torch.backends.cudnn.benchmark,
                         torch._C._cuda_get_conv_benchmark_empty_cache()))
            return grad

    def work():
        x = torch.ones(1, requires_grad=True)
        yield
        return torch.autograd.grad(Look.apply(x), x)

    Recorder("gpu")(work)
    assert seen[0] == (False, True, False) and seen[-1] == (False, False, True)  # tried, captured
    assert torch.autograd.is_multithreading_enabled() and torch._C._cuda_get_conv_benchmark_empty_cache()


def test_what_was_copied_is_waited_for_on_its_own_device(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "Event", lambda: SimpleNamespace(record=lambda stream=None: waited.append(stream)))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: f"stream of {device}")
    graphs._event(torch.device("cuda:1"))
    assert waited == ["stream of cuda:1"]


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
