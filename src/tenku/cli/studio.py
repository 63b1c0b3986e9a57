"""What the commands about the studio share: their flags, what they need installed, and the workshop they work in."""

import argparse
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import MachineError, UsageError
from tenku.cli.areas import load_settings
from tenku.cli.flags import add_setting_flags
from tenku.control.settings import ControlSettings
from tenku.studio.settings import StudioSettings

if TYPE_CHECKING:
    from tenku.workshop import Workshop

EXTRA = ("sqlalchemy", "alembic", "jsonschema", "xllamacpp")
"""What `tenku[studio]` brings and these commands cannot do without."""


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """Flags of studio settings, the database's, and `--json`."""
    add_setting_flags(parser, ControlSettings, names=["database"])
    add_folder_flag(parser, *names)


def add_folder_flag(parser: argparse.ArgumentParser, *names: str) -> None:
    """Flags of studio settings, and `--json`."""
    add_setting_flags(parser, StudioSettings, names=[*names, "folder"])
    # In a sub-command absent flags leave no trace, so that they do not take back what stood before its name.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="Print one JSON object, and nothing else."
    )


def workshop(args: argparse.Namespace) -> "Workshop":
    """Where models, jobs and results are. Raises MachineError: the studio's libraries are not installed."""
    need_libraries()
    args.json = vars(args).get("json", False)
    from tenku.workshop import Workshop

    return Workshop(load_settings(StudioSettings, args), load_settings(ControlSettings, args, names=["database"]))


def need_libraries() -> None:
    """Raises MachineError: the studio's libraries are not installed."""
    for name in EXTRA:
        if importlib.util.find_spec(name) is None:
            raise MachineError(
                f"Making assets needs {name}, which is not installed.", hint="Run `pip install 'tenku[studio]'`."
            )


def read_text(path: Path) -> str:
    """A text file of the user. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Look at its name.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8.", hint="Save it as UTF-8.") from None


def whole(flag: str, text: str, *, low: int, high: int) -> int:
    """A whole number that was given as a flag. Raises UsageError."""
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise UsageError(f"{flag}: {text!r} cannot be used: it is a whole number from {low} to {high}.")
    return value


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as they have to be, under their names."""
    widths = [max(len(row[number]) for row in (head, *rows)) for number in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def print_json(value: Any) -> None:
    """One object on standard output."""
    print(json.dumps(value, ensure_ascii=False), flush=True)
