"""A limit on bytes per second that all downloads of a pull share."""

import threading


class RateLimit:
    """A token bucket: whoever took bytes is told how long to wait before the next ones.

    The clock is an argument; the lock is there because pieces arrive in several threads.
    """

    def __init__(self, bytes_per_s: float, *, burst_s: float = 0.25) -> None:
        if bytes_per_s <= 0:
            raise ValueError("a rate limit is more than nothing")
        self._rate = bytes_per_s
        self._burst_s = burst_s
        self._paid_until = float("-inf")
        self._lock = threading.Lock()

    def take(self, amount: int, *, now: float) -> float:
        """`amount` bytes came at `now` (seconds of any steady clock). Returns how many seconds to pause for them."""
        with self._lock:
            # Time in which nothing came is worth at most one burst, or a pause would be followed by a flood.
            begin = max(self._paid_until, now - self._burst_s)
            self._paid_until = begin + amount / self._rate
            return max(0.0, self._paid_until - now)
