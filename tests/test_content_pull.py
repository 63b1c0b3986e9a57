"""Bringing a folder to what a channel holds: bit by bit what was published, and nothing of the user's is lost."""

import asyncio
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_faults import FaultServer, Stall
from content_trees import (
    QUICK,
    File,
    Folder,
    Link,
    Tree,
    check,
    edited,
    kept,
    noise,
    publish_to,
    pull_to,
    read_tree,
    small_files,
    stored,
    trees,
    words,
    write_tree,
)
from tenku.base.errors import FolderError
from tenku.content.state import InstalledFolder

V1: Tree = {
    "big.bin": File(noise(1, 3_000_000)),
    "lib/engine.so": File(noise(2, 400_000), executable=True),
    "lib/text.txt": File(words(3, 300_000)),
    "config.ini": File(b"sound = 1\n"),
    "saves/first.sav": File(b"a new game"),
    "empty": File(b""),
    "nothing/here": Folder(),
    "link": Link("lib/text.txt"),
}
V2: Tree = {
    **V1,
    "big.bin": File(noise(1, 3_000_000)[:1_500_000] + b"new" + noise(1, 3_000_000)[1_500_000:]),
    "config.ini": File(b"sound = 2\n"),
    "saves/first.sav": File(b"a better new game"),
    "lib/more.so": File(noise(4, 100_000)),
}


def _content(each: File | Link | Folder) -> bytes | str:
    match each:
        case File(data, _):
            return data
        case Link(target):
            return target
    return ""


def publish(tmp: Path, tree: Tree, **given: Any) -> Path:
    """Publish a tree to the store `tmp/store`, and say where that is."""
    publish_to(tmp / "store", write_tree(tmp / "build", tree), **given)
    return tmp / "store"


def installed(tmp: Path, tree: Tree = V1, **given: Any) -> tuple[Path, Path]:
    """A store with a tree, and a folder that was brought to it."""
    store, game = publish(tmp, tree, version="1.0", **given), tmp / "game"
    pull_to(store, game)
    return store, game


@QUICK
@given(data=st.data())
def test_a_pull_makes_the_build_bit_by_bit_and_an_update_the_next_one(data: st.DataObject) -> None:
    first = data.draw(trees())
    second = data.draw(edited(first))
    with tempfile.TemporaryDirectory() as name:
        tmp = Path(name)
        store, game = installed(tmp, first)
        assert read_tree(game) == first
        publish(tmp, second, delta_seconds=data.draw(st.sampled_from((0, 30))))
        pull_to(store, game, thorough=data.draw(st.booleans()), deltas=data.draw(st.booleans()))
        assert read_tree(game) == second
        assert check(game) == check(game, thorough=False) == []
        assert not list(tmp.glob(".game*"))


@settings(QUICK, max_examples=10)
@given(data=st.data())
def test_a_pull_uses_what_lies_in_another_folder(data: st.DataObject) -> None:
    first = data.draw(trees())
    second = data.draw(edited(first))
    with tempfile.TemporaryDirectory() as name:
        tmp = Path(name)
        store, seed = publish(tmp, second), write_tree(tmp / "seed", first)
        pulled = pull_to(store, tmp / "game", seeds=[seed])
        assert read_tree(tmp / "game") == second
        assert read_tree(seed) == first
        if first == second:
            assert pulled.fetched == 0


@settings(QUICK, max_examples=10)
@given(data=st.data())
def test_a_folder_that_tenku_did_not_bring_can_be_adopted_and_keeps_its_own_files(data: st.DataObject) -> None:
    first = data.draw(trees())
    second = data.draw(edited(first))
    with tempfile.TemporaryDirectory() as name:
        tmp = Path(name)
        store, game = publish(tmp, second), write_tree(tmp / "game", first | {"my own/file": File(b"mine")})
        pull_to(store, game, adopt=True)
        found = read_tree(game)
        full = {path for path in second if any(other.startswith(f"{path}/") for other in found)}
        assert {path: found.get(path) for path in second if path not in full} == {
            path: each for path, each in second.items() if path not in full
        }
        assert found["my own/file"] == File(b"mine")
        everything = {_content(each) for each in (*found.values(), *kept(game).values())}
        assert {_content(each) for each in first.values() if not isinstance(each, Folder)} <= everything


