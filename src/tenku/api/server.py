"""The HTTP server of one process: bound first, so that a taken port is known before anything else starts."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tenku.api.websocket import DirectProtocol
from tenku.base.errors import SettingError
from tenku.play.protocol import MAX_FROM_BROWSER

BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate chain and private key, as PEM files."""

    cert: Path
    key: Path


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingError where the address or port cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = "the port is taken" if error.errno == 98 else error.strerror or str(error)
        raise SettingError(
            f"Nothing can listen on {host} port {port}: {why}.", hint="Try another --port, or --port 0 for a free one."
        ) from error
    listener.setblocking(False)
    return listener


class HttpServer:
    """Serves an application on a bound socket until closed."""

    def __init__(self, app: ASGIApp, listener: socket.socket, *, tls: Tls | None) -> None:
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                ws=DirectProtocol,
                ws_max_size=MAX_FROM_BROWSER,
                ws_per_message_deflate=False,  # Video does not compress twice.
                http="httptools",
                lifespan="off",
                log_level="warning",
                access_log=False,  # A log of paths would be a log of links.
                server_header=False,
                timeout_graceful_shutdown=1,
                ssl_certfile=tls.cert if tls else None,
                ssl_keyfile=str(tls.key) if tls else None,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self._listener.getsockname()[1])

    async def start(self) -> None:
        """Begin to serve. Raises SettingError where the certificate or key cannot be used."""
        try:
            self._server.config.load()
        except OSError as error:  # ssl.SSLError is one.
            raise SettingError(
                f"The certificate or key cannot be used: {error}.", hint="--cert and --key take PEM files that match."
            ) from error
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        await self._server.up.wait()

    async def close(self) -> None:
        """Stop serving and free the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command's business: Ctrl-C ends the game first and the server last."""
        yield
