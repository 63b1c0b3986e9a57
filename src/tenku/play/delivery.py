"""Which frames a connection gets: drop rather than queue, since a late frame is worse than a missing one.

One encoder serves several connections, so a frame that one of them misses must stay decodable for the rest. A
connection that misses a frame asks the encoder to predict past it (`invalidate`), which costs a few bits; only where
that does not help does it ask for a key frame, which costs everybody a burst.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum

from tenku.play.line import Line

UNTRACKED = -2
DEAD_US = 10_000_000
"""A browser that acknowledged nothing for so long is gone."""
SLACK_US = 4_000
BUSY_US = 100_000
"""For so long a browser may be busy otherwise before frames are kept back from it."""
LONGEST_FRAME_US = 34_000
"""At few frames a second "one frame of queue" would be long; no more than this is allowed."""
DECODER_QUEUE_BELIEVED = 12
"""A longer queue is believed to be this long: the page itself skips to a key frame before."""
DECODER_QUEUE = 2
"""More frames than this waiting in the browser's decoder are a queue."""
COSTLY = 8
"""So many frames of queue are borne where a drop would cost a key frame: that is 4 to 8 frames for everybody."""
TRIES = 3
"""Frames in a row that may be dropped before one is let through, so that the encoder still has a frame to predict
from that this connection has: encoders remember as few as four."""
PATIENCE = 3
"""Frames in a row that could have been sent but not decoded, before a key frame is asked for."""
ASTRAY_US = 700_000
KEY_PASSES_US = 400_000
"""A key frame is big: for so long after one, lateness says nothing about the path."""
RECENT = 30
KEY_FRAMES_EVERY_US = 500_000
"""The session asks its encoder no more often, whoever wants a key frame."""
KEY_FRAME_GIVEN_UP_US = 1_000_000
"""An encoder that did not answer by then is asked again: a game that stands still draws no frames."""
SENT = 256
"""Sent frames that are remembered; encoders predict from at most 16 frames back."""


class Reason(Enum):
    """Why a frame was not sent."""

    LATE = "late"  # older frames still stand somewhere on the way
    DECODER = "decoder"  # the browser's decoder is behind
    KEY_FRAME = "key frame"  # this connection begins, or begins anew, at the next key frame
    REFERENCE = "reference"  # it is predicted from a frame that this connection did not get


@dataclass(frozen=True, slots=True)
class Send:
    """Hand the frame to the transport now."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Do not send the frame."""

    reason: Reason
    invalidate: int | None = None
    """The encoder should predict no more from this frame."""
    want_key: bool = False
    """The encoder should make a key frame, if `KeyFrames` allows it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a connection may disturb the shared encoder."""

    key_every_us: int
    key_every_most_us: int
    """Asking again and again doubles the time between requests up to this."""
    invalidations_per_s: float
    reach: int
    """So many frames back a loss may lie for the encoder to be asked to predict past it. Where it does not remember
    that far it makes a key frame instead, which nobody has allowed then."""

    @property
    def burst(self) -> float:
        """Invalidations that may come at once."""
        return max(2.0, self.invalidations_per_s / 4)


PLAYER = Limits(key_every_us=500_000, key_every_most_us=500_000, invalidations_per_s=60, reach=16)
VIEWER = Limits(key_every_us=1_000_000, key_every_most_us=8_000_000, invalidations_per_s=2, reach=TRIES)
"""A viewer on a bad line sees a picture that stands, rather than making everybody's pulse."""


