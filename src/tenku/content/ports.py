"""The small interfaces of content to the outside: stores, small stacked ones first."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Stored:
    """An object as a store lists it."""

    key: str
    size: int
    modified: float
    """Seconds since 1970, by the store's clock."""


class ReadStore(Protocol):
    """A place that objects are read from. Nothing that it answers is believed before its hash was checked."""

    @property
    def name(self) -> str:
        """As people wrote it, without secrets."""

    async def get(self, key: str, *, limit: int) -> bytes:
        """A whole object of at most `limit` bytes.

        Raises:
            NotFoundError: there is none.
            StoreError: no answer, a broken one, or more than `limit` bytes.
        """

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        """Exactly `length` bytes of an object from `start`. Raises as `get` does, also for a shorter answer."""


class WriteStore(ReadStore, Protocol):
    """A store that builds are published to."""

    async def put(self, key: str, data: bytes) -> None:
        """Write an immutable object; it is whole or not there. Raises StoreError."""

    async def get_version(self, key: str, *, limit: int) -> tuple[bytes, str]:
        """A mutable object, and a mark of exactly this content for `replace`. Raises as `get` does."""

    async def replace(self, key: str, data: bytes, *, version: str | None) -> None:
        """Write a mutable object only if it still is what `version` marks; None: only if there is none.

        Raises:
            ConflictError: somebody else wrote it meanwhile.
            StoreError: it cannot be written.
        """


class PruneStore(WriteStore, Protocol):
    """A store that can say what it holds and forget it."""

    def list(self, prefix: str) -> AsyncIterator[Stored]:
        """Every object whose key begins with `prefix`, which ends with `/` or is empty."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget objects; those that are not there are no error."""


class Progress(Protocol):
    """Told how far long work is; safe to call from any thread."""

    def phase(self, text: str, *, total: int, unit: str = "B") -> None:
        """A new stretch of work begins: `total` units of it (bytes, unless `unit` says otherwise)."""

    def advance(self, amount: int) -> None:
        """So much more of it is done."""

    def note(self, text: str) -> None:
        """Something that a person should read."""


class NoProgress:
    """Nobody watches."""

    def phase(self, text: str, *, total: int, unit: str = "B") -> None:
        """See `Progress`."""

    def advance(self, amount: int) -> None:
        """See `Progress`."""

    def note(self, text: str) -> None:
        """See `Progress`."""
