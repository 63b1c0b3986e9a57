"""Makes the deltas of a release that is about to be published: from each of the releases before it."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tenku.base.errors import CorruptError, FolderError, NotFoundError
from tenku.content.chunkindex import ChunkIndex
from tenku.content.delta.build import build_deltas
from tenku.content.delta.encoders import Encoders
from tenku.content.delta.regions import NewFile
from tenku.content.delta.write import BuiltDelta
from tenku.content.model import Chunk, DeltaEdge, Hash, Head, Kind, Release, key_object
from tenku.content.oldtree import OldBuild
from tenku.content.pack import Unpacker
from tenku.content.page import decode_page
from tenku.content.ports import Progress, WriteStore
from tenku.content.ranges import Wanted, join
from tenku.content.source import Source


class DeltaMaker:
    """Makes deltas to one release, whose pages and packs are in the store already.

    Args:
        folder: where its files lie.
        budget_s: for each delta, in seconds of `clock`.
    """

    def __init__(
        self,
        store: WriteStore,
        source: Source,
        folder: Path,
        release: Release,
        *,
        budget_s: float,
        clock: Callable[[], float],
        progress: Progress,
    ) -> None:
        self._store = store
        self._source = source
        self._folder = folder
        self._release = release
        self._budget_s = budget_s
        self._clock = clock
        self._progress = progress

    async def make(self, before: Head | None, *, bases: int) -> tuple[DeltaEdge, ...]:
        """Deltas from the last builds of the channel. Raises StoreError, FolderError."""
        trees = {p.tree: p.release for p in reversed((before.history if before else ())[:bases])}
        trees.pop(self._release.tree, None)
        if not trees or self._budget_s <= 0:
            return ()
        edges: list[DeltaEdge] = []
        with tempfile.TemporaryDirectory(prefix="tenku-delta-") as name, ChunkIndex() as costs:
            pages = await self._bring_pages(Path(name), costs)
            async with Encoders() as encoders:
                for number, (tree, hash) in enumerate(trees.items(), 1):
                    try:
                        old = await self._source.release(hash)
                    except NotFoundError:
                        continue  # It was pruned; who still has it takes chunks.
                    self._progress.phase(f"delta {number} of {len(trees)} from {old.version}", total=0)
                    built = await self._build(old, pages, costs, encoders, Path(name))
                    edges += [await self._put(delta, tree) for delta in built]
        return tuple(edges)

    async def _bring_pages(self, folder: Path, costs: ChunkIndex) -> list[Path]:
        """The release's pages as files, and its chunks with what they cost."""
        paths = []
        async for page in self._source.pages(self._release.pages):
            path = folder / page.ref.hash.hex()
            path.write_bytes(page.data)
            costs.add(chunk for entry in page.entries for chunk in entry.chunks)
            paths.append(path)
        return paths

    async def _build(
        self, old: Release, pages: list[Path], costs: ChunkIndex, encoders: Encoders, folder: Path
    ) -> tuple[BuiltDelta, ...]:
        def cost(hash: Hash) -> int:
            return costs.find([hash])[hash].at.stored

        with OldBuild() as tree:
            async for page in self._source.pages(old.pages):
                tree.add(page.entries)
            tree.finish()
            reader = StoreReader(self._source, tree)
            return await build_deltas(
                _new_files(pages),
                tree,
                read_new=self._read_new,
                read_old=reader.read,
                chunk_cost=cost,
                encoders=encoders,
                budget_s=self._budget_s,
                now=self._clock,
                folder=folder,
                progress=self._progress,
            )

    async def _read_new(self, path: str, offset: int, length: int) -> bytes:
        return await asyncio.to_thread(_read, self._folder / path, offset, length)

    async def _put(self, delta: BuiltDelta, base: Hash) -> DeltaEdge:
        data = await asyncio.to_thread(delta.file.read_bytes)
        await self._store.put(key_object(self._release.game, "delta", delta.object), data)
        delta.file.unlink()
        return DeltaEdge(
            base=base,
            object=delta.object,
            size=delta.size,
            header_size=delta.header_size,
            header_hash=delta.header_hash,
        )


class StoreReader:
    """Reads stretches of an old build's files out of the store."""

    def __init__(self, source: Source, tree: OldBuild) -> None:
        self._source = source
        self._tree = tree

    async def read(self, path: str, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises StoreError."""
        chunks = self._tree.chunks_of(path, offset, length)
        found: dict[Hash, bytes] = {}
        by_place = sorted({chunk for _, chunk in chunks}, key=lambda chunk: chunk.at)
        wanted = (Wanted(self._key(chunk), chunk.at.offset, chunk.at.stored, chunk) for chunk in by_place)
        for each in join(wanted):
            items = [(part.item, part.start - each.start) for part in each.parts]

            async def unpack(data: bytes, items: list[tuple[Chunk, int]] = items) -> dict[Hash, bytes]:
                return await asyncio.to_thread(_unpack, data, items)

            found |= await self._source.mirrors.get_range_checked(
                each.key, unpack, start=each.start, length=each.length
            )
        if not chunks:
            raise CorruptError(f"The old build has no bytes at {offset} of {path}.")
        data = b"".join(found[chunk.hash] for _, chunk in chunks)
        begin = offset - chunks[0][0]
        return data[begin : begin + length]

    def _key(self, chunk: Chunk) -> str:
        return key_object(self._source.game, "pack", chunk.at.pack)


def _unpack(data: bytes, items: list[tuple[Chunk, int]]) -> dict[Hash, bytes]:
    view, unpacker = memoryview(data), Unpacker()
    return {
        chunk.hash: bytes(unpacker.chunk(view[begin : begin + chunk.at.stored], hash=chunk.hash, length=chunk.length))
        for chunk, begin in items
    }


def _new_files(pages: list[Path]) -> Iterator[NewFile]:
    for page in pages:
        for entry in decode_page(page.read_bytes()):
            if entry.kind is Kind.FILE and entry.chunks:
                chunks = [(chunk.hash, chunk.length) for chunk in entry.chunks]
                yield NewFile(entry.path, entry.size, chunks, entry.start)


def _read(path: Path, offset: int, length: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            data = os.pread(fd, length, offset)
        finally:
            os.close(fd)
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) != length:
        raise FolderError(f"{path} changed while it was being published.", hint="Publish again when the build is done.")
    return data
