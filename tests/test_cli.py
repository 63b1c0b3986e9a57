"""The `tenku` command: arguments, errors as one sentence, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tenku import __version__
from tenku.base.errors import UsageError
from tenku.base.settings import Config, load
from tenku.cli.flags import given_flags
from tenku.cli.main import COMMANDS, main, parse
from tenku.content.settings import ContentSettings
from tenku.play.settings import PlaySettings


def tenku(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tenku.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"tenku {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments: list[str]) -> None:
    done = tenku(*arguments)
    assert done.returncode == 0
    for name, summary in COMMANDS.items():
        assert name in done.stdout
        assert summary in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["ply"], "ply"),
        (["play", "--no-such-flag"], "--no-such-flag"),
        (["play", "--fp", "30"], "--fp"),  # no guessing: a flag that comes later must not change what `--fp` means
        (["doctor", "--", "x"], "takes nothing after `--`"),
        (["play", "."], "tenku.toml"),
        (["play", "--fps", "fast"], "--fps: 'fast'"),
        (["play", "--port", "70000"], "--port: '70000'"),
        (["play", "--", "no-such-program-anywhere"], "no-such-program-anywhere"),
        (["play", "--"], "There is no command"),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(arguments: list[str], part: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tenku.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert part in done.stderr
    assert done.stderr.startswith("tenku: ")
    assert done.stderr.count("\n") == 1


def test_what_stands_behind_two_dashes_is_the_games_own() -> None:
    """A game's options are none of ours, its own `--` included."""
    args = parse(["play", "--fps", "30", "--", "game", "--fps", "5", "--", "--help"])
    assert args.rest == ["game", "--fps", "5", "--", "--help"]
    assert given_flags(args, PlaySettings) == {"fps": "30"}
    assert parse(["play"]).rest is None
    assert parse(["play", "--"]).rest == []


def test_only_flags_that_were_given_count() -> None:
    """An absent flag must not win over the environment with its default."""
    args = parse(["play", "--no-sandbox", "--size", "640x480"])
    flags = given_flags(args, PlaySettings)
    assert flags == {"sandbox": "false", "size": "640x480"}
    settings = load(
        PlaySettings,
        flags=flags,
        environment={"TENKU_PLAY_FPS": "30", "TENKU_PLAY_SANDBOX": "true"},
        config=Config(Path("config.toml"), {}),
    )
    assert (settings.fps, settings.sandbox, settings.size.width) == (30, False, 640)


def test_flags_of_two_areas_stay_apart() -> None:
    """`--key` of `tenku play` is the key of its web page, not one that signs builds."""
    args = parse(["play", "--key", "page.pem", "--store", "one", "--store", "two"])
    assert given_flags(args, ContentSettings, names=("store", "trust")) == {"store": "one,two"}
    assert given_flags(args, PlaySettings) == {"key": "page.pem"}


def test_an_unknown_command_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        parse(["sing"])


def test_a_reader_that_has_enough_is_no_error() -> None:
    """`tenku doctor --json | head -c 1`: no complaint, no traceback."""
    command = f"'{sys.executable}' -m tenku.cli.main doctor --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr
