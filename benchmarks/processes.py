"""What a tree of processes costs, read from /proc."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat."""

    pid: int
    parent: int
    session: int
    seconds: float
    """CPU time, of the program and of the kernel for it."""
    name: str


def snapshot() -> dict[int, Process]:
    """Every process of this machine that can be read."""
    found = (_read(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {process.pid: process for process in found if process is not None}


def tree(roots: Iterable[int], *, without: Iterable[int] = ()) -> list[Process]:
    """The processes under `roots` and in their Unix sessions, less those under `without`."""
    everything = snapshot()
    kept = _under(everything, set(roots), by_session=True)
    left_out = _under(everything, set(without), by_session=False)
    return [everything[pid] for pid in sorted(kept - left_out)]


def cpu_seconds(processes: Iterable[Process]) -> dict[int, float]:
    """CPU time of each process so far, by id."""
    return {process.pid: process.seconds for process in processes}


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    """CPU seconds between two readings; a process that is in one of them only counts what is known of it."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def resident_mb(pid: int) -> float:
    """Memory that a process holds, shared libraries included, in MB (10^6 bytes)."""
    return _rollup(pid, "Rss")


def proportional_mb(pid: int) -> float:
    """Memory of a process with what it shares divided among those who share it, in MB (10^6 bytes)."""
    return _rollup(pid, "Pss")


def command_line(pid: int) -> str:
    """The command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def start(
    command: Sequence[str | Path],
    *,
    output: Path,
    environment: dict[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in a Unix session of its own; what it prints goes to a file."""
    with output.open("ab") as sink:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            pass_fds=pass_fds,
        )


def stop(program: subprocess.Popen[bytes], *, patience_s: float = 10) -> None:
    """End a program as Ctrl-C would; kill it and all that it left behind when it does not."""
    left = [process.pid for process in tree([program.pid]) if process.pid != program.pid]
    if program.poll() is None:
        program.send_signal(signal.SIGINT)
    try:
        program.wait(patience_s)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    for pid in left:
        _kill(pid, patience_s=1)


def _kill(pid: int, *, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _read(pid: int) -> Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None  # it ended while the list was read
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    seconds = (int(fields[11]) + int(fields[12])) / TICKS
    return Process(pid=pid, parent=int(fields[1]), session=int(fields[3]), seconds=seconds, name=name)


def _under(everything: dict[int, Process], roots: set[int], *, by_session: bool) -> set[int]:
    found = {pid for pid in roots if pid in everything}
    while True:
        more = {
            process.pid
            for process in everything.values()
            if process.pid not in found and (process.parent in found or (by_session and process.session in roots))
        }
        if not more:
            return found
        found |= more


def _rollup(pid: int, key: str) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(f"/proc/{pid}/smaps_rollup has no {key}")
