"""Which keys may sign a game's heads: written and signed by an offline root, kept in the store as `<game>/trust`."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.base.errors import CorruptError, TrustError, UsageError
from tenku.content.fields import Fields
from tenku.content.head import MAX_SEALED, MAX_SEQ, MAX_TIME, check_kind, to_json
from tenku.content.minisign import PublicKey, parse_public

FORMAT = 1
MAX_KEYS = 20


@dataclass(frozen=True, kw_only=True)
class Delegation:
    """The keys that may sign a game's heads, until a later version names others."""

    game: str
    version: int
    """Rises with every change, so that a revoked key cannot be brought back."""
    published: int
    expires: int
    """Seconds since 1970, UTC; after it nobody is believed until the root signs anew."""
    keys: tuple[PublicKey, ...]


def next_delegation(
    game: str, keys: Sequence[PublicKey], *, before: Delegation | None, version: int | None, now: int, lasts: int
) -> Delegation:
    """The delegation that follows on `before`, for so many seconds. Raises UsageError: its version would not rise."""
    last = before.version if before else 0
    if version is not None and version <= last:
        raise UsageError(
            f"Version {version} of the trust file of {game} would not count: it has to be over {last}.",
            hint="Leave --version out for the next one.",
        )
    # The clock of an offline machine may run slow; who has the last version must not think that theirs is wrong.
    published = max(now, before.published if before else 0)
    return Delegation(
        game=game,
        version=version if version is not None else last + 1,
        published=published,
        expires=published + lasts,
        keys=tuple(keys),
    )


def encode_delegation(delegation: Delegation) -> bytes:
    """The delegation as it is signed. Raises CorruptError: nobody could read it."""
    value: dict[str, object] = {
        "format": FORMAT,
        "kind": "trust",
        "game": delegation.game,
        "version": delegation.version,
        "published": delegation.published,
        "expires": delegation.expires,
        "keys": [key.line for key in delegation.keys],
    }
    data = to_json(value)
    decode_delegation(data, delegation.game)
    return data


def decode_delegation(data: bytes, game: str) -> Delegation:
    """The delegation for this game from its JSON.

    Raises:
        CorruptError: it is none, or a value in it cannot be.
        TrustError: it is another game's, or names something that is no key.
    """
    what = f"The trust file of {game}"
    fields = Fields.parse(data, what=what, limit=MAX_SEALED, format=FORMAT)
    check_kind(fields, "trust", what=what)
    said = fields.text("game", most=64)
    if said != game:
        raise TrustError(f"{what} was asked for, and the answer is the one of {said!r}.")
    delegation = Delegation(
        game=game,
        version=fields.number("version", most=MAX_SEQ),
        published=fields.number("published", most=MAX_TIME),
        expires=fields.number("expires", most=MAX_TIME),
        keys=tuple(parse_public(text, where=f"A key in {what}") for text in fields.texts("keys", most=MAX_KEYS)),
    )
    fields.nothing_else()
    if delegation.version < 1 or not delegation.keys:
        raise CorruptError(f"{what} names no key.")
    if delegation.expires <= delegation.published:
        raise CorruptError(f"{what} expires before it was published.")
    # Keys are found by their id: with two of one id the order would decide which is believed.
    if len({key.id for key in delegation.keys}) != len(delegation.keys):
        raise CorruptError(f"{what} names two keys with the same id.")
    return delegation
