"""Finds out what a channel holds: asks every mirror, believes what the pinned key signed, takes the newest."""

from dataclasses import dataclass

from tenku.base.errors import ContentError, NotFoundError, StoreError, TrustError
from tenku.content.head import MAX_SEALED
from tenku.content.memory import MemoryFolder
from tenku.content.minisign import PublicKey
from tenku.content.model import ChannelName, Head, key_head, key_trust
from tenku.content.stores.mirrors import Mirrors
from tenku.content.trust import believe, keys_of


@dataclass(frozen=True)
class Trust:
    """Whom this user believes, and what was believed before."""

    pinned: PublicKey
    memory: MemoryFolder


async def read_head(mirrors: Mirrors, name: ChannelName, *, trust: Trust, now: int) -> Head:
    """The newest head that can be believed.

    Raises:
        NotFoundError: no mirror knows the channel.
        StoreError: none answers.
        TrustError: none has a head that can be believed; it says why the first one cannot.
    """
    trusts = await _all(mirrors, key_trust(name.game))
    try:
        heads = (await mirrors.get_all(key_head(name), limit=MAX_SEALED)).answers
    except NotFoundError as error:
        raise NotFoundError(
            f"There is no channel {name} in {mirrors.name}.", hint="Check its name and the store's address."
        ) from error
    found: list[Head] = []
    refused: list[ContentError] = []
    for head in heads:
        # A trust file that is none counts as missing, lest one broken mirror keeps the good ones from being used.
        for sealed in (*trusts, None):
            try:
                found.append(_believe(head.data, sealed, name, trust, now))
                break
            except (TrustError, StoreError) as error:
                refused.append(error)
    if not found:
        raise refused[0]
    return max(found, key=lambda head: head.seq)


def _believe(data: bytes, sealed: bytes | None, name: ChannelName, trust: Trust, now: int) -> Head:
    pinned, memory = trust.pinned, trust.memory
    # In two steps: a key that was revoked stays so even if the head beside it is refused.
    keys = memory.update(pinned, lambda m: keys_of(name.game, pinned=pinned, sealed=sealed, memory=m, now=now))
    return memory.update(pinned, lambda m: believe(data, name=name, keys=keys, memory=m, now=now))


async def _all(mirrors: Mirrors, key: str) -> list[bytes | None]:
    """What every mirror has there; none is no error."""
    try:
        return [answer.data for answer in (await mirrors.get_all(key, limit=MAX_SEALED)).answers]
    except NotFoundError:
        return []
