"""Publishing a folder to a channel: all of it or nothing, and each mistake by its name before anything is written."""

import asyncio
import multiprocessing
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from content_child import complaint
from content_minisign import key
from content_trees import (
    KEY,
    NAME,
    File,
    Folder,
    Link,
    Tree,
    check,
    noise,
    publish_to,
    publisher,
    pull_to,
    read_tree,
    stored,
    words,
    write_tree,
)
from tenku.base.errors import (
    ConflictError,
    FolderError,
    PathError,
    StoreError,
    TrustError,
    UsageError,
)
from tenku.content.model import parse_channel
from tenku.content.ports import NoProgress, PruneStore
from tenku.content.publish import Publisher, PublishOptions
from tenku.content.scan import Found, scan
from tenku.content.stores.open import open_write_store

pytest_plugins = ["seaweed_fixtures"]

V1: Tree = {
    "big.bin": File(noise(1, 2_000_000)),
    "text.txt": File(words(2, 500_000)),
    "run": File(b"#!/bin/sh\n", executable=True),
    "nothing": Folder(),
    "link": Link("run"),
}
V2 = V1 | {"new.bin": File(noise(3, 1_000_000))}
V3 = V1 | {"other.bin": File(noise(4, 1_000_000))}


def seq_of(store: Path, name: str = NAME) -> int:
    """The head's number; 0 where there is none."""
    head, _ = asyncio.run(publisher(store).head(parse_channel(name)))
    return head.seq if head else 0


@contextmanager
def nothing_moves(store: Path) -> Iterator[None]:
    """The channel holds after the block what it held before, and nobody seems to be publishing."""
    store.mkdir(exist_ok=True)
    before = seq_of(store)
    yield
    assert seq_of(store) == before
    assert not stored(store, "mark")


def test_what_is_there_already_is_not_stored_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = publish_to(store, write_tree(tmp_path / "build", V1))
    again = publish_to(store, tmp_path / "build")
    assert not again.changed
    assert again.head == first.head
    second = publish_to(store, write_tree(tmp_path / "build", V2))
    assert second.built is not None
    assert 1_000_000 <= second.built.new_bytes < 1_010_000
    other = publish_to(store, tmp_path / "build", "game:stable")
    assert other.built is not None
    assert other.built.new_bytes == 0
    back = publish_to(store, write_tree(tmp_path / "build", V1))
    assert back.built is not None
    assert (back.built.new_bytes, back.release.tree) == (0, first.release.tree)


def test_a_publish_leaves_no_mark(tmp_path: Path) -> None:
    publish_to(tmp_path / "store", write_tree(tmp_path / "build", V1))
    assert stored(tmp_path / "store", "mark") == {}


# Two at once


def racing(store: PruneStore, folder: Path, meanwhile: Callable[[], object]) -> None:
    """Publish; when all is stored but the head, somebody else does something."""

    class Slow:
        """A store whose head is written late."""

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        async def replace(self, key: str, data: bytes, *, version: str | None) -> None:
            await asyncio.to_thread(meanwhile)
            await store.replace(key, data, version=version)

    slow: PruneStore = Slow()  # type: ignore[assignment]
    publish_to(slow, folder)


