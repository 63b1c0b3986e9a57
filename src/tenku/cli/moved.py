"""What `rollback`, `promote` and `renew` have in common: flags, and what became of the channel."""

import argparse
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.cli.amounts import date_text
from tenku.cli.contents import DAY, STOPPED, add_flags, print_json, settings_of, writing
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable

if TYPE_CHECKING:
    from tenku.content.channels import Moved
    from tenku.content.service import ContentService


def add_move_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of every command that signs a head and publishes nothing new."""
    parser.add_argument(
        "--also-trust",
        action="append",
        default=[],
        type=Path,
        metavar="PUB",
        help="A public key that signed the channel before, after a change of key. May be given several times.",
    )
    add_flags(parser, "store", "key", "expires")


def run_move(
    args: argparse.Namespace,
    move: Callable[["ContentService", int], Coroutine[Any, Any, "Moved"]],
    *,
    said: Callable[["Moved"], str],
) -> int:
    """Run it; `said` is the sentence for a person. `move` is told for how many days the head shall hold."""
    from tenku.content import keyfiles

    also = tuple(keyfiles.read_public(path) for path in args.also_trust)
    days = settings_of(args).expires // DAY
    with terminal_bar(as_json=args.json) as bar:
        moved = run_stoppable(move(writing(args, progress=bar, also=also), days), stopped=STOPPED)
    if args.json:
        print_json(_as_json(moved))
    elif moved.changed:
        print(f"{said(moved)} (change {moved.head.seq}, expires {date_text(moved.head.expires)})")
    else:
        print(f"{moved.head.channel} holds {moved.head.current.version} already. Nothing was written.")
    return 0


def _as_json(moved: "Moved") -> dict[str, object]:
    head = moved.head
    return {
        "channel": str(head.channel),
        "changed": moved.changed,
        "seq": head.seq,
        "version": head.current.version,
        "release": head.current.release.hex(),
        "tree": head.current.tree.hex(),
        "before": moved.before.release.hex() if moved.before else None,
        "published": head.published,
        "expires": head.expires,
    }
