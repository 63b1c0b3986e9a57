"""Which file reads the parameters of which kind of job."""

import importlib
from collections.abc import Mapping

from tenku.base.errors import JobError, ModelError
from tenku.studio.image.powers import check_task
from tenku.studio.model import InstalledModel, JobSpec, Kind
from tenku.studio.speechjob import check_voice

READERS: Mapping[Kind, str] = {
    Kind.TEXT: "tenku.studio.textjob",
    Kind.IMAGE: "tenku.studio.imagejob",
    Kind.VIDEO: "tenku.studio.videojob",
    Kind.SOUND: "tenku.studio.soundjob",
    Kind.SPEECH: "tenku.studio.speechjob",
}
"""Each has `request_of(spec)`."""


def check_request(spec: JobSpec) -> None:
    """Find what is wrong with a job's parameters before it is accepted. Raises JobError."""
    importlib.import_module(READERS[spec.kind]).request_of(spec)


def check_licence(model: InstalledModel) -> None:
    """Raises ModelError: its licence has to be accepted first."""
    if not model.accepted:
        raise ModelError(
            f"The licence of {model.name}, {model.licence}, has not been accepted on this machine.",
            hint=f"Read it, then `tenku models add {model.name} --accept-licence`.",
        )


def check_model(spec: JobSpec, model: InstalledModel) -> None:
    """Whether a model may do such a job. Raises JobError, ModelError."""
    if model.kind is not spec.kind:
        raise JobError(
            f"{model.name} makes {model.kind.value}, not {spec.kind.value}.",
            hint="See `tenku models`.",
            parameter="model",
        )
    check_licence(model)


def check_job(spec: JobSpec, model: InstalledModel) -> None:
    """Find what is wrong with a job for its model before it is accepted. Raises JobError, ModelError."""
    check_model(spec, model)
    check_request(spec)
    if spec.kind is Kind.SPEECH:
        check_voice(model, spec)
    if spec.kind is Kind.IMAGE:
        check_task(model, spec)
