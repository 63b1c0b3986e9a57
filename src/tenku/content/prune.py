"""Removes from a store what no release needs any more, beside publishers and pullers that know nothing of it.

Four rules; docs/store.md says what could happen without each:

1. Whole. A release that is in the store has all its pages, deltas and packs there. So who finds a release after
   writing a mark may build on it. Releases go first, then pages and deltas, then packs; and what a release needs is
   kept while that release is still there, even if no head holds it.
2. Alone. A publish writes its mark, then looks for locks. A prune writes its lock, then looks for marks, and after that
   compares the heads with those that it decided by. So between that look and the last deletion no publish does
   anything, and none has done anything since the decision that a head would hold.
3. Late. Only what was unreferenced and old twice, a grace period apart, is deleted. Who pulls a release that has just
   left the history has so long to finish; who was killed while publishing, to go on.
4. Unsure means stop. A head that does not parse, a live release that is not whole, an unknown kind of object, a lock
   that may have lapsed: nothing (more) is deleted.

All dates are the store's own: the clock of the machine that prunes only measures how long its own lock was left alone.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from tenku.base.errors import ContentError, NotFoundError, UsageError
from tenku.content.garbage import (
    MAX_NOTES,
    Amount,
    Decision,
    Tally,
    decide,
    decode_notes,
    encode_notes,
    merge_notes,
    roots_of,
)
from tenku.content.hashes import hash_bytes
from tenku.content.head import MAX_HISTORY, MAX_TIME
from tenku.content.heads import StoredHead, channels_in, games_in, read_stored
from tenku.content.known import RELEASES
from tenku.content.layout import parse_key
from tenku.content.marks import GRACE_S, live_marks, mark_prefix
from tenku.content.model import KEEP, ChannelName, Hash, key_object, parse_game
from tenku.content.ports import Progress, PruneStore, Stored
from tenku.content.prunelock import PruneLock, garbage_prefix, store_time
from tenku.content.reach import Reach, reach, reach_if_whole, releases_of
from tenku.content.source import Source
from tenku.content.stores.mirrors import Mirrors

BATCH = 500
"""Objects asked about, or deleted, at once."""
MOSTLY_DEAD = 0.3
"""Packs of which a smaller share is live are worth repacking."""
NOTED = "noted-"
NOTHING = Amount()


@dataclass(frozen=True, kw_only=True)
class PruneOptions:
    """How to prune."""

    keep: int = KEEP
    """Newest releases of every channel that stay."""
    dry_run: bool = False
    """Write and delete nothing, only say what would be done."""
    share: float = MOSTLY_DEAD


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What a prune did to one game; with `dry_run`, what it would do."""

    game: str
    deleted: Amount = NOTHING
    noted: Amount = NOTHING
    """Found unreferenced for the first time: a prune after the grace period deletes them."""
    waiting: Amount = NOTHING
    """Noted before, not deleted yet."""
    young: Amount = NOTHING
    """Unreferenced, younger than the grace period."""
    live: Amount = NOTHING
    mostly_dead: Amount = NOTHING
    """Live packs of which less than `share` is needed, and how many of their bytes repacking would save."""
    blocked: str = ""
    """Why nothing was deleted though it was time; empty: nothing was in the way."""
    error: ContentError | UsageError | None = None
    """The game could not be pruned; nothing was guessed."""


async def prune(
    store: PruneStore,
    *,
    games: Sequence[str] = (),
    options: PruneOptions,
    progress: Progress,
    now: Callable[[], float] = time.time,
) -> tuple[Pruned, ...]:
    """Prune these games, or all that the store holds; one that fails does not keep the others from it.

    Raises:
        UsageError: options that cannot be.
        StoreError: the store cannot be listed.
    """
    if not RELEASES <= options.keep <= MAX_HISTORY:
        raise UsageError(
            f"A store keeps {RELEASES} to {MAX_HISTORY} releases of a channel, not {options.keep}.",
            hint=f"The last {RELEASES} are what deltas start from.",
        )
    results = []
    for game in [parse_game(game) for game in games] or await games_in(store):
        try:
            results.append(await _Prune(store, game, options, progress, now).run())
        except (ContentError, UsageError) as error:
            results.append(Pruned(game=game, error=error))
    return tuple(results)


