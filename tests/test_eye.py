"""The eye: the same numbers as the network it was made from, four stages of every kind of network."""

import pytest
import torch
from torch import nn

from instrument.dream.precision import trials
from instrument.model.eye import Eye, MeanHead, classifier_eye, googlenet_eye, hearsee_eye, torchvision_eye
from instrument.model.googlenet import GoogLeNet
from instrument.model.net import HearSee
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


@pytest.mark.parametrize("name, channels, strides", [
    ("resnet18", (64, 128, 256, 512), (4, 8, 16, 32)),
    ("resnet50", (256, 512, 1024, 2048), (4, 8, 16, 32)),
    ("squeezenet1_1", (128, 256, 384, 512), (4, 8, 16, 16)),
    ("vgg11", (128, 256, 512, 512), (2, 4, 8, 16)),
    ("mobilenet_v3_small", None, (4, 8, 16, 32)),
])
def test_torchvision_networks_have_four_stages(name, channels, strides):
    eye = torchvision_eye(name, weights=None)
    assert eye.strides == strides
    assert channels is None or eye.channels == channels
    assert len(eye.names) == len(set(eye.names)) == 4


def test_torchvision_eye_answers_as_the_network_does():
    from torchvision.models import resnet18, squeezenet1_1

    for name, net in (("resnet18", resnet18(weights=None)), ("squeezenet1_1", squeezenet1_1(weights=None))):
        eye = classifier_eye(stirred(net), name)
        picture = torch.rand(1, 3, 64, 64)
        with torch.no_grad():
            expected = net((picture - eye.mean) / eye.std)
            answer = eye.logits(eye.activations(picture, 4)[-1])
        assert torch.allclose(answer, expected, atol=1e-3 * float(expected.abs().max()))


def test_a_wrong_name_is_explained():
    with pytest.raises(ValueError, match="no torchvision classifier 'resnet51'"):
        torchvision_eye("resnet51")
    with pytest.raises(ValueError, match="cannot be cut"):
        classifier_eye(nn.Sequential(nn.Conv2d(3, 4, 3)), "odd")


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
