"""One device file of one pad: a listening socket, and the games that opened it."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tenku.play.pads.opened import Face, OpenedPad
from tenku.play.pads.rumble import Shake
from tenku.play.pads.xbox import PadState

MAX_OPEN = 32
"""How many times one device may be open at once: a game cannot eat up the session's descriptors."""
ACCEPT_PAUSE_S = 1.0


class Node:
    """The device file `eventN` or `jsN` while its pad is plugged in.

    Args:
        staging: the name that the socket is made under first, on the same disk as `path` and out of the game's sight.
    """

    def __init__(self, face: Face, pad: int, *, path: Path, staging: Path, on_shake: Callable[[Shake], None]) -> None:
        self._face = face
        self._pad = pad
        self._path = path
        self._staging = staging
        self._on_shake = on_shake
        self._state = PadState()
        self._opened: set[OpenedPad] = set()
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Plug in: the file appears, ready to be opened. Raises OSError; `close` is to be called then too.

        It is made elsewhere and linked, in one step: games watch the folder for new files, and some do not notice
        files that are moved in.
        """
        self._staging.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._listener = listener
        listener.bind(str(self._staging))
        self._staging.chmod(0o666)  # the game may run as another user
        listener.listen(MAX_OPEN)
        self._listen(listener)
        os.link(self._staging, self._path)
        self._staging.unlink()

    def show(self, state: PadState) -> None:
        """The pad changed; every game that has it open is told."""
        self._state = state
        for opened in tuple(self._opened):
            opened.show(state)

    def close(self) -> None:
        """Unplug: the file goes, and games that have it open read ENODEV."""
        with suppress(OSError):  # in a shared folder a game may have put something else there
            self._path.unlink(missing_ok=True)
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        for opened in tuple(self._opened):
            opened.close()

    def _listen(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _address = listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the game is gone again
        except OSError:  # no descriptors are left: do not spin until there are some
            self._loop.remove_reader(listener)
            self._loop.call_later(ACCEPT_PAUSE_S, self._listen, listener)
            return
        if len(self._opened) >= MAX_OPEN:
            connection.close()
            return
        opened = OpenedPad(
            connection, records=self._face.records, on_shake=self._on_shake, on_close=self._opened.discard
        )
        self._opened.add(opened)
        opened.start(self._face.greet(self._pad, self._state), self._state)