class _Prune:
    """One prune of one game."""

    def __init__(
        self, store: PruneStore, game: str, options: PruneOptions, progress: Progress, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._game = game
        self._options = options
        self._progress = progress
        self._now = now
        self._source = Source(Mirrors([store]), game)

    async def run(self) -> Pruned:
        """Look, decide, note, delete."""
        time = self._now() if self._options.dry_run else await store_time(self._store, self._game)
        marks = await live_marks(self._store, self._game, now=time)
        heads = await self._heads()
        files = [each async for each in self._store.list(garbage_prefix(self._game))]
        notes = await self._read_notes(files)
        tally = Tally(notes, now=time)
        with Reach(self._game) as needed:
            await self._decide(heads, needed, tally, _View(notes, marks, time))
            result = self._result(tally, await self._mostly_dead(needed))
        if not self._options.dry_run:
            await self._write_notes(tally.notes, files)
            await self._tidy(files, time)
        if marks:
            return replace(result, blocked=await self._under_way(marks))
        if self._options.dry_run or not tally.doomed:
            return result
        return await self._delete(tally.doomed, heads, result)

    async def _heads(self) -> dict[ChannelName, StoredHead]:
        return await read_stored(self._store, await channels_in(self._store, self._game))

    async def _decide(self, heads: dict[ChannelName, StoredHead], needed: Reach, tally: Tally, view: "_View") -> None:
        """What happens to releases; then to pages, deltas and packs, in the order of deletion."""
        roots = [roots_of(each.head, keep=self._options.keep, now=view.now) for each in heads.values()]
        current = {each.head.current.release for each in heads.values()}
        live = [(each.release, each.release in current) for root in roots for each in root.live]
        left = {key_object(self._game, "release", each.release) for root in roots for each in root.left}
        releases = await releases_of(self._source, live)
        for hash in releases:
            needed.add("release", hash)
        stored = [each async for some in self._listed("release") for each in some]
        decision = view.decide(stored, live=needed.find([each.key for each in stored]), held=left)
        tally.add(decision)
        await reach(self._source, releases.values(), needed, progress=self._progress)
        # Rule 1: a release that stays keeps what it needs. One that is on its way out lets it be noted along.
        for stays, those in ((True, decision.young), (False, (*decision.note, *decision.wait))):
            hashes = [_hash(each) for each in those]
            await reach_if_whole(self._source, hashes, needed, progress=self._progress, live=stays)
        for kind in ("page", "delta", "pack"):
            async for some in self._listed(kind):
                found = needed.find([each.key for each in some])
                live_keys = {key for key, is_live in found.items() if is_live}
                tally.add(view.decide(some, live=live_keys, held=found))

    async def _listed(self, kind: str) -> AsyncIterator[list[Stored]]:
        """The objects of a kind, some at a time."""
        some: list[Stored] = []
        async for each in self._store.list(f"{self._game}/{kind}/"):
            if _is_object(each):
                some.append(each)
            if len(some) == BATCH:
                yield some
                some = []
        yield some

    async def _mostly_dead(self, needed: Reach) -> Amount:
        """Live packs that are worth repacking, and the bytes that it would save."""
        found = Amount()
        async for some in self._listed("pack"):
            sizes = {_hash(each): each.size for each in some}
            used = needed.use_of(list(sizes))
            dead = [sizes[pack] - live for pack, live in used.items() if live < self._options.share * sizes[pack]]
            found += Amount(len(dead), sum(dead))
        return found

    async def _read_notes(self, files: Sequence[Stored]) -> dict[str, float]:
        notes = []
        for each in files:
            if _name(each).startswith(NOTED):
                with suppress(NotFoundError):  # another prune wrote it anew
                    notes.append(decode_notes(await self._store.get(each.key, limit=MAX_NOTES), self._game))
        return merge_notes(notes)

    async def _write_notes(self, notes: dict[str, float], files: Sequence[Stored]) -> None:
        """Write them anew, then remove the old ones: killed between, the next prune finds both, which say the same."""
        kept = set()
        for data in encode_notes(notes):
            key = f"{garbage_prefix(self._game)}{NOTED}{hash_bytes(data).hex()}"
            kept.add(key)
            if all(each.key != key for each in files):
                await self._store.put(key, data)
        await self._store.delete([each.key for each in files if _name(each).startswith(NOTED) and each.key not in kept])

    async def _tidy(self, files: Sequence[Stored], now: float) -> None:
        """Remove what died publishes and prunes left."""
        marks = [each async for each in self._store.list(mark_prefix(self._game))]
        left = [each for each in files if not _name(each).startswith(NOTED)]
        await self._store.delete([each.key for each in (*marks, *left) if now - each.modified >= GRACE_S])

    async def _delete(self, doomed: list[Stored], heads: dict[ChannelName, StoredHead], result: Pruned) -> Pruned:
        """Rule 2: alone, or not at all."""
        async with PruneLock(self._store, self._game, now=self._now) as lock:
            time = await store_time(self._store, self._game)
            marks = await live_marks(self._store, self._game, now=time)
            if marks:
                return replace(result, deleted=NOTHING, blocked=await self._under_way(marks))
            if await self._heads() != heads:
                return replace(result, deleted=NOTHING, blocked="A channel moved meanwhile.")
            self._progress.phase(f"remove from {self._game}", total=len(doomed), unit="objects")
            # Each kind is gone before the next one begins: a request says nothing about the order inside it.
            for _, kind in groupby(doomed, key=_kind):
                some = [each.key for each in kind]
                for begin in range(0, len(some), BATCH):
                    await lock.hold()
                    await self._store.delete(some[begin : begin + BATCH])
                    self._progress.advance(len(some[begin : begin + BATCH]))
        return result

    async def _under_way(self, marks: Sequence[Stored]) -> str:
        """Since when the oldest of these publishes runs, as it says itself."""
        started = []
        for each in marks:
            try:
                started.append(float(json.loads(await self._store.get(each.key, limit=1000))["started"]))
            except (NotFoundError, ValueError, KeyError, TypeError):
                started.append(each.modified)
        since = datetime.fromtimestamp(min(max(min(started), 0), MAX_TIME), UTC)
        return f"A publish is under way since {since:%Y-%m-%d %H:%M:%S} UTC."

    def _result(self, tally: Tally, mostly_dead: Amount) -> Pruned:
        return Pruned(
            game=self._game,
            deleted=tally.deleted,
            noted=tally.noted,
            waiting=tally.waiting,
            young=tally.young,
            live=tally.live,
            mostly_dead=mostly_dead,
        )


@dataclass(frozen=True)
class _View:
    """What all decisions of one prune go by."""

    notes: dict[str, float]
    marks: Sequence[Stored]
    now: float

    def decide(self, some: Sequence[Stored], *, live: Container[str], held: Container[str]) -> Decision:
        return decide(some, live=live, held=held, candidates=self.notes, marks=self.marks, now=self.now)


def _hash(each: Stored) -> Hash:
    return Hash(bytes.fromhex(_name(each)))


def _name(each: Stored) -> str:
    return each.key.rpartition("/")[2]


def _kind(each: Stored) -> str:
    return each.key.split("/")[1]


def _is_object(each: Stored) -> bool:
    """Whether it is an immutable object of a kind that this Tenku knows; all else is left alone."""
    address = parse_key(each.key)
    return address is not None and address.hash is not None
