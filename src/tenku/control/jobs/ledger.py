"""What teams and models used: rows of device-seconds, and each team's share."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tenku.control.jobs.rows import Row, spec_of
from tenku.control.jobs.tables import JOBS, LEDGER, RUNNING, TEAMS
from tenku.control.jobs.turns import Share, charged
from tenku.control.jobs.work import work_size, work_units

BUDGET_DAYS = 30


class Past(NamedTuple):
    """What a job took that was done."""

    units: float
    """Of work, as `work_units` reckons them."""
    seconds: float
    size: float = 0.0
    """As `work_size` reckons it."""
    memory: float = 0.0
    """Bytes at most; 0: not measured."""


class Attempt(NamedTuple):
    """One that ended."""

    row: Row
    """The job's."""
    seconds: float
    """Of the device."""
    done: bool = False
    """Whether the job was done with it."""
    memory: int = 0
    """Bytes at most; 0: not measured."""


def insert(connection: sa.Connection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that knows ON CONFLICT, in the words of this database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def add_teams(connection: sa.Connection, names: Sequence[str], *, now: float) -> None:
    """Have a row for each of these teams."""
    rows = [{"name": name, "used": 0.0, "at": now} for name in names]
    connection.execute(insert(connection, TEAMS).on_conflict_do_nothing(), rows)


def charge(connection: sa.Connection, attempts: Iterable[Attempt], *, now: float) -> None:
    """Write down attempts that ended."""
    # In the order of teams: two that charge several at once must not wait for each other.
    for each in sorted(attempts, key=lambda attempt: (attempt.row["team"], attempt.row["number"])):
        team = TEAMS.c.name == each.row["team"]
        # Before the ledger's row, whose reference locks the team's row, too: two that both held that weak lock would
        # wait for each other here.
        locked = sa.select(TEAMS).where(team).with_for_update(key_share=True)
        old = connection.execute(locked).mappings().one()
        connection.execute(sa.insert(LEDGER).values(_entry(each, now)))
        new = charged(Share(team=old["name"], used=old["used"], at=old["at"]), each.seconds, now=now)
        connection.execute(sa.update(TEAMS).where(team).values(used=new.used, at=new.at))


def own_budget(connection: sa.Connection, team: str) -> float | None:
    """Device-seconds that this team may use; None: what all others may."""
    return connection.execute(sa.select(TEAMS.c.budget_s).where(TEAMS.c.name == team)).scalar()


def used_in_window(connection: sa.Connection, team: str, *, now: float) -> float:
    """Device-seconds of the team in the last `BUDGET_DAYS` days."""
    recent = (LEDGER.c.team == team) & (LEDGER.c.at > now - BUDGET_DAYS * 86_400)
    return float(
        connection.execute(sa.select(sa.func.coalesce(sa.func.sum(LEDGER.c.seconds), 0.0)).where(recent)).scalar_one()
    )


def history(connection: sa.Connection, model: str, kind: str, *, limit: int) -> list[Past]:
    """The newest jobs that were done and took time: none out of the cache."""
    wanted = (LEDGER.c.model == model) & (LEDGER.c.kind == kind) & LEDGER.c.done & (LEDGER.c.seconds > 0)
    rows = connection.execute(
        sa.select(LEDGER.c.units, LEDGER.c.seconds, LEDGER.c.size, LEDGER.c.memory)
        .where(wanted)
        .order_by(LEDGER.c.number.desc())
        .limit(limit)
    )
    return [Past(row.units, row.seconds, row.size or 0.0, row.memory or 0.0) for row in rows]


def shares(connection: sa.Connection, ready: sa.ColumnElement[bool], *, now: float) -> list[Share]:
    """What teams with jobs that are `ready` have of the machine, with what their jobs use now."""
    since = sa.func.sum(now - JOBS.c.started).label("seconds")
    query = sa.select(JOBS.c.team, sa.func.count().label("jobs"), since).where(RUNNING).group_by(JOBS.c.team)
    running = {row.team: (row.jobs, max(0.0, row.seconds)) for row in connection.execute(query)}
    # One look into the index for each team: DISTINCT and EXISTS would read all jobs that wait.
    first = sa.select(JOBS.c.number).where(ready, JOBS.c.team == TEAMS.c.name)
    first = first.order_by(JOBS.c.priority.desc(), JOBS.c.number).limit(1)
    found = []
    for row in connection.execute(sa.select(TEAMS).where(first.scalar_subquery().is_not(None))):
        jobs, seconds = running.get(row.name, (0, 0.0))
        found.append(Share(team=row.name, used=row.used, at=row.at, running=jobs, running_s=seconds))
    return found


def _entry(attempt: Attempt, now: float) -> dict[str, Any]:
    row, spec = attempt.row, spec_of(attempt.row)
    copied = {"job": row["id"], **{name: row[name] for name in ("team", "model", "kind")}}
    took = {"units": work_units(spec), "seconds": attempt.seconds, "at": now, "done": attempt.done}
    return {**copied, **took, "size": work_size(spec), "memory": attempt.memory or None}
