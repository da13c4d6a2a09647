"""Recording: H.264 video with AAC sound in its own thread, and screenshots.

Frames are read back late, so the GPU is not waited for (see `readback`). The video has a
constant rate: frames are repeated or dropped to follow the clock. Its size is that of the first picture too: a
picture of another size is scaled into it, whole and in proportion, with black around it, because a recording
should neither cut off nor stretch what was shown; while there is none (a minimised window) the last one stays.
The file is written beside its name (`x.part.mp4`) in fragments, so what a killed process leaves still plays;
`close` gives it its name, or the next number where another file has that by then: no file is ever replaced. Until then
it is locked: of two shows that record to one name at once the second one takes the next number.
"""

import os
import queue
import threading
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

from ..errors import one_line
from ..files import numbered, put
from .readback import Readback

try:
    import fcntl
except ImportError:
    fcntl = None  # Windows: there a file that is open can be neither moved nor removed

PENDING = 12  # frames that may wait for the encoder before new ones are dropped
SOUND = 600.0  # s of sound that may wait for it before new one is left out: 115 MB at 48 kHz
NEXT = 0.75  # pictures by which one may be early or late and still follow the last one
QUICK = {"preset": "veryfast", "crf": "20"}  # options of x264 beside a show
FINE = {"preset": "slow", "crf": "16"}  # where nobody waits
CHANNELS = 8  # of AAC; sound of more is mixed into one
CLEAR = 160_000  # bits a second of one channel: transparent; slow rates take less


