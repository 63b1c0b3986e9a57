"""Keeps one worker process alive: a crash in native code costs a job's attempt, not the server."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from tenku.accel.claim import claim_path
from tenku.base.errors import MachineError
from tenku.studio.restarts import Deaths
from tenku.studio.settings import StudioSettings
from tenku.unit.runfolder import run_base
from tenku.unit.tail import Tail

BLOCK = 65536
GRACE_S = 15.0
"""How long a worker may take to come to its job's next step before it is killed."""


class Supervisor:
    """Starts a worker, and starts it again when it dies.

    Args:
        command: program and arguments. It has to end when its standard input ends: that is how it hears that this
            process was killed.
        notify: told why it died, and when it starts again.
        on_line: told each line that it prints.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        notify: Callable[[str], None],
        on_line: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._command = command
        self._environment = environment
        self._notify = notify
        self._on_line = on_line
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closing = False
        self.starts = 0
        """How often it was started."""

    @property
    def pid(self) -> int | None:
        """The worker's process, while there is one."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Begin to keep it."""
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End the worker: at its job's next step, which goes back to the queue, else by force."""
        self._closing = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), GRACE_S)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping

    async def _keep(self) -> None:
        deaths = Deaths()
        while not self._closing:
            began = self._clock()
            why = await self._live()
            if self._closing:
                return
            deaths = deaths.after(self._clock() - began)
            self._notify(f"{why} It starts again in {deaths.pause_s:.1f} s.")
            await asyncio.sleep(deaths.pause_s)

    async def _live(self) -> str:
        """One life of the worker; how it ended."""
        tail = Tail(self._on_line)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(self._environment),
                # Ctrl-C at a terminal reaches the whole group; the worker ends when it is told to, after the server.
                start_new_session=True,
            )
        except OSError as error:
            return f"The worker cannot be started: {error.strerror or error}."
        self.starts += 1
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(BLOCK):
            tail.feed(data)
        tail.finish()
        return explain(await self._process.wait(), tail.lines)


def explain(code: int, lines: Sequence[str]) -> str:
    """How a worker ended, as one sentence; `code` is negative for a signal."""
    if code >= 0:
        said = f": {lines[-1]}" if lines else ""
        return f"The worker ended with exit code {code}{said.rstrip('.')}."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"The worker was ended by {name}; the job that it had is done again."


def worker_command(*arguments: str) -> list[str]:
    """The command of a worker with these arguments."""
    return [sys.executable, "-m", "tenku.control.worker", *arguments]


def studio_arguments(studio: StudioSettings, *, environment: Mapping[str, str]) -> list[str]:
    """What a worker is told of the settings. `environment` says where games of this user say that they are played."""
    told = ["--folder", str(studio.folder), "--memory", str(studio.memory), "--threads", str(studio.threads)]
    told += ["--players-first", studio.players_first.value, "--keep-days", str(studio.keep_days)]
    # Where there is no folder for it, no game can be played either.
    with contextlib.suppress(MachineError):
        base = run_base(environment)
        told += ["--players", str(claim_path(base)), "--leases", str(base)]
    return told
