"""The Python interface of content: the verbs of the command, for other areas and for programs of yours.

    content = ContentService(["https://cdn.example/games"], trust=key, memory=folder)
    await content.pull(parse_channel("supergame:beta"), Path("game"))

Everything is async; sizes are bytes, times seconds since 1970. Errors are children of `ContentError`, or `UsageError`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.content.channelhead import Trust, read_head
from tenku.content.declared import declared_mutable
from tenku.content.delegation import Delegation
from tenku.content.folders import Folders
from tenku.content.listing import ChannelRow, channels_of, list_channel, list_game, not_listable
from tenku.content.marks import Mark
from tenku.content.memory import MemoryFolder
from tenku.content.minisign import PublicKey, SecretKey
from tenku.content.model import KEEP, ChannelName, parse_game
from tenku.content.plan import Plan
from tenku.content.ports import NoProgress, Progress, PruneStore
from tenku.content.publish_trust import publish_trust
from tenku.content.pull import Pulled, Puller, PullOptions
from tenku.content.repair import repair
from tenku.content.source import Source
from tenku.content.state import InstalledFolder, installed_from
from tenku.content.stores.mirrors import Mirrors
from tenku.content.stores.patience import Patience
from tenku.content.storeset import StoreSet
from tenku.content.verify import Report, verify_folder

if TYPE_CHECKING:
    # Each verb loads what it needs: who pulls a build waits for a fifth of a second less.
    from tenku.content.channels import Moved, Mover
    from tenku.content.importing import Imported, ImportOptions
    from tenku.content.mirror import Mirrored
    from tenku.content.prune import Pruned, PruneOptions
    from tenku.content.publish import Publisher, PublishOptions, PublishResult
    from tenku.content.repack import Repacked


class ContentService:
    """Publishes, pulls and looks after builds.

    Args:
        stores: addresses; what is pulled may come from any of them, what is published goes to one.
        trust: the public key that is believed; needed to pull and to list.
        key: the secret key that signs; needed to publish, roll back, promote and renew.
        also: public keys whose heads may be replaced, too, after a change of key.
        memory: the folder where what was believed is remembered (`memory.default_folder`).
        now: seconds since 1970; `clock`: seconds, rising.
        rate: bytes per second to fetch at most; None: no limit.
        in_flight: requests at one time.
    """

    def __init__(
        self,
        stores: Sequence[str],
        *,
        trust: PublicKey | None = None,
        key: SecretKey | None = None,
        also: tuple[PublicKey, ...] = (),
        memory: Path,
        progress: Progress | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
        rate: float | None = None,
        in_flight: int = 12,
    ) -> None:
        self._stores = StoreSet(stores, patience=patience, rate=rate)
        self._trust = trust
        self._key = key
        self._also = also
        self._memory = MemoryFolder(memory)
        self._folders = Folders(memory.parent / "folders.json")
        self._progress = progress or NoProgress()
        self._now = now
        self._clock = clock
        self._patience = patience
        self._rate = rate
        self._in_flight = in_flight

    async def publish(
        self, folder: Path, name: ChannelName, options: "PublishOptions | None" = None
    ) -> "PublishResult":
        """Publish a folder to a channel. A local store's folder is made where the one around it is there.

        Patterns of `mutable` in the build's `tenku.toml` count besides those of `options`.

        Raises:
            UsageError: half-set options, a store that can only be read, a profile that is not the game's.
            PathError, FolderError: the folder holds what cannot be in a build, or cannot be read.
            ConflictError: somebody else published meanwhile; nothing is lost.
            StoreError, TrustError: the store cannot be written, or its head is not by our key.
        """
        from tenku.content.publish import PublishOptions

        options = options or PublishOptions()
        self._stores.check_apart(folder)
        publisher = self._first_publisher()
        patterns = dict.fromkeys((*options.mutable, *declared_mutable(folder)))
        return await publisher.publish(folder, name, replace(options, mutable=tuple(patterns)))

    async def ready(self, name: ChannelName) -> None:
        """Raise at once what `publish` would raise without having read a file: no key, a wrong one, no such store."""
        await self._first_publisher().head(name)

    async def import_model(self, source: str, name: ChannelName, options: "ImportOptions") -> "Imported":
        """Publish the weights of a model on a hub, or in a folder. Raises: see `importing.import_model`."""
        from tenku.content.importing import import_model

        return await import_model(source, name, self, options=options, progress=self._progress)

    async def plan(self, name: ChannelName, folder: Path, options: PullOptions | None = None) -> Plan:
        """What `pull` would do; writes nothing. Raises as `pull` does."""
        with self._stores.mirrors() as mirrors:
            return await (await self._puller(mirrors, name, folder, options)).plan()

    async def pull(self, name: ChannelName, folder: Path, options: PullOptions | None = None) -> Pulled:
        """Bring a folder to what a channel holds. It is the old or the new version at every moment, whole.

        Raises:
            UsageError: no store or no key is set.
            NotFoundError: no such channel.
            StoreError, TrustError: no store answers, or none has what can be believed.
            PathError, FolderError: a path of the build is not safe; the folder cannot be written, or its disk is full.
        """
        with self._stores.mirrors() as mirrors:
            done = await (await self._puller(mirrors, name, folder, options)).run()
        self._folders.add(_whole(folder))
        return done

    async def verify(self, folder: Path, *, thorough: bool = False) -> Report:
        """Check an installed folder; needs no store. Raises FolderError.

        Args:
            thorough: read every byte; else only files that were touched since they were installed.
        """
        return await asyncio.to_thread(verify_folder, folder, thorough=thorough, progress=self._progress)

    async def repair(self, folder: Path) -> Pulled:
        """Read every byte of an installed folder, fetch what is bad, and check again.

        It comes from the stores of this service, else from those that the folder was pulled from.

        Raises:
            FolderError: Tenku brought nothing there, or its own files are damaged.
            StoreError: no store has what is missing.
        """
        own = StoreSet(InstalledFolder(folder).read().stores, patience=self._patience, rate=self._rate)
        with (self._stores if self._stores.urls else own).mirrors() as mirrors:
            return await repair(_whole(folder), mirrors, in_flight=self._in_flight, progress=self._progress)

    async def releases(self, game: str, channel: str = "") -> list[ChannelRow]:
        """What the game's channels hold and held; all that the store lists, or one.

        Raises:
            UsageError: no channel is given, and the store cannot be listed.
            NotFoundError: no such game or channel.
            StoreError, TrustError: of one channel; where all are listed, its row says so.
        """
        with self._stores.mirrors() as mirrors:
            source, trust, now = Source(mirrors, parse_game(game)), self._trusted(), int(self._now())
            if channel:
                return [await list_channel(source, ChannelName(game, channel), trust=trust, now=now)]
            store = self._stores.listable()
            if store is None:
                raise not_listable(game)
            return await list_game(source, await channels_of(store, game), trust=trust, now=now)

    async def rollback(self, name: ChannelName, *, to: str = "", expires_days: int = 365) -> "Moved":
        """Make an earlier release what the channel holds: the build before, or the one that `to` begins to name.

        Raises UsageError, NotFoundError, ConflictError, StoreError, TrustError: see `channels.Mover`.
        """
        async with self._mover(name, expires_days) as mover:
            return await mover.rollback(name, to=to)

    async def promote(self, source: ChannelName, target: ChannelName, *, expires_days: int = 365) -> "Moved":
        """Make what one channel holds what another channel of the game holds. Raises as `rollback` does."""
        async with self._mover(source, expires_days) as mover:
            return await mover.promote(source, target)

    async def renew(self, name: ChannelName, *, expires_days: int = 365) -> "Moved":
        """Sign what the channel holds again, so that it expires later. Raises as `rollback` does."""
        async with self._mover(name, expires_days) as mover:
            return await mover.renew(name)

    async def publish_trust(self, game: str, sealed: bytes, *, root: PublicKey) -> tuple[Delegation, bool]:
        """Store the file in which a root says who may publish; what it says, and whether that is new.

        Raises TrustError, CorruptError, ConflictError, StoreError: see `publish_trust`.
        """
        store = self._stores.writable()
        return await publish_trust(store, parse_game(game), sealed, root=root, now=int(self._now()))

    async def prune(self, games: Sequence[str] = (), *, options: "PruneOptions | None" = None) -> "tuple[Pruned, ...]":
        """Forget what no release needs any more, of these games or of all that the store holds. Needs no key.

        A game that cannot be pruned says so in its row. Raises UsageError, StoreError.
        """
        from tenku.content.prune import PruneOptions, prune

        store = self._stores.writable()
        options = options or PruneOptions()
        return await prune(store, games=games, options=options, progress=self._progress, now=self._now)

    async def repack(self, game: str, *, keep: int = KEEP) -> "Repacked":
        """Write anew what is needed of packs that are mostly dead, so that a later prune can remove them.

        Raises UsageError: no key; ConflictError: somebody published meanwhile; StoreError.
        """
        from tenku.content.repack import repack

        store, _ = self._publisher()
        key = self._signer()
        return await repack(
            store, parse_game(game), key=key, also=self._also, keep=keep, progress=self._progress, now=self._now
        )

    async def mirror(
        self, target: str, names: Sequence[ChannelName] = (), *, games: Sequence[str] = (), keep: int = KEEP
    ) -> "tuple[Mirrored, ...]":
        """Copy the newest releases of channels from the stores to another one; a folder is made where it is new.

        Heads are checked where a key is set, else copied as they are: who pulls checks them.

        Args:
            names: channels; `games`: all of theirs. Neither: all that the first store has that can be listed.

        Raises:
            UsageError: no channel is named, and none can be listed; the target can only be read.
            ConflictError, StoreError, TrustError: see `mirror.mirror`.
        """
        from tenku.content.mirror import channels_of as mirror_channels
        from tenku.content.mirror import mirror

        there = StoreSet([target], patience=self._patience)
        with self._stores.mirrors() as source:
            store = self._stores.listable()
            if games and store is None:
                raise not_listable(games[0])
            if store is not None and (games or not names):
                names = [*names, *await mirror_channels(store, games)]
            if there.make():
                self._progress.note(f"Made the store {there.urls[0]}.")
            trust = Trust(self._trust, self._memory) if self._trust else None
            return await mirror(
                source, there.writable(), names, keep=keep, trust=trust, progress=self._progress, now=self._now
            )

    async def _puller(self, mirrors: Mirrors, name: ChannelName, folder: Path, options: PullOptions | None) -> Puller:
        trust = self._trusted()
        head = await read_head(mirrors, name, trust=trust, now=int(self._now()))
        source = Source(mirrors, name.game)
        release = await source.release(head.current.release)
        installed = installed_from(head, release, stores=self._stores.urls, key=trust.pinned.line)
        folder = _whole(folder)
        others = self._folders.others(folder, name.game)
        options = replace(options or PullOptions(), others=others, in_flight=self._in_flight, rate=self._rate)
        return Puller(folder, source, release, installed, options=options, progress=self._progress)

    def _trusted(self) -> Trust:
        if self._trust is None:
            raise UsageError(
                "It is not known whose signature counts.",
                hint="Give the publisher's public key with --trust PUB, or set `trust` in [content] of config.toml.",
            )
        return Trust(self._trust, self._memory)

    def _first_publisher(self) -> "Publisher":
        """The publisher to a store that may be new."""
        if self._key is not None and self._stores.make():
            self._progress.note(f"Made the store {self._stores.urls[0]}.")
        return self._publisher()[1]

    def _publisher(self) -> "tuple[PruneStore, Publisher]":
        from tenku.content.publish import Publisher

        key = self._signer()
        store = self._stores.writable()
        publisher = Publisher(store, key, progress=self._progress, now=self._now, clock=self._clock, also=self._also)
        return store, publisher

    def _signer(self) -> SecretKey:
        if self._key is None:
            raise UsageError(
                "There is no key to sign with.",
                hint="Give one with --key FILE, or set `key` in [content]; `tenku keys new NAME` makes one.",
            )
        return self._key

    @contextlib.asynccontextmanager
    async def _mover(self, name: ChannelName, expires_days: int) -> "AsyncIterator[Mover]":
        from tenku.content.channels import Mover, held

        store, publisher = self._publisher()
        source = Source(Mirrors([store]), name.game)
        await held(publisher, name)  # Before anything is written: a mark of a game that is not there says nothing.
        # Marked as a publish: whoever prunes meanwhile leaves what a head is about to name.
        async with Mark(store, name.game, now=self._now, note=self._progress.note) as mark:
            yield Mover(publisher, source, now=self._now, expires_days=expires_days, check=mark.check)


def _whole(folder: Path) -> Path:
    """With a name of its own, also where it is written `.`: the work is done beside it."""
    return folder.absolute().resolve() if not folder.name or folder.name == ".." else folder.absolute()
