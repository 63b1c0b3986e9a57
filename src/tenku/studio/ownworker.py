"""A worker for the time of one command, where none is at work already."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tenku.base.errors import StudioError
from tenku.studio.supervisor import Supervisor

LOOK_S = 0.3
STARTS = 5
"""A worker that was started so often while nothing got done will get nothing done; a job that kills its worker has
failed for good before that."""


class OwnWorker:
    """As a context: while nobody else works, a worker of our own does.

    Args:
        supervisor: keeps the worker; started where it is needed.
        somebody_works: whether a worker is alive, whoever's.
        done: how much got done so far: any number that rises.
    """

    def __init__(self, supervisor: Supervisor, *, somebody_works: Callable[[], bool], done: Callable[[], int]) -> None:
        self._supervisor = supervisor
        self._somebody_works = somebody_works
        self._done = done
        self._starts_then = 0
        self._done_then = 0
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        await self._supervisor.close()

    def check(self) -> None:
        """Raises StudioError: the worker dies again and again."""
        done, starts = self._done(), self._supervisor.starts
        if done != self._done_then:
            self._done_then, self._starts_then = done, starts
        if starts - self._starts_then >= STARTS:
            raise StudioError(
                f"The worker was started {STARTS} times and got nothing done.", hint="What it said stands above."
            )

    async def _look(self) -> None:
        """The other worker may belong to a command that ends before this one does."""
        while self._somebody_works():  # noqa: ASYNC110 - another process tells us nothing
            await asyncio.sleep(LOOK_S)
        await self._supervisor.start()
