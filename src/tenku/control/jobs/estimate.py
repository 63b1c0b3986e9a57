"""How long a job will take, from what such jobs took here; before there were any, a guess from the model's size."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from tenku.studio.model import Estimate

__all__ = ["Estimate", "Fit", "estimate", "first_guess", "fit"]

FEWEST = 4
"""Jobs that are needed to tell what every job takes from what each unit takes."""
GUESS_BYTES_PER_S = 1.6e10
"""How fast small models are read from memory here, once for each token: 11 and 22 GB/s were measured on two cores."""
ALIKE = 1.25
"""Jobs whose units differ by less than this factor say the most about each other."""
NEWEST = 8
"""Of those the newest so many say what this machine is like now: it may be busier than last week."""
GUESS_FACTOR = 4.0
"""A first guess may be wrong by this, either way."""


@dataclass(frozen=True)
class Fit:
    """What jobs that are done say about those to come: made once, asked for many."""

    start: float
    """Seconds that every job takes."""
    rate: float
    """Seconds for each unit."""
    known: Sequence[tuple[float, float]]
    """Units, and by how much the seconds were off the line, as a factor; the newest first."""

    def estimate(self, units: float) -> Estimate:
        """Seconds for a job of so many work units."""
        alike = [ratio for _, ratio in self._alike(units)]
        ratios, likely = sorted(alike), median(alike[:NEWEST])
        expected = self.start + self.rate * units
        # A few jobs say little about the spread: they lie closer together than what is to come.
        slack = 1.0 + 1.0 / len(ratios)
        return Estimate(
            seconds=expected * likely,
            low=expected * min(likely, _quantile(ratios, 0.1)) / slack,
            high=expected * max(likely, _quantile(ratios, 0.9)) * slack,
            jobs=len(self.known),
        )

    def _alike(self, units: float) -> Sequence[tuple[float, float]]:
        """Jobs of about this size, where there are enough: a line is never quite right everywhere."""
        near = [each for each in self.known if ALIKE * units >= each[0] >= units / ALIKE]
        return near if len(near) >= FEWEST else self.known


def fit(history: Sequence[tuple[float, float]]) -> Fit | None:
    """What a history of work units and seconds says, the newest first; None: nothing."""
    known = [(work, seconds) for work, seconds in history if work > 0 and seconds > 0]
    if not known:
        return None
    start, rate = _line(known)
    return Fit(start, rate, [(work, seconds / (start + rate * work)) for work, seconds in known])


def estimate(
    units: float, history: Sequence[tuple[float, float]], *, model_size: int, bytes_per_s: float = GUESS_BYTES_PER_S
) -> Estimate:
    """Seconds for a job of so many work units.

    Args:
        history: work units and seconds of jobs that are done, the newest first, as `Jobs.history` gives them.
        model_size: bytes of the weights, for the first guess.
        bytes_per_s: how fast the device reads its memory, for the first guess.
    """
    found = fit(history)
    if found is None:
        return first_guess(units, model_size=model_size, bytes_per_s=bytes_per_s)
    return found.estimate(units)


def first_guess(units: float, *, model_size: int, bytes_per_s: float = GUESS_BYTES_PER_S) -> Estimate:
    """A token takes about as long as reading all weights once."""
    seconds = units * max(1, model_size) / bytes_per_s
    return Estimate(seconds=seconds, low=seconds / GUESS_FACTOR, high=seconds * GUESS_FACTOR, jobs=0)


def _line(known: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Seconds that every job takes, and seconds for each unit. Neither is negative, one is above 0.

    The slope is the median of the slopes between all pairs (Theil and Sen): jobs that ran while the machine was busy do
    not move it.
    """
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(known, 2) if abs(b[0] - a[0]) > 0.1 * a[0]]
    if len(known) < FEWEST or not slopes:
        return 0.0, median(seconds / work for work, seconds in known)
    rate = max(0.0, median(slopes))
    start = max(0.0, median(seconds - rate * work for work, seconds in known))
    return start, rate


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two values next to this share of the way, in proportion."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
