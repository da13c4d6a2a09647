"""Dream pictures to GL textures, by the fastest route that works, and the two newest of them.

Routes, best first: "cuda-gl" (copy on the GPU into a pixel buffer registered with CUDA), "pinned"
(GPU to page-locked memory to texture), "host" (a numpy array, or plainly from the GPU). Where a route fails the next one
takes over for this picture; where it fails TRIES times in a row, for good, and `reason` says why.
"""

import logging
from contextlib import ExitStack

import numpy as np

from ..errors import one_line

log = logging.getLogger(__name__)
TRIES = 2  # a driver may refuse once what it does the next time, while another thread records a CUDA graph for one
ROOM = 4 * 1024 * 4096  # bytes of the largest dream: buffers that have room for it serve a whole session


class Upload:
    """Keeps the newest and the previous picture as RGBA8 textures."""

    def __init__(self, ctx):
        self._ctx = ctx
        self.newest, self.previous = self._texture((1, 1)), self._texture((1, 1))
        self._routes, self._on_gpu = (), None  # opened by a picture that lives elsewhere than the one before
        self._failed = 0  # times in a row that the best of them did
        self.reason = ""

    @property
    def route(self):
        """How pictures travel: "cuda-gl", "pinned", "host", or "" before the first."""
        return self._routes[0].name if self._routes else ""

    def put(self, pixels):
        """Upload pixels (h, w, 4) uint8, first row on top, contiguous; the texture, also `newest`.

        A numpy array, or a CUDA tensor that is finished: what wrote it has been waited for.
        """
        self._open(getattr(pixels, "is_cuda", False))
        texture = self._fitting(self.previous, (pixels.shape[1], pixels.shape[0]))
        self._copy(pixels, texture)
        self.newest, self.previous = texture, self.newest
        return texture

    def _open(self, on_gpu):
        """The routes for pictures on a GPU, or in main memory: another network may dream where the last one did not."""
        if on_gpu == self._on_gpu:
            return
        for route in self._routes:
            _let_go(route)
        self._routes, self._on_gpu, self._failed, self.reason = _routes(on_gpu), on_gpu, 0, ""

    def _copy(self, pixels, texture):
        *better, last = self._routes
        for route in better:
            try:
                route.copy(self._ctx, pixels, texture)
            except Exception as error:  # noqa: BLE001 - drivers raise what they like; the next route must take over
                self._missed(route, error)
            else:
                if route is self._routes[0]:
                    self._failed = 0
                return
        last.copy(self._ctx, pixels, texture)

    def _missed(self, route, error):
        """A route failed: it begins anew with the next picture; the best one, where it fails again and again, never."""
        _let_go(route)
        if route is not self._routes[0]:
            return
        self._failed += 1
        if self._failed == TRIES:
            self._failed = 0
            self._routes.remove(route)
            self.reason = f"{route.name} upload failed ({type(error).__name__}: {one_line(error)}); now {self.route}"

    def _fitting(self, texture, size):
        if texture.size == size:
            return texture
        texture.release()
        return self._texture(size)

    def _texture(self, size):
        texture = self._ctx.texture(size, 4, data=bytes(size[0] * size[1] * 4))
        texture.repeat_x = texture.repeat_y = False
        return texture

    def release(self):
        for route in self._routes:
            _let_go(route)
        for texture in (self.newest, self.previous):
            texture.release()


def _routes(on_gpu):
    return [CudaRoute(), PinnedRoute(), HostRoute()] if on_gpu else [HostRoute()]


def _let_go(route):
    """Release what a route holds; a driver that has failed may fail here too, and the picture must go on."""
    try:
        route.release()
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        log.warning("%s upload could not be ended (%s)", route.name, one_line(error))


class HostRoute:
    """From a numpy array, or a tensor wherever it is."""

    name = "host"

    def copy(self, ctx, pixels, texture):
        texture.write(np.ascontiguousarray(pixels.cpu() if getattr(pixels, "is_cuda", False) else pixels))

    def release(self):
        pass


