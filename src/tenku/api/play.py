"""The player page, its WebSocket, and what a session measured."""

import asyncio
import ipaddress
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tenku.api.static import StaticFolder
from tenku.api.websocket import FORWARDED, WebSocketTransport
from tenku.base.errors import ProtocolError
from tenku.play.attempts import Attempts
from tenku.play.connection import Connection
from tenku.play.links import Place
from tenku.play.protocol import Close
from tenku.play.session import Session

WEB = Path(__file__).parent.parent / "web"
HELLO_S = 10.0
"""How long a connection may stay silent before it has said hello."""
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # The link is the key to the session.
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class PlayRoutes:
    """Routes of one session.

    Args:
        now: seconds of a clock that only rises.
    """

    def __init__(self, session: Session, *, now: Callable[[], float]) -> None:
        self._session = session
        self._attempts = Attempts()
        self._now = now

    def routes(self) -> list[BaseRoute]:
        """What the application serves."""
        return [
            Route("/", self.landing),
            Route("/p/{token}", self.page),
            Route("/p/{token}/frames.csv", self.frames),
            WebSocketRoute("/p/{token}/ws", self.socket),
            Route("/metrics", self.metrics),
            Route("/static/{name}", StaticFolder(WEB).serve),
        ]

    async def landing(self, _: Request) -> Response:
        """Nothing is to be seen without a link."""
        return denied()

    async def page(self, request: Request) -> Response:
        """The player page."""
        if self._place(request) is None:
            return self._refuse(request)
        return FileResponse(WEB / "play.html", headers=SECURITY)

    async def frames(self, request: Request) -> Response:
        """Every frame's measurements as CSV, newest ten minutes, for players."""
        place = self._place(request)
        if place is None or place.watches:
            return self._refuse(request)
        csv = "".join(self._session.stages.csv())
        headers = {**SECURITY, "Content-Disposition": f'attachment; filename="{self._session.id}.csv"'}
        return PlainTextResponse(csv, media_type="text/csv", headers=headers)

    async def metrics(self, request: Request) -> Response:
        """Prometheus metrics, for this machine only: no proxy in between, no foreign address."""
        if not asked_from_here(request):
            return denied()
        return PlainTextResponse(self._session.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def socket(self, websocket: WebSocket) -> None:
        """The stream: everything between a browser and the session."""
        place = self._place(websocket)
        if place is None or not same_origin(websocket):
            if place is None:
                self._failed(websocket)
            await websocket.send_denial_response(denied())
            return
        await websocket.accept()
        transport = WebSocketTransport(websocket)
        try:
            connection = self._session.connect(place, transport)
        except ProtocolError as error:
            transport.close(error.code, str(error))
            return
        try:
            await self._listen(websocket, connection)
        except WebSocketDisconnect:
            pass
        except ProtocolError as error:
            transport.close(error.code, str(error))
        finally:
            self._session.disconnect(connection)

    async def _listen(self, websocket: WebSocket, connection: Connection) -> None:
        try:
            async with asyncio.timeout(HELLO_S):
                self._session.receive(connection, await _bytes(websocket))
        except TimeoutError:
            raise ProtocolError("No hello came.", code=Close.BAD_MESSAGE) from None
        while True:
            self._session.receive(connection, await _bytes(websocket))

    def _place(self, request: HTTPConnection) -> Place | None:
        """What the request's token is good for; None also for an address that tried too often."""
        if self._attempts.blocked(address(request), self._now()):
            return None
        return self._session.links.place(request.path_params["token"])

    def _refuse(self, request: Request) -> Response:
        if self._attempts.blocked(address(request), self._now()):
            return denied(status=429)
        self._failed(request)
        return denied()

    def _failed(self, request: HTTPConnection) -> None:
        self._attempts.failed(address(request), self._now())


def denied(*, status: int = 401) -> Response:
    """The page for whoever has no link that is good."""
    headers = {**SECURITY, "Retry-After": "60"} if status == 429 else SECURITY
    return FileResponse(WEB / "denied.html", status_code=status, headers=headers)


def address(request: HTTPConnection) -> str:
    """Who asks. Behind a proxy uvicorn has put the forwarded address here already."""
    return request.client.host if request.client else ""


def asked_from_here(request: HTTPConnection) -> bool:
    """Whether a program on this machine asks, without a proxy in between."""
    proxied = any(name in request.headers for name in FORWARDED)
    try:
        return not proxied and ipaddress.ip_address(address(request)).is_loopback
    except ValueError:
        return False


def same_origin(websocket: WebSocket) -> bool:
    """Whether the page that opens the socket came from this server; a program without an origin may."""
    origin = websocket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == websocket.headers.get("host")


async def _bytes(websocket: WebSocket) -> bytes:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    data = message.get("bytes")
    if data is None:
        raise ProtocolError("Messages are binary.", code=Close.BAD_MESSAGE)
    received: bytes = data
    return received
