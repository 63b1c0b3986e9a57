"""How much memory jobs of a model take, counted on the meta device, and the largest that fit."""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from tenku.accel.inventory.record import SUBJECTS
from tenku.accel.inventory.subject import Piece
from tenku.accel.report.blockcases import rounded
from tenku.accel.report.extent import Extent, batches, contexts, lengths, resolutions
from tenku.accel.report.livebytes import live_bytes
from tenku.accel.report.sized import Given, Sized, sized_parts

USABLE = 0.95
"""Of free memory: the rest goes to what allocators round up and kernels take for themselves."""
TILE = 256
COUNTED = (9, 17)
DEEP = 2
"""Blocks that show what all of them take: a block's own tensors are gone when the next one works."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Sizes of one kind, from small to large."""

    what: str
    extents: Sequence[Extent]
    said: Callable[[Extent], str]


def rows_of(job: Extent, *, trained: int = 0) -> list[Row]:
    """What may grow in a job. `trained`: tokens that a language model was trained for."""
    batch = Row(what=f"batch at {job}", extents=batches(job), said=lambda extent: str(extent.batch))
    if job.tokens:
        return [
            Row(what="context", extents=contexts(job, trained), said=lambda extent: f"{extent.tokens} tokens"),
            batch,
        ]
    moving = job.frames > 1
    size = Row(
        what=f"resolution at {job.frames} frames" if moving else "resolution",
        extents=resolutions(job),
        said=lambda extent: f"{extent.width}x{extent.height}",
    )
    if not moving:
        return [size, batch]
    length = Row(
        what=f"frames at {job.width}x{job.height}", extents=lengths(job), said=lambda extent: str(extent.frames)
    )
    return [size, length, batch]


def largest(extents: Sequence[Extent], need: Callable[[Extent], int], room: int) -> int:
    """Which of the sizes is the last that fits, counted from one; 0: none does. They are from small to large."""
    return bisect.bisect_right(extents, room, key=need)


class Needs:
    """Counts the memory that a model takes for a job; the same thing is counted once."""

    def __init__(self, model: str, dtype: torch.dtype) -> None:
        self.parts = sized_parts(model)
        self._dtype = dtype
        self._pieces = SUBJECTS[model].pieces
        self._working: dict[tuple[str, Extent], int] = {}

    @property
    def trained(self) -> int:
        """Tokens that it was trained for."""
        return max(part.most for part in self.parts.values())

    def weights(self) -> Mapping[str, int]:
        """Bytes of each part that has its own."""
        return {each.name: self._weights(each) * each.copies for each in self._pieces if not each.shared}

    def working(self, extent: Extent) -> int:
        """Bytes besides the weights: of the part that takes most, while it works."""
        return max(self._of_part(part, extent) for part in self.parts.values())

    def _of_part(self, part: Sized, extent: Extent) -> int:
        if part.blocks:
            return self._counted(part, extent) + self._kept(extent) * (part.blocks - DEEP)
        # What a VAE takes grows with its pixels exactly, so that one size of picture tells of all.
        tile = replace(extent, width=TILE, height=TILE, batch=1)
        return self._tile(part, tile) * (extent.width * extent.height * extent.batch) // TILE**2

    def _tile(self, part: Sized, tile: Extent) -> int:
        """Counted where frames are few, as that takes long; beyond that, it grows as it did or as its result does."""
        few, many = (replace(tile, frames=frames) for frames in COUNTED)
        if tile.frames <= many.frames:
            return self._counted(part, tile)
        known = self._counted(part, many)
        grows = (known - self._counted(part, few)) / (many.frames - few.frames)
        # Frames that are put together one after the other are there twice at the end.
        result = 2 * 3 * TILE**2 * self._dtype.itemsize
        return known + round(max(grows, result) * (tile.frames - many.frames))

    def _counted(self, part: Sized, extent: Extent) -> int:
        if (part.name, extent) not in self._working:
            self._working[part.name, extent] = working_bytes(part, extent, self._dtype)
        return self._working[part.name, extent]

    def _kept(self, extent: Extent) -> int:
        """Bytes that each block keeps until the job's end: keys and values."""
        if "decode" not in self.parts:
            return 0
        with torch.device("meta"):
            given = self.parts["decode"].given(extent, self._dtype)
        return sum(bytes_of(given[name]) for name in ("keys", "values"))

    def _weights(self, piece: Piece) -> int:
        one = _size(piece.ready(piece.period).module) if piece.blocks else _size(piece.ready(0).module)
        if not piece.blocks:
            return one * self._dtype.itemsize
        more = _size(piece.ready(2 * piece.period).module) - one
        return round(one + more * (piece.blocks / piece.period - 1)) * self._dtype.itemsize


def working_bytes(part: Sized, extent: Extent, dtype: torch.dtype) -> int:
    """Bytes that a part takes at most besides its weights, with what it is given and gives."""
    with torch.device("meta"):
        module = rounded(part.make(min(DEEP, part.blocks)), dtype)
        given = part.given(extent, dtype)
    weights = [*module.parameters(), *module.buffers()]
    return peak_of(module, given, weights) - sum(bytes_of(each) for each in weights)


def peak_of(module: nn.Module, given: Given, weights: Sequence[torch.Tensor]) -> int:
    """Bytes that are alive at most."""
    return live_bytes(lambda: module(**given), held=[weights, tree_leaves(given)]).peak


def bytes_of(tensor: torch.Tensor) -> int:
    """Of a tensor's memory."""
    return tensor.untyped_storage().nbytes()


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
