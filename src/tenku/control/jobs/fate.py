"""What becomes of a job that ended for its worker, or whose worker was not heard of any more."""

from dataclasses import dataclass

from tenku.studio.model import State
from tenku.studio.ports import Finished

MAX_ATTEMPTS = 3
"""How often a job is begun at most."""
FIRST_PAUSE_S = 5.0
"""The pause before a second attempt; each further one is four times as long."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What is to be written down about a job."""

    state: State
    error: str = ""
    """One sentence. A job that waits for its next attempt keeps the one of the last."""
    not_before: float = 0.0
    """For a job that is queued again: when it may begin, seconds since 1970."""


def after_finish(made: Finished, *, attempts: int, cancel: bool, now: float) -> Fate:
    """The worker said how it ended. `cancel`: somebody had asked for its end."""
    if made.cancelled:
        return Fate(state=State.CANCELLED)
    if not made.error:
        # Also where its end was asked for: it was done before the worker saw that.
        return Fate(state=State.DONE)
    if cancel:
        return Fate(state=State.CANCELLED, error=made.error)
    if made.again and attempts < MAX_ATTEMPTS:
        return Fate(state=State.QUEUED, error=made.error, not_before=now + pause(attempts))
    if made.again:
        return Fate(state=State.FAILED, error=f"It was tried {attempts} times; the last time: {made.error}")
    return Fate(state=State.FAILED, error=made.error)


def after_lease(*, worker: str, attempts: int, cancel: bool) -> Fate:
    """The worker that holds it did not say for too long that it lives."""
    if cancel:
        return Fate(state=State.CANCELLED)
    gone = f"The worker {worker} ended, or was not heard of any more, while it did this job"
    if attempts < MAX_ATTEMPTS:
        return Fate(state=State.QUEUED, error=f"{gone}.")
    return Fate(state=State.FAILED, error=f"{gone}; that was attempt {attempts} of {MAX_ATTEMPTS}.")


def after_deadline(*, deadline_s: float, error: str) -> Fate:
    """It waited for longer than it was allowed to; `error` is that of its last attempt, if there was one."""
    late = f"It had not begun within {deadline_s:g} s, its deadline"
    return Fate(state=State.FAILED, error=f"{late}; an earlier attempt ended so: {error}" if error else f"{late}.")


def pause(attempts: int) -> float:
    """Seconds until the next attempt, after so many."""
    return FIRST_PAUSE_S * float(4 ** (attempts - 1))
