"""`tenku pull`: brings a folder to what a channel holds."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.cli.amounts import bytes_text, count_text, seconds_text
from tenku.cli.contents import GOES_ON, STOPPED, add_flags, print_json, pulling, rows
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.content.model import parse_channel

if TYPE_CHECKING:
    from tenku.content.carry import Carried
    from tenku.content.plan import Plan
    from tenku.content.pull import Pulled, PullOptions

SHOWN = 10
"""Paths of one kind that are listed; --json has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku pull`."""
    parser.usage = "tenku pull GAME:CHANNEL FOLDER --store URL --trust PUB [OPTIONS]"
    parser.add_argument("channel", metavar="GAME:CHANNEL", help="The channel, like supergame:beta.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="Where the build is, or shall be.")
    parser.add_argument(
        "--seed",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="A folder that may hold some of the same files. May be given several times.",
    )
    parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")
    parser.add_argument("--thorough", action="store_true", help="Read the whole old version, trust no file's date.")
    parser.add_argument(
        "--adopt", action="store_true", help="Take over a folder that Tenku did not bring; other files are kept."
    )
    parser.add_argument(
        "--low-disk",
        action="store_true",
        help="Replace file by file, with little disk; until it has ended the folder is neither version.",
    )
    add_flags(parser, "store", "trust", "rate", "in_flight", "stall_s")


def run(args: argparse.Namespace) -> int:
    """Pull or plan; 0 also where nothing was to be done."""
    name = parse_channel(args.channel)
    options = _options(args)
    started = time.monotonic()
    with terminal_bar(as_json=args.json) as bar:
        service = pulling(args, args.folder, name, progress=bar)
        if args.dry_run:
            plan = run_stoppable(service.plan(name, args.folder, options), stopped=STOPPED)
        else:
            done = run_stoppable(service.pull(name, args.folder, options), stopped=GOES_ON)
    if args.dry_run:
        print_json(_plan_json(plan)) if args.json else print(plan_text(plan, args.folder))
    else:
        seconds = time.monotonic() - started
        print_json(pulled_json(done, seconds)) if args.json else print(pulled_text(done, args.folder, seconds))
    return 0


def _options(args: argparse.Namespace) -> "PullOptions":
    from tenku.content.pull import PullOptions

    return PullOptions(seeds=tuple(args.seed), thorough=args.thorough, adopt=args.adopt, low_disk=args.low_disk)


def plan_text(plan: "Plan", folder: Path) -> str:
    """What would be done."""
    room = "" if plan.free >= plan.disk else " — not enough"
    lines = [
        f"{plan.channel} holds {plan.version}: {count_text(plan.files, 'file')}, {bytes_text(plan.size)}. "
        f"To bring {folder} there:\n",
        rows(
            ("fetch", f"{bytes_text(plan.fetch)} at most"),
            ("time", f"about {seconds_text(plan.seconds)} at {bytes_text(plan.rate)}/s"),
            ("disk", f"{bytes_text(plan.disk)} needed, {bytes_text(plan.free)} free{room}"),
            ("unchanged", count_text(plan.unchanged, "file")),
        ),
    ]
    if plan.mine:
        lines.append(f"\n{listed('Changed or added by you', plan.mine)}")
    return "\n".join(lines)


def pulled_text(done: "Pulled", folder: Path, seconds: float) -> str:
    """What was done."""
    installed = done.installed
    if not done.changed:
        return f"{folder} is at {installed.version} of {installed.channel} already."
    lines = [
        f"{folder} is now at {installed.version} of {installed.channel} (release {installed.release.hex()[:12]}).\n",
        rows(
            ("fetched", f"{bytes_text(done.fetched)} in {count_text(done.requests, 'request')}"),
            ("unchanged", count_text(done.unchanged, "file")),
            ("took", seconds_text(seconds)),
        ),
        *carried_text(done.carried),
    ]
    return "\n".join(lines)


def carried_text(carried: "Carried | None") -> list[str]:
    """Where the user's files went."""
    if carried is None:
        return []
    stayed = sorted({*carried.added, *carried.mutable})
    moved = [f"{old}  →  {new}" for old, new in sorted(carried.kept.items())]
    return [
        *([f"\n{listed('Your files stayed', stayed)}"] if stayed else []),
        *([f"\n{listed('Your changed files made room for the new ones, and are kept', moved)}"] if moved else []),
    ]


def listed(title: str, paths: Sequence[str]) -> str:
    """A title and the first paths."""
    more = [f"  … and {len(paths) - SHOWN:,} more"] if len(paths) > SHOWN else []
    return "\n".join([f"{title}:", *(f"  {path}" for path in paths[:SHOWN]), *more])


def _plan_json(plan: "Plan") -> dict[str, object]:
    return {
        "channel": plan.channel,
        "version": plan.version,
        "release": plan.release,
        "files": plan.files,
        "size": plan.size,
        "unchanged": plan.unchanged,
        "fetch": plan.fetch,
        "write": plan.write,
        "disk": plan.disk,
        "free": plan.free,
        "seconds": round(plan.seconds, 3),
        "rate": round(plan.rate),
        "mine": list(plan.mine),
    }


def pulled_json(done: "Pulled", seconds: float) -> dict[str, object]:
    """The same for programs."""
    installed, carried = done.installed, done.carried
    return {
        "channel": str(installed.channel),
        "changed": done.changed,
        "version": installed.version,
        "release": installed.release.hex(),
        "tree": installed.tree.hex(),
        "seq": installed.seq,
        "fetched": done.fetched,
        "requests": done.requests,
        "unchanged": done.unchanged,
        "stayed": sorted({*carried.added, *carried.mutable}) if carried else [],
        "kept": dict(sorted(carried.kept.items())) if carried else {},
        "seconds": round(seconds, 3),
    }
