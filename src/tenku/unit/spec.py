"""What to start and what it may touch: one launch, as plain data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenku.base.errors import GameError, SettingError

SMALLEST_MEMORY = 16 << 20
"""Below this not even the sandbox's own tools start."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that one game may take; None is no limit."""

    cpu: float | None = None
    """In cores: 1.5 is one and a half."""
    memory: int | None = None
    """In bytes, swap and files in /tmp included."""
    processes: int | None = None
    """Processes and threads together, as the kernel counts them."""

    def __post_init__(self) -> None:
        if self.cpu is not None and not 0.01 <= self.cpu <= 4096:
            raise SettingError(f"A limit of {self.cpu} cores cannot be set.", hint="Give 0.01 to 4096.")
        if self.memory is not None and self.memory < SMALLEST_MEMORY:
            raise SettingError(
                f"A limit of {self.memory} bytes of memory is too small.", hint=f"Give at least {SMALLEST_MEMORY}."
            )
        if self.processes is not None and self.processes < 1:
            raise SettingError(f"A limit of {self.processes} processes cannot be set.", hint="Give 1 or more.")

    def __bool__(self) -> bool:
        return (self.cpu, self.memory, self.processes) != (None, None, None)


NO_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Bind:
    """A file, socket or folder of this machine that the game sees.

    Binding a socket at its own path keeps the game's environment the same with and without the sandbox.
    """

    source: Path
    target: Path
    writable: bool = False

    def __post_init__(self) -> None:
        for path in (self.source, self.target):
            if not path.is_absolute() or ".." in path.parts or path == Path("/"):
                raise GameError(
                    f"{path} cannot be shown to a game.", hint="Give an absolute path of one thing, without '..'."
                )


@dataclass(frozen=True, kw_only=True)
class LaunchSpec:
    """One process tree to start. Plain data: it survives a trip through JSON to another machine."""

    name: str
    """What messages call it: the game's name, or the helper's."""
    command: tuple[str, ...]
    """Program and arguments; never given to a shell."""
    home: Path
    """Writable, kept, and the game's HOME. Made if missing. In the sandbox it lies at /home/player."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the few variables that every game gets."""
    folder: Path | None = None
    """The game's files: where it starts, and read-only in the sandbox, at the same path as outside."""
    network: bool = False
    """Whether the game may reach the network; this machine's own services are then reachable too."""
    sandbox: bool = True
    """False: no walls, but the whole tree still ends with Tenku."""
    helper: bool = False
    """A trusted server of Tenku's own (X server, sound server): no sandbox, no walls, and tied to Tenku's life."""
    limits: Limits = NO_LIMITS
    binds: tuple[Bind, ...] = ()
    user: int | None = None
    """User and group number of the game where Tenku runs as root; None is the usual one (61800)."""

    def __post_init__(self) -> None:
        if not self.command or not self.command[0]:
            raise GameError("There is no command to start.", hint="Write it after `--`, or into tenku.toml.")
        for text in (*self.command, *self.env, *self.env.values(), str(self.home), str(self.folder)):
            if "\0" in text:
                raise GameError(f"{self.name}: a command, variable or path holds a zero byte.", hint="Remove it.")
        for name in self.env:
            if not name or "=" in name:
                raise GameError(f"{self.name}: {name!r} cannot name an environment variable.", hint="Rename it.")
        if self.user is not None and not 0 < self.user < 2**31:
            raise SettingError(f"A game cannot run as user {self.user}.", hint="Give a number above 0.")
        self._check_walls()

    def _check_walls(self) -> None:
        if self.helper and (self.limits or self.binds or self.network or self.folder):
            raise SettingError(f"{self.name} is a helper: it takes no limits, binds, network or folder.")
        for path in (self.home, self.folder):
            if path is not None and (not path.is_absolute() or ".." in path.parts):
                raise GameError(f"{self.name}: {path} is not an absolute path.", hint="Give one without '..'.")
        targets = [bind.target for bind in self.binds]
        for target in targets:
            if targets.count(target) > 1:
                raise GameError(f"{self.name}: two things are shown at {target}.", hint="Show one of them elsewhere.")
        if self.folder is None:
            return
        writable = [bind.source for bind in self.binds if bind.writable and overlap(bind.source, self.folder)]
        if self.folder.is_relative_to(self.home):
            writable.append(self.home)
        if writable:
            raise GameError(
                f"{self.name}: {writable[0]} would make the game's folder {self.folder} writable.",
                hint="Games write into their home, which lies elsewhere; name save folders.",
            )
        for target in targets:
            if self.folder.is_relative_to(target):
                raise GameError(f"{self.name}: what is shown at {target} would hide the game's folder {self.folder}.")

    def to_json(self) -> str:
        """The same launch as text."""
        return json.dumps(_plain(self))

    @classmethod
    def from_json(cls, text: str) -> "LaunchSpec":
        """The launch that `to_json` wrote. Raises GameError where it is none."""
        try:
            data = json.loads(text)
            return cls(
                **data
                | {
                    "command": tuple(data["command"]),
                    "home": Path(data["home"]),
                    "folder": Path(data["folder"]) if data["folder"] else None,
                    "limits": Limits(**data["limits"]),
                    "binds": tuple(_bind(bind) for bind in data["binds"]),
                }
            )
        except (ValueError, TypeError, KeyError) as error:
            raise GameError(f"That is no launch specification: {error}.", hint="Write it with to_json.") from error


def overlap(one: Path, other: Path) -> bool:
    """Whether one of the paths lies in the other, or they are the same."""
    return one.is_relative_to(other) or other.is_relative_to(one)


def _bind(data: Mapping[str, Any]) -> Bind:
    return Bind(source=Path(data["source"]), target=Path(data["target"]), writable=data["writable"])


def _plain(value: Any) -> Any:
    if isinstance(value, LaunchSpec | Limits | Bind):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
