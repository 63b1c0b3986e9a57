"""Finds what this machine has already: the installed version, other installed games, any other folder."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from stat import S_ISREG

from tenku.content.chunkindex import ChunkIndex
from tenku.content.compare import Stamp, stamp_of_found
from tenku.content.files import Reader
from tenku.content.hashes import FileHasher, hash_bytes
from tenku.content.model import Chunk, Entry, Hash, Kind, Release
from tenku.content.reading import FolderReader
from tenku.content.scan import scan
from tenku.content.state import InstalledFolder
from tenku.content.stock import StockFile
from tenku.content.worklist import WorkList

BATCH = 1000
"""Files that are written down at once."""
JOB_FILES = 64
JOB_BYTES = 8 * 2**20
AHEAD = 8
"""Jobs of so many files or bytes that are done before they are needed."""

Places = list[tuple[Hash, int]]
"""Chunks of a file by their name, and where in it they are."""


class SourceFinder:
    """Tells a work list which chunks and whole files lie in folders of this machine.

    Args:
        thorough: read every byte of an installed folder, too, instead of believing that what has the status of its
            installation is what it was.
    """

    def __init__(self, work: WorkList, *, thorough: bool) -> None:
        self._work = work
        self._thorough = thorough
        self.seen: Seen | None = None
        """What was seen of the version that is replaced, if Tenku brought it."""

    def add_installed(self, folder: InstalledFolder, release: Release, *, own: bool) -> int:
        """A folder that Tenku brought; its number in the list. Raises FolderError: its manifest is damaged.

        Args:
            own: it is the one that is replaced, so that whole files of it may be used as they are. Of others every
                chunk is read and checked when it is taken, as they may change at any time.
        """
        stock = self._work.stock
        root = stock.add_root(folder.folder)
        seen = Seen()
        files: list[StockFile] = []
        places: Places = []
        whole = True
        for entry, now, found in self._checked(folder.folder, seen.files_of(folder, release)):
            if entry.start == 0:
                places, whole = [], own
            places += found
            whole = whole and len(found) == len(entry.chunks)
            if entry.last:
                # Appended bytes leave all chunks as they were.
                whole = whole and now is not None and now.size == entry.size
                seen.all_whole = seen.all_whole and whole
                files.append(StockFile(entry.path, entry.hash if whole else Hash(b""), now, places))
            if len(files) >= BATCH:
                stock.add_files(root, files)
                files = []
        stock.add_files(root, files)
        if own:
            self.seen = seen
        return root

    def add_folder(self, folder: Path, profile: str, *, own: bool) -> int:
        """Any other folder, all of which is read; its number in the list. `own`: see `add_installed`."""
        stock = self._work.stock
        root = stock.add_root(folder)
        places: Places = []
        hasher = FileHasher()
        with ChunkIndex() as nothing:
            reader = FolderReader(folder, profile, nothing, compress=False)
            for parts in reader.read(found for found in scan(folder) if found.kind is Kind.FILE):
                files = []
                for part in parts:
                    if part.start == 0:
                        places, hasher = [], FileHasher()
                    at = part.start
                    for chunk in part.chunks:
                        hasher.add(chunk.hash)
                        places.append((chunk.hash, at))
                        at += chunk.length
                    if part.last:
                        name = hasher.digest() if own else Hash(b"")
                        files.append(StockFile(part.found.path, name, stamp_of_found(part.found), places))
                stock.add_files(root, files)
        return root

    def _checked(
        self, folder: Path, entries: Iterator[tuple[Entry, Stamp | None]]
    ) -> Iterator[tuple[Entry, Stamp | None, "Places"]]:
        """Each file, or part of one, with its status now and the chunks that are there."""
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="tenku-check") as pool:
            waiting: deque[Future[list[tuple[Entry, Stamp | None, Places]]]] = deque()
            for some in _jobs(entries):
                waiting.append(pool.submit(self._check, folder, some))
                if len(waiting) >= AHEAD:
                    yield from waiting.popleft().result()
            for future in waiting:
                yield from future.result()

    def _check(
        self, folder: Path, entries: list[tuple[Entry, Stamp | None]]
    ) -> list[tuple[Entry, Stamp | None, "Places"]]:
        found = []
        for entry, stamp in entries:
            path = f"{folder}/{entry.path}"
            now = stamp_of(path)
            believed = not self._thorough and now is not None and now == stamp
            found.append((entry, now, _all(entry) if believed else good_chunks(path, entry)))
        return found


class Seen:
    """What an installed folder is beside its manifest, as far as files, links and empty folders of the build tell."""

    def __init__(self) -> None:
        self.all_whole = True
        """Whether everything in the build is in the folder as it should be."""
        self.entries = 0
        """Files and links of the build."""
        self.empty = 0
        """Empty folders of the build."""

    def files_of(self, folder: InstalledFolder, release: Release) -> Iterator[tuple[Entry, Stamp | None]]:
        """The files of the manifest; the rest is looked at and counted on the way."""
        for entry, stamp in folder.stamped(release):
            self.entries += entry.last and entry.kind is not Kind.FOLDER
            self.empty += entry.kind is Kind.FOLDER
            if entry.kind is Kind.FILE:
                yield entry, stamp
            elif entry.kind is Kind.LINK:
                self.all_whole = self.all_whole and _link_target(f"{folder.folder}/{entry.path}") == entry.target


def _link_target(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115 - as it is written
    except OSError:
        return None


def _jobs(entries: Iterator[tuple[Entry, Stamp | None]]) -> Iterator[list[tuple[Entry, Stamp | None]]]:
    """Entries in lists that are worth a thread's while."""
    some: list[tuple[Entry, Stamp | None]] = []
    size = 0
    for each in entries:
        some.append(each)
        size += sum(chunk.length for chunk in each[0].chunks)
        if len(some) >= JOB_FILES or size >= JOB_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def stamp_of(path: str) -> Stamp | None:
    """What the system says of a file; None where there is no file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino) if S_ISREG(status.st_mode) else None


def good_chunks(path: str, entry: Entry) -> Places:
    """The chunks of a file, or of a part of it, that are on the disk as they should be, with their offsets."""
    good, at = [], entry.start
    with Reader() as reader:
        for chunk in entry.chunks:
            data = reader.read(path, at, chunk.length)
            if data is not None and hash_bytes(data) == chunk.hash:
                good.append((chunk.hash, at))
            at += chunk.length
    return good


def bad_chunks(path: str, entry: Entry) -> list[Chunk]:
    """The others."""
    good = {at for _, at in good_chunks(path, entry)}
    bad, at = [], entry.start
    for chunk in entry.chunks:
        if at not in good:
            bad.append(chunk)
        at += chunk.length
    return bad


def _all(entry: Entry) -> Places:
    rows, at = [], entry.start
    for chunk in entry.chunks:
        rows.append((chunk.hash, at))
        at += chunk.length
    return rows
