"""`tenku doctor`: what this machine can do, what is missing, and the package that brings it."""

import argparse
import dataclasses
import json
import os
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenku.play.doctor import Finding

SIGNS = {"ok": "✓", "limited": "!", "missing": "✗"}
COLOURS = {"ok": "32", "limited": "33", "missing": "31"}
INDENT = 24
"""Column that what was found begins in."""
WIDTH = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku doctor`."""
    parser.usage = "tenku doctor [--json]"
    parser.add_argument("--json", action="store_true", help="Print one line of JSON instead.")


def run(args: argparse.Namespace) -> int:
    """Look, print; 0 where a game can be streamed, else 1."""
    # Here and not above: `tenku --help` answers at once, whatever doctor has to load.
    from tenku.play import doctor, probe

    machine = probe.look()
    findings = doctor.diagnose(machine)
    if args.json:
        print(as_json(machine.system, findings, playable=doctor.playable(findings)))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(f"\nTenku on {machine.system}")
        print("\n".join(report(findings, colour=colour)))
        print("\n".join(verdict(doctor.playable(findings), doctor.packages_to_install(findings))))
    return 0 if doctor.playable(findings) else 1


def as_json(system: str, findings: "list[Finding]", *, playable: bool) -> str:
    """Everything as one line."""
    rows = [dataclasses.asdict(finding) | {"mark": finding.mark.value} for finding in findings]
    return json.dumps({"system": system, "playable": playable, "findings": rows}, ensure_ascii=False)


def report(findings: "list[Finding]", *, colour: bool) -> list[str]:
    """The findings as lines of a terminal, area by area."""
    lines: list[str] = []
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            lines += ["", area]
        lines += _rows(finding, colour=colour)
    return lines


def verdict(playable: bool, packages: list[str]) -> list[str]:
    """What follows, and the one command that mends what packages can mend."""
    install = f"apt-get install --no-install-recommends {' '.join(packages)}"
    lines = ["", "Games can be streamed." if playable else "No game can be streamed yet."]
    if packages:
        lines += ["What is not there comes with:", *_wrapped(install, first="  ", rest="    ")]
    return lines


def _rows(finding: "Finding", *, colour: bool) -> list[str]:
    sign = SIGNS[finding.mark.value]
    if colour:
        sign = f"\x1b[{COLOURS[finding.mark.value]}m{sign}\x1b[0m"
    text = finding.what if finding.mark.value != "missing" else f"missing: {finding.what}"
    head, *more = textwrap.wrap(text, WIDTH - INDENT, break_on_hyphens=False)
    rows = [f"  {sign} {finding.name:<{INDENT - 4}}{head}", *(" " * INDENT + row for row in more)]
    mend = " ".join(filter(None, [f"Install {', '.join(finding.packages)}." if finding.packages else "", finding.fix]))
    return rows + _wrapped(mend, first=" " * INDENT + "→ ", rest=" " * INDENT + "  ")


def _wrapped(text: str, *, first: str, rest: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
