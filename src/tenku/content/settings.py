"""What can be set about content: where builds come from and go to, whom this machine believes, how fast it pulls."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tenku.base.convert import byte_count, span
from tenku.base.settings import Settings, setting, user_folder


def default_games_folder() -> Path:
    """Where `tenku play game:channel` keeps builds unless told otherwise."""
    return user_folder(os.environ, "XDG_DATA_HOME", ".local/share") / "games"


def parse_stores(text: str) -> tuple[str, ...]:
    """Stores' addresses, separated by commas; none for an empty text. Raises ValueError: one of several is empty."""
    if not text.strip():
        return ()
    stores = tuple(part.strip() for part in text.split(","))
    if not all(stores):
        raise ValueError("stores are addresses, with commas between them")
    return stores


@dataclass(frozen=True, kw_only=True)
class ContentSettings(Settings):
    """Content: stores, keys and limits."""

    AREA: ClassVar[str] = "content"

    store: tuple[str, ...] = setting((), parse=parse_stores, shown="", metavar="URL", many=True)
    """A store: a folder, https://…, s3://…, gs://… or az://…; several are mirrors, the first is asked first. As a flag
    it may be given several times, elsewhere commas separate them."""
    trust: Path | None = setting(None, metavar="PUB")
    """The public key that is believed, studio.pub or root.pub."""
    key: Path | None = setting(None, metavar="FILE")
    """The secret key that signs what is published."""
    expires: int = setting(365 * 86400, parse=span, low=86400, shown="365d", metavar="TIME")
    """How long a signed head holds, like 365d; then publish again, or renew it."""
    rate: int = setting(0, parse=byte_count, low=0, metavar="SPEED")
    """Bytes per second to fetch at most, like 10M; 0 sets no limit."""
    in_flight: int = setting(12, low=1, high=32, metavar="N")
    """Requests that are on their way at the same time."""
    stall_s: int = setting(20, low=1, high=3600, metavar="S")
    """Seconds without a byte after which a request is given up, and the next mirror asked."""
    games: Path = setting(factory=default_games_folder, shown="$XDG_DATA_HOME/tenku/games", metavar="FOLDER")
    """Where tenku play GAME:CHANNEL keeps the builds that it brings."""
