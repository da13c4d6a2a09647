"""Recording: H.264 video with AAC sound in its own thread, and screenshots.

Frames are read back through pixel buffers two frames late, so the GPU is not waited for. The video has a
constant rate: frames are repeated or dropped to follow the clock. The file is written beside its name
(`x.part.mp4`) in fragments, so what a killed process leaves still plays; `close` gives it its name.
"""

import os
import queue
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

PENDING = 12  # frames that may wait for the encoder before new ones are dropped
LAG = 2  # frames between asking for a picture and reading it


def screenshot(framebuffer, path):
    """Save what a framebuffer shows as PNG, whole or not at all; OSError in one line."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    picture = np.frombuffer(framebuffer.read(components=3, alignment=1), np.uint8)
    try:
        Image.fromarray(picture.reshape(framebuffer.height, framebuffer.width, 3)[::-1]).save(part, format="PNG")
        os.replace(part, path)
    except OSError as error:
        raise OSError(f"{path}: screenshot not saved ({error.strerror or error}); choose a folder that can be "
                      "written") from None


class Recorder:
    """Writes `path` (.mp4 or .mkv) at `fps` with sound of `rate` Hz (0: none).

    Call `frame` once a frame on the GL thread; `sound` from one thread; `close` at the end. `wait` lets a
    slow encoder hold the caller instead of dropping frames. OSError in one line when the file cannot be made.
    """

    def __init__(self, path, size, fps=30, rate=0, wait=False, preset="veryfast"):
        self.path = Path(path)
        self.size = tuple(side // 2 * 2 for side in size)  # H.264 halves colours both ways
        self.fps, self.rate, self._wait = fps, rate, wait
        self.started, self.dropped, self.error = None, 0, ""
        self._reading = []  # [(frame number, pixel buffer)], oldest first
        self._free, self._last = [], -1
        self._jobs = queue.Queue(PENDING)
        self._part = self.path.with_name(f"{self.path.stem}.part{self.path.suffix}")
        self._writer = _Writer(self._part, self.path, self.size, fps, rate, preset)
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    def frame(self, framebuffer, now):
        """Record what the framebuffer shows at `now` (s); the first one is the start of the video."""
        self.started = now if self.started is None else self.started
        number = int((now - self.started) * self.fps + 0.5)
        if number <= self._last or framebuffer.width < self.size[0] or framebuffer.height < self.size[1]:
            return
        self._last = number
        buffer = self._free.pop() if self._free else framebuffer.ctx.buffer(reserve=self.size[0] * self.size[1] * 4)
        framebuffer.read_into(buffer, viewport=(0, 0, *self.size), components=4, alignment=1)
        self._reading.append((number, buffer))
        if len(self._reading) > LAG:
            self._collect()

    def sound(self, samples, position):
        """Record mono float32 samples; `position` is the number of the first one since the start of the video.

        The position decides: what is missing before it becomes silence, what comes twice or early is cut.
        """
        if self.rate:
            self._put("sound", position, np.array(samples, np.float32), wait=True)

    def close(self):
        """Write what waits, finish the file and give it its name; OSError in one line when writing failed."""
        if self._thread is None:
            return
        while self._reading:
            self._collect(wait=True)
        self._jobs.put(None)
        self._thread.join()
        self._thread = None
        for buffer in self._free:
            buffer.release()
        if self.error:
            raise OSError(f"{self.path}: recording failed ({self.error}); what there is stays in {self._part}")
        os.replace(self._part, self.path)

    def _collect(self, wait=False):
        number, buffer = self._reading.pop(0)
        self._put("frame", number, buffer.read(), wait or self._wait)
        self._free.append(buffer)

    def _put(self, kind, number, data, wait):
        try:
            self._jobs.put((kind, number, data), block=wait)
        except queue.Full:
            self.dropped += 1  # the next frame repeats the last one in its place

    def _work(self):
        """The recording thread: encodes until None comes; after an error it only empties the queue."""
        for kind, number, data in iter(self._jobs.get, None):
            self._try(getattr(self._writer, kind), number, data)
        self._try(self._writer.close)

    def _try(self, action, *arguments):
        if self.error and action != self._writer.close:
            return
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - a full disk must not end the show; close() tells
            self.error = self.error or _reason(error)


class _Writer:
    """The file: one video and perhaps one audio stream. Recording thread."""

    def __init__(self, part, path, size, fps, rate, preset):
        self._size, self._rate = size, rate
        self._frames = self._samples = 0  # written so far
        self._last = None
        try:
            self._file = av.open(str(part), "w", options=_resilient(path.suffix))
            self._video = self._add_video(size, fps, preset)
            self._audio = self._file.add_stream("aac", rate=rate, layout="mono") if rate else None
            self._file.start_encoding()
        except (OSError, ValueError, av.FFmpegError) as error:
            raise OSError(f"{path}: cannot record there ({_reason(error)}); name an .mp4 or .mkv file in a folder "
                          "that can be written") from None

    def _add_video(self, size, fps, preset):
        video = self._file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.gop_size = max(int(fps), 1)  # a fragment a second is what a crash can cost
        video.options = {"preset": preset, "crf": "20", "bf": "0"}
        video.codec_context.color_range = 1
        video.codec_context.colorspace = video.codec_context.color_primaries = video.codec_context.color_trc = 1
        return video

    def frame(self, number, data):
        width, height = self._size
        picture = np.frombuffer(data, np.uint8).reshape(height, width, 4)[::-1]  # GL begins at the bottom
        new = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba")
        new = new.reformat(format="yuv420p", src_colorspace="ITU709", dst_colorspace="ITU709", dst_color_range="MPEG")
        last = self._last if self._last is not None else new
        while self._frames < number:  # frames that never came
            self._encode(last)
        self._encode(new)
        self._last = new

    def _encode(self, frame):
        frame.pts, frame.time_base = self._frames, 1 / self._video.average_rate
        frame.pict_type = 0  # a repeated frame must not repeat the encoder's choice
        self._frames += 1
        self._file.mux(self._video.encode(frame))

    def sound(self, position, samples):
        gap = position - self._samples
        samples = samples[-gap:] if gap < 0 else np.concatenate((np.zeros(gap, np.float32), samples))
        if not len(samples):
            return
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = self._rate, self._samples, Fraction(1, self._rate)
        self._samples += len(samples)
        self._file.mux(self._audio.encode(block))

    def close(self):
        for stream in filter(None, (self._video, self._audio)):
            if stream is self._video and not self._frames or stream is self._audio and not self._samples:
                continue  # an encoder that never had anything cannot be flushed
            self._file.mux(stream.encode(None))
        self._file.close()


def _resilient(suffix):
    """Options that keep an unfinished mp4 playable; FFmpeg 8 also turns it into a plain one at the end."""
    if suffix.lower() not in (".mp4", ".mov", ".m4v"):
        return {"flush_packets": "1"}
    plain = "+hybrid_fragmented" if av.library_versions["libavformat"][0] >= 62 else ""
    return {"movflags": "frag_keyframe+empty_moov+default_base_moof" + plain, "flush_packets": "1"}


def _reason(error):
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
