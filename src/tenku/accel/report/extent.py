"""How large a job is, and which sizes are tried (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

PIXELS = re.compile(r"(\d+)x(\d+)")
FRAMES = re.compile(r"(\d+) frames")
READ = re.compile(r"(\d+) tokens read")
SIDE = 32
"""What sides are whole multiples of: the coarsest latents and patches that models have."""
SIDES = (
    (256, 256),
    (480, 320),
    (640, 384),
    (832, 480),
    (960, 544),
    (1280, 704),
    (1920, 1088),
    (2560, 1440),
    (3840, 2176),
)
"""Width and height of videos."""
SQUARES = (256, 384, 512, 768, 1024, 1344, 1536, 2048, 3072, 4096)
"""Of pictures."""
LENGTHS = (9, 17, 33, 49, 81, 121, 161, 241, 321)
"""Frames: eight and one, which both Wan and LTX-2 can make."""
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONTEXTS = tuple(1 << power for power in range(7, 21))
"""Tokens."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """The size of a job; a text has tokens alone."""

    width: int = 0
    height: int = 0
    frames: int = 1
    tokens: int = 0
    batch: int = 1

    @property
    def amount(self) -> int:
        """Of what there is to work on, in pixels or tokens: good to compare two of one model."""
        return (self.width * self.height * self.frames or self.tokens) * self.batch

    def __str__(self) -> str:
        if self.tokens:
            return f"{self.tokens} tokens"
        size = f"{self.width}x{self.height}"
        return f"{size}, {self.frames} frames" if self.frames > 1 else size


def extent_of(job: str) -> Extent:
    """What an inventory's job says: `1280x704, 121 frames, 50 steps`, `1024 tokens read, 256 written`."""
    size, frames, read = PIXELS.search(job), FRAMES.search(job), READ.search(job)
    if size is not None:
        return Extent(width=int(size[1]), height=int(size[2]), frames=int(frames[1]) if frames else 1)
    return Extent(tokens=int(read[1]) if read else 1024)


def halved(extent: Extent) -> Extent | None:
    """About half as much work; None: it cannot be less. First frames, then the longer side, and never below two."""
    if extent.tokens:
        return replace(extent, tokens=extent.tokens // 2) if extent.tokens >= 16 else None
    if extent.frames > 9:
        return replace(extent, frames=max(9, (extent.frames - 1) // 16 * 8 + 1))
    longer = max(extent.width, extent.height)
    if longer > 2 * SIDE:
        side = max(2 * SIDE, longer // (2 * SIDE) * SIDE)
        return replace(extent, width=side) if extent.width == longer else replace(extent, height=side)
    return replace(extent, frames=1) if extent.frames > 1 else None


def resolutions(job: Extent) -> Sequence[Extent]:
    """Sizes of the picture, of the job's frames, from small to large."""
    sides = SIDES if job.frames > 1 else tuple((side, side) for side in SQUARES)
    return _in_order([job, *(replace(job, width=width, height=height) for width, height in sides)])


def lengths(job: Extent) -> Sequence[Extent]:
    """Numbers of frames, at the job's resolution."""
    return _in_order([job, *(replace(job, frames=frames) for frames in LENGTHS)])


def batches(job: Extent) -> Sequence[Extent]:
    """As many at once, of the job's size."""
    return [replace(job, batch=batch) for batch in BATCHES]


def contexts(job: Extent, most: int) -> Sequence[Extent]:
    """Tokens of one chat, up to as many as the model was trained for."""
    counts = {job.tokens, most, *(tokens for tokens in CONTEXTS if tokens < most)}
    return _in_order([replace(job, tokens=tokens) for tokens in counts])


def _in_order(extents: Sequence[Extent]) -> Sequence[Extent]:
    return sorted(set(extents), key=lambda extent: extent.amount)
