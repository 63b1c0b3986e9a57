"""`tenku sprites`: packs, checks, cuts out and quantises pictures that are there, wherever they come from."""

import argparse
import importlib
import importlib.util

from tenku.base.errors import MachineError, UsageError

ACTIONS = {
    "pack": "Pack pictures into an atlas, with import files for Godot, Unity and others.",
    "check": "Say what is wrong with pictures: fringes, seams, palette, loops, size.",
    "cut": "Make a plain background transparent.",
    "quantise": "Make pixel art of pictures: fewer pixels, fewer colours, hard edges.",
}
"""Each is a file sprites_….py of this folder, with `add_arguments(parser)` and `run(args)`."""

LIBRARIES = {"numpy": "numpy", "PIL": "pillow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `tenku sprites`."""
    subs = parser.add_subparsers(dest="action", metavar="WHAT", title="what to do", required=True)
    for name, summary in ACTIONS.items():
        look = parser.formatter_class
        sub = subs.add_parser(name, help=summary, description=summary, formatter_class=look, allow_abbrev=False)
        importlib.import_module(f"tenku.cli.sprites_{name}").add_arguments(sub)
        sub.add_argument("--json", action="store_true", help="Print one JSON object, and nothing else.")


def run(args: argparse.Namespace) -> int:
    """Run one of them. Raises MachineError: a library is missing."""
    for module, package in LIBRARIES.items():
        if importlib.util.find_spec(module) is None:
            raise MachineError(
                f"Sprites need {package}, which is not installed.", hint="Run `pip install 'tenku[studio]'`."
            )
    code: int = importlib.import_module(f"tenku.cli.sprites_{args.action}").run(args)
    return code


def number(flag: str, text: str, *, low: float, high: float) -> float:
    """A number that was given as a flag. Raises UsageError."""
    try:
        value = float(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise UsageError(f"{flag}: {text!r} cannot be used: it is a number from {low:g} to {high:g}.")
    return value
