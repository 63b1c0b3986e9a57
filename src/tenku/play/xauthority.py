"""The file by which an X server knows its clients."""

import secrets
import struct
from pathlib import Path

FAMILY_WILD = 0xFFFF
NAME = b"MIT-MAGIC-COOKIE-1"


def xauthority(cookie: bytes, *, display: str = "") -> bytes:
    """One entry of an Xauthority file (Xau library's format): any host, this display or any, this cookie."""
    fields = (b"", display.encode(), NAME, cookie)
    return struct.pack(">H", FAMILY_WILD) + b"".join(struct.pack(">H", len(field)) + field for field in fields)


def write_xauthority(file: Path) -> None:
    """Make a file with a new random cookie, readable by the game's user in a private folder."""
    file.write_bytes(xauthority(secrets.token_bytes(16)))
    file.chmod(0o644)


def read_cookie(file: Path) -> bytes:
    """The cookie of the file's first entry."""
    data = file.read_bytes()
    at, fields = 2, []
    for _ in range(4):
        (length,) = struct.unpack_from(">H", data, at)
        fields.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return fields[-1]
