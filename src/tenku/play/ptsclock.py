"""When a packet of sound was played, from its place in the stream and from the moment it arrived.

The encoder counts samples exactly but says no time; a packet arrives late by some milliseconds, never early. So
the least late packet of the last second of sound tells how samples lie on the clock, and all others follow it.
"""

from dataclasses import dataclass, field

BUCKET = 50
"""Packets in one of the two buckets whose minimum is kept; a lasting shift is learned within two of them."""
BROKEN_US = 1_000_000
"""A packet this far from where it was expected: samples were lost or counted anew, the old mapping is worth nothing."""


@dataclass(slots=True)
class PtsClock:
    """Maps sample counts to the monotonic clock; the times that it gives always rise.

    Args:
        rate: samples a second.
        packet: samples a packet; a packet cannot arrive before its last sample was played.
    """

    rate: int
    packet: int
    _offset: int | None = field(default=None, init=False)
    _older: int | None = field(default=None, init=False)
    _newer: int | None = field(default=None, init=False)
    _seen: int = field(default=0, init=False)
    _last_pts: int = field(default=-1, init=False)
    _last_us: int = field(default=-1, init=False)

    def played(self, *, pts: int, arrival_us: int) -> int:
        """Microseconds at which the first sample of this packet was played.

        That is at most `arrival_us` less a packet, save for the microseconds that keep the order of a burst.
        """
        observed = arrival_us - self._us(pts + self.packet)
        if self._broken(pts, observed):
            self._older = self._newer = self._offset = None
        self._learn(observed)
        self._last_pts = pts
        assert self._offset is not None
        self._last_us = max(self._offset + self._us(pts), self._last_us + 1)
        return self._last_us

    def _broken(self, pts: int, observed: int) -> bool:
        if self._offset is None:
            return False
        return pts <= self._last_pts or abs(observed - self._offset) > BROKEN_US

    def _learn(self, observed: int) -> None:
        # Buckets are counted in packets, not in time: nothing is learned and nothing forgotten while there is silence.
        if self._seen % BUCKET == 0 or self._newer is None:
            self._older, self._newer, self._seen = self._newer, observed, 0
        self._seen += 1
        self._newer = min(self._newer, observed)
        self._offset = self._newer if self._older is None else min(self._older, self._newer)

    def _us(self, samples: int) -> int:
        return samples * 1_000_000 // self.rate
