"""Small builds for tests: made, changed at random, published, pulled, and compared.

publish_to(store, build)
pull_to(store, game)
assert read_tree(game) == read_tree(build)
"""

import asyncio
import os
import random
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

from content_minisign import key
from tenku.content.channelhead import Trust, read_head
from tenku.content.check import Checked, check_folder
from tenku.content.compare import Finding
from tenku.content.memory import MemoryFolder
from tenku.content.model import parse_channel
from tenku.content.ports import NoProgress, Progress, PruneStore
from tenku.content.publish import Publisher, PublishOptions, PublishResult
from tenku.content.pull import Pulled, Puller, PullOptions
from tenku.content.source import Source
from tenku.content.state import Installed, InstalledFolder
from tenku.content.stores.backoff import Backoff
from tenku.content.stores.mirrors import Mirrors
from tenku.content.stores.open import open_store, open_write_store
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit

NAME = "game:beta"
KEY = key(1)
HASTE = Backoff(rounds=2, first_s=0.01, most_s=0.02)
"""Every mirror is asked twice, at once."""
SHORT = Patience(connect_s=2, stall_s=0.3, crawl_s=0.5, crawl_bytes=64 * 1024)
"""A reply that stalls is given up in less than a second."""


QUICK = settings(max_examples=15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
"""Without shrinking: an example takes a second where it publishes and pulls, and the blob brings a failure back."""


@dataclass(frozen=True)
class File:
    """A file of a tree."""

    data: bytes = b""
    executable: bool = False

    def __repr__(self) -> str:
        return f"File({len(self.data)} bytes {self.data[:8]!r}, executable={self.executable})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis would print every byte."""
        del cycle
        printer.text(repr(self))


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Folder:
    """An empty folder."""


Tree = dict[str, File | Link | Folder]
"""What lies in a folder, by path."""


@cache
def noise(seed: int, size: int) -> bytes:
    """Bytes that nothing can compress, the same ones for the same seed."""
    return random.Random(seed).randbytes(size)


@cache
def words(seed: int, size: int) -> bytes:
    """Bytes that compress well."""
    some = [b"%x " % value for value in random.Random(seed).randbytes(97)]
    return b"".join(some[value % 97] for value in random.Random(seed).randbytes(size // 2 + 1))[:size]


# What lies on the disk


def write_tree(folder: Path, tree: Tree) -> Path:
    """Make the folder hold exactly this tree."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, each in tree.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        match each:
            case File(data, executable):
                place.write_bytes(data)
                place.chmod(0o755 if executable else 0o644)
            case Link(target):
                place.symlink_to(target)
            case Folder():
                place.mkdir()
    return folder


def read_tree(folder: Path) -> Tree:
    """What lies in a folder, without what is Tenku's own."""
    found: Tree = {}
    for root, folders, names in os.walk(folder):
        here = Path(root)
        if here == folder and ".tenku" in folders:
            folders.remove(".tenku")
        for name in [*names, *folders]:
            place = here / name
            path = place.relative_to(folder).as_posix()
            if place.is_symlink():
                found[path] = Link(os.readlink(place))  # noqa: PTH115 - as it is written
            elif place.is_dir():
                found |= {path: Folder()} if not any(place.iterdir()) else {}
            else:
                found[path] = File(place.read_bytes(), bool(place.stat().st_mode & 0o100))
    return found


def kept(folder: Path) -> Tree:
    """The user's files that an update moved out of the way, by their path below the old version's name."""
    place = folder / ".tenku" / "kept"
    trees = [read_tree(version) for version in sorted(place.iterdir())] if place.is_dir() else []
    return {path: each for tree in trees for path, each in tree.items()}


def check(folder: Path, *, thorough: bool = True) -> list[Checked]:
    """What is not as it was installed."""
    own = InstalledFolder(folder)
    found = check_folder(own, own.release(own.read()), thorough=thorough, progress=NoProgress())
    return [each for each in found if each.finding is not Finding.SAME]


def stored(store: Path, kind: str, *, game: str = "game") -> dict[str, int]:
    """The objects of a kind in a store's folder: name and size."""
    return {each.name: each.stat().st_size for each in (store / game / kind).glob("*")}


# Publish and pull


def publisher(store: PruneStore | Path | str, *, now: float | None = None) -> Publisher:
    """One with the key `KEY`."""
    opened = open_write_store(str(store)) if isinstance(store, str | Path) else store
    return Publisher(
        opened, KEY, progress=NoProgress(), now=time.time if now is None else lambda: now, clock=time.monotonic
    )


def publish_to(
    store: PruneStore | Path | str,
    folder: Path,
    name: str = NAME,
    *,
    now: float | None = None,
    options: PublishOptions | None = None,
    **given: Any,
) -> PublishResult:
    """Publish a folder; without deltas, unless `delta_seconds` says so."""
    options = replace(options or PublishOptions(delta_seconds=0), **given)
    if isinstance(store, Path):
        store.mkdir(parents=True, exist_ok=True)
    return asyncio.run(publisher(store, now=now).publish(folder, parse_channel(name), options))


async def pull(
    stores: Sequence[str | Path],
    folder: Path,
    name: str = NAME,
    *,
    memory: Path | None = None,
    patience: Patience = SHORT,
    backoff: Backoff = HASTE,
    now: int | None = None,
    rate: float | None = None,
    progress: Progress | None = None,
    options: PullOptions | None = None,
    **given: Any,
) -> Pulled:
    """Bring a folder to what the channel holds, as a player with the public half of `KEY` would."""
    urls = [str(store) for store in stores]
    limit = RateLimit(rate) if rate else None
    mirrors = Mirrors([open_store(url, patience=patience, rate=limit) for url in urls], backoff=backoff)
    trust = Trust(KEY.public, MemoryFolder(memory or folder.parent / "memory"))
    channel = parse_channel(name)
    head = await read_head(mirrors, channel, trust=trust, now=int(time.time()) if now is None else now)
    source = Source(mirrors, channel.game)
    release = await source.release(head.current.release)
    options = replace(options or PullOptions(), **given)
    installed = Installed(
        channel=channel,
        release=head.current.release,
        tree=release.tree,
        version=release.version,
        seq=head.seq,
        stores=tuple(urls),
        key=KEY.public.line,
    )
    puller = Puller(folder, source, release, installed, options=options, progress=progress or NoProgress())
    return await puller.run()


def pull_to(stores: str | Path | Sequence[str | Path], folder: Path, name: str = NAME, **given: Any) -> Pulled:
    """The same, from a test that is no coroutine."""
    every = [stores] if isinstance(stores, str | Path) else stores
    return asyncio.run(pull(every, folder, name, **given))


# Trees by chance

NAMES = ("a", "b.txt", "data.bin", "zwölf", "日本語", "two words", "x", "-dash", "A-long-name-" + "n" * 60, "é.pak")
"""None is another one's name on any system."""
SIZES = (0, 1, 100, 16_384, 16_385, 70_000, 262_144, 262_145, 1_000_000, 3_000_000)


@st.composite
def datas(draw: st.DrawFn, *, most: int = 3_000_000) -> bytes:
    """Contents of a file: some of them twice in a tree, some compressible."""
    make = draw(st.sampled_from((noise, words)))
    size = draw(st.sampled_from([size for size in SIZES if size <= most]))
    return make(draw(st.integers(0, 5)), size)


@st.composite
def trees(draw: st.DrawFn, *, most: int = 12) -> Tree:
    """A build with at least one file."""
    tree: Tree = {"first": File(draw(datas()))}
    for _ in range(draw(st.integers(0, most))):
        _put(tree, draw(paths()), draw(st.one_of(files(), st.builds(Folder), st.builds(Link, st.sampled_from(NAMES)))))
    return tree


def paths() -> st.SearchStrategy[str]:
    """Up to three folders deep."""
    return st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)


def files() -> st.SearchStrategy[File]:
    """A file with any content."""
    return st.builds(File, datas(), st.booleans())


@st.composite
def edited(draw: st.DrawFn, tree: Tree) -> Tree:
    """The tree after some changes: bytes put in, taken out or replaced, files moved, added, removed, cut short."""
    new = dict(tree)
    for _ in range(draw(st.integers(0, 6))):
        path = draw(st.sampled_from(sorted(new)))
        old = new[path]
        match draw(st.sampled_from(("insert", "delete", "replace", "truncate", "move", "add", "remove", "mode"))):
            case "insert" if isinstance(old, File):
                at = draw(st.integers(0, len(old.data)))
                new[path] = replace(old, data=old.data[:at] + noise(draw(st.integers(6, 9)), 777) + old.data[at:])
            case "delete" if isinstance(old, File):
                at = draw(st.integers(0, len(old.data)))
                new[path] = replace(old, data=old.data[:at] + old.data[at + 5000 :])
            case "truncate" if isinstance(old, File):
                new[path] = replace(old, data=old.data[: draw(st.integers(0, len(old.data)))])
            case "mode" if isinstance(old, File):
                new[path] = replace(old, executable=not old.executable)
            case "replace":
                new[path] = draw(files())
            case "move" if path != "first":
                _put(new, draw(paths()), new.pop(path))
            case "add":
                _put(new, draw(paths()), draw(files()))
            case "remove" if path != "first":
                del new[path]
    return new


def _put(tree: Tree, path: str, each: File | Link | Folder) -> None:
    """Put it there, and take away what cannot stand beside it."""
    for other in list(tree):
        if other == path or other.startswith(f"{path}/") or path.startswith(f"{other}/"):
            del tree[other]
    tree[path] = each


def small_files(count: int) -> Tree:
    """Many files of some hundred bytes in many folders."""
    return {f"f{number % 97:02}/d{number % 7}/{number:05}.txt": File(b"%d " % number * 50) for number in range(count)}


def paths_of(checked: Iterable[Checked]) -> list[str]:
    """The paths of what was found."""
    return [each.path for each in checked]
