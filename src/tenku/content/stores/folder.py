"""A store in a folder of this machine, or of a disk that is mounted here."""

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from tenku.base.errors import ConflictError, FolderError, NotFoundError, StoreError
from tenku.content.ports import Stored
from tenku.content.stores.keys import check_key, check_prefix

UNFINISHED = ".unfinished"
"""Objects are written here and renamed into place. No key begins with a dot, so no reader sees what lies in it."""
LOCK = ".lock"
FORGOTTEN_S = 24 * 3600.0
"""Unfinished files this old have no writer any more."""


class FolderStore:
    """Implements `ports.PruneStore`. Any web server can serve the folder as it is."""

    def __init__(self, path: Path) -> None:
        self._root = path

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self._root)

    async def get(self, key: str, *, limit: int) -> bytes:
        """See `ports.ReadStore`."""
        return await asyncio.to_thread(self._read, key, limit)

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        """See `ports.ReadStore`."""
        return await asyncio.to_thread(self._read_range, key, start, length)

    async def put(self, key: str, data: bytes) -> None:
        """See `ports.WriteStore`."""
        await asyncio.to_thread(self._write, key, data)

    async def get_version(self, key: str, *, limit: int) -> tuple[bytes, str]:
        """See `ports.WriteStore`; the mark is the content's hash."""
        data = await self.get(key, limit=limit)
        return data, _mark(data)

    async def replace(self, key: str, data: bytes, *, version: str | None) -> None:
        """See `ports.WriteStore`."""
        await asyncio.to_thread(self._replace, key, data, version)

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """See `ports.PruneStore`."""
        for stored in await asyncio.to_thread(self._list, check_prefix(prefix)):
            yield stored

    async def delete(self, keys: Sequence[str]) -> None:
        """See `ports.PruneStore`; also forgets what a writer left unfinished a day ago."""
        await asyncio.to_thread(self._delete, keys)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _read(self, key: str, limit: int) -> bytes:
        with self._opened(key) as (file, size):
            if size > limit:
                raise StoreError(f"{self._path(key)} has {size:,} bytes; at most {limit:,} were expected.")
            return self._pread(file, key, 0, size)

    def _read_range(self, key: str, start: int, length: int) -> bytes:
        with self._opened(key) as (file, _):
            return self._pread(file, key, start, length)

    def _pread(self, file: int, key: str, start: int, length: int) -> bytes:
        parts = []
        while length > 0 and (part := os.pread(file, length, start)):
            parts.append(part)
            start, length = start + len(part), length - len(part)
        if length > 0:
            raise StoreError(f"{self._path(key)} ends {length:,} bytes too early.")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[tuple[int, int]]:
        """The object's descriptor and size."""
        path = self._path(key)
        try:
            # Without O_NONBLOCK a named pipe in the place of an object would be waited for without end.
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                found = os.fstat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise StoreError(f"{path} is not a file.")
                yield file, found.st_size
            finally:
                os.close(file)
        except OSError as error:
            raise self._not_read(key, error) from error

    def _not_read(self, key: str, error: OSError) -> StoreError:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            return StoreError(f"{self._path(key)} cannot be read: {error.strerror}.")
        if self._root.is_dir():
            return NotFoundError(f"{self.name} has no {key}.")
        return StoreError(f"There is no folder {self.name}.", hint="Is the disk mounted, and the path right?")

    def _write(self, key: str, data: bytes) -> None:
        with self._writing(self._path(key)):
            self._write_whole(self._path(key), data)

    def _write_whole(self, path: Path, data: bytes) -> None:
        """Write beside, make durable, rename: at no instant is there half an object."""
        unfinished = self._root / UNFINISHED / secrets.token_hex(16)
        for folder in (path.parent, unfinished.parent):
            folder.mkdir(parents=True, exist_ok=True)
        # Not `mkstemp`: its files are for their owner alone, and a web server is to read these.
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            try:
                _write_all(file, data)
                os.fsync(file)
            finally:
                os.close(file)
            unfinished.rename(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def _replace(self, key: str, data: bytes, version: str | None) -> None:
        path = self._path(key)
        with self._writing(path), self._locked():
            try:
                now = _mark(path.read_bytes())
            except FileNotFoundError:
                now = None
            if now != version:
                raise ConflictError(f"Somebody else wrote {key} in {self.name} meanwhile.", hint="Try again.")
            self._write_whole(path, data)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer of mutable objects at a time, over all processes; the kernel frees it with its process."""
        self._root.mkdir(parents=True, exist_ok=True)
        file = os.open(self._root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FolderError(f"{path} cannot be written: {error.strerror}.", hint=_hint(error)) from error

    def _list(self, prefix: str) -> tuple[Stored, ...]:
        try:
            return tuple(_files(self._root / prefix, prefix))
        except OSError as error:
            raise StoreError(f"{self.name} cannot be listed: {error.strerror}.") from error

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with self._writing(self._path(key)), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self._path(key).unlink()
        self._forget_unfinished(now=time.time())

    def _forget_unfinished(self, *, now: float) -> None:
        folder = self._root / UNFINISHED
        with self._writing(folder), contextlib.suppress(FileNotFoundError):
            for each in os.scandir(folder):
                with contextlib.suppress(FileNotFoundError):
                    if now - each.stat(follow_symlinks=False).st_mtime > FORGOTTEN_S:
                        Path(each.path).unlink()


def _files(folder: Path, prefix: str) -> Iterator[Stored]:
    """Every object below; what vanishes meanwhile is left out."""
    try:
        found = sorted(os.scandir(folder), key=lambda each: each.name)
    except FileNotFoundError:
        return
    for each in found:
        if each.name.startswith("."):
            continue
        if each.is_dir(follow_symlinks=False):
            yield from _files(Path(each.path), f"{prefix}{each.name}/")
        elif each.is_file(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):
                state = each.stat(follow_symlinks=False)
                yield Stored(f"{prefix}{each.name}", state.st_size, state.st_mtime)


def _mark(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_all(file: int, data: bytes) -> None:
    """All of it: one `write` takes at most 2 GiB."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _hint(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Make room on its disk, then run the same command again: what is there already is kept."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "Give the user that runs this the right to write there."
    return ""
