"""Waiting for OpenGL without keeping the rest of the program waiting.

moderngl holds Python's interpreter lock in every call. Where the processor draws (Mesa's llvmpipe) calls wait for pictures
that are not drawn yet, and the dream, which needs the lock for each of its many small operations, stands still: at
640x360 for two thirds of the time. PyOpenGL's calls let go of the lock.
"""

DRAWS = ("llvmpipe", "softpipe", "swiftshader", "basic render")  # part of the name of what draws on the processor


def is_software(ctx):
    """Whether the processor draws for this context."""
    name = ctx.info["GL_RENDERER"].lower()
    return any(each in name for each in DRAWS)


def finish():
    """Until all that was asked of the current context is drawn; other threads run meanwhile."""
    from OpenGL import GL

    GL.glFinish()
