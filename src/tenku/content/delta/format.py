"""How a delta object is written: a header that lists the parts, then their patches, one after the other.

    magic       8 bytes, the last one the version
    body        one zstd frame; inside, little-endian:
      counts    paths, parts, chunks: u32 each
      columns   of paths:  length u16 each
                of parts:  path u32, region's offset u64, region's length u32, method u8, patch's length u32, chunks u32
                of chunks: length u32
      paths     UTF-8, one after the other, sorted
      hashes    of parts:  region 16 bytes each, then patch 16 bytes each
                of chunks: 8 bytes each
    patches     in the order of the parts, without gaps

Columns, because equal things beside each other compress best. The patches' offsets follow from their lengths. All
hashes are the begin of a BLAKE3 hash. The release holds the header's length and whole hash, so that a puller checks
it before it is parsed.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import zstandard

from tenku.base.errors import CorruptError
from tenku.content.delta import limits
from tenku.content.delta.apply import Method
from tenku.content.delta.regions import Region

_MAGIC = b"TKDELTA\x01"
_COUNTS = struct.Struct("<3I")
_PART_COLUMNS = "IQIBII"


@dataclass(frozen=True, slots=True)
class Part:
    """One run: which chunks a patch makes of which old bytes."""

    region: Region
    region_hash: bytes
    """The first `limits.CHECK` bytes of the BLAKE3 hash of the region's bytes."""
    method: Method
    payload_length: int
    payload_hash: bytes
    """As `region_hash`, of the patch's bytes."""
    prefixes: bytes
    """The first `limits.PREFIX` bytes of each chunk's hash, one after the other."""
    lengths: tuple[int, ...]
    """Of each chunk; the patch makes all of them, one after the other."""
    payload_offset: int = 0
    """From the object's begin."""

    @property
    def new_length(self) -> int:
        """How many bytes the patch makes."""
        return sum(self.lengths)

    def chunks(self) -> Iterator[tuple[bytes, int, int]]:
        """Each chunk: the begin of its hash, its offset in what the patch makes, its length."""
        offset = 0
        for index, length in enumerate(self.lengths):
            yield self.prefixes[index * limits.PREFIX : (index + 1) * limits.PREFIX], offset, length
            offset += length


@dataclass(frozen=True, slots=True)
class DeltaHeader:
    """The list of a delta's parts."""

    parts: tuple[Part, ...]
    size: int
    """Of the whole object, in bytes."""


def header_bytes(chunks: int) -> int:
    """About what a part of so many chunks takes in the header: hashes, and numbers after compression."""
    return 2 * limits.CHECK + 16 + chunks * (limits.PREFIX + 3)


def encode_header(parts: Sequence[Part]) -> bytes:
    """The header of an object with these parts; their `payload_offset` does not matter."""
    paths = sorted({part.region.path for part in parts})
    encoded = [path.encode() for path in paths]
    number = {path: index for index, path in enumerate(paths)}
    lengths = [length for part in parts for length in part.lengths]
    regions = [part.region for part in parts]
    columns: tuple[Sequence[int], ...] = (
        [number[region.path] for region in regions],
        [region.offset for region in regions],
        [region.length for region in regions],
        [part.method for part in parts],
        [part.payload_length for part in parts],
        [len(part.lengths) for part in parts],
    )
    body = b"".join(
        (
            _COUNTS.pack(len(paths), len(parts), len(lengths)),
            struct.pack(f"<{len(paths)}H", *map(len, encoded)),
            *(
                struct.pack(f"<{len(parts)}{kind}", *column)
                for kind, column in zip(_PART_COLUMNS, columns, strict=True)
            ),
            struct.pack(f"<{len(lengths)}I", *lengths),
            *encoded,
            *(part.region_hash for part in parts),
            *(part.payload_hash for part in parts),
            *(part.prefixes for part in parts),
        )
    )
    return _MAGIC + zstandard.ZstdCompressor(level=19).compress(body)


