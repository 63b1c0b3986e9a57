"""Keys of objects, and the names of stores as people may see them."""

import re
from urllib.parse import urlsplit, urlunsplit

from tenku.base.errors import UsageError

PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""One part of a key. None begins with a dot: such names are the stores' own, for what is not whole yet."""


def check_key(key: str) -> str:
    """The key itself, if it is a safe path everywhere: on a disk, in a bucket, in a URL. Raises UsageError."""
    if len(key) > 512 or not all(PART.fullmatch(part) for part in key.split("/")):
        raise UsageError(f"{key[:100]!r} cannot be the key of an object.", hint="Keys look like game/pack/0a1b2c.")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself, if it is empty or a key and a slash. Raises UsageError."""
    if prefix:
        check_key(prefix.removesuffix("/"))
        if not prefix.endswith("/"):
            raise UsageError(f"The prefix {prefix[:100]!r} does not end with a slash.")
    return prefix


def shown(url: str) -> str:
    """A store's address without what may be secret: no user, no password, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(no address)"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def shortened(text: str, *, most: int = 200) -> str:
    """A foreign text in a sentence of ours: one line, printable, not long, no addresses (they may hold tokens)."""
    line = re.sub(r"https?://\S+", "(address)", text.partition("\n\n")[0])
    plain = "".join(each if each.isprintable() else " " for each in line)
    return " ".join(plain.split())[:most].rstrip(". ")
