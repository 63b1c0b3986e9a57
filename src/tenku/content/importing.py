"""Imports the weights of a model: bring it from its hub, then publish it, cut at the borders of its tensors."""

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tenku.base.errors import FolderError, UsageError
from tenku.content.hub import bring_model
from tenku.content.hubfile import PARTS
from tenku.content.hubname import HubModel, Snapshot
from tenku.content.model import ChannelName, Kind
from tenku.content.modelsource import default_version, kept_in, left_over, parse_source
from tenku.content.paths import OWN_FOLDER
from tenku.content.ports import Progress
from tenku.content.publish import PublishOptions, PublishResult
from tenku.content.scan import scan

PROFILE = "weights"
LOCK = "import.lock"


class Publishes(Protocol):
    """Publishes builds: `service.ContentService` does."""

    async def ready(self, name: ChannelName) -> None:
        """Raises at once what publishing to the channel would raise in the end: no key, a wrong one, no such store."""

    async def publish(self, folder: Path, name: ChannelName, options: PublishOptions, /) -> PublishResult:
        """Publish a folder."""


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How to import."""

    cache: Path
    """Where models from hubs are kept; one that is there, whole or in part, is not asked for again."""
    keep: bool = True
    """Leave it there afterwards: the next revision then brings only the files that changed."""
    include: tuple[str, ...] = ()
    """Patterns of paths, like `*.safetensors`; empty: all. For hubs alone."""
    version: str = ""
    """Empty: the hub's commit, or the date for a folder."""
    expires_days: int = 365
    delta_seconds: float = 0.0
    """For each delta; 0 makes none. A tensor that was trained further differs a little in most of its numbers: a zstd
    dictionary finds nothing of it in the old one, and hdiffpatch, which does, takes seconds for each megabyte."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What was imported."""

    published: PublishResult
    commit: str = ""
    """The hub's; empty for a folder, and where the hub does not tell."""
    kept: Path | None = None
    """Where the model lies now, apart from the store; None where it was removed, or the source was a folder."""


async def import_model(
    source: str,
    name: ChannelName,
    content: Publishes,
    *,
    options: ImportOptions,
    progress: Progress,
    environment: Mapping[str, str] | None = None,
    pause_s: float = 1.0,
) -> Imported:
    """Publish a model: `hf:ORG/MODEL`, `modelscope:ORG/MODEL`, each with `@REVISION` or without, or a folder.

    Whoever ends it at any time, and runs it again, goes on where it was.

    Args:
        environment: names the hub's address and the user's token (`hubs.hub_web`); by default the process's own.
        pause_s: before the first new attempt after a broken connection; it doubles.

    Raises:
        UsageError: the source is none, has no wanted file, or the game is cut by another profile.
        ContentError: `bring_model` and `ContentService.publish` say which.
    """
    parsed = parse_source(source)
    if isinstance(parsed, Path) and options.include:
        raise UsageError("Patterns choose files of a hub; a folder is published whole.", hint="Leave --include out.")
    await content.ready(name)  # A wrong key is better found before 100 GB have come than after.
    if isinstance(parsed, Path):
        return Imported(published=await content.publish(parsed, name, _publish_options(options, options.version)))
    folder = kept_in(options.cache, parsed)
    with _alone(folder, parsed):
        snapshot = await bring_model(
            parsed, folder, include=options.include, progress=progress, environment=environment, pause_s=pause_s
        )
        await asyncio.to_thread(_make_exact, folder, snapshot)
        version = options.version or default_version(snapshot)
        published = await content.publish(folder, name, _publish_options(options, version))
        if not options.keep:
            await asyncio.to_thread(_remove, folder)
    return Imported(published=published, commit=snapshot.commit, kept=folder if options.keep else None)


def _publish_options(options: ImportOptions, version: str) -> PublishOptions:
    return PublishOptions(
        version=version,
        profile=PROFILE,
        expires_days=options.expires_days,
        delta_seconds=options.delta_seconds,
    )


@contextlib.contextmanager
def _alone(folder: Path, model: HubModel) -> Iterator[None]:
    """One import of a model at a time, over all processes: two would write to the same unfinished files."""
    own = folder / OWN_FOLDER
    try:
        own.mkdir(parents=True, exist_ok=True)
        lock = os.open(own / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be written: {error.strerror}.", hint="Name another folder for the cache."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise FolderError(
            f"{model} is being imported already, into {folder}.", hint="Wait for that, or name another cache."
        ) from error
    finally:
        os.close(lock)


def _make_exact(folder: Path, snapshot: Snapshot) -> None:
    """Make the folder what the snapshot is: take away what an earlier revision or choice of files left."""
    present = {found.path for found in scan(folder) if found.kind is not Kind.FOLDER}
    with _removing(folder):
        for path in left_over(present, snapshot):
            (folder / path).unlink()
        if (folder / PARTS).exists():
            shutil.rmtree(folder / PARTS)
        for place, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # Those that are not empty stay, the one with our lock among them.
                Path(place).rmdir()


def _remove(folder: Path) -> None:
    with _removing(folder):
        shutil.rmtree(folder)


@contextlib.contextmanager
def _removing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderError(f"{folder} cannot be tidied up: {error.strerror or error}.") from error
