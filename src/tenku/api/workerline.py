"""Asks the worker, on its socket. What it answers is passed on as it is, byte for byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from tenku.api.problem import Refused
from tenku.studio.chatwire import DONE, HERE, MAX_LINE, Answer, Ask, body, jobs_body, line, openai_error, read_answer
from tenku.studio.model import JobSpec
from tenku.studio.warm import Warm

PATIENCE_S = 20.0
"""How long a request waits for a worker that is being started."""
LOOK_S = 0.05
AT_ONCE_S = 1.0
"""What is only good to know is not waited for any longer."""
BLOCK = 65536
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

GONE = "The worker ended in the middle of the answer; it is being started again."


class Reply:
    """The worker's answer, as it comes. Closing it early ends the generation."""

    def __init__(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.status = answer.status
        self.stream = answer.stream
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """All of it, where it is no stream."""
        try:
            return await self._reader.read()
        finally:
            self.close()

    async def events(self) -> AsyncIterator[bytes]:
        """The stream as it comes; one that breaks off ends with an error."""
        end = b""
        try:
            while block := await self._reader.read(BLOCK):
                end = (end + block)[-len(DONE) :]
                yield block
            if end != DONE:
                yield b"\n\ndata: " + body(openai_error(GONE, status=503, code="worker_gone")) + b"\n\n"
        finally:
            self.close()

    def close(self) -> None:
        """Want no more of it."""
        self._writer.close()


class WorkerLine:
    """The way to the worker.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    async def ask(self, ask: Ask, content: bytes = b"") -> Reply:
        """Send a request, and wait until its answer begins. Raises Refused: no worker answers."""
        reader, writer = await self._connect()
        try:
            writer.write(line(ask) + content)
            await writer.drain()
            answer = read_answer(await reader.readline())
        except (OSError, ValueError) as error:
            writer.close()
            raise Refused(503, GONE, code="worker_gone") from error
        except BaseException:
            # Whoever asked went away: closing the connection is how the worker hears of it.
            writer.close()
            raise
        return Reply(answer, reader, writer)

    async def wake(self) -> None:
        """Say that there is a job. A worker that does not hear it looks by itself."""
        await self._at_once(Ask("wake"))

    async def warm(self) -> list[Warm]:
        """The models that are in memory; none where no worker answers."""
        _, _, answer = (await self._at_once(Ask("warm"))).partition(b"\n")
        return [Warm(**each) for each in json.loads(answer)["models"]] if answer else []

    async def keys(self, specs: Sequence[JobSpec]) -> list[str]:
        """The keys of these jobs' results, empty where there is none; none at all where no worker answers."""
        content = jobs_body(specs)
        _, _, answer = (await self._at_once(Ask("keys", length=len(content)), content)).partition(b"\n")
        found: list[str] = json.loads(answer).get("keys", []) if answer else []
        return found

    async def _at_once(self, ask: Ask, content: bytes = b"") -> bytes:
        """The whole answer; empty: no worker answers right now."""
        try:
            async with asyncio.timeout(AT_ONCE_S):
                connection = await self._reach()
                return b"" if connection is None else await _exchange(*connection, ask, content)
        except OSError:
            return b""

    async def _connect(self) -> _Connection:
        """A connection to a worker that is there."""
        until = self._clock() + PATIENCE_S
        while (connection := await self._reach()) is None:
            if self._clock() > until:
                raise Refused(503, "The worker is being started.", hint="Try again.", code="no_worker")
            await asyncio.sleep(LOOK_S)
        return connection

    async def _reach(self) -> _Connection | None:
        """A connection; None: nobody is there right now."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=max(BLOCK, MAX_LINE))
        except OSError:
            return None
        try:
            if await reader.read(len(HERE)) == HERE:
                return reader, writer
        except OSError:
            pass
        except BaseException:
            writer.close()
            raise
        # The kernel took the connection for a process that was about to end.
        writer.close()
        return None


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask, content: bytes) -> bytes:
    try:
        writer.write(line(ask) + content)
        return await reader.read()
    finally:
        writer.close()
