"""The dream thread: takes the newest scene, dreams at the wanted rate, hands over frames."""

import threading
import time
from dataclasses import dataclass, replace

import torch

from ..errors import lack, one_line
from ..latest import Latest
from ..motion import Place
from .budget import Governor
from .graphs import dream_stream, empty_cache, stepping
from .trouble import Trouble

WAIT = 0.5  # s between two looks at whether to stop, while no scene comes
LASTS = 100  # dreams that memory set free must last for


@dataclass(frozen=True)
class Frame:
    """A dreamed picture: uint8 RGBA (h, w, 4), a numpy array or a CUDA tensor, finished, made for a `place`."""

    pixels: object
    steps_per_s: float
    note: str
    place: Place | None = None


class Inbox(Latest):
    """A mailbox of one that can be waited for."""

    def __init__(self):
        super().__init__()
        self._came = threading.Event()

    def put(self, value):
        super().put(value)
        self._came.set()

    def wait(self, seconds):
        """Until something was put, at most `seconds`; whether it was."""
        came = self._came.wait(seconds)
        self._came.clear()
        return came


class Loop:
    """Owns a thread that makes a frame of the newest scene, `_turn(scene)`, every `_wanted(scene)` seconds or later.

    Put scenes into `scene`; frames come out in `frames`.
    """

    def __init__(self, frames, clock=time.perf_counter):
        self.scene = Inbox()
        self.faults = 0
        self._trouble = Trouble(clock)
        self._frames = frames
        self._clock = clock
        self._stop = threading.Event()
        self._fresh = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dream", daemon=True)
        self._put = None  # time of the last frame
        self._period = 0.0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self.scene.put(self.scene.peek())
        self._thread.join()

    def reseed(self):
        """Start a fresh picture with the next frame. Any thread."""
        self._fresh.set()

    def learn(self, name, picture):
        """Take the picture of a new class, (3, h, w) in 0..1; loops made beforehand have no use for it. Any thread."""

    @property
    def fault(self):
        """What the HUD should say of frames that fail, until some seconds after; "" while none does. Any thread."""
        return self._trouble.text

    def turn(self, scene):
        """A frame of a scene is put; whatever goes wrong, the last good one stays. The loop's thread."""
        short = ""
        try:
            self._turn(scene)
            self._trouble.passed()
        except Exception as error:  # the show goes on
            short = lack(error)
            self._trouble.came(self._wrong(error), error)
            self.faults += 1
        if short:  # only now: the error held what is to be freed
            self._make_do(short)

    def _make_do(self, short):
        """Memory, of the kind that is `short`, ran out: need less of it, and go on also where that fails."""
        try:
            self._free()
        except Exception as error:  # the show goes on
            self._trouble.came(f"out of {short}, and none could be freed: {one_line(error)}", error)

    def _wrong(self, error):
        """A line about an error in the thread."""
        short = lack(error)
        return f"out of {short}" if short else self._complaint(error)

    def _complaint(self, error):
        """A line about a frame that failed."""
        return f"dream failed: {one_line(error)}"

    def _free(self):
        """Memory ran out: need less of it."""
        empty_cache()

    def _run(self):
        due = self._clock()
        while not self._stop.is_set():
            self.scene.wait(WAIT)
            scene = self.scene.take()
            if scene is None or self._stop.is_set():
                continue
            due = max(due, self._clock()) + self._wanted(scene)
            self.turn(scene)
            self._stop.wait(max(0.0, due - self._clock()))

    def _wanted(self, scene):
        """Seconds from one frame to the next."""
        return 1 / scene.values["dream.rate"]

    def _rate(self):
        """Frames a second, smoothed; called once a frame."""
        now = self._clock()
        if self._put is not None:
            self._period += 0.3 * ((now - self._put) - self._period) if self._period else now - self._put
        self._put = now
        return 1 / self._period if self._period else 0.0