def test_an_update_fetches_only_what_changed(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    publish(tmp_path, V2)
    pulled = pull_to(store, game)
    assert read_tree(game) == V2
    assert 100_000 < pulled.fetched < 900_000
    assert pulled.requests < 6


def test_a_delta_is_smaller_than_the_chunks_it_replaces(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    publish(tmp_path, V2, delta_seconds=60)
    assert stored(store, "delta")
    with_delta = pull_to(store, game)
    assert read_tree(game) == V2
    pull_to(store, tmp_path / "other")
    publish(tmp_path, V1)
    assert with_delta.fetched < 150_000


def test_a_folder_that_is_current_is_left_alone(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    before = (game / "big.bin").stat()
    with FaultServer(store) as server:
        pulled = pull_to(server.url, game)
        assert server.count("*/pack/*") == server.count("*/page/*") == 0
    assert not pulled.changed
    assert (game / "big.bin").stat() == before
    assert InstalledFolder(game).read().stores == (server.url,)


def test_a_thorough_pull_mends_what_was_changed_without_a_trace(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    file = game / "big.bin"
    status = file.stat()
    with file.open("r+b") as opened:
        opened.seek(1_000_000)
        opened.write(b"\0" * 100)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not check(game, thorough=False)
    assert [each.path for each in check(game)] == ["big.bin"]
    pulled = pull_to(store, game, thorough=True)
    assert read_tree(game) == V1
    assert pulled.fetched < 300_000


def test_files_that_the_user_added_stay_where_they_are(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    (game / "mods").mkdir()
    (game / "mods" / "hat.pak").write_bytes(b"a hat")
    (game / "saves" / "second.sav").write_bytes(b"level 2")
    publish(tmp_path, V2)
    pulled = pull_to(store, game)
    mine: Tree = {"mods/hat.pak": File(b"a hat"), "saves/second.sav": File(b"level 2")}
    assert read_tree(game) == V2 | mine
    assert pulled.carried is not None
    assert pulled.carried.added == {path: path for path in mine}


def test_a_mutable_file_that_the_user_changed_stays(tmp_path: Path) -> None:
    store, game = installed(tmp_path, mutable=("saves/**",))
    (game / "saves" / "first.sav").write_bytes(b"level 9")
    publish(tmp_path, V2, mutable=("saves/**",))
    pull_to(store, game)
    assert read_tree(game) == V2 | {"saves/first.sav": File(b"level 9")}
    publish(tmp_path, V1, mutable=("saves/**",))
    pull_to(store, game)
    assert read_tree(game) == V1 | {"saves/first.sav": File(b"level 9")}


def test_a_file_of_the_build_that_the_user_changed_is_kept_beside(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    (game / "config.ini").write_bytes(b"sound = 11\n")
    publish(tmp_path, V2)
    pulled = pull_to(store, game)
    assert read_tree(game) == V2
    assert (game / ".tenku/kept/1.0/config.ini").read_bytes() == b"sound = 11\n"
    assert pulled.carried is not None
    assert pulled.carried.kept == {"config.ini": ".tenku/kept/1.0/config.ini"}
    publish(tmp_path, V1, version="3")
    pull_to(store, game)
    assert kept(game) == {"config.ini": File(b"sound = 11\n")}


def test_a_file_of_the_build_that_the_user_removed_comes_back(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    (game / "lib/engine.so").unlink()
    (game / "link").unlink()
    publish(tmp_path, V2)
    pull_to(store, game)
    assert read_tree(game) == V2


def test_a_file_that_becomes_a_folder_and_the_other_way_round(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    turned: Tree = {path: each for path, each in V1.items() if not path.startswith("lib/")}
    turned |= {"lib": File(b"one file now"), "config.ini/part": File(b"more"), "link": Folder(), "nothing": Link("lib")}
    turned.pop("config.ini"), turned.pop("nothing/here")
    publish(tmp_path, turned)
    pull_to(store, game)
    assert read_tree(game) == turned
    publish(tmp_path, V1)
    pull_to(store, game)
    assert read_tree(game) == V1


def test_what_the_user_put_in_the_way_of_a_new_folder_is_kept(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    (game / "extra").write_bytes(b"my file")
    (game / "config").mkdir()
    (game / "config" / "mine").write_bytes(b"my other file")
    build = V1 | {"extra/new": File(b"theirs"), "config": File(b"theirs too")}
    publish(tmp_path, build)
    pull_to(store, game)
    assert read_tree(game) == build
    assert kept(game) == {"extra": File(b"my file"), "config/mine": File(b"my other file")}


def test_an_empty_folder_of_the_user_is_not_in_the_way_of_a_new_file(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    (game / "new").mkdir()
    (game / "mine").mkdir()
    publish(tmp_path, V1 | {"new": File(b"theirs")})
    pull_to(store, game)
    assert read_tree(game) == V1 | {"new": File(b"theirs"), "mine": Folder()}


def test_nothing_is_written_through_links_that_the_user_made(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    outside = write_tree(tmp_path / "outside", {"text.txt": File(b"outside"), "deep/file": File(b"far")})
    (game / "lib/text.txt").unlink()
    (game / "lib/engine.so").unlink()
    (game / "lib").rmdir()
    (game / "lib").symlink_to(outside)
    (game / "big.bin").unlink()
    (game / "big.bin").symlink_to(outside / "text.txt")
    (game / "mods").symlink_to(outside / "deep")
    publish(tmp_path, V2 | {"mods/new.pak": File(b"a mod of ours")})
    pull_to(store, game)
    assert read_tree(outside) == {"text.txt": File(b"outside"), "deep/file": File(b"far")}
    assert read_tree(game) == V2 | {"mods/new.pak": File(b"a mod of ours")}
    assert kept(game) == {
        "lib": Link(str(outside)),
        "big.bin": Link(str(outside / "text.txt")),
        "mods": Link(str(outside / "deep")),
    }


def test_nothing_is_written_through_links_in_the_staged_folder(tmp_path: Path) -> None:
    store = publish(tmp_path, V1)
    outside = write_tree(tmp_path / "outside", {"text.txt": File(b"outside")})
    new = tmp_path / ".game.tenku" / "new"
    new.mkdir(parents=True)
    (new / "lib").symlink_to(outside)
    (new / "big.bin").symlink_to(outside / "text.txt")
    pull_to(store, tmp_path / "game")
    assert read_tree(outside) == {"text.txt": File(b"outside")}
    assert read_tree(tmp_path / "game") == V1


def test_what_a_killed_pull_of_another_release_left_is_no_hindrance(tmp_path: Path) -> None:
    store = publish(tmp_path, V1)
    left: Tree = {
        "lib": File(b"a file where a folder belongs"),
        "big.bin/part": File(b"a folder where a file belongs"),
        "empty/part": File(b"where an empty file belongs"),
        "nothing/here": File(b"where an empty folder belongs"),
        "link/part": File(b"where a link belongs"),
        "old/part": File(b"where nothing belongs"),
    }
    write_tree(tmp_path / ".game.tenku" / "new", left)
    pull_to(store, tmp_path / "game")
    assert read_tree(tmp_path / "game") == V1


def test_changing_a_seed_later_changes_nothing_in_the_game(tmp_path: Path) -> None:
    store, seed = publish(tmp_path, V1), write_tree(tmp_path / "seed", V1)
    assert pull_to(store, tmp_path / "game", seeds=[seed]).fetched == 0
    with (seed / "big.bin").open("r+b") as opened:
        opened.write(b"\0" * 1000)
    assert read_tree(tmp_path / "game") == V1


def test_a_game_of_eighteen_thousand_files(tmp_path: Path) -> None:
    first = small_files(18_000)
    store, game = installed(tmp_path, first)
    assert read_tree(game) == first
    second = first | {"f00/d0/00000.txt": File(b"changed"), "f50/new.txt": File(b"new")}
    (tmp_path / "build/f00/d0/00000.txt").write_bytes(b"changed")
    (tmp_path / "build/f50/new.txt").write_bytes(b"new")
    publish_to(store, tmp_path / "build")
    pulled = pull_to(store, game)
    assert read_tree(game) == second
    assert pulled.unchanged == 17_999
    assert pulled.fetched < 10_000
    assert check(game, thorough=False) == []


def test_a_folder_with_other_files_is_refused_and_not_touched(tmp_path: Path) -> None:
    store = publish(tmp_path, V1)
    game = write_tree(tmp_path / "game", {"diary.txt": File(b"dear diary")})
    with pytest.raises(FolderError, match="holds files that Tenku did not bring") as refused:
        pull_to(store, game)
    assert "--adopt" in refused.value.hint
    assert read_tree(game) == {"diary.txt": File(b"dear diary")}
    assert not (tmp_path / ".game.tenku").exists()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    store, game = publish(tmp_path, V1), tmp_path / "game"
    if kind == "file":
        game.write_bytes(b"a file")
    else:
        (tmp_path / "elsewhere").mkdir()
        game.symlink_to("elsewhere")
    with pytest.raises(FolderError, match="is not a folder"):
        pull_to(store, game)
    assert game.is_symlink() == (kind == "link")


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    store, game = publish(tmp_path, V1), tmp_path / "game"
    game.mkdir()
    pull_to(store, game)
    assert read_tree(game) == V1


def test_two_pulls_into_one_folder_at_once_one_gets_a_clear_error(tmp_path: Path) -> None:
    store = publish(tmp_path, V1)
    with FaultServer(store) as server:
        server.add("*/pack/*", Stall(1000), first=1, last=1)

        async def both() -> None:
            from content_trees import SHORT, pull

            patience = replace(SHORT, stall_s=30, crawl_s=30)
            first = asyncio.create_task(pull([server.url], tmp_path / "game", patience=patience))
            await asyncio.to_thread(server.wait_for, "*/pack/*")
            with pytest.raises(FolderError, match="Another pull is working on"):
                await pull([store], tmp_path / "game")
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)

        asyncio.run(both())
    pull_to(store, tmp_path / "game")
    assert read_tree(tmp_path / "game") == V1


def test_a_damaged_manifest_of_the_installed_version_is_named(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    page = next((game / ".tenku/pages").iterdir())
    page.write_bytes(b"broken")
    publish(tmp_path, V2)
    with pytest.raises(FolderError, match="is damaged") as refused:
        pull_to(store, game)
    assert "--adopt" in refused.value.hint


@pytest.mark.parametrize("record", ["state.json", "release", "pages"])
def test_a_folder_with_damaged_records_can_be_adopted(tmp_path: Path, record: str) -> None:
    store, game = installed(tmp_path)
    file = next((game / ".tenku/pages").iterdir()) if record == "pages" else game / ".tenku" / record
    file.write_bytes(b"broken")
    publish(tmp_path, V2)
    pull_to(store, game, adopt=True)
    assert read_tree(game) == V2


def test_a_file_that_vanishes_from_the_installed_version_is_fetched(tmp_path: Path) -> None:
    store, game = installed(tmp_path)
    (game / "big.bin").write_bytes(b"short")
    publish(tmp_path, V2, delta_seconds=30)
    pull_to(store, game)
    assert read_tree(game) == V2
    assert kept(game) == {"big.bin": File(b"short")}
