"""BLAKE3 names for chunks, objects, files and trees."""

import struct
from collections.abc import Iterable

from blake3 import blake3

from tenku.base.errors import CorruptError
from tenku.content.model import HASH_BYTES, Entry, Hash, Kind

FILE_CONTEXT = "tenku content 2026 file"
TREE_CONTEXT = "tenku content 2026 tree"
"""Different contexts: a file whose bytes look like a list of hashes is still another name."""
_LENGTH = struct.Struct("<I")
_FACTS = struct.Struct("<BBQ")


def hash_bytes(data: bytes | bytearray | memoryview) -> Hash:
    """The name of a chunk or of a stored object. Releases the interpreter for all but the smallest."""
    return Hash(blake3(data).digest())


def hash_from_hex(text: str) -> Hash:
    """A hash from its 64 digits. Raises CorruptError."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != HASH_BYTES or text != value.hex():
        raise CorruptError(f"{text[:80]!r} is not a hash: it has to be 64 hexadecimal digits.")
    return Hash(value)


def check_object(data: bytes, hash: Hash, *, key: str) -> bytes:
    """The object itself, if it is what its name says. Raises CorruptError."""
    if hash_bytes(data) != hash:
        raise CorruptError(f"{key} is not what its name says: its hash is another.")
    return data


class FileHasher:
    """The name of a file from the names of its chunks, without reading it twice.

    A file of one chunk has the chunk's name. The chunker's profile is pinned for a game, so that equal files have
    equal chunks there.
    """

    def __init__(self) -> None:
        self._first = Hash(b"")
        self._count = 0
        self._hasher: blake3 | None = None

    def add(self, chunk: Hash) -> None:
        """The file's next chunk."""
        self._count += 1
        if self._count == 1:
            self._first = chunk  # Most files are one chunk, and need no more.
            return
        if self._hasher is None:
            self._hasher = blake3(self._first, derive_key_context=FILE_CONTEXT)
        self._hasher.update(chunk)

    def digest(self) -> Hash:
        """The name of the file that these chunks make."""
        if self._count == 0:
            return hash_bytes(b"")
        return Hash(self._hasher.digest()) if self._hasher else self._first


def file_hash(chunks: Iterable[Hash]) -> Hash:
    """The name of the file that these chunks make, in this order."""
    hasher = FileHasher()
    for chunk in chunks:
        hasher.add(chunk)
    return hasher.digest()


class TreeHasher:
    """The name of a build, from its entries in order; where the store keeps them plays no part."""

    def __init__(self) -> None:
        self._hasher = blake3(derive_key_context=TREE_CONTEXT)

    def add(self, entry: Entry) -> None:
        """The next entry; of a file in several parts the last one counts."""
        if not entry.last:
            return
        path, target = entry.path.encode(), entry.target.encode()
        executable = entry.kind is Kind.FILE and bool(entry.mode & 0o100)
        facts = _FACTS.pack(entry.kind, executable, entry.size)
        texts = (_LENGTH.pack(len(path)), path, _LENGTH.pack(len(target)), target)
        self._hasher.update(b"".join((*texts, facts, entry.hash)))

    def digest(self) -> Hash:
        """The name of the build."""
        return Hash(self._hasher.digest())
