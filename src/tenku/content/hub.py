"""Brings a model from a hub to a folder, to be published like any other build."""

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from tenku.base.errors import UsageError
from tenku.content.hubfile import Download, forget_parts
from tenku.content.hubname import HubFile, HubModel, Snapshot
from tenku.content.hubs import hub_web, list_snapshot
from tenku.content.hubweb import HubWeb
from tenku.content.ports import NoProgress, Progress

AT_ONCE = 4


async def bring_model(
    model: HubModel,
    folder: Path,
    *,
    include: Sequence[str] = (),
    progress: Progress | None = None,
    environment: Mapping[str, str] | None = None,
    pause_s: float = 1.0,
) -> Snapshot:
    """Bring the files of a model into a folder; what is there already, whole or in part, is not asked for again.

    Args:
        include: patterns of paths, like `*.safetensors`; empty: all but git's own files.
        pause_s: before the first new attempt after a broken connection; it doubles.

    Returns:
        What was brought: the commit, and the files that were wanted.

    Raises:
        NotFoundError: no such model or revision.
        CorruptError: a file is not what the hub lists.
        StoreError: the hub does not answer, or wants a token.
        FolderError: the folder cannot be written, or its disk is full.
    """
    watcher = progress or NoProgress()
    web = hub_web(model, os.environ if environment is None else environment)
    listed = await asyncio.to_thread(list_snapshot, model, web)
    wanted = replace(listed, files=tuple(file for file in listed.files if is_wanted(file.path, include)))
    if not wanted.files:
        raise UsageError(f"{model} has no file that is wanted.", hint=f"It has {len(listed.files)} others.")
    watcher.phase("bring", total=wanted.size)
    await _bring_all(wanted.files, folder, web, watcher, pause_s)
    forget_parts(folder)
    return wanted


def is_wanted(path: str, include: Sequence[str]) -> bool:
    """Whether a file is brought: git's own files never, others if a pattern fits their path or name."""
    if any(part.startswith(".git") for part in path.split("/")):
        return False
    name = path.rpartition("/")[2]
    return not include or any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in include)


async def _bring_all(files: Sequence[HubFile], folder: Path, web: HubWeb, progress: Progress, pause_s: float) -> None:
    """The largest first, or one of them would run on alone at the end. The first error ends all."""
    stop = threading.Event()
    downloads = [
        Download(file, folder, web=web, stop=stop, advance=progress.advance, pause_s=pause_s)
        for file in sorted(files, key=lambda file: -file.size)
    ]
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hub") as threads:
        running = [loop.run_in_executor(threads, each.run) for each in downloads]
        try:
            await asyncio.gather(*running)
        finally:
            stop.set()
            for each in running:
                each.cancel()  # those that have not begun
            await asyncio.gather(*running, return_exceptions=True)
