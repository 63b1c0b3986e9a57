"""A few worker processes that encode patches, each job with a time limit."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tenku.content.delta.apply import Method
from tenku.content.delta.encode import Patch
from tenku.content.delta.worker import ANSWER, JOB

_COMMAND = (sys.executable, "-P", "-m", "tenku.content.delta.worker")
"""`-P`: the folder that a user publishes from is no place to take modules from."""


class Encoders:
    """Encodes patches in up to `workers` processes. Used as a context: none of them outlives it.

    A process that is late or crashes is ended, and the next job starts a fresh one.
    """

    def __init__(self, *, workers: int = 2, command: tuple[str, ...] = _COMMAND) -> None:
        self.workers = workers
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._workers = [_Worker(command) for _ in range(workers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self.failures = 0
        """Jobs that were late or crashed their process."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            await worker.end()

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [worker.process.pid for worker in self._workers if worker.process is not None]

    async def encode(self, old: bytes, new: bytes, *, cost: int, limit: Callable[[], float]) -> Patch | None:
        """What `encode.encode` answers; None also where it was late or crashed.

        `limit` is asked how many seconds the job has once a process is free for it.
        """
        worker = await self._idle.get()
        try:
            seconds = limit()
            if seconds <= 0:
                return None
            async with asyncio.timeout(seconds):
                return await worker.ask(old, new, cost)
        except (TimeoutError, OSError, EOFError, ValueError):
            self.failures += 1
            await worker.end()
            return None
        except asyncio.CancelledError:
            await worker.end()  # half a job is in its pipe
            raise
        finally:
            self._idle.put_nowait(worker)


class _Worker:
    """One process, started when it is first needed."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self.process: asyncio.subprocess.Process | None = None

    async def ask(self, old: bytes, new: bytes, cost: int) -> Patch | None:
        """Raises OSError or EOFError where the process has crashed, ValueError where it answers nonsense."""
        if self.process is None:
            self.process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # all that a crash has to say is that the run becomes chunks
            )
        reads, writes = self.process.stdout, self.process.stdin
        assert reads is not None
        assert writes is not None
        for data in (JOB.pack(len(old), len(new), cost), old, new):
            writes.write(data)
            await writes.drain()
        method, length = ANSWER.unpack(await reads.readexactly(ANSWER.size))
        if length > len(new):
            raise ValueError(length)
        return Patch(Method(method), await reads.readexactly(length)) if method else None

    async def end(self) -> None:
        """End the process, whatever it does, and wait until it is gone."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Also reads what is left in its pipes and closes them.
        await process.communicate()
