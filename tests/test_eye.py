"""The eye: the same numbers as the network it was made from, four stages of every kind of network."""

import email.message
import io
import os
import re
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision.models import SqueezeNet1_1_Weights

from instrument.cli import main
from instrument.dream.precision import trials
from instrument.model import classifiers
from instrument.model.classifiers import _shown, classifier_eye, torchvision_eye
from instrument.model.eye import Eye, MeanHead, googlenet_eye, hearsee_eye
from instrument.model.googlenet import GoogLeNet
from instrument.model.net import PICTURE_MEAN, PICTURE_STD, HearSee
from instrument.model.stem import Stem, quicken

torch.set_num_threads(1)


def stirred(net):
    """Normalisations that change numbers, as trained ones do."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
    return net.eval()


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return stirred(HearSee(classes=3))


def test_folded_eye_equals_the_network(net):
    eye = hearsee_eye(net, ("a", "b", "c"))
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = net.use("picture").stages((picture - eye.mean) / eye.std)
        seen = eye.activations(picture, 4)
        logits = net.heads["sound"](expected[-1].mean((2, 3)))
        for mine, theirs in zip(seen, expected, strict=True):
            assert torch.allclose(mine, theirs, atol=1e-3 * float(theirs.abs().max()))
        assert torch.allclose(eye.logits(seen[-1]), logits, atol=1e-3 * float(logits.abs().max()))
    assert eye.answers == {"a": (0,), "b": (1,), "c": (2,)}


def test_it_sees_the_same_whichever_way_its_numbers_lie(net):
    picture, eye = torch.rand(1, 3, 64, 96), hearsee_eye(net)
    wanted = eye.activations(picture, 4)
    seen = eye.lie(torch.contiguous_format).activations(picture, 4)
    assert all(one.is_contiguous() for one in (*seen, *eye.parameters()))
    assert all(torch.allclose(one, other, atol=1e-3) for one, other in zip(seen, wanted, strict=True))


def test_only_the_stages_asked_for_are_run(net):
    eye = hearsee_eye(net)
    assert len(eye.activations(torch.rand(1, 3, 64, 64), 2)) == 2


def test_gradients_go_to_the_picture_only(net):
    eye = hearsee_eye(net)
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    eye.activations(picture, 2)[-1].sum().backward()
    assert picture.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in eye.parameters())


# A small one of every family of torchvision's classifiers, its channels and strides.
FAMILIES = {
    "alexnet": ((64, 192, 384, 256), (4, 8, 16, 16)),
    "convnext_tiny": ((96, 192, 384, 768), (4, 8, 16, 32)),
    "densenet121": ((256, 512, 1024, 1024), (4, 8, 16, 32)),
    "efficientnet_b0": ((24, 40, 112, 1280), (4, 8, 16, 32)),
    "googlenet": ((192, 480, 512, 1024), (4, 8, 16, 32)),
    "inception_v3": ((192, 288, 768, 2048), (4, 8, 16, 32)),
    "maxvit_t": ((64, 128, 256, 512), (4, 8, 16, 32)),
    "mnasnet0_5": ((16, 24, 48, 1280), (4, 8, 16, 32)),
    "mobilenet_v2": ((24, 32, 96, 1280), (4, 8, 16, 32)),
    "mobilenet_v3_small": ((16, 24, 48, 576), (4, 8, 16, 32)),
    "regnet_x_400mf": ((32, 64, 160, 400), (4, 8, 16, 32)),
    "regnet_y_400mf": ((48, 104, 208, 440), (4, 8, 16, 32)),
    "resnet18": ((64, 128, 256, 512), (4, 8, 16, 32)),
    "resnext50_32x4d": ((256, 512, 1024, 2048), (4, 8, 16, 32)),
    "shufflenet_v2_x0_5": ((24, 48, 96, 1024), (4, 8, 16, 32)),
    "squeezenet1_0": ((256, 384, 512, 512), (4, 8, 8, 16)),
    "squeezenet1_1": ((128, 256, 384, 512), (4, 8, 16, 16)),
    "swin_t": ((96, 192, 384, 768), (4, 8, 16, 32)),
    "swin_v2_t": ((96, 192, 384, 768), (4, 8, 16, 32)),
    "vgg11": ((128, 256, 512, 512), (2, 4, 8, 16)),
    "vit_b_32": ((1536,) * 4, (32,) * 4),
}
WHOLE = ("maxvit_t", "vit_b_32")  # torchvision has them for squares of 224 px only


def random_network(name):
    """One of random weights that lets numbers through, neither vanished nor grown out of bounds."""
    from torchvision import models

    torch.manual_seed(0)
    if name.startswith("vit"):
        net = models.get_model(name, weights=None).eval()
        net.heads.head.weight.normal_(0, 0.05)  # torchvision has zeros there, which answer nothing
        return net
    if name == "maxvit_t":
        return measured(models.get_model(name, weights=None), 224)
    if name not in ("googlenet", "inception_v3"):
        return stirred(models.get_model(name, weights=None))
    return measured(models.get_model(name, weights=None, init_weights=True))


def measured(net, side=128):
    """Normalisations that have seen a few pictures."""
    for module in net.eval().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train().momentum = 1.0
    net(torch.rand(2, 3, side, side))
    return net.eval()


def energy(eye, picture):
    """What the second stage shows of a picture; deeper ones of random weights have next to nothing of it left."""
    return eye.activations(picture, 2)[-1].square().mean()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_classifiers_can_be_dreamed_with(name):
    with torch.no_grad():
        net = random_network(name)
    eye = classifier_eye(net, name)
    least = eye.activations(torch.rand(1, 3, eye.smallest, eye.smallest), 4)[-1]
    assert least.shape[2:] == ((3, 3) if name == "alexnet" else (2, 2))  # whose head has a pooling of its own
    assert eye.logits(least).shape == (1, eye.logits_count)
    picture = torch.rand(1, 3, 96, 128)
    assert (eye.channels, eye.strides) == FAMILIES[name] and len(set(eye.names)) == 4
    with torch.no_grad():
        seen, known = eye.activations(picture, 4), torch.rand(1, 3, 224, 224) if name in WHOLE else picture
        ours, theirs = eye.logits(eye.activations(known, 4)[-1]), net((known - eye.mean) / eye.std)
    for channels, stride, activation in zip(*FAMILIES[name], seen, strict=True):
        high, wide = activation.shape[2:]
        assert activation.shape[1] == channels and wide - high == 32 // stride and 1 <= high <= 96 // stride
    assert theirs.abs().max() > 0 and torch.allclose(ours, theirs, atol=1e-3 * float(theirs.abs().max()))
    pull, = torch.autograd.grad(energy(eye, picture.requires_grad_()), picture)
    with torch.no_grad():
        assert energy(eye, picture + 0.02 * pull / pull.square().mean().sqrt()) > energy(eye, picture)


def test_no_family_of_classifiers_is_unknown():
    from torchvision import models

    def family(name):
        return re.match("[a-z]+", name.removeprefix("wide_"))[0]

    assert {family(name) for name in models.list_models(module=models)} == {family(name) for name in FAMILIES}


def test_every_classifier_sees_pictures_as_its_weights_were_trained_to():
    from torchvision import models

    shown = {name: _shown(models, name) for name in models.list_models(module=models)}
    assert {name for name, each in shown.items() if each != (PICTURE_MEAN, PICTURE_STD)} == {"efficientnet_v2_l"}
    assert shown["efficientnet_v2_l"] == ((0.5,) * 3, (0.5,) * 3)
    with torch.no_grad():
        eye = torchvision_eye("efficientnet_v2_l", weights=None)
    assert eye.mean.flatten().tolist() == eye.std.flatten().tolist() == [0.5] * 3


def test_a_server_that_falls_silent_is_no_end_of_the_show(monkeypatch, tmp_path):
    """Wifi that drops in the midst: the connection stays, and nothing comes."""
    monkeypatch.setattr("instrument.model.classifiers.SILENT", 0.2)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth"
        monkeypatch.setattr("torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1._value_", replace(
            SqueezeNet1_1_Weights.IMAGENET1K_V1.value, url=address))
        with pytest.raises((OSError, ValueError), match="weights of squeezenet1_1") as caught:
            torchvision_eye("squeezenet1_1")
    assert "\n" not in str(caught.value) and socket.getdefaulttimeout() is None


@pytest.mark.parametrize("has, given", [(None, True), ("/etc/cert.pem", False)])
def test_a_mac_without_certificates_is_given_some(monkeypatch, has, given):
    """python.org's Python there has none until a script beside it was run."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(classifiers.sys, "platform", "darwin")
    monkeypatch.setattr(classifiers.ssl, "get_default_verify_paths", lambda: SimpleNamespace(cafile=has))
    classifiers._trust()
    assert Path(os.environ.get("SSL_CERT_FILE", "nowhere")).is_file() == given
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


