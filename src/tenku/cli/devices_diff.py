"""`tenku devices diff`: what got better, worse and wrong between two reports."""

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.cli.amounts import count_text
from tenku.cli.studio import print_json, table

if TYPE_CHECKING:
    from tenku.accel.report.changes import Change
    from tenku.accel.report.diff import Diff

SUMMARY = "Compare two reports: what got better, worse or wrong. Its exit code is 1 where something got worse."
MOST = 40
"""Rows in the terminal; the page and the JSON have all."""
WIDTH = 110
SHAPES = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku devices diff`."""
    parser.add_argument("before", metavar="BEFORE", help="The JSON of the report before.")
    parser.add_argument("after", metavar="AFTER", help="The JSON of the report after.")
    parser.add_argument("--html", default="", metavar="FILE", help="Write a page with all changes, too.")
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="Print one JSON object, and nothing else."
    )


def run(args: argparse.Namespace) -> int:
    """Say what changed; 1 where something got worse."""
    from tenku.accel.report.diff import Outcome, compare
    from tenku.accel.report.file import read, write_whole
    from tenku.accel.report.page import page_of_diff

    diff = compare(read(Path(args.before)), read(Path(args.after)))
    if args.html:
        write_whole({Path(args.html).expanduser(): page_of_diff(diff)})
    if vars(args).get("json", False):
        print_json(as_plain(diff))
    else:
        print("\n".join(lines(diff)))
    return 1 if diff.outcome is Outcome.WORSE else 0


def lines(diff: "Diff") -> list[str]:
    """What changed, for a terminal."""
    from tenku.accel.report.headline import whole_answer

    told = [f"{diff.after.model}: {diff.before.made_at[:16]} and {diff.after.made_at[:16]}", ""]
    for note in diff.notes:
        told += textwrap.wrap(note, WIDTH, subsequent_indent="  ")
    told += [""] if diff.notes else []
    for head, found in (("Worse", diff.worse), ("Better", diff.better)):
        if found:
            told += [f"{head}: {count_text(len(found), 'change')}", change_table(found[:MOST])]
            told += [f"… and {len(found) - MOST} more; --html FILE has all."] if len(found) > MOST else []
            told += [""]
    if not diff.changes:
        told += [f"Nothing changed in {count_text(diff.compared, 'finding')}.", ""]
    for whole in diff.wholes:
        answer = whole_answer(whole)
        told += textwrap.wrap(f"{answer.short}. {answer.text}", WIDTH)
    noise = f"Times and rates count as changed from {diff.noise.times:g} times on: {diff.noise.why}."
    return [*told, *textwrap.wrap(noise, WIDTH)]


def change_table(found: "tuple[Change, ...]") -> str:
    """A row for each change."""
    from tenku.accel.report.words import signed

    return table(
        ("CHANGE", "WHAT", "SHAPES", "NUMBERS", "BEFORE", "AFTER", "JOB"),
        [
            (
                each.kind.value,
                each.about.what,
                each.about.shapes if len(each.about.shapes) <= SHAPES else f"{each.about.shapes[: SHAPES - 1]}…",
                each.about.dtype,
                each.before,
                each.after,
                signed(each.seconds) if each.seconds else "",
            )
            for each in found
        ],
    )


def as_plain(diff: "Diff") -> dict[str, Any]:
    """All of it as plain data."""
    from tenku.accel.report.plain import to_plain

    return {
        "outcome": diff.outcome.value,
        "notes": list(diff.notes),
        "compared": diff.compared,
        "noise": to_plain(diff.noise),
        "worse": [to_plain(each) for each in diff.worse],
        "better": [to_plain(each) for each in diff.better],
        "jobs": [
            {
                "dtype": each.dtype,
                "before": each.before.seconds,
                "after": each.after.seconds,
                "comparable": each.both_known,
            }
            for each in diff.wholes
        ],
    }
