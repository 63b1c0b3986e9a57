"""A session without a game: serves the player page, a known picture and a known tone, and writes down what it hears."""

import asyncio
import functools
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from media import RATE, OpusEncoder, encode_h264, tone
from tenku.play.protocol import (
    Audio,
    Hello,
    Input,
    InputAck,
    KeyFrame,
    Message,
    Ping,
    Pong,
    State,
    Video,
    Welcome,
    decode_from_browser,
    encode,
)

WEB = Path(__file__).parent.parent / "src" / "tenku" / "web"
WIDTH, HEIGHT, FPS = 640, 360, 30
TONE_HZ = 440.0
TOKEN = "token-of-player-1"
POLICY = "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; connect-src 'self'; worker-src 'self' blob:"
PATIENCE_S = 15.0

M = TypeVar("M", bound=Message)


@functools.cache
def pictures() -> tuple[bytes, ...]:
    """A second of four still colours: red, green, blue and white, left to right and top to bottom."""
    parts = "".join(
        f"color=c={colour}:s={WIDTH // 2}x{HEIGHT // 2}:r={FPS}:d=1[{name}];"
        for name, colour in (("a", "red"), ("b", "lime"), ("c", "blue"), ("d", "white"))
    )
    stacked = f"{parts}[a][b][c][d]xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0,scale=out_color_matrix=bt709"
    return tuple(encode_h264(stacked, fps=FPS))


@functools.cache
def packets() -> tuple[bytes, ...]:
    """A second of a tone as Opus packets of 10 ms."""
    samples, encoder = tone((TONE_HZ, TONE_HZ), 1.0), OpusEncoder()
    step = RATE // 100 * 4
    return tuple(encoder.encode(samples[at : at + step]) for at in range(0, len(samples), step))


def now_us() -> int:
    """The clock that frames are stamped with."""
    return time.monotonic_ns() // 1000


@dataclass
class Script:
    """What the session does; a test changes it while it runs."""

    welcome: dict[str, Any] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    video: bool = True
    sound: bool = False
    status: int = 200
    """What the page and the socket answer with; 401 is a link that was revoked."""

    def greeting(self) -> dict[str, Any]:
        usual = {"session": "s1", "game": "Four Colours", "role": "player", "slot": 1, "width": WIDTH}
        rest = {"height": HEIGHT, "fps": FPS, "codec": "avc1.42C01F", "sound": self.sound}
        return usual | rest | {"sound_reason": "", "reconnect_s": 60, "idle_s": 600} | self.welcome


