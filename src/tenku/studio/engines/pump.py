"""Turns what comes in another thread into something to iterate over, which can be left at any moment."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from tenku.base.errors import CancelledJob, JobError

T = TypeVar("T")

LOOK_S = 0.05
"""How often one who waits asks whether to go on: well below what a person feels as late."""


class _Failed(NamedTuple):
    error: Exception


class _Ended(NamedTuple):
    pass


class Patience(NamedTuple):
    """How many seconds to wait for the first thing, and then for each next one; None: for ever."""

    first_s: float | None = None
    next_s: float | None = None


FOR_EVER = Patience()


class Pump(threading.Thread):
    """Runs `produce(put)` in a thread; `put` returns False when nobody wants more.

    An error of `produce` is raised to whoever iterates. Leaving the iteration, in whatever way, calls `leave`,
    which has to make `produce` come to an end.
    """

    def __init__(self, produce: Callable[[Callable[[Any], bool]], None], *, leave: Callable[[], None]) -> None:
        super().__init__(name="pump", daemon=True)
        self._produce = produce
        self._leave = leave
        self._things: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._left = threading.Event()

    def run(self) -> None:
        """Produce until the end, an error, or until nobody wants more."""
        try:
            self._produce(self._put)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that iterates
            self._things.put(_Failed(error))
        else:
            self._things.put(_Ended())
        finally:
            self._produce = _nothing  # with it go the weights, where an iteration was left lying about

    def stop(self) -> None:
        """Nobody wants more."""
        self._left.set()
        self._leave()

    @property
    def ended(self) -> bool:
        """Whether it ran and came to its end."""
        return self.ident is not None and not self.is_alive()

    def end(self) -> None:
        """Stop, and wait until nothing is produced any more."""
        self.stop()
        if self.ident is not None:
            self.join()

    def things(self, *, stop: Callable[[], bool], patience: Patience = FOR_EVER) -> Iterator[Any]:
        """What is produced, as it comes.

        Raises:
            CancelledJob: `stop` said so.
            JobError: `again`, nothing came for too long.
        """
        self.start()
        wait_s = patience.first_s
        try:
            while True:
                thing = self._next(stop, wait_s)
                if isinstance(thing, _Ended):
                    return
                if isinstance(thing, _Failed):
                    raise thing.error
                wait_s = patience.next_s
                yield thing
        finally:
            self.stop()

    def _put(self, thing: Any) -> bool:
        self._things.put(thing)
        return not self._left.is_set()

    def _next(self, stop: Callable[[], bool], wait_s: float | None) -> Any:
        began = time.monotonic()
        while True:
            if stop():
                raise CancelledJob("The job was ended.")
            try:
                return self._things.get(timeout=LOOK_S)
            except queue.Empty:
                if wait_s is not None and time.monotonic() - began > wait_s:
                    raise JobError(f"Nothing came for {wait_s:g} s.", hint="Try again later.", again=True) from None


def _nothing(_: Callable[[Any], bool]) -> None:
    """Produces nothing."""


def never() -> bool:
    """Nobody asks for an end."""
    return False
