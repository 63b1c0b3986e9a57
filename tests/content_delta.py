"""Two builds in memory, and what a publisher and a puller do with a delta between them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyfastcdc
from blake3 import blake3

from tenku.base.errors import FolderError
from tenku.content.delta import limits
from tenku.content.delta.build import build_deltas
from tenku.content.delta.encoders import Encoders
from tenku.content.delta.format import parse_header
from tenku.content.delta.make import make
from tenku.content.delta.regions import NewFile, Place, name_key
from tenku.content.delta.write import BuiltDelta
from tenku.content.model import Hash
from tenku.content.ports import NoProgress

_CUTTER = pyfastcdc.FastCDC(avg_size=4096, min_size=1024, max_size=16384)
"""As the publisher's, but small, so that small builds have many chunks."""


def digest(data: bytes) -> Hash:
    """A chunk's name."""
    return Hash(blake3(data).digest())


def chunks_of(data: bytes) -> list[bytes]:
    """A file's bytes, cut by their content."""
    return [data[cut.offset : cut.offset + cut.length] for cut in _CUTTER.cut_buf(data)] if data else []


def as_new(files: Mapping[str, bytes]) -> list[NewFile]:
    """A build as the publisher hands it over."""
    return [
        NewFile(path, len(data), [(digest(chunk), len(chunk)) for chunk in chunks_of(data)])
        for path, data in files.items()
    ]


class MemoryTree:
    """An old build: an `OldTree`."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self._places: dict[Hash, Place] = {}
        for path, data in files.items():
            offset = 0
            for chunk in chunks_of(data):
                self._places.setdefault(digest(chunk), Place(path, offset))
                offset += len(chunk)

    def find(self, hash: Hash) -> Place | None:
        """See `OldTree`."""
        return self._places.get(hash)

    def size(self, path: str) -> int | None:
        """See `OldTree`."""
        return len(self.files[path]) if path in self.files else None

    def named(self, key: str) -> list[str]:
        """See `OldTree`."""
        return [path for path in self.files if name_key(path) == key]


async def build(
    old: Mapping[str, bytes],
    new: Mapping[str, bytes],
    folder: Path,
    encoders: Encoders,
    *,
    budget_s: float = 60.0,
    unreadable: str = "",
    object_bytes: int = limits.OBJECT,
) -> tuple[BuiltDelta, ...]:
    """A delta between two builds whose chunks cost what they are long; the file `unreadable` cannot be read."""
    costs = {hash: length for file in as_new(new) for hash, length in file.chunks}

    async def read_old(path: str, offset: int, length: int) -> bytes:
        return old[path][offset : offset + length]

    async def read_new(path: str, offset: int, length: int) -> bytes:
        if path == unreadable:
            raise FolderError(f"{path} changed while it was read.")
        return new[path][offset : offset + length]

    return await build_deltas(
        as_new(new),
        MemoryTree(old),
        read_new=read_new,
        read_old=read_old,
        chunk_cost=costs.__getitem__,
        encoders=encoders,
        budget_s=budget_s,
        now=lambda: 0.0,
        folder=folder,
        object_bytes=object_bytes,
        progress=NoProgress(),
    )


def chunks_made(built: Iterable[BuiltDelta], old: Mapping[str, bytes]) -> dict[bytes, bytes]:
    """Every chunk that deltas make of an old build, by the begin of its hash; checks what the publisher promised."""
    made: dict[bytes, bytes] = {}
    for delta in built:
        data = delta.file.read_bytes()
        assert (len(data), digest(data)) == (delta.size, delta.object)
        assert digest(data[: delta.header_size]) == delta.header_hash
        header = parse_header(data[: delta.header_size])
        assert (header.size, len(header.parts)) == (delta.size, delta.parts)
        for part in header.parts:
            region = part.region
            made |= make(
                part,
                payload=data[part.payload_offset : part.payload_offset + part.payload_length],
                old=old[region.path][region.offset : region.offset + region.length],
            )
    return made


def check_rebuilds(built: Iterable[BuiltDelta], old: Mapping[str, bytes], new: Mapping[str, bytes]) -> float:
    """Every file of the new build comes out of old chunks, made chunks and fetched ones, bit for bit.

    Answers how many bytes had to be fetched as chunks, of all that the old build lacked: 0 to 1.
    """
    made = chunks_made(built, old)
    known = {digest(chunk) for data in old.values() for chunk in chunks_of(data)}
    lacking = {digest(chunk): chunk for data in new.values() for chunk in chunks_of(data)}
    lacking = {hash: chunk for hash, chunk in lacking.items() if hash not in known}
    assert made.keys() <= {hash[: limits.PREFIX] for hash in lacking}
    fetched = 0
    for hash, chunk in lacking.items():
        if hash[: limits.PREFIX] in made:
            assert made[hash[: limits.PREFIX]] == chunk
        else:
            fetched += len(chunk)
    return fetched / max(1, sum(map(len, lacking.values())))


def alive(pid: int) -> bool:
    """Whether a process runs, and is not only waiting to be buried."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return not re.search(r"^State:\s+Z", status, re.MULTILINE)
