"""Writes a small file so that it is the old one or the new one at every moment, also after a power cut."""

import os
import secrets
from pathlib import Path

from tenku.base.errors import FolderError


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file with exactly these permissions; one that is there is replaced. Raises FolderError."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_new(beside, data, mode)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written: {error.strerror}.", hint="Look at the folder's permissions and free space."
        ) from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask says
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
