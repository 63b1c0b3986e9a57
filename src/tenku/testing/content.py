"""Conformance of stores: what every `ports.PruneStore` does, whatever stands behind it.

Someone who writes a store of their own calls `check_store` in a test of theirs.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

from tenku.base.errors import ConflictError, NotFoundError, StoreError
from tenku.content.ports import PruneStore, Stored

LARGE = 9 * 1024 * 1024
"""More than any library sends in one piece."""


def check_store(make: Callable[[], PruneStore]) -> None:
    """Try everything that a store promises. `make` opens the same, empty store each time. Raises AssertionError."""
    asyncio.run(_check(make))


async def _check(make: Callable[[], PruneStore]) -> None:
    store = make()
    assert await _keys(store, "") == [], "check_store needs an empty store"
    await _gives_back_what_was_put(store, make())
    await _gives_ranges_exactly(store)
    await _has_no_such_object(store)
    await _replaces_only_what_was_seen(store)
    await _lets_exactly_one_writer_win(make)
    await _lists_by_prefix(store)
    await _deletes(store)


async def _gives_back_what_was_put(store: PruneStore, other: PruneStore) -> None:
    for size in (0, 1, 70_000, LARGE):
        data = secrets.token_bytes(size)
        await store.put(f"game/pack/size{size}", data)
        assert await other.get(f"game/pack/size{size}", limit=size) == data
    await store.put("game/pack/size1", b"x")
    assert await other.get("game/pack/size1", limit=10) == b"x", "writing the same key again is no error"


async def _gives_ranges_exactly(store: PruneStore) -> None:
    data = secrets.token_bytes(1000)
    await store.put("game/pack/ranges", data)
    for start, length in ((0, 1000), (0, 1), (999, 1), (10, 500)):
        assert await store.get_range("game/pack/ranges", start=start, length=length) == data[start : start + length]
    for start, length in ((0, 1001), (999, 2), (1000, 1), (5000, 10)):
        await _fails(store.get_range("game/pack/ranges", start=start, length=length), StoreError)
    await _fails(store.get("game/pack/ranges", limit=999), StoreError)


async def _has_no_such_object(store: PruneStore) -> None:
    await _fails(store.get("game/pack/none", limit=10), NotFoundError)
    await _fails(store.get_range("game/pack/none", start=0, length=10), NotFoundError)
    await _fails(store.get_version("game/head/none", limit=10), NotFoundError)
    await _fails(store.get("game/pack", limit=10), NotFoundError, StoreError)
    await _fails(store.replace("game/head/none", b"x", version=await _version_of(store, b"other")), ConflictError)
    await _fails(store.get("game/head/none", limit=10), NotFoundError)


async def _version_of(store: PruneStore, data: bytes) -> str:
    await store.put("game/head/another", data)
    return (await store.get_version("game/head/another", limit=len(data)))[1]


async def _replaces_only_what_was_seen(store: PruneStore) -> None:
    key = "game/head/stable"
    await store.replace(key, b"first", version=None)
    await _fails(store.replace(key, b"again", version=None), ConflictError)
    data, version = await store.get_version(key, limit=100)
    assert data == b"first"
    await store.replace(key, b"second", version=version)
    await _fails(store.replace(key, b"late", version=version), ConflictError)
    assert await store.get(key, limit=100) == b"second"
    await _fails(store.get_version(key, limit=5), StoreError)


async def _lets_exactly_one_writer_win(make: Callable[[], PruneStore], *, writers: int = 6) -> None:
    key = "game/head/race"
    version: str | None = None
    for number in range(3):
        outcomes = await asyncio.gather(
            *(make().replace(key, f"{number} by {each}".encode(), version=version) for each in range(writers)),
            return_exceptions=True,
        )
        won = [each for each, outcome in enumerate(outcomes) if outcome is None]
        lost = [outcome for outcome in outcomes if isinstance(outcome, ConflictError)]
        assert (len(won), len(lost)) == (1, writers - 1), f"one writer wins, the others hear of it: {outcomes}"
        data, version = await make().get_version(key, limit=100)
        assert data == f"{number} by {won[0]}".encode()


async def _lists_by_prefix(store: PruneStore) -> None:
    before = time.time()
    await store.put("other/page/aa", b"12345")
    await store.put("other/pagefile/bb", b"1")
    await store.put("others/page/cc", b"1")
    found = [each async for each in store.list("other/page/")]
    assert [(each.key, each.size) for each in found] == [("other/page/aa", 5)]
    assert all(abs(each.modified - before) < 60 for each in found), found
    assert await _keys(store, "other/") == ["other/page/aa", "other/pagefile/bb"]
    assert await _keys(store, "nothing/") == []
    assert "others/page/cc" in await _keys(store, "")


async def _deletes(store: PruneStore) -> None:
    await store.delete([])
    await store.delete(["other/page/aa", "other/page/never-was", "others/page/cc"])
    assert await _keys(store, "other/") == ["other/pagefile/bb"]
    await _fails(store.get("other/page/aa", limit=10), NotFoundError)
    await store.delete(["other/page/aa"])
    everything = await _keys(store, "")
    await store.delete(everything)
    assert await _keys(store, "") == []


async def _keys(store: PruneStore, prefix: str) -> list[str]:
    found: list[Stored] = [each async for each in store.list(prefix)]
    return sorted(each.key for each in found)


async def _fails(work: Awaitable[object], *kinds: type[Exception]) -> None:
    try:
        done = await work
    except kinds:
        return
    raise AssertionError(f"expected {' or '.join(kind.__name__ for kind in kinds)}, got {done!r:.100}")
