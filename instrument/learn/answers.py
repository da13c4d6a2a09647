"""The ear's last layer, learnt once more when all else has been: linear, strongly held back, on features that stay.

What is learnt step by step leans towards recordings of which there are many clips, and towards what came last. Here each
class counts the same, and within it each recording; windows as they are, and beginnings as on stage (Kang et al.,
"Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020). On folds that were not learnt it is
worth 4 points of macro F1 (docs/learning.md).
"""

from functools import partial

import numpy as np
import torch
from torch import nn

from .ahead import ahead
from .augment import WINDOW
from .run import track

HEARD = (0.140, 0.163, 0.186, 0.233, 0.326, 0.419)  # s of a beginning
BEGINNINGS = 0.5  # how much they count beside whole windows
MOST = 60  # windows of a clip, evenly spread: it counts by its recording anyway, and may last an hour
EVIDENCE = 2.5  # how much all examples together weigh against weights of zero


@torch.no_grad()
def answer_anew(net, sounds, workers=0):
    """Replace the head "sound" of `net`, a HearSee in evaluation, by one fitted on all clips of `sounds`.

    `workers` processes, see `ahead`, make the windows.
    """
    net.use("sound")
    sounding = [index for index, samples in enumerate(sounds.samples) if np.any(samples)]
    windows = ahead(partial(_windows, sounds), sounding, workers)
    examples = [_features(net, log_mel) for _, log_mel in zip(track(sounding, "answers"), windows)]
    counts = [len(one) for one in examples]
    weights = np.concatenate([_weights(share, count) for share, count in zip(sounds.shares[sounding], counts, strict=True)])
    labels = np.repeat(sounds.labels[sounding], counts)
    head = linear_head(np.concatenate(examples), labels, sounds.classes + 1, EVIDENCE, weights)
    net.heads["sound"].load_state_dict(head.state_dict())


def _windows(sounds, index):
    """Log-mel of windows of a clip, then of its beginnings, (n, bands, frames)."""
    return torch.cat((sounds.mel(sounds.windows(index, WINDOW, MOST)), sounds.beginnings(index, HEARD)))


def _features(net, log_mel):
    return net.embed(net.shown(log_mel.to(next(net.parameters()).device))).cpu().numpy()


def _weights(share, count):
    windows, beginnings = count - len(HEARD), len(HEARD)
    return np.array([share / windows] * windows + [BEGINNINGS * share / beginnings] * beginnings)


def linear_head(features, labels, classes, evidence, weights=None):
    """nn.Linear of features (n, d) that tells labels 0..classes - 1, all of which occur: logistic regression.

    Each class counts the same, within it examples count by `weights` (n,); `evidence` is what they weigh together
    against weights of zero, features at unit spread.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) < classes:
        raise ValueError(f"of {classes} classes only {len(set(labels))} have examples: give some of each")
    weights = np.ones(len(labels)) if weights is None else weights
    weights = weights / np.bincount(labels, weights, classes)[labels]
    weights *= len(labels) / weights.sum()
    mean, spread = np.average(features, axis=0, weights=weights), features.std(0) + 1e-3
    fitted = LogisticRegression(C=evidence / len(labels), max_iter=300).fit((features - mean) / spread, labels, weights)
    scaled = _of_each(fitted.coef_) / spread
    head = nn.Linear(features.shape[1], classes)
    head.weight.data = torch.from_numpy(scaled).float()
    head.bias.data = torch.from_numpy(_of_each(fitted.intercept_) - scaled @ mean).float()
    return head.requires_grad_(False)


def _of_each(rows):
    """One row for each class; of two classes scikit-learn gives one for both."""
    return np.concatenate((-rows, rows)) / 2 if len(rows) == 1 else rows
