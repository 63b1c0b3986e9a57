"""Says in the store that objects are being deleted, so that no publish begins meanwhile."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tenku.base.errors import ConflictError, StoreError
from tenku.content.ports import PruneStore, Stored

LOCK_S = 900.0
"""A lock that was not written anew for so long is that of a prune that died."""
BEAT_S = 60.0
LAPSE_S = LOCK_S / 3
"""A prune that slept longer gives up: the rest of `LOCK_S` is for its last request to arrive, or to fail."""


def garbage_prefix(game: str) -> str:
    """Where a game's store keeps what prunes say to each other and to publishers. No server shows it."""
    return f"{game}/garbage/"


class PruneLock:
    """A prune that deletes. Used as a context; `hold` comes before every request that deletes something."""

    def __init__(self, store: PruneStore, game: str, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        # Each has its own: one that ends must not open what another one still holds.
        self._key = f"{garbage_prefix(game)}lock-{secrets.token_hex(16)}"
        self._written = 0.0

    async def __aenter__(self) -> Self:
        await self._write()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(StoreError):
            await self._store.delete([self._key])

    async def hold(self) -> None:
        """Write the lock anew where it is time. Raises ConflictError: it may have lapsed, so nothing may be deleted."""
        self._check()
        if self._now() - self._written > BEAT_S:
            await self._write()
            self._check()

    def _check(self) -> None:
        # A clock that was set back says nothing about how long this took: that counts as too long.
        if not 0 <= self._now() - self._written < LAPSE_S:
            raise ConflictError(
                "This prune stood still for too long, and a publish may have begun meanwhile: nothing more is deleted.",
                hint="Prune again; what was found is remembered.",
            )

    async def _write(self) -> None:
        before = self._now()
        await self._store.put(self._key, b"A prune is deleting objects of this game.\n")
        self._written = before


async def prunes_under_way(store: PruneStore, game: str, *, now: float) -> list[Stored]:
    """The prunes that are deleting, by the store's own dates; `now` by the store's clock, too."""
    prefix = f"{garbage_prefix(game)}lock-"
    return [
        each
        async for each in store.list(garbage_prefix(game))
        if each.key.startswith(prefix) and now - each.modified < LOCK_S
    ]


async def store_time(store: PruneStore, game: str) -> float:
    """What the store's own clock says: the date that it gives to something new. Raises StoreError."""
    key = f"{garbage_prefix(game)}clock-{secrets.token_hex(16)}"
    await store.put(key, b"What time is it?\n")
    try:
        async for each in store.list(garbage_prefix(game)):
            if each.key == key:
                return each.modified
    finally:
        await store.delete([key])
    raise StoreError(f"{store.name} does not list what was just written to it.", hint="It cannot be pruned safely.")
