"""The database itself: its address, its tables and their history, and what happens when it is not well."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from control_house import House, cluster, house
from postgres import Postgres
from tenku.base.errors import SettingError, StudioError
from tenku.control.jobs.address import parse_address
from tenku.control.jobs.database import Database
from tenku.control.jobs.migrate import NEWEST
from tenku.control.jobs.queue import Jobs
from tenku.control.jobs.tables import METADATA
from tenku.control.sets.tables import SETS
from tenku.control.settings import ControlSettings
from tenku.studio.model import JobSpec, Kind

__all__ = ["cluster", "house"]

SPEC = JobSpec(kind=Kind.TEXT, model="m", prompt="p")


@pytest.fixture
def database(house: House) -> Database:
    return Database(house.url)


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.reading() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert SETS.metadata is METADATA
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        named = {index["name"] for table in METADATA.tables for index in sa.inspect(connection).get_indexes(table)}
    assert {index.name for table in METADATA.tables.values() for index in table.indexes} <= named
    database.close()


def test_the_newest_migration_is_the_one_that_is_looked_for() -> None:
    config = Config()
    config.set_main_option("script_location", "tenku.control.jobs:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]


def test_a_database_of_a_newer_tenku_is_left_alone(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StudioError, match=r"written by a newer Tenku \(its tables are of version 9999\)"):
        database.open()


def test_a_transaction_that_raises_leaves_nothing(house: House, database: Database) -> None:
    house.jobs().submit([SPEC])
    with pytest.raises(StudioError, match="no_such_table"):
        _write(database, "UPDATE jobs SET team = 'x'", "UPDATE no_such_table SET a = 1")
    database.close()
    assert house.jobs().list()[0].spec == SPEC
    assert house.jobs().list(team="x") == []


def _write(database: Database, *statements: str) -> None:
    with database.writing() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def test_whose_turn_it_is_is_found_by_an_index(tmp_path: Path) -> None:
    """SQLite only: PostgreSQL reads a table of a few rows without its indexes."""
    database = Database(f"sqlite:///{tmp_path}/jobs.db")
    query = "SELECT * FROM jobs WHERE state = 'queued' AND team = 'a' ORDER BY priority DESC, number LIMIT 1"
    with database.reading() as connection:
        plan = " ".join(row.detail for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}")))
    database.close()
    assert "jobs_turn" in plan
    assert "TEMP B-TREE" not in plan


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/jobs.db")
    with database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
        assert found == {"journal_mode": "wal", "synchronous": 2}
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    for file in (tmp_path / "new").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    database.close()


def test_postgresql_waits_for_the_disk(cluster: Postgres) -> None:
    """Also where the server's configuration says otherwise."""
    url = cluster.database("lazy")
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql("ALTER DATABASE lazy SET synchronous_commit = off")
    server.dispose()
    database = Database(url)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    database.close()


def test_an_accepted_job_survives_the_end_of_postgresql(cluster: Postgres) -> None:
    """The server ends at once, as in a power cut, and comes back; the same `Jobs` goes on."""
    jobs = Jobs(cluster.database("cut"))
    accepted = jobs.submit([SPEC])
    cluster.kill()
    try:
        with pytest.raises(StudioError, match="The database of jobs"):
            jobs.submit([SPEC])
    finally:
        cluster.start()
    assert jobs.list() == accepted
    jobs.close()


def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    jobs = Jobs(f"postgresql://me:secret@/db?host={tmp_path}")
    with pytest.raises(StudioError, match="The database of jobs") as caught:
        jobs.open()
    assert "secret" not in caught.value.sentence()
    assert "me:***" in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StudioError, match=r"jobs\.db says: file is not a database"):
        Jobs(f"sqlite:///{tmp_path}/jobs.db").open()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudioError, match="cannot be opened: File exists"):
        Jobs(f"sqlite:///{tmp_path}/file/jobs.db").open()


def test_a_full_disk_is_said_to_be_full(tmp_path: Path) -> None:
    """SQLite is told that the disk has forty pages; what was accepted before is still there."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    jobs = Jobs(url)
    accepted = jobs.submit([SPEC])
    database = Database(url)
    _write(database, "PRAGMA max_page_count = 40")
    with pytest.raises(StudioError, match="disk is full") as caught:
        _write(database, "UPDATE jobs SET error = hex(zeroblob(1000000))")
    assert "room on its disk" in caught.value.hint
    database.close()
    assert jobs.list() == accepted
    jobs.close()


@pytest.mark.parametrize(
    "url",
    ["", "jobs.db", "sqlite://", "sqlite:///:memory:", "mysql://me:secret@host/db", "sqlite:///a?mode=ro", "x://:z"],
)
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        Jobs(url)
    assert "secret" not in caught.value.sentence()
    assert "sqlite:///FILE" in caught.value.hint


def test_addresses_take_the_driver_that_is_installed() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        assert parse_address(f"{scheme}://h/db").url.drivername == "postgresql+psycopg"


def test_the_default_is_a_file_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    address = parse_address(ControlSettings().database.reveal())
    assert address.file == tmp_path / "tenku" / "control.db"


def test_settings_load_no_database_library() -> None:
    """`--help` knows them."""
    program = "import sys, tenku.control.settings; print({'sqlalchemy', 'alembic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "set()"
