"""Files that come with jobs: pictures to edit or to begin from. Named by their content, so that equal ones are one."""

import os
import re
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from tenku.base.errors import JobError
from tenku.content.hashes import hash_bytes

MOST = 512 * 1024 * 1024
"""Bytes of one file."""
_NAME = re.compile(r"[0-9a-f]{64}")


class Inputs:
    """A folder of such files; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        """Keep a file; its name, which is what a job's parameter holds. Raises JobError: no room, or too large."""
        if len(data) > MOST:
            raise JobError(f"The file has {len(data)} bytes; {MOST} is the most.", hint="Take a smaller one.")
        name = hash_bytes(data).hex()
        path = self._root / name
        if path.is_file():
            os.utime(path)  # used again: it is not swept away
            return name
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._root, prefix=".new-", delete=False) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(path)
        except OSError as error:
            raise JobError(f"A file cannot be kept in {self._root}: {error.strerror}.", hint="Free space.") from error
        return name

    def prune(self, *, before: float, keep: Collection[str], dry: bool = False) -> tuple[int, int]:
        """Delete files that nobody used since `before`, seconds since 1970, except those of `keep`.

        How many, and their bytes; `dry`: would delete. What was left half-written goes as well.
        """
        number = size = 0
        for path in self._root.glob("*"):
            with suppress(OSError):
                about = path.stat()
                if about.st_mtime < before and path.name not in keep:
                    number, size = number + 1, size + about.st_size
                    if not dry:
                        path.unlink()
        return number, size

    def get(self, name: str) -> bytes:
        """A file's bytes. Raises JobError: it is not there, or is not what its name says."""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise JobError(f"{str(name)[:80]!r} is no name of an input file.", hint="Hand the file in first.")
        try:
            data = (self._root / name).read_bytes()
        except OSError:
            raise JobError(f"The input file {name[:12]}… is not here.", hint="Hand it in again.") from None
        if hash_bytes(data).hex() != name:
            raise JobError(f"The input file {name[:12]}… was changed on the disk.", hint="Hand it in again.")
        return data
