"""Godot 3's own importer and loader, without a screen: what the engine says of a folder is the truth about it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from studio_serve import until

PROGRAM = "godot3-server"
PATIENCE_S = 60
PROJECT = 'config_version=4\n[application]\nconfig/name="check"\n'
SCRIPT = """
extends SceneTree

func rect(r):
    return [r.position.x, r.position.y, r.size.x, r.size.y]

func _init():
    var out = {"textures": {}, "animations": {}}
    var number = 0
    for path in %(textures)s:
        var texture = load(path)
        var file = "res://seen_%%d.png" %% number
        var shown = texture.atlas.get_data().get_rect(texture.region)
        shown.save_png(file)
        out["textures"][path] = {
            "class": texture.get_class(), "page": texture.atlas.resource_path,
            "size": [texture.get_width(), texture.get_height()],
            "region": rect(texture.region), "margin": rect(texture.margin),
            "smooth": (texture.atlas.flags & Texture.FLAG_FILTER) != 0, "file": file}
        number += 1
    for path in %(frames)s:
        var frames = load(path)
        for name in frames.get_animation_names():
            var shown = []
            for index in range(frames.get_frame_count(name)):
                shown.append(rect(frames.get_frame(name, index).region))
            out["animations"][name] = {
                "speed": frames.get_animation_speed(name), "loop": frames.get_animation_loop(name), "regions": shown}
    print("RESULT " + to_json(out))
    quit()
"""


def need_godot() -> None:
    """Skips where the engine is not installed."""
    if shutil.which(PROGRAM) is None:
        pytest.skip("Godot is not installed: apt-get install godot3-server")


def import_and_load(project: Path, *, home: Path) -> dict[str, Any]:
    """Let the editor import a folder, and load every text resource in it; what the engine made of them."""
    (project / "project.godot").write_text(PROJECT)
    files = sorted(path.relative_to(project).as_posix() for path in project.rglob("*.tres"))
    frames = [f"res://{name}" for name in files if name.endswith(".frames.tres")]
    textures = [f"res://{name}" for name in files if not name.endswith(".frames.tres")]
    (project / "load.gd").write_text(SCRIPT % {"textures": json.dumps(textures), "frames": json.dumps(frames)})
    _import(project, home)
    said = _run(["-s", "load.gd"], project, home)
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    found: dict[str, Any] = json.JSONDecoder().raw_decode(line.removeprefix("RESULT "))[0]
    return found


def _import(project: Path, home: Path) -> None:
    """Have the editor at work until everything is imported.

    `--quit` ends it after its first look around, which on a busy machine comes before it has imported anything.
    """
    wanted = {path: _settings(path) for path in project.rglob("*.import")}
    with (project.parent / "editor.log").open("w+") as log:
        editor = subprocess.Popen(
            [PROGRAM, "--path", str(project), "--editor", "--verbose"],
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: all(_is_imported(project, file) for file in wanted), "the editor has imported all pictures")
        finally:
            editor.terminate()
            editor.wait(PATIENCE_S)
    told = (project.parent / "editor.log").read_text()
    _check(told)
    for path, lines in wanted.items():
        assert lines <= _settings(path), f"{path.name} is now\n{path.read_text()}\nand the editor said\n{told}"


def _is_imported(project: Path, file: Path) -> bool:
    """Whether an import file names its texture, and the sum of it, which is written last, is there."""
    named = next((line for line in _settings(file) if line.startswith('path="res://')), "")
    return bool(named) and (project / named[len('path="res://') : -1]).with_suffix(".md5").exists()


def _settings(path: Path) -> set[str]:
    """The settings in an import file, a line each."""
    return {line for line in path.read_text().splitlines() if "=" in line}


def _run(arguments: list[str], project: Path, home: Path) -> str:
    done = subprocess.run(
        [PROGRAM, "--path", str(project), *arguments],
        env=_environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    _check(done.stderr)
    return done.stdout


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {f"XDG_{name}_HOME": str(home) for name in ("DATA", "CONFIG", "CACHE")} | {"HOME": str(home)}


def _check(told: str) -> None:
    """It always complains of the locale C, and of nothing else where all is well."""
    assert [line for line in told.splitlines() if line.startswith("ERROR") and "locale" not in line] == [], told
