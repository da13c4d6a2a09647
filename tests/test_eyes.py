"""Another network or model, loaded beside the show: no wish is refused, the newest one counts, mistakes are told."""

import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from test_dream import pictures, small_eye

from instrument import eyes as module
from instrument.audio.frontend import FrontEnd, log_mel
from instrument.dream import Dreamer
from instrument.dream.dreamer import Scene
from instrument.dream.loop import DreamLoop
from instrument.eyes import Eyes, Loaded
from instrument.files import QUIET, photograph
from instrument.hearing import load_network
from instrument.latest import Latest
from instrument.model import cpu
from instrument.model.card import load_model, save_model
from instrument.model.eye import IMAGENET_ANSWERS
from instrument.model.net import HearSee
from instrument.params import DEFAULTS


@pytest.fixture
def loads(monkeypatch):
    """Loading that waits for `gate` and fails for a network called "bad"; `asked` tells what was loaded."""
    seen = SimpleNamespace(asked=[], pictures=[], gate=threading.Event())

    def load(model, network=None, pictures=None, room=None):
        if seen.asked:
            seen.gate.wait(10)
        seen.asked.append((model, network))
        seen.pictures.append(pictures)
        if network == "bad":
            raise ValueError("no network bad")
        return Loaded(SimpleNamespace(folder=model), network, None, "")

    monkeypatch.setattr(module, "load", load)
    return seen


def arrived(eyes, network):
    """What has arrived once all wishes are fulfilled: it dreams with `network`."""
    for thread in threading.enumerate():
        if thread.name == "eyes":
            thread.join(10)
    loaded = eyes.arrived()
    assert loaded and loaded.network == network
    return loaded


def test_other_weights_hear_and_dream_otherwise(tmp_path):
    """Nothing but the one file of weights says what a sound is and what is seen: random ones change both."""
    values = {**DEFAULTS, "dream.size": 96.0}
    sound, heard, dreamt, named = log_mel(np.sin(np.arange(FrontEnd().rate) / 9)), [], [], []
    for folder, seed in ((tmp_path / "one", 1), (tmp_path / "same", 1), (tmp_path / "other", 2)):
        torch.manual_seed(seed)
        save_model(folder, HearSee(2), {"classes": ["hum", "whistle"]})
        for name in ("hum", "whistle"):
            Image.new("RGB", (64, 64), "red").save(folder / "pictures" / f"{name}.png")
        network, eyes = load_network(folder, tmp_path / "taught"), module.load(folder)
        heard.append(network.hear(sound))
        begun = eyes.dreamer.step(None, Scene(values, {"hum": 0.8}, 0.0))
        dreamt.append(eyes.dreamer.step(begun, Scene(values, {"hum": 0.8}, 0.1)).picture.numpy())
        named.append({text.rsplit("weights ", 1)[1] for text in (network.note, eyes.news)})
    for one, same, other in (heard, dreamt):
        assert np.array_equal(one, same) and np.abs(one - other).max() > 1e-3
    assert [len(hashes) for hashes in named] == [1, 1, 1] and named[0] == named[1] != named[2]


CORES = """
import os, torch
taken = torch.get_num_threads()
from instrument.perform import share_cores
from instrument.model.cpu import cores
share_cores()
print(cores() == taken, torch.get_num_threads())
"""


