"""Where the picture goes: a window (glfw) or a picture in memory (headless), through the same methods.

The frame loop calls `begin()`, draws, `present()`; at the end `close()`. Attributes: `ctx` (moderngl), `size`
(px), `framebuffer`, `closed`, `notice` (a line for the HUD or ""; whoever says it clears it). `beside()` opens a second
window. Main thread only.
"""

import ctypes
import importlib.util
import os
import sys
import time
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import moderngl

from ..errors import one_line
from ..names import apart
from ..params import COMMANDS, PARAMS, UP
from .software import waiter

GL_VERSION = 330  # what the shaders need; macOS stops at 4.1
EGL_CUDA_DEVICE = 0x323A  # EGL_CUDA_DEVICE_NV of EGL_NV_device_cuda: an EGL device's number in CUDA
MOST_DEVICES = 64

# glfw's names of keys that print nothing, as `params` spells them.
_NAMED = {
    "SPACE": "space", "ENTER": "enter", "KP_ENTER": "enter", "ESCAPE": "escape", "TAB": "tab", "LEFT": "left",
    "RIGHT": "right", "UP": "up", "DOWN": "down", "BACKSPACE": "backspace", "DELETE": "delete", "HOME": "home",
    "END": "end", "PAGE_UP": "pageup", "PAGE_DOWN": "pagedown", "KP_ADD": "+", "KP_SUBTRACT": "-",
} | {f"F{number}": f"f{number}" for number in range(1, 13)}

TITLE = "Hear & See"
FASTEST = 60.0  # frames a second, where no monitor says another number
_USED = {each.key for each in (*COMMANDS, *PARAMS)}
_REPEATING = {command.key for command in COMMANDS if command.repeats}  # while they are held
_HELD = {command.key for command in COMMANDS if command.released}  # of which it counts how long they are


def open_screen(size=(1280, 720), headless=False, monitor=None, vsync=True, mode=None):
    """A screen of `size` px: a window, full screen where a `monitor` is named, or `headless`. `mode`: the size (px) that
    a monitor is switched to, if it can, when the picture fills it; None: it stays as it is.

    OSError (one line with the cure) when there is no display or no OpenGL 3.3.
    """
    if headless:
        return Headless(size)
    return Window(size, vsync, monitor, mode)


def monitors():
    """The monitors as text lines: name, size, refresh rate; OSError without a display."""
    glfw = _start_glfw()
    lines = []
    for name, each in _present(glfw):
        mode = glfw.get_video_mode(each)
        lines.append(f"{name}: {mode.size.width} x {mode.size.height}, {mode.refresh_rate} Hz")
    glfw.terminate()
    return lines


class Headless:
    """A picture in memory, with everything a window has but events."""

    is_full, rate = False, FASTEST

    def __init__(self, size):
        self.size, self.closed, self.notice = tuple(size), False, ""
        self.ctx = _headless_context()
        self._finish = waiter(self.ctx)
        self._texture = self.ctx.texture(self.size, 4)
        self.framebuffer = self.ctx.framebuffer([self._texture])

    def begin(self):
        """Make this the screen that is drawn to; the keys pressed since the last call (none here)."""
        self.framebuffer.use()
        return []

    def present(self):
        """Show what was drawn."""
        self._finish()  # as a window waits for its buffer: frames must not pile up in the driver

    def fullscreen(self, on=None):
        """A picture in memory has no borders to lose."""

    def check_room(self):
        raise OSError("there is no screen")

    def beside(self, size, title):
        self.check_room()

    def close(self):
        if not self.closed:
            self.closed = True
            self.ctx.release()


