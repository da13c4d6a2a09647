"""Everything about a GPU in one call: its measured ceilings, the hand-over to OpenGL, graphs beside plain steps,
Table 2, and what share of the ceilings a step reaches.
"""

from contextlib import contextmanager
from threading import Event, Thread

import torch

from ..dream.graphs import Plain, dream_stream
from ..dream.precision import GOOD, shown, trials
from .ceiling import SIDE, Ceilings, Work, label, name_of
from .dream import Steps
from .report import median_seconds
from .table2 import ratios, table2_rows

SIZES = (256, 512, 768)  # px, short side of 16:9
WIDE = 16 / 9
SCREEN = (1920, 1080)
RATE = {"dream.rate": 30.0}  # the aim at the largest of SIZES
AIM = "300"  # times the paper's speed
BESIDE = 1000  # hand-overs beside the dream: some seconds


def cuda_rows(eyes, guides, ctx):
    """All figures, one dict each (what, value, unit, aim, note); `ctx` a moderngl context, or None without OpenGL."""
    ceilings = Ceilings()
    return [*_ceiling_rows(ceilings), *hand_over(eyes, guides, ctx), *precisions(eyes, guides),
            *speeds(eyes, guides, ceilings), *table2(eyes, guides)]


def row(what, value, unit, aim="", note=""):
    """A line of the table."""
    return {"what": what, "value": float(value), "unit": unit, "aim": aim, "note": note}


def _ceiling_rows(ceilings):
    for precision, rate in ceilings.rate.items():
        yield row(f"matrix product, {name_of(precision)}", rate / 1e12, "TFLOP/s", note=f"{SIDE} cubed, no TF32")
    yield row("copy", ceilings.bytes / 1e9, "GB/s", note="read and written")


def hand_over(eyes, guides, ctx):
    """The way of a picture into OpenGL: self-test and time, idle and with a dream of 768 px that never rests."""
    if ctx is None:
        yield row("hand-over", float("nan"), "ms", "0.2", "no OpenGL here")
        return
    from .upload import upload_rows

    yield from _routes(upload_rows(ctx, (SCREEN,)), "done_ms", "idle, median")
    steps = Steps(eyes["ours"], guides, SIZES[-1], RATE, WIDE).warm()
    with restless(steps) as made:
        rows = upload_rows(ctx, (SCREEN,), BESIDE)
    yield from _routes(rows, "p99_ms", f"beside {len(made)} dreams of {SIZES[-1]} px, p99")


@contextmanager
def restless(steps):
    """Within, one step follows the other in a thread of their own, on the stream that a show dreams on; given is a list that has one
    number for each. What went wrong in one is raised at the end: beside a dream that stood still nothing is measured."""
    ended, made, errors = Event(), [], []

    def dream():
        try:
            with dream_stream(steps.dreamer.device):
                while not ended.is_set():
                    steps()
                    made.append(len(made))
        except Exception as error:  # noqa: BLE001 - of whatever kind; it is raised where it is heard
            errors.append(error)

    thread = Thread(target=dream, name="dream", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        ended.set()
        thread.join()
    for error in errors:
        raise error


def _routes(rows, figure, when):
    for each in rows:
        aim = "0.2" if each["route"] == "cuda-gl" and figure == "done_ms" else ""
        note = each["note"] or f"{each['call_ms']:.3f} ms until the call is back"
        if each["route"] == "cuda-gl" and not each["note"]:
            note += "; the first picture arrived unchanged"
        yield row(f"hand-over {each['size']} {each['route']}, {when}", each[figure], "ms", aim, note)


def precisions(eyes, guides):
    """How good the gradient is in half precision."""
    for name, eye in eyes.items():
        for half, _, cosine in trials(eye.cuda(), shown(guides, "cuda")):
            yield row(f"{name}: gradient in {name_of(half)}", cosine, "cosine", str(GOOD), f"beside {label(torch.float32)}")


def speeds(eyes, guides, ceilings):
    """Steps a second as they come and from graphs, and the share of the ceilings that the latter reach."""
    for name, eye in eyes.items():
        for size in SIZES:
            yield from _speed(f"{name} {size} px", eye, guides, size, ceilings)


def _speed(what, eye, guides, size, ceilings):
    plain, steps = (Steps(eye, guides, size, {}, WIDE, play) for play in (Plain(), None))
    dreamer = steps.dreamer
    yield row(f"{what}, as it comes", 1 / median_seconds(plain, 15), "steps/s", note=label(dreamer.eye.dtype))
    seconds = median_seconds(steps.warm(), 15)
    yield row(f"{what}, graphs", 1 / seconds, "steps/s", "30" if size == SIZES[-1] else "", dreamer.note)
    work = Work.of(plain)
    least, most = ceilings.least(work, dreamer.eye.dtype)
    note = f"of the time that {most} take: {work.operations / 1e9:.0f} GFLOP, {work.bytes / 1e9:.2f} GB, each operation alone"
    yield row(f"{what}, share of the ceiling", least / seconds, "", note=note)


def table2(eyes, guides):
    """The paper's Table 2."""
    for each in table2_rows(eyes["resnet50"], guides):
        what = ", ".join(f"{each[key]} {key}" for key in ("size", "iterations", "octaves", "layers"))
        for how, ratio in ratios(each).items():
            aim = "" if how.endswith(label(torch.float32)) else AIM  # shows dream in half of it
            yield row(f"Table 2: {what}, {how}", ratio, "times", aim,
                      f"{1000 * each['paper_s'] / ratio:.2f} ms, paper {each['paper_s']} s")


def verdict(rows):
    """One line: which aims are missed."""
    missed = [each["what"] for each in rows if each["aim"] and not _met(each)]
    aims = sum(bool(each["aim"]) for each in rows)
    return f"{aims - len(missed)} of {aims} aims met" + (f"; missed: {'; '.join(missed)}" if missed else "")


def _met(each):
    small_is_good = each["unit"] == "ms"
    return each["value"] <= float(each["aim"]) if small_is_good else each["value"] >= float(each["aim"])
