"""Lists what the channels of a game hold and held."""

from dataclasses import dataclass

from tenku.base.errors import ContentError, NotFoundError, UsageError
from tenku.content.channelhead import Trust, read_head
from tenku.content.history import distinct
from tenku.content.model import ChannelName, Head, Published, Release
from tenku.content.ports import PruneStore
from tenku.content.source import Source


@dataclass(frozen=True, kw_only=True)
class ReleaseRow:
    """One release of a channel's history."""

    published: Published
    current: bool
    release: Release | None
    """None: it was pruned."""


@dataclass(frozen=True, kw_only=True)
class ChannelRow:
    """One channel, with its releases, the newest first; each once."""

    channel: ChannelName
    head: Head | None
    """None: it cannot be believed."""
    releases: tuple[ReleaseRow, ...] = ()
    trouble: str = ""
    """Why it cannot be believed."""


async def channels_of(store: PruneStore, game: str) -> list[ChannelName]:
    """The channels of a game. Raises NotFoundError: none; StoreError: the store cannot be listed."""
    prefix = f"{game}/head/"
    found = [ChannelName(game, each.key.removeprefix(prefix)) async for each in store.list(prefix)]
    if not found:
        raise NotFoundError(f"{store.name} has no channel of {game}.", hint="Check its name and the store's address.")
    return sorted(found, key=str)


async def list_channel(source: Source, name: ChannelName, *, trust: Trust, now: int) -> ChannelRow:
    """What one channel holds and held. Raises NotFoundError, StoreError, TrustError."""
    head = await read_head(source.mirrors, name, trust=trust, now=now)
    rows = [
        ReleaseRow(published=each, current=each.release == head.current.release, release=await _release(source, each))
        for each in distinct(head.history)
    ]
    return ChannelRow(channel=name, head=head, releases=tuple(rows))


async def list_game(source: Source, names: list[ChannelName], *, trust: Trust, now: int) -> list[ChannelRow]:
    """The same for several; a channel that cannot be believed is a row that says why."""
    rows = []
    for name in names:
        try:
            rows.append(await list_channel(source, name, trust=trust, now=now))
        except ContentError as error:
            rows.append(ChannelRow(channel=name, head=None, trouble=error.sentence()))
    return rows


def not_listable(game: str) -> UsageError:
    """For a store that is only read from."""
    return UsageError(
        f"A web server cannot be asked which channels of {game} it has.",
        hint=f"Name one, like {game}:stable, or give the folder or bucket behind it with --store.",
    )


async def _release(source: Source, published: Published) -> Release | None:
    try:
        return await source.release(published.release)
    except NotFoundError:
        return None
