"""Joins the wanted bytes of packs and deltas into few requests."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 8 * 2**20
"""Bytes of one request."""
GAP = 48 * 1024
"""Bytes that nobody wants are fetched along where that saves a request: fewer than a round trip is worth."""
WASTE = 0.03
FREE = 128 * 1024
"""But over all no more than this share of what is wanted, and so many bytes."""


@dataclass(frozen=True, slots=True)
class Wanted(Generic[T]):
    """Bytes of an object that somebody wants, and for what."""

    key: str
    start: int
    length: int
    item: T


@dataclass(frozen=True, slots=True)
class Range(Generic[T]):
    """One request: bytes of an object, and the wanted ones in it."""

    key: str
    start: int
    length: int
    parts: tuple[Wanted[T], ...]


def join(wanted: Iterable[Wanted[T]], *, most: int = MOST, gap: int = GAP) -> Iterator[Range[T]]:
    """The requests for what is wanted, which comes sorted by key and start and does not overlap.

    A request has at most `most` bytes, unless a single wanted piece has more.
    """
    parts: list[Wanted[T]] = []
    useful = wasted = 0
    for each in wanted:
        useful += each.length
        if parts:
            space = each.start - parts[-1].start - parts[-1].length
            room = min(gap, WASTE * useful + FREE - wasted)
            if each.key != parts[0].key or space > room or each.start + each.length - parts[0].start > most:
                yield _range(parts)
                parts = []
            else:
                wasted += space
        parts.append(each)
    if parts:
        yield _range(parts)


def _range(parts: list[Wanted[T]]) -> Range[T]:
    first, last = parts[0], parts[-1]
    return Range(first.key, first.start, last.start + last.length - first.start, tuple(parts))