def parse_header(data: bytes) -> DeltaHeader:
    """The parts that a header lists. Raises CorruptError, also for more or larger parts than `limits` allows."""
    body = _Body(_unpack(data))
    path_count, part_count, chunk_count = body.counts()
    path_lengths = body.column("H", path_count)
    columns = [body.column(kind, part_count) for kind in _PART_COLUMNS]
    lengths = body.column("I", chunk_count)
    paths = [_text(body.take(length)) for length in path_lengths]
    region_hashes = body.take(part_count * limits.CHECK)
    payload_hashes = body.take(part_count * limits.CHECK)
    prefixes = body.take(chunk_count * limits.PREFIX)
    body.end()

    path_of, offsets, sizes, methods, payloads, chunk_counts = columns
    if sum(chunk_counts) != chunk_count:
        raise _corrupt("counts its chunks wrongly")
    begins = list(accumulate(payloads, initial=len(data)))
    first_chunk = list(accumulate(chunk_counts, initial=0))
    parts = []
    for i in range(part_count):
        if path_of[i] >= path_count:
            raise _corrupt("names a file that it does not list")
        begin, end = first_chunk[i : i + 2]
        part = Part(
            region=Region(paths[path_of[i]], offsets[i], sizes[i]),
            region_hash=region_hashes[i * limits.CHECK : (i + 1) * limits.CHECK],
            method=_method(methods[i]),
            payload_length=payloads[i],
            payload_hash=payload_hashes[i * limits.CHECK : (i + 1) * limits.CHECK],
            prefixes=prefixes[begin * limits.PREFIX : end * limits.PREFIX],
            lengths=lengths[begin:end],
            payload_offset=begins[i],
        )
        _check_sizes(part)
        parts.append(part)
    return DeltaHeader(tuple(parts), begins[-1])


class _Body:
    """Takes a header's body apart from front to back. Every method raises CorruptError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        piece = self._data[self._at : self._at + length]
        if len(piece) != length:
            raise _corrupt("is cut short")
        self._at += length
        return piece

    def counts(self) -> tuple[int, int, int]:
        paths, parts, chunks = _COUNTS.unpack(self.take(_COUNTS.size))
        if not paths <= parts <= min(chunks, limits.PARTS):
            raise _corrupt(f"counts {paths} files, {parts} parts and {chunks} chunks")
        return paths, parts, chunks

    def column(self, kind: str, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}{kind}", self.take(count * struct.calcsize(f"<{kind}")))

    def end(self) -> None:
        if self._at != len(self._data):
            raise _corrupt("goes on after its end")


def _unpack(data: bytes) -> bytes:
    if not data.startswith(_MAGIC):
        raise _corrupt("is of an unknown kind or version")
    frame = data[len(_MAGIC) :]
    try:
        size = zstandard.get_frame_parameters(frame).content_size
        if len(data) > limits.HEADER or size > limits.HEADER_PLAIN:  # unknown is a huge number
            raise _corrupt("is too large")
        decompressor = zstandard.ZstdDecompressor(max_window_size=limits.HEADER_PLAIN)
        return decompressor.decompress(frame, max_output_size=max(size, 1), allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise _corrupt(f"cannot be decompressed: {error}") from error


def _check_sizes(part: Part) -> None:
    region = part.region
    if not 0 < region.length <= limits.REGION or region.offset >= 1 << 63:
        raise _corrupt(f"wants {region.length} old bytes at once")
    if not part.lengths or 0 in part.lengths or part.new_length > limits.NEW:
        raise _corrupt(f"has a part that makes {part.new_length} bytes")
    if not 0 < part.payload_length <= limits.NEW:
        raise _corrupt(f"has a patch of {part.payload_length} bytes")


def _method(number: int) -> Method:
    try:
        return Method(number)
    except ValueError as error:
        raise _corrupt(f"has a patch of the unknown kind {number}") from error


def _text(data: bytes) -> str:
    if not 0 < len(data) <= limits.PATH:
        raise _corrupt(f"has a path of {len(data)} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _corrupt("has a path that is no text") from error


def _corrupt(what: str) -> CorruptError:
    return CorruptError(f"The header of a delta {what}.", hint="Its chunks can be fetched instead.")
