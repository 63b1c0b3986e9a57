"""Builds the gamepad library when Tenku is installed: hatchling calls this for wheels and editable installs.

Where there is no compiler the install goes on without it; `tenku doctor` says so.
"""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("src/tenku/play/pads/shim.c", "src/tenku/play/pads/device.c")
LIBRARY = "src/tenku/play/pads/libtenkupads.so"
FLAGS = (
    *("-O2", "-fPIC", "-shared", "-std=gnu11", "-fvisibility=hidden", "-Wall", "-Wextra"),
    "-fno-delete-null-pointer-checks",  # a game may pass NULL to what libc declares as never NULL
)


class GamepadLibrary(BuildHookInterface[Any]):
    """Compiles shim.c next to its sources, and puts the result into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        compiler = os.environ.get("CC") or "cc"
        if trouble := compile_library(Path(self.root), compiler=shlex.split(compiler)):
            self.app.display_warning(f"Tenku is installed without its gamepad library: {trouble}")
            return
        build_data["artifacts"].append(f"/{LIBRARY}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"  # no Python inside it, so every Python 3 of this platform


def compile_library(root: Path, *, compiler: list[str]) -> str:
    """Build the library; why that failed, as text, or empty.

    The finished file is moved into place: a game that has the old one loaded keeps it.
    """
    if shutil.which(compiler[0]) is None:
        return f"there is no C compiler {compiler[0]!r}; install gcc and libc6-dev, then install Tenku again."
    made = root / f"{LIBRARY}.{os.getpid()}"
    command = [*compiler, *FLAGS, "-o", str(made), *(str(root / source) for source in SOURCES), "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"{' '.join(command)} failed: {done.stderr.strip()}"
        made.replace(root / LIBRARY)
    except OSError as error:
        return f"{compiler[0]} did not run: {error}"
    finally:
        made.unlink(missing_ok=True)
    return ""
