"""What several test files need: a headless screen, a full disk, free ports."""

import socket
from contextlib import contextmanager

import av
import pytest

from instrument.bench.hear import free_port as port_pair  # noqa: F401  so that two suites on one machine do not meet
from instrument.dream import flow
from instrument.motion import Motion
from instrument.render.window import open_screen

LOCAL = "127.0.0.1"


def screen_of(size):
    """A fixture: a headless screen of `size` for the module; its tests are skipped where there is no EGL."""
    @pytest.fixture(scope="module")
    def screen():
        try:
            screen = open_screen(size, headless=True)
        except OSError as error:
            pytest.skip(str(error))
        yield screen
        screen.close()

    return screen


@contextmanager
def full_disk(limit):
    """No file may grow beyond so many bytes: writing fails as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def udp():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def frames(path):
    """All pictures of a video, uint8 (h, w, 3)."""
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def warp(picture, field, seconds=1.0):
    """The picture (1, 3, h, w) carried along by a field for so long."""
    way = Motion(*field[:2], *(rate * seconds for rate in field[2:]))
    return flow.along(picture, *flow.course(way, picture.shape[3] / picture.shape[2]))
