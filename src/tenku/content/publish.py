"""Publishes a folder to a channel: store what is new, make deltas, sign the head. Only the last step is seen."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tenku.base.errors import ConflictError, FolderError, NotFoundError, StoreError, TrustError, UsageError
from tenku.content.build import BuildWriter, Built
from tenku.content.chunkindex import ChunkIndex
from tenku.content.chunking import PROFILES
from tenku.content.collection import no_collection
from tenku.content.deltas import DeltaMaker
from tenku.content.hashes import hash_bytes
from tenku.content.head import MAX_HISTORY, MAX_SEALED, decode_head, encode_head, open_sealed, seal
from tenku.content.known import learn_known
from tenku.content.marks import Mark
from tenku.content.minisign import PublicKey, SecretKey
from tenku.content.model import ChannelName, Hash, Head, Published, Release, key_head, key_object
from tenku.content.mutable import compile_patterns
from tenku.content.ports import Progress, PruneStore
from tenku.content.reading import FolderReader
from tenku.content.release import MAX_TEXT, encode_release
from tenku.content.scan import scan, total_size
from tenku.content.source import Source
from tenku.content.stores.mirrors import Mirrors

DAY = 86400
UPLOADS = 3
"""Packs on their way to the store at one time; each is 32 MiB of memory."""


@dataclass(frozen=True, kw_only=True)
class PublishOptions:
    """How to publish."""

    version: str = ""
    """What people call it; empty: the date and time."""
    platform: str = ""
    profile: str = ""
    """Empty: what the game has already, else `game`."""
    mutable: tuple[str, ...] = ()
    expires_days: int = 365
    delta_seconds: float = 120.0
    """For each delta; 0 makes none."""
    delta_bases: int = 2
    """How many releases before this one get a delta to it."""


@dataclass(frozen=True, kw_only=True)
class PublishResult:
    """What was published."""

    head: Head
    release: Release
    built: Built | None
    """None where no file was read, as for a rollback."""
    changed: bool = True
    """False: the channel held this very build already, and nothing was written."""


class Publisher:
    """Publishes to one store with one key.

    Args:
        now: seconds since 1970.
        also: public keys whose heads are ours, too: after a change of key the old head is signed by the old one.
    """

    def __init__(
        self,
        store: PruneStore,
        key: SecretKey,
        *,
        progress: Progress,
        now: Callable[[], float],
        clock: Callable[[], float],
        also: tuple[PublicKey, ...] = (),
    ) -> None:
        self._store = store
        self._key = key
        self._keys = (key.public, *also)
        self._progress = progress
        self._now = now
        self._clock = clock

    async def publish(self, folder: Path, name: ChannelName, options: PublishOptions) -> PublishResult:
        """Publish a folder.

        Raises:
            UsageError: the game is cut by another profile, or a text is too long.
            PathError, FolderError: the folder holds what cannot be in a build, or cannot be read.
            ConflictError: somebody else published to the channel meanwhile; nothing is lost.
            StoreError, TrustError: the store cannot be written, or its head is not by our key.
        """
        _check(folder, options)
        source = Source(Mirrors([self._store]), name.game)
        before, version = await self.head(name)
        async with Mark(self._store, name.game, now=self._now, note=self._progress.note) as mark:
            with ChunkIndex() as index:
                heads = await self._heads(name, before)
                known = await learn_known(self._store, source, heads, index, now=self._now(), progress=self._progress)
                profile = _profile(options.profile, known.profile, name.game)
                built = await self._build(folder, name.game, profile, index, known.pages)
                release = self._release(name, options, built, profile, before)
                if before is not None and before.current.tree == built.tree and _same(known.current, release):
                    return PublishResult(head=before, release=release, built=built, changed=False)
                maker = DeltaMaker(
                    self._store,
                    source,
                    folder,
                    release,
                    budget_s=options.delta_seconds,
                    clock=self._clock,
                    progress=self._progress,
                )
                release = replace(release, deltas=await maker.make(before, bases=options.delta_bases))
                mark.check()
                head = await self.move(name, release, before, version, expires_days=options.expires_days)
        return PublishResult(head=head, release=release, built=built)

    async def head(self, name: ChannelName) -> tuple[Head | None, str | None]:
        """What the channel holds, and the mark by which it is replaced. Raises StoreError, TrustError."""
        try:
            data, version = await self._store.get_version(key_head(name), limit=MAX_SEALED)
        except NotFoundError:
            return None, None
        try:
            payload, _ = open_sealed(data, self._keys, where=f"The head of {name}")
        except TrustError as error:
            raise TrustError(
                f"The channel {name} was published with another key: {error}",
                hint="Publish with that key, or name its public half with --also-trust to take the channel over.",
            ) from error
        return decode_head(payload, name), version

    async def move(
        self, name: ChannelName, release: Release, before: Head | None, version: str | None, *, expires_days: int
    ) -> Head:
        """Write the release, then make it what the channel holds. Raises ConflictError, StoreError."""
        data = encode_release(release)
        hash = hash_bytes(data)
        await self._store.put(key_object(name.game, "release", hash), data)
        now = int(self._now())
        published = Published(release=hash, tree=release.tree, version=release.version, published=now)
        return await self.sign(name, published, before, version, expires_days=expires_days)

    async def sign(
        self, name: ChannelName, current: Published, before: Head | None, version: str | None, *, expires_days: int
    ) -> Head:
        """Sign a head that holds `current` and remembers what was before. Raises ConflictError, StoreError."""
        now = int(self._now())
        head = Head(
            channel=name,
            seq=before.seq + 1 if before else 1,
            # A machine whose clock is behind must not make a head that is older than the last one.
            published=max(now, before.published if before else 0),
            expires=max(now, before.published if before else 0) + expires_days * DAY,
            history=(current, *(before.history if before else ()))[:MAX_HISTORY],
        )
        data = seal(encode_head(head), self._key, f"{name} {head.seq}")
        try:
            await self._store.replace(key_head(name), data, version=version)
        except ConflictError as error:
            raise ConflictError(
                f"Somebody else published to {name} meanwhile; that stands, and nothing of yours is lost.",
                hint="Look at `tenku releases`, then publish again: what was stored is not stored twice.",
            ) from error
        return head

    async def _heads(self, name: ChannelName, before: Head | None) -> list[Head]:
        """The heads of the game's channels that are ours: what they hold need not be stored again."""
        heads = [before] if before else []
        prefix = f"{name.game}/head/"
        async for stored in self._store.list(prefix):
            other = ChannelName(name.game, stored.key.removeprefix(prefix))
            if other != name:
                try:
                    found, _ = await self.head(other)
                except (TrustError, StoreError):
                    continue
                heads += [found] if found else []
        return heads

    async def _build(self, folder: Path, game: str, profile: str, index: ChunkIndex, pages: frozenset[Hash]) -> Built:
        uploads = _Uploads(self._store, game, asyncio.get_running_loop(), skip=pages)
        return await asyncio.to_thread(self._read, folder, profile, index, uploads)

    def _read(self, folder: Path, profile: str, index: ChunkIndex, uploads: "_Uploads") -> Built:
        self._progress.phase("publish", total=total_size(folder))
        reader = FolderReader(folder, profile, index)
        writer = BuildWriter(index, uploads.put)
        with no_collection():
            for parts in reader.read(scan(folder)):
                writer.add(parts)
                self._progress.advance(sum(chunk.length for part in parts for chunk in part.chunks))
            built = writer.finish()
        uploads.wait()
        return built

    def _release(
        self, name: ChannelName, options: PublishOptions, built: Built, profile: str, before: Head | None
    ) -> Release:
        now = int(self._now())
        return Release(
            game=name.game,
            version=options.version or f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}",
            created=now,
            platform=options.platform,
            profile=profile,
            tree=built.tree,
            parent=before.current.tree if before else None,
            files=built.files,
            size=built.size,
            largest=built.largest,
            pages=built.pages,
            mutable=options.mutable,
        )


