"""A server that answers any bytes at all: replies that no honest HTTP library would write."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Self

Reply = Callable[[str], Iterable[bytes]]
"""From a request's target to what is sent, piece by piece; the connection is closed after the last one."""


class RawServer:
    """Listens on a free port of 127.0.0.1 while the `with` block runs."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.stopped = threading.Event()
        self.sent = 0
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            request = b"".join(iter(reader.readline, b"\r\n"))
            self.requests.append(request.decode())
            for piece in self._reply(request.split()[1].decode()):
                if self.stopped.is_set():
                    return
                connection.sendall(piece)
                self.sent += len(piece)
