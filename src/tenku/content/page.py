"""One page of a manifest: entries and the table of their chunks, as columns that compress well.

A page, before zstd, in little endian:

    "TKPG", version, 3 zero bytes, then six u32: packs, chunks, entries, refs, hashes, bytes of text
    packs    32 bytes each
    chunks   their hashes; then the columns length, pack, offset, stored (u32 each)
    entries  the columns kind (u8), flags (u8), size (u64), start (u64), refs (u32)
    refs     u32 each: which chunk of the table; every entry takes its number of them, in turn
    hashes   32 bytes for every file that is not one whole chunk (else it is the chunk's hash)
    text     UTF-8: the path of every entry, then the target of every link, each ended by NUL
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import TypeVar

import zstandard

from tenku.base.errors import CorruptError
from tenku.content.model import HASH_BYTES, Chunk, Entry, Hash, Kind, Location

MAGIC = b"TKPG"
VERSION = 1
HEADER = struct.Struct("<4sB3x6I")
LEVEL = 9

MAX_ENTRIES = 4096
MAX_REFS = 16384
"""A page is full with so many; a file of more chunks goes on in the next page."""
SOFT_ENTRIES = 768
SOFT_REFS = 4096
"""From here on a page ends after a path that says so: pages of unchanged parts are the same in the next release."""
ENDS = 384
"""One path in so many ends a page."""

MAX_STORED = 8 * 2**20
MAX_RAW = 32 * 2**20
"""No honest page is larger: 16384 chunks of 48 bytes, 4096 paths of 1024, and the rest."""

EXECUTABLE, LAST = 1, 2
KINDS = tuple(Kind)

T = TypeVar("T")


class PageCut:
    """Decides where a page ends, entry by entry."""

    def __init__(self) -> None:
        self._entries = 0
        self._refs = 0

    def add(self, entry: Entry) -> bool:
        """Whether the page ends after this entry."""
        self._entries += 1
        self._refs += len(entry.chunks)
        full = self._entries >= MAX_ENTRIES or self._refs >= MAX_REFS
        soft = self._entries >= SOFT_ENTRIES or self._refs >= SOFT_REFS
        ends = full or not entry.last or (soft and zlib.crc32(entry.path.encode()) % ENDS == 0)
        if ends:
            self._entries = self._refs = 0
        return ends


def encode_page(entries: Sequence[Entry]) -> bytes:
    """The page as it is stored. The same entries make the same bytes with the same version of zstd."""
    packs: dict[Hash, int] = {}
    chunks: dict[Chunk, int] = {}
    refs = array("I")
    for entry in entries:
        for chunk in entry.chunks:
            packs.setdefault(chunk.at.pack, len(packs))
            refs.append(chunks.setdefault(chunk, len(chunks)))
    hashes = [e.hash for e in entries if e.kind is Kind.FILE and not _is_one_chunk(e.start, e.last, len(e.chunks))]
    targets = [e.target for e in entries if e.kind is Kind.LINK]
    text = "".join(f"{part}\0" for part in [*(e.path for e in entries), *targets]).encode()
    raw = b"".join((
        HEADER.pack(MAGIC, VERSION, len(packs), len(chunks), len(entries), len(refs), len(hashes), len(text)),
        *packs,
        *(chunk.hash for chunk in chunks),
        _column("I", [chunk.length for chunk in chunks]),
        _column("I", [packs[chunk.at.pack] for chunk in chunks]),
        _column("I", [chunk.at.offset for chunk in chunks]),
        _column("I", [chunk.at.stored for chunk in chunks]),
        _column("B", [int(e.kind) for e in entries]),
        _column("B", [(EXECUTABLE if e.mode & 0o100 else 0) | (LAST if e.last else 0) for e in entries]),
        _column("Q", [e.size for e in entries]),
        _column("Q", [e.start for e in entries]),
        _column("I", [len(e.chunks) for e in entries]),
        _little(refs).tobytes(),
        *hashes,
        text,
    ))  # fmt: skip
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(raw)


def decode_page(stored: bytes) -> list[Entry]:
    """The entries of a stored page. Raises CorruptError: it is no page, or says what cannot be."""
    try:
        return _Reader(_decompress(stored)).entries()
    except (struct.error, IndexError, ValueError) as error:
        raise CorruptError(f"A page of the manifest is broken: {error}.") from error


class _Reader:
    """Takes a page apart from front to back."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        magic, version, *counts = HEADER.unpack_from(raw)
        if magic != MAGIC:
            raise ValueError("it does not begin like one")
        if version != VERSION:
            raise ValueError(f"it has version {version}, and this Tenku reads {VERSION}; a newer Tenku may read it")
        self._packs, self._chunks, self._entries, self._refs, self._hashes, self._text = counts
        if self._entries > MAX_ENTRIES or self._refs > 2 * MAX_REFS or self._chunks > self._refs:
            raise ValueError("it has more entries or chunks than a page may have")
        self._at = HEADER.size

    def entries(self) -> list[Entry]:
        packs = self._take_hashes(self._packs)
        table = self._take_chunks(packs)
        kinds, flags = self._column("B", self._entries), self._column("B", self._entries)
        sizes, starts = self._column("Q", self._entries), self._column("Q", self._entries)
        counts = self._column("I", self._entries)
        refs = [table[ref] for ref in self._column("I", self._refs)]
        hashes = iter(self._take_hashes(self._hashes))
        paths = self._take(self._text).decode().split("\0")
        targets = iter(paths[self._entries :])
        if self._at != len(self._raw):
            raise ValueError("it is longer than it says")
        found, at = [], 0
        for path, kind, flag, size, start, count in zip(paths, kinds, flags, sizes, starts, counts, strict=False):
            chunks, last = tuple(refs[at : at + count]), bool(flag & LAST)
            at += count
            hash = Hash(b"")
            if kind == Kind.FILE:
                hash = chunks[0].hash if _is_one_chunk(start, last, len(chunks)) else _next(hashes)
            target = _next(targets) if kind == Kind.LINK else ""
            mode = 0o755 if flag & EXECUTABLE else 0o644
            if kind >= len(KINDS):
                raise ValueError(f"it has an entry of the unknown kind {kind}")
            entry = Entry(path, KINDS[kind], mode, size, hash, target, chunks, start, last)
            _check_sizes(entry)
            found.append(entry)
        if len(found) != self._entries or at != len(refs):
            raise ValueError("its columns do not belong together")
        return found

    def _take(self, count: int) -> bytes:
        data = self._raw[self._at : self._at + count]
        if len(data) != count:
            raise ValueError("it is shorter than it says")
        self._at += count
        return data

    def _take_hashes(self, count: int) -> list[Hash]:
        data = self._take(count * HASH_BYTES)
        return [Hash(data[at : at + HASH_BYTES]) for at in range(0, len(data), HASH_BYTES)]

    def _take_chunks(self, packs: Sequence[Hash]) -> list[Chunk]:
        hashes = self._take_hashes(self._chunks)
        lengths, pack, offsets, stored = (self._column("I", self._chunks) for _ in range(4))
        at = map(Location, map(packs.__getitem__, pack), offsets, stored)
        return list(map(Chunk, hashes, lengths, at))

    def _column(self, code: str, count: int) -> "array[int]":
        column = array(code)
        column.frombytes(self._take(count * column.itemsize))
        return _little(column)


