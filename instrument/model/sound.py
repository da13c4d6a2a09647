"""What the network sees of a sound: three channels made from a log-mel window.

Static log-mel relative to the window's own peak (so that level does not matter), its change over
time, and a copy smoothed over nine bands (broad spectral shape). All are pure functions of the window.
"""

import torch
from torch.nn import functional as F

RANGE = 80 / 4.342944819  # 80 dB in natural log of power: what lies further below the peak is floor
MEAN, SPREAD = -9.5, 4.5  # of peak-relative log-mel over the training clips


def as_picture(log_mel):
    """Network input (batch, 3, bands, frames) of natural log-mel power (batch, bands, frames)."""
    peak = log_mel.amax((1, 2), keepdim=True)
    static = (log_mel.clamp_min(peak - RANGE) - peak - MEAN) / SPREAD
    ahead, behind = F.pad(static, (0, 1), mode="replicate")[..., 1:], F.pad(static, (1, 0), mode="replicate")[..., :-1]
    smooth = F.avg_pool1d(F.pad(static.transpose(1, 2), (4, 4), mode="replicate"), 9, 1).transpose(1, 2)
    return torch.stack((static, ahead - behind, smooth), 1)
