"""Places rectangles on pages: maximal rectangles, the place that rises least first; the same every time.

Source of the idea: Jukka Jylänki, "A Thousand Ways to Pack the Bin" (2010), MaxRects. The list of free rectangles is an
array, so that each step is a few operations on all of them. Nothing is rotated: engines draw what they find.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenku.base.errors import UsageError
from tenku.studio.sprites.atlas import Rect

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
"""(4, n): left, top, right and bottom of rectangles."""
NOWHERE = np.iinfo(np.int64).max

WIDTHS = 7
"""How many widths of a page are tried."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """Something to be placed; equal names would make the order depend on chance."""

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class Packed:
    """Where each box is, by its name, and how large the pages are."""

    places: dict[str, tuple[int, Rect]]
    """Page and rectangle."""
    sizes: Sequence[tuple[int, int]]


def pack(boxes: Sequence[Box], *, most: int, gap: int = 0, power_of_two: bool = False) -> Packed:
    """Place all boxes on as few and as small pages as this method finds; the order given does not matter.

    Args:
        most: width and height of a page at most.
        gap: pixels that stay free between two boxes.
        power_of_two: widths and heights are powers of two.

    Raises:
        UsageError: a box is larger than a page.
    """
    most = _power_below(most) if power_of_two else most
    for box in boxes:
        if max(box.width, box.height) > most:
            raise UsageError(
                f"{box.name} takes {box.width}x{box.height} pixels, more than a page of {most}x{most}.",
                hint="Give a larger --size, or make it smaller.",
            )
    left = sorted(boxes, key=lambda box: (-box.height, -box.width, box.name))
    places: dict[str, tuple[int, Rect]] = {}
    sizes: list[tuple[int, int]] = []
    while left:
        width, height, placed = _one_page(left, most=most, gap=gap, power_of_two=power_of_two)
        places |= {name: (len(sizes), rect) for name, rect in placed.items()}
        sizes.append((width, height))
        left = [box for box in left if box.name not in placed]
    return Packed(places, sizes)


def _one_page(left: Sequence[Box], *, most: int, gap: int, power_of_two: bool) -> tuple[int, int, dict[str, Rect]]:
    """The smallest page that holds all; else a full one with what fits on it."""
    best: tuple[tuple[int, int], int, int, dict[str, Rect]] | None = None
    for limit in _widths(left, most=most, gap=gap, power_of_two=power_of_two):
        placed = _fill(left, limit, most, gap)
        if len(placed) < len(left):
            continue
        width, height = _extent(placed)
        if power_of_two:
            width, height = _power_above(width), _power_above(height)
        rank = (width * height, max(width, height))
        if max(width, height) <= most and (best is None or rank < best[0]):
            best = rank, width, height, placed
    if best is not None:
        return best[1:]
    placed = _fill(left, most, most, gap)
    width, height = (most, most) if power_of_two else _extent(placed)
    return width, height, placed


def _widths(left: Sequence[Box], *, most: int, gap: int, power_of_two: bool) -> Iterator[int]:
    """Widths to try: around the square that would hold them without a gap."""
    widest = max(box.width for box in left)
    square = math.sqrt(sum((box.width + gap) * (box.height + gap) for box in left))
    if power_of_two:
        first = _power_above(max(widest, math.ceil(square / 2)))
        yield from (width for width in (first, first * 2, first * 4) if width <= most)
        return
    tried = set()
    for step in range(WIDTHS):
        width = min(most, max(widest, math.ceil(square * (0.96 + 0.04 * step))))
        if width not in tried:
            tried.add(width)
            yield width


def _fill(boxes: Sequence[Box], width: int, height: int, gap: int) -> dict[str, Rect]:
    """Place boxes one after the other into one page; those that do not fit are left out."""
    # Every box takes its gap along to the right and below; beyond the page's edge nothing is needed.
    free: Ints = np.array([[0], [0], [width + gap], [height + gap]], dtype=np.int64)
    placed: dict[str, Rect] = {}
    for box in boxes:
        spot = _lowest(free, box.width + gap, box.height + gap)
        if spot is None:
            continue
        x, y = spot
        placed[box.name] = Rect(x, y, box.width, box.height)
        free = _without(free, x, y, x + box.width + gap, y + box.height + gap)
    return placed


def _lowest(free: Ints, width: int, height: int) -> tuple[int, int] | None:
    """The upper left corner where a box's lower edge is highest up; of several the leftmost."""
    left, top, right, bottom = free
    low = top + height
    # One number to compare by: no page is wider than 2^20.
    rank = np.where((right - left >= width) & (bottom >= low), (low << 20) + left, NOWHERE)
    best = int(rank.argmin())
    return None if rank[best] == NOWHERE else (int(left[best]), int(top[best]))


def _without(free: Ints, left: int, top: int, right: int, bottom: int) -> Ints:
    """The free rectangles after one was taken; none of them lies within another."""
    hit = (free[0] < right) & (free[2] > left) & (free[1] < bottom) & (free[3] > top)
    rest, cut = free[:, ~hit], free[:, hit]
    parts = np.tile(cut, 4)
    count = cut.shape[1]
    for number, (side, edge) in enumerate(((2, left), (0, right), (3, top), (1, bottom))):
        parts[side, number * count : (number + 1) * count] = edge
    new = parts[:, (parts[2] > parts[0]) & (parts[3] > parts[1])]
    # What was not hit stays maximal; only the new parts can lie within others, or be there twice.
    others = _within(new, new)
    np.fill_diagonal(others, False)
    others &= ~(others.T & np.tri(len(others), k=-1, dtype=np.bool_).T)
    return np.concatenate([rest, new[:, ~(others.any(axis=1) | _within(new, rest).any(axis=1))]], axis=1)


def _within(ones: Ints, others: Ints) -> Mask:
    """For each of `ones`, which of `others` it lies within."""
    inside: Mask = (ones[0][:, None] >= others[0]) & (ones[1][:, None] >= others[1])
    inside &= (ones[2][:, None] <= others[2]) & (ones[3][:, None] <= others[3])
    return inside


def _extent(placed: dict[str, Rect]) -> tuple[int, int]:
    return max(rect.right for rect in placed.values()), max(rect.bottom for rect in placed.values())


def _power_above(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()


def _power_below(number: int) -> int:
    return 1 << (number.bit_length() - 1)
