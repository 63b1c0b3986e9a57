"""Tenku's own side: `tenku play` with the test game, as a player would start it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processes
from benchmarks.stream import GameLog, Stream, wait_for

BITRATE = "8M"


@contextmanager
def stream(folder: Path, *, fps: int = 60, sound: bool = False, tone: bool = False) -> Iterator[Stream]:
    """Tenku streaming the test game, which may play a tone; everything is ended afterwards."""
    log = GameLog(folder / "game.jsonl")
    game = folder / "game"
    game.mkdir()
    manifest = {"name": "benchmark", "command": log.command(fps=fps, tone=tone), "sound": sound or tone}
    (game / "tenku.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in manifest.items()))
    home = folder / "home"
    home.mkdir()
    tenku = Path(sys.executable).with_name("tenku")
    options = ["--json", "--size", "1280x720", "--fps", str(fps), "--bitrate", BITRATE, "--no-sandbox"]
    output = folder / "tenku.txt"
    server = processes.start([tenku, "play", *options, game], output=output, environment={"HOME": str(home)})
    try:
        url = wait_for(lambda: _player_url(output), what="tenku play", output=output, program=server)
        yield Stream(url, (server.pid,), log)
    finally:
        processes.stop(server)


def _player_url(output: Path) -> str:
    """The link that `--json` printed; empty while it has not."""
    lines = output.read_text(errors="replace").splitlines()
    return next((str(json.loads(line)["player_url"]) for line in lines if line.startswith('{"session"')), "")
