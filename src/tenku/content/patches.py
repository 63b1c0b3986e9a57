"""Makes wanted chunks from the installed version and a delta, where that takes fewer bytes than the chunks do."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenku.base.errors import CorruptError, StoreError
from tenku.content.delta import limits
from tenku.content.delta.format import DeltaHeader, Part, parse_header
from tenku.content.delta.make import make
from tenku.content.files import Reader, Target, Writer
from tenku.content.fill import Tally
from tenku.content.hashes import check_object, hash_bytes
from tenku.content.model import Chunk, DeltaEdge, Hash, key_object
from tenku.content.parallel import parallel
from tenku.content.ports import Progress
from tenku.content.ranges import Range, Wanted, join
from tenku.content.source import Source
from tenku.content.worklist import WorkList

WORTH = 0.9
"""A patch that is not smaller than this share of its chunks is left: it costs more work, and may fail."""


@dataclass(frozen=True)
class _Job:
    """One part of a delta, and the wanted chunks that it makes, by the begin of their hash."""

    part: Part
    chunks: dict[bytes, Chunk]


class Patcher:
    """Uses deltas for the chunks that a work list still wants.

    Args:
        root, old: the number and the path of the folder with the version that the deltas start from.
        new: where the files are put together.
    """

    def __init__(
        self,
        work: WorkList,
        source: Source,
        *,
        root: int,
        old: Path,
        new: Path,
        progress: Progress,
        in_flight: int,
        tally: Tally,
    ) -> None:
        self._work = work
        self._source = source
        self._root = root
        self._old = old
        self._new = new
        self._progress = progress
        self._in_flight = in_flight
        self._tally = tally

    async def run(self, edges: Sequence[DeltaEdge]) -> None:
        """Make what the deltas can make; what fails stays wanted. Raises FolderError."""
        for edge in edges:
            try:
                header = await self._header(edge)
                await self._use(edge, header)
            except StoreError as error:
                self._progress.note(f"A delta cannot be used, chunks are fetched instead: {error}")

    async def _header(self, edge: DeltaEdge) -> DeltaHeader:
        key = key_object(self._source.game, "delta", edge.object)
        if edge.header_size > limits.HEADER:
            raise CorruptError(f"The header of {key} is larger than any may be.")

        async def check(data: bytes) -> DeltaHeader:
            self._tally.count(data)
            header = parse_header(check_object(data, edge.header_hash, key=f"the header of {key}"))
            if header.size != edge.size:
                raise CorruptError(f"{key} has another size than its release says.")
            return header

        return await self._source.mirrors.get_range_checked(key, check, start=0, length=edge.header_size)

    async def _use(self, edge: DeltaEdge, header: DeltaHeader) -> None:
        key = key_object(self._source.game, "delta", edge.object)
        wanted = (Wanted(key, job.part.payload_offset, job.part.payload_length, job) for job in self._jobs(header))
        async for made in parallel(self._in_flight, (self._fetch(each) for each in join(wanted))):
            self._work.mark(made)
            self._work.commit()

    def _jobs(self, header: DeltaHeader) -> Iterator[_Job]:
        """The parts that are worth it, in the order of their patches."""
        for part in header.parts:
            chunks = self._work.wanted_by_prefix(prefix for prefix, _, _ in part.chunks())
            stored = sum(chunk.at.stored for chunk in chunks.values())
            if part.payload_length < WORTH * stored and self._work.stock.has_old(self._root, part.region.path):
                yield _Job(part, chunks)

    def _fetch(self, wanted: Range[_Job]) -> "asyncio.Future[list[Hash]]":
        hashes = [chunk.hash for each in wanted.parts for chunk in each.item.chunks.values()]
        return asyncio.ensure_future(self._fetch_range(wanted, self._work.targets(hashes)))

    async def _fetch_range(self, wanted: Range[_Job], targets: dict[Hash, list[Target]]) -> list[Hash]:
        async def check(data: bytes) -> list[Hash]:
            self._tally.count(data)
            return await asyncio.to_thread(self._make_all, wanted, data, targets)

        made = await self._source.mirrors.get_range_checked(wanted.key, check, start=wanted.start, length=wanted.length)
        stored = {c.hash: c.at.stored for each in wanted.parts for c in each.item.chunks.values()}
        self._progress.advance(sum(stored[hash] for hash in made))
        return made

    def _make_all(self, wanted: Range[_Job], data: bytes, targets: dict[Hash, list[Target]]) -> list[Hash]:
        """Raises CorruptError where a patch is not what the header says: another mirror may have the right one."""
        made: list[Hash] = []
        with Reader() as reader, Writer(self._new) as writer:
            for each in wanted.parts:
                begin = each.start - wanted.start
                patch = data[begin : begin + each.length]
                if hash_bytes(patch)[: limits.CHECK] != each.item.part.payload_hash:
                    raise CorruptError(f"A patch in {wanted.key} is not what its header says.")
                made += self._make(each.item, patch, targets, reader, writer)
        return made

    def _make(
        self, job: _Job, patch: bytes, targets: dict[Hash, list[Target]], reader: Reader, writer: Writer
    ) -> list[Hash]:
        """The chunks that came out right; none where the user changed the old bytes, or the patch makes others."""
        region, made = job.part.region, []
        old = reader.read(f"{self._old}/{region.path}", region.offset, region.length)
        if old is None:
            return []
        try:
            for prefix, data in make(job.part, payload=patch, old=old):
                chunk = job.chunks.get(prefix)
                if chunk is not None and hash_bytes(data) == chunk.hash:
                    writer.write(data, targets[chunk.hash])
                    made.append(chunk.hash)
        except CorruptError:
            return made
        return made
