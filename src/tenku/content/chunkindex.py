"""Which chunks a store already has, and where: in a temporary file, so that memory stays small for any build."""

import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tenku.content.model import Chunk, Hash, Location

BATCH = 500
"""Hashes asked for at once; SQLite takes at least 999 values in one statement."""
CACHE_KIB = 32 * 1024


class ChunkIndex:
    """Finds chunks by their hash. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packs: dict[Hash, int] = {}
        self._names: list[Hash] = []

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="tenku-chunks-")
        self._db = sqlite3.connect(Path(self._folder.name) / "chunks.db", check_same_thread=False, isolation_level=None)
        # Nobody needs the file after a crash, so nothing is done to save it from one.
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB};"
            "CREATE TABLE chunk (hash BLOB PRIMARY KEY, length INT, pack INT, offset INT, stored INT) WITHOUT ROWID;"
            "BEGIN"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Remember these; one that is known already stays where it was."""
        with self._lock:
            rows = [(c.hash, c.length, self._number(c.at.pack), c.at.offset, c.at.stored) for c in chunks]
            self._db.executemany("INSERT OR IGNORE INTO chunk VALUES (?, ?, ?, ?, ?)", rows)

    def find(self, hashes: Sequence[Hash]) -> dict[Hash, Chunk]:
        """Those of these chunks that are known."""
        found: dict[Hash, Chunk] = {}
        for begin in range(0, len(hashes), BATCH):
            some = hashes[begin : begin + BATCH]
            marks = ",".join("?" * len(some))
            with self._lock:
                rows = self._db.execute(f"SELECT * FROM chunk WHERE hash IN ({marks})", some).fetchall()
            for hash, length, pack, offset, stored in rows:
                found[hash] = Chunk(hash, length, Location(self._names[pack], offset, stored))
        return found

    def __len__(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM chunk").fetchone()[0])

    def _number(self, pack: Hash) -> int:
        """Packs are few and their names long."""
        if pack not in self._packs:
            self._packs[pack] = len(self._names)
            self._names.append(pack)
        return self._packs[pack]
