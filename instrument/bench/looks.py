"""What a picture looks like, in figures: noise, range, colour and steadiness of frames, and how far two looks
are apart. Frames are uint8 (h, w, 3) sRGB; a sequence is a list of them, evenly spaced in time.
"""

from itertools import pairwise

import numpy as np

NYQUIST = 0.5  # cycles per pixel
CLIPPED = (2, 253)  # a value at or beyond these has lost its shade
LUMA = np.array((0.2126, 0.7152, 0.0722))
# Oklab (B. Ottosson, 2020): linear sRGB to cones, cone roots to lightness and two colour axes.
CONES = np.array(((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300)))
AXES = np.array(((0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087)))
# Differences that are plain to see count as 1.
PLAIN = {"layout": 0.15, "colour": 0.08, "texture": 1.0, "form": 0.25, "pace": 1.0, "flow": 0.02}
RINGS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)  # edges of frequency bands, cycles per pixel
GRID = (36, 64)  # cells of a frame in which forms and flow are looked for
SECTORS = 4  # directions that texture is told apart in
EVERY = 6  # of the frames one is looked at closely
# What looks keep to (photographs have 0.10 of fine energy); above the last, change comes in jolts.
AT_MOST, AT_LEAST = {"fine": 0.20, "clipped": 0.02, "steady": 0.40}, {"rgb_corr": 0.7}
SHARES = np.linspace(0.05, 0.95, 9)  # quantiles that stand for a histogram


def luma(frame):
    """Brightness (h, w) in 0..1, as displayed."""
    return frame @ LUMA / 255


def spectrum(picture):
    """(frequency in cycles per pixel, direction in 0..pi, energy without the mean), each (h, w)."""
    fy, fx = np.meshgrid(*(np.fft.fftfreq(side) for side in picture.shape), indexing="ij")
    energy = np.abs(np.fft.fft2(picture - picture.mean())) ** 2 / picture.size**2
    return np.hypot(fx, fy), np.arctan2(fy, fx) % np.pi, energy


def fine_share(frame):
    """Share of luminance energy above a quarter of Nyquist, 0..1: 0.10 in photographs, 0.95 in white noise."""
    frequency, _, energy = spectrum(luma(frame))
    total = energy.sum()
    return float(energy[frequency > NYQUIST / 4].sum() / total) if total > 1e-12 else 0.0


def neighbour_difference(frame):
    """Mean absolute brightness difference of neighbouring pixels, 0..1."""
    light = luma(frame)
    across, down = np.abs(np.diff(light, axis=1)), np.abs(np.diff(light, axis=0))
    return float((across.sum() + down.sum()) / (across.size + down.size))


def clipped_share(frame):
    """Share of channel values at black or white, 0..1."""
    return float(np.mean((frame <= CLIPPED[0]) | (frame >= CLIPPED[1])))


