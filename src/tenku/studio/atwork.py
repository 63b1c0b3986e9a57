"""Says whether a worker is alive: it holds a lock, which the kernel frees however it dies."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from tenku.base.held import held, is_held

FOLDER = "workers"


def lock_path(folder: Path, database: str) -> Path:
    """The file that workers of this database hold; its name tells nothing of the URL, which may hold a password."""
    return folder / FOLDER / f"{hashlib.sha256(database.encode()).hexdigest()[:16]}.lock"


@contextlib.contextmanager
def at_work(path: Path) -> Iterator[None]:
    """Be a worker until the block ends; several may be, at once. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held(path):
        yield


def somebody_works(path: Path) -> bool:
    """Whether a worker is alive."""
    return is_held(path)
