"""Waits for descriptors and processes: no thread, no SIGCHLD, the same under every event loop."""

import asyncio
import os
import select


async def readable(descriptor: int, patience: float | None = None) -> bool:
    """Wait until there is something to read; False where the patience (in seconds) ended first."""
    if select.select([descriptor], [], [], 0)[0]:
        return True
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await asyncio.wait_for(ready.wait(), patience)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True


async def ended(pid: int, patience: float | None = None) -> bool:
    """Wait until a process has ended; its exit code still waits to be read. False as in `readable`."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return await readable(handle, patience)
    finally:
        os.close(handle)
