"""What the commands about content share: their flags, and the service that their settings make."""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.convert import number, whole
from tenku.base.errors import FolderError, SettingError
from tenku.cli.areas import load_settings
from tenku.cli.flags import add_setting_flags
from tenku.content.settings import ContentSettings

if TYPE_CHECKING:
    from tenku.content.minisign import PublicKey
    from tenku.content.model import ChannelName
    from tenku.content.ports import Progress
    from tenku.content.service import ContentService

GOES_ON = "Stopped. Run the same command again: it goes on where this one stopped."
STOPPED = "Stopped; nothing was changed."

DAY = 86400


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """Flags of content settings, and `--json`."""
    add_setting_flags(parser, ContentSettings, names=names)
    parser.add_argument("--json", action="store_true", help="Print one JSON object, and nothing else.")


def settings_of(args: argparse.Namespace, *, names: Sequence[str] = ()) -> ContentSettings:
    """The settings that a command was given; `names`: only these flags are about content."""
    return load_settings(ContentSettings, args, names=names)


def reading(settings: ContentSettings, *, progress: "Progress") -> "ContentService":
    """A service that pulls and lists."""
    from tenku.content import keyfiles

    trust = keyfiles.read_public(settings.trust) if settings.trust else None
    return _service(settings, trust=trust, progress=progress)


def pulling(
    args: argparse.Namespace,
    folder: Path,
    name: "ChannelName",
    *,
    progress: "Progress",
    names: Sequence[str] = (),
) -> "ContentService":
    """A service that pulls to a folder; what is not given as a flag comes from the folder, then from the settings."""
    from tenku.content.minisign import parse_public
    from tenku.content.state import InstalledFolder

    settings = settings_of(args, names=names)
    own = InstalledFolder(folder)
    try:
        installed = own.read() if own.exists() else None
    except FolderError:
        installed = None  # damaged: the pull itself says so, or mends it with --adopt
    if installed is None or installed.channel.game != name.game:
        return reading(settings, progress=progress)
    if "store" not in vars(args):
        settings = replace(settings, store=installed.stores)
    if "trust" in vars(args):
        return reading(settings, progress=progress)
    return _service(settings, trust=parse_public(installed.key, where=f"The key of {folder}"), progress=progress)


def writing(args: argparse.Namespace, *, progress: "Progress", also: tuple["PublicKey", ...] = ()) -> "ContentService":
    """A service that publishes and moves channels."""
    from tenku.cli.password import password_of
    from tenku.content import keyfiles

    settings = settings_of(args)
    path = settings.key
    key = keyfiles.read_secret(path, lambda: password_of(path)) if path else None
    return _service(settings, key=key, also=also, progress=progress)


def _service(settings: ContentSettings, **more: object) -> "ContentService":
    from tenku.content.memory import default_folder
    from tenku.content.service import ContentService
    from tenku.content.stores.patience import Patience

    return ContentService(
        settings.store,
        memory=default_folder(os.environ),
        patience=Patience(stall_s=settings.stall_s, connections=max(16, settings.in_flight)),
        rate=settings.rate or None,
        in_flight=settings.in_flight,
        **more,  # type: ignore[arg-type]
    )


def amount_flag(flag: str, text: str) -> int:
    """A whole number from 0 that was given as a flag. Raises SettingError."""
    return int(_from_zero(flag, text, whole))


def seconds_flag(flag: str, text: str) -> float:
    """A number of seconds from 0 that was given as a flag. Raises SettingError."""
    return _from_zero(flag, text, number)


def _from_zero(flag: str, text: str, convert: Callable[[str], float]) -> float:
    try:
        value = convert(text)
    except ValueError as error:
        raise SettingError(f"{flag}: {text!r} cannot be used: {error}.") from None
    if value < 0:
        raise SettingError(f"{flag}: {text!r} cannot be used: it is at least 0.")
    return value


def print_json(value: Mapping[str, object]) -> None:
    """One object on standard output."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def rows(*pairs: tuple[str, str], width: int = 11) -> str:
    """Lines of a name and what it is; those with nothing to say are left out."""
    return "\n".join(f"  {name:<{width}}{text}" for name, text in pairs if text)
