"""Keeps a game without a sandbox, below the guard."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tenku.unit import guard
from tenku.unit.group import Group
from tenku.unit.spec import LaunchSpec, Limits
from tenku.unit.waiting import ended


class Guarded:
    """One launch without walls. See `guard.py` for who ends what."""

    def __init__(
        self,
        spec: LaunchSpec,
        *,
        environment: Mapping[str, str],
        group: Group | None,
        rlimits: Limits,
        pass_fds: tuple[int, ...],
    ) -> None:
        spec.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        orders = {
            "command": spec.command,
            "env": dict(environment),
            "folder": str(spec.folder or spec.home),
            "join": [] if group is None else [str(path) for path in group.joins],
            "rlimits": _named(rlimits),
            "user": spec.user if os.geteuid() == 0 else None,
        }
        self._orders = json.dumps(orders).encode() + b"\n"
        self._group = group
        self._guard = 0
        self._theirs, self._lifeline = os.pipe2(os.O_CLOEXEC)
        self.arguments = [sys.executable, "-I", "-S", str(Path(guard.__file__)), str(self._theirs)]
        self.environment: dict[str, str] = {}
        self.folder = "/"
        self.input = subprocess.DEVNULL
        self.descriptors = (self._theirs, *pass_fds)

    def hold(self, started: "subprocess.Popen[bytes]") -> None:
        self._guard = started.pid
        os.close(self._theirs)
        self._theirs = -1

    async def settle(self) -> None:
        if self._lifeline < 0:  # asked to end already
            return
        with suppress(BrokenPipeError):
            # Blocks for as long as the guard starts, and only where the orders exceed a pipe: 64 KiB.
            os.write(self._lifeline, self._orders)

    async def ask(self, grace: float) -> None:
        """The guard passes the request on, and then waits for all instead of only the first."""
        with suppress(ProcessLookupError):
            os.kill(self._guard, signal.SIGTERM)
        await ended(self._guard, grace)

    def kill(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    async def gone(self) -> None:
        """The guard leaves last. Were it killed, the control group still knows who is left."""
        if self._group is not None:
            self._group.kill()

    def close(self) -> None:
        self.kill()
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1


def _named(limits: Limits) -> dict[str, int]:
    named = {"RLIMIT_NPROC": limits.processes, "RLIMIT_DATA": limits.memory}
    return {name: most for name, most in named.items() if most is not None}
