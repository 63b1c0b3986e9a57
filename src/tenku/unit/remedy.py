"""What an operator can do about a machine that cannot fence games in."""

from pathlib import Path

SWITCHES = (
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "1"),
    ("/proc/sys/user/max_user_namespaces", "0", "10000"),
)
"""Kernel settings that forbid user namespaces: the file, the value that forbids, one that allows."""


def sandbox_remedy(root: bool) -> str:
    """How bubblewrap can be made to work here."""
    if not root:
        for path, forbids, allows in SWITCHES:
            if _content(path) == forbids:
                name = path.removeprefix("/proc/sys/").replace("/", ".")
                return f"as root, run `sysctl {name}={allows}`"
    if _in_container():
        return "start the container with `--cap-add SYS_ADMIN --security-opt seccomp=unconfined`"
    return "allow user namespaces" if not root else "give Tenku CAP_SYS_ADMIN, or start it as an ordinary user"


def limit_lacks(controllers: frozenset[str]) -> list[tuple[str, str, str]]:
    """What cannot be limited, why, and the remedy, where only these cgroup controllers can be used."""
    rows = {
        "cpu": "limit the processor time of games",
        "memory": "limit the memory of a whole game (each of its processes gets the limit by itself instead)",
        "pids": "count the processes of one game (all processes of its user are counted instead)",
    }
    return [
        (what, f"no cgroup with the controller {name} can be made", _limit_remedy())
        for name, what in rows.items()
        if name not in controllers
    ]


def _limit_remedy() -> str:
    if _in_container():
        return "start the container with `--privileged`, or a writable /sys/fs/cgroup in it"
    if Path("/run/systemd/system").exists():
        return "start Tenku with `systemd-run --user --scope -p Delegate=yes tenku …`"
    return "start Tenku as root"


def _in_container() -> bool:
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _content(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
