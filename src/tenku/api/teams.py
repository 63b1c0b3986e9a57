"""Whose jobs are handed in: a token may belong to a team."""

from collections.abc import Iterable
from dataclasses import replace

from fastapi import Request

from tenku.api.problem import Refused
from tenku.studio.model import JobSpec

TEAM = "tenku.team"
"""Where the door says it, in a request's scope; empty: the token is of no team."""
USUAL = JobSpec.team


def team_of(request: Request) -> str:
    """The team of the token that a request came with; empty: of none, which may see all."""
    return str(request.scope.get(TEAM, ""))


def of_team(request: Request, specs: Iterable[JobSpec]) -> list[JobSpec]:
    """The jobs as those of the token's team. Raises Refused: one names another team."""
    team = team_of(request)
    found = list(specs)
    if not team:
        return found
    for spec in found:
        if spec.team not in (USUAL, team):
            raise Refused(
                403,
                f"This token hands in jobs of the team {team}, not of {spec.team[:80]}.",
                hint="Leave the team out.",
            )
    return [replace(spec, team=team) for spec in found]
