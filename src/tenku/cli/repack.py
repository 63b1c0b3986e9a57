"""`tenku repack`: writes anew what is needed of packs that are mostly dead."""

import argparse

from tenku.cli.amounts import bytes_text, count_text
from tenku.cli.contents import GOES_ON, add_flags, amount_flag, print_json, writing
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku repack`."""
    parser.usage = "tenku repack GAME --store URL --key FILE [--keep N] [--json]"
    parser.add_argument("game", metavar="GAME", help="The game.")
    parser.add_argument(
        "--keep", metavar="N", default="10", help="Newest releases of each channel that stay. Default: 10."
    )
    add_flags(parser, "store", "key")


def run(args: argparse.Namespace) -> int:
    """Repack; 0."""
    keep = amount_flag("--keep", args.keep)
    with terminal_bar(as_json=args.json) as bar:
        service = writing(args, progress=bar)
        done = run_stoppable(service.repack(args.game, keep=keep), stopped=GOES_ON)
    if args.json:
        print_json(
            {
                "game": done.game,
                "packs": done.packs,
                "freed": done.freed,
                "copied": done.copied,
                "heads": [{"channel": str(head.channel), "seq": head.seq} for head in done.heads],
                "skipped": [str(name) for name in done.skipped],
            }
        )
        return 0
    if not done.packs:
        print(f"{done.game} has no pack that is worth repacking.")
    else:
        print(
            f"Repacked {count_text(done.packs, 'pack')} of {done.game}: {bytes_text(done.copied)} were written anew, "
            f"and `tenku prune` can free {bytes_text(done.freed)} after a day."
        )
    for name in done.skipped:
        print(f"{name} was signed by another key: what it holds stays where it is.")
    return 0
