"""Turns the parts of a folder into packs and pages: the build as a store keeps it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tenku.base.errors import FolderError
from tenku.content.chunkindex import ChunkIndex
from tenku.content.hashes import FileHasher, TreeHasher, hash_bytes
from tenku.content.model import Chunk, Entry, Hash, Kind, Location, PageRef
from tenku.content.pack import PackBuilder
from tenku.content.page import MAX_REFS, PageCut, encode_page
from tenku.content.paths import PathGuard
from tenku.content.reading import NewChunk, Part

OPEN = Hash(b"")
"""The pack that is being filled: its name is known when it is full."""

Put = Callable[[str, Hash, bytes], None]
"""Told a kind, a name and the bytes of every object that has to be stored."""


@dataclass(frozen=True)
class Built:
    """A folder as pages: what a release says of it, and what it took."""

    tree: Hash
    pages: tuple[PageRef, ...]
    files: int
    size: int
    largest: int
    new_bytes: int
    """Bytes of packs that had to be stored."""
    new_chunks: int
    chunks: int


class BuildWriter:
    """Takes parts in order; gives packs and pages to `put` as soon as they are whole."""

    def __init__(self, index: ChunkIndex, put: Put) -> None:
        self._index = index
        self._put = put
        self._pack = PackBuilder()
        self._open: dict[Hash, Chunk] = {}
        self._closed: dict[Hash, Chunk] = {}
        """Of the last closed pack: `known` was asked for before it was closed."""
        self._guard = PathGuard()
        self._cut = PageCut()
        self._page: list[Entry] = []
        self._waiting: list[list[Entry]] = []
        self._pages: list[PageRef] = []
        self._tree = TreeHasher()
        self._file = FileHasher()
        self._chunks_here: list[Chunk] = []
        self._start = 0
        self._files = self._size = self._largest = 0
        self._new_bytes = self._new_chunks = self._chunks = 0

    def add(self, parts: Sequence[Part]) -> None:
        """The next parts. Raises PathError: an entry cannot be in a build."""
        fresh = [chunk.hash for part in parts for chunk in part.chunks if isinstance(chunk, NewChunk)]
        # The thread that compressed a chunk may not have known that another file brought it in the meantime.
        known = self._index.find(fresh) if fresh else {}
        for part in parts:
            self._add(part, known)

    def _add(self, part: Part, known: Mapping[Hash, Chunk]) -> None:
        found = part.found
        if part.start == 0:
            self._begin(part)
        for new in part.chunks:
            chunk = new if isinstance(new, Chunk) else self._place(new, known)
            self._file.add(chunk.hash)
            self._chunks_here.append(chunk)
            if len(self._chunks_here) == MAX_REFS and not part.last:
                self._entry(part, last=False)
        self._chunks += len(part.chunks)
        if part.last:
            self._entry(part, last=True)
            self._files += found.kind is Kind.FILE
            self._size += found.size
            self._largest = max(self._largest, found.size)

    def finish(self) -> Built:
        """The build, when every part was added. Raises FolderError: there was none."""
        if not self._files and not self._pages and not self._waiting and not self._page:
            raise FolderError("The folder is empty.", hint="Publish a folder with a build in it.")
        if self._page:
            self._close_page()
        self._close_pack()
        return Built(
            tree=self._tree.digest(),
            pages=tuple(self._pages),
            files=self._files,
            size=self._size,
            largest=self._largest,
            new_bytes=self._new_bytes,
            new_chunks=self._new_chunks,
            chunks=self._chunks,
        )

    def _begin(self, part: Part) -> None:
        self._guard.add(part.found.path, part.found.kind, target=part.found.target)
        self._file = FileHasher()
        self._chunks_here = []
        self._start = 0

    def _place(self, new: NewChunk, known: Mapping[Hash, Chunk]) -> Chunk:
        """The chunk with its place in the store; one that has none gets it in the open pack."""
        hash = new.hash
        return known.get(hash) or self._open.get(hash) or self._closed.get(hash) or self._store(new)

    def _store(self, new: NewChunk) -> Chunk:
        if not self._pack.has_room(new.stored):
            self._close_pack()
        offset = self._pack.add(new.hash, new.length, new.stored)
        chunk = Chunk(new.hash, new.length, Location(OPEN, offset, len(new.stored)))
        self._open[new.hash] = chunk
        self._new_chunks += 1
        self._new_bytes += len(new.stored)
        return chunk

    def _entry(self, part: Part, *, last: bool) -> None:
        found = part.found
        is_file = found.kind is Kind.FILE
        entry = Entry(
            path=found.path,
            kind=found.kind,
            mode=found.mode,
            size=found.size,
            hash=self._file.digest() if is_file else Hash(b""),
            target=found.target,
            chunks=tuple(self._chunks_here),
            start=self._start,
            last=last,
        )
        if not last:
            self._start += sum(chunk.length for chunk in self._chunks_here)
        self._chunks_here = []
        self._tree.add(entry)
        self._page.append(entry)
        if self._cut.add(entry):
            self._close_page()

    def _close_page(self) -> None:
        self._waiting.append(self._page)
        self._page = []
        if not len(self._pack):
            self._write_pages()

    def _close_pack(self) -> None:
        """Store the open pack; now every chunk that waits has its place."""
        if len(self._pack):
            name, data = self._pack.finish()
            self._put("pack", name, data)
            self._closed = {c.hash: Chunk(c.hash, c.length, Location(name, *c.at[1:])) for c in self._open.values()}
            self._index.add(self._closed.values())
            self._pack = PackBuilder()
            self._open = {}
            self._name_pack()
        self._write_pages()

    def _name_pack(self) -> None:
        """Everything that waits for the name of the pack that was closed gets it."""
        for entries in (*self._waiting, self._page):
            entries[:] = [entry._replace(chunks=tuple(self._named(entry.chunks))) for entry in entries]
        self._chunks_here = self._named(self._chunks_here)

    def _named(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        return [self._closed[chunk.hash] if chunk.at.pack == OPEN else chunk for chunk in chunks]

    def _write_pages(self) -> None:
        for entries in self._waiting:
            data = encode_page(entries)
            name = hash_bytes(data)
            self._put("page", name, data)
            self._pages.append(PageRef(name, len(data)))
        self._waiting = []
