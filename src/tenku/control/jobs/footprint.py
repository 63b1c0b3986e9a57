"""How much memory a job will take at most: from what such jobs took here, else from the shapes of model and job."""

from collections.abc import Sequence
from itertools import combinations
from statistics import median

from tenku.control.jobs.guess import WORKING
from tenku.studio.model import Kind, Spread

GUESS_LOW, GUESS_HIGH = 0.5, 2.0
"""What computing takes besides weights may be wrong by this, before there is any history."""
SLACK = 0.1
"""Memory is taken in blocks, and what lies in them differs a little from run to run."""


def footprint(kind: Kind, size: float, history: Sequence[tuple[float, float]], *, weights: int) -> Spread:
    """Bytes of the device at most.

    Args:
        size: of the job, as `work.work_size` reckons it.
        history: sizes and measured bytes of jobs of the same model.
        weights: bytes that the model takes by itself, for the first guess.
    """
    known = [(each, taken) for each, taken in history if each > 0 and taken > 0]
    if not known:
        working = WORKING[kind] * size
        return Spread(weights + working, weights + working * GUESS_LOW, weights + working * GUESS_HIGH)
    rate = _rate(kind, known)
    starts = [taken - rate * each for each, taken in known]
    likely = max(0.0, median(starts) + rate * size)
    most = max(0.0, max(starts) + rate * size)
    return Spread(likely, likely * (1.0 - SLACK), max(most, likely * (1.0 + SLACK)))


def _rate(kind: Kind, known: Sequence[tuple[float, float]]) -> float:
    """Bytes for each unit of size: the median of the slopes between all pairs of different sizes."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(known, 2) if abs(b[0] - a[0]) > 0.1 * a[0]]
    return max(0.0, median(slopes)) if slopes else WORKING[kind]