class Delivery:
    """Decides for one connection, frame by frame. A frame that it answers with `Send` counts as sent."""

    def __init__(self, limits: Limits = PLAYER, *, fps: int = 60) -> None:
        self._line = Line()
        self._limits = limits
        self._requests = _Requests(limits)
        self._frame_us = 0
        self.pace(fps)
        self._have: dict[int, None] = {}
        self._needs_key = True
        self._key_sent_us = 0
        self._lost: int | None = None
        self._dropped_in_row = 0
        self._undecodable_in_row = 0
        self._late: deque[bool] = deque(maxlen=RECENT)
        self._decoder_queue = 0
        self._decoder_said_us = 0

    def pace(self, fps: int) -> None:
        """The encoder makes so many frames a second from now on."""
        self._frame_us = min(1_000_000 // fps, LONGEST_FRAME_US)

    def frame(
        self,
        number: int,
        *,
        reference: int,
        key: bool,
        size_bytes: int,
        now_us: int,
        backlog: int = 0,
        network_clear: bool = False,
    ) -> Send | Drop:
        """What to do with a frame that the encoder has just made; the last two are what the transport says."""
        stuck = self._stuck_in_browser(now_us) if network_clear else self._stuck(backlog, now_us)
        if self._needs_key and not key:
            return Drop(Reason.KEY_FRAME, want_key=stuck is None and self._requests.key(now_us))
        self._late.append(stuck is Reason.LATE)
        if stuck is not None and not self._worth_waiting(reference, key, now_us):
            return self._drop_late(number, stuck, key or reference == UNTRACKED, now_us)
        if not key and not self._decodable(reference):
            return self._drop_undecodable(number, now_us)
        self._count_sent(number, size_bytes, key, now_us)
        return Send()

    def acked(self, number: int, *, queue: int, now_us: int) -> None:
        """The browser has the frame; `queue` frames wait in its decoder."""
        if self._line.acked(number, now_us=now_us) is not None:
            self._decoder_queue = min(queue, DECODER_QUEUE_BELIEVED)
            self._decoder_said_us = now_us

    def key_frame_asked(self) -> None:
        """The browser's decoder fell behind or failed: nothing but a key frame is of use to it."""
        self._needs_key = True

    def dead(self, now_us: int) -> bool:
        """Whether the browser has been silent for so long that the connection should be closed."""
        return self._line.oldest_age_us(now_us) > DEAD_US

    def _stuck(self, backlog: int, now_us: int) -> Reason | None:
        """Why a frame would arrive late, or None."""
        late = backlog > 0 or self._line.overdue_us(now_us) > self._tolerance_us(1)
        if late or (self._line.pending_bytes and self._should_run_empty(now_us)):
            return Reason.LATE
        return Reason.DECODER if self._decoder_waits(now_us) > DECODER_QUEUE else None

    def _stuck_in_browser(self, now_us: int) -> Reason | None:
        """The same where the network holds nothing back: older frames are in the browser's machine already.

        A browser that is short of a processor takes several at once when its turn comes. Waiting for each
        acknowledgement would leave it idle in its turn, and the player with a few frames a second.
        """
        if self._line.overdue_us(now_us) > BUSY_US:
            return Reason.LATE
        return Reason.DECODER if self._decoder_waits(now_us) > DECODER_QUEUE else None

    def _should_run_empty(self, now_us: int) -> bool:
        # A third of the frames dropped and still none in time: only an empty line tells whether its path got longer.
        astray = self._line.astray_us(now_us) > ASTRAY_US and now_us - self._key_sent_us > KEY_PASSES_US
        return astray and 3 * sum(self._late) > RECENT

    def _tolerance_us(self, frames: int) -> int:
        """How overdue older frames may be: so many frame times, and what the line is restless anyway."""
        jitter_us = min(2 * self._line.restlessness_us(), self._frame_us)
        return frames * self._frame_us + max(SLACK_US, self._frame_us // 4, jitter_us)

    def _worth_waiting(self, reference: int, key: bool, now_us: int) -> bool:
        """Whether a late frame is better than none, since without it everybody would pay for a key frame."""
        last_link = self._dropped_in_row >= TRIES and self._decodable(reference)
        costly = key or reference == UNTRACKED or last_link
        if not costly or self._should_run_empty(now_us) or self._decoder_waits(now_us) > COSTLY:
            return False
        return self._line.overdue_us(now_us) <= self._tolerance_us(COSTLY)

    def _decoder_waits(self, now_us: int) -> int:
        # What the browser said is old at once; a decoder that works takes about a frame a frame time.
        return self._decoder_queue - (now_us - self._decoder_said_us) // self._frame_us

    def _decodable(self, reference: int) -> bool:
        return self._lost is None if reference == UNTRACKED else reference in self._have

    def _drop_late(self, number: int, reason: Reason, costly: bool, now_us: int) -> Drop:
        self._undecodable_in_row = 0
        if costly:
            # The key frame is asked for when the line is clear again: one that came now would be late as well.
            self._needs_key = True
            return Drop(reason)
        self._dropped_in_row += 1
        if self._lost is None:
            self._lost = number
        if self._dropped_in_row <= TRIES and self._requests.invalidation(now_us):
            return Drop(reason, invalidate=number)
        return Drop(reason)

    def _drop_undecodable(self, number: int, now_us: int) -> Drop:
        """The line is clear, but the frame is predicted from a missing one: have the encoder go around it."""
        self._undecodable_in_row += 1
        self._dropped_in_row = 0
        if self._lost is None:
            self._lost = number
        too_far = number - self._lost > self._limits.reach
        if too_far or self._undecodable_in_row > PATIENCE:
            return Drop(Reason.REFERENCE, want_key=self._requests.key(now_us))
        if self._undecodable_in_row == 1 and self._requests.invalidation(now_us):
            return Drop(Reason.REFERENCE, invalidate=self._lost)
        return Drop(Reason.REFERENCE)

    def _count_sent(self, number: int, size_bytes: int, key: bool, now_us: int) -> None:
        if key:
            self._have.clear()
            self._needs_key = False
            self._key_sent_us = now_us
        self._have[number] = None
        if len(self._have) > SENT:
            del self._have[next(iter(self._have))]
        self._lost = None
        self._dropped_in_row = self._undecodable_in_row = 0
        self._line.sent(number, size_bytes=size_bytes, now_us=now_us)


class KeyFrames:
    """The session's one gate for key-frame requests: at most one outstanding, and about two a second."""

    def __init__(self) -> None:
        self._asked_us: int | None = None
        self._came_us: int | None = None

    def ask(self, now_us: int) -> bool:
        """Whether the encoder should be asked now."""
        outstanding = self._asked_us is not None and now_us - self._asked_us < KEY_FRAME_GIVEN_UP_US
        fresh = self._came_us is not None and now_us - self._came_us < KEY_FRAMES_EVERY_US
        if outstanding or fresh:
            return False
        self._asked_us = now_us
        return True

    def came(self, now_us: int) -> None:
        """The encoder made a key frame, asked for or not."""
        self._asked_us = None
        self._came_us = now_us


class _Requests:
    """How often one connection may ask something of the shared encoder."""

    CALM_US = 10_000_000

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._key_every_us = limits.key_every_us
        self._asked_us: int | None = None
        self._tokens = limits.burst
        self._counted_us = 0

    def key(self, now_us: int) -> bool:
        """Whether a key frame may be asked for now; counts as asked if so."""
        if self._asked_us is not None:
            since_us = now_us - self._asked_us
            if since_us < self._key_every_us:
                return False
            self._key_every_us = self._next_interval_us(since_us)
        self._asked_us = now_us
        return True

    def invalidation(self, now_us: int) -> bool:
        """Whether a frame may be invalidated now; counts as done if so."""
        gained = (now_us - self._counted_us) * self._limits.invalidations_per_s / 1e6
        self._tokens = min(self._limits.burst, self._tokens + gained)
        self._counted_us = now_us
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _next_interval_us(self, since_us: int) -> int:
        if since_us > self.CALM_US:
            return self._limits.key_every_us
        return min(2 * self._key_every_us, self._limits.key_every_most_us)
