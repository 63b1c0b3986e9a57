"""Ten thousand small files: what every single file costs."""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contents import trees, web
from benchmarks.contents.ours import Tenku, check, settle

FILES = 10_000
IN_A_FOLDER = 100
LARGEST = 8192


@dataclass(frozen=True, slots=True)
class Small:
    """Files a second, with the program's start, round by round."""

    publish: list[float]
    pull: list[float]


def measure(at: Path, *, rounds: int) -> Small:
    """Publish and pull them; works below `at`, which is removed again."""
    at.mkdir()
    try:
        build = at / "build"
        _make(build)
        wanted = trees.signature(build)
        small = Small([], [])
        for number in range(rounds):
            tenku, game = Tenku(at / f"tenku{number}"), at / "game"
            settle()
            small.publish.append(FILES / tenku.publish(build).seconds)
            with web.serve(tenku.store, at / "web") as site:
                settle()
                small.pull.append(FILES / tenku.pull(game, site.url).seconds)
            check(game, wanted, who="tenku")
            shutil.rmtree(game)
        return small
    finally:
        shutil.rmtree(at)


def _make(build: Path) -> None:
    """Files of up to 8 KB, half of each random, half of it the same letter again and again."""
    chance = random.Random(3)
    for number in range(FILES):
        path = build / f"{number // IN_A_FOLDER:03}" / f"{number:05}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        half = chance.randrange(1, LARGEST // 2)
        path.write_bytes(chance.randbytes(half) + b"x" * half)