class PinnedRoute:
    """From a CUDA tensor through page-locked memory."""

    name = "pinned"

    def __init__(self):
        self._host = None

    def copy(self, ctx, pixels, texture):
        if self._host is None or self._host.shape != pixels.shape:
            self._host = pixels.new_empty(tuple(pixels.shape), device="cpu", pin_memory=True)
        self._host.copy_(pixels)  # sync point: GL must not read before the copy is done
        texture.write(self._host.numpy())

    def release(self):
        self._host = None


class CudaRoute:
    """From a CUDA tensor without leaving the GPU: two registered pixel buffers in turn.

    They are registered and tested once, with room for the largest dream, and a smaller one takes up a part; only a picture
    that is larger yet needs others.
    Everything is queued on a stream of high priority, so that a dream never holds it up, and which waits for no other
    (a blocking one would wait, and GL behind it, for all that a network that loads has queued on the default stream):
    the picture is finished, unmapping orders GL behind the copy, and no call waits on the CPU.
    """

    name = "cuda-gl"

    def __init__(self):
        self._room, self._slots, self._turn = 0, [], 0
        self._stream = None

    def copy(self, ctx, pixels, texture):
        size = pixels.numel()  # one byte each
        first = size > self._room
        if first:
            self._register(ctx, pixels, max(ROOM, 2 ** (size - 1).bit_length()))
        self._turn = 1 - self._turn
        slot = self._slots[self._turn]
        slot.keep(pixels)
        self._queue(pixels, size, slot)
        texture.write(slot.buffer)
        if first:
            _prove(pixels, texture)

    def _queue(self, pixels, size, slot):
        """The copy into the beginning of a slot's buffer."""
        from cuda.core import Buffer

        with slot.resource.map(stream=self._stream) as mapped:
            part = Buffer.from_handle(int(mapped.handle), size, owner=mapped)  # copies are between buffers of one size
            part.copy_from(Buffer.from_handle(pixels.data_ptr(), size, owner=pixels), stream=self._stream)
        slot.copied = self._stream.record()

    def _register(self, ctx, pixels, room):
        """Register two buffers; the tensor exists, so CUDA's context is already torch's."""
        from cuda.core import Device, StreamOptions

        device = Device(pixels.device.index or 0)
        device.set_current()
        self.release()
        self._stream = device.create_stream(options=StreamOptions(nonblocking=True, priority=-1))
        self._slots = [_Slot(ctx, room) for _ in range(2)]
        self._room = room

    def release(self):
        slots, stream = self._slots, self._stream
        self._slots, self._room, self._stream = [], 0, None
        with ExitStack() as parts:  # one that cannot be released does not keep the others
            if stream:
                parts.callback(stream.close)
            for slot in slots:
                parts.callback(slot.release)


class _Slot:
    """A GL pixel buffer registered with CUDA."""

    def __init__(self, ctx, size):
        from cuda.core import GraphicsResource

        self.pixels = self.copied = None  # what was handed over last, and when it will have been copied
        self.buffer = ctx.buffer(reserve=size)
        try:
            self.resource = GraphicsResource.from_gl_buffer(self.buffer.glo, flags="write_discard")
        except Exception:
            self.buffer.release()
            raise

    def keep(self, pixels):
        """Keep a picture until it has been copied; the one before is let go, so that the dream may write there again."""
        if self.copied:
            self.copied.sync()  # of two pictures ago: done long since, unless OpenGL is that far behind
        self.pixels, self.copied = pixels, None

    def release(self):
        self.keep(None)
        self.resource.close()  # before the buffer goes: CUDA must not hold a deleted name
        self.buffer.release()


def _prove(pixels, texture):
    """Self-test with the first picture: what came out is what went in (one sync point)."""
    arrived = np.frombuffer(texture.read(), np.uint8).reshape(tuple(pixels.shape))
    if not np.array_equal(arrived, pixels.cpu().numpy()):
        raise OSError("the picture arrived changed")
