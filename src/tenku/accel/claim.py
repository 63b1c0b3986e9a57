"""Who plays goes first: a game's session claims this machine's devices, and whatever can wait sees it and waits.

The claim is the lock of a file, which the kernel frees however its holder ends: a session that was killed keeps nobody
waiting. Several sessions may claim at once.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tenku.base.held import held, is_held

FILE = "players"
"""In the folder that programs of one user share while they run."""


def claim_path(base: Path) -> Path:
    """The file of the claim. `base`: the folder that games and workers of this user share."""
    return base / FILE


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Have the devices until the block ends. Raises OSError: the file cannot be made."""
    with held(path):
        yield


def is_claimed(path: Path) -> bool:
    """Whether a session has the devices now. Where the file cannot be read, nobody has."""
    return is_held(path)
