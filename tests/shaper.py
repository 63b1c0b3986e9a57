"""A bad line on this machine: a TCP forwarder with a rate, a delay and little buffer.

The kernel here has no traffic shaping, so the end-to-end tests put this between the real browser and the real server:

    async with Shaper(server_port, line=ShapedLine(kbps=1_500, delay_ms=40)) as shaper:
        open_browser(shaper.port)
        shaper.line = ShapedLine(kbps=20_000, delay_ms=40)   # better from now on

It reads from the sender no faster than the line passes bytes on, and its sockets have small buffers, so the sender
feels the line as it would feel a real one: its own send buffer fills.
"""

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

SOCKET_BUFFER = 16_384
"""SO_RCVBUF and SO_SNDBUF of every socket here; Linux doubles it. They come on top of `ShapedLine.buffer_bytes`."""
PIECE = 1_448
"""Bytes that pass at once: what an Ethernet packet carries."""


@dataclass(frozen=True)
class ShapedLine:
    """One direction and the other alike."""

    kbps: float = 100_000
    """Towards the browser; the browser's own words are few and pass at once."""
    delay_ms: float = 0
    """One way."""
    buffer_bytes: int = 64_000
    """What may wait in the line; with more than this the sender is made to wait."""


@dataclass
class Bucket:
    """When the next bytes may pass. Pure: time is an argument, in seconds."""

    free_s: float = 0.0
    """When everything accepted so far has passed."""

    def pass_s(self, size_bytes: int, line: ShapedLine, now_s: float) -> float:
        """Accept some bytes and say when the last of them has passed."""
        self.free_s = max(self.free_s, now_s) + size_bytes * 8 / (line.kbps * 1000)
        return self.free_s

    def full_for_s(self, line: ShapedLine, now_s: float) -> float:
        """How long the sender must wait until the buffer has room again."""
        return max(0.0, self.free_s - now_s - line.buffer_bytes * 8 / (line.kbps * 1000))


@dataclass
class Shaper:
    """Listens on 127.0.0.1, port 0, and forwards to a port of 127.0.0.1."""

    target_port: int
    line: ShapedLine = field(default_factory=ShapedLine)
    passed: int = 0
    """Bytes that were passed on towards the browser."""
    taken: int = 0
    """Bytes that were taken from the server."""

    async def __aenter__(self) -> Self:
        listener = _small_socket()
        listener.bind(("127.0.0.1", 0))
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, sock=listener, limit=PIECE)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """Where the browser should connect."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        # One end may go away at any time: the other is closed then, which is all that a line can do about it.
        try:
            with suppress(OSError):
                server_reader, server_writer = await self._to_server()
                writers.append(server_writer)
                await self._both_ways(reader, writer, server_reader, server_writer)
        finally:
            self._tasks.discard(task)
            for each in writers:
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    async def _to_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = _small_socket()
        upstream.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(upstream, ("127.0.0.1", self.target_port))
        except OSError:
            upstream.close()
            raise
        return await asyncio.open_connection(sock=upstream, limit=PIECE)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        writer.transport.set_write_buffer_limits(high=SOCKET_BUFFER)
        ways = [
            asyncio.create_task(self._forward(server_reader, writer, slow=True)),
            asyncio.create_task(self._forward(reader, server_writer, slow=False)),
        ]
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        """Read one way: what arrives is stamped with when it has passed, and `_deliver` writes it then."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arrivals = asyncio.create_task(self._deliver(on_the_way, writer, slow=slow))
        try:
            await self._take(reader, on_the_way, slow=slow)
            await arrivals
        finally:
            arrivals.cancel()

    async def _take(
        self, reader: asyncio.StreamReader, on_the_way: "asyncio.Queue[tuple[float, bytes]]", *, slow: bool
    ) -> None:
        bucket = Bucket()
        while data := await reader.read(self._piece()):
            now_s = passed_s = _now()
            if slow:
                self.taken += len(data)
                passed_s = bucket.pass_s(len(data), self.line, now_s)
            on_the_way.put_nowait((passed_s + self.line.delay_ms / 1000, data))
            if slow:
                await asyncio.sleep(bucket.full_for_s(self.line, now_s))
        on_the_way.put_nowait((_now() + self.line.delay_ms / 1000, b""))

    def _piece(self) -> int:
        """A packet, or on a fast line a millisecond's worth, which spares the processor."""
        return max(PIECE, int(self.line.kbps / 8))

    async def _deliver(
        self, on_the_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter, *, slow: bool
    ) -> None:
        while True:
            due_s, data = await on_the_way.get()
            await asyncio.sleep(max(0.0, due_s - _now()))
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
            self.passed += len(data) if slow else 0


def _now() -> float:
    return asyncio.get_running_loop().time()


def _small_socket() -> socket.socket:
    """A TCP socket with little room; the sizes must be set before it connects or listens."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
