"""Playing aloud what is analysed. The source's clock rules: the player follows it and skips when it must."""

import numpy as np

from .ring import Ring

AHEAD, MOST = 0.06, 0.25  # seconds waiting before it starts to play; more than `MOST` are skipped back to `AHEAD`


class Player:
    """An output stream of float32 frames. `put` never blocks; a missing or failing device is only silence."""

    def __init__(self, rate, channels):
        self._rings = [Ring.create(None, rate, 1.0) for _ in range(min(channels, 2))]
        self.rate, self._position, self._playing = rate, 0, False
        self._stream = None

    def __enter__(self):
        import sounddevice

        try:
            # high latency: the loudspeaker may lag a little, but crackles on a busy machine otherwise
            self._stream = sounddevice.OutputStream(samplerate=self.rate, channels=len(self._rings), dtype="float32",
                                                    latency="high", callback=self._fill)
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise OSError(f"not played aloud: no output at {self.rate} Hz ({str(error).splitlines()[0]}); choose another one in the "
                          "sound settings of the desktop, or say --mute") from None
        return self

    def __exit__(self, *_):
        if self._stream is not None:
            self._stream.close()

    def put(self, frames):
        """Queue (n, channels) frames for the loudspeaker; channels beyond the second are mixed into both."""
        for side, ring in enumerate(self._rings):
            ring.write(frames[:, side] if frames.shape[1] <= 2 else frames[:, side::2].mean(axis=1))

    def fill(self, out):
        """Write the next frames into `out` (n, sides); silence where there are none yet. Device thread."""
        written = min(ring.written for ring in self._rings)
        waiting, most, ahead = written - self._position, int(self.rate * MOST), int(self.rate * AHEAD)
        if waiting > most + len(out):
            self._position, waiting = written - ahead, ahead
        self._playing = waiting >= len(out) and (self._playing or waiting >= ahead)
        if not self._playing:
            out[:] = 0
            return
        for side, ring in enumerate(self._rings):
            out[:, side] = ring.read(self._position)[0][: len(out)].clip(-1, 1)
        self._position += len(out)

    def _fill(self, out, frames, time, status):
        self.fill(out)


def open_player(rate, channels):
    """A player, or None where there is no loudspeaker at all; one that does not play at this rate says so when it begins."""
    try:
        import sounddevice
    except OSError:  # no PortAudio
        return None
    try:
        sounddevice.query_devices(kind="output")
    except (sounddevice.PortAudioError, ValueError):
        return None
    return Player(rate, channels)


def mono(frames):
    """The mean of the channels of (n, channels), contiguous float32."""
    return np.ascontiguousarray(frames.mean(axis=1), np.float32)
