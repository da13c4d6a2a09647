"""Everything about a GPU in one call: its measured ceilings, the hand-over to OpenGL, graphs beside plain steps, Table 2,
and what share of the ceilings a step reaches.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ..dream.graphs import Plain
from ..dream.loop import DreamLoop
from ..dream.precision import GOOD, trials
from ..latest import Latest
from .dream import Steps, table2_rows
from .report import median_seconds

SIZES = (256, 512, 768)  # px, short side of 16:9
WIDE = 16 / 9
SCREEN = (1920, 1080)
SIDE = 8192  # of the matrices, and of the pictures that are copied
RATE = {"dream.rate": 30.0}  # the aim at the largest of SIZES
BESIDE = 1000  # hand-overs beside the dream: some seconds
VIEWS = ("view", "reshape", "permute", "transpose", "expand", "slice", "select", "detach", "unbind", "split", "alias", "t.")


def cuda_rows(eyes, guides, ctx):
    """All figures, one dict each (what, value, unit, aim, note); `ctx` a moderngl context, or None without OpenGL."""
    ceilings = Ceilings()
    return [*ceilings.rows(), *hand_over(eyes, guides, ctx), *precisions(eyes, guides),
            *speeds(eyes, guides, ceilings), *table2(eyes, guides)]


def row(what, value, unit, aim="", note=""):
    """A line of the table."""
    return {"what": what, "value": float(value), "unit": unit, "aim": aim, "note": note}


# --- what the device can do

class Ceilings:
    """Measured rates: operations a second of a large matrix product per precision, bytes a second of a large copy."""

    def __init__(self, side=SIDE, device="cuda", precisions=(torch.float16, torch.bfloat16, torch.float32)):
        self.rate = {precision: self._product(side, device, precision) for precision in precisions}
        self.bytes = self._copy(side, device)

    def _product(self, side, device, precision):
        one, other = (torch.randn(side, side, device=device).to(precision) for _ in range(2))
        return 2 * side**3 / _seconds(lambda: one @ other)

    def _copy(self, side, device):
        source = torch.rand(4, side, side, device=device)
        target = torch.empty_like(source)
        return 2 * source.nbytes / _seconds(lambda: target.copy_(source))

    def rows(self):
        """The ceilings as lines."""
        for precision, rate in self.rate.items():
            yield row(f"matrix product, {_name(precision)}", rate / 1e12, "TFLOP/s", note=f"{SIDE} cubed, no TF32")
        yield row("copy", self.bytes / 1e9, "GB/s", note="read and written")

    def least(self, work, precision):
        """(seconds that `work` takes at the least, "operations" or "bytes": which of them)."""
        by = {"operations": work.operations / self.rate[precision], "bytes": work.bytes / self.bytes}
        most = max(by, key=by.get)
        return by[most], most


class Work(TorchDispatchMode):
    """Counts the operations and the bytes read and written by what runs inside; views count nothing."""

    def __init__(self):
        super().__init__()
        self.operations = self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        found = function(*args, **kwargs)
        # By torch's own formulas; its FlopCounterMode follows modules too, which a step that stops between them breaks.
        count = flop_registry.get(function.overloadpacket)
        self.operations += count(*args, **kwargs, out_val=found) if count else 0
        if not any(str(function).startswith(f"aten.{name}") for name in VIEWS):
            self.bytes += sum(tensor.nbytes for tensor in _tensors((args, found)))
        return found

    @classmethod
    def of(cls, action):
        """The work of `action()`."""
        with cls() as work:
            action()
        return work


def _tensors(tree):
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for branch in tree:
            yield from _tensors(branch)


def _seconds(action):
    def timed():
        action()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # sync point: it is timed

    return median_seconds(timed, 9)


def _name(precision):
    return str(precision).removeprefix("torch.")


# --- what we do with it

def hand_over(eyes, guides, ctx):
    """The way of a picture into OpenGL: self-test and time, idle and with a dream of 768 px that never rests."""
    if ctx is None:
        yield row("hand-over", float("nan"), "ms", "0.2", "no OpenGL here")
        return
    from .upload import upload_rows

    yield from _routes(upload_rows(ctx, (SCREEN,)), "done_ms", "idle, median")
    steps = Steps(eyes["ours"], guides, SIZES[-1], RATE, WIDE).warm()
    with DreamLoop(steps.dreamer, Latest()) as loop:
        rows = upload_rows(ctx, (SCREEN,), BESIDE, lambda: loop.scene.put(steps.scene()))
    yield from _routes(rows, "p99_ms", f"beside a dream of {SIZES[-1]} px, p99")


def _routes(rows, figure, when):
    for each in rows:
        aim = "0.2" if each["route"] == "cuda-gl" and figure == "done_ms" else ""
        note = each["note"] or f"{each['call_ms']:.3f} ms until the call is back"
        if each["route"] == "cuda-gl" and not each["note"]:
            note += "; the first picture arrived unchanged"
        yield row(f"hand-over {each['size']} {each['route']}, {when}", each[figure], "ms", aim, note)


def precisions(eyes, guides):
    """How good the gradient is in half precision."""
    picture = next(iter(guides.values())).cuda()
    for name, eye in eyes.items():
        for half, _, cosine in trials(eye.cuda(), picture):
            yield row(f"{name}: gradient in {_name(half)}", cosine, "cosine", str(GOOD))


def speeds(eyes, guides, ceilings):
    """Steps a second as they come and from graphs, and the share of the ceilings that the latter reach."""
    for name, eye in eyes.items():
        for size in SIZES:
            yield from _speed(f"{name} {size} px", eye, guides, size, ceilings)


def _speed(what, eye, guides, size, ceilings):
    plain, steps = (Steps(eye, guides, size, {}, WIDE, play) for play in (Plain(), None))
    dreamer = steps.dreamer
    yield row(f"{what}, as it comes", 1 / median_seconds(plain, 15), "steps/s", note=_name(dreamer.eye.dtype))
    seconds = median_seconds(steps.warm(), 15)
    yield row(f"{what}, graphs", 1 / seconds, "steps/s", "30" if size == SIZES[-1] else "", dreamer.note)
    work = Work.of(plain)
    least, most = ceilings.least(work, dreamer.eye.dtype)
    note = f"of the time that {most} take: {work.operations / 1e9:.0f} GFLOP, {work.bytes / 1e9:.2f} GB, each operation alone"
    yield row(f"{what}, share of the ceiling", least / seconds, "", note=note)


def table2(eyes, guides):
    """The paper's Table 2."""
    for each in table2_rows(eyes["resnet50"], guides):
        what = ", ".join(f"{each[key]} {key}" for key in ("size", "iterations", "octaves", "layers", "objective"))
        yield row(f"Table 2: {what}", each["ratio"], "times", "300", f"{1000 * each['ours_s']:.2f} ms, paper {each['paper_s']} s")


def verdict(rows):
    """One line: which aims are missed."""
    missed = [each["what"] for each in rows if each["aim"] and not _met(each)]
    aims = sum(bool(each["aim"]) for each in rows)
    return f"{aims - len(missed)} of {aims} aims met" + (f"; missed: {'; '.join(missed)}" if missed else "")


def _met(each):
    small_is_good = each["unit"] == "ms"
    return each["value"] <= float(each["aim"]) if small_is_good else each["value"] >= float(each["aim"])
