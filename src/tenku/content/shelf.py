"""Objects at hand, to be handed out in parts: what a mirror serves from."""

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tenku.base.errors import NotFoundError, StoreError
from tenku.content.hashes import hash_bytes
from tenku.content.layout import Address, parse_key


class Held(Protocol):
    """An object that stays readable until it is closed, also when it is removed meanwhile."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def mark(self) -> str:
        """Other content has another mark."""

    @property
    def changes(self) -> bool:
        """Whether the key can stand for something else later."""

    def read(self, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`; fewer at the end. Raises StoreError."""

    def close(self) -> None:
        """No more is read."""


class Shelf(Protocol):
    """Whatever finds objects by their key."""

    async def open(self, key: str) -> Held:
        """An object; the caller closes it.

        Raises:
            NotFoundError: there is none, or the key is none that a store has.
            StoreError, FolderError: it cannot be read or brought.
        """


@dataclass(frozen=True)
class HeldFile:
    """An object in an open file of this machine."""

    file: int
    size: int
    mark: str
    changes: bool = False

    def read(self, start: int, length: int) -> bytes:
        """See `Held`."""
        try:
            return os.pread(self.file, length, start)
        except OSError as error:
            raise StoreError(f"An object cannot be read: {error.strerror}.") from error

    def close(self) -> None:
        """See `Held`."""
        os.close(self.file)


@dataclass(frozen=True)
class HeldBytes:
    """An object in memory."""

    data: bytes
    mark: str
    changes: bool = False

    @property
    def size(self) -> int:
        """See `Held`."""
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        """See `Held`."""
        return self.data[start : start + length]

    def close(self) -> None:
        """See `Held`."""


class FolderShelf:
    """The folder of a store on this machine. Implements `Shelf`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def open(self, key: str) -> Held:
        """See `Shelf`."""
        return await asyncio.to_thread(self._open, address_of(key))

    def _open(self, address: Address) -> Held:
        path = self._root / address.key
        try:
            # Without O_NONBLOCK, a named pipe in the place of an object would be waited for without end.
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(address.key) from error
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > address.limit:
            os.close(file)
            raise StoreError(f"{path} is no object of a store.", hint="Serve a folder that a store was published to.")
        held = HeldFile(file, status.st_size, address.hash.hex() if address.hash else "")
        return held if address.hash else _in_memory(held)


def held_bytes(address: Address, data: bytes) -> HeldBytes:
    """An object that was just brought. What changes is marked by its content: times are too coarse."""
    mark = (address.hash or hash_bytes(data)).hex()
    return HeldBytes(data, mark, changes=address.hash is None)


def address_of(key: str) -> Address:
    """What a key stands for. Raises NotFoundError for one that no store has."""
    address = parse_key(key)
    if address is None:
        raise missing(key)
    return address


def missing(key: str) -> NotFoundError:
    """There is no such object."""
    return NotFoundError(f"There is no object {key[:200]!r}.")


def _in_memory(held: HeldFile) -> HeldBytes:
    try:
        data = held.read(0, held.size)
    finally:
        held.close()
    return HeldBytes(data, hash_bytes(data).hex(), changes=True)
