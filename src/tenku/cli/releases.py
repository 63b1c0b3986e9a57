"""`tenku releases`: lists what a game's channels hold and held."""

import argparse
from typing import TYPE_CHECKING

from tenku.cli.amounts import bytes_text, count_text, date_text
from tenku.cli.contents import STOPPED, add_flags, print_json, reading, settings_of
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.content.model import parse_channel, parse_game

if TYPE_CHECKING:
    from tenku.content.listing import ChannelRow, ReleaseRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku releases`."""
    parser.usage = "tenku releases GAME[:CHANNEL] --store URL --trust PUB [--json]"
    parser.add_argument("name", metavar="GAME[:CHANNEL]", help="All channels of a game, or one.")
    add_flags(parser, "store", "trust", "stall_s")


def run(args: argparse.Namespace) -> int:
    """List; 1 where no channel can be believed."""
    if ":" in args.name:
        name = parse_channel(args.name)
        game, channel = name.game, name.channel
    else:
        game, channel = parse_game(args.name), ""
    with terminal_bar(as_json=args.json) as bar:
        service = reading(settings_of(args), progress=bar)
        channels = run_stoppable(service.releases(game, channel), stopped=STOPPED)
    if args.json:
        print_json({"game": game, "channels": [_as_json(each) for each in channels]})
    else:
        print("\n\n".join("\n".join(lines(each)) for each in channels))
    return 0 if any(each.head for each in channels) else 1


def lines(row: "ChannelRow") -> list[str]:
    """One channel as lines of a terminal; the release that it holds has a star."""
    if row.head is None:
        return [f"{row.channel}  cannot be believed. {row.trouble}"]
    versions = max(len(each.published.version) for each in row.releases)
    return [
        f"{row.channel}  change {row.head.seq}, expires {date_text(row.head.expires)}",
        *(f"  {_line(each, versions)}" for each in row.releases),
    ]


def _line(row: "ReleaseRow", versions: int) -> str:
    each, release = row.published, row.release
    size = f"{count_text(release.files, 'file')}, {bytes_text(release.size)}" if release else "pruned"
    mark = "*" if row.current else " "
    return f"{mark} {each.version:<{versions}}  {each.release.hex()[:12]}  {date_text(each.published)}  {size}"


def _as_json(row: "ChannelRow") -> dict[str, object]:
    head = row.head
    return {
        "channel": str(row.channel),
        "trouble": row.trouble,
        "seq": head.seq if head else None,
        "published": head.published if head else None,
        "expires": head.expires if head else None,
        "releases": [_release_json(each) for each in row.releases],
    }


def _release_json(row: "ReleaseRow") -> dict[str, object]:
    release = row.release
    return {
        "release": row.published.release.hex(),
        "tree": row.published.tree.hex(),
        "version": row.published.version,
        "published": row.published.published,
        "current": row.current,
        "pruned": release is None,
        "files": release.files if release else None,
        "size": release.size if release else None,
        "platform": release.platform if release else None,
    }
