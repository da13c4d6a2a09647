"""The shipped presets, rendered offline: their figures, and whether any two differ more than two seeds of one."""

from ..offline import LAPTOP, Offline, script
from .looks import apart, look, measures

SIZE = (456, 256)  # px of the picture, a third of those of a dream of 432 px, which is scaled down: less to draw on a processor
SECONDS, FPS = 5.0, 12
SEEDS = (1, 2)
STEADY = {"dream.wander": 0.0}  # two seeds are to be told apart from two presets, not by where they look
APART = 2.0  # any two presets differ at least this many times as much as two seeds of one


def scene(classes):
    """What all presets hear: two classes of the model, one leading."""
    return script(dict(zip(classes, (0.75, 0.2))))


def look_rows(model, presets, seconds=SECONDS, size=SIZE):
    """`looks.measures` of each `presets.Preset`, over the second half of its run."""
    rows = []
    with Offline(model, size, sight=LAPTOP) as offline:
        for preset in presets:
            frames = list(offline.render(preset.values, seconds, FPS, scene(offline.classes), SEEDS[0]))
            rows.append({"preset": preset.title, **measures(frames[len(frames) // 2:])})
    return rows


def apart_rows(model, presets, seconds=SECONDS, size=SIZE):
    """One dict per preset: `seeds` apart, differences to all others by number, the smallest over APART x seeds.

    `ratio` compares with the larger of the two presets' own differences between seeds; 1 is enough.
    """
    with Offline(model, size, sight=LAPTOP) as offline:
        looks = [[look(list(offline.render({**preset.values, **STEADY}, seconds, FPS, scene(offline.classes), seed)))
                  for seed in SEEDS] for preset in presets]
    seeds = [apart(*pair) for pair in looks]
    between = [[apart(a[0], b[0]) for b in looks] for a in looks]
    return [_row(presets, seeds, between, number) for number in range(len(presets))]


def _row(presets, seeds, between, number):
    others = [other for other in range(len(presets)) if other != number]
    ratios = {other: between[number][other] / (APART * max(seeds[number], seeds[other])) for other in others}
    nearest = min(ratios, key=ratios.get)
    return {"preset": f"{number + 1} {presets[number].title}", "seeds": seeds[number],
            **{str(other + 1): between[number][other] for other in range(len(presets))},
            "nearest": str(nearest + 1), "ratio": ratios[nearest]}


def verdict(rows):
    """One line: whether all presets are clearly different."""
    close = [f"{row['preset']} and {row['nearest']}" for row in rows if row["ratio"] < 1]
    least, most = min(row["ratio"] for row in rows), max(row["seeds"] for row in rows)
    end = f"too close are {'; '.join(close)}" if close else "all clearly different"
    return (f"two seeds of one differ by at most {most:.2f}, any two presets by at least {APART * least:.1f} times "
            f"their seeds: {end}")
