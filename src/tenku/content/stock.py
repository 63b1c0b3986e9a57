"""What is on this machine already, as tables of a work list: folders, their files, and the chunks in them."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tenku.content.compare import Stamp
from tenku.content.model import Hash

STOCK = """
CREATE TABLE root (id INTEGER PRIMARY KEY, path TEXT);
CREATE TABLE old (id INTEGER PRIMARY KEY, root INT, path TEXT, hash BLOB, size INT, mtime_ns INT, inode INT);
CREATE INDEX old_hash ON old (hash);
CREATE INDEX old_path ON old (path);
CREATE TABLE have (hash BLOB PRIMARY KEY, old INT, offset INT) WITHOUT ROWID;
CREATE TABLE same (path TEXT PRIMARY KEY, source TEXT, mode INT, size INT, mtime_ns INT, inode INT) WITHOUT ROWID;
"""
BATCH = 400
"""Values in one statement; SQLite takes at least 999."""

NO_STAMP = Stamp(0, 0, 0)

T = TypeVar("T")


class Same(NamedTuple):
    """A whole file of the folder that is replaced."""

    path: str
    stamp: Stamp
    """Its status when it was found to be what it should be."""


class StockFile(NamedTuple):
    """A file in a source folder."""

    path: str
    hash: Hash
    """Its name, if it is whole and may be used as it is; else empty."""
    stamp: Stamp | None
    chunks: Sequence[tuple[Hash, int]]
    """Those that are there, and their offsets."""


class Stock:
    """The tables, in the database of a work list; used by one thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add_root(self, path: Path) -> int:
        """A folder with files that may be used."""
        return self._insert("INSERT INTO root (path) VALUES (?)", (str(path),))

    def add_files(self, root: int, files: Sequence[StockFile]) -> None:
        """Files in it, each with the chunks of it that are there."""
        first = 1 + int(self._db.execute("SELECT coalesce(max(id), 0) FROM old").fetchone()[0])
        numbered = list(enumerate(files, first))
        self._db.executemany(
            "INSERT INTO old VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(id, root, file.path, file.hash, *(file.stamp or NO_STAMP)) for id, file in numbered],
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO have VALUES (?, ?, ?)",
            [(hash, id, offset) for id, file in numbered for hash, offset in file.chunks],
        )

    def is_whole(self, path: str, stamp: Stamp) -> bool:
        """Whether this file was found to be what the installed version says, when it had this status."""
        row = self._db.execute(
            "SELECT hash, size, mtime_ns, inode FROM old WHERE path = ? ORDER BY root LIMIT 1", (path,)
        ).fetchone()
        return row is not None and bool(row[0]) and Stamp(*row[1:]) == stamp

    def drop_have(self, hash: Hash) -> None:
        """The chunk is not where it should be."""
        self._db.execute("DELETE FROM have WHERE hash = ?", (hash,))

    def drop_old(self, root: int, path: str) -> None:
        """The file is not to be used any more."""
        for (old,) in self._db.execute("SELECT id FROM old WHERE root = ? AND path = ?", (root, path)).fetchall():
            self._db.execute("DELETE FROM have WHERE old = ?", (old,))
            self._db.execute("DELETE FROM old WHERE id = ?", (old,))

    def replace_old(self, root: int, path: str, chunks: Sequence[tuple[Hash, int]]) -> None:
        """The file of a source folder is another one now."""
        self.drop_old(root, path)
        self.add_files(root, [StockFile(path, Hash(b""), None, chunks)])

    def has_old(self, root: int, path: str) -> bool:
        """Whether that folder has a file of this path that may be used."""
        row = self._db.execute("SELECT 1 FROM old WHERE root = ? AND path = ?", (root, path)).fetchone()
        return row is not None

    def same(self, hashes: Sequence[Hash]) -> dict[Hash, Same]:
        """For each of these names a file that has it."""
        found: dict[Hash, Same] = {}
        for some in batches(hashes):
            marks = ",".join("?" * len(some))
            rows = self._db.execute(
                f"SELECT hash, path, size, mtime_ns, inode FROM old WHERE hash IN ({marks}) ORDER BY id DESC", some
            )
            found.update((hash, Same(path, Stamp(*stamp))) for hash, path, *stamp in rows)
        return found

    def add_same(self, path: str, same: Same, *, mode: int) -> None:
        """A file of the build that is there already, whole."""
        source = same.path if same.path != path else None
        self._db.execute("INSERT INTO same VALUES (?, ?, ?, ?, ?, ?)", (path, source, mode, *same.stamp))

    def all_same(self) -> Iterator[tuple[str, Same, int]]:
        """Those files: path, what they are now, and the mode that they shall have."""
        rows = self._db.execute("SELECT path, source, mode, size, mtime_ns, inode FROM same").fetchall()
        for path, source, mode, *stamp in rows:
            yield path, Same(source or path, Stamp(*stamp)), mode

    def stamp_of_same(self, path: str) -> Stamp | None:
        """The status of a file of the build that stays where it is; None for any other."""
        row = self._db.execute(
            "SELECT size, mtime_ns, inode FROM same WHERE path = ? AND source IS NULL", (path,)
        ).fetchone()
        return Stamp(*row) if row else None

    def _insert(self, statement: str, values: Sequence[object]) -> int:
        return int(self._db.execute(statement, values).lastrowid or 0)


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values, as many at a time as one statement takes."""
    for begin in range(0, len(values), BATCH):
        yield values[begin : begin + BATCH]
