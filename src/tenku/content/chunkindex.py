"""Which chunks a store already has, and where: in a temporary file, so that memory stays small for any build."""

import threading
from collections.abc import Iterable, Sequence

from tenku.content.model import Chunk, Hash, Location
from tenku.content.scratch import Scratch

BATCH = 500
"""Hashes asked for at once; SQLite takes at least 999 values in one statement."""


class ChunkIndex(Scratch):
    """Finds chunks by their hash. May be used by several threads."""

    SCHEMA = "CREATE TABLE chunk (hash BLOB PRIMARY KEY, length INT, pack INT, offset INT, stored INT) WITHOUT ROWID"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packs: dict[Hash, int] = {}
        self._names: list[Hash] = []

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Remember these; one that is known already stays where it was."""
        with self._lock:
            rows = [(c.hash, c.length, self._number(c.at.pack), c.at.offset, c.at.stored) for c in chunks]
            self._db.executemany("INSERT OR IGNORE INTO chunk VALUES (?, ?, ?, ?, ?)", rows)

    def find(self, hashes: Sequence[Hash]) -> dict[Hash, Chunk]:
        """Those of these chunks that are known."""
        found: dict[Hash, Chunk] = {}
        if not self._names:
            return found  # as for a first publish, until its first pack is full
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
