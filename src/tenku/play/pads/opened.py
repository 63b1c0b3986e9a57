"""One time that a game has opened a pad: the connection behind its file descriptor."""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tenku.play.pads.rumble import Motors, Shake
from tenku.play.pads.wire import Requests, hello
from tenku.play.pads.xbox import PadState, event_records, js_beginning, js_records

SEND_BUFFER = 8_192
"""Bytes; some twenty reports. A game that does not read gets the newest state later, not all it slept through."""
READ_SIZE = 4_096


@dataclass(frozen=True, kw_only=True)
class Face:
    """How a device file shows a pad: what it says first, and how it tells of a change."""

    prefix: str
    greet: Callable[[int, PadState], bytes]
    records: Callable[[PadState, PadState], bytes]


EVENT_FACE = Face(
    prefix="event",
    greet=hello,
    records=lambda before, after: event_records(before, after, now_ns=time.time_ns()),
)
JS_FACE = Face(
    prefix="js",
    greet=lambda pad, state: hello(pad, state) + js_beginning(state, now_ns=time.monotonic_ns()),
    records=lambda before, after: js_records(before, after, now_ns=time.monotonic_ns()),
)


class OpenedPad:
    """Tells one game of its pad's changes, and hears what it asks of the motors.

    Args:
        records: the bytes that tell of a change, of `Face`.
        on_close: called once, when either side has ended the connection.
    """

    def __init__(
        self,
        connection: socket.socket,
        *,
        records: Callable[[PadState, PadState], bytes],
        on_shake: Callable[[Shake], None],
        on_close: Callable[["OpenedPad"], None],
    ) -> None:
        self._connection = connection
        self._records = records
        self._on_shake = on_shake
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._requests = Requests(Motors())
        self._told = self._newest = PadState()
        self._stuck = False

    def start(self, greeting: bytes, state: PadState) -> None:
        """Greet the game with the pad's present state."""
        self._connection.setblocking(False)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._told = self._newest = state
        self._loop.add_reader(self._connection, self._read)
        self._send(greeting)

    def show(self, state: PadState) -> None:
        """Tell the game; where it does not read, remember only the newest state."""
        self._newest = state
        if not self._stuck and self._send(self._records(self._told, state)):
            self._told = state

    def close(self) -> None:
        """End the connection and stop what the game plays."""
        if self._connection.fileno() < 0:
            return
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()
        self._shake(self._requests.motors.leave())
        self._on_close(self)

    def _send(self, records: bytes) -> bool:
        """Whether the game has it now. So few bytes are taken whole or not at all."""
        if not records:
            return True
        try:
            self._connection.send(records, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            self._stuck = True
            self._loop.add_writer(self._connection, self._unstick)
            return False
        except OSError:
            self.close()
            return False
        return True

    def _unstick(self) -> None:
        self._loop.remove_writer(self._connection)
        self._stuck = False
        self.show(self._newest)

    def _read(self) -> None:
        try:
            data = self._connection.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._shake(self._requests.take(data))
        else:
            self.close()

    def _shake(self, shake: Shake | None) -> None:
        if shake is not None:
            self._on_shake(shake)
