"""Real games that read gamepads, for tests: SDL's bundled with pygame, and the system's own."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenku.play.pads import ShimPads

ROOT = Path(__file__).parent.parent
DEADLINE_S = 30.0
OTHER_USER = "61800"

Line = dict[str, Any]
Command = tuple[str, ...]
PROBE: Command = (sys.executable, str(ROOT / "tests" / "pads_probe.py"))
PYGAME: Command = (sys.executable, str(ROOT / "examples" / "pads" / "pads.py"))


class RunningGame:
    """A game whose standard output is JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen: list[Line] = []

    async def says(self, wanted: Callable[[Line], bool]) -> Line:
        """The next line that is wanted. Raises AssertionError: the game ended, or said no such thing in time."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(DEADLINE_S):
                while text := await self.process.stdout.readline():
                    if text.startswith(b"{"):
                        self.seen.append(json.loads(text))
                        if wanted(self.seen[-1]):
                            return self.seen[-1]
        except TimeoutError:
            raise AssertionError(f"The game said nothing that was wanted; last: {self.seen[-5:]}") from None
        raise AssertionError(f"The game ended with {await self.process.wait()}; last: {self.seen[-5:]}")

    def go_on(self) -> None:
        """Let a program that waits for a line on its standard input continue."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def event(self, event: str, **fields: Any) -> Line:
        """The next line of that event with these fields."""
        return await self.says(lambda line: {"event": event, **fields}.items() <= line.items())


@dataclass(frozen=True, kw_only=True)
class Play:
    """What a test has in hands: the gamepads, the game, and what it asked of the motors so far."""

    pads: ShimPads
    game: RunningGame
    shakes: asyncio.Queue[tuple[int, int, int, int]]

    async def shake(self) -> tuple[int, int, int, int]:
        """The next (pad, strong, weak, duration_ms) that the game asks for."""
        return await asyncio.wait_for(self.shakes.get(), DEADLINE_S)


def sandboxed(pads: ShimPads, command: Sequence[str], *, other_user: bool = False) -> Command:
    """The command in bubblewrap, with what the pads say a sandbox must show."""
    # /tmp is empty inside, and the project itself may lie there.
    places = {ROOT if Path(item).is_relative_to(ROOT) else Path(item) for item in command if item.startswith("/tmp/")}
    binds = [*pads.binds(), *((place, place) for place in places)]
    shown = [part for here, inside in binds for part in (*_open_way(inside), "--ro-bind", str(here), str(inside))]
    walls = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--die-with-parent"]
    walls += ["--unshare-pid", "--unshare-net", "--unshare-ipc", *shown]
    if other_user:
        walls += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--"]
        walls += ["setpriv", "--reuid", OTHER_USER, "--regid", OTHER_USER, "--clear-groups"]
    return (*walls, *command)


def _open_way(inside: Path) -> list[str]:
    """Folders above it that all users may enter: bubblewrap makes closed ones."""
    parents = [parent for parent in reversed(inside.parents) if parent.is_relative_to("/tmp")]
    return [part for parent in parents for part in ("--dir", str(parent))]


@asynccontextmanager
async def started(command: Sequence[str], environment: dict[str, str]) -> AsyncIterator[RunningGame]:
    """A game that runs until the block ends."""
    quiet = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | quiet | environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield RunningGame(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def playing(
    run: Path, command: Command, *, sandbox: str = "none", plugged: Sequence[int] = ()
) -> AsyncIterator[Play]:
    """A session's gamepads and a game that is up; `sandbox` is none, bwrap or other-user."""
    shakes: asyncio.Queue[tuple[int, int, int, int]] = asyncio.Queue()
    pads = ShimPads(run)
    await pads.start(lambda *shake: shakes.put_nowait(shake))
    for pad in plugged:
        pads.plug(pad, "a browser's pad")
    if sandbox != "none":
        command = sandboxed(pads, command, other_user=sandbox == "other-user")
    try:
        async with started(command, pads.environment()) as game:
            await game.event("ready")
            yield Play(pads=pads, game=game, shakes=shakes)
    finally:
        await pads.close()


def build_controller(folder: Path) -> Command | None:
    """The C game, built with the system's SDL; None where there is no compiler or no SDL to build with."""
    if shutil.which("cc") is None or shutil.which("sdl2-config") is None:
        return None
    flags = subprocess.run(["sdl2-config", "--cflags", "--libs"], capture_output=True, text=True, check=True)
    program = folder / "controller"
    source = Path(__file__).with_name("pads_controller.c")
    subprocess.run(["cc", "-o", program, source, *flags.stdout.split()], check=True)
    return (str(program),)
