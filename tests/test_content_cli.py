"""The commands about content, as people and CI systems run them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from content_faults import FaultServer, Stall
from tenku.cli.main import main

PUBLISH = ("publish", "build", "supergame:beta", "--store", "store", "--key", "studio.key")
PULL = ("pull", "supergame:beta", "game", "--store", "store", "--trust", "studio.pub")
WRITE = ("--store", "store", "--key", "studio.key")


@dataclass
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is one JSON object and nothing else."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


class Shell:
    """Runs `tenku` in a folder of its own, with a home of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = main(arguments)
        said = self._capsys.readouterr()
        return Done(code, said.out, said.err)

    def well(self, *arguments: str) -> Done:
        """It has to succeed."""
        done = self(*arguments)
        assert done.code == 0, done.err
        return done

    def write(self, **files: str) -> None:
        """Files of the build; `__` in a name is a slash."""
        for name, text in files.items():
            path = self.folder / "build" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def publish(self, version: str, *more: str) -> Done:
        self.write(data=f"data of {version}\n" * 1000)
        return self.well(*PUBLISH, "--version", version, *more)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    for name in [name for name in os.environ if name.startswith(("TENKU_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path, capsys)
    shell.well("keys", "new", "studio", "--no-password")
    shell.write(readme="read me\n", saves__one="save\n")
    (tmp_path / "build" / "tenku.toml").write_text('command = ["./run"]\nmutable = ["saves/**"]\n')
    return shell


def test_from_a_first_publish_to_a_roll_back(shell: Shell) -> None:
    """What docs/content.md shows."""
    done = shell.publish("1.0")
    assert done.out.startswith("Published supergame:beta, version 1.0 (release ")
    assert "  build      4 files, 12.1 kB\n" in done.out
    assert f"tenku: Made the store {shell.folder}/store.\n" in done.err
    done = shell.well(*PULL)
    assert done.out.startswith("game is now at 1.0 of supergame:beta (release ")
    assert shell.well("pull", "supergame:beta", "game").out == "game is at 1.0 of supergame:beta already.\n"
    assert shell.well("verify", "game").out.startswith(
        "game is whole: 1.0 of supergame:beta, 4 files, 12.1 kB, checked"
    )

    shell.write(readme="read me again\n")
    shell.publish("1.1")
    (shell.folder / "game" / "saves" / "one").write_text("further on\n")
    (shell.folder / "game" / "readme").write_text("scribbled over\n")
    (shell.folder / "game" / "mod").write_text("a mod\n")
    dry = shell.well("pull", "supergame:beta", "game", "--dry-run").out
    assert dry.startswith("supergame:beta holds 1.1: 4 files, 12.1 kB. To bring game there:\n")
    assert "Changed or added by you:\n  mod\n  readme\n  saves/one\n" in dry
    done = shell.well("pull", "supergame:beta", "game")
    assert "Your files stayed:\n  mod\n  saves/one\n" in done.out
    assert "readme  →  .tenku/kept/1.0/readme\n" in done.out
    assert (shell.folder / "game" / "saves" / "one").read_text() == "further on\n"
    assert (shell.folder / "game" / ".tenku" / "kept" / "1.0" / "readme").read_text() == "scribbled over\n"

    assert shell.well("rollback", "supergame:beta", *WRITE).out.startswith(
        "supergame:beta holds 1.0 again, no longer 1.1. (change 3, expires "
    )
    assert shell.well("promote", "supergame:beta", "supergame:stable", *WRITE).out.startswith(
        "supergame:stable holds 1.0 now, as supergame:beta does. (change 1, expires "
    )
    assert shell.well("promote", "supergame:beta", "supergame:stable", *WRITE).out == (
        "supergame:stable holds 1.0 already. Nothing was written.\n"
    )
    assert shell.well("renew", "supergame:beta", *WRITE, "--expires", "30d").out.startswith(
        "supergame:beta holds 1.0 for longer. (change 4, expires "
    )
    listing = shell.well("releases", "supergame", "--store", "store", "--trust", "studio.pub").out
    assert [line.split()[:2] for line in listing.splitlines() if line.startswith("  ")] == [
        ["*", "1.0"],
        ["1.1", listing.split("1.1  ")[1][:12]],
        ["*", "1.0"],
    ]
    shell.well("pull", "supergame:beta", "game")
    assert (shell.folder / "game" / "data").read_text().startswith("data of 1.0\n")


def test_verify_says_by_its_exit_code_whether_all_is_there_and_repair_brings_it(shell: Shell) -> None:
    shell.publish("1.0")
    shell.well(*PULL)
    (shell.folder / "game" / "data").unlink()
    (shell.folder / "game" / "readme").write_text("scribbled over\n")
    done = shell("verify", "game")
    assert done.code == 1
    assert done.out.startswith("game is not whole: 1.0 of supergame:beta")
    assert "\nBad:\n  readme\n" in done.out
    assert "\nMissing:\n  data\n" in done.out
    assert "`tenku repair game` brings back at most 12.0 kB." in done.out
    assert shell("verify", "game", "--json").json["bad"] == ["readme"]
    done = shell.well("repair", "game")
    assert done.out.startswith("game is 1.0 of supergame:beta, whole.\n")
    assert shell.well("verify", "game", "--thorough").code == 0


def test_every_command_speaks_json(shell: Shell) -> None:
    """One object on standard output; what a CI system goes by."""
    done = shell.publish("1.0", "--json").json
    assert set(done) == {
        *("channel", "changed", "seq", "version", "release", "tree", "published", "expires", "files", "size"),
        *("new_bytes", "new_chunks", "chunks", "deltas", "seconds"),
    }
    assert (done["channel"], done["changed"], done["seq"], done["files"]) == ("supergame:beta", True, 1, 4)
    assert shell.well(*PUBLISH, "--json").json["changed"] is False
    plan = shell.well(*PULL, "--dry-run", "--json").json
    assert (plan["version"], plan["files"], plan["unchanged"], plan["mine"]) == ("1.0", 4, 0, [])
    assert 0 < plan["fetch"] < plan["disk"] < plan["free"]
    pulled = shell.well(*PULL, "--json").json
    assert (pulled["changed"], pulled["release"], pulled["kept"]) == (True, done["release"], {})
    assert shell.well(*PULL, "--json").json["changed"] is False
    verified = shell.well("verify", "game", "--json").json
    assert (verified["whole"], verified["release"], verified["missing"]) == (True, done["release"], [])
    assert shell.well("repair", "game", "--json").json["version"] == "1.0"
    shell.publish("1.1")
    moved = shell.well("rollback", "supergame:beta", *WRITE, "--json").json
    assert (moved["seq"], moved["release"], moved["changed"]) == (3, done["release"], True)
    assert shell.well("promote", "supergame:beta", "supergame:new", *WRITE, "--json").json["before"] is None
    assert shell.well("renew", "supergame:new", *WRITE, "--json").json["seq"] == 2
    listed = shell.well("releases", "supergame:beta", "--store", "store", "--trust", "studio.pub", "--json").json
    assert [(row["version"], row["current"], row["files"]) for row in listed["channels"][0]["releases"]] == [
        ("1.0", True, 4),
        ("1.1", False, 4),
    ]
    assert shell.well("prune", "--store", "store", "--json").json["games"][0]["game"] == "supergame"
    copied = shell.well("mirror", "supergame:new", "--from", "store", "--to", "copy", "--json").json
    assert [(row["channel"], row["moved"]) for row in copied["channels"]] == [("supergame:new", True)]
    assert shell.well("repack", "supergame", *WRITE, "--json").json["game"] == "supergame"


def test_a_store_is_pruned_repacked_and_mirrored(shell: Shell) -> None:
    shell.publish("1.0")
    for dry, word in ((("--dry-run",), "would delete"), ((), "deleted")):
        out = shell.well("prune", "supergame", "--store", "store", *dry).out
        assert out.startswith("supergame\n")
        assert f"\n  {word:<14}0 objects, 0 B\n" in out
    assert shell.well("prune", "--store", "store").out.startswith("supergame\n")
    assert "supergame" in shell.well("repack", "supergame", *WRITE).out
    mirror = ("mirror", "supergame", "--from", "store", "--to", "copy", "--trust", "studio.pub")
    done = shell.well(*mirror)
    assert done.out.startswith("supergame:beta is at change 1 now: ")
    assert f"tenku: Made the store {shell.folder}/copy.\n" in done.err
    assert shell.well(*mirror).out == "supergame:beta is there already (change 1).\n"
    shell.well("pull", "supergame:beta", "game", "--store", "copy", "--trust", "studio.pub")
    (shell.folder / "store" / "supergame" / "head" / "beta").write_text("no head")
    done = shell("prune", "--store", "store")
    assert done.code == 1
    assert done.out.startswith("supergame was not pruned. ")


def test_a_root_says_who_may_publish(shell: Shell) -> None:
    shell.publish("1.0")
    shell.well("keys", "new", "root", "--no-password")
    shell.well("keys", "trust", "supergame", "--root", "root.key", "--sign", "studio.pub", "--out", "trust")
    there = ("keys", "publish-trust", "trust", "supergame", "--store", "store")
    done = shell(*there, "--root", "studio.pub")
    assert (done.code, done.out) == (1, "")
    assert "not trusted here" in done.err
    assert shell.well(*there, "--root", "root.pub").out.startswith("Stored version 1 of the trust file of supergame: ")
    assert shell.well(*there, "--root", "root.pub", "--json").json["changed"] is False
    shell.well("pull", "supergame:beta", "game", "--store", "store", "--trust", "root.pub")


@pytest.mark.parametrize(
    ("arguments", "part", "code"),
    [
        (("publish", "build", "supergame", *WRITE), "'supergame' names no channel", 2),
        (("publish", "build", "Super:beta", *WRITE), "cannot be the name of a game", 2),
        (("publish", "nowhere", "supergame:beta", *WRITE), "There is no folder nowhere", 1),
        (("publish", "build", "supergame:beta", "--store", "store"), "no key to sign with", 2),
        (("publish", "build", "supergame:beta", "--key", "studio.key"), "where builds come from or go to", 2),
        (("publish", "build", "supergame:beta", "--key", "studio.pub", "--store", "store"), "studio.pub", 1),
        (("publish", "build", "supergame:beta", *WRITE, "--store", "two"), "several are set", 2),
        (("publish", "build", "supergame:beta", "--key", "studio.key", "--store", "ftp://x"), "ftp:// is not known", 2),
        (("publish", "build", "supergame:beta", "--key", "studio.key", "--store", "a/b"), "There is no folder", 2),
        ((*PUBLISH, "--delta-seconds", "soon"), "--delta-seconds: 'soon'", 2),
        ((*PUBLISH, "--deltas", "-1"), "--deltas: '-1'", 2),
        ((*PUBLISH, "--expires", "soon"), "--expires: 'soon'", 2),
        ((*PUBLISH, "--expires", "1h"), "it is at least 86,400", 2),
        ((*PUBLISH, "--profile", "films"), "There is no profile 'films'", 2),
        ((*PUBLISH, "--mutable", "../x"), "The pattern '../x'", 1),
        ((*PUBLISH, "--also-trust", "none.pub"), "none.pub cannot be read", 1),
        (("pull", "supergame:beta", "game"), "where builds come from or go to", 2),
        (("pull", "supergame:beta", "game", "--store", "store"), "whose signature counts", 2),
        (("pull", "supergame:none", "game", *PULL[3:]), "There is no channel supergame:none", 1),
        (("pull", "supergame:beta", "build", *PULL[3:]), "holds files that Tenku did not bring", 1),
        ((*PULL, "--rate", "fast"), "--rate: 'fast'", 2),
        ((*PULL, "--in-flight", "0"), "it is at least 1", 2),
        (("verify", "build"), "was not brought by Tenku", 1),
        (("repair", "build"), "was not brought by Tenku", 1),
        (("releases", "supergame", "--store", "store"), "whose signature counts", 2),
        (("releases", "other", "--store", "store", "--trust", "studio.pub"), "has no channel of other", 1),
        (("rollback", "supergame:beta", *WRITE), "held no other build", 2),
        (("rollback", "supergame:beta", *WRITE, "--to", "7"), "never held '7'", 2),
        (("promote", "supergame:none", "supergame:beta", *WRITE), "no channel supergame:none", 1),
        (("promote", "supergame:beta", "other:beta", *WRITE), "of two games", 2),
        (("prune", "--store", "store", "--keep", "1"), "keeps 3 to", 2),
        (("mirror", "--from", "store"), "--to", 2),
        (("play", "supergame:beta"), "where builds come from or go to", 2),
        (("play", "supergame:beta", "--store", "store"), "whose signature counts", 2),
    ],
)
def test_a_mistake_gets_one_sentence(shell: Shell, arguments: tuple[str, ...], part: str, code: int) -> None:
    shell.publish("1.0")
    done = shell(*arguments)
    assert (done.code, done.out) == (code, ""), done
    *_, last = done.err.splitlines()
    assert last.startswith("tenku: ")
    assert part in last


def test_what_the_settings_say_need_not_be_typed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    config = shell.folder / "home" / ".config" / "tenku" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[content]\nstore = ["{shell.folder}/store"]\nkey = "{shell.folder}/studio.key"\n')
    shell.write(data="data\n")
    shell.well("publish", "build", "supergame:beta")
    monkeypatch.setenv("TENKU_CONTENT_TRUST", "studio.pub")
    shell.well("pull", "supergame:beta", "game")
    assert (shell.folder / "game" / "data").read_text() == "data\n"


def test_an_installed_folder_knows_where_it_came_from_before_the_settings_do(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.publish("1.0")
    shell.well(*PULL)
    shell.publish("1.1")
    shell.well("keys", "new", "other", "--no-password")
    monkeypatch.setenv("TENKU_CONTENT_TRUST", "other.pub")
    monkeypatch.setenv("TENKU_CONTENT_STORE", "nowhere")
    assert shell.well("pull", "supergame:beta", "game").out.startswith("game is now at 1.1")
    done = shell("pull", "supergame:beta", "game", "--trust", "other.pub")
    assert (done.code, "is not trusted here" in done.err) == (1, True), "a flag counts most"
    done = shell("pull", "othergame:beta", "game", "--store", "store")
    assert done.code == 1, "the key of one game says nothing about another one's"


def test_a_channel_is_brought_before_it_is_played(shell: Shell) -> None:
    """And played without a network once it is there. The program ends at once: nothing is streamed here."""
    shell.publish("1.0")
    play = ("play", "supergame:beta", "--store", "store", "--trust", "studio.pub", "--games", "games")
    done = shell(*play)
    assert (done.code, done.out) == (2, "")
    assert "There is no program" in done.err, "the build has none: it was brought, and its tenku.toml was read"
    assert (shell.folder / "games" / "supergame" / "beta" / "data").exists()
    (shell.folder / "store").rename(shell.folder / "away")
    done = shell(*play)
    assert "No store answers; 1.0 is played, as it is here." in done.err
    assert "There is no program" in done.err
    (shell.folder / "games" / "supergame" / "beta" / ".tenku" / "state.json").unlink()
    done = shell(*play)
    assert done.code == 1


def test_a_folder_that_is_there_is_no_channel(shell: Shell) -> None:
    (shell.folder / "my:game").mkdir()
    assert "has no tenku.toml" in shell("play", "my:game").err


@contextlib.contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tenku.cli.main", *arguments]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pull_that_is_stopped_says_that_the_next_one_goes_on(shell: Shell, number: signal.Signals) -> None:
    shell.publish("1.0")
    with FaultServer(shell.folder / "store") as server:
        server.add("*/pack/*", Stall(after=10))
        arguments = ("pull", "supergame:beta", "game", "--store", server.url, "--trust", "studio.pub")
        with started(*arguments, cwd=shell.folder) as process:
            wait_until(lambda: server.count("*/pack/*") > 0)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (130, "")
        assert err.splitlines()[-1] == "tenku: Stopped. Run the same command again: it goes on where this one stopped."
        assert "Traceback" not in err
        assert not (shell.folder / "game").exists()
        server.clear()
        shell.well(*arguments)
    assert shell.well("verify", "game").code == 0


def wait_until(condition: Any, *, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
