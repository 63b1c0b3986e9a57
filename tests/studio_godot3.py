"""Godot 3's own importer and loader, without a screen: what the engine says of a folder is the truth about it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

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
    wanted = {path: settings(path) for path in project.rglob("*.import")}
    told = _run(["--editor", "--quit", "--verbose"], project, home)
    for path, lines in wanted.items():
        assert lines <= settings(path), f"{path.name} is now\n{path.read_text()}\nand the editor said\n{told}"
    said = _run(["-s", "load.gd"], project, home)
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    found: dict[str, Any] = json.JSONDecoder().raw_decode(line.removeprefix("RESULT "))[0]
    return found


def settings(path: Path) -> set[str]:
    """The settings in an import file, a line each."""
    return {line for line in path.read_text().splitlines() if "=" in line}


def _run(arguments: list[str], project: Path, home: Path) -> str:
    folders = {f"XDG_{name}_HOME": str(home) for name in ("DATA", "CONFIG", "CACHE")}
    done = subprocess.run(
        [PROGRAM, "--path", str(project), *arguments],
        env=os.environ | folders | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    # It always complains of the locale C, and of nothing else where all is well.
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR") and "locale" not in line]
    assert errors == [], done.stderr
    return done.stdout
