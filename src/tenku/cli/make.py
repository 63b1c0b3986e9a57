"""`tenku make`: texts, pictures, videos, sound and speech, by a model on this machine."""

import argparse
import importlib
from pathlib import Path

from tenku.base.errors import UsageError
from tenku.cli.studio import need_libraries

ACTIONS = {
    "text": "Make a text, or an item by a JSON Schema, once or many times.",
    "items": "Make a table of items, no two with the same name.",
    "lines": "Make lines that characters say: dialogue and barks.",
    "translation": "Translate a table of texts; placeholders, glossary and lengths are kept.",
    "image": "Make pictures of one style, and sheets of sprites.",
    "video": "Make a video, with sound and speech.",
    "sound": "Make effects and ambience.",
    "speech": "Say lines as sound, one file a line.",
    "batch": "Make everything that stands in a spreadsheet, one row an asset.",
}
"""Each is a file make_….py of this folder, with `add_arguments(parser)` and `run(args)`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `tenku make`."""
    subs = parser.add_subparsers(dest="action", metavar="WHAT", title="what to make", required=True)
    for name, summary in ACTIONS.items():
        look = parser.formatter_class
        sub = subs.add_parser(name, help=summary, description=summary, formatter_class=look, allow_abbrev=False)
        importlib.import_module(f"tenku.cli.make_{name}").add_arguments(sub)


def run(args: argparse.Namespace) -> int:
    """Run one of them; 1 where something was not made. Raises MachineError: a library is missing."""
    need_libraries()
    code: int = importlib.import_module(f"tenku.cli.make_{args.action}").run(args)
    return code


def path_with(path: Path, *suffixes: str) -> Path:
    """The path, where it ends in one of these. Raises UsageError."""
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"--out: {path} has no known ending.", hint=f"It is one of {', '.join(suffixes)}.")
    return path
