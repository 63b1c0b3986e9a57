"""Puts the files of a work list together in a folder: from what is on this machine, from deltas, from packs."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tenku.content.files import Reader, Target, Writer
from tenku.content.hashes import hash_bytes
from tenku.content.model import Chunk, Hash, key_object
from tenku.content.pack import Unpacker
from tenku.content.parallel import parallel
from tenku.content.ports import Progress
from tenku.content.ranges import Range, Wanted, join
from tenku.content.source import Source
from tenku.content.worklist import Place, WorkList

LOCAL_BYTES = 8 * 2**20
LOCAL_CHUNKS = 512
"""So much is copied at a time on this machine."""

T = TypeVar("T")


@dataclass
class Tally:
    """What was asked of stores for files."""

    fetched: int = 0
    """Bytes."""
    requests: int = 0

    def count(self, data: bytes) -> None:
        """One answer came."""
        self.requests += 1
        self.fetched += len(data)


class Filler:
    """Fills the files of the work list's group below `folder`.

    Args:
        in_flight: requests at a time.
    """

    def __init__(
        self, work: WorkList, folder: Path, source: Source, *, progress: Progress, in_flight: int, tally: "Tally"
    ) -> None:
        self._work = work
        self._folder = folder
        self._source = source
        self._progress = progress
        self._in_flight = in_flight
        self._tally = tally
        # More threads than cores would spend their time on passing the interpreter's lock around.
        self._hands = asyncio.Semaphore(os.cpu_count() or 1)

    async def resume(self) -> None:
        """Check what a killed run left behind; what is right is not made again."""
        for chunks in _groups(self._work.journaled(), lambda chunk: chunk.length):
            targets = self._work.targets([chunk.hash for chunk in chunks])
            good = await asyncio.to_thread(self._staged, chunks, targets)
            self._work.mark(good)
            self._progress.advance(sum(chunk.at.stored for chunk in chunks if chunk.hash in good))

    async def copy_local(self) -> None:
        """Take chunks from files of this machine; what is not there any more is left to be fetched."""
        async for good, bad in parallel(2, self._local_jobs()):
            self._work.mark(good)
            for hash in bad:
                self._work.stock.drop_have(hash)
        self._work.commit()

    async def fetch(self) -> None:
        """Fetch what is left, as chunks. Raises StoreError, FolderError."""
        wanted = (
            Wanted(key_object(self._source.game, "pack", chunk.at.pack), chunk.at.offset, chunk.at.stored, chunk)
            for chunk in self._work.remote()
        )
        async for hashes in parallel(self._in_flight, (self._fetch(each) for each in join(wanted))):
            self._work.mark(hashes)
            self._work.commit()

    def _local_jobs(self) -> Iterator["asyncio.Future[tuple[list[Hash], list[Hash]]]"]:
        for group in _groups(self._work.local(), lambda each: each[0].length):
            targets = self._work.targets([chunk.hash for chunk, _ in group])
            yield asyncio.ensure_future(asyncio.to_thread(self._copy, group, targets))

    def _copy(
        self, group: Sequence[tuple[Chunk, Place]], targets: dict[Hash, list[Target]]
    ) -> tuple[list[Hash], list[Hash]]:
        good: list[Hash] = []
        bad: list[Hash] = []
        with Writer(self._folder) as writer, Reader() as reader:
            for chunk, place in group:
                data = reader.read(f"{place.root}/{place.path}", place.offset, chunk.length)
                if data is None or hash_bytes(data) != chunk.hash:
                    bad.append(chunk.hash)
                    continue
                writer.write(data, targets[chunk.hash])
                good.append(chunk.hash)
        return good, bad

    def _staged(self, chunks: Sequence[Chunk], targets: dict[Hash, list[Target]]) -> list[Hash]:
        good = []
        with Reader() as reader:
            for chunk in chunks:
                places = targets[chunk.hash]
                found = (reader.read(f"{self._folder}/{t.path}", t.offset, chunk.length) for t in places)
                if places and all(data is not None and hash_bytes(data) == chunk.hash for data in found):
                    good.append(chunk.hash)
        return good

    def _fetch(self, wanted: Range[Chunk]) -> "asyncio.Future[list[Hash]]":
        targets = self._work.targets([part.item.hash for part in wanted.parts])
        return asyncio.ensure_future(self._fetch_range(wanted, targets))

    async def _fetch_range(self, wanted: Range[Chunk], targets: dict[Hash, list[Target]]) -> list[Hash]:
        async def unpack(data: bytes) -> list[Hash]:
            self._tally.count(data)
            async with self._hands:
                return await asyncio.to_thread(self._unpack, wanted, data, targets)

        hashes = await self._source.mirrors.get_range_checked(
            wanted.key, unpack, start=wanted.start, length=wanted.length
        )
        self._progress.advance(sum(part.length for part in wanted.parts))
        return hashes

    def _unpack(self, wanted: Range[Chunk], data: bytes, targets: dict[Hash, list[Target]]) -> list[Hash]:
        """Write every chunk of the range as soon as it is checked: nothing piles up in memory."""
        view, unpacker = memoryview(data), Unpacker()
        with Writer(self._folder) as writer:
            for part in wanted.parts:
                begin = part.start - wanted.start
                chunk = part.item
                bytes_ = unpacker.chunk(view[begin : begin + part.length], hash=chunk.hash, length=chunk.length)
                writer.write(bytes_, targets[chunk.hash])
        return [part.item.hash for part in wanted.parts]


def _groups(items: Iterable[T], length: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in lists that are worth a thread's while."""
    group: list[T] = []
    size = 0
    for item in items:
        group.append(item)
        size += length(item)
        if size >= LOCAL_BYTES or len(group) >= LOCAL_CHUNKS:
            yield group
            group, size = [], 0
    if group:
        yield group
