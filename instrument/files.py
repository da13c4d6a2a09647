"""Writing a file whole or not at all."""

import os
from pathlib import Path


def write_whole(path, text):
    """Put `text` into `path`: after a crash or a full disk the old file is still there, complete."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
