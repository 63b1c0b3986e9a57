"""A WebSocket that never queues: uvicorn's protocol with the socket within reach.

ASGI's `send` waits until there is room in a buffer that nobody can look into. A stream needs the opposite: to
know before it sends whether the last frame has left this machine, and to drop the next one if not.
"""

import array
import contextlib
import fcntl
import socket
import struct
from typing import Any

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

SCOPE_KEY = "tenku.websocket"
SIOCOUTQNSD = 0x894B
"""Linux: bytes in a TCP socket's queue that were not sent even once."""
TCP_NOTSENT_LOWAT = 25
SIOCOUTQ = 0x5411
"""Linux: bytes that were not acknowledged yet."""
MOMENT_US = 250_000
TCP_INFO_BYTES = 152
RTT_AT, MIN_RTT_AT = 68, 148
"""Where Linux's `struct tcp_info` (linux/tcp.h) holds tcpi_rtt and tcpi_min_rtt, in microseconds."""
QUEUE_US = 5_000
"""Round trips that are longer by this are a queue; the receiver's delayed acknowledgements stay below."""
FORWARDED = ("forwarded", "x-forwarded-for", "via")
"""Headers by which a proxy makes itself known."""
UNSENT_LIMIT = 16_384
"""Bytes that the kernel takes ahead of the network. Small, so that a queue shows here and not in the kernel."""


class DirectProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which also hands itself to the route that serves the connection."""

    async def run_asgi(self) -> None:
        self.scope[SCOPE_KEY] = self  # type: ignore[literal-required]
        await super().run_asgi()


class WebSocketTransport:
    """The `Transport` port on one accepted WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        protocol: Any = websocket.scope[SCOPE_KEY]
        self._protocol: DirectProtocol = protocol
        self._socket: socket.socket | None = self._protocol.transport.get_extra_info("socket")
        self._answer = array.array("i", [0])
        self._empty_us = -MOMENT_US
        self._proxied = any(name in websocket.headers for name in FORWARDED)
        if self._socket is not None and self._socket.family in (socket.AF_INET, socket.AF_INET6):
            self._socket.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_LIMIT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Write one binary message; what does not leave at once shows in `backlog`."""
        connection = self._protocol.conn
        if connection.state is not State.OPEN:
            return
        connection.send_binary(data)
        self._protocol.transport.write(b"".join(connection.data_to_send()))

    def backlog(self) -> int:
        """Bytes that have not left this machine."""
        return self._protocol.transport.get_write_buffer_size() + self._asked_kernel(SIOCOUTQNSD)

    def network_clear(self, now_us: int) -> bool:
        """Whether the kernel sees no queue, which no busy browser delays: the other kernel has everything that was
        sent, or had a moment ago; or it answers about as soon as it ever did.

        A proxy in between is as far as the kernel sees, so behind one nothing is known.
        """
        if self._proxied or self._socket is None:
            return False
        if self._asked_kernel(SIOCOUTQ) == 0:
            self._empty_us = now_us
        if now_us - self._empty_us < MOMENT_US:
            return True
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        if len(info) < TCP_INFO_BYTES:  # An older kernel tells less.
            return False
        rtt_us, least_us = struct.unpack_from("I", info, RTT_AT)[0], struct.unpack_from("I", info, MIN_RTT_AT)[0]
        return bool(rtt_us < least_us + max(least_us // 4, QUEUE_US))

    def close(self, code: int, reason: str) -> None:
        """Send a close frame; the route sees the disconnect."""
        connection = self._protocol.conn
        if connection.state is not State.OPEN:
            return
        connection.send_close(code, reason[:100])
        self._protocol.transport.write(b"".join(connection.data_to_send()))
        # A browser that does not answer the close frame must not hold its place.
        self._protocol.loop.call_later(2.0, self._protocol.transport.close)

    def _asked_kernel(self, question: int) -> int:
        """How many bytes the kernel holds of this connection; 0 where the socket does not tell."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._socket.fileno(), question, self._answer)
                return self._answer[0]
        return 0
