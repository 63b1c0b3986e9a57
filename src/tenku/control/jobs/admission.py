"""Which jobs are taken: what cannot be done here is refused at once, with what could."""

from collections.abc import Callable, Sequence

from tenku.base.errors import JobError
from tenku.control.jobs.fits import Limits, Need, fits, lacking, others, smaller
from tenku.control.jobs.forecast import Forecast
from tenku.studio.catalog import known_model
from tenku.studio.memory import Memory
from tenku.studio.model import InstalledModel, JobSpec
from tenku.studio.othermodels import other_models
from tenku.studio.requests import check_job, check_licence
from tenku.studio.soundtrack.choice import check_sound
from tenku.studio.warm import MAIN

MODELS_NAMED = 3


class Admission:
    """Looks at jobs before they are accepted.

    Args:
        find: an installed model by its name. Raises ModelError.
        installed: all that are.
    """

    def __init__(
        self,
        *,
        find: Callable[[str], InstalledModel],
        installed: Callable[[], Sequence[InstalledModel]],
        forecast: Forecast,
        memory: Memory,
    ) -> None:
        self._find = find
        self._installed = installed
        self._forecast = forecast
        self._memory = memory

    def check(self, spec: JobSpec) -> None:
        """Raises JobError, ModelError: this job cannot be done here, and why."""
        model = self._find(spec.model)
        check_job(spec, model)
        check_sound(spec, self._installed())
        for name in other_models(spec).values():
            check_licence(self._find(name))
        if not self._fits(spec):
            raise self._refusal(spec, model)

    def _fits(self, spec: JobSpec) -> bool:
        model = self._find(spec.model)
        return model.hash == "remote" or fits(self._need(spec, model), self._limits(model))

    def _need(self, spec: JobSpec, model: InstalledModel) -> Need:
        weights = self._memory.weights(model)
        # The low bound: what may fit is tried.
        working = max(0, int(self._forecast.one(spec).memory.low) - weights)
        return Need(weights=weights, working=working, whole=model.parameters.get("offload") == "none")

    def _limits(self, model: InstalledModel) -> Limits:
        place = self._memory.place(model)
        device = 0 if place == MAIN else self._memory.budget(place)
        return Limits(main=self._memory.budget(MAIN), device=device)

    def _refusal(self, spec: JobSpec, model: InstalledModel) -> JobError:
        need = self._need(spec, model)
        wanted, there = lacking(need, self._limits(model))
        could = smaller(spec, self._fits)
        could += [f"the model {name}" for name in others(spec, self._installed(), self._fits)[:MODELS_NAMED]]
        if need.whole and fits(Need(weights=need.weights, working=need.working), self._limits(model)):
            could.append(f"{model.name} added with its parameter offload=auto")
        known = known_model(model.name)
        if not could and known is not None and known.needs:
            could.append(f"{known.needs} for {model.name}")
        usual = "Take a smaller model, or let models take more memory."
        error = JobError(
            f"{model.name} needs {_gigabytes(wanted)} of memory for this, and models may take "
            f"{_gigabytes(there)} here.",
            hint=f"What fits: {'; '.join(could)}." if could else usual,
        )
        error.short_of_memory = True
        return error


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
