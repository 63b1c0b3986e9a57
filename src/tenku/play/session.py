"""A session: one game that runs and streams, from its start to the last word about how it ended."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from tenku.play.audience import Audience
from tenku.play.connection import Connection
from tenku.play.delivery import PLAYER, VIEWER, Delivery
from tenku.play.idle import End, IdleWatch, Warn
from tenku.play.links import Links, Place
from tenku.play.model import ConnectionId, Frame, Quality, SessionId, Sound
from tenku.play.parts import Events, Parts
from tenku.play.ports import Transport
from tenku.play.protocol import Close
from tenku.play.rate import RateControl, combine
from tenku.play.readiness import Readiness
from tenku.play.roster import Roster
from tenku.play.seat import Seat
from tenku.play.sessionmetrics import SessionMetrics
from tenku.play.settings import PlaySettings
from tenku.play.stages import Stages

TICK_S = 0.1
"""How often quality, people and time-outs are looked at."""
UNWATCHED_FPS = 30
"""Fewer would save more, and make the first picture of the next page wait for the next look."""
FAREWELL_S = 0.3
"""How long browsers have to take in the last message before their connections end."""


T = TypeVar("T")


class Phase(Enum):
    STARTING = "starting"  # the game runs and has not drawn yet
    READY = "ready"  # it can be played
    OVER = "over"  # it ended, for whatever reason


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended: the exit code for the shell, a sentence, and the game's last lines."""

    code: int
    reason: str
    lines: tuple[str, ...] = ()