class PageServer:
    """Runs in a thread of its own; use it as a context manager."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.received: list[Message] = []
        self.connections = 0
        self._heard = threading.Condition()
        self._sockets: list[WebSocket] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            self._app(), log_level="warning", ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="page-server")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/p/{TOKEN}"

    def __enter__(self) -> Self:
        pictures()
        packets()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def heard(self, kind: type[M]) -> list[M]:
        """Messages of this kind so far."""
        return [message for message in list(self.received) if isinstance(message, kind)]

    def inputs(self) -> list[Input]:
        """What the player did so far, in order."""
        return self.heard(Input)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition over what was received is true."""
        with self._heard:
            assert self._heard.wait_for(condition, PATIENCE_S), f"waited {PATIENCE_S:.0f} s for {what}: {self.inputs()}"

    def wait_for(self, kind: type[M], count: int = 1) -> list[M]:
        """Wait for so many messages of a kind."""
        self.wait(lambda: len(self.heard(kind)) >= count, f"{count} {kind.__name__}")
        return self.heard(kind)

    def send(self, message: Message) -> None:
        """Send a message to every page."""
        self._do(lambda socket: socket.send_bytes(encode(message)))

    def tell(self, **about: Any) -> None:
        """Send a `State`."""
        self.send(State(about))

    def close(self, code: int) -> None:
        """Close every connection with a code."""
        self._do(lambda socket: socket.close(code))

    # --- in the server's thread ---

    def _do(self, act: Callable[[WebSocket], Any]) -> None:
        async def all_of_them() -> None:
            for socket_ in list(self._sockets):
                await act(socket_)

        assert self._loop is not None, "no page has connected yet"
        asyncio.run_coroutine_threadsafe(all_of_them(), self._loop).result(PATIENCE_S)

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])

    def _app(self) -> ASGIApp:
        routes = [
            Route("/p/{token}", self._page),
            WebSocketRoute("/p/{token}/ws", self._play),
            Mount("/static", StaticFiles(directory=WEB)),
        ]
        return _with_policy(Starlette(routes=routes))

    async def _page(self, request: Request) -> Response:
        status = self.script.status if request.path_params["token"] == TOKEN else 401
        return FileResponse(WEB / ("play.html" if status == 200 else "denied.html"), status_code=status)

    async def _play(self, websocket: WebSocket) -> None:
        if self.script.status != 200:
            await websocket.close()
            return
        await websocket.accept()
        self._loop = asyncio.get_running_loop()
        streaming: asyncio.Task[None] | None = None
        with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: starlette's word for "already closed"
            self._hear(decode_from_browser(await websocket.receive_bytes()))
            await websocket.send_bytes(encode(Welcome(self.script.greeting())))
            for about in self.script.states:
                await websocket.send_bytes(encode(State(about)))
            stream = Stream(websocket, self.script)
            streaming = asyncio.create_task(stream.run())
            self._sockets.append(websocket)
            self.connections += 1
            while True:
                await self._answer(decode_from_browser(await websocket.receive_bytes()), stream)
        if streaming:
            self._sockets.remove(websocket)
            streaming.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([streaming])
            if not streaming.cancelled():
                streaming.exception()  # the line was closed while something was being sent

    async def _answer(self, message: Message, stream: "Stream") -> None:
        if isinstance(message, Ping):
            await stream.socket.send_bytes(encode(Pong(message.browser_us, now_us())))
        if isinstance(message, KeyFrame):
            stream.begin_anew()
        if isinstance(message, Input):
            stream.input_seq = message.seq
            await stream.socket.send_bytes(encode(InputAck(message.seq, now_us(), now_us())))
        self._hear(message)

    def _hear(self, message: Message) -> None:
        assert self.received or isinstance(message, Hello), f"the page begins with {message}"
        with self._heard:
            self.received.append(message)
            self._heard.notify_all()


class Stream:
    """Picture and sound of one connection, by the clock."""

    def __init__(self, websocket: WebSocket, script: Script) -> None:
        self.socket = websocket
        self.input_seq = 0
        self._script = script
        self._frame = 100
        self._next_picture = 0

    def begin_anew(self) -> None:
        """Go on with a key frame."""
        self._next_picture = 0

    async def run(self) -> None:
        """Send a picture and its sound until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._show())
            tasks.create_task(self._sing())

    async def _show(self) -> None:
        while True:
            if self._script.video:
                await self.socket.send_bytes(encode(self._picture()))
            await asyncio.sleep(1 / FPS)

    async def _sing(self) -> None:
        begin_us, number = now_us(), 0
        while True:
            if self._script.sound:
                await self.socket.send_bytes(encode(self._sound(begin_us, number)))
            number += 1
            await asyncio.sleep(max(0, begin_us + number * 10_000 - now_us()) / 1e6)

    def _picture(self) -> Video:
        picture = self._next_picture
        self._next_picture = (picture + 1) % FPS
        self._frame += 1
        return Video(
            flags=int(picture == 0),
            frame=self._frame,
            width=WIDTH,
            height=HEIGHT,
            input_seq=self.input_seq,
            capture_us=now_us() - 9_000,
            encode_start_us=1_000,
            encode_end_us=8_000,
            send_us=9_000,
            data=pictures()[picture],
        )

    def _sound(self, begin_us: int, number: int) -> Audio:
        return Audio(begin_us + (number - 1) * 10_000, packets()[number % len(packets())])


def _with_policy(app: ASGIApp) -> ASGIApp:
    """The content security policy that the real server sends, so that the page is tested under it."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await app(scope, receive, send_with_policy)

    return wrapped
