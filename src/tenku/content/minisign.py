"""Keys and signatures in the format of the program `minisign`, so that anybody can check them without Tenku.

A key is an Ed25519 key with an id of eight random bytes. What is signed is the BLAKE2b hash of the data ("prehashed",
the default of minisign); a second signature covers the first and the trusted comment.
Source: https://jedisct1.github.io/minisign/, section "File formats".
"""

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tenku.base.errors import CorruptError, TrustError, UsageError

KEY_ALGORITHM = b"Ed"
PREHASHED = b"ED"
UNTRUSTED = "untrusted comment: "
TRUSTED = "trusted comment: "
COMMENT_BYTES = 1000
"""minisign reads comments of at most 1,023 bytes, the prefix included."""

ID_BYTES = 8
KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class PublicKey:
    """Checks signatures. Its id only says which key to take; two keys are the same if all bytes are."""

    id: bytes
    raw: bytes

    def __str__(self) -> str:
        return key_name(self.id)

    @property
    def line(self) -> str:
        """The key as one word; `minisign -P` takes it."""
        return _encode(KEY_ALGORITHM + self.id + self.raw)

    def file(self) -> str:
        """The key as a file of two lines; `minisign -p` takes it."""
        return f"{UNTRUSTED}minisign public key {self}\n{self.line}\n"


@dataclass(frozen=True)
class SecretKey:
    """Makes signatures. Shows in no log: `repr` has the id alone."""

    id: bytes
    seed: bytes = field(repr=False)

    def __str__(self) -> str:
        return key_name(self.id)

    @property
    def public(self) -> PublicKey:
        """The key that checks what this one signs."""
        return PublicKey(self.id, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())


@dataclass(frozen=True)
class Signature:
    """A signature over data and over a comment; it proves nothing before `verify`."""

    key: bytes
    """The id of the key that it says it was made with."""
    data: bytes
    comment: str
    overall: bytes
    """Over `data` and the comment."""

    def file(self) -> str:
        """The signature as a file of four lines; `minisign -x` takes it."""
        first = f"{UNTRUSTED}signature by key {key_name(self.key)}\n{_encode(PREHASHED + self.key + self.data)}\n"
        return f"{first}{TRUSTED}{self.comment}\n{_encode(self.overall)}\n"


def new_key() -> SecretKey:
    """A key that nobody had before."""
    return SecretKey(os.urandom(ID_BYTES), os.urandom(KEY_BYTES))


def key_name(id: bytes) -> str:
    """A key's id as minisign writes it: one number in hexadecimal digits, without leading zeros."""
    return f"{int.from_bytes(id, 'little'):X}"


def sign(data: bytes, key: SecretKey, *, comment: str) -> Signature:
    """Sign data, with a comment that nobody can change either. Raises UsageError for a comment of no single line."""
    if not comment.isprintable() or len(comment.encode()) > COMMENT_BYTES:
        raise UsageError(
            f"{comment[:40]!r} cannot be the comment of a signature.",
            hint=f"It is one line of at most {COMMENT_BYTES} bytes.",
        )
    secret = Ed25519PrivateKey.from_private_bytes(key.seed)
    first = secret.sign(_digest(data))
    return Signature(key.id, first, comment, secret.sign(first + comment.encode()))


def verify(data: bytes, signature: Signature, key: PublicKey, *, where: str) -> None:
    """Nothing, if the key signed exactly this data and comment. Raises TrustError."""
    if signature.key != key.id:
        raise TrustError(f"{where} is signed with key {key_name(signature.key)}, not with key {key}.")
    public = Ed25519PublicKey.from_public_bytes(key.raw)
    try:
        public.verify(signature.data, _digest(data))
        public.verify(signature.overall, signature.data + signature.comment.encode())
    except InvalidSignature:
        raise TrustError(
            f"{where} was changed after it was signed: it does not fit its signature by key {key}.",
            hint="Somebody tampered with it, or it was damaged; do not use it.",
        ) from None


def parse_public(text: str, *, where: str) -> PublicKey:
    """A public key from its file, or from its one word alone. Raises TrustError: it is none."""
    lines = split_lines(text)
    bare = len(lines) == 1
    if not bare and not (len(lines) == 2 and re.match(r"untrusted comment:", lines[0])):
        raise TrustError(f"{where} is not a public key of minisign.", hint="It has two lines; give the file NAME.pub.")
    raw = decode(lines[-1])
    if len(raw) != len(KEY_ALGORITHM) + ID_BYTES + KEY_BYTES or not raw.startswith(KEY_ALGORITHM):
        raise TrustError(f"{where} is not a public key of minisign.", hint="Give the file NAME.pub, as it was made.")
    return PublicKey(raw[2:10], raw[10:])


def parse_signature(text: str, *, where: str) -> Signature:
    """A signature from its four lines. Raises CorruptError: it is none, or of minisign's old kind."""
    lines = split_lines(text)
    if len(lines) != 4 or not lines[0].startswith(UNTRUSTED.strip()) or not lines[2].startswith(TRUSTED):
        raise CorruptError(f"{where} has no signature: four lines, as minisign writes them, are expected.")
    first, overall = decode(lines[1]), decode(lines[3])
    if first.startswith(KEY_ALGORITHM):
        raise CorruptError(
            f"{where} has a signature of the old kind, which is not taken.", hint="Sign without minisign's option -l."
        )
    right_size = len(first) == len(PREHASHED) + ID_BYTES + SIGNATURE_BYTES and len(overall) == SIGNATURE_BYTES
    if not right_size or not first.startswith(PREHASHED):
        raise CorruptError(f"{where} has a damaged signature.")
    return Signature(first[2:10], first[10:], lines[2].removeprefix(TRUSTED), overall)


def split_lines(text: str) -> list[str]:
    """The lines of a small file, without the empty end; only line feeds part lines, as minisign sees it."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def decode(word: str) -> bytes:
    """The bytes of a word in base64; none where it is no such word."""
    try:
        return base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data).digest()
