"""Finds everything that releases need, in a temporary file, so that memory stays small for any store."""

from collections.abc import Iterable, Iterator, Sequence

from tenku.base.errors import CorruptError, NotFoundError
from tenku.content.model import Chunk, Hash, Release, key_object
from tenku.content.ports import Progress
from tenku.content.scratch import Scratch
from tenku.content.source import Source

BATCH = 500


class Reach(Scratch):
    """Which objects of a game are needed, and how many bytes of each pack."""

    SCHEMA = """
    CREATE TABLE object (key TEXT PRIMARY KEY, live INT) WITHOUT ROWID;
    CREATE TABLE place (pack INT, offset INT, stored INT, PRIMARY KEY (pack, offset)) WITHOUT ROWID
    """

    def __init__(self, game: str) -> None:
        self._game = game
        self._packs: dict[Hash, int] = {}
        self._names: list[Hash] = []

    def add(self, kind: str, hash: Hash, *, live: bool = True) -> bool:
        """An object is needed; whether that is news. What is live stays so: add what is live first."""
        row = (key_object(self._game, kind, hash), live)
        return self._db.execute("INSERT OR IGNORE INTO object VALUES (?, ?)", row).rowcount > 0

    def add_chunks(self, chunks: Sequence[Chunk], *, live: bool = True, used: bool = True) -> None:
        """Chunks are needed, and with them their packs; `used`: they count in `pack_use`."""
        for pack in dict.fromkeys(chunk.at.pack for chunk in chunks):
            self.add("pack", pack, live=live)
        if used:
            rows = [(self._number(chunk.at.pack), chunk.at.offset, chunk.at.stored) for chunk in chunks]
            self._db.executemany("INSERT OR IGNORE INTO place VALUES (?, ?, ?)", rows)

    def find(self, keys: Sequence[str]) -> dict[str, bool]:
        """Those of these keys that are needed, and whether they are live."""
        found: dict[str, bool] = {}
        for begin in range(0, len(keys), BATCH):
            some = keys[begin : begin + BATCH]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(f"SELECT key, live FROM object WHERE key IN ({marks})", some)
            found.update((key, bool(live)) for key, live in rows)
        return found

    def keys(self, kind: str) -> Iterator[str]:
        """The keys of one kind that are needed, in order."""
        prefix = f"{self._game}/{kind}/"
        yield from self._column("SELECT key FROM object WHERE key > ? AND key < ? ORDER BY key", prefix)

    def use_of(self, packs: Sequence[Hash]) -> dict[Hash, int]:
        """Those of these packs with chunks that are used, and how many bytes they take."""
        query = "SELECT sum(stored) FROM place WHERE pack = ?"
        known = [pack for pack in packs if pack in self._packs]
        return {pack: int(self._db.execute(query, (self._packs[pack],)).fetchone()[0]) for pack in known}

    def places(self, pack: Hash) -> set[int]:
        """The offsets of the chunks of a pack that are used."""
        rows = self._db.execute("SELECT offset FROM place WHERE pack = ?", (self._packs.get(pack, -1),))
        return {offset for (offset,) in rows}

    def _column(self, query: str, prefix: str) -> Iterator[str]:
        last = prefix
        while rows := self._db.execute(f"{query} LIMIT {BATCH}", (last, f"{prefix}~")).fetchall():
            yield from (key for (key,) in rows)
            last = rows[-1][0]

    def _number(self, pack: Hash) -> int:
        if pack not in self._packs:
            self._packs[pack] = len(self._names)
            self._names.append(pack)
        return self._packs[pack]


async def reach(
    source: Source,
    releases: Iterable[Release],
    into: Reach,
    *,
    progress: Progress,
    live: bool = True,
    used: bool = True,
) -> None:
    """Add all that these releases need, page by page. Raises StoreError, CorruptError."""
    for release in releases:
        for edge in release.deltas:
            into.add("delta", edge.object, live=live)
        refs = [ref for ref in dict.fromkeys(release.pages) if into.add("page", ref.hash, live=live)]
        progress.phase(f"look at {release.version}", total=sum(ref.size for ref in refs))
        async for page in source.pages(refs):
            into.add_chunks([chunk for entry in page.entries for chunk in entry.chunks], live=live, used=used)
            progress.advance(page.ref.size)


async def reach_if_whole(
    source: Source, hashes: Iterable[Hash], into: Reach, *, progress: Progress, live: bool
) -> None:
    """The same for releases that no head needs: one that is broken holds nothing. Raises StoreError."""
    for hash in hashes:
        try:
            await reach(source, [await source.release(hash)], into, progress=progress, live=live, used=False)
        except (NotFoundError, CorruptError) as error:
            progress.note(f"The unused release {hash.hex()[:12]} of {source.game} is not whole: {error}")


async def releases_of(source: Source, roots: Iterable[tuple[Hash, bool]]) -> dict[Hash, Release]:
    """Releases by name, of those that are there; who is marked True has to be there. Raises StoreError."""
    found: dict[Hash, Release] = {}
    for hash, required in roots:
        if hash in found:
            continue
        try:
            found[hash] = await source.release(hash)
        except NotFoundError:
            if required:
                raise
    return found