class Window:
    """A window with an OpenGL 3.3 core context, resizable, full screen and back."""

    def __init__(self, size, vsync=True, monitor=None, mode=None):
        self._mode = mode
        self._glfw = glfw = _start_glfw()
        self.closed, self.notice = False, ""
        self._keys, self._monitor, self._windowed = [], monitor, None
        self._rate, self._rate_due = FASTEST, 0.0  # and when it is to be asked for again
        try:
            self._handle = _create_window(glfw, size, TITLE)
            glfw.make_context_current(self._handle)
            self.ctx = _window_context()
        except OSError:
            glfw.terminate()
            raise
        glfw.swap_interval(1 if vsync else 0)
        glfw.set_key_callback(self._handle, self._key)
        glfw.set_monitor_callback(self._monitor_changed)
        self._measure()
        if monitor is not None:
            self._fill(self._find_monitor())

    @property
    def rate(self):
        """Frames a second of the monitor that it is on, asked for once a second: the answer may come from an X server."""
        now = time.perf_counter()
        if now >= self._rate_due:
            under = _monitor_under(self._glfw, self._handle)  # nothing where the last one was unplugged
            self._rate = float(under and self._glfw.get_video_mode(under).refresh_rate or FASTEST)
            self._rate_due = now + 1.0
        return self._rate

    def begin(self):
        """Take in events and make the window the framebuffer; names of the keys pressed since the last call, and with UP of
        those let go that are held."""
        self._glfw.make_context_current(self._handle)
        self._glfw.poll_events()
        self.closed = self.closed or bool(self._glfw.window_should_close(self._handle))
        if self._glfw.get_framebuffer_size(self._handle) != self.size:
            self._measure()
        self.framebuffer.use()
        keys, self._keys = self._keys, []
        return keys

    def present(self):
        """Show what was drawn; waits for the monitor where vsync is on."""
        self._glfw.swap_buffers(self._handle)

    @property
    def is_full(self):
        """Whether the picture fills a monitor."""
        return self._windowed is not None

    def fullscreen(self, on=None):
        """Full screen (True), a window (False) or the other of the two (None)."""
        on = not self.is_full if on is None else on
        if on and not self.is_full:  # by hand: better any monitor than none
            self._fill(self._find_monitor("filling this one") or _monitor_under(self._glfw, self._handle))
        elif not on and self.is_full:
            self._glfw.set_window_monitor(self._handle, None, *self._windowed, 0)
            self._windowed = None
            self._show_pointer(True)

    def check_room(self):
        """The monitor for a window beside a picture that fills another; None where it fills none. OSError, in a few words, if it
        fills the only one: there either would cover the other."""
        taken = self._glfw.get_window_monitor(self._handle)
        other = _other_monitor(self._glfw, taken) if taken else None
        if taken and not other:
            raise OSError("one monitor: the picture fills it, leave full screen first")
        return other

    def beside(self, size, title):
        """Another window, on another monitor than the one that this one fills; its keys come out of `begin` too.

        OSError, in a few words, if there can be none.
        """
        return Beside(self._glfw, size, title, self.check_room(), self._key)

    def close(self):
        if self._handle is not None:
            self.closed = True
            self.ctx.release()
            self._glfw.destroy_window(self._handle)
            self._handle = None
            self._glfw.terminate()

    def _show_pointer(self, shown):
        """Nobody wants to see it on the big screen."""
        glfw = self._glfw
        glfw.set_input_mode(self._handle, glfw.CURSOR, glfw.CURSOR_NORMAL if shown else glfw.CURSOR_HIDDEN)

    def _fill(self, target):
        if target is None:
            return
        glfw = self._glfw
        self._windowed = (*glfw.get_window_pos(self._handle), *glfw.get_window_size(self._handle))
        mode = glfw.get_video_mode(target)
        glfw.set_window_monitor(self._handle, target, 0, 0, *self._size_on(target, tuple(mode.size)), mode.refresh_rate)
        self._show_pointer(False)

    def _size_on(self, target, usual):
        """The size (px) that a monitor is switched to: the one asked for where it has that, else its `usual` one, which is said."""
        if self._mode in (None, usual) or any(tuple(mode.size) == self._mode for mode in self._glfw.get_video_modes(target)):
            return self._mode or usual
        self.notice = "the monitor cannot be switched to {}x{}: it stays at {}x{}".format(*self._mode, *usual)
        return usual

    def _find_monitor(self, instead="showing a window"):
        """The monitor asked for (where the window is if none was named); None with a notice when it is not there, that says what
        is done `instead`."""
        if self._monitor is None:
            return _monitor_under(self._glfw, self._handle)
        present, wanted = _present(self._glfw), self._monitor.lower()
        for fits in (str.__eq__, str.__contains__):  # "DP-1" is a part of "eDP-1", too
            for name, each in present:
                if fits(name.lower(), wanted):
                    return each
        there = ", ".join(name for name, _ in present) or "none"
        self.notice = f"no monitor {self._monitor!r}, {instead}; there is: {there}"
        return None

    def _monitor_changed(self, monitor, event):
        # glfw takes the picture off a monitor that is unplugged, before it says so; the show goes on in a window.
        lost = event == self._glfw.DISCONNECTED and not self._glfw.get_window_monitor(self._handle)
        if lost and self.is_full:
            self.notice = "monitor unplugged, showing a window"
            self._glfw.set_window_monitor(self._handle, None, 60, 60, *self._windowed[2:], 0)
            self._windowed = None
            self._show_pointer(True)

    def _key(self, window, key, scancode, action, mods):
        name = _key_name(self._glfw, key, scancode)
        if action == self._glfw.RELEASE:
            self._keys += [name + UP] * (name in _HELD)
        elif name and (action == self._glfw.PRESS or name in _REPEATING) and _for_us(self._glfw, name, mods):
            self._keys.append(name)

    def _measure(self):
        self.size = self._glfw.get_framebuffer_size(self._handle)
        self.framebuffer = _framebuffer(self.ctx, self.size)


