"""Writes new bytes as a patch against old ones, by the method that makes the smaller patch.

Measured on shared libraries, texts and archives (two versions each, one core): HDiffPatch with zstd 19 around it makes
4 to 10 MB/s. On libraries it is up to 3 times smaller than zstd with a dictionary; on small texts the dictionary is
up to a third smaller. On archives without a match HDiffPatch falls to 1 MB/s: those are found out first.
"""

from dataclasses import dataclass

import hdiffpatch
import zstandard

from tenku.base.errors import CorruptError
from tenku.content.delta.apply import Method, apply

KEEP = 0.7
"""A patch is kept under this part of the bytes of its chunks: applying one costs time and disk reads."""

_PACKED = 0.9  # chunks that keep this part of their bytes in the store are compressed or encrypted already
_PROBE_LEVEL = 3
_DICTIONARY_LEVEL = 9
_BEST_LEVEL = 19
_SMALL = 256 << 10  # old and new bytes that a dictionary at the best level takes no time worth saving for
_LARGE = 1 << 20  # old and new bytes from which a dictionary was never the smaller way


@dataclass(frozen=True, slots=True)
class Patch:
    """How to make some new bytes of old ones."""

    method: Method
    payload: bytes


def encode(old: bytes, new: bytes, *, cost: int) -> Patch | None:
    """The smallest patch from `old` to `new`; None: nothing under `KEEP` of `cost`, which the chunks' bytes cost.

    Takes about 0.2 s for each MB of new bytes, about 120 MB of memory, and cannot be interrupted:
    it belongs into a process of its own (`encoders`). Raises HDiffPatchError and MemoryError.
    """
    if not old or not new:
        return None
    if cost >= _PACKED * len(new) and not _promising(old, new, cost):
        return None
    patches = [_with_hdiff(old, new)]
    if len(old) + len(new) < _LARGE:
        patches.append(_with_dictionary(old, new))
    best = min(patches, key=lambda patch: len(patch.payload))
    return best if len(best.payload) < KEEP * cost and _makes(best, old, new) else None


def _promising(old: bytes, new: bytes, cost: int) -> bool:
    """Whether packed bytes share long stretches with the old ones; they share no short ones by anything but chance."""
    return len(_zstd(new, old, level=_PROBE_LEVEL, long_matches=True)) < 0.9 * cost


def _with_dictionary(old: bytes, new: bytes) -> Patch:
    level = _BEST_LEVEL if len(old) + len(new) < _SMALL else _DICTIONARY_LEVEL
    return Patch(Method.ZSTD, _zstd(new, old, level=level))


def _with_hdiff(old: bytes, new: bytes) -> Patch:
    diff = hdiffpatch.diff(old, new, hdiffpatch.COMPRESSION_NONE, validate=False)
    return Patch(Method.HDIFF, _zstd(diff, b"", level=_BEST_LEVEL))


def _zstd(data: bytes, dictionary: bytes, *, level: int, long_matches: bool = False) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(data),
        dict_size=len(dictionary),
        window_log=max(10, min(26, (len(data) + len(dictionary)).bit_length())),  # must reach the dictionary's begin
        enable_ldm=long_matches,
        write_checksum=False,
        write_dict_id=False,
    )
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if dictionary else None
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=raw).compress(data)


def _makes(patch: Patch, old: bytes, new: bytes) -> bool:
    """Tries the patch exactly as a puller will."""
    try:
        return apply(patch.payload, old, patch.method, new_length=len(new)) == new
    except CorruptError:
        return False
