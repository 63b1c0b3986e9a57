"""Three ways to keep hold of a process tree, in one shape."""

import subprocess
from typing import Protocol


class Keeper(Protocol):
    """Knows how a tree is started, found and ended. `Process` does the rest."""

    arguments: list[str]
    environment: dict[str, str]
    """Of the first program, which need not be the game."""
    folder: str
    """Where the first program starts."""
    input: int
    """Its standard input."""
    descriptors: tuple[int, ...]
    """What it inherits besides input and output."""

    def hold(self, started: "subprocess.Popen[bytes]") -> None:
        """The first program runs, and is this one."""

    async def settle(self) -> None:
        """Put the limits on and let the game begin."""

    async def ask(self, grace: float) -> None:
        """Ask every process to end; return when all have, or after `grace` seconds."""

    def kill(self) -> None:
        """Begin the end of every process of the tree."""

    async def gone(self) -> None:
        """After the first program's end: return when no process of the tree is left."""

    def close(self) -> None:
        """Close and remove what was made for the launch."""
