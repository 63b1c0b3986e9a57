"""A game that is being streamed, whoever streams it, and the log that the game keeps."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import processes

T = TypeVar("T")


class BenchmarkError(Exception):
    """A part of the benchmark did not come up; the sentence says which, and where its output is."""


@dataclass(frozen=True, slots=True)
class Flip:
    """The game's word on one flip; times are CLOCK_MONOTONIC in nanoseconds."""

    lit: bool
    """Whether the bright background is the one shown from now on."""
    asked_ns: int
    """When the game's loop took the key."""
    drawn_ns: int
    """When the changed picture was drawn."""
    presented_ns: int
    """When the game's display had taken it."""


@dataclass(frozen=True, slots=True)
class GameLog:
    """The file that the test game writes."""

    path: Path

    def command(self, *, fps: int = 60, tone: bool = False) -> list[str]:
        """What starts the game so that it writes here."""
        game = Path(__file__).with_name("game.py")
        options = ["--log", str(self.path), "--fps", str(fps), *(["--tone"] if tone else [])]
        return [sys.executable, "-P", str(game), *options]

    def pid(self) -> int:
        """The game's process; 0 while it has not started."""
        return next((int(line["pid"]) for line in self._lines() if line["event"] == "start"), 0)

    def driver(self) -> str:
        """What the game draws on: x11 or wayland."""
        return next((str(line["driver"]) for line in self._lines() if line["event"] == "start"), "")

    def flips(self) -> list[Flip]:
        return [
            Flip(line["flip"] % 2 == 1, line["asked_ns"], line["drawn_ns"], line["presented_ns"])
            for line in self._lines()
            if line["event"] == "flip"
        ]

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]  # the last one may be half written


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed game that a browser can open."""

    url: str
    roots: tuple[int, ...]
    """The processes that were started for it: these and what they started are the server, less the game."""
    log: GameLog

    def server(self) -> list[processes.Process]:
        """Every process of the server, its display and sound included, without the game."""
        return processes.tree(self.roots, without=[self.log.pid()])


def wait_for(
    condition: Callable[[], T], *, what: str, output: Path, program: subprocess.Popen[bytes], seconds: float = 30
) -> T:
    """The first true answer of `condition`.

    Raises:
        BenchmarkError: there was none in time, or the program ended.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if program.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(output.read_text(errors="replace").splitlines()[-15:])
            how = f"ended with {program.returncode}" if program.poll() is not None else f"took over {seconds:.0f} s"
            raise BenchmarkError(f"{what} did not start: it {how}. It printed:\n{tail}")
        time.sleep(0.05)
    return answer
