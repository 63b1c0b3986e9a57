"""What a build says of itself in `tenku.toml` in its root: which of its paths players and servers change."""

import tomllib
from pathlib import Path

from tenku.base.errors import UsageError

FILE = "tenku.toml"


def declared_mutable(folder: Path) -> tuple[str, ...]:
    """The patterns of `mutable = [...]`; none where there is no such file or key.

    Raises:
        UsageError: the file is not TOML, or the key is no list of texts.
    """
    file = folder / FILE
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file} cannot be read: {error}.", hint="It is a TOML file; docs/games.md has its keys."
        ) from error
    patterns = table.get("mutable", [])
    if not isinstance(patterns, list) or not all(isinstance(each, str) and each for each in patterns):
        raise UsageError(f"{file}: mutable is a list of texts.", hint='Write it like mutable = ["saves/**"].')
    return tuple(patterns)
