"""Copies what is still needed out of packs that are mostly dead, so that a later prune can remove them.

Chunks move, so pages, releases and heads that say where they are get written anew; trees, and with them deltas, stay
what they were. The old objects stay, too, until a prune finds them unreferenced: pullers under way are not disturbed.
A repack is a publish in the eyes of a prune: it has a mark, and moves heads only if nobody else did.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import ConflictError, CorruptError, TrustError
from tenku.content.chunkindex import ChunkIndex
from tenku.content.garbage import roots_of
from tenku.content.hashes import check_object, hash_bytes
from tenku.content.head import MAX_SEALED, encode_head, open_sealed, seal
from tenku.content.heads import channels_in, parse_sealed
from tenku.content.layout import parse_key
from tenku.content.marks import Mark
from tenku.content.minisign import PublicKey, SecretKey
from tenku.content.model import KEEP, ChannelName, Chunk, Entry, Hash, Head, PageRef, Release, key_head, key_object
from tenku.content.pack import MAX_PACK, PackBuilder, Unpacker, read_pack
from tenku.content.page import encode_page
from tenku.content.ports import Progress, PruneStore
from tenku.content.prune import MOSTLY_DEAD
from tenku.content.reach import Reach, reach, releases_of
from tenku.content.release import encode_release
from tenku.content.source import Source
from tenku.content.stores.mirrors import Mirrors


@dataclass(frozen=True, kw_only=True)
class Repacked:
    """What a repack did to one game."""

    game: str
    packs: int = 0
    """Packs that nobody needs any more, once a prune has seen it."""
    freed: int = 0
    """Bytes that a later prune can remove, less those that were written anew."""
    copied: int = 0
    """Bytes of chunks that were written anew."""
    heads: tuple[Head, ...] = ()
    """As they were signed anew."""
    skipped: tuple[ChannelName, ...] = ()
    """Channels that another key signed: what they hold stays where it is."""


async def repack(
    store: PruneStore,
    game: str,
    *,
    key: SecretKey,
    also: tuple[PublicKey, ...] = (),
    share: float = MOSTLY_DEAD,
    keep: int = KEEP,
    progress: Progress,
    now: Callable[[], float] = time.time,
) -> Repacked:
    """Repack one game's packs of which less than `share` is needed by the newest `keep` releases of its channels.

    Args:
        also: public keys whose heads are ours, too.

    Raises:
        ConflictError: somebody published meanwhile; nothing is lost, and what was repacked stays.
        StoreError: the store cannot be read or written, or is not whole.
    """
    return await _Repack(store, game, key, (key.public, *also), progress, now).run(share, keep)


@dataclass(frozen=True)
class _Ours:
    """A head that may be signed anew, and what marks that it did not move."""

    head: Head
    version: str


class _Repack:
    """One repack of one game."""

    def __init__(
        self,
        store: PruneStore,
        game: str,
        key: SecretKey,
        keys: tuple[PublicKey, ...],
        progress: Progress,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._game = game
        self._key = key
        self._keys = keys
        self._progress = progress
        self._now = now
        self._source = Source(Mirrors([store]), game)

    async def run(self, share: float, keep: int) -> Repacked:
        """Copy chunks, write pages and releases anew, sign heads anew."""
        async with Mark(self._store, self._game, now=self._now, note=self._progress.note) as mark:
            ours, others = await self._heads()
            with Reach(self._game) as needed, Reach(self._game) as theirs, ChunkIndex() as moved:
                live = await self._reach([each.head for each in ours.values()], keep, needed)
                await self._reach(others.values(), keep, theirs)
                dead = await self._mostly_dead(needed, theirs, share)
                copied = await self._copy(list(dead), needed, moved)
                releases = await self._rewrite(live, frozenset(dead), moved)
            mark.check()
            heads = [await self._sign(each, releases) for each in ours.values()]
        return Repacked(
            game=self._game,
            packs=len(dead),
            freed=sum(dead.values()) - copied,
            copied=copied,
            heads=tuple(head for head in heads if head is not None),
            skipped=tuple(others),
        )

    async def _heads(self) -> tuple[dict[ChannelName, _Ours], dict[ChannelName, Head]]:
        """Our channels, and those of others."""
        ours: dict[ChannelName, _Ours] = {}
        others: dict[ChannelName, Head] = {}
        for name in await channels_in(self._store, self._game):
            data, version = await self._store.get_version(key_head(name), limit=MAX_SEALED)
            stored = parse_sealed(data, name)
            try:
                open_sealed(data, self._keys, where=f"The head of {name}")
                ours[name] = _Ours(stored.head, version)
            except TrustError:
                others[name] = stored.head
        return ours, others

    async def _reach(self, heads: Iterable[Head], keep: int, into: Reach) -> dict[Hash, Release]:
        """The live releases of these heads; all that they need is added to `into`."""
        roots = [
            (each.release, each == head.current)
            for head in heads
            for each in roots_of(head, keep=keep, now=self._now()).live
        ]
        releases = await releases_of(self._source, roots)
        await reach(self._source, releases.values(), into, progress=self._progress)
        return releases

    async def _mostly_dead(self, needed: Reach, theirs: Reach, share: float) -> dict[Hash, int]:
        """The packs to empty, with their sizes. One that others need would stay anyway."""
        dead: dict[Hash, int] = {}
        prefix = f"{self._game}/pack/"
        async for each in self._store.list(prefix):
            address = parse_key(each.key)
            if address is None or address.hash is None or theirs.find([each.key]):
                continue
            for pack, used in needed.use_of([address.hash]).items():
                if used < share * each.size:
                    dead[pack] = each.size
        return dead

    async def _copy(self, packs: Sequence[Hash], needed: Reach, moved: ChunkIndex) -> int:
        """Copy the needed chunks of these packs into new ones; bytes of those."""
        self._progress.phase(f"repack {self._game}", total=sum(needed.use_of(packs).values()))
        writer = _PackWriter(self._store, self._game, moved)
        for pack in packs:
            # Whole, so that its own hash vouches for its index; packs are small, and few of them mostly dead.
            key = key_object(self._game, "pack", pack)
            data = check_object(await self._store.get(key, limit=MAX_PACK), pack, key=key)
            for chunk, stored in await asyncio.to_thread(_take, data, pack, needed.places(pack)):
                await writer.add(chunk, stored)
                self._progress.advance(len(stored))
        await writer.close()
        return writer.written

    async def _rewrite(
        self, releases: Mapping[Hash, Release], dead: frozenset[Hash], moved: ChunkIndex
    ) -> dict[Hash, Hash]:
        """Write pages and releases anew; the new names of those releases that changed."""
        pages: dict[Hash, PageRef] = {}
        renamed: dict[Hash, Hash] = {}
        for hash, release in releases.items():
            refs = [ref for ref in dict.fromkeys(release.pages) if ref.hash not in pages]
            self._progress.phase(f"rewrite {release.version}", total=sum(ref.size for ref in refs))
            async for page in self._source.pages(refs):
                entries = await asyncio.to_thread(_relocated, page.entries, dead, moved)
                pages[page.ref.hash] = page.ref if entries is None else await self._put_page(entries)
                self._progress.advance(page.ref.size)
            new = replace(release, pages=tuple(pages[ref.hash] for ref in release.pages))
            if new != release:
                data = encode_release(new)
                renamed[hash] = hash_bytes(data)
                await self._store.put(key_object(self._game, "release", renamed[hash]), data)
        return renamed

    async def _put_page(self, entries: Sequence[Entry]) -> PageRef:
        data = await asyncio.to_thread(encode_page, entries)
        ref = PageRef(hash_bytes(data), len(data))
        await self._store.put(key_object(self._game, "page", ref.hash), data)
        return ref

    async def _sign(self, ours: _Ours, renamed: Mapping[Hash, Hash]) -> Head | None:
        """The head with its releases' new names; None where none of them changed. Raises ConflictError."""
        before = ours.head
        history = tuple(replace(each, release=renamed.get(each.release, each.release)) for each in before.history)
        if history == before.history:
            return None
        # Neither date moves: a repack is no word of its publisher that the build is still good.
        head = replace(before, seq=before.seq + 1, history=history)
        data = seal(encode_head(head), self._key, f"{head.channel} {head.seq}")
        try:
            await self._store.replace(key_head(head.channel), data, version=ours.version)
        except ConflictError as error:
            raise ConflictError(
                f"Somebody published to {head.channel} meanwhile; that stands, and this repack does not count there.",
                hint="Repack again: what was copied already is found again.",
            ) from error
        return head


