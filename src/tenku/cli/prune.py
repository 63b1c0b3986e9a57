"""`tenku prune`: forgets what no release needs any more."""

import argparse
from typing import TYPE_CHECKING

from tenku.cli.amounts import bytes_text, count_text
from tenku.cli.contents import GOES_ON, add_flags, amount_flag, print_json, reading, rows, settings_of
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable

if TYPE_CHECKING:
    from tenku.content.garbage import Amount
    from tenku.content.prune import Pruned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku prune`."""
    parser.usage = "tenku prune [GAME ...] --store URL [--keep N] [--dry-run] [--json]"
    parser.add_argument("games", nargs="*", metavar="GAME", help="Games. Default: all that the store holds.")
    parser.add_argument(
        "--keep", metavar="N", default="10", help="Newest releases of each channel that stay. Default: 10."
    )
    parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")
    add_flags(parser, "store")


def run(args: argparse.Namespace) -> int:
    """Prune; 1 where a game could not be pruned."""
    from tenku.content.prune import PruneOptions

    options = PruneOptions(keep=amount_flag("--keep", args.keep), dry_run=args.dry_run)
    with terminal_bar(as_json=args.json) as bar:
        service = reading(settings_of(args), progress=bar)
        done = run_stoppable(service.prune(args.games, options=options), stopped=GOES_ON)
    if args.json:
        print_json({"dry_run": args.dry_run, "games": [_as_json(each) for each in done]})
    else:
        print("\n\n".join(_text(each, dry_run=args.dry_run) for each in done) or "The store holds no game.")
    return 1 if any(each.error for each in done) else 0


def _text(done: "Pruned", *, dry_run: bool) -> str:
    if done.error is not None:
        return f"{done.game} was not pruned. {done.error.sentence()}"
    return "\n".join(
        [
            done.game,
            rows(
                ("would delete" if dry_run else "deleted", _amount(done.deleted)),
                ("noted", f"{_amount(done.noted)}: to be deleted after a day" if done.noted.objects else ""),
                ("waiting", f"{_amount(done.waiting)}: noted before" if done.waiting.objects else ""),
                ("young", f"{_amount(done.young)}: maybe somebody needs them soon" if done.young.objects else ""),
                ("in use", _amount(done.live)),
                ("half empty", _half_empty(done)),
                ("blocked", done.blocked),
                width=14,
            ),
        ]
    )


WORTH_SAYING = 2**20
"""Bytes that a repack has to save before anybody is told of it."""


def _half_empty(done: "Pruned") -> str:
    packs = done.mostly_dead
    if packs.bytes < WORTH_SAYING:
        return ""
    return f"{count_text(packs.objects, 'pack')}; `tenku repack {done.game}` would save {bytes_text(packs.bytes)}"


def _amount(amount: "Amount") -> str:
    return f"{count_text(amount.objects, 'object')}, {bytes_text(amount.bytes)}"


def _as_json(done: "Pruned") -> dict[str, object]:
    amounts = {
        "deleted": done.deleted,
        "noted": done.noted,
        "waiting": done.waiting,
        "young": done.young,
        "live": done.live,
        "mostly_dead": done.mostly_dead,
    }
    return {
        "game": done.game,
        **{name: {"objects": each.objects, "bytes": each.bytes} for name, each in amounts.items()},
        "blocked": done.blocked,
        "error": done.error.sentence() if done.error else "",
    }
