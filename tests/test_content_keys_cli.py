"""`tenku keys`: the real command, its files, and what the real minisign makes of them."""

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from content_minisign import QUICK, minisign
from tenku.base.convert import Secret, span
from tenku.content import keyfiles
from tenku.content.delegation import Delegation, decode_delegation
from tenku.content.head import open_sealed
from tenku.content.minisign import new_key
from tenku.content.secretfile import is_locked, lock, unlock

COMMAND = [sys.executable, "-m", "tenku.cli.main", "keys"]


def keys(*arguments: str | Path, cwd: Path, password: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(password),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def environment(password: str = "") -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name != "TENKU_KEY_PASSWORD"}
    return others | ({"TENKU_KEY_PASSWORD": password} if password else {})


def refused(done: subprocess.CompletedProcess[str], part: str, *, code: int) -> None:
    """One sentence with this part in it, and nothing else."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert part in done.stderr
    assert done.stderr.startswith("tenku: ")
    assert done.stderr.count("\n") == 1


def pair(folder: Path, name: str) -> None:
    done = keys("new", name, "--no-password", cwd=folder)
    assert done.returncode == 0, done.stderr


def test_a_new_pair_signs_with_minisign(tmp_path: Path) -> None:
    done = keys("new", "studio", "--no-password", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["studio.key", "studio.pub"]
    assert stat.S_IMODE((tmp_path / "studio.key").stat().st_mode) == 0o600
    public = keyfiles.read_public(tmp_path / "studio.pub")
    assert str(public) in done.stdout
    assert "--trust studio.pub" in done.stdout
    assert (tmp_path / "studio.key").read_text().splitlines()[1] not in done.stdout
    (tmp_path / "data").write_text("build")
    assert minisign("-S", "-m", "data", "-s", "studio.key", cwd=tmp_path).returncode == 0
    assert minisign("-V", "-m", "data", "-p", "studio.pub", cwd=tmp_path).returncode == 0


def test_a_password_from_the_environment_locks_the_key(tmp_path: Path) -> None:
    """As CI systems give it; at minisign's own cost."""
    (tmp_path / "safe").mkdir()
    done = keys("new", "studio", "--folder", "safe", cwd=tmp_path, password="correct horse")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "safe" / "studio.key").read_text()
    assert is_locked(text, where="it")
    public = keyfiles.read_public(tmp_path / "safe" / "studio.pub")
    assert unlock(text, Secret("correct horse"), where="it").public == public
    assert "correct" not in done.stdout


def test_without_a_terminal_a_password_has_to_be_given(tmp_path: Path) -> None:
    done = keys("new", "studio", cwd=tmp_path)
    refused(done, "Set TENKU_KEY_PASSWORD, or give --no-password", code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "part"),
    [(["one", "two"], "are not the same"), ([""], "needs a password"), (["\x04"], "No password was given")],
)
def test_a_password_is_typed_twice(tmp_path: Path, typed: list[str], part: str) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "new", "studio"],
        cwd=tmp_path,
        env=environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # without a terminal of its own the question goes to standard input
    )
    assert process.stderr is not None
    try:
        for answer in typed:
            _wait_for(process.stderr, b": ")
            os.write(ours, (answer if answer == "\x04" else f"{answer}\n").encode())
        _, rest = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 2
    assert part in rest.decode()
    assert list(tmp_path.iterdir()) == []


def _wait_for(stream: IO[bytes], end: bytes) -> None:
    """Read what is asked until it ends so; the pipe closing early fails."""
    text = b""
    while not text.endswith(end):
        byte = os.read(stream.fileno(), 1)
        assert byte, text
        text += byte


