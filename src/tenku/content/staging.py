"""The folder beside a game's folder in which its next version is made: `.NAME.tenku`.

lock      held by the one pull that works there
work.db   the work list and journal
new/      the version that is made; after the switch for a moment the old one
ready     the mark of the version in `new/`, once it is whole
old/      the version that was replaced, until it is removed
"""

import fcntl
import os
import secrets
import shutil
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from types import TracebackType
from typing import Self

from tenku.base.errors import FolderError
from tenku.content.files import writing_failed
from tenku.content.paths import OWN_FOLDER
from tenku.content.switch import exchange, sync_file_system, sync_folder

KEPT = f"{OWN_FOLDER}/kept"
"""Where in a folder the user's files go that would be in the way of a new version, by the old version's name."""
MARK = "mark"
"""In `.tenku/` of every version that was made: random, so that a folder tells which one it is."""


class Staging:
    """Used by one process at a time. Closing it keeps what was made, unless `clear` was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside = folder.parent / f".{folder.name}.tenku"
        self.new = self.beside / "new"
        self.old = self.beside / "old"
        self._ready = self.beside / "ready"

    @property
    def is_left(self) -> bool:
        """Whether a killed pull left something to go on with, or to clear away."""
        return self.beside.exists()

    @property
    def records(self) -> Path:
        """The new version's `.tenku`."""
        return self.new / OWN_FOLDER

    def __enter__(self) -> Self:
        try:
            self.beside.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.beside / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise writing_failed(self.folder.parent, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FolderError(
                f"Another pull is working on {self.folder}.", hint="Wait until it has ended, then try again."
            ) from error
        self._recover()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def prepare(self) -> bool:
        """Make the folder for the new version; whether a killed pull left something there. Raises FolderError."""
        try:
            left = self.new.exists()
            if left:
                self._unlink_shared()
            self.records.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing_failed(self.beside, error) from error
        return left

    def time_ns(self) -> int:
        """The time now, as the file system here dates files. Raises FolderError."""
        clock = self.beside / "clock"
        try:
            clock.unlink(missing_ok=True)
            clock.touch()
            return clock.stat().st_mtime_ns
        except OSError as error:
            raise writing_failed(self.beside, error) from error

    def switch(self) -> None:
        """Put the new version in the place of the old one; the old one is `old` from now on. Raises FolderError."""
        mark = secrets.token_hex(16)
        try:
            (self.records / MARK).write_text(mark, encoding="ascii")
            sync_file_system(self.new)
            self._ready.write_text(mark, encoding="ascii")
            sync_folder(self.beside)
            self._replace()
        except OSError as error:
            raise writing_failed(self.folder.parent, error) from error

    def keep_kept(self) -> None:
        """Bring files of the user that earlier updates moved out of the way. Raises FolderError."""
        before, now = self.old / KEPT, self.folder / KEPT
        try:
            for folder in sorted(before.iterdir()) if before.is_dir() else ():
                target = now / folder.name
                while target.exists():
                    target = target.with_name(f"{target.name}+")
                now.mkdir(parents=True, exist_ok=True)
                folder.rename(target)
        except OSError as error:
            raise writing_failed(now, error) from error

    def remove_old(self) -> None:
        """Remove the replaced version; what cannot be removed is tried again next time."""
        shutil.rmtree(self.old, ignore_errors=True)

    def clear(self) -> None:
        """Remove everything here: the work is done."""
        shutil.rmtree(self.beside, ignore_errors=True)

    def _replace(self) -> None:
        if not self.folder.exists() or not any(self.folder.iterdir()):
            self.new.rename(self.folder)  # an empty folder is replaced as well
            sync_folder(self.folder.parent)
        elif exchange(self.new, self.folder):
            self.new.rename(self.old)
        else:
            # Two steps, on a file system that cannot do it in one; `_recover` ends what a kill between them left.
            self.folder.rename(self.old)
            self.new.rename(self.folder)
            sync_folder(self.folder.parent)

    def _recover(self) -> None:
        """End a switch that a kill interrupted."""
        mark = _read(self._ready)
        if not mark:
            return
        if _read(self.folder / OWN_FOLDER / MARK) == mark and self.new.exists():
            self.new.rename(self.old)
        elif not self.folder.exists() and self.old.exists() and _read(self.records / MARK) == mark:
            self.new.rename(self.folder)
        self._ready.unlink()

    def _unlink_shared(self) -> None:
        """Remove what must not be written through: links, and files whose bytes the installed version has, too."""
        for root, folders, names in os.walk(self.new):
            for name in (*names, *folders):  # a link to a folder counts as a folder
                path = os.path.join(root, name)  # noqa: PTH118 - a Path for each of many files takes longer
                status = os.lstat(path)
                if S_ISLNK(status.st_mode) or (S_ISREG(status.st_mode) and status.st_nlink > 1):
                    os.unlink(path)  # noqa: PTH108


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
