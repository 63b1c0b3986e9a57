"""What was recorded plays in Chrome and in VLC: finished or cut off by kill -9, of one size or of two."""

import http.server
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import media
from browser import chromium
from tenku.play.model import Size
from test_recording import HALF, Stream, flashes, growing, record

BIG = Size(960, 540)
SECONDS = 4


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `finished.mp4`, and `killed.mp4`, which kill -9 left. Beeps come with the flashes."""
    folder = tmp_path_factory.mktemp("films")
    stream = Stream().show(flashes(BIG, 2), BIG).show(flashes(HALF, 2), HALF)
    for second in range(SECONDS):
        stream.beep(second + 0.5)
    record(folder / "finished.mp4", stream).finish()
    (folder / "killed.mp4").write_bytes(growing(folder / "finished.mp4"))
    return folder


class Files(http.server.BaseHTTPRequestHandler):
    """Serves one folder with byte ranges, which a player needs to seek."""

    folder: Path

    def do_GET(self) -> None:
        if self.path == "/":
            return self._answer(200, "text/html", b"<!doctype html><video></video>")
        data = (self.folder / Path(self.path).name).read_bytes() if self.path.endswith(".mp4") else b""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin, end = (int(wanted[1]), int(wanted[2] or len(data) - 1)) if wanted else (0, len(data) - 1)
        headers = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {begin}-{end}/{len(data)}"} if wanted else {}
        return self._answer(206 if wanted else 200, "video/mp4", data[begin : end + 1], headers)

    def _answer(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: Any) -> None:
        """Nothing: a test prints only what went wrong."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = type("Here", (Files,), {"folder": folder})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


WATCH = """async file => {
    const video = document.querySelector("video");
    const when = (name) => new Promise((done, fail) => {
        video.addEventListener(name, done, { once: true });
        video.addEventListener("error", () => fail(new Error(video.error.message)), { once: true });
    });
    const shown = [];
    video.addEventListener("resize", () => shown.push([video.videoWidth, video.videoHeight]));
    video.src = file;
    await when("loadedmetadata");
    const duration = video.duration;
    video.currentTime = 2.7;
    await when("seeked");
    const sought = video.currentTime;
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    const brightness = async (time) => {
        video.currentTime = time;
        await when("seeked");
        canvas.drawImage(video, 0, 0, 1, 1);
        return canvas.getImageData(0, 0, 1, 1).data[0];
    };
    const lit = [await brightness(0.55), await brightness(1.2), await brightness(3.55)];
    video.currentTime = 0;
    await when("seeked");
    shown.length = 0;
    await video.play();
    await when("ended");
    return { duration, sought, lit, shown, end: video.currentTime, heard: video.webkitAudioDecodedByteCount };
}"""


@pytest.mark.parametrize("name", ["finished.mp4", "killed.mp4"])
def test_chrome_plays_a_recording_and_seeks_in_it(films: Path, name: str) -> None:
    with served(films) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(address)
        seen = page.evaluate(WATCH, name)
    assert seen["duration"] == pytest.approx(SECONDS, abs=0.05)
    assert seen["sought"] == pytest.approx(2.7, abs=0.01)
    assert [value > 128 for value in seen["lit"]] == [True, False, True]
    assert seen["shown"][-1] == [640, 360]
    assert seen["end"] == pytest.approx(SECONDS, abs=0.05)
    assert seen["heard"] > 1000


@pytest.mark.skipif(shutil.which("vlc") is None, reason="VLC is not installed (Debian: vlc-bin vlc-plugin-base)")
@pytest.mark.parametrize("name", ["finished.mp4", "killed.mp4"])
def test_vlc_plays_a_recording(films: Path, tmp_path: Path, name: str) -> None:
    """VLC's own log says what it decoded and showed; it plays as an ordinary user, as it insists on."""
    room = tmp_path / "room"
    room.mkdir()
    file = Path(shutil.copy(films / name, room))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        for folder in (file, *file.parents):
            if folder not in (Path("/"), Path("/tmp")) and folder.stat().st_uid == 0:
                folder.chmod(folder.stat().st_mode | 0o055)
        os.chown(room, 65534, 65534)
        user = {"user": 65534, "group": 65534, "extra_groups": []}
    command = ("vlc", "-I", "dummy", "-vv", "--no-color", "--vout=vdummy", "--aout=adummy", str(file), "vlc://quit")
    environment = {"PATH": os.environ["PATH"], "HOME": str(room)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60, **user)
    log = done.stderr.decode(errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert re.search(r"avcodec decoder debug: codec \(h264\) started", log), log[-3000:]
    assert re.search(r"opus decoder debug: Opus audio with 2 channels", log)
    assert "EOF reached" in log
    shown = re.findall(r"avcodec decoder debug: using \w+ picture size|VoutDisplayEvent 'resize' (\d+x\d+)", log)
    assert "960x540" in shown
    assert "buffer deadlock" not in log


def test_ffmpeg_finds_nothing_wrong(films: Path) -> None:
    for name in ("finished.mp4", "killed.mp4"):
        assert media.complaints(films / name) == ""