def test_a_wrong_name_is_explained():
    with pytest.raises(ValueError, match="no torchvision classifier 'resnet51'"):
        torchvision_eye("resnet51")
    with pytest.raises(ValueError, match="built like none"):
        classifier_eye(nn.Sequential(nn.Conv2d(3, 4, 3)), "odd")


@pytest.fixture
def web(tmp_path, monkeypatch):
    """What torchvision gets when it fetches: `answer`, bytes or an error; `cache` is where it keeps them."""
    there = SimpleNamespace(answer=URLError("no route to host"), cache=tmp_path / "hub" / "checkpoints")

    def opened(request):
        if isinstance(there.answer, Exception):
            raise there.answer
        file = io.BytesIO(there.answer)
        file.info = lambda: email.message.Message()
        return file

    monkeypatch.setattr("torch.hub.urlopen", opened)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return there


def refusal(capfd):
    """The one line with which `hearsee models get squeezenet1_1` ends."""
    with pytest.raises(SystemExit, match="2"):
        main(["models", "get", "squeezenet1_1"])
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith(("hearsee:", "Traceback"))][-1]


def test_without_a_connection_the_line_says_to_connect_once(web, capfd):
    assert "no route to host" in (line := refusal(capfd)) and "connect once" in line


def test_a_damaged_download_is_one_line_and_leaves_nothing_behind(web, capfd):
    web.answer = b"half of a file"
    assert "invalid hash value" in (line := refusal(capfd)) and "try again" in line and "delete" not in line
    assert not list(web.cache.iterdir())


