"""`tenku mirror`: copies the newest releases of channels from one store to another."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from tenku.cli.amounts import bytes_text, count_text
from tenku.cli.contents import GOES_ON, add_flags, amount_flag, print_json, reading, settings_of
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.content.model import parse_channel, parse_game

if TYPE_CHECKING:
    from tenku.content.mirror import Mirrored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku mirror`."""
    parser.usage = "tenku mirror [GAME[:CHANNEL] ...] --from URL --to URL [OPTIONS]"
    parser.add_argument(
        "names", nargs="*", metavar="GAME[:CHANNEL]", help="Games or channels. Default: all that can be listed."
    )
    parser.add_argument(
        "--from",
        dest="source",
        action="append",
        required=True,
        metavar="URL",
        help="The store to copy from. May be given several times.",
    )
    parser.add_argument("--to", required=True, metavar="URL", help="The store to copy to.")
    parser.add_argument(
        "--keep", metavar="N", default="10", help="Newest releases of each channel to copy. Default: 10."
    )
    add_flags(parser, "trust", "rate", "stall_s")


def run(args: argparse.Namespace) -> int:
    """Copy; 0 also where all was there."""
    names = [parse_channel(name) for name in args.names if ":" in name]
    games = [parse_game(name) for name in args.names if ":" not in name]
    keep = amount_flag("--keep", args.keep)
    with terminal_bar(as_json=args.json) as bar:
        service = reading(replace(settings_of(args), store=tuple(args.source)), progress=bar)
        done = run_stoppable(service.mirror(args.to, names, games=games, keep=keep), stopped=GOES_ON)
    if args.json:
        print_json({"channels": [_as_json(each) for each in done]})
    else:
        print("\n".join(_text(each) for each in done))
    return 0


def _text(done: "Mirrored") -> str:
    if not done.copied and not done.moved:
        return f"{done.channel} is there already (change {done.seq})."
    copied = f"{count_text(done.copied, 'object')}, {bytes_text(done.bytes)} copied; {done.there:,} were there"
    return f"{done.channel} is at change {done.seq} now: {copied}."


def _as_json(done: "Mirrored") -> dict[str, object]:
    return {
        "channel": str(done.channel),
        "seq": done.seq,
        "copied": done.copied,
        "bytes": done.bytes,
        "there": done.there,
        "moved": done.moved,
    }