class Beside:
    """A window beside the picture's, with a context of its own that is current inside `with window.current()` only.

    It never waits for its monitor. `size` in px; `wanted`: nobody has closed it; `hidden`: there is nothing to draw on.
    """

    def __init__(self, glfw, size, title, monitor, key):
        self._glfw, self._framebuffer = glfw, None
        self._handle = _create_window(glfw, size, title, VISIBLE=False, SCALE_TO_MONITOR=True)
        try:
            if monitor:
                _centre(glfw, self._handle, monitor)
            with self.current():
                glfw.swap_interval(0)  # else the picture would wait for two monitors in turn
                self.ctx = _window_context()
        except Exception:
            glfw.destroy_window(self._handle)
            raise
        glfw.set_key_callback(self._handle, key)
        glfw.show_window(self._handle)

    @property
    def size(self):
        return self._glfw.get_framebuffer_size(self._handle)

    @property
    def wanted(self):
        return not self._glfw.window_should_close(self._handle)

    @property
    def hidden(self):
        return bool(self._glfw.get_window_attrib(self._handle, self._glfw.ICONIFIED)) or 0 in self.size

    @contextmanager
    def current(self):
        """Make its context the current one; after that the one that was. OSError if it is lost."""
        glfw = self._glfw
        before = glfw.get_current_context()
        glfw.make_context_current(self._handle)
        try:
            if not _same(glfw.get_current_context(), self._handle):
                raise OSError(f"its graphics are gone ({one_line(glfw.get_error()[1])})")
            yield
        finally:
            glfw.make_context_current(before)

    def begin(self):
        """Make the window the framebuffer, as large as it is now, and return that."""
        size = self.size
        if self._framebuffer is None or self._framebuffer.size != size:
            self._framebuffer = _framebuffer(self.ctx, size)
        self._framebuffer.use()
        return self._framebuffer

    def present(self):
        self._glfw.swap_buffers(self._handle)

    def close(self):
        if self._handle is not None:
            self.ctx.release()
            self._glfw.destroy_window(self._handle)
            self._handle = None


