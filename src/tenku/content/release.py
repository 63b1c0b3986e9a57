"""A release as JSON: what the store keeps as `release/HASH`, and what may stand in it."""

import json
from typing import Any

from tenku.base.errors import CorruptError, PathError, UsageError
from tenku.content.chunking import PROFILES
from tenku.content.fields import Fields
from tenku.content.model import DeltaEdge, Hash, PageRef, Release, parse_game
from tenku.content.mutable import compile_patterns
from tenku.content.page import MAX_STORED

FORMAT = 1
MAX_RELEASE = 16 * 2**20
"""Bytes of JSON: some hundred thousand pages."""
MAX_TEXT = 200
MAX_DELTAS = 4096
MAX_SIZE = 2**50
"""A petabyte: nothing here is larger, and sums stay far from overflow."""


def encode_release(release: Release) -> bytes:
    """The release as it is stored; equal releases give equal bytes."""
    value: dict[str, Any] = {
        "format": FORMAT,
        "game": release.game,
        "version": release.version,
        "created": release.created,
        "platform": release.platform,
        "profile": release.profile,
        "tree": release.tree.hex(),
        "parent": release.parent.hex() if release.parent else None,
        "files": release.files,
        "size": release.size,
        "largest": release.largest,
        "pages": [[page.hash.hex(), page.size] for page in release.pages],
        "deltas": [_encode_edge(edge) for edge in release.deltas],
        "mutable": list(release.mutable),
    }
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def decode_release(data: bytes) -> Release:
    """The release in stored bytes. Raises CorruptError that names what is wrong."""
    fields = Fields.parse(data, what="The release", limit=MAX_RELEASE, format=FORMAT)
    try:
        game = parse_game(fields.text("game", most=64))
        mutable = tuple(fields.texts("mutable", most=1000))
        compile_patterns(mutable)
    except (UsageError, PathError) as error:
        raise CorruptError(f"The release cannot be: {error}") from error
    profile = fields.text("profile", most=32)
    if profile not in PROFILES:
        raise CorruptError(f"The release has the unknown chunk profile {profile!r}.", hint="A newer Tenku may know it.")
    release = Release(
        game=game,
        version=fields.text("version", most=MAX_TEXT),
        created=fields.number("created", most=2**40),
        platform=fields.text("platform", most=MAX_TEXT),
        profile=profile,
        tree=fields.hash("tree"),
        parent=fields.hash("parent") if fields.has("parent") else None,
        files=fields.number("files", most=2**40),
        size=fields.number("size", most=MAX_SIZE),
        largest=fields.number("largest", most=MAX_SIZE),
        pages=tuple(PageRef(f.hash(0), f.number(1, most=MAX_STORED)) for f in fields.lists("pages", of=2)),
        deltas=tuple(_decode_edge(f) for f in fields.tables("deltas", most=MAX_DELTAS)),
        mutable=mutable,
    )
    fields.nothing_else()
    if encode_release(release) != data:
        raise CorruptError("The release is not written in the one way that releases are.")
    return release


def release_hash_text(hash: Hash) -> str:
    """A release as people read it: enough digits to tell it from others."""
    return hash.hex()[:12]


def _encode_edge(edge: DeltaEdge) -> dict[str, Any]:
    return {
        "base": edge.base.hex(),
        "object": edge.object.hex(),
        "size": edge.size,
        "header_size": edge.header_size,
        "header_hash": edge.header_hash.hex(),
    }


def _decode_edge(fields: Fields) -> DeltaEdge:
    edge = DeltaEdge(
        base=fields.hash("base"),
        object=fields.hash("object"),
        size=fields.number("size", most=MAX_SIZE),
        header_size=fields.number("header_size", most=64 * 2**20),
        header_hash=fields.hash("header_hash"),
    )
    fields.nothing_else()
    return edge
