"""What is on this machine already, as tables of a work list: folders, their files, and the chunks in them."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tenku.content.compare import Stamp
from tenku.content.model import Hash

STOCK = """
CREATE TABLE root (id INTEGER PRIMARY KEY, path TEXT);
CREATE TABLE old (id INTEGER PRIMARY KEY, root INT, path TEXT, hash BLOB, size INT, mode INT, mtime_ns INT, inode INT);
CREATE INDEX old_hash ON old (hash);
CREATE INDEX old_path ON old (path);
CREATE TABLE have (hash BLOB PRIMARY KEY, old INT, offset INT) WITHOUT ROWID;
CREATE TABLE whole (path TEXT PRIMARY KEY, size INT, mtime_ns INT, inode INT) WITHOUT ROWID;
CREATE TABLE same (path TEXT, source TEXT, mode INT, size INT, mtime_ns INT, inode INT);
CREATE INDEX same_path ON same (path);
"""
BATCH = 400
"""Values in one statement; SQLite takes at least 999."""

T = TypeVar("T")


class Same(NamedTuple):
    """A whole file of the folder that is replaced."""

    path: str
    stamp: Stamp
    """Its status when it was found to be what it should be."""


class Stock:
    """The tables, in the database of a work list; used by one thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add_root(self, path: Path) -> int:
        """A folder with files that may be used."""
        return self._insert("INSERT INTO root (path) VALUES (?)", (str(path),))

    def add_old(self, root: int, path: str, hash: Hash, *, size: int, mode: int) -> int:
        """A file in it, whose bytes have this name."""
        return self._insert(
            "INSERT INTO old (root, path, hash, size, mode) VALUES (?, ?, ?, ?, ?)", (root, path, hash, size, mode)
        )

    def name_old(self, old: int, hash: Hash, stamp: Stamp) -> None:
        """The whole file has this name, while it has this status."""
        row = (hash, stamp.mtime_ns, stamp.inode, old)
        self._db.execute("UPDATE old SET hash = ?, mtime_ns = ?, inode = ? WHERE id = ?", row)

    def add_whole(self, path: str, stamp: Stamp) -> None:
        """A touched file of the installed version was read, and is what it should be while it has this status."""
        row = (path, stamp.size, stamp.mtime_ns, stamp.inode)
        self._db.execute("INSERT OR REPLACE INTO whole VALUES (?, ?, ?, ?)", row)

    def is_whole(self, path: str, stamp: Stamp) -> bool:
        """Whether that was found of it."""
        row = self._db.execute("SELECT size, mtime_ns, inode FROM whole WHERE path = ?", (path,)).fetchone()
        return row is not None and Stamp(*row) == stamp

    def add_have(self, old: int, chunks: Iterable[tuple[Hash, int]]) -> None:
        """Chunks of that file, and their offsets."""
        self._db.executemany(
            "INSERT OR IGNORE INTO have VALUES (?, ?, ?)", [(hash, old, offset) for hash, offset in chunks]
        )

    def drop_have(self, hash: Hash) -> None:
        """The chunk is not where it should be."""
        self._db.execute("DELETE FROM have WHERE hash = ?", (hash,))

    def drop_old(self, root: int, path: str) -> None:
        """The file is not to be used any more."""
        for (old,) in self._db.execute("SELECT id FROM old WHERE root = ? AND path = ?", (root, path)).fetchall():
            self._db.execute("DELETE FROM have WHERE old = ?", (old,))
            self._db.execute("DELETE FROM old WHERE id = ?", (old,))

    def replace_old(self, root: int, path: str, *, size: int, mode: int, chunks: Iterable[tuple[Hash, int]]) -> None:
        """The file of a source folder is another one now."""
        self.drop_old(root, path)
        self.add_have(self.add_old(root, path, Hash(b""), size=size, mode=mode), chunks)

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
        self._db.execute("INSERT INTO same VALUES (?, ?, ?, ?, ?, ?)", (path, same.path, mode, *same.stamp))

    def all_same(self) -> Iterator[tuple[str, Same, int]]:
        """Those files: path, what they are now, and the mode that they shall have."""
        rows = self._db.execute("SELECT path, source, mode, size, mtime_ns, inode FROM same").fetchall()
        for path, source, mode, *stamp in rows:
            yield path, Same(source, Stamp(*stamp)), mode

    def stamp_of_same(self, path: str) -> Stamp | None:
        """The status of a file of the build that stays where it is; None for any other."""
        row = self._db.execute(
            "SELECT size, mtime_ns, inode FROM same WHERE path = ? AND source = path", (path,)
        ).fetchone()
        return Stamp(*row) if row else None

    def _insert(self, statement: str, values: Sequence[object]) -> int:
        return int(self._db.execute(statement, values).lastrowid or 0)


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values, as many at a time as one statement takes."""
    for begin in range(0, len(values), BATCH):
        yield values[begin : begin + BATCH]
