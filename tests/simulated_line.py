"""A session in simulated time: a model encoder, a bottleneck, a browser, and the real `Delivery` and `RateControl`.

Deterministic: one seed, one run. TCP never reorders, so neither does the line: jitter and loss repair only ever make
a frame, and all behind it, later.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tenku.play.delivery import PLAYER, UNTRACKED, Delivery, Drop, KeyFrames, Limits, Reason, Send
from tenku.play.model import Quality, Size
from tenku.play.rate import RateControl, combine

MAXIMUM = Quality(8_000, 60, Size(1280, 720))
SECOND = 1_000_000
ENCODE_US = 7_000


@dataclass(frozen=True)
class LineModel:
    """A bottleneck with a first-in-first-out buffer that never overflows: every excess byte becomes delay."""

    kbps: tuple[tuple[float, float], ...] = ((0, 20_000),)
    """(from this second on, so many kbit/s), rising."""
    delay_ms: tuple[tuple[float, float], ...] = ((0, 20),)
    """(from this second on, this round trip without any queue), rising."""
    jitter_ms: float = 1.0
    """Mean of an exponential extra delay of every frame and every acknowledgement."""
    stalls_per_s: float = 0.0
    """How often TCP repairs a loss; everything stands for one to three round trips then."""
    shows_backlog: bool = False
    """Whether the queue stands in this machine, where `Transport.backlog` sees it, or behind a proxy."""

    def at(self, values: tuple[tuple[float, float], ...], now_us: float) -> float:
        return [value for start_s, value in values if start_s * SECOND <= now_us][-1]

    def passes_us(self, size_bytes: int, start_us: float) -> float:
        """When the last of so many bytes has passed the bottleneck, begun at `start_us`."""
        bits, now_us = size_bytes * 8.0, start_us
        ends = [start_s * SECOND for start_s, _ in self.kbps[1:]] + [float("inf")]
        for (_, kbps), end_us in zip(self.kbps, ends, strict=True):
            if now_us >= end_us:
                continue
            needs_us = bits * 1000 / kbps
            if now_us + needs_us <= end_us:
                return now_us + needs_us
            bits -= (end_us - now_us) * kbps / 1000
            now_us = end_us
        raise AssertionError("the last stretch has no end")


@dataclass(frozen=True)
class Content:
    """What the game shows."""

    activity: tuple[tuple[float, float], ...] = ((0, 1.0),)
    """(from this second on, share of the bitrate that the pictures would use)."""
    scene_changes_per_s: float = 0.3
    noise: float = 0.25


@dataclass
class Encoded:
    number: int
    reference: int
    key: bool
    size_bytes: int
    quality: Quality


@dataclass
class Encoder:
    """Constant bitrate over some frames, key frames of 4 to 8 means, a memory of few frames, as x264 has it."""

    random: Random
    content: Content
    tracks: bool = True
    quality: Quality = MAXIMUM
    number: int = 0
    memory: deque[int] = field(default_factory=lambda: deque(maxlen=4))
    key_wanted: bool = True
    debt: float = 0.0
    keys: int = 0

    def apply(self, quality: Quality) -> None:
        if quality.size != self.quality.size:
            self.key_wanted = True
        self.quality = quality

    def invalidate(self, number: int) -> None:
        """The frame and everything after it is no reference any more; with nothing left, a key frame comes."""
        while self.memory and self.memory[-1] >= number:
            self.memory.pop()

    def encode(self, now_us: int) -> Encoded:
        self.number += 1
        key = self.key_wanted or not self.memory
        reference = -1 if key and self.tracks else self.memory[-1] if self.tracks else UNTRACKED
        if key:
            self.memory.clear()
            self.key_wanted = False
            self.keys += 1
        self.memory.append(self.number)
        return Encoded(self.number, reference, key, self._bytes(key, now_us), self.quality)

    def _bytes(self, key: bool, now_us: int) -> int:
        mean = self.quality.bitrate_kbps * 125 / self.quality.fps
        activity = [share for start_s, share in self.content.activity if start_s * SECOND <= now_us][-1]
        wish = mean * activity * self.random.lognormvariate(0, self.content.noise)
        if key:
            wish = mean * self.random.uniform(4, 8)
        elif self.random.random() < self.content.scene_changes_per_s / self.quality.fps:
            wish = mean * 3
        else:
            wish -= min(self.debt * 0.2, wish * 0.5)
        self.debt = max(0.0, self.debt + wish - mean)
        return max(60, int(wish))


@dataclass
class Record:
    """What one frame met."""

    number: int
    encoded_us: int
    size_bytes: int
    quality: Quality
    key: bool
    sent: bool
    reason: Reason | None = None
    queue_us: int = 0
    """How long it waited behind older frames of its connection."""
    arrived_us: int | None = None


@dataclass(frozen=True)
class Decision:
    at_us: int
    quality: Quality


class Seat:
    """One browser at the session: its line, its decoder, and what the server keeps for it."""

    def __init__(
        self,
        line: LineModel,
        *,
        seed: int = 0,
        limits: Limits = PLAYER,
        maximum: Quality = MAXIMUM,
        decodes_per_s: Callable[[Quality], float] = lambda _: 1_000.0,
    ) -> None:
        self.line = line
        self.limits = limits
        self.delivery = Delivery(limits)
        self.rate = RateControl(maximum)
        self.records: list[Record] = []
        self.decisions: list[Decision] = []
        self.decodable: set[int] = set()
        self.undecodable: list[int] = []
        self.key_requests: list[int] = []
        self.invalidations: list[int] = []
        self._decodes_per_s = decodes_per_s
        self._random = Random(seed)
        self._free_us = 0.0
        self._arrived_us = 0.0
        self._ack_us = 0.0
        self._stalled_us = 0.0
        self._decoder_free_us = 0.0
        self._unsent: deque[tuple[float, int]] = deque()

    def offer(self, frame: Encoded, now_us: int) -> tuple[Send | Drop, float]:
        """The server's part; returns the decision and when the acknowledgement will be here."""
        decision = self.delivery.frame(
            frame.number,
            reference=frame.reference,
            key=frame.key,
            size_bytes=frame.size_bytes,
            now_us=now_us,
            backlog=self._backlog(now_us),
        )
        record = Record(frame.number, now_us, frame.size_bytes, frame.quality, frame.key, isinstance(decision, Send))
        self.records.append(record)
        if isinstance(decision, Drop):
            record.reason = decision.reason
            if decision.reason is Reason.LATE:
                self.rate.dropped(now_us)
            return decision, 0.0
        self.rate.sent(frame.number, size_bytes=frame.size_bytes, now_us=now_us)
        self._receive(frame)
        return decision, self._travel(record, now_us)

    def acknowledge(self, number: int, now_us: int) -> None:
        queue = self._decoder_queue(number, now_us)
        self.delivery.acked(number, queue=queue, now_us=now_us)
        self.rate.acked(number, queue=queue, now_us=now_us)

    def decide(self, now_us: int) -> Quality:
        quality = self.rate.decide(now_us)
        if not self.decisions or self.decisions[-1].quality != quality:
            self.decisions.append(Decision(now_us, quality))
        return quality

    def _backlog(self, now_us: int) -> int:
        while self._unsent and self._unsent[0][0] <= now_us:
            self._unsent.popleft()
        return sum(size for _, size in self._unsent) if self.line.shows_backlog else 0

    def _travel(self, record: Record, now_us: int) -> float:
        start_us = max(float(now_us), self._free_us)
        record.queue_us = int(start_us - now_us)
        if self._random.random() < self.line.stalls_per_s / record.quality.fps:
            start_us += self._random.uniform(1, 3) * self.line.at(self.line.delay_ms, now_us) * 1000
        self._free_us = self.line.passes_us(record.size_bytes, start_us)
        # The last of the frame leaves this machine when the small send buffer has room for it.
        self._unsent.append((self._free_us - 15_000 if self._free_us - now_us > 15_000 else now_us, record.size_bytes))
        half_us = self.line.at(self.line.delay_ms, now_us) * 500
        self._arrived_us = max(self._arrived_us, self._free_us + half_us + self._jitter_us())
        record.arrived_us = int(self._arrived_us)
        self._ack_us = max(self._ack_us, self._arrived_us + half_us + self._jitter_us())
        return self._ack_us

    def _jitter_us(self) -> float:
        mean = self.line.jitter_ms * 500
        return self._random.expovariate(1 / mean) if mean else 0.0

    def _receive(self, frame: Encoded) -> None:
        if frame.key:
            self.decodable = {frame.number}
        elif frame.reference in self.decodable or (frame.reference == UNTRACKED and frame.number - 1 in self.decodable):
            self.decodable.add(frame.number)
        else:
            self.undecodable.append(frame.number)

    def _decoder_queue(self, number: int, now_us: int) -> int:
        quality = next(record.quality for record in reversed(self.records) if record.number == number)
        takes_us = SECOND / self._decodes_per_s(quality)
        self._decoder_free_us = max(self._decoder_free_us, now_us) + takes_us
        return min(255, int((self._decoder_free_us - now_us) / takes_us) - 1)


