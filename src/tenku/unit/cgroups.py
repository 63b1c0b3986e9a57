"""Where limits are written on this machine, and what: control groups v1 and v2.

Pure: texts of /proc go in, folders and lines to write come out. `group.py` acts on them.
Sources: the kernel's admin-guide/cgroup-v1 and admin-guide/cgroup-v2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tenku.unit.spec import Limits

CONTROLLERS = ("cpu", "memory", "pids")
PERIOD_US = 100_000
"""The quota of processor time is counted in pieces of this length; the kernel's own default."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder in which groups can be made, and the controllers that hold there."""

    version: int
    """1 or 2."""
    folder: Path
    controllers: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Write:
    """One line for one control file."""

    file: str
    text: str
    optional: bool = False
    """The kernel may be built without this file; the limit holds without it, only less tightly."""


def places(mountinfo: str, own_groups: str) -> list[Place]:
    """Where this process's own groups lie, one for every v1 hierarchy and one for v2.

    `mountinfo` is /proc/self/mountinfo, `own_groups` is /proc/self/cgroup. New groups are made below our own, so
    that whatever limits us limits them too.
    """
    own = dict(_own_groups(own_groups))
    found = []
    for root, point, kind, options in _mounts(mountinfo):
        if kind == "cgroup2":
            found.append(Place(version=2, folder=_inside(point, root, own.get("", "/")), controllers=frozenset()))
        elif kind == "cgroup" and (held := options & set(CONTROLLERS)):
            path = own.get(min(held), "/")
            found.append(Place(version=1, folder=_inside(point, root, path), controllers=frozenset(held)))
    return found


def writes(limits: Limits, place: Place, *, extra_processes: int = 0) -> list[Write]:
    """What makes `limits` hold in a new group of `place`, as far as its controllers go.

    `extra_processes` are the sandbox's own, which the game shall not pay for.
    """
    rows: list[Write] = []
    if limits.cpu is not None and "cpu" in place.controllers:
        quota = max(1_000, round(limits.cpu * PERIOD_US))  # the kernel takes no less than a millisecond
        if place.version == 2:
            rows.append(Write(file="cpu.max", text=f"{quota} {PERIOD_US}"))
        else:
            rows.append(Write(file="cpu.cfs_period_us", text=str(PERIOD_US)))
            rows.append(Write(file="cpu.cfs_quota_us", text=str(quota)))
    if limits.memory is not None and "memory" in place.controllers:
        rows += _memory(limits.memory, place.version)
    if limits.processes is not None and "pids" in place.controllers:
        rows.append(Write(file="pids.max", text=str(limits.processes + extra_processes)))
    return rows


def _memory(size: int, version: int) -> list[Write]:
    if version == 2:
        return [
            Write(file="memory.max", text=str(size)),
            Write(file="memory.swap.max", text="0", optional=True),
            Write(file="memory.oom.group", text="1", optional=True),
        ]
    return [
        Write(file="memory.limit_in_bytes", text=str(size)),
        Write(file="memory.memsw.limit_in_bytes", text=str(size), optional=True),  # memory and swap together
    ]


def oom_kills(text: str) -> int:
    """How many processes the kernel ended for memory: from memory.events (v2) or memory.oom_control (v1)."""
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill":
            return int(number)
    return 0


def _own_groups(text: str) -> Iterator[tuple[str, str]]:
    """Controller and path; the empty controller is v2."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _mounts(text: str) -> Iterator[tuple[str, Path, str, set[str]]]:
    """Root, mount point, kind and options of every mounted control group file system."""
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = fields.split(" ")[3:5]
            yield _unescape(root), Path(_unescape(point)), kind, set(options.split(","))


def _inside(point: Path, root: str, path: str) -> Path:
    """The folder of group `path` where the group `root` is mounted at `point`."""
    if not Path(path).is_relative_to(root):
        return point  # a container that sees only its own part, under the host's name
    return point / Path(path).relative_to(root)


def _unescape(text: str) -> str:
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(escape, character)
    return text
