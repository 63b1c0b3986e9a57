"""What a pull still has to do, in a file: it keeps memory small, and after a kill the work goes on where it was.

SQLite in WAL mode is the journal: a range's chunks are marked as done after they were written to their files.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tenku.base.errors import FolderError
from tenku.content.compare import Stamp
from tenku.content.files import Target
from tenku.content.model import Chunk, Entry, Hash, Location
from tenku.content.stock import STOCK, Stock, batches

SCHEMA = """
CREATE TABLE pack (id INTEGER PRIMARY KEY, hash BLOB UNIQUE);
CREATE TABLE chunk (id INTEGER PRIMARY KEY, hash BLOB UNIQUE, length INT, pack INT, offset INT, stored INT);
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT, size INT, mode INT, grp INT DEFAULT 0, done INT DEFAULT 0);
CREATE TABLE need (chunk INT, file INT, offset INT);
CREATE TABLE wanted (chunk INTEGER PRIMARY KEY, done INT DEFAULT 0) WITHOUT ROWID;
"""
JOURNAL = """
CREATE TABLE IF NOT EXISTS journal (hash BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS placed (path TEXT PRIMARY KEY, size INT, mtime_ns INT, inode INT, tree BLOB) WITHOUT ROWID;
"""
"""Chunks that were written to staged files; files that were put into their place one by one, with their status then.
Both survive a new plan: what is still of use is found by its hash or status."""

CACHE_KIB = 48 * 1024
PAGE = 4096
SMALL_LOG = 2**18
"""Bytes that the log beside the file may take where every one counts."""
LAST_HASH = b"\xff" * 33
"""Behind every hash."""


class Place(NamedTuple):
    """Where a chunk lies in a file of a source folder."""

    root: str
    path: str
    offset: int


class WorkList:
    """The list; used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._db = self._open()
        self.stock = Stock(self._db)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(sqlite3.Error):
            self.commit()
        self._db.close()
        if isinstance(error, sqlite3.OperationalError):
            raise FolderError(
                f"{self._path.parent} cannot be written: {error}.", hint="Is its disk full? What was fetched is kept."
            ) from error

    def begin(self) -> None:
        """Forget the last plan; the journal stays."""
        for (table,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table not in ("journal", "placed"):
                self._db.execute(f"DROP TABLE {table}")
        self._db.execute("COMMIT")
        self._db.executescript(STOCK + SCHEMA)
        self._db.execute("BEGIN")

    def commit(self) -> None:
        """Everything up to here survives a kill."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    # What has to be made

    def add_files(self, files: Sequence[Entry]) -> list[int]:
        """Files that have to be put together; their numbers."""
        first = 1 + int(self._db.execute("SELECT coalesce(max(id), 0) FROM file").fetchone()[0])
        rows = [(id, file.path, file.size, file.mode) for id, file in enumerate(files, first)]
        self._db.executemany("INSERT INTO file (id, path, size, mode) VALUES (?, ?, ?, ?)", rows)
        return [id for id, _, _, _ in rows]

    def forget_file(self, file: int) -> None:
        """It turned out to be there already."""
        self._db.execute("DELETE FROM need WHERE file = ?", (file,))
        self._db.execute("DELETE FROM file WHERE id = ?", (file,))

    def add_needs(self, needs: Sequence[tuple[int, Entry]]) -> None:
        """For each of these numbers the chunks of a file, or of a part of it."""
        ids = self._chunk_ids([chunk for _, entry in needs for chunk in entry.chunks])
        rows = []
        for file, entry in needs:
            at = entry.start
            for chunk in entry.chunks:
                rows.append((ids[chunk.hash], file, at))
                at += chunk.length
        self._db.executemany("INSERT INTO need VALUES (?, ?, ?)", rows)

    def finish_plan(self) -> None:
        """Every file was added."""
        self._db.execute("CREATE INDEX need_chunk ON need (chunk)")
        self._db.execute("CREATE INDEX file_grp ON file (grp)")
        self._db.execute("CREATE INDEX need_file ON need (file)")

    def shrink(self) -> int:
        """Forget what only planning needs, so that the list takes little disk; the bytes that it takes then."""
        self._db.execute("DELETE FROM have WHERE hash NOT IN (SELECT hash FROM chunk)")
        self._db.execute("DROP INDEX old_hash")
        self._db.execute("CREATE INDEX have_old ON have (old)")  # Files will be replaced one by one.
        self._db.execute("COMMIT")
        self._db.executescript(
            f"VACUUM; PRAGMA wal_autocheckpoint={SMALL_LOG // PAGE}; PRAGMA journal_size_limit={SMALL_LOG};"
            "PRAGMA wal_checkpoint(TRUNCATE); BEGIN"
        )
        return SMALL_LOG + PAGE * int(self._db.execute("PRAGMA page_count").fetchone()[0])

    def split_groups(self, most: int, *, large_first: bool) -> int:
        """Put the files into groups of at most `most` bytes, or of one larger file; how many there are.

        The larger files are the first groups or the last ones.
        """
        order = "DESC" if large_first else "ASC"
        group, room, rows = 0, most, []
        for id, size in self._db.execute(f"SELECT id, size FROM file ORDER BY size > ? {order}, id", (most,)):
            if size > room and room < most:
                group, room = group + 1, most
            rows.append((group, id))
            room -= size
        self._db.executemany("UPDATE file SET grp = ? WHERE id = ?", rows)
        return group + 1

    def last_needed(self, root: int) -> dict[str, int]:
        """For each file of a source folder the last group that takes chunks from it."""
        rows = self._db.execute(
            "SELECT old.path, max(file.grp) FROM old JOIN have ON have.old = old.id"
            " JOIN chunk ON chunk.hash = have.hash JOIN need ON need.chunk = chunk.id"
            " JOIN file ON file.id = need.file WHERE old.root = ? GROUP BY old.id",
            (root,),
        )
        return dict(rows)

    def begin_group(self, group: int) -> None:
        """From now on it is about the files of this group only."""
        self._db.execute("DELETE FROM wanted")
        self._db.execute(
            "INSERT OR IGNORE INTO wanted (chunk) SELECT need.chunk FROM need JOIN file ON file.id = need.file"
            " WHERE file.grp = ?",
            (group,),
        )
        self._group = group

    def files(self) -> Iterator[tuple[int, str, int, int]]:
        """Number, path, size and mode of the group's files."""
        yield from self._db.execute(
            "SELECT id, path, size, mode FROM file WHERE grp = ? AND done = 0 ORDER BY id", (self._group,)
        ).fetchall()

    def finish_files(self, files: Sequence[int]) -> None:
        """These are in their place."""
        self._db.executemany("UPDATE file SET done = 1 WHERE id = ?", [(file,) for file in files])

    def unfinished_files(self) -> list[tuple[int, str, int, int]]:
        """Number, path, size and mode of the files of all groups that are not in their place."""
        return self._db.execute("SELECT id, path, size, mode FROM file WHERE done = 0 ORDER BY id").fetchall()

    def add_placed(self, path: str, stamp: Stamp | None, tree: Hash) -> None:
        """A file of this build was put into its place, and has this status there."""
        if stamp is not None:
            self._db.execute("INSERT OR REPLACE INTO placed VALUES (?, ?, ?, ?, ?)", (path, *stamp, tree))

    def is_placed(self, path: str, stamp: Stamp, tree: Hash | None = None) -> bool:
        """Whether this very file was put there, as one of this build or of any."""
        row = self._db.execute("SELECT size, mtime_ns, inode, tree FROM placed WHERE path = ?", (path,)).fetchone()
        return row is not None and Stamp(*row[:3]) == stamp and tree in (None, row[3])

    def needs_of(self, file: int) -> list[tuple[Hash, int]]:
        """Hash and offset of every chunk of a file."""
        return self._db.execute(
            "SELECT hash, need.offset FROM need JOIN chunk ON chunk.id = need.chunk WHERE file = ?", (file,)
        ).fetchall()

    # What is left to do

    def journaled(self) -> list[Chunk]:
        """Wanted chunks that were written before a kill, if the staged files are still what they were."""
        return list(self._chunks("wanted.done = 0 AND chunk.hash IN (SELECT hash FROM journal) ORDER BY chunk.id"))

    def local(self) -> list[tuple[Chunk, Place]]:
        """Wanted chunks that some source has, in the order of its files."""
        rows = self._db.execute(
            "SELECT chunk.hash, length, pack.hash, chunk.offset, stored, root.path, old.path, have.offset"
            " FROM wanted JOIN chunk ON chunk.id = wanted.chunk JOIN have ON have.hash = chunk.hash"
            " JOIN old ON old.id = have.old JOIN root ON root.id = old.root JOIN pack ON pack.id = chunk.pack"
            " WHERE wanted.done = 0 ORDER BY old.id, have.offset"
        )
        return [
            (Chunk(Hash(hash), length, Location(Hash(pack), offset, stored)), Place(root, path, at))
            for hash, length, pack, offset, stored, root, path, at in rows
        ]

    def remote(self) -> Iterator[Chunk]:
        """Wanted chunks that no source has, in the order of the packs."""
        yield from self._chunks(
            "wanted.done = 0 AND NOT EXISTS (SELECT 1 FROM have WHERE have.hash = chunk.hash)"
            " ORDER BY chunk.pack, chunk.offset"
        )

    def wanted_by_prefix(self, prefixes: Iterable[bytes]) -> dict[bytes, Chunk]:
        """Those chunks that `remote` would give whose hash begins so."""
        found = {}
        for prefix in prefixes:
            after = (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix) + 1, "big")[1:]
            for chunk in self._chunks(
                "wanted.done = 0 AND chunk.hash >= ? AND chunk.hash < ?"
                " AND NOT EXISTS (SELECT 1 FROM have WHERE have.hash = chunk.hash)",
                (prefix, after if after > prefix else LAST_HASH),
            ):
                found[prefix] = chunk
        return found

    def totals(self) -> tuple[int, int]:
        """Bytes to fetch as chunks, and bytes of files that are put together."""
        fetch = self._db.execute(
            "SELECT coalesce(sum(stored), 0) FROM wanted JOIN chunk ON chunk.id = wanted.chunk WHERE wanted.done = 0"
            " AND NOT EXISTS (SELECT 1 FROM have WHERE have.hash = chunk.hash)"
        ).fetchone()[0]
        write = self._db.execute("SELECT coalesce(sum(size), 0) FROM file WHERE done = 0").fetchone()[0]
        return int(fetch), int(write)

    def all_stored(self) -> int:
        """Bytes that the chunks of all groups take in the store."""
        return int(self._db.execute("SELECT coalesce(sum(stored), 0) FROM chunk").fetchone()[0])

    def largest(self) -> int:
        """Bytes of the largest file that has to be put together."""
        return int(self._db.execute("SELECT coalesce(max(size), 0) FROM file WHERE done = 0").fetchone()[0])

    def targets(self, hashes: Sequence[Hash]) -> dict[Hash, list[Target]]:
        """Everywhere in the group's files where these chunks belong."""
        found: dict[Hash, list[Target]] = {hash: [] for hash in hashes}
        for some in batches(hashes):
            marks = ",".join("?" * len(some))
            rows = self._db.execute(
                "SELECT hash, path, mode, need.offset FROM chunk JOIN need ON need.chunk = chunk.id"
                f" JOIN file ON file.id = need.file WHERE hash IN ({marks}) AND +grp = ? AND file.done = 0",
                (*some, self._group),
            )
            for hash, path, mode, offset in rows:
                found[hash].append(Target(path, mode, offset))
        return found

    def mark(self, hashes: Sequence[Hash]) -> None:
        """These were written; after the next commit a kill does not lose them."""
        rows = [(hash,) for hash in hashes]
        self._db.executemany("UPDATE wanted SET done = 1 WHERE chunk = (SELECT id FROM chunk WHERE hash = ?)", rows)
        self._db.executemany("INSERT OR IGNORE INTO journal VALUES (?)", rows)

    def _chunks(self, where: str, values: Sequence[object] = ()) -> Iterator[Chunk]:
        rows = self._db.execute(
            "SELECT chunk.hash, length, pack.hash, offset, stored FROM wanted JOIN chunk ON chunk.id = wanted.chunk"
            f" JOIN pack ON pack.id = chunk.pack WHERE {where}",
            values,
        )
        for hash, length, pack, offset, stored in rows:
            yield Chunk(Hash(hash), length, Location(Hash(pack), offset, stored))

    def _chunk_ids(self, chunks: Sequence[Chunk]) -> dict[Hash, int]:
        packs = {hash: self._pack_id(hash) for hash in {chunk.at.pack for chunk in chunks}}
        self._db.executemany(
            "INSERT OR IGNORE INTO chunk (hash, length, pack, offset, stored) VALUES (?, ?, ?, ?, ?)",
            [(c.hash, c.length, packs[c.at.pack], c.at.offset, c.at.stored) for c in chunks],
        )
        ids: dict[Hash, int] = {}
        for some in batches([chunk.hash for chunk in chunks]):
            marks = ",".join("?" * len(some))
            ids.update(self._db.execute(f"SELECT hash, id FROM chunk WHERE hash IN ({marks})", some))
        return ids

    def _pack_id(self, hash: Hash) -> int:
        self._db.execute("INSERT OR IGNORE INTO pack (hash) VALUES (?)", (hash,))
        return int(self._db.execute("SELECT id FROM pack WHERE hash = ?", (hash,)).fetchone()[0])

    def _insert(self, statement: str, values: Sequence[object]) -> int:
        return int(self._db.execute(statement, values).lastrowid or 0)

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError:
            # It was damaged, as by a power cut: begin anew, nothing is lost but time.
            for path in self._path.parent.glob(f"{self._path.name}*"):
                path.unlink()
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.executescript(
            f"PRAGMA page_size={PAGE}; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            f"PRAGMA cache_size=-{CACHE_KIB}; PRAGMA wal_autocheckpoint=256; PRAGMA journal_size_limit=1048576;"
        )
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            db.close()
            raise sqlite3.DatabaseError("damaged")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'wanted'").fetchone():
            db.executescript(STOCK + SCHEMA + JOURNAL)
        db.execute("BEGIN")
        return db