def test_the_dream_knows_how_many_cores_there_are_when_the_rest_has_one():
    done = subprocess.run([sys.executable, "-c", CORES], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1"]


@pytest.mark.parametrize("there, asked, taken", ((8, None, 7), (1, None, 1), (8, 3, 3)))
def test_the_dream_leaves_a_core_to_the_rest(loads, monkeypatch, there, asked, taken):
    monkeypatch.setattr(cpu, "cores", lambda: there)
    monkeypatch.setattr(module, "load", lambda *_: Loaded(SimpleNamespace(folder="."), None, SimpleNamespace(lost=0, device="cpu"), ""))
    assert Eyes(".").loop(Latest(), asked)._threads == taken


def test_the_newest_wish_counts(loads):
    eyes = Eyes("urban", "own")
    for name in ("a", "b", "c"):
        eyes.ask("network", name, pytest.fail)
    loads.gate.set()
    assert arrived(eyes, "c") is eyes.now and loads.asked[-1] == ("urban", "c")


def test_a_wish_for_a_network_takes_none_for_a_model_away(loads):
    eyes = Eyes("urban", "own")
    for what, name in (("network", "a"), ("model", "mine"), ("network", "b")):
        eyes.ask(what, name, pytest.fail)
    loads.gate.set()
    assert arrived(eyes, "b").model.folder == "mine"


def test_a_wish_at_the_moment_of_a_mistake_is_fulfilled(loads):
    eyes, told = Eyes("urban", "own"), []
    loads.gate.set()

    def say(text):
        told.append(text)
        eyes.ask("network", "good", told.append)

    eyes.ask("network", "bad", say)
    assert arrived(eyes, "good") and told == ["no network bad"]


def test_a_model_keeps_the_network_and_a_network_the_model(loads):
    eyes = Eyes("urban", "own")
    loads.gate.set()
    eyes.ask("network", "vgg16", pytest.fail)
    arrived(eyes, "vgg16")
    eyes.ask("model", "mine", pytest.fail)
    assert arrived(eyes, "vgg16").model.folder == "mine"


@pytest.mark.parametrize("name", ("", None, 3.0))
def test_a_wish_needs_a_name(loads, name):
    with pytest.raises(ValueError, match="show.network needs a name"):
        Eyes("urban", "own").ask("network", name, pytest.fail)


class Hopeless:
    """A dreamer on a GPU that lacks an operation."""

    pictures = {"siren": None}

    def __init__(self):
        self.eye = small_eye()

    def step(self, past, scene):
        raise NotImplementedError("The operator 'aten::_upsample_bilinear2d_aa.out' is not currently implemented for\nMPS")


def test_an_apple_gpu_that_cannot_dream_leaves_it_to_the_processor(caplog):
    made = {"mps": Hopeless(), "cpu": object()}
    assert module.working(made.get, "mps") is made["cpu"]
    assert "_upsample_bilinear2d_aa" in caplog.text and "the processor does" in caplog.text


def test_a_gpu_too_old_for_this_pytorch_leaves_it_to_the_processor(caplog):
    def make(device):
        if device == "cuda":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
        return device

    assert module.working(make, "cuda") == "cpu" and "no kernel image" in caplog.text


class Small:
    """A GPU on which a network fits once the recordings of the one before are gone, or never."""

    def __init__(self, fits):
        self.fits, self.full, self.asked = fits, True, []

    def make(self, device):
        self.asked.append(device)
        if device == "cuda" and (self.full or not self.fits):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 64.00 MiB")
        return device

    def make_room(self):
        self.full = False


def test_a_network_that_finds_no_memory_gets_that_of_the_recordings():
    gpu = Small(fits=True)
    assert module.tried(gpu.make, "cuda", gpu.make_room) == ("cuda", "") and gpu.asked == ["cuda", "cuda"]


def test_a_network_too_large_for_the_gpu_is_left_to_the_processor_and_the_performer_is_told(monkeypatch):
    monkeypatch.setattr(module, "best_device", lambda: "cuda")
    monkeypatch.setattr("instrument.dream.dreamer.Dreamer", lambda eye, pictures, device: Small(fits=False).make(device))
    loaded = module.load()
    assert loaded.dreamer == "cpu" and "on the processor: the GPU cannot (CUDA out of memory" in loaded.news


def test_the_dream_thread_gives_room_between_two_dreams():
    dreamer = Dreamer(small_eye(), pictures())
    loop, forgotten = DreamLoop(dreamer, Latest()), []
    dreamer.forget = lambda: forgotten.append(threading.current_thread().name)
    assert not loop.make_room(0.0)  # nobody dreams yet
    with loop:
        asking = threading.Thread(target=lambda: forgotten.append(loop.make_room(60)))
        asking.start()
        while asking.is_alive():
            loop.scene.put(Scene({**DEFAULTS, "dream.size": 160.0, "show.freeze": 1.0}, {}, 0.0))
            asking.join(0.01)
    assert set(forgotten) == {"dream", True}


def test_classes_that_dream_class_cannot_pull_to_are_told():
    assert module._silent(["siren", "drilling"], IMAGENET_ANSWERS) == ""
    assert "dream.class does nothing for clap, bell:" in module._silent(["siren", "clap", "bell"], IMAGENET_ANSWERS)
    assert "for 0, 1, 2 and 5 more: no answer" in module._silent("01234567", {})
    assert "dream.class" not in module.load().news


def test_ones_own_pictures_come_in_the_place_of_the_models(tmp_path):
    shipped = load_model()
    Image.new("RGB", (64, 48), (255, 0, 0)).save(tmp_path / "siren.png")
    Image.new("RGB", (64, 48), (255, 0, 0)).save(tmp_path / "holiday.jpg")
    found, before = module.read_pictures(shipped, tmp_path), module.read_pictures(shipped)
    assert list(found) == list(before) == shipped.classes
    assert found["siren"].shape == (3, 48, 64) and found["siren"][0].min() == 1
    assert all(torch.equal(found[name], before[name]) for name in found if name != "siren")


def test_a_photograph_is_dreamed_as_it_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a telephone held upright
    Image.new("RGB", (64, 48)).save(tmp_path / "siren.jpg", exif=exif)
    assert module.read_pictures(load_model(), tmp_path)["siren"].shape == (3, 64, 48)


def test_a_photograph_is_no_larger_than_a_dream_can_show_it(tmp_path):
    Image.new("RGB", (3000, 2000)).save(tmp_path / "siren.jpg")
    Image.new("RGB", (300, 200)).save(tmp_path / "drilling.jpg")
    found = module.read_pictures(load_model(), tmp_path)
    assert found["siren"].shape == (3, 1024, 1536) and found["drilling"].shape == (3, 200, 300)


def test_what_shines_through_a_cut_out_is_a_quiet_grey_and_not_what_is_hidden_there(tmp_path):
    cut_out = Image.new("RGBA", (40, 20), (0, 255, 0, 0))
    cut_out.paste((200, 0, 0, 255), (0, 0, 20, 20))
    cut_out.save(tmp_path / "siren.png")
    red, green, blue = photograph(tmp_path / "siren.png").transpose(2, 0, 1)
    assert (red[0, 0], green[0, 0], blue[0, 0]) == (200, 0, 0) and red[0, -1] == green[0, -1] == blue[0, -1] == QUIET[0]


def test_a_grey_picture_of_sixteen_bits_keeps_its_greys(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(16, 0)
    Image.fromarray(ramp).save(tmp_path / "siren.png")
    seen = photograph(tmp_path / "siren.png").astype(int)
    assert np.abs(seen[0, :, 0] - np.arange(256)).max() <= 1


def test_a_picture_that_is_but_a_line_is_one_line(tmp_path):
    Image.new("RGB", (20_000, 2)).save(tmp_path / "siren.png")
    with pytest.raises(ValueError, match="siren.png is no whole picture .20000x2 is thinner than 1:20"):
        photograph(tmp_path / "siren.png")


def test_a_picture_of_no_end_and_a_broken_one_are_one_line(tmp_path, monkeypatch):
    Image.new("RGB", (64, 48)).save(tmp_path / "siren.png")
    whole = (tmp_path / "siren.png").read_bytes()
    (tmp_path / "siren.png").write_bytes(whole[:33] + b"\x00\x00\x00\x04\x01\x02\x03\x04" + whole[41:])
    with pytest.raises(ValueError, match="siren.png is no whole picture"):
        module.read_pictures(load_model(), tmp_path)
    (tmp_path / "siren.png").write_bytes(whole)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="is no whole picture"):
        module.read_pictures(load_model(), tmp_path)


@pytest.mark.parametrize("folder", ("nowhere", "."))
def test_a_folder_without_pictures_is_explained(folder, tmp_path):
    with pytest.raises(ValueError, match="no pictures there; name one air_conditioner.jpg"):
        module.read_pictures(load_model(), tmp_path / folder)


def test_pictures_of_no_class_are_told_and_the_show_goes_on(tmp_path, caplog):
    for name in ("Siren", "dog_bark", "sirene"):
        Image.new("RGB", (64, 48)).save(tmp_path / f"{name}.jpg")
    assert list(module.read_pictures(load_model(), tmp_path)) == load_model().classes
    assert "Siren, sirene is named as no class and shows nowhere; classes are air_conditioner, " in caplog.text


def test_ones_own_pictures_stay_when_the_model_changes(loads):
    eyes = Eyes("urban", "own", "mine")
    loads.gate.set()
    eyes.ask("model", "other", pytest.fail)
    arrived(eyes, "own")
    assert loads.pictures == ["mine", "mine"]


def test_a_mistake_of_the_user_is_told_whatever_the_device():
    def make(device):
        raise ValueError("siren.jpg is no whole picture")

    with pytest.raises(ValueError, match="no whole picture"):
        module.working(make, "mps")


def test_an_apple_gpu_that_can_dream_does_so():
    dreamer = Dreamer(small_eye(), pictures())
    assert module.working({"mps": dreamer}.get, "mps") is dreamer


def test_gradients_that_are_not_those_of_the_processor_are_no_dream():
    torch.manual_seed(1)
    dreamer, other = Dreamer(small_eye(), pictures()), small_eye()
    for tensor in other.parameters():
        tensor.copy_(torch.randn_like(tensor))
    module.try_out(dreamer)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ValueError, match="gradients are wrong"):
        patch.setattr("instrument.dream.precision.copy.deepcopy", lambda eye: other)
        module.try_out(dreamer)


def test_a_picture_that_is_not_finite_is_no_dream(monkeypatch):
    dreamer = Dreamer(small_eye(), pictures())
    monkeypatch.setattr("instrument.dream.step.refine", lambda grad, *_: grad * float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        module.try_out(dreamer)
