"""One database, SQLite or PostgreSQL: transactions that are on the disk when they end.

database = Database("sqlite:///jobs.db")
database.open()
with database.writing() as connection:
    ...
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tenku.base.errors import MachineError, StudioError
from tenku.control.jobs.address import Address, parse_address
from tenku.control.jobs.migrate import migrate

BUSY_S = 30
PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_S * 1000}",
    "PRAGMA foreign_keys=ON",
    # NORMAL would lose the newest jobs in a power cut: with WAL it does not wait for the disk at each commit.
    "PRAGMA synchronous=FULL",
)
POSTGRES = {"connect_timeout": 10, "options": "-c synchronous_commit=on", "application_name": "tenku"}
"""`synchronous_commit` also where the server's configuration turned it off: an accepted job is on the disk."""


class Database:
    """Threads may share it; a process that was forked may not.

    Args:
        url: `sqlite:///FILE` or `postgresql://…`. Raises SettingError.
    """

    def __init__(self, url: str) -> None:
        self.address: Address = parse_address(url)
        self._opening = threading.Lock()
        self._engine: sa.Engine | None = None

    def open(self) -> None:
        """Make the database, or bring its tables up to date. Every other call does so where it was not done yet.

        Raises:
            StudioError: it does not answer, or was written by a newer Tenku.
            MachineError: the driver is not installed.
        """
        self._opened()

    def close(self) -> None:
        """Close all connections."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One transaction that only reads."""
        engine = self._opened()
        with self._told(), engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that writes; it is on the disk when the block has ended, or undone where that raised."""
        engine = self._opened()
        with self._told(), self._alone(), engine.execution_options(writes=True).begin() as connection:
            yield connection

    def _opened(self) -> sa.Engine:
        with self._opening:
            if self._engine is None:
                self._engine = self._open()
            return self._engine

    def _open(self) -> sa.Engine:
        with self._told():
            engine = _postgres(self.address) if self.address.file is None else _sqlite(self.address)
            with contextlib.ExitStack() as undo:
                undo.callback(engine.dispose)
                with self._alone():
                    if self.address.file is not None:
                        _use_wal(engine)
                    with engine.execution_options(writes=True).begin() as connection:
                        migrate(connection, name=str(self.address))
                undo.pop_all()
            return engine

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Until nobody else writes; SQLite only.

        SQLite waits by itself, but up to 3.51.2 a checkpoint of one connection beside the commit of another can, very
        rarely, lose what was committed (sqlite.org/wal.html#walresetbug), and distributions ship those. The lock of a
        file keeps checkpoints and commits apart, is fair, and is let go by the kernel when its holder is killed.
        """
        if self.address.file is None:
            yield
            return
        handle = os.open(f"{self.address.file}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong with the database becomes a sentence."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:  # SQLite's own ones come where a connection is set up
            reason = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
            hint = (
                "Is its server running, and is there room on its disk?" if isinstance(error, OperationalError) else ""
            )
            raise StudioError(f"The database of jobs {self.address} says: {reason}.", hint=hint) from error
        except PoolTimeout as error:
            raise StudioError(f"All connections to the database of jobs {self.address} are in use.") from error
        except OSError as error:
            hint = "Is its folder there, and may you write to it?"
            raise StudioError(
                f"The database of jobs {self.address} cannot be opened: {error.strerror}.", hint=hint
            ) from error


def _sqlite(address: Address) -> sa.Engine:
    assert address.file is not None
    address.file.parent.mkdir(parents=True, exist_ok=True)
    # Prompts are nobody else's business; SQLite gives its other files the same mode.
    os.close(os.open(address.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    engine = sa.create_engine(address.url, connect_args={"timeout": BUSY_S}, pool_size=5, max_overflow=20)

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: "sa.PoolProxiedConnection", _record: object) -> None:
        # The driver would begin transactions by itself, late and deferred; `_begin` does it instead.
        connection.isolation_level = None  # type: ignore[attr-defined]
        for pragma in PRAGMAS:
            connection.cursor().execute(pragma)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        # Who reads first and writes then could not wait for another writer: it would have seen old rows.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_wal(engine: sa.Engine) -> None:
    """Readers and a writer do not wait for each other. The file remembers it; inside a transaction it cannot be set."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _postgres(address: Address) -> sa.Engine:
    try:
        # A connection that the server closed meanwhile is noticed before a job needs it.
        return sa.create_engine(address.url, connect_args=POSTGRES, pool_pre_ping=True, pool_size=5, max_overflow=20)
    except ModuleNotFoundError as error:
        raise MachineError(
            "The driver for PostgreSQL is not installed.", hint="pip install 'psycopg[binary]'"
        ) from error
