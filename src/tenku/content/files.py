"""Reads and writes pieces of files by their place; files of other people's folders may change or go at any time."""

import ctypes
import errno
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tenku.base.errors import FolderError

LIBC = ctypes.CDLL(None)
SYNC_FILE_RANGE_WRITE = 2
WRITE_BACK = 2**20


class Target(NamedTuple):
    """Where a chunk has to be written."""

    path: str
    mode: int
    offset: int


class Writer:
    """Writes into staged files; a file is opened once."""

    MOST_OPEN = 64

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._open: dict[str, int] = {}
        self._written: Counter[str] = Counter()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, data: bytes | memoryview, targets: Iterable[Target]) -> None:
        """Put the data to all these places. Raises FolderError."""
        for target in targets:
            try:
                fd = self._fd(target)
                done = os.pwrite(fd, data, target.offset)
                while done < len(data):
                    done += os.pwrite(fd, data[done:], target.offset + done)
                self._written[target.path] += done
            except OSError as error:
                raise writing_failed(self._folder, error) from error

    def _fd(self, target: Target) -> int:
        if target.path not in self._open:
            if len(self._open) >= self.MOST_OPEN:
                self._close()
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._open[target.path] = os.open(f"{self._folder}/{target.path}", flags, target.mode)
        return self._open[target.path]

    def _close(self) -> None:
        for path, fd in self._open.items():
            # Not for small files: the disk would take them one by one instead of all at once.
            if self._written[path] >= WRITE_BACK:
                start_writing_back(fd)
            os.close(fd)
        self._open, self._written = {}, Counter()


class Reader:
    """Reads files that may have changed or gone; the last one stays open."""

    def __init__(self) -> None:
        self._path = ""
        self._fd = -1

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self, path: str, offset: int, length: int) -> bytes | None:
        """Exactly so many bytes, or None where they cannot be had."""
        try:
            if path != self._path:
                self._close()
                self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                self._path = path
            data = os.pread(self._fd, length, offset)
        except OSError:
            return None
        return data if len(data) == length else None

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._path = -1, ""


def start_writing_back(fd: int) -> None:
    """Let the disk begin with what was written to a file, so that less is left to wait for at the end."""
    if hasattr(LIBC, "sync_file_range"):
        LIBC.sync_file_range(fd, ctypes.c_int64(0), ctypes.c_int64(0), SYNC_FILE_RANGE_WRITE)


def writing_failed(folder: object, error: OSError) -> FolderError:
    """What to say when a folder cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FolderError(
            f"The disk of {folder} is full.",
            hint="What was fetched is kept: make room and try again, or use --low-disk.",
        )
    return FolderError(f"{folder} cannot be written: {error.strerror}.", hint="Look at its owner and permissions.")
