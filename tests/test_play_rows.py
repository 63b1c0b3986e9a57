"""What bad input gets from `tenku play`: one sentence, exit 2, and nothing left running."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PREPARE = Callable[[Path], list[str]]


def play(*arguments: str, data: Path) -> "subprocess.CompletedProcess[str]":
    """Run `tenku play` to its end."""
    command = [sys.executable, "-m", "tenku.cli.main", "play", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(data), "TENKU_PLAY_DATA": str(data)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def not_executable(tmp: Path) -> list[str]:
    (tmp / "game").write_text("no program")
    return ["--", str(tmp / "game")]


def empty_folder(tmp: Path) -> list[str]:
    (tmp / "game").mkdir()
    return [str(tmp / "game")]


def unknown_key(tmp: Path) -> list[str]:
    (tmp / "tenku.toml").write_text('command = ["./game"]\ncolour = "red"\n')
    return [str(tmp)]


def full_file(tmp: Path) -> list[str]:
    (tmp / "there.mp4").write_text("do not write over me")
    return ["--record", str(tmp / "there.mp4"), "--no-sandbox", "--", "/bin/sleep", "9"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda _: ["--", "no-such-game"], ["no-such-game", "PATH"]),
        (not_executable, ["not executable", "chmod +x"]),
        (lambda tmp: [str(tmp / "nowhere")], ["no folder", "nowhere"]),
        (empty_folder, ["no tenku.toml"]),
        (unknown_key, ["unknown key 'colour'", "Known keys"]),
        (lambda _: ["--size", "wide"], ["--size", "1280x720"]),
        (lambda _: ["--display", "tv"], ["--display", "tv"]),
        (lambda _: ["--cert", "a.pem"], ["--key"]),
        (lambda _: ["--host", "192.0.2.1"], ["192.0.2.1"]),
        (full_file, ["there.mp4"]),
        (lambda tmp: ["--record", str(tmp / "no" / "a.mp4"), "--no-sandbox", "--", "/bin/sleep", "9"], ["folder"]),
        (lambda _: [".", "--", "sleep"], ["folder", "command"]),
        (lambda _: ["--"], ["command"]),
    ],
)
def test_one_sentence_and_exit_2(tmp_path: Path, arguments: PREPARE, words: list[str]) -> None:
    result = play(*arguments(tmp_path), data=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("tenku: ")
    assert all(word in last for word in words)
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = play("--port", port, data=tmp_path)
    assert result.returncode == 2
    assert port in result.stderr
    assert "taken" in result.stderr


def test_a_game_that_ends_at_once_ends_the_command_with_its_code(tmp_path: Path) -> None:
    script = tmp_path / "game"
    script.write_text("#!/bin/sh\necho the level is missing\nexit 3\n")
    script.chmod(0o755)
    result = play("--no-sandbox", "--json", "--", str(script), data=tmp_path)
    assert result.returncode == 3
    assert result.stdout == ""
    assert "exit code 3" in result.stderr
    assert "the level is missing" in result.stderr
