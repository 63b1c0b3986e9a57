"""`tenku import`: the weights of a model, from a hub or a folder, become a build of a channel."""

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.settings import user_folder
from tenku.cli.contents import DAY, GOES_ON, add_flags, seconds_flag, settings_of, writing
from tenku.cli.progress import terminal_bar
from tenku.cli.publish import say
from tenku.cli.signals import run_stoppable
from tenku.content.model import parse_channel

if TYPE_CHECKING:
    from tenku.content.importing import ImportOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku import`."""
    parser.usage = "tenku import SOURCE GAME:CHANNEL --store URL --key FILE [OPTIONS]"
    parser.add_argument(
        "source", metavar="SOURCE", help="hf:ORG/MODEL[@REVISION], modelscope:ORG/MODEL[@REVISION], or a folder."
    )
    parser.add_argument("channel", metavar="GAME:CHANNEL", help="The channel that gets it, like qwen:stable.")
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="Bring only files whose path or name fits, like '*.safetensors'. May be given several times.",
    )
    parser.add_argument(
        "--version",
        default="",
        metavar="TEXT",
        help="What people call it. Default: the hub's commit; for a folder date and time.",
    )
    parser.add_argument(
        "--delta-seconds",
        default="0",
        metavar="S",
        help="Time for a delta from each earlier release; weights are slow to compare. Default: 0, none.",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="Where models from hubs come to lie first. Default: $XDG_CACHE_HOME/tenku/models.",
    )
    parser.add_argument(
        "--keep",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Leave the model there, so that its next revision brings only files that changed. Default: on.",
    )
    add_flags(parser, "store", "key", "expires")


def run(args: argparse.Namespace) -> int:
    """Import, and say what that took; 0 also where the channel had this very model."""
    name, options = parse_channel(args.channel), _options(args)
    started = time.monotonic()
    with terminal_bar(as_json=args.json) as bar:
        service = writing(args, progress=bar)
        done = run_stoppable(service.import_model(args.source, name, options), stopped=GOES_ON)
    more = {"commit": done.commit, "kept": str(done.kept or "")}
    say(args, name, done.published, seconds=time.monotonic() - started, more=more)
    return 0


def _options(args: argparse.Namespace) -> "ImportOptions":
    from tenku.content.importing import ImportOptions

    return ImportOptions(
        cache=args.cache or user_folder(os.environ, "XDG_CACHE_HOME", ".cache") / "models",
        keep=args.keep,
        include=tuple(args.include),
        version=args.version,
        expires_days=settings_of(args).expires // DAY,
        delta_seconds=seconds_flag("--delta-seconds", args.delta_seconds),
    )
