"""`tenku repair`: makes a folder whole again; fetches only what is bad."""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.cli.amounts import bytes_text, count_text, seconds_text
from tenku.cli.contents import GOES_ON, add_flags, print_json, reading, rows, settings_of
from tenku.cli.progress import terminal_bar
from tenku.cli.pull import carried_text, pulled_json
from tenku.cli.signals import run_stoppable

if TYPE_CHECKING:
    from tenku.content.pull import Pulled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku repair`."""
    parser.usage = "tenku repair FOLDER [--store URL]... [OPTIONS]"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="A folder that `tenku pull` brought.")
    add_flags(parser, "store", "rate", "in_flight", "stall_s")


def run(args: argparse.Namespace) -> int:
    """Repair; 0 where the folder is whole now."""
    settings = settings_of(args)
    # Without a flag the bytes come from where the folder came from; what is fetched is named by its hash, not by a key.
    settings = replace(settings, store=settings.store if "store" in vars(args) else (), trust=None)
    started = time.monotonic()
    with terminal_bar(as_json=args.json) as bar:
        done = run_stoppable(reading(settings, progress=bar).repair(args.folder), stopped=GOES_ON)
    seconds = time.monotonic() - started
    print_json(pulled_json(done, seconds)) if args.json else print(_text(done, args.folder, seconds))
    return 0


def _text(done: "Pulled", folder: Path, seconds: float) -> str:
    what = f"{done.installed.version} of {done.installed.channel}"
    fetched = f"{bytes_text(done.fetched)} in {count_text(done.requests, 'request')}"
    lines = [f"{folder} is {what}, whole.\n", rows(("fetched", fetched), ("took", seconds_text(seconds)))]
    return "\n".join([*lines, *carried_text(done.carried)])