def _is_one_chunk(start: int, last: bool, chunks: int) -> bool:
    return start == 0 and last and chunks == 1


def _next(items: Iterator[T]) -> T:
    for item in items:
        return item
    raise ValueError("it lacks a hash or a link's target")


def _check_sizes(entry: Entry) -> None:
    lengths = [chunk.length for chunk in entry.chunks]
    end = entry.start + sum(lengths)
    fits = end == entry.size if entry.last else end < entry.size
    if entry.kind is not Kind.FILE:
        fits = not lengths and not entry.size and entry.last
    if not fits or 0 in lengths:
        raise ValueError(f"the chunks of {entry.path!r} do not make its size")


def _column(code: str, values: list[int]) -> bytes:
    return _little(array(code, values)).tobytes()


def _little(column: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _decompress(stored: bytes) -> bytes:
    """Not one byte more than a page may have, whatever the stored bytes claim."""
    if len(stored) > MAX_STORED:
        raise CorruptError("A page of the manifest is larger than any page may be.")
    try:
        size = zstandard.frame_content_size(stored)
        if not 0 <= size <= MAX_RAW:
            raise CorruptError("A page of the manifest would unpack to more than any page may have.")
        return zstandard.ZstdDecompressor().decompress(stored, max_output_size=MAX_RAW)
    except zstandard.ZstdError as error:
        raise CorruptError(f"A page of the manifest does not unpack: {error}.") from error
