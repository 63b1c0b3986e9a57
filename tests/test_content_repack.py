"""Repacking: what is needed of packs that are mostly dead moves into new ones, and nobody notices."""

import asyncio
import contextlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from content_prune import (
    KEY,
    LONG,
    NAME,
    Clock,
    DictStore,
    GatedStore,
    check_heads,
    keys_of,
    publish,
    publisher,
)
from tenku.base.errors import ConflictError
from tenku.content.channelhead import Trust, read_head
from tenku.content.memory import MemoryFolder
from tenku.content.minisign import SecretKey
from tenku.content.model import ChannelName, Head
from tenku.content.ports import NoProgress, PruneStore
from tenku.content.prune import Pruned, PruneOptions, prune
from tenku.content.pull import Puller, PullOptions
from tenku.content.repack import Repacked, repack
from tenku.content.source import Source
from tenku.content.state import installed_from
from tenku.content.stores.folder import FolderStore
from tenku.content.stores.mirrors import Mirrors

KEEP3 = PruneOptions(keep=3)
OTHER = ChannelName("game", "other")


async def mostly_dead(store: PruneStore, clock: Clock, tmp: Path, *, delta_seconds: float = 0) -> Head:
    """Three releases that need a tenth of the first one's pack."""
    folder = tmp / "build"
    folder.mkdir()
    (folder / "stays.bin").write_bytes(random.Random(1).randbytes(90_000))
    for seed in range(4):
        (folder / "changes.bin").write_bytes(random.Random(seed + 2).randbytes(900_000 if not seed else 90_000))
        head = (await publish(store, clock, folder, delta_seconds=delta_seconds)).head
        clock.pass_time(3600)
    clock.pass_time(LONG)
    return head


async def prune_once(store: PruneStore, clock: Clock) -> Pruned:
    (result,) = await prune(store, options=KEEP3, progress=NoProgress(), now=clock)
    assert result.error is None
    return result


async def repack_once(store: PruneStore, clock: Clock, key: SecretKey = KEY) -> Repacked:
    return await repack(store, "game", key=key, keep=3, progress=NoProgress(), now=clock)


async def pull(folder: Path, store: PruneStore, clock: Clock, memory: Path) -> int:
    """Bring the channel into a folder; the bytes that were fetched."""
    mirrors = Mirrors([store])
    trust = Trust(KEY.public, MemoryFolder(memory))
    head = await read_head(mirrors, NAME, trust=trust, now=int(clock()))
    source = Source(mirrors, "game")
    release = await source.release(head.current.release)
    installed = installed_from(head, release, stores=[store.name], key=KEY.public.line)
    puller = Puller(folder, source, release, installed, options=PullOptions(), progress=NoProgress())
    return (await puller.run()).fetched


def test_a_mostly_dead_pack_is_emptied_and_goes(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        (tmp_path / "store").mkdir()
        store = GatedStore(FolderStore(tmp_path / "store"), clock)
        before = await mostly_dead(store, clock, tmp_path)
        said = await prune_once(store, clock)
        assert said.mostly_dead.objects == 1
        assert 900_000 < said.mostly_dead.bytes < 910_000
        await pull(tmp_path / "old", store, clock, tmp_path / "memory")
        result = await repack_once(store, clock)
        assert result.packs == 1
        assert 90_000 < result.copied < 100_000
        assert 890_000 < result.freed < 910_000
        (after,) = result.heads
        assert after.seq == before.seq + 1
        assert [each.tree for each in after.history] == [each.tree for each in before.history]
        assert (after.published, after.expires) == (before.published, before.expires)
        await check_heads(store, before, after, keep=3)
        assert await pull(tmp_path / "old", store, clock, tmp_path / "memory") == 0
        for _ in range(3):
            clock.pass_time(LONG)
            await prune_once(store, clock)
        await check_heads(store, after, keep=3)
        sizes = [each.size async for each in store.list("game/pack/")]
        assert max(sizes) < 200_000
        await pull(tmp_path / "new", store, clock, tmp_path / "memory")
        for name in ("stays.bin", "changes.bin"):
            assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "build" / name).read_bytes()
        assert (await repack_once(store, clock)).heads == ()

    asyncio.run(main())


def test_deltas_still_lead_to_a_release_that_was_rewritten(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        before = await mostly_dead(store, clock, tmp_path, delta_seconds=20)
        (after,) = (await repack_once(store, clock)).heads
        source = Source(Mirrors([store]), "game")
        old = await source.release(before.current.release)
        new = await source.release(after.current.release)
        assert replace(new, pages=()) == replace(old, pages=())

    asyncio.run(main())


def test_a_channel_of_another_key_stays_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        await mostly_dead(store, clock, tmp_path)
        before = dict(store.objects)
        result = await repack_once(store, clock, SecretKey(b"\x03" * 8, b"\x04" * 32))
        assert result.skipped == (NAME,)
        assert result.packs == 0
        assert store.objects == before

    asyncio.run(main())


def test_a_publish_meanwhile_stands_and_the_repack_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        inner = DictStore(clock)
        before = await mostly_dead(inner, clock, tmp_path)

        async def publish_now(what: str, _: tuple[str, ...]) -> None:
            if what == "replace":
                (tmp_path / "build" / "new.txt").write_text("new")
                await publish(inner, clock, tmp_path / "build")

        with pytest.raises(ConflictError, match="published to game:beta meanwhile"):
            await repack_once(GatedStore(inner, clock, publish_now), clock)
        head, _ = await publisher(inner, clock).head(NAME)
        assert head
        assert head.seq == before.seq + 1
        for _ in range(3):
            clock.pass_time(LONG)
            await prune_once(inner, clock)
        await check_heads(inner, head, keep=3)

    asyncio.run(main())


@pytest.mark.parametrize("steps", range(0, 80, 8))
def test_a_repack_may_be_killed_anywhere(tmp_path: Path, steps: int) -> None:
    class KilledError(Exception):
        pass

    async def main() -> None:
        clock = Clock()
        inner = DictStore(clock)
        await mostly_dead(inner, clock, tmp_path)
        left = steps

        async def kill(_: str, __: tuple[str, ...]) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError

        with contextlib.suppress(KilledError):
            await repack_once(GatedStore(inner, clock, kill), clock)
        await pull(tmp_path / "pulled", inner, clock, tmp_path / "memory")
        for _ in range(3):
            clock.pass_time(LONG)
            await prune_once(inner, clock)
        await repack_once(inner, clock)
        head, _ = await publisher(inner, clock).head(NAME)
        assert head
        await check_heads(inner, head, keep=3)
        assert len(await keys_of(inner, "game/mark/")) == 0

    asyncio.run(main())
