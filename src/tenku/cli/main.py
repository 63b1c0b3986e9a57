"""The `tenku` command: reads the arguments, runs one sub-command, and turns errors into one sentence."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tenku import __version__
from tenku.base.errors import TenkuError, UsageError

COMMANDS = {
    "play": "Play a game of this machine in a browser.",
    "doctor": "Say what this machine can do, what is missing, and the package that brings it.",
}
"""Every sub-command is a file of this folder with `add_arguments(parser)` and `run(args)`."""

INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell expects of a program that Ctrl-C or a closed pipe ended."""


class Parser(argparse.ArgumentParser):
    """A parser that answers a mistake with one sentence, and looks the same in every terminal."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", hint=f"Try `{self.prog} --help`.")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help of a fixed width: docs/commands.md holds the same text on every machine."""

    def __init__(self, prog: str, **_: object) -> None:
        super().__init__(prog, width=100, max_help_position=28)


def build_parser(commands: Sequence[str] = tuple(COMMANDS)) -> Parser:
    """The parser of `tenku` with the options of these sub-commands; all are listed."""
    parser = Parser(
        prog="tenku",
        description="A game cloud that you run on your own machines.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tenku {__version__}")
    subs = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    for name, summary in COMMANDS.items():
        sub = subs.add_parser(
            name, help=summary, description=summary, formatter_class=HelpFormatter, allow_abbrev=False
        )
        if name in commands:
            importlib.import_module(f"tenku.cli.{name}").add_arguments(sub)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; `args.rest` is what stood after `--`, as it was written, or None.

    Raises:
        UsageError: they make no sense.
    """
    # argparse treats `--` differently from version to version, and a game's own options are none of ours.
    cut = list(argv).index("--") if "--" in argv else len(argv)
    own, rest = list(argv[:cut]) or ["--help"], list(argv[cut + 1 :])
    args = build_parser([name for name in own[:1] if name in COMMANDS]).parse_args(own)
    args.rest = rest if cut < len(argv) else None
    if args.rest is not None and args.command != "play":
        raise UsageError(f"tenku {args.command} takes nothing after `--`.", hint="Leave it out.")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tenku`; the exit code. A TenkuError becomes one sentence on standard error."""
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        code: int = importlib.import_module(f"tenku.cli.{args.command}").run(args)
    except TenkuError as error:
        print(f"tenku: {error.sentence()}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough, as in `tenku doctor | head`; Python must not complain of it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


if __name__ == "__main__":
    sys.exit(main())
