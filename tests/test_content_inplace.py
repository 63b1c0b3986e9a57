"""File by file: a low-disk update, and repair. Each file is the old or the new one; nothing of the user's is lost."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_trees import (
    HASTE,
    QUICK,
    File,
    Link,
    Tree,
    check,
    edited,
    kept,
    noise,
    publish_to,
    pull_to,
    read_tree,
    stored,
    trees,
    words,
    write_tree,
)
from tenku.base.errors import FolderError, StoreError
from tenku.content.hashes import hash_bytes
from tenku.content.model import Chunk, Entry, Hash, Location
from tenku.content.ports import NoProgress
from tenku.content.pull import Pulled
from tenku.content.repair import repair
from tenku.content.source import Source
from tenku.content.state import InstalledFolder
from tenku.content.stock import StockFile
from tenku.content.stores.mirrors import Mirrors
from tenku.content.stores.open import open_store
from tenku.content.worklist import WorkList

V1: Tree = {
    "app": File(noise(1, 300_000), executable=True),
    "data/a.pak": File(noise(2, 900_000)),
    "data/b.pak": File(noise(3, 400_000)),
    "saves/slot": File(b"new game"),
    "text": File(words(4, 50_000)),
    "link": Link("text"),
}
V2: Tree = V1 | {
    "data/a.pak": File(noise(2, 900_000)[:500_000] + b"changed" + noise(2, 900_000)[500_000:]),
    "data/b.pak": V1["data/a.pak"],
    "saves/slot": File(b"new game, better"),
    "more": File(noise(5, 200_000)),
}


def installed(tmp: Path, tree: Tree = V1, **given: Any) -> tuple[Path, Path]:
    """A store with a tree, and a folder that was brought to it."""
    store, game = tmp / "store", tmp / "game"
    publish_to(store, write_tree(tmp / "build", tree), version="1.0", **given)
    pull_to(store, game)
    return store, game


def update(tmp: Path, tree: Tree, **given: Any) -> Pulled:
    """Publish the next version, and bring the folder there file by file."""
    publish_to(tmp / "store", write_tree(tmp / "build", tree), **given)
    return pull_to(tmp / "store", tmp / "game", low_disk=True)


def mend(store: Path, game: Path) -> Pulled:
    """Repair a folder from a store."""
    mirrors = Mirrors([open_store(str(store))], backoff=HASTE)
    return asyncio.run(repair(game, mirrors, in_flight=4, progress=NoProgress()))


@QUICK
@given(data=st.data())
def test_an_update_file_by_file_makes_the_next_build_bit_by_bit(data: st.DataObject) -> None:
    first = data.draw(trees())
    second = data.draw(edited(first))
    with tempfile.TemporaryDirectory() as name:
        tmp = Path(name)
        _, game = installed(tmp, first)
        update(tmp, second, delta_seconds=data.draw(st.sampled_from((0, 30))))
        assert read_tree(game) == second
        assert check(game) == check(game, thorough=False) == []
        assert not list(tmp.glob(".game*"))


@settings(QUICK, max_examples=10)
@given(data=st.data())
def test_repair_brings_back_whatever_was_done_to_a_build(data: st.DataObject) -> None:
    first = data.draw(trees())
    second = data.draw(edited(first))
    with tempfile.TemporaryDirectory() as name:
        tmp = Path(name)
        store, game = installed(tmp, first)
        own = game / ".tenku"
        own.rename(tmp / "own")
        write_tree(game, second)
        (tmp / "own").rename(own)
        mend(store, game)
        found = read_tree(game)
        assert {path: found.get(path) for path in first} == first or _has_more_in_an_empty_folder(first, found)
        assert {path for path in second if path not in first} >= found.keys() - first.keys()


def _has_more_in_an_empty_folder(tree: Tree, found: Tree) -> bool:
    """The user's files in a folder that the build has empty stay there."""
    full = {path for path in tree if any(other.startswith(f"{path}/") for other in found)}
    return all(found.get(path) == each for path, each in tree.items() if path not in full)


def test_files_that_change_places_are_not_fetched(tmp_path: Path) -> None:
    _, game = installed(tmp_path)
    turned = V1 | {"data/a.pak": V1["data/b.pak"], "data/b.pak": V1["app"], "app": V1["data/a.pak"]}
    done = update(tmp_path, turned)
    assert read_tree(game) == turned
    assert done.fetched == 0


def test_an_update_file_by_file_fetches_only_what_changed(tmp_path: Path) -> None:
    _, game = installed(tmp_path)
    before = stored(tmp_path / "store", "pack")
    done = update(tmp_path, V2)
    assert read_tree(game) == V2
    new = sum(size for pack, size in stored(tmp_path / "store", "pack").items() if pack not in before)
    assert 200_000 < done.fetched <= new
    untouched = {"app", "text"}
    assert untouched <= read_tree(game).keys()


