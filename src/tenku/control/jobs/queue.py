"""The queue of jobs in a database: studio's `JobQueue`, with what the server asks besides.

    with Jobs("sqlite:///jobs.db") as jobs:
        [job] = jobs.submit([JobSpec(kind=Kind.TEXT, model="smollm2-135m", prompt="a fire sword")])

Every call is one short transaction, and may come from any thread. Errors are children of `StudioError`.
"""

import secrets
import string
import time
from collections.abc import Callable, Sequence
from typing import Self

import sqlalchemy as sa

from tenku.base.errors import UnknownJob
from tenku.control.jobs import claims, ledger
from tenku.control.jobs.accept import check_budget, teams_of
from tenku.control.jobs.database import Database
from tenku.control.jobs.fate import Fate, after_finish
from tenku.control.jobs.rows import (
    Row,
    device_seconds,
    done_at_once,
    job_of,
    new_row,
    outputs_text,
    progress_text,
    usage_text,
)
from tenku.control.jobs.tables import JOBS
from tenku.studio.model import Estimate, Job, JobId, JobSpec, Kind, Progress, State, Usage
from tenku.studio.ports import Finished, Known

LETTERS = string.ascii_lowercase + string.digits
UNENDED = [state.value for state in State if not state.ended]
MANY = 500
"""Rows of one INSERT."""

# Inside the class `list` is the method.
JobList = list[Job]
History = list[ledger.Past]
Expect = Callable[[Sequence[JobSpec]], Sequence[Estimate | None]]
Also = Callable[[sa.Connection, Sequence[Job]], None]


