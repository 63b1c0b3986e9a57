"""What is on the disk beside what a build says: the same, changed, missing or added, path by path."""

import enum
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from tenku.content.model import Entry, Kind
from tenku.content.scan import Found


class Finding(enum.Enum):
    """How a path on the disk stands to the build."""

    SAME = "same"  # nothing was touched since it was installed, as far as its status tells
    TOUCHED = "touched"  # a file whose status is another; its bytes may still be the same
    CHANGED = "changed"  # certainly something else
    MISSING = "missing"  # the build has it, the disk does not
    ADDED = "added"  # the disk has it, the build does not


class Stamp(NamedTuple):
    """What the system said of a file when it was installed: who changes a file changes this."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One path. `entry` is None for what was added, `found` for what is missing."""

    finding: Finding
    entry: Entry | None
    found: Found | None
    stamp: Stamp | None = None

    @property
    def path(self) -> str:
        """The path that is compared."""
        return self.entry.path if self.entry else self.found.path if self.found else ""


def compare(build: Iterable[tuple[Entry, Stamp | None]], disk: Iterable[Found]) -> Iterator[Compared]:
    """Walk both, which are in the order of their paths' bytes; a file in parts comes once, as its last part.

    A build's empty folder is the same when the disk has anything in it; what is in it counts as added.
    """
    founds = _Ahead(iter(disk))
    for entry, stamp in build:
        key = entry.path.encode()
        while (found := founds.first()) is not None and _key(found) < key:
            yield Compared(Finding.ADDED, None, founds.take())
        if found is not None and _key(found) == key:
            yield Compared(_judge(entry, stamp, found), entry, founds.take(), stamp)
        elif entry.kind is Kind.FOLDER and founds.has_below(key + b"/"):
            yield Compared(Finding.SAME, entry, None)
        else:
            yield Compared(Finding.MISSING, entry, None)
    while founds.first() is not None:
        yield Compared(Finding.ADDED, None, founds.take())


class _Ahead:
    """What lies on the disk, with a look ahead."""

    def __init__(self, founds: Iterator[Found]) -> None:
        self._founds = founds
        self._seen: deque[Found] = deque()

    def first(self) -> Found | None:
        """The next one; it stays."""
        return self._seen[0] if self._seen or self._read() else None

    def take(self) -> Found:
        """The next one; there is one."""
        return self._seen.popleft()

    def has_below(self, prefix: bytes) -> bool:
        """Whether a path begins so. Between a folder and what lies in it may be others: `a.txt` is before `a/b`."""
        return any(_key(found).startswith(prefix) for found in self._until(prefix))

    def _until(self, prefix: bytes) -> Iterator[Found]:
        """Those up to the first one that does not come before these paths."""
        for number in count():
            if number == len(self._seen) and not self._read():
                return
            yield self._seen[number]
            if _key(self._seen[number]) >= prefix:
                return

    def _read(self) -> bool:
        found = next(self._founds, None)
        if found is not None:
            self._seen.append(found)
        return found is not None


def stamp_of_found(found: Found) -> Stamp:
    """The status that a scan saw."""
    return Stamp(found.size, found.mtime_ns, found.inode)


def _key(found: Found) -> bytes:
    return found.path.encode("utf-8", "surrogateescape")


def _judge(entry: Entry, stamp: Stamp | None, found: Found) -> Finding:
    if entry.kind is not found.kind or entry.target != found.target:
        return Finding.CHANGED
    if entry.kind is not Kind.FILE:
        return Finding.SAME
    if entry.size != found.size or (entry.mode ^ found.mode) & 0o100:
        return Finding.CHANGED
    return Finding.SAME if stamp == stamp_of_found(found) else Finding.TOUCHED
