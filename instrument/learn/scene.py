"""The scenes that class pictures are made of: solids in GLSL, drawn once, in OpenGL without a window.

`shaders/scenes/CLASS.frag` says what is there and what it looks like; `world.glsl` has the solids, `light.glsl` the
camera, sun and sky.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from ..files import ROOT, check_place, encoded, write_whole
from ..model.card import pictures_in
from ..params import DEFAULTS

SCENES = ROOT / "shaders" / "scenes"
FINER = 2  # times, across and down: then averaged
STRIP = 64  # px drawn at once: systems take a GPU away from whoever keeps it for seconds


def scenes():
    """Names of all scenes."""
    return sorted(path.stem for path in SCENES.glob("*.frag"))


def places(names, folder, force=False):
    """{scene: file for its picture in a folder}, in the order of `names`, looked at before the first is drawn.

    ValueError for an unknown scene and, without `force`, where a class has a picture already, of whatever kind: the newest
    is the one that is shown. OSError where none can be written.
    """
    for name in names:
        _check_scene(name)
    found = {name: Path(folder) / f"{name}.jpg" for name in names}
    there = pictures_in(folder)
    kept = [str(there[name]) for name in found if name in there and not force]
    if kept:
        raise ValueError(f"{', '.join(kept)}: there already, perhaps a picture of your own; choose another --out, or --force to draw "
                         "in its place")
    for path in found.values():
        check_place(path)
    return found


def _check_scene(name):
    if not (SCENES / f"{name}.frag").exists():
        raise ValueError(f"{SCENES} has no scene {name!r}: expected one of {', '.join(scenes())}")


def drawn(name, size, finer=FINER):
    """(picture, subject) of a scene: uint8 (h, w, 3), row 0 on top, and (h, w) bool, where the things of its class are.

    ValueError for an unknown scene or a faulty shader, OSError where there is no OpenGL.
    """
    _check_scene(name)
    width, height = (edge * finer for edge in size)
    pixels = _pixels(name, (width, height))
    picture, subject = (Image.fromarray(part).resize(size, Image.Resampling.BOX) for part in (pixels[..., :3], pixels[..., 3]))
    return np.asarray(picture), np.asarray(subject) > 127


def _pixels(name, size):
    """RGBA of a scene, row 0 on top."""
    from ..render.shader import Shaders, Uniforms
    from ..render.window import Headless

    screen = Headless(size)
    try:
        Uniforms(screen.ctx).put({"aspect": size[0] / size[1]}, {}, DEFAULTS)
        shaders = Shaders(screen.ctx, SCENES)
        for top in range(0, size[1], STRIP):
            screen.framebuffer.scissor = (0, top, size[0], min(STRIP, size[1] - top))
            shaders.run(name, screen.framebuffer)
            screen.ctx.finish()
        rows = np.frombuffer(screen.framebuffer.read(components=4), np.uint8)
    finally:
        screen.close()
    return np.ascontiguousarray(rows.reshape(size[1], size[0], 4)[::-1])


def save(picture, path):
    """Write uint8 (h, w, 3) as a picture file, whole or not at all: what had its name stays until it is there."""
    path = Path(path)
    kind = {"quality": 92} if path.suffix.lower() in (".jpg", ".jpeg") else {}
    try:
        write_whole(path, encoded(picture, Image.registered_extensions()[path.suffix.lower()], **kind))
    except OSError as error:
        raise OSError(f"{path}: picture not written ({error.strerror or error}); make room or choose another --out") from None
