"""Jobs and models as /api sends and takes them."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tenku.studio.model import InstalledModel, Job, JobSpec, Kind, State
from tenku.studio.warm import Warm

MOST_JOBS = 10_000
"""In one request: they are accepted in one transaction."""


class JobIn(BaseModel):
    """A job that is to be accepted."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = Kind.TEXT
    model: str = Field(min_length=1)
    prompt: str
    parameters: dict[str, Any] = {}
    seed: int = Field(default=0, ge=-(2**63), lt=2**63)
    team: str = Field(default="studio", min_length=1, max_length=100)
    priority: int = Field(default=0, ge=-1000, le=1000)
    deadline_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    batch: str = Field(default="", max_length=200)
    row: int = Field(default=0, ge=0, lt=2**31)

    def spec(self) -> JobSpec:
        """As studio knows it."""
        return JobSpec(**dict(self))


class JobsIn(BaseModel):
    """Jobs that are accepted together, or not at all."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[JobIn] = Field(min_length=1, max_length=MOST_JOBS)


class ProgressOut(BaseModel):
    """How far a job is; a total of 0: not known."""

    done: int
    total: int
    unit: str
    held: bool = False
    """It stands still: players have the device."""


class OutputOut(BaseModel):
    """A file that a job made."""

    name: str
    media_type: str
    size: int
    sha256: str
    url: str
    """Where it is fetched; with `.provenance.json` behind it, where it came from."""


class UsageOut(BaseModel):
    """What a job took."""

    seconds: float
    prompt_tokens: int
    completion_tokens: int
    memory: int
    """The most bytes of the device that were in use; 0: not measured."""


class SpreadOut(BaseModel):
    """What is expected, and the bounds that one job in ten each goes beyond. All 0: not known."""

    likely: float
    low: float
    high: float


class EstimateOut(BaseModel):
    """What jobs will take, without the time that they wait."""

    seconds: float
    low: float
    high: float
    jobs: int
    """From so many that are done; 0: a guess."""
    memory: SpreadOut
    """Bytes of the device, at most."""
    cost: SpreadOut
    """In the money of `control.price_per_hour`."""


class JobOut(BaseModel):
    """A job. Times are seconds since 1970."""

    id: str
    spec: JobIn
    state: State
    accepted: float
    started: float | None
    ended: float | None
    attempts: int
    progress: ProgressOut
    error: str
    outputs: list[OutputOut]
    usage: UsageOut | None
    estimate: EstimateOut | None
    """What was expected when it was accepted."""
    cancel: bool


class JobsOut(BaseModel):
    """Jobs."""

    jobs: list[JobOut]


class ModelOut(BaseModel):
    """An installed model."""

    name: str
    kind: Kind
    engine: str
    hash: str
    size: int
    licence: str
    accepted: bool
    parameters: dict[str, Any]
    loaded: bool
    """Whether it is in memory."""
    users: int
    """Jobs and chats that work with it right now."""


class ModelsOut(BaseModel):
    """Installed models."""

    models: list[ModelOut]


def job_out(job: Job) -> JobOut:
    """A job as it is sent."""
    outputs = [{**asdict(each), "url": f"/api/jobs/{job.id}/outputs/{each.name}"} for each in job.outputs]
    return JobOut.model_validate({**asdict(job), "outputs": outputs})


def model_out(model: InstalledModel, warm: Warm | None) -> ModelOut:
    """A model as it is sent: not where it lies, or at which address. `warm`: as it is in memory."""
    shown = {name: value for name, value in asdict(model).items() if name != "path"}
    return ModelOut.model_validate({**shown, "loaded": warm is not None, "users": warm.users if warm else 0})
