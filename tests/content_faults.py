"""A web server that lies, stalls and breaks off as it is told: what a mirror can do to those who pull from it.

    with FaultServer(folder) as server:
        server.add("*/pack/*", Cut(after=1000), first=2, last=3)
        pull(server.url)
        assert server.sent("*/pack/*") < 5_000_000

Without faults it is an honest HTTP/1.1 server: ranges, ETag, 304, keep-alive.
"""

import contextlib
import hashlib
import http.server
import os
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

BLOCK = 65536
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Cut:
    """The connection is reset after so many bytes of the body."""

    after: int = 0


@dataclass(frozen=True)
class Stall:
    """Nothing comes after so many bytes of the body, and the connection stays open. Below 0: not even the headers."""

    after: int = 0


@dataclass(frozen=True)
class SlowStart:
    """The answer is good but begins late."""

    seconds: float


@dataclass(frozen=True)
class WholeFile:
    """A range is asked, 200 and the whole file come."""


@dataclass(frozen=True)
class OtherRange:
    """206 with a range that begins elsewhere, and says so; `honest=False`: that claims to be the one asked for."""

    shift: int = 1
    honest: bool = True


@dataclass(frozen=True)
class Endless:
    """A body without length that never ends."""


@dataclass(frozen=True)
class WrongLength:
    """Content-Length is wrong by so many bytes; then the connection ends."""

    by: int


@dataclass(frozen=True)
class Flip:
    """One bit of the file is wrong, at this offset; negative ones count from the file's end."""

    at: int = 0


@dataclass(frozen=True)
class Status:
    """An answer with this status and a short text."""

    code: int
    retry_after: int | None = None


@dataclass(frozen=True)
class Redirect:
    """A redirect; by default to itself, for ever."""

    to: str | None = None


Fault = Cut | Stall | SlowStart | WholeFile | OtherRange | Endless | WrongLength | Flip | Status | Redirect


@dataclass
class Asked:
    """One request, and what came of it."""

    method: str
    path: str
    """Without the first slash."""
    range: tuple[int, int] | None
    """First byte and the one after the last."""
    status: int = 0
    sent: int = 0
    """Bytes of the body that were handed to the system."""


@dataclass
class _Rule:
    pattern: str
    fault: Fault
    first: int
    last: int | None
    seen: int = 0


