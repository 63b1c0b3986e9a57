"""Which mirror is asked next, and when (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How often mirrors are asked again, and how long between."""

    rounds: int = 4
    """How many times each mirror is asked at most."""
    first_s: float = 0.5
    factor: float = 2.0
    most_s: float = 15.0
    lately_s: float = 60.0
    """A mirror that failed is asked last for so long."""

    def pause(self, number: int, *, chance: float) -> float:
        """Seconds before round `number` (1 is the second one). `chance` from 0 to 1: not all clients at once."""
        full = min(self.most_s, self.first_s * self.factor ** (number - 1))
        return full * (0.5 + chance / 2)


def order(failed_at: Sequence[float | None], *, now: float, lately_s: float) -> list[int]:
    """The mirrors as they are asked: those that did not fail lately as given, then the others, longest ago first."""

    def place(index: int) -> tuple[float, int]:
        failed = failed_at[index]
        return (failed if failed is not None and now - failed < lately_s else float("-inf"), index)

    return sorted(range(len(failed_at)), key=place)
