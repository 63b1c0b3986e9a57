"""Looks at a safetensors file before anything reads it: a file that was cut off or mislabelled is refused by name.

The format: eight bytes with the header's length (little endian), the header as JSON, then the tensors' bytes; see
`tenku.content.safetensors`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tenku.base.errors import ModelError
from tenku.content.safetensors import MOST_HEADER, PREFIX_BYTES

BITS: Mapping[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}
"""Of one number of a type."""
HINT = "Bring the file again, or bring another one."


@dataclass(frozen=True, kw_only=True)
class TensorFile:
    """What a safetensors file holds."""

    path: Path
    size: int
    """Bytes."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of each tensor, by its name."""

    @property
    def numbers(self) -> int:
        """How many there are in all tensors."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def read_tensor_file(path: Path) -> TensorFile:
    """Check a file's header against the file. Raises ModelError: it is cut off, mislabelled or unreadable."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(PREFIX_BYTES), "little")
            if size < PREFIX_BYTES + 2 or not 2 <= length <= MOST_HEADER:
                raise _no_tensors(path)
            if PREFIX_BYTES + length > size:
                raise ModelError(f"{path} ends in its header: it was cut off.", hint=HINT)
            header = file.read(length)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        tensors = json.loads(header)
    except (ValueError, RecursionError):
        raise _no_tensors(path) from None
    if not isinstance(tensors, dict):
        raise _no_tensors(path)
    tensors.pop("__metadata__", None)
    spans = {name: _span(path, name, tensor) for name, tensor in tensors.items()}
    _check_ends(path, sorted(spans.values()), size - PREFIX_BYTES - length)
    return TensorFile(path=path, size=size, shapes={name: tuple(tensors[name]["shape"]) for name in tensors})


def _span(path: Path, name: str, tensor: object) -> tuple[int, int]:
    """Where a tensor lies, when that is as long as its type and shape say."""
    match tensor:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if 0 <= begin <= end:
            whole = all(type(each) is int and each >= 0 for each in shape)
            if kind in BITS and whole and math.prod(shape) * BITS[kind] == (end - begin) * 8:
                return begin, end
    raise ModelError(f"{path} says of its tensor {name[:80]!r} what cannot be.", hint=HINT)


def _check_ends(path: Path, spans: list[tuple[int, int]], data: int) -> None:
    last = max((end for _, end in spans), default=0)
    if last > data:
        raise ModelError(f"{path} was cut off: {last - data} bytes of its tensors are missing.", hint=HINT)
    if last < data:
        raise ModelError(f"{path} has {data - last} bytes after its last tensor, which belong to nothing.", hint=HINT)
    if any(end > begin for (_, end), (begin, _) in pairwise(spans)):
        raise ModelError(f"{path} has tensors that lie over each other.", hint=HINT)


def _no_tensors(path: Path) -> ModelError:
    return ModelError(f"{path} is no safetensors file, though its name says so.", hint=HINT)
