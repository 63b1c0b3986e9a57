"""What an engine has to know again after a crash, like a task that is paid for elsewhere. One small file each."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tenku.base.errors import FolderError, JobError
from tenku.content.wholefile import write_whole

OLD_S = 24 * 3600.0
"""No vendor keeps a task for longer: an older note is none."""
_NAME = re.compile(r"[0-9a-f]{64}")


class FolderNotes:
    """Implements `Notes` in a folder, which several processes may share.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, root: Path, *, now: Callable[[], float]) -> None:
        self._root = root
        self._now = now

    def find(self, name: str) -> str:
        """See `Notes`."""
        try:
            path = self._path(name)
            return path.read_text("utf-8") if self._is_young(path) else ""
        except OSError:
            return ""

    def keep(self, name: str, text: str) -> None:
        """See `Notes`."""
        path = self._path(name)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, text.encode(), mode=0o600)
        except (OSError, FolderError) as error:
            raise JobError(f"A note cannot be kept in {self._root}: {error}", hint="Free space.") from error
        self._sweep()

    def drop(self, name: str) -> None:
        """See `Notes`."""
        with suppress(OSError):
            self._path(name).unlink(missing_ok=True)

    def _sweep(self) -> None:
        for path in self._root.glob("*"):
            with suppress(OSError):
                if not self._is_young(path):
                    path.unlink()

    def _is_young(self, path: Path) -> bool:
        return self._now() - path.stat().st_mtime < OLD_S

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise JobError(f"{name[:80]!r} is no name of a note.")
        return self._root / name


class MemoryNotes:
    """Implements `Notes` where nothing outlives the process."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def find(self, name: str) -> str:
        """See `Notes`."""
        return self._texts.get(name, "")

    def keep(self, name: str, text: str) -> None:
        """See `Notes`."""
        self._texts[name] = text

    def drop(self, name: str) -> None:
        """See `Notes`."""
        self._texts.pop(name, None)
