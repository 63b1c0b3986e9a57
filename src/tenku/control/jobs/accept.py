"""Which specifications can be written down: everything else is refused before it is accepted."""

import json
import math
from collections.abc import Sequence

from tenku.base.errors import JobError
from tenku.studio.model import JobSpec

LONGEST_NAME = 200
LARGEST = 2**31 - 1
"""Priorities and rows are 32 bits wide in the database."""


def spec_text(spec: JobSpec) -> str:
    """The specification as JSON in ASCII: no character of a prompt is one that a database refuses.

    Raises:
        JobError: a name, number or parameter that cannot be written down.
    """
    for what, name in (("model", spec.model), ("team", spec.team), ("batch", spec.batch)):
        _check_name(what, name, empty=what == "batch")
    for what, number in (("priority", spec.priority), ("row", spec.row)):
        if abs(number) > LARGEST:
            raise JobError(f"The {what} {number} of a job is too large: at most {LARGEST}.")
    if spec.deadline_s is not None and not (math.isfinite(spec.deadline_s) and spec.deadline_s > 0):
        raise JobError(f"A job's deadline of {spec.deadline_s} s cannot be: it is a number above 0.")
    plain = {name: getattr(spec, name) for name in JobSpec.__dataclass_fields__}
    try:
        return json.dumps(plain | {"kind": spec.kind.value, "parameters": dict(spec.parameters)}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise JobError(f"The parameters of a job for {spec.model} are not plain JSON: {error}.") from error


def check_budget(team: str, *, used_s: float, budget_s: float, days: int, own: bool) -> None:
    """Raises JobError: the team has used up what it may use. `own`: it has a budget of its own."""
    if used_s >= budget_s:
        how = f"`tenku teams budget {team} SECONDS`" if own else "control.budget_s"
        raise JobError(
            f"The team {team} used {used_s:.0f} of its {budget_s:.0f} device-seconds in the last {days} days.",
            hint=f"Wait until older jobs drop out of the window, or raise {how}.",
        )


def teams_of(specs: Sequence[JobSpec]) -> list[str]:
    """The teams of these jobs, each one once, sorted."""
    return sorted({spec.team for spec in specs})


def _check_name(what: str, name: str, *, empty: bool) -> None:
    if not name and not empty:
        raise JobError(f"A job needs a {what}.")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise JobError(f"The {what} {name[:40]!a} of a job cannot be: at most {LONGEST_NAME} printable characters.")
