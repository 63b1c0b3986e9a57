"""Removing what nobody needs: never what a head, a publisher or a puller may still want."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_prune import (
    LONG,
    NAME,
    Clock,
    DictStore,
    GatedStore,
    check_heads,
    check_whole,
    keys_of,
    publish,
    publisher,
    write_build,
)
from tenku.base.errors import ConflictError, CorruptError, StoreError, UsageError
from tenku.content.garbage import decide, decode_notes, encode_notes, merge_notes, roots_of
from tenku.content.layout import parse_key
from tenku.content.marks import GRACE_S, Mark
from tenku.content.model import ChannelName, Hash, Head, Published
from tenku.content.ports import NoProgress, PruneStore, Stored
from tenku.content.prune import Pruned, PruneOptions, prune
from tenku.content.prunelock import LOCK_S, PruneLock
from tenku.content.stores.folder import FolderStore
from tenku.content.stores.open import open_write_store
from tenku.testing.content import check_store

pytest_plugins = ["seaweed_fixtures"]

KEEP3 = PruneOptions(keep=3)
times = st.floats(0, 10 * GRACE_S)
keys = st.sampled_from([f"game/pack/{n:064x}" for n in range(6)])


@given(
    objects=st.dictionaries(keys, times),
    live=st.sets(keys),
    held=st.sets(keys),
    candidates=st.dictionaries(keys, times),
    marks=st.lists(times, max_size=1),
    now=times,
)
def test_what_is_deleted_is_unreferenced_old_noted_long_ago_and_nobody_publishes(
    objects: dict[str, float],
    live: set[str],
    held: set[str],
    candidates: dict[str, float],
    marks: list[float],
    now: float,
) -> None:
    stored = [Stored(key, 1, modified) for key, modified in objects.items()]
    marked = [Stored("game/mark/a", 1, modified) for modified in marks]
    decision = decide(stored, live=live, held=held, candidates=candidates, marks=marked, now=now)
    assert sum(map(len, (decision.delete, decision.note, decision.wait, decision.young, decision.live))) == len(stored)
    for each in decision.delete:
        assert each.key not in live | held
        assert now - each.modified >= GRACE_S
        assert now - candidates[each.key] >= GRACE_S
        assert not marks
    for each in decision.note:
        assert each.key not in live
        assert each.key not in candidates
        assert now - each.modified >= GRACE_S


@given(st.dictionaries(keys, times))
def test_notes_come_back_as_they_were_written(notes: dict[str, float]) -> None:
    back = merge_notes(decode_notes(data, "game") for data in encode_notes(notes))
    assert back.keys() == notes.keys()
    assert all(abs(back[key] - noted) < 0.01 for key, noted in notes.items())


@given(st.binary(max_size=200))
def test_notes_that_make_no_sense_say_nothing(data: bytes) -> None:
    assert decode_notes(b"tenku garbage 1\n" + data, "game") == {}
    assert decode_notes(b"tenku garbage 1\nother/pack/" + b"a" * 64 + b" 5.0\n", "game") == {}


@given(ages=st.lists(times, min_size=1, max_size=12), keep=st.integers(1, 12))
def test_a_release_is_held_for_a_grace_period_after_it_left_the_newest(ages: list[float], keep: int) -> None:
    now = 20 * GRACE_S
    history = tuple(
        Published(Hash(bytes([n]) * 32), Hash(b"t" * 32), "", int(now - age)) for n, age in enumerate(sorted(ages))
    )
    head = Head(channel=NAME, seq=1, published=1, expires=2, history=history)
    roots = roots_of(head, keep=keep, now=now)
    assert roots.live == history[:keep]
    for n, each in enumerate(history[keep:]):
        assert (each in roots.left) == (now - history[n].published < GRACE_S)


def test_what_prunes_write_is_not_served() -> None:
    assert parse_key("game/garbage/noted-" + "a" * 64) is None
    assert parse_key("game/garbage/lock-" + "a" * 32) is None


def test_the_store_of_these_tests_is_a_store() -> None:
    class Real(Clock):
        def __call__(self) -> float:
            return time.time()

    check_store_of = DictStore(Real())
    check_store(lambda: check_store_of)


async def published(store: PruneStore, clock: Clock, tmp: Path, count: int) -> Head:
    """So many releases, an hour apart."""
    for seed in range(count):
        head = (await publish(store, clock, write_build(tmp / f"build{seed}", seed))).head
        clock.pass_time(3600)
    return head


async def prune_once(store: PruneStore, clock: Clock, options: PruneOptions = KEEP3) -> Pruned:
    (result,) = await prune(store, options=options, progress=NoProgress(), now=clock)
    if result.error:
        raise result.error
    return result


async def rounds(store: PruneStore, clock: Clock, tmp: Path) -> None:
    """Five releases, of which three stay: noted, then removed, and nothing else."""
    head = await published(store, clock, tmp, 5)
    before = set(await keys_of(store, "game/"))
    first = await prune_once(store, clock)
    assert first.deleted.objects == 0
    assert first.young.objects > 0
    clock.pass_time(LONG)
    dry = await prune_once(store, clock, PruneOptions(keep=3, dry_run=True))
    second = await prune_once(store, clock)
    assert dry == second
    assert second.deleted.objects == 0
    assert second.noted.objects == 5  # two releases and their pages, and one pack
    assert set(await keys_of(store, "game/")) - before == set(await keys_of(store, "game/garbage/"))
    clock.pass_time(GRACE_S / 2)
    assert (await prune_once(store, clock)).waiting == second.noted
    clock.pass_time(LONG)
    third = await prune_once(store, clock)
    assert third.deleted == second.noted
    left = set(await keys_of(store, "game/"))
    assert len([key for key in left if "/release/" in key]) == 3
    assert len([key for key in left if "/pack/" in key]) == 4  # what is shared lies in the first one
    await check_heads(store, head, keep=3)
    assert not [key for key in left if "/mark/" in key or "/lock-" in key or "/clock-" in key]
    fourth = await prune_once(store, clock)
    assert (fourth.deleted.objects, fourth.noted.objects, fourth.live) == (0, 0, third.live)
    assert not await keys_of(store, "game/garbage/")


def test_old_releases_go_after_two_prunes_a_grace_period_apart(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "store").mkdir()
    asyncio.run(rounds(GatedStore(FolderStore(tmp_path / "store"), clock), clock, tmp_path))


@pytest.mark.usefixtures("s3_keys")
def test_old_releases_go_from_a_bucket(tmp_path: Path) -> None:
    clock = Clock()
    asyncio.run(rounds(GatedStore(open_write_store("s3://games/prune"), clock), clock, tmp_path))


async def ready(store: PruneStore, clock: Clock, tmp: Path) -> Head:
    """A store whose next prune deletes."""
    head = await published(store, clock, tmp, 5)
    clock.pass_time(LONG)
    await prune_once(store, clock)
    clock.pass_time(LONG)
    return head


def test_a_head_that_does_not_parse_stops_the_prune_of_its_game(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        await ready(store, clock, tmp_path)
        await publish(store, clock, tmp_path / "build0", ChannelName("other", "beta"))
        store.objects["game/head/stable"] = (b"untrusted comment: x\nnothing\n", clock())
        before = dict(store.objects)
        game, other = await prune(store, options=KEEP3, progress=NoProgress(), now=clock)
        assert isinstance(game.error, CorruptError)
        assert "game:stable" in str(game.error)
        assert other.error is None
        assert store.objects == before

    asyncio.run(main())


def test_a_live_release_that_is_not_whole_stops_it(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        head = await ready(store, clock, tmp_path)
        (page, *_) = [key for key in store.objects if "/page/" in key]
        for key in [key for key in store.objects if "/page/" in key]:
            del store.objects[key]
        assert page
        (result,) = await prune(store, options=KEEP3, progress=NoProgress(), now=clock)
        assert isinstance(result.error, StoreError)
        assert f"game/release/{head.history[4].release.hex()}" in store.objects

    asyncio.run(main())


def test_nothing_is_deleted_while_a_publish_is_under_way_and_it_says_since_when(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        await ready(store, clock, tmp_path)
        async with Mark(store, "game", now=clock):
            result = await prune_once(store, clock)
        assert result.deleted.objects == 0
        assert result.waiting.objects > 0
        assert "since 2027-01-" in result.blocked
        assert (await prune_once(store, clock)).deleted.objects > 0

    asyncio.run(main())


def test_a_release_without_a_head_keeps_what_it_needs(tmp_path: Path) -> None:
    """Who finds it may build on it: it goes first, and only then what it was made of."""

    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        head = await ready(store, clock, tmp_path)
        old = head.history[-1].release
        key = f"game/release/{old.hex()}"
        await store.put(key, store.objects[key][0])
        result = await prune_once(store, clock)
        assert result.deleted.objects > 0
        await check_whole(store, "game", [old])
        for _ in range(2):
            clock.pass_time(LONG)
            await prune_once(store, clock)
        assert key not in store.objects
        assert len([key for key in store.objects if "/page/" in key]) == 3

    asyncio.run(main())


def test_a_dead_mark_is_removed_and_in_nobodys_way(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        await store.put("game/mark/dead", b"{}")
        await ready(store, clock, tmp_path)
        assert "game/mark/dead" not in store.objects

    asyncio.run(main())


def test_a_publish_that_was_killed_can_go_on_for_a_grace_period(tmp_path: Path) -> None:
    """Packs without a head are kept while young, so that they are not stored twice."""

    async def main() -> None:
        clock = Clock()
        store = GatedStore(DictStore(clock), clock)
        await publish(store, clock, write_build(tmp_path / "a", 0))

        async def no_release(what: str, keys: tuple[str, ...]) -> None:
            if what == "put" and "/release/" in keys[0]:
                raise StoreError("killed")

        store.gate = no_release
        with pytest.raises(StoreError, match="killed"):
            await publish(store, clock, write_build(tmp_path / "b", 1))
        del store.gate
        store = GatedStore(store.inner, clock)
        for _ in range(3):
            clock.pass_time(GRACE_S / 8)
            assert (await prune_once(store, clock)).noted.objects == 0
        result = await publish(store, clock, tmp_path / "b")
        assert result.built
        assert result.built.new_bytes == 0
        clock.pass_time(LONG)
        await prune_once(store, clock)
        clock.pass_time(LONG)
        await prune_once(store, clock)
        await check_heads(store, result.head)

    asyncio.run(main())


def test_a_publisher_that_begins_between_the_decision_and_the_lock_stops_the_deletion(tmp_path: Path) -> None:
    """It may publish the very objects that were about to go: the same names, since they are the same bytes."""

    async def main() -> None:
        clock = Clock()
        inner = DictStore(clock)
        head = await ready(inner, clock, tmp_path)
        heads: list[Head] = []

        async def publish_now(what: str, keys: tuple[str, ...]) -> None:
            if what == "put" and "/lock-" in keys[0]:
                heads.append((await publish(inner, clock, tmp_path / "build0")).head)

        result = await prune_once(GatedStore(inner, clock, publish_now), clock)
        assert result.blocked == "A channel moved meanwhile."
        assert result.deleted.objects == 0
        await check_heads(inner, *heads, keep=4)
        assert heads[0].seq == head.seq + 1

    asyncio.run(main())


def test_a_publisher_waits_while_objects_are_being_deleted() -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        said: list[str] = []
        lock = PruneLock(store, "game", now=clock)
        await lock.__aenter__()

        async def prune_ends(_: float) -> None:
            assert said
            await lock.__aexit__(None, None, None)

        async with Mark(store, "game", now=clock, note=said.append, sleep=prune_ends):
            assert not await keys_of(store, "game/garbage/")

    asyncio.run(main())


PUBLISH = """
import asyncio, pathlib, sys, time
from content_prune import publish
from tenku.content.stores.folder import FolderStore
store, build = map(pathlib.Path, sys.argv[1:])
result = asyncio.run(publish(FolderStore(store), time.time, build))
print(result.head.seq)
"""


def test_a_publisher_process_that_starts_while_objects_go_publishes_them_again(tmp_path: Path) -> None:
    """It waits for the prune, and then stores what had the same name as what went."""

    async def main() -> None:
        clock = Clock()
        clock.time = time.time() - 2 * LONG - 5 * 3600
        folder = tmp_path / "store"
        folder.mkdir()
        inner = FolderStore(folder)
        store = GatedStore(inner, clock)
        head = await ready(store, clock, tmp_path)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        started: list[asyncio.subprocess.Process] = []

        async def start(what: str, keys: tuple[str, ...]) -> None:
            if what == "delete" and not started and any("/release/" in key for key in keys):
                command = [sys.executable, "-c", PUBLISH, str(folder), str(tmp_path / "build0")]
                process = asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
                started.append(await process)
                deadline = time.monotonic() + 30
                while not await keys_of(inner, "game/mark/"):
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)  # another process has to get there

        store.gate = start
        result = await prune_once(store, clock)
        assert result.deleted.objects > 0
        assert (await publisher(inner, clock).head(NAME))[0] == head
        out, _ = await asyncio.wait_for(started[0].communicate(), 60)
        assert out.decode().split() == [str(head.seq + 1)]
        after, _ = await publisher(inner, clock).head(NAME)
        assert after
        assert after.current.tree == head.history[-1].tree
        await check_heads(inner, after, keep=4)

    asyncio.run(main())


def test_a_publisher_does_not_wait_for_a_prune_that_died() -> None:
    async def main() -> None:
        clock = Clock()
        store = DictStore(clock)
        await PruneLock(store, "game", now=clock).__aenter__()
        clock.pass_time(LOCK_S)
        async with Mark(store, "game", now=clock):
            pass
        assert not await keys_of(store, "game/mark/")

    asyncio.run(main())


def test_a_prune_that_slept_deletes_nothing_more(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        inner = DictStore(clock)
        head = await ready(inner, clock, tmp_path)

        async def sleep(what: str, keys: tuple[str, ...]) -> None:
            if what == "delete" and keys and "/release/" in keys[0]:
                clock.pass_time(LOCK_S / 2)

        with pytest.raises(ConflictError, match="stood still"):
            await prune_once(GatedStore(inner, clock, sleep), clock)
        await check_heads(inner, head, keep=3)
        assert (await prune_once(inner, clock)).deleted.objects > 0

    asyncio.run(main())


def test_a_publish_that_slept_longer_than_the_grace_period_does_not_move_the_head() -> None:
    async def main() -> None:
        clock = Clock()
        async with Mark(DictStore(clock), "game", now=clock) as mark:
            mark.check()
            clock.pass_time(LONG)
            with pytest.raises(ConflictError, match="slept"):
                mark.check()

    asyncio.run(main())


@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_a_prune_may_be_killed_anywhere(tmp_path: Path, steps: int) -> None:
    """After each kill every release that is still there is whole, and the next prune finishes."""

    class KilledError(Exception):
        pass

    async def main() -> None:
        clock = Clock()
        inner = DictStore(clock)
        head = await ready(inner, clock, tmp_path)
        left = steps

        async def kill(_: str, __: tuple[str, ...]) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError

        class One(GatedStore):
            """Deletes objects one by one, so that a kill can come between them."""

            async def delete(self, keys: Sequence[str]) -> None:
                for key in keys:
                    await super().delete([key])

        with contextlib.suppress(KilledError):
            await prune_once(One(inner, clock, kill), clock)
        releases = [Hash(bytes.fromhex(key[-64:])) for key in await keys_of(inner, "game/release/")]
        await check_whole(inner, "game", releases)
        await check_heads(inner, head, keep=3)
        clock.pass_time(LONG)
        await prune_once(inner, clock)
        assert len(await keys_of(inner, "game/release/")) == 3
        await check_heads(inner, head, keep=3)

    asyncio.run(main())


def test_keeping_fewer_releases_than_deltas_start_from_is_refused() -> None:
    with pytest.raises(UsageError, match="keeps 3 to 50"):
        asyncio.run(prune(DictStore(Clock()), options=PruneOptions(keep=2), progress=NoProgress()))
