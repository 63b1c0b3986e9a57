"""Keeps what native libraries print away from what the command says."""

import contextlib
import os
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def native_output_hidden(*, unless: bool) -> Iterator[tuple[TextIO, TextIO]]:
    """Point the descriptors of standard output and error elsewhere; the real ones are what the block gets.

    The display and sound libraries write to descriptor 1 whatever Python does, and `--json` promises one line.
    `unless`: send what they print to standard error instead of nowhere.
    """
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(os.fdopen(os.dup(1), "w"))
        err = stack.enter_context(os.fdopen(os.dup(2), "w"))
        elsewhere = os.dup(2) if unless else os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.dup2, err.fileno(), 2)
        stack.callback(os.dup2, out.fileno(), 1)
        os.dup2(elsewhere, 1)
        os.dup2(elsewhere, 2)
        os.close(elsewhere)
        yield out, err
