"""Moves channels without reading a build: back to an earlier release, on to another channel, or only a new date."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tenku.base.errors import NotFoundError, UsageError
from tenku.content.history import find, previous
from tenku.content.model import ChannelName, Head, Published
from tenku.content.publish import Publisher
from tenku.content.source import Source


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What became of a channel."""

    head: Head
    before: Published | None
    """What it held; None for a channel that is new."""
    changed: bool = True
    """False: it held that release already, and nothing was written."""


class Mover:
    """Signs heads for releases that are in the store already.

    Args:
        now: seconds since 1970.
        expires_days: how long the new heads hold.
        check: called right before a head is moved; raises where what was looked up may not be there any more.
    """

    def __init__(
        self,
        publisher: Publisher,
        source: Source,
        *,
        now: Callable[[], float],
        expires_days: int,
        check: Callable[[], None],
    ) -> None:
        self._publisher = publisher
        self._source = source
        self._now = now
        self._expires_days = expires_days
        self._check_mark = check

    async def rollback(self, name: ChannelName, *, to: str = "") -> Moved:
        """Make an earlier release of the channel what it holds, with a higher number.

        Args:
            to: its version or name, or how one of them begins; empty: the build before the present one.

        Raises:
            UsageError: there is no such release, or several.
            NotFoundError: there is no such channel, or the release was pruned.
            ConflictError: somebody else published meanwhile.
            StoreError, TrustError: the store cannot be written, or its head is not by our key.
        """
        head, version = await held(self._publisher, name)
        target = find(head, to) if to else previous(head)
        if target.release == head.current.release:
            return Moved(head=head, before=head.current, changed=False)
        await self._check(name, target)
        return await self._move(name, target, head, version)

    async def promote(self, source: ChannelName, target: ChannelName) -> Moved:
        """Make what one channel holds what another channel of the game holds. Raises as `rollback` does."""
        if source.game != target.game:
            raise UsageError(
                f"{source} and {target} are of two games.", hint="Publish the build to the other game, too."
            )
        release = (await held(self._publisher, source))[0].current
        head, version = await self._publisher.head(target)
        if head is not None and head.current.release == release.release:
            return Moved(head=head, before=head.current, changed=False)
        await self._check(source, release)
        return await self._move(target, release, head, version)

    async def renew(self, name: ChannelName) -> Moved:
        """Sign what the channel holds again, so that it expires later. Raises as `rollback` does."""
        head, version = await held(self._publisher, name)
        # Nothing new was published: the history stays as it is.
        rest = replace(head, history=head.history[1:])
        self._check_mark()
        signed = await self._publisher.sign(name, head.current, rest, version, expires_days=self._expires_days)
        return Moved(head=signed, before=head.current)

    async def _check(self, name: ChannelName, target: Published) -> None:
        try:
            await self._source.release(target.release)
        except NotFoundError as error:
            raise NotFoundError(
                f"The release {target.version!r} of {name} was pruned: it is not in the store any more.",
                hint="Choose another one, or publish that build again.",
            ) from error

    async def _move(self, name: ChannelName, target: Published, head: Head | None, version: str | None) -> Moved:
        now = max(int(self._now()), head.published if head else 0)
        self._check_mark()
        signed = await self._publisher.sign(
            name, replace(target, published=now), head, version, expires_days=self._expires_days
        )
        return Moved(head=signed, before=head.current if head else None)


async def held(publisher: Publisher, name: ChannelName) -> tuple[Head, str | None]:
    """The channel's head, and the mark by which it is replaced. Raises NotFoundError, StoreError, TrustError."""
    head, version = await publisher.head(name)
    if head is None:
        raise NotFoundError(
            f"The store has no channel {name}.", hint=f"`tenku releases {name.game}` lists those that there are."
        )
    return head, version
