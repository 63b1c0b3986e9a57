"""Keeps a helper: a server of Tenku's own that the kernel ends when Tenku ends."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from tenku.base.errors import MachineError
from tenku.unit.spec import LaunchSpec
from tenku.unit.waiting import ended

UNLESS_LEFT_ALONE = ("/bin/sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"')
"""Becomes what follows, if its parent still is who it was: Tenku may have died before the kernel was asked."""


class Tied:
    """One helper. `setpriv` asks the kernel to kill it with the thread that started it, then becomes it.

    Whatever the helper itself starts is ended with its process group, unless Tenku is killed: helpers are chosen
    to start nothing that lasts.
    """

    def __init__(self, spec: LaunchSpec, *, environment: Mapping[str, str], pass_fds: tuple[int, ...]) -> None:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise MachineError(f"{spec.name} needs setpriv to end with Tenku.", hint="Install the package util-linux.")
        spec.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        user = [] if spec.user is None or os.geteuid() != 0 else _user(spec.user)
        self._group = 0
        self.arguments = [
            setpriv,
            *user,
            "--pdeathsig",
            "KILL",
            "--",
            *UNLESS_LEFT_ALONE,
            str(os.getpid()),
            *spec.command,
        ]
        self.environment = dict(environment)
        self.folder = str(spec.home)
        self.input = subprocess.DEVNULL
        self.descriptors = pass_fds

    def hold(self, started: "subprocess.Popen[bytes]") -> None:
        self._group = started.pid  # it leads a group of its own

    async def settle(self) -> None:
        """It runs already."""

    async def ask(self, grace: float) -> None:
        if self._group:
            with suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGTERM)
            await ended(self._group, grace)

    def kill(self) -> None:
        if self._group:
            with suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)

    async def gone(self) -> None:
        self.kill()

    def close(self) -> None:
        """Nothing was made."""


def _user(number: int) -> list[str]:
    return ["--reuid", str(number), "--regid", str(number), "--clear-groups"]