def screenshot(framebuffer, path):
    """Take what a framebuffer shows; what saves it at `path` as PNG, whole or not at all, when it is called: half a second
    for a picture of 1920x1080. OSError in one line, now or then."""
    path = Path(path)
    if 0 in framebuffer.size:
        raise OSError(f"{path}: screenshot not saved (the window has no size); show the window again first")
    with _saving(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        open(_part(path), "xb").close()  # the name is taken from now on
    picture = np.frombuffer(framebuffer.read(components=3, alignment=1), np.uint8)
    return partial(_save, picture.reshape(framebuffer.height, framebuffer.width, 3)[::-1], path)


def _save(picture, path):
    part = _part(path)
    try:
        with _saving(path):
            Image.fromarray(picture).save(part, format="PNG")
            put(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _saving(path):
    try:
        yield
    except OSError as error:
        raise OSError(f"{path}: screenshot not saved ({error.strerror or error}); choose a folder that can be "
                      "written") from None


def unused(path):
    """`path`, or where a file has that name `x-2.png`, `x-3.png` and so on: the first that is free."""
    return next(name for name in numbered(path) if not (os.path.lexists(name) or os.path.lexists(_part(name))))


def prepare(asked):
    """Make the folder of a video and see that it can be written; OSError in one line when not.

    (path, kept): the name for it, `asked` or the first number that no file and no recording that goes on has; and what
    a recording of that name that broke off is called now, or None.
    """
    try:
        asked.parent.mkdir(parents=True, exist_ok=True)
        av.open(str(_part(asked)), "w").close()  # is there such a kind of file? Writes nothing yet
        return next(filter(None, map(_room, numbered(asked))))
    except (OSError, ValueError, av.FFmpegError) as error:
        raise _no_place(asked, error) from None


def _room(path):
    """(path, what a recording that broke off is called now or None) where that name is free, else None."""
    if os.path.lexists(path):
        return None
    try:
        kept = _move_away(path)
        with open(_part(path), "xb"):
            pass
    except (BlockingIOError, FileExistsError):  # another show records to it
        return None
    _part(path).unlink()
    return path, kept


def _move_away(path):
    """Have what a recording of that name left when it broke off keep another name: that name, or None."""
    part, kept = _part(path), unused(path.with_stem(f"{path.stem}.broken-off"))
    try:
        with _alone(part):
            if part.stat().st_size:
                return part.rename(kept)
            part.unlink()
    except FileNotFoundError:
        pass
    return None


class Recorder:
    """Writes `path` (.mp4 or .mkv) at `fps` with sound of `rate` Hz (0: none) and so many `channels`.

    Call `frame` once a frame on the GL thread; `sound` from one thread; `close` at the end, or `end` to go on
    meanwhile and `close` once it has `ended`. None but `close` waits for the encoder: a slow one loses frames, each of
    which repeats the one before (`dropped` counts), but sound (`lost` counts samples) only when SOUND seconds of it
    wait. `wait` lets it hold the caller of `frame` instead. OSError in one line when the file cannot be made.
    Where another recording has the name by then, its own `path` has the next number.
    Sound at a rate that AAC does not know gets the next higher one.
    """

    def __init__(self, path, size, fps=30, rate=0, channels=1, wait=False, coding=QUICK):
        self.path, self._held = _claim(Path(path))
        self.part = _part(self.path)
        self.size = _even(size)
        self.fps, self.rate, self._wait = fps, rate, wait
        self.started, self.dropped, self.lost, self.error = None, 0, 0, ""
        self._readback, self._last = Readback(), -1
        self._jobs = queue.SimpleQueue()
        self._room = threading.Semaphore(PENDING)  # for frames that wait
        self._given = self._taken = 0  # samples put into the queue, and taken out by the recording thread
        self._writer = self._open(fps, (rate, channels), coding)
        self._going = True
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    def _open(self, *how):
        try:
            return _Writer(self.part, self.path, self.size, *how)
        except OSError:
            self._held.close()
            with suppress(OSError):
                self.part.unlink(missing_ok=True)
            raise

    def frame(self, framebuffer, now):
        """Record what the framebuffer shows at `now` (s); the first one is the start of the video."""
        self.started = now if self.started is None else self.started
        number = number_at((now - self.started) * self.fps, self._last)
        if number <= self._last:
            return
        self._last = number
        self._readback.ask(framebuffer, _even(framebuffer.size), number)
        for late, picture in self._readback.due():
            self._put(late, picture)

    def sound(self, samples, position):
        """Record float32 samples, (n,) or (n, channels); `position` is the number of the first one since the start.

        The position decides: what is missing before it becomes silence, what comes twice or early is cut.
        """
        if not self.rate:
            return
        if self._given - self._taken + len(samples) > SOUND * self.rate:
            self.lost += len(samples)
            return
        self._given += len(samples)
        self._jobs.put((self._write_sound, position, np.array(samples, np.float32)))

    def end(self):
        """No more comes: finish the file without being waited for. GL thread."""
        if not self._going:
            return
        self._going = False
        for number, picture in self._readback.rest():
            self._jobs.put((self._write_frame, number, picture))
        self._jobs.put(None)
        self._readback.release()

    @property
    def ended(self):
        """Whether all is written, so that `close` need not wait."""
        return self._thread is None or not self._thread.is_alive()

    def close(self):
        """Write what waits, finish the file and give it its name, `path`; OSError in one line when writing failed."""
        if self._thread is None:
            return
        self.end()
        self._thread.join()
        self._thread = None
        try:
            self._settle()
        finally:
            self._held.close()

    def _settle(self):
        """Give what was written its name; OSError when writing failed."""
        if self.error:
            rest = f"what there is plays from {self.part}" if _plays(self.part) else "none of it can be played"
            raise OSError(f"{self.path}: recording failed ({self.error}); {rest}; make room or choose another folder, "
                          "then record again")
        self._name()

    def losses(self):
        """What the file lacks, because the encoder was too slow; "" for nothing."""
        pictures = f"{self.dropped} pictures repeat the one before" * bool(self.dropped)
        silence = f"{self.lost / max(self.rate, 1):.1f} s of sound are silent" * bool(self.lost)
        return " and ".join(filter(None, (pictures, silence)))

    def _name(self):
        path = unused(self.path) if os.path.lexists(self.path) else self.path
        try:
            put(self.part, path)
        except OSError as error:
            raise OSError(f"{path}: the recording cannot have that name ({_reason(error)}); it is complete in "
                          f"{self.part}") from None
        self.path = path

    def _put(self, number, picture):
        if self._room.acquire(blocking=self._wait):
            self._jobs.put((self._write_frame, number, picture))
        else:
            self.dropped += 1  # the next frame repeats the last one in its place

    def _work(self):
        """The recording thread: encodes until None comes; after an error it only empties the queue."""
        for write, place, data in iter(self._jobs.get, None):
            write(place, data)
        self._try(self._writer.close)

    def _write_frame(self, number, picture):
        self._room.release()
        self._try(self._writer.frame, number, picture)

    def _write_sound(self, position, samples):
        self._taken += len(samples)
        self._try(self._writer.sound, position, samples)

    def _try(self, action, *arguments):
        if self.error and action != self._writer.close:
            return
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - a full disk must not end the show; whoever calls looks
            self.error = self.error or _reason(error)


def number_at(at, last):
    """Which picture of the video, after number `last`, is the one that is shown `at` (in pictures): the next, unless the clock is
    clearly elsewhere. A monitor of nearly the same rate is now and then half a picture off: only to round would then repeat one
    and leave the next out, by turns, for seconds."""
    return last + 1 if abs(at - (last + 1)) < NEXT else int(at + 0.5)


def add_video(file, size, fps):
    """A stream of H.264 in an open file, which says that its colours are those of BT.709: players guess what is not said."""
    video = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
    video.width, video.height = size
    video.pix_fmt = "yuv420p"
    video.codec_context.color_range = 1
    video.codec_context.colorspace = video.codec_context.color_primaries = video.codec_context.color_trc = 1
    return video


def video_frame(picture):
    """A picture, uint8 (h, w, 3 or 4) from the top, in the colours of `add_video`."""
    kind = "rgba" if picture.shape[2] == 4 else "rgb24"
    new = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)
    return new.reformat(new.width, new.height, format="yuv420p", src_colorspace="ITU709", dst_colorspace="ITU709",
                        dst_color_range="MPEG")


class _Writer:
    """The file: one video and perhaps one audio stream. Recording thread."""

    def __init__(self, part, path, size, fps, sound, coding):
        self._size, (self._rate, channels) = size, sound
        self._layout = f"{channels}c" if channels <= CHANNELS else "mono"
        self._frames = self._samples = 0  # written so far
        self._last = self._file = None
        try:
            self._file = av.open(str(part), "w", options=_resilient(path.suffix))
            self._video = self._add_video(size, fps, coding)
            self._audio = self._add_audio() if self._rate else None
            self._file.start_encoding()
        except (OSError, ValueError, av.FFmpegError) as error:
            self._leave()
            raise _no_place(path, error) from None

    def _leave(self):
        """Close a file that cannot be begun: Windows removes none that is open."""
        with suppress(OSError, ValueError, av.FFmpegError):
            if self._file:
                self._file.close()

    def _add_video(self, size, fps, coding):
        video = add_video(self._file, size, fps)
        video.gop_size = max(int(fps), 1)  # a fragment a second is what a crash can cost
        video.options = {**coding, "bf": "0"}
        return video

    def _add_audio(self):
        legal = av.Codec("aac", "w").audio_rates
        rate = min((each for each in legal if each >= self._rate), default=max(legal))
        audio = self._file.add_stream("aac", rate=rate, layout=self._layout)  # it converts what has another rate
        audio.bit_rate = min(CLEAR, 6 * rate) * audio.layout.nb_channels  # 6 bits a sample is the most that AAC has
        return audio

    def frame(self, number, picture):
        new = self._last if picture is None else self._converted(picture)
        if new is None:  # nothing to see so far
            return
        last = self._last if self._last is not None else new
        while self._frames < number:  # frames that never came
            self._encode(last)
        self._encode(new)
        self._last = new

    def _converted(self, picture):
        return video_frame(_framed(picture[::-1], self._size))  # GL begins at the bottom

    def _encode(self, frame):
        frame.pts, frame.time_base = self._frames, 1 / self._video.average_rate
        frame.pict_type = 0  # a repeated frame must not repeat the encoder's choice
        self._frames += 1
        self._file.mux(self._video.encode(frame))

    def sound(self, position, samples):
        samples = samples[:, None] if samples.ndim == 1 else samples
        if samples.shape[1] > CHANNELS:
            samples = samples.mean(1, keepdims=True)
        silence = np.zeros((self._rate, samples.shape[1]), np.float32)
        while (gap := position - self._samples) > len(silence):  # much is missing: silence, a second at once
            self._encode_sound(silence)
        samples = samples[-gap:] if gap < 0 else np.concatenate((silence[:gap], samples))
        if len(samples):
            self._encode_sound(samples)

    def _encode_sound(self, samples):
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="flt", layout=self._layout)
        block.sample_rate, block.pts, block.time_base = self._rate, self._samples, Fraction(1, self._rate)
        self._samples += len(samples)
        self._file.mux(self._audio.encode(block))

    def close(self):
        try:
            self._flush()
        finally:
            self._file.close()

    def _flush(self):
        for stream in filter(None, (self._video, self._audio)):
            if stream is self._video and not self._frames or stream is self._audio and not self._samples:
                continue  # an encoder that never had anything cannot be flushed
            self._file.mux(stream.encode(None))


