"""kill -9 at any instant: the folder is the old or the new version, whole, and little is fetched or stored twice."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from content_child import child, finish
from content_faults import FaultServer
from content_trees import (
    File,
    Folder,
    Link,
    Tree,
    check,
    kept,
    noise,
    publish_to,
    pull_to,
    read_tree,
    stored,
    write_tree,
)

MB = 1_000_000
SMALL = 256 * 1024
IN_FLIGHT = 4
KILLS = 20

V1: Tree = {
    "one.bin": File(noise(1, 4 * MB)),
    "two.bin": File(noise(2, 4 * MB)),
    "lib/run": File(noise(3, 70_000), executable=True),
    "nothing": Folder(),
    "link": Link("lib/run"),
    **{f"small/{number}": File(b"%d" % number * 100) for number in range(300)},
}
V2: Tree = {
    "one.bin": File(noise(1, 4 * MB)[: 2 * MB] + noise(11, 8 * MB)),
    "two.bin": File(noise(2, 4 * MB)),
    "three/3.bin": File(noise(13, 10 * MB)),
    "lib/run": File(noise(3, 70_000) + b"more", executable=True),
    "link": Link("two.bin"),
    **{f"small/{number}": File(b"%d" % number * 101) for number in range(300)},
}
NEW = 18.4 * MB
"""Bytes of chunks that the second build has and the first one has not, and some more for cut points."""


def until(true: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for a real process. Raises AssertionError when it takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def is_whole(game: Path) -> bool:
    """Whether it is the new version; it is that or the old one, or the test fails."""
    tree = read_tree(game)
    assert tree in (V1, V2)
    assert check(game) == []
    return tree == V2


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """With both builds; `tmp_path/game` has the first one."""
    publish_to(tmp_path / "store", write_tree(tmp_path / "build", V1))
    pull_to(tmp_path / "store", tmp_path / "game")
    publish_to(tmp_path / "store", write_tree(tmp_path / "build", V2))
    return tmp_path / "store"


def test_a_pull_that_is_killed_twenty_times_ends_and_fetches_little_again(store: Path, tmp_path: Path) -> None:
    game, chance = tmp_path / "game", random.Random(5)
    order = {"verb": "pull", "folder": game, "small": SMALL, "in_flight": IN_FLIGHT, "rate": 16 * MB}
    with FaultServer(store) as server:
        for _ in range(KILLS):
            goal = server.sent("*/pack/*") + chance.randint(0, int(1.4 * NEW / KILLS))
            process = child(stores=[server.url], **order)
            until(lambda goal=goal, p=process: server.sent("*/pack/*") >= goal or p.poll() is not None)  # type: ignore[misc]
            process.kill()
            finish(process)
            is_whole(game)
        assert finish(child(stores=[server.url], **order)) == 0
        assert is_whole(game)
        assert not (tmp_path / ".game.tenku").exists()
        sent = server.sent("*/pack/*")
        assert 0.9 * NEW < sent < NEW + KILLS * IN_FLIGHT * 2 * SMALL


STEPS = [
    "before sync_file_system",
    "after sync_file_system",
    "before exchange",
    "after exchange",
    "before keep_kept",
    "before remove_old",
    "before clear",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_pull_that_is_killed_in_the_switch_left_one_version_whole(store: Path, tmp_path: Path, step: str) -> None:
    game = tmp_path / "game"
    (game / "mine").write_bytes(b"added")
    (game / "lib/run").write_bytes(b"changed")
    assert finish(child(verb="pull", stores=[store], folder=game, die=step)) != 0
    tree = read_tree(game)
    assert tree.pop("mine") == File(b"added")
    if tree != V2:
        assert tree == V1 | {"lib/run": File(b"changed", executable=True)}
    pulled = pull_to(store, game)
    assert pulled.fetched == 0
    assert read_tree(game) == V2 | {"mine": File(b"added")}
    assert kept(game) == {"lib/run": File(b"changed", executable=True)}


@pytest.mark.parametrize("step", ["before between", "after between"])
def test_a_kill_between_two_renames_is_mended_by_the_next_pull(store: Path, tmp_path: Path, step: str) -> None:
    game = tmp_path / "game"
    (game / "mine").write_bytes(b"added")
    assert finish(child(verb="pull", stores=[store], folder=game, die=step)) != 0
    pulled = pull_to(store, game)
    assert pulled.fetched == 0
    assert read_tree(game) == V2 | {"mine": File(b"added")}
    assert check(game)[0].path == "mine"


def test_what_the_switch_left_is_removed_by_the_next_pull(store: Path, tmp_path: Path) -> None:
    game = tmp_path / "game"
    assert finish(child(verb="pull", stores=[store], folder=game, die="after exchange")) != 0
    assert is_whole(game)
    pull_to(store, game)
    assert not (tmp_path / ".game.tenku").exists()


def test_a_publish_that_is_killed_again_and_again_stores_nothing_twice(tmp_path: Path) -> None:
    store, build, game = tmp_path / "store", tmp_path / "build", tmp_path / "game"
    publish_to(store, write_tree(build, V1))
    first = sum(stored(store, "pack").values())
    write_tree(build, V2)
    chance = random.Random(6)
    order = {"verb": "publish", "stores": [store], "folder": build, "small": 2 * MB}
    for _ in range(8):
        goal = len(stored(store, "pack")) + chance.randint(0, 1)
        process = child(**order)
        until(lambda goal=goal, p=process: len(stored(store, "pack")) >= goal or p.poll() is not None)  # type: ignore[misc]
        process.kill()
        finish(process)
        pull_to(store, game)
        is_whole(game)
    assert finish(child(**order)) == 0
    pull_to(store, game)
    assert is_whole(game)
    assert sum(stored(store, "pack").values()) - first < 1.02 * NEW
