"""What can be set about serving: where, and who may come in."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tenku.base.settings import Settings, setting, user_folder

PORT = 8734


def default_token_file() -> Path:
    """Where the tokens are unless told otherwise."""
    return user_folder(os.environ, "XDG_CONFIG_HOME", ".config") / "tokens.json"


@dataclass(frozen=True, kw_only=True)
class ServeSettings(Settings):
    """Serving: the API."""

    AREA: ClassVar[str] = "serve"

    host: str = setting("127.0.0.1", metavar="ADDRESS")
    """Address to listen on; 0.0.0.0 lets others on the network in, who need a token like everybody."""
    port: int = setting(PORT, low=0, high=65535, metavar="N")
    """TCP port; 0 takes a free one."""
    token_file: Path = setting(factory=default_token_file, shown="$XDG_CONFIG_HOME/tenku/tokens.json", metavar="FILE")
    """Whose tokens are good; it holds their hashes, not the tokens."""
    lease_s: float = setting(10.0, low=2, high=3600, shown="10", metavar="S")
    """After so many seconds without a sign of life from a worker, its job is done again."""