def _even(size):
    return tuple(side // 2 * 2 for side in size)  # H.264 halves colours both ways


def _claim(path):
    """(the first name whose part no other recording has, that part: new, and locked for as long as it is open)."""
    for name in numbered(path):
        try:
            held = open(_part(name), "xb")  # x: of two that try at once one succeeds
        except FileExistsError:
            continue
        except OSError as error:
            raise _no_place(name, error) from None
        if _lock(held) and _part(name).exists():  # else another show took it for one that broke off
            return name, held


@contextmanager
def _alone(part):
    """Hold a file that somebody else may have left; BlockingIOError where a recording that goes on has it."""
    if fcntl is None:
        try:
            os.rename(part, part)
        except PermissionError:
            raise BlockingIOError from None
    with open(part, "r+b") as file:
        if not _lock(file):
            raise BlockingIOError
        yield


def _lock(file):
    """Keep a file from others for as long as it is open; whether nobody has it."""
    if fcntl is None:
        file.close()  # nobody moves what FFmpeg has open; ours would be in our own way
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _part(path):
    return path.with_name(f"{path.stem}.part{path.suffix}")


def _framed(picture, size):
    """The picture (h, w, 4) in the middle of as much black as gives it the proportions of `size` (w, h)."""
    height, width = picture.shape[:2]
    high, wide = max(height, round(width * size[1] / size[0])), max(width, round(height * size[0] / size[1]))
    framed = np.zeros((high, wide, 4), np.uint8)
    top, left = (high - height) // 2, (wide - width) // 2
    framed[top : top + height, left : left + width] = picture
    return framed


def _plays(path):
    """Whether a video file has a picture to show."""
    try:
        with av.open(str(path)) as file:
            return next(file.decode(video=0), None) is not None
    except (OSError, ValueError, IndexError, av.FFmpegError):  # IndexError: no video in it
        return False


def _no_place(path, error):
    return OSError(f"{path}: cannot record there ({_reason(error)}); name an .mp4 or .mkv file in a folder that can "
                   "be written and has room")


def _resilient(suffix):
    """Options that keep an unfinished mp4 playable; FFmpeg 8 also turns it into a plain one at the end."""
    if suffix.lower() not in (".mp4", ".mov", ".m4v"):
        return {"flush_packets": "1"}
    plain = "+hybrid_fragmented" if av.library_versions["libavformat"][0] >= 62 else ""
    return {"movflags": "frag_keyframe+delay_moov+default_base_moof" + plain, "flush_packets": "1"}


def _reason(error):
    return getattr(error, "strerror", None) or one_line(error)
