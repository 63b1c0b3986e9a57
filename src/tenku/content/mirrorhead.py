"""The mutable objects of a mirror: the newest head and trust file of the sources, and putting them into the target."""

from dataclasses import dataclass

from tenku.base.errors import ContentError, NotFoundError, StoreError, TrustError
from tenku.content.channelhead import Trust
from tenku.content.delegation import decode_delegation
from tenku.content.head import MAX_SEALED, split
from tenku.content.heads import parse_sealed
from tenku.content.model import ChannelName, Head, key_head, key_trust
from tenku.content.ports import WriteStore
from tenku.content.stores.mirrors import Mirrors
from tenku.content.trust import believe, keys_of


@dataclass(frozen=True)
class SourceHead:
    """A head as it is signed, and the trust file that goes with it."""

    head: Head
    sealed: bytes
    trust: bytes | None


async def read_source_head(source: Mirrors, name: ChannelName, *, trust: Trust | None, now: int) -> SourceHead:
    """The newest head that the sources have, checked where a key is pinned.

    Raises:
        NotFoundError: no source knows the channel.
        StoreError, TrustError: none has one that can be believed; it says why the first one cannot.
    """
    trusts = await _all(source, key_trust(name.game))
    try:
        answers = (await source.get_all(key_head(name), limit=MAX_SEALED)).answers
    except NotFoundError as error:
        raise NotFoundError(f"There is no channel {name} in {source.name}.", hint="Check its name.") from error
    found: list[SourceHead] = []
    refused: list[ContentError] = []
    for answer in answers:
        for sealed in trusts or [None]:
            try:
                found.append(_checked(answer.data, sealed, name, trust, now))
            except (TrustError, StoreError) as error:
                refused.append(error)
    if not found:
        raise refused[0]
    return max(found, key=lambda each: (each.head.seq, _version(each.trust, name.game)))


async def put_trust(target: WriteStore, game: str, sealed: bytes | None) -> bool:
    """Put the trust file into the target unless that has the same or a newer one. Raises StoreError, ConflictError."""
    if sealed is None:
        return False
    there, version = await _there(target, key_trust(game))
    if there is not None and _version(there, game) >= _version(sealed, game):
        return False
    await target.replace(key_trust(game), sealed, version=version)
    return True


async def is_behind(target: WriteStore, found: Head) -> bool:
    """Whether the target has a newer head than this one. Raises StoreError, TrustError."""
    there, _ = await _there(target, key_head(found.channel))
    return there is not None and parse_sealed(there, found.channel).head.seq > found.seq


async def put_head(target: WriteStore, found: SourceHead) -> bool:
    """Put a head into the target unless that has the same or a newer one. Raises StoreError, ConflictError."""
    name = found.head.channel
    there, version = await _there(target, key_head(name))
    if there is not None and parse_sealed(there, name).head.seq >= found.head.seq:
        return False
    await target.replace(key_head(name), found.sealed, version=version)
    return True


def _checked(data: bytes, sealed: bytes | None, name: ChannelName, trust: Trust | None, now: int) -> SourceHead:
    if trust is None:
        if sealed is not None:
            _version(sealed, name.game)
        return SourceHead(parse_sealed(data, name).head, data, sealed)
    pinned, memory = trust.pinned, trust.memory
    keys = memory.update(pinned, lambda m: keys_of(name.game, pinned=pinned, sealed=sealed, memory=m, now=now))
    head = memory.update(pinned, lambda m: believe(data, name=name, keys=keys, memory=m, now=now))
    # A trust file by somebody else was not looked at, so it is not passed on either.
    by_pinned = sealed is not None and split(sealed, where="The trust file")[0].key == pinned.id
    return SourceHead(head, data, sealed if by_pinned else None)


def _version(sealed: bytes | None, game: str) -> int:
    """Raises CorruptError, TrustError: it is no trust file of that game."""
    if sealed is None:
        return 0
    return decode_delegation(split(sealed, where=f"The trust file of {game}")[1], game).version


async def _there(target: WriteStore, key: str) -> tuple[bytes | None, str | None]:
    try:
        return await target.get_version(key, limit=MAX_SEALED)
    except NotFoundError:
        return None, None


async def _all(mirrors: Mirrors, key: str) -> list[bytes | None]:
    """What every mirror has there; none is no error."""
    try:
        return [answer.data for answer in (await mirrors.get_all(key, limit=MAX_SEALED)).answers]
    except NotFoundError:
        return []
