"""What one connection asks of the encoder: as much as its line carries, up and down within a second.

The bitrate falls only on signs of a queue, and then to a share of what the line was seen to carry while frames stood
in it. It rises fast as far as frame sizes and passing times prove that there is room, and slowly beyond. A quiet
scene, which sends little, is no sign either way.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tenku.play.ladder import Ladder
from tenku.play.line import Capacity, Line
from tenku.play.model import Quality

TICK_US = 100_000
"""The bitrate changes at most so often; x264 needs some frames to follow."""
FLOOR_KBPS = 300
SHARE = 0.85
"""Of what the line carries: the rest is for frames bigger than the mean, sound and retransmissions."""
FIRST_SHARE = 0.4
"""Of the maximum, for a line that nothing is known about yet."""
BLIND_FALL = 0.7
BLIND_FALLS = 4
"""Falls in a row without an acknowledgement to measure by. A stalled line must not end at the floor."""
STANDING_US = 120_000
CLEAR_US = 3_000_000
"""How long frames may come late over a network that holds nothing back before the bitrate falls all the same."""
BUSY_US = 12_000
"""A frame that waits longer than this in the two machines, outside the encoder, waits for a busy processor."""
BUSY_SHARE = 0.1
"""Weight of the newest frame in the mean of those waits."""
CALM_US = 200_000
HOLD_US = 5_000_000
HOLD_MOST_US = 40_000_000
PROVEN_RISE = 2.0
BLIND_RISE = 1.15
CAUTIOUS_RISE = 1.04
"""Factors a tick. Rises of less than the last are not worth a change of the encoder."""
QUIET_RISE = 1.1
QUIET_REST_US = 1_000_000
"""So much more seldom does it rise while the game sends too little to tell."""
NEAR = 1.25
"""Within this factor of the last ceiling every rise is a cautious one."""
WAITING_SHARE = 0.15
CROWDED_SHARE = 0.35
"""Where more of the last second's frames had to wait, nothing is tried, or less is asked for."""
LATE_SHARE = 0.08
"""A line that makes more of the last second's frames late is taken for too slow, though no long queue shows:
dropping hides it."""


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """Where a queue stood lately: the bitrate stays under it for a while, longer each time that it is met again."""

    kbps: float
    until_us: int
    hold_us: int


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A time in which frames came late."""

    since_us: int
    before_kbps: float
    """The bitrate when it began."""


class RateControl:
    """Decides the quality for one connection; the clock and everything that it sees are arguments."""

    def __init__(self, maximum: Quality) -> None:
        self._maximum = maximum
        self._floor_kbps = min(FLOOR_KBPS, maximum.bitrate_kbps)
        self._line = Line()
        self._ladder = Ladder(maximum)
        self._decoder = _Decoder(self._ladder.lowest)
        # Never begin so low that the first thing a player sees is the picture changing its size.
        self._target_kbps = max(self._floor_kbps, maximum.bitrate_kbps * FIRST_SHARE, self._ladder.enough_kbps)
        self._ceiling: _Ceiling | None = None
        self._carries_kbps: float | None = None
        self._sent: deque[tuple[int, int]] = deque(maxlen=120)
        self._drops: deque[int] = deque(maxlen=120)
        self._decided_us: int | None = None
        self._trouble: _Trouble | None = None
        self._troubled_us = -CALM_US
        self._judged_us = 0
        self._changed_us = 0
        self._blind_falls = 0
        self._clear = False
        self._waited_us = 0.0
        self._quality = self._as_quality(0)

    def network(self, *, clear: bool) -> None:
        """Whether the transport knows that the network holds nothing back.

        Frames that come late all the same wait for a busy machine at one end. Fewer bits would not help it, and the
        picture would suffer for nothing. It may be wrong where something forwards the connection, so without a
        machine that is seen to be busy it is believed for a while only.
        """
        self._clear = clear

    def machines(self, *, waited_us: int) -> None:
        """A shown frame waited so long in the server's and the browser's machine, for sending, decoding, drawing."""
        self._waited_us += BUSY_SHARE * (waited_us - self._waited_us)

    def sent(self, number: int, *, size_bytes: int, now_us: int) -> None:
        """A frame was handed to the transport."""
        self._line.sent(number, size_bytes=size_bytes, now_us=now_us)
        self._sent.append((now_us, size_bytes))

    def acked(self, number: int, *, queue: int, now_us: int) -> None:
        """The browser has the frame; `queue` frames wait in its decoder."""
        if self._line.acked(number, now_us=now_us) is not None:
            self._blind_falls = 0
            self._decoder.said(queue, now_us=now_us)

    def dropped(self, now_us: int) -> None:
        """A frame was not sent because older ones stood on the way (`Reason.LATE`)."""
        self._drops.append(now_us)

    def decide(self, now_us: int) -> Quality:
        """What this connection wants from the encoder now; cheap enough to ask for every frame."""
        if self._decided_us is None or now_us - self._decided_us >= TICK_US:
            self._decided_us = now_us
            self._step(now_us)
            self._quality = self._as_quality(now_us)
        return self._quality

    # --- the bitrate -------------------------------------------------------------------------------------------

    def _step(self, now_us: int) -> None:
        if not self._line.known:
            return
        queued = self._queue_stands(now_us)
        self._decoder.step(queued=queued, now_us=now_us)
        if queued or self._often_late(now_us) or self._waiting_share(now_us) > CROWDED_SHARE:
            self._trouble = self._trouble or _Trouble(now_us, self._target_kbps)
            self._troubled_us = now_us
            self._fall(self._trouble, queued, now_us)
        elif now_us - self._troubled_us >= CALM_US:
            self._trouble = None
            self._rise(now_us)

    def _queue_stands(self, now_us: int) -> bool:
        frame_us = self._frame_us()
        restless_us = self._line.restlessness_us()
        standing_us = self._line.standing_us(now_us, window_us=STANDING_US)
        return standing_us > frame_us // 2 + restless_us or self._excess_us(now_us) > 2 * frame_us + 3 * restless_us

    def _excess_us(self, now_us: int) -> float:
        """How overdue the oldest frame is beyond what the frames under way need at the capacity last seen."""
        needed_us = 8_000 * self._line.pending_bytes / self._carries_kbps if self._carries_kbps else 0
        return self._line.overdue_us(now_us) - needed_us

    def _waiting_share(self, now_us: int) -> float:
        since_us = max(now_us - 10 * TICK_US, self._judged_us)
        return self._line.waiting_share(since_us=since_us, longer_than_us=self._frame_us() // 4)

    def _often_late(self, now_us: int) -> bool:
        since_us = max(now_us - 10 * TICK_US, self._judged_us)
        late = sum(dropped_us > since_us for dropped_us in self._drops)
        on_time = sum(sent_us > since_us for sent_us, _ in self._sent)
        return late >= 3 and late > LATE_SHARE * (late + on_time)

    def _fall(self, trouble: _Trouble, queued: bool, now_us: int) -> None:
        if self._clear and (self._waited_us > BUSY_US or now_us - trouble.since_us < CLEAR_US):
            return
        carries_kbps = self._line.pressed_kbps(since_us=trouble.since_us - 2 * TICK_US, longer_than_us=self._frame_us())
        if carries_kbps is None:
            self._fall_blindly(queued, now_us)
        elif SHARE * carries_kbps < self._target_kbps:
            self._set(SHARE * carries_kbps, now_us)
            self._judged_us = now_us
            self._carries_kbps = carries_kbps
            self._remember_ceiling(carries_kbps, now_us)
        elif not queued:
            # It carries as much as before: it only stalled, as TCP does while it repairs a loss.
            self._set(min(trouble.before_kbps, SHARE * carries_kbps), now_us)
            self._judged_us = now_us
        elif now_us - trouble.since_us > 4 * TICK_US and self._busy(now_us):
            # The measure says that it should fit, and yet a queue stands: believe the queue.
            self._set(0.9 * self._target_kbps, now_us)
            self._trouble = _Trouble(now_us, self._target_kbps)

    def _fall_blindly(self, queued: bool, now_us: int) -> None:
        if queued and not self._clear and self._blind_falls < BLIND_FALLS:
            self._blind_falls += 1
            self._set(BLIND_FALL * self._target_kbps, now_us)

    def _rise(self, now_us: int) -> None:
        capacity = self._line.capacity(now_us)
        if capacity.likely_kbps is not None:
            self._carries_kbps = capacity.likely_kbps
        wanted_kbps = min(self._reachable_kbps(capacity, now_us), self._maximum.bitrate_kbps)
        worth_it = wanted_kbps >= CAUTIOUS_RISE * self._target_kbps
        if worth_it or wanted_kbps == self._maximum.bitrate_kbps > self._target_kbps:
            self._set(wanted_kbps, now_us)

    def _reachable_kbps(self, capacity: Capacity, now_us: int) -> float:
        ceiling = self._ceiling_still(capacity)
        proven_kbps = SHARE * capacity.at_least_kbps
        if proven_kbps > self._target_kbps and (ceiling is None or proven_kbps > NEAR * ceiling.kbps):
            return min(proven_kbps, PROVEN_RISE * self._target_kbps)
        if ceiling is not None and now_us < ceiling.until_us:
            return min(SHARE * ceiling.kbps, BLIND_RISE * self._target_kbps)
        return self._blindly_reachable_kbps(capacity, ceiling, now_us)

    def _blindly_reachable_kbps(self, capacity: Capacity, ceiling: _Ceiling | None, now_us: int) -> float:
        if self._waiting_share(now_us) > WAITING_SHARE:
            return self._target_kbps
        if not self._busy(now_us):
            # Nothing is learned from a scene that sends little: no further than the line was seen to go.
            rested = now_us - self._changed_us >= QUIET_REST_US
            wanted_kbps = self._target_kbps * (QUIET_RISE if rested else 1)
            return min(wanted_kbps, ceiling.kbps) if ceiling else wanted_kbps
        wanted_kbps = self._target_kbps * (CAUTIOUS_RISE if ceiling else BLIND_RISE)
        return min(wanted_kbps, SHARE * capacity.likely_kbps) if capacity.likely_kbps else wanted_kbps

    def _ceiling_still(self, capacity: Capacity) -> _Ceiling | None:
        """The ceiling, where nothing shows that it is gone."""
        ceiling = self._ceiling
        if ceiling and max(SHARE * capacity.at_least_kbps, self._target_kbps) > NEAR * ceiling.kbps:
            self._ceiling = None
        return self._ceiling

    def _remember_ceiling(self, kbps: float, now_us: int) -> None:
        before = self._ceiling
        hold_us = HOLD_US
        if before is not None and abs(kbps - before.kbps) < before.kbps / 4:
            hold_us = before.hold_us
            if now_us >= before.until_us:
                hold_us = min(2 * hold_us, HOLD_MOST_US)
        self._ceiling = _Ceiling(kbps, now_us + hold_us, hold_us)

    def _busy(self, now_us: int) -> bool:
        """Whether the encoder uses most of its bitrate: else the line is not what limits it."""
        window_us = 5 * TICK_US
        recent = sum(size for sent_us, size in self._sent if sent_us > now_us - window_us)
        return 8_000 * recent / window_us > 0.6 * self._target_kbps

    def _set(self, kbps: float, now_us: int) -> None:
        self._target_kbps = min(max(kbps, self._floor_kbps), self._maximum.bitrate_kbps)
        self._changed_us = now_us

    def _frame_us(self) -> int:
        return 1_000_000 // self._quality.fps

    def _as_quality(self, now_us: int) -> Quality:
        # Trouble is mostly over in less than a second; where it is not, a smaller picture has to help.
        calm = self._trouble is None or now_us - self._trouble.since_us > 10 * TICK_US
        step = self._ladder.choose(self._target_kbps, best=self._decoder.best, may_resize=calm, now_us=now_us)
        return Quality(round(self._target_kbps), step.fps, step.size)


class _Decoder:
    """Whether the browser's decoder keeps up. Fewer pixels help it; fewer bits would not."""

    BEHIND = 1
    WINDOW_US = 500_000
    REST_US = 1_000_000
    TRY_US = 8_000_000
    TRY_MOST_US = 120_000_000

    def __init__(self, lowest: int) -> None:
        self._lowest = lowest
        self._queues: deque[tuple[int, int]] = deque(maxlen=60)
        self._try_us = self.TRY_US
        self._changed_us = 0
        self._raised_us: int | None = None
        self.best = 0

    def said(self, queue: int, *, now_us: int) -> None:
        self._queues.append((now_us, queue))

    def step(self, *, queued: bool, now_us: int) -> None:
        """Moves one step of the ladder where it is time to. `queued`: frames come in bunches, which says nothing."""
        recent = [queue for said_us, queue in self._queues if said_us > now_us - self.WINDOW_US]
        behind = 2 * sum(queue > self.BEHIND for queue in recent) > len(recent) >= 3
        if behind and not queued and now_us - self._changed_us >= self.REST_US:
            self._lower(now_us)
        elif not behind and self.best > 0 and now_us - self._changed_us >= self._try_us:
            self._raise(now_us)

    def _lower(self, now_us: int) -> None:
        if self._raised_us is not None and now_us - self._raised_us < self.TRY_US:
            self._try_us = min(2 * self._try_us, self.TRY_MOST_US)
        self.best = min(self.best + 1, self._lowest)
        self._changed_us = now_us

    def _raise(self, now_us: int) -> None:
        self.best -= 1
        self._changed_us = self._raised_us = now_us


def combine(players: Iterable[Quality], viewers: Iterable[Quality], *, maximum: Quality) -> Quality:
    """What the one encoder of a session is asked for: the least that any player wants.

    Viewers only drop frames, unless nobody plays. Without anybody the maximum stays, so that the next one begins well.
    """
    wanted = list(players) or list(viewers) or [maximum]
    return Quality(
        bitrate_kbps=min(quality.bitrate_kbps for quality in wanted),
        fps=min(quality.fps for quality in wanted),
        size=min((quality.size for quality in wanted), key=lambda size: size.width * size.height),
    )