class Session:
    """Brings a game, its parts and its audience together.

    Args:
        parts: display, sound, gamepads, recorder and game, not started yet.
        best: the quality that a perfect connection gets.
        notify: told what a person at the terminal should read.
    """

    def __init__(
        self, id_: SessionId, parts: Parts, *, best: Quality, settings: PlaySettings, notify: Callable[[str], None]
    ) -> None:
        self.id = id_
        self.phase = Phase.STARTING
        self.links = Links()
        self.stages = Stages()
        self._metrics = SessionMetrics(id_)
        self.quality = best
        self.notices: list[str] = []
        self._parts = parts
        self._best = best
        self._settings = settings
        self._notify = notify
        self._readiness = Readiness()
        self._idle = IdleWatch(idle_s=settings.idle_s, warning_s=settings.idle_warning_s, now=time.monotonic())
        self._warned = False
        self._over: asyncio.Event = asyncio.Event()
        self._ready: asyncio.Event = asyncio.Event()
        self._ending: Ending | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.audience = Audience(
            display=parts.display,
            seat=Seat(parts.display, parts.pads, size=best.size, offer_clipboard=parts.offer_clipboard),
            links=self.links,
            roster=Roster(reconnect_s=settings.reconnect_s, max_viewers=settings.max_viewers),
            new_connection=self._new_connection,
            welcome=self._welcome,
            on_life=self._sign_of_life,
            now_us=now_us,
        )

    # --- from start to end ---

    async def start(self) -> None:
        """Open the display, then sound and gamepads, then start the game. Raises TenkuError; close() cleans up."""
        loop = asyncio.get_running_loop()

        def post(call: Callable[[T], None]) -> Callable[[T], None]:
            """The same call, made from another thread and done on the event loop."""

            def from_thread(value: T) -> None:
                # The last frames may come when the loop has closed already.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(call, value)

            return from_thread

        events = Events(
            frame=post(self._frame),
            cursor=post(self.audience.cursor),
            clipboard=post(self.audience.clipboard),
            sound=post(self._sound),
            rumble=self.audience.rumble,
            notice=self.notice,
        )
        await self._parts.start(self.quality, events)
        self._tasks = [asyncio.create_task(self._watch_game()), asyncio.create_task(self._tick_on())]

    async def wait_ready(self) -> bool:
        """Wait until the game can be shown; False where it ended before."""
        waits = [asyncio.create_task(self._ready.wait()), asyncio.create_task(self._over.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        return self.phase is Phase.READY

    async def wait_over(self) -> Ending:
        """Wait until the session has ended by itself."""
        await self._over.wait()
        assert self._ending is not None
        return self._ending

    async def close(self) -> None:
        """End the game, save the recording, stop everything. A second call does nothing."""
        self._end(Ending(0, "The host ended the session."))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if len(self.audience):
            await asyncio.sleep(FAREWELL_S)
        self.audience.close(Close.OVER, "The session has ended.")
        await self._parts.close()

    def notice(self, text: str) -> None:
        """Something that people should know and that does not end the session."""
        self.notices.append(text)
        self._notify(text)
        self.audience.tell(notice={"text": text, "level": "warning"})

    # --- browsers ---

    def connect(self, place: Place, transport: Transport) -> Connection:
        """A browser opened its connection."""
        connection = self.audience.connect(place, transport)
        self._adapt()
        return connection

    def receive(self, connection: Connection, data: bytes) -> None:
        """A browser sent a message. Raises ProtocolError where it may not be."""
        self.audience.receive(connection, data, now_us())

    def disconnect(self, connection: Connection) -> None:
        """A browser's connection ended."""
        self.audience.disconnect(connection, time.monotonic())

    def metrics(self) -> str:
        """What was measured, in Prometheus' text format."""
        spreads = self.stages.spreads()
        return self._metrics.text(spreads=spreads, connections=len(self.audience), quality=self.quality)

    def _new_connection(self, id_: ConnectionId, place: Place, transport: Transport) -> Connection:
        return Connection(
            id_,
            place,
            transport,
            delivery=Delivery(VIEWER if place.watches else PLAYER, fps=self.quality.fps),
            rate=RateControl(self._best),
            stages=self.stages,
            metrics=self._metrics,
        )

    def _welcome(self) -> dict[str, object]:
        size = self._best.size
        return {
            "session": self.id,
            "width": size.width,
            "height": size.height,
            "fps": self._best.fps,
            "reconnect_s": self._settings.reconnect_s,
            "idle_s": self._settings.idle_s,
            **self._parts.about(),
        }

    # --- what happens meanwhile ---

    def _frame(self, frame: Frame) -> None:
        self._metrics.encoded()
        self.audience.frame(frame, now_us())
        self._parts.record(frame)
        if self.phase is Phase.STARTING:
            self._readiness.frame(len(frame.data), key=frame.key)

    def _sound(self, sound: Sound) -> None:
        self.audience.sound(sound)
        self._parts.record(sound)

    async def _tick_on(self) -> None:
        while True:
            self._tick(time.monotonic())
            await asyncio.sleep(TICK_S)

    def _tick(self, now: float) -> None:
        if self.phase is Phase.STARTING:
            self._look_ready(now)
        if self.audience.roster.expire(now):
            self.audience.show_roster()
        self.audience.drop_dead(now_us())
        self.audience.catch_up(now_us())
        self._look_idle(now)
        self._adapt()
        for trouble in self._parts.troubles():
            self.notice(trouble)

    def _look_ready(self, now: float) -> None:
        self._readiness.window(self._parts.windows(), now)
        if self._readiness.ready(now):
            self.phase = Phase.READY
            self._ready.set()

    def _look_idle(self, now: float) -> None:
        match self._idle.look(now):
            case Warn(ends_in_s=ends_in_s):
                if not self._warned:
                    self._notify(f"Nobody has played for a while: the session ends in {ends_in_s} s.")
                self._warned = True
                self.audience.tell(idle={"ends_in_s": ends_in_s})
            case End():
                self._end(Ending(0, f"Nobody played for {self._settings.idle_s} s, so the session ended."))
            case _ if self._warned:
                self._warned = False
                self.audience.tell(idle=None)
            case _:
                pass

    def _sign_of_life(self) -> None:
        self._idle.sign_of_life(time.monotonic())

    def _adapt(self) -> None:
        """Ask the encoder for what the players' connections carry."""
        now = now_us()
        wanted = [(connection.place.watches, connection.rate.decide(now)) for connection in self.audience]
        players = [quality for watches, quality in wanted if not watches]
        viewers = [quality for watches, quality in wanted if watches]
        quality = combine(players, viewers, maximum=self._best) if wanted else self._unwatched()
        self._parts.display.apply(quality)
        if quality != self.quality:
            self.quality = quality
            self.audience.pace(quality.fps)
            about = {"bitrate_kbps": quality.bitrate_kbps, "fps": quality.fps}
            self.audience.tell(quality={**about, "width": quality.size.width, "height": quality.size.height})

    def _unwatched(self) -> Quality:
        """While nobody looks, the processor is the game's, and the next page's to load."""
        if self.phase is Phase.STARTING or self._parts.recording:
            return self._best
        return replace(self._best, fps=min(self._best.fps, UNWATCHED_FPS))

    async def _watch_game(self) -> None:
        exited = await self._parts.wait_game()
        self._end(Ending(exited.code, exited.reason, exited.lines))

    def _end(self, ending: Ending) -> None:
        if self._ending is not None:
            return
        self._ending = ending
        self.phase = Phase.OVER
        self.audience.tell(ended={"code": ending.code, "reason": ending.reason, "lines": list(ending.lines)})
        self._over.set()


def now_us() -> int:
    """Microseconds of the monotonic clock, the one that frames are stamped with."""
    return time.monotonic_ns() // 1000
