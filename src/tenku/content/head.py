"""A channel's head as the store keeps it: a signature and the JSON that it signs, in one file.

One file, so that one compare-and-set moves both, and no cache can hold halves that do not belong together. The first
four lines are what minisign writes, all after them is signed: `head -4` and `tail -n +5` take it apart.
"""

import json
from collections.abc import Sequence

from tenku.base.errors import CorruptError, TrustError
from tenku.content import minisign
from tenku.content.fields import Fields
from tenku.content.minisign import PublicKey, SecretKey
from tenku.content.model import ChannelName, Head, Published

FORMAT = 1
MAX_SEALED = 256 * 1024
"""Bytes of a sealed object. Nothing larger is asked of a store, or signed."""
MAX_HISTORY = 50
MAX_VERSION = 200
MAX_SEQ = 2**53 - 1
MAX_TIME = 253_402_300_799
"""The last second of the year 9999."""

SIGNATURE_LINES = 4
SIGNATURE_BYTES = 4096


def seal(data: bytes, key: SecretKey, comment: str) -> bytes:
    """Data with its signature before it. Raises UsageError: the comment is no single line."""
    return minisign.sign(data, key, comment=comment).file().encode() + data


def open_sealed(data: bytes, keys: Sequence[PublicKey], *, where: str = "The signed object") -> tuple[bytes, PublicKey]:
    """What was sealed, and which of these keys signed it.

    Raises:
        CorruptError: it is too large, or is no sealed object.
        TrustError: none of these keys signed it, or it was changed after that.
    """
    signature, payload = split(data, where=where)
    signer = next((key for key in keys if key.id == signature.key), None)
    if signer is None:
        raise TrustError(
            f"{where} is signed with key {minisign.key_name(signature.key)}, which is not trusted here.",
            hint=f"Trusted: {', '.join(map(str, keys)) or 'none'}. Ask the publisher which key it is, by another way.",
        )
    minisign.verify(payload, signature, signer, where=where)
    return payload, signer


def split(data: bytes, *, where: str) -> tuple[minisign.Signature, bytes]:
    """The signature, unchecked, and what it is said to sign. Raises CorruptError."""
    if len(data) > MAX_SEALED:
        raise CorruptError(f"{where} is larger than {MAX_SEALED // 1024} KiB.")
    parts = data.split(b"\n", SIGNATURE_LINES)
    text = b"\n".join(parts[:SIGNATURE_LINES])
    if len(parts) <= SIGNATURE_LINES or len(text) > SIGNATURE_BYTES:
        raise CorruptError(f"{where} has no signature: it does not begin with four lines of one.")
    try:
        return minisign.parse_signature(text.decode(), where=where), parts[-1]
    except UnicodeDecodeError:
        raise CorruptError(f"{where} has no signature: its first lines are no text.") from None


def encode_head(head: Head) -> bytes:
    """The head as it is signed; equal heads give equal bytes. Raises CorruptError: nobody could read it."""
    value = {
        "format": FORMAT,
        "kind": "head",
        "game": head.channel.game,
        "channel": head.channel.channel,
        "seq": head.seq,
        "published": head.published,
        "expires": head.expires,
        "history": [_encode_published(each) for each in head.history],
    }
    data = to_json(value)
    decode_head(data, head.channel)
    return data


def decode_head(data: bytes, name: ChannelName) -> Head:
    """The head of this channel from its JSON.

    Raises:
        CorruptError: it is no head, or a value in it cannot be.
        TrustError: it is the head of another channel.
    """
    what = f"The head of {name}"
    fields = Fields.parse(data, what=what, limit=MAX_SEALED, format=FORMAT)
    check_kind(fields, "head", what=what)
    said = ChannelName(fields.text("game", most=64), fields.text("channel", most=64))
    if said != name:
        raise TrustError(f"{what} was asked for, and the store answers with the head of {said}.")
    head = Head(
        channel=name,
        seq=fields.number("seq", most=MAX_SEQ),
        published=fields.number("published", most=MAX_TIME),
        expires=fields.number("expires", most=MAX_TIME),
        history=tuple(_decode_published(each) for each in fields.tables("history", most=MAX_HISTORY)),
    )
    fields.nothing_else()
    if head.seq < 1 or not head.history:
        raise CorruptError(f"{what} holds no release.")
    if head.expires <= head.published:
        raise CorruptError(f"{what} expires before it was published.")
    return head


def check_kind(fields: Fields, kind: str, *, what: str) -> None:
    """Raises CorruptError where signed JSON is of another kind: a head must never pass for a list of keys."""
    said = fields.text("kind", most=32)
    if said != kind:
        raise CorruptError(f"{what} is of the kind {said!r}, not {kind!r}.")


def to_json(value: dict[str, object]) -> bytes:
    """Canonical JSON in one line."""
    # What cannot be written in UTF-8 passes here and is refused by name where it is read back.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _encode_published(each: Published) -> dict[str, object]:
    return {
        "release": each.release.hex(),
        "tree": each.tree.hex(),
        "version": each.version,
        "published": each.published,
    }


def _decode_published(fields: Fields) -> Published:
    each = Published(
        release=fields.hash("release"),
        tree=fields.hash("tree"),
        version=fields.text("version", most=MAX_VERSION),
        published=fields.number("published", most=MAX_TIME),
    )
    fields.nothing_else()
    return each
