"""Run folders are private, short, and gone with their owner, however it ends."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenku.base.errors import MachineError
from tenku.unit.runfolder import RunFolder, run_base, sweep


@pytest.fixture
def short() -> Iterator[Path]:
    """Pytest's own folders have names that are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="tenku-") as folder:
        yield Path(folder)


def test_a_folder_is_private_and_gone_at_the_end(short: Path) -> None:
    with RunFolder(short) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        (path / "deep").mkdir()
        (path / "deep/file").write_text("x")
    assert not path.exists()


def test_two_sessions_have_two_folders(short: Path) -> None:
    with RunFolder(short) as one, RunFolder(short) as other:
        assert one != other


OWNER = """
import sys, pathlib
from tenku.unit.runfolder import RunFolder
with RunFolder(pathlib.Path(sys.argv[1])) as path:
    print(path, flush=True)
    sys.stdin.read()
"""


def test_a_sweep_takes_the_folders_of_the_dead_and_no_others(short: Path) -> None:
    words = [sys.executable, "-c", OWNER, str(short)]
    with (
        RunFolder(short) as mine,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner,
    ):
        assert owner.stdout is not None
        path = Path(owner.stdout.readline().strip())
        assert sweep(short) == []
        assert path.exists()
        owner.kill()
        owner.wait()
        assert sweep(short) == [path]
        assert not path.exists()
        assert mine.exists()


def test_a_folder_that_was_never_locked_is_swept(short: Path) -> None:
    (short / "half").mkdir()
    assert sweep(short) == [short / "half"]


def test_a_sweep_follows_no_links(short: Path) -> None:
    (short / "base").mkdir()
    (short / "else").mkdir()
    (short / "base/link").symlink_to(short / "else")
    assert sweep(short / "base") == []
    assert (short / "else").exists()


def test_sockets_in_the_folder_can_be_named(short: Path) -> None:
    long = short / ("x" * 100)
    long.mkdir()
    with pytest.raises(MachineError, match="too long a path for sockets"):
        RunFolder(long).make()
    assert list(long.iterdir()) == []


def test_the_users_own_runtime_folder_comes_first(short: Path) -> None:
    assert run_base({"XDG_RUNTIME_DIR": str(short)}) == short / "tenku"
    assert stat.S_IMODE((short / "tenku").stat().st_mode) == 0o700


@pytest.mark.parametrize("there", ["missing", "file", "open"])
def test_a_runtime_folder_that_is_not_the_users_own_is_not_used(short: Path, there: str) -> None:
    (short / "file").write_text("")
    (short / "open").mkdir()
    (short / "open").chmod(0o777)
    base = run_base({"XDG_RUNTIME_DIR": str(short / there)})
    assert not base.is_relative_to(short)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a folder of somebody else")
def test_a_base_of_somebody_else_is_refused(short: Path) -> None:
    (short / "tenku").mkdir()
    os.chown(short / "tenku", 61844, 61844)
    with pytest.raises(MachineError, match="belongs to somebody else"):
        run_base({"XDG_RUNTIME_DIR": str(short)})
