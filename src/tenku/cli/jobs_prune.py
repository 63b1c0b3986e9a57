"""`tenku jobs prune`: deletes the files of old jobs."""

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from tenku.base.convert import span
from tenku.base.errors import UsageError
from tenku.cli.amounts import bytes_text, count_text
from tenku.cli.studio import add_flags, print_json

if TYPE_CHECKING:
    from tenku.workshop import Workshop

SUMMARY = "Delete files of jobs that nobody used for a while. What sets have, and jobs that have not ended, stays."
OLDER = "30d"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku jobs prune`."""
    parser.add_argument(
        "--older", default=OLDER, metavar="SPAN", help=f"Unused for so long, like 30d or 12h. Default: {OLDER}."
    )
    parser.add_argument("--dry-run", action="store_true", help="Say what would be deleted, and delete nothing.")
    add_flags(parser)


def run(args: argparse.Namespace, shop: "Workshop") -> int:
    """Delete them, and say how much that was."""
    try:
        before = time.time() - span(args.older)
    except ValueError as error:
        raise UsageError(f"--older: {args.older!r} cannot be used: {error}.") from None
    gone = shop.prune(before=before, dry=args.dry_run)
    if args.json:
        print_json(asdict(gone) | {"dry_run": args.dry_run})
        return 0
    what = f"files of {count_text(gone.jobs, 'job')} and {count_text(gone.inputs, 'input file')}"
    would = "Would delete" if args.dry_run else "Deleted"
    print(f"{would} the {what}, {bytes_text(gone.bytes)} in all. The list of jobs stays.")
    return 0
