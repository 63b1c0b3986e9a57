"""Tables in a temporary file: what is too much for memory, and of no use after the work or a crash."""

import sqlite3
import tempfile
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

CACHE_KIB = 32 * 1024


class Scratch:
    """A context in which `self._db` has the tables of `SCHEMA`. May be handed from thread to thread."""

    SCHEMA: ClassVar[str]

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="tenku-scratch-")
        path = Path(self._folder.name) / "tables.db"
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Nobody needs the file after a crash, so nothing is done to save it from one.
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB}; {self.SCHEMA}; BEGIN"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()
