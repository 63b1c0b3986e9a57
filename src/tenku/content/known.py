"""Learns what a game's store holds already, so that it is neither compressed nor stored again."""

import asyncio
from dataclasses import dataclass

from tenku.base.errors import CorruptError, NotFoundError, StoreError
from tenku.content.chunkindex import ChunkIndex
from tenku.content.hashes import hash_from_hex
from tenku.content.marks import GRACE_S
from tenku.content.model import Hash, Head, PageRef, Release
from tenku.content.pack import FOOTER, RECORD, index_size, parse_index
from tenku.content.ports import Progress, PruneStore, Stored
from tenku.content.source import Source

RELEASES = 3
"""So many releases of each channel are looked at."""


@dataclass(frozen=True)
class Known:
    """What is there already, besides the chunks in the index."""

    profile: str | None
    """None: nothing was published yet."""
    pages: frozenset[Hash]
    current: Release | None
    """What the first head holds."""


async def learn_known(
    store: PruneStore, source: Source, heads: list[Head], index: ChunkIndex, *, now: float, progress: Progress
) -> Known:
    """Fill the index with the chunks of the newest releases, and of packs that a killed publish left behind.

    Packs that nobody refers to are believed only while young: half the grace period before they may be removed.

    Raises:
        StoreError, CorruptError: the store does not answer, or its own manifest is broken.
    """
    releases = []
    for hash in dict.fromkeys(published.release for head in heads for published in head.history[:RELEASES]):
        try:
            releases.append(await source.release(hash))
        except NotFoundError:
            if any(head.current.release == hash for head in heads):
                raise  # Older ones may have been pruned.
    refs = list(dict.fromkeys(ref for release in releases for ref in release.pages))
    progress.phase("look at what is stored", total=sum(ref.size for ref in refs))
    packs = await _learn_pages(source, refs, index, progress)
    async for stored in store.list(f"{source.game}/pack/"):
        if stored.key.rpartition("/")[2] not in packs and now - stored.modified < GRACE_S / 2:
            await _learn_pack(store, stored, index)
    return Known(
        profile=releases[0].profile if releases else None,
        pages=frozenset(ref.hash for ref in refs),
        current=releases[0] if releases else None,
    )


async def _learn_pages(source: Source, refs: list[PageRef], index: ChunkIndex, progress: Progress) -> set[str]:
    """The packs that these pages refer to."""
    packs: set[str] = set()
    async for page in source.pages(refs):
        chunks = [chunk for entry in page.entries for chunk in entry.chunks]
        packs.update(pack.hex() for pack in {chunk.at.pack for chunk in chunks})
        await asyncio.to_thread(index.add, chunks)
        progress.advance(page.ref.size)
    return packs


async def _learn_pack(store: PruneStore, stored: Stored, index: ChunkIndex) -> None:
    """Take a pack at its own index's word: every puller checks every chunk again."""
    try:
        name = hash_from_hex(stored.key.rpartition("/")[2])
        footer = await store.get_range(stored.key, start=max(stored.size - FOOTER.size, 0), length=FOOTER.size)
        size = index_size(footer)
        begin = stored.size - FOOTER.size - size
        if begin < 0 or size % RECORD.size:
            return
        chunks = parse_index(await store.get_range(stored.key, start=begin, length=size), pack=name)
        if sum(chunk.at.stored for chunk in chunks) == begin:
            index.add(chunks)
    except (StoreError, CorruptError):
        return  # What cannot be used is stored again.
