"""Stores whose clock can be moved, and small builds in them."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from tenku.base.errors import ConflictError, NotFoundError, StoreError
from tenku.content.marks import GRACE_S
from tenku.content.minisign import SecretKey
from tenku.content.model import ChannelName, Hash, Head, key_object
from tenku.content.ports import NoProgress, PruneStore, Stored
from tenku.content.publish import Publisher, PublishOptions, PublishResult
from tenku.content.source import Source
from tenku.content.stores.mirrors import Mirrors

KEY = SecretKey(b"\x01" * 8, b"\x02" * 32)
NAME = ChannelName("game", "beta")
START = 1_800_000_000.0
LONG = GRACE_S + 3600


class Clock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time

    def pass_time(self, seconds: float) -> None:
        self.time += seconds


class DictStore:
    """A store in memory whose clock is the test's."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.objects: dict[str, tuple[bytes, float]] = {}

    @property
    def name(self) -> str:
        return "memory"

    async def get(self, key: str, *, limit: int) -> bytes:
        data = self._data(key)
        if len(data) > limit:
            raise StoreError(f"{key} is larger than {limit}.")
        return data

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        data = self._data(key)[start : start + length]
        if len(data) != length:
            raise StoreError(f"{key} ends too early.")
        return data

    async def put(self, key: str, data: bytes) -> None:
        self.objects[key] = (data, self.clock())

    async def get_version(self, key: str, *, limit: int) -> tuple[bytes, str]:
        data = await self.get(key, limit=limit)
        return data, hashlib.sha256(data).hexdigest()

    async def replace(self, key: str, data: bytes, *, version: str | None) -> None:
        there = self.objects.get(key)
        if version != (hashlib.sha256(there[0]).hexdigest() if there else None):
            raise ConflictError(f"Somebody else wrote {key}.")
        self.objects[key] = (data, self.clock())

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        for key, (data, modified) in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield Stored(key, len(data), modified)

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def _data(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotFoundError(f"There is no {key}.")
        return self.objects[key][0]


Gate = Callable[[str, tuple[str, ...]], Awaitable[None]]


async def _open(_: str, __: tuple[str, ...]) -> None:
    """Everybody may pass."""


class GatedStore:
    """Another store, with a gate before everything that is done to it, and dates by the test's clock."""

    def __init__(self, inner: PruneStore, clock: Clock, gate: Gate = _open) -> None:
        self.inner = inner
        self._clock = clock
        self.gate = gate
        self._dates: dict[str, float] = {}

    @property
    def name(self) -> str:
        return self.inner.name

    async def get(self, key: str, *, limit: int) -> bytes:
        await self.gate("get", (key,))
        return await self.inner.get(key, limit=limit)

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        await self.gate("get", (key,))
        return await self.inner.get_range(key, start=start, length=length)

    async def put(self, key: str, data: bytes) -> None:
        await self.gate("put", (key,))
        self._dates[key] = self._clock()
        await self.inner.put(key, data)

    async def get_version(self, key: str, *, limit: int) -> tuple[bytes, str]:
        await self.gate("get", (key,))
        return await self.inner.get_version(key, limit=limit)

    async def replace(self, key: str, data: bytes, *, version: str | None) -> None:
        await self.gate("replace", (key,))
        self._dates[key] = self._clock()
        await self.inner.replace(key, data, version=version)

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        await self.gate("list", (prefix,))
        async for each in self.inner.list(prefix):
            yield Stored(each.key, each.size, self._dates.get(each.key, each.modified))

    async def delete(self, keys: Sequence[str]) -> None:
        await self.gate("delete", tuple(keys))
        await self.inner.delete(keys)


def write_build(folder: Path, seed: int, *, shared: int = 40_000, own: int = 60_000) -> Path:
    """A folder with a file that all builds share, and one of its own that differs a little."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shared.bin").write_bytes(random.Random(0).randbytes(shared))
    changed = bytearray(random.Random(1).randbytes(own))
    changed[20_000:20_500] = random.Random(seed + 2).randbytes(500)
    (folder / "own.bin").write_bytes(changed)
    (folder / "version.txt").write_text(f"{seed}\n")
    return folder


def publisher(store: PruneStore, clock: Callable[[], float]) -> Publisher:
    return Publisher(store, KEY, progress=NoProgress(), now=clock, clock=clock)


async def publish(
    store: PruneStore, clock: Callable[[], float], folder: Path, name: ChannelName = NAME, *, delta_seconds: float = 0
) -> PublishResult:
    """Publish a folder as a person would."""
    return await publisher(store, clock).publish(folder, name, PublishOptions(delta_seconds=delta_seconds))


async def check_whole(store: PruneStore, game: str, releases: Sequence[Hash]) -> None:
    """Every object that these releases need is there and is what its name says."""
    source = Source(Mirrors([store]), game)
    keys = {each.key async for each in store.list(f"{game}/")}
    for hash in releases:
        release = await source.release(hash)
        for edge in release.deltas:
            assert key_object(game, "delta", edge.object) in keys
        async for page in source.pages(release.pages):
            for pack in {chunk.at.pack for entry in page.entries for chunk in entry.chunks}:
                assert key_object(game, "pack", pack) in keys


async def check_heads(store: PruneStore, *heads: Head, keep: int = 10) -> None:
    """The newest releases of these heads are whole."""
    for head in heads:
        await check_whole(store, head.channel.game, [each.release for each in head.history[:keep]])


async def keys_of(store: PruneStore, prefix: str) -> list[str]:
    return [each.key async for each in store.list(prefix)]


def run(work: Awaitable[object]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())
