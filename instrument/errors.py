"""What an error says, for a performer."""

from contextlib import contextmanager

LONGEST = 160  # letters that the HUD and a log line have room for


OUT = ("out of memory", "ALLOC_FAILED")  # of the driver and of cuBLAS and cuDNN
OUT_OF_MAIN = "DefaultCPUAllocator"  # which goes on "can't allocate memory", on Windows "not enough memory"


def lack(error):
    """Which memory an error says there was too little of; "" if it is of another kind. Only torch's allocator for GPUs has a
    class for that."""
    if isinstance(error, MemoryError) or OUT_OF_MAIN in str(error):
        return "memory"
    return "GPU memory" if type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in OUT) else ""


@contextmanager
def enough_memory(height, cure):
    """ValueError in one line when dreams of so many px find no memory, with the cure."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        kind = lack(error)
        if not kind:
            raise
        raise ValueError(f"out of {kind} with dreams of {height:.0f} px: {cure}") from None


def one_line(error):
    """The text of an error in one line, or its kind where it says nothing; C libraries tell theirs in bytes, or None."""
    if error is None:
        return "no reason given"
    text = error.decode(errors="replace") if isinstance(error, bytes) else str(error)
    return " ".join(text.split())[:LONGEST] or type(error).__name__


def left_out(steps):
    """What a last line says of so many steps that a dream went on without; "" for none."""
    return f"; {steps} dream steps were left out, as a gradient was not finite: another layer or network may do" if steps else ""


def show_taken(problem):
    """What to say where a `listen` of its own finds its port taken, as beside a show."""
    return OSError(f"{problem}. A show (`hearsee perform`) that runs has it? That hears by itself, and sends the same: receive from it, or "
                   "start it with --no-listen")


def ear_taken(problem):
    """What to say where the port of the show's own `listen` cannot be opened."""
    return OSError(f"the ear of the show: {problem}. A `hearsee listen` that runs already has it? End that, or start the show with "
                   "--no-listen, or with another --port (its ear takes the next one)")
