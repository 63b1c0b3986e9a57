"""Ctrl-C and its like: a server is asked to end, long work is stopped in the middle."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from tenku.cli.main import INTERRUPTED

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_S = 3.0
"""How long stopped work may take to end by itself."""


def stop_on_signals() -> asyncio.Event:
    """Set when somebody asks the command to end; asking again changes nothing, it is on its way."""
    stopped = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


@contextlib.contextmanager
def interruptible(stopped: str) -> Iterator[None]:
    """Raises KeyboardInterrupt with this sentence in the block when somebody ends it; asking again changes nothing."""

    def stop(*_: object) -> None:
        for number in SIGNALS:  # what ends children must not be interrupted itself
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt(stopped)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_stoppable(work: Coroutine[Any, Any, T], *, stopped: str) -> T:
    """What the work gives. Raises KeyboardInterrupt with the sentence `stopped` when somebody ends it.

    The work has to be such that ending it at any moment loses nothing.
    """
    guard = _Guard(stopped)
    with guard, asyncio.Runner() as runner:
        done = runner.run(_stoppable(work, guard))
    if guard.was_stopped and not done:
        raise KeyboardInterrupt(stopped)
    return done[0]


class _Guard:
    """Ends the process where stopped work does not end: a thread that reads 100 GB hears of nothing."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._timer = threading.Timer(PATIENCE_S, self._end)
        self._timer.daemon = True
        self.was_stopped = False

    def __enter__(self) -> "_Guard":
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def stop(self) -> None:
        if not self.was_stopped:
            self.was_stopped = True
            self._timer.start()

    def _end(self) -> None:
        print(f"\ntenku: {self._sentence}", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)


async def _stoppable(work: Coroutine[Any, Any, T], guard: _Guard) -> list[T]:
    """The result, or nothing where the work was stopped before it had one."""
    task = asyncio.create_task(work)

    def stop() -> None:
        guard.stop()
        task.cancel()

    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return [await task]
    except asyncio.CancelledError:
        if not guard.was_stopped:
            raise
        return []
