"""The picture to other programs: NDI through the network, Spout (Windows) and Syphon (macOS) on the graphics card.

Each is an optional package, imported when it is opened. An output takes `frame(framebuffer)` once a frame and
`close()` at the end, both on the GL thread; an exception of `frame` means that it is broken.
"""

import importlib.util
import logging
import queue
import shlex
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import one_line
from .passes import Target
from .readback import Readback

log = logging.getLogger(__name__)
NAME = "Hear & See"  # under which other programs list the picture
AVAHI = Path("/run/avahi-daemon/socket")  # is there while the daemon runs that announces NDI on Linux
GLANCE = 0.25  # s between two looks whether anybody watches, while nobody does
PATIENCE = 5.0  # s to wait at the end for a network that does not answer
SETTLED = 15  # frames that a new size must last: each change takes the picture from its watchers for seconds
NOMINAL_RATE = Fraction(60)  # frames a second, as NDI wants to be told; frames go out as they come
SYSTEMS = {"win32": "Windows", "darwin": "macOS"}  # of sys.platform
GL_TEXTURE_2D = 0x0DE1


class Outputs:
    """Those outputs of `wanted` [(kind, name)] that can be opened: all get the picture of `screen`. GL thread.

    What cannot begin, or fails while playing, is told to `notice` in one line and left out: the show goes on.
    """

    def __init__(self, wanted, screen, notice):
        self._notice, self._running = notice, []
        for kind, name in wanted:
            self._open(KINDS[kind], name, screen)

    def frame(self, framebuffer):
        """Send what the framebuffer shows, and leave it bound."""
        if not all(framebuffer.size):
            return  # minimised: the others keep what they saw last
        for output in list(self._running):
            try:
                output.frame(framebuffer)
            except Exception as error:  # noqa: BLE001 - foreign libraries raise what they like
                self._drop(output, error)
                framebuffer.use()

    def close(self):
        while self._running:
            _close(self._running.pop())

    def _open(self, kind, name, screen):
        if lack := trouble(kind):
            self._notice(lack)
        if not installed(kind):
            return
        try:
            output = kind(name, screen)
        except Exception as error:  # noqa: BLE001 - as above
            log.debug("%s", kind.title, exc_info=True)
            return self._notice(f"{kind.title} is left out: {one_line(error)}")
        self._running.append(output)
        self._notice(f"{kind.title} sends the picture as {output.name}")

    def _drop(self, output, error):
        log.debug("%s", output.title, exc_info=error)
        self._running.remove(output)
        _close(output)
        self._notice(f"{output.title} is left out from now on: {one_line(error)}")


class Ndi:
    """A source of NDI. The picture is read back late and sent from a thread, and only while anybody watches."""

    title, package, module, system = "NDI", "cyndilib", "cyndilib", ""

    def __init__(self, name, screen):
        self._name = name
        self._readback, self._pictures = Readback(), queue.Queue(1)
        self._watched, self._ended, self._error = False, False, None
        self._changed = 0  # pictures in a row that had not the size of the source
        self._shown = tuple(max(side, 1) for side in screen.size)  # the size of the show's picture
        self._open(self._shown)
        self.name = self._sender.name  # with the machine's own before it
        self._thread = threading.Thread(target=self._work, name="ndi", daemon=True)
        self._thread.start()

    def frame(self, framebuffer):
        if self._error:
            raise self._error
        self._shown = framebuffer.size
        if not self._watched:
            self._readback.rest()  # whoever comes later wants none of these
            return
        self._readback.ask(framebuffer, framebuffer.size)
        for _, picture in self._readback.due():
            if not self._pictures.full():  # else the network is slower than the show
                self._pictures.put(picture)

    def close(self):
        self._ended = True
        self._thread.join(PATIENCE)
        self._readback.release()

    def _work(self):
        try:
            while not self._ended:
                self._send(self._next())
                self._watched = self._sender.get_num_connections(0) > 0
                if not self._watched and self._shown != self._size:
                    self._reopen(self._shown)  # while it takes the picture from nobody
        except Exception as error:  # noqa: BLE001 - `frame` tells
            self._error = error
        finally:
            self._sender.close()

    def _next(self):
        try:
            return self._pictures.get(timeout=GLANCE)
        except queue.Empty:
            return None

    def _send(self, picture):
        if picture is None or not self._fits(picture.shape[1::-1]):
            return
        sent = np.ascontiguousarray(picture[::-1]).ravel()  # GL begins at the bottom
        if not self._sender.write_video_async(sent):
            raise OSError("it takes no more pictures; begin the show again")
        self._sent = sent  # NDI may read it until the next call

    def _fits(self, size):
        """Whether the source has this size; it takes it on when it has come for SETTLED pictures."""
        self._changed = 0 if size == self._size else self._changed + 1
        if self._changed >= SETTLED:
            self._reopen(size)
        return size == self._size

    def _reopen(self, size):
        self._sender.close()
        self._open(size)
        self._changed = 0

    def _open(self, size):
        """A sender of this size in px: cyndilib has no other way to change it."""
        import cyndilib

        frame = cyndilib.VideoSendFrame()
        frame.set_resolution(*size)
        frame.set_frame_rate(NOMINAL_RATE)
        frame.set_fourcc(cyndilib.FourCC.RGBX)  # X: opaque, whatever the fourth byte is
        self._sender = cyndilib.Sender(self._name, clock_video=False)  # the show has a clock of its own
        self._sender.set_video_frame(frame)
        self._sender.set_audio_frame(cyndilib.AudioSendFrame())  # never used, but 0.1.3 crashes on a failure without
        try:
            self._sender.open()
        except MemoryError:  # which is how it says no
            raise OSError(f"{self._name[:40]!r} is the name of another source of this machine, or too long; choose "
                          "another by --send ndi:NAME") from None
        self._size = size