def colour_correlation(frame):
    """Mean correlation of the three pairs of colour channels, -1..1; 1 where a channel does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        table = np.corrcoef(frame.reshape(-1, 3).T.astype(float))
    return float(np.mean(np.nan_to_num(table[np.triu_indices(3, 1)], nan=1.0)))


def change(before, after):
    """Mean absolute brightness change between two frames, 0..1."""
    return float(np.abs(luma(after) - luma(before)).mean())


def measures(frames):
    """All figures of a sequence: means over its frames; `steady` is the spread of the change over its mean."""
    changes = np.array([change(*pair) for pair in pairwise(frames)] or [0.0])
    light = [luma(frame) for frame in frames]
    return {
        "fine": _mean(fine_share, frames), "neighbour": _mean(neighbour_difference, frames),
        "clipped": _mean(clipped_share, frames), "rgb_corr": _mean(colour_correlation, frames),
        "mean": float(np.mean([each.mean() for each in light])),
        "contrast": float(np.mean([each.std() for each in light])),
        "change": float(changes.mean()), "steady": float(changes.std() / max(changes.mean(), 1e-9)),
    }


def _mean(figure, frames):
    return float(np.mean([figure(frame) for frame in frames]))


def verdict(rows):
    """One line: which presets are beyond the bounds, and in what."""
    beyond = [f"{row['preset']} ({name} {row[name]:.2g})" for row in rows for name in (*AT_MOST, *AT_LEAST)
              if row[name] > AT_MOST.get(name, np.inf) or row[name] < AT_LEAST.get(name, -np.inf)]
    bounds = [f"{name} at most {most:g}" for name, most in AT_MOST.items()] + [
        f"{name} at least {least:g}" for name, least in AT_LEAST.items()]
    return f"{', '.join(bounds)}: {'beyond are ' + ', '.join(beyond) if beyond else f'all {len(rows)} keep to it'}"


# --- how far two looks are apart

def oklab(frame):
    """Lightness 0..1 and two colour axes (about -0.3..0.3) of a frame, float (h, w, 3)."""
    value = frame / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ CONES.T) @ AXES.T


def shrink(picture, rows, columns):
    """Means over a grid of `rows` x `columns` cells, (rows, columns, channels)."""
    strips = np.stack([strip.mean(0) for strip in np.array_split(picture, rows, axis=0)])
    return np.stack([strip.mean(1) for strip in np.array_split(strips, columns, axis=1)], 1)


def look(frames):
    """{group of `PLAIN`: vector} of a sequence, mostly what two runs of one look share."""
    parts = [_still(frame) for frame in frames[::EVERY]]
    still = {name: np.mean([part[name] for part in parts], 0) for name in parts[0]}
    small = [shrink(luma(frame)[..., None], *GRID)[..., 0] for frame in frames]
    flows = [flow(*pair) for pair in pairwise(small)] or [np.zeros(4)]
    return {**still, "texture": np.log2(still["texture"] + 1e-6), "pace": _pace(frames, small),
            "flow": np.mean(flows, 0)}


def _still(frame):
    lab = oklab(frame)
    return {
        "layout": shrink(lab, 4, 6).ravel(),
        "colour": np.quantile(lab.reshape(-1, 3), SHARES, axis=0).ravel(),
        "texture": texture(lab[..., 0]),
        "form": form(shrink(lab, *GRID)[..., 0]),
    }


def texture(light):
    """Energy in each band of frequencies and directions, (rings x sectors,)."""
    frequency, direction, energy = spectrum(light)
    ring = np.digitize(frequency, RINGS) - 1
    # Sector 0 lies round the horizontal axis, so that grids fall into the middle of a sector.
    sector = np.floor(direction / np.pi * SECTORS + 0.5).astype(int) % SECTORS
    inside = (ring >= 0) & (ring < len(RINGS) - 1)  # what is coarser is layout, and few waves
    return np.bincount((ring * SECTORS + sector)[inside], energy[inside], (len(RINGS) - 1) * SECTORS)


def form(light):
    """Correlation with the mirror images left-right, up-down and half turn; then how much edges run round the
    middle (-1 rather than outwards, 1) and how much they run as a spiral (-1..1)."""
    level = light - light.mean()
    power = (level**2).mean() + 1e-6
    mirrored = [(level * other).mean() / power for other in (level[:, ::-1], level[::-1], level[::-1, ::-1])]
    dy, dx = np.gradient(level)
    x, y = _plane(level.shape)
    strength = (dx**2 + dy**2).sum() + 1e-6
    # Twice the angle between gradient and radius, weighted by the squared gradient.
    radius = x**2 + y**2 + 1e-9
    inward, across = dx * x + dy * y, dy * x - dx * y
    round_ = ((across**2 - inward**2) / radius).sum() / strength
    return np.array([*mirrored, round_, (2 * inward * across / radius).sum() / strength])


def flow(before, after):
    """Growth, turn and drift (x, y) from one picture (h, w) to the next, in half heights.

    Least squares of the change against the gradient, for the whole picture at once (Lucas and Kanade, 1981).
    """
    dy, dx = np.gradient((before + after) / 2)
    x, y = _plane(before.shape)
    unit = before.shape[0] / 2  # cells in a half height
    moves = np.stack([dx * x + dy * y, dy * x - dx * y, dx, dy], -1).reshape(-1, 4) * unit
    return -np.linalg.lstsq(moves, (after - before).ravel(), rcond=1e-6)[0]


def _plane(shape):
    """(x, y) of the cells, y in -1..1 downwards, x scaled by the aspect."""
    y, x = np.indices(shape) + 0.5
    return (2 * x - shape[1]) / shape[0], (2 * y - shape[0]) / shape[0]


def _pace(frames, small):
    """log2 of the change from frame to frame, fine and coarse, and its unevenness."""
    if len(frames) < 2:
        return np.zeros(3)
    fine = np.array([change(*pair) for pair in pairwise(frames)])
    coarse = np.array([np.abs(b - a).mean() for a, b in pairwise(small)])
    return np.array([np.log2(fine.mean() + 1e-3), np.log2(coarse.mean() + 1e-3), fine.std() / (fine.mean() + 1e-3)])


def difference(a, b):
    """How far two sequences are apart, 0 the same: 1 and more is plain to see.

    Root mean square over the groups of `PLAIN` (layout, colour quantiles, texture spectrum by frequency and
    direction, form, pace, flow), each in units of a plain difference.
    """
    return apart(look(a), look(b))


def apart(a, b):
    """`difference` of two `look`s."""
    return float(np.sqrt(np.mean(np.square(list(respects(a, b).values())))))


def respects(a, b):
    """{group of `PLAIN`: how far two `look`s are apart in it}, 1 a plain difference."""
    return {name: float(np.sqrt(np.mean((a[name] - b[name]) ** 2))) / plain for name, plain in PLAIN.items()}
