"""The walls around a game, as the arguments of bubblewrap.

Pure: a launch and the machine's abilities go in, a list of words comes out. Two ways lead to the same walls:

- Tenku runs as root: bubblewrap mounts as root, then `setpriv` gives root away for good inside the walls. Nothing
  of the machine needs to be readable by the game's user for that, only what is shown.
- Tenku runs as an ordinary user: bubblewrap makes a user namespace, in which the game looks like user 61800 and
  can do what that ordinary user can.

The environment and the working folder are set by `env` as the last step, behind `setpriv`: a game's LD_PRELOAD must
not be loaded into a program that still is root.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenku.unit.environment import GAME_HOME, GAME_RUNTIME, PLAYER
from tenku.unit.spec import NO_LIMITS, Bind, LaunchSpec, Limits

PLAYER_ID = 61800
"""User and group number of games; above systemd's dynamic users (61184-65519 is theirs by default, so it is free
of people), and the same inside every sandbox."""

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs, libraries and their data. Links are made again as links, folders are shown read-only."""

# fmt: off
ETC = (
    "alsa", "alternatives", "ca-certificates", "ca-certificates.conf", "default/locale", "drirc", "egl",
    "fonts", "glvnd", "gtk-2.0", "gtk-3.0", "host.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    "ld.so.preload", "locale.alias", "locale.conf", "localtime", "magic", "mime.types", "nsswitch.conf",
    "openal", "OpenCL", "os-release", "pki", "protocols", "pulse", "services", "ssl", "terminfo",
    "timezone", "vulkan", "X11", "xdg",
)
# fmt: on
"""What programs need of /etc, and nothing that says who works on this machine."""

WAIT_FOR_THE_WORD = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")
"""Becomes what follows once a line comes on its input, and ends where none can come any more.

Bubblewrap ties its processes to Tenku's life one after the other, and its own `--block-fd` opens as well when Tenku
dies. The game waits here until the last knot is made, so a Tenku killed earlier leaves no game.
"""

NETWORK_ETC = ("resolv.conf", "hosts", "gai.conf")
GPU_SYS = ("/sys/dev/char", "/sys/devices", "/sys/class/drm", "/sys/bus/pci")
"""Where Mesa learns which driver a /dev/dri node needs."""


@dataclass(frozen=True, kw_only=True)
class Walls:
    """What the machine decides about the sandbox."""

    root: bool
    """Whether Tenku runs as root; see above."""
    links: Mapping[str, str]
    """Those of `SYSTEM` that are symbolic links here, and where they lead."""
    closed_network: bool = True
    """Whether a network namespace can be made."""
    rlimits: Limits = NO_LIMITS
    """What no cgroup can hold here and `prlimit` has to."""
    groups: tuple[int, ...] = ()
    """Groups that own the devices shown to the game."""


@dataclass(frozen=True, kw_only=True)
class Handles:
    """File descriptors that bubblewrap inherits."""

    files: Mapping[str, int]
    """Files made up for the sandbox, by their path in it."""
    status: int
    """Bubblewrap writes who the first process is, and how it ended."""
    block: int
    """The sandbox waits on this until its limits hold."""
    seccomp: int | None
    """The system call filter."""


def made_up_files(spec: LaunchSpec) -> dict[str, bytes]:
    """Small files of /etc that would say too much about this machine, or not know the player."""
    files = {
        "/etc/passwd": f"root:x:0:0::/:/usr/sbin/nologin\n{PLAYER}:x:{{id}}:{{id}}::{GAME_HOME}:/bin/sh\n",
        "/etc/group": f"root:x:0:\n{PLAYER}:x:{{id}}:\n",
        # Games tie saves and settings to the machine: the same home is the same machine.
        "/etc/machine-id": hashlib.sha256(str(spec.home).encode()).hexdigest()[:32] + "\n",
        "/etc/hostname": "tenku\n",
    }
    if not spec.network:
        files["/etc/hosts"] = "127.0.0.1 localhost tenku\n::1 localhost\n"
    return {path: text.replace("{id}", str(player_id(spec))).encode() for path, text in files.items()}


def player_id(spec: LaunchSpec) -> int:
    """The game's user and group number."""
    return spec.user or PLAYER_ID


def arguments(
    spec: LaunchSpec, *, environment: Mapping[str, str], walls: Walls, handles: Handles, runtime: Path
) -> list[str]:
    """Everything after the word `bwrap`; `runtime` is the folder that becomes XDG_RUNTIME_DIR."""
    return [
        *_namespaces(spec, walls),
        *_handles(handles),
        *_system(spec, walls),
        *_made_up(handles.files),
        *_own_places(spec, runtime),
        *_shown(spec),
        *("--remount-ro", "/", "--chdir", "/", "--"),
        *_last_steps(spec, environment, walls),
    ]


