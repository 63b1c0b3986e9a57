"""Plans a pull: what is here already, what has to be put together, how many bytes that takes."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tenku.base.errors import FolderError
from tenku.content.files import writing_failed
from tenku.content.model import Entry, Kind, Release
from tenku.content.page import decode_page
from tenku.content.ports import Progress
from tenku.content.source import Manifest, Source
from tenku.content.sources import Seen, SourceFinder
from tenku.content.state import InstalledFolder
from tenku.content.worklist import WorkList


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a pull would do. Bytes, files and seconds."""

    channel: str
    version: str
    release: str
    files: int
    """Of the build."""
    size: int
    """Of the build, in bytes."""
    unchanged: int
    """Files that are on this machine whole."""
    fetch: int
    """Bytes to fetch for files; deltas may still make them fewer."""
    write: int
    """Bytes of files that have to be put together."""
    disk: int
    """Bytes of disk needed besides what is there."""
    free: int
    seconds: float
    """For the fetching, at `rate`."""
    rate: float
    """Bytes a second: the limit, what was seen while fetching the manifest, or 12.5 million."""
    mine: Sequence[str] = ()
    """Paths that the user changed or added."""


class Planner:
    """Fills a work list for one release.

    Args:
        records: the folder where the release's pages are written, `.tenku` of the staged build.
    """

    def __init__(self, work: WorkList, release: Release, records: Path, *, progress: Progress) -> None:
        self._work = work
        self._release = release
        self._records = records
        self._progress = progress
        self.unchanged = 0
        self.seen: Seen | None = None
        """What was seen of the installed version."""
        self.own_root: int | None = None
        """The installed version's number in the work list, where its chunks can be used."""

    def find_sources(
        self,
        own: InstalledFolder | None,
        seeds: Sequence[Path],
        *,
        others: Sequence[Path],
        adopt: Path | None,
        thorough: bool,
    ) -> None:
        """Look at what is on this machine: the version that is replaced, other installed builds, any other folders.

        Raises FolderError: the replaced version or a seed cannot be read.
        """
        finder = SourceFinder(self._work, thorough=thorough)
        profile = self._release.profile
        if own is not None and own.release(own.read()).profile == profile:
            self.own_root = finder.add_installed(own, own.release(own.read()), own=True)
        elif own is not None or adopt is not None:
            self.own_root = finder.add_folder(own.folder if own else adopt or Path(), profile, own=True)
        for other in others:
            with suppress(FolderError):  # It only might have saved some bytes.
                release = InstalledFolder(other).release(InstalledFolder(other).read())
                if release.profile == profile:
                    finder.add_installed(InstalledFolder(other), release, own=False)
        self.seen = finder.seen
        for seed in seeds:
            folder = InstalledFolder(seed)
            if folder.exists() and folder.release(folder.read()).profile == profile:
                finder.add_installed(folder, folder.release(folder.read()), own=False)
            else:
                finder.add_folder(seed, profile, own=False)

    async def read_manifest(self, source: Source) -> None:
        """Go through the release's pages and note what every file needs. Raises StoreError, PathError."""
        pages = self._records / "pages"
        pages.mkdir(parents=True, exist_ok=True)
        manifest = Manifest(self._release)
        file = 0
        self._progress.phase("manifest", total=sum(ref.size for ref in self._release.pages))
        async for page in source.pages(self._release.pages):
            manifest.check(page.entries)
            try:
                (pages / page.ref.hash.hex()).write_bytes(page.data)
            except OSError as error:
                raise writing_failed(self._records, error) from error
            file = self._add(page.entries, file)
            self._progress.advance(page.ref.size)
        manifest.finish()
        self._work.finish_plan()

    def _add(self, entries: Sequence[Entry], file: int) -> int:
        """`file` is the number of the one whose parts go on in this page; the one that goes on in the next."""
        files = [entry for entry in entries if entry.kind is Kind.FILE and entry.size]
        same = self._work.stock.same([entry.hash for entry in files if entry.last])
        make = []
        for entry in files:
            whole = same.get(entry.hash) if entry.last else None
            if whole is None:
                make.append(entry)
                continue
            self.unchanged += 1
            self._work.stock.add_same(entry.path, whole, mode=entry.mode)
            if entry.start:
                self._work.forget_file(file)
        numbers = iter(self._work.add_files([entry for entry in make if entry.start == 0]))
        needs = []
        for entry in make:
            file = next(numbers) if entry.start == 0 else file
            needs.append((file, entry))
        self._work.add_needs(needs)
        return file


def free_bytes(folder: Path) -> int:
    """Free disk where a folder is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def staged_entries(records: Path, release: Release) -> Iterator[Entry]:
    """The entries that `read_manifest` wrote down."""
    for ref in release.pages:
        yield from decode_page((records / "pages" / ref.hash.hex()).read_bytes())
