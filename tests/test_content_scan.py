"""Scanning a folder: everything in it, in the order of a build."""

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.errors import FolderError, PathError
from tenku.content.model import Kind
from tenku.content.paths import PathGuard
from tenku.content.scan import scan

FILES = 18_000


def make(folder: Path, path: str, content: bytes = b"x") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def paths(folder: Path) -> list[str]:
    return [found.path for found in scan(folder)]


def test_files_links_and_empty_folders_are_found(tmp_path: Path) -> None:
    program = make(tmp_path, "bin/game", b"12345")
    program.chmod(0o4711)
    os.utime(program, ns=(0, 1_234_567_890_123_456_789))
    make(tmp_path, "data.pak").chmod(0o640)
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("./bin//game")
    (tmp_path / "way").symlink_to("bin")
    rows = {found.path: found for found in scan(tmp_path)}
    assert {path: (row.kind, row.mode) for path, row in rows.items()} == {
        "bin/game": (Kind.FILE, 0o755),
        "data.pak": (Kind.FILE, 0o644),
        "empty/inner": (Kind.FOLDER, 0o644),
        "link": (Kind.LINK, 0o644),
        "way": (Kind.LINK, 0o644),
    }
    game = rows["bin/game"]
    assert (game.size, game.mtime_ns, game.inode) == (5, 1_234_567_890_123_456_789, program.stat().st_ino)
    assert rows["link"].target == "./bin//game"
    assert rows["way"].size == 0


def test_the_order_is_that_of_the_whole_paths(tmp_path: Path) -> None:
    """A folder's files come where its path with a slash would stand, an empty folder where its name stands."""
    for path in ("a.txt", "a/b", "a-b", "b!", "é", "z", "日本"):
        make(tmp_path, path)
    (tmp_path / "b").mkdir()
    assert paths(tmp_path) == ["a-b", "a.txt", "a/b", "b", "b!", "z", "é", "日本"]


NAMES = st.sampled_from(["a", "a!", "a0", "é", "\U0001f3ae", "\uff5e", "b"])


@given(st.sets(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12))
def test_any_tree_comes_sorted_and_the_guard_takes_it(tmp_path_factory: pytest.TempPathFactory, tree: set[str]) -> None:
    root = tmp_path_factory.mktemp("tree")
    leaves = {path for path in tree if not any(other.startswith(f"{path}/") for other in tree)}
    for number, path in enumerate(sorted(leaves)):
        if number % 3:
            make(root, path)
        else:
            (root / path).mkdir(parents=True)
    found = list(scan(root))
    assert [row.path for row in found] == sorted(leaves, key=str.encode)
    guard = PathGuard()
    for row in found:
        guard.add(row.path, row.kind, target=row.target)


def test_our_own_folder_is_left_out_in_the_root_alone(tmp_path: Path) -> None:
    make(tmp_path, ".tenku/state")
    make(tmp_path, "a/.tenku/state")
    assert paths(tmp_path) == ["a/.tenku/state"]


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert paths(tmp_path) == []


def test_a_name_that_is_no_utf8_comes_through_so_that_it_can_be_refused_by_name(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_bytes(b"")
    [row] = scan(tmp_path)
    with pytest.raises(PathError, match=r"\\udcff"):
        PathGuard().add(row.path, row.kind)


def test_a_pipe_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PathError, match=r"pipe' is a pipe"):
        paths(tmp_path)


def test_a_socket_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # A socket's name is short.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("door")
        with pytest.raises(PathError, match=r"door' is a socket"):
            paths(tmp_path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"nowhere' cannot be read: it is not there"):
        paths(tmp_path / "nowhere")
    with pytest.raises(FolderError, match="cannot be read: Not a directory"):
        paths(make(tmp_path, "file"))


def as_nobody(folder: Path) -> str:
    """What a user without rights is told when it scans the folder."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            paths(folder)
        except FolderError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    text = os.read(reader, 10_000).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return text


@pytest.mark.parametrize(("path", "mode"), [("file", 0o200), ("closed", 0o000)])
def test_what_may_not_be_read_is_said(tmp_path: Path, path: str, mode: int) -> None:
    make(tmp_path, "tree/closed/inner")
    make(tmp_path, "tree/file")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (tmp_path / "tree" / path).chmod(mode)
    text = as_nobody(tmp_path / "tree")
    (tmp_path / "tree" / path).chmod(0o755)
    assert text == f"'{tmp_path}/tree/{path}' cannot be read: no permission."


def test_many_small_files_take_no_time(tmp_path: Path) -> None:
    for number in range(FILES):
        folder = tmp_path / f"units-{number % 150}"
        if number < 150:
            folder.mkdir()
        os.close(os.open(folder / f"{number}.png", os.O_CREAT | os.O_WRONLY))
    times = []
    for _ in range(3):
        start = time.process_time()
        assert len(paths(tmp_path)) == FILES
        times.append(time.process_time() - start)
    assert min(times) < 0.5
