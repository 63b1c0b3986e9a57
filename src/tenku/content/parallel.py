"""Runs several jobs at a time, and gives their results as they come."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

T = TypeVar("T")


async def parallel(most: int, jobs: Iterator["asyncio.Future[T]"]) -> AsyncIterator[T]:
    """Run jobs, at most so many at a time; results as they come. The first failure ends them all."""
    running: set[asyncio.Future[T]] = set()
    done: set[asyncio.Future[T]] = set()
    try:
        while True:
            while len(running) < most and (job := next(jobs, None)) is not None:
                running.add(job)
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                yield job.result()
    finally:
        for job in running:
            job.cancel()
        # Several may have failed at once: the first one is told, the others are looked at, too.
        await asyncio.gather(*running, *done, return_exceptions=True)
