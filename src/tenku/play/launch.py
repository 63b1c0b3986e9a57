"""From a game's manifest and the session's parts to what the unit starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenku.play.manifest import Manifest
from tenku.play.model import Size
from tenku.play.settings import PlaySettings
from tenku.unit.spec import Bind, LaunchSpec, Limits

SAVES = "saves"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the game finds around itself: variables, and what of the machine it may reach."""

    environment: Mapping[str, str]
    binds: tuple[Bind, ...]

    def __or__(self, other: "Surroundings") -> "Surroundings":
        return Surroundings(environment={**self.environment, **other.environment}, binds=self.binds + other.binds)


def wayland_surroundings(socket: Path) -> Surroundings:
    """For a game that talks to the compositor itself."""
    environment = {
        "XDG_SESSION_TYPE": "wayland",
        "WAYLAND_DISPLAY": str(socket),
        "SDL_VIDEODRIVER": "wayland",
        "GDK_BACKEND": "wayland",
        "QT_QPA_PLATFORM": "wayland",
    }
    return Surroundings(environment=environment, binds=shared(socket))


def x11_surroundings(display: int, authority: Path) -> Surroundings:
    """For a game that talks to an X server."""
    environment = {
        "XDG_SESSION_TYPE": "x11",
        "DISPLAY": f":{display}",
        "XAUTHORITY": str(authority),
        "SDL_VIDEODRIVER": "x11",
        "GDK_BACKEND": "x11",
        "QT_QPA_PLATFORM": "xcb",
    }
    return Surroundings(environment=environment, binds=shared(Path(f"/tmp/.X11-unix/X{display}"), authority))


def graphics_surroundings() -> Surroundings:
    """The GPU's render nodes, where the machine has any."""
    nodes = sorted(Path("/dev/dri").glob("renderD*")) if Path("/dev/dri").is_dir() else []
    return Surroundings(environment={}, binds=shared(*nodes))


def home_of(manifest: Manifest, settings: PlaySettings) -> Path:
    """The folder that this player's saves of this game are kept in."""
    return settings.data / SAVES / _file_name(manifest.name) / _file_name(settings.player)


def launch_spec(
    manifest: Manifest, program: str, *, size: Size, settings: PlaySettings, home: Path, around: Surroundings
) -> LaunchSpec:
    """What the unit starts: the game's program in these surroundings, within its limits."""
    arguments = tuple(argument.replace("{size}", str(size)) for argument in manifest.command[1:])
    environment = {**around.environment, **manifest.environment}
    return LaunchSpec(
        name=manifest.name,
        command=(program, *arguments),
        env=environment,
        folder=manifest.folder,
        home=home,
        network=manifest.network,
        sandbox=settings.sandbox,
        limits=_limits(manifest, settings),
        binds=around.binds,
        user=settings.sandbox_uid if settings.sandbox else None,
    )


def _limits(manifest: Manifest, settings: PlaySettings) -> Limits:
    """The stricter of the game's own limits and the operator's; 0 is the operator's word for none."""
    return Limits(
        cpu=min(filter(None, (manifest.cpu, settings.cpu)), default=None),
        memory=min(filter(None, (manifest.memory, settings.memory)), default=None),
        processes=min(filter(None, (manifest.processes, settings.processes)), default=None),
    )


def shared(*paths: Path) -> tuple[Bind, ...]:
    """Sockets, devices and folders that the game sees at the same place, and may write to."""
    return tuple(Bind(source=path, target=path, writable=True) for path in paths)


def _file_name(name: str) -> str:
    """A name that is one folder on every file system: letters, digits and a few marks; never empty or a dot."""
    kept = "".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip()
    return kept[:80] or "_"
