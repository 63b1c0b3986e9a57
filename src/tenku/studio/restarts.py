"""When a worker that died is started again: at once the first time, later and later if it keeps dying."""

from dataclasses import dataclass

FIRST_S = 0.2
FACTOR = 2.0
MOST_S = 30.0
HEALTHY_S = 60.0
"""Who lived for so long is forgiven."""


@dataclass(frozen=True)
class Deaths:
    """How often it died in a row."""

    number: int = 0

    def after(self, lived_s: float) -> "Deaths":
        """Once more, having lived for so long."""
        return Deaths(1 if lived_s >= HEALTHY_S else self.number + 1)

    @property
    def pause_s(self) -> float:
        """Seconds before the next start."""
        return min(MOST_S, FIRST_S * FACTOR ** max(0, self.number - 1)) if self.number else 0.0
