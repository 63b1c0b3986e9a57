"""Which keys a store can have: everything else is none of a mirror's business."""

import re
from dataclasses import dataclass

from tenku.content.head import MAX_SEALED
from tenku.content.model import NAME, Hash
from tenku.content.pack import MAX_PACK
from tenku.content.page import MAX_STORED
from tenku.content.release import MAX_RELEASE

MAX_DELTA = 128 * 2**20
"""Twice what publishers make at most on purpose: a single run may be longer than planned."""

LIMITS = {
    "head": MAX_SEALED,
    "trust": MAX_SEALED,
    "release": MAX_RELEASE,
    "page": MAX_STORED,
    "pack": MAX_PACK,
    "delta": MAX_DELTA,
}
"""Most bytes of an object, by its kind."""

_KEY = re.compile(
    rf"{NAME.pattern}/(?:(?P<head>head)/{NAME.pattern}|(?P<trust>trust)"
    r"|(?P<kind>release|page|pack|delta)/(?P<hash>[0-9a-f]{64}))"
)


@dataclass(frozen=True)
class Address:
    """What a key stands for."""

    key: str
    kind: str
    hash: Hash | None
    """What the object's hash has to be; None for those that change."""

    @property
    def limit(self) -> int:
        """Most bytes that the object may have."""
        return LIMITS[self.kind]


def parse_key(key: str) -> Address | None:
    """What a key stands for; None where no store has such a key."""
    found = _KEY.fullmatch(key)
    if not found:
        return None
    kind = found["kind"] or found["head"] or found["trust"]
    return Address(key, kind, Hash(bytes.fromhex(found["hash"])) if found["hash"] else None)
