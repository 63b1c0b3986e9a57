"""Copies what live releases need from one store into another; heads last, so that nobody sees half a release."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tenku.base.errors import UsageError
from tenku.content.channelhead import Trust
from tenku.content.garbage import roots_of
from tenku.content.hashes import check_object
from tenku.content.heads import channels_in, games_in
from tenku.content.layout import LIMITS, parse_key
from tenku.content.marks import Mark
from tenku.content.mirrorhead import is_behind, put_head, put_trust, read_source_head
from tenku.content.model import KEEP, ChannelName, Hash, Head, Release, key_object
from tenku.content.parallel import parallel
from tenku.content.ports import Progress, PruneStore
from tenku.content.reach import Reach, releases_of
from tenku.content.source import Source
from tenku.content.stores.mirrors import Mirrors

IN_FLIGHT = 4
"""Objects on their way at one time: each may be a pack of 32 MiB."""


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """What a mirror run did to one channel."""

    channel: ChannelName
    seq: int
    copied: int = 0
    """Objects."""
    bytes: int = 0
    there: int = 0
    """Objects that the target had already."""
    moved: bool = False
    """Whether the target's head was replaced. False: it was the same, or newer."""


async def channels_of(source: PruneStore, games: Sequence[str] = ()) -> list[ChannelName]:
    """Every channel of these games, or of all, in a store that can be listed. Raises StoreError, UsageError."""
    found = []
    for game in games or await games_in(source):
        found += await channels_in(source, game)
    return found


async def mirror(
    source: Mirrors,
    target: PruneStore,
    channels: Sequence[ChannelName],
    *,
    keep: int = KEEP,
    trust: Trust | None = None,
    progress: Progress,
    now: Callable[[], float] = time.time,
) -> tuple[Mirrored, ...]:
    """Copy the newest `keep` releases of these channels, and then their heads.

    What the target has already is not copied again, so a run that was killed goes on where it was. Every object is
    checked by its name before it is put.

    Args:
        channels: as named by the caller, or by `channels_of`: a web server cannot be asked what it has.
        trust: the key that signs the heads; None: they are copied unchecked, and who pulls checks them.

    Raises:
        UsageError: no channel is named, or `keep` is none.
        TrustError: a head cannot be believed.
        StoreError, CorruptError: no source has an object as its name says, or the target cannot be written.
        ConflictError: somebody else moved a head of the target meanwhile.
    """
    if not channels:
        raise UsageError(
            "There is no channel to mirror.", hint="Name them, like supergame:stable: a web server tells no names."
        )
    if keep < 1:
        raise UsageError(f"A mirror keeps at least 1 release of a channel, not {keep}.")
    results = []
    for name in dict.fromkeys(channels):
        async with Mark(target, name.game, now=now, note=progress.note) as mark:
            head = await read_source_head(source, name, trust=trust, now=int(now()))
            if await is_behind(target, head.head):
                progress.note(f"{target.name} has a newer head of {name} than {source.name}: it stays.")
                results.append(Mirrored(channel=name, seq=head.head.seq))
                continue
            with Reach(name.game) as there, Reach(name.game) as needed:
                copy = _Copy(source, target, name.game, there, needed, progress)
                await copy.run(head.head, keep)
            mark.check()
            await put_trust(target, name.game, head.trust)
            moved = await put_head(target, head)
        results.append(
            Mirrored(
                channel=name, seq=head.head.seq, copied=copy.copied, bytes=copy.bytes, there=copy.there, moved=moved
            )
        )
    return tuple(results)


class _Copy:
    """Brings the objects of one channel; the releases last, so that a release that is there is whole."""

    def __init__(
        self, source: Mirrors, target: PruneStore, game: str, there: Reach, needed: Reach, progress: Progress
    ) -> None:
        self._source = Source(source, game)
        self._own = Source(Mirrors([target]), game)
        self._target = target
        self._game = game
        self._has = there
        self._needed = needed
        self._progress = progress
        self.copied = self.bytes = self.there = 0

    async def run(self, head: Head, keep: int) -> None:
        """Pages, packs and deltas, releases. Raises StoreError, CorruptError."""
        for kind in ("release", "page", "pack", "delta"):
            await self._look(kind)
        live = roots_of(head, keep=keep, now=0).live
        roots = [(each.release, each == head.current) for each in live]
        releases = await releases_of(self._source, roots)
        for release in releases.values():
            await self._pages(release)
        await self._bring("pack", _hashes(self._needed.keys("pack")))
        await self._bring("delta", _hashes(self._needed.keys("delta")))
        await self._bring("release", releases)

    async def _look(self, kind: str) -> None:
        """Remember what the target has."""
        async for each in self._target.list(f"{self._game}/{kind}/"):
            address = parse_key(each.key)
            if address and address.hash:
                self._has.add(kind, address.hash)

    async def _pages(self, release: Release) -> None:
        """Bring the pages of a release, and note what they need."""
        refs = [ref for ref in dict.fromkeys(release.pages) if self._needed.add("page", ref.hash)]
        for edge in release.deltas:
            self._needed.add("delta", edge.object)
        self._progress.phase(f"pages of {release.version}", total=sum(ref.size for ref in refs))
        missing = {ref for ref in refs if not self._there("page", ref.hash)}
        for source, some in ((self._own, [r for r in refs if r not in missing]), (self._source, [*missing])):
            async for page in source.pages(some):
                if page.ref in missing:
                    await self._put("page", page.ref.hash, page.data)
                self._needed.add_chunks([chunk for entry in page.entries for chunk in entry.chunks])
                self._progress.advance(page.ref.size)

    async def _bring(self, kind: str, hashes: Iterable[Hash]) -> None:
        """Copy objects, a few at a time."""
        missing = [hash for hash in hashes if not self._there(kind, hash)]
        estimates = self._needed.use_of(missing)
        self._progress.phase(
            f"{kind}s of {self._game}", total=sum(estimates.values()) or len(missing), unit="B" if estimates else kind
        )

        async def copy(hash: Hash) -> None:
            await self._put(kind, hash, await self._fetch(kind, hash))
            self._progress.advance(estimates.get(hash, 1))

        async for _ in parallel(IN_FLIGHT, (asyncio.ensure_future(copy(hash)) for hash in missing)):
            pass

    async def _fetch(self, kind: str, hash: Hash) -> bytes:
        """An object that is what its name says. Raises StoreError, CorruptError."""
        key = key_object(self._game, kind, hash)
        return await self._source.mirrors.get_checked(
            key, lambda data: check_object(data, hash, key=key), limit=LIMITS[kind]
        )

    def _there(self, kind: str, hash: Hash) -> bool:
        key = key_object(self._game, kind, hash)
        found = bool(self._has.find([key]))
        self.there += found
        return found

    async def _put(self, kind: str, hash: Hash, data: bytes) -> None:
        await self._target.put(key_object(self._game, kind, hash), data)
        self._has.add(kind, hash)
        self.copied += 1
        self.bytes += len(data)


def _hashes(keys: Iterable[str]) -> Iterator[Hash]:
    return (Hash(bytes.fromhex(key.rpartition("/")[2])) for key in keys)
