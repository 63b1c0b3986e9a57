"""When a session that nobody plays ends, and when it says so beforehand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Active:
    """Somebody plays, or the time-out is off."""


@dataclass(frozen=True, slots=True)
class Warn:
    """Nobody has done anything for long: the session ends in `ends_in_s` unless somebody does."""

    ends_in_s: int


@dataclass(frozen=True, slots=True)
class End:
    """Nobody answered the warning."""


class IdleWatch:
    """Watches for the last sign of life. Times are seconds of any clock that only rises.

    Args:
        idle_s: quiet seconds after which the session ends; 0 for never.
        warning_s: for how many of them the warning stands.
    """

    def __init__(self, *, idle_s: float, warning_s: float, now: float) -> None:
        self._idle_s = idle_s
        self._warning_s = min(warning_s, idle_s)
        self._last = now

    def sign_of_life(self, now: float) -> None:
        """Somebody did something."""
        self._last = now

    def look(self, now: float) -> Active | Warn | End:
        """How things stand at `now`."""
        left = self._last + self._idle_s - now
        if self._idle_s <= 0 or left > self._warning_s:
            return Active()
        return Warn(max(1, round(left))) if left > 0 else End()