class DreamLoop(Loop):
    """The dream thread, the only one that may run OpenMP regions.

    A worker that shares OpenMP with a second thread dreams 30 % slower, so the rest of the program
    keeps torch to one thread.
    """

    def __init__(self, dreamer, frames, threads=None, clock=time.perf_counter, draw=None):
        """`draw()` gives each fresh dream its seed where `dream.seed` is 0; without it 0 is a seed like others."""
        super().__init__(frames, clock)
        self._dreamer = dreamer
        self._draw, self._drawn = draw, None
        self._next = Latest()
        self._threads = threads
        self._governor = Governor()
        self._asked = Latest()  # for room, by a thread that waits
        self._last = None  # the newest dream
        self._lost = 0  # steps that the dreamer had left out
        self._well = LASTS  # dreams since memory was short
        self._learnt = {}
        self._learning = threading.Lock()  # what is learnt meanwhile waits until another dreamer has taken over

    def learn(self, name, picture):
        with self._learning:
            self._learnt[name] = picture
            self._dreamer.learn(name, picture)

    def change(self, dreamer, other_classes=False):
        """Go on with another dreamer, from the dream there is, and with the pictures learnt unless it is one of
        `other_classes`. Any thread."""
        with self._learning:
            self._learnt = {} if other_classes else self._learnt
            self._next.put(dreamer)

    def _run(self):
        if self._threads:
            torch.set_num_threads(self._threads)
        with dream_stream(self._dreamer.device):
            self._meet(self._dreamer)
            super()._run()

    def _meet(self, dreamer):
        """Tell the governor how quick a dreamer is; where that cannot be told, its first dream does."""
        try:
            self._governor.meet(dreamer.pace())
        except Exception as error:  # the show goes on
            self._trouble.came(self._wrong(error), error)

    def _turn(self, scene):
        """One dream of a scene, unless the picture is held."""
        self._give_room()
        self._exchange()  # of a held picture too: two networks would take up memory
        if scene.values["show.freeze"] and self._last is not None:
            self._put = None  # what is held is no slow dream
            return
        began = self._clock()
        if self._fresh.is_set():
            self._fresh.clear()
            self._last = self._drawn = None
        dream = self._dreamer.step(self._last, self._affordable(self._seeded(scene)))
        frame = self._frame(dream, scene)
        self._tell_lost()
        self._well += 1
        self._last = dream  # what failed before here has changed nothing: the next one goes on from the last good one
        if dream.number and self._dreamer.settled:  # to begin is no whole dream; a recording makes the next ones quicker
            self._governor.spent(self._clock() - began)
        self._frames.put(frame)

    def _tell_lost(self):
        """Say that a step was left out: the picture goes on without it, and nobody would know why it no longer dreams."""
        lost = int(self._dreamer.lost)
        if lost > self._lost:
            self._trouble.came("a gradient was not finite, so the dream goes on without it; another layer or network may do", None)
        self._lost = lost

    def _exchange(self):
        """Go on with another dreamer, if there is one."""
        with self._learning:
            dreamer = self._next.take()
            if dreamer is None:
                return
            self._dreamer, self._lost = dreamer, int(dreamer.lost)
            self._governor.meet()  # in any case
            self._teach(dreamer)
        self._meet(dreamer)

    def _teach(self, dreamer):
        """Give the pictures learnt to another dreamer; one that fails costs neither the dreamer nor the other pictures."""
        failed = None
        for name, picture in self._learnt.items():
            try:
                dreamer.learn(name, picture)
            except Exception as error:  # said when all have had their turn
                failed = error
        if failed:
            raise failed

    def _seeded(self, scene):
        """The scene, with a seed drawn in place of 0: for each fresh dream, and when the knob comes back to 0."""
        if self._draw is None or scene.values["dream.seed"]:
            self._drawn = None
            return scene
        self._drawn = self._drawn or self._draw()
        return replace(scene, values={**scene.values, "dream.seed": float(self._drawn)})

    def _affordable(self, scene):
        """The scene with what the governor and the network's smallest input allow."""
        values = scene.values
        plan = self._governor.plan(values, self._dreamer.shape(scene.aspect))
        changed = {"dream.octaves": plan.octaves, "dream.iterations": plan.iterations, "dream.size": plan.size,
                   "dream.step": self._governor.step(values)}
        return replace(scene, values={**values, **changed}, sight=min(plan.sight, scene.sight or plan.sight))

    def _free(self):
        """What is kept for later gives way first; where that did not last, some of what is dreamed."""
        lasted, self._well, found = self._well >= LASTS, 0, False
        try:
            found = self._dreamer.forget()
        finally:  # where nothing can be set free, less is dreamed all the more
            if not (found and lasted):
                self._governor.out_of_memory()
            super()._free()

    def make_room(self, seconds):
        """Free what was recorded, for a network that finds too little memory; whether that came within so many seconds. Any
        thread but the loop's."""
        asked = threading.Event()
        self._asked.put(asked)
        return asked.wait(seconds)

    def _give_room(self):
        asked = self._asked.take()
        if asked:
            self._dreamer.forget()
            empty_cache()
            asked.set()

    def _frame(self, dream, scene):
        pixels = rgba(dream.picture)
        if pixels.is_cuda:
            done = torch.cuda.Event(blocking=True)
            done.record(torch.cuda.current_stream(pixels.device))
            done.synchronize()  # sync point: the governor must see what a dream takes, and drawing must not wait for it
        else:
            pixels = pixels.cpu().numpy()  # sync point on mps; on the CPU nothing is copied
        return Frame(pixels, self._rate(), self.note(scene.values), scene.place)

    def note(self, values):
        """What the HUD should say of a frame: what was overridden, and how it was played."""
        return "; ".join(text for text in (self._governor.note(values), self._dreamer.note) if text)


def rgba(picture):
    """A picture (1, 3, h, w) in 0..1 as uint8 (h, w, 4) on its device, opaque, row 0 on top."""
    height, width = picture.shape[2:]
    with stepping(picture.device):
        pixels = torch.empty(height, width, 4, dtype=torch.uint8, device=picture.device)
        pixels[..., :3] = (picture[0] * 255 + 0.5).clamp(0, 255).permute(1, 2, 0)
        pixels[..., 3] = 255
    return pixels
