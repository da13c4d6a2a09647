"""Where networks come from: model folders, torchvision's classifiers, the original GoogLeNet file.

`list_models`, `show`, `get` answer `hearsee models` with lines of text.
"""

from pathlib import Path

from .card import DEFAULT, OWN, find_model, load_model
from .classifiers import torchvision_eye
from .eye import googlenet_eye, hearsee_eye

GOOGLENET_FILES = (".caffemodel", ".safetensors")


def open_eye(network=None, model=None, weights="DEFAULT"):
    """The eye to dream with: a torchvision name (`weights=None`: random), a GoogLeNet file, or (None) that of `model` itself."""
    if network is None:
        return hearsee_eye(model.net, model.card["classes"])
    if Path(network).suffix in GOOGLENET_FILES:
        return googlenet_eye(open_googlenet(network))
    if Path(network).exists():
        raise ValueError(f"{network} is no network: give BVLC GoogLeNet as .caffemodel or .safetensors, or the name of a "
                         "torchvision classifier, such as resnet50")
    return torchvision_eye(network, weights)


def open_googlenet(path):
    """BVLC GoogLeNet from a file; ValueError in one line for one that is not there or another."""
    from .googlenet import load_googlenet

    if not Path(path).exists():
        raise ValueError(f"{path}: no such file; give BVLC GoogLeNet as .caffemodel, or as .safetensors with Caffe's "
                         "layer names")
    try:
        return load_googlenet(path)
    except Exception as error:  # safetensors and torch each raise their own kinds
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{path} is not BVLC GoogLeNet ({reason}): expected Caffe's file, or safetensors with its "
                         "layer names") from None


def list_models(folder=None):
    """Model folders with their classes, then the networks torchvision could dream with."""
    roots = [Path(folder)] if folder else [DEFAULT.parent, OWN]
    if folder and not roots[0].is_dir():
        raise ValueError(f"{folder}: no such folder; give one that model folders are in, or none")
    for card in [card for root in roots for card in sorted(root.glob("*/card.json"))]:
        try:
            model = load_model(card.parent)
            yield f"{card.parent}  {len(model.classes)} classes: {', '.join(model.classes)}"
        except ValueError as mistake:
            yield str(mistake)
    yield "torchvision (`hearsee models get NAME`, then `perform --network NAME`): resnet50, googlenet, vgg16, ..."


def show(name=None):
    """Card and stages of a model folder or network."""
    if name is None or (find_model(name) / "card.json").exists():
        model = load_model(name or DEFAULT)
        yield f"{model.folder}  weights {model.weights_hash}"
        yield from _told(model.card)
        yield from [f"  taught: {', '.join(model.taught.names)}"] * bool(model.taught.names)
        eye = hearsee_eye(model.net, model.card["classes"])
    else:
        eye = open_eye(name, weights=None)  # stages are the same without any, and nothing is to be fetched
    for number, (stage, channels, stride) in enumerate(zip(eye.names, eye.channels, eye.strides), 1):
        yield f"  layer {number}: {stage}, {channels} channels, stride {stride}"


def _told(card, indent="  "):
    """The lines of a card; what has parts of its own with each of them on a line."""
    for key, value in card.items():
        parts = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        if parts and all(isinstance(part, dict) for part in parts):
            yield f"{indent}{key}:"
            for part in parts:
                yield from _told(part, indent + "  ")
        else:
            yield f"{indent}{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}"


def get(name=None):
    """Fetch and cache ImageNet weights of a torchvision classifier (its own loader checks the hash)."""
    if not name:
        raise ValueError("`hearsee models get` needs a name: resnet50, googlenet, squeezenet1_1, vgg16, ...")
    eye = torchvision_eye(name)
    yield f"{name} is ready: perform --network {name} ({', '.join(eye.names)})"
