"""Runs a program to its end and tells what it cost."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.stream import BenchmarkError

PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """What a program cost, from its start to its exit."""

    seconds: float
    cpu: float
    """Seconds of processor, with its children's."""
    peak_mb: float
    """The most that it and its children had resident together, in MB (10^6 bytes)."""
    output: str


def run(
    command: Sequence[str | Path],
    *,
    at: Path | None = None,
    environment: Mapping[str, str] | None = None,
    watch: Callable[[], None] | None = None,
) -> Run:
    """Run a program; raise BenchmarkError unless it exits with 0.

    Its memory is read 20 times a second only when `watch` is given, which is called as often: reading costs a little.
    """
    before = time.perf_counter()
    program = start(command, at=at, environment=environment)
    peaks = _Peaks(program.pid, watch) if watch else None
    output, usage, status = _finish(program)
    seconds = time.perf_counter() - before
    peak = peaks.stop() if peaks else 0.0
    if code := os.waitstatus_to_exitcode(status):
        name = " ".join(map(str, command[:2]))
        raise BenchmarkError(f"{name} ended with {code}: {output.strip()[-600:]}")
    # ru_maxrss is the largest of the program and of each child alone, which short peaks cannot hide from.
    most = max(peak, usage.ru_maxrss * 1024 / 1e6)
    return Run(seconds, usage.ru_utime + usage.ru_stime, most, output)


def start(
    command: Sequence[str | Path], *, at: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a program in a session of its own; what it prints can be read."""
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=at,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )


def _finish(program: subprocess.Popen[str]) -> tuple[str, resource.struct_rusage, int]:
    assert program.stdout is not None
    with program.stdout:
        output = program.stdout.read()
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    return output, usage, status


class _Peaks:
    """Adds up what a tree of processes has resident, again and again."""

    def __init__(self, pid: int, watch: Callable[[], None]) -> None:
        self._pid = pid
        self._watch = watch
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._most = max(self._most, sum(_resident(each.pid) for each in processes.tree([self._pid])))
            self._watch()

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self._most / 1e6


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0  # it ended while the list was read
