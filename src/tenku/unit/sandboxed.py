"""Keeps a game in bubblewrap: the end of its process namespace is the end of every process in it."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from tenku.base.errors import GameError, MachineError
from tenku.unit.abilities import Abilities, unheld
from tenku.unit.command import too_wide
from tenku.unit.group import Group
from tenku.unit.guard import descendants, tell
from tenku.unit.handles import Inherited, first_process
from tenku.unit.sandbox import Walls, arguments, made_up_files, player_id
from tenku.unit.spec import LaunchSpec
from tenku.unit.waiting import readable

OWN_PROCESSES = 1
"""Bubblewrap's first process counts towards the limit of processes."""
PATIENCE = 10.0
"""Seconds for bubblewrap to report its first process, and for that one to be gone; both take milliseconds."""

FILTERED_WITHIN = 1.0
"""Seconds in which the first process has its filter on, where there is one."""


class Sandboxed:
    """One launch behind walls. `scratch` is a private folder for the launch's own small files."""

    def __init__(
        self,
        spec: LaunchSpec,
        *,
        abilities: Abilities,
        environment: Mapping[str, str],
        group: Group | None,
        scratch: Path,
        pass_fds: tuple[int, ...],
    ) -> None:
        if abilities.walls is None or abilities.bwrap is None:
            why = next((str(lack) for lack in abilities.lacks), "it was not found working")
            raise MachineError(f"{spec.name} cannot be put into a sandbox: {why}.")
        self._group = group
        self._bubblewrap: subprocess.Popen[bytes] | None = None
        self._first: int | None = None
        self._first_handle: int | None = None
        walls = _walls_for(spec, abilities.walls, abilities)
        _make_home(spec, walls)
        self._close = ExitStack()
        runtime = Path(tempfile.mkdtemp(prefix="runtime-", dir=scratch))
        self._close.callback(shutil.rmtree, runtime, ignore_errors=True)
        if walls.root:
            os.chown(runtime, player_id(spec), player_id(spec))
        self._inherited = Inherited(made_up_files(spec), seccomp=abilities.seccomp)
        self._close.callback(self._inherited.close)
        self.arguments = [
            abilities.bwrap,
            *arguments(spec, environment=environment, walls=walls, handles=self._inherited.handles, runtime=runtime),
        ]
        self.environment: dict[str, str] = {}
        self.folder = "/"
        self.input = self._inherited.input
        self.descriptors = (*self._inherited.descriptors, *pass_fds)

    def hold(self, started: "subprocess.Popen[bytes]") -> None:
        self._bubblewrap = started
        self._inherited.given()

    async def settle(self) -> None:
        first = await self._report()
        if first is None:  # most often it has ended with a complaint already
            self._inherited.abandon()
            return
        with suppress(ProcessLookupError):
            self._first_handle = os.pidfd_open(first)
            self._close.callback(os.close, self._first_handle)
            self._first = first
            if self._group is not None:
                self._group.add(first)
        if self._inherited.abandoned:  # asked to end before there was anything to end
            self.kill()
            return
        self._inherited.let_build()
        if await self._tied(first):
            self._inherited.let_play()
        else:
            self._inherited.abandon()

    async def ask(self, grace: float) -> None:
        """Bubblewrap itself is halted meanwhile: it would end the rest as soon as the game's first process ends.

        Halted or not, the kernel ends it with Tenku.
        """
        if self._first is None or self._first_handle is None or self._bubblewrap is None:
            return
        self._bubblewrap.send_signal(signal.SIGSTOP)
        try:
            if game := descendants(self._first):  # else it has not begun, and has nothing to save
                tell(game, signal.SIGTERM)
                await readable(self._first_handle, grace)
        finally:
            self._bubblewrap.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._first_handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first_handle, signal.SIGKILL)
        else:  # bubblewrap, killed now, could leave its child waiting for ever
            self._inherited.abandon()

    async def gone(self) -> None:
        """The first process is the last to leave its namespace: the kernel ends and reaps all others before."""
        if self._first_handle is not None:
            self.kill()
            await readable(self._first_handle, PATIENCE)

    def close(self) -> None:
        self._close.close()

    async def _tied(self, first: int) -> bool:
        """Wait until the sandbox's first process ends with bubblewrap; False where it ended before.

        It ties itself, then puts the filter of system calls on, which can be seen. Without a filter a child of
        it, and a moment more, have to do.
        """
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE:
            try:
                late = time.monotonic() > began + FILTERED_WITHIN
                if _filtered(first) or (late and descendants(first)):
                    return True
            except OSError:
                return False
            await asyncio.sleep(0.001)  # the kernel tells nobody; it takes some 10 ms
        return False

    async def _report(self) -> int | None:
        """Bubblewrap's word on its first process; None where it failed before there was one."""
        written = b""
        while await readable(self._inherited.status, PATIENCE):
            piece = os.read(self._inherited.status, 4096)
            written += piece
            first = first_process(written)
            if first is not None or not piece:
                return first
        return None


def _filtered(pid: int) -> bool:
    return "\nSeccomp:\t2\n" in Path("/proc", str(pid), "status").read_text()


def _walls_for(spec: LaunchSpec, walls: Walls, abilities: Abilities) -> Walls:
    groups = {path.stat().st_gid for bind in spec.binds for path in _devices(bind.source)}
    return replace(walls, rlimits=unheld(spec.limits, abilities.places), groups=tuple(sorted(groups - {0})))


def _devices(source: Path) -> list[Path]:
    if not source.is_relative_to("/dev"):
        return []
    found = source.iterdir() if source.is_dir() else [source]
    return [path for path in found if path.is_char_device()]


def _make_home(spec: LaunchSpec, walls: Walls) -> None:
    """Make what the game keeps, and let its user reach the sockets that it is shown."""
    if too_wide(spec.home):
        raise GameError(f"{spec.home} cannot be a game's home: it holds more.", hint="Give a folder of its own.")
    try:
        spec.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"The home {spec.home} of {spec.name} cannot be made: {error.strerror}.", hint="Give another folder."
        ) from error
    if not walls.root:
        return
    player = player_id(spec)
    _give_home(spec.home, player)
    for bind in spec.binds:
        with suppress(FileNotFoundError):  # bubblewrap will name it
            if stat.S_ISSOCK(bind.source.stat().st_mode):
                os.chown(bind.source, player, player)


def _give_home(home: Path, player: int) -> None:
    """Hand a home over once; the top comes last, so that an interrupted change is begun again."""
    if home.stat().st_uid == player:
        return
    for _, folders, files, descriptor in os.fwalk(home, topdown=False, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, player, player, dir_fd=descriptor, follow_symlinks=False)
    os.chown(home, player, player)