@pytest.mark.parametrize("there", ["studio.key", "studio.pub"])
def test_keys_are_not_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    refused(keys("new", "studio", "--no-password", cwd=tmp_path), there, code=2)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["precious"]
    assert keys("new", "studio", "--no-password", "--force", cwd=tmp_path).returncode == 0
    assert keyfiles.read_public(tmp_path / "studio.pub")
    assert stat.S_IMODE((tmp_path / "studio.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["../studio", "a/b", "", "..", "a\nb"])
def test_a_name_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    refused(keys("new", name, "--no-password", cwd=tmp_path), "cannot be the name of a key", code=2)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(keys("new", "studio", "--no-password", "--folder", "no", cwd=tmp_path), "no/studio.key", code=1)


def test_show_never_shows_a_secret(tmp_path: Path) -> None:
    pair(tmp_path, "studio")
    public = keyfiles.read_public(tmp_path / "studio.pub")
    for name, kind in (("studio.pub", "public key"), ("studio.key", "secret key, open")):
        done = keys("show", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"{name}: {kind}" in done.stdout
        assert f"key:  {public}\n" in done.stdout
        assert public.line in done.stdout
        assert (tmp_path / "studio.key").read_text().splitlines()[1][60:] not in done.stdout


def test_show_says_that_a_key_is_locked(tmp_path: Path) -> None:
    (tmp_path / "its.key").write_text(lock(new_key(), Secret("x"), cost=QUICK))
    done = keys("show", "its.key", cwd=tmp_path)
    assert (done.returncode, "locked by a password" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is not a public key"),
        (b"hello\n", "is not a public key"),
        (b"\xff\xfe", "it is no text"),
        (b"a\nb\nc\nd\ne\n", "no signature"),
        (bytes(300_000), "too large"),
        (None, "cannot be read"),
    ],
)
def test_show_refuses_what_is_no_key(tmp_path: Path, content: bytes | None, part: str) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    refused(keys("show", "x", cwd=tmp_path), part, code=1)


def delegation(folder: Path, name: str = "trust") -> Delegation:
    root = keyfiles.read_public(folder / "root.pub")
    payload, _ = open_sealed((folder / name).read_bytes(), [root])
    return decode_delegation(payload, "supergame")


def test_a_root_signs_who_may_publish_and_rotates(tmp_path: Path) -> None:
    for name in ("root", "studio", "next"):
        pair(tmp_path, name)
    arguments = ("trust", "supergame", "--root", "root.key", "--out", "trust")
    done = keys(*arguments, "--sign", "studio.pub", "--sign", "next.pub", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    studio, following = (keyfiles.read_public(tmp_path / f"{name}.pub") for name in ("studio", "next"))
    first = delegation(tmp_path)
    assert (first.version, first.keys) == (1, (studio, following))
    assert first.expires - first.published == span("730d")
    assert str(studio) in done.stdout

    shown = keys("show", "trust", cwd=tmp_path).stdout
    assert f"key:  {keyfiles.read_public(tmp_path / 'root.pub')}\n" in shown
    assert '"version": 1' in shown

    done = keys(*arguments, "--sign", "next.pub", "--expires", "36h", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    second = delegation(tmp_path)
    assert (second.version, second.keys, second.expires - second.published) == (2, (following,), 36 * 3600)

    refused(keys(*arguments, "--sign", "next.pub", "--version", "2", cwd=tmp_path), "has to be over 2", code=2)
    assert keys(*arguments, "--sign", "next.pub", "--version", "9", cwd=tmp_path).returncode == 0
    assert delegation(tmp_path).version == 9


def test_minisign_verifies_a_trust_file(tmp_path: Path) -> None:
    for name in ("root", "studio"):
        pair(tmp_path, name)
    done = keys("trust", "supergame", "--root", "root.key", "--sign", "studio.pub", "--out", "trust", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    by_hand = "head -4 trust > t.minisig && tail -n +5 trust > t.json && minisign -Vm t.json -x t.minisig -p root.pub"
    assert subprocess.run(["sh", "-c", by_hand], cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_a_trust_file_replaces_nothing_but_its_older_self(tmp_path: Path) -> None:
    for name in ("root", "studio", "other"):
        pair(tmp_path, name)
    sign = ("--sign", "studio.pub", "--out", "trust")
    (tmp_path / "trust").write_text("a diary\n")
    refused(keys("trust", "supergame", "--root", "root.key", *sign, cwd=tmp_path), "no signature", code=1)
    assert (tmp_path / "trust").read_text() == "a diary\n"
    (tmp_path / "trust").unlink()
    assert keys("trust", "supergame", "--root", "root.key", *sign, cwd=tmp_path).returncode == 0
    refused(keys("trust", "supergame", "--root", "other.key", *sign, cwd=tmp_path), "not trusted here", code=1)
    refused(keys("trust", "othergame", "--root", "root.key", *sign, cwd=tmp_path), "the one of 'supergame'", code=1)


@pytest.mark.parametrize(
    ("changed", "part", "code"),
    [
        ({"--sign": "studio.key"}, "is a secret key", 1),
        ({"--sign": "nothing.pub"}, "nothing.pub cannot be read", 1),
        ({"--root": "root.pub"}, "not a secret key", 1),
        ({"--expires": "soon"}, "--expires: 'soon'", 2),
        ({"--expires": "0d"}, "--expires: '0d'", 2),
        ({"--expires": "99999999d"}, "--expires: '99999999d'", 2),
        ({"--version": "two"}, "--version: 'two'", 2),
        ({"--version": "0"}, "has to be over 0", 2),
        ({"GAME": "Super Game"}, "cannot be the name of a game", 2),
    ],
)
def test_a_mistake_in_a_trust_file_is_named(tmp_path: Path, changed: dict[str, str], part: str, code: int) -> None:
    for name in ("root", "studio"):
        pair(tmp_path, name)
    given = {"GAME": "supergame", "--root": "root.key", "--sign": "studio.pub", "--out": "trust", **changed}
    game = given.pop("GAME")
    done = keys("trust", game, *(word for each in given.items() for word in each), cwd=tmp_path)
    refused(done, part, code=code)
    assert not (tmp_path / "trust").exists()


def test_a_locked_root_needs_its_password(tmp_path: Path) -> None:
    pair(tmp_path, "studio")
    root = new_key()
    (tmp_path / "root.key").write_text(lock(root, Secret("geheim"), cost=QUICK))
    (tmp_path / "root.pub").write_text(root.public.file())
    arguments = ("trust", "supergame", "--root", "root.key", "--sign", "studio.pub", "--out", "trust")
    refused(keys(*arguments, cwd=tmp_path), "Password of root.key is needed", code=2)
    refused(keys(*arguments, cwd=tmp_path, password="wrong"), "password does not open root.key", code=1)
    assert keys(*arguments, cwd=tmp_path, password="geheim").returncode == 0
    assert delegation(tmp_path).version == 1


@pytest.mark.parametrize("arguments", [[], ["sing"], ["new"], ["show"], ["trust", "supergame"]])
def test_a_half_command_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    refused(keys(*arguments, cwd=tmp_path), "--help", code=2)


@pytest.mark.parametrize("arguments", [["--help"], ["new", "--help"], ["show", "--help"], ["trust", "--help"]])
def test_help_is_there(tmp_path: Path, arguments: list[str]) -> None:
    done = keys(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: tenku keys")


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("15m", 900), ("36h", 129600), (" 30d ", 2592000)])
def test_stretches_of_time_are_read(text: str, seconds: int) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "1.5h", "1w", "0s", "٣d", "36526d"])
def test_what_is_no_stretch_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"stretch of time|hundred years"):
        span(text)