def run(
    seats: list[Seat],
    *,
    seconds: float,
    content: Content | None = None,
    tracks: bool = True,
    seed: int = 0,
    joins_s: dict[int, float] | None = None,
) -> Encoder:
    """Play a session to its end. `joins_s`: seats (by index) that come later than at 0."""
    random = Random(seed)
    encoder = Encoder(random, content or Content(), tracks=tracks)
    gate = KeyFrames()
    events: list[tuple[int, int, str, Seat | None, object]] = []
    order = iter(range(10**9))

    def at(when_us: float, what: str, seat: Seat | None = None, value: object = None) -> None:
        heapq.heappush(events, (int(when_us), next(order), what, seat, value))

    at(0, "encode")
    while events:
        now_us, _, what, seat, value = heapq.heappop(events)
        if now_us > seconds * SECOND:
            break
        here = [each for index, each in enumerate(seats) if now_us >= (joins_s or {}).get(index, 0) * SECOND]
        if what == "encode":
            players = [each.decide(now_us) for each in here if each.limits is PLAYER]
            viewers = [each.decide(now_us) for each in here if each.limits is not PLAYER]
            encoder.apply(combine(players, viewers, maximum=MAXIMUM))
            for each in here:
                each.delivery.pace(encoder.quality.fps)
            at(now_us + ENCODE_US, "frame", value=encoder.encode(now_us))
            at(now_us + SECOND // encoder.quality.fps, "encode")
        elif what == "frame":
            assert isinstance(value, Encoded)
            if value.key:
                gate.came(now_us)
            for each in here:
                decision, ack_us = each.offer(value, now_us)
                if isinstance(decision, Send):
                    at(ack_us, "ack", each, value.number)
                    continue
                if decision.invalidate is not None:
                    each.invalidations.append(now_us)
                    encoder.invalidate(decision.invalidate)
                if decision.want_key:
                    each.key_requests.append(now_us)
                    if gate.ask(now_us):
                        encoder.key_wanted = True
        elif what == "ack":
            assert seat is not None
            assert isinstance(value, int)
            seat.acknowledge(value, now_us)
    return encoder
