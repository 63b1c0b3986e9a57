"""The file of a secret key, as minisign keeps it: locked by a password, or open as with `minisign -W`.

Two lines: a comment, and 158 bytes in base64:

    2 "Ed"   2 "Sc", or zeros for an open one   2 "B2"   32 salt   8 + 8 cost of scrypt: operations, memory
    8 key id   32 seed   32 public key   32 checksum: BLAKE2b-256 of "Ed", key id, seed and public key

The last 104 bytes are mixed (exclusive or) with what scrypt makes of the password.
"""

import base64
import hashlib
import os
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tenku.base.convert import Secret
from tenku.base.errors import MachineError, TrustError
from tenku.content.minisign import KEY_ALGORITHM, UNTRUSTED, SecretKey, decode, split_lines

HEADER = struct.Struct("<2s2s2s32sQQ")
BODY = struct.Struct("<8s32s32s32s")
SCRYPT, OPEN, CHECKSUM = b"Sc", b"\0\0", b"B2"
BLOCK = 8
"""scrypt's block size (its `r`), always this in libsodium."""


@dataclass(frozen=True)
class Cost:
    """How much work a guess at the password is, in libsodium's terms."""

    operations: int
    memory: int
    """Bytes."""


MINISIGN = Cost(operations=1 << 25, memory=1 << 30)
"""What minisign itself takes: a gigabyte and some seconds for every guess."""


def is_secret_file(text: str) -> bool:
    """Whether this is the file of a secret key, and not of a public one or a signature."""
    return len(_bytes(text)) == HEADER.size + BODY.size


def is_locked(text: str, *, where: str) -> bool:
    """Whether a password is needed. Raises TrustError: this is no secret key."""
    return _header(text, where)[0] == SCRYPT


def lock(key: SecretKey, password: Secret | None, *, cost: Cost = MINISIGN) -> str:
    """A secret key as a file; None makes an open one. Raises MachineError: too little memory."""
    body = BODY.pack(key.id, key.seed, key.public.raw, _checksum(key))
    if password is None:
        header = HEADER.pack(KEY_ALGORITHM, OPEN, CHECKSUM, bytes(32), 0, 0)
        comment = "minisign secret key"
    else:
        salt = os.urandom(32)
        header = HEADER.pack(KEY_ALGORITHM, SCRYPT, CHECKSUM, salt, cost.operations, cost.memory)
        body = _mix(body, password, salt, cost)
        comment = "minisign encrypted secret key"
    return f"{UNTRUSTED}{comment}\n{base64.b64encode(header + body).decode()}\n"


def unlock(text: str, password: Secret | None, *, where: str) -> SecretKey:
    """The secret key in a file; an open one needs no password.

    Raises:
        TrustError: it is no secret key, it is damaged, or the password is missing or wrong.
        MachineError: too little memory.
    """
    kind, salt, cost = _header(text, where)
    body = _bytes(text)[HEADER.size :]
    if kind == SCRYPT:
        if password is None:
            raise TrustError(f"{where} is locked by a password.", hint="Set TENKU_KEY_PASSWORD, or use a terminal.")
        body = _mix(body, password, salt, cost)
    id, seed, public, checksum = BODY.unpack(body)
    key = SecretKey(id, seed)
    # minisign leaves the checksum of an open key at zero; the public key beside the seed still shows damage.
    unchecked = kind == OPEN and checksum == bytes(32)
    if key.public.raw != public or not (unchecked or checksum == _checksum(key)):
        wrong = f"The password does not open {where}" if kind == SCRYPT else f"The secret key in {where} is damaged"
        raise TrustError(f"{wrong}.", hint="Try again, or bring the file back from its backup.")
    return key


def _header(text: str, where: str) -> tuple[bytes, bytes, Cost]:
    """The kind of lock, the salt, and the cost of a guess."""
    if not is_secret_file(text):
        raise TrustError(f"{where} is not a secret key of minisign.", hint="Give the file NAME.key.")
    algorithm, kind, checksum, salt, operations, memory = HEADER.unpack(_bytes(text)[: HEADER.size])
    if algorithm != KEY_ALGORITHM or checksum != CHECKSUM or kind not in (SCRYPT, OPEN):
        raise TrustError(f"{where} is a secret key of an unknown kind.", hint="Make a new one with `tenku keys new`.")
    if operations > MINISIGN.operations or memory > MINISIGN.memory:
        raise TrustError(f"{where} asks for more work than any key of minisign: it is damaged.")
    return kind, salt, Cost(operations, memory)


def _bytes(text: str) -> bytes:
    lines = split_lines(text)
    return decode(lines[1]) if len(lines) == 2 and lines[0].startswith(UNTRUSTED.strip()) else b""


def _mix(body: bytes, password: Secret, salt: bytes, cost: Cost) -> bytes:
    """Lock or unlock: the same step for both."""
    n, p = _parameters(cost)
    try:
        stream = Scrypt(salt=salt, length=len(body), n=n, r=BLOCK, p=p).derive(password.reveal().encode())
    except MemoryError:
        raise MachineError(
            f"A password needs {128 * BLOCK * n >> 20} MiB of free memory here, which this machine does not have.",
            hint="Use a machine with more, or a key without a password (`minisign -C -W` removes it).",
        ) from None
    return bytes(a ^ b for a, b in zip(body, stream, strict=True))


def _parameters(cost: Cost) -> tuple[int, int]:
    """scrypt's N and p for a cost, by the rule of libsodium (crypto_pwhash_scryptsalsa208sha256)."""
    operations = max(cost.operations, 32768)
    if operations < cost.memory // 32:
        return _power(operations // (BLOCK * 4)), 1
    n = _power(cost.memory // (BLOCK * 128))
    return n, min(operations // 4 // n, 0x3FFFFFFF) // BLOCK


def _power(most: int) -> int:
    """The power of two that is over half of `most`; at least 2."""
    return 1 << max((most // 2).bit_length(), 1)


def _checksum(key: SecretKey) -> bytes:
    return hashlib.blake2b(KEY_ALGORITHM + key.id + key.seed + key.public.raw, digest_size=32).digest()
