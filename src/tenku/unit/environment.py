"""Which environment variables a game gets: few of Tenku's own, and those that its launch names."""

from collections.abc import Mapping
from pathlib import Path

from tenku.unit.spec import LaunchSpec

PLAYER = "player"
GAME_HOME = Path("/home/player")
GAME_RUNTIME = Path("/run/user/61800")
GAME_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"

INHERITED = ("LANG", "LANGUAGE", "TZ", "TERM")
"""Passed on from Tenku, besides LC_*. A list of what may pass, since a list of secrets is never complete."""


def sandbox_environment(spec: LaunchSpec, server: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a game in the sandbox; `server` is Tenku's own."""
    chosen = {"PATH": GAME_PATH, "XDG_RUNTIME_DIR": str(GAME_RUNTIME), **_inherited(server), **spec.env}
    return chosen | {"HOME": str(GAME_HOME), "USER": PLAYER, "LOGNAME": PLAYER}


def open_environment(spec: LaunchSpec, server: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a game or helper without a sandbox."""
    names = {name: server[name] for name in ("PATH", "USER", "LOGNAME") if name in server}
    return {"PATH": GAME_PATH, **names, **_inherited(server), **spec.env, "HOME": str(spec.home)}


def _inherited(server: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in server.items() if name in INHERITED or name.startswith("LC_")}
