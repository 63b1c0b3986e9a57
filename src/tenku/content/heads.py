"""Reads the heads of a game as they lie in its store, for who keeps the store and needs no key for that."""

from collections.abc import Iterable
from dataclasses import dataclass

from tenku.base.errors import UsageError
from tenku.content.head import MAX_SEALED, decode_head, split
from tenku.content.model import NAME, ChannelName, Head, key_head, parse_channel
from tenku.content.ports import PruneStore, ReadStore


@dataclass(frozen=True)
class StoredHead:
    """A head, its signature not checked, and the bytes that the store has of it."""

    head: Head
    sealed: bytes


async def games_in(store: PruneStore) -> list[str]:
    """The games that a store holds anything of, in order. Lists the whole store."""
    first = {each.key.partition("/")[0] async for each in store.list("")}
    return sorted(name for name in first if NAME.fullmatch(name))


async def channels_in(store: PruneStore, game: str) -> list[ChannelName]:
    """The channels of a game, in order. Raises StoreError, UsageError: something else lies among its heads."""
    prefix = f"{game}/head/"
    keys = [each.key async for each in store.list(prefix)]
    return sorted((_channel(game, key.removeprefix(prefix), store) for key in keys), key=str)


async def read_stored(store: ReadStore, names: Iterable[ChannelName]) -> dict[ChannelName, StoredHead]:
    """What these channels hold. Raises StoreError, TrustError: one cannot be read, or is no head of that channel."""
    found = {}
    for name in names:
        data = await store.get(key_head(name), limit=MAX_SEALED)
        found[name] = parse_sealed(data, name)
    return found


def parse_sealed(data: bytes, name: ChannelName) -> StoredHead:
    """A head from stored bytes, its signature not checked. Raises CorruptError, TrustError."""
    _, payload = split(data, where=f"The head of {name}")
    return StoredHead(decode_head(payload, name), data)


def _channel(game: str, channel: str, store: ReadStore) -> ChannelName:
    try:
        return parse_channel(f"{game}:{channel}")
    except UsageError as error:
        raise UsageError(
            f"{game}/head/{channel} in {store.name} is no channel's head.", hint="Move it away by hand."
        ) from error
