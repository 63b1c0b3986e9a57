"""Where style profiles lie: here, in the studio's folder, and those that Tenku brings along."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tenku.base.errors import TenkuError, UsageError
from tenku.studio.styles.style import Style, parse_style

SHIPPED = Path(str(files("tenku.studio.styles"))) / "shipped"
_NAME = re.compile(r"[\w][\w .+-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Shelved:
    """A style profile that was found."""

    name: str
    path: Path
    shipped: bool
    style: Style | None
    why: str = ""
    """Why it cannot be used; empty: it can."""


class Shelf:
    """Folders with style profiles; what lies in an earlier one hides what has the same name in a later one.

    Args:
        folders: the user's own.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def find(self, name: str) -> Style:
        """A style by its name, or by the path of its file. Raises UsageError."""
        path = self._path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"The style {path} cannot be read: {error.strerror}.", hint="Look at its name.") from None
        except UnicodeDecodeError:
            raise UsageError(f"The style {path} is no text in UTF-8.", hint="Save it as UTF-8.") from None
        return parse_style(text, name=path.stem, where=str(path), folder=path.parent)

    def list(self) -> list[Shelved]:
        """All that there are, by name."""
        found: dict[str, Shelved] = {}
        for folder in (*self._folders, SHIPPED):
            for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
                if path.stem not in found:
                    found[path.stem] = self._shelved(path)
        return [found[name] for name in sorted(found)]

    def _shelved(self, path: Path) -> Shelved:
        try:
            style, why = self.find(str(path)), ""
        except TenkuError as error:
            style, why = None, error.sentence()
        return Shelved(name=path.stem, path=path, shipped=path.parent == SHIPPED, style=style, why=why)

    def _path(self, name: str) -> Path:
        if name.endswith(".toml") or "/" in name:
            return Path(name)
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name[:80]!r} cannot be a style's name.", hint="Give a name, or the path of a file.")
        for folder in (*self._folders, SHIPPED):
            if (folder / f"{name}.toml").is_file():
                return folder / f"{name}.toml"
        there = ", ".join(each.name for each in self.list())
        raise UsageError(f"There is no style {name}.", hint=f"There are {there}; or give the path of a file.")
