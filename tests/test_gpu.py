"""What only an NVIDIA GPU can show: the same dream as on the CPU, pictures handed over to OpenGL unchanged, knobs turned
while graphs are recorded, a few steps of each training. Skipped where there is none."""

import gc
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from test_learn import write_plain
from test_paper import write_urban
from torchvision import models

from instrument.dream import Dreamer, Scene
from instrument.dream.graphs import SETTLED, Graphs, Plain, Recorder, dream_stream
from instrument.dream.loop import DreamLoop, rgba
from instrument.dream.objective import unit
from instrument.dream.precision import GOOD, HALVES, exact, quick_precisions, shown, trials
from instrument.eyes import read_pictures
from instrument.latest import Latest
from instrument.learn.dataset import find_clips
from instrument.learn.distill import Settings as Seen
from instrument.learn.distill import distill
from instrument.learn.paper.crew import Crew
from instrument.learn.paper.recipe import Course, Recipe
from instrument.learn.paper.recipe import train as learn_paper
from instrument.learn.paper.sets import Pictures, Shelf, fill_shelf
from instrument.learn.run import Run
from instrument.learn.train import Settings, train
from instrument.model.card import load_model
from instrument.model.googlenet import GoogLeNet, save_googlenet
from instrument.model.zoo import open_eye
from instrument.params import DEFAULTS
from instrument.render.upload import CudaRoute, HostRoute, PinnedRoute, Upload
from instrument.render.window import open_screen

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
CUDA = torch.device("cuda")
SIZES = ((1, 1), (7, 5), (640, 360), (1920, 1080), (1277, 719))


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def pictures(model):
    return read_pictures(model)


@pytest.fixture
def screen():
    screen = open_screen((64, 64), headless=True)
    yield screen
    screen.close()


def noise(size, seed=0):
    """A picture of `size` (w, h) on the GPU, (h, w, 4) uint8."""
    dice = torch.Generator(CUDA).manual_seed(seed)
    return torch.randint(0, 256, (size[1], size[0], 4), dtype=torch.uint8, device=CUDA, generator=dice)


def arrived(texture, size):
    return np.frombuffer(texture.read(), np.uint8).reshape(size[1], size[0], 4)


def dreams(model, pictures, device, play=None, fit=exact, count=4, **changes):
    """The picture after `count` dreams of two classes."""
    dreamer = Dreamer(open_eye(None, model), pictures, device, play, fit)
    values = {**DEFAULTS, "dream.size": 200.0, **changes}
    last, names = None, list(pictures)
    with dream_stream(dreamer.device):
        for number in range(count):
            weights = {names[1]: 0.7, names[3]: 0.3 - 0.005 * number}
            last = dreamer.step(last, Scene(values, weights, number / 12))
            dreamer.settle()
        return last.picture.cpu()


# --- to OpenGL

def test_opengl_draws_where_cuda_computes(screen):
    assert "NVIDIA" in screen.ctx.info["GL_VENDOR"]


@pytest.mark.parametrize("route", (CudaRoute, PinnedRoute, HostRoute))
@pytest.mark.parametrize("size", SIZES)
def test_every_pixel_arrives_unchanged(screen, route, size):
    route, texture = route(), screen.ctx.texture(size, 4)
    for seed in range(5):  # more than there are slots
        pixels = noise(size, seed)
        torch.cuda.synchronize()
        route.copy(screen.ctx, pixels, texture)
        assert np.array_equal(arrived(texture, size), pixels.cpu().numpy())
    route.release()
    texture.release()


def test_pictures_go_without_leaving_the_gpu_whatever_their_sizes(screen):
    """And through the same two buffers."""
    upload, used = Upload(screen.ctx), set()
    for seed, size in enumerate((*SIZES, *SIZES)):
        pixels = noise(size, seed)
        torch.cuda.synchronize()
        texture = upload.put(pixels)
        assert upload.route == "cuda-gl" and upload.reason == ""
        assert np.array_equal(arrived(texture, size), pixels.cpu().numpy())
        used |= {slot.buffer.glo for slot in upload._routes[0]._slots}
    assert len(used) == 2
    upload.release()


def test_a_picture_that_is_freed_at_once_has_arrived(screen):
    """The allocator gives its memory to the next tensor."""
    upload, size = Upload(screen.ctx), (640, 360)
    for seed in range(20):
        pixels = noise(size, seed)
        wanted = pixels.cpu().numpy()
        texture = upload.put(pixels)
        del pixels
        noise(size, 1000 + seed)
        assert np.array_equal(arrived(texture, size), wanted)
    upload.release()


# --- the dream

@pytest.fixture
def exactly(monkeypatch):
    """Float32 as a CPU computes it: cuDNN, left as it comes, takes it for TF32, of a thousandth."""
    for library in (torch.backends.cudnn, torch.backends.cuda.matmul):
        monkeypatch.setattr(library, "allow_tf32", False)


