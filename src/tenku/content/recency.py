"""What a cache forgets first: what nobody asked for the longest time."""

from collections import OrderedDict
from collections.abc import Iterable


class Recency:
    """Keys with their sizes, from the one asked for longest ago to the latest."""

    def __init__(self, rows: Iterable[tuple[str, int]] = ()) -> None:
        self._sizes = OrderedDict(rows)
        self._total = sum(self._sizes.values())

    @property
    def total(self) -> int:
        """Bytes of all."""
        return self._total

    def touch(self, key: str, size: int) -> None:
        """Somebody asked for it just now."""
        self._total += size - self._sizes.pop(key, 0)
        self._sizes[key] = size

    def drop(self, most: int) -> list[str]:
        """Forget the oldest until at most `most` bytes are left; never the latest, which somebody waits for."""
        dropped = []
        while self._total > most and len(self._sizes) > 1:
            key, size = self._sizes.popitem(last=False)
            self._total -= size
            dropped.append(key)
        return dropped
