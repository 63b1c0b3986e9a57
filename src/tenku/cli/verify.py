"""`tenku verify`: says whether a folder is whole."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.cli.amounts import bytes_text, count_text, seconds_text
from tenku.cli.contents import STOPPED, print_json, reading
from tenku.cli.progress import terminal_bar
from tenku.cli.pull import listed
from tenku.cli.signals import run_stoppable
from tenku.content.settings import ContentSettings

if TYPE_CHECKING:
    from tenku.content.verify import Report

NOT_WHOLE = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku verify`."""
    parser.usage = "tenku verify FOLDER [--thorough] [--json]"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="A folder that `tenku pull` brought.")
    parser.add_argument("--thorough", action="store_true", help="Read every byte, not only files that were touched.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object, and nothing else.")


def run(args: argparse.Namespace) -> int:
    """Check; 0 where the folder is whole, else 1."""
    started = time.monotonic()
    with terminal_bar(as_json=args.json) as bar:
        service = reading(ContentSettings(), progress=bar)
        report = run_stoppable(service.verify(args.folder, thorough=args.thorough), stopped=STOPPED)
    seconds = time.monotonic() - started
    print_json(report_json(report, seconds)) if args.json else print(report_text(report, args.folder, seconds))
    return 0 if report.whole else NOT_WHOLE


def report_text(report: "Report", folder: Path, seconds: float) -> str:
    """What was found."""
    what = f"{report.installed.version} of {report.installed.channel}"
    size = f"{count_text(report.files, 'file')}, {bytes_text(report.size)}, checked in {seconds_text(seconds)}"
    lines = [f"{folder} is {'whole' if report.whole else 'not whole'}: {what}, {size}."]
    if report.installed.unfinished:
        lines.append("\nAn update of it has not ended: pull again, or repair.")
    for title, paths in (
        ("Bad", report.bad),
        ("Missing", report.missing),
        ("Changed by you, as the build allows", report.mine),
        ("Added by you", report.added),
    ):
        if paths:
            lines.append(f"\n{listed(title, paths)}")
    if not report.whole:
        lines.append(f"\n`tenku repair {folder}` brings back at most {bytes_text(report.bad_bytes)}.")
    return "\n".join(lines)


def report_json(report: "Report", seconds: float) -> dict[str, object]:
    """The same for programs."""
    installed = report.installed
    return {
        "whole": report.whole,
        "channel": str(installed.channel),
        "version": installed.version,
        "release": installed.release.hex(),
        "unfinished": installed.unfinished,
        "files": report.files,
        "size": report.size,
        "bad": list(report.bad),
        "bad_bytes": report.bad_bytes,
        "missing": list(report.missing),
        "changed_by_user": list(report.mine),
        "added": list(report.added),
        "seconds": round(seconds, 3),
    }