class _Uploads:
    """Puts objects from the thread that makes them; waits when too many are on their way."""

    def __init__(self, store: PruneStore, game: str, loop: asyncio.AbstractEventLoop, *, skip: frozenset[Hash]) -> None:
        self._store = store
        self._game = game
        self._loop = loop
        self._skip = skip
        self._running: list[Future[None]] = []

    def put(self, kind: str, name: Hash, data: bytes) -> None:
        """Start to store an object."""
        if name in self._skip:
            return
        while len(self._running) >= UPLOADS:
            self._running.pop(0).result()
        put = self._store.put(key_object(self._game, kind, name), data)
        self._running.append(asyncio.run_coroutine_threadsafe(put, self._loop))

    def wait(self) -> None:
        """Wait until all are stored. Raises StoreError."""
        for future in self._running:
            future.result()
        self._running = []


def _check(folder: Path, options: PublishOptions) -> None:
    if not folder.is_dir():
        raise FolderError(f"There is no folder {folder}.", hint="Give the folder that holds the build.")
    for text, what in ((options.version, "version"), (options.platform, "platform")):
        if len(text) > MAX_TEXT or not text.isprintable():
            raise UsageError(f"The {what} has to be at most {MAX_TEXT} printable characters.")
    if options.profile and options.profile not in PROFILES:
        raise UsageError(f"There is no profile {options.profile!r}.", hint=f"There are: {', '.join(PROFILES)}.")
    if options.expires_days < 1:
        raise UsageError("A head has to hold for a day at least.", hint="Give --expires 1d or more.")
    compile_patterns(options.mutable)


def _profile(asked: str, known: str | None, game: str) -> str:
    if asked and known and asked != known:
        raise UsageError(
            f"The files of {game} are cut by the profile {known!r}, which stays for the game.",
            hint=f"What is cut by {asked!r} has to be another game.",
        )
    return known or asked or "game"


def _same(current: Release | None, release: Release) -> bool:
    """Whether the channel's release says the same but for its name and date."""
    return current is not None and (current.mutable, current.platform) == (release.mutable, release.platform)
