"""How long a job will take, from what such jobs took here; before there were any, a guess from the model's size."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

FEWEST = 4
"""Jobs that are needed to tell what every job takes from what each unit takes."""
GUESS_BYTES_PER_S = 1.6e10
"""How fast small models are read from memory here, once for each token: 11 and 22 GB/s were measured on two cores."""
GUESS_FACTOR = 4.0
"""A first guess may be wrong by this, either way."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds that a job will take on the device, without the time that it waits."""

    seconds: float
    low: float
    """One job in ten is expected to take less."""
    high: float
    """One job in ten is expected to take more."""
    jobs: int
    """From so many that are done; 0: a guess."""


def estimate(
    units: float, history: Sequence[tuple[float, float]], *, model_size: int, bytes_per_s: float = GUESS_BYTES_PER_S
) -> Estimate:
    """Seconds for a job of so many work units.

    Args:
        history: work units and seconds of jobs that are done, as `Jobs.history` gives them.
        model_size: bytes of the weights, for the first guess.
        bytes_per_s: how fast the device reads its memory, for the first guess.
    """
    known = [(work, seconds) for work, seconds in history if work > 0 and seconds > 0]
    if not known:
        return first_guess(units, model_size=model_size, bytes_per_s=bytes_per_s)
    start, rate = _line(known)
    ratios = sorted(seconds / (start + rate * work) for work, seconds in known)
    expected = start + rate * units
    # A few jobs say little about the spread: they lie closer together than what is to come.
    slack = 1.0 + 1.0 / len(ratios)
    return Estimate(
        seconds=expected * median(ratios),
        low=expected * _quantile(ratios, 0.1) / slack,
        high=expected * _quantile(ratios, 0.9) * slack,
        jobs=len(ratios),
    )


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