class _PackWriter:
    """Puts stored chunks into new packs, each chunk once."""

    def __init__(self, store: PruneStore, game: str, moved: ChunkIndex) -> None:
        self._store = store
        self._game = game
        self._moved = moved
        self._pack = PackBuilder()
        self._open: set[Hash] = set()
        self.written = 0

    async def add(self, chunk: Chunk, stored: bytes) -> None:
        """The next chunk. Raises StoreError."""
        if chunk.hash in self._open or self._moved.find([chunk.hash]):
            return
        if not self._pack.has_room(stored):
            await self.close()
        self._pack.add(chunk.hash, chunk.length, stored)
        self._open.add(chunk.hash)

    async def close(self) -> None:
        """Store the open pack."""
        if not len(self._pack):
            return
        name, data = self._pack.finish()
        await self._store.put(key_object(self._game, "pack", name), data)
        self._moved.add(read_pack(data, pack=name))
        self._pack, self._open = PackBuilder(), set()
        self.written += len(data)


def _take(data: bytes, pack: Hash, offsets: set[int]) -> list[tuple[Chunk, bytes]]:
    """The stored chunks at these offsets. Raises CorruptError: one is not what its name says."""
    unpacker, found = Unpacker(), []
    for chunk in read_pack(data, pack=pack):
        if chunk.at.offset in offsets:
            stored = data[chunk.at.offset : chunk.at.offset + chunk.at.stored]
            unpacker.chunk(stored, hash=chunk.hash, length=chunk.length)
            found.append((chunk, stored))
    return found


def _relocated(entries: Sequence[Entry], dead: frozenset[Hash], moved: ChunkIndex) -> list[Entry] | None:
    """The entries with the new places of their chunks; None where none of them moved. Raises CorruptError."""
    hashes = {chunk.hash for entry in entries for chunk in entry.chunks if chunk.at.pack in dead}
    if not hashes:
        return None
    places = moved.find(list(hashes))
    if len(places) != len(hashes):
        raise CorruptError("A pack does not hold the chunks that a page says, so it cannot be repacked.")
    return [
        entry._replace(chunks=tuple(places[c.hash] if c.at.pack in dead else c for c in entry.chunks))
        for entry in entries
    ]
