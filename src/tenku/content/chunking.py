"""Cuts files into chunks where their content says so: FastCDC, in constant memory."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenku.base.errors import MachineError

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

BUFFER_BYTES = 8 * 2**20
"""So much of a file is cut at a time."""


@dataclass(frozen=True)
class Profile:
    """How a game's files are cut. It never changes for a name: other cuts would be other chunks everywhere.

    `average`, `least` and `most` are FastCDC's; the mean length comes out as average + least.
    """

    average: int
    least: int
    most: int


PROFILES = {
    "game": Profile(average=64 * 1024, least=16 * 1024, most=256 * 1024),
    "weights": Profile(average=256 * 1024, least=64 * 1024, most=1024 * 1024),
}


@dataclass(frozen=True)
class Piece:
    """A stretch of one file in memory, and where in it the chunks are."""

    start: int
    """Where in the file `data` begins."""
    data: memoryview
    slices: Sequence[tuple[int, int]]
    """Offset in `data` and length of each chunk, one after the other."""


def make_cutter(profile: Profile) -> "FastCDC":
    """The chunker. Raises MachineError: its compiled part is missing, and pure Python is 200 times slower."""
    os.environ["PYFASTCDC_REQUIRE_CYTHON"] = "1"
    try:
        from pyfastcdc.cy import FastCDC as Compiled
    except ImportError as error:
        raise MachineError(
            f"The compiled part of pyfastcdc cannot be loaded: {error}.",
            hint="Install it again from a wheel: pip install --force-reinstall pyfastcdc.",
        ) from error
    least, most = profile.least, profile.most
    cutter: FastCDC = Compiled(profile.average, min_size=least, max_size=most, normalized_chunking=1, seed=0)
    return cutter


def cut_file(
    read: Callable[[int, int], bytes], size: int, cutter: "FastCDC", *, borders: Sequence[int] = ()
) -> Iterator[Piece]:
    """Cut one file, a piece at a time.

    Args:
        read: `read(offset, length)` gives bytes of the file, fewer only at its end.
        borders: rising offsets at which a chunk has to end in any case, such as the borders of tensors.
    """
    begin = 0
    for border in (*borders, size):
        if begin < border <= size:
            yield from _cut_range(read, begin, border, cutter)
            begin = border


def _cut_range(read: Callable[[int, int], bytes], begin: int, end: int, cutter: "FastCDC") -> Iterator[Piece]:
    """Cut from `begin` to `end` as if it were a file of its own."""
    while begin < end:
        data = memoryview(read(begin, min(BUFFER_BYTES, end - begin)))
        if not data:
            return  # The file became shorter; whoever reads it sees that its size is another.
        slices = [(chunk.offset, chunk.length) for chunk in cutter.cut_buf(data)]
        done = begin + len(data) >= end
        if not done and len(slices) > 1:
            # The last one ends where the buffer does, and not where the content says: cut it again with what follows.
            slices.pop()
        yield Piece(begin, data, slices)
        begin += slices[-1][0] + slices[-1][1]
