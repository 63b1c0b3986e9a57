"""Which models stay in memory: a budget for each device, and the least recently used goes first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAIN = "cpu"
"""Main memory."""

Bytes = Mapping[str, int]
"""Bytes of memory by device, like `{"cpu": 2_000_000_000, "gpu0": 12_000_000_000}`."""


@dataclass(frozen=True, kw_only=True)
class Warm:
    """A model that is in memory."""

    name: str
    size: int
    """Bytes that it is counted with, on all devices together."""
    used: float
    """When it was last asked for; any clock that only rises."""
    users: int
    """Jobs and chats that work with it right now: while there are any, it stays."""
    where: Bytes
    """Bytes by device."""


@dataclass(frozen=True)
class Evict:
    """These have to go before the new one is loaded; often nobody."""

    names: Sequence[str]


@dataclass(frozen=True)
class Wait:
    """There will be room when those at work are done."""


@dataclass(frozen=True)
class Never:
    """It is larger than the whole budget of a device."""

    device: str


def make_room(warm: Sequence[Warm], *, need: Bytes, budget: Bytes) -> Evict | Wait | Never:
    """What to do so that a model fits into the budgets beside the others; a device without one has no limit."""
    for device, size in need.items():
        if size > budget.get(device, size):
            return Never(device)
    lacking = {device: size - _free(device, warm, budget) for device, size in need.items() if device in budget}
    leaving: list[str] = []
    for each in sorted((each for each in warm if not each.users), key=lambda each: each.used):
        short = [device for device, size in lacking.items() if size > 0]
        if not short:
            break
        if any(each.where.get(device, 0) for device in short):  # others would leave for nothing
            leaving.append(each.name)
            lacking = {device: size - each.where.get(device, 0) for device, size in lacking.items()}
    return Wait() if any(size > 0 for size in lacking.values()) else Evict(tuple(leaving))


def _free(device: str, warm: Sequence[Warm], budget: Bytes) -> int:
    return budget[device] - sum(each.where.get(device, 0) for each in warm)
