"""Makes the chunks of one part of a delta, once its patch was fetched and its old bytes were read."""

from collections.abc import Iterator

from blake3 import blake3

from tenku.base.errors import CorruptError
from tenku.content.delta import limits
from tenku.content.delta.apply import apply
from tenku.content.delta.format import Part


def make(part: Part, *, payload: bytes, old: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk of a part: the begin of its hash, and its bytes. The caller checks those by the manifest's hash.

    Args:
        payload: the part's patch as the store gave it.
        old: the part's region as it is on disk.

    Raises:
        CorruptError: either is not what the header says, or they do not fit; nothing was made.
    """
    if blake3(payload).digest(limits.CHECK) != part.payload_hash:
        raise CorruptError("A patch of a delta is not what its header says.", hint="Its chunks can be fetched instead.")
    if blake3(old).digest(limits.CHECK) != part.region_hash:
        raise CorruptError(
            f"{part.region.path} is not as the old build had it.",
            hint="What it lacks can be fetched as chunks instead.",
        )
    new = apply(payload, old, part.method, new_length=part.new_length)
    return ((prefix, new[offset : offset + length]) for prefix, offset, length in part.chunks())