@pytest.fixture(params=["folder", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "folder":
        (tmp_path / "store").mkdir()
        return str(tmp_path / "store")
    request.getfixturevalue("s3_keys")
    return f"s3://games/publish-{tmp_path.name}"


def test_of_two_publishers_one_wins_and_the_other_loses_nothing(any_store: str, tmp_path: Path) -> None:
    publish_to(any_store, write_tree(tmp_path / "one", V1))
    write_tree(tmp_path / "two", V2)
    write_tree(tmp_path / "three", V3)
    with pytest.raises(ConflictError, match="Somebody else published to game:beta") as refused:
        racing(open_write_store(any_store), tmp_path / "three", lambda: publish_to(any_store, tmp_path / "two"))
    assert "publish again" in refused.value.hint
    pull_to(any_store, tmp_path / "game")
    assert read_tree(tmp_path / "game") == V2
    again = publish_to(any_store, tmp_path / "three")
    assert again.built is not None
    assert again.built.new_bytes == 0
    pull_to(any_store, tmp_path / "game")
    assert read_tree(tmp_path / "game") == V3
    assert again.head.history[0].tree == again.release.tree
    assert again.head.seq == 3


def test_of_two_first_publishers_one_wins(any_store: str, tmp_path: Path) -> None:
    write_tree(tmp_path / "one", V1)
    write_tree(tmp_path / "two", V2)
    with pytest.raises(ConflictError):
        racing(open_write_store(any_store), tmp_path / "two", lambda: publish_to(any_store, tmp_path / "one"))
    pull_to(any_store, tmp_path / "game")
    assert read_tree(tmp_path / "game") == V1


def _publish_in_process(store: str, folder: Path, start: "multiprocessing.synchronize.Event", won: object) -> None:
    start.wait()
    try:
        publish_to(store, folder)
    except ConflictError:
        won.put("lost")  # type: ignore[attr-defined]
    else:
        won.put("won")  # type: ignore[attr-defined]


def test_publishers_in_two_processes_never_lose_a_build(any_store: str, tmp_path: Path) -> None:
    publish_to(any_store, write_tree(tmp_path / "zero", V1))
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    folders = [write_tree(tmp_path / str(number), V1 | {f"{number}": File(b"mine")}) for number in range(2)]
    arguments = [(any_store, folder, start, results) for folder in folders]
    children = [context.Process(target=_publish_in_process, args=each) for each in arguments]
    for each in children:
        each.start()
    start.set()
    said = [results.get(timeout=60) for _ in children]
    for each in children:
        each.join()
    results.close()
    results.join_thread()
    head, _ = asyncio.run(publisher(any_store).head(parse_channel(NAME)))
    assert head is not None
    assert "won" in said
    assert head.seq == 1 + said.count("won")
    assert len({each.tree for each in head.history}) == head.seq


# Folders that cannot be published

BAD_PATHS = {
    "a reserved name": ({"aux.txt": File(b"x")}, "device on Windows"),
    "a name with a colon": ({"a:b": File(b"x")}, "reserves"),
    "two names that differ by case": ({"Data": File(b"x"), "data": File(b"y")}, "same name"),
    "two names that differ by composition": ({"\u00e9": File(b"x"), "e\u0301": File(b"y")}, "same name"),
    "a name that ends with a dot": ({"folder./x": File(b"x")}, "ends with a dot"),
    "a backslash": ({"a\\b": File(b"x")}, "backslash"),
    "a control character": ({"a\nb": File(b"x")}, "control character"),
    "a link that is absolute": ({"link": Link("/etc/passwd")}, "absolute link"),
    "a link that leaves the build": ({"deep/link": Link("../../outside")}, "leaves the build"),
    "a link that leaves by a detour": ({"deep/link": Link("x/../../..")}, "leaves the build"),
}


@pytest.mark.parametrize(("tree", "why"), BAD_PATHS.values(), ids=BAD_PATHS.keys())
def test_a_path_that_is_unsafe_is_refused_by_name_and_nothing_moves(tmp_path: Path, tree: Tree, why: str) -> None:
    store = tmp_path / "store"
    publish_to(store, write_tree(tmp_path / "build", V1))
    write_tree(tmp_path / "build", V1 | tree)
    with nothing_moves(store), pytest.raises(PathError, match=why):
        publish_to(store, tmp_path / "build")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    build = write_tree(tmp_path / "build", V1)
    Path(os.fsdecode(os.fsencode(build) + b"/bad\xff")).write_bytes(b"x")
    with nothing_moves(tmp_path / "store"), pytest.raises(PathError, match="not UTF-8"):
        publish_to(tmp_path / "store", build)


def test_a_pipe_is_refused_by_name(tmp_path: Path) -> None:
    build = write_tree(tmp_path / "build", V1)
    os.mkfifo(build / "pipe")
    with nothing_moves(tmp_path / "store"), pytest.raises(PathError, match="is a pipe"):
        publish_to(tmp_path / "store", build)


def test_a_folder_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    with nothing_moves(tmp_path / "store"), pytest.raises(FolderError, match="is empty"):
        publish_to(tmp_path / "store", tmp_path / "build")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with nothing_moves(tmp_path / "store"), pytest.raises(FolderError, match="There is no folder"):
        publish_to(tmp_path / "store", tmp_path / "build")


@pytest.mark.parametrize("size", [500_000, 20_000_000])
@pytest.mark.parametrize("change", ["shrinks", "grows", "is touched", "vanishes", "becomes a link"])
def test_a_file_that_changes_while_it_is_published_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, change: str
) -> None:
    build = write_tree(tmp_path / "build", V1 | {"z": File(noise(9, size))})

    def meddling(folder: Path) -> Iterator[Found]:
        for found in scan(folder):
            if found.path == "z":
                _change(folder / "z", change)
            yield found

    monkeypatch.setattr("tenku.content.publish.scan", meddling)
    with (
        nothing_moves(tmp_path / "store"),
        pytest.raises(FolderError, match=r"z (changed while it was|cannot be read)"),
    ):
        publish_to(tmp_path / "store", build)


def _change(file: Path, change: str) -> None:
    size = file.stat().st_size
    match change:
        case "shrinks":
            os.truncate(file, size // 2)
        case "grows":
            os.truncate(file, size + 1)
        case "is touched":
            os.utime(file, (1, 1))
        case "vanishes":
            file.unlink()
        case "becomes a link":
            file.rename(file.with_name("elsewhere"))
            file.symlink_to("elsewhere")


# Settings


def test_the_profile_of_a_game_stays(tmp_path: Path) -> None:
    store = tmp_path / "store"
    publish_to(store, write_tree(tmp_path / "build", V1), profile="weights")
    with nothing_moves(store), pytest.raises(UsageError, match="profile 'weights', which stays"):
        publish_to(store, write_tree(tmp_path / "build", V2), profile="game")
    again = publish_to(store, tmp_path / "build")
    assert again.release.profile == "weights"
    other = publish_to(store, tmp_path / "build", "game:stable")
    assert other.release.profile == "weights"


@pytest.mark.parametrize("text", ["x" * 201, "two\nlines", "\x1b[31m"])
def test_a_version_that_cannot_be_shown_is_refused(tmp_path: Path, text: str) -> None:
    write_tree(tmp_path / "build", V1)
    for options in (PublishOptions(version=text), PublishOptions(platform=text)):
        with nothing_moves(tmp_path / "store"), pytest.raises(UsageError, match="printable"):
            publish_to(tmp_path / "store", tmp_path / "build", options=options)


@pytest.mark.parametrize("text", ["1.0", "Version 2 «β» 🎮", "x" * 200, 'a/b: "c"'])
def test_any_other_version_is_kept_as_it_is(tmp_path: Path, text: str) -> None:
    result = publish_to(tmp_path / "store", write_tree(tmp_path / "build", V1), version=text)
    pulled = pull_to(tmp_path / "store", tmp_path / "game")
    assert result.release.version == pulled.installed.version == text


def test_options_that_cannot_be_are_refused(tmp_path: Path) -> None:
    write_tree(tmp_path / "build", V1)
    for given in ({"profile": "movies"}, {"expires_days": 0}):
        with nothing_moves(tmp_path / "store"), pytest.raises(UsageError):
            publish_to(tmp_path / "store", tmp_path / "build", **given)
    with nothing_moves(tmp_path / "store"), pytest.raises(PathError, match=r"cannot be used|can match no path"):
        publish_to(tmp_path / "store", tmp_path / "build", mutable=("../saves",))


def test_a_channel_of_another_key_is_not_taken_over(tmp_path: Path) -> None:
    store = tmp_path / "store"
    publish_to(store, write_tree(tmp_path / "build", V1))
    thief = Publisher(
        open_write_store(str(store)), key(66), progress=NoProgress(), now=lambda: 1.9e9, clock=lambda: 0.0
    )
    with nothing_moves(store), pytest.raises(TrustError, match="published with another key"):
        asyncio.run(thief.publish(tmp_path / "build", parse_channel(NAME), PublishOptions()))


def test_a_new_key_can_take_a_channel_over(tmp_path: Path) -> None:
    store = tmp_path / "store"
    publish_to(store, write_tree(tmp_path / "build", V1))
    heir = Publisher(
        open_write_store(str(store)),
        key(2),
        progress=NoProgress(),
        now=lambda: 1.9e9,
        clock=lambda: 0.0,
        also=(KEY.public,),
    )
    result = asyncio.run(heir.publish(write_tree(tmp_path / "build", V2), parse_channel(NAME), PublishOptions()))
    assert result.head.seq == 2


def test_a_clock_that_is_behind_does_not_make_an_older_head(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = publish_to(store, write_tree(tmp_path / "build", V1), now=1.9e9)
    second = publish_to(store, write_tree(tmp_path / "build", V2), now=1.8e9)
    assert second.head.published == first.head.published
    assert second.head.expires >= first.head.expires


def test_a_store_whose_own_manifest_is_broken_is_named(tmp_path: Path) -> None:
    store = tmp_path / "store"
    publish_to(store, write_tree(tmp_path / "build", V1))
    page = next((store / "game/page").iterdir())
    page.write_bytes(page.read_bytes()[:-1])
    with nothing_moves(store), pytest.raises(StoreError):
        publish_to(store, write_tree(tmp_path / "build", V2))


# Disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_of_a_store_is_named_and_the_channel_stays(tmp_path: Path, small_disk: Path) -> None:
    store = small_disk / "store"
    publish_to(store, write_tree(tmp_path / "build", {"a": File(noise(1, 1_000_000))}))
    with nothing_moves(store), pytest.raises(FolderError, match="No space left") as refused:
        publish_to(
            store, write_tree(tmp_path / "build", {"a": File(noise(1, 1_000_000)), "b": File(noise(2, 6_000_000))})
        )
    assert "Make room" in refused.value.hint
    pull_to(store, tmp_path / "game")
    assert read_tree(tmp_path / "game") == {"a": File(noise(1, 1_000_000))}


def test_a_full_disk_of_a_player_is_named_and_the_old_version_stays(tmp_path: Path, small_disk: Path) -> None:
    first: Tree = {"a": File(noise(1, 1_000_000))}
    second: Tree = {"a": File(noise(2, 2_000_000)), "b": File(noise(3, 3_000_000))}
    publish_to(tmp_path / "store", write_tree(tmp_path / "build", first))
    game = small_disk / "game"
    pull_to(tmp_path / "store", game)
    publish_to(tmp_path / "store", write_tree(tmp_path / "build", second))
    with pytest.raises(FolderError, match=r"disk of .* is full") as refused:
        pull_to(tmp_path / "store", game)
    assert "make room" in refused.value.hint
    assert read_tree(game) == first
    assert check(game) == []
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    pull_to(tmp_path / "store", game)
    assert read_tree(game) == second


# Permissions


def without_rights() -> list[str]:
    """A command that runs another one without root's right to read and write everything."""
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", rights, "--inh-caps", rights] if os.geteuid() == 0 else []


def test_a_store_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    store = tmp_path / "store"
    publish_to(store, write_tree(tmp_path / "build", V1))
    write_tree(tmp_path / "build", V2)
    for folder in ("game/pack", "game/head", "game/mark", ".unfinished"):
        (store / folder).chmod(0o555)
        with nothing_moves(store):
            said = complaint(*without_rights(), verb="publish", stores=[store], folder=tmp_path / "build")
        assert said.startswith("FolderError")
        assert "cannot be written: Permission denied. Give the user" in said
        (store / folder).chmod(0o755)
    assert complaint(*without_rights(), verb="publish", stores=[store], folder=tmp_path / "build") == ""


def test_a_build_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    store, build = tmp_path / "store", write_tree(tmp_path / "build", V1 | {"deep/secret": File(b"x")})
    store.mkdir()
    for place in (build / "deep/secret", build / "deep"):
        place.chmod(0)
        with nothing_moves(store):
            said = complaint(*without_rights(), verb="publish", stores=[store], folder=build)
        assert said.startswith("FolderError")
        assert f"{place}' cannot be read: no permission." in said
        place.chmod(0o755)


def test_a_folder_that_may_not_be_written_is_named_and_stays(tmp_path: Path) -> None:
    store, place = tmp_path / "store", tmp_path / "games"
    publish_to(store, write_tree(tmp_path / "build", V1))
    pull_to(store, place / "game")
    publish_to(store, write_tree(tmp_path / "build", V2))
    place.chmod(0o555)
    said = complaint(*without_rights(), verb="pull", stores=[store], folder=place / "game")
    place.chmod(0o755)
    assert said.startswith("FolderError")
    assert f"{place} cannot be written: Permission denied." in said
    assert read_tree(place / "game") == V1
    assert check(place / "game") == []
