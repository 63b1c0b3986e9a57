"""Publishers and prunes at one time, in any order, with clocks that jump: no release is ever less than whole.

Everybody's steps are the store's operations. Hypothesis chooses who goes next, and how much time passes before that:
up to days, as if a machine slept. Two things cannot be helped by any protocol over such a store, and are left out: no
long sleep between a prune's last look at its own lock and the deletion that follows, nor between a publisher's last
look at its own mark and the release and head that it writes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from content_prune import KEY, NAME, Clock, DictStore, GatedStore, check_whole, keys_of
from tenku.base.errors import ContentError
from tenku.content.garbage import roots_of
from tenku.content.hashes import file_hash, hash_bytes
from tenku.content.head import MAX_SEALED, decode_head, encode_head, seal, split
from tenku.content.marks import GRACE_S, Mark
from tenku.content.model import Chunk, Entry, Hash, Head, Location, PageRef, Published, Release, key_head, key_object
from tenku.content.pack import PackBuilder, read_pack
from tenku.content.page import encode_page
from tenku.content.ports import NoProgress, PruneStore
from tenku.content.prune import PruneOptions, prune
from tenku.content.release import encode_release

Actor = Callable[[PruneStore], Awaitable[None]]
PASSES = (0.0, 30.0, 400.0, 1000.0, GRACE_S / 3, GRACE_S + 100)
SETTLE = 40
DECIDED, LOCKED, STORED = 22, 29, 7
"""After so many operations a prune has decided, and has looked for marks under its lock; a publisher has stored all."""


class Turns:
    """Lets one operation happen at a time, of the actor that was chosen."""

    def __init__(self, clock: Clock, choices: list[tuple[int, int]]) -> None:
        self._clock = clock
        self._choices = iter(choices)
        self._waiting: dict[int, list[tuple[str, tuple[str, ...], asyncio.Future[None]]]] = {}
        self._opened = False
        self.count = 0

    def gate(self, number: int) -> Callable[[str, tuple[str, ...]], Awaitable[None]]:
        async def wait(what: str, keys: tuple[str, ...]) -> None:
            if self._opened:
                return
            turn = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(number, []).append((what, keys, turn))
            await turn

        return wait

    def open(self) -> None:
        """Nobody waits any more."""
        self._opened = True
        for _, _, turn in (each for some in self._waiting.values() for each in some):
            turn.set_result(None)

    async def run(self, tasks: list[asyncio.Task[None]], after_each: Callable[[], Awaitable[None]]) -> None:
        while True:
            for _ in range(SETTLE):
                await asyncio.sleep(0)
            ready = sorted(number for number, some in self._waiting.items() if some)
            if not ready:
                assert all(task.done() for task in tasks)
                return
            who, passes = next(self._choices, (self.count, 0))
            what, keys, turn = self._waiting[ready[who % len(ready)]].pop(0)
            risky = any(_is_risky(*each[:2]) for some in self._waiting.values() for each in some)
            risky = risky or _is_risky(what, keys)
            if not risky:
                self._clock.pass_time(PASSES[passes % len(PASSES)])
            turn.set_result(None)
            self.count += 1
            for _ in range(SETTLE):
                await asyncio.sleep(0)
            await after_each()


def _is_risky(what: str, keys: tuple[str, ...]) -> bool:
    """Whether its actor has just looked at its own mark or lock."""
    if what == "delete":
        return any(key.split("/")[1] in ("release", "page", "delta", "pack") for key in keys)
    return what == "replace" or (what == "put" and "/release/" in keys[0])


def build(content: int) -> tuple[Hash, bytes, bytes, bytes, Hash]:
    """A build of one file: its pack and page; the same content always makes the same objects."""
    data = random.Random(content).randbytes(100)
    pack = PackBuilder()
    pack.add(hash_bytes(data), len(data), data)
    name, stored = pack.finish()
    chunk = Chunk(hash_bytes(data), len(data), Location(name, 0, len(data)))
    entry = Entry("file", size=len(data), hash=file_hash([chunk.hash]), chunks=(chunk,))
    page = encode_page([entry])
    return name, stored, page, data, hash_bytes(page)


async def read_head(store: PruneStore) -> tuple[Head | None, str | None]:
    try:
        sealed, version = await store.get_version(key_head(NAME), limit=MAX_SEALED)
    except ContentError:
        return None, None
    return decode_head(split(sealed, where="head")[1], NAME), version


def publisher(content: int, clock: Clock) -> Actor:
    """What `publish.Publisher` does, step by step, without threads: so that each run can be had again."""

    async def publish(store: PruneStore) -> None:
        async def no_sleep(_: float) -> None:
            return

        before, version = await read_head(store)
        async with Mark(store, "game", now=clock, sleep=no_sleep) as mark:
            name, stored, page, _, page_hash = build(content)
            known = {}
            for published in before.history[:3] if before else ():
                known[published.tree] = published
            young = [each.key async for each in store.list("game/pack/") if clock() - each.modified < GRACE_S / 2]
            tree = hash_bytes(page)
            if tree not in known:
                if key_object("game", "pack", name) not in young:
                    await store.put(key_object("game", "pack", name), stored)
                assert read_pack(stored, pack=name)
                await store.put(key_object("game", "page", page_hash), page)
            now = int(clock())
            release = encode_release(
                Release(
                    game="game",
                    version=str(content),
                    created=now,
                    profile="game",
                    tree=tree,
                    files=1,
                    size=100,
                    largest=100,
                    pages=(PageRef(page_hash, len(page)),),
                )
            )
            mark.check()
            await store.put(key_object("game", "release", hash_bytes(release)), release)
            current = Published(hash_bytes(release), tree, str(content), now)
            head = Head(
                channel=NAME,
                seq=before.seq + 1 if before else 1,
                published=now,
                expires=now + 10**6,
                history=(current, *(before.history if before else ()))[:50],
            )
            await store.replace(key_head(NAME), seal(encode_head(head), KEY, "x"), version=version)

    return publish


def pruner(clock: Clock) -> Actor:
    async def prune_it(store: PruneStore) -> None:
        (result,) = await prune(store, games=["game"], options=PruneOptions(keep=3), progress=NoProgress(), now=clock)
        assert result.error is None or isinstance(result.error, ContentError)

    return prune_it


async def check_all(store: DictStore) -> None:
    """Each release that is there is whole, held by a head or not; and the head's newest ones are there."""
    head, _ = await read_head(store)
    live = [each.release for each in roots_of(head, keep=3, now=0).live] if head else []
    there = [Hash(bytes.fromhex(key[-64:])) for key in await keys_of(store, "game/release/")]
    assert set(live) <= set(there)
    await check_whole(store, "game", there)


