"""`tenku devices report`: everything that a model asks of a device, tried on it, as a page and a file."""

import argparse
import os
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.convert import span
from tenku.base.errors import MachineError, UsageError
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import interruptible
from tenku.cli.studio import print_json, table

if TYPE_CHECKING:
    from tenku.accel.report.make import Wanted
    from tenku.accel.report.model import Report
    from tenku.accel.report.summary import Total

SUMMARY = "Try everything that a model asks of a device: one page with charts, and one JSON."
STOPPED = "Stopped. Nothing was written, and nothing runs on the device any more."
WIDTH = 110
ENDINGS = (".json", ".html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku devices report`."""
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="One whose operators are known; wrong ones list them."
    )
    parser.add_argument(
        "--device", default="", metavar="NAME", help="One of `tenku devices`. Default: the first of them."
    )
    parser.add_argument(
        "--dtype",
        dest="dtypes",
        action="append",
        default=[],
        metavar="TYPE",
        help="A number type, like bfloat16. Several times. Default: those that models use and the device has.",
    )
    parser.add_argument(
        "--out",
        default=".",
        metavar="PLACE",
        help="A folder, or FILE.json or FILE.html; both are written beside each other. Default: this folder.",
    )
    parser.add_argument("--quick", action="store_true", help="Operators alone, in one number type.")
    parser.add_argument(
        "--time-limit", default="60s", metavar="SPAN", help="What takes longer hangs, and is ended. Default: 60s."
    )
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="Print one JSON object, and nothing else."
    )


def run(args: argparse.Namespace) -> int:
    """Make it, write it, and say what it comes to; 1 where the model does not run."""
    from tenku.accel.report.file import text_of, write_whole
    from tenku.accel.report.make import make
    from tenku.accel.report.page import page_of
    from tenku.accel.report.summary import totals

    as_json = vars(args).get("json", False)
    wanted = wanted_of(args)
    places = places_of(args.out, f"{wanted.model}-{wanted.device.replace(':', '-')}")
    with interruptible(STOPPED), terminal_bar(as_json=as_json) as bar:
        report = make(wanted, told=bar, clock=time.monotonic, now=datetime.now(UTC))
        write_whole({places[0]: text_of(report), places[1]: page_of(report)})
    if as_json:
        print_json(as_plain(report, places))
    else:
        print("\n".join(lines(report, places)))
    return 0 if totals(report)[0].runs else 1


def wanted_of(args: argparse.Namespace) -> "Wanted":
    """What is to be tried. Raises UsageError, before anything is loaded: there is no such model, or a bad time."""
    from tenku.accel.finding import names
    from tenku.accel.inventory.read import inventory_of
    from tenku.accel.report.make import Wanted

    inventory_of(args.model)
    try:
        limit = span(args.time_limit)
    except ValueError as error:
        raise UsageError(f"--time-limit: {args.time_limit!r} cannot be used: {error}.") from None
    device = args.device or names()[0]
    return Wanted(
        model=args.model, device=device, dtypes=tuple(dict.fromkeys(args.dtypes)), quick=args.quick, limit_s=limit
    )


def places_of(out: str, name: str) -> tuple[Path, Path]:
    """Where the JSON and the page go. Raises MachineError now, and not after an hour: nothing can be written there."""
    path = Path(out).expanduser()
    if path.suffix in ENDINGS:
        json, html = path.with_suffix(".json"), path.with_suffix(".html")
    elif path.suffix and not path.is_dir():
        raise UsageError(f"--out: {out!r} cannot be used.", hint="It is a folder, FILE.json or FILE.html.")
    else:
        json, html = path / f"{name}.json", path / f"{name}.html"
    try:
        json.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{json.parent} cannot be made: {error.strerror}.", hint="Choose another --out.") from None
    if not os.access(json.parent, os.W_OK | os.X_OK):
        raise MachineError(f"{json.parent} cannot be written to.", hint="Choose another --out.")
    return json, html


def lines(report: "Report", places: tuple[Path, Path]) -> list[str]:
    """What it comes to, for a terminal."""
    from tenku.accel.report.headline import answers
    from tenku.accel.report.summary import totals

    found = totals(report)
    told = [f"{report.model} on {report.device.name}", ""]
    for each in answers(report):
        told += [f"{each.question} {each.short}."]
        told += textwrap.wrap(each.text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    told += [""]
    told += [f"Mend first, in {found[0].dtype}:", first_table(found[0]), ""] if found[0].first else []
    told += [type_table(found), ""]
    return [*told, f"The page: {places[1]}", f"The file: {places[0]}"]


def first_table(total: "Total") -> str:
    """The five operators."""
    from tenku.accel.report.headline import reason
    from tenku.accel.report.words import share_text, short, time_text

    return table(
        ("OPERATOR", "IN THE JOB", "SHARE", "SAVES", "WHY"),
        [
            (
                short(line.operator),
                "unknown" if line.unknown else time_text(line.seconds),
                share_text(line.share) if line.seconds else "",
                time_text(line.saved) if line.saved else "",
                reason(line),
            )
            for line in total.first
        ],
    )


def type_table(found: "tuple[Total, ...]") -> str:
    """A row for each number type."""
    from tenku.accel.report.model import Verdict
    from tenku.accel.report.words import error_text, time_text

    verdicts = [verdict for verdict in Verdict if any(each.verdicts.get(verdict) for each in found)]
    head = ("NUMBERS", *(verdict.value.upper() for verdict in verdicts), "LARGEST ERROR", "JOB", "MENDED")
    return table(
        head,
        [
            (
                each.dtype,
                *(f"{each.verdicts.get(verdict, 0):,}" for verdict in verdicts),
                error_text(each.errors[0].error) if each.errors else "",
                ("at least " if each.unknown else "") + time_text(each.seconds),
                time_text(each.mended),
            )
            for each in found
        ],
    )


def as_plain(report: "Report", places: tuple[Path, Path]) -> dict[str, object]:
    """What it comes to, as plain data; the findings are in the file."""
    from tenku.accel.report.headline import answers
    from tenku.accel.report.plain import to_plain
    from tenku.accel.report.summary import totals

    return {
        "report": str(places[0].absolute()),
        "page": str(places[1].absolute()),
        "model": report.model,
        "job": report.job,
        "device": to_plain(report.device),
        "took_s": report.took_s,
        "answers": [to_plain(each) for each in answers(report)],
        "dtypes": [
            {
                "dtype": each.dtype,
                "runs": each.runs,
                "seconds": each.seconds,
                "unknown": [line.operator for line in each.unknown],
                "mended": each.mended,
                "verdicts": {verdict.value: count for verdict, count in each.verdicts.items()},
                "first": [to_plain(line) for line in each.first],
                "parts": to_plain(each.parts),
            }
            for each in totals(report)
        ],
    }
