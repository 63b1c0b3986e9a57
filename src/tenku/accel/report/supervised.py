"""Runs tasks on a device in a process of their own, so that a device that hangs or crashes it is a result.

A task is a function by name and a JSON value; its answer is a JSON value as well. One child does task after task, as
loading torch takes seconds; only when it hung, died or was left unfit by an error does the next task get a new one.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

from tenku.accel.devices import usable_cores
from tenku.accel.report.model import Verdict
from tenku.base.errors import MachineError

CHILD = "tenku.accel.report.child"
START_S = 180.0
"""Loading torch and a vendor's libraries from a cold disk takes its time; so does a device that resets itself."""
MOST_STARTS_IN_VAIN = 2
"""A device that did not come back that often stays away: nobody waits START_S for each of a thousand calls."""
ENDING_S = 10.0
"""A process that waits for its driver within the kernel cannot be killed; it is left behind then."""
_PROFILER = "USDT:"
"""What torch's profiler says each time that it is used."""
_SAID = 400
"""So many characters of what a child said last are kept."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something to do on a device."""

    function: str
    """`module:function`, which takes the chip, the argument, and a function to tell the stage by."""
    argument: Any
    """A JSON value."""
    limit_s: float
    """For each stage: the function tells when a new one begins, and the clock starts again."""
    prepare_s: float = 0.0
    """Until the first stage, where that is the processor's work and no sign of the device; 0: as `limit_s`."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task ended."""

    verdict: Verdict | None = None
    """MISSING, FAILING, LARGE, HUNG, CRASHED; None: it gave an answer."""
    answer: Any = None
    message: str = ""
    stage: str = ""
    """What it was about when it ended like that."""


class Supervised:
    """A device that tasks are run on, one after the other."""

    def __init__(self, chip: str, *, threads: int = 0, start_s: float = START_S) -> None:
        """`chip`: as `accel.finding.chip_of` takes it. `threads`: of the processor; 0: as many as there are cores."""
        self._chip, self._threads, self._start_s = chip, threads or usable_cores(), start_s
        self._child: _Child | None = None
        self._in_vain = 0
        self._why_not = ""
        self.started = 0
        """So many children there were."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, task: Task) -> Outcome:
        """Do it, and wait for its end. Raises MachineError: the device cannot be opened to begin with."""
        if self._child is None and not self._start():
            return Outcome(verdict=Verdict.CRASHED, message=f"The device did not come back: {self._why_not}")
        assert self._child is not None
        outcome, fit = self._child.run(task)
        if not fit:
            self.close()
        return outcome

    def close(self) -> None:
        """End the child; the next task starts another."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _start(self) -> bool:
        if self._in_vain >= MOST_STARTS_IN_VAIN:
            return False
        # Ours from here on: whoever presses Ctrl-C while it loads torch leaves no child behind.
        self._child = _Child(self._chip, threads=self._threads)
        self._why_not = self._child.opened(self._start_s)
        if not self._why_not:
            self._in_vain, self.started = 0, self.started + 1
            return True
        self.close()
        self._in_vain += 1
        if not self.started:
            raise MachineError(f"The device {self._chip} cannot be opened: {self._why_not}")
        return self._start()


class _Child:
    """A process and the lines that go there and come back."""

    def __init__(self, chip: str, *, threads: int) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", CHILD, chip],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={"OMP_NUM_THREADS": str(threads), **os.environ},
            start_new_session=True,  # so that all that it started is ended with it
        )
        self._unread = b""

    def opened(self, limit_s: float) -> str:
        """Wait until it has its device; why it has not, or nothing."""
        try:
            line = self._line(time.monotonic() + limit_s)
        except TimeoutError:
            return f"it took more than {limit_s:g} s"
        if line is None:
            return self._ended()
        return str(line.get("cannot", ""))

    def run(self, task: Task) -> tuple[Outcome, bool]:
        """How it ended, and whether this process is fit for another."""
        stage, limit_s = "", START_S  # the function's module may load half of torch before anything begins
        try:
            self._send({"function": task.function, "argument": task.argument})
            while True:
                line = self._line(time.monotonic() + limit_s)
                if line is None:
                    return Outcome(verdict=Verdict.CRASHED, message=self._ended(), stage=stage), False
                if "stage" not in line:
                    return _outcome(line, stage), bool(line["fit"])
                stage = str(line["stage"])
                limit_s = task.limit_s if stage else task.prepare_s or task.limit_s
        except TimeoutError:
            while_what = f" while {stage}" if stage else ""
            message = f"It did not come back within {limit_s:g} s{while_what}, and was ended."
            return Outcome(verdict=Verdict.HUNG, message=message, stage=stage), False
        except BrokenPipeError:
            return Outcome(verdict=Verdict.CRASHED, message=self._ended(), stage=stage), False

    def close(self) -> None:
        """End it and all that it started, and wait for that."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)
        self._said.close()

    def _send(self, line: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()

    def _line(self, until: float) -> dict[str, Any] | None:
        """The next line; None: there will be none any more. Raises TimeoutError."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
                got = os.read(self._process.stdout.fileno(), 1 << 16)
                if not got:
                    return None
                self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        parsed: dict[str, Any] = json.loads(line)
        return parsed

    def _ended(self) -> str:
        """How the process ended, with what it said last."""
        try:
            code = self._process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            return "Its process stopped answering."
        how = f"exit code {code}" if code >= 0 else _signal_name(-code)
        hint = " (the system may have run out of memory)" if code == -signal.SIGKILL else ""
        return f"Its process ended with {how}{hint}. {self._last_words()}".strip()

    def _last_words(self) -> str:
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 4000))
        lines = self._said.read().decode(errors="replace").split("\n")
        told = (line.strip()[:_SAID] for line in reversed(lines) if not line.startswith(_PROFILER))
        return next(filter(None, told), "")


def _outcome(line: Mapping[str, Any], stage: str) -> Outcome:
    if "answer" in line:
        return Outcome(answer=line["answer"])
    return Outcome(verdict=Verdict(line["verdict"]), message=line["message"], stage=stage)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
