"""Which sessions have the devices by players' claim: the kernel knows who holds the lock."""

import os
from pathlib import Path

from tenku.accel.claim import is_claimed
from tenku.accel.lease import ALL, Lease, Stage

WHO = "play session: players come first"
LOCKS, PROC = Path("/proc/locks"), Path("/proc")


def claimants(path: Path) -> list[Lease]:
    """A lease of no bytes of every device, for each session that holds the claim."""
    if not is_claimed(path):
        return []
    # A kernel that does not tell, or locks of another process namespace: somebody plays, whoever it is.
    pids = sorted(_pids(path)) or [0]
    return [Lease(who=WHO, pid=pid, kind=ALL, index=0, bytes=0, since=_began(pid), stage=Stage.IN_USE) for pid in pids]


def _pids(path: Path) -> set[int]:
    """Processes with a flock(2) on the file: `1: FLOCK  ADVISORY  READ 1234 00:2d:567 0 EOF` (proc_locks(5))."""
    try:
        inode = str(path.stat().st_ino)
        lines = [line.split() for line in LOCKS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return set()
    # The device's number is not compared: overlays and btrfs show another one there than stat(2) does.
    ours = [words for words in lines if len(words) > 5 and words[1] == "FLOCK" and words[5].split(":")[-1] == inode]
    return {int(words[4]) for words in ours if _has_open(int(words[4]), path)}


def _has_open(pid: int, path: Path) -> bool:
    """Whether a process has this file open; numbers of files repeat on other disks."""
    try:
        return any(
            each.is_symlink() and each.readlink() == path.resolve() for each in (PROC / str(pid) / "fd").iterdir()
        )
    except OSError:
        return False


def _began(pid: int) -> float:
    """When a process began, seconds since 1970; 0: not known."""
    try:
        words = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        booted = next(line for line in (PROC / "stat").read_text(encoding="ascii").splitlines() if line[:6] == "btime ")
        return int(booted.split()[1]) + int(words[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, StopIteration, ValueError, IndexError):
        return 0.0
