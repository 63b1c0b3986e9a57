"""Connections to web servers, kept for the next request."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from tenku.content.stores.patience import Patience

Connection = http.client.HTTPConnection


class Connections:
    """Idle connections by server. Used from several threads."""

    def __init__(self, patience: Patience, *, tls: ssl.SSLContext | None = None) -> None:
        self._patience = patience
        self._tls = tls
        self._idle: dict[str, list[Connection]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def idle(self, origin: str) -> Connection | None:
        """A connection that was used before; its server may have left it meanwhile."""
        with self._lock:
            waiting = self._idle.get(origin)
            return waiting.pop() if waiting else None

    def open(self, origin: str, *, hold: Callable[[socket.socket], None]) -> Connection:
        """A new connection. Raises OSError.

        `hold` gets the socket before anything is read from it, so that somebody else can shut it down: a server can
        make a TLS handshake last as long as it likes.
        """
        parts = urlsplit(origin)
        host, secure = parts.hostname or "", parts.scheme == "https"
        plain = socket.create_connection((host, parts.port or (443 if secure else 80)), self._patience.connect_s)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not secure:
                hold(plain)
                connection = http.client.HTTPConnection(host, parts.port)
                connection.sock = plain
            else:
                context = self._context()
                connection = http.client.HTTPSConnection(host, parts.port, context=context)
                connection.sock = _handshake(plain, context, host, hold)
        except OSError:
            plain.close()
            raise
        connection.sock.settimeout(self._patience.stall_s)
        return connection

    def keep(self, origin: str, connection: Connection) -> None:
        """For the next request."""
        with self._lock:
            waiting = self._idle.setdefault(origin, [])
            if not self._closed and len(waiting) < self._patience.connections:
                waiting.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close those that are idle; none is kept any more."""
        with self._lock:
            self._closed = True
            waiting = [each for some in self._idle.values() for each in some]
            self._idle.clear()
        for each in waiting:
            with contextlib.suppress(OSError):
                each.close()

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            # Reading the system's certificates takes 20 ms, so not before the first TLS connection.
            self._tls = self._tls or ssl.create_default_context()
            return self._tls


def _handshake(
    plain: socket.socket, context: ssl.SSLContext, host: str, hold: Callable[[socket.socket], None]
) -> ssl.SSLSocket:
    # Not in one go: the plain socket is empty once it is wrapped, and only the wrapped one can be shut down.
    secured = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        hold(secured)
        secured.do_handshake()
    except OSError:
        secured.close()
        raise
    return secured
