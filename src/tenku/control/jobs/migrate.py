"""Brings the tables up to date; a database of a newer Tenku is left alone."""

import sqlalchemy as sa

from tenku.base.errors import StudioError

NEWEST = "0004"
"""The newest migration of this Tenku; a test compares it with the folder `migrations`."""
LOCK = 0x74656E6B75
"""Of those who open one PostgreSQL database at the same moment, one migrates."""


def migrate(connection: sa.Connection, *, name: str) -> None:
    """Upgrade the database inside the connection's transaction: all of it or nothing.

    Raises:
        StudioError: a newer Tenku wrote it; `name` is the database's in the message.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    found = version(connection)
    if found == NEWEST:
        return
    # Alembic takes a while to load, and is needed once.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "tenku.control.jobs:migrations")
    config.attributes["connection"] = connection
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StudioError(
            f"The database of jobs {name} was written by a newer Tenku (its tables are of version {found}).",
            hint="Update Tenku here, or set control.database to another one.",
        )
    command.upgrade(config, "head")


def version(connection: sa.Connection) -> str | None:
    """The newest migration that the database had; None: it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
