"""The nouns of content: game, channel, build, entry, chunk, release, head."""

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, NewType

from tenku.base.errors import UsageError

Hash = NewType("Hash", bytes)
"""A BLAKE3 hash, 32 bytes; as text 64 hexadecimal digits."""

HASH_BYTES = 32

KEEP = 10
"""So many releases of a channel are kept when a store is pruned, and copied to a mirror."""

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
"""Names of games and channels: they are parts of URLs, folders and file names everywhere."""


@dataclass(frozen=True)
class ChannelName:
    """A movable name for a build, written `game:channel`."""

    game: str
    channel: str

    def __str__(self) -> str:
        return f"{self.game}:{self.channel}"


def parse_channel(text: str) -> ChannelName:
    """`supergame:beta` as a name. Raises UsageError."""
    game, colon, channel = text.partition(":")
    if not colon:
        raise UsageError(f"{text!r} names no channel.", hint=f"Write game:channel, like {game or 'supergame'}:stable.")
    return ChannelName(parse_game(game), _name(channel, "channel"))


def parse_game(text: str) -> str:
    """A game's name. Raises UsageError."""
    return _name(text, "game")


def _name(text: str, kind: str) -> str:
    if not NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} cannot be the name of a {kind}.",
            hint="Names have 1 to 64 small letters, digits, `-`, `_` or `.`, and begin and end with a letter or digit.",
        )
    return text


class Kind(enum.IntEnum):
    """What an entry of a build is."""

    FILE = 0
    FOLDER = 1  # only written down when it is empty: the others follow from their files
    LINK = 2  # a symbolic link that stays inside the build


class Location(NamedTuple):
    """Where the store keeps a chunk: `stored` bytes from `offset` in a pack; raw where `stored` is its length."""

    pack: Hash
    offset: int
    stored: int


class Chunk(NamedTuple):
    """A run of a file's bytes, named by its hash, and where the store keeps it."""

    hash: Hash
    length: int
    at: Location


class Entry(NamedTuple):
    """One file, empty folder or symbolic link of a build. A tuple, as there may be very many of them.

    A file that is too large for one page of the manifest is several entries with the same path, one after the other:
    `start` is where in the file the chunks of this one begin, `last` says that no more follow.
    """

    path: str
    """From the build's root, with `/`, never absolute, never with `..`; safe on every system (`content.paths`)."""
    kind: Kind = Kind.FILE
    mode: int = 0o644
    """0o644 or 0o755 for files; other bits are not kept."""
    size: int = 0
    """Of the whole file, in bytes."""
    hash: Hash = Hash(b"")
    """`hashes.file_hash` of its chunks up to here, so of the whole file where `last`; empty for folders and links."""
    target: str = ""
    """What a symbolic link points to, relative to its folder."""
    chunks: tuple[Chunk, ...] = ()
    start: int = 0
    last: bool = True


@dataclass(frozen=True)
class PageRef:
    """A page of a manifest, in the store as `page/HASH`."""

    hash: Hash
    size: int
    """Of the stored object, in bytes."""


@dataclass(frozen=True)
class DeltaEdge:
    """A delta from an older build to this one, in the store as `delta/HASH`."""

    base: Hash
    """The tree that it starts from."""
    object: Hash
    size: int
    header_size: int
    header_hash: Hash
    """The object's first `header_size` bytes list every part with its own hash, so that parts may be fetched alone."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A build as one channel got it: what it is made of, and where the store keeps it. Stored as `release/HASH`."""

    game: str
    version: str
    """What people call it; free text of at most 200 characters."""
    created: int
    """Seconds since 1970, UTC."""
    platform: str = ""
    """Like `linux-x86_64`; empty: any."""
    profile: str
    """The chunker's profile, pinned for a game: `game` or `weights`."""
    tree: Hash
    """Names the build: the hash of every entry's path, mode, size and content, wherever the store keeps it."""
    parent: Hash | None = None
    """The tree that the channel held before."""
    files: int
    size: int
    """Of all files together, in bytes."""
    largest: int
    """Of the largest file, in bytes."""
    pages: tuple[PageRef, ...]
    deltas: tuple[DeltaEdge, ...] = ()
    mutable: tuple[str, ...] = ()
    """Patterns of paths that players and servers change, like `saves/**`: never overwritten once changed."""


@dataclass(frozen=True)
class Published:
    """One line of a channel's history."""

    release: Hash
    tree: Hash
    version: str
    published: int
    """Seconds since 1970, UTC."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a channel holds now: the only object of a store that changes. Signed."""

    channel: ChannelName
    seq: int
    """Rises with every change, also with a rollback, so that an old head cannot be passed off as new."""
    published: int
    expires: int
    """Seconds since 1970, UTC; after it the head is not believed any more."""
    history: tuple[Published, ...] = field(default=())
    """Newest first; the first is what the channel holds."""

    @property
    def current(self) -> Published:
        """What the channel holds now."""
        return self.history[0]


def key_head(name: ChannelName) -> str:
    """Where a store keeps the channel's head."""
    return f"{name.game}/head/{name.channel}"


def key_trust(game: str) -> str:
    """Where a store keeps which keys may sign a game's heads."""
    return f"{game}/trust"


def key_object(game: str, kind: str, hash: Hash) -> str:
    """Where a store keeps an immutable object: `kind` is release, page, pack or delta."""
    return f"{game}/{kind}/{hash.hex()}"


def files_of(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Only the files, or parts of files."""
    return (entry for entry in entries if entry.kind is Kind.FILE)
