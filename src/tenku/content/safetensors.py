"""Where the tensors of a .safetensors file begin and end, so that chunks can end there too (pure).

The format: eight bytes with the header's length N (little endian), N bytes of JSON, then the tensors' bytes. The JSON
maps each name to `{"dtype": …, "shape": …, "data_offsets": [begin, end]}`, counted from the end of the header.
(https://huggingface.co/docs/safetensors)
"""

import json
from collections.abc import Callable
from itertools import pairwise

PREFIX_BYTES = 8
MOST_HEADER = 100_000_000
"""What the format's own library reads at most."""
APART = 64 * 1024
"""Neighbours smaller than this share their chunks: a chunk for each bias would cost more than it saves."""


def tensor_borders(read: Callable[[int, int], bytes], size: int, *, apart: int = APART) -> list[int]:
    """Rising offsets in the file where a chunk is to end: at the header, and between tensors.

    Every tensor of at least `apart` bytes is alone; smaller neighbours are put together until they are so large.
    `read(offset, length)` gives bytes of the file, fewer only at its end; `size` is the file's. A file that is not
    sound in every point gives no borders: it is cut like any other, and its fault is its readers' to find.
    """
    if size < PREFIX_BYTES + 2:
        return []
    length = int.from_bytes(read(0, PREFIX_BYTES), "little")
    if not 2 <= length <= min(MOST_HEADER, size - PREFIX_BYTES):
        return []
    header = read(PREFIX_BYTES, length)
    spans = _spans(header, most=size - PREFIX_BYTES - length) if len(header) == length else None
    if not spans:
        return []
    return _borders(spans, PREFIX_BYTES + length, size, apart)


def _spans(header: bytes, *, most: int) -> list[tuple[int, int]] | None:
    """Where the tensors lie, in order; None if one lies outside, over another one, or nowhere."""
    try:
        tensors = json.loads(header)
    except (ValueError, RecursionError):
        return None
    if not isinstance(tensors, dict):
        return None
    spans = [_span(tensor) for name, tensor in tensors.items() if name != "__metadata__"]
    sound = [span for span in spans if span is not None and span[1] <= most]
    if len(sound) != len(spans):
        return None
    sound.sort()
    return sound if all(end <= begin for (_, end), (begin, _) in pairwise(sound)) else None


def _span(tensor: object) -> tuple[int, int] | None:
    match tensor:
        # JSON's true is no number, though Python's is one.
        case {"data_offsets": [int(begin), int(end)]} if type(begin) is type(end) is int and 0 <= begin <= end:
            return begin, end
    return None


def _borders(spans: list[tuple[int, int]], first: int, size: int, apart: int) -> list[int]:
    """Counted from the header's end, so that its length changes nothing.

    The header is alone, however small: it differs in every fine-tune, and the first tensor may not. So is every large
    tensor: with a small one before it, its chunks would be other ones where that is missing or larger.
    """
    kept = [first]
    for begin, end in spans:
        if end - begin >= apart:
            kept += [first + begin, first + end]
        elif first + end - kept[-1] >= apart:
            kept.append(first + end)
    return [border for border in dict.fromkeys(kept) if border < size]