def test_a_damaged_file_of_an_earlier_time_is_one_line_that_names_it(web, capfd):
    path = web.cache / "squeezenet1_1-b8a52dc0.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of a file")
    assert f"delete {path} and try again" in refusal(capfd)


def test_the_stages_of_a_network_are_shown_without_its_weights(web, capfd):
    with pytest.raises(SystemExit, match="0"):
        main(["models", "show", "squeezenet1_1"])
    assert "layer 4: features.12, 512 channels, stride 16" in capfd.readouterr().out


def test_the_smallest_picture_is_legal():
    stages = [nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU()), nn.Conv2d(8, 8, 3, 2, 1)]
    eye = Eye(stages, ("one", "two"), MeanHead(nn.Linear(8, 2)))
    assert (eye.channels, eye.strides, eye.smallest) == ((8, 8), (2, 4), 8)
    assert min(eye.activations(torch.rand(1, 3, eye.smallest, eye.smallest), 2)[-1].shape[2:]) == 2


# --- the faster way back through the first convolution

@pytest.mark.parametrize("side", [1, 3, 5, 7, 9, 11])
@pytest.mark.parametrize("size", [(20, 21), (33, 16)])
def test_a_stem_answers_and_pulls_like_its_convolution(side, size):
    torch.manual_seed(side)
    conv = nn.Conv2d(3, 6, side, 2, side // 2).requires_grad_(False)
    picture = torch.randn(2, 3, *size, requires_grad=True)
    plain, quick = conv(picture), Stem(conv)(picture)
    pull = torch.randn_like(plain)
    assert torch.equal(plain, quick)
    pulls = (torch.autograd.grad(answer, picture, pull) for answer in (plain, quick))
    for wanted, got in zip(*pulls, strict=True):
        assert torch.allclose(wanted, got, atol=1e-5)


@pytest.mark.parametrize("conv, right", [
    (nn.Conv2d(3, 8, 7, 2, 3), True), (nn.Conv2d(3, 8, 3, 1, 1), False), (nn.Conv2d(3, 8, 3, 2, 0), False),
    (nn.Conv2d(4, 8, 3, 2, 1), False), (nn.Conv2d(3, 8, 4, 2, 2), False),
])
def test_only_what_fits_is_quickened(conv, right):
    net = quicken(nn.Sequential(nn.Sequential(conv), nn.Conv2d(8, 8, 3)))
    assert isinstance(net[0][0], Stem) == right and isinstance(net[1], nn.Conv2d)


@pytest.mark.parametrize("name", ("own", "googlenet", "resnet18", "squeezenet1_1", "vgg11"))
def test_a_lowered_copy_sees_alike_and_leaves_the_original(net, name):
    torch.manual_seed(0)
    eyes = {"own": lambda: hearsee_eye(net, ("a", "b", "c")), "googlenet": lambda: googlenet_eye(GoogLeNet())}
    eye = eyes.get(name, lambda: torchvision_eye(name, weights=None))()
    picture = torch.rand(3, 96, 96)
    before = eye.activations(picture[None], 4)
    ((_, lower, cosine),) = trials(eye, picture[None], [torch.bfloat16])
    assert lower.dtype == torch.bfloat16 and cosine > 0.8  # random weights are the worst case
    assert all(seen.dtype == torch.bfloat16 for seen in lower.activations(picture[None], 4))
    assert all(torch.equal(*pair) for pair in zip(before, eye.activations(picture[None], 4), strict=True))
