"""Where jobs are handed in: what cannot be done is refused, what is accepted keeps its estimate."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenku.control.jobs.admission import Admission
from tenku.control.jobs.forecast import Forecast
from tenku.control.jobs.guess import ACCELERATOR_SPEED, CORE_SPEED
from tenku.control.jobs.queue import Jobs
from tenku.control.settings import ControlSettings
from tenku.studio.memory import Memory
from tenku.studio.model import Estimate, InstalledModel, JobSpec
from tenku.studio.models import Models
from tenku.studio.settings import StudioSettings
from tenku.studio.warm import MAIN

FRESH_S = 2.0
"""For so long a look at the models is good."""


@dataclass(frozen=True, kw_only=True)
class Reception:
    """The queue, and what stands before it."""

    jobs: Jobs
    forecast: Forecast
    admission: Admission


class Installed:
    """The installed models, as they were a moment ago: a batch asks for each of its rows.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, models: Models, *, clock: Callable[[], float]) -> None:
        self._models = models
        self._clock = clock
        self._read_at: float | None = None
        self._seen: Sequence[InstalledModel] = ()

    def list(self) -> Sequence[InstalledModel]:
        """All of them, by name."""
        now = self._clock()
        if self._read_at is None or now - self._read_at > FRESH_S:
            self._seen, self._read_at = self._models.list(), now
        return self._seen

    def find(self, name: str) -> InstalledModel:
        """One of them. Raises ModelError: it is not here."""
        found = next((model for model in self.list() if model.name == name), None)
        return found if found is not None else self._models.find(name)


def reception(control: ControlSettings, studio: StudioSettings) -> Reception:
    """The reception of this machine; its database is opened by the first call, and closed by `jobs.close`."""
    installed, memory = Installed(Models(studio.folder), clock=time.monotonic), Memory(studio.memory)

    def expect(specs: Sequence[JobSpec]) -> list[Estimate | None]:
        return forecast.all(specs)

    def speed(model: InstalledModel) -> float:
        return memory.cores * CORE_SPEED if memory.place(model) == MAIN else ACCELERATOR_SPEED

    jobs = Jobs(control.database.reveal(), budget_s=control.budget_s or None, expect=expect)
    forecast = Forecast(
        history=jobs.history,
        find=installed.find,
        weights=memory.weights,
        speed=speed,
        price_per_hour=control.price_per_hour,
        clock=time.monotonic,
    )
    admission = Admission(find=installed.find, installed=installed.list, forecast=forecast, memory=memory)
    return Reception(jobs=jobs, forecast=forecast, admission=admission)
