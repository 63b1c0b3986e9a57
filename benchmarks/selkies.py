"""The peer: Selkies of one version from PyPI, in a virtual environment of its own, on an Xvfb of the game's size."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from benchmarks import processes
from benchmarks.stream import BenchmarkError, GameLog, Stream, wait_for

VERSION = "2.1.0"
ENVIRONMENT = Path(__file__).parents[1] / ".venv-selkies"
Mode = Literal["webrtc", "websockets"]
SETTINGS = {
    "encoder": "h264enc",
    "rate-control-mode": "cbr",
    "video-bitrate": "8000",
    "framerate": "60",
    "audio-enabled": "false",
    "microphone-enabled": "false",
    "webcam-enabled": "false",
    "enable-basic-auth": "false",
    "wayland": "false",
    "use-cpu": "true",
}
"""The same codec, bitrate, frame rate and silence as on Tenku's side; everything else is Selkies' default."""


def install() -> None:
    """Make the virtual environment when it is not there yet.

    Raises:
        BenchmarkError: Xvfb is missing, or pip could not install Selkies.
    """
    if shutil.which("Xvfb") is None:
        raise BenchmarkError("Selkies needs an X server: apt-get install --no-install-recommends xvfb")
    if (ENVIRONMENT / "lib").exists() and list(ENVIRONMENT.glob(f"lib/*/site-packages/selkies-{VERSION}.dist-info")):
        return
    print(f"installing selkies {VERSION} into {ENVIRONMENT}", file=sys.stderr)
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [str(ENVIRONMENT / "bin/python"), "-m", "pip", "install", "--quiet", f"selkies=={VERSION}"],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"Selkies {VERSION} could not be installed:\n{done.stderr[-2000:]}")


@contextmanager
def stream(mode: Mode, folder: Path) -> Iterator[Stream]:
    """Selkies streaming the test game; everything is ended afterwards."""
    log = GameLog(folder / "game.jsonl")
    with ExitStack() as stack:
        display, xvfb = _xvfb(stack, folder / "xvfb.txt")
        environment = {"DISPLAY": display, "SDL_VIDEODRIVER": "x11", "SDL_VIDEO_WINDOW_POS": "0,0"}
        game = _start(stack, log.command(), folder / "game.txt", environment)
        wait_for(log.pid, what="The test game", output=folder / "game.txt", program=game)
        port = _free_port()
        options = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
        command = [str(ENVIRONMENT / "bin/python"), "-m", "selkies", "--mode", mode, "--addr", "127.0.0.1"]
        output = folder / "selkies.txt"
        server = _start(stack, [*command, "--port", str(port), *options], output, _home(folder) | {"DISPLAY": display})
        url = f"http://127.0.0.1:{port}/"
        wait_for(lambda: _answers(url), what=f"Selkies ({mode})", output=output, program=server)
        yield Stream(url, (xvfb, server.pid), log)


def _xvfb(stack: ExitStack, output: Path) -> tuple[str, int]:
    """A display of the game's size under a number that is free, and its process."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as numbers:
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-noreset"]
        server = processes.start(command, output=output, pass_fds=[writer])
        stack.callback(processes.stop, server)
        os.close(writer)
        number = numbers.readline().strip()
    if not number:
        raise BenchmarkError(f"Xvfb did not start: {output.read_text(errors='replace')[-500:]}")
    return f":{number}", server.pid


def _start(stack: ExitStack, command: list[str], output: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    program = processes.start(command, output=output, environment=environment)
    stack.callback(processes.stop, program)
    return program


def _home(folder: Path) -> dict[str, str]:
    """A home of its own, so that no earlier settings or recordings are found."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}


def _free_port() -> int:
    # Selkies cannot tell which port it took for 0, so a free one is looked up.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False
