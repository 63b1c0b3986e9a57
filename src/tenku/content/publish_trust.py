"""Puts a trust file, which an offline root signed, where everybody who pulls finds it."""

from tenku.base.errors import ConflictError, NotFoundError, TrustError
from tenku.content.delegation import Delegation, decode_delegation
from tenku.content.head import MAX_SEALED, open_sealed
from tenku.content.minisign import PublicKey
from tenku.content.model import key_trust
from tenku.content.ports import WriteStore


async def publish_trust(
    store: WriteStore, game: str, sealed: bytes, *, root: PublicKey, now: int
) -> tuple[Delegation, bool]:
    """Store the trust file; what it says, and whether that is new.

    Args:
        sealed: the file as `tenku keys trust` wrote it.
        root: the key that everybody pins; nothing that it did not sign is stored.

    Raises:
        TrustError: the root did not sign it, it has expired, or its version does not rise over the store's.
        CorruptError: it is no trust file.
        ConflictError: somebody else stored one meanwhile.
    """
    payload, _ = open_sealed(sealed, [root], where=f"The trust file of {game}")
    delegation = decode_delegation(payload, game)
    if delegation.expires <= now:
        raise TrustError(f"The trust file of {game} has expired.", hint="Sign a new one with the root key.")
    there, version = await _there(store, game)
    if there is not None:
        before_payload, _ = open_sealed(there, [root], where=f"The trust file of {game} in {store.name}")
        before = decode_delegation(before_payload, game)
        if before_payload == payload:
            return delegation, False
        if delegation.version <= before.version:
            raise TrustError(
                f"The trust file of {game} has version {delegation.version}, and {store.name} has {before.version}.",
                hint="Sign one with a higher version: everybody who saw that one refuses lower ones.",
            )
    try:
        await store.replace(key_trust(game), sealed, version=version)
    except ConflictError as error:
        raise ConflictError(
            f"Somebody else stored a trust file of {game} meanwhile.", hint="Look at it, then try again."
        ) from error
    return delegation, True


async def _there(store: WriteStore, game: str) -> tuple[bytes | None, str | None]:
    try:
        return await store.get_version(key_trust(game), limit=MAX_SEALED)
    except NotFoundError:
        return None, None
