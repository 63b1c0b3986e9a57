"""What acknowledgements tell about one connection's line: its own delay, the queue standing in it, what it carries.

The line is everything between this process and the browser: socket buffers, proxies, routers, the radio. None of
them says how full it is, so it is read from the outside: when each frame was handed over and when the browser said
that it has it. Frames arrive in order, so an acknowledgement covers every older frame too.
"""

from collections import deque
from dataclasses import dataclass
from math import sqrt
from statistics import median

MEMORY_US = 10_000_000
"""How long the shortest round trip is believed; a path that became longer is noticed by then at the latest."""
FIT_US = 300_000
"""How far back frames are compared to see how much longer the bigger ones take."""
FIT_MOST_US = 2_000_000
FIT_FRAMES = 6
SURE = 3
"""Standard errors: the fit is asked ten times a second, so that twice the error would too often be chance."""
ALONE = 3
"""That many frames, each alone on the line and all late, mean that the path itself has become longer."""
ALONE_US = 150_000
LONGER_US = 20_000
STEPS_JUDGED = 8
"""Jitter changes slowly: it is worked out again after so many frames."""
UNKNOWN_DELAY_US = 50_000
"""Taken for the path's delay until the first acknowledgement tells it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One frame's way to the browser and its acknowledgement's way back."""

    number: int
    size_bytes: int
    sent_us: int
    acked_us: int
    wait_us: int
    """How long it waited behind older frames of this connection."""
    passing_us: int
    """How long it then took beyond the path's own delay: its bytes, and some jitter."""
    telling: bool
    """Whether it was sent when the path's delay was known, so that these times mean something."""

    @property
    def round_trip_us(self) -> int:
        return self.acked_us - self.sent_us


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the line carries in kbit/s, judged by how much longer bigger frames take."""

    at_least_kbps: float
    """It carries this with near certainty; 0 where the frames do not tell."""
    likely_kbps: float | None
    """None where it is too fast, or the line too restless, to be told apart from infinitely fast."""


@dataclass(frozen=True, slots=True)
class _Pending:
    number: int
    size_bytes: int
    sent_us: int
    alone: bool
    telling: bool


class Line:
    """The state of one connection's line. Every time is a microsecond of one monotonic clock."""

    def __init__(self) -> None:
        self._pending: deque[_Pending] = deque()
        self._passages: deque[Passage] = deque(maxlen=90)
        self._shortest: deque[tuple[int, int]] = deque()
        self._alone: deque[tuple[int, _Pending]] = deque(maxlen=6)
        self._in_time_us: int | None = None
        self._steps: deque[int] = deque(maxlen=60)
        self._steps_seen = 0
        self._steps_judged = 0
        self._restless_us = 0
        self.pending_bytes = 0

    def sent(self, number: int, *, size_bytes: int, now_us: int) -> None:
        """A frame was handed over."""
        self._pending.append(_Pending(number, size_bytes, now_us, alone=not self._pending, telling=self.known))
        self.pending_bytes += size_bytes

    def acked(self, number: int, *, now_us: int) -> Passage | None:
        """The browser has this frame and all older ones. None where it could not have, or had them already."""
        if not self._pending or number > self._pending[-1].number:
            return None
        newest: _Pending | None = None
        while self._pending and self._pending[0].number <= number:
            newest = self._pending.popleft()
            self.pending_bytes -= newest.size_bytes
        if newest is None:
            return None
        self._learn_delay(newest, now_us)
        passage = self._passage(newest, now_us)
        if self._passages:
            self._steps.append(abs(passage.round_trip_us - self._passages[-1].round_trip_us))
            self._steps_seen += 1
        self._passages.append(passage)
        return passage

    @property
    def delay_us(self) -> int:
        """The path's own round trip: the shortest that was seen lately."""
        return self._shortest[0][1] if self._shortest else UNKNOWN_DELAY_US

    @property
    def known(self) -> bool:
        """Whether anything was acknowledged yet."""
        return bool(self._shortest)

    def oldest_age_us(self, now_us: int) -> int:
        """How long the oldest unacknowledged frame is on its way; 0 where everything is acknowledged."""
        return now_us - self._pending[0].sent_us if self._pending else 0

    def overdue_us(self, now_us: int) -> int:
        """How much longer than the path's own delay the oldest unacknowledged frame takes by now."""
        return max(0, self.oldest_age_us(now_us) - self.delay_us)

    def astray_us(self, now_us: int) -> int:
        """For how long no frame came in about the path's own delay: a queue that stays, or a path become longer."""
        return now_us - self._in_time_us if self._in_time_us is not None else 0

    def restlessness_us(self) -> int:
        """The middle difference between the round trips of two frames in a row: what is no queue, only jitter."""
        if self._steps_judged + STEPS_JUDGED <= self._steps_seen:
            self._restless_us = int(median(self._steps))
            self._steps_judged = self._steps_seen
        return self._restless_us

    def standing_us(self, now_us: int, *, window_us: int) -> int:
        """The queue that no frame of the window escaped: the shortest wait. One big frame makes no standing queue."""
        waits = [passage.wait_us for passage in self._passages if passage.acked_us >= now_us - window_us]
        return min(waits) if len(waits) >= 2 else 0

    def waiting_share(self, *, since_us: int, longer_than_us: int) -> float:
        """Share of the frames that had to wait behind older ones: near 1 while more is sent than the line carries."""
        waits = [passage.wait_us > longer_than_us for passage in self._passages if passage.acked_us >= since_us]
        return sum(waits) / len(waits) if waits else 0

    def pressed_kbps(self, *, since_us: int, longer_than_us: int) -> float | None:
        """What the line carried while it was the limit; None where fewer than two frames met that.

        Those count that waited, or took so long that jitter hardly matters. The median, since a stall (TCP repairing
        a loss) makes one frame endless and brings the rest at once, while a slow line makes every frame long.
        """
        costs = [
            passage.passing_us / passage.size_bytes
            for passage in self._passages
            if passage.acked_us >= since_us and (passage.wait_us > 0 or passage.passing_us > longer_than_us)
        ]
        return 8_000 / max(median(costs), 1e-3) if len(costs) >= 2 else None

    def capacity(self, now_us: int) -> Capacity:
        """What the line carries, by a straight line through the sizes and passing times of frames that met no queue.

        Works while the line is mostly idle, which a game's stream should keep it: no probing traffic is needed.
        """
        free = [
            passage
            for passage in self._passages
            if passage.telling and passage.wait_us == 0 and passage.acked_us >= now_us - FIT_MOST_US
        ]
        recent = [passage for passage in free if passage.acked_us >= now_us - FIT_US]
        points = recent if len(recent) >= FIT_FRAMES else free[-FIT_FRAMES:]
        if len(points) < FIT_FRAMES:
            return Capacity(0, None)
        slope, error = _fit([(passage.size_bytes, passage.round_trip_us) for passage in points])
        surely = slope + SURE * error
        # Bigger frames that arrive sooner are no fast line but one that is understood wrongly just now.
        sound = slope > -error and surely > 0
        return Capacity(
            at_least_kbps=8_000 / max(surely, SURE * error) if sound else 0,
            likely_kbps=8_000 / slope if slope > 2 * error else None,
        )

    def _passage(self, frame: _Pending, now_us: int) -> Passage:
        before_us = self._passages[-1].acked_us if self._passages else 0
        wait_us = max(0, before_us - self.delay_us - frame.sent_us)
        return Passage(
            number=frame.number,
            size_bytes=frame.size_bytes,
            sent_us=frame.sent_us,
            acked_us=now_us,
            wait_us=wait_us,
            passing_us=now_us - before_us if wait_us else now_us - frame.sent_us - self.delay_us,
            telling=frame.telling,
        )

    def _learn_delay(self, frame: _Pending, now_us: int) -> None:
        trip_us = now_us - frame.sent_us
        while self._shortest and self._shortest[-1][1] >= trip_us:
            self._shortest.pop()
        self._shortest.append((now_us, trip_us))
        while self._shortest[0][0] < now_us - MEMORY_US:
            self._shortest.popleft()
        if trip_us <= self.delay_us + LONGER_US:
            self._alone.clear()
            self._in_time_us = now_us
        elif frame.alone:
            self._alone.append((now_us, frame))
            self._accept_longer_path(now_us)

    def _accept_longer_path(self, now_us: int) -> None:
        # Without this, a player who walks from one radio cell to a farther one gets one frame a round trip until
        # the old shortest round trip is forgotten.
        if len(self._alone) < ALONE or now_us - self._alone[0][0] < ALONE_US:
            return
        points = [(frame.size_bytes, acked_us - frame.sent_us) for acked_us, frame in self._alone]
        slope, _ = _fit(points)
        # What grows with the size is a slower line, and only the rest is a longer path.
        shortest_us = min(int(trip_us - max(0, slope) * size) for size, trip_us in points)
        if shortest_us > self.delay_us + LONGER_US:
            self._shortest = deque([(now_us, shortest_us)])
            self._alone.clear()
            self._in_time_us = now_us


def _fit(points: list[tuple[int, int]]) -> tuple[float, float]:
    """Slope of the least-squares line through the points, and the slope's standard error; (0, 0): all of one size."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return 0, 0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residual = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, sqrt(residual / (count - 2) / spread)
