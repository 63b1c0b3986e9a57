"""Checks an installed folder against its manifest: quick where nothing was touched, every byte on request."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tenku.content.compare import Compared, Finding, Stamp, compare, stamp_of_found
from tenku.content.model import Chunk, Entry, Kind, Release
from tenku.content.ports import Progress
from tenku.content.scan import Found, scan
from tenku.content.sources import bad_chunks
from tenku.content.state import InstalledFolder

AHEAD = 16


@dataclass(frozen=True)
class Checked:
    """One path of the folder, and what is wrong with it."""

    compared: Compared
    parts: tuple[Entry, ...] = ()
    """Of a file of the build, every part."""
    bad: tuple[Chunk, ...] = ()
    """Its chunks that are not on the disk as they should be."""

    @property
    def finding(self) -> Finding:
        """As `compare` found it; a touched file whose bytes are right is the same."""
        if self.compared.finding in (Finding.TOUCHED, Finding.SAME) and self.parts:
            return Finding.CHANGED if self.bad else Finding.SAME
        return self.compared.finding

    @property
    def path(self) -> str:
        """The path that was checked."""
        return self.compared.path


def check_folder(
    folder: InstalledFolder,
    release: Release,
    *,
    thorough: bool,
    progress: Progress,
    is_whole: Callable[[str, Stamp], bool] = lambda _, __: False,
) -> Iterator[Checked]:
    """Every path that is in the build, or in the folder, or in both, in order.

    Args:
        thorough: read all bytes; else those of files whose status is not that of their installation.
        is_whole: says of a file with this status that it was read a moment ago, and was right.

    Raises:
        FolderError: the folder's manifest is damaged, or the folder cannot be read.
    """
    parts = _Parts()
    build = parts.whole(folder.stamped(release))
    disk = _tolerant(folder.folder)
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="tenku-check") as pool:
        waiting: deque[tuple[Compared, tuple[Entry, ...], Future[list[Chunk]] | None]] = deque()
        for compared in compare(build, disk):
            mine = parts.take(compared)
            read = compared.finding is Finding.TOUCHED or (thorough and compared.finding is Finding.SAME)
            if compared.found is not None and is_whole(compared.path, stamp_of_found(compared.found)):
                read = False
            future = pool.submit(_bad, folder.folder, mine) if read and mine else None
            waiting.append((compared, mine, future))
            if len(waiting) >= AHEAD:
                yield _checked(*waiting.popleft(), progress)
        for each in waiting:
            yield _checked(*each, progress)


class _Parts:
    """Hands whole files to `compare` and remembers their parts until it has judged them."""

    def __init__(self) -> None:
        self._parts: list[Entry] = []
        self._ready: deque[tuple[str, tuple[Entry, ...]]] = deque()

    def whole(self, entries: Iterator[tuple[Entry, Stamp | None]]) -> Iterator[tuple[Entry, Stamp | None]]:
        for entry, stamp in entries:
            self._parts.append(entry)
            if entry.last:
                self._ready.append((entry.path, tuple(self._parts)))
                self._parts = []
                yield entry, stamp

    def take(self, compared: Compared) -> tuple[Entry, ...]:
        if compared.entry is None:
            return ()
        path, parts = self._ready.popleft()
        assert path == compared.entry.path
        return parts if compared.entry.kind is Kind.FILE else ()


def _tolerant(folder: Path) -> Iterator[Found]:
    """What lies in a folder that people use: a socket that a game left there is none of our business."""
    return scan(folder, skip_special=True)


def _bad(folder: Path, parts: tuple[Entry, ...]) -> list[Chunk]:
    return [chunk for part in parts for chunk in bad_chunks(f"{folder}/{part.path}", part)]


def _checked(
    compared: Compared, parts: tuple[Entry, ...], future: "Future[list[Chunk]] | None", progress: Progress
) -> Checked:
    bad = tuple(future.result()) if future else ()
    progress.advance(compared.entry.size if compared.entry else 0)
    return Checked(compared, parts, bad)
