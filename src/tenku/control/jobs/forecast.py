"""What jobs will take on this machine: seconds, memory and money, from its history and its models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import ModelError
from tenku.control.jobs.estimate import Fit, fit
from tenku.control.jobs.footprint import footprint
from tenku.control.jobs.guess import guess
from tenku.control.jobs.ledger import Past
from tenku.control.jobs.work import work_size, work_units
from tenku.studio.model import Estimate, InstalledModel, JobSpec, Kind, Spread

FRESH_S = 1.0
"""For so long what a history said stays good: a batch asks for each of its rows."""
HOUR_S = 3600.0


@dataclass(frozen=True)
class _Said:
    at: float
    seconds: Fit | None
    memory: Sequence[tuple[float, float]]


class Forecast:
    """Estimates jobs.

    Args:
        history: what jobs of a model and kind took, the newest first.
        find: an installed model by its name. Raises ModelError.
        weights: bytes that a model takes in memory by itself.
        speed: operations a second of the device that a model computes on; for first guesses.
        price_per_hour: of the device.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        *,
        history: Callable[[str, Kind], Sequence[Past]],
        find: Callable[[str], InstalledModel],
        weights: Callable[[InstalledModel], int],
        speed: Callable[[InstalledModel], float],
        price_per_hour: float,
        clock: Callable[[], float],
    ) -> None:
        self._history = history
        self._find = find
        self._weights = weights
        self._speed = speed
        self._price = price_per_hour
        self._clock = clock
        self._said: dict[tuple[str, Kind], _Said] = {}

    def all(self, specs: Sequence[JobSpec]) -> list[Estimate | None]:
        """An estimate for each; None: its model is not here."""
        return [self._or_none(spec) for spec in specs]

    def one(self, spec: JobSpec) -> Estimate:
        """What a job will take. Raises ModelError."""
        model, said = self._find(spec.model), self._said_of(spec.model, spec.kind)
        units = work_units(spec)
        if said.seconds is not None:
            found = said.seconds.estimate(units)
        else:
            found = guess(spec.kind, units, model_size=model.size, speed=self._speed(model))
        memory = footprint(spec.kind, work_size(spec), said.memory, weights=self._weights(model))
        return replace(found, memory=Spread() if model.hash == "remote" else memory, cost=self._cost(found))

    def _or_none(self, spec: JobSpec) -> Estimate | None:
        try:
            return self.one(spec)
        except ModelError:
            return None

    def _cost(self, found: Estimate) -> Spread:
        return Spread(*(each * self._price / HOUR_S for each in (found.seconds, found.low, found.high)))

    def _said_of(self, model: str, kind: Kind) -> _Said:
        said, now = self._said.get((model, kind)), self._clock()
        if said is None or now - said.at > FRESH_S:
            past = self._history(model, kind)
            memory = [(each.size, each.memory) for each in past]
            said = _Said(now, fit([(each.units, each.seconds) for each in past]), memory)
            self._said[model, kind] = said
        return said


def together(estimates: Sequence[Estimate]) -> Estimate:
    """One after the other: seconds and money add up, and the most memory of any is what is needed."""
    return Estimate(
        seconds=sum(each.seconds for each in estimates),
        low=sum(each.low for each in estimates),
        high=sum(each.high for each in estimates),
        jobs=min((each.jobs for each in estimates), default=0),
        memory=max((each.memory for each in estimates), key=lambda memory: memory.likely, default=Spread()),
        cost=Spread(
            sum(each.cost.likely for each in estimates),
            sum(each.cost.low for each in estimates),
            sum(each.cost.high for each in estimates),
        ),
    )
