"""Jobs into rows, and rows into jobs."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from tenku.control.jobs.accept import spec_text
from tenku.studio.model import (
    Estimate,
    Job,
    JobId,
    JobSpec,
    Kind,
    Progress,
    Spread,
    State,
    StoredOutput,
    Usage,
)

Row = sa.RowMapping | Mapping[str, Any]


def new_row(id: JobId, spec: JobSpec, estimate: Estimate | None = None, *, now: float) -> dict[str, Any]:
    """The row of a job that is accepted now. Raises JobError: it cannot be written down."""
    return {
        "id": id,
        "spec": spec_text(spec),
        "model": spec.model,
        "kind": spec.kind.value,
        "team": spec.team,
        "batch": spec.batch,
        "priority": spec.priority,
        "deadline": None if spec.deadline_s is None else now + spec.deadline_s,
        "state": State.QUEUED.value,
        "accepted": now,
        "started": None,
        "ended": None,
        "attempts": 0,
        "not_before": 0.0,
        "worker": "",
        "beat": None,
        "leased_until": None,
        "cancel": False,
        "progress": progress_text(Progress(0, 0)),
        "error": "",
        "outputs": "[]",
        "usage": "null",
        "estimate": estimate and json.dumps(dataclasses.asdict(estimate)),
    }


def done_at_once(outputs: Sequence[StoredOutput], *, now: float) -> dict[str, Any]:
    """What is different about a job whose result is there when it is accepted."""
    return {
        "state": State.DONE.value,
        "started": now,
        "ended": now,
        "outputs": outputs_text(outputs),
        "usage": usage_text(Usage(seconds=0.0)),
    }


def job_of(row: Row) -> Job:
    """The job that a row of the table is."""
    usage = json.loads(row["usage"])
    return Job(
        id=JobId(row["id"]),
        spec=spec_of(row),
        state=State(row["state"]),
        accepted=row["accepted"],
        started=row["started"],
        ended=row["ended"],
        attempts=row["attempts"],
        progress=Progress(**json.loads(row["progress"])),
        error=row["error"],
        outputs=tuple(StoredOutput(**output) for output in json.loads(row["outputs"])),
        usage=usage and Usage(**usage),
        estimate=_estimate(row["estimate"]),
        cancel=row["cancel"],
    )


def _estimate(text: str | None) -> Estimate | None:
    if text is None:
        return None
    plain = json.loads(text)
    return Estimate(**plain | {name: Spread(**plain[name]) for name in ("memory", "cost")})


def spec_of(row: Row) -> JobSpec:
    """What is to be made."""
    plain = json.loads(row["spec"])
    return JobSpec(**plain | {"kind": Kind(plain["kind"])})


def progress_text(progress: Progress) -> str:
    """How far a job is, as JSON."""
    return json.dumps(dataclasses.asdict(progress))


def outputs_text(outputs: Sequence[StoredOutput]) -> str:
    """What a job made, as JSON."""
    return json.dumps([dataclasses.asdict(output) for output in outputs])


def usage_text(usage: Usage | None) -> str:
    """What a job took, as JSON."""
    return json.dumps(usage and dataclasses.asdict(usage))


def sentence(text: str) -> str:
    """A text without what PostgreSQL refuses: an engine's message may hold anything."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def device_seconds(row: Row, usage: Usage | None, *, until: float) -> float:
    """What an attempt took of a device: what the worker says, else the time that it held the job."""
    seconds = until - (row["started"] or until) if usage is None else usage.seconds
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
