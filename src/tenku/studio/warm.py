"""Which models stay in memory: a budget, and the least recently used goes first."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Warm:
    """A model that is in memory."""

    name: str
    size: int
    """Bytes that it is counted with."""
    used: float
    """When it was last asked for; any clock that only rises."""
    users: int
    """Jobs and chats that work with it right now: while there are any, it stays."""


@dataclass(frozen=True)
class Evict:
    """These have to go before the new one is loaded; often nobody."""

    names: Sequence[str]


@dataclass(frozen=True)
class Wait:
    """There will be room when those at work are done."""


@dataclass(frozen=True)
class Never:
    """It is larger than the whole budget."""


def make_room(warm: Sequence[Warm], *, need: int, budget: int) -> Evict | Wait | Never:
    """What to do so that a model of `need` bytes fits into `budget` bytes beside the others."""
    if need > budget:
        return Never()
    free = budget - sum(each.size for each in warm)
    leaving: list[str] = []
    for each in sorted((each for each in warm if not each.users), key=lambda each: each.used):
        if free >= need:
            break
        leaving.append(each.name)
        free += each.size
    return Evict(tuple(leaving)) if free >= need else Wait()