class FaultServer(http.server.ThreadingHTTPServer):
    """Serves a folder on a free port of 127.0.0.1 while the `with` block runs."""

    daemon_threads = False  # Joined when the server closes: no thread may outlive its test.

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stopped = threading.Event()
        self.asked: list[Asked] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """Where the folder's root is, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, pattern: str, fault: Fault, *, first: int = 1, last: int | None = None) -> None:
        """Answer the `first` to `last` request for these paths with a fault. The first rule that fits wins."""
        self._rules.append(_Rule(pattern, fault, first, last))

    def clear(self) -> None:
        """Be honest from now on, and forget what was asked."""
        self._rules.clear()
        self.asked.clear()

    def sent(self, pattern: str = "*") -> int:
        """Bytes of bodies that were sent for these paths."""
        return sum(asked.sent for asked in self.asked if fnmatchcase(asked.path, pattern))

    def count(self, pattern: str = "*") -> int:
        """How many requests there were for these paths."""
        return sum(fnmatchcase(asked.path, pattern) for asked in self.asked)

    def wait_for(self, pattern: str, *, seconds: float = 20) -> None:
        """Wait until such a request has come. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self.count(pattern):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody asked for {pattern}")
            time.sleep(0.005)

    def fault_for(self, asked: Asked) -> Fault | None:
        """Count the request and say what is to go wrong with it."""
        with self._lock:
            self.asked.append(asked)
            chosen = None
            for rule in self._rules:
                if fnmatchcase(asked.path, rule.pattern):
                    rule.seen += 1
                    if rule.seen >= rule.first and (rule.last is None or rule.seen <= rule.last):
                        chosen = chosen or rule.fault
            return chosen

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go away, as a mirror whose machine was switched off; again is no error."""
        self.stopped.set()
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # It may have ended by itself.
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request_thread(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """Remember the connection while it lasts: an idle one must not hold up the end of the test."""
        with self._lock:
            self._open.add(request)
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request) -> None:  # type: ignore[no-untyped-def]
        """Forget the connection before it is closed."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave are what these tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FaultServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer, with the fault that was ordered."""
        path = urllib.parse.unquote(self.path.partition("?")[0]).lstrip("/")
        asked = Asked(self.command, path, None)
        file = self.server.folder / path
        body = file.read_bytes() if file.is_file() and ".." not in path.split("/") else None
        asked.range = self._range(len(body)) if body is not None else None
        fault = self.server.fault_for(asked)
        match fault:
            case Status(code, retry_after):
                self._short(asked, code, {} if retry_after is None else {"Retry-After": str(retry_after)})
            case Redirect(to):
                self._short(asked, 302, {"Location": to or self.path})
            case _ if body is None:
                self._short(asked, 404, {})
            case Endless():
                self._endless(asked, body or b"\0")
            case _:
                self._file(asked, body, fault)

    def do_HEAD(self) -> None:
        """The same without the body."""
        self.do_GET()

    def _range(self, size: int) -> tuple[int, int] | None:
        found = RANGE.fullmatch(self.headers.get("Range", ""))
        if not found or not any(found.groups()):
            return None
        if not found[1]:
            return max(0, size - int(found[2])), size
        return int(found[1]), min(size, int(found[2]) + 1) if found[2] else size

    def _short(self, asked: Asked, code: int, headers: dict[str, str]) -> None:
        self._head(asked, code, {**headers, "Content-Length": "6"})
        self._send(asked, b"Sorry\n")

    def _endless(self, asked: Asked, body: bytes) -> None:
        self._head(asked, 206 if asked.range else 200, {"Connection": "close"})
        block = body * (BLOCK // len(body) + 1)
        while not self.server.stopped.is_set():
            self._send(asked, block)

    def _file(self, asked: Asked, body: bytes, fault: Fault | None) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes"}
        if self.headers.get("If-None-Match") == etag:
            self._head(asked, 304, headers)
            return
        if isinstance(fault, Flip):
            body = _flipped(body, fault.at)
        span = None if isinstance(fault, WholeFile) else asked.range
        if span and span[0] >= len(body):
            self._short(asked, 416, {"Content-Range": f"bytes */{len(body)}"})
            return
        if span:
            span, body, claimed = _cut_out(span, body, fault)
            headers["Content-Range"] = claimed
        length = len(body) + (fault.by if isinstance(fault, WrongLength) else 0)
        if isinstance(fault, SlowStart):
            self.server.stopped.wait(fault.seconds)
        if fault == Stall(-1):
            self.server.stopped.wait()
            return
        self._head(asked, 206 if span else 200, {**headers, "Content-Length": str(length)})
        self._body(asked, body, fault)

    def _body(self, asked: Asked, body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Cut | Stall):
            body = body[: fault.after]
        for block in _blocks(body):
            self._send(asked, block)
        if isinstance(fault, Stall):
            self.server.stopped.wait()
        if isinstance(fault, Cut):
            # Closed without lingering and without a farewell, the connection is reset and not merely ended.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        if isinstance(fault, Cut | Stall | WrongLength):
            self.close_connection = True

    def _head(self, asked: Asked, code: int, headers: dict[str, str]) -> None:
        asked.status = code
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = headers.get("Connection") == "close" or self.close_connection

    def _send(self, asked: Asked, data: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(data)
            asked.sent += len(data)


def _cut_out(span: tuple[int, int], body: bytes, fault: Fault | None) -> tuple[tuple[int, int], bytes, str]:
    start, end = span
    claimed = f"bytes {start}-{end - 1}/{len(body)}"
    if isinstance(fault, OtherRange):
        length = end - start
        start = min(max(0, start + fault.shift), len(body) - 1)
        end = min(len(body), start + length)
        claimed = f"bytes {start}-{end - 1}/{len(body)}" if fault.honest else claimed
    return (start, end), body[start:end], claimed


def _flipped(body: bytes, at: int) -> bytes:
    changed = bytearray(body)
    changed[at] ^= 1
    return bytes(changed)


def _blocks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), BLOCK):
        yield body[start : start + BLOCK]
