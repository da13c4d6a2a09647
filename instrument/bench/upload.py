"""How long a dream frame takes to become a texture, by route and size."""

import time

import numpy as np

from ..errors import one_line

SIZES = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
REPEATS = 30


def upload_rows(ctx, sizes=SIZES, repeats=REPEATS):
    """One dict per size and route that this machine has: `call_ms` until the call returns, `done_ms` until the
    texture is ready, `gb_per_s` of the latter, medians; `p99_ms` until ready.
    """
    return [{"size": f"{width}x{height}", "route": route.name, **_measure(ctx, route, pixels, repeats)}
            for width, height in sizes for route, pixels in _routes(width, height)]


def _routes(width, height):
    """(route, pixels) of every route: all of them from a GPU, the host route from main memory."""
    from ..render.upload import CudaRoute, HostRoute, PinnedRoute

    picture = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    yield HostRoute(), picture
    on_gpu = _on_gpu(picture)
    if on_gpu is not None:
        yield PinnedRoute(), on_gpu
        yield CudaRoute(), on_gpu


def _on_gpu(picture):
    import torch

    return torch.from_numpy(picture).cuda() if torch.cuda.is_available() else None


def _measure(ctx, route, pixels, repeats):
    texture = ctx.texture((pixels.shape[1], pixels.shape[0]), 4)
    times = []
    try:
        while len(times) < repeats + 3:
            times.append(_once(ctx, route, pixels, texture))
    except Exception as error:  # noqa: BLE001 - drivers raise what they like; the other routes are still measured
        return {"call_ms": float("nan"), "done_ms": float("nan"), "p99_ms": float("nan"), "gb_per_s": 0.0,
                "note": f"{type(error).__name__}: {one_line(error)}"}
    finally:
        route.release()
        texture.release()
    times = times[3:]
    (call, done), (_, late) = np.median(times, 0), np.percentile(times, 99, 0)
    size = 4e-9 * pixels.shape[0] * pixels.shape[1]  # GB
    return {"call_ms": 1000 * call, "done_ms": 1000 * done, "p99_ms": 1000 * late, "gb_per_s": size / done, "note": ""}


def _once(ctx, route, pixels, texture):
    """(s until the call is back, s until GL has the texture)."""
    ctx.finish()
    began = time.perf_counter()
    route.copy(ctx, pixels, texture)
    back = time.perf_counter()
    ctx.finish()  # sync point: the copy is timed
    return back - began, time.perf_counter() - began
