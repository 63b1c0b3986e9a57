"""Finds the stretches of a new file that the old build does not have, each with the old bytes most like it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tenku.content.delta import limits
from tenku.content.delta.regions import NewFile, OldTree, Place, Region, Span, region_of, span_of
from tenku.content.model import Hash


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive chunks of a new file that the old build lacks, and the old bytes to write them against."""

    path: str
    offset: int
    length: int
    chunks: tuple[tuple[Hash, int], ...]
    """Hash and length of each, in order; the lengths add up to `length`."""
    region: Region


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Unknown chunks between two known ones, or a file's ends."""

    offset: int
    chunks: Sequence[tuple[Hash, int]]
    before: Place | None
    after: Place | None


class RunFinder:
    """Walks one new file after another; a chunk that is in an earlier run is not in a later one."""

    def __init__(self, old: OldTree, *, max_run: int = limits.RUN) -> None:
        self._old = old
        self._max_run = max_run
        # Numbers of 8 bytes instead of hashes: a third of the memory. Two chunks with the same number only mean
        # that the second one travels as a chunk.
        self._seen: set[int] = set()

    def find(self, file: NewFile) -> Iterator[Run]:
        """The runs of one file, or of the part of it that `file` holds, in order."""
        for stretch in self._stretches(file):
            span = span_of(
                file,
                self._old,
                offset=stretch.offset,
                length=sum(length for _, length in stretch.chunks),
                before=stretch.before,
                after=stretch.after,
            )
            if span is not None:
                yield from self._split(file.path, stretch, span)

    def _stretches(self, file: NewFile) -> Iterator[_Stretch]:
        position = begin = file.start
        chunks: list[tuple[Hash, int]] = []
        before: Place | None = None
        for hash, length in file.chunks:
            place = self._old.find(hash)
            if place is None and self._first_time(hash):
                chunks.append((hash, length))
            else:
                if chunks:
                    yield _Stretch(begin, chunks, before, place)
                if place is not None:
                    before = Place(place.path, place.offset + length)
                elif before is not None:  # the chunk is in an earlier run: about where the old file goes on
                    before = Place(before.path, before.offset + position + length - begin)
                chunks, begin = [], position + length
            position += length
        if chunks:
            yield _Stretch(begin, chunks, before, None)

    def _first_time(self, hash: Hash) -> bool:
        key = int.from_bytes(hash[: limits.PREFIX], "little")
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _split(self, path: str, stretch: _Stretch, span: Span) -> Iterator[Run]:
        total = sum(length for _, length in stretch.chunks)
        at = 0
        for chunks in _pieces(stretch.chunks, self._max_run):
            length = sum(size for _, size in chunks)
            region = region_of(span, begin=at, end=at + length, total=total)
            if region is not None and length <= limits.NEW:
                yield Run(path, stretch.offset + at, length, tuple(chunks), region)
            at += length


def _pieces(chunks: Sequence[tuple[Hash, int]], most: int) -> Iterator[list[tuple[Hash, int]]]:
    """Chunks in order, in lists of at most `most` bytes; a chunk that is longer stands alone."""
    piece: list[tuple[Hash, int]] = []
    size = 0
    for hash, length in chunks:
        if piece and size + length > most:
            yield piece
            piece, size = [], 0
        piece.append((hash, length))
        size += length
    if piece:
        yield piece
