"""Pictures of a framebuffer brought into memory without waiting for the GPU. GL thread."""

import numpy as np

LAG = 2  # frames between asking for a picture and reading it


class Readback:
    """Reads framebuffers through pixel buffers, LAG frames late."""

    def __init__(self):
        self._waiting = []  # [(tag, size, pixel buffer; None: nothing to see)], oldest first
        self._free = []

    def ask(self, framebuffer, size, tag=None):
        """Send the picture (its lower left part of `size`, px) on its way; `tag` comes back with it."""
        self._waiting.append((tag, size, self._fill(framebuffer, size) if all(size) else None))

    def due(self):
        """[(tag, picture)] of those asked for more than LAG frames ago; see `rest`."""
        return self._read(LAG)

    def rest(self):
        """[(tag, picture)] of all that wait: (h, w, 4) uint8, the bottom row first; None of a size without pixels."""
        return self._read(0)

    def release(self):
        """Give the buffers back; what waits is lost."""
        for buffer in [*self._free, *(buffer for *_, buffer in self._waiting if buffer)]:
            buffer.release()
        self._waiting, self._free = [], []

    def _read(self, left):
        count = max(len(self._waiting) - left, 0)
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        return [(tag, self._empty(size, buffer) if buffer else None) for tag, size, buffer in ready]

    def _fill(self, framebuffer, size):
        needed = size[0] * size[1] * 4
        buffer = self._free.pop() if self._free else framebuffer.ctx.buffer(reserve=needed)
        if buffer.size != needed:
            buffer.orphan(needed)
        framebuffer.read_into(buffer, viewport=(0, 0, *size), components=4, alignment=1)
        return buffer

    def _empty(self, size, buffer):
        self._free.append(buffer)
        return np.frombuffer(buffer.read(), np.uint8).reshape(size[1], size[0], 4)
