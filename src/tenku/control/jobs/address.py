"""A database's address: SQLite's file, or PostgreSQL's server."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from tenku.base.errors import SettingError

FORMS = "sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/NAME"


@dataclass(frozen=True)
class Address:
    """Where a database is."""

    url: sa.URL

    @property
    def file(self) -> Path | None:
        """SQLite's file; None for a server."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def __str__(self) -> str:
        """As messages show it, without a password."""
        return str(self.file or self.url.set(query={}).render_as_string(hide_password=True))


def parse_address(text: str) -> Address:
    """The address in a URL; `postgresql://` and `postgres://` take the driver psycopg.

    Raises:
        SettingError: it is none that jobs can be kept in. The message does not hold the URL, which may hold a password.
    """
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise SettingError("The address of the database is no URL.", hint=f"It is {FORMS}.") from None
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if url.database in (None, "", ":memory:") or url.query:
                raise SettingError("The address of the database names no file.", hint=f"It is {FORMS}.")
            return Address(url.set(drivername="sqlite+pysqlite"))
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return Address(url.set(drivername="postgresql+psycopg"))
    raise SettingError(f"Jobs cannot be kept in {url.drivername}.", hint=f"The database is {FORMS}.")
