"""Real process trees for the tests of the unit: started, watched and counted."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tenku.unit.abilities import Abilities
from tenku.unit.exit import Exit
from tenku.unit.process import Process
from tenku.unit.spec import LaunchSpec

PATIENCE = 20.0


class Ground:
    """Where a test's trees run: what this machine can do, and the folders they use."""

    def __init__(self, abilities: Abilities, folder: Path) -> None:
        self.abilities = abilities
        self.folder = folder
        self.home = folder / "home"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()

    def spec(self, *command: str, **more: Any) -> LaunchSpec:
        return LaunchSpec(name="game", command=command, home=self.home, **more)

    def process(self, *command: str, **more: Any) -> Process:
        return Process(self.spec(*command, **more), abilities=self.abilities, scratch=self.scratch)

    def run(self, *command: str, **more: Any) -> Exit:
        """Start, wait, and tell how it ended."""

        async def whole() -> Exit:
            process = self.process(*command, **more)
            await process.start()
            try:
                return await asyncio.wait_for(process.wait(), PATIENCE)
            finally:
                await process.stop(0)

        return asyncio.run(whole())

    def shell(self, script: str, **more: Any) -> Exit:
        return self.run("/bin/sh", "-c", script, **more)


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that real processes bring about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        await asyncio.sleep(0.01)


def marked(mark: str) -> list[int]:
    """Every living process of this machine that has `mark` as a whole word of its command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                alive = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
            except OSError:
                continue
            if alive and mark.encode() in words:
                found.append(int(entry.name))
    return found
