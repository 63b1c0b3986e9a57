"""Measures the time of one piece of work on a device: warm-up, several calls to a sample, medians until they settle."""

import time
from collections.abc import Callable, Sequence
from statistics import median

SAMPLE_S = 0.001
"""A sample is at least that long: clocks of devices tick in half microseconds, and the first launch is not free."""
MOST_CALLS = 1000
FEWEST, MOST = 3, 50
"""Samples."""
SETTLED = 0.02
"""The last medians differ by less than that."""


def measured(
    seconds: Callable[[Callable[[], object]], float],
    work: Callable[[], object],
    *,
    budget_s: float,
    now: Callable[[], float] = time.monotonic,
) -> float:
    """Seconds of one call of `work`, the median. `seconds`: the device's clock. `budget_s`: stop then, settled or not.

    The first call is not counted: kernels are chosen and memory is taken then. Where that call alone outlasts the
    budget, one more is what there is.
    """
    start = now()
    seconds(work)
    warm = now()
    single = seconds(work)
    if now() - start > budget_s:
        return single
    calls = calls_for(single, waited=now() - warm, budget_s=budget_s)
    samples = [] if calls > 1 else [single]
    while not settled(samples) and (not samples or now() - start < budget_s):
        samples.append(seconds(lambda: _again(work, calls)) / calls)
    return median(samples)


def calls_for(single: float, *, waited: float, budget_s: float) -> int:
    """How many calls a sample has. `waited`: what one of them took of our own time, of which there is a budget."""
    wanted = SAMPLE_S / single if single > 0 else MOST_CALLS
    afforded = budget_s / FEWEST / waited if waited > 0 else MOST_CALLS
    return max(1, min(MOST_CALLS, int(wanted), int(afforded)))


def settled(samples: Sequence[float]) -> bool:
    """Whether more samples would hardly move the median."""
    if len(samples) < FEWEST:
        return False
    medians = [median(samples[: len(samples) - back]) for back in range(FEWEST - 1)]
    return len(samples) >= MOST or max(medians) - min(medians) <= SETTLED * medians[0]


def _again(work: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        work()
