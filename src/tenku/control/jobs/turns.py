"""Whose turn it is: the team that used the devices least, lately.

Within a team the higher priority goes first, then who came first. Plain values in, a choice out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

HALF_LIFE_S = 86_400.0
"""What a team used a day ago counts half: yesterday's great batch does not shut a team out for a week."""
LEAST_CHARGE_S = 0.1
"""What every job counts at least. Were jobs out of the cache free, a team with many of them would go first for ever."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one team has of the machine."""

    team: str
    used: float = 0.0
    """Device-seconds, older ones counted less, as they were at `at`."""
    at: float = 0.0
    """Seconds since 1970."""
    running: int = 0
    """Jobs that workers hold now."""
    running_s: float = 0.0
    """Seconds for which they have been held, in sum."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A job that may begin."""

    number: int
    """Counts up as jobs are accepted."""
    team: str
    priority: int


def decayed(used: float, *, at: float, now: float) -> float:
    """What is left at `now` of the device-seconds that counted `used` at `at`."""
    # A clock that was set back must not make a team poorer.
    return used * float(0.5 ** (max(0.0, now - at) / HALF_LIFE_S))


def charged(share: Share, seconds: float, *, now: float) -> Share:
    """The team's share after it used these device-seconds."""
    left = decayed(share.used, at=share.at, now=now)
    return Share(team=share.team, used=left + max(LEAST_CHARGE_S, seconds), at=max(share.at, now))


def team_order(shares: Iterable[Share], *, now: float) -> list[str]:
    """The teams, the one whose turn it is first. Every two teams differ in their names, so the order is total."""
    return [share.team for share in sorted(shares, key=lambda share: (_weight(share, now), share.running, share.team))]


def job_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """The jobs of one team, the one whose turn it is first."""
    return sorted(waiting, key=lambda job: (-job.priority, job.number))


def choose(waiting: Iterable[Waiting], shares: Iterable[Share], *, now: float) -> Waiting | None:
    """The job whose turn it is; None: nothing waits. Teams without a share have used nothing.

    The slow reference: the queue takes `team_order`, and lets the database find a team's first job by an index.
    """
    jobs = list(waiting)
    known = {share.team: share for share in shares}
    teams = {job.team: known.get(job.team, Share(team=job.team)) for job in jobs}
    for team in team_order(teams.values(), now=now)[:1]:
        return job_order(job for job in jobs if job.team == team)[0]
    return None


def _weight(share: Share, now: float) -> float:
    # Each running job counts at least what it will be charged: else several workers that claim
    # at the same moment would all see the same team as the poorest.
    return decayed(share.used, at=share.at, now=now) + max(share.running_s, share.running * LEAST_CHARGE_S)