class Jobs:
    """Jobs in the database at `url`; it is opened, and its tables brought up to date, by `open` or the first call.

    Args:
        url: `sqlite:///FILE` or `postgresql://…`.
        now: seconds since 1970.
        budget_s: device-seconds that a team without a budget of its own may use in 30 days; None: no limit.
        expect: what jobs will take; asked for those that are about to be accepted, which keep it.

    Raises:
        SettingError: the URL is none that jobs can be kept in.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], float] = time.time,
        budget_s: float | None = None,
        expect: Expect | None = None,
    ) -> None:
        self._database = Database(url)
        self._expect = expect
        self._now = now
        self._budget_s = budget_s

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Make the database, or bring its tables up to date. Raises StudioError: a newer Tenku wrote it."""
        self._database.open()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    @property
    def database(self) -> Database:
        """For what is written down beside jobs."""
        return self._database

    def submit(
        self, specs: Sequence[JobSpec], *, also: Also | None = None, known: Sequence[Known | None] = ()
    ) -> JobList:
        """Accept jobs: all of them or none. Raises JobError: one cannot be, or a team's budget is used up.

        Args:
            known: gives jobs results that are there already, in the order of the jobs: see `JobQueue`.
            also: writes down in the same transaction what belongs to the jobs, which are given in their order.
        """
        now = self._now()
        expected = self._expect(specs) if self._expect is not None else [None] * len(specs)
        rows = [new_row(_new_id(), spec, each, now=now) for spec, each in zip(specs, expected, strict=True)]
        if not rows:
            return []
        with self._database.writing() as connection:
            teams = teams_of(specs)
            for team in teams:
                own = ledger.own_budget(connection, team)
                budget_s = self._budget_s if own is None else own
                if budget_s is not None:
                    used = ledger.used_in_window(connection, team, now=now)
                    check_budget(team, used_s=used, budget_s=budget_s, days=ledger.BUDGET_DAYS, own=own is not None)
            ledger.add_teams(connection, teams, now=now)
            for row, give in zip(rows, known, strict=False):
                outputs = give(row["id"]) if give is not None else None
                if outputs is not None:
                    # Nothing is charged: it used no device, and took nobody's turn.
                    row.update(done_at_once(outputs, now=now))
            connection.execute(sa.insert(JOBS), rows)
            jobs = [job_of(row) for row in rows]
            if also is not None:
                also(connection, jobs)
        return jobs

    def get(self, id: JobId) -> Job:
        """Raises UnknownJob."""
        with self._database.reading() as connection:
            return job_of(claims.as_of(_row(connection, id), now=self._now()))

    def list(self, *, limit: int = 100, batch: str = "", team: str = "", unended: bool = False) -> JobList:
        """The newest first."""
        query = sa.select(JOBS).order_by(JOBS.c.number.desc()).limit(limit)
        if batch:
            query = query.where(JOBS.c.batch == batch)
        if team:
            query = query.where(JOBS.c.team == team)
        now = self._now()
        if unended:
            query = query.where(JOBS.c.state.in_(UNENDED), sa.not_(claims.is_late(now)))
        with self._database.reading() as connection:
            return [job_of(claims.as_of(row, now=now)) for row in connection.execute(query).mappings()]

    def cancel(self, id: JobId) -> Job:
        """A queued job ends; a running one is told so. One that ended stays as it is. Raises UnknownJob."""
        now = self._now()
        with self._database.writing() as connection:
            row = claims.as_of(_row(connection, id, lock=True), now=now)
            match State(row["state"]):
                case State.QUEUED:
                    claims.settle(connection, row, Fate(state=State.CANCELLED), now=now, cancel=True)
                case State.RUNNING:
                    connection.execute(sa.update(JOBS).where(JOBS.c.id == id).values(cancel=True))
            return job_of(claims.as_of(_row(connection, id), now=now))

    def claim(self, worker: str, *, lease_s: float) -> Job | None:
        """The job whose turn it is, now this worker's; None: nothing may begin.

        `worker` is a name that no other process has, or had. Jobs that were left behind are looked after first.
        """
        self.recover()
        now = self._now()
        with self._database.writing() as connection:
            row = claims.next_row(connection, now=now)
            if row is None:
                return None
            return job_of(claims.lease(connection, row, worker, now=now, until=now + lease_s))

    def recover(self) -> None:
        """Queue or fail jobs whose lease ran out, and fail those that waited beyond their deadline."""
        now = self._now()
        with self._database.reading() as connection:
            # Mostly there is nothing, and a look disturbs no writer.
            if connection.execute(sa.select(JOBS.c.id).where(claims.left_behind(now)).limit(1)).first() is None:
                return
        found = claims.AT_ONCE
        while found >= claims.AT_ONCE:
            with self._database.writing() as connection:
                found = claims.recover(connection, now=now)

    def beat(self, id: JobId, worker: str, progress: Progress, *, lease_s: float) -> bool:
        """Hold on to a job, and say how far it is; False: stop, it was cancelled or is somebody else's."""
        now = self._now()
        held = (JOBS.c.id == id) & (JOBS.c.worker == worker) & (JOBS.c.state == State.RUNNING.value)
        changes = {"beat": now, "leased_until": now + lease_s, "progress": progress_text(progress)}
        with self._database.writing() as connection:
            told = connection.execute(sa.update(JOBS).where(held).values(changes).returning(JOBS.c.cancel)).scalar()
            return told is False

    def wanted(self, id: JobId, worker: str) -> bool:
        """Whether to go on with a job; False: it was cancelled or is somebody else's. It only reads."""
        held = (JOBS.c.id == id) & (JOBS.c.worker == worker) & (JOBS.c.state == State.RUNNING.value)
        with self._database.reading() as connection:
            return connection.execute(sa.select(JOBS.c.cancel).where(held)).scalar() is False

    def finish(self, id: JobId, worker: str, made: Finished) -> bool:
        """A job ended; False: it was somebody else's by now, and nothing was written."""
        now = self._now()
        with self._database.writing() as connection:
            row = _held(connection, id, worker)
            if row is None:
                return False
            fate = after_finish(made, attempts=row["attempts"], cancel=row["cancel"], now=now)
            more = {"outputs": outputs_text(made.outputs), "usage": usage_text(made.usage)}
            if made.progress is not None:
                more["progress"] = progress_text(made.progress)
            claims.settle(connection, row, fate, now=now, **more)
            seconds = device_seconds(row, made.usage, until=now)
            memory = made.usage.memory if made.usage is not None else 0
            attempt = ledger.Attempt(row, seconds, done=fate.state is State.DONE, memory=memory)
            ledger.charge(connection, [attempt], now=now)
            return True

    def give_back(self, id: JobId, worker: str, *, seconds: float) -> bool:
        """The worker stops before the job is done: it is queued again, and the attempt does not count.

        `seconds`: what it took of the device. False: it was somebody else's by now. A job that was cancelled
        meanwhile ends.
        """
        now = self._now()
        with self._database.writing() as connection:
            row = _held(connection, id, worker)
            if row is None:
                return False
            fate = Fate(state=State.CANCELLED if row["cancel"] else State.QUEUED, error=row["error"])
            claims.settle(connection, row, fate, now=now, attempts=row["attempts"] - 1)
            ledger.charge(
                connection, [ledger.Attempt(row, device_seconds(row, Usage(seconds=seconds), until=now))], now=now
            )
            return True

    def history(self, model: str, kind: Kind, *, limit: int = 100) -> History:
        """What the newest jobs took that were done; for estimates."""
        with self._database.reading() as connection:
            return ledger.history(connection, model, kind.value, limit=limit)

    def used(self, team: str) -> float:
        """Device-seconds of a team in the last 30 days."""
        with self._database.reading() as connection:
            return ledger.used_in_window(connection, team, now=self._now())


def _new_id() -> JobId:
    return JobId("".join(secrets.choice(LETTERS) for _ in range(12)))


def _row(connection: sa.Connection, id: JobId, *, lock: bool = False) -> Row:
    query = sa.select(JOBS).where(JOBS.c.id == id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise UnknownJob(f"There is no job {id}.", hint="tenku jobs lists those that there are.")
    return row


def _held(connection: sa.Connection, id: JobId, worker: str) -> Row | None:
    """The job, locked, if this worker holds it."""
    held = (JOBS.c.id == id) & (JOBS.c.worker == worker) & (JOBS.c.state == State.RUNNING.value)
    return connection.execute(sa.select(JOBS).where(held).with_for_update()).mappings().first()
