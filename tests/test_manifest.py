"""A game's folder says how it starts; what is wrong with it is said in one sentence."""

from pathlib import Path

import pytest

from tenku.base.errors import GameError
from tenku.play.manifest import command_manifest, find_program, parse_bytes, parse_size, read_manifest
from tenku.play.model import Size


def folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / "tenku.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_every_key_is_read(tmp_path: Path) -> None:
    manifest = read_manifest(
        folder(
            tmp_path,
            """
            name = "Potions"
            command = ["./potions", "--size", "{size}"]
            environment = { LANG = "ja_JP.UTF-8" }
            size = "640x480"
            display = "wayland"
            sound = false
            saves = [".local/share/potions"]
            mutable = ["mods/**"]
            network = true
            cpu = 1.5
            memory = "512M"
            processes = 64
            """,
        )
    )
    assert manifest.name == "Potions"
    assert manifest.command == ("./potions", "--size", "{size}")
    assert manifest.environment == {"LANG": "ja_JP.UTF-8"}
    assert manifest.size == Size(640, 480)
    assert (manifest.display, manifest.sound, manifest.network) == ("wayland", False, True)
    assert manifest.saves == (".local/share/potions",)
    assert manifest.mutable == ("mods/**",)
    assert (manifest.cpu, manifest.memory, manifest.processes) == (1.5, 512 * 2**20, 64)
    assert manifest.folder == tmp_path


def test_the_folder_names_a_game_without_a_name(tmp_path: Path) -> None:
    assert read_manifest(folder(tmp_path, 'command = ["./x"]')).name == tmp_path.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('command = ["./x"]\nspeed = 3', ["unknown key 'speed'", "Known keys"]),
        ("name = 'x'", ["has no command"]),
        ("command = './x'", ["command", "list"]),
        ("command = []", ["command", "list"]),
        ("command = ['./x']\nsize = 'big'", ["size", "1280x720"]),
        ("command = ['./x']\nsize = '641x480'", ["even"]),
        ("command = ['./x']\ndisplay = 'tv'", ["auto, wayland or x11"]),
        ("command = ['./x']\nsound = 'yes'", ["sound", "true or false"]),
        ("command = ['./x']\nsaves = ['../other']", ["saves", ".."]),
        ("command = ['./x']\nsaves = ['/etc']", ["saves"]),
        ("command = ['./x']\nmutable = 'saves'", ["mutable", "list"]),
        ("command = ['./x']\ncpu = -1", ["cpu", "above 0"]),
        ("command = ['./x']\nmemory = 'lots'", ["memory", "2G"]),
        ("command = ['./x']\nprocesses = 1.5", ["processes", "whole number"]),
        ("command = ['./x']\nenvironment = { A = 1 }", ["environment", "texts"]),
        ("command = [", ["is not TOML"]),
    ],
)
def test_a_wrong_file_is_told_by_key(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(GameError) as error:
        read_manifest(folder(tmp_path, text))
    assert all(word in error.value.sentence() for word in words)
    assert error.value.exit_code == 2


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(GameError, match="There is no folder"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(GameError, match=r"has no tenku\.toml"):
        read_manifest(tmp_path)


def test_a_command_that_cannot_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(GameError, match="not in PATH"):
        find_program(command_manifest(("no-such-game",)))
    with pytest.raises(GameError, match="There is no program"):
        find_program(command_manifest((str(tmp_path / "game"),)))
    (tmp_path / "game").write_text("#!/bin/sh\n")
    with pytest.raises(GameError, match="not executable") as error:
        find_program(command_manifest((str(tmp_path / "game"),)))
    assert "chmod +x" in error.value.hint


def test_paths_start_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "game").write_text("#!/bin/sh\n")
    (tmp_path / "game").chmod(0o755)
    manifest = read_manifest(folder(tmp_path, 'command = ["./game"]'))
    assert find_program(manifest) == str(tmp_path / "game")


def test_sizes_and_amounts() -> None:
    assert parse_size("1920x1080") == Size(1920, 1080)
    assert parse_bytes("2G") == 2**31
    assert parse_bytes("1.5GiB") == 3 * 2**29
    assert parse_bytes(1024) == 1024
    for wrong in ("", "x", "1280", "1280x", "0x0", "9000x9000", "1280x720x3", "-2x-2"):
        with pytest.raises(ValueError):
            parse_size(wrong)
