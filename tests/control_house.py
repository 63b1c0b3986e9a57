"""An empty database for each test, in SQLite and in PostgreSQL, and a clock that the test moves."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from postgres import Postgres, postgres
from tenku.control.jobs.queue import Jobs


@dataclass
class Clock:
    """Time that a test moves."""

    at: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class House:
    """One database, and as many `Jobs` on it as a test wants."""

    url: str
    clock: Clock = field(default_factory=Clock)
    opened: list[Jobs] = field(default_factory=list)

    def jobs(self, **more: Any) -> Jobs:
        self.opened.append(Jobs(self.url, now=self.clock, **more))
        return self.opened[-1]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/jobs.db"
    else:
        url = request.getfixturevalue("cluster").database(f"t{secrets.token_hex(6)}")
    built = House(url)
    yield built
    for jobs in built.opened:
        jobs.close()
