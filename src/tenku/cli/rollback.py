"""`tenku rollback`: makes an earlier release what a channel holds."""

import argparse
from typing import TYPE_CHECKING

from tenku.cli.moved import add_move_flags, run_move
from tenku.content.model import parse_channel

if TYPE_CHECKING:
    from tenku.content.channels import Moved


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku rollback`."""
    parser.usage = "tenku rollback GAME:CHANNEL [--to RELEASE] --store URL --key FILE [OPTIONS]"
    parser.add_argument("channel", metavar="GAME:CHANNEL", help="The channel, like supergame:beta.")
    parser.add_argument(
        "--to",
        default="",
        metavar="RELEASE",
        help="A version or a release of its history, or how one begins. Default: the build before the present one.",
    )
    add_move_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Roll back; 0."""
    name = parse_channel(args.channel)
    return run_move(args, lambda content, days: content.rollback(name, to=args.to, expires_days=days), said=_said)


def _said(moved: "Moved") -> str:
    before = f", no longer {moved.before.version}" if moved.before else ""
    return f"{moved.head.channel} holds {moved.head.current.version} again{before}."
