"""Builds the delta from one build to the next: find runs, encode them, keep what saves bytes."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from blake3 import blake3

from tenku.content.delta import limits
from tenku.content.delta.encode import KEEP, Patch
from tenku.content.delta.encoders import Encoders
from tenku.content.delta.format import header_bytes
from tenku.content.delta.regions import NewFile, OldTree
from tenku.content.delta.runs import Run, RunFinder
from tenku.content.delta.write import BuiltDelta, open_writer
from tenku.content.model import Hash
from tenku.content.ports import Progress

Read = Callable[[str, int, int], Awaitable[bytes]]
"""`await read(path, offset, length)`: exactly so many bytes of a file of a build."""

RUN_LIMIT_S = 20.0
"""A run takes about a second; one that takes this long is a case that the method is bad at."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    run: Run
    patch: Patch
    region_hash: bytes
    cost: int


async def build_deltas(
    new_files: Iterable[NewFile],
    old: OldTree,
    *,
    read_new: Read,
    read_old: Read,
    chunk_cost: Callable[[Hash], int],
    encoders: Encoders,
    budget_s: float,
    now: Callable[[], float],
    folder: Path,
    progress: Progress,
    object_bytes: int = limits.OBJECT,
) -> tuple[BuiltDelta, ...]:
    """The delta to `new_files`, in objects of about `object_bytes`, files of `folder` that the caller deletes.

    Holds a few runs and their regions in memory. What is not encoded when `budget_s` seconds of `now` are over stays
    with its chunks, and so does every run that costs over `KEEP` of what its chunks cost in the store (`chunk_cost`,
    in bytes). Progress advances by the length of each run. Empty where no patch is worth it.

    Raises:
        FolderError: `folder` is full.
        Whatever the readers raise.
    """
    deadline = now() + budget_s

    async def encoded(run: Run) -> _Encoded | None:
        """One run, read and encoded; None: it stays with its chunks."""
        cost = sum(chunk_cost(hash) for hash, _ in run.chunks)
        worth = cost - int(header_bytes(len(run.chunks)) / KEEP)
        if worth <= 0 or now() >= deadline:
            progress.advance(run.length)
            return None
        before = await read_old(run.region.path, run.region.offset, run.region.length)
        after = await read_new(run.path, run.offset, run.length)
        patch = await encoders.encode(before, after, cost=worth, limit=lambda: min(RUN_LIMIT_S, deadline - now()))
        progress.advance(run.length)
        return None if patch is None else _Encoded(run, patch, blake3(before).digest(limits.CHECK), cost)

    finder = RunFinder(old)
    runs = (run for file in new_files for run in finder.find(file))
    in_time = takewhile(lambda _: now() < deadline, runs)
    built = []
    with open_writer(folder) as writer:
        async with aclosing(_in_order(in_time, encoded, ahead=2 * encoders.workers)) as results:
            async for result in results:
                if result is None:
                    continue
                if writer.size >= object_bytes or writer.header_size >= limits.HEADER // 2:
                    built.append(writer.finish())
                writer.add(result.run, result.patch, region_hash=result.region_hash, cost=result.cost)
        built.append(writer.finish())
    return tuple(delta for delta in built if delta is not None)


async def _in_order(
    runs: Iterable[Run], work: Callable[[Run], Coroutine[None, None, _Encoded | None]], *, ahead: int
) -> AsyncGenerator[_Encoded | None, None]:
    """What `work` makes of each run, in their order, with up to `ahead` of them under way.

    In their order, so that the same builds give the same object however fast which process is.
    """
    tasks: deque[asyncio.Task[_Encoded | None]] = deque()
    try:
        for run in runs:
            tasks.append(asyncio.create_task(work(run)))
            if len(tasks) >= ahead:
                yield await tasks[0]
                tasks.popleft()
        while tasks:
            yield await tasks[0]
            tasks.popleft()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
