"""One browser that watches or plays: what it is sent, and what it said last."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from tenku.play.conversation import Conversation
from tenku.play.delivery import Delivery, Drop, Reason
from tenku.play.links import Place
from tenku.play.model import ConnectionId, CursorShape, Frame, Sound
from tenku.play.ports import Transport
from tenku.play.protocol import (
    Ack,
    Audio,
    Close,
    Cursor,
    Input,
    InputAck,
    Message,
    Shown,
    State,
    Video,
    encode,
)
from tenku.play.rate import RateControl
from tenku.play.sessionmetrics import SessionMetrics
from tenku.play.stages import Row, Stages

KEY_FLAG = 1
SILENT = -32768
"""In `Shown.skew_ms`: no sound plays."""
REMEMBERED_INPUTS = 512
REMEMBERED_FRAMES = 256
STALE_US = 300_000
"""So long after a dropped frame without another one the browser's picture is old."""
SOUND_BACKLOG = 65_536
"""With so many bytes waiting, sound is dropped too: a line this slow plays nothing in time."""


@dataclass(frozen=True, slots=True)
class Done:
    """An input that the game was given."""

    seq: int
    time_us: int
    """When the browser saw it, on the server's clock."""
    injected_us: int


@dataclass(frozen=True, slots=True)
class Departure:
    """A frame that was sent, until the browser says what became of it."""

    size: int
    capture_us: int
    encode_start_us: int
    encode_end_us: int
    send_us: int
    answers: Done | None
    """The input that this frame is the first to show."""


class Connection:
    """Sends frames while they are fresh, and keeps account of what came of them.

    Args:
        place: the slot that the browser's link is good for.
    """

    def __init__(
        self,
        id_: ConnectionId,
        place: Place,
        transport: Transport,
        *,
        delivery: Delivery,
        rate: RateControl,
        stages: Stages,
        metrics: SessionMetrics,
    ) -> None:
        self.id = id_
        self.place = place
        self.conversation = Conversation()
        self.delivery = delivery
        self.rate = rate
        self.newest_frame = 0
        self._transport = transport
        self._stages = stages
        self._metrics = metrics
        self._inputs: deque[Done] = deque(maxlen=REMEMBERED_INPUTS)
        self._newest_input = 0
        self._dropped_us: int | None = None
        self._sent: dict[int, Departure] = {}

    def frame(self, frame: Frame, now_us: int) -> Drop | None:
        """Send a frame, or say why it was dropped."""
        size = len(frame.data)
        backlog = self._transport.backlog()
        network_clear = backlog == 0 and self._transport.network_clear(now_us)
        self.rate.network(clear=network_clear)
        decision = self.delivery.frame(
            frame.number,
            reference=frame.reference,
            key=frame.key,
            size_bytes=size,
            now_us=now_us,
            backlog=backlog,
            network_clear=network_clear,
        )
        if isinstance(decision, Drop):
            self._dropped_us = now_us
            self._metrics.dropped(decision.reason.value)
            if decision.reason is Reason.LATE:
                self.rate.dropped(now_us)
            return decision
        self._dropped_us = None
        self._send_frame(frame, now_us)
        self._metrics.sent(size)
        self.rate.sent(frame.number, size_bytes=size, now_us=now_us)
        return None

    def stale(self, now_us: int) -> bool:
        """Whether the last frame was dropped and none has come since: only changed pictures are encoded."""
        return self._dropped_us is not None and now_us - self._dropped_us > STALE_US

    def sound(self, sound: Sound) -> None:
        """Send a packet of sound, unless the line is hopelessly behind."""
        if self._transport.backlog() < SOUND_BACKLOG:
            self.send(Audio(sound.capture_us, sound.data))

    def cursor(self, shape: CursorShape) -> None:
        """Send the game's cursor."""
        kind = 0 if shape.hidden else 1 if shape.png else 2
        self.send(Cursor(kind, shape.hot_x, shape.hot_y, shape.png))

    def state(self, **about: Any) -> None:
        """Tell the page that something changed."""
        self.send(State(about))

    def send(self, message: Message) -> None:
        """Send any message."""
        self._transport.send(encode(message))

    def close(self, code: Close, reason: str) -> None:
        """End the connection and say why."""
        self._transport.close(code, reason)

    def input_done(self, message: Input, *, received_us: int, injected_us: int) -> None:
        """An input of this player was given to the game."""
        self._inputs.append(Done(message.seq, message.time_us, injected_us))
        self._metrics.input()
        self._stages.add_input(round_trip_us=max(0, injected_us - message.time_us))
        self.send(InputAck(message.seq, received_us, injected_us))

    def acked(self, ack: Ack, now_us: int) -> None:
        """A frame arrived in the browser."""
        self.delivery.acked(ack.frame, queue=ack.queue, now_us=now_us)
        self.rate.acked(ack.frame, queue=ack.queue, now_us=now_us)

    def shown(self, shown: Shown, now_us: int) -> None:
        """A frame was drawn: its row of measurements is complete."""
        sent = self._sent.pop(shown.frame, None)
        for number in [number for number in self._sent if number < shown.frame]:
            del self._sent[number]
        if sent is not None:
            self._measure(shown, sent, now_us)

    def _measure(self, shown: Shown, sent: Departure, now_us: int) -> None:
        shown_us = shown.received_us + shown.shown_us
        self.rate.machines(waited_us=sent.send_us - sent.encode_end_us + shown.shown_us)
        row = Row(
            slot=self.place.slot,
            number=shown.frame,
            size_bytes=sent.size,
            capture_us=sent.encode_start_us - sent.capture_us,
            encode_us=sent.encode_end_us - sent.encode_start_us,
            send_us=sent.send_us - sent.encode_end_us,
            network_us=shown.received_us - sent.send_us,
            decode_us=shown.decoded_us,
            show_us=shown.shown_us - shown.decoded_us,
            input_to_shown_us=shown_us - sent.answers.time_us if sent.answers else None,
            skew_us=shown.skew_ms * 1000 if shown.skew_ms != SILENT else None,
        )
        self._stages.add(row, now_us=now_us)

    def _send_frame(self, frame: Frame, now_us: int) -> None:
        answers = self._newest_before(frame.capture_us)
        self.newest_frame = frame.number
        self._sent[frame.number] = Departure(
            size=len(frame.data),
            capture_us=frame.capture_us,
            encode_start_us=frame.encode_start_us,
            encode_end_us=frame.encode_end_us,
            send_us=now_us,
            answers=answers,
        )
        if len(self._sent) > REMEMBERED_FRAMES:
            del self._sent[next(iter(self._sent))]
        self.send(
            Video(
                flags=KEY_FLAG if frame.key else 0,
                frame=frame.number,
                width=frame.size.width,
                height=frame.size.height,
                input_seq=self._newest_input,
                capture_us=frame.capture_us,
                encode_start_us=max(0, frame.encode_start_us - frame.capture_us),
                encode_end_us=max(0, frame.encode_end_us - frame.capture_us),
                send_us=max(0, now_us - frame.capture_us),
                data=frame.data,
            )
        )

    def _newest_before(self, capture_us: int) -> Done | None:
        """The newest input that the game got since the last frame and before this picture was captured."""
        newest = None
        while self._inputs and self._inputs[0].injected_us <= capture_us:
            newest = self._inputs.popleft()
            self._newest_input = newest.seq
        return newest
