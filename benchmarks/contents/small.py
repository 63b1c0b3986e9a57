"""Ten thousand small files: what every single file costs."""

import os
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contents import trees, web
from benchmarks.contents.ours import Tenku, check, settle
from benchmarks.report import plain_table

FILES = 10_000
IN_A_FOLDER = 100
LARGEST = 8192


@dataclass(frozen=True, slots=True)
class Small:
    """Files a second, with the program's start, round by round."""

    publish: list[float]
    pull: list[float]
    plain: list[float]
    """Files that a loop of `open`, `write` and `close` makes, on the same disk in the same minute."""


def measure(at: Path, *, rounds: int) -> Small:
    """Publish and pull them; works below `at`, which is removed again."""
    at.mkdir()
    try:
        build = at / "build"
        _make(build)
        wanted = trees.signature(build)
        small = Small([], [], [])
        for number in range(rounds):
            # Everything stays until the end: for minutes after very many files were removed, ext4 looks at each of
            # their inodes again before it gives one to a new file, which takes longer than all that is measured here.
            tenku, game = Tenku(at / f"tenku{number}"), at / f"game{number}"
            settle()
            small.publish.append(FILES / tenku.publish(build).seconds)
            with web.serve(tenku.store, at / "web") as site:
                settle()
                small.pull.append(FILES / tenku.pull(game, site.url).seconds)
            check(game, wanted, who="tenku")
            small.plain.append(FILES / _plain(at / f"plain{number}"))
        return small
    finally:
        shutil.rmtree(at)


def table(small: Small) -> str:
    """Files a second, beside what the disk takes them at."""
    rates = (median(rates) for rates in (small.publish, small.pull, small.plain))
    return plain_table(("files/s", "publish", "pull", "a plain loop"), [("small", *(f"{rate:.0f}" for rate in rates))])


def _plain(at: Path) -> float:
    """Seconds that the file system alone takes for so many files."""
    settle()
    before = time.perf_counter()
    for number in range(FILES):
        if number % IN_A_FOLDER == 0:
            folder = at / f"{number // IN_A_FOLDER:03}"
            folder.mkdir(parents=True)
        with (folder / f"{number:05}.dat").open("wb") as file:
            file.write(bytes(LARGEST // 2))
    os.sync()
    return time.perf_counter() - before


def _make(build: Path) -> None:
    """Files of up to 8 KB, half of each random, half of it the same letter again and again."""
    chance = random.Random(3)
    for number in range(FILES):
        path = build / f"{number // IN_A_FOLDER:03}" / f"{number:05}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        half = chance.randrange(1, LARGEST // 2)
        path.write_bytes(chance.randbytes(half) + b"x" * half)
