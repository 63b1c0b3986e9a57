"""A pack: the stored form of many chunks one after the other, with an index at its end.

    frames   each chunk as one zstd frame, or raw where that saves under 3 %
    index    for each frame 32 bytes of hash, then u32 length and u32 stored length; offsets follow from their order
    footer   u32 number of frames, 3 zero bytes, version, "TKPK"

Manifests say where chunks are; the index is for resuming, repacking and checking a pack without a manifest.
"""

import struct
from collections.abc import Iterator, Sequence

import zstandard

from tenku.base.errors import CorruptError
from tenku.content.hashes import hash_bytes
from tenku.content.model import HASH_BYTES, Chunk, Hash, Location

Data = bytes | bytearray | memoryview

MAGIC = b"TKPK"
VERSION = 1
RECORD = struct.Struct(f"<{HASH_BYTES}sII")
FOOTER = struct.Struct("<I3xB4s")

PACK_BYTES = 32 * 2**20
"""A pack is closed before its frames would be more than so many bytes."""
MAX_PACK = PACK_BYTES + 4 * 2**20
"""No honest pack is larger: 32 MiB of frames and their index."""
MAX_CHUNK = 16 * 2**20
"""No profile makes longer chunks."""
WORTH = 0.97
TOGETHER = 2**20
"""Bytes that are compressed in one call, and held twice meanwhile."""
LEVEL = 3


class Compressor:
    """Makes stored chunks; one for each thread."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)

    def store(self, chunks: Sequence[Data]) -> list[bytes]:
        """The chunks' stored forms: raw, which their length tells, where zstd would not save 3 %."""
        stored: list[bytes] = []
        for some in _together(chunks):
            # One call for many small ones: each call hands the interpreter's lock over.
            frames = self._zstd.multi_compress_to_buffer(some)
            for number, chunk in enumerate(some):
                frame = frames[number]
                stored.append(frame.tobytes() if len(frame) < len(chunk) * WORTH else bytes(chunk))
        return stored


def _together(chunks: Sequence[Data]) -> Iterator[list[Data]]:
    """The chunks in lists of about TOGETHER bytes."""
    some: list[Data] = []
    size = 0
    for chunk in chunks:
        some.append(chunk)
        size += len(chunk)
        if size >= TOGETHER:
            yield some
            some, size = [], 0
    if some:
        yield some


class Unpacker:
    """Takes stored chunks apart; one for each thread."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdDecompressor()

    def chunk(self, stored: bytes | memoryview, *, hash: Hash, length: int) -> bytes | memoryview:
        """The chunk, checked. Never unpacks more than `length` bytes.

        Raises:
            CorruptError: it is not the chunk of that name and length.
        """
        if length > MAX_CHUNK:
            raise CorruptError(f"Chunk {hash.hex()} would have {length} bytes, and no chunk has more than {MAX_CHUNK}.")
        data = stored if len(stored) == length else self._unpack(stored, hash, length)
        if len(data) != length or hash_bytes(data) != hash:
            raise CorruptError(f"Chunk {hash.hex()} is not what its name says.")
        return data

    def _unpack(self, stored: bytes | memoryview, hash: Hash, length: int) -> bytes:
        try:
            if zstandard.frame_content_size(stored) != length:
                raise CorruptError(f"Chunk {hash.hex()} does not unpack to the {length} bytes that it should have.")
            return self._zstd.decompress(stored, max_output_size=length)
        except zstandard.ZstdError as error:
            raise CorruptError(f"Chunk {hash.hex()} does not unpack: {error}.") from error


class PackBuilder:
    """Collects stored chunks until a pack is full."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._index: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._frames)

    def has_room(self, stored: bytes) -> bool:
        """Whether this chunk still goes in; into an empty pack every chunk goes."""
        return not self._frames or self._size + len(stored) <= PACK_BYTES

    def add(self, hash: Hash, length: int, stored: bytes) -> int:
        """Put a stored chunk in; its offset."""
        offset = self._size
        self._frames.append(stored)
        self._index.append(RECORD.pack(hash, length, len(stored)))
        self._size += len(stored)
        return offset

    def finish(self) -> tuple[Hash, bytes]:
        """The pack's name and its bytes."""
        data = b"".join((*self._frames, *self._index, FOOTER.pack(len(self._frames), VERSION, MAGIC)))
        return hash_bytes(data), data


def index_size(footer: bytes) -> int:
    """How many bytes the index has of a pack with this footer. Raises CorruptError."""
    if len(footer) != FOOTER.size:
        raise CorruptError("A pack is too short to be one.")
    count, version, magic = FOOTER.unpack(footer)
    if magic != MAGIC or version != VERSION:
        raise CorruptError("A pack does not end like one of a version that this Tenku reads.")
    size = int(count) * RECORD.size
    if size > MAX_PACK:
        raise CorruptError("A pack says that its index is larger than any pack may be.")
    return size


def parse_index(index: bytes, *, pack: Hash) -> list[Chunk]:
    """The chunks of a pack in the order of their offsets. Raises CorruptError."""
    chunks, offset = [], 0
    for hash, length, stored in RECORD.iter_unpack(index):
        if not (0 < stored <= length <= MAX_CHUNK):
            raise CorruptError(f"The index of pack {pack.hex()} has impossible lengths.")
        chunks.append(Chunk(Hash(hash), length, Location(pack, offset, stored)))
        offset += stored
    return chunks


def read_pack(data: bytes, *, pack: Hash) -> list[Chunk]:
    """The chunks of a whole pack. Raises CorruptError."""
    end = len(data) - FOOTER.size
    begin = end - index_size(data[max(end, 0) :])
    if begin < 0:
        raise CorruptError(f"Pack {pack.hex()} is shorter than its own index.")
    chunks = parse_index(data[begin:end], pack=pack)
    if sum(chunk.at.stored for chunk in chunks) != begin:
        raise CorruptError(f"Pack {pack.hex()} has other frames than its index says.")
    return chunks


def total_stored(chunks: Sequence[Chunk]) -> int:
    """How many bytes these chunks take in the store."""
    return sum(chunk.at.stored for chunk in chunks)
