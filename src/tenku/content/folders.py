"""Remembers which folders this user's builds were brought to: what they hold need not be fetched for another one."""

import json
from pathlib import Path

from tenku.base.errors import FolderError
from tenku.content.state import InstalledFolder
from tenku.content.wholefile import write_whole

MOST = 200
"""Folders that are remembered; the oldest are forgotten first."""
LOOKED_AT = 8
"""Folders that one pull looks at."""


class Folders:
    """A small file with the paths. Losing it loses nothing but some saved bytes, so a broken one is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, folder: Path) -> None:
        """A build was brought there."""
        paths = [path for path in self._read() if path != str(folder)]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, json.dumps([str(folder), *paths][:MOST], indent=0).encode() + b"\n")
        except (OSError, FolderError):
            return  # A home that cannot be written is no reason to fail: the build is where it should be.

    def others(self, folder: Path, game: str) -> list[Path]:
        """Folders that may hold some of the same files: those of the same game first."""
        found: list[tuple[bool, Path]] = []
        for path in map(Path, self._read()):
            if path == folder:
                continue
            try:
                found.append((InstalledFolder(path).read().channel.game != game, path))
            except FolderError:
                continue  # It was removed since, or is damaged.
        return [path for _, path in sorted(found, key=lambda each: each[0])][:LOOKED_AT]

    def _read(self) -> list[str]:
        try:
            paths = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return []
        return [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []
