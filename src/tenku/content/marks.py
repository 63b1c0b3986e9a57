"""Marks in the store that say that a publish is under way, so that nobody removes what it is about to use.

A publish writes its mark and then looks for prunes; a prune writes its lock and then looks for marks. So at least one
of two that begin at one time sees the other: the prune then stops, or the publish waits.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tenku.base.errors import ConflictError, StoreError
from tenku.content.ports import PruneStore, Stored
from tenku.content.prunelock import prunes_under_way

BEAT_S = 60.0
"""So often a mark is written anew."""
GRACE_S = 24 * 3600.0
"""A mark that was not written anew for so long is that of a publish that died. Objects that nobody refers to are kept
for as long, too."""
LAPSE_S = GRACE_S / 2
"""A publish that slept longer than this cannot know any more what is still there."""
POLL_S = 2.0
"""So often it is looked whether a prune has ended."""
WAIT_S = 3600.0
"""A publish waits so long for prunes."""


class Mark:
    """A publish that is under way. Used as a context: it is there before anything is looked up in the store.

    Entering waits while a prune deletes. `check` comes right before the head is moved.

    Args:
        now: seconds since 1970; a clock that goes on while the machine sleeps.
        note: told why it waits.
    """

    def __init__(
        self,
        store: PruneStore,
        game: str,
        *,
        now: Callable[[], float],
        note: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._game = game
        self._now = now
        self._note = note
        self._sleep = sleep
        self._key = f"{mark_prefix(game)}{secrets.token_hex(16)}"
        self._started = self._written = now()
        self._lapsed = False

    async def __aenter__(self) -> Self:
        await self._write()
        self._task = asyncio.create_task(self._beat())
        try:
            await self._let_prunes_end()
        except BaseException:
            await self._remove()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._remove()

    def check(self) -> None:
        """Raises ConflictError: the mark lapsed, so that what was stored or found may have been pruned meanwhile."""
        if self._lapsed or not -LAPSE_S < self._now() - self._written < LAPSE_S:
            raise ConflictError(
                "This publish slept for so long that a prune may have removed what it stored.",
                hint="Publish again: what is still there is not stored twice.",
            )

    async def _remove(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(StoreError):
            await self._store.delete([self._key])

    async def _let_prunes_end(self) -> None:
        began = self._now()
        told = False
        while await prunes_under_way(self._store, self._game, now=await self._store_time()):
            if not told:
                self._note(f"A prune of {self._game} is deleting objects; this goes on when it has ended.")
                told = True
            if not -WAIT_S < self._now() - began < WAIT_S:
                raise ConflictError(
                    f"A prune of {self._game} is still deleting objects after an hour.", hint="Publish when it is done."
                )
            await self._sleep(POLL_S)
            await self._write()

    async def _store_time(self) -> float:
        """By the store's clock: the date of our own mark, which was just written."""
        async for mark in self._store.list(mark_prefix(self._game)):
            if mark.key == self._key:
                return mark.modified
        raise StoreError(f"{self._store.name} does not list what was just written to it.")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            with suppress(StoreError):  # the next beat may get through; the grace period is long
                await self._write()

    async def _write(self) -> None:
        before = self._now()
        # Once lapsed, for ever: writing it anew does not bring back what was pruned.
        self._lapsed = self._lapsed or not -LAPSE_S < before - self._written < LAPSE_S
        value = {"started": int(self._started), "beat": int(before)}
        await self._store.put(self._key, json.dumps(value).encode() + b"\n")
        self._written = before


def mark_prefix(game: str) -> str:
    """Where a game's store keeps marks. No server shows them."""
    return f"{game}/mark/"


async def live_marks(store: PruneStore, game: str, *, now: float) -> list[Stored]:
    """The publishes that are under way, by the store's own dates."""
    return [mark async for mark in store.list(mark_prefix(game)) if now - mark.modified < GRACE_S]
