"""Finds the program of a launch, and what would keep it from starting, before anything is started."""

import os
import stat
from dataclasses import replace
from pathlib import Path

from tenku.base.errors import GameError
from tenku.unit.environment import GAME_HOME
from tenku.unit.sandbox import SYSTEM
from tenku.unit.spec import LaunchSpec

TOO_WIDE = ("/", "/boot", "/dev", "/etc", "/home", "/mnt", "/proc", "/root", "/run", "/srv", "/sys", "/tmp", "/var")
"""Folders that are no game's: showing one of them would show what others keep there."""


def with_program(spec: LaunchSpec, *, search: str, user: int | None) -> LaunchSpec:
    """The same launch with the full path of its program.

    `search` is the PATH that the game will have; `user` is whom it will run as, None for Tenku's own user.

    Raises:
        GameError: the program or the folder is missing, hidden by the sandbox, or not executable.
    """
    if spec.folder is not None:
        _check_folder(spec, spec.folder, user)
    program = _find(spec, search)
    outside = _outside(spec, program)
    if not outside.exists():
        raise GameError(f"{spec.name}: there is no {program}.", hint="Check the spelling of the command.")
    if outside.is_dir() or not _may(outside, user, 1):
        raise GameError(
            f"{spec.name}: {program} is not an executable file{_for(user)}.", hint=f"Try: chmod +x '{program}'"
        )
    _check_interpreter(spec, program, outside)
    if "=" in str(program):
        raise GameError(f"{spec.name}: {program} has a '=' in its path.", hint="Rename it.")
    return replace(spec, command=(str(program), *spec.command[1:]))


def too_wide(folder: Path) -> bool:
    """Whether a folder is one that others keep things in: no game's folder, and no game's home."""
    real = folder.resolve()
    try:
        people = Path.home()
    except RuntimeError:  # a service's user may have none
        return str(real) in TOO_WIDE
    return str(real) in TOO_WIDE or people.resolve().is_relative_to(real)


def _find(spec: LaunchSpec, search: str) -> Path:
    wanted = spec.command[0]
    if "/" in wanted:
        return Path(os.path.normpath((spec.folder or Path.cwd()) / wanted))
    for folder in search.split(":"):
        path = Path(folder, wanted)
        if path.is_absolute() and path.is_file():
            return path
    raise GameError(
        f"{spec.name}: command not found: {wanted} (looked in {search}).",
        hint="Install its package, or give its full path.",
    )


def _outside(spec: LaunchSpec, path: Path) -> Path:
    """Where a path of the sandbox lies outside of it; the same path where there is no sandbox."""
    if not spec.sandbox or spec.helper:
        return path
    shown = {bind.target: bind.source for bind in spec.binds} | {GAME_HOME: spec.home}
    if spec.folder is not None:
        shown[spec.folder] = spec.folder
    shown |= {Path(folder): Path(folder) for folder in SYSTEM}
    for target, source in shown.items():
        if path.is_relative_to(target):
            outside = source / path.relative_to(target)
            real = outside.resolve()
            if any(real.is_relative_to(seen.resolve()) for seen in shown.values()):
                return real
            raise _hidden(spec, path, real)
    raise _hidden(spec, path, path)


def _hidden(spec: LaunchSpec, path: Path, real: Path) -> GameError:
    what = str(path) if path == real else f"{path} (that is {real})"
    return GameError(
        f"{spec.name}: the sandbox does not show {what} to the game.",
        hint=f"Put it into the game's folder {spec.folder or '(there is none)'}, or start with --no-sandbox.",
    )


def _check_folder(spec: LaunchSpec, folder: Path, user: int | None) -> None:
    if not folder.is_dir():
        raise GameError(f"{spec.name}: there is no folder {folder}.", hint="Check its spelling.")
    real = folder.resolve()
    if spec.sandbox and too_wide(folder):
        raise GameError(
            f"{spec.name}: {folder} holds more than a game, and the game would see all of it.",
            hint="Put the game into a folder of its own.",
        )
    if not (_may(real, user, 4) and _may(real, user, 1)):
        raise GameError(f"{spec.name}: {folder} cannot be read{_for(user)}.", hint=f"Try: chmod -R a+rX '{folder}'")


def _check_interpreter(spec: LaunchSpec, program: Path, outside: Path) -> None:
    """A script whose first line names a missing program fails with a message that names the script instead."""
    try:
        with outside.open("rb") as file:
            first = file.read(256).split(b"\n")[0]
    except OSError:  # executable, yet not readable for us: then it is no script
        return
    words = first.removeprefix(b"#!").split()
    if first.startswith(b"#!") and words:
        interpreter = Path(os.fsdecode(words[0]))
        if interpreter.is_absolute() and not _outside(spec, interpreter).exists():
            raise GameError(
                f"{spec.name}: {program} wants {interpreter}, which is not there.",
                hint="Install it, or correct the first line of the script.",
            )


def _may(path: Path, user: int | None, bit: int) -> bool:
    """Whether a user may read (4) or execute (1); a group that games are in is not thought of."""
    if user is None:
        return os.access(path, bit)
    about = path.stat()
    mode = stat.S_IMODE(about.st_mode)
    return bool((mode >> 6 if about.st_uid == user else mode >> 3 if about.st_gid == user else mode) & bit)


def _for(user: int | None) -> str:
    return "" if user is None else f" for the game's user ({user})"
