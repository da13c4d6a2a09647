"""The ear's last layer, learnt once more when all else has been: linear, held back, on features that stay.

What is learnt step by step leans towards recordings of which there are many clips, and towards what came last. Here each
class counts the same, and within it each recording; windows as they are, and beginnings as on stage (Kang et al.,
"Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020). Where a teacher has a word for a class,
which thousands of recordings have taught it, that is where the last layer begins, and some ten recordings of ours change
what they must (Chelba and Acero, "Adaptation of Maximum Entropy Capitalizer", EMNLP 2004). What both are worth on folds that
were not learnt: docs/hearing.md.
"""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .ahead import ahead
from .augment import WINDOW
from .run import track

HEARD = (0.140, 0.163, 0.186, 0.233, 0.326, 0.419)  # s of a beginning
BEGINNINGS = 0.5  # how much they count beside whole windows
MOST = 60  # windows of a clip, evenly spread: it counts by its recording anyway, and may last an hour
EVIDENCE = 2.5  # how much all examples together weigh against weights of zero,
TOLD = 1.0  # against the word of a teacher,
NONE = 50.0  # and for "none of these", which most recordings are of and which has no one sound
TRUST = 0.5  # of a teacher's word: 1 is as far as the examples bear it out by itself
RIDGE = 0.015  # how much reading that word from features is held back, in their variance


@torch.no_grad()
def answer_anew(net, sounds, workers=0, say=None):
    """Replace the head "sound" of `net`, a HearSee in evaluation, by one fitted on all clips of `sounds`.

    `workers` processes, see `ahead`, make the windows. `say`, of a clip and the numbers of some of its windows, is a
    teacher's word for them, see `believed`.
    """
    net.use("sound")
    sounding = [index for index, samples in enumerate(sounds.samples) if np.any(samples)]
    windows = ahead(partial(_windows, sounds), sounding, workers)
    examples = [_features(net, log_mel) for _, log_mel in zip(track(sounding, "answers"), windows)]
    counts = [len(one) for one in examples]
    weights = np.concatenate([_weights(share, count) for share, count in zip(sounds.shares[sounding], counts, strict=True)])
    features, labels = np.concatenate(examples), np.repeat(sounds.labels[sounding], counts)
    prior = believed(features, labels, np.concatenate([_word(sounds, index, say) for index in sounding]), weights) if say else None
    head = linear_head(features, labels, sounds.classes + 1, _evidence(sounds.classes, prior), weights, prior)
    net.heads["sound"].load_state_dict(head.state_dict())


def _windows(sounds, index):
    """Log-mel of windows of a clip, then of its beginnings, (n, bands, frames)."""
    return torch.cat((sounds.mel(sounds.windows(index, WINDOW, MOST)), sounds.beginnings(index, HEARD)))


def _word(sounds, index, say):
    """A teacher's word for the windows of a clip, and none for its beginnings."""
    said = say(index, sounds.numbers(index, WINDOW, MOST))
    return np.concatenate([said, np.full((len(HEARD), said.shape[1]), np.nan)])


def _features(net, log_mel):
    return net.embed(net.shown(log_mel.to(next(net.parameters()).device))).cpu().numpy()


def _weights(share, count):
    windows, beginnings = count - len(HEARD), len(HEARD)
    return np.array([share / windows] * windows + [BEGINNINGS * share / beginnings] * beginnings)


def _evidence(classes, prior):
    told = np.zeros(classes, bool) if prior is None else prior[:classes].any(1)
    return np.append(np.where(told, TOLD, EVIDENCE), NONE)


def linear_head(features, labels, classes, evidence, weights=None, prior=None):
    """nn.Linear of features (n, d) that tells labels 0..classes - 1, all of which occur: logistic regression.

    Each class counts the same, within it examples count by `weights` (n,); `evidence`, one number or one for each class, is
    what they weigh together against the weights of `prior` (classes, d; without it zero), features at unit spread.
    """
    if len(set(labels)) < classes:
        raise ValueError(f"of {classes} classes only {len(set(labels))} have examples: give some of each")
    shares = _shares(labels, weights)
    mean, spread = shares @ features, features.std(0) + 1e-3
    inputs, begin = torch.from_numpy((features - mean) / spread).double(), torch.zeros(classes, features.shape[1]).double()
    if prior is not None:
        begin += torch.from_numpy(prior * spread)
    held = torch.from_numpy(np.broadcast_to(0.5 / np.asarray(evidence), classes).copy())
    weight, bias = begin.clone(), torch.zeros(classes).double()
    wrong = _wrong(labels, shares)
    _least(lambda: wrong(inputs @ weight.T + bias) + held @ (weight - begin).square().sum(1), weight, bias)
    head = nn.Linear(features.shape[1], classes)
    scaled = weight.numpy() / spread
    head.weight.data = torch.from_numpy(scaled).float()
    head.bias.data = torch.from_numpy(bias.numpy() - scaled @ mean).float()
    return head.requires_grad_(False)


def believed(features, labels, word, weights=None):
    """What a teacher's `word` (n, classes) for examples is worth as weights (classes, d) of their features (n, d).

    Its columns may have any scale; one of NaN is of a class, and a row of NaN of an example, for which there is no word. It is
    read from the features by ridge regression, and all of it believed so far as it makes the labels likelier, times TRUST.
    """
    rows, known = ~np.isnan(word).all(1), ~np.isnan(word).all(0)
    if not known.any():
        return np.zeros((word.shape[1], features.shape[1]))
    told, shares = word[np.ix_(rows, known)].astype(float), _shares(labels, weights)
    mean, spread = features[rows].mean(0), features[rows].std(0) + 1e-3
    reading = np.zeros((word.shape[1], features.shape[1]))
    reading[known] = _ridge((features[rows] - mean) / spread, (told - told.mean(0)) / (told.std(0) + 1e-6), shares[rows]).T / spread
    read, size, bias = torch.from_numpy((features - mean) @ reading.T), torch.ones(1).double(), torch.zeros(word.shape[1]).double()
    wrong = _wrong(labels, shares)
    _least(lambda: wrong(size * read + bias), size, bias)
    return TRUST * max(0.0, float(size)) * reading


def _ridge(inputs, wanted, by):
    """Weights (d, k) that read `wanted` (n, k) from inputs (n, d) of unit spread, rows counting as `by` (n,) says."""
    by = by / by.sum()
    inputs, wanted = inputs - by @ inputs, wanted - by @ wanted
    return np.linalg.solve((inputs * by[:, None]).T @ inputs + RIDGE * np.eye(inputs.shape[1]), (inputs * by[:, None]).T @ wanted)


def _shares(labels, weights):
    """How much each example counts, 1 in all: every class the same, within it by `weights`."""
    weights = np.ones(len(labels)) if weights is None else weights
    shares = weights / np.bincount(labels, weights)[labels]
    return shares / shares.sum()


def _wrong(labels, shares):
    """A function of logits (n, classes) to their cross entropy with the labels."""
    labels, shares = torch.from_numpy(np.asarray(labels)).long(), torch.from_numpy(shares)
    return lambda logits: shares @ F.cross_entropy(logits, labels, reduction="none")


def _least(loss, *found):
    """Change the tensors `found` until `loss()`, which is convex, is least."""
    optimiser = torch.optim.LBFGS([tensor.requires_grad_() for tensor in found], max_iter=300, line_search_fn="strong_wolfe")

    def ask():
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(ask)
    for tensor in found:
        tensor.requires_grad_(False)