@pytest.mark.parametrize("changes", ({}, {"dream.guided": 0.0, "dream.energy": 1.0}, {"dream.class": 1.0},
                                     {"zoom.mode": 6.0, "dream.octaves": 1.0}), ids=("default", "own", "class", "spiral"))
def test_a_gpu_dreams_what_a_cpu_dreams(model, pictures, changes, exactly):
    one, other = (dreams(model, pictures, device, Plain(), **changes) for device in ("cpu", "cuda"))
    assert (one - other).abs().mean() < 0.02 < one.std()


@pytest.mark.parametrize("changes", ({}, {"dream.guided": 0.0, "dream.energy": 1.0}, {"zoom.mode": 5.0}), ids=("default", "own", "rotate"))
def test_a_recorded_step_is_the_same_step(model, pictures, changes):
    """One step only: differences of rounding grow from dream to dream."""
    scene = Scene({**DEFAULTS, "dream.size": 200.0, **changes}, {"dog_bark": 0.6, "siren": 0.4}, 0.0)
    recorded, plain = (Dreamer(open_eye(None, model), pictures, "cuda", play) for play in (None, Plain()))
    last = None
    for number in range(2 * SETTLED):
        last = recorded.step(last, replace(scene, now=number / 12))
        recorded.settle()
    assert recorded._player._kept
    later = replace(scene, now=2 * SETTLED / 12, weights={"dog_bark": 0.5, "siren": 0.5})
    one, other = (dreamer.step(last, later).picture for dreamer in (recorded, plain))
    assert (one - other).abs().mean() < 0.003 and (one - last.picture).abs().mean() > 0.003


def test_every_step_of_a_show_is_recorded(model, pictures):
    dreamer = Dreamer(open_eye(None, model), pictures, "cuda")
    last, values = None, {**DEFAULTS, "dream.size": 256.0}
    assert isinstance(dreamer._player, Graphs)
    for number in range(3 * SETTLED):
        last = dreamer.step(last, Scene(values, {"dog_bark": 1.0}, number / 12))
        dreamer.settle()
    assert len(dreamer._player._kept) == 1 and dreamer.note == ""


def test_half_precision_is_good_enough(model, pictures):
    assert quick_precisions(CUDA) == HALVES
    found = {precision: cosine for precision, _, cosine in trials(open_eye(None, model).to(CUDA), shown(pictures, CUDA))}
    assert max(found.values()) >= GOOD


@pytest.mark.parametrize("size", (0.0, 1e-6, 1.0, 1000.0))
def test_directions_of_any_size_are_brought_to_theirs_in_half_precision(size):
    direction = (size * torch.randn(1, 64, 48, 80, device=CUDA)).half()
    found = unit(direction, torch.tensor(2.0, device=CUDA)).float().square().mean().sqrt()
    assert abs(found - 2.0 * bool(size)) < 0.1


def test_classes_without_an_answer_cost_no_step(model, pictures):
    eye = open_eye(None, model)
    eye.answers = {}
    dreamer, last = Dreamer(eye, pictures, "cuda", Plain()), None
    for number in range(4):
        last = dreamer.step(last, Scene({**DEFAULTS, "dream.class": 1.0}, {"siren": 1.0}, number / 12))
    assert int(dreamer.lost) == 0


def test_a_dream_goes_on_on_the_processor_and_comes_back(model, pictures):
    there, here = (Dreamer(open_eye(None, model), pictures, device, Plain(), exact) for device in ("cuda", "cpu"))
    last = None
    for number, dreamer in enumerate((there, there, here, here, there)):
        last = dreamer.step(last, Scene({**DEFAULTS, "dream.size": 160.0}, {"siren": 1.0}, number / 12))
        assert last.picture.device.type == dreamer.device.type


def test_a_recording_that_cuda_broke_off_leaves_memory_as_free_as_it_was():
    def bad():
        x = torch.ones(2**24, device=CUDA)
        yield
        if torch.cuda.is_current_stream_capturing():
            x.sum().item()  # waits for the GPU, which no capture bears
        return x,

    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    with pytest.raises(RuntimeError):
        Recorder(CUDA)(bad)
    big = torch.ones(2**28, device=CUDA)
    del big
    gc.collect()
    torch.cuda.empty_cache()  # of the general pool, which waits for every capture's end
    assert torch.cuda.memory_reserved() < before + 2**29


def test_knobs_may_be_turned_while_graphs_are_recorded(model, pictures):
    frames = Latest()
    dreamer = Dreamer(open_eye(None, model), pictures, "cuda")
    loop = DreamLoop(dreamer, frames)
    with dream_stream(CUDA):
        for number in range(12 * SETTLED):  # each setting is held for some steps longer than it takes to be recorded
            turn = number // (2 * SETTLED)
            # at one dream a second the governor has nothing to give up
            values = {**DEFAULTS, "dream.rate": 1.0, "dream.size": 160.0 + 32 * turn, "dream.octaves": float(1 + turn % 3),
                      "dream.layer": 1.5 + turn % 3, "dream.guided": float(turn % 2), "dream.energy": 0.5}
            loop.turn(Scene(values, {"siren": 1.0}, number / 12))
    dreamer.settle()
    frame = frames.take()
    assert loop.faults == 0 and frame.note == "" and frame.pixels.is_cuda
    assert frame.pixels.float().std() > 10


