"""What running jobs show of themselves: a small picture, or the text so far. One file a job, replaced as it comes."""

import os
from contextlib import suppress
from pathlib import Path

from tenku.studio.model import JobId

PNG = b"\x89PNG\r\n\x1a\n"
MOST = 4 * 1024 * 1024
"""Bytes of one preview: what is larger is none."""


class Previews:
    """A folder of previews; the worker writes, the server reads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, job: JobId, data: bytes) -> None:
        """Show this from now on. A disk that does not take it is no reason to end a job."""
        if len(data) > MOST:
            return
        new = self._root / f".{job}-{os.getpid()}"
        with suppress(OSError):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(data)
            new.replace(self._root / job)

    def find(self, job: JobId) -> bytes | None:
        """The newest one; None: there is none, or the job has ended."""
        try:
            return (self._root / job).read_bytes() if job.isalnum() else None
        except OSError:
            return None

    def drop(self, job: JobId) -> None:
        """The job is not at work any more."""
        with suppress(OSError):
            (self._root / job).unlink(missing_ok=True)

    def sweep(self, *, before: float) -> None:
        """Remove what was left by workers that were killed: what nobody changed since `before`, seconds since 1970."""
        for path in self._root.glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < before:
                    path.unlink()


def preview_type(data: bytes) -> str:
    """The media type of a preview."""
    return "image/png" if data.startswith(PNG) else "text/plain; charset=utf-8"
