"""Keeps the libraries' remarks to themselves: what matters of them is checked here, and said in one sentence."""

import contextlib
import warnings
from collections.abc import Iterator

import diffusers
import transformers


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings, and no log lines but errors, until the block ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        yield