def test_memory_that_is_short_costs_some_of_the_dream_and_the_show_goes_on(model, pictures):
    """Real memory: all but a little of it is taken away."""
    frames, dreamer = Latest(), Dreamer(open_eye(None, model), pictures, "cuda")
    loop = DreamLoop(dreamer, frames)
    values = {**DEFAULTS, "dream.size": 1024.0, "dream.octaves": 4.0}
    loop.turn(Scene({**values, "dream.size": 160.0}, {"siren": 1.0}, 0.0))
    free, total = torch.cuda.mem_get_info()
    used = torch.cuda.memory_reserved()
    torch.cuda.set_per_process_memory_fraction((used + 60e6) / total)
    try:
        for number in range(1, 12):
            loop.turn(Scene(values, {"siren": 1.0}, number / 12))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert loop.faults > 0 and "(memory)" in loop.note(values)
    loop.turn(Scene({**values, "dream.size": 160.0}, {"siren": 1.0}, 2.0))
    assert frames.take().pixels.shape[0] == 160


def test_recordings_give_their_memory_back(model, pictures):
    def held():
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return torch.cuda.memory_reserved()

    dreamer, last = Dreamer(open_eye(None, model), pictures, "cuda"), None
    for size in (256.0, 384.0, 512.0):
        for number in range(2 * SETTLED):
            last = dreamer.step(last, Scene({**DEFAULTS, "dream.size": size}, {"siren": 1.0}, size + number / 12))
            dreamer.settle()
    full = held()
    dreamer.forget()
    assert held() < full


def test_what_is_shown_is_what_was_dreamed():
    picture = torch.rand(1, 3, 40, 60, device=CUDA)
    assert torch.equal(rgba(picture).cpu(), rgba(picture.cpu()))


# --- learning

def same_but_rounded(one, other):
    """Whether two networks are alike but for bfloat16."""
    return all(torch.allclose(value.cpu().float(), other[name].cpu().float(), rtol=0.1, atol=0.05)
               for name, value in one.items() if "num_batches" not in name)


def on_the_processor(monkeypatch, learn):
    """What `learn()` gives where no GPU is found."""
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        return learn()


def test_two_steps_of_hearing(tmp_path, monkeypatch, brief_training):
    data = write_plain(tmp_path / "sounds")
    monkeypatch.setattr("instrument.learn.train.remember", lambda *_: None)

    def learn(name):
        return load_model(train(Settings(str(data), batch=4, steps=2), tmp_path / name, tmp_path / "runs" / name, workers=1))

    here, there = on_the_processor(monkeypatch, lambda: learn("cpu")), learn("cuda")
    logs = [json.loads((tmp_path / "runs" / name / "log.jsonl").read_text()) for name in ("cpu", "cuda")]
    assert logs[0]["sound"] == pytest.approx(logs[1]["sound"], rel=0.1)
    assert same_but_rounded(here.net.state_dict(), there.net.state_dict())


def test_two_steps_of_seeing(tmp_path, monkeypatch):
    save_googlenet(GoogLeNet(), tmp_path / "teacher.safetensors")
    for number in range(6):
        Image.fromarray(noise((72, 64), number)[..., :3].cpu().numpy()).save(tmp_path / f"{number}.png")

    def learn(name):
        return distill(Seen(str(tmp_path), str(tmp_path / "teacher.safetensors"), 2, batch=4, side=64), tmp_path / name).state_dict()

    assert same_but_rounded(on_the_processor(monkeypatch, lambda: learn("cpu")), learn("cuda"))


def test_two_steps_of_the_paper(tmp_path):
    clips = find_clips(write_urban(tmp_path / "sounds"))
    fill_shelf(clips, tmp_path, "baseline")
    pictures = Pictures(Shelf(tmp_path, "baseline"), [int(clip.label == "siren") for clip in clips], [0, 1, 2, 3, 24, 25, 26, 27])
    found = {}
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        net = models.shufflenet_v2_x0_5(num_classes=2)
        course = Course(net, Recipe(epochs=2, batch=8), Crew(device=device))
        learn_paper(course, pictures, pictures, Run(tmp_path / device, {}), "test")
        found[device] = course.curves, course.judge(pictures, progress=False)
    assert found["cuda"][0][-1]["train_loss"] == pytest.approx(found["cpu"][0][-1]["train_loss"], rel=0.1)
    assert np.abs(np.exp(found["cuda"][1]) - np.exp(found["cpu"][1])).max() < 0.1
