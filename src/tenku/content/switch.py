"""Puts a new folder in the place of the old one in one step, so that nobody ever sees half of either."""

import ctypes
import errno
import os
from pathlib import Path

from tenku.base.errors import FolderError

EXCHANGE = 2
AT_FDCWD = -100
UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY}
"""A file system or kernel that cannot swap two names, such as NFS."""


def exchange(new: Path, folder: Path) -> bool:
    """Swap the two folders; False where this file system cannot. Raises FolderError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(folder), EXCHANGE) == 0:
        sync_folder(folder.parent)
        sync_folder(new.parent)
        return True
    code = ctypes.get_errno()
    if code in UNSUPPORTED:
        return False
    hint = "Is it a mount point? --low-disk replaces file by file." if code in (errno.EBUSY, errno.EXDEV) else ""
    raise FolderError(f"{folder} cannot be switched to the new version: {os.strerror(code)}.", hint=hint)


def sync_folder(path: Path) -> None:
    """Wait until a folder's names are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file_system(path: Path) -> None:
    """Wait until everything that was written to the file system of `path` is on the disk.

    One call for a tree of any number of files; a call for each of them would take longer by far.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise FolderError(f"{path} cannot be written to the disk: {os.strerror(code)}.")
    finally:
        os.close(fd)
