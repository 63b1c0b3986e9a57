"""`tenku publish`: publishes a folder to a channel."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tenku.cli.amounts import bytes_text, count_text, date_text, seconds_text
from tenku.cli.contents import (
    DAY,
    GOES_ON,
    add_flags,
    amount_flag,
    print_json,
    rows,
    seconds_flag,
    settings_of,
    writing,
)
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.content.model import ChannelName, parse_channel

if TYPE_CHECKING:
    from tenku.content.model import Head, Release
    from tenku.content.publish import PublishOptions, PublishResult

SETTINGS = ("store", "key", "expires")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku publish`."""
    parser.usage = "tenku publish FOLDER GAME:CHANNEL --store URL --key FILE [OPTIONS]"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="The build.")
    parser.add_argument("channel", metavar="GAME:CHANNEL", help="The channel that gets it, like supergame:beta.")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How to publish, whatever the build comes from."""
    parser.add_argument("--version", default="", metavar="TEXT", help="What people call it. Default: date and time.")
    parser.add_argument("--platform", default="", metavar="TEXT", help="Like linux-x86_64. Default: any.")
    parser.add_argument(
        "--profile",
        default="",
        metavar="NAME",
        help="How files are cut: game or weights; stays for the game. Default: game.",
    )
    parser.add_argument(
        "--mutable",
        action="append",
        default=[],
        metavar="PATTERN",
        help="Paths that players change, like 'saves/**': never overwritten. May be given several times; mutable in "
        "the build's tenku.toml counts, too.",
    )
    parser.add_argument("--deltas", default="2", metavar="N", help="Releases before it that get a delta. Default: 2.")
    parser.add_argument(
        "--delta-seconds", default="120", metavar="S", help="Time for each delta; 0 makes none. Default: 120."
    )
    parser.add_argument(
        "--also-trust",
        action="append",
        default=[],
        type=Path,
        metavar="PUB",
        help="A public key that signed the channel before, after a change of key. May be given several times.",
    )
    add_flags(parser, *SETTINGS)


def run(args: argparse.Namespace) -> int:
    """Publish, and say what that took; 0 also where the channel had this very build."""
    from tenku.content import keyfiles

    name = parse_channel(args.channel)
    options = options_of(args)
    also = tuple(keyfiles.read_public(path) for path in args.also_trust)
    started = time.monotonic()
    with terminal_bar(as_json=args.json) as bar:
        service = writing(args, progress=bar, also=also)
        done = run_stoppable(service.publish(args.folder, name, options), stopped=GOES_ON)
    say(args, name, done, seconds=time.monotonic() - started)
    return 0


def options_of(args: argparse.Namespace) -> "PublishOptions":
    """The options as they were given. Raises SettingError."""
    from tenku.content.publish import PublishOptions

    return PublishOptions(
        version=args.version,
        platform=args.platform,
        profile=args.profile,
        mutable=tuple(args.mutable),
        expires_days=settings_of(args).expires // DAY,
        delta_seconds=seconds_flag("--delta-seconds", args.delta_seconds),
        delta_bases=amount_flag("--deltas", args.deltas),
    )


def say(
    args: argparse.Namespace,
    name: ChannelName,
    done: "PublishResult",
    *,
    seconds: float,
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print what was published, and `more` about it."""
    head, release, built = done.head, done.release, done.built
    if args.json:
        print_json({**_as_json(done, seconds), **more})
    elif not done.changed:
        print(f"{name} holds this very build already: version {head.current.version}. Nothing was written.")
    else:
        print(f"Published {name}, version {release.version} (release {head.current.release.hex()[:12]}).\n")
        print(
            rows(
                ("build", f"{count_text(release.files, 'file')}, {bytes_text(release.size)}"),
                ("new", f"{bytes_text(built.new_bytes)} in {_chunks(built.new_chunks, built.chunks)}" if built else ""),
                *_deltas(release, head),
                *more.items(),
                ("expires", date_text(head.expires)),
                ("took", seconds_text(seconds)),
            )
        )


def _chunks(new: int, all: int) -> str:
    return f"{new:,} of {count_text(all, 'chunk')}"


def _deltas(release: "Release", head: "Head") -> list[tuple[str, str]]:
    names = {each.tree: each.version for each in reversed(head.history)}
    return [
        ("delta" if number == 0 else " ", f"{bytes_text(edge.size)} from {names.get(edge.base, edge.base.hex()[:12])}")
        for number, edge in enumerate(release.deltas)
    ]


def _as_json(done: "PublishResult", seconds: float) -> dict[str, object]:
    head, release, built = done.head, done.release, done.built
    return {
        "channel": str(head.channel),
        "changed": done.changed,
        "seq": head.seq,
        "version": head.current.version,
        "release": head.current.release.hex(),
        "tree": head.current.tree.hex(),
        "published": head.current.published,
        "expires": head.expires,
        "files": release.files,
        "size": release.size,
        "new_bytes": built.new_bytes if built else 0,
        "new_chunks": built.new_chunks if built else 0,
        "chunks": built.chunks if built else 0,
        "deltas": [{"base": edge.base.hex(), "size": edge.size} for edge in release.deltas],
        "seconds": round(seconds, 3),
    }