def _namespaces(spec: LaunchSpec, walls: Walls) -> list[str]:
    words = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "tenku"]
    if walls.closed_network and not spec.network:
        words.append("--unshare-net")
    if walls.root:  # only what setpriv needs to give root away, and gone with it
        words += ["--cap-drop", "ALL"]
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            words += ["--cap-add", capability]
    else:
        words += ["--unshare-user", "--uid", str(player_id(spec)), "--gid", str(player_id(spec))]
    return [*words, "--die-with-parent", "--new-session"]


def _handles(handles: Handles) -> list[str]:
    words = ["--json-status-fd", str(handles.status), "--block-fd", str(handles.block)]
    return words if handles.seccomp is None else [*words, "--seccomp", str(handles.seccomp)]


def _system(spec: LaunchSpec, walls: Walls) -> list[str]:
    words = ["--dir", "/etc", "--dir", "/etc/default", "--dir", "/var", "--dir", "/var/cache"]
    for path in SYSTEM:
        if path in walls.links:
            words += ["--symlink", walls.links[path], path]
        else:
            words += _read_only(path)
    for name in (*ETC, *(NETWORK_ETC if spec.network else ())):
        words += _read_only(f"/etc/{name}")
    words += _read_only("/var/cache/fontconfig")
    if any(bind.target.is_relative_to("/dev/dri") for bind in spec.binds):
        for path in GPU_SYS:
            words += _read_only(path)
    return words


def _made_up(files: Mapping[str, int]) -> list[str]:
    words: list[str] = []
    for path, descriptor in files.items():
        words += ["--perms", "0444", "--file", str(descriptor), path]
    return words


def _own_places(spec: LaunchSpec, runtime: Path) -> list[str]:
    words = ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/dev/shm", "/tmp", "/var/tmp"):
        words += ["--perms", "1777", "--tmpfs", path]
    words += ["--perms", "1777", "--dir", "/tmp/.X11-unix"]
    words += [*_open_way(GAME_RUNTIME), "--bind", str(runtime), str(GAME_RUNTIME)]
    return [*words, *_open_way(GAME_HOME), "--bind", str(spec.home), str(GAME_HOME)]


def _shown(spec: LaunchSpec) -> list[str]:
    words: list[str] = []
    filled = [*map(Path, SYSTEM), GAME_HOME]
    if spec.folder is not None:
        words += [*_open_way(spec.folder, filled), "--ro-bind", str(spec.folder), str(spec.folder)]
        filled.append(spec.folder)
    for bind in spec.binds:
        words += [*_open_way(bind.target, filled), _bind_word(bind), str(bind.source), str(bind.target)]
        filled.append(bind.target)
    return words


def _open_way(target: Path, filled: Sequence[Path] = ()) -> list[str]:
    """Make the folders above a target for all to enter: bubblewrap would close them where the source is closed.

    Not inside of what is `filled` with this machine's files already.
    """
    words: list[str] = []
    for folder in reversed(target.parents[:-1]):
        if not any(folder.is_relative_to(full) for full in filled):
            words += ["--dir", str(folder)]
    return words


def _bind_word(bind: Bind) -> str:
    if bind.target.is_relative_to("/dev"):
        return "--dev-bind"  # the other two forbid the use of devices
    return "--bind" if bind.writable else "--ro-bind"


def _last_steps(spec: LaunchSpec, environment: Mapping[str, str], walls: Walls) -> Sequence[str]:
    return [
        *(_give_root_away(player_id(spec), walls.groups) if walls.root else ()),
        *WAIT_FOR_THE_WORD,
        *_prlimit(walls.rlimits),
        *("/usr/bin/env", "-i", "-C", str(spec.folder or GAME_HOME), "--"),  # the home is closed to root without powers
        *(f"{name}={text}" for name, text in environment.items()),
        *spec.command,
    ]


def _give_root_away(player: int, groups: tuple[int, ...]) -> list[str]:
    listed = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    nothing = ["--inh-caps", "-all", "--ambient-caps", "-all", "--bounding-set", "-all", "--no-new-privs"]
    return ["/usr/bin/setpriv", "--reuid", str(player), "--regid", str(player), *listed, *nothing, "--"]


def _prlimit(limits: Limits) -> list[str]:
    if not limits:
        return []
    words = ["/usr/bin/prlimit"]
    if limits.processes is not None:
        words.append(f"--nproc={limits.processes}")
    if limits.memory is not None:
        words.append(f"--data={limits.memory}")
    return [*words, "--"]


def _read_only(path: str) -> list[str]:
    return ["--ro-bind-try", path, path]
