"""Decides what is believed: which keys may sign, and whether what they signed is the newest, and still in force.

A pinned key (`--trust studio.pub`) either signs heads itself, or is an offline root that signs which keys may. What was
believed once is remembered: a mirror cannot go back behind it. Nothing here reads a clock or a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tenku.base.errors import TrustError
from tenku.content.delegation import Delegation, decode_delegation
from tenku.content.fields import Fields
from tenku.content.hashes import hash_bytes
from tenku.content.head import MAX_SEQ, decode_head, open_sealed, split, to_json
from tenku.content.minisign import PublicKey
from tenku.content.model import ChannelName, Hash, Head

DAY = 86400
FORMAT = 1
MAX_MEMORY = 64 * 2**20
MAX_REMEMBERED = 10**6


@dataclass(frozen=True)
class Seen:
    """The newest signed object of one name that was believed."""

    number: int
    """A head's `seq`, a trust file's version."""
    hash: Hash
    """Of the signed JSON; a signature can be made anew without changing what it says."""
    signer: str
    """The public key that signed it, as one word."""


@dataclass(frozen=True)
class Memory:
    """What one pinned key's users have believed so far."""

    heads: Mapping[str, Seen] = field(default_factory=dict)
    """By `game:channel`."""
    trusts: Mapping[str, Seen] = field(default_factory=dict)
    """By game."""


def keys_of(
    game: str, *, pinned: PublicKey, sealed: bytes | None, memory: Memory, now: int
) -> tuple[tuple[PublicKey, ...], Memory]:
    """The keys that may sign the game's heads, and what is to be remembered.

    `sealed`: what the store has as `<game>/trust`; None: nothing. `now`: seconds since 1970.

    Raises:
        TrustError: the trust file is not believed, or is gone although there was one.
        CorruptError: it is none.
    """
    where = f"The trust file of {game}"
    if sealed is None or split(sealed, where=where)[0].key != pinned.id:
        # A trust file by somebody else says nothing about a key that was pinned to sign heads itself.
        if game in memory.trusts:
            raise TrustError(
                f"{where} is gone from the store, or is signed by another key than {pinned}; it was there before.",
                hint="Try another mirror, and tell the publisher.",
            )
        return (pinned,), memory
    payload, _ = open_sealed(sealed, [pinned], where=where)
    delegation = decode_delegation(payload, game)
    seen = Seen(delegation.version, hash_bytes(payload), pinned.line)
    return delegation.keys, judge_delegation(delegation, seen, memory=memory, now=now)


def believe(
    sealed: bytes, *, name: ChannelName, keys: tuple[PublicKey, ...], memory: Memory, now: int
) -> tuple[Head, Memory]:
    """A channel's head from what the store has, and what is to be remembered; `keys` as `keys_of` gives them.

    Raises:
        TrustError: it is not signed by these keys, changed, older than what was seen before, or expired.
        CorruptError: it is no head.
    """
    payload, signer = open_sealed(sealed, keys, where=f"The head of {name}")
    head = decode_head(payload, name)
    return head, judge(head, Seen(head.seq, hash_bytes(payload), signer.line), memory=memory, now=now)


def judge(head: Head, seen: Seen, *, memory: Memory, now: int) -> Memory:
    """What is to be remembered if a head, whose signature is checked, is believed; else raises TrustError."""
    what, name = f"The head of {head.channel}", str(head.channel)
    _check_order(what, seen, memory.heads.get(name))
    _check_dates(what, published=head.published, expires=head.expires, now=now, renew="publish again")
    return replace(memory, heads={**memory.heads, name: seen})


def judge_delegation(delegation: Delegation, seen: Seen, *, memory: Memory, now: int) -> Memory:
    """What is to be remembered if a trust file, whose signature is checked, is believed; else raises TrustError."""
    what, game = f"The trust file of {delegation.game}", delegation.game
    _check_order(what, seen, memory.trusts.get(game))
    dates = {"published": delegation.published, "expires": delegation.expires}
    _check_dates(what, **dates, now=now, renew="sign a new one with the root key")
    # A thief may have signed the highest number there is. With the thief's key, what it signed is forgotten, else
    # nothing could ever be published to that channel again.
    allowed = {key.line for key in delegation.keys}
    kept = {n: head for n, head in memory.heads.items() if head.signer in allowed or n.partition(":")[0] != game}
    return Memory(heads=kept, trusts={**memory.trusts, game: seen})


def encode_memory(memory: Memory) -> bytes:
    """What is remembered as bytes for a file."""
    heads = [[name, each.number, each.hash.hex(), each.signer] for name, each in sorted(memory.heads.items())]
    trusts = [[name, each.number, each.hash.hex(), each.signer] for name, each in sorted(memory.trusts.items())]
    return to_json({"format": FORMAT, "heads": heads, "trusts": trusts})


def decode_memory(data: bytes) -> Memory:
    """What `encode_memory` wrote. Raises CorruptError."""
    fields = Fields.parse(data, what="What is remembered", limit=MAX_MEMORY, format=FORMAT)
    memory = Memory(heads=_decode_seen(fields, "heads"), trusts=_decode_seen(fields, "trusts"))
    fields.nothing_else()
    return memory


def _decode_seen(fields: Fields, key: str) -> dict[str, Seen]:
    rows = fields.lists(key, of=4, most=MAX_REMEMBERED)
    return {
        row.text(0, most=200): Seen(row.number(1, most=MAX_SEQ), row.hash(2), row.text(3, most=100)) for row in rows
    }


def _check_order(what: str, seen: Seen, before: Seen | None) -> None:
    if before is None or seen.number > before.number or (seen.number == before.number and seen.hash == before.hash):
        return
    if seen.number == before.number:
        raise TrustError(
            f"{what} has number {seen.number} as the one seen before, but says something else.",
            hint="Either of them is not the publisher's; try another mirror, and ask the publisher.",
        )
    raise TrustError(
        f"{what} is older than what was seen before: number {seen.number} after {before.number}.",
        hint="The mirror is behind, or wants to bring back an old version; try another one.",
    )


def _check_dates(what: str, *, published: int, expires: int, now: int, renew: str) -> None:
    if now < published - DAY:
        raise TrustError(
            f"This machine's clock is wrong: it says {_date(now)}, but {_lower(what)} was made on {_date(published)}.",
            hint="Set the clock; without it nobody can tell what has expired.",
        )
    if now >= expires:
        raise TrustError(
            f"{what} expired on {_date(expires)}.",
            hint=f"Try another mirror. If they all say so, the publisher has to {renew}.",
        )


def _date(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
