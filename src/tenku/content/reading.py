"""Reads a folder for publishing: files in order, cut into chunks, hashed and compressed by several threads."""

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tenku.base.errors import FolderError
from tenku.content.chunkindex import ChunkIndex
from tenku.content.chunking import BUFFER_BYTES, PROFILES, Piece, cut_file, make_cutter
from tenku.content.hashes import hash_bytes
from tenku.content.model import Chunk, Hash, Kind
from tenku.content.pack import Compressor
from tenku.content.scan import Found
from tenku.content.tensorfile import weights_borders

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

JOB_FILES = 256
AHEAD = 6
"""So many jobs wait for a thread or for the writer; each holds at most BUFFER_BYTES and what it compressed."""


class NewChunk(NamedTuple):
    """A chunk that the store does not have yet, in its stored form."""

    hash: Hash
    length: int
    stored: bytes


class Part(NamedTuple):
    """A stretch of one entry: all of it, or what was read of a large file at a time."""

    found: Found
    chunks: Sequence[Chunk | NewChunk]
    start: int = 0
    last: bool = True


Cut = tuple[Hash, memoryview]
"""A chunk's name and bytes."""


@dataclass(frozen=True, slots=True)
class _Job:
    """Work for one thread: entries, or a piece of a large file."""

    whole: Sequence[tuple[Found, Sequence[Cut] | None]] = ()
    """Each with its chunks; None: the thread reads it."""
    large: Found | None = None
    piece: Piece | None = None
    last: bool = True


class FolderReader:
    """Gives every entry of a folder, in order, with its chunks ready to be stored.

    Args:
        index: chunks that it knows are neither compressed nor given again.
        profile: a name of `chunking.PROFILES`; files of weights are cut at the borders of their tensors, too.
        compress: False: only the names of the chunks are wanted.
    """

    def __init__(
        self,
        folder: Path,
        profile: str,
        index: ChunkIndex,
        *,
        compress: bool = True,
        threads: int | None = None,
    ) -> None:
        self._folder = folder
        self._profile = PROFILES[profile]
        self._index = index
        self._borders = weights_borders if profile == "weights" else _no_borders
        self._compress = compress
        self._threads = threads or os.cpu_count() or 1
        self._local = threading.local()

    def read(self, entries: Iterator[Found]) -> Iterator[list[Part]]:
        """The parts of these entries, some at a time. Raises FolderError: one cannot be read, or changed meanwhile."""
        waiting: deque[Future[list[Part]]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="tenku-read") as pool:
            try:
                for job in self._jobs(entries):
                    waiting.append(pool.submit(self._work, job))
                    if len(waiting) >= AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _jobs(self, entries: Iterator[Found]) -> Iterator[_Job]:
        """Entries of up to BUFFER_BYTES together.

        Small files are read here: every call to the system hands the interpreter's lock over, and threads that fight
        for it take longer than one that does it all.
        """
        batch: list[tuple[Found, Sequence[Cut] | None]] = []
        room = BUFFER_BYTES
        for found in entries:
            if found.size > BUFFER_BYTES:
                if batch:
                    yield _Job(batch)
                batch, room = [], BUFFER_BYTES
                yield from self._pieces(found)
                continue
            if batch and (found.size > room or len(batch) >= JOB_FILES):
                yield _Job(batch)
                batch, room = [], BUFFER_BYTES
            batch.append((found, self._read(found) if found.size <= self._profile.least else None))
            room -= found.size
        if batch:
            yield _Job(batch)

    def _pieces(self, found: Found) -> Iterator[_Job]:
        """A large file is cut here, in order; hashing and compressing its pieces is for the threads."""
        with _Opened(self._folder, found) as opened:
            borders = self._borders(self._folder, found)
            end = 0
            for piece in cut_file(opened.read, found.size, self._cutter(), borders=borders):
                end = piece.start + sum(length for _, length in piece.slices)
                yield _Job(large=found, piece=piece, last=end == found.size)
            opened.check(end)

    def _work(self, job: _Job) -> list[Part]:
        if job.large is not None and job.piece is not None:
            return [Part(job.large, self._chunks(_cuts([job.piece])), job.piece.start, job.last)]
        read = [(found, self._read(found) if cuts is None else cuts) for found, cuts in job.whole]
        chunks = iter(self._chunks([cut for _, cuts in read for cut in cuts]))
        return [Part(found, list(islice(chunks, len(cuts)))) for found, cuts in read]

    def _read(self, found: Found) -> Sequence[Cut]:
        """The chunks of a file that is not large."""
        if found.kind is not Kind.FILE or not found.size:
            return ()
        with _Opened(self._folder, found) as opened:
            data = opened.read(0, found.size)
            opened.check(len(data))
        if found.size <= self._profile.least:
            return ((hash_bytes(data), memoryview(data)),)
        borders = self._borders(self._folder, found)
        return _cuts(cut_file(lambda at, count: data[at : at + count], found.size, self._cutter(), borders=borders))

    def _chunks(self, cuts: Sequence[Cut]) -> list[Chunk | NewChunk]:
        """Compress the chunks that nobody knows, each once."""
        named = dict(cuts)
        known: dict[Hash, Chunk | NewChunk] = dict(self._index.find(list(named)))
        fresh = [(hash, view) for hash, view in named.items() if hash not in known]
        stored = self._compressor().store([view for _, view in fresh]) if self._compress else repeat(b"")
        known.update((hash, NewChunk(hash, len(view), data)) for (hash, view), data in zip(fresh, stored, strict=False))
        return [known[hash] for hash, _ in cuts]

    def _cutter(self) -> "FastCDC":
        if not hasattr(self._local, "cutter"):
            self._local.cutter = make_cutter(self._profile)
        cutter: FastCDC = self._local.cutter
        return cutter

    def _compressor(self) -> Compressor:
        if not hasattr(self._local, "compressor"):
            self._local.compressor = Compressor()
        compressor: Compressor = self._local.compressor
        return compressor


def _no_borders(_: Path, __: Found) -> Sequence[int]:
    return ()


def _cuts(pieces: Iterable[Piece]) -> list[Cut]:
    views = [piece.data[at : at + length] for piece in pieces for at, length in piece.slices]
    return [(hash_bytes(view), view) for view in views]


class _Opened:
    """An open file that says when it is not what the scan saw."""

    def __init__(self, folder: Path, found: Found) -> None:
        self._path = f"{folder}/{found.path}"  # a Path for each of many files takes longer than reading them
        self._found = found

    def __enter__(self) -> "_Opened":
        try:
            # Without following links: the scan saw a file, and a link put there since could lead anywhere.
            self._fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise FolderError(f"{self._path} cannot be read: {error.strerror}.") from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the file, fewer only at its end."""
        try:
            data = os.pread(self._fd, length, offset)
            while data and len(data) < length and (more := os.pread(self._fd, length - len(data), offset + len(data))):
                data += more
        except OSError as error:
            raise FolderError(f"{self._path} cannot be read: {error.strerror}.") from error
        return data

    def check(self, read: int) -> None:
        """Raises FolderError where the file changed since the scan."""
        now = os.fstat(self._fd)
        if (read, now.st_size, now.st_mtime_ns) != (self._found.size, self._found.size, self._found.mtime_ns):
            raise FolderError(
                f"{self._path} changed while it was being published.", hint="Publish again when the build is done."
            )
