"""Memory on a tree of 20 GB, and extra disk in low-disk mode."""

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contents import trees, web
from benchmarks.contents.corpora import Pair
from benchmarks.contents.ours import Tenku, check, settle
from benchmarks.contents.run import Run
from benchmarks.stream import BenchmarkError

GIB = 2**30
RANDOM_FILES = 3
"""Of 1 GiB each, which nothing can make smaller."""
SPARSE_GIB = 16
ISLAND, EVERY = 2**16, 2**25
"""A sparse file holds 64 KiB of random bytes every 32 MiB."""
BLOCK = 512
"""What st_blocks counts in."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What publishing and pulling the large tree took."""

    size: int
    publish: Run
    pull: Run

    def as_json(self) -> dict[str, object]:
        runs = {"publish": self.publish, "pull": self.pull}
        # Without what they printed, which has paths of this machine.
        costs = {name: {"seconds": run.seconds, "cpu": run.cpu, "peak_mb": run.peak_mb} for name, run in runs.items()}
        return {"size": self.size, **costs}


@dataclass(frozen=True, slots=True)
class LowDisk:
    """Bytes on the disk during an update that replaces file by file."""

    before: int
    after: int
    most: int
    largest: int
    """The largest file of either version."""

    @property
    def extra(self) -> int:
        """More than the larger of both versions."""
        return self.most - max(self.before, self.after)


def measure(at: Path, *, scale: float = 1.0) -> Memory:
    """Make the tree, publish and pull it; works below `at`, which is removed again. Raises BenchmarkError: no room."""
    size = int((RANDOM_FILES + 1 + SPARSE_GIB) * GIB * scale)
    # The tree's random part, the store, and a pulled tree without holes at worst.
    needed = size + int(2 * (RANDOM_FILES + 1) * GIB * scale) + GIB
    if (free := shutil.disk_usage(at.parent).free) < needed:
        raise BenchmarkError(f"{at.parent} has {free / 1e9:.0f} GB free, and this part needs {needed / 1e9:.0f} GB.")
    at.mkdir()
    try:
        build, game = at / "build", at / "game"
        _make(build, scale)
        tenku = Tenku(at / "tenku")
        publish = tenku.publish(build, watch=_nothing)
        with web.serve(tenku.store, at / "web") as site:
            pull = tenku.pull(game, site.url, watch=_nothing)
        check(game, trees.signature(build), who="tenku")
        return Memory(sum(path.stat().st_size for path in trees.files_of(build)), publish, pull)
    finally:
        shutil.rmtree(at)


def low_disk(pair: Pair, at: Path) -> LowDisk:
    """Update one pair file by file and look at the disk meanwhile; works below `at`, which is removed again."""
    at.mkdir()
    try:
        tenku, player = Tenku(at / "tenku"), at / "player"
        player.mkdir()
        with web.serve(tenku.store, at / "web") as site:
            tenku.publish(pair.old)
            tenku.pull(player / "game", site.url)
            tenku.publish(pair.new)
            settle()
            before = on_disk(player)
            seen = [before]
            tenku.pull(player / "game", site.url, "--low-disk", watch=lambda: seen.append(on_disk(player)))
        check(player / "game", trees.signature(pair.new), who="tenku")
        sizes = [path.stat().st_size for build in (pair.old, pair.new) for path in trees.files_of(build)]
        settle()
        return LowDisk(before, on_disk(player), max(seen), max(sizes))
    finally:
        shutil.rmtree(at)


def on_disk(folder: Path) -> int:
    """What a folder takes on the disk: the game, and all that is put beside it."""
    blocks: dict[int, int] = {}
    for at, _, names in os.walk(folder):
        for path in (Path(at), *(Path(at, name) for name in names)):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # it was moved while the folder was read
            blocks[status.st_ino] = status.st_blocks  # a file with two names takes its disk once
    return sum(blocks.values()) * BLOCK


def _make(build: Path, scale: float) -> None:
    build.mkdir()
    chance = random.Random(5)
    for number in range(RANDOM_FILES):
        with (build / f"random{number}.bin").open("wb") as file:
            for _ in range(int(scale * GIB) >> 22):
                file.write(chance.randbytes(2**22))
    for number in range(2):
        with (build / f"sparse{number}.bin").open("wb") as file:
            length = int(scale * (SPARSE_GIB + 1) * GIB / 2)
            for place in range(0, length - ISLAND, EVERY):
                file.seek(place)
                file.write(chance.randbytes(ISLAND))
            file.truncate(length)


def _nothing() -> None:
    """Only the memory is looked at."""
