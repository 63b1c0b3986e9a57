"""Looks at this machine for `doctor.py`: loads, starts and opens what a session would, and leaves nothing behind."""

import ctypes
import importlib.util
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tenku.play.doctor import LIBRARIES, Compositor, Machine
from tenku.play.pads import choose_pads
from tenku.unit.abilities import Abilities
from tenku.unit.abilities import probe as probe_abilities

PATIENCE_S = 30
GAMES_PATH = "/usr/games"
DEMO_SETS = {
    "openttd-opengfx": "/usr/share/games/openttd/baseset/opengfx",
    "openttd-opensfx": "/usr/share/games/openttd/baseset/opensfx",
    "openttd-openmsx": "/usr/share/games/openttd/baseset/openmsx",
    "timgm6mb-soundfont": "/usr/share/sounds/sf3/default-GM.sf3",
}
"""Where Debian's packages put the demo's graphics, sounds, music and instruments."""


def look() -> Machine:
    """Collect the facts; takes about a second, most of it for the compositor's trial of the GPU."""
    display = _display()
    sound: dict[str, str] = display.pop("sound", {"version": "", "error": display.get("error", "")})
    abilities = probe_abilities()
    pads = choose_pads(Path(os.devnull))
    return Machine(
        system=_system(),
        compositor=Compositor(**display),
        missing_libraries=tuple(name for name in LIBRARIES if not _loads(name)),
        keyboard_layouts=Path("/usr/share/X11/xkb/rules").is_dir(),
        xwayland=_version("Xwayland", "-version"),
        sound_server=_named("PulseAudio", _version("pulseaudio", "--version")),
        sound_encoder=sound["version"],
        sound_error=sound["error"],
        pads=pads.about(),
        pads_error=pads.trouble(),
        bubblewrap=abilities.bwrap is not None,
        walls=_walls(abilities),
        limits=_limits(abilities),
        lacks=abilities.lacks,
        port_error=_port_error(),
        certificates=importlib.util.find_spec("cryptography") is not None,
        demo=_version("openttd", "-h"),
        demo_sets={package: Path(path).exists() for package, path in DEMO_SETS.items()},
        fonts=_has_fonts(),
    )


def hardware_encoders() -> tuple[dict[str, str], str]:
    """The GPU's encoders, codec to `nvenc` or `vaapi`, and why they could not be asked; takes about a second."""
    display = _display()
    return display.get("hardware", {}), display.get("error", "")


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{name}, Python {platform.python_version()}, {os.cpu_count()} cores, {memory:.0f} GiB memory"


def _display() -> dict[str, Any]:
    """What the display library says, asked in a program of its own, since a broken one may end it."""
    command = [sys.executable, "-m", "tenku.play.probe_display"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": f"it did not answer within {PATIENCE_S} s"}
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2]
        return {"error": f"its trial ended with exit code {done.returncode}: {last or 'it said nothing'}"}
    return answer


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _version(program: str, flag: str) -> str:
    """The first version number that a program prints; empty where it is missing, `found` where it prints none."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{GAMES_PATH}")
    if path is None:
        return ""
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return number[0] if number else "found"


def _named(name: str, version: str) -> str:
    return f"{name} {version}" if version else ""


def _walls(abilities: Abilities) -> str:
    if abilities.walls is None:
        return ""
    way = "games get a user of their own" if abilities.walls.root else "in a user namespace"
    closed = ["system call filter"] * abilities.seccomp + ["no network"] * abilities.walls.closed_network
    return ", ".join(["bubblewrap", way, *closed])


def _limits(abilities: Abilities) -> str:
    return ", ".join(f"{' and '.join(sorted(p.controllers))} by cgroup v{p.version}" for p in abilities.places)


def _port_error() -> str:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return ""
    except OSError as error:
        return str(error)


def _has_fonts() -> bool:
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts")
    return any(next(folder.rglob(f"*.{kind}"), None) for folder in folders for kind in ("ttf", "otf", "pfb"))
