"""Whether an error means that memory ran out, whichever library says it."""

from tenku.base.errors import StudioError

NAMES = {"OutOfMemoryError", "MemoryError"}
"""Torch's own, of every device, and Python's."""
WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "failed to allocate")
"""Of libraries that have no error of its own for it: torch on the processor, ggml."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether this error, or one that it came from, says so."""
    seen = 0
    while error is not None and seen < 20:  # a chain may be a ring
        if NAMES & {each.__name__ for each in type(error).__mro__}:
            return True
        if isinstance(error, StudioError) and error.short_of_memory:
            return True
        if isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS):
            return True
        error, seen = error.__cause__, seen + 1
    return False
