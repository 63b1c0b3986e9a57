"""One GET request over HTTP/1.1, in a thread; it can be watched and given up from outside."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from tenku.base.errors import StoreError
from tenku.content.stores.connections import Connection, Connections
from tenku.content.stores.keys import shortened
from tenku.content.stores.rate import RateLimit
from tenku.content.stores.reply import REDIRECTS, Asked, Body, judge, next_address

SMALL_PIECE = 64 * 1024
LARGE_PIECE = 1024 * 1024
QUICK_S = 0.3
"""Pieces that come faster grow, for fewer of them; on a slow line they stay small, so that progress is seen."""
MOST_REDIRECTS = 5


class Exchange:
    """Asks for one object or range. `run` blocks; `abort` ends it at once, from any thread."""

    def __init__(
        self,
        url: str,
        asked: Asked,
        *,
        where: str,
        headers: Mapping[str, str],
        connections: Connections,
        rate: RateLimit | None,
    ) -> None:
        self._url = url
        self._asked = asked
        self._where = where
        self._headers = headers
        self._connections = connections
        self._rate = rate
        self._aborted = threading.Event()
        self._socket: socket.socket | None = None
        self._size = SMALL_PIECE
        self.received = 0
        """Bytes of body so far, also those that are thrown away."""
        self.paused_s = 0.0
        """How long it waited for the rate limit so far."""

    def run(self) -> bytes:
        """Exactly what was asked. Raises NotFoundError or StoreError."""
        try:
            return self._follow()
        except TimeoutError as error:
            raise StoreError(f"{self._where} did not come in time.") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            # ValueError: what http.client says of a host name or a header that cannot be.
            said = shortened(str(error)) or type(error).__name__
            raise StoreError(f"{self._where} did not come: {said}.") from error

    def abort(self) -> None:
        """Give up: `run` ends with an error at once, or, while it looks up a name, soon."""
        self._aborted.set()
        if (open_socket := self._socket) is not None:
            with contextlib.suppress(OSError):
                # The plain socket's way also for TLS: it wakes a thread that reads, and touches nothing else.
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)

    def _follow(self) -> bytes:
        url, headers = self._url, dict(self._headers)
        for _ in range(MOST_REDIRECTS + 1):
            origin, target = _split(url)
            connection, reply = self._ask(origin, target, headers)
            with contextlib.closing(reply):
                if reply.status not in REDIRECTS:
                    return self._answer(origin, connection, reply)
            connection.close()
            url = next_address(url, reply.getheader("Location"), where=self._where)
            if _split(url)[0] != origin:
                headers.pop("Authorization", None)  # meant for the first server alone
        raise StoreError(f"{self._where} was answered with more than {MOST_REDIRECTS} redirects.")

    def _ask(self, origin: str, target: str, headers: Mapping[str, str]) -> tuple[Connection, http.client.HTTPResponse]:
        """The connection and the reply's head; a kept connection that its server left is no error."""
        if (kept := self._connections.idle(origin)) is not None:
            try:
                return kept, self._ask_on(kept, target, headers)
            except (ConnectionError, ssl.SSLError, http.client.BadStatusLine):
                kept.close()
        fresh = self._connections.open(origin, hold=self._hold)
        return fresh, self._ask_on(fresh, target, headers)

    def _ask_on(self, connection: Connection, target: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        try:
            self._hold(connection.sock)
            connection.request("GET", target, headers={**headers, **self._asked.header, "Accept-Encoding": "identity"})
            return connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            raise

    def _hold(self, used: socket.socket) -> None:
        """From now on `abort` shuts this socket down."""
        self._socket = used
        if self._aborted.is_set():
            raise ConnectionAbortedError("given up")

    def _answer(self, origin: str, connection: Connection, reply: http.client.HTTPResponse) -> bytes:
        keep = False
        try:
            said = {name.lower(): value for name, value in reply.getheaders()}
            body = judge(reply.status, said, self._asked, where=self._where)
            data = self._read(reply, body)
            keep = reply.isclosed() and not reply.will_close
            return data
        finally:
            # What a refused reply still holds is never read: it may have no end.
            self._socket = None
            if keep:
                self._connections.keep(origin, connection)
            else:
                reply.close()
                connection.close()

    def _read(self, reply: http.client.HTTPResponse, body: Body) -> bytes:
        kept = []
        end = body.skip + body.most
        while self.received < end and (piece := self._piece(reply, end - self.received)):
            # Bytes before the asked range are thrown away as they come.
            kept.append(piece[max(0, body.skip - (self.received - len(piece))) :])
        data = b"".join(kept)
        if body.exact is not None and len(data) != body.exact:
            raise StoreError(f"{self._where} ended after {len(data):,} of {body.exact:,} bytes.")
        if body.whole and not reply.isclosed() and reply.read(1):
            raise StoreError(f"{self._where} is longer than the {end:,} bytes that were expected.")
        return data

    def _piece(self, reply: http.client.HTTPResponse, most: int) -> bytes:
        """The next bytes; empty at the body's end."""
        begin = time.monotonic()
        piece = reply.read(min(self._size, most))
        quick = time.monotonic() - begin < QUICK_S and self._rate is None  # a large piece would make long pauses
        self._size = min(LARGE_PIECE, self._size * 2) if quick else SMALL_PIECE
        self.received += len(piece)
        if self._rate is not None and (pause := self._rate.take(len(piece), now=time.monotonic())) > 0:
            self.paused_s += pause
            if self._aborted.wait(pause):
                raise ConnectionAbortedError("given up")
        return piece


def _split(url: str) -> tuple[str, str]:
    """The server, and what to ask it for."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
    return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