def test_an_update_file_by_file_needs_no_more_disk_than_its_largest_file(tmp_path: Path) -> None:
    """What lies beside the game at any moment is at most as large as the largest file that changes."""
    tree: Tree = {f"part{i}": File(noise(i, 600_000)) for i in range(8)}
    _, game = installed(tmp_path, tree)
    most = 0

    class Watch(NoProgress):
        def advance(self, amount: int) -> None:
            del amount
            nonlocal most
            most = max(most, sum(each.stat().st_size for each in (tmp_path / ".game.tenku/parts").rglob("*")))

    publish_to(
        tmp_path / "store",
        write_tree(tmp_path / "build", {p: File(noise(i + 99, 600_000)) for i, p in enumerate(tree)}),
    )
    pull_to(tmp_path / "store", game, low_disk=True, progress=Watch())
    assert 0 < most <= 600_000


def test_saves_and_own_files_survive_an_update_file_by_file(tmp_path: Path) -> None:
    _, game = installed(tmp_path, mutable=("saves/**",))
    (game / "saves/slot").write_bytes(b"level 9")
    (game / "saves/mine").write_bytes(b"level 7")
    (game / "data/a.pak").write_bytes(b"a mod")
    (game / "more").write_bytes(b"my own file, and the new build has one of that name")
    done = update(tmp_path, V2, mutable=("saves/**",))
    expected = V2 | {"saves/slot": File(b"level 9"), "saves/mine": File(b"level 7")}
    assert read_tree(game) == expected
    assert {path: each.data for path, each in kept(game).items() if isinstance(each, File)} == {
        "data/a.pak": b"a mod",
        "more": b"my own file, and the new build has one of that name",
    }
    assert done.carried is not None
    assert set(done.carried.kept) == {"data/a.pak", "more"}


def test_a_mutable_file_that_was_changed_is_neither_bad_nor_taken_for_the_builds(tmp_path: Path) -> None:
    _, game = installed(tmp_path, mutable=("saves/**",))
    (game / "saves/slot").write_bytes(b"level 9")
    update(tmp_path, V2, mutable=("saves/**",))
    assert [each.path for each in check(game, thorough=False)] == ["saves/slot"]


def test_nothing_is_written_or_removed_through_a_link_of_the_user(tmp_path: Path) -> None:
    _, game = installed(tmp_path)
    outside = tmp_path / "outside"
    (game / "data").rename(outside)
    (game / "data").symlink_to(outside)
    before = read_tree(outside)
    update(tmp_path, {path: each for path, each in V2.items() if path != "data/b.pak"})
    assert read_tree(outside) == before
    assert (game / "data").is_dir()
    assert not (game / "data").is_symlink()


@pytest.mark.parametrize("files_placed", [0, 1, 2])
def test_a_failed_update_file_by_file_is_said_to_be_unfinished_and_goes_on(tmp_path: Path, files_placed: int) -> None:
    tree: Tree = {f"part{i}": File(noise(i, 600_000)) for i in range(4)}
    later: Tree = {path: File(noise(i + 50, 600_000)) for i, path in enumerate(tree)}
    store, game = installed(tmp_path, tree)
    old = set(stored(store, "pack"))
    publish_to(store, write_tree(tmp_path / "build", later))
    (new,) = set(stored(store, "pack")) - old
    pack = store / "game/pack" / new
    data = pack.read_bytes()
    pack.write_bytes(data[: 600_000 * files_placed + 1000])
    with pytest.raises(StoreError):
        pull_to(store, game, low_disk=True)
    assert InstalledFolder(game).read().unfinished
    now = read_tree(game)
    assert all(now[path] in (tree[path], later[path]) for path in tree), "each file is the old or the new one"
    assert sum(now[path] == later[path] for path in tree) == files_placed
    pack.write_bytes(data)
    done = pull_to(store, game)  # It goes on in the same way, also where nobody says so again.
    assert read_tree(game) == later
    assert done.fetched < len(data) - 600_000 * files_placed + 1000
    assert not kept(game)
    assert not InstalledFolder(game).read().unfinished


def test_after_an_update_that_did_not_end_repair_goes_back(tmp_path: Path) -> None:
    tree: Tree = {f"part{i}": File(noise(i, 600_000)) for i in range(4)}
    store, game = installed(tmp_path, tree)
    old = set(stored(store, "pack"))
    publish_to(store, write_tree(tmp_path / "build", {p: File(noise(i + 50, 600_000)) for i, p in enumerate(tree)}))
    (new,) = set(stored(store, "pack")) - old
    os.truncate(store / "game/pack" / new, 1_300_000)
    with pytest.raises(StoreError):
        pull_to(store, game, low_disk=True)
    mend(store, game)
    assert read_tree(game) == tree
    assert check(game) == []
    assert not InstalledFolder(game).read().unfinished


# Repair


