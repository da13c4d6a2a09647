"""Sound files: anything soundfile or PyAV can read, in float32 blocks or whole, or refused in one line."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .frontend import RATES

BLOCK = 16_384  # frames read at a time
PIECE = 64  # frames of a block that is torn
LOUDEST = 1000.0  # 60 dB over full scale: what is louder is damage, and would overflow the power spectrum
LEGAL = "legal are WAV, FLAC, Ogg, MP3, AAC/M4A and videos with sound, 4 to 768 kHz; try converting it with ffmpeg"


@dataclass(frozen=True)
class Sound:
    """An opened file. `blocks()` starts from the beginning and yields float32 (frames, channels), all finite."""

    path: Path
    rate: int
    channels: int
    blocks: Callable

    @property
    def description(self):
        return f"{self.path.name}, {self.rate / 1000:g} kHz, {self.channels} ch"


def decode(path):
    """A whole file as (mono float32 samples, rate): the mean of its channels, NaN as silence.

    OSError when there is no such file, ValueError when there is no sound in it; one line each.
    """
    sound = open_sound(path)
    return np.concatenate([block.mean(axis=1) for block in sound.blocks()]), sound.rate


def open_sound(path):
    """Look into a file and choose its reader; errors as `decode`. What it is called does not matter."""
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise OSError(f"sound file {path} {what}; give the path of a file")
    reasons = []
    for reader in (_with_soundfile, _with_av):
        try:
            return _checked(reader(path))
        except Exception as error:  # noqa: BLE001  both libraries raise many kinds for damaged files
            reasons.append(str(error).splitlines()[0].split(": ")[-1].rstrip(".") if str(error) else repr(error))
    raise ValueError(f"no sound in {path} ({'; '.join(dict.fromkeys(reasons))}): {LEGAL}")


def seconds(sound, most=math.inf):
    """How long a Sound lasts, at `most` so many seconds: read to there,
    as what a file says of its length may be wrong."""
    frames, count = Frames(sound.blocks), 0
    while count < most * sound.rate and (part := len(frames.take(BLOCK))):
        count += part
    return min(count / sound.rate, most)


class Frames:
    """Any number of frames at a time from `blocks()` of any size, once or for ever (`loop`)."""

    def __init__(self, blocks, loop=False):
        self._again, self._loop = blocks, loop
        self._blocks = iter(blocks())
        self._held = next(self._blocks)

    def take(self, count):
        """The next `count` frames; fewer only at the end."""
        parts, missing = [self._held[:0]], count
        while missing and (len(self._held) or self._refill()):
            parts.append(self._held[:missing])
            self._held = self._held[missing:]
            missing -= len(parts[-1])
        return np.concatenate(parts)

    def _refill(self):
        try:
            block = next(self._blocks, None)
            if block is None and self._loop:
                self._blocks = iter(self._again())
                block = next(self._blocks, None)
        except Exception:  # noqa: BLE001  torn, or deleted meanwhile: it ends here
            block = None
        self._held = self._held[:0] if block is None else block
        return block is not None


def _checked(sound):
    if not RATES[0] <= sound.rate <= RATES[1]:
        raise ValueError(f"{sound.rate} Hz")
    first = next(iter(sound.blocks()), None)
    if first is None or not len(first):
        raise ValueError("it is empty")
    return sound


def _clean(block):
    block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(block, -LOUDEST, LOUDEST, out=block)


def _with_soundfile(path):
    import soundfile

    def blocks():
        tear = yield from _read(0, BLOCK)
        if tear is not None:
            with suppress(soundfile.SoundFileError):
                yield from _read(tear, PIECE)

    def _read(start, count):
        """Blocks from frame `start` on; where one is torn it ends, and returns where that begins. After that nothing more can be
        read but from a file that is opened anew."""
        with soundfile.SoundFile(path) as file:
            file.seek(start)
            while True:
                try:
                    block = file.read(count, dtype="float32", always_2d=True)
                except soundfile.SoundFileError:
                    return start
                if not len(block):
                    return None
                start += len(block)
                yield _clean(block)

    with soundfile.SoundFile(path) as file:
        return Sound(path, file.samplerate, file.channels, blocks)


def _with_av(path):
    import av

    def blocks():
        with av.open(str(path)) as container:
            packed = av.AudioResampler(format="flt")  # of planes PyAV counts no more than eight, and then reads what is none
            for packet in container.demux(audio=0):
                for frame in _frames(packet):
                    for part in packed.resample(frame):
                        yield _clean(part.to_ndarray().reshape(-1, part.layout.nb_channels).astype(np.float32))

    def _frames(packet):
        try:
            return packet.decode()
        except av.error.FFmpegError:  # a damaged packet is left out
            return ()

    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ValueError("it has no sound track")
        stream = container.streams.audio[0]
        return Sound(path, stream.rate, stream.channels, blocks)
