"""What has to stay on the disk: the files of jobs that have not ended, and of those that an asset set has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from tenku.control.jobs.database import Database
from tenku.control.jobs.queue import UNENDED
from tenku.control.jobs.tables import JOBS
from tenku.control.sets.tables import PLACES, TAKES
from tenku.studio.prune import Kept

INPUT = re.compile(r"[0-9a-f]{64}")


def kept(database: Database) -> Kept:
    """Look it up. Raises StudioError: the database does not answer."""
    taken = sa.select(TAKES.c.job).scalar_subquery()
    needed = sa.select(JOBS.c.id, JOBS.c.spec).where(sa.or_(JOBS.c.state.in_(UNENDED), JOBS.c.id.in_(taken)))
    with database.reading() as connection:
        jobs = connection.execute(needed).all()
        places = connection.execute(sa.select(PLACES.c.spec)).scalars().all()
    specs = [row.spec for row in jobs] + list(places)
    return Kept(
        jobs=frozenset(row.id for row in jobs),
        inputs=frozenset(name for spec in specs for name in _inputs(json.loads(spec)["parameters"])),
    )


def _inputs(value: Any) -> Iterator[str]:
    """The names of input files, wherever parameters have them."""
    match value:
        case str() if INPUT.fullmatch(value):
            yield value
        case dict():
            for each in value.values():
                yield from _inputs(each)
        case list():
            for each in value:
                yield from _inputs(each)
