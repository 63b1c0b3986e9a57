"""What teams use, and what they may use."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from tenku.base.errors import UsageError
from tenku.control.jobs import ledger
from tenku.control.jobs.database import Database
from tenku.control.jobs.tables import JOBS, LEDGER, TEAMS
from tenku.studio.model import State


@dataclass(frozen=True, kw_only=True)
class TeamUse:
    """One team."""

    name: str
    used_s: float
    """Device-seconds in the last 30 days."""
    budget_s: float | None
    """What it may use in 30 days; None: as much as there is."""
    own: bool
    """Whether that was set for this team, and not for all."""
    queued: int
    running: int


class Teams:
    """The teams of a database of jobs.

    Args:
        usual_s: device-seconds that a team without a budget of its own may use in 30 days; None: no limit.
        now: seconds since 1970.
    """

    def __init__(
        self, database: Database, *, usual_s: float | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._usual_s = usual_s
        self._now = now

    def list(self) -> list[TeamUse]:
        """All that ever had a job or a budget, by name."""
        since = self._now() - ledger.BUDGET_DAYS * 86_400
        used = sa.select(LEDGER.c.team, sa.func.sum(LEDGER.c.seconds)).where(LEDGER.c.at > since)
        unended = sa.select(JOBS.c.team, JOBS.c.state, sa.func.count()).group_by(JOBS.c.team, JOBS.c.state)
        states = [State.QUEUED.value, State.RUNNING.value]
        with self._database.reading() as connection:
            seconds = {row[0]: float(row[1]) for row in connection.execute(used.group_by(LEDGER.c.team))}
            counts = {
                (row[0], row[1]): int(row[2]) for row in connection.execute(unended.where(JOBS.c.state.in_(states)))
            }
            teams = connection.execute(sa.select(TEAMS).order_by(TEAMS.c.name)).mappings().all()
        return [
            TeamUse(
                name=team["name"],
                used_s=seconds.get(team["name"], 0.0),
                budget_s=self._usual_s if team["budget_s"] is None else team["budget_s"],
                own=team["budget_s"] is not None,
                queued=counts.get((team["name"], State.QUEUED.value), 0),
                running=counts.get((team["name"], State.RUNNING.value), 0),
            )
            for team in teams
        ]

    def set_budget(self, name: str, budget_s: float | None) -> None:
        """Device-seconds that a team may use in 30 days; None: what all others may. Raises UsageError."""
        if not name or not name.isprintable() or len(name) > 100:
            raise UsageError(f"{name!r} cannot be the name of a team.", hint="Take one like `art`.")
        with self._database.writing() as connection:
            ledger.add_teams(connection, [name], now=self._now())
            connection.execute(sa.update(TEAMS).where(TEAMS.c.name == name).values(budget_s=budget_s))
