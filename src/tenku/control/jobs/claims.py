"""Who holds which job: claims in turn, and jobs that were left behind. Every function is part of one transaction."""

from typing import Any

import sqlalchemy as sa

from tenku.control.jobs.fate import Fate, after_deadline, after_lease
from tenku.control.jobs.ledger import Attempt, charge, shares
from tenku.control.jobs.rows import Row, device_seconds, progress_text, sentence, spec_of
from tenku.control.jobs.tables import JOBS, QUEUED, RUNNING
from tenku.control.jobs.turns import team_order
from tenku.studio.model import Progress, State

AT_ONCE = 100
"""Jobs that one transaction looks after: others need not wait for long."""


def next_row(connection: sa.Connection, *, now: float) -> Row | None:
    """The job whose turn it is, locked for this transaction; None: nothing may begin."""
    ready = QUEUED & (JOBS.c.not_before <= now)
    for team in team_order(shares(connection, ready, now=now), now=now):
        query = sa.select(JOBS).where(ready, JOBS.c.team == team).order_by(JOBS.c.priority.desc(), JOBS.c.number)
        # PostgreSQL: what another worker is just claiming is passed by. SQLite has one writer at a time.
        row = connection.execute(query.limit(1).with_for_update(skip_locked=True)).mappings().first()
        if row is not None:
            return row
    return None


def lease(connection: sa.Connection, row: Row, worker: str, *, now: float, until: float) -> dict[str, Any]:
    """Give the job to the worker; the row as it is then."""
    held = {"state": State.RUNNING.value, "worker": worker, "started": now, "beat": now, "leased_until": until}
    changes = held | {"attempts": row["attempts"] + 1, "progress": progress_text(Progress(0, 0))}
    connection.execute(sa.update(JOBS).where(JOBS.c.number == row["number"]).values(changes))
    return {**row, **changes}


def settle(connection: sa.Connection, row: Row, fate: Fate, *, now: float, **more: object) -> None:
    """Write down what became of a job that nobody holds any more."""
    changes = {
        "state": fate.state.value,
        "error": sentence(fate.error),
        "not_before": fate.not_before,
        "ended": now if fate.state.ended else None,
        "worker": "",
        "leased_until": None,
    }
    connection.execute(sa.update(JOBS).where(JOBS.c.number == row["number"]).values(changes | more))


def left_behind(now: float) -> sa.ColumnElement[bool]:
    """Jobs whose lease ran out, and jobs that waited beyond their deadline."""
    return sa.or_(_lost(now), is_late(now))


def recover(connection: sa.Connection, *, now: float) -> int:
    """Look after jobs that were left behind; how many there were, `AT_ONCE` of a sort at most."""
    lost = _locked(connection, _lost(now))
    for row in lost:
        fate = after_lease(worker=row["worker"], attempts=row["attempts"], cancel=row["cancel"])
        settle(connection, row, fate, now=now)
    # Until the worker was heard of last: after that it may have been dead.
    charge(connection, [Attempt(row, device_seconds(row, None, until=row["beat"])) for row in lost], now=now)
    late = _locked(connection, is_late(now))
    for row in late:
        settle(connection, row, _after_deadline(row), now=now)
    return len(lost) + len(late)


def _lost(now: float) -> sa.ColumnElement[bool]:
    return RUNNING & (JOBS.c.leased_until < now)


def is_late(now: float) -> sa.ColumnElement[bool]:
    """Jobs that waited beyond their deadline, whether that was written down or not."""
    return QUEUED & JOBS.c.deadline.is_not(None) & (JOBS.c.deadline < now)


def as_of(row: Row, *, now: float) -> Row:
    """The row as it is now: a job that waited beyond its deadline has failed, also before a worker writes that down."""
    late = row["state"] == State.QUEUED.value and row["deadline"] is not None and row["deadline"] < now
    if not late:
        return row
    fate = _after_deadline(row)
    return {**row, "state": fate.state.value, "error": fate.error, "ended": row["deadline"]}


def _after_deadline(row: Row) -> Fate:
    return after_deadline(deadline_s=spec_of(row).deadline_s or 0.0, error=row["error"])


def _locked(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> list[Row]:
    query = sa.select(JOBS).where(wanted).order_by(JOBS.c.number).limit(AT_ONCE).with_for_update(skip_locked=True)
    return list(connection.execute(query).mappings().all())
