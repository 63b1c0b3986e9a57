"""A mirror that brings what it lacks from other ones, and keeps it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from tenku.base.errors import FolderError, NotFoundError, StoreError, UsageError
from tenku.content.hashes import check_object
from tenku.content.layout import Address, parse_key
from tenku.content.ports import PruneStore
from tenku.content.recency import Recency
from tenku.content.shelf import FolderShelf, Held, address_of, held_bytes
from tenku.content.wholefile import write_whole

FRESH_S = 2.0
"""How long a head is not asked for again: many players who start at once are one question."""
AWAY_S = 10.0
"""How long nobody is made to wait again for upstreams that did not answer, where an older head is at hand."""
AT_ONCE = 3
"""Objects that are brought at one time: each passes through memory whole, as nothing is kept unchecked."""
MARK = ".tenku-cache"
"""Lies in folders that a cache filled, and may forget from."""

T = TypeVar("T")


class Upstream(Protocol):
    """Where objects are brought from; `stores.mirrors.Mirrors` is one."""

    async def get_checked(self, key: str, check: Callable[[bytes], T], *, limit: int) -> T:
        """What `check` makes of an object that it does not refuse with CorruptError. Raises as `ReadStore.get`."""


class ReadThrough:
    """A folder that fills itself from upstream. Implements `Shelf`.

    Objects are brought whole, once, however many ask at the same time, and kept only if they are what their name says.
    Heads are asked of upstream each time, but for a few seconds; the last one is served where upstream is away.

    Args:
        root: the folder; `local` is the store in it.
        most: bytes that may be kept; None: no limit. The least recently asked objects go first.
        clock: seconds, rising.
        notify: told what a person should read.
    """

    def __init__(
        self,
        root: Path,
        local: PruneStore,
        upstream: Upstream,
        *,
        most: int | None,
        clock: Callable[[], float],
        notify: Callable[[str], None],
    ) -> None:
        self._root = root
        self._local = local
        self._upstream = upstream
        self._most = most
        self._clock = clock
        self._notify = notify
        self._shelf = FolderShelf(root)
        self._recency = Recency()
        self._coming: dict[str, asyncio.Task[bytes]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._fresh_until: dict[str, float] = {}

    async def start(self) -> None:
        """Look what is there from before. Raises FolderError, StoreError, UsageError for a folder of somebody else."""
        await asyncio.to_thread(claim, self._root)
        found = [stored async for stored in self._local.list("")]
        found.sort(key=lambda stored: stored.modified)
        self._recency = Recency((each.key, each.size) for each in found if _is_object(each.key))
        await self._forget()

    async def close(self) -> None:
        """Stop bringing anything."""
        coming = list(self._coming.values())
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)

    async def open(self, key: str) -> Held:
        """See `Shelf`."""
        address = address_of(key)
        return await (self._open_object(address) if address.hash else self._open_head(address))

    async def _open_object(self, address: Address) -> Held:
        try:
            held = await self._shelf.open(address.key)
        except NotFoundError:
            data = await self._once(address, self._bring)
            try:
                # From the disk again, so that a slow reader does not hold the whole object in memory.
                held = await self._shelf.open(address.key)
            except NotFoundError:
                return held_bytes(address, data)
        self._recency.touch(address.key, held.size)
        return held

    async def _bring(self, address: Address) -> bytes:
        async with self._turns:
            data = await self._upstream.get_checked(
                address.key, lambda data: _checked(data, address), limit=address.limit
            )
        try:
            await self._local.put(address.key, data)
            self._recency.touch(address.key, len(data))
            await self._forget()
        except (FolderError, StoreError) as error:
            self._notify(f"An object is passed on without being kept. {error.sentence()}")
        return data

    async def _forget(self) -> None:
        if self._most is not None and (keys := self._recency.drop(self._most)):
            await self._local.delete(keys)

    async def _open_head(self, address: Address) -> Held:
        if self._clock() < self._fresh_until.get(address.key, 0.0):
            return await self._shelf.open(address.key)
        return held_bytes(address, await self._once(address, self._ask))

    async def _ask(self, address: Address) -> bytes:
        """A head from upstream, else the last one."""
        try:
            data = await self._upstream.get_checked(address.key, lambda data: data, limit=address.limit)
        except NotFoundError:
            raise
        except StoreError as error:
            data = await self._last(address, error)
            self._fresh_until[address.key] = self._clock() + AWAY_S
            self._notify(f"Upstream is away; {address.key} is served as it was last. {error.sentence()}")
            return data
        try:
            await asyncio.to_thread(_keep, self._root / address.key, data)
        except FolderError as error:
            self._notify(f"A head is passed on without being kept. {error.sentence()}")
        else:
            self._fresh_until[address.key] = self._clock() + FRESH_S
        return data

    async def _last(self, address: Address, why: StoreError) -> bytes:
        try:
            held = await self._shelf.open(address.key)
        except NotFoundError:
            raise why from None
        try:
            return held.read(0, held.size)
        finally:
            held.close()

    async def _once(self, address: Address, work: Callable[[Address], Awaitable[bytes]]) -> bytes:
        """Do the work for everybody who asks for this key meanwhile; who leaves does not stop it for the others."""
        task = self._coming.get(address.key)
        if task is None:
            task = self._coming[address.key] = asyncio.ensure_future(work(address))
            task.add_done_callback(lambda task: self._arrived(address.key, task))
        return await asyncio.shield(task)

    def _arrived(self, key: str, task: "asyncio.Task[bytes]") -> None:
        del self._coming[key]
        if not task.cancelled():
            task.exception()  # Looked at, also where everybody who asked has left.


def claim(root: Path) -> None:
    """Make a folder a cache's own. Raises UsageError where others keep something in it, FolderError."""
    mark = root / MARK
    try:
        root.mkdir(parents=True, exist_ok=True)
        if mark.exists():
            return
        with os.scandir(root) as entries:
            strangers = any(True for _ in entries)
    except OSError as error:
        raise FolderError(f"{root} cannot be used as a cache: {error.strerror}.") from error
    if strangers:
        raise UsageError(
            f"{root} is not empty, and nothing in it was brought by a cache.",
            hint="A cache replaces heads and forgets objects: give it an empty folder, or one that it filled before.",
        )
    write_whole(mark, b"Objects in this folder were brought from elsewhere, and may be forgotten.\n", mode=0o644)


def _checked(data: bytes, address: Address) -> bytes:
    return check_object(data, address.hash, key=address.key) if address.hash else data


def _is_object(key: str) -> bool:
    address = parse_key(key)
    return address is not None and address.hash is not None


def _keep(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"{path.parent} cannot be made: {error.strerror}.") from error
    write_whole(path, data, mode=0o644)
