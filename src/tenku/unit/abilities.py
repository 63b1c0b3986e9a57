"""What this machine can do for a game's safety, found by trying; and in sentences, what it cannot."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tenku.unit.cgroups import Place
from tenku.unit.environment import sandbox_environment
from tenku.unit.group import sweep_groups, usable_places
from tenku.unit.handles import Inherited
from tenku.unit.remedy import limit_lacks, sandbox_remedy
from tenku.unit.sandbox import PLAYER_ID, SYSTEM, Walls, arguments, made_up_files
from tenku.unit.spec import LaunchSpec, Limits

PATIENCE = 10
"""Seconds that a trial of the sandbox may take; it takes a few hundredths."""


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Something that this machine cannot do."""

    what: str
    because: str
    remedy: str

    def __str__(self) -> str:
        return f"cannot {self.what}, because {self.because}; to get it: {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What was found."""

    bwrap: str | None
    """Path of bubblewrap."""
    walls: Walls | None
    """How the sandbox is built here; None where there is none."""
    seccomp: bool
    """Whether the system call filter works."""
    places: tuple[Place, ...]
    """Where limits are set."""
    lacks: tuple[Lack, ...]

    def describe(self) -> list[str]:
        """Sentences for `tenku doctor`: what works, then what does not."""
        can = [f"limits: {', '.join(sorted(place.controllers))} by cgroup v{place.version}" for place in self.places]
        if self.walls is not None:
            way = f"as root, games are user {PLAYER_ID}" if self.walls.root else "in a user namespace"
            can.insert(0, f"sandbox: bubblewrap, {way}{', with a system call filter' if self.seccomp else ''}")
        return [*can, *map(str, self.lacks)]


def probe() -> Abilities:
    """Try everything once. Takes a few hundredths of a second, and blocks for that long.

    Groups that a killed Tenku left behind are removed on the way.
    """
    places = tuple(usable_places())
    sweep_groups(places)
    lacks = [Lack(what=what, because=because, remedy=remedy) for what, because, remedy in limit_lacks(held(places))]
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        lacks.insert(0, _no_sandbox("bubblewrap is not installed", "install the package bubblewrap"))
        return Abilities(bwrap=None, walls=None, seccomp=False, places=places, lacks=tuple(lacks))
    walls = Walls(root=os.geteuid() == 0, links=_links())
    complaints: list[str] = []
    for closed_network, seccomp in ((True, True), (False, True), (True, False), (False, False)):
        tried = replace(walls, closed_network=closed_network)
        complaint = _try_sandbox(bwrap, tried, seccomp)
        if complaint is None:
            return Abilities(
                bwrap=bwrap,
                walls=tried,
                seccomp=seccomp,
                places=places,
                lacks=(*_wall_lacks(closed_network, seccomp, complaints), *lacks),
            )
        complaints.append(complaint)
    lacks.insert(0, _no_sandbox(complaints[-1], sandbox_remedy(walls.root)))
    return Abilities(bwrap=bwrap, walls=None, seccomp=False, places=places, lacks=tuple(lacks))


def held(places: Iterable[Place]) -> frozenset[str]:
    """The controllers that hold in any of the places."""
    return frozenset().union(*(place.controllers for place in places))


def unheld(limits: Limits, places: Iterable[Place]) -> Limits:
    """The part of the limits that no control group can hold and that process limits have to."""
    controllers = held(places)
    return Limits(
        memory=None if "memory" in controllers else limits.memory,
        processes=None if "pids" in controllers else limits.processes,
    )


def _no_sandbox(because: str, remedy: str) -> Lack:
    return Lack(
        what="put games into a sandbox", because=because, remedy=f"{remedy} (or start with --no-sandbox, without it)"
    )


def _wall_lacks(closed_network: bool, seccomp: bool, complaints: list[str]) -> list[Lack]:
    lacks = []
    if not closed_network:
        lacks.append(
            Lack(
                what="take the network from games",
                because=f"a network namespace cannot be made ({complaints[0]})",
                remedy="allow it CAP_NET_ADMIN in its namespaces (in a container: --cap-add NET_ADMIN)",
            )
        )
    if not seccomp:
        lacks.append(
            Lack(
                what="filter the system calls of games",
                because=f"the filter is refused ({complaints[0]})",
                remedy="use a kernel with CONFIG_SECCOMP_FILTER",
            )
        )
    return lacks


def _try_sandbox(bwrap: str, walls: Walls, seccomp: bool) -> str | None:
    """Run `true` behind the very walls that games get; what was complained of, or None."""
    with tempfile.TemporaryDirectory(prefix="tenku-probe-") as folder:
        spec = LaunchSpec(name="probe", command=("/usr/bin/true",), home=Path(folder))
        if walls.root:
            os.chown(folder, PLAYER_ID, PLAYER_ID)
        inherited = Inherited(made_up_files(spec), seccomp=seccomp)
        try:
            inherited.let_build()
            inherited.let_play()
            words = arguments(
                spec,
                environment=sandbox_environment(spec, {}),
                walls=walls,
                handles=inherited.handles,
                runtime=Path(folder),
            )
            done = subprocess.run(
                [bwrap, *words],
                env={},
                stdin=inherited.input,
                capture_output=True,
                pass_fds=inherited.descriptors,
                timeout=PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        finally:
            inherited.close()
    if done.returncode == 0:
        return None
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[-1] if said else f"bwrap ended with exit code {done.returncode}"


def _links() -> dict[str, str]:
    return {path: str(Path(path).readlink()) for path in SYSTEM if Path(path).is_symlink()}
