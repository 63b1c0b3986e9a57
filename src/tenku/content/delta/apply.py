"""Makes new bytes from old ones and a patch.

The patch was checked by its hash before it comes here. The sizes that it declares are checked all the same before
native code sees it, so that no patch can make more than it should.
"""

import enum

import zstandard

from tenku.base.errors import CorruptError
from tenku.content.delta import limits

_WINDOW = 1 << 26  # holds the largest region and the longest run together
_HDIFF_MAGIC = b"HDIFF13&\0"  # the program's own format with nothing compressed inside


class Method(enum.IntEnum):
    """How a patch is written."""

    ZSTD = 1  # zstd with the old bytes as raw dictionary
    HDIFF = 2  # hdiffpatch without compression, inside zstd: smaller than its own, and its size is known before


def apply(patch: bytes, old: bytes, method: Method, *, new_length: int) -> bytes:
    """The `new_length` bytes that a patch makes of `old`. Raises CorruptError, whatever is wrong with the patch."""
    if not 0 < new_length <= limits.NEW:
        raise _corrupt(f"makes {new_length} bytes at once")
    if method is Method.ZSTD:
        new = _unpack(patch, old=old, least=new_length, most=new_length)
    else:
        # Instructions and literals together are never much longer than what they make.
        diff = _unpack(patch, old=b"", least=1, most=2 * new_length + (1 << 20))
        new = _apply_hdiff(diff, old, new_length)
    if len(new) != new_length:
        raise _corrupt(f"makes {len(new)} bytes, not {new_length}")
    return new


def _unpack(data: bytes, *, old: bytes, least: int, most: int) -> bytes:
    """One zstd frame that declares between `least` and `most` bytes. Raises CorruptError."""
    dictionary = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if old else None
    try:
        frame = zstandard.get_frame_parameters(data)
        if not least <= frame.content_size <= most:  # unknown is a huge number
            raise _corrupt("declares a wrong size")
        decompressor = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=_WINDOW)
        return decompressor.decompress(data, max_output_size=most, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise _corrupt(f"cannot be decompressed: {error}") from error


def _apply_hdiff(diff: bytes, old: bytes, new_length: int) -> bytes:
    import hdiffpatch  # It takes 35 ms to load, and most pulls do not need it.

    if not diff.startswith(_HDIFF_MAGIC):
        raise _corrupt("is of an unknown kind")
    new_size, at = _number(diff, len(_HDIFF_MAGIC))
    old_size, _ = _number(diff, at)
    if (new_size, old_size) != (new_length, len(old)):
        raise _corrupt(f"makes {new_size} bytes of {old_size}, not {new_length} of {len(old)}")
    try:
        return hdiffpatch.apply(old, diff)
    except hdiffpatch.HDiffPatchError as error:
        raise _corrupt(f"cannot be applied: {error}") from error


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of HDiffPatch's: seven bits a byte, highest first, top bit on all but the last; and where it ends."""
    value = 0
    for index in range(at, min(at + 9, len(data))):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    raise _corrupt("is cut short")


def _corrupt(what: str) -> CorruptError:
    return CorruptError(f"A patch of a delta {what}.", hint="Its chunks can be fetched instead.")