def _framebuffer(ctx, size):
    """The window's own."""
    framebuffer = ctx.detect_framebuffer(0)
    framebuffer._size = size  # moderngl 5.13 keeps the size that the window began with
    framebuffer.viewport = (0, 0, *size)
    return framebuffer


def _headless_context():
    """A context without a window: EGL on Linux, the system's own (WGL, CGL) elsewhere."""
    try:
        backend = {"backend": "egl", "device_index": _cuda_device()} if sys.platform.startswith("linux") else {}
        return moderngl.create_context(standalone=True, require=GL_VERSION, **backend)
    except Exception as error:  # noqa: BLE001 - glcontext raises just that
        raise OSError(f"no OpenGL {GL_VERSION / 100:.1f} without a window ({one_line(error)}); "
                      + _cure("apt-get install libegl1 libgl1-mesa-dri")) from None


def _cuda_device(extension=None):
    """Which EGL device is CUDA's first, where the dream is: one GPU cannot draw from another's memory.
    0 if none says so.

    glcontext takes the environment's GLCONTEXT_DEVICE_INDEX instead, if that is set.
    """
    extension = extension or _egl_extension
    query = extension("eglQueryDevicesEXT", ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    attribute = extension("eglQueryDeviceAttribEXT", ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    devices, count, number = (ctypes.c_void_p * MOST_DEVICES)(), ctypes.c_int(), ctypes.c_ssize_t()
    if not query or not attribute or not query(MOST_DEVICES, ctypes.addressof(devices), ctypes.addressof(count)):
        return 0
    return next((index for index, device in enumerate(devices[:count.value])
                 if attribute(device, EGL_CUDA_DEVICE, ctypes.addressof(number)) and number.value == 0), 0)


def _egl_extension(name, *arguments):
    """A function of EGL that returns whether it succeeded, or None."""
    library = find_library("EGL")
    if not library:
        return None
    find = ctypes.CDLL(library).eglGetProcAddress
    find.restype, find.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    address = find(name.encode())
    return ctypes.CFUNCTYPE(ctypes.c_uint, *arguments)(address) if address else None


def _window_context():
    try:
        return moderngl.create_context(require=GL_VERSION)
    except Exception as error:  # noqa: BLE001 - as above
        raise OSError(f"the window has no OpenGL {GL_VERSION / 100:.1f} ({one_line(error)}); "
                      + _cure("apt-get install libgl1 libgl1-mesa-dri libglx-mesa0")) from None


def _create_window(glfw, size, title, **hints):
    hints = {
        "CONTEXT_VERSION_MAJOR": 3, "CONTEXT_VERSION_MINOR": 3, "OPENGL_PROFILE": glfw.OPENGL_CORE_PROFILE,
        "OPENGL_FORWARD_COMPAT": True,
        "COCOA_RETINA_FRAMEBUFFER": False,  # the size asked for is the size drawn, recorded and sent
        "AUTO_ICONIFY": False,  # a click on the laptop must not take the picture off the stage
    } | hints
    glfw.default_window_hints()
    for name, value in hints.items():
        glfw.window_hint(getattr(glfw, name), value)
    window = glfw.create_window(*size, title, None, None)
    if not window:
        reason = one_line(glfw.get_error()[1])
        raise OSError(f"no window ({reason}); " + _cure("apt-get install libgl1 libgl1-mesa-dri"))
    return window


def _other_monitor(glfw, taken):
    """The first monitor, the primary one if possible, that is not `taken`, or None."""
    return next((each for each in glfw.get_monitors() if not _same(each, taken)), None)


def _monitor_under(glfw, window):
    """The monitor that shows the middle of a window; the primary one if none does."""
    left, top = (at + side // 2 for at, side in zip(glfw.get_window_pos(window), glfw.get_window_size(window)))
    for each in glfw.get_monitors():
        (x, y), (width, height) = glfw.get_monitor_pos(each), glfw.get_video_mode(each).size
        if x <= left < x + width and y <= top < y + height:
            return each
    return glfw.get_primary_monitor()


def _centre(glfw, window, monitor):
    """Put a window in the middle of a monitor, made smaller where it is too large for it."""
    x, y, *room = glfw.get_monitor_workarea(monitor)
    width, height = (min(side, most) for side, most in zip(glfw.get_window_size(window), room))
    glfw.set_window_size(window, width, height)
    glfw.set_window_pos(window, x + (room[0] - width) // 2, y + (room[1] - height) // 2)


def _same(one, other):
    """Whether two of glfw's pointers (None: nothing) are one."""
    return ctypes.cast(one, ctypes.c_void_p).value == ctypes.cast(other, ctypes.c_void_p).value


def _start_glfw():
    if sys.platform == "darwin" and (library := _imgui_glfw()):
        os.environ.setdefault("PYGLFW_LIBRARY", library)
    if sys.platform.startswith("linux") and os.environ.get("DISPLAY"):
        # Through Wayland a window neither knows its place nor lets a second one have OpenGL: there X11's way is open, too.
        os.environ.setdefault("PYGLFW_LIBRARY_VARIANT", "x11")
    try:
        import glfw
    except ImportError as error:  # the system library may be what is missing
        raise OSError(f"no window system ({one_line(error)}); " + _cure("apt-get install libglfw3")) from None
    glfw.ERROR_REPORTING = False  # errors are asked for with get_error
    if not glfw.init():
        reason = glfw.get_error()[1]
        raise OSError(f"no display ({one_line(reason)}); " + _cure("start a desktop or Xvfb"))
    return glfw


def _imgui_glfw():
    """The GLFW that imgui_bundle brings along: on macOS two of them in one process define the same classes twice."""
    found = importlib.util.find_spec("imgui_bundle")
    path = Path(found.origin).parent / "libglfw.3.dylib" if found and found.origin else None
    return str(path) if path and path.exists() else None


def _cure(linux):
    return f"{linux}, or use --headless" if sys.platform.startswith("linux") else "update the graphics driver"


def _key_name(glfw, key, scancode):
    """The name of a key: a digit by its place, what else it prints on this keyboard in lower case,
    or a name such as "f1"."""
    for constant, name in _NAMED.items():
        if key == getattr(glfw, "KEY_" + constant):
            return name
    printed = (glfw.get_key_name(key, scancode) or "").lower()
    if printed == "=":
        return "+"  # where they share a key, nobody wants to hold Shift
    if glfw.KEY_A <= key <= glfw.KEY_Z and not printed.isascii():
        return chr(key).lower()  # Greek, Cyrillic, Hebrew: none of its letters is a command
    # French keyboards print digits with Shift only: there the place counts, unless what is printed does something.
    return chr(key) if glfw.KEY_0 <= key <= glfw.KEY_9 and printed not in _USED else printed


def _for_us(glfw, name, mods):
    """Whether a key is pressed for the show, with these others held: Ctrl+C, Alt+Tab and Cmd+P are meant for another program or
    done by habit. Alt+Enter is full screen elsewhere too; and Windows calls AltGr, with which some keyboards print, Ctrl and Alt."""
    control, alt, system = (bool(mods & each) for each in (glfw.MOD_CONTROL, glfw.MOD_ALT, glfw.MOD_SUPER))
    if control and alt and not system:
        return sys.platform == "win32" and len(name) == 1 and name in _USED
    return not control and not system and (not alt or name == "enter")


def _present(glfw):
    """[(name, monitor)]; of two by the same name, as Windows calls most of them, the second is "NAME #2"."""
    monitors = glfw.get_monitors()
    return list(zip(apart([_name(glfw, each) for each in monitors]), monitors, strict=True))


def _name(glfw, monitor):
    name = glfw.get_monitor_name(monitor)
    return name.decode(errors="replace") if isinstance(name, bytes) else name
