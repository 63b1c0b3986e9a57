"""A game's objects in a store, each checked by its name before anybody uses it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tenku.base.errors import CorruptError
from tenku.content.hashes import check_object
from tenku.content.model import Entry, Hash, Kind, PageRef, Release, key_object
from tenku.content.page import decode_page
from tenku.content.paths import PathGuard
from tenku.content.release import MAX_RELEASE, decode_release
from tenku.content.stores.mirrors import Mirrors

AHEAD = 8
"""Pages asked for before they are needed."""


@dataclass(frozen=True)
class Page:
    """A page as it was stored, and what stands in it."""

    ref: PageRef
    data: bytes
    entries: list[Entry]


class Source:
    """Releases and pages of one game.

    Args:
        near: gives a page that this machine has, or None; it is checked like one from a store.
    """

    def __init__(self, mirrors: Mirrors, game: str, *, near: Callable[[Hash], bytes | None] | None = None) -> None:
        self.mirrors = mirrors
        self.game = game
        self._near = near

    async def release(self, hash: Hash) -> Release:
        """The release of that name. Raises StoreError, CorruptError: it is none, or another game's."""
        key = key_object(self.game, "release", hash)
        release = await self.mirrors.get_checked(
            key, lambda data: decode_release(check_object(data, hash, key=key)), limit=MAX_RELEASE
        )
        if release.game != self.game:
            raise CorruptError(f"Release {hash.hex()[:12]} is one of {release.game}, not of {self.game}.")
        return release

    async def page(self, ref: PageRef) -> Page:
        """One page. Raises StoreError, CorruptError."""
        key = key_object(self.game, "page", ref.hash)

        def check(data: bytes) -> Page:
            return Page(ref, data, decode_page(check_object(data, ref.hash, key=key)))

        near = self._near(ref.hash) if self._near else None
        if near is not None:
            with suppress(CorruptError):
                return check(near)
        return await self.mirrors.get_checked(key, check, limit=ref.size)

    def with_near(self, near: Callable[[Hash], bytes | None]) -> "Source":
        """The same, with pages of this machine."""
        return Source(self.mirrors, self.game, near=near)

    async def pages(self, refs: Sequence[PageRef]) -> AsyncIterator[Page]:
        """Pages in order, some of them fetched ahead."""
        waiting: list[asyncio.Task[Page]] = []
        rest = iter(refs)
        try:
            while True:
                while len(waiting) < AHEAD and (ref := next(rest, None)) is not None:
                    waiting.append(asyncio.create_task(self.page(ref)))
                if not waiting:
                    return
                yield await waiting.pop(0)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


class Manifest:
    """Checks that the pages of a release, one after the other, are a build that may be written to a disk."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._guard = PathGuard()
        self._part: Entry | None = None
        self._files = 0
        self._size = 0

    def check(self, entries: Sequence[Entry]) -> None:
        """The next page's entries. Raises PathError, CorruptError."""
        for entry in entries:
            self._guard.add(entry.path, entry.kind, target=entry.target, start=entry.start)
            self._follow(entry)
            self._part = None if entry.last else entry
            if entry.kind is Kind.FILE and entry.last:
                self._files += 1
                self._size += entry.size
        if self._files > self._release.files or self._size > self._release.size:
            raise CorruptError("The manifest has more files or bytes than its release says.")

    def finish(self) -> None:
        """Raises CorruptError where something is missing at the end."""
        if (self._files, self._size) != (self._release.files, self._release.size) or self._part is not None:
            raise CorruptError("The manifest has other files than its release says.")

    def _follow(self, entry: Entry) -> None:
        """A file in parts has them all, one after the other."""
        before = self._part
        expected = before.start + sum(chunk.length for chunk in before.chunks) if before else 0
        path = before.path if before else entry.path
        size = before.size if before else entry.size
        if (entry.start, entry.path, entry.size) != (expected, path, size):
            raise CorruptError(f"The manifest has the parts of {path!r} out of order.")
