"""Decides which bytes of the old build are most like a stretch of new ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tenku.content.delta import limits
from tenku.content.model import Hash

_MARGIN = 16 << 10
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of the new build, or a part of one that is too large for one page of the manifest."""

    path: str
    size: int
    """Of the whole file, in bytes."""
    chunks: Sequence[tuple[Hash, int]]
    """Hash and length, in order, from byte `start` of the file."""
    start: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of the old build."""

    path: str
    offset: int


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a file of the old build."""

    path: str
    offset: int
    length: int


class OldTree(Protocol):
    """What the publisher knows about the old build; answers from a table on disk, as builds are large."""

    def find(self, hash: Hash) -> Place | None:
        """Where a chunk begins, at one of its places."""

    def size(self, path: str) -> int | None:
        """A file's size in bytes; None: there is no such file."""

    def named(self, key: str) -> Sequence[str]:
        """Up to 64 paths of files whose `name_key` this is."""


@dataclass(frozen=True, slots=True)
class Span:
    """The old bytes that a whole stretch took the place of, as far as its neighbours tell."""

    path: str
    start: int
    stop: int
    size: int
    """Of the old file, in bytes."""
    sides: int
    """How many of the two ends are known for certain: 0, 1 or 2."""


def name_key(path: str) -> str:
    """What files keep from version to version: the name in small letters, each number as `#`."""
    return _DIGITS.sub("#", path.rpartition("/")[2].lower())


def span_of(
    file: NewFile, old: OldTree, *, offset: int, length: int, before: Place | None, after: Place | None
) -> Span | None:
    """The old bytes that a stretch of `length` bytes at `offset` took the place of; None: nothing is like it.

    `before` is the old byte after the known chunk before the stretch, `after` the one where the known chunk after
    it begins.
    """
    path = _counterpart(file.path, old, before, after)
    size = old.size(path) if path is not None else None
    if path is None or not size:
        return None
    head = before.offset if before is not None and before.path == path else None
    tail = after.offset if after is not None and after.path == path else None
    if head is not None and tail is not None and not 0 <= tail - head <= 4 * length + limits.REGION // 4:
        tail = None  # the neighbours came from far apart: one of them is chance
    sides = (head is not None) + (tail is not None)
    if head is None and tail is None:
        whole = max(file.size, 1)
        return Span(path, offset * size // whole, (offset + length) * size // whole, size, sides)
    if head is None:
        assert tail is not None
        # The file's begin is as good as a neighbour where the stretch begins there.
        head = 0 if offset == 0 and tail <= 4 * length else max(0, tail - length)
    elif tail is None:
        at_end = offset + length == file.size and size - head <= 4 * length
        tail = size if at_end else min(size, head + length)
    return Span(path, min(head, size), min(tail, size), size, sides)


def region_of(span: Span, *, begin: int, end: int, total: int) -> Region | None:
    """The part of a span, and some bytes around, for bytes `begin` to `end` of its stretch of `total` bytes."""
    gap = span.stop - span.start
    piece = end - begin
    # What was inserted or deleted may lie anywhere in the stretch, so a piece may have moved by that much. Without
    # known neighbours at both ends the place is a guess: look further.
    slack = min(abs(gap - total), 2 * piece) + _MARGIN + (piece // 2 if span.sides < 2 else 0)
    low = max(0, span.start + begin * gap // total - slack)
    high = min(span.size, span.start + end * gap // total + slack)
    if high - low > limits.REGION:
        low = min(max(low, (low + high - limits.REGION) // 2), span.size - limits.REGION)
        high = low + limits.REGION
    return Region(span.path, low, high - low) if high > low else None


def _counterpart(path: str, old: OldTree, before: Place | None, after: Place | None) -> str | None:
    """The old file to look in: where the neighbours came from, else the same path, else the likest one."""
    neighbours = [place.path for place in (before, after) if place is not None]
    if path in neighbours:
        return path
    if neighbours:
        return neighbours[0]
    if old.size(path):
        return path
    return max(old.named(name_key(path)), key=lambda candidate: _likeness(path, candidate), default=None)


def _likeness(path: str, candidate: str) -> tuple[bool, int, str]:
    """Ranks old paths: the same name first, then by how many letters agree from both ends."""
    same_name = path.rpartition("/")[2] == candidate.rpartition("/")[2]
    return same_name, _common(path, candidate) + _common(path[::-1], candidate[::-1]), candidate


def _common(one: str, other: str) -> int:
    """How many letters two texts share from their begin."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