def flip(path: Path, at: int) -> None:
    """Change one byte, and leave the file's date as it was, as a failing disk does."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_repair_fetches_only_the_chunks_that_are_bad(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    flip(game / "data/a.pak", 450_000)
    assert check(game, thorough=False) == []
    assert [each.path for each in check(game)] == ["data/a.pak"]
    done = mend(store, game)
    assert read_tree(game) == V1
    assert check(game) == []
    assert 0 < done.fetched <= 262_144 + 40
    assert not kept(game), "what a disk broke is nobody's work"


def test_repair_of_a_whole_folder_fetches_nothing(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    before = {path: (game / path).stat().st_ino for path in V1}
    assert mend(store, game).fetched == 0
    assert {path: (game / path).stat().st_ino for path in V1} == before


def test_repair_brings_back_what_is_missing_and_keeps_what_the_user_changed(tmp_path: Path) -> None:
    store, game = installed(tmp_path, mutable=("saves/**",))
    (game / "app").unlink()
    (game / "link").unlink()
    (game / "text").write_bytes(b"mine")
    (game / "saves/slot").write_bytes(b"level 9")
    (game / "own").write_bytes(b"mine, too")
    mend(store, game)
    assert read_tree(game) == V1 | {"saves/slot": File(b"level 9"), "own": File(b"mine, too")}
    assert kept(game) == {"text": File(b"mine")}


def test_repair_gives_a_file_its_right_to_run_back(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    (game / "app").chmod(0o644)
    mend(store, game)
    assert read_tree(game) == V1


def test_repair_without_what_is_missing_says_so_and_changes_nothing_else(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    flip(game / "data/a.pak", 5)
    for pack in stored(store, "pack"):
        (store / "game/pack" / pack).unlink()
    with pytest.raises(StoreError, match="pack"):
        mend(store, game)
    found = read_tree(game)
    assert {path for path in V1 if found[path] != V1[path]} == {"data/a.pak"}


def test_repair_of_a_folder_that_nobody_pulled_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path / "game", V1)
    with pytest.raises(FolderError, match="was not brought by Tenku"):
        mend(tmp_path, tmp_path / "game")


def test_a_pull_uses_other_installed_builds(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    publish_to(store, write_tree(tmp_path / "build", V2), "game:next")
    done = pull_to(store, tmp_path / "second", "game:next", others=[game, tmp_path / "gone"])
    assert read_tree(tmp_path / "second") == V2
    assert done.fetched < 400_000
    assert read_tree(game) == V1


def test_a_file_that_changes_between_plan_and_use_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, game = installed(tmp_path)
    publish_to(store, write_tree(tmp_path / "build", V2))
    release = Source.release

    async def later(self: Source, *arguments: object) -> object:
        return await release(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Source, "release", later)
    from tenku.content.assemble import Assembler

    add_same = Assembler.add_same

    def changed_just_before(self: Assembler, *arguments: object) -> None:
        (game / "text").write_bytes(b"written by a game that runs")
        add_same(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Assembler, "add_same", changed_just_before)
    with pytest.raises(FolderError, match="text changed while it was used"):
        pull_to(store, game)
    assert read_tree(game) == V1 | {"text": File(b"written by a game that runs")}
    monkeypatch.setattr(Assembler, "add_same", add_same)
    pull_to(store, game)
    assert read_tree(game) == V2
    assert kept(game) == {"text": File(b"written by a game that runs")}


@pytest.mark.parametrize(
    ("large_first", "groups"),
    [(True, [["b"], ["e"], ["a", "c"], ["d"]]), (False, [["a", "c"], ["d"], ["b"], ["e"]])],
)
def test_files_that_are_larger_than_a_group_are_made_first_or_last(
    tmp_path: Path, large_first: bool, groups: list[list[str]]
) -> None:
    """A game that grows has room for them at the beginning, one that shrinks at the end."""
    sizes = {"a": 40, "b": 101, "c": 60, "d": 1, "e": 200}
    with WorkList(tmp_path / "work.db") as work:
        work.add_files([Entry(path, size=size) for path, size in sizes.items()])
        work.finish_plan()
        assert work.shrink() < 2**19
        assert work.split_groups(100, large_first=large_first) == len(groups)
        found = []
        for number in range(len(groups)):
            work.begin_group(number)
            found.append([path for _, path, _, _ in work.files()])
    assert found == groups


def test_a_work_list_forgets_chunks_that_are_here_and_nobody_needs(tmp_path: Path) -> None:
    needed, other = (Chunk(hash_bytes(data), 1, Location(hash_bytes(b"pack"), 0, 1)) for data in (b"x", b"y"))
    with WorkList(tmp_path / "work.db") as work:
        root = work.stock.add_root(tmp_path)
        work.stock.add_files(root, [StockFile("old", Hash(b""), None, [(needed.hash, 0), (other.hash, 1)])])
        [file] = work.add_files([Entry("new", size=1)])
        work.add_needs([(file, Entry("new", size=1, chunks=(needed,)))])
        work.finish_plan()
        work.shrink()
        work.split_groups(100, large_first=True)
        work.begin_group(0)
        assert [chunk for chunk, _ in work.local()] == [needed]
        assert work.stock.has_old(root, "old")
        work.stock.drop_old(root, "old")
        assert list(work.remote()) == [needed]
