"""Walk a folder in the order in which a build lists its entries."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tenku.base.errors import FolderError, PathError
from tenku.content.model import Kind
from tenku.content.paths import OWN_FOLDER

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_READ_BY_ALL = 0o444


class Found(NamedTuple):
    """A file, an empty folder or a symbolic link, as it lies on the disk."""

    path: str
    """From the scanned folder, with `/`. Not yet checked: give it to a PathGuard."""
    kind: Kind
    mode: int
    """0o755 where its owner may execute it, else 0o644."""
    size: int
    """In bytes; 0 for folders and links."""
    mtime_ns: int
    inode: int
    target: str = ""
    """What a symbolic link points to, as it is written."""


def scan(folder: Path, *, skip_special: bool = False) -> Iterator[Found]:
    """Every file, link and empty folder below `folder`, in the order of the paths' UTF-8 bytes.

    Symbolic links are not followed, apart from `folder` itself. Our own folder in the root is left out. Only the
    listings of the folders above the current path are held in memory.

    Args:
        skip_special: leave out devices, sockets and pipes.

    Raises:
        PathError: a device, a socket or a pipe.
        FolderError: a file or folder cannot be read, or vanished meanwhile.
    """
    yield from _walk(os.fspath(folder), "", skip_special)


def total_size(folder: Path) -> int:
    """Bytes of all files below a folder, in any order: quicker than `scan`. What cannot be read is left to `scan`."""
    total, places = 0, [os.fspath(folder)]
    while places:
        with suppress(OSError), os.scandir(places.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    places.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


class Overview(NamedTuple):
    """What one look over a folder tells, without a list of what is in it."""

    newest_ns: int
    """The latest date of any file or folder: whoever changes, makes, moves or removes one leaves a new date."""
    entries: int
    """Files, links and other things that are no folders."""
    empty: int
    """Folders with nothing in them."""


def look_over(folder: Path) -> Overview:
    """Look at all that is below a folder, but for our own folder in its root. Raises FolderError."""
    newest = count = empty = 0
    own = os.path.join(folder, OWN_FOLDER)  # noqa: PTH118 - compared with texts
    places = [os.fspath(folder)]
    while places:
        place = places.pop()
        try:
            newest = max(newest, os.stat(place, follow_symlinks=False).st_mtime_ns)  # noqa: PTH116
            with os.scandir(place) as found:
                entries = [entry for entry in found if entry.path != own]
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    places.append(entry.path)
                else:
                    newest = max(newest, entry.stat(follow_symlinks=False).st_mtime_ns)
                    count += 1
        except OSError as error:
            raise _unreadable(place, error) from error
        empty += not entries
    return Overview(newest, count, empty)


def _walk(place: str, prefix: str, skip_special: bool) -> Iterator[Found]:
    """What lies below `place`; every path begins with `prefix`."""
    for key, entry in _sorted(place, skip="" if prefix else OWN_FOLDER):
        path = prefix + entry.name
        if key.endswith(b"/"):
            yield from _walk(entry.path, f"{path}/", skip_special)
        elif not (skip_special and _is_special(entry)):
            yield _found(path, entry)


def _is_special(entry: "os.DirEntry[str]") -> bool:
    return not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False) or entry.is_symlink())


def _sorted(place: str, *, skip: str) -> list[tuple[bytes, "os.DirEntry[str]"]]:
    """The entries of a folder in the order of the full paths that they stand for, each with what it is sorted by."""
    try:
        with os.scandir(place) as entries:
            rows = [(_key(entry), entry) for entry in entries if entry.name != skip]
    except OSError as error:
        raise _unreadable(place, error) from error
    rows.sort(key=lambda row: row[0])
    return rows


def _key(entry: "os.DirEntry[str]") -> bytes:
    """`a` for a file, `a/` for a folder with something in it: `a.txt` comes before `a/b`, but after an empty `a`."""
    name = os.fsencode(entry.name)
    return name + b"/" if entry.is_dir(follow_symlinks=False) and not _is_empty(entry.path) else name


def _is_empty(place: str) -> bool:
    try:
        with os.scandir(place) as entries:
            return next(entries, None) is None
    except OSError as error:
        raise _unreadable(place, error) from error


def _found(path: str, entry: "os.DirEntry[str]") -> Found:
    try:
        status = entry.stat(follow_symlinks=False)
        target = os.readlink(entry.path) if stat.S_ISLNK(status.st_mode) else ""  # noqa: PTH115 - Path would rewrite it
    except OSError as error:
        raise _unreadable(entry.path, error) from error
    kind = _kind(status.st_mode, entry.path)
    # Asked of the system only where the bits leave a doubt: it is another system call for each file.
    if kind is Kind.FILE and status.st_mode & _READ_BY_ALL != _READ_BY_ALL and not os.access(entry.path, os.R_OK):
        raise FolderError(f"{entry.path!r} cannot be read: no permission.", hint="Let this user read it.")
    mode = 0o755 if kind is Kind.FILE and status.st_mode & stat.S_IXUSR else 0o644
    size = status.st_size if kind is Kind.FILE else 0
    return Found(path, kind, mode, size, status.st_mtime_ns, status.st_ino, target)


def _kind(mode: int, place: str) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISLNK(mode):
        return Kind.LINK
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    what = _KINDS.get(stat.S_IFMT(mode), "no file")
    raise PathError(f"{place!r} is {what}, which a build cannot hold.", hint="Remove it from the folder.")


def _unreadable(place: str, error: OSError) -> FolderError:
    why = {FileNotFoundError: "it is not there", PermissionError: "no permission"}.get(type(error), error.strerror)
    return FolderError(f"{place!r} cannot be read: {why}.", hint="Check its name and permissions, and try again.")
