"""The `tenku` command: reads the arguments, runs one sub-command, and turns errors into one sentence."""

import argparse
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from tenku import __version__
from tenku.base.errors import TenkuError, UsageError

COMMANDS = {
    "play": "Play a game of this machine, or of a channel, in a browser.",
    "pull": "Bring a folder to what a channel holds.",
    "verify": "Say whether a folder that was pulled is whole.",
    "repair": "Make a folder that was pulled whole again; only what is bad is fetched.",
    "publish": "Publish a folder to a channel.",
    "releases": "List what a game's channels hold and held.",
    "rollback": "Make an earlier release what a channel holds.",
    "promote": "Make what one channel holds what another one holds.",
    "renew": "Sign what a channel holds again, so that it expires later.",
    "prune": "Forget what no release of a store needs any more.",
    "repack": "Write anew what is needed of packs that are mostly dead; pruning frees the rest.",
    "mirror": "Copy the newest releases of channels from one store to another.",
    "keys": "Make and show the keys that sign what is published.",
    "serve-content": "Serve a store's folder on the network: one more mirror, or a cache of others.",
    "import": "Publish the weights of a model: from a hub or a folder to a channel.",
    "models": "List models: what is installed, what can be, and what fits this machine.",
    "make": "Make texts, pictures, videos, sound and speech.",
    "sets": "Look at asset sets; approve, reject, vary, export and publish their assets.",
    "styles": "List and show style profiles, which all pictures of a set share.",
    "sprites": "Pack, check, cut out and quantise sprites.",
    "provenance": "Show what a file says of where it came from.",
    "jobs": "List what is being made; show and cancel jobs; delete old files.",
    "serve": "Serve the studio's API: any OpenAI client, and jobs.",
    "tokens": "Make, list and revoke the tokens that open the API.",
    "teams": "List what teams use of the devices, and say what they may use.",
    "devices": "List what models can run on: memory, drivers, encoders, what fits, who holds what.",
    "doctor": "Say what this machine can do, what is missing, and the package that brings it.",
}
"""Every sub-command is a file of this folder, with `_` for `-`, that has `add_arguments(parser)` and `run(args)`; that
of `import` is import_.py: the word alone is Python's."""

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
            _module(name).add_arguments(sub)
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
        code: int = _module(args.command).run(args)
    except TenkuError as error:
        print(f"tenku: {error.sentence()}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as stop:
        if stop.args:
            print(f"tenku: {stop}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough, as in `tenku doctor | head`; Python must not complain of it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def _module(command: str) -> ModuleType:
    name = command.replace("-", "_")
    return importlib.import_module(f"tenku.cli.{name}_" if keyword.iskeyword(name) else f"tenku.cli.{name}")


if __name__ == "__main__":
    sys.exit(main())
