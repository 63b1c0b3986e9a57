"""Players come first: whether a game wants the device now, and what a job does then."""

import enum
from pathlib import Path
from typing import Protocol

from tenku.accel.claim import is_claimed
from tenku.studio.model import InstalledModel, JobSpec, Kind


class PlayersFirst(enum.Enum):
    """What jobs do while somebody plays on this machine."""

    PAUSE = "pause"  # they wait where they are, and models stay in memory
    FREE = "free"  # they go back to the queue, and models leave the memory
    IGNORE = "ignore"  # they go on


class Manner(enum.Enum):
    """How one job makes room for players."""

    GO_ON = "go on"  # it is done elsewhere, or nobody minds
    HOLD = "hold"  # it waits at its next step, and goes on from there
    LEAVE = "leave"  # it goes back to the queue at its next step, and begins again


class Turnstile(Protocol):
    """Says who may have the device."""

    def wanted(self) -> bool:
        """Whether players want it now."""


class ClaimTurnstile:
    """Implements `Turnstile` by the claim that sessions of `tenku play` hold on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wanted(self) -> bool:
        """See `Turnstile`."""
        return is_claimed(self._path)


class OpenTurnstile:
    """Implements `Turnstile` where nobody plays."""

    def wanted(self) -> bool:
        """See `Turnstile`."""
        return False


NOBODY_PLAYS = OpenTurnstile()


def manner(policy: PlayersFirst, spec: JobSpec, model: InstalledModel) -> Manner:
    """How a job on this model makes room."""
    if policy is PlayersFirst.IGNORE or model.hash == "remote":
        return Manner.GO_ON
    # A text comes in seconds and its engine cannot stand still between two tokens; a video may be minutes from its end.
    return Manner.LEAVE if policy is PlayersFirst.FREE or spec.kind is Kind.TEXT else Manner.HOLD
