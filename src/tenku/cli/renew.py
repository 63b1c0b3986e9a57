"""`tenku renew`: signs what a channel holds again, so that it expires later."""

import argparse

from tenku.cli.moved import add_move_flags, run_move
from tenku.content.model import parse_channel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku renew`."""
    parser.usage = "tenku renew GAME:CHANNEL --store URL --key FILE [OPTIONS]"
    parser.add_argument("channel", metavar="GAME:CHANNEL", help="The channel, like supergame:beta.")
    add_move_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Renew; 0."""
    name = parse_channel(args.channel)
    return run_move(
        args,
        lambda content, days: content.renew(name, expires_days=days),
        said=lambda moved: f"{name} holds {moved.head.current.version} for longer.",
    )
