"""`tenku.toml`: the file in a game's folder that says how the game starts."""

import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tenku.base.errors import GameError
from tenku.play.model import Size

FILE = "tenku.toml"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """How one game starts. Each field is a key of `tenku.toml`; docs/games.md explains them to game developers."""

    name: str
    """What players see; also the name that saves are kept under."""
    command: tuple[str, ...]
    """Program and arguments. A program with a `/` is looked for in the folder, others in PATH."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the game gets besides the few that Tenku sets."""
    size: Size | None = None
    """The game's own size in pixels; `--size` wins."""
    display: str = "auto"
    """`auto`, `wayland` or `x11`; `--display` wins."""
    sound: bool = True
    """false: no sound server is started."""
    saves: tuple[str, ...] = ()
    """Folders under the game's home that are kept from session to session; the whole home where none is named."""
    mutable: tuple[str, ...] = ()
    """Paths of the folder that players or servers change, like `saves/**`; `tenku pull` never overwrites them."""
    network: bool = False
    """true: the sandboxed game reaches the network."""
    cpu: float | None = None
    """At most so many CPU cores."""
    memory: int | None = None
    """At most so many bytes of memory; written like "2G"."""
    processes: int | None = None
    """At most so many processes and threads."""
    folder: Path | None = None
    """Where the file lies; not a key of it."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a game's folder. Raises GameError: no folder, no file, a key that is unknown or wrong."""
    if not folder.is_dir():
        raise GameError(
            f"There is no folder {folder}.",
            hint="Name a folder with a tenku.toml, or `-- COMMAND` to run a program.",
        )
    file = folder / FILE
    if not file.is_file():
        raise GameError(
            f"The folder {folder} has no {FILE}.",
            hint='Make one with two lines: name = "my game" and command = ["./my-game"]; see docs/games.md.',
        )
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GameError(f"{file} is not TOML: {error}.") from error
    return parse_manifest(table, folder=folder.resolve())


def parse_manifest(table: Mapping[str, Any], *, folder: Path) -> Manifest:
    """The manifest in a TOML table. Raises GameError that names the key."""
    unknown = sorted(table.keys() - READERS.keys())
    if unknown:
        raise GameError(f"{folder / FILE}: unknown key {unknown[0]!r}.", hint=f"Known keys: {', '.join(READERS)}.")
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            values[key] = READERS[key](value)
        except (TypeError, ValueError) as error:
            raise GameError(f"{folder / FILE}: {key} = {value!r} cannot be: {error}.") from error
    if "command" not in values:
        raise GameError(f"{folder / FILE} has no command.", hint='Add a line like command = ["./my-game"].')
    values.setdefault("name", folder.name)
    return Manifest(folder=folder, **values)


def command_manifest(command: tuple[str, ...]) -> Manifest:
    """The manifest of a bare command, as in `tenku play -- COMMAND`."""
    return Manifest(name=Path(command[0]).name, command=command)


def demo_manifest() -> Manifest:
    """The demo: OpenTTD as Debian packages it."""
    return Manifest(
        name="OpenTTD",
        # -x: leave the configuration file alone, so that every demo begins the same way.
        command=("/usr/games/openttd", "-x", "-v", "sdl", "-r", "{size}"),
        display="x11",
    )


def find_program(manifest: Manifest) -> str:
    """The absolute path of the game's program. Raises GameError: not found, or not executable."""
    name = manifest.command[0]
    if "/" in name:
        base = manifest.folder or Path.cwd()
        path = Path(os.path.normpath(base / name))
        if not path.exists():
            raise GameError(
                f"There is no program {path}.", hint="Check the command; paths start from the game's folder."
            )
        if not path.is_file() or not os.access(path, os.X_OK):
            raise GameError(f"{path} is not executable.", hint=f"Try: chmod +x {path}")
        return str(path)
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/games:/usr/local/games")
    if found is None:
        raise GameError(
            f"The command {name!r} is not in PATH.",
            hint="Install it, or write its path, like ./my-game or /opt/game/run.",
        )
    return found


def parse_size(text: object) -> Size:
    """`1280x720` as a Size; both even, 64 to 7680. Raises ValueError."""
    width, cross, height = str(text).lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise ValueError("a size is written like 1280x720")
    size = Size(int(width), int(height))
    if not (64 <= size.width <= 7680 and 64 <= size.height <= 7680):
        raise ValueError("width and height are 64 to 7680 pixels")
    if size.width % 2 or size.height % 2:
        raise ValueError("width and height are even numbers, as video encoders want them")
    return size


def parse_bytes(value: object) -> int:
    """`512M`, `2G` or a number of bytes. Raises ValueError."""
    text = str(value).strip().upper().removesuffix("IB").removesuffix("B")
    unit = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}.get(text[-1:], 1)
    number = text[:-1] if unit > 1 else text
    if not number.replace(".", "", 1).isdecimal():
        raise ValueError('memory is written like "512M" or "2G"')
    return int(float(number) * unit)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("it takes a text")
    return value


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(part, str) and part for part in value):
        raise TypeError('it takes a list of texts, like ["./game", "--windowed"]')
    return tuple(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) and part for part in value):
        raise TypeError('it takes a list of texts, like ["saves/**"]')
    return tuple(value)


def _environment(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise TypeError("it takes a table of texts")
    return dict(value)


def _display(value: object) -> str:
    if value not in ("auto", "wayland", "x11"):
        raise ValueError("it is auto, wayland or x11")
    return str(value)


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("it is true or false")
    return value


def _saves(value: object) -> tuple[str, ...]:
    folders = _command(value)
    for folder in folders:
        path = PurePosixPath(folder)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError("folders are named from the game's home, without `..`")
    return folders


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError("it is a number above 0")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("it is a whole number from 1")
    return value


READERS = {
    "name": _text,
    "command": _command,
    "environment": _environment,
    "size": parse_size,
    "display": _display,
    "sound": _switch,
    "saves": _saves,
    "mutable": _texts,
    "network": _switch,
    "cpu": _positive,
    "memory": parse_bytes,
    "processes": _count,
}
"""How each key of the file is read; each raises TypeError or ValueError with what it takes."""