class Textures:
    """What hands an opaque texture of the picture's size to other programs, without a way through memory."""

    def __init__(self, screen):
        self._ctx, self._copy = screen.ctx, None

    def frame(self, framebuffer):
        if self._copy is None or self._copy.texture.size != framebuffer.size:
            self._release()
            self._copy = Target(self._ctx, framebuffer.size)
        self._ctx.copy_framebuffer(self._copy.buffer, framebuffer)
        self._copy.buffer.color_mask = False, False, False, True
        self._copy.buffer.clear(alpha=1.0)
        self.hand_over(self._copy.texture)
        framebuffer.use()

    def _release(self):
        if self._copy:
            self._copy.release()
            self._copy = None


class Spout(Textures):
    """A sender of Spout."""

    title, package, module, system = "Spout", "SpoutGL", "SpoutGL", "win32"

    def __init__(self, name, screen):
        import SpoutGL

        super().__init__(screen)
        self.name = name
        self._sender = SpoutGL.SpoutSender()
        self._sender.setSenderName(name)

    def hand_over(self, texture):
        upside_down, framebuffer = True, 0  # DirectX begins at the top; Spout leaves framebuffer 0 bound
        if not self._sender.sendTexture(texture.glo, GL_TEXTURE_2D, *texture.size, upside_down, framebuffer):
            raise OSError("it took no picture; it needs a graphics driver with DirectX 11 and OpenGL")

    def close(self):
        self._sender.releaseSender()
        self._release()


class Syphon(Textures):
    """A server of Syphon."""

    title, package, module, system = "Syphon", "syphon-python[opengl]", "syphon", "darwin"

    def __init__(self, name, screen):
        import syphon

        super().__init__(screen)
        self.name = name
        try:
            self._server = syphon.SyphonOpenGLServer(name)  # for the context that is current
        except ImportError:  # from 0.2.0 on PyOpenGL comes only if it is asked for
            raise OSError(f"PyOpenGL is not installed: {_install(self)}") from None
        except Exception as error:
            raise OSError(f"{one_line(error)} It needs the window: play without --headless") from error

    def hand_over(self, texture):
        from OpenGL import GL

        GL.glFlush()  # Syphon reads it in a context of its own
        self._server.publish_frame_texture(texture.glo, size=texture.size)

    def close(self):
        self._server.stop()
        self._release()


KINDS = {"ndi": Ndi, "spout": Spout, "syphon": Syphon}


def parse(text):
    """("ndi", "Left wall") of "ndi:Left wall"; ValueError for what this system does not have."""
    kind, _, name = text.partition(":")
    if kind not in here():
        system = SYSTEMS[KINDS[kind].system] if kind in KINDS else ""
        why = f"{KINDS[kind].title} is for {system} only" if system else "there is no such output"
        raise ValueError(f"{text!r}: {why}; this system has {', '.join(here())}")
    return kind, name or NAME


def here():
    """Names of the outputs that this system can have."""
    return [name for name, kind in KINDS.items() if kind.system in ("", sys.platform)]


def installed(kind):
    return importlib.util.find_spec(kind.module) is not None


def trouble(kind):
    """What keeps others from seeing an output of this kind, with the cure, or ""."""
    if not installed(kind):
        return f"{kind.title} is not installed: {_install(kind)}"
    if kind is Ndi and sys.platform.startswith("linux") and not AVAHI.exists():
        return "NDI is found through avahi-daemon, which does not run here: sudo apt-get install avahi-daemon"
    return ""


def _install(kind):
    python = f'& "{sys.executable}"' if sys.platform == "win32" else shlex.quote(sys.executable)  # & is for PowerShell
    return f'{python} -m pip install "{kind.package}"'  # quoted, because some shells expand brackets


def report():
    """A line for each output that this system can have."""
    return [f"{name}: {trouble(KINDS[name]) or 'ready'}" for name in here()]


def _close(output):
    try:
        output.close()
    except Exception:  # noqa: BLE001 - nothing that ends may end the show
        log.debug("%s did not close", output.title, exc_info=True)
