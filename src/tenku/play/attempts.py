"""How often an address may try a link that does not exist."""

from collections import OrderedDict

ALLOWED = 10
"""Wrong tokens that one address may send within `WINDOW_S`."""
WINDOW_S = 60.0
REMEMBERED = 10_000
"""Addresses that are remembered; the oldest are forgotten first, so that memory is bounded."""


class Attempts:
    """Counts wrong tokens per address; says when one has had enough for now."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def failed(self, address: str, now: float) -> None:
        """A wrong token came from `address` at `now` (seconds)."""
        recent = [*self._recent(address, now), now]
        self._failures[address] = recent[-ALLOWED:]
        self._failures.move_to_end(address)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def blocked(self, address: str, now: float) -> bool:
        """Whether `address` has to wait."""
        return len(self._recent(address, now)) >= ALLOWED

    def _recent(self, address: str, now: float) -> list[float]:
        return [when for when in self._failures.get(address, ()) if now - when < WINDOW_S]
