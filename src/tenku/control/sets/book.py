"""Asset sets in the database of jobs: studio's `SetBook`."""

import json
import time
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from tenku.base.errors import UnknownJob, UnknownSet
from tenku.control.jobs.queue import UNENDED, Jobs
from tenku.control.jobs.tables import JOBS
from tenku.control.sets.rows import asset_set, place_row, same_wish, set_plain, set_row
from tenku.control.sets.tables import PLACES, SETS, TAKES
from tenku.studio.model import Job, JobId, JobSpec, Json
from tenku.studio.ports import Known
from tenku.studio.sets.model import AssetSet, SetRow, Verdict

# Inside the class `list` is the method.
Rows = list[SetRow]
JobList = list[Job]


class Book:
    """Implements `SetBook`; every call is one short transaction, from any thread.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, jobs: Jobs, *, now: Callable[[], float] = time.time) -> None:
        self._jobs = jobs
        self._database = jobs.database
        self._now = now

    def list(self, *, limit: int = 100, team: str = "") -> Rows:
        """See `SetBook`."""
        query = sa.select(SETS).order_by(SETS.c.changed.desc(), SETS.c.name).limit(limit)
        if team:
            query = query.where(SETS.c.team == team)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            return [set_row(row, *_counts(connection, row["name"])) for row in rows]

    def get(self, name: str) -> AssetSet:
        """See `SetBook`."""
        with self._database.reading() as connection:
            row = _set(connection, name)
            places = connection.execute(
                sa.select(PLACES).where(PLACES.c.set_name == name).order_by(PLACES.c.row)
            ).mappings()
            takes = connection.execute(
                sa.select(TAKES.c.place.label("take_of"), TAKES.c.number.label("take"), JOBS)
                .join(JOBS, JOBS.c.id == TAKES.c.job)
                .where(TAKES.c.set_name == name)
                .order_by(TAKES.c.number)
            ).mappings()
            return asset_set(row, places.all(), takes.all())

    def put(self, new: AssetSet) -> AssetSet:
        """See `SetBook`."""
        now = self._now()
        plain = {**set_plain(new), "changed": now}
        rows = {place.name: place_row(new.name, place) for place in new.places}
        with self._database.writing() as connection:
            changed = connection.execute(sa.update(SETS).where(SETS.c.name == new.name).values(plain)).rowcount
            if not changed:
                connection.execute(sa.insert(SETS).values(name=new.name, team=new.team, created=now, **plain))
            mine = PLACES.c.set_name == new.name
            there = {row["name"]: row for row in connection.execute(sa.select(PLACES).where(mine)).mappings()}
            same = {name for name, row in there.items() if name in rows and same_wish(rows[name]["spec"], row["spec"])}
            for name in there.keys() - same:
                connection.execute(sa.delete(PLACES).where(mine, PLACES.c.name == name))
            for name in same:
                moved = {key: rows[name][key] for key in ("row", "spec", "style")}
                connection.execute(sa.update(PLACES).where(mine, PLACES.c.name == name).values(moved))
            if fresh := [row for name, row in rows.items() if name not in same]:
                connection.execute(sa.insert(PLACES), fresh)
        return self.get(new.name)

    def submit(self, name: str, specs: Sequence[JobSpec], *, known: Sequence[Known | None] = ()) -> JobList:
        """See `SetBook`."""

        def take_down(connection: sa.Connection, jobs: Sequence[Job]) -> None:
            _set(connection, name)
            for job in jobs:
                place = _place(connection, name, job.spec.row)
                _add_take(connection, place, job.id)
                if place["verdict"] == Verdict.REJECTED.value:
                    _judge(connection, place, Verdict.OPEN, 0)
            _touch(connection, name, now=self._now())

        return self._jobs.submit(specs, also=take_down, known=known)

    def found(self, name: str, row: int, job: JobId) -> None:
        """See `SetBook`."""
        with self._database.writing() as connection:
            place = _place(connection, name, row)
            if connection.execute(sa.select(JOBS.c.id).where(JOBS.c.id == job)).first() is None:
                raise UnknownJob(f"There is no job {job}.")
            if connection.execute(sa.select(TAKES.c.number).where(_of(place), TAKES.c.job == job)).first() is None:
                _add_take(connection, place, job)

    def plan(self, name: str, sheets: Sequence[Mapping[str, Json]]) -> None:
        """See `SetBook`."""
        with self._database.writing() as connection:
            here = sa.update(SETS).where(SETS.c.name == name)
            if not connection.execute(here.values(sheets=json.dumps(list(sheets)), changed=self._now())).rowcount:
                raise _unknown(name)

    def judge(self, name: str, verdict: Verdict, chosen: Mapping[int, int]) -> None:
        """See `SetBook`."""
        with self._database.writing() as connection:
            for row, take in chosen.items():
                _judge(connection, _place(connection, name, row), verdict, take)
            _touch(connection, name, now=self._now())

    def forget(self, name: str) -> None:
        """See `SetBook`."""
        with self._database.writing() as connection:
            if not connection.execute(sa.delete(SETS).where(SETS.c.name == name)).rowcount:
                raise _unknown(name)


def _counts(connection: sa.Connection, name: str) -> tuple[Mapping[str, int], int]:
    """Places by verdict, and jobs that have not ended."""
    verdicts = connection.execute(
        sa.select(PLACES.c.verdict, sa.func.count()).where(PLACES.c.set_name == name).group_by(PLACES.c.verdict)
    )
    unended = connection.execute(
        sa.select(sa.func.count())
        .select_from(TAKES)
        .join(JOBS, JOBS.c.id == TAKES.c.job)
        .where(TAKES.c.set_name == name, JOBS.c.state.in_(UNENDED))
    ).scalar_one()
    return {row.verdict: row[1] for row in verdicts}, unended


def _set(connection: sa.Connection, name: str) -> sa.RowMapping:
    row = connection.execute(sa.select(SETS).where(SETS.c.name == name)).mappings().first()
    if row is None:
        raise _unknown(name)
    return row


def _place(connection: sa.Connection, name: str, row: int) -> sa.RowMapping:
    here = (PLACES.c.set_name == name) & (PLACES.c.row == row)
    # Locked, so that of two takes that are added at the same moment each has its own number.
    found = connection.execute(sa.select(PLACES).where(here).with_for_update()).mappings().first()
    if found is None:
        _set(connection, name)
        raise UnknownSet(f"{name} has no row {row}.", hint="tenku sets show NAME lists its places.")
    return found


def _of(place: sa.RowMapping) -> sa.ColumnElement[bool]:
    return sa.and_(TAKES.c.set_name == place["set_name"], TAKES.c.place == place["name"])


def _add_take(connection: sa.Connection, place: sa.RowMapping, job: JobId) -> None:
    number = (connection.execute(sa.select(sa.func.max(TAKES.c.number)).where(_of(place))).scalar() or 0) + 1
    connection.execute(sa.insert(TAKES).values(set_name=place["set_name"], place=place["name"], number=number, job=job))


def _judge(connection: sa.Connection, place: sa.RowMapping, verdict: Verdict, chosen: int) -> None:
    here = (PLACES.c.set_name == place["set_name"]) & (PLACES.c.name == place["name"])
    connection.execute(sa.update(PLACES).where(here).values(verdict=verdict.value, chosen=chosen))


def _touch(connection: sa.Connection, name: str, *, now: float) -> None:
    connection.execute(sa.update(SETS).where(SETS.c.name == name).values(changed=now))


def _unknown(name: str) -> UnknownSet:
    return UnknownSet(f"There is no set {name}.", hint="tenku sets lists those that there are.")
