"""Reads what a process writes, as fast as it comes, without holding the process or the event loop up."""

import asyncio
import contextlib
import fcntl
import os

from tenku.unit.tail import Tail

PIECE = 1 << 20
"""Bytes taken at once, and the size of the pipe where the kernel grants it: a burst of that size blocks nobody."""
LOOKED_AT = 1 << 16
"""Of each piece only the end is searched for lines."""
PAUSE = 0.005
"""Seconds of rest after a long piece: a game that floods its log gets 200 MB/s, and the players' frames still leave."""


class Output:
    """One pipe for stdout and stderr together."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._read, self._write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read, False)
        with contextlib.suppress(OSError):  # the user's pages for pipes are spent: the usual 64 KiB remain
            fcntl.fcntl(self._read, fcntl.F_SETPIPE_SZ, PIECE)
        self._pause: asyncio.TimerHandle | None = None

    @property
    def descriptor(self) -> int:
        """For the process to write into."""
        return self._write

    def start(self) -> None:
        """The process has its copy: read until `close`."""
        os.close(self._write)
        self._write = -1
        asyncio.get_running_loop().add_reader(self._read, self._on_readable)

    def close(self) -> None:
        """Take what is left, and stop reading."""
        if self._read < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        if self._write < 0:
            asyncio.get_running_loop().remove_reader(self._read)
            for _ in range(4):  # what the pipe can hold; a process that slipped away may write for ever
                if not self._take():
                    break
        else:
            os.close(self._write)
        os.close(self._read)
        self._read = -1
        self._tail.finish()

    def _on_readable(self) -> None:
        loop = asyncio.get_running_loop()
        size = self._take()
        if size == 0:
            loop.remove_reader(self._read)
        elif size >= LOOKED_AT:
            loop.remove_reader(self._read)
            self._pause = loop.call_later(PAUSE, loop.add_reader, self._read, self._on_readable)

    def _take(self) -> int:
        """Read once; how many bytes there were."""
        try:
            data = os.read(self._read, PIECE)
        except BlockingIOError:
            return 0
        self._tail.feed(data[-LOOKED_AT:])
        return len(data)
