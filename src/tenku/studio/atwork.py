"""Says whether a worker is alive: it holds a lock, which the kernel frees however it dies."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

FOLDER = "workers"


def lock_path(folder: Path, database: str) -> Path:
    """The file that workers of this database hold; its name tells nothing of the URL, which may hold a password."""
    return folder / FOLDER / f"{hashlib.sha256(database.encode()).hexdigest()[:16]}.lock"


@contextlib.contextmanager
def at_work(path: Path) -> Iterator[None]:
    """Be a worker until the block ends; several may be, at once. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def somebody_works(path: Path) -> bool:
    """Whether a worker is alive."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
