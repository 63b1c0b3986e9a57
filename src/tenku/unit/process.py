"""A supervised process tree: started whole, read to its end, ended whole."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tenku.base.errors import MachineError
from tenku.unit.abilities import Abilities, unheld
from tenku.unit.command import with_program
from tenku.unit.environment import open_environment, sandbox_environment
from tenku.unit.exit import Circumstances, Exit, explain
from tenku.unit.group import Group
from tenku.unit.guarded import Guarded
from tenku.unit.keeper import Keeper
from tenku.unit.output import Output
from tenku.unit.sandbox import player_id
from tenku.unit.sandboxed import OWN_PROCESSES, Sandboxed
from tenku.unit.spec import LaunchSpec
from tenku.unit.tail import Tail
from tenku.unit.tied import Tied
from tenku.unit.waiting import ended

KILLED_WITHIN = 5.0
"""Seconds in which the kernel ends a killed tree; after them the first process is killed by itself."""


class Process:
    """One launch. It ends with the game, with `stop`, or, by the kernel's hand, with Tenku.

    Use it from one event loop; the thread that calls `start` must live as long as the game, for the kernel ends
    the game with the thread that started it.
    """

    def __init__(
        self,
        spec: LaunchSpec,
        *,
        abilities: Abilities,
        scratch: Path,
        on_line: Callable[[str], None] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        """`scratch` is an existing private folder, such as the session's `RunFolder`; `on_line` is called with
        each line of output; `pass_fds` are inherited under their numbers."""
        self._spec = spec
        self._abilities = abilities
        self._scratch = scratch
        self._tail = Tail(on_line)
        self._pass_fds = pass_fds
        self._keeper: Keeper | None = None
        self._group: Group | None = None
        self._started: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._end: asyncio.Task[Exit] | None = None

    @property
    def pid(self) -> int | None:
        """The first process as this machine numbers it (bubblewrap or the guard, where there is one)."""
        return None if self._started is None else self._started.pid

    @property
    def running(self) -> bool:
        return self._end is not None and not self._end.done()

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines of output so far, at most 20."""
        return self._tail.lines

    async def start(self) -> None:
        """Start the tree. What fails later, inside it, is told by `wait`.

        Raises:
            GameError: there is no such command, or the game could not run it.
            MachineError: this machine cannot give what was asked for: the sandbox, a limit.
        """
        spec, environment = self._resolved()
        output = Output(self._tail)
        try:
            self._group = self._make_group(spec)
            self._keeper = self._make_keeper(spec, environment)
            self._started = _spawn(self._keeper, output)
        except BaseException:
            self._clean_up()
            output.close()
            raise
        output.start()
        self._keeper.hold(self._started)
        settling = asyncio.create_task(self._keeper.settle())
        self._end = asyncio.create_task(self._watch(self._started, self._keeper, output, settling))
        try:
            await asyncio.shield(settling)
        except OSError as error:  # the group vanished, or takes no processes
            await self.stop(0)
            raise MachineError(f"{spec.name} could not be put under its limits: {error}.") from error

    async def wait(self) -> Exit:
        """How it ended, when it has. Waiting may be cancelled and begun again."""
        if self._end is None:
            raise RuntimeError("start() comes first")
        return await asyncio.shield(self._end)

    async def stop(self, grace: float = 3.0) -> Exit | None:
        """Ask every process of the tree to end (TERM), and kill what has not after `grace` seconds.

        Every process is asked, as systemd does it, and a start script's end is not yet the end: the game behind
        it shall hear of it, and save.
        """
        if self._end is None or self._keeper is None or self._started is None:
            return None
        if not self._end.done():
            self._stopped = True
            await self._keeper.ask(grace)
            self._keeper.kill()
            done, _ = await asyncio.wait([self._end], timeout=KILLED_WITHIN)
            if not done:
                self._started.kill()
        return await self.wait()

    def _resolved(self) -> tuple[LaunchSpec, dict[str, str]]:
        """The launch with its program found, and the environment for it."""
        spec = self._spec
        walled = spec.sandbox and not spec.helper
        environment = (sandbox_environment if walled else open_environment)(spec, os.environ)
        root = os.geteuid() == 0
        user = (player_id(spec) if walled else spec.user) if root else None
        return with_program(spec, search=environment["PATH"], user=user), environment

    def _make_group(self, spec: LaunchSpec) -> Group | None:
        if not spec.limits:
            return None
        group = Group(spec.limits, self._abilities.places, extra_processes=OWN_PROCESSES if spec.sandbox else 0)
        try:
            group.make()
        except OSError as error:
            group.remove()
            raise MachineError(
                f"The limits of {spec.name} cannot be set: {error}.", hint="See `tenku doctor`."
            ) from error
        return group

    def _make_keeper(self, spec: LaunchSpec, environment: dict[str, str]) -> Keeper:
        if spec.helper:
            return Tied(spec, environment=environment, pass_fds=self._pass_fds)
        if not spec.sandbox:
            rlimits = unheld(spec.limits, self._abilities.places)
            return Guarded(spec, environment=environment, group=self._group, rlimits=rlimits, pass_fds=self._pass_fds)
        return Sandboxed(
            spec,
            abilities=self._abilities,
            environment=environment,
            group=self._group,
            scratch=self._scratch,
            pass_fds=self._pass_fds,
        )

    async def _watch(
        self, started: "subprocess.Popen[bytes]", keeper: Keeper, output: Output, settling: "asyncio.Task[None]"
    ) -> Exit:
        await ended(started.pid)
        started.wait()
        await asyncio.wait([settling])  # what it uses is closed below
        await keeper.gone()
        output.close()
        oom_kills = 0 if self._group is None else self._group.oom_kills()
        self._clean_up()
        about = Circumstances(
            name=self._spec.name,
            stopped=self._stopped,
            oom_kills=oom_kills,
            limits=self._spec.limits,
            sandbox=self._spec.sandbox and not self._spec.helper,
        )
        return explain(started.returncode, self._tail.lines, about)

    def _clean_up(self) -> None:
        if self._keeper is not None:
            self._keeper.close()
        if self._group is not None:
            self._group.remove()


def _spawn(keeper: Keeper, output: Output) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        keeper.arguments,
        env=keeper.environment,
        cwd=keeper.folder,
        stdin=keeper.input,
        stdout=output.descriptor,
        stderr=output.descriptor,
        pass_fds=keeper.descriptors,
        start_new_session=True,  # a Ctrl-C in the terminal is Tenku's to answer
    )
