"""A control group of one launch: made, joined, read and removed."""

import os
import secrets
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tenku.unit.cgroups import CONTROLLERS, Place, oom_kills, places, writes
from tenku.unit.spec import Limits

PREFIX = "tenku-"
REMOVE_WITHIN = 2.0
"""Seconds; the kernel needs a moment between a process's end and its group's emptiness."""
YOUNG = 5.0
"""Seconds that an empty group is left alone: its owner may live unseen in another container, and be about to use it."""


def usable_places() -> list[Place]:
    """The places of this machine in which a group can really be made, with the controllers that really work.

    A controller is listed once: v2 before v1, since a v2 group can be ended with one write.
    """
    found = places(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
    usable: list[Place] = []
    missing = set(CONTROLLERS)
    for place in sorted(found, key=lambda place: -place.version):
        tried = _try_v2(place, missing) if place.version == 2 else _try_v1(place, missing)
        if tried is not None and tried.controllers:
            usable.append(tried)
            missing -= tried.controllers
    return usable


def _try_v1(place: Place, missing: set[str]) -> Place | None:
    controllers = _working(place, place.controllers & missing)
    return Place(version=1, folder=place.folder, controllers=controllers)


def _try_v2(place: Place, missing: set[str]) -> Place | None:
    """Look upward for a group that may hand controllers to its children.

    Only a group without processes (or the root) may, and our own has at least us: under systemd it is most often
    the parent, the user's slice, that can.
    """
    for folder in (place.folder, *place.folder.parents):
        if not (folder / "cgroup.controllers").exists():
            break
        if not os.access(folder / "cgroup.procs", os.W_OK):
            continue  # moving a process needs this file writable where the old and the new group part ways
        _enable(folder, missing)
        with suppress(OSError):
            handed = set((folder / "cgroup.subtree_control").read_text().split()) & missing
            working = _working(Place(version=2, folder=folder, controllers=frozenset(handed)), frozenset(handed))
            if working:
                return Place(version=2, folder=folder, controllers=working)
    return None


def _enable(folder: Path, wanted: Iterable[str]) -> None:
    with suppress(OSError):
        here = (folder / "cgroup.controllers").read_text().split()
        for controller in set(wanted) & set(here):
            with suppress(OSError):  # one at a time: a refused one shall not take the others with it
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _working(place: Place, controllers: frozenset[str]) -> frozenset[str]:
    """Which of the controllers let a limit be set in a new group of this place."""
    sample = Limits(cpu=1, memory=1 << 30, processes=1000)
    one = {
        name: Place(version=place.version, folder=place.folder, controllers=frozenset({name})) for name in controllers
    }
    trial = place.folder / _name()
    try:
        trial.mkdir()
    except OSError:
        return frozenset()
    try:
        return frozenset(name for name in controllers if _apply(trial, sample, one[name]))
    finally:
        trial.rmdir()


def _apply(folder: Path, limits: Limits, place: Place, *, extra_processes: int = 0) -> bool:
    for write in writes(limits, place, extra_processes=extra_processes):
        try:
            (folder / write.file).write_text(write.text)
        except OSError:
            if not write.optional:
                return False
    return True


def _name() -> str:
    return f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"


class Group:
    """The control groups (one, or one for every v1 hierarchy) that hold one launch's limits."""

    def __init__(self, limits: Limits, places: Iterable[Place], *, extra_processes: int = 0) -> None:
        self._limits = limits
        self._extra = extra_processes
        name = _name()
        self._folders = [(place, place.folder / name) for place in places if writes(limits, place)]

    def make(self) -> None:
        """Make the groups and set the limits. OSError where a place stopped working since it was found."""
        for place, folder in self._folders:
            folder.mkdir()
            if not _apply(folder, self._limits, place, extra_processes=self._extra):
                raise OSError(f"{folder} does not take its limits")

    @property
    def joins(self) -> list[Path]:
        """The files that a process writes 0 into to put itself under the limits."""
        return [folder / "cgroup.procs" for _, folder in self._folders]

    def add(self, pid: int) -> None:
        """Put a process, and all that it will start, under the limits."""
        for path in self.joins:
            path.write_text(str(pid))

    def oom_kills(self) -> int:
        """How many processes were ended because the memory limit was reached."""
        for place, folder in self._folders:
            if "memory" in place.controllers:
                with suppress(OSError):
                    return oom_kills(
                        (folder / ("memory.events" if place.version == 2 else "memory.oom_control")).read_text()
                    )
        return 0

    def kill(self) -> None:
        """End every process in the groups."""
        for place, folder in self._folders:
            with suppress(OSError):
                if place.version == 2:
                    (folder / "cgroup.kill").write_text("1")
                    continue
                for pid in (folder / "cgroup.procs").read_text().split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """Take the groups away; what still runs in them is ended first."""
        deadline = time.monotonic() + REMOVE_WITHIN
        while self._folders and time.monotonic() < deadline:
            self._folders = [(place, folder) for place, folder in self._folders if not _removed(folder)]
            if self._folders:
                self.kill()
                time.sleep(0.002)


def sweep_groups(places: Iterable[Place]) -> None:
    """Remove groups that a killed Tenku left behind. Groups with processes in them cannot be removed, and stay."""
    for place in places:
        for folder in place.folder.glob(f"{PREFIX}*"):
            owner = folder.name.removeprefix(PREFIX).partition("-")[0]
            if owner.isdecimal() and not Path("/proc", owner).exists() and _age(folder) > YOUNG:
                _removed(folder)


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # busy
        return False
    return True