async def play(contents: list[int], prunes: int, choices: list[tuple[int, int]]) -> None:
    clock = Clock()
    store = DictStore(clock)
    # What came before: five releases long ago, and a prune that noted what is no longer needed.
    for content in range(5):
        await publisher(content, clock)(store)
        clock.pass_time(60)
    clock.pass_time(GRACE_S + 100)
    await pruner(clock)(store)
    clock.pass_time(GRACE_S + 100)
    turns = Turns(clock, choices)
    actors = [*(publisher(content, clock) for content in contents), *(pruner(clock) for _ in range(prunes))]
    tasks = [
        asyncio.create_task(_quietly(actor, GatedStore(store, clock, turns.gate(number))))
        for number, actor in enumerate(actors)
    ]
    try:
        await turns.run(tasks, lambda: check_all(store))
    finally:
        turns.open()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        task.result()


async def _quietly(actor: Actor, store: PruneStore) -> None:
    try:
        await actor(store)
    except ContentError:
        return  # it says that it failed; what matters is what the store holds


@settings(max_examples=40, deadline=None)
@given(
    contents=st.lists(st.integers(0, 3), min_size=1, max_size=2),
    prunes=st.integers(1, 2),
    stretches=st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 50), st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5])), max_size=12
    ),
)
@example([0], 1, [(1, LOCKED, 0), (0, STORED, 0), (1, 50, 0), (0, 50, 0)])  # the publisher has to see the lock
@example([0], 1, [(1, DECIDED, 0), (0, STORED, 0), (1, 50, 0), (0, 50, 0)])  # the prune has to see the mark
@example([0], 1, [(1, DECIDED, 0), (0, 50, 0), (1, 50, 0)])  # and the head
@example([0], 1, [(0, STORED - 1, 0), (1, 1, 5), (1, 50, 0), (0, 50, 0)])  # the publisher slept for a day
@example(
    [0], 1, [(1, LOCKED, 0), (0, STORED, 4), (1, 50, 0), (0, 50, 0)]
)  # the publisher had to wait for the prune's lock
def test_no_order_of_publishers_and_prunes_loses_an_object(
    contents: list[int], prunes: int, stretches: list[tuple[int, int, int]]
) -> None:
    """Each stretch: who goes, for how many operations, and which time passes before the first of them."""
    choices = [(who, passes if step == 0 else 0) for who, length, passes in stretches for step in range(length)]
    asyncio.run(play(contents, prunes, choices))
