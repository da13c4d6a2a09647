"""Classes taught to a finished network: answers beside its own, by linear discriminants on its features.

Owns `taught.safetensors` of a model folder. The network's own logits stay as they are; a taught class gets
what all of them have together (log-sum-exp), plus how far its discriminant leads the own classes'.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from .net import AVERAGES

FILE = "taught.safetensors"


@dataclass(frozen=True)
class Taught:
    """`names` of k taught classes; discriminants `weight` (own + k, n), `bias` (own + k,) of all classes on n features;
    `lead` (k,) that each needs; and the `examples` {name: [features (views, n) of each]} they came from."""

    names: tuple = ()
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    lead: np.ndarray | None = None
    examples: dict | None = None

    def extend(self, logits, features):
        """Logits (..., own + k + 1) from the network's own (..., own + 1) and its features (..., n); last is "none"."""
        if not self.names:
            return logits
        leads = leading(features @ self.weight.T + self.bias, logits.shape[-1] - 1) - self.lead
        top = logits.max(-1, keepdims=True)
        taught = top + np.log(np.exp(logits - top).sum(-1, keepdims=True)) + leads
        return np.concatenate([logits[..., :-1], taught, logits[..., -1:]], -1).astype(np.float32)


def leading(scores, own):
    """By how much the scores (..., own + k) of the taught classes lead the best own one, (..., k)."""
    return scores[..., own:] - scores[..., :own].max(-1, keepdims=True)


def save_taught(taught, folder):
    """Write them into a model folder; nothing for none."""
    if taught.names:
        examples = {f"example/{name}/{number}": features for name, each in taught.examples.items()
                    for number, features in enumerate(each)}
        numbers = {"weight": taught.weight, "bias": taught.bias, "lead": taught.lead, **examples}
        # a transposed array would be written in its order in memory, and read back scrambled
        save_file({name: np.ascontiguousarray(one) for name, one in numbers.items()}, str(Path(folder) / FILE))


def load_taught(folder, names, own):
    """The Taught of these names in the folder of a model of `own` classes; ValueError in one line if its file is missing or damaged."""
    if not names:
        return Taught()
    path = Path(folder) / FILE
    try:
        found = load_file(str(path))
        examples = {name: _numbered(found, f"example/{name}/") for name in names}
        there = {key.split("/")[1] for key in found if key.startswith("example/")}
        if there != set(names) or len(found["lead"]) != len(names):
            raise KeyError(f"it has {', '.join(sorted(there))} where card.json says {', '.join(names)}; a taught class gets another "
                           "name when it is forgotten and taught anew")
        _check_numbers(found, own + len(names))
        return Taught(tuple(names), found["weight"], found["bias"], found["lead"], examples)
    except (SafetensorError, KeyError, OSError) as error:
        said = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is missing or damaged ({said}): restore it or choose another --model") from None


def _check_numbers(found, classes):
    """KeyError that tells of numbers for another count of classes or features, and of those that are none."""
    shapes = {"weight": (classes, AVERAGES), "bias": (classes,)}
    for name, numbers in found.items():
        expected = shapes.get(name, (*numbers.shape[:-1], AVERAGES) if name.startswith("example/") else numbers.shape)
        if numbers.shape != expected:
            raise KeyError(f"its {name} is {numbers.shape}, expected {expected}")
        if not np.isfinite(numbers).all():
            raise KeyError(f"its {name} is not finite")


def _numbered(found, prefix):
    return [found[f"{prefix}{number}"] for number in range(sum(key.startswith(prefix) for key in found))]
