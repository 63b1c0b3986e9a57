"""The build that a delta starts from, as a table on disk: where its chunks are in its files and in the store."""

from collections.abc import Iterable, Sequence

from tenku.content.delta.regions import Place, name_key
from tenku.content.model import Chunk, Entry, Hash, Kind, Location
from tenku.content.scratch import Scratch

SCHEMA = """
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT UNIQUE, key TEXT, size INT);
CREATE TABLE chunk (file INT, offset INT, hash BLOB, length INT, pack BLOB, at INT, stored INT,
                    PRIMARY KEY (file, offset)) WITHOUT ROWID
"""
INDEXES = "CREATE INDEX file_key ON file (key); CREATE INDEX chunk_hash ON chunk (hash);"
MOST_NAMED = 64


class OldBuild(Scratch):
    """Implements `delta.regions.OldTree`."""

    SCHEMA = SCHEMA

    def add(self, entries: Iterable[Entry]) -> None:
        """Entries of the build, in order."""
        for entry in entries:
            if entry.kind is not Kind.FILE:
                continue
            row = (entry.path, name_key(entry.path), entry.size)
            self._db.execute("INSERT OR IGNORE INTO file (path, key, size) VALUES (?, ?, ?)", row)
            file, at, rows = self._file(entry.path), entry.start, []
            for chunk in entry.chunks:
                rows.append((file, at, chunk.hash, chunk.length, chunk.at.pack, chunk.at.offset, chunk.at.stored))
                at += chunk.length
            self._db.executemany("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def finish(self) -> None:
        """Every entry was added."""
        self._db.executescript(INDEXES)

    def find(self, hash: Hash) -> Place | None:
        """See `OldTree`."""
        row = self._db.execute(
            "SELECT path, offset FROM chunk JOIN file ON file.id = chunk.file WHERE hash = ? LIMIT 1", (hash,)
        ).fetchone()
        return Place(row[0], row[1]) if row else None

    def size(self, path: str) -> int | None:
        """See `OldTree`."""
        row = self._db.execute("SELECT size FROM file WHERE path = ?", (path,)).fetchone()
        return int(row[0]) if row else None

    def named(self, key: str) -> Sequence[str]:
        """See `OldTree`."""
        rows = self._db.execute("SELECT path FROM file WHERE key = ? ORDER BY path LIMIT ?", (key, MOST_NAMED))
        return [path for (path,) in rows]

    def chunks_of(self, path: str, offset: int, length: int) -> list[tuple[int, Chunk]]:
        """The chunks that cover a stretch of a file, each with its offset in the file."""
        rows = self._db.execute(
            "SELECT offset, hash, length, pack, at, stored FROM chunk WHERE file = ?"
            " AND offset < ? AND offset + length > ? ORDER BY offset",
            (self._file(path), offset + length, offset),
        )
        return [
            (begin, Chunk(Hash(hash), size, Location(Hash(pack), at, stored)))
            for begin, hash, size, pack, at, stored in rows
        ]

    def _file(self, path: str) -> int:
        return int(self._db.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()[0])
