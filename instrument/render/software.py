"""Waiting for OpenGL without keeping the rest of the program waiting.

moderngl holds Python's interpreter lock in every call. Where the processor draws (Mesa's llvmpipe) calls wait for
pictures that are not drawn yet, and the dream, which needs the lock for each of its many small operations, stands
still: at 640x360 for two thirds of the time. To wait for a GPU to finish holds the lock just so.
PyOpenGL's calls let go of it.
"""

# Part of the name of what draws on the processor.
DRAWS = ("llvmpipe", "softpipe", "swiftshader", "swrast", "software r", "basic render")


def is_software(ctx):
    """Whether the processor draws for this context."""
    name = ctx.info["GL_RENDERER"].lower()
    return any(each in name for each in DRAWS)


def waiter(ctx):
    """What waits until all that was asked of `ctx`, the current context, is drawn; with PyOpenGL other threads run
    meanwhile."""
    return _patient() or ctx.finish


def _patient():
    """PyOpenGL's glFinish; None, or false, where that finds no library (EGL alone is enough for moderngl)."""
    try:
        import OpenGL

        OpenGL.ERROR_CHECKING = False  # an error that moderngl passed over is none of ours
        from OpenGL import GL
    except (ImportError, AttributeError):  # the latter of a library that was found and has not all of it
        return None
    return GL.glFinish
