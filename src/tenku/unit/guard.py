"""Stands above a game that has no sandbox, so that its whole tree ends with it, and with Tenku.

Run as a program of its own: `python -I -S guard.py LIFELINE`. It reads its orders (JSON, one line) from the
descriptor LIFELINE and keeps it open: when the other end closes, because Tenku asked for it or was killed, every
process below is killed. It adopts what the game leaves behind (a subreaper), so a process cannot slip away by
forking twice. Standard library only, and nothing of Tenku: it must start in milliseconds and outlive its parent.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
REQUESTS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def descendants(ancestor: int) -> list[int]:
    """Every living process below `ancestor`, parents before children."""
    children = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it ended while we looked
                # The name in brackets may hold anything; the state and the parent come behind it.
                state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                if state != "Z":
                    children[int(parent)].append(int(entry.name))
    found = [ancestor]
    for pid in found:
        found += children[pid]
    return found[1:]


def tell(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to each."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def main() -> None:
    lifeline = int(sys.argv[1])
    orders = _read_orders(lifeline)
    os.set_inheritable(lifeline, False)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    watch = Watch(lifeline)
    game = os.fork()
    if game == 0:
        _become(orders)
    status = watch.run(game)
    _end_all()
    sys.exit(128 - status if status < 0 else status)


class Watch:
    """Waits for the game's end, for Tenku's, or for a request to end, which it passes on to all."""

    def __init__(self, lifeline: int) -> None:
        self._lifeline = lifeline
        self._asked = False
        self._status: int | None = None
        self._wake, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        for number in REQUESTS:
            signal.signal(number, self._on_request)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def run(self, game: int) -> int:
        """The game's exit code, or minus the signal that ended it.

        Once asked to end, the game's first process may end before the others have: a start script does.
        """
        while True:
            ready, _, _ = select.select([self._lifeline, self._wake], [], [])
            if self._lifeline in ready:
                return -signal.SIGKILL if self._status is None else self._status
            with suppress(BlockingIOError):
                os.read(self._wake, 4096)
            alone = self._reap(game)
            if self._status is not None and (alone or not self._asked):
                return self._status

    def _reap(self, game: int) -> bool:
        """Take note of those that ended; whether there are none left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == game:
                self._status = os.waitstatus_to_exitcode(status)

    def _on_request(self, number: int, _frame: object) -> None:
        self._asked = True
        tell(descendants(os.getpid()), signal.Signals(number))


def _read_orders(lifeline: int) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(lifeline, 65536)
        if not piece:
            sys.exit(1)  # Tenku is gone already
        data += piece
    orders: dict[str, Any] = json.loads(data)
    return orders


def _end_all() -> None:
    """Kill what is below until nothing is: what forks meanwhile is adopted, and killed in the next round."""
    while True:
        tell(descendants(os.getpid()), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
            time.sleep(0.002)  # most end together: looking anew for each would take longer than they do
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return


def _become(orders: dict[str, Any]) -> NoReturn:
    """Turn this process, the guard's child, into the game."""
    try:
        for path in orders["join"]:
            Path(path).write_text("0")
        for kind, most in orders["rlimits"].items():
            resource.setrlimit(getattr(resource, kind), (most, most))
        if orders["user"] is not None:
            os.setgroups([])
            os.setgid(orders["user"])
            os.setuid(orders["user"])
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setuid, which forgets it
        for number in (*REQUESTS, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(orders["folder"])
        os.execve(orders["command"][0], orders["command"], orders["env"])
    except OSError as error:
        print(f"{orders['command'][0]} could not be started: {error}", file=sys.stderr, flush=True)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    main()
