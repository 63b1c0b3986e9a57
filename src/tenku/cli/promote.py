"""`tenku promote`: makes what one channel holds what another one holds."""

import argparse

from tenku.cli.moved import add_move_flags, run_move
from tenku.content.model import parse_channel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku promote`."""
    parser.usage = "tenku promote GAME:CHANNEL GAME:CHANNEL --store URL --key FILE [OPTIONS]"
    parser.add_argument("source", metavar="FROM", help="The channel that has the release, like supergame:beta.")
    parser.add_argument("target", metavar="TO", help="The channel that gets it, like supergame:stable.")
    add_move_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Promote; 0."""
    source, target = parse_channel(args.source), parse_channel(args.target)
    return run_move(
        args,
        lambda content, days: content.promote(source, target, expires_days=days),
        said=lambda moved: f"{target} holds {moved.head.current.version} now, as {source} does.",
    )
