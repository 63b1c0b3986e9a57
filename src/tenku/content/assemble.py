"""Makes a staged folder into the whole build: unchanged files, empty ones, folders, links, and its own records."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tenku.base.errors import FolderError
from tenku.content.compare import Stamp
from tenku.content.files import writing_failed
from tenku.content.model import Entry, Kind
from tenku.content.sources import stamp_of
from tenku.content.state import StampWriter
from tenku.content.worklist import WorkList

Known = Callable[[str], Stamp | None]

FICLONE = 0x40049409
"""The ioctl of Linux that lets two files share their blocks until one is written to."""


class Assembler:
    """Works below `folder`, which nobody else sees yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: set[str] = set()

    def make_parents(self, paths: Iterable[str]) -> None:
        """Make the folders that these paths lie in, and no folder at the paths themselves. Raises FolderError."""
        for path in paths:
            try:
                self._make_folder(path.rpartition("/")[0])
                if os.path.isdir(f"{self._folder}/{path}"):  # noqa: PTH112
                    _make_way(self._folder / path)
            except OSError as error:
                raise writing_failed(self._folder, error) from error

    def _make_folder(self, path: str) -> None:
        """Raises OSError."""
        if not path or path in self._made:
            return
        self._make_folder(path.rpartition("/")[0])
        place = self._folder / path
        if place.is_symlink() or not place.is_dir():
            _make_way(place)
            place.mkdir()
        self._made.add(path)

    def finish_files(self, files: Iterable[tuple[str, int, int]]) -> None:
        """Give files that were put together their size and mode; a killed pull may have left longer ones."""
        for path, size, mode in files:
            place = f"{self._folder}/{path}"
            try:
                status = os.lstat(place)
                if status.st_size != size:
                    os.truncate(place, size)
                if (status.st_mode ^ mode) & 0o100:
                    os.chmod(place, mode)  # noqa: PTH101
            except OSError as error:
                raise writing_failed(self._folder, error) from error

    def remove(self, paths: Iterable[str]) -> None:
        """Remove what is no part of the build, and the folders that are empty then. Raises FolderError."""
        for path in list(paths):
            try:
                _make_way(self._folder / path)
                while (path := path.rpartition("/")[0]) and path not in self._made:
                    (self._folder / path).rmdir()
            except OSError as error:
                if error.errno == errno.ENOTEMPTY:
                    continue
                raise writing_failed(self._folder, error) from error

    def add_same(self, work: WorkList, folder: Path) -> None:
        """Link the files of the folder that is replaced, and are whole there: their other name soon goes.

        Raises:
            FolderError: one changed meanwhile, or cannot be written.
        """
        for path, same, mode in work.stock.all_same():
            self.make_parents([path])
            self.bring(folder / same.path, self._folder / path, mode=mode, stamp=same.stamp)

    def add_others(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Make what has no bytes: empty files, empty folders, symbolic links. Raises FolderError.

        Gives the entries on, as reading them takes long where they are many; all of them have to be taken.
        """
        links = []
        for entry in entries:
            try:
                if entry.kind is Kind.FOLDER:
                    self._make_folder(entry.path)
                elif entry.kind is Kind.LINK:
                    links.append(entry)
                elif not entry.size:
                    self.make_parents([entry.path])
                    place = self._folder / entry.path
                    os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, entry.mode))
            except OSError as error:
                raise writing_failed(self._folder, error) from error
            yield entry
        # Last, so that nothing was ever written through one.
        for entry in links:
            self.make_parents([entry.path])
            make_link(self._folder / entry.path, entry.target)

    def write_stamps(self, entries: Iterable[Entry], path: Path, *, known: Known = lambda _: None) -> None:
        """Write down the status of every file of the build. Raises FolderError.

        Args:
            known: the status at which a file was checked; None: it was just made, and has the right one.
        """
        try:
            with StampWriter(path) as stamps:
                for entry in entries:
                    if entry.kind is Kind.FILE and entry.start == 0:
                        stamps.add(known(entry.path) or stamp_of(f"{self._folder}/{entry.path}"))
        except OSError as error:
            raise writing_failed(self._folder, error) from error

    def bring(self, source: Path, target: Path, *, mode: int, stamp: Stamp) -> None:
        """Bring one whole file that had this status when it was last looked at.

        Raises:
            FolderError: it changed since, or cannot be written.
        """
        try:
            target.unlink(missing_ok=True)
            copied = not self._link(source, target, mode=mode)
            if copied:
                copy_file(source, target, mode=mode)
            if stamp_of(str(source if copied else target)) != stamp:
                raise FolderError(f"{source} changed while it was used.", hint="Try again.")
        except FileNotFoundError as error:
            raise FolderError(f"{source} went away while it was used.", hint="Try again.") from error
        except OSError as error:
            raise writing_failed(self._folder, error) from error

    def _link(self, source: Path, target: Path, *, mode: int) -> bool:
        """Whether a hard link does: the file has the right mode, and this file system has links."""
        if (source.lstat().st_mode ^ mode) & 0o100:
            return False
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            return False
        return True


def _make_way(place: Path) -> None:
    """Remove what a killed pull of another release left where something else belongs. Raises OSError."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def make_link(path: Path, target: str) -> None:
    """Make a symbolic link, over one that is there. Raises FolderError."""
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        path.symlink_to(target)
    except OSError as error:
        raise writing_failed(path.parent, error) from error


def copy_file(source: Path, target: Path, *, mode: int) -> None:
    """Copy a file's bytes; both share their blocks where the file system can do that."""
    with source.open("rb") as old, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as new:
        try:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 2**20)
